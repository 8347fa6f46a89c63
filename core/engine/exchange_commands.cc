#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_guards.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_guards.h"
#include "core/domain/refund_quote.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_items.h"
#include "core/domain/stated_reason.h"
#include "core/domain/stock.h"
#include "core/engine/commands.h"
#include "core/engine/explain.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

constexpr int kLevelsOfSku = 1000;

// An exchange with what it is seen against.
struct Opened {
  store::ExchangeRecord record;
  const ChannelInfo* channel = nullptr;

  const v1::Exchange& state() const { return record.state(); }
};

absl::StatusOr<Opened> OpenById(Command& c, std::string_view name) {
  auto id = IdIn(c, name, "exchanges", "name");
  if (!id.ok()) return id.status();
  auto record = c.store.FindExchange(c.seller, *id);
  if (!record) return NotFound(name);
  auto channel = c.Channel(record->state().channel());
  if (!channel.ok()) return channel.status();
  return Opened{*std::move(record), *channel};
}

// The exchange that a command names, as the caller saw it.
template <typename Request>
absl::StatusOr<Opened> Open(Command& c, const Request& request) {
  auto opened = OpenById(c, request.name());
  if (!opened.ok()) return opened.status();
  const v1::Exchange& state = opened->state();
  if (absl::Status s = CheckEtag(request.etag(), state.etag(), StatusName(state.status()));
      !s.ok()) {
    return s;
  }
  return opened;
}

// The row as it is now: what followed from a command may have changed it once more.
absl::StatusOr<v1::Exchange> Stored(Command& c, std::string_view name) {
  auto record = c.store.FindExchange(c.seller, names::Split(name).id);
  if (!record) return NotFound(name);
  return std::move(*record->mutable_state());
}

// Keeps stock, frees it or takes it off, as the exchange came to have it or has it no more.
void MoveStock(Command& c, const v1::Exchange& before, const v1::Exchange& after) {
  if (before.has_reservation() == after.has_reservation()) return;
  const v1::StockReservation& kept =
      before.has_reservation() ? before.reservation() : after.reservation();
  auto level = c.store.FindStockLevel(c.seller, kept.sku(), kept.location());
  if (!level) return;  // never removed once it is recorded
  if (after.has_reservation()) {
    ReserveStock(kept.quantity(), &*level);
  } else if (after.has_shipment() && !before.has_shipment()) {
    ShipStock(kept.quantity(), &*level);
    // A count from before the shipment does not know of it.
    if (c.now > calendar::FromProto(level->as_of())) {
      *level->mutable_as_of() = calendar::ToProto(c.now);
    }
  } else {
    ReleaseStock(kept.quantity(), &*level);
  }
  *level->mutable_update_time() = calendar::ToProto(c.now);
  c.store.PutStockLevel(c.seller, *level);
}

v1::Event UnitsFact(const ReturnEditor& editor, const v1::Exchange& exchange,
                    v1::ExchangedUnits::State state, bool goods_waived = false) {
  v1::Event fact = editor.NewFact();
  fact.set_external_id(Cat("exchange:", exchange.name(), ":",
                           goods_waived ? "WAIVED" : v1::ExchangedUnits::State_Name(state)));
  v1::ExchangedUnits* units = fact.mutable_return_units_exchanged()->mutable_units();
  units->set_exchange(exchange.name());
  units->set_state(state);
  units->set_goods_waived(goods_waived);
  for (const v1::ExchangeItem& item : exchange.items()) {
    v1::ExchangedUnits::Line* line = units->add_lines();
    line->set_line_id(item.line_id());
    line->set_quantity(item.quantity());
  }
  return fact;
}

