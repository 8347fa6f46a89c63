#include "core/domain/return_fold.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "core/domain/calendar.h"
#include "core/domain/costs.h"
#include "core/domain/deadlines.h"
#include "core/domain/money.h"
#include "core/domain/policy_book.h"
#include "core/domain/reasons.h"
#include "core/domain/refund_fold.h"
#include "core/domain/return_items.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using Status = v1::Return::Status;

// The time that a person has at least to repeat a decision at the marketplace.
constexpr absl::Duration kManualActionTime = absl::Hours(24);

bool IsInspectedGood(v1::Condition condition) {
  return condition == v1::CONDITION_NEW || condition == v1::CONDITION_OPENED;
}

int64_t Inspected(const v1::ReturnItem& item) {
  return int64_t{item.quantity_accepted()} + item.quantity_damaged() + item.quantity_wrong();
}

// Counts come from outside: they stop at the greatest number instead of going round.
int32_t Plus(int32_t count, int32_t more) {
  return static_cast<int32_t>(
      std::min<int64_t>(int64_t{count} + more, std::numeric_limits<int32_t>::max()));
}

template <typename Count>
int64_t Total(const v1::Return& state, Count count) {
  int64_t total = 0;
  for (const v1::ReturnItem& item : state.items()) total += count(item);
  return total;
}

bool AllRefunded(const v1::Return& state) {
  return std::all_of(state.items().begin(), state.items().end(),
                     [&](const v1::ReturnItem& item) { return UnitsDue(state, item) == 0; });
}

// Whether units are there that were not looked at yet, and for which something may be due once they
// are.
bool MayBeOwed(const v1::Return& state) {
  return std::any_of(state.items().begin(), state.items().end(), [&](const v1::ReturnItem& item) {
    if (item.quantity_received() <= Inspected(item)) return false;
    const int64_t replaced =
        std::max<int64_t>(0, int64_t{item.quantity_exchanged()} - UnitsKept(state, item.line_id()));
    return std::min(int64_t{item.quantity_received()} - item.quantity_wrong(),
                    int64_t{item.quantity_approved()}) -
               replaced - item.quantity_refunded() - UnitsSentBack(state, item.line_id()) >
           0;
  });
}

bool ApprovedUnitsOutstanding(const v1::Return& state) {
  return state.short_reason().empty() &&
         std::any_of(state.items().begin(), state.items().end(), [&](const v1::ReturnItem& item) {
           return item.quantity_approved() > 0 &&
                  item.quantity_received() < UnitsExpected(state, item);
         });
}

// Whether a label in this state has been paid for.
bool IsCharged(v1::ReturnLabel::State state) {
  return state == v1::ReturnLabel::STATE_ISSUED || state == v1::ReturnLabel::STATE_USED ||
         state == v1::ReturnLabel::STATE_DELIVERED || state == v1::ReturnLabel::STATE_VOIDING ||
         state == v1::ReturnLabel::STATE_EXPIRED;
}

// Whether the parcel may still move the status: it was let go, and nobody has counted it yet.
bool AwaitsParcel(Status status) {
  return status == v1::Return::STATUS_APPROVED || status == v1::Return::STATUS_IN_TRANSIT ||
         status == v1::Return::STATUS_EXPIRED || status == v1::Return::STATUS_LOST;
}

bool MayReceive(Status status) {
  return AwaitsParcel(status) || status == v1::Return::STATUS_DELIVERED ||
         status == v1::Return::STATUS_PARTIALLY_RECEIVED || status == v1::Return::STATUS_RECEIVED ||
         status == v1::Return::STATUS_INSPECTED;
}

bool IsScan(v1::TrackingEvent::Milestone milestone) {
  return milestone != v1::TrackingEvent::MILESTONE_UNSPECIFIED &&
         milestone != v1::TrackingEvent::MILESTONE_LABEL_CREATED;
}

// Applies one fact to a state. Lives for that one fact.
class Fold {
 public:
  Fold(const v1::Event& fact, const FoldContext& context, v1::Return* state)
      : fact_(fact),
        context_(context),
        state_(*state),
        at_(calendar::FromProto(fact.occurred_at())) {}

  void Apply() {
    // A fact may be older than the request by its source's clock; it waits in an open return.
    const bool known = state_.status() != v1::Return::STATUS_UNSPECIFIED;
    if (state_.name().empty()) state_.set_name(fact_.subject());
    switch (fact_.body_case()) {
      case v1::Event::kReturnRequested:
        if (!created()) {
          Create(fact_.return_requested().request());
        } else {
          FillIn(fact_.return_requested().request());
        }
        break;
      case v1::Event::kReturnReported:
        Reported(fact_.return_reported());
        break;
      case v1::Event::kReturnApproved:
        Approved(fact_.return_approved());
        break;
      case v1::Event::kReturnRejected:
        Rejected(fact_.return_rejected());
        break;
      case v1::Event::kReturnCancelled:
        Cancelled();
        break;
      case v1::Event::kReturnReopened:
        Reopened();
        break;
      case v1::Event::kReturnLabelRecorded:
        RecordLabel(fact_.return_label_recorded().label());
        break;
      case v1::Event::kReturnScanned:
        Scanned(fact_.return_scanned());
        break;
      case v1::Event::kUnitsReceived:
        Receive(fact_.units_received().receipt(), at_);
        break;
      case v1::Event::kReturnClosedShort:
        ClosedShort(fact_.return_closed_short());
        break;
      case v1::Event::kUnitsInspected:
        Inspect(fact_.units_inspected().inspection(), at_);
        break;
      case v1::Event::kReturnRefunded:
        Refunded(fact_.return_refunded());
        break;
      case v1::Event::kReturnRefundReversed:
        RefundCameBack(fact_.return_refund_reversed());
        break;
      case v1::Event::kReturnUnitsExchanged:
        Exchanged(fact_.return_units_exchanged().units());
        break;
      case v1::Event::kReturnSettledWithoutRefund:
        Settled();
        break;
      case v1::Event::kReturnClosed:
        Closed();
        break;
      case v1::Event::kReturnExpired:
        Expired();
        break;
      case v1::Event::kManualActionChanged:
        ManualAction(fact_.manual_action_changed());
        break;
      case v1::Event::kInvariantBroken:
        Find(v1::Finding::KIND_INVARIANT_BROKEN, at_, fact_.invariant_broken().message());
        break;
      case v1::Event::kCostRecorded:
        CostRecorded(fact_.cost_recorded());
        break;
      case v1::Event::kDeadlineAlerted:
        Alerted(fact_.deadline_alerted());
        break;
      case v1::Event::kBuyerReminded:
        MeetDeadline(&state_, v1::Deadline::KIND_BUYER_REMINDER, at_);
        break;
      case v1::Event::kReturnInfoRequested:
        *state_.mutable_info_requested_at() = fact_.occurred_at();
        break;
      case v1::Event::kReturnParcelLost:
        PresumedLost();
        break;
      default:
        return;  // a fact of another subject says nothing about a return
    }
    if (!known && state_.status() == v1::Return::STATUS_UNSPECIFIED) {
      state_.set_status(v1::Return::STATUS_REQUESTED);
    }
    Advance();
    if (OpenDeadline(state_, v1::Deadline::KIND_MANUAL_ACTION) == nullptr) {
      state_.clear_manual_action();
    }
    KeepClocks();
  }

 private:
  // ---- clocks -----------------------------------------------------------------------------

  // Those that run only in one state of affairs.
  void KeepClocks() {
    if (OpenDeadline(state_, v1::Deadline::KIND_RETURN_BY) == nullptr) {
      CancelDeadline(&state_, v1::Deadline::KIND_BUYER_REMINDER);
    }
    if (state_.status() != v1::Return::STATUS_IN_TRANSIT) {
      CancelDeadline(&state_, v1::Deadline::KIND_PARCEL_SCAN);
    }
    const v1::Deadline* running = OpenDeadline(state_, v1::Deadline::KIND_LABEL_EXPIRY);
    const auto usable = std::find_if(
        state_.labels().begin(), state_.labels().end(), [](const v1::ReturnLabel& label) {
          return label.state() == v1::ReturnLabel::STATE_ISSUED && label.has_expires_at();
        });
    if (usable == state_.labels().end() || state_.status() != v1::Return::STATUS_APPROVED) {
      CancelDeadline(&state_, v1::Deadline::KIND_LABEL_EXPIRY);
    } else if (running == nullptr ||
               running->due_at().seconds() != usable->expires_at().seconds() ||
               running->due_at().nanos() != usable->expires_at().nanos()) {
      StartDeadline(&state_, v1::Deadline::KIND_LABEL_EXPIRY, at_,
                    calendar::FromProto(usable->expires_at()));
    }
  }

  void StartResponse(absl::Time from) {
    PlanResponseAlerts(context_.policy, StartDeadline(&state_, v1::Deadline::KIND_RETURN_RESPONSE,
                                                      from, ResponseDue(from, context_.policy)));
  }

