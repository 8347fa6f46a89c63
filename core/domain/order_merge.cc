#include "core/domain/order_merge.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/domain/calendar.h"
#include "core/domain/metrics.h"
#include "core/domain/money.h"
#include "core/domain/return_items.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace aftersales {
namespace {

constexpr int kMaxLines = 1000;
constexpr size_t kMaxIdBytes = 128;

absl::Status Missing(std::string_view field, std::string_view what) {
  return InvalidField(field, "MISSING_FIELD", Cat(field, " is missing; give ", what));
}

std::string Path(std::string_view field, std::string_view name) {
  return field.empty() ? std::string(name) : Cat(field, ".", name);
}

// Gives an amount the order's currency where it names none, and checks it.
absl::Status NormalizeMoney(std::string_view field, const std::string& currency,
                            v1::Money* amount) {
  if (amount->currency_code().empty()) amount->set_currency_code(currency);
  if (amount->currency_code() != currency) {
    return InvalidField(field, "MIXED_CURRENCIES",
                        Cat(field, " is in `", amount->currency_code(), "` but the order is in ",
                            currency, "; an order has one currency"));
  }
  if (amount->minor_units() < 0) {
    return InvalidField(field, "NEGATIVE_AMOUNT",
                        Cat(field, " is ", money::Format(*amount), "; give at least 0"));
  }
  return absl::OkStatus();
}

bool IsCancelled(const v1::Order& order, const v1::OrderLine& line) {
  return order.status() == v1::Order::STATUS_CANCELLED ||
         absl::StartsWithIgnoreCase(line.external_status(), "cancel");
}

// Whether the line was cancelled before anything of it was shipped.
bool IsLeftOut(const v1::Order& order, const v1::OrderLine& line) {
  return IsCancelled(order, line) && line.quantity_shipped() == 0;
}

absl::Status NormalizeLine(std::string_view field, const v1::Order& order, v1::OrderLine* line) {
  if (line->sku().empty()) return Missing(Path(field, "sku"), "the seller's SKU");
  // A cancelled line is reported with no units left.
  const int32_t least = IsCancelled(order, *line) ? 0 : 1;
  if (line->quantity() < least || line->quantity() > kMaxUnits) {
    return InvalidField(Path(field, "quantity"), "BAD_QUANTITY",
                        Cat("quantity is ", line->quantity(), "; give ", least, " to ", kMaxUnits));
  }
  if (line->quantity_shipped() < 0 || line->quantity_shipped() > line->quantity()) {
    return InvalidField(Path(field, "quantity_shipped"), "BAD_QUANTITY",
                        Cat("quantity_shipped is ", line->quantity_shipped(),
                            "; give 0 to the quantity, ", line->quantity()));
  }
  if (line->referral_bp() < 0 || line->referral_bp() > 10000) {
    return InvalidField(
        Path(field, "referral_bp"), "OUT_OF_RANGE",
        Cat("referral_bp is ", line->referral_bp(), "; give basis points, 0 to 10000"));
  }
  struct Amount {
    bool present;
    std::string_view name;
    v1::Money* (v1::OrderLine::*get)();
  };
  const Amount amounts[] = {
      {line->has_item_total(), "item_total", &v1::OrderLine::mutable_item_total},
      {line->has_tax_total(), "tax_total", &v1::OrderLine::mutable_tax_total},
      {line->has_shipping_total(), "shipping_total", &v1::OrderLine::mutable_shipping_total},
      {line->has_shipping_tax(), "shipping_tax", &v1::OrderLine::mutable_shipping_tax},
  };
  for (const Amount& amount : amounts) {
    if (!amount.present) continue;
    absl::Status status =
        NormalizeMoney(Path(field, amount.name), order.currency_code(), (line->*amount.get)());
    if (!status.ok()) return status;
  }
  if (line->line_id().empty()) {
    line->set_line_id(line->external_item_id().empty() ? line->sku() : line->external_item_id());
  }
  return absl::OkStatus();
}

absl::Status NormalizeTotals(std::string_view field, v1::Order* order) {
  struct Amount {
    bool present;
    std::string_view name;
    v1::Money* (v1::Order::*get)();
  };
  const Amount amounts[] = {
      {order->has_shipping_total(), "shipping_total", &v1::Order::mutable_shipping_total},
      {order->has_shipping_tax(), "shipping_tax", &v1::Order::mutable_shipping_tax},
      {order->has_free_shipping_notional(), "free_shipping_notional",
       &v1::Order::mutable_free_shipping_notional},
      {order->has_captured_total(), "captured_total", &v1::Order::mutable_captured_total},
  };
  for (const Amount& amount : amounts) {
    if (!amount.present) continue;
    absl::Status status =
        NormalizeMoney(Path(field, amount.name), order->currency_code(), (order->*amount.get)());
    if (!status.ok()) return status;
  }

  const bool on_top = order->tax_mode() == v1::TAX_MODE_EXCLUSIVE;
  absl::int128 items = 0;
  absl::int128 shipping = 0;
  absl::int128 shipping_tax = 0;
  bool by_line = false;
  bool charged = false;
  for (const v1::OrderLine& line : order->lines()) {
    by_line = by_line || line.has_shipping_total();
    // The buyer is charged for what is shipped; a line that was cancelled before that keeps its
    // amounts in some reports.
    if (IsLeftOut(*order, line)) continue;
    charged = true;
    items += line.item_total().minor_units();
    if (on_top) items += line.tax_total().minor_units();
    shipping += line.shipping_total().minor_units();
    shipping_tax += line.shipping_tax().minor_units();
  }
  if (!by_line || order->has_shipping_total()) shipping = order->shipping_total().minor_units();
  if (!by_line || order->has_shipping_tax()) shipping_tax = order->shipping_tax().minor_units();
  absl::int128 captured = 0;
  if (charged) captured = items + shipping + (on_top ? shipping_tax : 0);
  if (captured > std::numeric_limits<int64_t>::max() ||
      shipping > std::numeric_limits<int64_t>::max() ||
      shipping_tax > std::numeric_limits<int64_t>::max()) {
    return InvalidField(Path(field, "lines"), "AMOUNT_OVERFLOW",
                        "the amounts of the order add up to more than an amount can hold");
  }
  if (by_line && !order->has_shipping_total()) {
    *order->mutable_shipping_total() =
        money::Make(static_cast<int64_t>(shipping), order->currency_code());
  }
  if (by_line && !order->has_shipping_tax() && shipping_tax != 0) {
    *order->mutable_shipping_tax() =
        money::Make(static_cast<int64_t>(shipping_tax), order->currency_code());
  }
  if (!order->has_captured_total()) {
    *order->mutable_captured_total() =
        money::Make(static_cast<int64_t>(captured), order->currency_code());
  }
  return absl::OkStatus();
}

// The line that a row is about: by item id, else the line of its SKU that has `same_line_count`
// such lines before it. Null if the order has no such line yet.
v1::OrderLine* FindLine(const v1::OrderLine& reported, int same_line_count, v1::Order* order) {
  if (!reported.external_item_id().empty()) {
    for (v1::OrderLine& line : *order->mutable_lines()) {
      if (line.external_item_id() == reported.external_item_id()) return &line;
    }
  }
  for (v1::OrderLine& line : *order->mutable_lines()) {
    if (line.sku() != reported.sku()) continue;
    // Two lines of one SKU are told apart by their item ids, where both have one.
    if (!line.external_item_id().empty() && !reported.external_item_id().empty()) continue;
    if (same_line_count-- <= 0) return &line;
  }
  return nullptr;
}

// An id for a new line: its item id, else its SKU, with a number where another line has that.
std::string FreeLineId(const v1::OrderLine& reported, const v1::Order& order) {
  const std::string& base =
      reported.external_item_id().empty() ? reported.sku() : reported.external_item_id();
  std::string id = base;
  for (int number = 2; std::any_of(order.lines().begin(), order.lines().end(),
                                   [&](const auto& line) { return line.line_id() == id; });
       ++number) {
    id = Cat(base, "#", number);
  }
  return id;
}

// What `from` says replaces what `to` says, message by message: plain MergeFrom would keep the old
// units of an amount that became 0.
void Overlay(const google::protobuf::Message& from, google::protobuf::Message* to) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  from.GetReflection()->ListFields(from, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (!field->is_repeated() &&
        field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      to->GetReflection()->ClearField(to, field);
    }
  }
  to->MergeFrom(from);
}

