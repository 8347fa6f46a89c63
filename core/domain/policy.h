// Policy profiles: `seed` and `amazon-2026`, shipped as data (profiles/*.textproto) and embedded.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "aftersales/v1/policy.pb.h"

namespace aftersales {

// Null when there is no such profile. The pointer is valid for the life of the process.
const v1::Policy* FindPolicy(std::string_view profile);
std::vector<std::string_view> PolicyProfiles();
// The profile of channels that do not name one.
inline constexpr std::string_view kDefaultPolicyProfile = "amazon-2026";

// Holidays of a country in the policy, none where it lists none. Parsed once a list and thread; the
// reference is valid until the thread asks for another list.
const std::set<absl::CivilDay>& Holidays(const v1::Policy& policy, std::string_view country_code);

}  // namespace aftersales
