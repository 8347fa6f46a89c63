#include "core/domain/refund_guards.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/domain/card_number.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/return_items.h"
#include "core/domain/roles.h"
#include "core/domain/stated_reason.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

absl::Status InvalidState(const v1::Refund& state, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                Cat("the refund is ", StatusName(state.status()), "; ", what))
      .With("state", StatusName(state.status()));
}

absl::Status CheckProof(std::string_view proof, std::string_view what) {
  if (proof.empty() || proof.size() > kMaxReason) {
    return InvalidField("proof", "PROOF_REQUIRED", Cat(what, "; at most ", kMaxReason, " bytes"));
  }
  if (!HoldsCardNumber(proof)) return absl::OkStatus();
  return InvalidField("proof", "CARD_NUMBER",
                      "this looks like the number of a payment card, which is never kept; give the "
                      "payment's own reference");
}

// What was paid is known; that it is another amount is what was seen to.
absl::Status CheckSettleDifference(const v1::Refund& state, bool paid, const v1::Money* amount) {
  if (!paid) {
    return InvalidState(
        state,
        "it was paid, so say what was done about the difference, with `paid`; money "
        "that came back is for ReverseRefund");
  }
  if (amount == nullptr || (amount->minor_units() == state.paid_amount().minor_units() &&
                            amount->currency_code() == state.paid_amount().currency_code())) {
    return absl::OkStatus();
  }
  return InvalidField("amount", "BAD_AMOUNT",
                      Cat(money::Format(state.paid_amount()),
                          " was paid, which stays as it is; leave it out, and refund a rest as "
                          "goodwill of the order"));
}

}  // namespace

bool WithinLimit(const v1::Policy& policy, v1::Role role, const v1::Money& total) {
  const auto limit = std::find_if(policy.refund_limits().begin(), policy.refund_limits().end(),
                                  [role](const v1::RefundLimit& of) { return of.role() == role; });
  if (limit == policy.refund_limits().end()) return true;
  const auto most = limit->max_minor_units().find(total.currency_code());
  return most != limit->max_minor_units().end() && total.minor_units() <= most->second;
}

v1::Money DecidedTogether(const v1::Actor& who, const v1::Money& total,
                          std::span<const v1::Refund> refunds_of_order) {
  v1::Money sum = total;
  for (const v1::Refund& refund : refunds_of_order) {
    if (!HoldsMoney(refund.status()) || refund.status() == v1::Refund::STATUS_PENDING_APPROVAL) {
      continue;
    }
    const v1::Actor& decider =
        refund.has_approved_by() ? refund.approved_by() : refund.requested_by();
    const bool same = who.id().empty() || decider.id().empty() || SamePerson(decider, who);
    if (decider.role() != who.role() || !same) continue;
    // Another currency is a finding, and never added.
    const auto added =
        money::Add(sum, refund.has_paid_amount() ? refund.paid_amount() : refund.total());
    if (added.ok()) sum = *added;
  }
  return sum;
}

const v1::Return* ReturnPaidBeside(
    const v1::Order& order, std::span<const v1::Return> returns_of_order,
    std::span<const v1::Refund> refunds_of_order,
    const google::protobuf::RepeatedPtrField<v1::RefundItem>& items) {
  for (const v1::OrderLine& line : order.lines()) {
    int64_t wanted = 0;
    for (const v1::RefundItem& item : items) {
      if (item.line_id() == line.line_id()) wanted += item.quantity();
    }
    if (wanted == 0) continue;
    int64_t free = line.quantity() - UnitsRefundedOrReserved(refunds_of_order, line.line_id());
    const v1::Return* holder = nullptr;
    for (const v1::Return& state : returns_of_order) {
      if (state.status() == v1::Return::STATUS_CANCELLED ||
          state.status() == v1::Return::STATUS_EXPIRED) {
        continue;
      }
      std::vector<v1::Refund> own;
      std::copy_if(refunds_of_order.begin(), refunds_of_order.end(), std::back_inserter(own),
                   [&](const v1::Refund& of) { return of.return_name() == state.name(); });
      for (const v1::ReturnItem& item : state.items()) {
        if (OrderLineOf(order, item) != &line) continue;
        const int64_t given =
            std::max(item.quantity_refunded(), UnitsRefundedOrReserved(own, line.line_id()));
        const int64_t held =
            std::max<int64_t>(0, std::max(item.quantity_requested(), item.quantity_approved()) -
                                     given - item.quantity_exchanged());
        if (held > 0 && holder == nullptr) holder = &state;
        free -= held + item.quantity_exchanged();
      }
    }
    if (holder != nullptr && wanted > free) return holder;
  }
  return nullptr;
}

