#include "plugins/marketplaces/amazon_reports/rows.h"

#include <algorithm>
#include <optional>

#include "plugins/marketplaces/amazon_reports/text_decoder.h"
#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

// No id of Amazon's comes near these; a longer cell is a row that has slipped.
constexpr size_t kMaxIdBytes = 64;
constexpr size_t kMaxTextBytes = 256;
constexpr size_t kMaxTrackingBytes = 100;
// Amazon cuts titles at 500 characters; more of it is of no use after the sale.
constexpr size_t kMaxTitleBytes = 500;

bool SameWord(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return Lower(x) == Lower(y); });
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return SameWord(text.substr(0, prefix.size()), prefix);
}

bool IsYes(std::string_view text) { return SameWord(text, "Y") || SameWord(text, "true"); }

// `113-6270000-6280000`, and `S01-…` for orders that Amazon ships for other shops.
bool LooksLikeOrderId(std::string_view text) {
  constexpr std::string_view kForm = "A##-#######-#######";
  if (text.size() != kForm.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool digit = c >= '0' && c <= '9';
    const bool fits = kForm[i] == '-'   ? c == '-'
                      : kForm[i] == 'A' ? digit || (c >= 'A' && c <= 'Z')
                                        : digit;
    if (!fits) return false;
  }
  return true;
}

// Sets a text of a message, such as `&v1::Order::mutable_external_id`. Leaves an empty one alone:
// even an empty string would cost an allocation.
template <typename Message>
void Set(std::string_view value, Message* message, std::string* (Message::*field)()) {
  if (!value.empty()) (message->*field)()->assign(value.data(), value.size());
}

void SetTime(const Instant& instant, google::protobuf::Timestamp* out) {
  out->set_seconds(instant.seconds);
  out->set_nanos(instant.nanos);
}

void SetMoney(int64_t minor_units, std::string_view currency, v1::Money* out) {
  out->set_minor_units(minor_units);
  Set(currency, out, &v1::Money::mutable_currency_code);
}

// A word of the report and what it stands for.
template <typename Value>
struct Word {
  std::string_view word;
  Value value;
};

template <typename Value, size_t kSize>
std::optional<Value> LookUp(const Word<Value> (&table)[kSize], std::string_view word) {
  for (const Word<Value>& entry : table) {
    if (SameWord(entry.word, word)) return entry.value;
  }
  return std::nullopt;
}

// Values that Amazon's files were seen with, and those that Seller Central uses for the same.
constexpr Word<v1::Return::Status> kReturnStatuses[] = {
    {"Pending", v1::Return::STATUS_REQUESTED},
    {"PendingApproval", v1::Return::STATUS_REQUESTED},
    {"Pending Approval", v1::Return::STATUS_REQUESTED},
    {"Approved", v1::Return::STATUS_APPROVED},
    {"Authorized", v1::Return::STATUS_APPROVED},
    {"Completed", v1::Return::STATUS_CLOSED},
    {"Closed", v1::Return::STATUS_CLOSED},
    {"Denied", v1::Return::STATUS_REJECTED},
    {"Declined", v1::Return::STATUS_REJECTED},
    {"Rejected", v1::Return::STATUS_REJECTED},
    {"Cancelled", v1::Return::STATUS_CANCELLED},
    {"Canceled", v1::Return::STATUS_CANCELLED},
};

constexpr Word<v1::ReturnLabel::Payer> kPayers[] = {
    {"Seller", v1::ReturnLabel::PAYER_SELLER},
    {"Customer", v1::ReturnLabel::PAYER_BUYER},
    {"Amazon", v1::ReturnLabel::PAYER_PLATFORM},
};

constexpr Word<v1::Fulfillment> kChannels[] = {
    {"Merchant", v1::FULFILLMENT_MFN},
    {"MFN", v1::FULFILLMENT_MFN},
    {"Amazon", v1::FULFILLMENT_AFN},
    {"AFN", v1::FULFILLMENT_AFN},
};

