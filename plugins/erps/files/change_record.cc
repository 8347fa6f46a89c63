#include "plugins/erps/files/change_record.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace aftersales::erps {
namespace {

using v1::Event;

std::string ToText(const google::protobuf::Timestamp& time) {
  using namespace std::chrono;  // NOLINT: literals and calendar types.
  const sys_seconds instant{seconds(time.seconds())};
  const auto day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss<seconds> clock{instant - day};
  std::array<char, 48> text;
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string out = text.data();
  if (time.nanos() != 0) {
    std::snprintf(text.data(), text.size(), ".%03d", time.nanos() / 1'000'000);
    out += text.data();
  }
  return out + 'Z';
}

// STATUS_APPROVED is APPROVED to people.
std::string WithoutPrefix(std::string_view name, std::string_view prefix) {
  if (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  return name == "UNSPECIFIED" ? std::string() : std::string(name);
}

std::string_view KindOf(const Event& event) {
  switch (event.body_case()) {
    case Event::kChannelBound:
      return "channel_bound";
    case Event::kAccountHealthReported:
      return "account_health_reported";
    case Event::kOrderRecorded:
      return "order_recorded";
    case Event::kShipmentRecorded:
      return "shipment_recorded";
    case Event::kReturnRequested:
      return "return_requested";
    case Event::kReturnReported:
      return "return_reported";
    case Event::kReturnApproved:
      return "return_approved";
    case Event::kReturnRejected:
      return "return_rejected";
    case Event::kReturnCancelled:
      return "return_cancelled";
    case Event::kReturnReopened:
      return "return_reopened";
    case Event::kReturnLabelRecorded:
      return "return_label_recorded";
    case Event::kReturnScanned:
      return "return_scanned";
    case Event::kUnitsReceived:
      return "units_received";
    case Event::kReturnClosedShort:
      return "return_closed_short";
    case Event::kUnitsInspected:
      return "units_inspected";
    case Event::kReturnRefunded:
      return "return_refunded";
    case Event::kReturnSettledWithoutRefund:
      return "return_settled_without_refund";
    case Event::kReturnClosed:
      return "return_closed";
    case Event::kReturnExpired:
      return "return_expired";
    case Event::kRefundApproved:
      return "refund_approved";
    case Event::kRefundSubmitted:
      return "refund_submitted";
    case Event::kRefundAwaitsPerson:
      return "refund_awaits_person";
    case Event::kRefundSucceeded:
      return "refund_succeeded";
    case Event::kRefundFailed:
      return "refund_failed";
    case Event::kRefundOutcomeUnknown:
      return "refund_outcome_unknown";
    case Event::kRefundCancelled:
      return "refund_cancelled";
    case Event::kRefundRequested:
      return "refund_requested";
    case Event::kRefundReversed:
      return "refund_reversed";
    case Event::kReturnRefundReversed:
      return "return_refund_reversed";
    case Event::kInvariantBroken:
      return "invariant_broken";
    case Event::kCostRecorded:
      return "cost_recorded";
    case Event::kPolicyProposed:
      return "policy_proposed";
    case Event::kPolicyPublished:
      return "policy_published";
    case Event::kPolicyRejected:
      return "policy_rejected";
    case Event::kManualActionChanged:
      return "manual_action_changed";
    case Event::kDeadlineAlerted:
      return "deadline_alerted";
    case Event::kBuyerReminded:
      return "buyer_reminded";
    case Event::kReturnInfoRequested:
      return "return_info_requested";
    case Event::kReturnParcelLost:
      return "return_parcel_lost";
    case Event::kMetricChanged:
      return "metric_changed";
    case Event::kStatementImported:
      return "statement_imported";
    case Event::kBankLineMatched:
      return "bank_line_matched";
    case Event::kBankLineUnmatched:
      return "bank_line_unmatched";
    case Event::kBankLineIgnored:
      return "bank_line_ignored";
    case Event::kRefundReconciled:
      return "refund_reconciled";
    case Event::kRefundUnreconciled:
      return "refund_unreconciled";
    case Event::kRefundMismatched:
      return "refund_mismatched";
    case Event::kRefundDifferenceSettled:
      return "refund_difference_settled";
    case Event::kExchangeOffered:
      return "exchange_offered";
    case Event::kExchangeAccepted:
      return "exchange_accepted";
    case Event::kExchangeDeclined:
      return "exchange_declined";
    case Event::kExchangeExpired:
      return "exchange_expired";
    case Event::kExchangeReserved:
      return "exchange_reserved";
    case Event::kExchangeReservationExpired:
      return "exchange_reservation_expired";
    case Event::kExchangeOutOfStock:
      return "exchange_out_of_stock";
    case Event::kExchangeConverted:
      return "exchange_converted";
    case Event::kExchangeReoffered:
      return "exchange_reoffered";
    case Event::kExchangePaymentRecorded:
      return "exchange_payment_recorded";
    case Event::kExchangeGoodsCounted:
      return "exchange_goods_counted";
    case Event::kExchangeShipped:
      return "exchange_shipped";
    case Event::kExchangeDelivered:
      return "exchange_delivered";
    case Event::kExchangeReturnOverdue:
      return "exchange_return_overdue";
    case Event::kExchangeCompleted:
      return "exchange_completed";
    case Event::kExchangeCancelled:
      return "exchange_cancelled";
    case Event::kExchangeRefundLinked:
      return "exchange_refund_linked";
    case Event::kReturnUnitsExchanged:
      return "return_units_exchanged";
    case Event::kStockRecorded:
      return "stock_recorded";
    case Event::BODY_NOT_SET:
      break;
  }
  // A fact that is newer than this plugin.
  return "other";
}

// `sellers/acme/returns/1` belongs to `sellers/acme`.
std::string SellerOf(std::string_view name) {
  constexpr std::string_view kPrefix = "sellers/";
  if (name.substr(0, kPrefix.size()) != kPrefix) return {};
  return std::string(name.substr(0, name.find('/', kPrefix.size())));
}

Json ToJson(const v1::Money& money) {
  return {{"minor_units", money.minor_units()}, {"currency_code", money.currency_code()}};
}

void AddReturn(const v1::Return& source, Json& out) {
  out["return"] = source.name();
  out["order"] = source.order();
  out["order_id"] = source.order_external_id();
  out["rma"] = source.external_rma_id();
  out["merchant_rma"] = source.merchant_rma_id();
  out["external_id"] = source.external_id();
  out["current_status"] = WithoutPrefix(v1::Return::Status_Name(source.status()), "STATUS_");
  Json items = Json::array();
  for (const v1::ReturnItem& item : source.items()) {
    items.push_back(
        {{"line_id", item.line_id()},
         {"sku", item.sku()},
         {"external_item_id", item.external_item_id()},
         {"quantity_requested", item.quantity_requested()},
         {"quantity_approved", item.quantity_approved()},
         {"quantity_received", item.quantity_received()},
         {"quantity_refunded", item.quantity_refunded()},
         {"quantity_exchanged", item.quantity_exchanged()},
         {"reason", WithoutPrefix(v1::ReturnReason_Name(item.buyer_reason()), "RETURN_REASON_")}});
  }
  out["items"] = std::move(items);
}

void AddRefund(const v1::Refund& source, Json& out) {
  out["refund"] = source.name();
  out["return"] = source.return_name();
  out["order"] = source.order();
  out["order_id"] = source.order_external_id();
  out["external_refund_id"] = source.external_refund_id();
  out["current_status"] = WithoutPrefix(v1::Refund::Status_Name(source.status()), "STATUS_");
  Json items = Json::array();
  for (const v1::RefundItem& item : source.items()) {
    items.push_back({{"line_id", item.line_id()}, {"quantity_refunded", item.quantity()}});
  }
  out["items"] = std::move(items);
  if (!source.has_total()) return;
  out["amount"] = ToJson(source.total());
  if (source.breakdown().empty()) return;  // paid elsewhere: its tax is not known
  // What a credit note shows: the tax in the amount, whether it was on top of the price or in it.
  std::int64_t tax = 0;
  for (const v1::BreakdownLine& line : source.breakdown()) {
    if (line.kind() == v1::BreakdownLine::KIND_ITEM_TAX ||
        line.kind() == v1::BreakdownLine::KIND_SHIPPING_TAX ||
        line.kind() == v1::BreakdownLine::KIND_TAX_WITHHELD) {
      tax += line.amount().minor_units();
    }
  }
  out["tax"] = {{"minor_units", tax}, {"currency_code", source.total().currency_code()}};
}

void AddExchange(const v1::Exchange& source, Json& out) {
  out["exchange"] = source.name();
  out["return"] = source.return_name();
  out["order"] = source.order();
  out["order_id"] = source.order_external_id();
  out["replacement_order"] = source.replacement_order();
  out["current_status"] = WithoutPrefix(v1::Exchange::Status_Name(source.status()), "STATUS_");
  Json items = Json::array();
  for (const v1::ExchangeItem& item : source.items()) {
    items.push_back({{"line_id", item.line_id()}, {"quantity_exchanged", item.quantity()}});
  }
  out["items"] = std::move(items);
  for (const v1::ExchangeOffer& offer : source.offers()) {
    if (offer.offer_id() != source.chosen_offer_id()) continue;
    out["replacement_sku"] = offer.sku();
    out["replacement_quantity"] = offer.quantity();
  }
  if (source.has_price_difference()) out["price_difference"] = ToJson(source.price_difference());
  if (source.has_balance()) out["balance"] = ToJson(source.balance());
  if (source.has_reservation()) {
    out["reserved_sku"] = source.reservation().sku();
    out["reserved_location"] = source.reservation().location();
    out["reserved_quantity"] = source.reservation().quantity();
  }
  if (source.has_shipment()) {
    out["carrier"] = source.shipment().carrier();
    out["tracking_number"] = source.shipment().tracking_number();
  }
}

// What the fact itself says was paid; more exact than the subject, which may be ahead of it.
const v1::Money* AmountOf(const Event& event) {
  if (event.has_refund_succeeded() && event.refund_succeeded().has_amount()) {
    return &event.refund_succeeded().amount();
  }
  if (event.has_return_refunded() && event.return_refunded().has_amount()) {
    return &event.return_refunded().amount();
  }
  if (event.has_exchange_payment_recorded()) {
    return &event.exchange_payment_recorded().payment().amount();
  }
  if (event.has_refund_approved() && event.refund_approved().refund().has_total()) {
    return &event.refund_approved().refund().total();
  }
  return nullptr;
}

// A column: its name and how its cell follows from the record.
struct Column {
  std::string_view name;
  std::string (*cell)(const Json& record, std::string_view name);
};

std::string TextCell(const Json& record, std::string_view name) {
  const auto found = record.find(name);
  return found == record.end() || !found->is_string() ? std::string()
                                                      : CsvCell(found->get<std::string>());
}

// Sum over the items; empty where no item has the count.
std::string CountCell(const Json& record, std::string_view name) {
  const auto items = record.find("items");
  if (items == record.end() || !items->is_array()) return {};
  std::int64_t sum = 0;
  bool any = false;
  for (const Json& item : *items) {
    const auto count = item.find(name);
    if (count == item.end() || !count->is_number_integer()) continue;
    sum += count->get<std::int64_t>();
    any = true;
  }
  return any ? std::to_string(sum) : std::string();
}

// Which goods: their SKUs, or the lines of the order where no SKU is known, each once.
std::string GoodsCell(const Json& record, std::string_view /*name*/) {
  const auto items = record.find("items");
  if (items == record.end() || !items->is_array()) return {};
  std::string goods;
  for (const Json& item : *items) {
    std::string good = item.value("sku", std::string());
    if (good.empty()) good = item.value("line_id", std::string());
    if (good.empty()) continue;
    if (!goods.empty()) goods += "; ";
    goods += good;
  }
  return CsvCell(goods);
}

// `amount_minor_units` is those of `amount`.
std::string MinorUnitsCell(const Json& record, std::string_view name) {
  const auto amount = record.find(name.substr(0, name.find('_')));
  if (amount == record.end() || !amount->contains("minor_units")) return {};
  const Json& units = (*amount)["minor_units"];
  // A number, never a formula: it keeps its sign without an apostrophe.
  return units.is_number_integer() ? std::to_string(units.get<std::int64_t>()) : std::string();
}

std::string CurrencyCell(const Json& record, std::string_view /*name*/) {
  const auto amount = record.find("amount");
  return amount == record.end() ? std::string() : TextCell(*amount, "currency_code");
}

constexpr Column kColumns[] = {
    {"effect_id", TextCell},
    {"recorded_at", TextCell},
    {"occurred_at", TextCell},
    {"event", TextCell},
    {"seller", TextCell},
    {"channel", TextCell},
    {"return", TextCell},
    {"refund", TextCell},
    {"order_id", TextCell},
    {"rma", TextCell},
    {"status", TextCell},
    {"current_status", TextCell},
    {"goods", GoodsCell},
    {"quantity_requested", CountCell},
    {"quantity_received", CountCell},
    {"quantity_refunded", CountCell},
    {"amount_minor_units", MinorUnitsCell},
    {"tax_minor_units", MinorUnitsCell},
    {"currency_code", CurrencyCell},
    {"external_refund_id", TextCell},
    {"actor_role", TextCell},
};

}  // namespace

Json ToJson(const plugin::v1::Change& change) {
  const Event& event = change.event();
  Json out;
  out["effect_id"] = change.effect_id();
  out["recorded_at"] = event.has_recorded_at() ? ToText(event.recorded_at()) : "";
  out["occurred_at"] = event.has_occurred_at() ? ToText(event.occurred_at()) : "";
  out["event"] = KindOf(event);
  out["event_name"] = event.name();
  out["seller"] = SellerOf(event.subject().empty() ? event.name() : event.subject());
  out["channel"] = event.channel();
  out["subject"] = event.subject();
  out["status"] = event.status_after();
  if (change.has_return_resource()) AddReturn(change.return_resource(), out);
  if (change.has_refund()) AddRefund(change.refund(), out);
  if (change.has_exchange()) AddExchange(change.exchange(), out);
  if (const v1::Money* amount = AmountOf(event)) out["amount"] = ToJson(*amount);
  if (event.status_after().empty() && out.contains("current_status")) {
    out["status"] = out["current_status"];
  }
  out["actor_role"] = WithoutPrefix(v1::Role_Name(event.actor().role()), "ROLE_");
  out["source"] = event.source();
  return out;
}

std::string ToLine(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CsvHeader() {
  std::string header;
  for (const Column& column : kColumns) {
    if (!header.empty()) header += ',';
    header += column.name;
  }
  return header + "\r\n";
}

std::string ToCsvRow(const Json& record) {
  std::string row;
  bool first = true;
  for (const Column& column : kColumns) {
    if (!first) row += ',';
    first = false;
    row += column.cell(record, column.name);
  }
  return row + "\r\n";
}

std::string CsvCell(std::string_view text) {
  if (text.empty()) return {};
  constexpr std::string_view kFormulaStart = "=+-@\t\r\n";
  std::string cell;
  if (kFormulaStart.find(text.front()) != std::string_view::npos) cell += '\'';
  cell += text;
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace aftersales::erps
