#include "core/domain/exchange_guards.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/domain/calendar.h"
#include "core/domain/card_number.h"
#include "core/domain/deadlines.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/return_items.h"
#include "core/domain/stated_reason.h"
#include "core/domain/stock.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

constexpr size_t kMaxReference = 200;
constexpr size_t kMaxSku = 200;
constexpr size_t kMaxLocation = 100;
constexpr int kMaxOffers = 10;

absl::Status Failed(std::string_view reason, std::string_view sentence) {
  return Refuse(absl::StatusCode::kFailedPrecondition, reason, sentence);
}

absl::Status InvalidState(const v1::Exchange& state, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                Cat("the exchange is ", StatusName(state.status()), "; ", what))
      .With("state", StatusName(state.status()));
}

absl::Status CheckLength(std::string_view field, std::string_view text, size_t most) {
  if (text.size() <= most) return absl::OkStatus();
  return InvalidField(field, "TOO_LONG", Cat("at most ", most, " bytes"));
}

absl::Status CheckReturn(const v1::Return& state) {
  if (state.platform_managed()) {
    return Failed("PLATFORM_MANAGED",
                  "the marketplace fulfils this order and decides its returns; the host only "
                  "mirrors them");
  }
  switch (state.status()) {
    case v1::Return::STATUS_APPROVED:
    case v1::Return::STATUS_IN_TRANSIT:
    case v1::Return::STATUS_DELIVERED:
    case v1::Return::STATUS_PARTIALLY_RECEIVED:
    case v1::Return::STATUS_RECEIVED:
    case v1::Return::STATUS_INSPECTED:
    case v1::Return::STATUS_RESOLVED:
    case v1::Return::STATUS_LOST:
      return absl::OkStatus();
    default:
      return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                    Cat("the return is ", StatusName(state.status()),
                        "; only units of one that was approved, and is not over, are exchanged"))
          .With("state", StatusName(state.status()));
  }
}

const v1::OrderLine* LineOf(const v1::Order& order, std::string_view line_id) {
  const int index = LineIndex(order, line_id);
  return index < 0 ? nullptr : &order.lines(index);
}

// What is left of an item if exchanges took so many units of it.
int64_t LeftBeside(const Offering& offering, const v1::ReturnItem& item, int64_t of_return,
                   int64_t of_order) {
  const int64_t approved = item.quantity_approved() == 0
                               ? 0
                               : std::max<int64_t>(0, int64_t{UnitsPayable(offering.state, item)} -
                                                          item.quantity_missing());
  int64_t left = approved - UnitsRefunded(offering.state, item, offering.refunds) - of_return;
  if (const v1::OrderLine* line = LineOf(offering.order, item.line_id()); line != nullptr) {
    left = std::min(left, int64_t{line->quantity()} -
                              UnitsRefundedOrReserved(offering.refunds, item.line_id()) - of_order);
  }
  return std::max<int64_t>(0, left);
}

absl::Status CheckUnits(const Offering& offering, const v1::ReturnItem& item, int32_t wanted,
                        std::string_view field) {
  if (wanted < 1 || wanted > kMaxUnits) {
    return InvalidField(field, "BAD_QUANTITY", Cat(wanted, " units; give 1 to ", kMaxUnits));
  }
  const int64_t free = ExchangeableUnits(offering, item);
  if (wanted <= free) return absl::OkStatus();
  const auto refuse = [&](std::string_view reason, std::string_view what) {
    return Refuse(absl::StatusCode::kFailedPrecondition, reason,
                  Cat("of line ", item.line_id(), " ", free, " units can be exchanged, not ",
                      wanted, ": ", what))
        .Field(field, Cat("give at most ", free))
        .With("line_id", item.line_id())
        .With("exchangeable_units", free);
  };
  // Whose they are, if they are anybody's.
  if (wanted > LeftBeside(offering, item, 0, 0)) {
    if (UnitsRefunded(offering.state, item, offering.refunds) > 0 ||
        UnitsRefundedOrReserved(offering.refunds, item.line_id()) > 0) {
      return refuse("UNIT_ALREADY_REFUNDED", "the others are refunded, or are about to be");
    }
    return refuse("QUANTITY_EXCEEDS_EXCHANGEABLE", "the return approved no more");
  }
  for (const v1::Exchange& other : offering.exchanges) {
    if (!HoldsUnits(other) || UnitsOfExchange(other, item.line_id()) == 0) continue;
    return refuse("UNIT_ALREADY_EXCHANGED",
                  Cat("the others are in ", other.name(), "; cancel it first"))
        .With("exchange", other.name());
  }
  return refuse("QUANTITY_EXCEEDS_EXCHANGEABLE", "the return approved no more");
}