// Order statuses by their beginning, as in `Shipped - Delivered to Buyer`.
constexpr Word<v1::Order::Status> kOrderStatuses[] = {
    {"Pending", v1::Order::STATUS_PENDING},
    {"Unshipped", v1::Order::STATUS_UNSHIPPED},
    {"InvoiceUnconfirmed", v1::Order::STATUS_UNSHIPPED},
    {"PartiallyShipped", v1::Order::STATUS_PARTIALLY_SHIPPED},
    {"Partially Shipped", v1::Order::STATUS_PARTIALLY_SHIPPED},
    {"Shipped", v1::Order::STATUS_SHIPPED},
    {"Cancelled", v1::Order::STATUS_CANCELLED},
    {"Canceled", v1::Order::STATUS_CANCELLED},
};

std::optional<v1::Order::Status> OrderStatus(std::string_view word) {
  for (const auto& entry : kOrderStatuses) {
    if (StartsWith(word, entry.word)) return entry.value;
  }
  return std::nullopt;
}

// What Amazon's warehouse found. SELLABLE went back to stock. Where Amazon takes responsibility
// (DAMAGED in its hands, CARRIER_DAMAGED) it compensates and keeps the unit; what the seller keeps
// unsellable waits for a removal order.
struct FbaDisposition {
  std::string_view word;
  v1::Condition condition;
  v1::Disposition disposition;
};
constexpr FbaDisposition kFbaDispositions[] = {
    {"SELLABLE", v1::CONDITION_NEW, v1::DISPOSITION_RESTOCK},
    {"DAMAGED", v1::CONDITION_CARRIER_DAMAGED, v1::DISPOSITION_DISPOSE},
    {"CARRIER_DAMAGED", v1::CONDITION_CARRIER_DAMAGED, v1::DISPOSITION_DISPOSE},
    {"CUSTOMER_DAMAGED", v1::CONDITION_BUYER_DAMAGED, v1::DISPOSITION_QUARANTINE},
    {"DEFECTIVE", v1::CONDITION_DEFECTIVE, v1::DISPOSITION_QUARANTINE},
    {"EXPIRED", v1::CONDITION_DEFECTIVE, v1::DISPOSITION_DISPOSE},
};

// Takes values out of a row; the first that cannot be taken is noted.
class Fields {
 public:
  Fields(const Row& row, RowNote* error, RowNote* warning)
      : row_(row), error_(error), warning_(warning) {}

  std::string_view Cell(uint8_t column) const { return row_.Cell(column); }
  v1::ReturnReason Reason(std::string_view raw) const { return row_.reasons.Map(raw); }

  // Puts a problem down and answers false, so that callers can return it.
  bool Fail(uint8_t column, std::string_view reason, std::string_view what) const {
    error_->column = row_.spec.columns[column].name;
    error_->reason = reason;
    error_->message.clear();
    error_->message.append("`").append(error_->column).append("` ").append(what);
    error_->message.append(Found(column));
    return false;
  }

  void Warn(WarningKind kind, uint8_t column, std::string_view reason,
            std::string_view what) const {
    warning_->kind = kind;
    warning_->column = row_.spec.columns[column].name;
    warning_->reason = reason;
    warning_->message.clear();
    warning_->message.append("`").append(warning_->column).append("` ").append(what);
    warning_->message.append(Found(column)).append("; later rows like it are not listed");
  }

  bool Text(uint8_t column, size_t limit, std::string_view* out) const {
    *out = Cell(column);
    if (out->size() <= limit) return true;
    return Fail(column, "VALUE_TOO_LONG",
                "is longer than " + std::to_string(limit) +
                    " bytes: the columns of the row seem to have slipped");
  }
  template <typename Message>
  bool Text(uint8_t column, size_t limit, Message* message,
            std::string* (Message::*field)()) const {
    std::string_view text;
    if (!Text(column, limit, &text)) return false;
    Set(text, message, field);
    return true;
  }
  bool RequiredText(uint8_t column, size_t limit, std::string_view* out) const {
    if (!Text(column, limit, out)) return false;
    return !out->empty() || Fail(column, "MISSING_VALUE", "is empty: every row needs one");
  }

  bool OrderId(uint8_t column, std::string_view* out) const {
    if (!RequiredText(column, kMaxIdBytes, out)) return false;
    if (!row_.map.by_position || LooksLikeOrderId(*out)) return true;
    return Fail(column, "BAD_ORDER_ID",
                "has no order id such as 113-6270000-6280000; the columns were matched by "
                "position, which may be wrong for this file");
  }

