#include "core/domain/refund_fold.h"

#include <algorithm>
#include <limits>

#include "core/domain/money.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

bool IsFinal(v1::Refund::Status status) {
  return IsPaid(status) || status == v1::Refund::STATUS_CANCELLED ||
         status == v1::Refund::STATUS_REVERSED;
}

constexpr char kPayTheRest[] =
    "If the buyer is owed the rest, pay it: a refund of the order, with the rest as goodwill";
constexpr char kClaimBack[] = "Claim back what was paid too much";
constexpr char kSayThatItCameBack[] =
    "If it came back, say so with ReverseRefund: then it is owed again";

bool Less(const v1::Money& paid, const v1::Money& asked) {
  return paid.currency_code() == asked.currency_code() && paid.minor_units() < asked.minor_units();
}

// What a person has to see to, where the fact says until when; else it stays a finding alone.
void AskPerson(const google::protobuf::Timestamp& due, std::string title, const char* remedy,
               v1::Refund* state) {
  if (due.seconds() == 0) return;
  v1::ManualAction* action = state->mutable_manual_action();
  action->clear_steps();
  action->set_title(std::move(title));
  action->add_steps("Ask the marketplace or the bank what the buyer got");
  action->add_steps(remedy);
  action->add_steps("Say with SettleRefund what was done, or why nothing is owed");
  *state->mutable_due_at() = due;
}

// Answers false where it is known.
bool AddFinding(v1::Finding::Kind kind, const v1::Event& fact, std::string message,
                v1::Refund* state) {
  for (const v1::Finding& known : state->findings()) {
    if (known.kind() == kind && known.message() == message) return false;
  }
  v1::Finding* finding = state->add_findings();
  finding->set_kind(kind);
  *finding->mutable_found_at() = fact.occurred_at();
  finding->set_message(std::move(message));
  return true;
}

// What a statement says that is not what was paid, or is that once more.
void Mismatched(const v1::Event& fact, v1::Refund* state) {
  const v1::RefundMismatched& body = fact.refund_mismatched();
  const v1::Money& paid = state->has_paid_amount() ? state->paid_amount() : state->total();
  // What goes out is negative there.
  const bool came_back = body.shown().minor_units() > 0;
  const int64_t units = std::max(body.shown().minor_units(), -std::numeric_limits<int64_t>::max());
  const v1::Money shown = money::Make(came_back ? units : -units, body.shown().currency_code());
  const std::string line = body.bank_line().substr(body.bank_line().rfind('/') + 1);
  if (!came_back && shown.minor_units() == paid.minor_units() &&
      shown.currency_code() == paid.currency_code()) {
    if (!AddFinding(v1::Finding::KIND_OVER_REFUNDED, fact,
                    Cat("The statement shows the payment of ", money::Format(paid), " once more (",
                        line, "); look whether the buyer was paid twice."),
                    state) ||
        !IsPaid(state->status())) {
      return;
    }
    AskPerson(body.due_at(),
              Cat("A refund of ", money::Format(paid), " is on the statement more than once"),
              kClaimBack, state);
    return;
  }
  const std::string what =
      came_back ? Cat("that ", money::Format(shown), " came back") : money::Format(shown);
  if (!AddFinding(v1::Finding::KIND_AMOUNT_MISMATCH, fact,
                  Cat(money::Format(paid), " was paid, but the statement shows ", what, " (", line,
                      "); ask the marketplace or the bank. ",
                      came_back ? "If it came back, say so with ReverseRefund."
                                : "If the buyer got less, pay the rest as goodwill of the order."),
                  state) ||
      !IsPaid(state->status())) {
    return;
  }
  AskPerson(body.due_at(), Cat(money::Format(paid), " was refunded, the statement shows ", what),
            came_back           ? kSayThatItCameBack
            : Less(shown, paid) ? kPayTheRest
                                : kClaimBack,
            state);
}

// Nobody has to act any more.
void ForgetPerson(v1::Refund* state) {
  state->clear_manual_action();
  state->clear_due_at();
}

