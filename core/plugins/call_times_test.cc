#include "core/plugins/call_times.h"

#include <gtest/gtest.h>

namespace aftersales::plugins {
namespace {

TEST(CallTimes, QuantilesAreOfTheLastThousand) {
  CallTimes times;
  EXPECT_FALSE(times.Last().has_value());
  times.Add(absl::Milliseconds(7));
  EXPECT_EQ(times.Last()->p50, absl::Milliseconds(7));
  EXPECT_EQ(times.Last()->p99, absl::Milliseconds(7));
  for (int i = 1; i <= 1000; ++i) times.Add(absl::Microseconds(i));
  EXPECT_EQ(times.Last()->p50, absl::Microseconds(500)) << "half took no longer";
  EXPECT_EQ(times.Last()->p99, absl::Microseconds(990));
  times.Add(absl::Hours(1));
  EXPECT_LT(times.Last()->p99, absl::Milliseconds(1))
      << "one in a thousand is not one in a hundred";
}

}  // namespace
}  // namespace aftersales::plugins