  // Nothing for an empty cell.
  bool Date(uint8_t column, std::optional<Instant>* out) const {
    const std::string_view text = Cell(column);
    if (text.empty()) return true;
    *out = ParseInstant(text);
    return *out || Fail(column, "BAD_DATE",
                        "is not a date such as 09-Mar-2026, 2026-03-09 or "
                        "2026-03-09T08:15:00+00:00, from 1995 to 2100");
  }
  bool RequiredDate(uint8_t column, Instant* out) const {
    std::optional<Instant> date;
    if (!Date(column, &date)) return false;
    if (!date) return Fail(column, "MISSING_VALUE", "is empty: every row needs a date");
    *out = *date;
    return true;
  }

  // The row's currency, else the marketplace's.
  bool Currency(uint8_t column, std::string_view* out) const {
    *out = Cell(column);
    if (out->empty()) *out = row_.currency_code;
    return out->empty() || IsCurrencyCode(*out) ||
           Fail(column, "BAD_CURRENCY", "is not a currency code of three capitals such as USD");
  }

  // A row in another currency is of another channel, also where it names no amount.
  bool OwnCurrency(uint8_t column, std::string_view currency) const {
    return row_.currency_code.empty() || currency == row_.currency_code ||
           Fail(column, "CURRENCY_MISMATCH",
                "is not " + std::string(row_.currency_code) +
                    ", in which the channel sells: import the row into the channel that it is of");
  }

  // An empty cell is 0.
  bool Amount(uint8_t column, std::string_view currency, int64_t* out) const {
    *out = 0;
    const std::string_view text = Cell(column);
    if (text.empty()) return true;
    if (currency.empty()) {
      return Fail(column, "MISSING_VALUE",
                  "is an amount without a currency: neither the row nor the channel names one");
    }
    switch (ParseMinorUnits(text, CurrencyExponent(currency), out)) {
      case NumberError::kNone:
        return true;
      case NumberError::kOverflow:
        return Fail(column, "NUMBER_OVERFLOW", "is too large for an amount");
      case NumberError::kTooPrecise:
        return Fail(column, "BAD_NUMBER",
                    "has more decimals than " + std::string(currency) + " has (" +
                        std::to_string(CurrencyExponent(currency)) + ")");
      case NumberError::kAmbiguous:
        return Fail(column, "BAD_NUMBER",
                    "may be thousands or thousandths: write it without grouping, such as 1234.00");
      case NumberError::kNotANumber:
        break;
    }
    return Fail(column, "BAD_NUMBER", "is not an amount such as 29.99");
  }
  bool NotNegative(uint8_t column, int64_t amount) const {
    return amount >= 0 || Fail(column, "BAD_NUMBER", "makes the sum negative, which cannot be");
  }
  // A sum of cells, each 0 or more; `minus` is taken off whatever its sign, since discounts are
  // written both ways.
  bool Sum(std::initializer_list<uint8_t> plus, std::optional<uint8_t> minus,
           std::string_view currency, int64_t* out) const {
    *out = 0;
    for (const uint8_t column : plus) {
      int64_t amount = 0;
      if (!Amount(column, currency, &amount) || !NotNegative(column, amount)) return false;
      if (__builtin_add_overflow(*out, amount, out)) {
        return Fail(column, "NUMBER_OVERFLOW", "makes the sum too large for an amount");
      }
    }
    if (!minus) return true;
    int64_t discount = 0;
    if (!Amount(*minus, currency, &discount)) return false;
    *out -= discount < 0 ? -discount : discount;
    return NotNegative(*minus, *out);
  }

  // An empty cell leaves `out` as it is.
  bool Count(uint8_t column, int32_t least, int32_t* out) const {
    const std::string_view text = Cell(column);
    if (text.empty()) return true;
    switch (ParseCount(text, out)) {
      case NumberError::kNone:
        break;
      case NumberError::kOverflow:
        return Fail(column, "NUMBER_OVERFLOW", "is too large for a quantity");
      default:
        return Fail(column, "BAD_NUMBER", "is not a quantity such as 2");
    }
    if (*out >= least) return true;
    return Fail(column, "BAD_NUMBER", "must be at least " + std::to_string(least));
  }
  bool RequiredCount(uint8_t column, int32_t least, int32_t* out) const {
    if (Cell(column).empty()) {
      return Fail(column, "MISSING_VALUE", "is empty: every row needs a quantity");
    }
    return Count(column, least, out);
  }

