#include "core/domain/policy_book.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "core/domain/calendar.h"
#include "core/domain/marketplaces.h"
#include "core/domain/money.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/field_mask_util.h"

namespace aftersales {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::FieldMaskUtil;

// What identifies a policy rather than rules anything.
constexpr std::array<std::string_view, 5> kNotRules = {"profile", "version", "effective_from",
                                                       "source", "versions"};
// What is asked for line by line.
constexpr std::array<std::string_view, 6> kOfLines = {
    "return_window_days",   "shipping_refund_by_fault",
    "retain_free_shipping", "tax_follows_fee",
    "restocking",           "returnless"};
constexpr size_t kMaxKey = 200;
constexpr size_t kMaxSource = 500;
constexpr int64_t kMaxDuration = 10'000;

template <size_t n>
bool IsOneOf(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view FirstOf(std::string_view path) { return path.substr(0, path.find('.')); }

// A message that is walked into, rather than shown as one value.
bool IsSection(const FieldDescriptor& field) {
  return field.message_type() != nullptr && !field.is_repeated();
}

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  const Reflection& reflection = *message.GetReflection();
  std::string text;
  if (!field.is_repeated()) {
    printer.PrintFieldValueToString(message, &field, -1, &text);
    return text;
  }
  std::vector<std::string> parts;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    std::string part;
    if (field.is_map()) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      std::string value;
      printer.PrintFieldValueToString(entry, field.message_type()->map_key(), -1, &part);
      printer.PrintFieldValueToString(entry, field.message_type()->map_value(), -1, &value);
      part += Cat(": ", value);
    } else {
      printer.PrintFieldValueToString(message, &field, i, &part);
    }
    parts.push_back(std::move(part));
  }
  // Maps have no order of their own.
  if (field.is_map()) std::sort(parts.begin(), parts.end());
  for (const std::string& part : parts) text += Cat(text.empty() ? "" : ", ", part);
  return text;
}

// Calls `see(path, section, field)` for every rule of the policy.
template <typename See>
void EachRule(const v1::Policy& policy, See see) {
  const Descriptor& type = *v1::Policy::descriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (IsOneOf(kNotRules, field.name())) continue;
    if (!IsSection(field)) {
      see(field.name(), static_cast<const Message&>(policy), field);
      continue;
    }
    const Message& section = policy.GetReflection()->GetMessage(policy, &field);
    for (int k = 0; k < field.message_type()->field_count(); ++k) {
      const FieldDescriptor& inner = *field.message_type()->field(k);
      if (inner.name() == "source") continue;
      see(Cat(field.name(), ".", inner.name()), section, inner);
    }
  }
}

// Whether a version sets a rule: itself, or the section that it is in.
bool Sets(const v1::PolicyVersion& version, std::string_view rule) {
  return std::any_of(version.paths().begin(), version.paths().end(), [&](std::string_view path) {
    return path == rule || (FirstOf(rule) == path && rule.size() > path.size());
  });
}

void Apply(const v1::PolicyVersion& version, v1::Policy* policy) {
  FieldMaskUtil::MergeOptions replace;
  replace.set_replace_message_fields(true);
  replace.set_replace_repeated_fields(true);
  // A scalar that is named and not set is set to its zero: the mask says what is meant.
  for (const std::string& path : version.paths()) {
    FieldMask one;
    one.add_paths(path);
    FieldMaskUtil::MergeMessageTo(version.values(), one, replace, policy);
  }
  policy->add_versions(version.name());
}

