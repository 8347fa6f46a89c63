#include "core/domain/exchange_fold.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "absl/numeric/int128.h"
#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using Status = v1::Exchange::Status;

const v1::Deadline* Earliest(const v1::Exchange& state,
                             std::initializer_list<v1::Deadline::Kind> kinds) {
  const v1::Deadline* earliest = nullptr;
  for (const v1::Deadline::Kind kind : kinds) {
    const v1::Deadline* open = OpenDeadline(state.deadlines(), kind);
    if (open == nullptr) continue;
    if (earliest == nullptr ||
        calendar::FromProto(open->due_at()) < calendar::FromProto(earliest->due_at())) {
      earliest = open;
    }
  }
  return earliest;
}

// Whether the buyer chose, and what was chosen stands.
bool IsAgreed(Status status) {
  return status == v1::Exchange::STATUS_ACCEPTED || KeepsStock(status) || IsOut(status) ||
         status == v1::Exchange::STATUS_COMPLETED;
}

bool IsUndecided(Status status) {
  return AwaitsChoice(status) || status == v1::Exchange::STATUS_OUT_OF_STOCK ||
         status == v1::Exchange::STATUS_UNSPECIFIED;
}

bool MayCancel(Status status) {
  return AwaitsChoice(status) || status == v1::Exchange::STATUS_ACCEPTED || KeepsStock(status);
}

int64_t Saturate(absl::int128 value) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (value > kMost) return kMost;
  if (value < -absl::int128(kMost)) return -kMost;
  return static_cast<int64_t>(value);
}

// Applies one fact to a state. Lives for that one fact.
class Fold {
 public:
  Fold(const v1::Event& fact, const v1::Policy& policy, v1::Exchange* state)
      : fact_(fact),
        policy_(policy),
        state_(*state),
        at_(calendar::FromProto(fact.occurred_at())) {}

  void Apply() {
    if (fact_.body_case() == v1::Event::kExchangeOffered) {
      Offered(fact_.exchange_offered().exchange());
      return;
    }
    if (state_.status() == v1::Exchange::STATUS_UNSPECIFIED || !Take()) return;
    Settle();
  }

 private:
  void Offered(const v1::Exchange& offered) {
    if (state_.status() != v1::Exchange::STATUS_UNSPECIFIED) return;
    state_ = offered;
    state_.clear_deadlines();
    AwaitChoice(v1::Exchange::STATUS_OFFERED);
    SetBalance(0);
  }

  // False where the state does not allow the fact.
  bool Take() {
    switch (fact_.body_case()) {
      case v1::Event::kExchangeAccepted:
        return Accepted(fact_.exchange_accepted().offer_id());
      case v1::Event::kExchangeDeclined:
        return AwaitsChoice(state_.status()) &&
               End(v1::Exchange::STATUS_DECLINED, fact_.exchange_declined().reason());
      case v1::Event::kExchangeExpired:
        return AwaitsChoice(state_.status()) && End(v1::Exchange::STATUS_EXPIRED, state_.reason());
      case v1::Event::kExchangeReserved:
        return Reserved(fact_.exchange_reserved().reservation());
      case v1::Event::kExchangeReservationExpired:
        return ReservationExpired();
      case v1::Event::kExchangeOutOfStock:
        return OutOfStock();
      case v1::Event::kExchangeConverted:
        return Converted(fact_.exchange_converted());
      case v1::Event::kExchangeReoffered:
        return Reoffered(fact_.exchange_reoffered());
      case v1::Event::kExchangePaymentRecorded:
        return Paid(fact_.exchange_payment_recorded().payment());
      case v1::Event::kExchangeGoodsCounted:
        Counted(fact_.exchange_goods_counted());
        return true;
      case v1::Event::kExchangeShipped:
        return Shipped(fact_.exchange_shipped());
      case v1::Event::kExchangeDelivered:
        return Delivered();
      case v1::Event::kExchangeReturnOverdue:
        return Overdue(fact_.exchange_return_overdue());
      case v1::Event::kExchangeCompleted:
        return Completed(fact_.exchange_completed());
      case v1::Event::kExchangeCancelled:
        return MayCancel(state_.status()) &&
               End(v1::Exchange::STATUS_CANCELLED, fact_.exchange_cancelled().reason());
      case v1::Event::kExchangeRefundLinked:
        Linked(fact_.exchange_refund_linked());
        return true;
      default:
        return false;  // a fact of another subject
    }
  }

