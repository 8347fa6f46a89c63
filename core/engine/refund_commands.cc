#include <algorithm>
#include <map>

#include "core/domain/calendar.h"
#include "core/domain/costs.h"
#include "core/domain/deadlines.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_guards.h"
#include "core/domain/refund_quote.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_fold.h"
#include "core/domain/return_items.h"
#include "core/domain/roles.h"
#include "core/engine/commands.h"
#include "core/engine/explain.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

// What a refund is computed from.
struct Basis {
  v1::Order order;
  std::optional<v1::Return> return_state;
  std::vector<v1::Return> returns;  // of the order, where the spec names none
  std::vector<v1::Refund> refunds;
  std::vector<v1::Exchange> exchanges;
  // The rules: as they were when a return was asked for, else as they are now.
  std::optional<PolicyInForce> policy;
  const v1::Policy* today = nullptr;  // for what roles may do, which is a matter of now
};

absl::StatusOr<Basis> BasisOf(store::Reader& store, ChannelCache& channels, std::string_view seller,
                              const v1::RefundSpec& spec, absl::Time now) {
  Basis basis;
  std::string order_name = spec.order();
  if (!spec.return_name().empty()) {
    auto name = names::Parse(spec.return_name(), "returns", "spec.return_name");
    if (!name.ok()) return name.status();
    if (name->seller != seller) return NotFound(spec.return_name());
    auto record = store.FindReturn(seller, name->id);
    if (!record) return NotFound(spec.return_name());
    basis.return_state = std::move(*record->mutable_state());
    if (basis.return_state->order().empty()) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "ORDER_UNKNOWN",
                    Cat("order ", basis.return_state->order_external_id(),
                        " has not been imported, so its prices are not known; import the orders "
                        "report first"));
    }
    if (!order_name.empty() && order_name != basis.return_state->order()) {
      return InvalidField("spec.order", "BAD_NAME", "is not the order of the return; leave it out");
    }
    order_name = basis.return_state->order();
  }
  auto name = names::Parse(order_name, "orders", "spec.order");
  if (!name.ok()) return name.status();
  if (name->seller != seller) return NotFound(order_name);
  auto order = store.FindOrder(seller, name->id);
  if (!order) return NotFound(order_name);
  basis.order = *std::move(order);
  basis.refunds = store.RefundsOfOrder(seller, name->id);
  basis.exchanges = store.ExchangesOfOrder(seller, name->id);
  const ChannelInfo* channel = channels.Find(store, basis.order.channel());
  if (channel == nullptr) return NotFound(basis.order.channel());
  basis.policy = PolicyInForce(
      channel->policies,
      basis.return_state ? calendar::FromProto(basis.return_state->requested_at()) : now);
  basis.today = &channel->policies.At(now);
  if (!basis.return_state) {
    for (store::ReturnRecord& record :
         store.ReturnsOfOrder(seller, channel->id, basis.order.external_id())) {
      basis.returns.push_back(std::move(*record.mutable_state()));
    }
  }
  return basis;
}

absl::StatusOr<v1::RefundQuote> QuoteFor(const Basis& basis, const v1::RefundSpec& spec) {
  return aftersales::QuoteRefund(basis.order, *basis.policy, spec,
                                 basis.return_state ? &*basis.return_state : nullptr, basis.refunds,
                                 basis.exchanges);
}