// What the source says about a rule: the section's own, else the profile's.
std::string ProfileSource(const v1::Policy& profile, const Message& section,
                          const FieldDescriptor& field) {
  const FieldDescriptor* own = section.GetDescriptor()->FindFieldByName("source");
  if (&section != static_cast<const Message*>(&profile) && own != nullptr) {
    const std::string text = section.GetReflection()->GetString(section, own);
    if (!text.empty()) return text;
  }
  if (field.is_repeated() && !field.is_map() && field.message_type() != nullptr &&
      section.GetReflection()->FieldSize(section, &field) > 0) {
    const Message& first = section.GetReflection()->GetRepeatedMessage(section, &field, 0);
    const FieldDescriptor* of_first = first.GetDescriptor()->FindFieldByName("source");
    if (of_first != nullptr) return first.GetReflection()->GetString(first, of_first);
  }
  return profile.source();
}

absl::Status BadValue(std::string_view path, std::string_view what) {
  return InvalidField(Cat("policy_version.values.", path), "BAD_POLICY_VALUE",
                      Cat(path, ": ", what));
}

bool IsUpper(std::string_view text, size_t length) {
  return text.size() == length &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

absl::Status CheckNumber(std::string_view path, std::string_view name, int64_t value) {
  if (value < 0) return BadValue(path, Cat(value, " is below 0; give 0 or more"));
  if (absl::EndsWith(View(name), "_bp") && value > 10'000) {
    return BadValue(path, Cat(value, " basis points are too many; 10000 are all of it"));
  }
  if (name == "return_response_hours" && value < 1) {
    return BadValue(path, "an answer takes at least an hour");
  }
  if (value > money::kMaxMinorUnits ||
      (!absl::StrContains(View(path), "minor_units") && value > kMaxDuration)) {
    return BadValue(path, Cat(value, " is more than can be meant"));
  }
  return absl::OkStatus();
}

absl::Status CheckCurrencyMap(std::string_view path, const Message& section,
                              const FieldDescriptor& field) {
  for (int i = 0; i < section.GetReflection()->FieldSize(section, &field); ++i) {
    const Message& entry = section.GetReflection()->GetRepeatedMessage(section, &field, i);
    const std::string key =
        entry.GetReflection()->GetString(entry, field.message_type()->map_key());
    if (!IsUpper(key, 3))
      return BadValue(path, Cat("`", key.substr(0, 16), "` is no currency code"));
    const int64_t value = entry.GetReflection()->GetInt64(entry, field.message_type()->map_value());
    if (absl::Status s = CheckNumber(path, field.name(), value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckHolidays(const v1::Policy& values) {
  for (const auto& [country, list] : values.holidays()) {
    if (!IsUpper(country, 2)) {
      return BadValue("holidays", Cat("`", country.substr(0, 16), "` is no country, such as US"));
    }
    std::string_view rest = list;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      if (!calendar::ParseDate(rest.substr(0, comma)).ok()) {
        return BadValue("holidays", Cat("`", rest.substr(0, std::min<size_t>(comma, 16)), "` of ",
                                        country, " is no date; write 2026-12-25,2026-12-26"));
      }
      rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMetrics(const v1::Policy& values) {
  for (const v1::MetricPolicy& metric : values.metrics()) {
    if (metric.kind() == v1::Metric::KIND_UNSPECIFIED || metric.window_days() < 1 ||
        metric.window_days() > 366 || metric.lag_days() < 0 || metric.lag_days() > 366 ||
        metric.threshold().operator_() == v1::Threshold::OPERATOR_UNSPECIFIED ||
        metric.threshold().limit().numerator() < 0 ||
        metric.threshold().limit().denominator() < 1) {
      return BadValue("metrics",
                      "each takes a kind, a window of 1 to 366 days, and a threshold with operator "
                      "and limit");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAlerts(const v1::Policy& values) {
  int32_t before = 0;
  for (const int32_t hours : values.return_response_alert_hours()) {
    if (hours <= before || hours > kMaxDuration) {
      return BadValue("return_response_alert_hours", "hours from the request, above 0 and rising");
    }
    before = hours;
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const v1::Policy& values) {
  for (const v1::RefundLimit& limit : values.refund_limits()) {
    if (limit.role() == v1::ROLE_UNSPECIFIED) {
      return BadValue("refund_limits", "say whose limit it is in role");
    }
    for (const auto& [currency, most] : limit.max_minor_units()) {
      if (!IsUpper(currency, 3) || most < 0 || most > money::kMaxMinorUnits) {
        return BadValue("refund_limits", "limits go by currency code, 0 or more minor units");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCountries(const v1::Policy& values) {
  for (const std::string& country : values.prepaid_label_countries()) {
    if (!IsUpper(country, 2)) {
      return BadValue("prepaid_label_countries",
                      Cat("`", country.substr(0, 16), "` is no country, such as US"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRecoveries(const v1::Policy& values) {
  std::set<int> seen;
  for (const v1::RecoveryPolicy& recovery : values.recoveries()) {
    if (recovery.disposition() == v1::DISPOSITION_UNSPECIFIED ||
        !seen.insert(recovery.disposition()).second) {
      return BadValue("recoveries", "each takes a disposition that no other has");
    }
    if (recovery.recovery_bp() < 0 || recovery.recovery_bp() > 10'000) {
      return BadValue("recoveries", Cat("recovery_bp is ", recovery.recovery_bp(),
                                        "; give 0 to 10000, which are all of the cost"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const v1::PolicyVersion& version) {
  absl::Status bad;
  EachRule(version.values(), [&](const std::string& path, const Message& section,
                                 const FieldDescriptor& field) {
    if (!bad.ok()) return;
    if (!Sets(version, path)) {
      const std::unique_ptr<const Message> none(section.New());
      if (ValueText(section, field) != ValueText(*none, field)) {
        bad = InvalidField("policy_version.paths", "BAD_POLICY_PATH",
                           Cat(path,
                               " has a value but is not among the paths; add it, or leave "
                               "the value out"));
      }
      return;
    }
    if (!field.is_repeated() && field.cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      bad = CheckNumber(path, field.name(), section.GetReflection()->GetInt32(section, &field));
    } else if (field.is_map() &&
               field.message_type()->map_value()->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      bad = CheckCurrencyMap(path, section, field);
    }
  });
  if (!bad.ok()) return bad;
  if (absl::Status s = CheckHolidays(version.values()); !s.ok()) return s;
  if (absl::Status s = CheckMetrics(version.values()); !s.ok()) return s;
  if (absl::Status s = CheckAlerts(version.values()); !s.ok()) return s;
  if (absl::Status s = CheckCountries(version.values()); !s.ok()) return s;
  if (absl::Status s = CheckRecoveries(version.values()); !s.ok()) return s;
  return CheckLimits(version.values());
}

absl::Status CheckKey(const v1::PolicyVersion& version) {
  const auto bad = [](std::string_view field, std::string_view what) {
    return InvalidField(Cat("policy_version.", field), "BAD_POLICY_LAYER", Cat(field, ": ", what));
  };
  const bool of_lines =
      version.layer() == v1::POLICY_LAYER_CATEGORY || version.layer() == v1::POLICY_LAYER_SKU;
  if (!of_lines && !version.marketplace_id().empty()) {
    return bad("marketplace_id", "only a CATEGORY or SKU may be narrowed to one; leave it out");
  }
  if (!version.marketplace_id().empty() && FindMarketplace(version.marketplace_id()) == nullptr) {
    return bad("marketplace_id", "no marketplace that is known");
  }
  switch (version.layer()) {
    case v1::POLICY_LAYER_GLOBAL:
      return version.key().empty() ? absl::OkStatus() : bad("key", "GLOBAL takes no key");
    case v1::POLICY_LAYER_REGION:
      if (version.key() == "NA" || version.key() == "EU" || version.key() == "FE") break;
      return bad("key", "a region is NA, EU or FE");
    case v1::POLICY_LAYER_MARKETPLACE:
      if (FindMarketplace(version.key()) != nullptr) break;
      return bad("key", "no marketplace that is known; such as ATVPDKIKX0DER");
    case v1::POLICY_LAYER_CATEGORY:
    case v1::POLICY_LAYER_SKU:
      if (!version.key().empty() && version.key().size() <= kMaxKey) break;
      return bad("key", Cat("name the category or SKU, 1 to ", kMaxKey, " bytes"));
    default:
      return bad("layer", "give GLOBAL, REGION, MARKETPLACE, CATEGORY or SKU");
  }
  return absl::OkStatus();
}

bool Reaches(const v1::PolicyVersion& version, std::string_view marketplace_id,
             std::string_view region) {
  switch (version.layer()) {
    case v1::POLICY_LAYER_GLOBAL:
      return true;
    case v1::POLICY_LAYER_REGION:
      return version.key() == region;
    case v1::POLICY_LAYER_MARKETPLACE:
      return version.key() == marketplace_id;
    case v1::POLICY_LAYER_CATEGORY:
    case v1::POLICY_LAYER_SKU:
      return version.marketplace_id().empty() || version.marketplace_id() == marketplace_id;
    default:
      return false;
  }
}

bool ReachesLine(const v1::PolicyVersion& version, const v1::OrderLine* line) {
  if (version.layer() == v1::POLICY_LAYER_CATEGORY) {
    return line != nullptr && version.key() == line->category();
  }
  if (version.layer() == v1::POLICY_LAYER_SKU) {
    return line != nullptr && version.key() == line->sku();
  }
  return true;
}

// What versions replace one another.
auto SlotOf(const v1::PolicyVersion& version) {
  return std::tuple<int, const std::string&, const std::string&>(
      version.layer(), version.marketplace_id(), version.key());
}

}  // namespace

PolicyBook::PolicyBook(const v1::Policy& profile, std::string_view marketplace_id,
                       std::span<const v1::PolicyVersion> versions)
    : profile_(&profile) {
  const Marketplace* marketplace = FindMarketplace(marketplace_id);
  const std::string_view region = marketplace == nullptr ? "" : marketplace->region;
  for (const v1::PolicyVersion& version : versions) {
    if (version.state() == v1::PolicyVersion::STATE_PUBLISHED &&
        Reaches(version, marketplace_id, region)) {
      versions_.push_back(version);
    }
  }
  std::sort(versions_.begin(), versions_.end(),
            [](const v1::PolicyVersion& a, const v1::PolicyVersion& b) {
              return std::tuple(SlotOf(a), calendar::ToMicros(a.effective_from()), a.version()) <
                     std::tuple(SlotOf(b), calendar::ToMicros(b.effective_from()), b.version());
            });
}

std::vector<const v1::PolicyVersion*> PolicyBook::InForce(absl::Time at,
                                                          const v1::OrderLine* line) const {
  std::vector<const v1::PolicyVersion*> in_force;
  for (const v1::PolicyVersion& version : versions_) {
    if (!ReachesLine(version, line) || calendar::FromProto(version.effective_from()) > at) continue;
    if (!in_force.empty() && SlotOf(*in_force.back()) == SlotOf(version)) in_force.pop_back();
    in_force.push_back(&version);
  }
  // Those that take the one before them back say nothing themselves.
  std::erase_if(in_force,
                [](const v1::PolicyVersion* version) { return version->paths().empty(); });
  return in_force;
}

const v1::Policy& PolicyBook::At(absl::Time at, const v1::OrderLine* line) const {
  if (versions_.empty()) return *profile_;
  std::vector<const v1::PolicyVersion*> in_force = InForce(at, line);
  if (in_force.empty()) return *profile_;
  std::unique_ptr<v1::Policy>& merged = merged_[in_force];
  if (merged == nullptr) {
    merged = std::make_unique<v1::Policy>(*profile_);
    for (const v1::PolicyVersion* version : in_force) Apply(*version, merged.get());
  }
  return *merged;
}

std::vector<v1::PolicyValue> PolicyBook::Explain(absl::Time at, const v1::OrderLine* line,
                                                 std::string_view path_prefix) const {
  const std::vector<const v1::PolicyVersion*> in_force = InForce(at, line);
  std::vector<v1::PolicyValue> values;
  const v1::Policy& policy = At(at, line);
  EachRule(
      policy, [&](const std::string& path, const Message& section, const FieldDescriptor& field) {
        if (!absl::StartsWith(path, View(path_prefix))) return;
        v1::PolicyValue& value = values.emplace_back();
        value.set_path(path);
        value.set_value(ValueText(section, field));
        const auto from =
            std::find_if(in_force.rbegin(), in_force.rend(),
                         [&](const v1::PolicyVersion* version) { return Sets(*version, path); });
        if (from == in_force.rend()) {
          value.set_key(profile_->profile());
          value.set_version(profile_->version());
          const bool whole = &section == static_cast<const Message*>(&policy);
          value.set_source(whole ? ProfileSource(*profile_, *profile_, field)
                                 : ProfileSource(*profile_, section, field));
          return;
        }
        value.set_layer((*from)->layer());
        value.set_key((*from)->key());
        value.set_version_name((*from)->name());
        value.set_version((*from)->version());
        value.set_source((*from)->source());
        *value.mutable_effective_from() = (*from)->effective_from();
      });
  return values;
}

std::string PolicyTag(const v1::Policy& policy) {
  std::string tag = Cat(policy.profile(), ".", policy.version());
  for (const std::string& version : policy.versions()) {
    tag += Cat("+", version.substr(version.rfind('/') + 1));
  }
  return tag;
}

absl::Status CheckPolicyVersion(const v1::PolicyVersion& version) {
  if (absl::Status s = CheckKey(version); !s.ok()) return s;
  if (version.source().empty() || version.source().size() > kMaxSource) {
    return InvalidField("policy_version.source", "SOURCE_REQUIRED",
                        Cat("say where the rule comes from, in at most ", kMaxSource, " bytes"));
  }
  const bool of_lines =
      version.layer() == v1::POLICY_LAYER_CATEGORY || version.layer() == v1::POLICY_LAYER_SKU;
  for (int i = 0; i < version.paths_size(); ++i) {
    const std::string& path = version.paths(i);
    const std::string field = Cat("policy_version.paths[", i, "]");
    // A mask may be empty, and a rule may not.
    if (path.empty() || !FieldMaskUtil::IsValidPath<v1::Policy>(path) ||
        IsOneOf(kNotRules, FirstOf(path)) || absl::EndsWith(path, ".source")) {
      return InvalidField(
          field, "BAD_POLICY_PATH",
          Cat("`", path.substr(0, 64), "` is no rule of a policy; ExplainPolicy lists them"));
    }
    if (of_lines && !IsOneOf(kOfLines, FirstOf(path))) {
      return InvalidField(field, "BAD_POLICY_PATH",
                          Cat(path,
                              " applies to a whole return, not to a line; set it for a "
                              "marketplace"));
    }
  }
  return CheckValues(version);
}

std::vector<v1::PolicyChange> PolicyChanges(const v1::Policy& before,
                                            const v1::PolicyVersion& version) {
  v1::Policy after = before;
  Apply(version, &after);
  std::vector<v1::PolicyChange> changes;
  EachRule(before,
           [&](const std::string& path, const Message& section, const FieldDescriptor& field) {
             v1::PolicyChange& change = changes.emplace_back();
             change.set_path(path);
             change.set_before(ValueText(section, field));
           });
  size_t i = 0;
  EachRule(after, [&](const std::string&, const Message& section, const FieldDescriptor& field) {
    changes[i++].set_after(ValueText(section, field));
  });
  std::erase_if(changes,
                [](const v1::PolicyChange& change) { return change.before() == change.after(); });
  return changes;
}

}  // namespace aftersales