  // ---- the buyer ----------------------------------------------------------------------------

  void AwaitChoice(Status status) {
    state_.set_status(status);
    absl::Time due = at_;
    for (const v1::ExchangeOffer& offer : state_.offers()) {
      due = std::max(due, calendar::FromProto(offer.expires_at()));
    }
    Start(v1::Deadline::KIND_EXCHANGE_OFFER, due);
  }

  bool Accepted(const std::string& offer_id) {
    if (!AwaitsChoice(state_.status())) return false;
    state_.set_chosen_offer_id(offer_id);
    const v1::ExchangeOffer* offer = ChosenOffer(state_);
    if (offer == nullptr) {
      state_.clear_chosen_offer_id();
      return false;
    }
    *state_.mutable_price_difference() = offer->price_difference();
    Meet(v1::Deadline::KIND_EXCHANGE_OFFER);
    AwaitStock();
    return true;
  }

  // Ends it with nothing sent.
  bool End(Status status, const std::string& reason) {
    state_.set_status(status);
    state_.set_reason(reason);
    state_.clear_reservation();
    if (status == v1::Exchange::STATUS_DECLINED) Meet(v1::Deadline::KIND_EXCHANGE_OFFER);
    CancelAll();
    return true;
  }

  // ---- stock --------------------------------------------------------------------------------

  void AwaitStock() {
    state_.set_status(v1::Exchange::STATUS_ACCEPTED);
    state_.clear_reservation();
    Start(v1::Deadline::KIND_EXCHANGE_RESERVE, ActionDue());
  }

  bool Reserved(const v1::StockReservation& reservation) {
    if (state_.status() != v1::Exchange::STATUS_ACCEPTED) return false;
    *state_.mutable_reservation() = reservation;
    // What is missing yet follows from money and goods.
    state_.set_status(v1::Exchange::STATUS_RESERVED);
    Meet(v1::Deadline::KIND_EXCHANGE_RESERVE);
    Start(v1::Deadline::KIND_EXCHANGE_RESERVATION, calendar::FromProto(reservation.until()));
    return true;
  }

  bool ReservationExpired() {
    if (!KeepsStock(state_.status())) return false;
    Cancel(v1::Deadline::KIND_EXCHANGE_RESERVATION);
    AwaitStock();
    return true;
  }

  bool OutOfStock() {
    if (state_.status() != v1::Exchange::STATUS_ACCEPTED) return false;
    state_.set_status(v1::Exchange::STATUS_OUT_OF_STOCK);
    Meet(v1::Deadline::KIND_EXCHANGE_RESERVE);
    return true;
  }

  bool Converted(const v1::ExchangeConverted& body) {
    if (state_.status() != v1::Exchange::STATUS_OUT_OF_STOCK) return false;
    End(v1::Exchange::STATUS_CONVERTED_TO_REFUND, "OUT_OF_STOCK");
    *state_.mutable_refund_spec() = body.refund_spec();
    if (body.has_refund_quote()) *state_.mutable_refund_quote() = body.refund_quote();
    if (!body.not_quoted().empty()) {
      Find(v1::Finding::KIND_EXCHANGE_UNPAID,
           Cat("The refund could not be quoted: ", body.not_quoted()));
    }
    return true;
  }

  bool Reoffered(const v1::ExchangeReoffered& body) {
    if (state_.status() != v1::Exchange::STATUS_OUT_OF_STOCK) return false;
    *state_.mutable_offers() = body.offers();
    // Who names a price decides on what it leaves over.
    *state_.mutable_requested_by() = fact_.actor();
    state_.clear_chosen_offer_id();
    state_.clear_price_difference();
    AwaitChoice(v1::Exchange::STATUS_REOFFERED);
    return true;
  }

