// Guards of the commands on a refund: who may do what with it now.
#pragma once

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "aftersales/v1/common.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// Whether a role may pay so much by itself, by the policy's `refund_limits`.
bool WithinLimit(const v1::Policy& policy, v1::Role role, const v1::Money& total);

// What somebody decided on of an order with one more refund: all that they approved, or asked for
// and nobody else approved. A limit that many small refunds could pass would be none; who does not
// say their name may be anybody of their role.
v1::Money DecidedTogether(const v1::Actor& who, const v1::Money& total,
                          std::span<const v1::Refund> refunds_of_order);

// The return whose units a refund of `items` pays for that names none: it wants more units of a
// line than are neither refunded nor in a return, whether that is open, rejected or over. Null
// where it does not. One that was withdrawn or has expired gives its units back.
const v1::Return* ReturnPaidBeside(const v1::Order& order,
                                   std::span<const v1::Return> returns_of_order,
                                   std::span<const v1::Refund> refunds_of_order,
                                   const google::protobuf::RepeatedPtrField<v1::RefundItem>& items);

// FAILED_PRECONDITION `INVALID_STATE`; PERMISSION_DENIED `FOUR_EYES` (the approver asked for it, or
// does not say who they are).
absl::Status CheckApprover(const v1::Refund& state, const v1::Actor& approver);
// Whether the approver may pay so much, with what they decided of the order's other refunds.
// PERMISSION_DENIED `LIMIT_EXCEEDED`.
absl::Status CheckApprovalLimit(const v1::Refund& state, const v1::Policy& policy,
                                const v1::Actor& approver,
                                std::span<const v1::Refund> other_refunds_of_order);
// FAILED_PRECONDITION `INVALID_STATE`; INVALID_ARGUMENT `REASON_REQUIRED`, `TOO_LONG`.
absl::Status CheckCancelRefund(const v1::Refund& state, std::string_view reason);
// FAILED_PRECONDITION `INVALID_STATE`. Money and units are for the quote's guards to check.
absl::Status CheckRetryRefund(const v1::Refund& state);
// FAILED_PRECONDITION `INVALID_STATE`; PERMISSION_DENIED `ROLE_REQUIRED`; INVALID_ARGUMENT
// `REASON_REQUIRED`, `PROOF_REQUIRED`, `TOO_LONG`, `CARD_NUMBER`.
absl::Status CheckReverseRefund(const v1::Refund& state, v1::Role role, std::string_view reason,
                                std::string_view proof);
// FAILED_PRECONDITION `INVALID_STATE`; INVALID_ARGUMENT `PROOF_REQUIRED`, `CARD_NUMBER`,
// `CURRENCY_MISMATCH`, `NEGATIVE_AMOUNT`, `BAD_AMOUNT` (of a difference: the amount is known).
absl::Status CheckSettleRefund(const v1::Refund& state, bool paid, std::string_view proof,
                               const v1::Money* amount);
// What somebody says was paid of what was to be paid at most: more takes a manager or the platform.
// INVALID_ARGUMENT `BAD_AMOUNT`; PERMISSION_DENIED `LIMIT_EXCEEDED` (with `most`).
absl::Status CheckPaidAmount(const v1::Money& paid, const v1::Money& most, v1::Role role,
                             std::string_view field);

}  // namespace aftersales
