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
  EXPECT_EQ(NextForClock(state)->deadline->kind(), v1::Deadline::KIND_AUTO_CLOSE);

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
  EXPECT_FALSE(NextForClock(state));
}

TEST(Clocks, CallAnOpenRequestUntilItIsAnswered) {
  v1::Policy policy;
  policy.set_return_response_hours(48);
  policy.add_return_response_alert_hours(24);
  policy.add_return_response_alert_hours(44);
  policy.add_return_response_alert_hours(50);  // not before it is due
  v1::Return state;
  const absl::Time start = At("2026-03-02T09:00:00Z");
  v1::Deadline* response =
      StartDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start, start + absl::Hours(48));
  PlanResponseAlerts(policy, response);
  EXPECT_EQ(response->alert(), v1::Deadline::ALERT_UNSPECIFIED);
  const std::tuple<int, v1::Deadline::Alert, absl::Duration> expected[] = {
      {24, v1::Deadline::ALERT_NEAR, absl::ZeroDuration()},
      {44, v1::Deadline::ALERT_NEAR, absl::ZeroDuration()},
      // The last instant is still in time.
      {48, v1::Deadline::ALERT_BREACHED, absl::Microseconds(1)}};
  for (const auto& [hours, alert, after] : expected) {
    const std::optional<ClockWork> work = NextForClock(state);
    ASSERT_TRUE(work);
    EXPECT_TRUE(work->alert);
    EXPECT_EQ(work->at, start + absl::Hours(hours));
    EXPECT_FALSE(work->HasCome(work->at + after - absl::Microseconds(1)));
    EXPECT_TRUE(work->HasCome(work->at + after));
    EXPECT_EQ(PlannedAlert(policy, *response), alert);
    GiveAlert(policy, alert, response);
    EXPECT_EQ(response->alert(), alert);
  }
  EXPECT_FALSE(NextForClock(state));
  PlanResponseAlerts(policy, response);
  MeetDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start + absl::Hours(49));
  EXPECT_FALSE(NextForClock(state));
  EXPECT_EQ(response->state(), v1::Deadline::STATE_MET_LATE);
}

TEST(Clocks, LastAlertBeforeItIsDueIsUrgent) {
  v1::Policy policy;
  policy.add_return_response_alert_hours(24);
  policy.add_return_response_alert_hours(44);
  v1::Return state;
  const absl::Time start = At("2026-03-02T09:00:00Z");
  v1::Deadline* response =
      StartDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, start, start + absl::Hours(48));
  PlanResponseAlerts(policy, response);
  GiveAlert(policy, PlannedAlert(policy, *response), response);
  EXPECT_EQ(response->alert(), v1::Deadline::ALERT_NEAR);
  EXPECT_EQ(PlannedAlert(policy, *response), v1::Deadline::ALERT_URGENT);
}

TEST(Clocks, BuyerIsRemindedOnlyWhereThereIsTime) {
  v1::Policy policy;
  v1::Return state;
  const absl::Time start = At("2026-03-02T09:00:00Z");
  v1::Deadline* by =
      StartDeadline(&state, v1::Deadline::KIND_RETURN_BY, start, start + absl::Hours(24 * 32));
  PlanReturnByAlert(policy, start + absl::Hours(24 * 30), by);
  EXPECT_FALSE(by->has_alert_at()) << "none where the policy has none";
  policy.set_return_by_reminder_days(7);
  PlanReturnByAlert(policy, start + absl::Hours(24 * 7), by);
  EXPECT_FALSE(by->has_alert_at()) << "the day of the approval is no time to remind";
  PlanReturnByAlert(policy, start + absl::Hours(24 * 30), by);
  EXPECT_EQ(NextForClock(state)->at, start + absl::Hours(24 * 23));
  EXPECT_EQ(PlannedAlert(policy, *by), v1::Deadline::ALERT_NEAR);
  GiveAlert(policy, v1::Deadline::ALERT_NEAR, by);
  EXPECT_EQ(NextForClock(state)->at, start + absl::Hours(24 * 32));
  EXPECT_FALSE(NextForClock(state)->alert);
}

}  // namespace
}  // namespace aftersales
