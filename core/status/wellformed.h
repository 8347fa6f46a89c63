// What every message from outside must be, whatever it is about: times and durations that exist,
// enum values that the protos know, texts of a sane size.
//
// Checked once where a message comes in (a request of the API, a record of a plugin), so that
// nothing behind has to: what is stored can be compared, computed with and printed again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace aftersales {

// Instants lie in [1995-01-01, 2100-01-01) UTC: no marketplace is older, and no deadline later.
inline constexpr int64_t kFirstSecond = 788918400;
inline constexpr int64_t kEndSecond = 4102444800;
// The longest duration that protobuf knows, either way: about 10,000 years.
inline constexpr int64_t kDurationSecondsMax = 315576000000;
// Bytes in one text. Fields of type `bytes` are for their methods to limit.
inline constexpr size_t kTextBytesMax = 64 * 1024;

// INVALID_ARGUMENT `BAD_TIME`, `BAD_DURATION`, `UNKNOWN_VALUE` or `TOO_LONG` on the first field
// that breaks a rule, by its whole path, such as `order.lines[3].title`. Allocates nothing for a
// message that is well formed. From any thread.
absl::Status CheckWellFormed(const google::protobuf::Message& message);

}  // namespace aftersales
