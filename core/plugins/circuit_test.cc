#include "core/plugins/circuit.h"

#include <gtest/gtest.h>

namespace aftersales::plugins {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Circuit, OpensAfterFiveInARowAndLongerEachTime) {
  Circuit circuit;
  Circuit::Clock::time_point now{};
  const auto fail = [&] {
    ASSERT_TRUE(circuit.Allows(now));
    circuit.Report(true, now);
  };
  for (int i = 0; i < 4; ++i) fail();
  ASSERT_TRUE(circuit.Allows(now));
  circuit.Report(false, now);
  for (int i = 0; i < 4; ++i) fail();
  EXPECT_FALSE(circuit.OpenFor(now).has_value()) << "in a row";
  fail();
  for (const int rest : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    EXPECT_EQ(*circuit.OpenFor(now), seconds(rest));
    now += seconds(rest) - milliseconds(1);
    EXPECT_FALSE(circuit.Allows(now));
    now += milliseconds(1);
    ASSERT_TRUE(circuit.Allows(now));
    EXPECT_FALSE(circuit.Allows(now)) << "one at a time tries";
    circuit.Report(true, now);
  }
  now += seconds(300);
  ASSERT_TRUE(circuit.Allows(now));
  circuit.Report(false, now);
  EXPECT_FALSE(circuit.OpenFor(now).has_value());
  for (int i = 0; i < 5; ++i) fail();
  EXPECT_EQ(*circuit.OpenFor(now), seconds(1)) << "it begins anew";
}

TEST(Circuit, ATryThatSaidNothingIsFollowedByAnother) {
  Circuit circuit;
  Circuit::Clock::time_point now{};
  for (int i = 0; i < 5; ++i) circuit.Report(true, now);
  now += seconds(1);
  ASSERT_TRUE(circuit.Allows(now));
  circuit.SaidNothing();
  EXPECT_TRUE(circuit.Allows(now));
}

TEST(Circuit, CallsThatWereUnderWayWhenItOpenedChangeNothing) {
  Circuit circuit;
  const Circuit::Clock::time_point now{};
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(circuit.Allows(now));
  for (int i = 0; i < 64; ++i) circuit.Report(true, now);
  EXPECT_EQ(*circuit.OpenFor(now), seconds(1));
}

}  // namespace
}  // namespace aftersales::plugins
