#include "core/plugins/call_times.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace aftersales::plugins {
namespace {

constexpr int64_t kUnit = 100;  // nanoseconds

}  // namespace

void CallTimes::Add(absl::Duration took) {
  const int64_t units = absl::ToInt64Nanoseconds(took) / kUnit;
  const auto kept =
      static_cast<uint32_t>(std::clamp<int64_t>(units, 0, std::numeric_limits<uint32_t>::max()));
  const uint64_t at = count_.fetch_add(1, std::memory_order_relaxed) % kKept;
  times_[at].store(kept, std::memory_order_relaxed);
}

std::optional<CallTimes::Quantiles> CallTimes::Last() const {
  const uint64_t count = std::min(kKept, count_.load(std::memory_order_relaxed));
  if (count == 0) return std::nullopt;
  std::vector<uint32_t> times;
  for (uint64_t i = 0; i < count; ++i) times.push_back(times_[i].load(std::memory_order_relaxed));
  std::sort(times.begin(), times.end());
  const auto at = [&](uint64_t percent) {
    // The smallest one that so many are not above.
    return absl::Nanoseconds(times[(count * percent + 99) / 100 - 1] * kUnit);
  };
  return Quantiles{at(50), at(99)};
}

}  // namespace aftersales::plugins
