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