  // ---- goods --------------------------------------------------------------------------------

  void Counted(const v1::ExchangeGoodsCounted& body) {
    if (body.quantity_returned() < state_.quantity_returned()) {
      Find(v1::Finding::KIND_EXCHANGE_WRONG_GOODS,
           Cat("Of ", state_.quantity_returned(), " units that came back for it ",
               body.quantity_returned(),
               " are left: the others were refunded, or are not what was sold. Look at the "
               "return."));
    }
    state_.set_quantity_returned(body.quantity_returned());
    state_.set_quantity_accepted(body.quantity_accepted());
  }

  bool Shipped(const v1::ExchangeShipped& body) {
    if (state_.status() != v1::Exchange::STATUS_RESERVED) return false;
    state_.set_status(v1::Exchange::STATUS_SHIPPED);
    *state_.mutable_shipment() = body.shipment();
    state_.set_replacement_order(body.replacement_order());
    state_.clear_reservation();
    Meet(v1::Deadline::KIND_EXCHANGE_SHIP);
    Meet(v1::Deadline::KIND_EXCHANGE_RESERVATION);
    CancelAll();
    if (body.has_return_due_at()) {
      Start(v1::Deadline::KIND_EXCHANGE_RETURN, calendar::FromProto(body.return_due_at()));
    }
    if (!body.difference_not_refunded().empty()) {
      Find(v1::Finding::KIND_EXCHANGE_UNPAID,
           Cat("What the replacement left over was not handed over as a refund, so it is yours to "
               "pay: ",
               body.difference_not_refunded()));
    }
    return true;
  }

  bool Delivered() {
    if (!IsOut(state_.status()) && state_.status() != v1::Exchange::STATUS_COMPLETED) return false;
    if (state_.shipment().has_delivered_at()) return false;
    *state_.mutable_shipment()->mutable_delivered_at() = fact_.occurred_at();
    if (state_.status() == v1::Exchange::STATUS_SHIPPED) {
      state_.set_status(v1::Exchange::STATUS_DELIVERED);
    }
    return true;
  }

  bool Overdue(const v1::ExchangeReturnOverdue& body) {
    if (state_.status() != v1::Exchange::STATUS_SHIPPED &&
        state_.status() != v1::Exchange::STATUS_DELIVERED) {
      return false;
    }
    if (GoodsAreBack(state_)) return true;
    state_.set_status(v1::Exchange::STATUS_RETURN_OVERDUE);
    Cancel(v1::Deadline::KIND_EXCHANGE_RETURN);
    if (body.has_charge()) *state_.mutable_overdue_charge() = body.charge();
    Find(v1::Finding::KIND_EXCHANGE_RETURN_OVERDUE,
         Cat("The replacement was sent and ", UnitsOfExchange(state_) - state_.quantity_returned(),
             " returned units are not back. ",
             body.has_charge()
                 ? Cat("Charge the buyer ", money::Format(body.charge()), ", or waive them.")
                 : std::string("Claim them from the marketplace, or waive them.")));
    Start(v1::Deadline::KIND_EXCHANGE_OVERDUE, ActionDue());
    return true;
  }

  // ---- money --------------------------------------------------------------------------------

  // Nothing is paid to the buyer before the replacement is out, or nothing is sent at all.
  bool Paid(const v1::ExchangePayment& payment) {
    const bool waits = IsUndecided(state_.status()) || MayCancel(state_.status());
    if (waits && payment.direction() == v1::ExchangePayment::DIRECTION_TO_BUYER) return false;
    *state_.add_payments() = payment;
    return true;
  }

  void Linked(const v1::ExchangeRefundLinked& body) {
    if (body.difference()) {
      state_.set_difference_refund(body.refund());
    } else {
      state_.set_refund(body.refund());
    }
  }

