// What a person says of why something is done.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace aftersales {

inline constexpr size_t kMaxReason = 500;  // bytes

// Of a request's field `reason`. INVALID_ARGUMENT `REASON_REQUIRED`, `TOO_LONG`.
absl::Status CheckReason(std::string_view reason);

}  // namespace aftersales