// Whether it may be decided on: it is new, waits for an approval, or failed and is tried again.
bool IsOpen(v1::Refund::Status status) {
  return status == v1::Refund::STATUS_UNSPECIFIED ||
         status == v1::Refund::STATUS_PENDING_APPROVAL || status == v1::Refund::STATUS_FAILED;
}

void Decide(const v1::Refund& decided, v1::Refund::Status status, v1::Refund* state) {
  // What the store keeps beside the fold survives it.
  const v1::Refund before = *state;
  *state = decided;
  state->set_status(status);
  state->clear_failure();
  ForgetPerson(state);
  if (!before.name().empty()) state->set_name(before.name());
  state->set_etag(before.etag());
  if (before.has_create_time()) *state->mutable_create_time() = before.create_time();
  if (before.has_update_time()) *state->mutable_update_time() = before.update_time();
}

// No return asks for the money of one that belongs to none.
void AskToRetry(const google::protobuf::Timestamp& due, v1::Refund* state) {
  v1::ManualAction* action = state->mutable_manual_action();
  action->set_title(Cat("A refund of ", money::Format(state->total()), " for order ",
                        state->order_external_id(), " was not paid"));
  action->add_steps("Look at its `failure` for why");
  action->add_steps("If it is owed, try it again with RetryRefund, or pay another in its place");
  action->add_steps("If it is not, cancel it with CancelRefund");
  *state->mutable_due_at() = due;
}

void Succeed(const v1::Event& fact, v1::Refund* state) {
  const v1::RefundSucceeded& body = fact.refund_succeeded();
  state->set_status(v1::Refund::STATUS_SUCCEEDED);
  if (!body.external_refund_id().empty()) {
    state->set_external_refund_id(body.external_refund_id());
  }
  if (!body.proof().empty()) state->set_proof(body.proof());
  *state->mutable_succeeded_at() = fact.occurred_at();
  *state->mutable_paid_amount() = body.has_amount() ? body.amount() : state->total();
  for (const v1::LedgerEntry& entry : body.ledger()) {
    *state->add_ledger() = entry;
    *state->mutable_ledger(state->ledger_size() - 1)->mutable_occurred_at() = fact.occurred_at();
  }
  state->clear_failure();
  ForgetPerson(state);
  if (!PaidAsAsked(*state)) {
    AddFinding(v1::Finding::KIND_AMOUNT_MISMATCH, fact,
               PaidOtherwise(state->total(), state->paid_amount()), state);
    AskPerson(body.due_at(),
              Cat(money::Format(state->paid_amount()), " was refunded instead of ",
                  money::Format(state->total())),
              Less(state->paid_amount(), state->total()) ? kPayTheRest : kClaimBack, state);
  } else if (body.has_due_at()) {
    AddFinding(v1::Finding::KIND_OVER_REFUNDED, fact,
               "With it more is paid than the order brought in, or units were paid for that were "
               "refunded or exchanged before; look whether the buyer was paid twice.",
               state);
    AskPerson(body.due_at(),
              Cat(money::Format(state->paid_amount()),
                  " was refunded, and the buyer may have had it before"),
              kClaimBack, state);
  }
}

// The payment is told a second time, by who did not know that it was known. Under another id it may
// be another payment, and of another amount one of the two is wrong.
void SucceedAgain(const v1::Event& fact, v1::Refund* state) {
  const v1::RefundSucceeded& body = fact.refund_succeeded();
  const std::string& id = body.external_refund_id();
  if (id.empty()) return;
  if (state->external_refund_id().empty()) {
    state->set_external_refund_id(id);
    return;
  }
  if (id == state->external_refund_id()) {
    if (!body.has_amount() ||
        (body.amount().minor_units() == state->paid_amount().minor_units() &&
         body.amount().currency_code() == state->paid_amount().currency_code()) ||
        !AddFinding(
            v1::Finding::KIND_AMOUNT_MISMATCH, fact,
            Cat(money::Format(state->paid_amount()), " was paid as ", id, ", which is told to be ",
                money::Format(body.amount()), "; ask the marketplace what the buyer got."),
            state)) {
      return;
    }
    AskPerson(body.due_at(),
              Cat(money::Format(state->paid_amount()), " was refunded, which is told to be ",
                  money::Format(body.amount())),
              Less(body.amount(), state->paid_amount()) ? kPayTheRest : kClaimBack, state);
    return;
  }
  v1::Finding* finding = state->add_findings();
  finding->set_kind(v1::Finding::KIND_OVER_REFUNDED);
  *finding->mutable_found_at() = fact.occurred_at();
  finding->set_message(Cat("It was paid as ", state->external_refund_id(),
                           " and is told to be paid as ", id,
                           "; look whether the buyer was paid twice."));
  AskPerson(body.due_at(),
            Cat("A refund of ", money::Format(state->paid_amount()), " is told to be paid twice"),
            kClaimBack, state);
}