// The exchange's row, its event, its stock and its return's units, for one fact. `editor` is the
// return where the caller has it in hand and stores it afterwards.
absl::Status Record(Command& c, const ChannelInfo& channel, store::ExchangeRecord* record,
                    v1::Event fact, bool created = false, ReturnEditor* editor = nullptr) {
  v1::Exchange* state = record->mutable_state();
  const v1::Exchange before = *state;
  const std::string name = state->name();
  ApplyExchangeFact(fact, channel.policies.At(calendar::FromProto(fact.occurred_at())), state);
  fact.set_subject(name);
  fact.set_channel(channel.channel.name());
  fact.set_status_after(StatusName(state->status()));
  record->add_facts(c.store.AppendEvent(c.seller, &fact));
  state->set_etag(NextEtag(before.etag()));
  *state->mutable_update_time() = calendar::ToProto(c.now);
  if (created) *state->mutable_create_time() = state->update_time();
  c.store.PutExchange(*record, created);
  MoveStock(c, before, *state);
  const std::string_view order_id = names::Split(state->order()).id;
  if (const auto order = c.store.FindOrder(c.seller, order_id)) {
    for (Violation& violation : CheckInvariants(*state, before.status(), *order,
                                                c.store.RefundsOfOrder(c.seller, order_id),
                                                c.store.ExchangesOfOrder(c.seller, order_id))) {
      c.violations.push_back(std::move(violation));
    }
  }

  const v1::ExchangedUnits::State now = UnitsStateOf(state->status());
  if (now == UnitsStateOf(before.status())) return absl::OkStatus();
  if (editor != nullptr) {
    editor->Add(UnitsFact(*editor, *state, now));
    return absl::OkStatus();
  }
  auto opened = ReturnEditor::Open(c, state->return_name());
  if (!opened.ok()) return opened.status();
  opened->Add(UnitsFact(*opened, *state, now));
  opened->Save();
  return absl::OkStatus();
}

v1::Event NewFact(const Command& c, const Opened& opened) {
  return c.NewEvent(opened.state().name(), opened.state().channel());
}

// The most that may go back to the buyer of an exchange: what its order can give back, and what
// they paid for the replacement.
v1::Money MayGiveBack(const v1::Exchange& exchange, const v1::Order& order,
                      std::span<const v1::Refund> refunds,
                      std::span<const v1::Exchange> exchanges) {
  int64_t theirs = 0;
  for (const v1::ExchangePayment& payment : exchange.payments()) {
    const bool from_buyer = payment.direction() == v1::ExchangePayment::DIRECTION_FROM_BUYER;
    theirs += (from_buyer ? 1 : -1) * payment.amount().minor_units();
  }
  const v1::Money left = Refundable(order, refunds, exchanges);
  return money::Make(left.minor_units() + std::max<int64_t>(0, theirs), left.currency_code());
}

// As a refund of the same amount would be asked for: within what one person may give of an order,
// and not alone while the goods are not back.
absl::Status CheckMayGiveBack(const Command& c, const Opened& opened,
                              std::span<const v1::Refund> refunds, const v1::Money& amount) {
  const v1::Exchange& state = opened.state();
  v1::Money together = amount;
  for (const v1::ExchangePayment& payment : state.payments()) {
    const bool by_hand =
        payment.refund().empty() && payment.direction() == v1::ExchangePayment::DIRECTION_TO_BUYER;
    if (!by_hand) continue;
    const auto sum = money::Add(together, payment.amount());
    if (sum.ok()) together = *sum;
  }
  together = DecidedTogether(c.actor, together, refunds);
  if (!WithinLimit(opened.channel->policies.At(c.now), c.actor.role(), together)) {
    return Refuse(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
                  Cat(FormatMoney(together),
                      " of one order is more than your role may give back; ask somebody with a "
                      "higher limit, such as a manager"));
  }
  const bool bound = c.actor.role() == v1::ROLE_OPERATOR || c.actor.role() == v1::ROLE_RULE;
  const bool left_over = state.price_difference().minor_units() < 0;
  if (!bound || !left_over || GoodsAreBack(state)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                "the goods are not back, so what the replacement left over takes a second person; "
                "have a manager record it");
}

// Records a fact as the last step of a command.
absl::StatusOr<v1::Exchange> Finish(Command& c, Opened& opened, v1::Event fact) {
  const std::string name = opened.state().name();
  if (absl::Status s = Record(c, *opened.channel, &opened.record, std::move(fact)); !s.ok()) {
    return s;
  }
  return Stored(c, name);
}

// What units of a return are seen against.
struct Background {
  v1::Order order;
  v1::Return state;
  std::vector<v1::Refund> refunds;
  std::vector<v1::Exchange> exchanges;
};