  void SetBalance(int64_t units) {
    *state_.mutable_balance() = money::Make(units, state_.returned_value().currency_code());
  }

  // What is due less what was paid. While the buyer has not chosen, nothing is: what was paid is
  // kept for the next choice.
  void Rebalance() {
    if (IsUndecided(state_.status())) {
      SetBalance(0);
      return;
    }
    absl::int128 open = 0;
    if (IsAgreed(state_.status())) {
      open += state_.price_difference().minor_units();
      open += state_.overdue_charge().minor_units();
    }
    for (const v1::ExchangePayment& payment : state_.payments()) {
      const absl::int128 amount = payment.amount().minor_units();
      open -= payment.direction() == v1::ExchangePayment::DIRECTION_FROM_BUYER ? amount : -amount;
    }
    SetBalance(Saturate(open));
  }

  // ---- the end ------------------------------------------------------------------------------

  bool Completed(const v1::ExchangeCompleted& body) {
    if (!IsOut(state_.status())) return false;
    if (!body.waiver_reason().empty()) {
      state_.set_waiver_reason(body.waiver_reason());
      state_.clear_overdue_charge();
    }
    Complete();
    return true;
  }

  void Complete() {
    state_.set_status(v1::Exchange::STATUS_COMPLETED);
    if (GoodsAreBack(state_)) Meet(v1::Deadline::KIND_EXCHANGE_RETURN);
    Meet(v1::Deadline::KIND_EXCHANGE_OVERDUE);
    CancelAll();
  }

  // ---- what follows -------------------------------------------------------------------------

  void Settle() {
    GoodsCame();
    Rebalance();
    if (KeepsStock(state_.status())) {
      state_.set_status(state_.balance().minor_units() > 0 ? v1::Exchange::STATUS_AWAITING_PAYMENT
                        : state_.mode() != v1::Exchange::MODE_SHIP_FIRST && !GoodsAreBack(state_)
                            ? v1::Exchange::STATUS_AWAITING_RETURN
                            : v1::Exchange::STATUS_RESERVED);
    }
    if (state_.status() == v1::Exchange::STATUS_DELIVERED && GoodsAreAccepted(state_) &&
        state_.balance().minor_units() == 0) {
      Complete();
    }
    Keep(v1::Deadline::KIND_EXCHANGE_SHIP, state_.status() == v1::Exchange::STATUS_RESERVED);
    Keep(v1::Deadline::KIND_EXCHANGE_PAYMENT, IsPaymentDue());
    Keep(v1::Deadline::KIND_EXCHANGE_REFUND,
         state_.status() == v1::Exchange::STATUS_CONVERTED_TO_REFUND && state_.refund().empty());
  }

  // Late goods are as good as any, and what was charged for them is owed back.
  void GoodsCame() {
    if (!IsOut(state_.status()) && state_.status() != v1::Exchange::STATUS_COMPLETED) return;
    if (GoodsAreBack(state_)) {
      Meet(v1::Deadline::KIND_EXCHANGE_RETURN);
      Meet(v1::Deadline::KIND_EXCHANGE_OVERDUE);
      state_.clear_overdue_charge();
      if (state_.status() == v1::Exchange::STATUS_RETURN_OVERDUE) {
        state_.set_status(state_.shipment().has_delivered_at() ? v1::Exchange::STATUS_DELIVERED
                                                               : v1::Exchange::STATUS_SHIPPED);
      }
    } else if ((state_.status() == v1::Exchange::STATUS_SHIPPED ||
                state_.status() == v1::Exchange::STATUS_DELIVERED) &&
               OpenDeadline(state_.deadlines(), v1::Deadline::KIND_EXCHANGE_RETURN) == nullptr) {
      // They were there when it was shipped, and turned out to be something else.
      Start(v1::Deadline::KIND_EXCHANGE_RETURN, at_);
    }
  }

