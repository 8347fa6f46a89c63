// Filters of list methods: `field = value`, joined by AND. A small part of AIP-160, on purpose:
// each field that may be named is served by an index or bounded by the page.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"

namespace aftersales::api {

class Filter {
 public:
  // INVALID_ARGUMENT `BAD_FILTER` naming what is wrong and which fields there are.
  static absl::StatusOr<Filter> Parse(std::string_view text,
                                      const std::vector<std::string_view>& fields);

  bool Has(std::string_view field) const { return values_.contains(field); }
  // Empty when the field is not named.
  std::string Text(std::string_view field) const;
  // `true` or `false`.
  absl::StatusOr<std::optional<bool>> Bool(std::string_view field) const;
  // A value of an enum, with or without its prefix: `REQUESTED` or `STATUS_REQUESTED`.
  absl::StatusOr<std::optional<int>> Enum(std::string_view field,
                                          const google::protobuf::EnumDescriptor* type,
                                          std::string_view prefix) const;
  template <typename Value>
  absl::StatusOr<std::optional<Value>> Enum(std::string_view field, std::string_view prefix) const {
    auto number = Enum(field, google::protobuf::GetEnumDescriptor<Value>(), prefix);
    if (!number.ok()) return number.status();
    if (!*number) return std::nullopt;
    return static_cast<Value>(**number);
  }
  // The id in a resource name of this seller and collection, or an id alone. Nothing can match
  // another seller's.
  absl::StatusOr<std::string> Id(std::string_view field, std::string_view seller,
                                 std::string_view collection) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Takes one value after the other out of a filter; the first error stays in `status`.
template <typename Value>
void Take(absl::StatusOr<Value> value, Value* out, absl::Status* status) {
  if (value.ok()) {
    *out = *std::move(value);
  } else {
    status->Update(value.status());
  }
}

}  // namespace aftersales::api