absl::StatusOr<Background> BackgroundOf(Command& c, std::string_view return_name,
                                        std::string_view field) {
  auto id = IdIn(c, return_name, "returns", field);
  if (!id.ok()) return id.status();
  auto record = c.store.FindReturn(c.seller, *id);
  if (!record) return NotFound(return_name);
  Background background;
  background.state = std::move(*record->mutable_state());
  const std::string_view order_id = names::Split(background.state.order()).id;
  auto order = c.store.FindOrder(c.seller, order_id);
  if (!order) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "ORDER_UNKNOWN",
                  Cat("order ", background.state.order_external_id(),
                      " has not been imported, so its prices are not known; import the orders "
                      "report first"));
  }
  background.order = *std::move(order);
  background.refunds = c.store.RefundsOfOrder(c.seller, order_id);
  background.exchanges = c.store.ExchangesOfOrder(c.seller, order_id);
  return background;
}

Offering OfferingOf(const Background& background, const v1::Policy& policy, absl::Time now) {
  return {background.order,   background.state,    policy, now,
          background.refunds, background.exchanges};
}

// The order under which a replacement is sent, by its name.
absl::Status CheckReplacementOrder(Command& c, const v1::Exchange& state, std::string_view name) {
  if (name.empty()) return absl::OkStatus();
  auto id = IdIn(c, name, "orders", "replacement_order");
  if (!id.ok()) return id.status();
  if (!c.store.FindOrder(c.seller, *id)) return NotFound(name);
  if (name != state.order()) return absl::OkStatus();
  return InvalidField("replacement_order", "BAD_NAME",
                      "is the order that is returned; name the one under which the replacement is "
                      "sent, or none");
}

// SKUs are anything; two that differ only in what a name cannot hold stay two.
std::string StockId(const v1::StockLevel& level) {
  const std::string key = Cat(level.sku(), "@", level.location());
  std::string id = names::IdFromExternal(key);
  if (id == key) return id;
  return Cat(id.substr(0, 100), "_", absl::Hex(Fingerprint(key), absl::kZeroPad16));
}

// Nothing of it can be sent: the buyer gets money, or another choice.
absl::StatusOr<v1::Exchange> RunOut(Command& c, Opened& opened, const v1::ExchangeOffer& wanted,
                                    int32_t available, const v1::ReserveExchangeRequest& request) {
  const v1::Policy& policy = opened.channel->policies.At(c.now);
  std::vector<v1::ExchangeOffer> offers;
  if (request.alternatives_size() > 0) {
    auto background = BackgroundOf(c, opened.state().return_name(), "return_name");
    if (!background.ok()) return background.status();
    auto made = CheckAlternatives(opened.state(), background->state, policy, c.now,
                                  std::vector<v1::ExchangeOffer>(request.alternatives().begin(),
                                                                 request.alternatives().end()));
    if (!made.ok()) return made.status();
    offers = *std::move(made);
  }
  v1::Event out = NewFact(c, opened);
  v1::ExchangeOutOfStock* body = out.mutable_exchange_out_of_stock();
  body->set_sku(wanted.sku());
  body->set_quantity(wanted.quantity());
  body->set_quantity_available(available);
  if (absl::Status s = Record(c, *opened.channel, &opened.record, std::move(out)); !s.ok()) {
    return s;
  }
  v1::Event next = NewFact(c, opened);
  if (!offers.empty()) {
    next.mutable_exchange_reoffered()->mutable_offers()->Add(offers.begin(), offers.end());
    return Finish(c, opened, std::move(next));
  }
  v1::ExchangeConverted* converted = next.mutable_exchange_converted();
  v1::RefundSpec* spec = converted->mutable_refund_spec();
  spec->set_return_name(opened.state().return_name());
  for (const v1::ExchangeItem& item : opened.state().items()) {
    v1::RefundItem* units = spec->add_items();
    units->set_line_id(item.line_id());
    units->set_quantity(item.quantity());
  }
  auto quote = QuoteInsteadOf(c.store, opened.state(), *spec, c.now);
  if (quote.ok()) {
    *converted->mutable_refund_quote() = *quote;
  } else {
    converted->set_not_quoted(std::string(quote.status().message()));
  }
  Explain(&next, "CONVERTED_TO_REFUND",
          Cat("Of ", wanted.sku(), " ", available, " are available and ", wanted.quantity(),
              " were promised, so the buyer gets ",
              quote.ok() ? FormatMoney(quote->total()) : std::string("money"),
              " instead; the seller answers for it."))
      .Rule("exchange_action_hours", policy)
      .Input("sku", wanted.sku())
      .Input("available", Cat(available));
  return Finish(c, opened, std::move(next));
}