// The offers as they are made: defaults filled in, each with its difference and end.
absl::StatusOr<std::vector<v1::ExchangeOffer>> MakeOffers(const v1::Exchange& exchange,
                                                          const v1::Return& return_state,
                                                          const v1::Policy& policy, absl::Time now,
                                                          std::span<const v1::ExchangeOffer> given,
                                                          std::string_view field, int first_id) {
  if (given.empty() || given.size() > kMaxOffers) {
    return InvalidField(field, "BAD_BATCH", Cat("make 1 to ", kMaxOffers, " offers"));
  }
  const std::string& currency = exchange.returned_value().currency_code();
  const int32_t units = UnitsOfExchange(exchange);
  const v1::ReturnItem* only =
      exchange.items_size() == 1 ? FindItem(return_state, exchange.items(0).line_id()) : nullptr;
  std::vector<v1::ExchangeOffer> offers;
  for (size_t i = 0; i < given.size(); ++i) {
    const auto at = [&](std::string_view name) { return Cat(field, "[", i, "].", name); };
    v1::ExchangeOffer offer = given[i];
    if (offer.sku().empty() && only != nullptr) offer.set_sku(only->sku());
    if (offer.sku().empty()) {
      return InvalidField(at("sku"), "MISSING_FIELD", "name the replacement by its SKU");
    }
    if (absl::Status s = CheckLength(at("sku"), offer.sku(), kMaxSku); !s.ok()) return s;
    if (offer.quantity() == 0) offer.set_quantity(units);
    if (offer.quantity() < 1 || offer.quantity() > kMaxUnits) {
      return InvalidField(at("quantity"), "BAD_QUANTITY",
                          Cat(offer.quantity(), " units; give 1 to ", kMaxUnits));
    }
    if (!offer.has_price()) {
      const bool same = only != nullptr && offer.sku() == only->sku() && offer.quantity() == units;
      if (!same) {
        return InvalidField(at("price"), "MISSING_FIELD",
                            "say what the replacement costs the buyer, tax included");
      }
      *offer.mutable_price() = exchange.returned_value();
    }
    if (offer.price().minor_units() < 0) {
      return InvalidField(at("price"), "NEGATIVE_AMOUNT", "give at least 0");
    }
    if (offer.price().currency_code() != currency) {
      return InvalidField(at("price"), "CURRENCY_MISMATCH", Cat("the order is in ", currency));
    }
    auto difference = PriceDifference(exchange.returned_value(), offer.price());
    if (!difference.ok()) return difference.status();
    *offer.mutable_price_difference() = *std::move(difference);
    offer.set_offer_id(Cat(first_id + static_cast<int>(i)));
    *offer.mutable_expires_at() =
        calendar::ToProto(now + absl::Hours(policy.exchange_offer_hours()));
    offers.push_back(std::move(offer));
  }
  return offers;
}

// What was paid for the units, in the item order of the exchange.
void Value(const Offering& offering, v1::Exchange* exchange) {
  const std::string& currency = offering.order.currency_code();
  const bool on_top = offering.order.tax_mode() != v1::TAX_MODE_INCLUSIVE;
  int64_t total = 0;
  for (v1::ExchangeItem& item : *exchange->mutable_items()) {
    const int line = LineIndex(offering.order, item.line_id());
    const UnitsValue value =
        ValueOfUnits(offering.order, line, item.quantity(), offering.refunds, offering.exchanges);
    *item.mutable_item_value() = money::Make(value.item, currency);
    *item.mutable_tax_value() = money::Make(value.tax, currency);
    total += value.item + (on_top ? value.tax : 0);
  }
  *exchange->mutable_returned_value() = money::Make(total, currency);
}

}  // namespace

int32_t ExchangeableUnits(const Offering& offering, const v1::ReturnItem& item) {
  return static_cast<int32_t>(LeftBeside(
      offering, item, UnitsInExchanges(offering.exchanges, item.line_id(), offering.state.name()),
      UnitsInExchanges(offering.exchanges, item.line_id())));
}