  void Alerted(const v1::DeadlineAlerted& body) {
    for (v1::Deadline& deadline : *state_.mutable_deadlines()) {
      const bool meant =
          deadline.kind() == body.kind() && deadline.has_alert_at() &&
          calendar::FromProto(deadline.alert_at()) <= at_ &&
          calendar::FromProto(deadline.due_at()) == calendar::FromProto(body.due_at());
      if (!meant) continue;
      GiveAlert(context_.policy, body.alert(), &deadline);
      if (body.kind() == v1::Deadline::KIND_RETURN_BY) {
        StartDeadline(&state_, v1::Deadline::KIND_BUYER_REMINDER, at_,
                      calendar::FromProto(state_.return_by()));
      }
      return;
    }
  }

  // The clock asks by the last scan that it knew of; one that came to be known later counts.
  void PresumedLost() {
    const v1::Deadline* unseen = OpenDeadline(state_, v1::Deadline::KIND_PARCEL_SCAN);
    if (unseen == nullptr || calendar::FromProto(unseen->due_at()) > at_) return;
    Lose(
        "Nobody has seen the parcel for so long that it is taken for lost; claim it from the "
        "carrier.");
  }

  // ---- what the return is -----------------------------------------------------------------

  bool created() const { return state_.has_requested_at(); }

  void Find(v1::Finding::Kind kind, absl::Time when, std::string_view message) {
    const google::protobuf::Timestamp found_at = calendar::ToProto(when);
    for (const v1::Finding& known : state_.findings()) {
      if (known.kind() == kind && known.message() == message &&
          known.found_at().seconds() == found_at.seconds() &&
          known.found_at().nanos() == found_at.nanos()) {
        return;
      }
    }
    v1::Finding* finding = state_.add_findings();
    finding->set_kind(kind);
    finding->set_message(std::string(message));
    *finding->mutable_found_at() = found_at;
  }

  void Contradiction(std::string_view what) {
    Find(v1::Finding::KIND_CONTRADICTION, at_,
         Cat(what, " while the return was ", StatusName(state_.status()),
             "; look at the marketplace."));
  }

  // The item of a fact. One that came before the request makes room for it.
  v1::ReturnItem* ItemOf(std::string_view line_id) {
    v1::ReturnItem* item = FindItem(&state_, line_id);
    if (item == nullptr && !created()) {
      item = state_.add_items();
      item->set_line_id(std::string(line_id));
    }
    if (item == nullptr) {
      Find(v1::Finding::KIND_LINE_UNKNOWN, at_,
           Cat("A fact names line `", line_id, "`, which the return does not have."));
    }
    return item;
  }

  const v1::OrderLine* LineOf(const v1::ReturnItem& item) const {
    return context_.order == nullptr ? nullptr : OrderLineOf(*context_.order, item);
  }

  // Whether an item of a request or snapshot is one that the return has already.
  static bool IsSame(const v1::ReturnItem& known, const v1::ReturnItem& asked) {
    if (!known.external_item_id().empty() && !asked.external_item_id().empty()) {
      return known.external_item_id() == asked.external_item_id();
    }
    // An item that an early fact made room for has nothing but what that fact called it.
    if (known.sku().empty()) {
      return known.line_id().empty() || known.line_id() == asked.line_id() ||
             known.line_id() == asked.sku();
    }
    if (!known.line_id().empty() && !asked.line_id().empty()) {
      return known.line_id() == asked.line_id();
    }
    return known.sku() == asked.sku();
  }

  void AddItem(const v1::ReturnItem& reported) {
    v1::ReturnItem asked = reported;
    if (const v1::OrderLine* line = LineOf(asked); line != nullptr) {
      asked.set_line_id(line->line_id());
      if (asked.sku().empty()) asked.set_sku(line->sku());
    }
    v1::ReturnItem* item = nullptr;
    for (v1::ReturnItem& known : *state_.mutable_items()) {
      if (IsSame(known, asked)) {
        item = &known;
        break;
      }
    }
    if (item == nullptr) item = state_.add_items();
    if (item->line_id().empty()) item->set_line_id(asked.line_id());
    if (item->sku().empty()) item->set_sku(asked.sku());
    if (item->external_item_id().empty()) item->set_external_item_id(asked.external_item_id());
    if (item->asin().empty()) item->set_asin(asked.asin());
    if (item->external_reason().empty()) item->set_external_reason(asked.external_reason());
    if (item->buyer_reason() == v1::RETURN_REASON_UNSPECIFIED) {
      item->set_buyer_reason(asked.buyer_reason());
    }
    if (item->quantity_requested() == 0) item->set_quantity_requested(asked.quantity_requested());
    Resolve(item);
    if (IsApproved(state_) && item->quantity_approved() == 0) {
      item->set_quantity_approved(item->quantity_requested());
    }
  }

  void Resolve(v1::ReturnItem* item) {
    const v1::OrderLine* line = LineOf(*item);
    const absl::Time when = created() ? calendar::FromProto(state_.requested_at()) : at_;
    if (line != nullptr) {
      item->set_line_id(line->line_id());
      if (item->sku().empty()) item->set_sku(line->sku());
      if (item->external_item_id().empty()) item->set_external_item_id(line->external_item_id());
      if (item->asin().empty()) item->set_asin(line->asin());
      CheckReturnable(*item, *line, when);
    } else if (context_.order != nullptr) {
      Find(v1::Finding::KIND_LINE_UNKNOWN, when,
           Cat("Order ", context_.order->external_id(), " has no line for `", item->sku(),
               "`; import its orders report again or correct the SKU."));
    }
    item->set_fault(MeaningOf(item->inspected_reason() != v1::RETURN_REASON_UNSPECIFIED
                                  ? item->inspected_reason()
                                  : item->buyer_reason())
                        .fault);
  }

  // A request that only its report made, and that a command would have refused.
  void CheckReturnable(const v1::ReturnItem& item, const v1::OrderLine& line, absl::Time when) {
    const v1::Order& order = *context_.order;
    if (line.quantity_shipped() == 0) {
      Find(v1::Finding::KIND_NOT_SHIPPED, when,
           Cat("Order ", order.external_id(),
               order.status() == v1::Order::STATUS_CANCELLED
                   ? " was cancelled"
                   : Cat(" has not shipped line ", line.line_id()),
               ", so nothing of it can come back; import its orders or shipping report again, or "
               "ask the buyer what they have."));
      return;
    }
    const int64_t elsewhere =
        UnitsInOtherReturns(context_.returns_of_order, state_.name(), line.line_id());
    if (item.quantity_requested() <= line.quantity_shipped() - elsewhere) return;
    Find(v1::Finding::KIND_EXCESS_QUANTITY, when,
         Cat("The return asks for ", item.quantity_requested(), " units of ", item.sku(),
             elsewhere > 0 ? "; with the order's other returns that is more than the "
                           : " but the order shipped ",
             line.quantity_shipped(), elsewhere > 0 ? " that were shipped." : "."));
  }

  // The first word about the return.
  void Create(const v1::Return& asked) {
    *state_.mutable_requested_at() =
        asked.has_requested_at() ? asked.requested_at() : fact_.occurred_at();
    state_.set_requested_at_day_only(asked.requested_at_day_only());
    const v1::Fulfillment of_order =
        context_.order == nullptr ? v1::FULFILLMENT_UNSPECIFIED : context_.order->fulfillment();
    // What either side knows as the marketplace's is the marketplace's to decide.
    const bool platform =
        asked.fulfillment() == v1::FULFILLMENT_AFN || of_order == v1::FULFILLMENT_AFN;
    state_.set_fulfillment(platform ? v1::FULFILLMENT_AFN : v1::FULFILLMENT_MFN);
    state_.set_platform_managed(asked.platform_managed() || platform);
    state_.set_channel(asked.channel().empty() ? context_.channel.name() : asked.channel());
    if (state_.status() == v1::Return::STATUS_UNSPECIFIED) {
      state_.set_status(v1::Return::STATUS_REQUESTED);
    }
    const absl::Time requested_at = calendar::FromProto(state_.requested_at());
    if (context_.order == nullptr) {
      Find(v1::Finding::KIND_ORDER_UNKNOWN, requested_at,
           Cat("Order ", asked.order_external_id(),
               " has not been imported; import the orders report."));
    }
    if (asked.fulfillment() != v1::FULFILLMENT_UNSPECIFIED &&
        of_order != v1::FULFILLMENT_UNSPECIFIED && asked.fulfillment() != of_order) {
      const bool mfn = asked.fulfillment() == v1::FULFILLMENT_MFN;
      Find(v1::Finding::KIND_FULFILLMENT_MISMATCH, requested_at,
           Cat("The return is reported as fulfilled by the ", mfn ? "seller" : "marketplace",
               " but order ", context_.order->external_id(), " by the ",
               mfn ? "marketplace" : "seller", "; look at the marketplace."));
    }
    FillIn(asked);
    if (!state_.platform_managed() && state_.status() == v1::Return::STATUS_REQUESTED) {
      StartResponse(requested_at);
    }
  }

