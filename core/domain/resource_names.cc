#include "core/domain/resource_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::names {
namespace {

constexpr std::string_view kPrefix = "sellers/";
constexpr size_t kMaxChosen = 40;
constexpr size_t kMaxId = 128;

bool IsIdChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-_.:@+").find(c) != std::string_view::npos;
}

absl::Status BadName(std::string_view name, std::string_view form, std::string_view field) {
  return InvalidField(field, "BAD_NAME",
                      Cat("`", name.substr(0, 128), "` is not a resource name here; write ", form));
}

}  // namespace

absl::StatusOr<std::string_view> ParseSeller(std::string_view name, std::string_view field) {
  std::string_view seller = name;
  if (seller.substr(0, kPrefix.size()) == kPrefix) {
    seller.remove_prefix(kPrefix.size());
    if (IsChosenId(seller)) return seller;
  }
  return BadName(name, "sellers/{seller}, such as sellers/acme", field);
}

absl::StatusOr<Name> Parse(std::string_view name, std::string_view collection,
                           std::string_view field) {
  Name parts = Split(name);
  if (parts.id.empty() || parts.collection != collection) {
    return BadName(name, Cat("sellers/{seller}/", collection, "/{id}"), field);
  }
  return parts;
}

Name Split(std::string_view name) {
  if (name.substr(0, kPrefix.size()) != kPrefix) return {};
  name.remove_prefix(kPrefix.size());
  const size_t first = name.find('/');
  if (first == std::string_view::npos) return {};
  const size_t second = name.find('/', first + 1);
  if (second == std::string_view::npos) return {};
  Name parts{name.substr(0, first), name.substr(first + 1, second - first - 1),
             name.substr(second + 1)};
  if (!IsChosenId(parts.seller) || parts.collection.empty() || !IsResourceId(parts.id)) return {};
  return parts;
}

std::string Make(std::string_view seller, std::string_view collection, std::string_view id) {
  return Cat(kPrefix, seller, "/", collection, "/", id);
}

std::string Seller(std::string_view seller) { return Cat(kPrefix, seller); }

bool IsChosenId(std::string_view id) {
  if (id.empty() || id.size() > kMaxChosen ||
      !absl::ascii_islower(static_cast<unsigned char>(id[0]))) {
    return false;
  }
  return std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
  });
}

bool IsResourceId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxId && std::all_of(id.begin(), id.end(), IsIdChar);
}

std::string IdFromExternal(std::string_view external_id) {
  if (external_id.empty()) return "_";
  std::string id(external_id);
  std::replace_if(
      id.begin(), id.end(), [](char c) { return !IsIdChar(c); }, '_');
  if (id.size() > kMaxId) {
    // Two long ids that differ only in their tails must stay two ids.
    const std::string tail = absl::StrFormat("_%016x", Fingerprint(external_id));
    id.resize(kMaxId - tail.size());
    id += tail;
  }
  return id;
}

}  // namespace aftersales::names