void MergeLine(const v1::OrderLine& reported, bool cancelled, v1::OrderLine* line) {
  v1::OrderLine merged = reported;
  // An id that returns and refunds refer to never changes.
  if (!line->line_id().empty()) merged.set_line_id(line->line_id());
  // What was shipped stays shipped: a report without the figure shows 0.
  merged.set_quantity_shipped(std::max(line->quantity_shipped(), reported.quantity_shipped()));
  Overlay(merged, line);
  // A cancelled line may have no units left but those that were shipped; a merge of plain fields
  // would not see the 0.
  if (cancelled) line->set_quantity(std::max(reported.quantity(), line->quantity_shipped()));
  line->set_quantity_shipped(std::min(line->quantity_shipped(), line->quantity()));
}

int Progress(v1::Order::Status status) { return static_cast<int>(status); }

// What was shipped stays shipped, whatever a slower source still shows.
void AdvanceStatus(v1::Order* order) {
  int64_t ordered = 0;
  int64_t shipped = 0;
  for (const v1::OrderLine& line : order->lines()) {
    if (IsLeftOut(*order, line)) continue;
    ordered += line.quantity();
    shipped += line.quantity_shipped();
  }
  if (shipped == 0) return;
  const v1::Order::Status status =
      shipped >= ordered ? v1::Order::STATUS_SHIPPED : v1::Order::STATUS_PARTIALLY_SHIPPED;
  if (Progress(order->status()) < Progress(status)) order->set_status(status);
}