  // Takes from a request or snapshot what is not known yet; what moves on the marketplace's side
  // is taken from the newest.
  void FillIn(const v1::Return& asked) {
    if (context_.order != nullptr) {
      state_.set_order(context_.order->name());
      if (state_.order_external_id().empty()) {
        state_.set_order_external_id(context_.order->external_id());
      }
    }
    if (state_.order().empty()) state_.set_order(asked.order());
    if (state_.order_external_id().empty()) {
      state_.set_order_external_id(asked.order_external_id());
    }
    if (state_.external_id().empty()) state_.set_external_id(asked.external_id());
    if (state_.external_rma_id().empty()) state_.set_external_rma_id(asked.external_rma_id());
    if (state_.merchant_rma_id().empty()) state_.set_merchant_rma_id(asked.merchant_rma_id());
    if (!state_.has_validity() && asked.has_validity()) {
      *state_.mutable_validity() = asked.validity();
    }
    if (state_.return_method() == v1::RETURN_METHOD_UNSPECIFIED && IsApproved(state_)) {
      state_.set_return_method(asked.return_method());
    }
    if (!asked.platform_status().empty()) state_.set_platform_status(asked.platform_status());
    if (!asked.platform_resolution().empty()) {
      state_.set_platform_resolution(asked.platform_resolution());
    }
    if (asked.has_platform_refunded()) {
      *state_.mutable_platform_refunded() = asked.platform_refunded();
    }
    state_.set_a_to_z_claim(state_.a_to_z_claim() || asked.a_to_z_claim());
    state_.set_is_prime(state_.is_prime() || asked.is_prime());
    for (const v1::ReturnItem& item : asked.items()) AddItem(item);
    for (v1::ReturnLabel label : asked.labels()) {
      // A report that lags behind does not bring a void label back.
      const v1::ReturnLabel* known = FindLabel(label);
      if (known != nullptr && known->state() == v1::ReturnLabel::STATE_VOIDED) continue;
      if (label.state() == v1::ReturnLabel::STATE_UNSPECIFIED) {
        label.set_state(v1::ReturnLabel::STATE_ISSUED);
      }
      RecordLabel(label);
    }
  }

  // ---- decisions --------------------------------------------------------------------------

  void Decide(v1::Decision::Verdict verdict, const v1::Actor& actor, absl::Time when,
              bool time_known) {
    v1::Decision* decision = state_.mutable_decision();
    decision->set_verdict(verdict);
    *decision->mutable_actor() = actor;
    *decision->mutable_decided_at() = calendar::ToProto(when);
    decision->set_time_known(time_known);
    if (time_known) {
      MeetDeadline(&state_, v1::Deadline::KIND_RETURN_RESPONSE, when);
    } else {
      // Answered, but nobody knows whether in time.
      CancelDeadline(&state_, v1::Deadline::KIND_RETURN_RESPONSE);
    }
  }

  // The clock waits for as long as a scan is still in time.
  void StartReturnBy(absl::Time from) {
    const absl::Time return_by = calendar::FromProto(state_.return_by());
    PlanReturnByAlert(
        context_.policy, return_by,
        StartDeadline(&state_, v1::Deadline::KIND_RETURN_BY, from,
                      return_by + absl::Hours(24) * context_.policy.return_by_grace_days()));
  }

  // What an approval means, whoever gave it.
  void LetCome(v1::ReturnMethod method, absl::Time when,
               const std::optional<google::protobuf::Timestamp>& return_by) {
    state_.set_return_method(method);
    for (v1::ReturnItem& item : *state_.mutable_items()) {
      if (item.quantity_approved() == 0) item.set_quantity_approved(item.quantity_requested());
    }
    if (method == v1::RETURN_METHOD_NONE) {
      state_.set_status(v1::Return::STATUS_RESOLVED);
      // Nothing comes that the money would wait for.
      if (!PaidAhead()) StartRefundClock(when);
      return;
    }
    state_.set_status(v1::Return::STATUS_APPROVED);
    if (state_.platform_managed()) return;
    *state_.mutable_return_by() = return_by.value_or(
        calendar::ToProto(when + absl::Hours(24) * context_.policy.return_by_days()));
    StartReturnBy(when);
    // The goods, or their parcel, may have been quicker than the decision.
    if (HasReceived()) {
      MeetDeadline(&state_, v1::Deadline::KIND_RETURN_BY, when);
      if (!PaidAhead()) StartRefundClock(when);
    }
    for (const v1::ReturnLabel& label : state_.labels()) {
      if (label.state() == v1::ReturnLabel::STATE_DELIVERED) {
        Delivered(when);
      } else if (label.state() == v1::ReturnLabel::STATE_USED) {
        OnItsWay(when);
      }
    }
  }

  void Approved(const v1::ReturnApproved& body) {
    const bool returnless = body.return_method() == v1::RETURN_METHOD_NONE;
    const v1::Decision::Verdict verdict =
        returnless ? v1::Decision::VERDICT_APPROVED_RETURNLESS : v1::Decision::VERDICT_APPROVED;
    if (state_.status() != v1::Return::STATUS_REQUESTED &&
        state_.status() != v1::Return::STATUS_UNSPECIFIED) {
      // Said again it changes nothing.
      if (state_.decision().verdict() != verdict) Contradiction("It was approved");
      return;
    }
    Decide(verdict, fact_.actor(), at_, true);
    state_.mutable_decision()->set_text(body.override_reason());
    for (const v1::Receipt::Line& line : body.lines()) {
      v1::ReturnItem* item = ItemOf(line.line_id());
      if (item == nullptr) continue;
      item->set_quantity_approved(item->quantity_requested() > 0
                                      ? std::min(line.quantity(), item->quantity_requested())
                                      : line.quantity());
    }
    state_.set_return_address_id(body.return_address_id());
    state_.set_route(body.route());
    LetCome(body.return_method(), at_,
            body.has_return_by() ? std::optional(body.return_by()) : std::nullopt);
  }

  void Rejected(const v1::ReturnRejected& body) {
    if (state_.status() != v1::Return::STATUS_REQUESTED &&
        state_.status() != v1::Return::STATUS_UNSPECIFIED) {
      if (state_.status() != v1::Return::STATUS_REJECTED) Contradiction("It was rejected");
      return;
    }
    Decide(v1::Decision::VERDICT_REJECTED, fact_.actor(), at_, true);
    state_.mutable_decision()->set_reason_code(body.reason_code());
    state_.mutable_decision()->set_text(body.text());
    state_.set_status(v1::Return::STATUS_REJECTED);
  }

  bool NothingMoved() const {
    return Total(state_, [](const v1::ReturnItem& item) {
             return int64_t{item.quantity_received()} + item.quantity_refunded() +
                    item.quantity_exchanged();
           }) == 0;
  }

  bool MayCancel() const {
    return NothingMoved() && (state_.status() == v1::Return::STATUS_UNSPECIFIED ||
                              state_.status() == v1::Return::STATUS_REQUESTED ||
                              state_.status() == v1::Return::STATUS_APPROVED ||
                              state_.status() == v1::Return::STATUS_IN_TRANSIT);
  }

  void Cancelled() {
    if (MayCancel()) {
      Cancel();
    } else if (state_.status() != v1::Return::STATUS_CANCELLED) {
      Contradiction("It was withdrawn");
    }
  }

  void Cancel() {
    state_.set_status(v1::Return::STATUS_CANCELLED);
    CancelAll();
    VoidUnused();
  }

  void Reopened() {
    if (state_.status() == v1::Return::STATUS_REJECTED) {
      state_.set_status(v1::Return::STATUS_REQUESTED);
      state_.clear_decision();
      CancelDeadline(&state_, v1::Deadline::KIND_MANUAL_ACTION);
      if (!state_.platform_managed()) {
        StartResponse(at_);
      }
    } else if (state_.status() == v1::Return::STATUS_EXPIRED) {
      state_.set_status(v1::Return::STATUS_APPROVED);
      state_.set_late(true);
      const absl::Time due = at_ + absl::Hours(24) * context_.policy.return_by_days();
      *state_.mutable_return_by() = calendar::ToProto(due);
      StartReturnBy(at_);
    } else {
      Contradiction("It was opened again");
    }
  }

  void ManualAction(const v1::ManualActionChanged& body) {
    if (body.confirmed() || !body.has_action()) {
      MeetDeadline(&state_, v1::Deadline::KIND_MANUAL_ACTION, at_);
      return;
    }
    if (state_.status() == v1::Return::STATUS_CLOSED ||
        state_.status() == v1::Return::STATUS_CANCELLED) {
      // No clock runs on what is over.
      Contradiction(Cat("A person was asked to do this: ", body.action().title(), ";"));
      return;
    }
    absl::Time due = at_ + kManualActionTime;
    for (const v1::Deadline& deadline : state_.deadlines()) {
      if (deadline.kind() == v1::Deadline::KIND_RETURN_RESPONSE) {
        due = std::max(due, calendar::FromProto(deadline.due_at()));
      }
    }
    if (body.has_due_at()) due = calendar::FromProto(body.due_at());
    *state_.mutable_manual_action() = body.action();
    StartDeadline(&state_, v1::Deadline::KIND_MANUAL_ACTION, at_, due);
  }

  // ---- labels and the parcel --------------------------------------------------------------

  v1::ReturnLabel* FindLabel(const v1::ReturnLabel& label) {
    for (v1::ReturnLabel& known : *state_.mutable_labels()) {
      const bool same_id = !label.label_id().empty() && known.label_id() == label.label_id();
      const bool same_number =
          !label.tracking_number().empty() && known.tracking_number() == label.tracking_number();
      if (same_id || same_number) return &known;
    }
    return nullptr;
  }