// What its payment cost is given back with it.
void ReverseCosts(const v1::Event& fact, v1::Refund* state) {
  const auto booked = state->ledger();
  for (const v1::LedgerEntry& entry : booked) {
    v1::LedgerEntry* reversal = state->add_ledger();
    reversal->set_kind(entry.kind());
    *reversal->mutable_amount() =
        money::Make(-entry.amount().minor_units(), entry.amount().currency_code());
    reversal->set_formula("reversal");
    *reversal->mutable_occurred_at() = fact.occurred_at();
    v1::LedgerEntry::Input* input = reversal->add_inputs();
    input->set_name("booked");
    input->set_value(entry.amount().minor_units());
  }
}

}  // namespace

bool IsPaid(v1::Refund::Status status) {
  return status == v1::Refund::STATUS_SUCCEEDED || status == v1::Refund::STATUS_RECONCILED;
}

bool AwaitsPerson(const v1::Refund& refund) {
  return refund.has_manual_action() &&
         (refund.status() == v1::Refund::STATUS_APPROVED || IsPaid(refund.status()));
}

bool AwaitsRetry(const v1::Refund& refund) {
  return refund.status() == v1::Refund::STATUS_FAILED && refund.has_due_at();
}

bool AwaitsSettlement(const v1::Refund& refund) {
  return IsPaid(refund.status()) && AwaitsPerson(refund);
}

bool PaidAsAsked(const v1::Refund& refund) {
  return !refund.has_paid_amount() ||
         (refund.paid_amount().minor_units() == refund.total().minor_units() &&
          refund.paid_amount().currency_code() == refund.total().currency_code());
}

std::string PaidOtherwise(const v1::Money& asked, const v1::Money& paid) {
  const bool less =
      paid.currency_code() == asked.currency_code() && paid.minor_units() < asked.minor_units();
  return Cat("The refund was to be ", money::Format(asked), " but ", money::Format(paid),
             " was paid; ",
             less ? "pay the rest as goodwill of the order, if it is owed."
                  : "claim back what was paid too much.");
}

int64_t HeldUnits(const v1::Refund& refund) {
  if (!HoldsMoney(refund.status())) return 0;
  return (IsPaid(refund.status()) && refund.has_paid_amount() ? refund.paid_amount()
                                                              : refund.total())
      .minor_units();
}