absl::StatusOr<v1::Exchange> CheckOfferExchange(const Offering& offering,
                                                const v1::OfferExchangeRequest& request) {
  const v1::Return& state = offering.state;
  if (absl::Status s = CheckReturn(state); !s.ok()) return s;
  v1::Exchange exchange;
  exchange.set_return_name(state.name());
  exchange.set_order(offering.order.name());
  exchange.set_order_external_id(offering.order.external_id());
  exchange.set_channel(state.channel());
  exchange.set_returnless(state.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS);
  exchange.set_mode(request.mode() == v1::Exchange::MODE_SHIP_FIRST
                        ? v1::Exchange::MODE_SHIP_FIRST
                        : v1::Exchange::MODE_RETURN_FIRST);

  std::set<std::string> seen;
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::ExchangeItem& wanted = request.items(i);
    const std::string field = Cat("items[", i, "]");
    const v1::ReturnItem* item = FindItem(state, wanted.line_id());
    if (item == nullptr || LineOf(offering.order, item->line_id()) == nullptr) {
      return InvalidField(
          Cat(field, ".line_id"), "LINE_UNKNOWN",
          Cat("the return has no line `", wanted.line_id().substr(0, 128), "` that its order has"));
    }
    if (!seen.insert(item->line_id()).second) {
      return InvalidField(Cat(field, ".line_id"), "DUPLICATE_LINE",
                          Cat("line `", item->line_id(), "` is named twice; give its units once"));
    }
    if (absl::Status s = CheckUnits(offering, *item, wanted.quantity(), Cat(field, ".quantity"));
        !s.ok()) {
      return s;
    }
    v1::ExchangeItem* added = exchange.add_items();
    added->set_line_id(item->line_id());
    added->set_quantity(wanted.quantity());
  }
  if (request.items_size() == 0) {
    for (const v1::ReturnItem& item : state.items()) {
      const int32_t free = ExchangeableUnits(offering, item);
      if (free == 0 || LineOf(offering.order, item.line_id()) == nullptr) continue;
      v1::ExchangeItem* added = exchange.add_items();
      added->set_line_id(item.line_id());
      added->set_quantity(free);
    }
    if (exchange.items_size() == 0) {
      // Says of the first line whose its units are.
      if (state.items_size() > 0) {
        if (absl::Status s = CheckUnits(offering, state.items(0), 1, "items"); !s.ok()) return s;
      }
      return Failed("QUANTITY_EXCEEDS_EXCHANGEABLE", "the return has no units left to exchange");
    }
  }
  Value(offering, &exchange);
  const std::vector<v1::ExchangeOffer> given(request.offers().begin(), request.offers().end());
  auto offers = MakeOffers(exchange, state, offering.policy, offering.now, given, "offers", 1);
  if (!offers.ok()) return offers.status();
  exchange.mutable_offers()->Add(offers->begin(), offers->end());
  return exchange;
}

absl::StatusOr<v1::ExchangeOffer> CheckAcceptExchange(const v1::Exchange& state, absl::Time now,
                                                      std::string_view offer_id) {
  if (!AwaitsChoice(state.status())) {
    return InvalidState(state, "only one that is OFFERED or REOFFERED can be accepted");
  }
  const v1::ExchangeOffer* chosen = nullptr;
  for (const v1::ExchangeOffer& offer : state.offers()) {
    if (offer.offer_id() == offer_id || (offer_id.empty() && state.offers_size() == 1)) {
      chosen = &offer;
    }
  }
  if (chosen == nullptr) {
    return InvalidField("offer_id", "OFFER_UNKNOWN",
                        Cat("name one of the ", state.offers_size(), " offers by its offer_id"));
  }
  if (!InTime(now, calendar::FromProto(chosen->expires_at()))) {
    return Failed("OFFER_EXPIRED", "the offer's time has passed; make a new one");
  }
  return *chosen;
}

absl::Status CheckDeclineExchange(const v1::Exchange& state, std::string_view reason) {
  if (absl::Status s = CheckLength("reason", reason, kMaxReason); !s.ok()) return s;
  if (AwaitsChoice(state.status())) return absl::OkStatus();
  return InvalidState(state, "only one that is OFFERED or REOFFERED can be declined");
}

