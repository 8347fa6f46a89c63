// Returns and lines as people name them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aftersales/v1/return.pb.h"
#include "core/host/cli/command.h"

namespace aftersales::cli {

// The return that `reference` means: a resource name, a return id, an RMA id, or an order id with
// one return. NOT_FOUND, or FAILED_PRECONDITION `AMBIGUOUS` which lists the returns to choose from.
absl::StatusOr<v1::Return> FindReturn(const Session& session, std::string_view reference);

// The argument that names a return.
void AddReturnReference(CLI::App* command, std::string* reference);

// What to type for a return: its RMA id where it has one, else its id.
std::string ReferenceOf(const v1::Return& value);

// A line of an order with a quantity: `LINE:2`, or `LINE` for one unit.
struct LineQuantity {
  std::string line_id;
  int32_t quantity = 1;
};
// INVALID_ARGUMENT `BAD_LINE` on `option` for an empty line or a quantity that is not 1 to 2^31-1.
absl::StatusOr<LineQuantity> ParseLineQuantity(std::string_view text, std::string_view option);

}  // namespace aftersales::cli
