// Values as people read them, and as they type them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "aftersales/v1/common.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/metric.pb.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "google/protobuf/timestamp.pb.h"

namespace aftersales::cli {

// `RETURN_REASON_` for the enum ReturnReason, by the naming rule of the protos.
std::string EnumPrefix(const google::protobuf::EnumDescriptor& type);

// `ARRIVED_DAMAGED` for RETURN_REASON_ARRIVED_DAMAGED; empty for the unspecified value.
template <typename Enum>
std::string Word(Enum value) {
  const auto& type = *google::protobuf::GetEnumDescriptor<Enum>();
  const auto* found = type.FindValueByNumber(value);
  if (value == 0) return "";
  if (found == nullptr) return Cat(static_cast<int>(value));
  return found->name().substr(EnumPrefix(type).size());
}

// `arrived damaged`.
template <typename Enum>
std::string Phrase(Enum value) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(Word(value)), {{"_", " "}});
}

// `return approved`: what happened.
std::string Phrase(const v1::Event& event);

// Reads a word as people type it: any case, `-` or space for `_`. INVALID_ARGUMENT `UNKNOWN_WORD`
// on `option` lists the words that there are.
template <typename Enum>
absl::StatusOr<Enum> ParseWord(std::string_view text, std::string_view option) {
  const auto& type = *google::protobuf::GetEnumDescriptor<Enum>();
  const std::string prefix = EnumPrefix(type);
  const std::string name =
      prefix + absl::StrReplaceAll(absl::AsciiStrToUpper(View(text)), {{"-", "_"}, {" ", "_"}});
  const auto* found = type.FindValueByName(name);
  if (found != nullptr && found->number() != 0) return static_cast<Enum>(found->number());
  std::vector<std::string> words;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == 0) continue;
    words.push_back(absl::AsciiStrToLower(
        absl::StrReplaceAll(type.value(i)->name().substr(prefix.size()), {{"_", "-"}})));
  }
  return Refuse(absl::StatusCode::kInvalidArgument, "UNKNOWN_WORD",
                Cat("`", text, "` is not known"))
      .Field(option, Cat("one of ", absl::StrJoin(words, ", ")));
}

// `2026-03-10 17:00`, UTC. Empty for an absent time.
std::string TimeText(const google::protobuf::Timestamp& time);
// `2026-03-10`, UTC.
std::string DayText(const google::protobuf::Timestamp& time);
// `1d 07h`, `7h 05m`, `12m`; with `-` in front when negative.
std::string DurationText(const google::protobuf::Duration& duration);
// `12.50%` from exact counts, rounded half up; `n/a` without a denominator.
std::string PercentText(const v1::Ratio& ratio);
// `< 1%`, `>= 95%`.
std::string ThresholdText(const v1::Threshold& threshold);

// The last part of a resource name: `ret_1` of `sellers/acme/returns/ret_1`.
std::string_view IdOf(std::string_view resource_name);

// Reads `5.99USD`, `5.99 USD` or `USD 5.99`. INVALID_ARGUMENT `BAD_AMOUNT` on `option`.
absl::StatusOr<v1::Money> ParseMoney(std::string_view text, std::string_view option);
// Reads an RFC 3339 time such as `2026-03-10T17:00:00Z`, or a date. INVALID_ARGUMENT `BAD_TIME`.
absl::StatusOr<google::protobuf::Timestamp> ParseTime(std::string_view text,
                                                      std::string_view option);

}  // namespace aftersales::cli