absl::StatusOr<std::optional<v1::StockReservation>> CheckReserveExchange(
    const v1::Exchange& state, const v1::Policy& policy, absl::Time now,
    std::span<const v1::StockLevel> levels, std::string_view location) {
  const v1::ExchangeOffer* offer = ChosenOffer(state);
  if (state.status() != v1::Exchange::STATUS_ACCEPTED || offer == nullptr) {
    return InvalidState(state, "stock is kept for one that the buyer has accepted");
  }
  const bool known = std::any_of(levels.begin(), levels.end(), [&](const v1::StockLevel& l) {
    return location.empty() || l.location() == location;
  });
  if (!known) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "STOCK_UNKNOWN",
                  Cat("nobody has said how many of ", offer->sku(), " there are",
                      location.empty() ? std::string() : Cat(" at ", location),
                      "; record it with RecordStock first"))
        .With("sku", offer->sku());
  }
  const v1::StockLevel* level = ChooseStock(levels, offer->quantity(), location);
  if (level == nullptr) return std::nullopt;
  v1::StockReservation reservation;
  reservation.set_sku(offer->sku());
  reservation.set_location(level->location());
  reservation.set_quantity(offer->quantity());
  *reservation.mutable_until() =
      calendar::ToProto(now + absl::Hours(24) * policy.exchange_reservation_days());
  return reservation;
}

absl::StatusOr<std::vector<v1::ExchangeOffer>> CheckAlternatives(
    const v1::Exchange& state, const v1::Return& return_state, const v1::Policy& policy,
    absl::Time now, std::span<const v1::ExchangeOffer> offers) {
  // Ids go on, so that one names one offer for ever.
  int last = 0;
  for (const v1::ExchangeOffer& offer : state.offers()) {
    int id = 0;
    if (absl::SimpleAtoi(offer.offer_id(), &id)) last = std::max(last, id);
  }
  return MakeOffers(state, return_state, policy, now, offers, "alternatives", last + 1);
}

absl::StatusOr<v1::ExchangePayment> CheckExchangePayment(const v1::Exchange& state, absl::Time now,
                                                         std::span<const v1::Refund> refunds,
                                                         const v1::ExchangePayment& given) {
  v1::ExchangePayment payment = given;
  payment.clear_refund();
  const bool from_buyer = payment.direction() == v1::ExchangePayment::DIRECTION_FROM_BUYER;
  if (!from_buyer && payment.direction() != v1::ExchangePayment::DIRECTION_TO_BUYER) {
    return InvalidField("payment.direction", "MISSING_FIELD", "say who paid: FROM_BUYER, TO_BUYER");
  }
  if (payment.reference().empty() || payment.reference().size() > kMaxReference) {
    return InvalidField("payment.reference", "MISSING_FIELD",
                        Cat("the id of the charge or payment, 1 to ", kMaxReference, " bytes"));
  }
  if (HoldsCardNumber(payment.reference())) {
    return InvalidField("payment.reference", "CARD_NUMBER",
                        "this looks like the number of a payment card, which is never kept; give "
                        "the payment's own reference");
  }
  if (payment.amount().minor_units() <= 0) {
    return InvalidField("payment.amount", "NEGATIVE_AMOUNT", "say what was paid, above 0");
  }
  if (payment.amount().currency_code() != state.returned_value().currency_code()) {
    return InvalidField("payment.amount", "CURRENCY_MISMATCH",
                        Cat("the order is in ", state.returned_value().currency_code()));
  }
  if (!payment.has_paid_at()) *payment.mutable_paid_at() = calendar::ToProto(now);
  if (calendar::FromProto(payment.paid_at()) > now + absl::Hours(24)) {
    return InvalidField("payment.paid_at", "IN_THE_FUTURE", "is more than a day ahead of the host");
  }
  for (const v1::ExchangePayment& known : state.payments()) {
    if (known.reference() != payment.reference()) continue;
    return Refuse(absl::StatusCode::kAlreadyExists, "PAYMENT_EXISTS",
                  Cat("the exchange has a payment `", payment.reference(), "` already"))
        .Field("payment.reference", "each payment has a reference of its own");
  }
  if (AwaitsChoice(state.status()) || state.status() == v1::Exchange::STATUS_UNSPECIFIED) {
    return InvalidState(state, "nothing is owed before the buyer has chosen");
  }
  const bool settled =
      state.status() != v1::Exchange::STATUS_ACCEPTED && !KeepsStock(state.status());
  if (!from_buyer && !settled) {
    return InvalidState(state, "what is left over is paid once the replacement is shipped");
  }
  for (const v1::Refund& refund : refunds) {
    if (from_buyer || refund.name() != state.difference_refund()) continue;
    if (!HoldsMoney(refund.status())) continue;
    return Refuse(absl::StatusCode::kFailedPrecondition, "REFUND_PENDING",
                  Cat("refund ", refund.name(), " pays it; settle or cancel that first"))
        .With("refund", refund.name());
  }
  const int64_t open = state.balance().minor_units();
  const int64_t due = std::max<int64_t>(0, from_buyer ? open : -open);
  if (payment.amount().minor_units() > due) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "EXCEEDS_DUE",
                  Cat(from_buyer ? "the buyer owes " : "the buyer is owed ",
                      money::Format(money::Make(due, payment.amount().currency_code())), ", not ",
                      money::Format(payment.amount())))
        .Field("payment.amount", Cat("give at most ", due, " minor units"))
        .With("due", due);
  }
  return payment;
}

