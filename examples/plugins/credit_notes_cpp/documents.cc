#include "documents.h"

#include <cstdint>

namespace credit_notes {
namespace {

using aftersales::v1::Money;
using aftersales::v1::Refund;
using aftersales::v1::Return;

// `STATUS_APPROVED` is APPROVED to the ERP.
std::string StatusOf(const Return& state) {
  const std::string name = aftersales::v1::Return_Status_Name(state.status());
  const std::string prefix = "STATUS_";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

Document OfReturn(const Return& state) {
  nlohmann::json items = nlohmann::json::array();
  for (const auto& item : state.items()) {
    items.push_back({{"line_id", item.line_id()},
                     {"sku", item.sku()},
                     {"requested", item.quantity_requested()},
                     {"received", item.quantity_received()}});
  }
  return {"/returns",
          {{"return", state.name()},
           {"order", state.order_external_id()},
           {"rma", state.external_rma_id()},
           {"status", StatusOf(state)},
           {"items", std::move(items)}}};
}

// Whole minor units, which JSON carries exactly as long as nobody makes a double of them.
Document CreditNote(const Refund& refund, const Money& amount, int sign) {
  return {"/credit_notes",
          {{"refund", refund.name()},
           {"return", refund.return_name()},
           {"order", refund.order_external_id()},
           {"amount_minor", int64_t{sign} * amount.minor_units()},
           {"currency", amount.currency_code()},
           {"payment", refund.external_refund_id()}}};
}

}  // namespace

std::optional<Document> DocumentOf(const aftersales::plugin::v1::Change& change) {
  if (change.has_return_resource()) return OfReturn(change.return_resource());
  if (!change.has_refund()) return std::nullopt;
  if (change.event().has_refund_succeeded()) {
    return CreditNote(change.refund(), change.event().refund_succeeded().amount(), 1);
  }
  if (change.event().has_refund_reversed()) {
    return CreditNote(change.refund(), change.refund().paid_amount(), -1);
  }
  return std::nullopt;
}

}  // namespace credit_notes