void MergeDefects(const v1::Order& reported, v1::Order* order) {
  for (const v1::Defect& defect : reported.defects()) {
    // A claim, chargeback or feedback is reported again as it moves on; there is one of each.
    auto same =
        std::find_if(order->mutable_defects()->begin(), order->mutable_defects()->end(),
                     [&](const v1::Defect& known) { return known.kind() == defect.kind(); });
    if (same != order->mutable_defects()->end()) {
      *same = defect;
    } else {
      *order->add_defects() = defect;
    }
  }
}

// What a row says of the whole order.
void MergeHead(const v1::Order& reported, v1::Order* order) {
  v1::Order head = reported;
  head.clear_lines();
  head.clear_defects();
  head.clear_etag();
  head.clear_create_time();
  head.clear_update_time();
  if (!order->name().empty()) head.clear_name();
  // Without a time of its own a report cannot take back what was shipped or cancelled.
  if (!reported.has_last_updated_at() && Progress(reported.status()) < Progress(order->status())) {
    head.clear_status();
  }
  // The first confirmation counts; later ones only correct the parcel.
  if (order->has_ship_confirmed_at() && head.has_ship_confirmed_at() &&
      calendar::FromProto(order->ship_confirmed_at()) <
          calendar::FromProto(head.ship_confirmed_at())) {
    head.clear_ship_confirmed_at();
  }
  Overlay(head, order);
  MergeDefects(reported, order);
}

// The first confirmation counts. One known only by day stands as the first instant of that day, so
// that it is late from the day after the ship-by day.
void MergeConfirmation(const v1::Shipment& shipment, absl::TimeZone zone, v1::Order* order) {
  if (!shipment.has_confirmed_at() && !shipment.has_shipped_at()) return;
  absl::Time confirmed = calendar::FromProto(shipment.has_confirmed_at() ? shipment.confirmed_at()
                                                                         : shipment.shipped_at());
  if (shipment.shipped_at_day_only()) {
    confirmed = calendar::StartOfDay(calendar::LocalDay(confirmed, zone), zone);
  }
  if (!order->has_ship_confirmed_at() ||
      confirmed < calendar::FromProto(order->ship_confirmed_at())) {
    *order->mutable_ship_confirmed_at() = calendar::ToProto(confirmed);
  }
}

// Something that two systems can tell each other and mean the same.
bool IsPlainId(std::string_view id) {
  return id.size() <= kMaxIdBytes && absl::StripAsciiWhitespace(View(id)).size() == id.size() &&
         std::none_of(id.begin(), id.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
}

}  // namespace