// Whether the marketplace has paid for these units already, as far as its reports tell.
absl::Status CheckPaidByPlatform(const Basis& basis, const v1::RefundQuote& quote) {
  if (basis.return_state) return CheckNotPaidByPlatform(*basis.return_state, basis.refunds);
  for (const v1::Return& state : basis.returns) {
    const bool concerned =
        std::any_of(quote.items().begin(), quote.items().end(), [&](const v1::RefundItem& item) {
          return std::any_of(
              state.items().begin(), state.items().end(),
              [&](const v1::ReturnItem& returned) { return returned.line_id() == item.line_id(); });
        });
    if (!concerned) continue;
    if (absl::Status s = CheckNotPaidByPlatform(state, basis.refunds); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// What the payment of a refund costs that belongs to no return; a return books its own.
absl::Status BookCosts(Command& c, const v1::Refund& state, v1::Event* fact) {
  if (!fact->has_refund_succeeded() || !state.return_name().empty()) return absl::OkStatus();
  const auto order = c.store.FindOrder(c.seller, names::Split(state.order()).id);
  if (!order) return absl::OkStatus();
  auto channel = c.Channel(state.channel());
  if (!channel.ok()) return channel.status();
  v1::Refund paid = state;
  if (fact->refund_succeeded().has_amount()) {
    *paid.mutable_paid_amount() = fact->refund_succeeded().amount();
  }
  for (v1::LedgerEntry& entry : CostsOfRefund(
           *order, paid, (*channel)->policies.At(calendar::FromProto(fact->occurred_at())))) {
    *fact->mutable_refund_succeeded()->add_ledger() = std::move(entry);
  }
  return absl::OkStatus();
}

// What a payment does beside those that are known.
enum class Again {
  kNo,
  kNoUnitLeft,  // it names no units, and all of the return were refunded or exchanged
  kMore,        // more is paid than the order brought in, or for more units than there are
};

// What earlier payments of a return left unpaid of what was asked, as far as no goodwill of the
// order made up for it.
int64_t LeftUnpaid(std::span<const v1::Refund> paid, std::string_view return_name) {
  int64_t left = 0;
  for (const v1::Refund& refund : paid) {
    if (refund.return_name() == return_name) {
      left += std::max<int64_t>(0, refund.total().minor_units() - HeldUnits(refund));
    } else if (refund.return_name().empty() && refund.items().empty()) {
      left -= HeldUnits(refund);
    }
  }
  return std::max<int64_t>(0, left);
}

Again PaidAgain(Command& c, const v1::Refund& state, const v1::RefundSucceeded& body) {
  const std::string_view order_id = names::Split(state.order()).id;
  const auto order = c.store.FindOrder(c.seller, order_id);
  if (!order) return Again::kNo;
  const v1::Money& amount = body.has_amount() ? body.amount() : state.total();
  std::vector<v1::Refund> paid = c.store.RefundsOfOrder(c.seller, order_id);
  std::erase_if(paid, [&](const v1::Refund& refund) {
    return refund.name() == state.name() || !IsPaid(refund.status());
  });
  const std::vector<v1::Exchange> exchanges = c.store.ExchangesOfOrder(c.seller, order_id);
  std::vector<v1::Return> returns;
  const v1::Return* of = nullptr;
  for (store::ReturnRecord& record :
       c.store.ReturnsOfOrder(c.seller, names::Split(state.channel()).id, order->external_id())) {
    returns.push_back(std::move(*record.mutable_state()));
  }
  for (const v1::Return& one : returns) {
    if (one.name() == state.return_name()) of = &one;
  }
  std::map<std::string, int64_t> units;  // that it pays for, by line
  for (const v1::RefundItem& item : state.items()) units[item.line_id()] += item.quantity();
  // A refund of the host that names no units is goodwill.
  if (state.items().empty() && of != nullptr && state.kind() == v1::Refund::KIND_PLATFORM) {
    int64_t all = 0, agreed = 0;
    for (const v1::ReturnItem& item : of->items()) {
      all += units[item.line_id()] = UnitsPaidWithout(*of, item);
      agreed += UnitsAgreed(item);
    }
    if (agreed > 0 && all == 0 && amount.minor_units() > LeftUnpaid(paid, state.return_name())) {
      return Again::kNoUnitLeft;
    }
  }
  if (order->has_captured_total() && amount.currency_code() == order->currency_code() &&
      amount.minor_units() > Refundable(*order, paid, exchanges).minor_units()) {
    return Again::kMore;
  }
  for (const auto& [line_id, count] : units) {
    if (count == 0) continue;
    const v1::ReturnItem* item = of == nullptr ? nullptr : FindItem(*of, line_id);
    if (item != nullptr && UnitsAgreed(*item) > 0 &&
        count + item->quantity_refunded() + item->quantity_exchanged() +
                item->quantity_in_exchange() >
            UnitsAgreed(*item)) {
      return Again::kMore;
    }
    const int index = LineIndex(*order, line_id);
    if (index < 0) continue;
    int64_t given = count + UnitsInExchanges(exchanges, line_id);
    for (const v1::Refund& refund : paid) {
      if (!refund.return_name().empty()) continue;
      for (const v1::RefundItem& one : refund.items()) {
        if (one.line_id() == line_id) given += one.quantity();
      }
    }
    for (const v1::Return& one : returns) {
      for (const v1::ReturnItem& returned : one.items()) {
        if (returned.line_id() == line_id) given += returned.quantity_refunded();
      }
    }
    if (given > order->lines(index).quantity()) return Again::kMore;
  }
  return Again::kNo;
}

// Until when a person has to see to a payment that was otherwise than asked, or made twice. What
// the marketplace pays of its own goods is not theirs to mend.
absl::Status AskToLook(Command& c, const v1::Refund& state, Again again, v1::Event* fact) {
  if (fact->has_refund_succeeded()) {
    const v1::RefundSucceeded& body = fact->refund_succeeded();
    const bool as_asked =
        !body.has_amount() || body.amount().minor_units() == state.total().minor_units();
    if (as_asked && again == Again::kNo && !IsPaid(state.status())) return absl::OkStatus();
  } else if (!fact->has_refund_mismatched()) {
    return absl::OkStatus();
  }
  const auto order = c.store.FindOrder(c.seller, names::Split(state.order()).id);
  if (order && order->fulfillment() == v1::FULFILLMENT_AFN) return absl::OkStatus();
  if (!state.return_name().empty()) {
    const auto of = c.store.FindReturn(c.seller, names::Split(state.return_name()).id);
    if (of && of->state().platform_managed()) return absl::OkStatus();
  }
  auto channel = c.Channel(state.channel());
  if (!channel.ok()) return channel.status();
  *(fact->has_refund_mismatched() ? fact->mutable_refund_mismatched()->mutable_due_at()
                                  : fact->mutable_refund_succeeded()->mutable_due_at()) =
      calendar::ToProto(c.now +
                        absl::Hours((*channel)->policies.At(c.now).refund_approval_hours()));
  return absl::OkStatus();
}

// Until when a person has to see to one that failed, and that no return asks for.
absl::Status AskToRetry(Command& c, const v1::Refund& state, v1::Event* fact) {
  if (!fact->has_refund_failed() || !state.return_name().empty() ||
      state.kind() == v1::Refund::KIND_EXCHANGE_DIFFERENCE) {
    return absl::OkStatus();
  }
  auto channel = c.Channel(state.channel());
  if (!channel.ok()) return channel.status();
  *fact->mutable_refund_failed()->mutable_due_at() = calendar::ToProto(
      c.now + absl::Hours((*channel)->policies.At(c.now).refund_approval_hours()));
  return absl::OkStatus();
}

// Whether one refund may have been paid in place of another: for a line of the same, or, where that
// names none, for the order.
bool PaysInPlaceOf(const v1::Refund& paid, const v1::Refund& failed) {
  if (failed.items().empty()) return paid.return_name().empty();
  return std::any_of(failed.items().begin(), failed.items().end(), [&](const v1::RefundItem& one) {
    return std::any_of(paid.items().begin(), paid.items().end(), [&](const v1::RefundItem& other) {
      return other.line_id() == one.line_id();
    });
  });
}

// Nobody has to see any more to those that failed and were paid by another one.
absl::Status ForgetFailed(Command& c, const v1::Refund& paid) {
  for (const v1::Refund& failed : c.store.RefundsOfOrder(c.seller, names::Split(paid.order()).id)) {
    if (!AwaitsRetry(failed) || !PaysInPlaceOf(paid, failed)) continue;
    auto record = c.store.FindRefund(c.seller, names::Split(failed.name()).id);
    v1::Event fact = c.NewEvent(failed.name(), failed.channel());
    fact.mutable_refund_difference_settled()->set_proof(Cat("paid instead: ", paid.name()));
    if (absl::Status s = RecordRefundFact(c, *std::move(record), std::move(fact)).status();
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

// What of the prices a payment gave back, for its return to book what it cost.
void AddPrices(const v1::Order& order, const v1::Refund& state, v1::ReturnRefunded* body) {
  if (state.breakdown().empty()) return;
  const std::vector<int64_t> prices = PricesGivenBack(order, state);
  for (int i = 0; i < order.lines_size(); ++i) {
    const v1::OrderLine& line = order.lines(i);
    const bool meant = std::any_of(
        state.breakdown().begin(), state.breakdown().end(),
        [&](const v1::BreakdownLine& part) { return part.line_id() == line.line_id(); });
    if (line.referral_bp() == 0 || !meant) continue;
    v1::ReturnRefunded::Price* price = body->add_prices();
    price->set_line_id(line.line_id());
    *price->mutable_amount() =
        money::Make(prices[static_cast<size_t>(i)], state.total().currency_code());
  }
}

// The refund's row, its event and the return's units, for one fact on a refund.
absl::StatusOr<v1::Refund> Record(Command& c, store::RefundRecord record, v1::Event fact,
                                  bool created) {
  v1::Refund* state = record.mutable_state();
  const v1::Refund::Status before = state->status();
  if (absl::Status s = BookCosts(c, *state, &fact); !s.ok()) return s;
  const Again again = fact.has_refund_succeeded() && !IsPaid(before)
                          ? PaidAgain(c, *state, fact.refund_succeeded())
                          : Again::kNo;
  if (absl::Status s = AskToLook(c, *state, again, &fact); !s.ok()) return s;
  if (absl::Status s = AskToRetry(c, *state, &fact); !s.ok()) return s;
  ApplyRefundFact(fact, state);
  fact.set_subject(state->name());
  fact.set_channel(state->channel());
  fact.set_status_after(StatusName(state->status()));
  record.add_facts(c.store.AppendEvent(c.seller, &fact));
  state->set_etag(NextEtag(state->etag()));
  *state->mutable_update_time() = calendar::ToProto(c.now);
  if (created) *state->mutable_create_time() = state->update_time();
  c.store.PutRefund(record, created);
  if (const auto order = c.store.FindOrder(c.seller, names::Split(state->order()).id)) {
    const std::vector<v1::Refund> refunds =
        c.store.RefundsOfOrder(c.seller, names::Split(state->order()).id);
    for (Violation& violation : CheckInvariants(*state, before, *order, refunds)) {
      c.violations.push_back(std::move(violation));
    }
    // Facts of the marketplace are never refused; what they contradict is a finding.
    if (state->kind() != v1::Refund::KIND_PLATFORM && !HoldsMoney(before) &&
        HoldsMoney(state->status()) && state->status() != v1::Refund::STATUS_SUCCEEDED) {
      const std::vector<v1::Exchange> exchanges =
          c.store.ExchangesOfOrder(c.seller, names::Split(state->order()).id);
      if (!exchanges.empty()) {
        for (Violation& violation : CheckUnitsUsedOnce(*state, *order, refunds, exchanges)) {
          c.violations.push_back(std::move(violation));
        }
      }
    }
  }

  const bool paid_now = !IsPaid(before) && IsPaid(state->status());
  if (paid_now) {
    if (absl::Status s = ForgetFailed(c, *state); !s.ok()) return s;
  }
  if (IsPaid(before) && state->status() == v1::Refund::STATUS_REVERSED &&
      !state->return_name().empty()) {
    auto editor = ReturnEditor::Open(c, state->return_name());
    if (!editor.ok()) return editor.status();
    v1::Event reversed = editor->NewFact();
    reversed.set_external_id(Cat("refund-reversed:", state->name()));
    v1::ReturnRefundReversed* body = reversed.mutable_return_refund_reversed();
    body->set_refund(state->name());
    *body->mutable_amount() = state->has_paid_amount() ? state->paid_amount() : state->total();
    *body->mutable_items() = state->items();
    if (state->items().empty()) {
      // It paid for what no other one of the return did.
      for (const v1::ReturnItem& item : editor->state().items()) {
        v1::RefundItem* units = body->add_items();
        units->set_line_id(item.line_id());
        units->set_quantity(item.quantity_refunded());
      }
      for (const v1::Refund& other :
           c.store.RefundsOfOrder(c.seller, names::Split(state->order()).id)) {
        if (other.return_name() != state->return_name() || !IsPaid(other.status())) continue;
        for (const v1::RefundItem& theirs : other.items()) {
          for (v1::RefundItem& units : *body->mutable_items()) {
            if (units.line_id() != theirs.line_id()) continue;
            units.set_quantity(std::max(0, units.quantity() - theirs.quantity()));
          }
        }
      }
    }
    editor->Add(std::move(reversed));
    editor->Save();
  }
  if (paid_now && !state->return_name().empty()) {
    auto editor = ReturnEditor::Open(c, state->return_name());
    if (!editor.ok()) return editor.status();
    v1::Event refunded = editor->NewFact();
    *refunded.mutable_occurred_at() = fact.occurred_at();
    refunded.set_external_id(Cat("refund:", state->name()));
    v1::ReturnRefunded* body = refunded.mutable_return_refunded();
    body->set_refund(state->name());
    *body->mutable_amount() =
        fact.refund_succeeded().has_amount() ? fact.refund_succeeded().amount() : state->total();
    if (!PaidAsAsked(*state)) {
      *body->mutable_asked() = state->total();
    } else if (again == Again::kNoUnitLeft) {
      *body->mutable_asked() = money::Make(0, state->total().currency_code());
    }
    *body->mutable_items() = state->items();
    body->set_external_refund_id(state->external_refund_id());
    if (editor->order() != nullptr) AddPrices(*editor->order(), *state, body);
    editor->Add(std::move(refunded));
    editor->Save();
  }
  if (state->kind() == v1::Refund::KIND_EXCHANGE_DIFFERENCE) {
    if (absl::Status s = FollowDifference(c, *state, before); !s.ok()) return s;
  } else if (!state->return_name().empty() && (HoldsMoney(before) != HoldsMoney(state->status()) ||
                                               (paid_now && state->items().empty()))) {
    if (absl::Status s = FollowRefundOfReturn(c, *state); !s.ok()) return s;
  }
  return *state;
}

// The refund that a command names, as the caller saw it.
template <typename Request>
absl::StatusOr<store::RefundRecord> Open(Command& c, const Request& request) {
  auto id = IdIn(c, request.name(), "refunds", "name");
  if (!id.ok()) return id.status();
  auto record = c.store.FindRefund(c.seller, *id);
  if (!record) return NotFound(request.name());
  const v1::Refund& state = record->state();
  if (absl::Status s = CheckEtag(request.etag(), state.etag(), StatusName(state.status()));
      !s.ok()) {
    return s;
  }
  return *std::move(record);
}

// Whether what the buyer pays for their label is what somebody says that it cost, and no carrier.
bool TakesOffOwnLabel(const v1::Return& state, const v1::RefundQuote& quote) {
  return std::any_of(quote.breakdown().begin(), quote.breakdown().end(),
                     [](const v1::BreakdownLine& line) {
                       return line.kind() == v1::BreakdownLine::KIND_LABEL_FEE &&
                              line.amount().minor_units() != 0;
                     }) &&
         std::any_of(state.labels().begin(), state.labels().end(),
                     [](const v1::ReturnLabel& label) {
                       return label.kind() == v1::ReturnLabel::KIND_MERCHANT &&
                              label.paid_by() == v1::ReturnLabel::PAYER_BUYER &&
                              IsLive(label.state()) && label.cost().minor_units() != 0;
                     });
}

// Whether it is more because of an exchange that the asker had offered, and of which nothing could
// be sent: what one person says in two places is one person's word.
bool GainsByOwnExchange(const Basis& basis, const v1::RefundSpec& spec, const v1::Actor& asker,
                        const v1::RefundQuote& quote) {
  const auto own = [&](const v1::Exchange& exchange) {
    return std::any_of(
               quote.items().begin(), quote.items().end(),
               [&](const v1::RefundItem& item) { return item.exchange() == exchange.name(); }) &&
           (asker.id().empty() || exchange.requested_by().id().empty() ||
            SamePerson(asker, exchange.requested_by()));
  };
  if (std::none_of(basis.exchanges.begin(), basis.exchanges.end(), own)) return false;
  Basis without = basis;
  std::erase_if(without.exchanges, own);
  const auto due = QuoteFor(without, spec);
  return !due.ok() || due->total().minor_units() != quote.total().minor_units();
}

// Whether the caller changed what the policy gives: put something on top or took something off,
// said what a label cost, or something else about the units than their return knows.
bool ChangesDue(const Basis& basis, const v1::RefundSpec& spec, const v1::Actor& asker,
                const v1::RefundQuote& quote) {
  if (GainsByOwnExchange(basis, spec, asker, quote)) return true;
  v1::RefundSpec plain = spec;
  plain.clear_goodwill();
  plain.clear_label_fee();
  plain.clear_deduction();
  if (basis.return_state) {
    plain.clear_late();
    for (v1::RefundItem& item : *plain.mutable_items()) {
      item.clear_condition();
      item.clear_reason();
    }
  }
  if (basis.return_state && TakesOffOwnLabel(*basis.return_state, quote)) return true;
  if (plain.SerializeAsString() == spec.SerializeAsString()) return false;
  const auto due = QuoteFor(basis, plain);
  // Nobody can pay more than the order has left: what goes beyond it is no wish of the caller's.
  return !due.ok() || std::min(due->total().minor_units(), quote.refundable().minor_units()) !=
                          quote.total().minor_units();
}

constexpr std::string_view kNotPolicy =
    " is not what the policy gives, so somebody else has to approve the difference.";

// Why a refund is not what the policy and the returns of the order give, to follow its amount;
// empty where it is.
std::string DeviationOf(const Basis& basis, const v1::RefundSpec& spec, const v1::Actor& asker,
                        const v1::RefundQuote& quote) {
  if (!basis.return_state) {
    const v1::Return* beside =
        ReturnPaidBeside(basis.order, basis.returns, basis.refunds, quote.items());
    if (beside != nullptr) {
      return Cat(" pays for units that are in ", beside->name(), ", which is ",
                 StatusName(beside->status()),
                 ", without naming it, so somebody else has to approve it.");
    }
  }
  return ChangesDue(basis, spec, asker, quote) ? std::string(kNotPolicy) : std::string();
}

constexpr std::string_view kRaised =
    " is of an order whose prices were put up by hand, so somebody else has to approve it.";

// Whether a refund takes somebody else's approval, and why.
enum class Approval { kNone, kLimit, kDeviation };
Approval ApprovalOf(const Basis& basis, const v1::Actor& asker, const v1::Money& total,
                    bool deviates) {
  const v1::Role role = asker.role();
  if (!WithinLimit(*basis.today, role, DecidedTogether(asker, total, basis.refunds))) {
    return Approval::kLimit;
  }
  const bool bound = role == v1::ROLE_OPERATOR || role == v1::ROLE_RULE;
  return bound && deviates ? Approval::kDeviation : Approval::kNone;
}

// Why a refund is paid as it is: what it was computed from, and by which rules.
void ExplainRefund(const Basis& basis, const v1::RefundQuote& quote, Approval approval,
                   std::string_view deviation, v1::Event* fact) {
  const std::string amount = Cat("A refund of ", FormatMoney(quote.total()));
  Explain why(
      fact, approval == Approval::kNone ? "APPROVED" : "PENDING_APPROVAL",
      approval == Approval::kNone ? Cat(amount, " is due and within the limit.")
      : approval == Approval::kLimit
          ? Cat(amount,
                " is more than the asker may pay alone, so somebody else has to approve it.")
          : Cat(amount, deviation));
  for (const char* rule : {"refund_quote", "restocking", "refund_limits"}) {
    why.Rule(rule, basis.policy->Whole());
  }
  why.Input("order", basis.order.name()).Input("order_etag", basis.order.etag());
  if (basis.return_state) {
    why.Input("return", basis.return_state->name())
        .Input("return_etag", basis.return_state->etag())
        .Input("late", basis.return_state->late() ? "true" : "false");
  }
  why.Input("refundable", FormatMoney(quote.refundable()));
}

// Gives a refund to the marketplace's plugin, or to a person where that has no way.
absl::StatusOr<v1::Refund> HandOver(Command& c, const v1::Refund& refund) {
  auto channel = c.Channel(refund.channel());
  if (!channel.ok()) return channel.status();
  const std::string& plugin_id = (*channel)->channel.marketplace_plugin();
  const plugins::PluginHandle* plugin = c.services.plugins.Find(plugin_id);
  if (plugin == nullptr ||
      plugin->CapabilityOf("IssueRefund") == v1::Plugin::CAPABILITY_UNSUPPORTED) {
    // Nobody can pay it for the person.
    auto current = c.store.FindRefund(c.seller, names::Split(refund.name()).id);
    v1::Event manual = c.NewEvent(refund.name(), refund.channel());
    v1::ManualAction* action = manual.mutable_refund_awaits_person()->mutable_action();
    action->set_title(Cat("Pay ", FormatMoney(refund.total()), " for order ",
                          refund.order_external_id(), " at the marketplace"));
    action->add_steps("Pay the refund where the order was sold");
    action->add_steps("Record it with SettleRefund and the reference of the payment");
    *manual.mutable_refund_awaits_person()->mutable_due_at() =
        calendar::ToProto(RefundDue(c.now, (*channel)->channel, (*channel)->policies.At(c.now)));
    return RecordRefundFact(c, *std::move(current), std::move(manual));
  }
  store::Effect effect;
  effect.seller = c.seller;
  effect.effect_id = refund.effect_id();
  effect.plugin = plugin_id;
  effect.method = "IssueRefund";
  effect.subject = refund.name();
  effect.due_at = absl::ToUnixMicros(c.now);
  c.store.PutEffect(&effect);
  return refund;
}

// Stores a new refund: handed over at once where who asks for it may pay so much alone.
absl::StatusOr<v1::Refund> Decide(Command& c, const Basis& basis, const v1::RefundQuote& quote,
                                  const v1::Refund& refund, std::string_view deviation) {
  store::RefundRecord record;
  record.mutable_state()->set_name(refund.name());
  v1::Event fact = c.NewEvent(refund.name(), refund.channel());
  if (deviation.empty() && basis.order.has_raised_by()) deviation = kRaised;
  const Approval approval =
      ApprovalOf(basis, refund.requested_by(), refund.total(), !deviation.empty());
  const bool alone = approval == Approval::kNone;
  ExplainRefund(basis, quote, approval, deviation, &fact);
  if (alone) {
    *fact.mutable_refund_approved()->mutable_refund() = refund;
  } else {
    *fact.mutable_refund_requested()->mutable_refund() = refund;
    *fact.mutable_refund_requested()->mutable_due_at() =
        calendar::ToProto(c.now + absl::Hours(basis.today->refund_approval_hours()));
  }
  auto stored = Record(c, record, std::move(fact), /*created=*/true);
  if (!stored.ok() || !alone) return stored;
  return HandOver(c, *stored);
}

absl::StatusOr<Basis> DifferenceBasis(Command& c, const v1::Exchange& exchange) {
  v1::RefundSpec spec;
  spec.set_order(exchange.order());
  return BasisOf(c.store, c.services.channels, c.seller, spec, c.now);
}

// Whether its payment is on its way, or a person is to make it: decided on, and not heard of since.
bool AwaitsPayment(const v1::Refund& refund) {
  return HoldsMoney(refund.status()) && !IsPaid(refund.status()) &&
         refund.status() != v1::Refund::STATUS_PENDING_APPROVAL;
}

bool HasLine(const v1::Refund& refund, v1::BreakdownLine::Kind kind) {
  return std::any_of(refund.breakdown().begin(), refund.breakdown().end(),
                     [kind](const v1::BreakdownLine& line) { return line.kind() == kind; });
}

// What was asked for, as far as a refund tells it: what its return has learned since, it is asked
// for by.
v1::RefundSpec SpecOf(const v1::Refund& refund, const v1::Return* of) {
  v1::RefundSpec spec;
  spec.set_return_name(refund.return_name());
  spec.set_order(refund.order());
  const absl::Time asked = calendar::FromProto(refund.create_time());
  const std::string& currency = refund.total().currency_code();
  int64_t goodwill = 0, deduction = 0, label = 0;
  for (const v1::BreakdownLine& line : refund.breakdown()) {
    const int64_t amount = line.amount().minor_units();
    if (line.kind() == v1::BreakdownLine::KIND_GOODWILL) goodwill += amount;
    if (line.kind() == v1::BreakdownLine::KIND_DEDUCTION) deduction -= amount;
    if (line.kind() == v1::BreakdownLine::KIND_LABEL_FEE) label -= amount;
  }
  if (goodwill > 0) *spec.mutable_goodwill() = money::Make(goodwill, currency);
  if (deduction > 0) *spec.mutable_deduction() = money::Make(deduction, currency);
  if (of == nullptr) {
    *spec.mutable_items() = refund.items();
    if (label > 0) *spec.mutable_label_fee() = money::Make(label, currency);
    return spec;
  }
  const bool new_label =
      std::any_of(of->labels().begin(), of->labels().end(), [&](const v1::ReturnLabel& one) {
        return one.has_issued_at() && calendar::FromProto(one.issued_at()) > asked;
      });
  if (!new_label) *spec.mutable_label_fee() = money::Make(label, currency);
  for (const v1::RefundItem& item : refund.items()) {
    const bool inspected_since = std::any_of(
        of->inspections().begin(), of->inspections().end(), [&](const v1::Inspection& one) {
          return one.line_id() == item.line_id() && calendar::FromProto(one.inspected_at()) > asked;
        });
    const auto known =
        std::find_if(spec.mutable_items()->begin(), spec.mutable_items()->end(),
                     [&](const v1::RefundItem& one) { return one.line_id() == item.line_id(); });
    if (known == spec.mutable_items()->end()) {
      *spec.add_items() = item;
      if (inspected_since) {
        spec.mutable_items()->rbegin()->clear_condition();
        spec.mutable_items()->rbegin()->clear_reason();
      }
      continue;
    }
    // A line is named once; its units are as they were found.
    known->set_quantity(known->quantity() + item.quantity());
    if (known->condition() != item.condition()) known->clear_condition();
  }
  return spec;
}

// Whether a refund pays what its units are due now.
absl::Status CheckTotalStillDue(const Basis& basis, const v1::Refund& refund) {
  const v1::Return* of = basis.return_state ? &*basis.return_state : nullptr;
  v1::RefundSpec spec = SpecOf(refund, of);
  auto quote = QuoteFor(basis, spec);
  if (!quote.ok()) return quote.status();
  if (absl::Status s = CheckPaidByPlatform(basis, *quote);
      !s.ok() && refund.override_reason().empty()) {
    return s;
  }
  const bool fee_twice =
      HasLine(refund, v1::BreakdownLine::KIND_LABEL_FEE) &&
      std::any_of(basis.refunds.begin(), basis.refunds.end(), [&](const v1::Refund& other) {
        return !refund.return_name().empty() && other.return_name() == refund.return_name() &&
               HoldsMoney(other.status()) && HasLine(other, v1::BreakdownLine::KIND_LABEL_FEE);
      });
  const auto same = [&] { return quote->total().minor_units() == refund.total().minor_units(); };
  if (!fee_twice && same()) return absl::OkStatus();
  if (!fee_twice && of == nullptr) {
    spec.set_late(true);
    quote = QuoteFor(basis, spec);
    if (quote.ok() && same()) return absl::OkStatus();
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "QUOTE_CHANGED",
                Cat("the refund of ", FormatMoney(refund.total()),
                    " is not what is due any more; cancel it, and ask for what is"));
}

// What a refund that is there already is computed from now, without itself; or why it is not due
// any more.
absl::StatusOr<Basis> StillDue(Command& c, const v1::Refund& state) {
  v1::RefundSpec spec;
  spec.set_return_name(state.return_name());
  spec.set_order(state.order());
  auto basis = BasisOf(c.store, c.services.channels, c.seller, spec, c.now);
  if (!basis.ok()) return basis;
  std::erase_if(basis->refunds,
                [&](const v1::Refund& refund) { return refund.name() == state.name(); });
  if (state.items_size() > 0) {
    if (!basis->return_state) {
      if (const ChannelInfo* channel = c.services.channels.Find(c.store, state.channel())) {
        basis->policy = PolicyInForce(channel->policies, calendar::FromProto(state.create_time()));
      }
    }
    if (absl::Status s = CheckTotalStillDue(*basis, state); !s.ok()) return s;
  }
  if (absl::Status s =
          CheckRefundable(basis->order, state.total(), basis->refunds, basis->exchanges, "name");
      !s.ok()) {
    return s;
  }
  if (state.kind() != v1::Refund::KIND_EXCHANGE_DIFFERENCE) return basis;
  const auto exchange = c.store.FindExchange(c.seller, names::Split(state.exchange()).id);
  if (!exchange || -exchange->state().balance().minor_units() < state.total().minor_units()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_REFUND",
                  Cat(state.exchange(), " owes the buyer no such amount any more"));
  }
  for (const v1::Return& of : basis->returns) {
    if (of.name() != exchange->state().return_name()) continue;
    if (absl::Status s = CheckNotPaidByPlatform(of, basis->refunds); !s.ok()) return s;
  }
  return basis;
}

}  // namespace

absl::StatusOr<v1::RefundQuote> QuoteRefund(store::Reader& store, std::string_view seller,
                                            const v1::RefundSpec& spec, absl::Time now) {
  ChannelCache channels;
  auto basis = BasisOf(store, channels, seller, spec, now);
  if (!basis.ok()) return basis.status();
  auto quote = QuoteFor(*basis, spec);
  if (!quote.ok()) return quote;
  if (absl::Status s = CheckRefundable(basis->order, quote->total(), basis->refunds,
                                       basis->exchanges, FieldOfAmount(spec));
      !s.ok()) {
    return s;
  }
  return quote;
}

absl::StatusOr<v1::Refund> IssueRefund(Command& c, const v1::IssueRefundRequest& request) {
  const v1::RefundSpec& spec = request.spec();
  if (spec.override_reason().size() > 500) {
    return InvalidField("spec.override_reason", "TOO_LONG", "at most 500 bytes");
  }
  auto basis = BasisOf(c.store, c.services.channels, c.seller, spec, c.now);
  if (!basis.ok()) return basis.status();
  if (basis->order.fulfillment() == v1::FULFILLMENT_AFN ||
      (basis->return_state && basis->return_state->platform_managed())) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "PLATFORM_MANAGED",
                  "the marketplace fulfils this order and pays its refunds itself; the host only "
                  "mirrors them");
  }
  auto quote = QuoteFor(*basis, spec);
  if (!quote.ok()) return quote.status();
  if (request.has_expected_total() &&
      (request.expected_total().minor_units() != quote->total().minor_units() ||
       request.expected_total().currency_code() != quote->total().currency_code())) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "QUOTE_CHANGED",
                  Cat("the refund is ", FormatMoney(quote->total()), " by now, not ",
                      FormatMoney(request.expected_total()), "; look at a new quote"))
        .With("total", quote->total().minor_units());
  }
  if (quote->total().minor_units() == 0) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_REFUND",
                  "fees and deductions take all of it; close the return without a refund instead");
  }
  if (absl::Status s = CheckRefundable(basis->order, quote->total(), basis->refunds,
                                       basis->exchanges, FieldOfAmount(spec));
      !s.ok()) {
    return s;
  }

  if (absl::Status s = CheckPaidByPlatform(*basis, *quote); !s.ok()) {
    if (spec.override_reason().empty()) return s;
    if (c.actor.role() != v1::ROLE_MANAGER) {
      return Refuse(absl::StatusCode::kPermissionDenied, ReasonOf(s), View(s.message()))
          .Field("spec.override_reason", "only with role MANAGER");
    }
  }

  v1::Refund refund;
  refund.set_name(names::Make(c.seller, "refunds", c.NewId("rfd_")));
  refund.set_override_reason(spec.override_reason());
  refund.set_order(basis->order.name());
  refund.set_order_external_id(basis->order.external_id());
  refund.set_channel(basis->order.channel());
  if (basis->return_state) {
    refund.set_return_name(basis->return_state->name());
    refund.set_kind(basis->return_state->return_method() == v1::RETURN_METHOD_NONE
                        ? v1::Refund::KIND_RETURNLESS
                        : v1::Refund::KIND_RETURN);
  } else {
    refund.set_kind(v1::Refund::KIND_CONCESSION);
  }
  refund.set_status(v1::Refund::STATUS_APPROVED);
  *refund.mutable_breakdown() = quote->breakdown();
  *refund.mutable_total() = quote->total();
  *refund.mutable_items() = quote->items();
  refund.set_effect_id(c.NewId("eff_"));
  *refund.mutable_requested_by() = c.actor;
  for (const v1::RefundItem& item : quote->items()) {
    if (refund.exchange().empty()) refund.set_exchange(item.exchange());
  }
  return Decide(c, *basis, *quote, refund, DeviationOf(*basis, spec, c.actor, *quote));
}