// What the end of an exchange means for its return: goods that were waived do not come back, and
// where none does any more, the return waits for nothing.
absl::Status TellReturn(Command& c, const v1::Exchange& completed) {
  auto editor = ReturnEditor::Open(c, completed.return_name());
  if (!editor.ok()) return editor.status();
  const bool waived = !completed.waiver_reason().empty() && !completed.returnless();
  if (waived) {
    editor->Add(UnitsFact(*editor, completed, v1::ExchangedUnits::STATE_EXCHANGED, waived));
  }
  const v1::Return::Status status = editor->state().status();
  const bool waits = status == v1::Return::STATUS_APPROVED || status == v1::Return::STATUS_EXPIRED;
  const bool settled =
      waits && AllReplaced(editor->state(),
                           c.store.ExchangesOfOrder(c.seller, names::Split(completed.order()).id));
  if (settled) {
    v1::Event fact = editor->NewFact();
    fact.mutable_return_settled_without_refund()->set_reason(
        Cat("replaced by ", completed.name(), ", and the goods are not to come back"));
    editor->Add(std::move(fact));
  }
  if (waived || settled) editor->Save();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Exchange> OfferExchange(Command& c, const v1::OfferExchangeRequest& request) {
  auto background = BackgroundOf(c, request.return_name(), "return_name");
  if (!background.ok()) return background.status();
  auto channel = c.Channel(background->state.channel());
  if (!channel.ok()) return channel.status();
  const v1::Policy& policy = (*channel)->policies.At(c.now);
  auto exchange = CheckOfferExchange(OfferingOf(*background, policy, c.now), request);
  if (!exchange.ok()) return exchange.status();
  exchange->set_name(names::Make(c.seller, "exchanges", c.NewId("exc_")));
  *exchange->mutable_requested_by() = c.actor;

  store::ExchangeRecord record;
  record.mutable_state()->set_name(exchange->name());
  v1::Event fact = c.NewEvent(exchange->name(), exchange->channel());
  Explain(
      &fact, "OFFERED",
      Cat("Other goods are offered for units worth ", FormatMoney(exchange->returned_value()), "."))
      .Rule("exchange_offer_hours", policy)
      .Input("return", background->state.name())
      .Input("return_etag", background->state.etag())
      .Input("order_etag", background->order.etag());
  *fact.mutable_exchange_offered()->mutable_exchange() = *exchange;
  if (absl::Status s = Record(c, **channel, &record, std::move(fact), /*created=*/true); !s.ok()) {
    return s;
  }
  return Stored(c, exchange->name());
}

absl::StatusOr<v1::Exchange> AcceptExchange(Command& c, const v1::AcceptExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  auto offer = CheckAcceptExchange(opened->state(), c.now, request.offer_id());
  if (!offer.ok()) return offer.status();
  v1::Event fact = NewFact(c, *opened);
  fact.mutable_exchange_accepted()->set_offer_id(offer->offer_id());
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::Exchange> DeclineExchange(Command& c,
                                             const v1::DeclineExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  if (absl::Status s = CheckDeclineExchange(opened->state(), request.reason()); !s.ok()) return s;
  v1::Event fact = NewFact(c, *opened);
  fact.mutable_exchange_declined()->set_reason(request.reason());
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::Exchange> ReserveExchange(Command& c,
                                             const v1::ReserveExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  const v1::ExchangeOffer* chosen = ChosenOffer(opened->state());
  const v1::ExchangeOffer wanted = chosen == nullptr ? v1::ExchangeOffer() : *chosen;
  std::vector<v1::StockLevel> levels;
  if (chosen != nullptr) {
    levels = c.store.ListStockLevels(c.seller, wanted.sku(), std::nullopt, kLevelsOfSku);
  }
  auto reservation = CheckReserveExchange(opened->state(), opened->channel->policies.At(c.now),
                                          c.now, levels, request.location());
  if (!reservation.ok()) return reservation.status();
  if (!*reservation) {
    const bool decides = c.actor.role() == v1::ROLE_OPERATOR ||
                         c.actor.role() == v1::ROLE_MANAGER || c.actor.role() == v1::ROLE_RULE;
    if (request.alternatives_size() > 0 && !decides) {
      return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                    "what else is offered, and at which price, is for an operator, a manager or a "
                    "rule to say; reserve without alternatives")
          .Field("alternatives", "leave them out");
    }
    return RunOut(c, *opened, wanted, MostAvailable(levels, request.location()), request);
  }
  v1::Event fact = NewFact(c, *opened);
  *fact.mutable_exchange_reserved()->mutable_reservation() = **reservation;
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::Exchange> RecordExchangePayment(
    Command& c, const v1::RecordExchangePaymentRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  const std::string_view order_id = names::Split(opened->state().order()).id;
  const std::vector<v1::Refund> refunds = c.store.RefundsOfOrder(c.seller, order_id);
  auto payment = CheckExchangePayment(opened->state(), c.now, refunds, request.payment());
  if (!payment.ok()) return payment.status();
  const auto order = c.store.FindOrder(c.seller, order_id);
  if (order && payment->direction() == v1::ExchangePayment::DIRECTION_TO_BUYER) {
    const v1::Money most =
        MayGiveBack(opened->state(), *order, refunds, c.store.ExchangesOfOrder(c.seller, order_id));
    absl::Status s = CheckPaidAmount(payment->amount(), most, c.actor.role(), "payment.amount");
    if (!s.ok()) return s;
  }
  if (payment->direction() == v1::ExchangePayment::DIRECTION_TO_BUYER) {
    absl::Status s = CheckMayGiveBack(c, *opened, refunds, payment->amount());
    if (!s.ok()) return s;
  }
  v1::Event fact = NewFact(c, *opened);
  *fact.mutable_exchange_payment_recorded()->mutable_payment() = *std::move(payment);
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::Exchange> ShipExchange(Command& c, const v1::ShipExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  auto background = BackgroundOf(c, opened->state().return_name(), "return_name");
  if (!background.ok()) return background.status();
  const v1::Policy& policy = opened->channel->policies.At(c.now);
  auto shipment = CheckShipExchange(opened->state(), OfferingOf(*background, policy, c.now),
                                    request.shipment());
  if (!shipment.ok()) return shipment.status();
  if (absl::Status s = CheckReplacementOrder(c, opened->state(), request.replacement_order());
      !s.ok()) {
    return s;
  }
  v1::Event fact = NewFact(c, *opened);
  v1::ExchangeShipped* body = fact.mutable_exchange_shipped();
  *body->mutable_shipment() = *std::move(shipment);
  body->set_replacement_order(request.replacement_order());
  if (const auto due = ReturnDueFor(opened->state(), background->state, policy, c.now)) {
    *body->mutable_return_due_at() = calendar::ToProto(*due);
  }
  const v1::Money owed = money::Make(-opened->state().balance().minor_units(),
                                     opened->state().balance().currency_code());
  absl::Status pays;
  if (owed.minor_units() > 0) {
    pays = CheckExchangeDifference(c, opened->state(), owed);
    if (!pays.ok()) body->set_difference_not_refunded(std::string(pays.message()));
  }
  Explain(&fact, "SHIPPED", "Nothing that the replacement waits for is missing.")
      .Rule("exchange_return_days", policy)
      .Input("balance", FormatMoney(opened->state().balance()))
      .Input("returned_units", Cat(opened->state().quantity_returned()));
  const v1::Exchange before = opened->state();
  if (absl::Status s = Record(c, *opened->channel, &opened->record, std::move(fact)); !s.ok()) {
    return s;
  }
  if (owed.minor_units() > 0 && pays.ok()) {
    auto refund = IssueExchangeDifference(c, before, owed);
    if (!refund.ok()) return refund.status();
  }
  return Stored(c, before.name());
}

absl::StatusOr<v1::Exchange> DeliverExchange(Command& c,
                                             const v1::DeliverExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  v1::Event fact = NewFact(c, *opened);
  if (request.has_delivered_at()) *fact.mutable_occurred_at() = request.delivered_at();
  if (absl::Status s =
          CheckDeliverExchange(opened->state(), c.now, calendar::FromProto(fact.occurred_at()));
      !s.ok()) {
    return s;
  }
  fact.mutable_exchange_delivered();
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::Exchange> CompleteExchange(Command& c,
                                              const v1::CompleteExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  if (absl::Status s =
          CheckCompleteExchange(opened->state(), c.actor.role(), request.waiver_reason());
      !s.ok()) {
    return s;
  }
  v1::Event fact = NewFact(c, *opened);
  Explain(&fact, "COMPLETED",
          request.waiver_reason().empty() ? "The returned goods were accepted or charged for."
                                          : "A manager waived the returned goods.")
      .Input("waiver_reason", request.waiver_reason());
  fact.mutable_exchange_completed()->set_waiver_reason(request.waiver_reason());
  auto completed = Finish(c, *opened, std::move(fact));
  if (!completed.ok()) return completed;
  if (absl::Status s = TellReturn(c, *completed); !s.ok()) return s;
  return completed;
}

absl::StatusOr<v1::Exchange> CancelExchange(Command& c, const v1::CancelExchangeRequest& request) {
  auto opened = Open(c, request);
  if (!opened.ok()) return opened.status();
  if (absl::Status s = CheckReason(request.reason()); !s.ok()) return s;
  if (absl::Status s = CheckCancelExchange(opened->state()); !s.ok()) return s;
  v1::Event fact = NewFact(c, *opened);
  fact.mutable_exchange_cancelled()->set_reason(request.reason());
  return Finish(c, *opened, std::move(fact));
}

absl::StatusOr<v1::RecordStockResponse> RecordStock(Command& c,
                                                    const v1::RecordStockRequest& request) {
  if (!c.store.FindSeller(c.seller)) return NotFound(names::Seller(c.seller));
  if (request.stock_levels_size() < 1 || request.stock_levels_size() > 500) {
    return InvalidField("stock_levels", "BAD_BATCH", "send 1 to 500 levels");
  }
  v1::RecordStockResponse response;
  for (int i = 0; i < request.stock_levels_size(); ++i) {
    auto level = CheckStockLevel(request.stock_levels(i), c.now, Cat("stock_levels[", i, "]"));
    if (!level.ok()) return level.status();
    const auto known = c.store.FindStockLevel(c.seller, level->sku(), level->location());
    if (known && calendar::FromProto(level->as_of()) < calendar::FromProto(known->as_of())) {
      *response.add_stock_levels() = *known;
      continue;
    }
    level->set_name(names::Make(c.seller, "stockLevels", StockId(*level)));
    if (known) level->set_quantity_reserved(known->quantity_reserved());
    SetAvailable(&*level);
    *level->mutable_update_time() = calendar::ToProto(c.now);
    c.store.PutStockLevel(c.seller, *level);
    v1::Event event = c.NewEvent(level->name(), "");
    *event.mutable_occurred_at() = level->as_of();
    *event.mutable_stock_recorded()->mutable_stock_level() = *level;
    c.store.AppendEvent(c.seller, &event);
    *response.add_stock_levels() = *std::move(level);
  }
  return response;
}

absl::Status RunClockOnExchange(Command& c, std::string_view id) {
  auto opened = OpenById(c, names::Make(c.seller, "exchanges", id));
  if (!opened.ok()) return opened.status();
  const v1::Deadline* due = NextForClock(opened->state());
  if (due == nullptr || InTime(c.now, calendar::FromProto(due->due_at()))) return absl::OkStatus();
  v1::Event fact = NewFact(c, *opened);
  // It happened when it was due, also if the host was down then.
  *fact.mutable_occurred_at() = due->due_at();
  switch (due->kind()) {
    case v1::Deadline::KIND_EXCHANGE_OFFER:
      fact.mutable_exchange_expired();
      break;
    case v1::Deadline::KIND_EXCHANGE_RESERVATION:
      fact.mutable_exchange_reservation_expired();
      break;
    default: {
      v1::ExchangeReturnOverdue* body = fact.mutable_exchange_return_overdue();
      const v1::Policy& policy = opened->channel->policies.At(calendar::FromProto(due->due_at()));
      if (policy.exchange_overdue_charge()) *body->mutable_charge() = ValueNotBack(opened->state());
      break;
    }
  }
  return Record(c, *opened->channel, &opened->record, std::move(fact));
}

void FollowReturn(Command& c, ReturnEditor& editor) {
  const v1::Return::Status status = editor.state().status();
  const bool over = status == v1::Return::STATUS_CANCELLED || status == v1::Return::STATUS_EXPIRED;
  const std::vector<v1::ExchangedUnits> all(editor.state().exchanges().begin(),
                                            editor.state().exchanges().end());
  for (const v1::ExchangedUnits& units : all) {
    if (units.state() == v1::ExchangedUnits::STATE_FREED) continue;
    auto record = c.store.FindExchange(c.seller, names::Split(units.exchange()).id);
    if (!record) continue;
    const v1::Exchange& state = record->state();
    v1::Event fact = c.NewEvent(state.name(), state.channel());
    if (over && CheckCancelExchange(state).ok()) {
      fact.mutable_exchange_cancelled()->set_reason(
          status == v1::Return::STATUS_CANCELLED ? "the return was withdrawn"
                                                 : "the buyer did not send the goods in time");
    } else {
      const GoodsCount goods = GoodsFor(editor.state(), state.name());
      if (goods.returned == state.quantity_returned() &&
          goods.accepted == state.quantity_accepted()) {
        continue;
      }
      fact.mutable_exchange_goods_counted()->set_quantity_returned(goods.returned);
      fact.mutable_exchange_goods_counted()->set_quantity_accepted(goods.accepted);
    }
    // Fails only where a return has to be opened, and this one is.
    (void)Record(c, editor.channel(), &*record, std::move(fact), false, &editor);
  }
}

absl::Status FollowRefundOfReturn(Command& c, const v1::Refund& refund) {
  const std::string_view order_id = names::Split(refund.order()).id;
  std::vector<v1::Exchange> exchanges = c.store.ExchangesOfOrder(c.seller, order_id);
  std::erase_if(exchanges, [&](const v1::Exchange& exchange) {
    return exchange.status() != v1::Exchange::STATUS_CONVERTED_TO_REFUND ||
           exchange.return_name() != refund.return_name();
  });
  if (exchanges.empty()) return absl::OkStatus();
  const auto of = c.store.FindReturn(c.seller, names::Split(refund.return_name()).id);
  if (!of) return NotFound(refund.return_name());
  const std::vector<v1::Refund> refunds = c.store.RefundsOfOrder(c.seller, order_id);
  for (const v1::Exchange& exchange : exchanges) {
    const bool paid = IsPaidInstead(exchange, of->state(), refunds);
    if (paid != exchange.refund().empty()) continue;
    auto opened = OpenById(c, exchange.name());
    if (!opened.ok()) return opened.status();
    v1::Event fact = NewFact(c, *opened);
    fact.mutable_exchange_refund_linked()->set_refund(paid ? refund.name() : "");
    absl::Status s = Record(c, *opened->channel, &opened->record, std::move(fact));
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status FollowDifference(Command& c, const v1::Refund& refund, v1::Refund::Status before) {
  auto opened = OpenById(c, refund.exchange());
  if (!opened.ok()) return opened.status();
  const std::string linked = opened->state().difference_refund();
  const bool holds = HoldsMoney(refund.status());
  const auto record = [&](v1::Event fact) {
    return Record(c, *opened->channel, &opened->record, std::move(fact));
  };
  if (holds ? linked.empty() : linked == refund.name()) {
    v1::Event fact = NewFact(c, *opened);
    fact.mutable_exchange_refund_linked()->set_refund(holds ? refund.name() : "");
    fact.mutable_exchange_refund_linked()->set_difference(true);
    if (absl::Status s = record(std::move(fact)); !s.ok()) return s;
  }
  const bool paid = refund.status() == v1::Refund::STATUS_SUCCEEDED && before != refund.status();
  const bool came_back =
      refund.status() == v1::Refund::STATUS_REVERSED && before != refund.status();
  if (!paid && !came_back) return absl::OkStatus();
  v1::Event fact = NewFact(c, *opened);
  v1::ExchangePayment* payment = fact.mutable_exchange_payment_recorded()->mutable_payment();
  payment->set_direction(paid ? v1::ExchangePayment::DIRECTION_TO_BUYER
                              : v1::ExchangePayment::DIRECTION_FROM_BUYER);
  *payment->mutable_amount() = refund.has_paid_amount() ? refund.paid_amount() : refund.total();
  payment->set_reference(paid ? refund.name() : Cat(refund.name(), " came back"));
  payment->set_refund(refund.name());
  *payment->mutable_paid_at() = fact.occurred_at();
  return record(std::move(fact));
}

}  // namespace aftersales::engine