 private:
  // The offending cell, if it cannot be a buyer's name, address or telephone number.
  std::string Found(uint8_t column) const {
    const std::string_view text = Cell(column);
    if (text.empty() || text.size() > 32 || row_.spec.holds_buyer_data) return {};
    for (const char c : text) {
      if (c < ' ' || c > '~' || c == '@') return {};
    }
    return ", found `" + std::string(text) + "`";
  }

  const Row& row_;
  RowNote* error_;
  RowNote* warning_;
};

// The number as the seller stated it: the valid tracking report marks numbers that it cannot parse
// by a suffix, and sellers copy them from there.
std::string_view WithoutInvalidMark(std::string_view number) {
  constexpr std::string_view kInvalidId = "-InvalidId";
  if (number.size() > kInvalidId.size() &&
      SameWord(number.substr(number.size() - kInvalidId.size()), kInvalidId)) {
    number.remove_suffix(kInvalidId.size());
  }
  return number;
}

// A line of an order. `item-price` is the total of the line, not the price of a unit, and the
// report has no order item id, though some files do. The host gives the line its id.
bool ReadOrder(const Fields& f, v1::Order* order) {
  std::string_view id;
  std::string_view sku;
  std::string_view item_id;
  std::string_view currency;
  Instant placed;
  std::optional<Instant> updated;
  if (!f.OrderId(kOrdersOrderId, &id) || !f.RequiredText(kOrdersSku, kMaxTextBytes, &sku) ||
      !f.Text(kOrdersItemId, kMaxIdBytes, &item_id) ||
      !f.RequiredDate(kOrdersPurchaseDate, &placed) || !f.Date(kOrdersLastUpdated, &updated) ||
      !f.Currency(kOrdersCurrency, &currency)) {
    return false;
  }
  const auto fulfillment = LookUp(kChannels, f.Cell(kOrdersChannel));
  if (!fulfillment) {
    return f.Fail(kOrdersChannel, "BAD_VALUE", "is not one of Merchant, MFN, Amazon, AFN");
  }
  const auto status = OrderStatus(f.Cell(kOrdersStatus));
  if (!status) {
    f.Warn(WarningKind::kStatus, kOrdersStatus, "UNKNOWN_STATUS",
           "is a status that is not known here; the order is taken without one");
  }

  Set(id, order, &v1::Order::mutable_external_id);
  order->set_fulfillment(*fulfillment);
  order->set_status(status.value_or(v1::Order::STATUS_UNSPECIFIED));
  SetTime(placed, order->mutable_placed_at());
  if (updated) SetTime(*updated, order->mutable_last_updated_at());
  Set(currency, order, &v1::Order::mutable_currency_code);
  const std::string_view country = f.Cell(kOrdersCountry);
  if (country.size() == 2) Set(country, order, &v1::Order::mutable_ship_country);

  v1::OrderLine* line = order->add_lines();
  Set(sku, line, &v1::OrderLine::mutable_sku);
  Set(item_id, line, &v1::OrderLine::mutable_external_item_id);
  if (!f.Text(kOrdersAsin, kMaxIdBytes, line, &v1::OrderLine::mutable_asin)) return false;
  Set(Utf8Prefix(f.Cell(kOrdersTitle), kMaxTitleBytes), line, &v1::OrderLine::mutable_title);

  // Lines of one order are shipped and cancelled one by one; older files do not say so.
  std::string_view line_word = f.Cell(kOrdersItemStatus);
  if (line_word.empty()) line_word = f.Cell(kOrdersStatus);
  Set(Utf8Prefix(line_word, kMaxTextBytes), line, &v1::OrderLine::mutable_external_status);
  const auto line_status = OrderStatus(line_word);
  // A cancelled line keeps its row with quantity 0.
  const bool cancelled =
      status == v1::Order::STATUS_CANCELLED || line_status == v1::Order::STATUS_CANCELLED;
  int32_t quantity = 1;
  if (cancelled ? !f.Count(kOrdersQuantity, 0, &quantity)
                : !f.RequiredCount(kOrdersQuantity, 1, &quantity)) {
    return false;
  }
  line->set_quantity(quantity);
  if (!cancelled && line_status == v1::Order::STATUS_SHIPPED) line->set_quantity_shipped(quantity);

  int64_t item = 0;
  int64_t tax = 0;
  int64_t shipping = 0;
  int64_t shipping_tax = 0;
  // Gift wrap is a service on the parcel like shipping and has no field of its own.
  if (!f.Sum({kOrdersItemPrice}, kOrdersItemDiscount, currency, &item) ||
      !f.Sum({kOrdersItemTax}, std::nullopt, currency, &tax) ||
      !f.Sum({kOrdersShippingPrice, kOrdersGiftPrice}, kOrdersShipDiscount, currency, &shipping) ||
      !f.Sum({kOrdersShippingTax, kOrdersGiftTax}, std::nullopt, currency, &shipping_tax)) {
    return false;
  }
  if (currency.empty()) return true;
  SetMoney(item, currency, line->mutable_item_total());
  SetMoney(tax, currency, line->mutable_tax_total());
  SetMoney(shipping, currency, line->mutable_shipping_total());
  SetMoney(shipping_tax, currency, line->mutable_shipping_tax());
  return true;
}