absl::Status CheckApprover(const v1::Refund& state, const v1::Actor& approver) {
  if (state.status() != v1::Refund::STATUS_PENDING_APPROVAL) {
    return InvalidState(state, "only one that is PENDING_APPROVAL can be approved");
  }
  if (approver.id().empty()) {
    return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                  "an approval takes a second person, so say who you are: send the metadata "
                  "aftersales-actor as role and name, such as manager:mia");
  }
  if (state.requested_by().id().empty() && approver.role() == state.requested_by().role()) {
    return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                  "who asked for it did not say their name, so it may have been anybody in your "
                  "role; ask somebody in another, such as a manager");
  }
  if (SamePerson(approver, state.requested_by())) {
    return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                  "who asked for a refund cannot approve it; ask somebody else");
  }
  return absl::OkStatus();
}

absl::Status CheckApprovalLimit(const v1::Refund& state, const v1::Policy& policy,
                                const v1::Actor& approver,
                                std::span<const v1::Refund> other_refunds_of_order) {
  const v1::Money together = DecidedTogether(approver, state.total(), other_refunds_of_order);
  if (WithinLimit(policy, approver.role(), together)) return absl::OkStatus();
  return Refuse(
      absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
      Cat(money::Format(together),
          " of one order is more than your role may pay; ask somebody with a higher limit, such "
          "as a manager"));
}

absl::Status CheckCancelRefund(const v1::Refund& state, std::string_view reason) {
  switch (state.status()) {
    case v1::Refund::STATUS_PENDING_APPROVAL:
    case v1::Refund::STATUS_APPROVED:
    case v1::Refund::STATUS_FAILED:
      return CheckReason(reason);
    default:
      return InvalidState(state,
                          "only one that was not handed over can be cancelled: PENDING_APPROVAL, "
                          "APPROVED or FAILED");
  }
}

absl::Status CheckRetryRefund(const v1::Refund& state) {
  if (state.status() == v1::Refund::STATUS_FAILED) return absl::OkStatus();
  return InvalidState(state, "only one that FAILED can be tried again");
}

absl::Status CheckReverseRefund(const v1::Refund& state, v1::Role role, std::string_view reason,
                                std::string_view proof) {
  if (role != v1::ROLE_MANAGER && role != v1::ROLE_PLATFORM) {
    return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                  "that money came back is for a manager or the platform to say");
  }
  if (!IsPaid(state.status())) {
    return InvalidState(state, "only one that was paid can come back");
  }
  if (absl::Status s = CheckReason(reason); !s.ok()) return s;
  return CheckProof(proof, "the statement line or the marketplace's id of the reversal");
}

absl::Status CheckSettleRefund(const v1::Refund& state, bool paid, std::string_view proof,
                               const v1::Money* amount) {
  if (absl::Status s = CheckProof(proof, "the reference of the payment, or why it was not made");
      !s.ok()) {
    return s;
  }
  if (AwaitsSettlement(state)) return CheckSettleDifference(state, paid, amount);
  if (!AwaitsPerson(state) && state.status() != v1::Refund::STATUS_UNKNOWN) {
    return InvalidState(state,
                        "only one of unknown outcome, that a person has to pay, or that was paid "
                        "otherwise than asked, can be settled");
  }
  if (amount == nullptr) return absl::OkStatus();
  if (amount->currency_code() != state.total().currency_code()) {
    return InvalidField("amount.currency_code", "CURRENCY_MISMATCH",
                        Cat("the refund is in ", state.total().currency_code()));
  }
  if (amount->minor_units() <= 0) {
    return InvalidField("amount.minor_units", "NEGATIVE_AMOUNT", "say what was paid, above 0");
  }
  return absl::OkStatus();
}

absl::Status CheckPaidAmount(const v1::Money& paid, const v1::Money& most, v1::Role role,
                             std::string_view field) {
  if (paid.minor_units() > money::kMaxMinorUnits) {
    return InvalidField(Cat(field, ".minor_units"), "BAD_AMOUNT",
                        Cat(money::Format(paid), " is more than anybody refunds"));
  }
  const bool bound = role != v1::ROLE_MANAGER && role != v1::ROLE_PLATFORM;
  if (!bound || paid.minor_units() <= most.minor_units()) return absl::OkStatus();
  return Refuse(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
                Cat(money::Format(paid), " is more than the ", money::Format(most),
                    " that was to be paid at most; have a manager say so, if it was paid"))
      .Field(field, "what the proof shows was paid")
      .With("most", most.minor_units())
      .With("currency_code", most.currency_code());
}

}  // namespace aftersales
