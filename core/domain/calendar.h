// Calendar arithmetic in a marketplace's time zone. Deadlines are UTC instants; only windows and
// business days need a calendar. Uses abseil's time zones, never the server's own.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace aftersales::calendar {

google::protobuf::Timestamp ToProto(absl::Time time);
absl::Time FromProto(const google::protobuf::Timestamp& timestamp);
// Microseconds since the epoch, the form in which the store keeps instants.
int64_t ToMicros(const google::protobuf::Timestamp& timestamp);

// INVALID_ARGUMENT `UNKNOWN_TIME_ZONE`.
absl::StatusOr<absl::TimeZone> Zone(std::string_view iana_name);

absl::CivilDay LocalDay(absl::Time time, absl::TimeZone zone);
// Days since 1970-01-01, the key of daily counters.
int32_t DayNumber(absl::CivilDay day);
absl::CivilDay FromDayNumber(int32_t number);
// First instant of a local day.
absl::Time StartOfDay(absl::CivilDay day, absl::TimeZone zone);
// Last second of a local day, for "by the end of that day".
absl::Time EndOfDay(absl::CivilDay day, absl::TimeZone zone);
std::string DateText(absl::CivilDay day);  // `2026-05-20`
absl::StatusOr<absl::CivilDay> ParseDate(std::string_view text);

// Weeks as ISO 8601 has them: from Monday to Sunday, of the year that has their Thursday. The last
// days of December may be of week 1, the first of January of week 52 or 53.
std::string WeekText(absl::CivilDay day);  // `2026-W53`, of any of its days
// Its Monday. INVALID_ARGUMENT `BAD_WEEK` on `week`, also for a week 53 that the year has not.
absl::StatusOr<absl::CivilDay> ParseWeek(std::string_view text);

// The n-th business day after `start`: Saturdays, Sundays and `holidays` do not count. n >= 0.
absl::CivilDay AddBusinessDays(absl::CivilDay start, int n,
                               const std::set<absl::CivilDay>& holidays);

// Instant in the form `2026-03-10T17:00:00Z`.
std::string InstantText(absl::Time time);
// RFC 3339. INVALID_ARGUMENT `BAD_TIME`.
absl::StatusOr<absl::Time> ParseInstant(std::string_view text);
// Whether something can have happened then: the clock of a caller, or the day of a place, may be a
// day ahead of the host's. A time that is not given is not ahead. INVALID_ARGUMENT `IN_THE_FUTURE`.
absl::Status CheckNotAhead(const google::protobuf::Timestamp& given, absl::Time now,
                           std::string_view field);

}  // namespace aftersales::calendar