// A line that waits to be shipped. Of the buyer, only the country is taken. No `last_updated_at`:
// the report says what is open and by when, not what else the order holds, and must not make a
// later snapshot of the whole order look old.
bool ReadActionableOrder(const Fields& f, v1::Order* order) {
  std::string_view id;
  std::string_view sku;
  std::string_view item_id;
  Instant placed;
  Instant promise;
  int32_t quantity = 0;
  if (!f.OrderId(kActionableOrderId, &id) ||
      !f.RequiredText(kActionableItemId, kMaxIdBytes, &item_id) ||
      !f.RequiredText(kActionableSku, kMaxTextBytes, &sku) ||
      !f.RequiredDate(kActionablePurchaseDate, &placed) ||
      !f.RequiredDate(kActionablePromiseDate, &promise) ||
      !f.RequiredCount(kActionableQuantity, 1, &quantity)) {
    return false;
  }
  int32_t to_ship = quantity;
  if (!f.Count(kActionableToShip, 0, &to_ship)) return false;
  int32_t shipped = std::max(0, quantity - to_ship);
  if (!f.Count(kActionableShipped, 0, &shipped)) return false;
  if (shipped > quantity) {
    return f.Fail(kActionableShipped, "BAD_NUMBER", "is more than `quantity-purchased`");
  }
  if (promise.day_only) {
    promise.seconds += 24 * 3600 - 1;
    f.Warn(WarningKind::kPromiseDay, kActionablePromiseDate, "DAY_ONLY",
           "has no time; the end of the day in UTC is taken");
  }

  Set(id, order, &v1::Order::mutable_external_id);
  order->set_fulfillment(v1::FULFILLMENT_MFN);
  order->set_status(shipped == 0         ? v1::Order::STATUS_UNSHIPPED
                    : shipped < quantity ? v1::Order::STATUS_PARTIALLY_SHIPPED
                                         : v1::Order::STATUS_SHIPPED);
  SetTime(placed, order->mutable_placed_at());
  SetTime(promise, order->mutable_expected_ship_by());
  const std::string_view country = f.Cell(kActionableCountry);
  if (country.size() == 2) Set(country, order, &v1::Order::mutable_ship_country);
  v1::OrderLine* line = order->add_lines();
  Set(item_id, line, &v1::OrderLine::mutable_external_item_id);
  Set(sku, line, &v1::OrderLine::mutable_sku);
  Set(Utf8Prefix(f.Cell(kActionableTitle), kMaxTitleBytes), line, &v1::OrderLine::mutable_title);
  line->set_quantity(quantity);
  line->set_quantity_shipped(shipped);
  return true;
}