void ApplyRefundFact(const v1::Event& fact, v1::Refund* state) {
  switch (fact.body_case()) {
    case v1::Event::kRefundRequested:
      if (state->status() != v1::Refund::STATUS_UNSPECIFIED) return;
      Decide(fact.refund_requested().refund(), v1::Refund::STATUS_PENDING_APPROVAL, state);
      *state->mutable_due_at() = fact.refund_requested().due_at();
      return;
    case v1::Event::kRefundApproved:
      if (IsOpen(state->status())) {
        Decide(fact.refund_approved().refund(), v1::Refund::STATUS_APPROVED, state);
      }
      return;
    case v1::Event::kRefundReversed:
      if (!IsPaid(state->status())) return;
      state->set_status(v1::Refund::STATUS_REVERSED);
      state->set_reversal_reason(fact.refund_reversed().reason());
      *state->mutable_reversed_at() = fact.occurred_at();
      ForgetPerson(state);
      ReverseCosts(fact, state);
      return;
    case v1::Event::kInvariantBroken: {
      v1::Finding* finding = state->add_findings();
      finding->set_kind(fact.invariant_broken().invariant() == kCapturedCoversRefunds
                            ? v1::Finding::KIND_OVER_REFUNDED
                            : v1::Finding::KIND_INVARIANT_BROKEN);
      finding->set_message(fact.invariant_broken().message());
      *finding->mutable_found_at() = fact.occurred_at();
      return;
    }
    case v1::Event::kRefundReconciled:
      // Of one that came back the statement may show the payment all the same.
      if (!IsPaid(state->status()) && state->status() != v1::Refund::STATUS_REVERSED) return;
      if (IsPaid(state->status())) state->set_status(v1::Refund::STATUS_RECONCILED);
      state->set_bank_line(fact.refund_reconciled().bank_line());
      *state->mutable_reconciled_at() = fact.occurred_at();
      return;
    case v1::Event::kRefundUnreconciled:
      if (state->bank_line() != fact.refund_unreconciled().bank_line()) return;
      if (IsPaid(state->status())) state->set_status(v1::Refund::STATUS_SUCCEEDED);
      state->clear_bank_line();
      state->clear_reconciled_at();
      return;
    case v1::Event::kRefundMismatched:
      Mismatched(fact, state);
      return;
    case v1::Event::kRefundDifferenceSettled:
      if (AwaitsRetry(*state)) ForgetPerson(state);
      if (!AwaitsSettlement(*state)) return;
      state->set_difference_proof(fact.refund_difference_settled().proof());
      ForgetPerson(state);
      return;
    case v1::Event::kRefundSucceeded:
      // A proof of payment overturns a failure and an unknown outcome, but nothing final.
      if (IsPaid(state->status())) {
        SucceedAgain(fact, state);
      } else if (!IsFinal(state->status())) {
        Succeed(fact, state);
      }
      return;
    default:
      break;
  }
  if (IsFinal(state->status())) return;
  switch (fact.body_case()) {
    case v1::Event::kRefundSubmitted:
      // A new try of a failed refund reserves its money again.
      if (AwaitsRetry(*state)) ForgetPerson(state);
      state->set_status(v1::Refund::STATUS_SUBMITTED);
      state->clear_failure();
      return;
    case v1::Event::kRefundAwaitsPerson:
      // Nothing was handed over after all: the plugin said that a person has to do it.
      state->set_status(v1::Refund::STATUS_APPROVED);
      *state->mutable_manual_action() = fact.refund_awaits_person().action();
      *state->mutable_due_at() = fact.refund_awaits_person().due_at();
      return;
    case v1::Event::kRefundFailed:
      state->set_status(v1::Refund::STATUS_FAILED);
      state->set_failure(fact.refund_failed().reason());
      ForgetPerson(state);
      if (fact.refund_failed().has_due_at()) AskToRetry(fact.refund_failed().due_at(), state);
      return;
    case v1::Event::kRefundOutcomeUnknown:
      state->set_status(v1::Refund::STATUS_UNKNOWN);
      state->set_failure(fact.refund_outcome_unknown().reason());
      *state->mutable_due_at() = fact.refund_outcome_unknown().due_at();
      return;
    case v1::Event::kRefundCancelled:
      // Only what was never handed over can be taken back.
      if (state->status() == v1::Refund::STATUS_APPROVED ||
          state->status() == v1::Refund::STATUS_PENDING_APPROVAL ||
          state->status() == v1::Refund::STATUS_FAILED) {
        state->set_status(v1::Refund::STATUS_CANCELLED);
        ForgetPerson(state);
      }
      return;
    default:
      return;
  }
}

bool HoldsMoney(v1::Refund::Status status) {
  switch (status) {
    case v1::Refund::STATUS_PENDING_APPROVAL:
    case v1::Refund::STATUS_APPROVED:
    case v1::Refund::STATUS_SUBMITTED:
    case v1::Refund::STATUS_UNKNOWN:
    case v1::Refund::STATUS_SUCCEEDED:
    case v1::Refund::STATUS_RECONCILED:
      return true;
    default:
      return false;
  }
}

}  // namespace aftersales
