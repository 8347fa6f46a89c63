// Unpacks gzip on the fly; passes everything else through.
#pragma once

#include <zlib.h>

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace aftersales::engine {

class Inflater {
 public:
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater();

  // Hands on the unpacked bytes, in pieces. INVALID_ARGUMENT `BAD_GZIP` when they are damaged.
  absl::Status Feed(std::string_view bytes,
                    const std::function<absl::Status(std::string_view)>& sink);
  // INVALID_ARGUMENT `BAD_GZIP` when the file ended in the middle.
  absl::Status Finish(const std::function<absl::Status(std::string_view)>& sink);

 private:
  enum class Mode { kUndecided, kPlain, kGzip, kEnded };
  absl::Status Unpack(std::string_view bytes,
                      const std::function<absl::Status(std::string_view)>& sink);

  Mode mode_ = Mode::kUndecided;
  std::string head_;
  z_stream stream_{};
};

}  // namespace aftersales::engine
