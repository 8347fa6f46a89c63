// The policy profiles as they stand in profiles/*.textproto, embedded by embed_profiles.cmake, so
// that a host needs no data files beside it.
#pragma once

#include <span>
#include <string_view>

namespace aftersales {

struct EmbeddedProfile {
  std::string_view name;  // file name without its ending
  std::string_view text;  // text proto of aftersales.v1.Policy
};

std::span<const EmbeddedProfile> EmbeddedProfiles();

}  // namespace aftersales