  void RecordLabel(const v1::ReturnLabel& label) {
    v1::ReturnLabel* known = FindLabel(label);
    if (IsLive(label.state()) && (known == nullptr || !IsLive(known->state()))) {
      for (v1::ReturnLabel& other : *state_.mutable_labels()) {
        if (IsLive(other.state())) Void(&other);
      }
    }
    if (known == nullptr) {
      known = state_.add_labels();
      known->set_label_id(label.label_id().empty() ? Cat("label-", state_.labels_size())
                                                   : label.label_id());
    }
    const bool charged = IsCharged(known->state());
    const v1::ReturnLabel before = *known;
    const std::string id = known->label_id();
    known->MergeFrom(label);
    if (label.has_cost()) *known->mutable_cost() = label.cost();
    known->set_label_id(id);
    // What was scanned stays scanned, whatever a slower source still shows.
    if ((before.state() == v1::ReturnLabel::STATE_USED ||
         before.state() == v1::ReturnLabel::STATE_DELIVERED) &&
        label.state() != v1::ReturnLabel::STATE_DELIVERED) {
      known->set_state(before.state());
    }
    if (before.state() == v1::ReturnLabel::STATE_VOIDING &&
        (known->state() == v1::ReturnLabel::STATE_ISSUED ||
         known->state() == v1::ReturnLabel::STATE_EXPIRED)) {
      Find(v1::Finding::KIND_LABEL_NOT_VOIDED, at_,
           Cat("The carrier did not take label ", known->tracking_number(),
               known->state() == v1::ReturnLabel::STATE_ISSUED
                   ? " back, so it can still be used; void it at the carrier."
                   : " back; ask the carrier for its cost."));
    }
    const bool charges = IsCharged(known->state());
    if (charges != charged || (charges && CostOf(*known) != CostOf(before))) {
      Charge(before, charged, +1);
      Charge(*known, charges, -1);
    }
    // The carrier sold it when nobody was to use it any more.
    if (known->kind() == v1::ReturnLabel::KIND_CARRIER &&
        known->state() == v1::ReturnLabel::STATE_ISSUED &&
        before.state() != v1::ReturnLabel::STATE_VOIDING &&
        (state_.status() == v1::Return::STATUS_CANCELLED ||
         state_.status() == v1::Return::STATUS_EXPIRED)) {
      Void(known);
    }
  }

  void SetLabelState(v1::ReturnLabel* label, v1::ReturnLabel::State next) {
    const bool charged = IsCharged(label->state());
    if (charged && !IsCharged(next)) Charge(*label, true, +1);
    if (!charged && IsCharged(next)) {
      label->set_state(next);
      Charge(*label, true, -1);
    }
    label->set_state(next);
  }

  static int64_t CostOf(const v1::ReturnLabel& label) {
    return std::max<int64_t>(0, label.cost().minor_units());
  }

  struct Input {
    const char* name;
    int64_t value;
  };
  v1::LedgerEntry* Post(v1::LedgerEntry::Kind kind, int64_t amount, std::string_view currency,
                        std::string_view formula, std::initializer_list<Input> inputs) {
    // What is explained says of a fee too that it came to nothing.
    if (amount == 0 && !context_.with_inputs) return nullptr;
    v1::LedgerEntry* entry = state_.add_ledger();
    entry->set_kind(kind);
    *entry->mutable_amount() = money::Make(amount, currency);
    entry->set_formula(Cat(formula, "@", PolicyTag(context_.policy)));
    *entry->mutable_occurred_at() = fact_.occurred_at();
    if (!context_.with_inputs) return entry;
    for (const Input& input : inputs) {
      v1::LedgerEntry::Input* added = entry->add_inputs();
      added->set_name(input.name);
      added->set_value(input.value);
    }
    return entry;
  }

  void CostRecorded(const v1::CostRecorded& body) {
    if (body.replaces()) {
      int64_t booked = 0;
      for (const v1::LedgerEntry& entry : state_.ledger()) {
        if (entry.kind() == body.kind()) booked += entry.amount().minor_units();
      }
      Post(body.kind(), -booked, body.amount().currency_code(), "reversal", {{"booked", booked}});
    }
    v1::LedgerEntry* entry = Post(body.kind(), body.amount().minor_units(),
                                  body.amount().currency_code(), "recorded", {});
    if (entry == nullptr) return;
    entry->set_formula("recorded");
    entry->set_source(body.source());
    entry->set_note(body.note());
  }

  // Units that are gone or worth less than they cost, as far as the order says what they cost.
  void WriteOff(const v1::ReturnItem& item, int64_t units, int64_t recovery_bp) {
    const v1::OrderLine* line = LineOf(item);
    if (line == nullptr || !line->has_unit_cost() || units < 1) return;
    const int64_t cost = units * line->unit_cost().minor_units();
    const int64_t recovery = money::ApplyBasisPoints(cost, recovery_bp);
    Post(v1::LedgerEntry::KIND_WRITE_OFF, recovery - cost, line->unit_cost().currency_code(),
         "write_off", {{"units", units}, {"cost", cost}, {"recovery_bp", recovery_bp}});
  }

  // The parcel does not come back, and neither does what is in it.
  void LostInCustoms() {
    OnItsWay(at_);
    state_.set_status(v1::Return::STATUS_LOST);
    OweLost();
    Find(v1::Finding::KIND_FULL_LOSS, at_,
         "Customs did not let the parcel through: goods, carriage and fees are lost.");
    for (const v1::ReturnItem& item : state_.items()) {
      WriteOff(item, std::max(0, item.quantity_approved() - item.quantity_received()), 0);
    }
  }

  // Books the cost of a label (sign -1) or takes it back (+1).
  void Charge(const v1::ReturnLabel& label, bool charged, int sign) {
    if (!charged || label.paid_by() == v1::ReturnLabel::PAYER_PLATFORM) return;
    if (CostOf(label) != 0 && label.cost().currency_code() != context_.channel.currency_code()) {
      // Nobody knows here what it is worth in the channel's.
      if (sign < 0) {
        Find(v1::Finding::KIND_CURRENCY_MISMATCH, at_,
             Cat("Label ", label.tracking_number(), " cost ", money::Format(label.cost()),
                 ", which is not in the currency of the channel, ",
                 context_.channel.currency_code(), "; record what it cost with RecordCost."));
      }
      return;
    }
    if (label.paid_by() != v1::ReturnLabel::PAYER_BUYER) {
      Post(v1::LedgerEntry::KIND_RETURN_LABEL, sign * CostOf(label), label.cost().currency_code(),
           "return_label", {{"cost", CostOf(label)}});
    }
    if (label.kind() != v1::ReturnLabel::KIND_AMAZON_GENERATED) return;
    const std::string& currency = context_.channel.currency_code();
    const std::optional<int64_t> fee = LabelHandlingFee(context_.policy, currency, CostOf(label));
    if (fee)
      Post(v1::LedgerEntry::KIND_LABEL_HANDLING, sign * *fee, currency, "label_handling",
           {{"raw", CostOf(label)}});
  }

  // One that a carrier sold is void, and its cost back, when the carrier says so.
  void Void(v1::ReturnLabel* label) {
    const bool bought = label->kind() == v1::ReturnLabel::KIND_CARRIER &&
                        label->state() == v1::ReturnLabel::STATE_ISSUED;
    SetLabelState(label, bought ? v1::ReturnLabel::STATE_VOIDING : v1::ReturnLabel::STATE_VOIDED);
  }

  void VoidUnused() {
    for (v1::ReturnLabel& label : *state_.mutable_labels()) {
      if (label.state() == v1::ReturnLabel::STATE_ISSUED ||
          label.state() == v1::ReturnLabel::STATE_REQUESTED) {
        Void(&label);
      }
    }
  }

  void Scanned(const v1::ReturnScanned& body) {
    if (!IsScan(body.milestone())) return;
    const bool delivered = body.milestone() == v1::TrackingEvent::MILESTONE_DELIVERED;
    for (v1::ReturnLabel& label : *state_.mutable_labels()) {
      const bool belongs = body.tracking_number().empty()
                               ? IsLive(label.state())
                               : label.tracking_number() == body.tracking_number();
      if (!belongs) continue;
      if (delivered) {
        SetLabelState(&label, v1::ReturnLabel::STATE_DELIVERED);
      } else if (label.state() != v1::ReturnLabel::STATE_DELIVERED) {
        SetLabelState(&label, v1::ReturnLabel::STATE_USED);
      }
    }
    if (!AwaitsParcel(state_.status())) {
      if (state_.status() == v1::Return::STATUS_REJECTED ||
          state_.status() == v1::Return::STATUS_CANCELLED) {
        Contradiction("Its parcel was scanned");
      }
      return;
    }
    if (body.milestone() == v1::TrackingEvent::MILESTONE_LOST) {
      OnItsWay(at_);
      Lose("The carrier has lost the parcel; claim it from the carrier.");
      return;
    }
    if (body.milestone() == v1::TrackingEvent::MILESTONE_CUSTOMS_FAILED) {
      LostInCustoms();
      return;
    }
    if (state_.has_return_by() && state_.status() != v1::Return::STATUS_IN_TRANSIT &&
        at_ > calendar::FromProto(state_.return_by())) {
      state_.set_late(true);
    }
    if (delivered) {
      Delivered(at_);
    } else {
      OnItsWay(at_);
    }
  }