absl::StatusOr<v1::RefundQuote> QuoteInsteadOf(store::Reader& store, const v1::Exchange& exchange,
                                               const v1::RefundSpec& spec, absl::Time now) {
  ChannelCache channels;
  auto basis = BasisOf(store, channels, names::Split(exchange.name()).seller, spec, now);
  if (!basis.ok()) return basis.status();
  for (v1::Exchange& one : basis->exchanges) {
    if (one.name() == exchange.name()) one.set_status(v1::Exchange::STATUS_CONVERTED_TO_REFUND);
  }
  return QuoteFor(*basis, spec);
}

absl::Status CheckExchangeDifference(Command& c, const v1::Exchange& exchange,
                                     const v1::Money& amount) {
  auto basis = DifferenceBasis(c, exchange);
  if (!basis.ok()) return basis.status();
  if (absl::Status s = CheckRefundable(basis->order, amount, basis->refunds, basis->exchanges);
      !s.ok()) {
    return s;
  }
  for (const v1::Return& state : basis->returns) {
    if (state.name() != exchange.return_name()) continue;
    if (absl::Status s = CheckNotPaidByPlatform(state, basis->refunds); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Refund> IssueExchangeDifference(Command& c, const v1::Exchange& exchange,
                                                   const v1::Money& amount) {
  auto basis = DifferenceBasis(c, exchange);
  if (!basis.ok()) return basis.status();
  v1::RefundQuote quote;
  v1::BreakdownLine* line = quote.add_breakdown();
  line->set_kind(v1::BreakdownLine::KIND_EXCHANGE_DIFFERENCE);
  *line->mutable_amount() = amount;
  *quote.mutable_total() = amount;
  *quote.mutable_refundable() = Refundable(basis->order, basis->refunds, basis->exchanges);
  // It names no return: it pays for none of its units.
  v1::Refund refund;
  refund.set_name(names::Make(c.seller, "refunds", c.NewId("rfd_")));
  refund.set_order(basis->order.name());
  refund.set_order_external_id(basis->order.external_id());
  refund.set_channel(basis->order.channel());
  refund.set_kind(v1::Refund::KIND_EXCHANGE_DIFFERENCE);
  refund.set_status(v1::Refund::STATUS_APPROVED);
  *refund.mutable_breakdown() = quote.breakdown();
  *refund.mutable_total() = amount;
  refund.set_effect_id(c.NewId("eff_"));
  // Who named the price decided on the difference; who ships only carries it out.
  *refund.mutable_requested_by() = exchange.has_requested_by() ? exchange.requested_by() : c.actor;
  refund.set_exchange(exchange.name());
  // As long as the goods are not back their price is one person's word.
  const bool in_advance = exchange.quantity_returned() < UnitsOfExchange(exchange);
  return Decide(c, *basis, quote, refund, in_advance ? kNotPolicy : std::string_view());
}

std::optional<std::string> OtherWithExternalId(Command& c, const v1::Refund& state,
                                               std::string_view external_id) {
  if (external_id.empty()) return std::nullopt;
  const auto other =
      c.store.FindRefundByExternalId(c.seller, names::Split(state.channel()).id, external_id);
  if (!other || other->state().name() == state.name()) return std::nullopt;
  return other->state().name();
}

absl::StatusOr<v1::Refund> SettleRefund(Command& c, const v1::SettleRefundRequest& request) {
  auto record = Open(c, request);
  if (!record.ok()) return record.status();
  const v1::Refund& state = record->state();
  const v1::Money* amount = request.has_amount() ? &request.amount() : nullptr;
  if (absl::Status s = CheckSettleRefund(state, request.paid(), request.proof(), amount); !s.ok()) {
    return s;
  }
  if (AwaitsSettlement(state)) {
    v1::Event fact = c.NewEvent(state.name(), state.channel());
    fact.mutable_refund_difference_settled()->set_proof(request.proof());
    Explain(&fact, "DIFFERENCE_SETTLED", "A person saw to what was paid otherwise than asked.")
        .Input("paid", FormatMoney(state.paid_amount()))
        .Input("total", FormatMoney(state.total()));
    return RecordRefundFact(c, *std::move(record), std::move(fact));
  }
  if (amount != nullptr && request.paid()) {
    if (absl::Status s = CheckPaidAmount(*amount, state.total(), c.actor.role(), "amount"); !s.ok())
      return s;
  }
  if (const auto other = OtherWithExternalId(c, state, request.external_refund_id())) {
    return InvalidField("external_refund_id", "REFUND_EXISTS",
                        Cat("that is the payment of ", *other, "; one payment settles one refund"));
  }
  v1::Event fact = c.NewEvent(state.name(), state.channel());
  if (request.paid()) {
    v1::RefundSucceeded* paid = fact.mutable_refund_succeeded();
    *paid->mutable_amount() = request.has_amount() ? request.amount() : state.total();
    paid->set_external_refund_id(request.external_refund_id());
    paid->set_proof(request.proof());
    Explain(&fact, "PAID", Cat("There is proof that ", FormatMoney(paid->amount()), " was paid."))
        .Input("status", StatusName(state.status()))
        .Input("total", FormatMoney(state.total()))
        .Input("external_refund_id", request.external_refund_id());
  } else {
    fact.mutable_refund_failed()->set_reason(request.proof());
    Explain(&fact, "NOT_PAID",
            Cat("There is proof that the refund of ", FormatMoney(state.total()), " was not paid."))
        .Input("status", StatusName(state.status()));
  }
  return RecordRefundFact(c, *std::move(record), std::move(fact));
}

absl::StatusOr<v1::Refund> ApproveRefund(Command& c, const v1::ApproveRefundRequest& request) {
  auto record = Open(c, request);
  if (!record.ok()) return record.status();
  const v1::Refund& state = record->state();
  auto channel = c.Channel(state.channel());
  if (!channel.ok()) return channel.status();
  // Who may, before what is due: that of others is nobody's to look into.
  if (absl::Status s = CheckApprover(state, c.actor); !s.ok()) return s;
  // Much may have happened since it was asked for.
  const auto basis = StillDue(c, state);
  if (!basis.ok()) return basis.status();
  const v1::Actor& raised_by = basis->order.raised_by();
  if (basis->order.has_raised_by() && SamePerson(raised_by, c.actor) &&
      (!raised_by.id().empty() || raised_by.role() == c.actor.role())) {
    return Refuse(
        absl::StatusCode::kPermissionDenied, "FOUR_EYES",
        "who put the prices of the order up cannot approve its refund; ask somebody else");
  }
  if (absl::Status s =
          CheckApprovalLimit(state, (*channel)->policies.At(c.now), c.actor, basis->refunds);
      !s.ok()) {
    return s;
  }
  v1::Event fact = c.NewEvent(state.name(), state.channel());
  Explain(&fact, "APPROVED",
          Cat("A second person approved the refund of ", FormatMoney(state.total()), "."))
      .Rule("refund_limits", (*channel)->policies.At(c.now))
      .Input("requested_by", state.requested_by().id());
  v1::Refund* approved = fact.mutable_refund_approved()->mutable_refund();
  *approved = state;
  *approved->mutable_approved_by() = c.actor;
  auto stored = RecordRefundFact(c, *std::move(record), std::move(fact));
  if (!stored.ok()) return stored;
  return HandOver(c, *stored);
}

absl::StatusOr<v1::Refund> CancelRefund(Command& c, const v1::CancelRefundRequest& request) {
  auto record = Open(c, request);
  if (!record.ok()) return record.status();
  if (absl::Status s = CheckCancelRefund(record->state(), request.reason()); !s.ok()) return s;
  v1::Event fact = c.NewEvent(record->state().name(), record->state().channel());
  fact.mutable_refund_cancelled()->set_reason(request.reason());
  Explain(&fact, "CANCELLED",
          Cat("The refund of ", FormatMoney(record->state().total()),
              " was not handed over and is not to be paid."))
      .Input("status", StatusName(record->state().status()));
  return RecordRefundFact(c, *std::move(record), std::move(fact));
}

absl::StatusOr<v1::Refund> RetryRefund(Command& c, const v1::RetryRefundRequest& request) {
  auto record = Open(c, request);
  if (!record.ok()) return record.status();
  const v1::Refund& state = record->state();
  if (absl::Status s = CheckRetryRefund(state); !s.ok()) return s;
  // Its money and units were free in the meantime.
  auto basis = StillDue(c, state);
  if (!basis.ok()) return basis.status();
  if (!state.has_approved_by() &&
      !WithinLimit(*basis->today, c.actor.role(),
                   DecidedTogether(c.actor, state.total(), basis->refunds))) {
    return Refuse(
        absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
        "with what you refunded of the order alone it is more than your role may pay; ask "
        "somebody else to try it again");
  }
  // Those of a return that came since are for a second person, as when it is asked for anew.
  if (!basis->return_state && !state.has_approved_by() && c.actor.role() != v1::ROLE_MANAGER) {
    const v1::Return* beside =
        ReturnPaidBeside(basis->order, basis->returns, basis->refunds, state.items());
    if (beside != nullptr) {
      return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                    Cat("units of it are in ", beside->name(), " by now, which is ",
                        StatusName(beside->status()),
                        "; refund those of the return, or have a manager try this again"))
          .Field("name", "a refund whose units are in no return")
          .With("return", beside->name());
    }
  }
  v1::Event fact = c.NewEvent(state.name(), state.channel());
  *fact.mutable_refund_approved()->mutable_refund() = state;
  Explain(&fact, "APPROVED",
          Cat("The refund of ", FormatMoney(state.total()),
              " failed, is still due as it was, and is tried again."))
      .Rule("refund_limits", *basis->today)
      .Input("order", basis->order.name())
      .Input("order_etag", basis->order.etag());
  auto stored = RecordRefundFact(c, *std::move(record), std::move(fact));
  if (!stored.ok()) return stored;
  return HandOver(c, *stored);
}

absl::StatusOr<v1::Refund> ReverseRefund(Command& c, const v1::ReverseRefundRequest& request) {
  auto record = Open(c, request);
  if (!record.ok()) return record.status();
  if (absl::Status s =
          CheckReverseRefund(record->state(), c.actor.role(), request.reason(), request.proof());
      !s.ok()) {
    return s;
  }
  v1::Event fact = c.NewEvent(record->state().name(), record->state().channel());
  fact.mutable_refund_reversed()->set_reason(request.reason());
  fact.mutable_refund_reversed()->set_proof(request.proof());
  Explain(&fact, "REVERSED",
          Cat("There is proof that ",
              FormatMoney(record->state().has_paid_amount() ? record->state().paid_amount()
                                                            : record->state().total()),
              " came back, so it is owed again."))
      .Input("status", StatusName(record->state().status()));
  return RecordRefundFact(c, *std::move(record), std::move(fact));
}

absl::StatusOr<v1::Refund> RecordRefundFact(Command& c, store::RefundRecord record,
                                            v1::Event fact) {
  return Record(c, std::move(record), std::move(fact), /*created=*/false);
}

absl::Status CheckStillDue(Command& c, const v1::Refund& state) {
  return StillDue(c, state).status();
}

namespace {

// What a report of the marketplace shows as paid.
struct Shown {
  v1::Money amount;
  std::string external_refund_id;  // empty where the report has none
  google::protobuf::Timestamp at;
};

absl::Status SettleByReport(Command& c, const v1::Refund& refund, const v1::Money& amount,
                            const std::string& external_refund_id, const Shown& shown) {
  auto record = c.store.FindRefund(c.seller, names::Split(refund.name()).id);
  v1::Event fact = c.NewEvent(refund.name(), refund.channel());
  *fact.mutable_occurred_at() = shown.at;
  v1::RefundSucceeded* paid = fact.mutable_refund_succeeded();
  *paid->mutable_amount() = amount;
  paid->set_external_refund_id(external_refund_id);
  paid->set_proof(Cat("reported by ", c.source));
  return RecordRefundFact(c, *std::move(record), std::move(fact)).status();
}

// Whether what the marketplace shows with a return may be this refund of its order.
bool MayPayFor(const v1::Return& state, const v1::Refund& refund) {
  return refund.return_name().empty() || refund.return_name() == state.name();
}

// Takes what is shown for the payment of a refund of the return that is known to be paid, and has
// no id yet; else for that of one that waits; else for that of all that wait. Answers false where
// it is none of these.
absl::StatusOr<bool> MatchShown(Command& c, const v1::Return& state, const Shown& shown) {
  std::vector<v1::Refund> refunds =
      c.store.RefundsOfOrder(c.seller, names::Split(state.order()).id);
  std::erase_if(refunds, [&](const v1::Refund& refund) {
    return !MayPayFor(state, refund) || !refund.external_refund_id().empty() ||
           refund.total().currency_code() != shown.amount.currency_code();
  });
  int64_t waiting = 0;
  const v1::Refund* one = nullptr;
  for (const v1::Refund& refund : refunds) {
    if (IsPaid(refund.status())) {
      if (shown.external_refund_id.empty() || HeldUnits(refund) != shown.amount.minor_units()) {
        continue;
      }
      if (absl::Status s = SettleByReport(c, refund, shown.amount, shown.external_refund_id, shown);
          !s.ok()) {
        return s;
      }
      return true;
    }
    if (!AwaitsPayment(refund)) continue;
    waiting += refund.total().minor_units();
    if (one == nullptr && refund.total().minor_units() == shown.amount.minor_units()) {
      one = &refund;
    }
  }
  if (one == nullptr && (waiting == 0 || waiting != shown.amount.minor_units())) return false;
  std::string id = shown.external_refund_id;
  for (const v1::Refund& refund : refunds) {
    if (one == nullptr ? !AwaitsPayment(refund) : &refund != one) continue;
    if (absl::Status s = SettleByReport(c, refund, refund.total(), id, shown); !s.ok()) return s;
    id.clear();  // one payment has one refund with its id
  }
  return true;
}

// Tells a payment that is known once more. Answers false where it says nothing else.
absl::StatusOr<bool> ToldOtherwise(Command& c, const store::RefundRecord& known,
                                   const v1::Event& reported) {
  const v1::Refund& state = known.state();
  const v1::Money& amount = reported.return_refunded().amount();
  // One payment may have paid all that waited; its id is with one of them.
  int64_t together = 0;
  for (const v1::Refund& refund :
       c.store.RefundsOfOrder(c.seller, names::Split(state.order()).id)) {
    const bool with_it = refund.name() == state.name() || refund.external_refund_id().empty();
    if (with_it && IsPaid(refund.status()) && refund.proof() == state.proof() &&
        refund.succeeded_at().SerializeAsString() == state.succeeded_at().SerializeAsString()) {
      together += HeldUnits(refund);
    }
  }
  if (!IsPaid(state.status()) || together == amount.minor_units()) return false;
  v1::Event fact = c.NewEvent(state.name(), state.channel());
  *fact.mutable_occurred_at() = reported.occurred_at();
  *fact.mutable_refund_succeeded()->mutable_amount() = amount;
  fact.mutable_refund_succeeded()->set_external_refund_id(state.external_refund_id());
  // Found once, however often it is told.
  v1::Refund after = state;
  ApplyRefundFact(fact, &after);
  if (after.findings_size() == state.findings_size()) return false;
  if (auto stored = RecordRefundFact(c, known, std::move(fact)); !stored.ok()) {
    return stored.status();
  }
  return true;
}

// What was asked for the units that a reported payment is of: the refunds of them that wait. For
// one that names no units, else what is due. What the marketplace gives beyond that is its own to
// decide, unless units of the return were replaced.
v1::Money AskedFor(Command& c, const v1::Return& state, const v1::Refund& reported) {
  const auto count = [](const v1::Refund& refund, std::map<std::string, int64_t>* units) {
    for (const v1::RefundItem& item : refund.items()) (*units)[item.line_id()] += item.quantity();
  };
  v1::RefundSpec all;
  all.set_return_name(state.name());
  auto basis = BasisOf(c.store, c.services.channels, c.seller, all, c.now);
  if (!basis.ok()) return reported.total();
  std::map<std::string, int64_t> units, of_waiting;
  count(reported, &units);
  int64_t waiting = 0;
  for (const v1::Refund& refund : basis->refunds) {
    if (refund.return_name() != state.name() || !AwaitsPayment(refund)) continue;
    std::map<std::string, int64_t> own;
    count(refund, &own);
    if (!units.empty() && own == units) return refund.total();
    count(refund, &of_waiting);
    waiting += refund.total().minor_units();
  }
  if (waiting > 0 && (units.empty() || of_waiting == units)) {
    return money::Make(waiting, reported.total().currency_code());
  }
  if (!units.empty()) return reported.total();
  // What is on its way is what this may be.
  std::erase_if(basis->refunds, [](const v1::Refund& refund) { return !IsPaid(refund.status()); });
  const auto due = QuoteFor(*basis, all);
  if (!due.ok()) return reported.total();
  const bool replaced =
      std::any_of(state.items().begin(), state.items().end(), [](const v1::ReturnItem& item) {
        return item.quantity_exchanged() + item.quantity_in_exchange() > 0;
      });
  return replaced || due->total().minor_units() > reported.total().minor_units() ? due->total()
                                                                                 : reported.total();
}

// Takes refunds of a return off the list of what a person is to pay that are not due any more.
absl::Status WithdrawUndue(Command& c, const v1::Return& state) {
  for (const v1::Refund& refund :
       c.store.RefundsOfOrder(c.seller, names::Split(state.order()).id)) {
    if (!MayPayFor(state, refund) || !refund.has_manual_action() ||
        refund.status() != v1::Refund::STATUS_APPROVED) {
      continue;
    }
    const absl::Status due = CheckStillDue(c, refund);
    if (due.ok()) continue;
    auto record = c.store.FindRefund(c.seller, names::Split(refund.name()).id);
    v1::Event fact = c.NewEvent(refund.name(), refund.channel());
    fact.mutable_refund_failed()->set_reason(Cat("not to be paid any more: ", View(due.message())));
    if (absl::Status s = RecordRefundFact(c, *std::move(record), std::move(fact)).status();
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FollowPlatformRefund(Command& c, const v1::Return& state, int64_t shown_before) {
  const v1::Money& reported = state.platform_refunded();
  if (reported.minor_units() <= shown_before || state.order().empty()) return absl::OkStatus();
  int64_t of_return = 0;
  int64_t of_order = 0;  // what names no return may be what is shown
  for (const v1::Refund& refund :
       c.store.RefundsOfOrder(c.seller, names::Split(state.order()).id)) {
    if (!MayPayFor(state, refund) || !IsPaid(refund.status()) ||
        refund.total().currency_code() != reported.currency_code()) {
      continue;
    }
    (refund.return_name().empty() ? of_order : of_return) += HeldUnits(refund);
  }
  if (reported.minor_units() <= of_return + of_order) return absl::OkStatus();
  Shown shown;
  shown.amount = money::Make(reported.minor_units() - std::max(shown_before, of_return),
                             reported.currency_code());
  shown.at = calendar::ToProto(c.now);
  if (shown.amount.minor_units() <= 0) return WithdrawUndue(c, state);
  if (auto matched = MatchShown(c, state, shown); !matched.ok() || *matched) {
    return matched.status();
  }
  return WithdrawUndue(c, state);
}

absl::StatusOr<bool> StoreReportedRefund(Command& c, std::string_view return_name,
                                         const v1::Event& reported) {
  const v1::ReturnRefunded& body = reported.return_refunded();
  auto opened = ReturnEditor::Open(c, return_name);
  if (!opened.ok()) return opened.status();
  const v1::Return& state = opened->state();
  if (body.external_refund_id().empty()) {
    return InvalidField("return_refunded.external_refund_id", "MISSING_FIELD",
                        "the marketplace's id of the payment makes the fact unique");
  }
  if (body.amount().minor_units() <= 0) {
    return InvalidField("return_refunded.amount", "MISSING_FIELD", "say what was paid, above 0");
  }
  if (body.external_refund_id().size() > names::kMaxExternalId) {
    return InvalidField("return_refunded.external_refund_id", "TOO_LONG",
                        Cat("at most ", names::kMaxExternalId, " bytes"));
  }
  const std::string& currency = opened->channel().channel.currency_code();
  if (body.amount().currency_code() != currency) {
    return InvalidField("return_refunded.amount.currency_code", "CURRENCY_MISMATCH",
                        Cat("the channel sells in ", currency));
  }
  const std::string_view order_id = names::Split(state.order()).id;
  const auto order = c.store.FindOrder(c.seller, order_id);
  const v1::Money most =
      order ? Refundable(*order, {}) : money::Make(money::kMaxMinorUnits, currency);
  if (absl::Status s =
          CheckPaidAmount(body.amount(), most, c.actor.role(), "return_refunded.amount");
      !s.ok()) {
    return s;
  }
  const std::string channel_id = opened->channel().id;
  if (const auto known =
          c.store.FindRefundByExternalId(c.seller, channel_id, body.external_refund_id())) {
    if (known->state().return_name() == state.name()) return ToldOtherwise(c, *known, reported);
    return InvalidField("return_refunded.external_refund_id", "REFUND_EXISTS",
                        Cat("is that of ", known->state().name(), ", which paid ",
                            known->state().return_name().empty() ? std::string("no return")
                                                                 : known->state().return_name(),
                            "; each payment has an id of its own"));
  }
  if (auto matched =
          MatchShown(c, state, {body.amount(), body.external_refund_id(), reported.occurred_at()});
      !matched.ok() || *matched) {
    return matched;
  }

  v1::Refund refund;
  refund.set_name(names::Make(c.seller, "refunds", c.NewId("rfd_")));
  refund.set_order(state.order());
  refund.set_order_external_id(state.order_external_id());
  refund.set_channel(state.channel());
  refund.set_return_name(state.name());
  refund.set_kind(v1::Refund::KIND_PLATFORM);
  refund.set_status(v1::Refund::STATUS_APPROVED);
  *refund.mutable_total() = body.amount();
  *refund.mutable_items() = body.items();
  // A report may call its lines otherwise than the order.
  for (v1::RefundItem& item : *refund.mutable_items()) {
    const v1::ReturnItem* known = FindItem(state, item.line_id());
    if (known != nullptr) item.set_line_id(known->line_id());
  }
  *refund.mutable_requested_by() = c.actor;
  // That it is another amount than was asked has to be seen.
  *refund.mutable_total() = AskedFor(c, state, refund);
  store::RefundRecord record;
  *record.mutable_state() = refund;
  v1::Event approved = c.NewEvent(refund.name(), refund.channel());
  *approved.mutable_occurred_at() = reported.occurred_at();
  *approved.mutable_refund_approved()->mutable_refund() = refund;
  auto stored = Record(c, std::move(record), std::move(approved), /*created=*/true);
  if (!stored.ok()) return stored.status();
  auto current = c.store.FindRefund(c.seller, names::Split(refund.name()).id);
  v1::Event paid = c.NewEvent(refund.name(), refund.channel());
  *paid.mutable_occurred_at() = reported.occurred_at();
  *paid.mutable_refund_succeeded()->mutable_amount() = body.amount();
  paid.mutable_refund_succeeded()->set_external_refund_id(body.external_refund_id());
  auto done = RecordRefundFact(c, *std::move(current), std::move(paid));
  if (!done.ok()) return done.status();
  if (absl::Status s = WithdrawUndue(c, state); !s.ok()) return s;
  return true;
}

}  // namespace aftersales::engine