bool ReadConfirmation(const Fields& f, v1::Shipment* shipment) {
  std::string_view id;
  std::string_view code;
  std::string_view name;
  std::string_view tracking;
  Instant shipped;
  int32_t quantity = 0;
  if (!f.OrderId(kConfirmationOrderId, &id) || !f.RequiredDate(kConfirmationShipDate, &shipped) ||
      !f.Count(kConfirmationQuantity, 1, &quantity) ||
      !f.Text(kConfirmationItemId, kMaxIdBytes, shipment,
              &v1::Shipment::mutable_external_item_id) ||
      !f.Text(kConfirmationCarrierCode, kMaxTextBytes, &code) ||
      !f.Text(kConfirmationCarrierName, kMaxTextBytes, &name) ||
      !f.Text(kConfirmationTracking, kMaxTrackingBytes, &tracking) ||
      !f.Text(kConfirmationMethod, kMaxTextBytes, shipment, &v1::Shipment::mutable_ship_method)) {
    return false;
  }
  // `Other` in the code means that the name says who carries it.
  const bool by_name = code.empty() || (SameWord(code, "Other") && !name.empty());
  Set(id, shipment, &v1::Shipment::mutable_order_external_id);
  Set(by_name ? name : code, shipment, &v1::Shipment::mutable_carrier);
  Set(WithoutInvalidMark(tracking), shipment, &v1::Shipment::mutable_tracking_number);
  SetTime(shipped, shipment->mutable_shipped_at());
  shipment->set_shipped_at_day_only(shipped.day_only);
  shipment->set_quantity(quantity);
  return true;
}

// The label of a return, if the row tells of one.
bool ReadLabel(const Fields& f, std::string_view currency, bool delivered, v1::Return* out) {
  std::string_view type;
  std::string_view carrier;
  std::string_view tracking;
  int64_t cost = 0;
  if (!f.Text(kMfnLabelType, kMaxTextBytes, &type) ||
      !f.Text(kMfnCarrier, kMaxTextBytes, &carrier) ||
      !f.Text(kMfnTracking, kMaxTrackingBytes, &tracking) ||
      !f.Amount(kMfnLabelCost, currency, &cost) || !f.NotNegative(kMfnLabelCost, cost)) {
    return false;
  }
  const bool amazon = StartsWith(type, "Amazon");
  if (SameWord(type, "AmazonUnPaidLabel")) {
    // The buyer pays at the counter, even where `Label to be paid by` says Seller (Canada).
    out->set_return_method(v1::RETURN_METHOD_BUYER_PAYS);
  } else if (amazon) {
    out->set_return_method(v1::RETURN_METHOD_PREPAID);
  } else if (!type.empty()) {
    out->set_return_method(v1::RETURN_METHOD_MERCHANT_LABEL);
  }
  const bool has_cost = !f.Cell(kMfnLabelCost).empty();
  if (tracking.empty() && carrier.empty() && !has_cost) return true;
  v1::ReturnLabel* label = out->add_labels();
  label->set_kind(amazon || type.empty() ? v1::ReturnLabel::KIND_AMAZON_GENERATED
                                         : v1::ReturnLabel::KIND_MERCHANT);
  // The arrival itself is `delivered_at` of the record.
  label->set_state(delivered ? v1::ReturnLabel::STATE_USED : v1::ReturnLabel::STATE_ISSUED);
  Set(carrier, label, &v1::ReturnLabel::mutable_carrier);
  Set(WithoutInvalidMark(tracking), label, &v1::ReturnLabel::mutable_tracking_number);
  if (has_cost) SetMoney(cost, currency, label->mutable_cost());
  label->set_paid_by(
      LookUp(kPayers, f.Cell(kMfnPayer)).value_or(v1::ReturnLabel::PAYER_UNSPECIFIED));
  return true;
}

