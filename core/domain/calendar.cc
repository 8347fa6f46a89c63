#include "core/domain/calendar.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::calendar {
namespace {

// Years 1 to 9999, what google.protobuf.Timestamp can hold.
constexpr int64_t kMinSeconds = -62135596800;
constexpr int64_t kMaxSeconds = 253402300799;

absl::Status BadTime(std::string_view text, std::string_view example) {
  return Refuse(absl::StatusCode::kInvalidArgument, "BAD_TIME",
                Cat("`", text.substr(0, 64), "` is not a time; write it as ", example));
}

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return timestamp;
}

absl::Time FromProto(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

int64_t ToMicros(const google::protobuf::Timestamp& timestamp) {
  return absl::ToUnixMicros(FromProto(timestamp));
}

absl::StatusOr<absl::TimeZone> Zone(std::string_view iana_name) {
  // Names that abseil reads as a path or as the server's own zone are not IANA names.
  const bool named = !iana_name.empty() && iana_name[0] != '/' && iana_name != "localtime" &&
                     !iana_name.starts_with("file:") &&
                     iana_name.find("..") == std::string_view::npos;
  absl::TimeZone zone;
  if (!named || !absl::LoadTimeZone(std::string(iana_name), &zone)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "UNKNOWN_TIME_ZONE",
                  Cat("there is no time zone `", iana_name.substr(0, 64),
                      "`; give an IANA name such as America/Los_Angeles"));
  }
  return zone;
}

absl::CivilDay LocalDay(absl::Time time, absl::TimeZone zone) {
  return absl::ToCivilDay(time, zone);
}

int32_t DayNumber(absl::CivilDay day) {
  return static_cast<int32_t>(day - absl::CivilDay(1970, 1, 1));
}

absl::CivilDay FromDayNumber(int32_t number) { return absl::CivilDay(1970, 1, 1) + number; }

absl::Time StartOfDay(absl::CivilDay day, absl::TimeZone zone) {
  return absl::FromCivil(day, zone);
}

absl::Time EndOfDay(absl::CivilDay day, absl::TimeZone zone) {
  return StartOfDay(day + 1, zone) - absl::Seconds(1);
}

std::string DateText(absl::CivilDay day) { return absl::FormatCivilTime(day); }

absl::StatusOr<absl::CivilDay> ParseDate(std::string_view text) {
  absl::CivilDay day;
  // ParseCivilTime would also take spaces around and other widths; a date has one form.
  if (text.size() != 10 || !absl::ParseCivilTime(View(text), &day) || DateText(day) != text) {
    return BadTime(text, "2026-05-20");
  }
  return day;
}

std::string WeekText(absl::CivilDay day) {
  const absl::CivilDay thursday = absl::PrevWeekday(day + 1, absl::Weekday::monday) + 3;
  return absl::StrFormat("%04d-W%02d", thursday.year(), (absl::GetYearDay(thursday) - 1) / 7 + 1);
}

absl::StatusOr<absl::CivilDay> ParseWeek(std::string_view text) {
  int year = 0;
  int week = 0;
  if (text.size() == 8 && absl::SimpleAtoi(View(text.substr(0, 4)), &year) && year > 0 &&
      absl::SimpleAtoi(View(text.substr(6)), &week)) {
    // The fourth of January is in week 1.
    const absl::CivilDay monday =
        absl::PrevWeekday(absl::CivilDay(year, 1, 5), absl::Weekday::monday) + 7 * (week - 1);
    // One form, and no week that there is not.
    if (WeekText(monday) == text) return monday;
  }
  return InvalidField("week", "BAD_WEEK",
                      Cat("`", text.substr(0, 64),
                          "` is not an ISO week; write it as 2026-W53, from W01 to W52 or, in some "
                          "years, W53"));
}

absl::CivilDay AddBusinessDays(absl::CivilDay start, int n,
                               const std::set<absl::CivilDay>& holidays) {
  absl::CivilDay day = start;
  while (n > 0) {
    ++day;
    const absl::Weekday weekday = absl::GetWeekday(day);
    if (weekday == absl::Weekday::saturday || weekday == absl::Weekday::sunday) continue;
    if (holidays.contains(day)) continue;
    --n;
  }
  return day;
}

std::string InstantText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::StatusOr<absl::Time> ParseInstant(std::string_view text) {
  absl::Time time;
  std::string error;
  if (text.empty() || text[0] == 'i' || text[0] == '-' ||
      !absl::ParseTime(absl::RFC3339_full, View(text), &time, &error)) {
    return BadTime(text, "2026-03-10T17:00:00Z");
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds < kMinSeconds || seconds > kMaxSeconds) return BadTime(text, "2026-03-10T17:00:00Z");
  return time;
}

absl::Status CheckNotAhead(const google::protobuf::Timestamp& given, absl::Time now,
                           std::string_view field) {
  const absl::Time when = FromProto(given);
  if (when <= now + absl::Hours(24)) return absl::OkStatus();
  return InvalidField(field, "IN_THE_FUTURE",
                      Cat(field.substr(field.rfind('.') + 1), " ", InstantText(when),
                          " is more than a day ahead; it is ", InstantText(now)));
}

}  // namespace aftersales::calendar