absl::StatusOr<v1::ReplacementShipment> CheckShipExchange(const v1::Exchange& state,
                                                          const Offering& offering,
                                                          const v1::ReplacementShipment& given) {
  switch (state.status()) {
    case v1::Exchange::STATUS_RESERVED:
      break;
    case v1::Exchange::STATUS_ACCEPTED:
      return Failed("NOT_RESERVED", "no stock is kept for it; reserve it first");
    case v1::Exchange::STATUS_AWAITING_RETURN:
      return Refuse(absl::StatusCode::kFailedPrecondition, "RETURN_NOT_RECEIVED",
                    Cat("the returned goods come first, and ", state.quantity_returned(), " of ",
                        UnitsOfExchange(state), " units are back; record their receipt"))
          .With("returned_units", state.quantity_returned());
    case v1::Exchange::STATUS_AWAITING_PAYMENT:
      return Refuse(absl::StatusCode::kFailedPrecondition, "PAYMENT_REQUIRED",
                    Cat("the buyer owes ", money::Format(state.balance()),
                        "; record the payment first"))
          .With("due", state.balance().minor_units());
    default:
      return InvalidState(state, "only one that is RESERVED can be shipped");
  }
  if (!InTime(offering.now, calendar::FromProto(state.reservation().until()))) {
    return Failed("RESERVATION_EXPIRED",
                  "the stock was kept long enough and is free again; reserve it anew");
  }
  // A fact may have refunded its units since.
  for (const v1::ExchangeItem& exchanged : state.items()) {
    const v1::ReturnItem* item = FindItem(offering.state, exchanged.line_id());
    if (item == nullptr) continue;
    const int64_t taken =
        int64_t{UnitsRefunded(offering.state, *item, offering.refunds)} +
        UnitsInExchanges(offering.exchanges, item->line_id(), state.return_name());
    if (taken <= item->quantity_approved() && taken > UnitsAsSold(offering.state, *item)) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "WRONG_GOODS",
                    Cat("units of line ", item->line_id(),
                        " that came back are not what was sold, or went back to the buyer; cancel "
                        "the exchange"))
          .With("line_id", item->line_id());
    }
    if (taken <= item->quantity_approved()) continue;
    return Refuse(absl::StatusCode::kFailedPrecondition, "UNIT_ALREADY_REFUNDED",
                  Cat("units of line ", item->line_id(),
                      " were refunded in the meantime; cancel the exchange"))
        .With("line_id", item->line_id());
  }
  v1::ReplacementShipment shipment = given;
  shipment.clear_delivered_at();
  if (shipment.carrier().empty() || shipment.tracking_number().empty()) {
    return InvalidField(
        shipment.carrier().empty() ? "shipment.carrier" : "shipment.tracking_number",
        "TRACKING_REQUIRED", "a replacement is sent with carrier and number");
  }
  for (const auto& [field, text] : {std::pair{"shipment.carrier", &shipment.carrier()},
                                    {"shipment.tracking_number", &shipment.tracking_number()}}) {
    if (absl::Status s = CheckLength(field, *text, kMaxLocation); !s.ok()) return s;
  }
  if (shipment.verdict().validity() == v1::TrackingVerdict::VALIDITY_INVALID) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "TRACKING_INVALID",
                  Cat("the number cannot be one of ", shipment.carrier(), ": ",
                      shipment.verdict().message()))
        .Field("shipment.tracking_number", "look at the label again")
        .With("failed_rule", shipment.verdict().failed_rule());
  }
  if (!shipment.has_shipped_at()) *shipment.mutable_shipped_at() = calendar::ToProto(offering.now);
  if (calendar::FromProto(shipment.shipped_at()) > offering.now) {
    return InvalidField("shipment.shipped_at", "IN_THE_FUTURE", "is ahead of the host's clock");
  }
  return shipment;
}