  void OnItsWay(absl::Time when) {
    if (!AwaitsParcel(state_.status())) return;
    if (state_.status() == v1::Return::STATUS_EXPIRED) state_.set_late(true);
    state_.set_status(v1::Return::STATUS_IN_TRANSIT);
    MeetDeadline(&state_, v1::Deadline::KIND_RETURN_BY, when);
    if (state_.platform_managed() || context_.policy.parcel_lost_days() < 1) return;
    StartDeadline(&state_, v1::Deadline::KIND_PARCEL_SCAN, when,
                  when + absl::Hours(24) * context_.policy.parcel_lost_days());
  }

  void Lose(std::string_view message) {
    state_.set_status(v1::Return::STATUS_LOST);
    Find(v1::Finding::KIND_PARCEL_LOST, at_, message);
    OweLost();
  }

  // A buyer who used a label that they did not pay for is owed the money all the same.
  void OweLost() {
    if (LostAtSellersRisk(state_) && !PaidAhead()) StartRefundClock(at_);
  }

  void Delivered(absl::Time when) {
    if (!AwaitsParcel(state_.status())) return;
    state_.set_status(v1::Return::STATUS_DELIVERED);
    MeetDeadline(&state_, v1::Deadline::KIND_RETURN_BY, when);
    if (state_.platform_managed()) return;
    StartDeadline(&state_, v1::Deadline::KIND_RECEIPT, when,
                  ReceiptDue(when, context_.channel, context_.policy));
    if (!PaidAhead()) StartRefundClock(when);
  }

  void StartRefundClock(absl::Time when) {
    if (state_.platform_managed() || OpenDeadline(state_, v1::Deadline::KIND_REFUND) != nullptr) {
      return;
    }
    StartDeadline(&state_, v1::Deadline::KIND_REFUND, when,
                  RefundDue(when, context_.channel, context_.policy));
  }

  // ---- goods ------------------------------------------------------------------------------

  void Receive(const v1::Receipt& reported, absl::Time when) {
    for (const v1::Receipt& known : state_.receipts()) {
      if (!reported.receipt_id().empty() && known.receipt_id() == reported.receipt_id()) return;
    }
    v1::Receipt receipt = reported;
    if (!receipt.has_received_at()) *receipt.mutable_received_at() = calendar::ToProto(when);
    receipt.clear_lines();
    bool surplus = false;
    bool awaited = false;
    auto take = [&](v1::ReturnItem* item, int32_t units) {
      awaited = awaited || item->quantity_received() < item->quantity_approved();
      item->set_quantity_received(Plus(item->quantity_received(), units));
      surplus = surplus || item->quantity_received() > item->quantity_approved();
      v1::Receipt::Line* line = receipt.add_lines();
      line->set_line_id(item->line_id());
      line->set_quantity(units);
    };
    for (const v1::Receipt::Line& line : reported.lines()) {
      v1::ReturnItem* item = ItemOf(line.line_id());
      if (item != nullptr && line.quantity() > 0) take(item, line.quantity());
    }
    if (reported.lines_size() == 0) {
      for (v1::ReturnItem& item : *state_.mutable_items()) {
        const int32_t expected = UnitsExpected(state_, item);
        if (expected > item.quantity_received()) take(&item, expected - item.quantity_received());
      }
    }
    if (receipt.lines_size() == 0) return;
    *state_.add_receipts() = receipt;
    PostProcessing();
    PlaceUnits(when, surplus, awaited);
  }

  // Work on a parcel, where the seller reckons with it.
  void PostProcessing() {
    const std::string& currency = context_.channel.currency_code();
    const auto cost = context_.policy.processing_minor_units().find(currency);
    if (cost == context_.policy.processing_minor_units().end() || state_.platform_managed()) return;
    Post(v1::LedgerEntry::KIND_PROCESSING, -cost->second, currency, "processing", {{"parcels", 1}});
  }

  // What units mean that came in the present state: some beyond what was approved, some within it.
  void PlaceUnits(absl::Time when, bool surplus, bool awaited) {
    const bool closed = state_.status() == v1::Return::STATUS_CLOSED;
    const bool resolved = state_.status() == v1::Return::STATUS_RESOLVED;
    const bool returnless =
        state_.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS;
    if (!IsApproved(state_) || returnless || state_.status() == v1::Return::STATUS_CANCELLED) {
      Find(v1::Finding::KIND_UNEXPECTED_RECEIPT, when,
           returnless ? "Units came although the buyer was to keep them."
                      : "Units came for a return that was not approved; decide what to do with "
                        "them.");
      return;
    }
    if (surplus) {
      Find(v1::Finding::KIND_SURPLUS_UNITS, when,
           "More units came than were approved; the surplus is not refunded by itself.");
    }
    const bool late_unit = closed || !state_.short_reason().empty();
    if (late_unit) {
      Find(v1::Finding::KIND_LATE_UNIT, when,
           closed ? "A unit came after the return was closed; decide on its refund."
                  : "A unit came after the return was closed short; decide on its refund.");
    }
    if (resolved && !awaited) return;
    if (state_.status() == v1::Return::STATUS_EXPIRED) state_.set_late(true);
    if (closed) {
      state_.set_status(v1::Return::STATUS_RESOLVED);
    } else if (resolved && !late_unit) {
      // The rest of a part that was settled before it came.
      state_.set_status(v1::Return::STATUS_PARTIALLY_RECEIVED);
    }
    if (MayReceive(state_.status())) {
      state_.set_status(v1::Return::STATUS_PARTIALLY_RECEIVED);
      MeetDeadline(&state_, v1::Deadline::KIND_RETURN_BY, when);
      MeetDeadline(&state_, v1::Deadline::KIND_RECEIPT, when);
    }
    if (!AllRefunded(state_) || MayBeOwed(state_)) {
      CancelDeadline(&state_, v1::Deadline::KIND_AUTO_CLOSE);
      StartRefundClock(when);
    }
  }

  void ClosedShort(const v1::ReturnClosedShort& body) {
    const bool received =
        Total(state_, [](const v1::ReturnItem& item) { return item.quantity_received(); }) > 0;
    if (!received ||
        (!MayReceive(state_.status()) && state_.status() != v1::Return::STATUS_RESOLVED)) {
      Contradiction("It was closed short");
      return;
    }
    if (!state_.short_reason().empty()) return;
    state_.set_short_reason(body.reason().empty() ? "NOT_GIVEN" : body.reason());
  }

  // Photos may come after the inspection; everything else that it said stands.
  static void AddEvidence(const v1::Inspection& reported, v1::Inspection* known) {
    for (const std::string& photo : reported.evidence()) {
      const auto& there = known->evidence();
      if (std::find(there.begin(), there.end(), photo) == there.end()) known->add_evidence(photo);
    }
  }

  void Inspect(const v1::Inspection& reported, absl::Time when) {
    for (v1::Inspection& known : *state_.mutable_inspections()) {
      if ((!reported.inspection_id().empty() &&
           known.inspection_id() == reported.inspection_id()) ||
          (!reported.unit_id().empty() && known.unit_id() == reported.unit_id())) {
        AddEvidence(reported, &known);
        return;
      }
    }
    v1::ReturnItem* item = ItemOf(reported.line_id());
    if (item == nullptr || reported.quantity() < 1) return;
    const bool nothing_owed = AllRefunded(state_);
    v1::Inspection* inspection = state_.add_inspections();
    *inspection = reported;
    inspection->set_line_id(item->line_id());
    if (!inspection->has_inspected_at()) {
      *inspection->mutable_inspected_at() = calendar::ToProto(when);
    }
    if (IsWrong(reported.condition())) {
      item->set_quantity_wrong(Plus(item->quantity_wrong(), reported.quantity()));
    } else if (IsInspectedGood(reported.condition())) {
      item->set_quantity_accepted(Plus(item->quantity_accepted(), reported.quantity()));
    } else {
      item->set_quantity_damaged(Plus(item->quantity_damaged(), reported.quantity()));
    }
    if (!state_.platform_managed()) {
      WriteOff(*item, reported.quantity(), RecoveryBp(context_.policy, reported.disposition()));
    }
    if (reported.reason() != v1::RETURN_REASON_UNSPECIFIED &&
        reported.reason() != item->buyer_reason()) {
      item->set_inspected_reason(reported.reason());
      item->set_fault(MeaningOf(reported.reason()).fault);
    }
    if (state_.platform_managed() && reported.condition() == v1::CONDITION_CARRIER_DAMAGED) {
      Find(
          v1::Finding::KIND_PLATFORM_OWES, when,
          "The marketplace took responsibility for the damage; check that it reimbursed the unit.");
    }
    CheckPaidInAdvance(*item, when);
    // The units before them were paid already; what a person closed stays closed.
    if (!nothing_owed || AllRefunded(state_) || !HasReceived() || state_.platform_managed()) return;
    if (state_.status() == v1::Return::STATUS_RESOLVED) {
      OweAgain();
    } else if (IsApproved(state_) && MayReceive(state_.status())) {
      StartRefundClock(when);
    }
  }