absl::Status NormalizeOrder(const v1::Channel& channel, std::string_view field, v1::Order* order) {
  if (order->external_id().empty()) {
    return Missing(Path(field, "external_id"), "the channel's order id");
  }
  if (!IsPlainId(order->external_id())) {
    return InvalidField(
        Path(field, "external_id"), "BAD_ID",
        Cat("an order id has at most ", kMaxIdBytes,
            " bytes, no line breaks or control characters, and no blanks at its ends"));
  }
  if (order->fulfillment() == v1::FULFILLMENT_UNSPECIFIED) {
    return Missing(Path(field, "fulfillment"), "FULFILLMENT_MFN or FULFILLMENT_AFN");
  }
  if (!order->has_placed_at()) return Missing(Path(field, "placed_at"), "when it was placed");
  if (order->lines_size() == 0) return Missing(Path(field, "lines"), "at least one line");
  if (order->lines_size() > kMaxLines) {
    return InvalidField(
        Path(field, "lines"), "TOO_MANY_LINES",
        Cat("the order has ", order->lines_size(), " lines; at most ", kMaxLines, " are kept"));
  }
  order->set_channel(channel.name());
  if (order->currency_code().empty()) order->set_currency_code(channel.currency_code());
  if (!money::IsCurrencyCode(order->currency_code())) {
    return InvalidField(
        Path(field, "currency_code"), "BAD_CURRENCY",
        Cat("`", order->currency_code().substr(0, 16), "` is not an ISO 4217 code such as USD"));
  }
  if (!channel.currency_code().empty() && order->currency_code() != channel.currency_code()) {
    return InvalidField(
        Path(field, "currency_code"), "CURRENCY_MISMATCH",
        Cat("the order is in ", order->currency_code(), " but the channel sells in ",
            channel.currency_code(), "; give it to the channel that it is of"));
  }
  if (order->tax_mode() == v1::TAX_MODE_UNSPECIFIED) order->set_tax_mode(channel.tax_mode());

  std::set<std::string_view> ids;
  for (int i = 0; i < order->lines_size(); ++i) {
    const std::string path = Path(field, Cat("lines[", i, "]"));
    absl::Status status = NormalizeLine(path, *order, order->mutable_lines(i));
    if (!status.ok()) return status;
    if (!ids.insert(order->lines(i).line_id()).second) {
      return InvalidField(Path(path, "line_id"), "DUPLICATE_LINE",
                          Cat("two lines have the id `", order->lines(i).line_id(),
                              "`; give each its own line_id"));
    }
  }
  absl::Status totals = NormalizeTotals(field, order);
  if (!totals.ok()) return totals;
  order->set_defective(metrics::IsDefective(*order));
  return absl::OkStatus();
}

absl::StatusOr<bool> MergeReportedOrder(const v1::Channel& channel, const v1::Order& reported,
                                        int same_line_count, v1::Order* stored) {
  const std::string before = stored->SerializeAsString();
  v1::Order merged = *stored;
  const bool older = reported.has_last_updated_at() && stored->has_last_updated_at() &&
                     calendar::FromProto(reported.last_updated_at()) <
                         calendar::FromProto(stored->last_updated_at());
  if (!older) MergeHead(reported, &merged);
  bool told = !older;

  for (const v1::OrderLine& row : reported.lines()) {
    v1::OrderLine* line = FindLine(row, same_line_count, &merged);
    if (line != nullptr && older) continue;
    if (line == nullptr) {
      std::string id = row.line_id().empty() ? FreeLineId(row, merged) : row.line_id();
      line = merged.add_lines();
      line->set_line_id(std::move(id));
    }
    MergeLine(row, IsCancelled(merged, row), line);
    told = true;
  }
  if (!told) return false;
  // Shipping by line adds up, unless the report says the sum itself.
  const bool by_line = std::any_of(merged.lines().begin(), merged.lines().end(),
                                   [](const auto& line) { return line.has_shipping_total(); });
  if (by_line && !reported.has_shipping_total()) merged.clear_shipping_total();
  if (by_line && !reported.has_shipping_tax()) merged.clear_shipping_tax();
  if (!reported.has_captured_total()) merged.clear_captured_total();
  AdvanceStatus(&merged);

  absl::Status status = NormalizeOrder(channel, "", &merged);
  if (!status.ok()) return status;
  if (merged.SerializeAsString() == before) return false;
  *stored = std::move(merged);
  return true;
}

bool MergeShipments(std::span<const v1::Shipment> shipments, absl::TimeZone zone,
                    v1::Order* order) {
  const std::string before = order->SerializeAsString();
  for (const v1::Shipment& shipment : shipments) MergeConfirmation(shipment, zone, order);
  for (v1::OrderLine& line : *order->mutable_lines()) {
    // A parcel that does not say what is in it holds what was not cancelled.
    const bool cancelled =
        order->status() != v1::Order::STATUS_CANCELLED && IsLeftOut(*order, line);
    int64_t units = 0;
    for (const v1::Shipment& shipment : shipments) {
      const bool carries = shipment.external_item_id().empty()
                               ? !cancelled
                               : line.external_item_id() == shipment.external_item_id();
      if (carries) units += shipment.quantity() > 0 ? shipment.quantity() : line.quantity();
    }
    const auto most = static_cast<int32_t>(std::min<int64_t>(units, line.quantity()));
    line.set_quantity_shipped(std::max(line.quantity_shipped(), most));
  }
  AdvanceStatus(order);
  return order->SerializeAsString() != before;
}

}  // namespace aftersales
