// What the ERP is told of a change.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "aftersales/plugin/v1/erp.pb.h"

namespace credit_notes {

struct Document {
  std::string path;  // `/returns` or `/credit_notes`
  nlohmann::json body;
};

// Nothing for a change that the ERP need not know. A return as it is now, at each of its changes; a
// credit note for each refund that was paid, with a negative amount where the money came back.
std::optional<Document> DocumentOf(const aftersales::plugin::v1::Change& change);

}  // namespace credit_notes