  // Money or goods may have gone out before anybody saw what came.
  void CheckPaidInAdvance(const v1::ReturnItem& item, absl::Time when) {
    const int64_t given = int64_t{item.quantity_refunded()} + item.quantity_exchanged() -
                          UnitsKept(state_, item.line_id());
    if (item.quantity_approved() == 0 || state_.platform_managed() ||
        given <= UnitsAsSold(state_, item)) {
      return;
    }
    Find(v1::Finding::KIND_OVER_REFUNDED, when,
         Cat("Units of ", item.sku(),
             " that were refunded or exchanged already turned out to be something else, or went "
             "back to the buyer; claim back what was given for them."));
  }

  // Money or goods may have gone out for units that never came.
  void CheckGivenForNothing() {
    if (state_.platform_managed()) return;
    for (const v1::ReturnItem& item : state_.items()) {
      const int64_t given = int64_t{item.quantity_refunded()} + item.quantity_exchanged() -
                            UnitsKept(state_, item.line_id());
      if (given <= item.quantity_received()) continue;
      Find(v1::Finding::KIND_OVER_REFUNDED, at_,
           Cat("Units of ", item.sku(),
               " were refunded or exchanged in advance and did not come back in time; claim back "
               "what was given for them."));
    }
  }

  // ---- money ------------------------------------------------------------------------------

  void Refunded(const v1::ReturnRefunded& body) {
    if (state_.status() == v1::Return::STATUS_REJECTED ||
        state_.status() == v1::Return::STATUS_CANCELLED) {
      Contradiction("It was refunded");
    }
    if (body.has_asked() && body.asked().minor_units() == 0) {
      PaidForNoUnit(body.amount());
    } else if (body.has_asked()) {
      Find(v1::Finding::KIND_AMOUNT_MISMATCH, at_, PaidOtherwise(body.asked(), body.amount()));
    }
    const v1::Order* order = context_.order;
    if (order != nullptr && body.amount().minor_units() != 0) {
      if (body.amount().currency_code() != order->currency_code()) {
        Find(v1::Finding::KIND_CURRENCY_MISMATCH, at_,
             Cat("The refund of ", money::Format(body.amount()),
                 " is not in the order's currency, ", order->currency_code(), "."));
      } else if (order->has_captured_total() &&
                 body.amount().minor_units() > order->captured_total().minor_units()) {
        Find(
            v1::Finding::KIND_OVER_REFUNDED, at_,
            Cat("The refund of ", money::Format(body.amount()),
                " is more than the order captured, ", money::Format(order->captured_total()), "."));
      }
    }
    std::vector<std::pair<v1::ReturnItem*, int32_t>> paid_for;
    if (body.items_size() == 0) {
      // A payment that names no units pays for all that the return is about.
      for (v1::ReturnItem& item : *state_.mutable_items()) {
        paid_for.emplace_back(&item, UnitsPaidWithout(state_, item));
      }
    }
    for (const v1::RefundItem& refunded : body.items()) {
      v1::ReturnItem* item = ItemOf(refunded.line_id());
      if (item != nullptr && refunded.quantity() > 0) {
        paid_for.emplace_back(item, refunded.quantity());
      }
    }
    PostAdminFees(body, paid_for);
    for (const auto& [item, units] : paid_for) Refund(item, units);
    CheckDoubleUse();
    MeetRefund();
  }

  // A payment that names no units, after all of them were given for.
  void PaidForNoUnit(const v1::Money& amount) {
    const bool exchanged = Total(state_, [](const v1::ReturnItem& item) {
                             return int64_t{item.quantity_exchanged()};
                           }) > 0;
    Find(exchanged ? v1::Finding::KIND_EXCHANGED_AND_REFUNDED : v1::Finding::KIND_OVER_REFUNDED,
         at_,
         Cat(money::Format(amount), " was paid after all units of the return were ",
             exchanged ? "exchanged or refunded; look at the exchange, and claim back"
                       : "refunded; claim back",
             " what was paid twice."));
  }

  // Whether every approved unit is refunded or exchanged, whatever came back.
  bool PaidAhead() const {
    return Total(state_, [](const v1::ReturnItem& item) {
             return std::max<int64_t>(0, int64_t{item.quantity_approved()} -
                                             item.quantity_refunded() - item.quantity_exchanged());
           }) == 0;
  }

  bool AnyPaid() const {
    return Total(state_, [](const v1::ReturnItem& item) {
             return int64_t{item.quantity_refunded()} + item.quantity_exchanged();
           }) > 0;
  }

  void MeetRefund() {
    const bool all_came = !ApprovedUnitsOutstanding(state_);
    if (PaidAhead() ||
        (AnyPaid() && AllRefunded(state_) && !MayBeOwed(state_) && (all_came || HasReceived()))) {
      MeetDeadline(&state_, v1::Deadline::KIND_REFUND, at_);
    }
  }

  // Facts are not refused: a refund that was paid elsewhere may be of units that were exchanged.
  void CheckDoubleUse() {
    for (const v1::ReturnItem& item : state_.items()) {
      const int64_t in_exchange = int64_t{item.quantity_exchanged()} + item.quantity_in_exchange();
      if (in_exchange == 0 || item.quantity_approved() == 0 ||
          item.quantity_refunded() + in_exchange <= item.quantity_approved()) {
        continue;
      }
      Find(v1::Finding::KIND_EXCHANGED_AND_REFUNDED, at_,
           Cat("Of ", item.quantity_approved(), " units of ", item.sku(), " ",
               item.quantity_refunded(), " are refunded and ", in_exchange,
               " are exchanged; look at the exchange, and claim back what was paid twice."));
    }
  }

  // Of two that were said of one exchange, the later step of its life counts.
  void Exchanged(const v1::ExchangedUnits& told) {
    auto& all = *state_.mutable_exchanges();
    auto known = std::find_if(all.begin(), all.end(), [&](const v1::ExchangedUnits& units) {
      return units.exchange() == told.exchange();
    });
    if (known != all.end()) {
      const bool waived_now = told.goods_waived() && !known->goods_waived();
      if (told.state() < known->state() || (told.state() == known->state() && !waived_now)) return;
      *known = told;
    } else {
      *all.Add() = told;
      // Names grow with time.
      std::sort(all.begin(), all.end(),
                [](const auto& a, const auto& b) { return a.exchange() < b.exchange(); });
    }
    for (v1::ReturnItem& item : *state_.mutable_items()) {
      item.clear_quantity_in_exchange();
      item.clear_quantity_exchanged();
    }
    for (const v1::ExchangedUnits& units : all) {
      for (const v1::ExchangedUnits::Line& line : units.lines()) {
        v1::ReturnItem* item = FindItem(&state_, line.line_id());
        if (item == nullptr) continue;
        if (units.state() == v1::ExchangedUnits::STATE_HELD) {
          item->set_quantity_in_exchange(Plus(item->quantity_in_exchange(), line.quantity()));
        } else if (units.state() == v1::ExchangedUnits::STATE_EXCHANGED) {
          item->set_quantity_exchanged(Plus(item->quantity_exchanged(), line.quantity()));
        }
      }
    }
    CheckDoubleUse();
    MeetRefund();
    // What came back were other units then, and they are owed.
    const bool over = state_.status() == v1::Return::STATUS_RESOLVED ||
                      state_.status() == v1::Return::STATUS_CLOSED;
    if (told.goods_waived() && over && HasReceived() && !AllRefunded(state_)) OweAgain();
  }

  // What it had paid for is owed again.
  void RefundCameBack(const v1::ReturnRefundReversed& body) {
    Find(v1::Finding::KIND_REFUND_REVERSED, at_,
         Cat("The refund of ", money::Format(body.amount()),
             " came back; refund the buyer in another way, or close the return with the reason."));
    if (body.items_size() == 0) {
      // It had paid for all that the return is about.
      for (v1::ReturnItem& item : *state_.mutable_items()) item.set_quantity_refunded(0);
    }
    for (const v1::RefundItem& refunded : body.items()) {
      v1::ReturnItem* item = FindItem(&state_, refunded.line_id());
      if (item == nullptr) continue;
      item->set_quantity_refunded(std::max(0, item->quantity_refunded() - refunded.quantity()));
    }
    GiveBackCosts(body.refund());
    if (state_.status() != v1::Return::STATUS_RESOLVED &&
        state_.status() != v1::Return::STATUS_CLOSED) {
      return;
    }
    OweAgain();
  }

  // What a payment cost is given back with it.
  void GiveBackCosts(const std::string& refund) {
    if (refund.empty()) return;
    const auto booked = state_.ledger();
    for (const v1::LedgerEntry& entry : booked) {
      if (entry.refund() != refund) continue;
      v1::LedgerEntry* reversal =
          Post(entry.kind(), -entry.amount().minor_units(), entry.amount().currency_code(),
               "reversal", {{"booked", entry.amount().minor_units()}});
      if (reversal == nullptr) continue;
      reversal->set_formula("reversal");
      reversal->set_refund(refund);
    }
  }

  void OweAgain() {
    state_.set_status(HasReceived() ? v1::Return::STATUS_INSPECTED : v1::Return::STATUS_RESOLVED);
    CancelDeadline(&state_, v1::Deadline::KIND_AUTO_CLOSE);
    StartRefundClock(at_);
  }

  bool HasReceived() const {
    return Total(state_, [](const v1::ReturnItem& item) { return item.quantity_received(); }) > 0;
  }

