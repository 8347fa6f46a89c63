// Ids that sort by time: 48 bits of milliseconds and 80 of chance, in Crockford's base 32, as
// ULIDs.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace aftersales {

// Thread-safe. Ids made within one millisecond still sort in the order in which they were made.
class IdSource {
 public:
  // With a seed the ids are the same in every run; only for demos and tests.
  explicit IdSource(std::optional<uint64_t> seed = std::nullopt);
  // `ret_` and 26 characters.
  std::string Make(std::string_view prefix, absl::Time now);

 private:
  std::mutex mutex_;
  std::mt19937_64 random_;
  int64_t last_millis_ = -1;
  uint16_t high_ = 0;
  uint64_t low_ = 0;
};

}  // namespace aftersales
