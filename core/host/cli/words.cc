#include "core/host/cli/words.h"

#include <cstdint>

#include "absl/numeric/int128.h"
#include "absl/strings/str_format.h"
#include "core/domain/money.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

std::string EnumPrefix(const google::protobuf::EnumDescriptor& type) {
  std::string prefix;
  for (const char c : type.name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  return prefix + '_';
}

std::string Phrase(const v1::Event& event) {
  const auto* body = v1::Event::descriptor()->FindFieldByNumber(event.body_case());
  return body == nullptr ? "" : absl::StrReplaceAll(body->name(), {{"_", " "}});
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", ToTime(time), absl::UTCTimeZone());
}

std::string DayText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d", ToTime(time), absl::UTCTimeZone());
}

std::string DurationText(const google::protobuf::Duration& duration) {
  const int64_t seconds = duration.seconds() < 0 ? -duration.seconds() : duration.seconds();
  const int64_t minutes = seconds / 60;
  std::string text;
  if (minutes >= 24 * 60) {
    text = absl::StrFormat("%dd %02dh", minutes / (24 * 60), minutes / 60 % 24);
  } else if (minutes >= 60) {
    text = absl::StrFormat("%dh %02dm", minutes / 60, minutes % 60);
  } else {
    text = absl::StrFormat("%dm", minutes);
  }
  return duration.seconds() < 0 || duration.nanos() < 0 ? "-" + text : text;
}

std::string PercentText(const v1::Ratio& ratio) {
  if (ratio.denominator() <= 0) return "n/a";
  // Hundredths of a percent, in 128 bits: counts of any size stay exact.
  const absl::int128 hundredths = (absl::int128(ratio.numerator()) * 20000 + ratio.denominator()) /
                                  (absl::int128(ratio.denominator()) * 2);
  const auto value = static_cast<int64_t>(hundredths);
  return absl::StrFormat("%d.%02d%%", value / 100, value % 100);
}

std::string ThresholdText(const v1::Threshold& threshold) {
  std::string_view sign;
  switch (threshold.operator_()) {
    case v1::Threshold::OPERATOR_LESS_THAN:
      sign = "< ";
      break;
    case v1::Threshold::OPERATOR_AT_MOST:
      sign = "<= ";
      break;
    case v1::Threshold::OPERATOR_AT_LEAST:
      sign = ">= ";
      break;
    case v1::Threshold::OPERATOR_GREATER_THAN:
      sign = "> ";
      break;
    default:
      return "";
  }
  std::string percent = PercentText(threshold.limit());
  if (percent.ends_with(".00%")) percent = percent.substr(0, percent.size() - 4) + "%";
  return Cat(sign, percent);
}

std::string_view IdOf(std::string_view resource_name) {
  return resource_name.substr(resource_name.rfind('/') + 1);
}

absl::StatusOr<v1::Money> ParseMoney(std::string_view text, std::string_view option) {
  // The currency stands before or after the number, never inside it.
  std::string_view rest = View(absl::StripAsciiWhitespace(View(text)));
  std::string letters;
  if (rest.size() > 3) {
    const bool leads = absl::ascii_isalpha(static_cast<unsigned char>(rest.front()));
    letters = absl::AsciiStrToUpper(View(leads ? rest.substr(0, 3) : rest.substr(rest.size() - 3)));
    rest = leads ? rest.substr(3) : rest.substr(0, rest.size() - 3);
  }
  const std::string_view digits = View(absl::StripAsciiWhitespace(View(rest)));
  if (!money::IsCurrencyCode(letters)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_AMOUNT",
                  Cat("`", text, "` is not an amount with its currency"))
        .Field(option, "write it like 5.99USD or \"USD 5.99\"");
  }
  const absl::StatusOr<int64_t> units = money::ParseMinorUnits(digits, letters);
  if (!units.ok()) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_AMOUNT", View(units.status().message()))
        .Field(option, "write it like 5.99USD or \"USD 5.99\"");
  }
  return money::Make(*units, letters);
}

absl::StatusOr<google::protobuf::Timestamp> ParseTime(std::string_view text,
                                                      std::string_view option) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, View(text), &time, &error) &&
      !absl::ParseTime("%Y-%m-%d", View(text), &time, &error)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_TIME", Cat("`", text, "` is not a time"))
        .Field(option, "write it like 2026-03-10T17:00:00Z or 2026-03-10 (UTC)");
  }
  google::protobuf::Timestamp stamp;
  const int64_t seconds = absl::ToUnixSeconds(time);
  stamp.set_seconds(seconds);
  stamp.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return stamp;
}

}  // namespace aftersales::cli
