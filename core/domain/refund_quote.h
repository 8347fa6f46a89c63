// The refund quote: exact to the minor unit, with its breakdown.
#pragma once

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"
#include "core/domain/policy_book.h"

namespace aftersales {

// Captured less succeeded and reserved (PENDING_APPROVAL, APPROVED, SUBMITTED, UNKNOWN), and less
// what exchanges gave the buyer without a refund; at least 0, in the order's currency.
v1::Money Refundable(const v1::Order& order, std::span<const v1::Refund> refunds_of_order,
                     std::span<const v1::Exchange> exchanges_of_order = {});

// Units of a line that earlier refunds have paid or reserved.
int32_t UnitsRefundedOrReserved(std::span<const v1::Refund> refunds_of_order,
                                std::string_view line_id);

// What the refund of `spec` would be. `return_state` is the return that the spec names, null for a
// refund of order lines. INVALID_ARGUMENT: `LINE_UNKNOWN`, `BAD_QUANTITY`, `CURRENCY_MISMATCH`,
// `NEGATIVE_AMOUNT`; FAILED_PRECONDITION: `QUANTITY_EXCEEDS_REFUNDABLE` (with `refundable_units`),
// `NOTHING_TO_REFUND`, `INVALID_STATE` (a return that is not approved), `EVIDENCE_REQUIRED` (a
// wrong item or empty box without photos; with the `inspection_id` that they are to be added to),
// `UNIT_ALREADY_EXCHANGED` (with `exchange`: an exchange of the order has taken the units),
// `LABEL_PENDING` (with `label_id`: the buyer pays a label whose cost is not known yet).
// Units whose replacement was out of stock, and that are not refunded yet, go back as if the seller
// was at fault.
// The total is not checked against what is left: see CheckRefundable.
absl::StatusOr<v1::RefundQuote> QuoteRefund(const v1::Order& order, const PolicyInForce& policy,
                                            const v1::RefundSpec& spec,
                                            const v1::Return* return_state,
                                            std::span<const v1::Refund> refunds_of_order,
                                            std::span<const v1::Exchange> exchanges_of_order = {});

// What was paid for the next units of a line that are neither refunded nor exchanged: exact in sum
// over all units, whichever way they go. `line` is an index of the order.
struct UnitsValue {
  int64_t item = 0;  // minor units
  int64_t tax = 0;
};
UnitsValue ValueOfUnits(const v1::Order& order, int line, int32_t quantity,
                        std::span<const v1::Refund> refunds_of_order,
                        std::span<const v1::Exchange> exchanges_of_order);

// FAILED_PRECONDITION `EXCEEDS_REFUNDABLE` with `remaining` if `total` goes beyond what is left,
// naming `field` of the request, where one is given.
absl::Status CheckRefundable(const v1::Order& order, const v1::Money& total,
                             std::span<const v1::Refund> refunds_of_order,
                             std::span<const v1::Exchange> exchanges_of_order = {},
                             std::string_view field = {});
// The field of a spec to change where the refund is too much.
std::string_view FieldOfAmount(const v1::RefundSpec& spec);

// FAILED_PRECONDITION `ALREADY_REFUNDED_BY_PLATFORM` (with `reported` and `known`) if the
// marketplace reports more of the return as refunded than the refunds that are known: another one
// might pay the buyer twice.
absl::Status CheckNotPaidByPlatform(const v1::Return& state,
                                    std::span<const v1::Refund> refunds_of_order);

// Whether the policy lets the buyer keep the goods: brand registered, value within the cap of the
// currency, and recovery below what fetching the goods would cost.
struct ReturnlessCase {
  int64_t item_value = 0;  // minor units
  int64_t expected_recovery = 0;
  int64_t reverse_cost = 0;  // label + handling; 0 when not known: the economic test is skipped
  bool brand_registered = false;
  std::string_view currency_code;
};
bool ReturnlessAllowed(const v1::Policy& policy, const ReturnlessCase& c);

}  // namespace aftersales
