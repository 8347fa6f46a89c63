// What holds of deadlines whenever they begin and wherever the server stands.
#include <cstdlib>
#include <ctime>
#include <map>
#include <set>
#include <string>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::ForAll;
using testing_util::Random;

constexpr int kCases = 100'000;

absl::Time AnyTime(Random& random) {
  return At("2025-01-01T00:00:00Z") + absl::Seconds(random.Between(0, 4LL * 365 * 86'400));
}

const v1::Policy& AnyPolicy(Random& random) {
  return *FindPolicy(random.OneIn(2) ? "seed" : "amazon-2026");
}

v1::Channel AnyChannel(Random& random) {
  static const std::vector<std::pair<std::string, std::string>> kPlaces = {
      {"US", "America/Los_Angeles"},
      {"DE", "Europe/Berlin"},
      {"JP", "Asia/Tokyo"},
      {"GB", "Europe/London"},
      {"AU", "Australia/Sydney"}};
  v1::Channel channel = testing_util::UsChannel();
  const auto& [country, zone] = random.Of(kPlaces);
  channel.set_country_code(country);
  channel.set_time_zone(zone);
  return channel;
}

// The server's zone for a while.
class ServerZone {
 public:
  ServerZone() {
    if (const char* before = std::getenv("TZ")) before_ = before;
  }
  ~ServerZone() {
    if (before_) {
      setenv("TZ", before_->c_str(), 1);
    } else {
      unsetenv("TZ");
    }
    tzset();
  }
  // A POSIX zone, with its own rules: needs no file.
  static void Set(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }

 private:
  std::optional<std::string> before_;
};

TEST(DeadlineProperty, DoesNotDependOnTheServersZone) {
  const ServerZone restored;
  ForAll(kCases, [](Random& random) {
    const absl::Time at = AnyTime(random);
    const v1::Policy& policy = AnyPolicy(random);
    const v1::Channel channel = AnyChannel(random);
    const absl::TimeZone zone = calendar::Zone(channel.time_zone()).value();
    const int days = random.Int(1, 60);
    std::set<std::string> answers;
    for (const char* server :
         {"UTC0", "CST-8", "PST8PDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "X12"}) {
      ServerZone::Set(server);
      const ReturnWindow window = ReturnWindowOf(at, zone, days);
      const ClaimWindow claim = FbaClaimWindow(window.delivered_on, policy);
      answers.insert(calendar::InstantText(ResponseDue(at, policy)) +
                     calendar::InstantText(RefundDue(at, channel, policy)) +
                     calendar::InstantText(ReceiptDue(at, channel, policy)) +
                     calendar::InstantText(window.closes_at) + calendar::DateText(window.last_day) +
                     calendar::DateText(claim.opens) + calendar::DateText(claim.closes));
    }
    ASSERT_EQ(answers.size(), 1u) << ::testing::PrintToString(answers) << " of "
                                  << calendar::InstantText(at) << " in " << channel.time_zone();
  });
}

TEST(DeadlineProperty, HoursAreSecondsAndEndInTime) {
  ForAll(kCases, [](Random& random) {
    const absl::Time asked = AnyTime(random);
    const v1::Policy& policy = AnyPolicy(random);
    const absl::Time due = ResponseDue(asked, policy);
    ASSERT_EQ(due - asked, absl::Hours(policy.return_response_hours()));
    ASSERT_TRUE(InTime(due, due));
    ASSERT_TRUE(InTime(due - absl::Microseconds(random.Between(0, 1'000'000'000'000)), due));
    ASSERT_FALSE(InTime(due + absl::Microseconds(random.Between(1, 1'000'000'000'000)), due));
  });
}

TEST(DeadlineProperty, BusinessDaysAddUpAndAreNoHolidays) {
  ForAll(kCases, [](Random& random) {
    const absl::CivilDay start = absl::CivilDay(2025, 1, 1) + random.Between(0, 1'500);
    std::set<absl::CivilDay> holidays;
    for (int n = random.Int(0, 6); n > 0; --n) holidays.insert(start + random.Between(-3, 25));
    const auto is_business_day = [&](absl::CivilDay day) {
      const absl::Weekday weekday = absl::GetWeekday(day);
      return weekday != absl::Weekday::saturday && weekday != absl::Weekday::sunday &&
             !holidays.contains(day);
    };
    const int n = random.Int(0, 12);
    const int more = random.Int(0, 6);
    const absl::CivilDay due = calendar::AddBusinessDays(start, n, holidays);
    const std::string said = calendar::DateText(start) + " + " + std::to_string(n);
    ASSERT_EQ(calendar::AddBusinessDays(due, more, holidays),
              calendar::AddBusinessDays(start, n + more, holidays))
        << said << " + " << more;
    int counted = 0;
    for (absl::CivilDay day = start + 1; day <= due; ++day) counted += is_business_day(day) ? 1 : 0;
    ASSERT_EQ(counted, n) << said;
    ASSERT_TRUE(n == 0 ? due == start : is_business_day(due)) << said;
  });
}

TEST(DeadlineProperty, WhatBeginsLaterIsNotDueEarlier) {
  ForAll(kCases, [](Random& random) {
    const absl::Time first = AnyTime(random);
    const absl::Time second = first + absl::Seconds(random.Between(0, 20 * 86'400));
    const v1::Policy& policy = AnyPolicy(random);
    const v1::Channel channel = AnyChannel(random);
    const absl::TimeZone zone = calendar::Zone(channel.time_zone()).value();
    const std::string said = calendar::InstantText(first) + " and " +
                             calendar::InstantText(second) + " in " + channel.time_zone();
    ASSERT_LE(RefundDue(first, channel, policy), RefundDue(second, channel, policy)) << said;
    ASSERT_LE(ReceiptDue(first, channel, policy), ReceiptDue(second, channel, policy)) << said;
    ASSERT_GT(RefundDue(first, channel, policy), first) << said;
    // By the end of a day there.
    const absl::Time due = RefundDue(first, channel, policy);
    ASSERT_EQ(due, calendar::EndOfDay(calendar::LocalDay(due, zone), zone)) << said;
    const int days = random.Int(0, 60);
    const ReturnWindow window = ReturnWindowOf(first, zone, days);
    ASSERT_EQ(window.last_day - window.delivered_on, days) << said;
    ASSERT_EQ(calendar::LocalDay(window.closes_at, zone), window.last_day + 1) << said;
    ASSERT_EQ(calendar::LocalDay(window.closes_at - absl::Microseconds(1), zone), window.last_day)
        << said;
  });
}

TEST(DeadlineProperty, OneOfAKindRunsAndNoneIsForgotten) {
  ForAll(kCases, [](Random& random) {
    v1::Return state;
    std::map<v1::Deadline::Kind, absl::Time> running;  // and when it is due
    std::string course;
    int started = 0;
    for (int step = random.Int(1, 15); step > 0; --step) {
      const auto kind = static_cast<v1::Deadline::Kind>(random.Int(1, 4));
      const absl::Time at = AnyTime(random);
      const absl::Time due = at + absl::Hours(random.Int(1, 100));
      switch (random.Int(0, 2)) {
        case 0:
          StartDeadline(&state, kind, at, due);
          // Started again it begins anew.
          if (running.insert_or_assign(kind, due).second) ++started;
          course += "start ";
          break;
        case 1:
          MeetDeadline(&state, kind, at);
          running.erase(kind);
          course += "meet ";
          break;
        default:
          CancelDeadline(&state, kind);
          running.erase(kind);
          course += "cancel ";
      }
      course += v1::Deadline::Kind_Name(kind) + "; ";
      ASSERT_EQ(state.deadlines_size(), started) << course;
      std::map<v1::Deadline::Kind, absl::Time> are;
      for (const v1::Deadline& deadline : state.deadlines()) {
        if (deadline.state() == v1::Deadline::STATE_RUNNING) {
          ASSERT_TRUE(are.emplace(deadline.kind(), calendar::FromProto(deadline.due_at())).second)
              << course;
        } else if (deadline.has_met_at()) {
          ASSERT_EQ(deadline.state() == v1::Deadline::STATE_MET,
                    InTime(calendar::FromProto(deadline.met_at()),
                           calendar::FromProto(deadline.due_at())))
              << course;
        }
      }
      ASSERT_TRUE(are == running) << course;
      const v1::Deadline* next = NextForPerson(state);
      for (const auto& [open, when] : running) {
        if (next == nullptr || open == v1::Deadline::KIND_RETURN_BY ||
            open == v1::Deadline::KIND_AUTO_CLOSE) {
          continue;
        }
        ASSERT_LE(calendar::FromProto(next->due_at()), when) << course;
      }
    }
  });
}

}  // namespace
}  // namespace aftersales