  void Refund(v1::ReturnItem* item, int32_t units) {
    if (units < 1) return;
    const int32_t at_most = UnitsAgreed(*item);
    const bool within = item->quantity_refunded() <= at_most;
    item->set_quantity_refunded(Plus(item->quantity_refunded(), units));
    // Said once, and without the count, for more may follow.
    if (at_most > 0 && within && item->quantity_refunded() > at_most) {
      Find(v1::Finding::KIND_OVER_REFUNDED, at_,
           Cat("More units of ", item->sku(), " are refunded than the ", at_most,
               " of the return; claim back what was paid twice."));
    }
  }

  // The fees that the marketplace keeps from the referral fee when it gives that back: on what the
  // payment gave back of the prices. Where nobody knows what it is made up of that is estimated
  // from the order: item and, where it goes back, shipping, as far as the amount reaches.
  void PostAdminFees(const v1::ReturnRefunded& body,
                     const std::vector<std::pair<v1::ReturnItem*, int32_t>>& paid_for) {
    if (context_.order == nullptr) return;
    const v1::Order& order = *context_.order;
    for (const v1::ReturnRefunded::Price& price : body.prices()) {
      const int index = LineIndex(order, price.line_id());
      if (index >= 0) PostAdminFee(body.refund(), order.lines(index), price.amount().minor_units());
    }
    if (body.prices_size() > 0) return;
    const bool inclusive = order.tax_mode() == v1::TAX_MODE_INCLUSIVE;
    const std::vector<int64_t> shipping = ShippingByLine(order);
    const std::vector<int64_t> shipping_tax = ShippingTaxByLine(order);
    std::vector<int32_t> counted(static_cast<size_t>(order.lines_size()));
    std::vector<std::pair<const v1::OrderLine*, int64_t>> bases;
    int64_t worth = 0;
    for (const auto& [item, units] : paid_for) {
      const v1::OrderLine* line = LineOf(*item);
      if (line == nullptr || line->quantity() < 1) continue;
      const auto index = static_cast<size_t>(LineIndex(order, line->line_id()));
      const int64_t before = int64_t{item->quantity_refunded()} + counted[index];
      const auto done = static_cast<int32_t>(std::min<int64_t>(before, line->quantity()));
      const int32_t count = std::min(units, line->quantity() - done);
      counted[index] = Plus(counted[index], count);
      auto share = [&, line = line](int64_t total) {
        return money::NextUnits(total, line->quantity(), done, count);
      };
      int64_t price = share(line->item_total().minor_units());
      int64_t tax = share(line->tax_total().minor_units());
      if (!context_.policy.shipping_refund_by_fault() || SellerAnswers(item->fault())) {
        price += share(shipping[index]);
        tax += share(shipping_tax[index]);
      }
      bases.emplace_back(line, inclusive ? price - tax : price);
      worth += inclusive ? price : price + tax;
    }
    const int64_t paid = body.amount().minor_units();
    const bool less =
        paid > 0 && paid < worth && body.amount().currency_code() == order.currency_code();
    for (const auto& [line, base] : bases) {
      PostAdminFee(body.refund(), *line,
                   less ? money::RoundHalfAway(absl::int128(base) * paid, worth) : base);
    }
  }

  void PostAdminFee(const std::string& refund, const v1::OrderLine& line, int64_t base) {
    if (line.referral_bp() == 0) return;
    const std::string& currency = context_.order->currency_code();
    const int64_t fee = RefundAdminFee(context_.policy, currency, base, line.referral_bp());
    v1::LedgerEntry* entry =
        Post(v1::LedgerEntry::KIND_ADMIN_FEE, -fee, currency, "refund_admin_fee",
             {{"base", base},
              {"referral_bp", line.referral_bp()},
              {"referral", ReferralFee(base, line.referral_bp())},
              {"admin_fee_bp", context_.policy.admin_fee_bp()}});
    if (entry != nullptr) entry->set_refund(refund);
  }

  void Settled() {
    switch (state_.status()) {
      case v1::Return::STATUS_DELIVERED:
      case v1::Return::STATUS_PARTIALLY_RECEIVED:
      case v1::Return::STATUS_RECEIVED:
      case v1::Return::STATUS_INSPECTED:
      case v1::Return::STATUS_LOST:
      case v1::Return::STATUS_RESOLVED:
        break;
      case v1::Return::STATUS_CLOSED:
        return;
      case v1::Return::STATUS_APPROVED:
      case v1::Return::STATUS_EXPIRED:
        if (PaidAhead()) {
          // Everything is replaced and nothing is to come back.
          VoidUnused();
          break;
        }
        [[fallthrough]];
      default:
        Contradiction("It was settled without a refund");
        return;
    }
    state_.set_status(v1::Return::STATUS_RESOLVED);
    MeetDeadline(&state_, v1::Deadline::KIND_REFUND, at_);
    CancelDeadline(&state_, v1::Deadline::KIND_RETURN_BY);
    CancelDeadline(&state_, v1::Deadline::KIND_RECEIPT);
    StartAutoClose();
  }

  // ---- the end ----------------------------------------------------------------------------

  void Closed() {
    switch (state_.status()) {
      case v1::Return::STATUS_PARTIALLY_RECEIVED:
      case v1::Return::STATUS_RECEIVED:
      case v1::Return::STATUS_INSPECTED:
      case v1::Return::STATUS_RESOLVED:
      case v1::Return::STATUS_REJECTED:
      case v1::Return::STATUS_EXPIRED:
      case v1::Return::STATUS_LOST:
        Close();
        return;
      case v1::Return::STATUS_CLOSED:
        return;
      default:
        // The clock asks once.
        CancelDeadline(&state_, v1::Deadline::KIND_AUTO_CLOSE);
        Contradiction("It was closed");
    }
  }

  void Close() {
    state_.set_status(v1::Return::STATUS_CLOSED);
    MeetDeadline(&state_, v1::Deadline::KIND_AUTO_CLOSE, at_);
    CancelAll();
  }

  void CancelAll() {
    for (v1::Deadline& deadline : *state_.mutable_deadlines()) {
      if (deadline.state() == v1::Deadline::STATE_RUNNING) {
        deadline.set_state(v1::Deadline::STATE_CANCELLED);
        deadline.clear_alert_at();
      }
    }
  }

  void Expired() {
    // A parcel that was scanned after all was quicker than the clock, which asks once.
    if (state_.status() != v1::Return::STATUS_APPROVED) {
      CancelDeadline(&state_, v1::Deadline::KIND_RETURN_BY);
      return;
    }
    state_.set_status(v1::Return::STATUS_EXPIRED);
    CancelAll();
    VoidUnused();
    CheckGivenForNothing();
  }

  void StartAutoClose() {
    if (OpenDeadline(state_, v1::Deadline::KIND_AUTO_CLOSE) != nullptr) return;
    StartDeadline(&state_, v1::Deadline::KIND_AUTO_CLOSE, at_,
                  at_ + absl::Hours(24) * context_.policy.close_after_days());
  }

  // ---- snapshots --------------------------------------------------------------------------

  static bool ShowsApproval(Status status) {
    switch (status) {
      case v1::Return::STATUS_APPROVED:
      case v1::Return::STATUS_IN_TRANSIT:
      case v1::Return::STATUS_DELIVERED:
      case v1::Return::STATUS_PARTIALLY_RECEIVED:
      case v1::Return::STATUS_RECEIVED:
      case v1::Return::STATUS_INSPECTED:
      case v1::Return::STATUS_RESOLVED:
      case v1::Return::STATUS_CLOSED:
      case v1::Return::STATUS_EXPIRED:
      case v1::Return::STATUS_LOST:
        return true;
      default:
        return false;
    }
  }

  static v1::ReturnMethod MethodOf(const v1::Return& snapshot) {
    if (snapshot.return_method() != v1::RETURN_METHOD_UNSPECIFIED) return snapshot.return_method();
    for (const v1::ReturnLabel& label : snapshot.labels()) {
      if (label.paid_by() == v1::ReturnLabel::PAYER_BUYER) return v1::RETURN_METHOD_BUYER_PAYS;
      if (label.kind() == v1::ReturnLabel::KIND_AMAZON_GENERATED) return v1::RETURN_METHOD_PREPAID;
      return v1::RETURN_METHOD_MERCHANT_LABEL;
    }
    return v1::RETURN_METHOD_UNSPECIFIED;
  }

  // A decision that a snapshot shows. The marketplace authorises returns inside the policy at
  // once; of any other decision in the first snapshot nobody knows the time. Later ones came in
  // between two snapshots: in time if the later one was.
  void DecideBySnapshot(v1::Decision::Verdict verdict, bool first) {
    const absl::Time requested_at = calendar::FromProto(state_.requested_at());
    v1::Actor platform;
    platform.set_role(v1::ROLE_PLATFORM);
    const bool at_once = verdict != v1::Decision::VERDICT_REJECTED &&
                         (state_.platform_managed() || (first && state_.validity().in_policy()));
    if (at_once) {
      Decide(verdict, platform, requested_at, true);
    } else {
      const bool known = !first && InTime(at_, ResponseDue(requested_at, context_.policy));
      Decide(verdict, platform, at_, known);
    }
  }

