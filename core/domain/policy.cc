#include "core/domain/policy.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "core/domain/calendar.h"
#include "core/domain/profiles_data.h"
#include "core/status/text.h"
#include "google/protobuf/text_format.h"

namespace aftersales {
namespace {

// A profile is part of the program, so one that does not parse is a defect of the build, not of
// any input: it stops the process at first use.
[[noreturn]] void BadProfile(std::string_view what) {
  std::fprintf(stderr, "embedded policy profile is broken: %.*s\n", static_cast<int>(what.size()),
               what.data());
  std::abort();
}

std::set<absl::CivilDay> ParseDays(std::string_view list) {
  std::set<absl::CivilDay> days;
  for (absl::string_view text : absl::StrSplit(View(list), ',', absl::SkipWhitespace())) {
    absl::StatusOr<absl::CivilDay> day =
        calendar::ParseDate(View(absl::StripAsciiWhitespace(text)));
    if (day.ok()) days.insert(*day);
  }
  return days;
}

const std::vector<std::unique_ptr<const v1::Policy>>& Profiles() {
  static const auto* const profiles = [] {
    auto* loaded = new std::vector<std::unique_ptr<const v1::Policy>>;
    for (const EmbeddedProfile& embedded : EmbeddedProfiles()) {
      auto policy = std::make_unique<v1::Policy>();
      if (!google::protobuf::TextFormat::ParseFromString(std::string(embedded.text),
                                                         policy.get())) {
        BadProfile(embedded.name);
      }
      if (policy->profile() != embedded.name) BadProfile(embedded.name);
      loaded->push_back(std::move(policy));
    }
    return loaded;
  }();
  return *profiles;
}

}  // namespace

const v1::Policy* FindPolicy(std::string_view profile) {
  for (const auto& policy : Profiles()) {
    if (policy->profile() == profile) return policy.get();
  }
  return nullptr;
}

std::vector<std::string_view> PolicyProfiles() {
  std::vector<std::string_view> names;
  for (const auto& policy : Profiles()) names.push_back(policy->profile());
  return names;
}

const std::set<absl::CivilDay>& Holidays(const v1::Policy& policy, std::string_view country_code) {
  // An import asks for every row. Few lists exist; the bound is for policies made up in a loop.
  constexpr size_t kMaxLists = 64;
  thread_local std::map<std::string, std::set<absl::CivilDay>, std::less<>> parsed;
  static const std::set<absl::CivilDay> none;
  const auto list = policy.holidays().find(std::string(country_code));
  if (list == policy.holidays().end()) return none;
  const auto known = parsed.find(list->second);
  if (known != parsed.end()) return known->second;
  if (parsed.size() >= kMaxLists) parsed.clear();
  return parsed.emplace(list->second, ParseDays(list->second)).first->second;
}

}  // namespace aftersales