std::optional<absl::Time> ReturnDueFor(const v1::Exchange& state, const v1::Return& return_state,
                                       const v1::Policy& policy, absl::Time shipped_at) {
  if (GoodsAreBack(state)) return std::nullopt;
  absl::Time due = shipped_at + absl::Hours(24) * policy.exchange_return_days();
  if (return_state.has_return_by()) {
    due = std::max(due, calendar::FromProto(return_state.return_by()));
  }
  return due;
}

absl::Status CheckDeliverExchange(const v1::Exchange& state, absl::Time now,
                                  absl::Time delivered_at) {
  const bool may = IsOut(state.status()) || state.status() == v1::Exchange::STATUS_COMPLETED;
  if (!may || state.shipment().has_delivered_at()) {
    return InvalidState(state, may ? "it was delivered already"
                                   : "only a replacement that was shipped is delivered");
  }
  if (delivered_at > now) {
    return InvalidField("delivered_at", "IN_THE_FUTURE", "is ahead of the host's clock");
  }
  if (delivered_at < calendar::FromProto(state.shipment().shipped_at())) {
    return InvalidField("delivered_at", "BEFORE_SHIPMENT", "is before it was shipped");
  }
  return absl::OkStatus();
}

absl::Status CheckCompleteExchange(const v1::Exchange& state, v1::Role role,
                                   std::string_view waiver_reason) {
  if (absl::Status s = CheckLength("waiver_reason", waiver_reason, kMaxReason); !s.ok()) return s;
  if (!IsOut(state.status())) {
    return InvalidState(state, "only one whose replacement is out can be completed");
  }
  if (!waiver_reason.empty() && role != v1::ROLE_MANAGER) {
    return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                  "that goods need not come back is for a manager to say")
        .Field("waiver_reason", "only with role MANAGER");
  }
  const bool charged =
      state.overdue_charge().minor_units() > 0 && state.balance().minor_units() <= 0;
  if (!GoodsAreAccepted(state) && !charged && waiver_reason.empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "RETURN_NOT_ACCEPTED",
                  Cat("of the returned goods ", state.quantity_accepted(), " of ",
                      UnitsOfExchange(state),
                      " units are accepted; inspect them, record what the buyer was charged, or "
                      "have a manager waive them"))
        .With("accepted_units", state.quantity_accepted());
  }
  // What is waived is not owed.
  const int64_t waived = waiver_reason.empty() ? 0 : state.overdue_charge().minor_units();
  const int64_t open = state.balance().minor_units() - waived;
  if (open != 0) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "BALANCE_OPEN",
                  Cat(open > 0 ? "the buyer still owes " : "the buyer is still owed ",
                      money::Format(
                          money::Make(open > 0 ? open : -open, state.balance().currency_code())),
                      "; record the payment first"))
        .With("balance", open);
  }
  return absl::OkStatus();
}

absl::Status CheckCancelExchange(const v1::Exchange& state) {
  if (AwaitsChoice(state.status()) || state.status() == v1::Exchange::STATUS_ACCEPTED ||
      KeepsStock(state.status())) {
    return absl::OkStatus();
  }
  return InvalidState(state, "only one that is not shipped and not over can be cancelled");
}

absl::StatusOr<v1::StockLevel> CheckStockLevel(const v1::StockLevel& given, absl::Time now,
                                               std::string_view field) {
  for (const auto& [name, text, most] : {std::tuple{".sku", &given.sku(), kMaxSku},
                                         {".location", &given.location(), kMaxLocation}}) {
    if (text->empty()) return InvalidField(Cat(field, name), "MISSING_FIELD", "is required");
    if (absl::Status s = CheckLength(Cat(field, name), *text, most); !s.ok()) return s;
  }
  if (given.quantity_on_hand() < 0) {
    return InvalidField(Cat(field, ".quantity_on_hand"), "BAD_QUANTITY", "give at least 0");
  }
  v1::StockLevel level = given;
  level.clear_name();
  level.clear_quantity_reserved();
  level.clear_update_time();
  if (!level.has_as_of()) *level.mutable_as_of() = calendar::ToProto(now);
  if (calendar::FromProto(level.as_of()) > now + absl::Hours(24)) {
    return InvalidField(Cat(field, ".as_of"), "IN_THE_FUTURE",
                        "is more than a day ahead of the host");
  }
  SetAvailable(&level);
  return level;
}

}  // namespace aftersales