  // Before it is shipped the buyer's part is waited for; from then on, or once nothing is sent, the
  // rest either way. A refund that is under way pays by itself, and what is overdue has a deadline
  // of its own.
  bool IsPaymentDue() const {
    const int64_t open = state_.balance().minor_units();
    if (open == 0 || IsUndecided(state_.status())) return false;
    if (state_.status() == v1::Exchange::STATUS_ACCEPTED || KeepsStock(state_.status())) {
      return open > 0;
    }
    if (open > 0) return state_.status() != v1::Exchange::STATUS_RETURN_OVERDUE;
    return state_.difference_refund().empty();
  }

  absl::Time ActionDue() const { return at_ + absl::Hours(policy_.exchange_action_hours()); }

  // Starts a deadline of a person when it is first needed, and ends it when it no longer is.
  void Keep(v1::Deadline::Kind kind, bool needed) {
    if (!needed) {
      Meet(kind);
    } else if (OpenDeadline(state_.deadlines(), kind) == nullptr) {
      Start(kind, ActionDue());
    }
  }
  void Start(v1::Deadline::Kind kind, absl::Time due) {
    StartDeadline(state_.mutable_deadlines(), kind, at_, due);
  }
  void Meet(v1::Deadline::Kind kind) { MeetDeadline(state_.mutable_deadlines(), kind, at_); }
  void Cancel(v1::Deadline::Kind kind) { CancelDeadline(state_.mutable_deadlines(), kind); }
  void CancelAll() {
    for (v1::Deadline& deadline : *state_.mutable_deadlines()) {
      if (deadline.state() == v1::Deadline::STATE_RUNNING) {
        deadline.set_state(v1::Deadline::STATE_CANCELLED);
      }
    }
  }

  void Find(v1::Finding::Kind kind, std::string message) {
    v1::Finding* finding = state_.add_findings();
    finding->set_kind(kind);
    finding->set_message(std::move(message));
    *finding->mutable_found_at() = fact_.occurred_at();
  }

  const v1::Event& fact_;
  const v1::Policy& policy_;
  v1::Exchange& state_;
  const absl::Time at_;
};

}  // namespace

void ApplyExchangeFact(const v1::Event& fact, const v1::Policy& policy, v1::Exchange* state) {
  Fold(fact, policy, state).Apply();
}

bool KeepsStock(v1::Exchange::Status status) {
  return status == v1::Exchange::STATUS_RESERVED ||
         status == v1::Exchange::STATUS_AWAITING_RETURN ||
         status == v1::Exchange::STATUS_AWAITING_PAYMENT;
}

bool AwaitsChoice(v1::Exchange::Status status) {
  return status == v1::Exchange::STATUS_OFFERED || status == v1::Exchange::STATUS_REOFFERED;
}

bool IsOut(v1::Exchange::Status status) {
  return status == v1::Exchange::STATUS_SHIPPED || status == v1::Exchange::STATUS_DELIVERED ||
         status == v1::Exchange::STATUS_RETURN_OVERDUE;
}

const v1::Deadline* NextForPerson(const v1::Exchange& state) {
  return Earliest(state,
                  {v1::Deadline::KIND_EXCHANGE_OFFER, v1::Deadline::KIND_EXCHANGE_RESERVE,
                   v1::Deadline::KIND_EXCHANGE_SHIP, v1::Deadline::KIND_EXCHANGE_PAYMENT,
                   v1::Deadline::KIND_EXCHANGE_RESERVATION, v1::Deadline::KIND_EXCHANGE_RETURN,
                   v1::Deadline::KIND_EXCHANGE_OVERDUE, v1::Deadline::KIND_EXCHANGE_REFUND});
}

const v1::Deadline* NextForClock(const v1::Exchange& state) {
  return Earliest(state,
                  {v1::Deadline::KIND_EXCHANGE_OFFER, v1::Deadline::KIND_EXCHANGE_RESERVATION,
                   v1::Deadline::KIND_EXCHANGE_RETURN});
}

void PresentDeadlines(absl::Time now, v1::Exchange* state) {
  PresentDeadlines(now, state->mutable_deadlines());
}

}  // namespace aftersales
