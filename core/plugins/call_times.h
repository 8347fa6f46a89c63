// How long the last calls into a plugin took.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace aftersales::plugins {

// Keeps the last 1000 times. Thread-safe; adding one costs a few nanoseconds.
class CallTimes {
 public:
  struct Quantiles {
    absl::Duration p50;
    absl::Duration p99;
  };

  void Add(absl::Duration took);
  // Nothing before the first call.
  std::optional<Quantiles> Last() const;

 private:
  static constexpr uint64_t kKept = 1000;
  std::atomic<uint64_t> count_{0};
  // In tenths of a microsecond, up to seven minutes.
  std::array<std::atomic<uint32_t>, kKept> times_{};
};

}  // namespace aftersales::plugins
