#include "core/domain/deadlines.h"

#include <cstdlib>
#include <ctime>
#include <string>

#include "core/domain/calendar.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::UsChannel;

v1::Channel JpChannel() {
  v1::Channel channel = UsChannel();
  channel.set_country_code("JP");
  channel.set_time_zone("Asia/Tokyo");
  return channel;
}

TEST(Due, ResponseIsSoManySecondsAcrossAClockChange) {
  const v1::Policy& policy = *FindPolicy("seed");
  const absl::Time asked = At("2026-03-07T20:00:00Z");
  EXPECT_EQ(ResponseDue(asked, policy) - asked, absl::Seconds(172'800));
  EXPECT_TRUE(InTime(ResponseDue(asked, policy), ResponseDue(asked, policy)));
  EXPECT_FALSE(
      InTime(ResponseDue(asked, policy) + absl::Microseconds(1), ResponseDue(asked, policy)));
}

TEST(Due, RefundCountsBusinessDaysInTheMarketplace) {
  // Friday 22 May 2026, 20:00 in Los Angeles; Monday is a holiday.
  const absl::Time received = At("2026-05-23T03:00:00Z");
  EXPECT_EQ(RefundDue(received, UsChannel(), *FindPolicy("seed")), At("2026-05-28T06:59:59Z"));
  // Already Saturday in Tokyo; Monday and Tuesday count there.
  EXPECT_EQ(RefundDue(received, JpChannel(), *FindPolicy("seed")), At("2026-05-26T14:59:59Z"));
  // Four calendar days.
  EXPECT_EQ(RefundDue(received, UsChannel(), *FindPolicy("amazon-2026")),
            At("2026-05-27T06:59:59Z"));
}

TEST(Due, ReceiptFollowsTheDelivery) {
  EXPECT_EQ(ReceiptDue(At("2026-03-06T18:00:00Z"), UsChannel(), *FindPolicy("seed")),
            At("2026-03-10T06:59:59Z"));
}

TEST(Due, DoesNotDependOnTheServersZone) {
  const char* before = std::getenv("TZ");
  const std::string kept = before == nullptr ? "" : before;
  std::vector<std::string> answers;
  for (const char* zone : {"UTC", "Asia/Shanghai", "America/Los_Angeles"}) {
    ASSERT_EQ(setenv("TZ", zone, 1), 0);
    tzset();
    std::string answer;
    for (std::string_view profile : PolicyProfiles()) {
      const v1::Policy& policy = *FindPolicy(profile);
      for (const v1::Channel& channel : {UsChannel(), JpChannel()}) {
        for (int hour = 0; hour < 24 * 400; hour += 7) {
          const absl::Time at = At("2026-01-01T00:30:00Z") + absl::Hours(hour);
          answer +=
              calendar::InstantText(ResponseDue(at, policy)) +
              calendar::InstantText(RefundDue(at, channel, policy)) +
              calendar::InstantText(ReceiptDue(at, channel, policy)) +
              calendar::InstantText(
                  ReturnWindowOf(at, calendar::Zone(channel.time_zone()).value(), 30).closes_at);
        }
      }
    }
    answers.push_back(answer);
  }
  if (before == nullptr) {
    unsetenv("TZ");
  } else {
    setenv("TZ", kept.c_str(), 1);
  }
  tzset();
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(answers[0], answers[2]);
}

TEST(Clocks, AreStartedMetAndCancelledOnce) {
  v1::Return state;
  const absl::Time start = At("2026-03-02T09:00:00Z");
  StartDeadline(&state, v1::Deadline::KIND_REFUND, start, start + absl::Hours(48));
  StartDeadline(&state, v1::Deadline::KIND_REFUND, start, start + absl::Hours(24));
  ASSERT_EQ(state.deadlines_size(), 1);
  StartDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start, start + absl::Hours(1));
  StartDeadline(&state, v1::Deadline::KIND_AUTO_CLOSE, start, start);
  EXPECT_EQ(NextForPerson(state)->kind(), v1::Deadline::KIND_RETURN_RESPONSE);
  EXPECT_EQ(NextForClock(state)->kind(), v1::Deadline::KIND_AUTO_CLOSE);

  v1::Return shown = state;
  PresentDeadlines(start + absl::Hours(1), &shown);
  EXPECT_EQ(shown.deadlines(1).state(), v1::Deadline::STATE_RUNNING);
  PresentDeadlines(start + absl::Hours(1) + absl::Microseconds(1), &shown);
  EXPECT_EQ(shown.deadlines(1).state(), v1::Deadline::STATE_BREACHED);
  EXPECT_EQ(shown.deadlines(0).state(), v1::Deadline::STATE_RUNNING);

  MeetDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start + absl::Hours(2));
  EXPECT_EQ(state.deadlines(1).state(), v1::Deadline::STATE_MET_LATE);
  MeetDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start);
  EXPECT_EQ(state.deadlines(1).state(), v1::Deadline::STATE_MET_LATE);
  MeetDeadline(&state, v1::Deadline::KIND_REFUND, start + absl::Hours(24));
  EXPECT_EQ(state.deadlines(0).state(), v1::Deadline::STATE_MET);
  CancelDeadline(&state, v1::Deadline::KIND_AUTO_CLOSE);
  EXPECT_EQ(NextForPerson(state), nullptr);
  EXPECT_EQ(NextForClock(state), nullptr);
}

}  // namespace
}  // namespace aftersales