  void Reported(const v1::ReturnReported& body) {
    const v1::Return& snapshot = body.snapshot();
    const bool first = !created();
    if (first) {
      Create(snapshot);
    } else {
      FillIn(snapshot);
    }
    const Status shown = body.status();
    if (shown == v1::Return::STATUS_REJECTED) {
      if (state_.status() == v1::Return::STATUS_REQUESTED) {
        DecideBySnapshot(v1::Decision::VERDICT_REJECTED, first);
        state_.set_status(v1::Return::STATUS_REJECTED);
      } else if (state_.decision().verdict() == v1::Decision::VERDICT_REJECTED) {
        MeetDeadline(&state_, v1::Deadline::KIND_MANUAL_ACTION, at_);
      } else if (IsApproved(state_) &&
                 OpenDeadline(state_, v1::Deadline::KIND_MANUAL_ACTION) != nullptr) {
        Contradiction("The marketplace shows it as rejected");
      }
      return;
    }
    if (shown == v1::Return::STATUS_CANCELLED) {
      if (MayCancel()) Cancel();
      return;
    }
    const bool goods =
        body.has_delivered_at() || snapshot.receipts_size() > 0 || snapshot.inspections_size() > 0;
    if (!ShowsApproval(shown) && !goods) return;

    if (state_.status() == v1::Return::STATUS_REQUESTED) {
      const v1::ReturnMethod method = MethodOf(snapshot);
      DecideBySnapshot(method == v1::RETURN_METHOD_NONE ? v1::Decision::VERDICT_APPROVED_RETURNLESS
                                                        : v1::Decision::VERDICT_APPROVED,
                       first);
      LetCome(method, calendar::FromProto(state_.decision().decided_at()),
              snapshot.has_return_by() ? std::optional(snapshot.return_by()) : std::nullopt);
    }
    // A lagging snapshot of a rejected or withdrawn return moves nothing.
    if (!IsApproved(state_) || state_.status() == v1::Return::STATUS_CANCELLED) return;
    if (ShowsApproval(shown)) MeetDeadline(&state_, v1::Deadline::KIND_MANUAL_ACTION, at_);
    MoveForward(body, shown);
  }

  void MoveForward(const v1::ReturnReported& body, Status shown) {
    const bool lost = shown == v1::Return::STATUS_LOST;
    if (shown == v1::Return::STATUS_IN_TRANSIT || lost) OnItsWayBySnapshot();
    if (lost && AwaitsParcel(state_.status()) && state_.status() != v1::Return::STATUS_LOST) {
      Lose("The marketplace shows the parcel as lost; claim it from the carrier.");
    }
    if (body.has_delivered_at() && shown != v1::Return::STATUS_CLOSED) {
      const bool late = state_.late();
      for (v1::ReturnLabel& label : *state_.mutable_labels()) {
        // One that was taken back or has expired is not what arrived, unless its own scans say so.
        if (IsCharged(label.state()) && IsLive(label.state())) {
          SetLabelState(&label, v1::ReturnLabel::STATE_DELIVERED);
        }
      }
      Delivered(calendar::FromProto(body.delivered_at()));
      state_.set_late(late);
    } else if (shown == v1::Return::STATUS_DELIVERED) {
      Delivered(at_);
    }
    for (const v1::Receipt& receipt : body.snapshot().receipts()) {
      Receive(receipt,
              receipt.has_received_at() ? calendar::FromProto(receipt.received_at()) : at_);
      Advance();
    }
    for (const v1::Inspection& inspection : body.snapshot().inspections()) {
      Inspect(inspection,
              inspection.has_inspected_at() ? calendar::FromProto(inspection.inspected_at()) : at_);
    }
    const bool late_unit =
        std::any_of(state_.findings().begin(), state_.findings().end(),
                    [](const v1::Finding& f) { return f.kind() == v1::Finding::KIND_LATE_UNIT; });
    // A return that a late unit opened again is not closed by the snapshot that closed it before.
    if (shown == v1::Return::STATUS_CLOSED && state_.status() != v1::Return::STATUS_CLOSED &&
        !late_unit) {
      Close();
    }
    if (shown == v1::Return::STATUS_EXPIRED) Expired();
  }

  // A snapshot says that the parcel moves, not since when: it never makes a return late.
  void OnItsWayBySnapshot() {
    const bool late = state_.late();
    if (state_.status() == v1::Return::STATUS_APPROVED ||
        state_.status() == v1::Return::STATUS_EXPIRED) {
      OnItsWay(at_);
    }
    state_.set_late(late);
  }

  // ---- what follows from the counts -------------------------------------------------------

  void Advance() {
    for (v1::ReturnItem& item : *state_.mutable_items()) {
      item.set_quantity_missing(state_.short_reason().empty()
                                    ? 0
                                    : std::max(0, item.quantity_approved() -
                                                      UnitsKept(state_, item.line_id()) -
                                                      item.quantity_received()));
    }
    if (MayReceive(state_.status()) && HasReceived()) {
      const bool inspected = std::all_of(
          state_.items().begin(), state_.items().end(),
          [](const v1::ReturnItem& item) { return Inspected(item) >= item.quantity_received(); });
      state_.set_status(inspected                          ? v1::Return::STATUS_INSPECTED
                        : ApprovedUnitsOutstanding(state_) ? v1::Return::STATUS_PARTIALLY_RECEIVED
                                                           : v1::Return::STATUS_RECEIVED);
    }
    // Where every unit was another item, whether to refund is a person's decision.
    const bool takes_back = Total(state_, [this](const v1::ReturnItem& item) {
                              return int64_t{item.quantity_accepted()} + item.quantity_damaged() -
                                     UnitsSentBack(state_, item.line_id());
                            }) > 0;
    if (state_.status() == v1::Return::STATUS_INSPECTED && takes_back && AllRefunded(state_)) {
      state_.set_status(v1::Return::STATUS_RESOLVED);
      MeetDeadline(&state_, v1::Deadline::KIND_REFUND, at_);
    }
    // What does not come back any more is settled when the buyer has the money.
    if (state_.status() == v1::Return::STATUS_LOST && state_.items_size() > 0 && PaidAhead()) {
      Settled();
    }
    if (state_.status() == v1::Return::STATUS_RESOLVED && AllRefunded(state_) &&
        !MayBeOwed(state_)) {
      // A late unit may have turned out to be nothing that is owed.
      MeetDeadline(&state_, v1::Deadline::KIND_REFUND, at_);
      StartAutoClose();
    }
  }

  const v1::Event& fact_;
  const FoldContext& context_;
  v1::Return& state_;
  const absl::Time at_;
};

}  // namespace

v1::Return FoldReturn(std::string_view name, std::vector<const v1::Event*> facts,
                      const FoldContext& context) {
  std::vector<std::pair<FactPlace, const v1::Event*>> ordered;
  ordered.reserve(facts.size());
  for (const v1::Event* fact : facts) ordered.emplace_back(PlaceOf(*fact), fact);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.first.key < b.first.key; });

  v1::Return state;
  state.set_name(std::string(name));
  std::set<std::string> seen;
  for (auto& [place, fact] : ordered) {
    if (seen.insert(std::move(place.identity)).second) ApplyFact(*fact, context, &state);
  }
  return state;
}

void ApplyFact(const v1::Event& fact, const FoldContext& context, v1::Return* state) {
  Fold(fact, context, state).Apply();
}

int32_t UnitsDue(const v1::Return& state, const v1::ReturnItem& item) {
  const int32_t sent_back = UnitsSentBack(state, item.line_id());
  int32_t units = 0;
  if (Inspected(item) > sent_back) {
    units = Plus(item.quantity_accepted(), item.quantity_damaged()) - sent_back;
  } else if (item.quantity_received() > 0) {
    units = std::max(0, item.quantity_received() - sent_back);
  } else if (state.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS ||
             (state.status() == v1::Return::STATUS_LOST && LostAtSellersRisk(state))) {
    units = item.quantity_approved();
  }
  // Surplus units and units of a return that was not approved are findings, never money. Those that
  // the buyer keeps are not among those that are there.
  const int64_t replaced =
      std::max<int64_t>(0, int64_t{item.quantity_exchanged()} - UnitsKept(state, item.line_id()));
  const int64_t approved = std::min(item.quantity_approved(), UnitsPayable(state, item));
  const int64_t there = std::min<int64_t>(units, approved) - replaced;
  const int64_t open = approved - item.quantity_exchanged();
  return static_cast<int32_t>(
      std::max<int64_t>(0, std::min(there, open) - item.quantity_refunded()));
}

int32_t UnitsPaidWithout(const v1::Return& state, const v1::ReturnItem& item) {
  const int32_t due = UnitsDue(state, item);
  if (due > 0) return due;
  return std::max(0, UnitsAgreed(item) - item.quantity_refunded() - item.quantity_exchanged());
}

bool NothingOwed(const v1::Return& state) {
  // Settled without a refund: the counts still show units, but the clock to close runs.
  if (state.status() == v1::Return::STATUS_CLOSED ||
      OpenDeadline(state, v1::Deadline::KIND_AUTO_CLOSE) != nullptr) {
    return true;
  }
  return AllRefunded(state) && !MayBeOwed(state);
}

}  // namespace aftersales