// A return that the seller decides. The report is a snapshot by request date: the same return comes
// again with another status, so its key must come out the same each time.
//
// Key: `RMA:SKU`, since one RMA may cover several items, each a row of its own. A returnless refund
// has no RMA id; Amazon's advice is then order id, SKU or ASIN, and request date, with the order
// item id in place of the SKU where the file has it.
bool ReadMfnReturn(const Fields& f, plugin::v1::ReturnRecord* record) {
  v1::Return* out = record->mutable_snapshot();
  v1::ReturnItem* item = out->add_items();
  std::string_view order;
  std::string_view rma;
  std::string_view sku;
  std::string_view currency;
  std::string_view resolution;
  std::string_view word;
  Instant requested;
  std::optional<Instant> delivered;
  int32_t quantity = 0;
  if (!f.OrderId(kMfnOrderId, &order) || !f.RequiredDate(kMfnRequestDate, &requested) ||
      !f.Text(kMfnRmaId, kMaxIdBytes, &rma) || !f.Text(kMfnSku, kMaxTextBytes, &sku) ||
      !f.Text(kMfnAsin, kMaxIdBytes, item, &v1::ReturnItem::mutable_asin) ||
      !f.Text(kMfnItemId, kMaxIdBytes, item, &v1::ReturnItem::mutable_external_item_id) ||
      !f.RequiredCount(kMfnQuantity, 1, &quantity) ||
      !f.Text(kMfnReason, kMaxTextBytes, item, &v1::ReturnItem::mutable_external_reason) ||
      !f.Text(kMfnMerchantRmaId, kMaxTextBytes, out, &v1::Return::mutable_merchant_rma_id) ||
      !f.Text(kMfnStatus, kMaxTextBytes, &word) ||
      !f.Text(kMfnResolution, kMaxTextBytes, &resolution) || !f.Date(kMfnDelivered, &delivered) ||
      !f.Currency(kMfnCurrency, &currency) || !f.OwnCurrency(kMfnCurrency, currency)) {
    return false;
  }
  if (sku.empty() && item->asin().empty() && item->external_item_id().empty()) {
    return f.Fail(kMfnSku, "MISSING_VALUE", "is empty, and so are ASIN and order item id");
  }

  Set(order, out, &v1::Return::mutable_order_external_id);
  Set(rma, out, &v1::Return::mutable_external_rma_id);
  std::string* key = out->mutable_external_id();
  if (rma.empty()) {
    const std::string_view what = !item->external_item_id().empty() ? item->external_item_id()
                                  : !sku.empty()                    ? sku
                                                                    : item->asin();
    key->reserve(order.size() + what.size() + 12);
    key->append(order).append(":").append(what).append(":").append(FormatDate(requested).view());
  } else {
    const std::string_view what = !sku.empty()            ? sku
                                  : !item->asin().empty() ? item->asin()
                                                          : item->external_item_id();
    key->reserve(rma.size() + what.size() + 1);
    key->append(rma).append(":").append(what);
  }

  out->set_fulfillment(v1::FULFILLMENT_MFN);
  SetTime(requested, out->mutable_requested_at());
  out->set_requested_at_day_only(requested.day_only);
  Set(sku, item, &v1::ReturnItem::mutable_sku);
  item->set_quantity_requested(quantity);
  item->set_buyer_reason(f.Reason(item->external_reason()));
  if (!ReadLabel(f, currency, delivered.has_value(), out)) return false;
  // Money back, nothing sent: no RMA, and a refund for a resolution.
  if (rma.empty() && resolution.find("Refund") != std::string_view::npos) {
    out->set_return_method(v1::RETURN_METHOD_NONE);
  }

  Set(word, out, &v1::Return::mutable_platform_status);
  const auto status = LookUp(kReturnStatuses, word);
  record->set_status(status.value_or(v1::Return::STATUS_UNSPECIFIED));
  if (!status) {
    f.Warn(WarningKind::kStatus, kMfnStatus, "UNKNOWN_STATUS",
           "is a status that is not known here; the return is taken without one");
  }
  Set(resolution, out, &v1::Return::mutable_platform_resolution);
  out->set_is_prime(IsYes(f.Cell(kMfnPrime)));
  out->set_a_to_z_claim(IsYes(f.Cell(kMfnClaim)) || StartsWith(f.Cell(kMfnReturnType), "A-to-z"));
  if (const std::string_view policy = f.Cell(kMfnInPolicy); !policy.empty()) {
    out->mutable_validity()->set_in_policy(IsYes(policy));
  }
  if (!f.Cell(kMfnRefunded).empty()) {
    int64_t refunded = 0;
    if (!f.Amount(kMfnRefunded, currency, &refunded)) return false;
    SetMoney(refunded, currency, out->mutable_platform_refunded());
  }
  if (delivered) {
    // The day counts; the host knows when it starts in the marketplace's zone.
    delivered->seconds -= delivered->seconds % (24 * 3600);
    delivered->nanos = 0;
    SetTime(*delivered, record->mutable_delivered_at());
  }
  return true;
}

