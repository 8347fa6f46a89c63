// Resource names: `sellers/{seller}/{collection}/{id}`, taken apart and put together.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aftersales::names {

// Ids that other systems give, in bytes, at most.
inline constexpr size_t kMaxExternalId = 200;

// A name taken apart. Views into the string that was parsed.
struct Name {
  std::string_view seller;      // `acme`
  std::string_view collection;  // `returns`
  std::string_view id;          // `ret_01...`
};

// `sellers/acme` -> `acme`. INVALID_ARGUMENT `BAD_NAME` on `field` otherwise.
absl::StatusOr<std::string_view> ParseSeller(std::string_view name, std::string_view field);
// A name of one collection, such as `returns`. INVALID_ARGUMENT `BAD_NAME` on `field` otherwise.
absl::StatusOr<Name> Parse(std::string_view name, std::string_view collection,
                           std::string_view field);
// As Parse without an error: an empty id when the name does not fit.
Name Split(std::string_view name);
// The answer is views into the name, which would be gone.
template <std::same_as<std::string> Temporary>
Name Split(Temporary&& name) = delete;

std::string Make(std::string_view seller, std::string_view collection, std::string_view id);
std::string Seller(std::string_view seller);

// Ids that people choose (sellers, channels, plugins): 1 to 40 of a-z, 0-9, `-`, first a letter.
bool IsChosenId(std::string_view id);
// Ids of other resources: 1 to 128 of letters, digits and `-_.:@+`.
bool IsResourceId(std::string_view id);
// An external id made into a resource id: characters that a name cannot hold become `_`.
std::string IdFromExternal(std::string_view external_id);

}  // namespace aftersales::names
