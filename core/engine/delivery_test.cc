#include "core/engine/delivery.h"

#include <gtest/gtest.h>

namespace aftersales::engine {
namespace {

using plugin::v1::EffectResult;

class ConcludeTest : public testing::Test {
 protected:
  EffectResult::Outcome Answer(EffectResult::Outcome answered, bool exhausted = false) {
    return Conclude(answered, /*asked=*/false, /*never_seen=*/false, exhausted, &unknown_);
  }
  EffectResult::Outcome Ask(EffectResult::Outcome answered, bool never_seen = false) {
    return Conclude(answered, /*asked=*/true, never_seen, /*exhausted=*/false, &unknown_);
  }
  bool unknown_ = false;
};

TEST(MayBeDoneTest, OnlyWhatAPersonDoesIsSurelyNotDone) {
  EXPECT_FALSE(MayBeDone(v1::Plugin::CAPABILITY_MANUAL));
  EXPECT_TRUE(MayBeDone(v1::Plugin::CAPABILITY_SUPPORTED));
  EXPECT_TRUE(MayBeDone(v1::Plugin::CAPABILITY_UNSPECIFIED));  // the plugin is not there
}

TEST_F(ConcludeTest, AnAnswerIsTakenAsItIsWhileNothingIsInDoubt) {
  for (const auto answered : {EffectResult::OUTCOME_DONE, EffectResult::OUTCOME_FAILED,
                              EffectResult::OUTCOME_RETRY, EffectResult::OUTCOME_MANUAL}) {
    EXPECT_EQ(Answer(answered), answered);
    EXPECT_FALSE(unknown_);
  }
  EXPECT_EQ(Answer(EffectResult::OUTCOME_RETRY, /*exhausted=*/true), EffectResult::OUTCOME_FAILED);
}

TEST_F(ConcludeTest, WhatMayBeDoneIsNeverCalledFailed) {
  EXPECT_EQ(Answer(EffectResult::OUTCOME_UNKNOWN), EffectResult::OUTCOME_UNKNOWN);
  EXPECT_TRUE(unknown_);
  // The next attempt was turned away, or a person is to do it: the first may have got through.
  EXPECT_EQ(Answer(EffectResult::OUTCOME_FAILED), EffectResult::OUTCOME_UNKNOWN);
  EXPECT_EQ(Answer(EffectResult::OUTCOME_MANUAL), EffectResult::OUTCOME_UNKNOWN);
  EXPECT_EQ(Answer(EffectResult::OUTCOME_RETRY), EffectResult::OUTCOME_RETRY);
  EXPECT_EQ(Answer(EffectResult::OUTCOME_RETRY, /*exhausted=*/true), EffectResult::OUTCOME_UNKNOWN);
  EXPECT_EQ(Answer(EffectResult::OUTCOME_DONE), EffectResult::OUTCOME_DONE);
  // Who is asked and says that it failed speaks of all attempts.
  EXPECT_EQ(Ask(EffectResult::OUTCOME_FAILED), EffectResult::OUTCOME_FAILED);
}

TEST_F(ConcludeTest, WhatWasNeverSeenMayFail) {
  unknown_ = true;
  EXPECT_EQ(Ask(EffectResult::OUTCOME_RETRY, /*never_seen=*/true), EffectResult::OUTCOME_RETRY);
  EXPECT_FALSE(unknown_);
  EXPECT_EQ(Answer(EffectResult::OUTCOME_FAILED), EffectResult::OUTCOME_FAILED);
}

// Asked too early, the remote side has not seen yet what is on its way to it, and it would be done
// twice.
TEST(WaitToRepeatTest, WhatMayBeUnderWayGetsItsTime) {
  for (int attempt = 1; attempt <= 100; ++attempt) {
    EXPECT_EQ(WaitToRepeat(/*lost=*/true, /*harmless=*/false, attempt, absl::Minutes(15)),
              absl::Minutes(15));
    EXPECT_EQ(WaitToRepeat(/*lost=*/false, /*harmless=*/true, attempt, absl::Minutes(15)),
              absl::Minutes(15));
  }
}

TEST(WaitToRepeatTest, AQuestionThatWasCutOffIsAskedAgainSoonAndThenLessOften) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(WaitToRepeat(/*lost=*/true, /*harmless=*/true, /*attempt=*/2, absl::Minutes(15)),
              absl::Seconds(2));
  }
  absl::Duration waited;
  for (int attempt = 1; attempt <= 100; ++attempt) {
    const absl::Duration wait =
        WaitToRepeat(/*lost=*/true, /*harmless=*/true, attempt, absl::Minutes(15));
    EXPECT_LE(wait, absl::Minutes(15));
    waited += wait;
  }
  EXPECT_GT(waited, absl::Hours(4));
}

}  // namespace
}  // namespace aftersales::engine
