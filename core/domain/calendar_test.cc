#include "core/domain/calendar.h"

#include <cstdlib>
#include <ctime>

#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales::calendar {
namespace {

absl::Time At(std::string_view text) { return ParseInstant(text).value(); }

TEST(Zone, TakesIanaNamesAlone) {
  EXPECT_TRUE(Zone("America/Los_Angeles").ok());
  EXPECT_TRUE(Zone("UTC").ok());
  for (const char* bad :
       {"", "localtime", "/etc/localtime", "file:Asia/Tokyo", "../zone", "Mars"}) {
    EXPECT_EQ(ReasonOf(Zone(bad).status()), "UNKNOWN_TIME_ZONE") << bad;
  }
}

TEST(Days, FollowTheZone) {
  const absl::TimeZone tokyo = *Zone("Asia/Tokyo");
  EXPECT_EQ(DateText(LocalDay(At("2026-06-01T15:00:00Z"), tokyo)), "2026-06-02");
  EXPECT_EQ(StartOfDay(absl::CivilDay(2026, 6, 2), tokyo), At("2026-06-01T15:00:00Z"));
  EXPECT_EQ(EndOfDay(absl::CivilDay(2026, 6, 2), tokyo), At("2026-06-02T14:59:59Z"));
  EXPECT_EQ(FromDayNumber(DayNumber(absl::CivilDay(2026, 3, 8))), absl::CivilDay(2026, 3, 8));
  EXPECT_EQ(DayNumber(absl::CivilDay(1970, 1, 2)), 1);
}

TEST(Days, TheDayOfAClockChangeHas23Or25Hours) {
  const absl::TimeZone la = *Zone("America/Los_Angeles");
  const auto length = [&](absl::CivilDay day) {
    return StartOfDay(day + 1, la) - StartOfDay(day, la);
  };
  EXPECT_EQ(length(absl::CivilDay(2026, 3, 8)), absl::Hours(23));
  EXPECT_EQ(length(absl::CivilDay(2026, 11, 1)), absl::Hours(25));
}

TEST(BusinessDays, SkipWeekendsAndHolidays) {
  const absl::CivilDay friday(2026, 5, 22);
  EXPECT_EQ(AddBusinessDays(friday, 0, {}), friday);
  EXPECT_EQ(AddBusinessDays(friday, 1, {}), absl::CivilDay(2026, 5, 25));
  EXPECT_EQ(AddBusinessDays(friday, 1, {absl::CivilDay(2026, 5, 25)}), absl::CivilDay(2026, 5, 26));
  EXPECT_EQ(AddBusinessDays(absl::CivilDay(2026, 5, 23), 1, {}), absl::CivilDay(2026, 5, 25));
}

TEST(Text, ReadsWhatItWrites) {
  EXPECT_EQ(InstantText(At("2026-03-10T10:00:00-07:00")), "2026-03-10T17:00:00Z");
  EXPECT_EQ(*ParseDate("2026-02-28"), absl::CivilDay(2026, 2, 28));
  for (const char* bad :
       {"", "2026-2-1", "2026-02-30", " 2026-02-01", "2026-02-01x", "02/01/2026"}) {
    EXPECT_EQ(ReasonOf(ParseDate(bad).status()), "BAD_TIME") << bad;
  }
  for (const char* bad : {"", "2026-03-10", "infinite-future", "-1-01-01T00:00:00Z", "yesterday",
                          "2026-03-10T25:00:00Z", "99999-01-01T00:00:00Z"}) {
    EXPECT_EQ(ReasonOf(ParseInstant(bad).status()), "BAD_TIME") << bad;
  }
}

TEST(Weeks, BelongToTheYearOfTheirThursday) {
  const std::pair<const char*, const char*> cases[] = {
      {"2026-12-27", "2026-W52"}, {"2026-12-28", "2026-W53"}, {"2026-12-31", "2026-W53"},
      {"2027-01-01", "2026-W53"}, {"2027-01-03", "2026-W53"}, {"2027-01-04", "2027-W01"},
      {"2025-12-28", "2025-W52"}, {"2025-12-29", "2026-W01"}, {"2026-01-04", "2026-W01"},
      {"2026-03-09", "2026-W11"}, {"2024-12-30", "2025-W01"}, {"2021-01-03", "2020-W53"},
  };
  for (const auto& [date, text] : cases) {
    const absl::CivilDay day = *ParseDate(date);
    EXPECT_EQ(WeekText(day), text);
    const auto monday = ParseWeek(text);
    ASSERT_TRUE(monday.ok()) << text;
    EXPECT_LE(*monday, day);
    EXPECT_GE(*monday + 6, day);
    EXPECT_EQ(absl::GetWeekday(*monday), absl::Weekday::monday);
  }
  for (const char* bad :
       {"", "2026", "2026-W54", "2027-W53", "2026-W00", "2026-W1", "2026-W1 ", "2026W53", "2026-53",
        "2026-w53", "-026-W01", "2026-W-1", "2026-W053", "2026-W53-1", "+026-W53"}) {
    EXPECT_EQ(ReasonOf(ParseWeek(bad).status()), "BAD_WEEK") << bad;
  }
}

TEST(Proto, KeepsFractionsAndTimesBeforeTheEpoch) {
  for (absl::Time time :
       {At("2026-03-10T17:00:00.123456Z"), At("1969-12-31T23:59:59.5Z"), absl::UnixEpoch()}) {
    const google::protobuf::Timestamp proto = ToProto(time);
    EXPECT_GE(proto.nanos(), 0);
    EXPECT_EQ(FromProto(proto), time);
    EXPECT_EQ(ToMicros(proto), absl::ToUnixMicros(time));
  }
}

}  // namespace
}  // namespace aftersales::calendar