// A unit that came back to Amazon's warehouse: received and inspected in one scan. It has no RMA;
// its licence plate number is the only stable key, since one order, SKU and day can have several.
// The buyer's comments are never read.
bool ReadFbaReturn(const Fields& f, plugin::v1::ReturnRecord* record) {
  v1::Return* out = record->mutable_snapshot();
  v1::ReturnItem* item = out->add_items();
  std::string_view order;
  std::string_view sku;
  std::string_view lpn;
  std::string_view fnsku;
  Instant returned;
  int32_t quantity = 0;
  if (!f.OrderId(kFbaOrderId, &order) || !f.RequiredText(kFbaSku, kMaxTextBytes, &sku) ||
      !f.Text(kFbaLpn, kMaxIdBytes, &lpn) || !f.Text(kFbaFnsku, kMaxIdBytes, &fnsku) ||
      !f.RequiredDate(kFbaReturnDate, &returned) || !f.RequiredCount(kFbaQuantity, 1, &quantity) ||
      !f.Text(kFbaAsin, kMaxIdBytes, item, &v1::ReturnItem::mutable_asin) ||
      !f.Text(kFbaReason, kMaxTextBytes, item, &v1::ReturnItem::mutable_external_reason) ||
      !f.Text(kFbaStatus, kMaxTextBytes, out, &v1::Return::mutable_platform_status)) {
    return false;
  }
  if (lpn.empty()) {
    std::string* key = out->mutable_external_id();
    key->append(order).append(":").append(sku).append(":");
    key->append(FormatDate(returned).view()).append(":").append(fnsku);
  } else {
    Set(lpn, out, &v1::Return::mutable_external_id);
  }
  Set(order, out, &v1::Return::mutable_order_external_id);
  out->set_fulfillment(v1::FULFILLMENT_AFN);
  out->set_platform_managed(true);
  SetTime(returned, out->mutable_requested_at());
  out->set_requested_at_day_only(returned.day_only);
  Set(sku, item, &v1::ReturnItem::mutable_sku);
  item->set_quantity_requested(quantity);
  item->set_quantity_received(quantity);
  item->set_buyer_reason(f.Reason(item->external_reason()));

  v1::Receipt* receipt = out->add_receipts();
  receipt->set_receipt_id(out->external_id());
  SetTime(returned, receipt->mutable_received_at());
  receipt->add_lines()->set_quantity(quantity);
  if (!f.Text(kFbaCenter, kMaxIdBytes, receipt, &v1::Receipt::mutable_location)) return false;

  const std::string_view word = f.Cell(kFbaDisposition);
  for (const FbaDisposition& known : kFbaDispositions) {
    if (!SameWord(known.word, word)) continue;
    v1::Inspection* inspection = out->add_inspections();
    inspection->set_inspection_id(out->external_id());
    SetTime(returned, inspection->mutable_inspected_at());
    inspection->set_quantity(quantity);
    inspection->set_condition(known.condition);
    inspection->set_disposition(known.disposition);
    Set(lpn, inspection, &v1::Inspection::mutable_unit_id);
    record->set_status(v1::Return::STATUS_INSPECTED);
    return true;
  }
  f.Warn(WarningKind::kDisposition, kFbaDisposition, "UNKNOWN_DISPOSITION",
         "is not known here; the unit is taken as received and not inspected");
  record->set_status(v1::Return::STATUS_RECEIVED);
  return true;
}

}  // namespace

std::string_view Row::Cell(uint8_t column) const {
  const int16_t cell = map.cell[column];
  if (cell < 0 || static_cast<size_t>(cell) >= cells.size()) return {};
  return Trim(cells[static_cast<size_t>(cell)]);
}

bool ReadRow(const Row& row, plugin::v1::ReportRecord* record, RowNote* error, RowNote* warning) {
  const Fields fields(row, error, warning);
  switch (row.spec.kind) {
    case ReportKind::kOrders:
      return ReadOrder(fields, record->mutable_order());
    case ReportKind::kActionableOrders:
      return ReadActionableOrder(fields, record->mutable_order());
    case ReportKind::kShippingConfirmation:
      return ReadConfirmation(fields, record->mutable_shipment());
    case ReportKind::kMfnReturns:
      return ReadMfnReturn(fields, record->mutable_return_record());
    case ReportKind::kFbaReturns:
      return ReadFbaReturn(fields, record->mutable_return_record());
    case ReportKind::kUnknown:
    case ReportKind::kPerformance:
      break;
  }
  return false;
}

}  // namespace aftersales::amazon_reports
