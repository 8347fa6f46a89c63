#include "plugins/marketplaces/amazon_reports/report_types.h"

#include <algorithm>

#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

// Sources of the columns and their order: Amazon's documentation of the report attributes (returns,
// FBA customer concessions, order reports) and files that sellers published. The order of a table
// is that of its enum.
constexpr Column kOrdersColumns[] = {
    {"amazon-order-id", "order-id", true},
    {"purchase-date", "", true},
    {"last-updated-date", "", false},
    {"order-status", "", true},
    {"fulfillment-channel", "", true},
    {"product-name", "", false},
    {"sku", "", true},
    {"asin", "", false},
    {"item-status", "", false},
    {"quantity", "", true},
    {"currency", "", false},
    {"item-price", "", true},
    {"item-tax", "", false},
    {"shipping-price", "", false},
    {"shipping-tax", "", false},
    {"gift-wrap-price", "", false},
    {"gift-wrap-tax", "", false},
    {"item-promotion-discount", "", false},
    {"ship-promotion-discount", "", false},
    {"ship-country", "", false},
    {"order-item-id", "amazon-order-item-id", false},
};
constexpr std::string_view kOrdersLayout[] = {"amazon-order-id",
                                              "merchant-order-id",
                                              "purchase-date",
                                              "last-updated-date",
                                              "order-status",
                                              "fulfillment-channel",
                                              "sales-channel",
                                              "order-channel",
                                              "url",
                                              "ship-service-level",
                                              "product-name",
                                              "sku",
                                              "asin",
                                              "item-status",
                                              "quantity",
                                              "currency",
                                              "item-price",
                                              "item-tax",
                                              "shipping-price",
                                              "shipping-tax",
                                              "gift-wrap-price",
                                              "gift-wrap-tax",
                                              "item-promotion-discount",
                                              "ship-promotion-discount",
                                              "ship-city",
                                              "ship-state",
                                              "ship-postal-code",
                                              "ship-country",
                                              "promotion-ids",
                                              "is-business-order",
                                              "purchase-order-number",
                                              "price-designation"};
// Older files stop before the columns of business orders.
constexpr uint16_t kOrdersCounts[] = {29, 32};

constexpr Column kActionableColumns[] = {
    {"order-id", "amazon-order-id", true},
    {"order-item-id", "", true},
    {"purchase-date", "", true},
    {"promise-date", "", true},
    {"sku", "", true},
    {"product-name", "", false},
    {"quantity-purchased", "", true},
    {"quantity-shipped", "", false},
    {"quantity-to-ship", "", false},
    {"ship-country", "", false},
};
constexpr std::string_view kActionableLayout[] = {"order-id",
                                                  "order-item-id",
                                                  "purchase-date",
                                                  "payments-date",
                                                  "reporting-date",
                                                  "promise-date",
                                                  "days-past-promise",
                                                  "buyer-email",
                                                  "buyer-name",
                                                  "buyer-phone-number",
                                                  "sku",
                                                  "product-name",
                                                  "quantity-purchased",
                                                  "quantity-shipped",
                                                  "quantity-to-ship",
                                                  "ship-service-level",
                                                  "recipient-name",
                                                  "ship-address-1",
                                                  "ship-address-2",
                                                  "ship-address-3",
                                                  "ship-city",
                                                  "ship-state",
                                                  "ship-postal-code",
                                                  "ship-country",
                                                  "is-business-order",
                                                  "purchase-order-number",
                                                  "price-designation",
                                                  "is-iba",
                                                  "verge-of-cancellation",
                                                  "verge-of-lateShipment"};
constexpr uint16_t kActionableCounts[] = {24, 27, 30};

constexpr Column kConfirmationColumns[] = {
    {"order-id", "amazon-order-id", true},
    {"order-item-id", "", false},
    {"quantity", "", false},
    {"ship-date", "", true},
    {"carrier-code", "", false},
    {"carrier-name", "", false},
    {"tracking-number", "", false},
    {"ship-method", "", false},
};
constexpr std::string_view kConfirmationLayout[] = {
    "order-id",     "order-item-id", "quantity",        "ship-date",
    "carrier-code", "carrier-name",  "tracking-number", "ship-method"};
constexpr uint16_t kConfirmationCounts[] = {8};

constexpr Column kMfnColumns[] = {
    {"Order ID", "", true},
    {"Return request date", "", true},
    {"Return request status", "", true},
    {"Amazon RMA ID", "", true},
    {"Merchant RMA ID", "", false},
    {"Label type", "", false},
    {"Label cost", "", false},
    {"Currency code", "", false},
    {"Return carrier", "", false},
    {"Tracking ID", "", false},
    {"Label to be paid by", "", false},
    {"A-to-Z Claim", "", false},
    {"Is prime", "", false},
    {"ASIN", "", false},
    {"Merchant SKU", "", true},
    {"Return quantity", "", true},
    {"Return Reason", "", false},
    {"In policy", "", false},
    {"Return type", "", false},
    {"Resolution", "", false},
    {"Return delivery date", "", false},
    {"Refunded Amount", "", false},
    {"Order Item ID", "", false},
};
constexpr std::string_view kMfnLayout[] = {"Order ID",
                                           "Order date",
                                           "Return request date",
                                           "Return request status",
                                           "Amazon RMA ID",
                                           "Merchant RMA ID",
                                           "Label type",
                                           "Label cost",
                                           "Currency code",
                                           "Return carrier",
                                           "Tracking ID",
                                           "Label to be paid by",
                                           "A-to-Z Claim",
                                           "Is prime",
                                           "ASIN",
                                           "Merchant SKU",
                                           "Item Name",
                                           "Return quantity",
                                           "Return Reason",
                                           "In policy",
                                           "Return type",
                                           "Resolution",
                                           "Invoice number",
                                           "Return delivery date",
                                           "Order Amount",
                                           "Order quantity",
                                           "SafeT Action reason",
                                           "SafeT claim id",
                                           "SafeT claim state",
                                           "SafeT claim creation time",
                                           "SafeT claim reimbursement amount",
                                           "Refunded Amount",
                                           "Order Item ID"};
// Files with `Category` and `VAT` (35 columns) were seen only with English names, and where the two
// stand is not documented, so there is no layout for them.
constexpr uint16_t kMfnCounts[] = {32, 33};

constexpr Column kFbaColumns[] = {
    {"return-date", "", true},
    {"order-id", "amazon-order-id", true},
    {"sku", "", true},
    {"asin", "", false},
    {"fnsku", "", false},
    {"quantity", "", true},
    {"fulfillment-center-id", "", false},
    {"detailed-disposition", "", true},
    {"reason", "", false},
    {"status", "", false},
    {"license-plate-number", "", false},
};
constexpr std::string_view kFbaLayout[] = {"return-date",
                                           "order-id",
                                           "sku",
                                           "asin",
                                           "fnsku",
                                           "product-name",
                                           "quantity",
                                           "fulfillment-center-id",
                                           "detailed-disposition",
                                           "reason",
                                           "status",
                                           "license-plate-number",
                                           "customer-comments"};
constexpr uint16_t kFbaCounts[] = {13};

constexpr ReportSpec kReports[] = {
    {ReportKind::kOrders, "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
     "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL", "all orders", kOrdersColumns,
     kOrdersLayout, kOrdersCounts, false},
    {ReportKind::kActionableOrders, "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING", "",
     "unshipped orders", kActionableColumns, kActionableLayout, kActionableCounts, true},
    {ReportKind::kShippingConfirmation, "POST_FLAT_FILE_FULFILLMENT_DATA", "",
     "shipping confirmation", kConfirmationColumns, kConfirmationLayout, kConfirmationCounts,
     false},
    {ReportKind::kMfnReturns, "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE", "",
     "seller-fulfilled returns", kMfnColumns, kMfnLayout, kMfnCounts, false},
    {ReportKind::kFbaReturns, "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA", "",
     "FBA customer returns", kFbaColumns, kFbaLayout, kFbaCounts, false},
};
constexpr std::string_view kPerformanceType = "GET_V2_SELLER_PERFORMANCE_REPORT";

static_assert(std::size(kOrdersColumns) == kOrdersItemId + 1);
static_assert(std::size(kActionableColumns) == kActionableCountry + 1);
static_assert(std::size(kConfirmationColumns) == kConfirmationMethod + 1);
static_assert(std::size(kMfnColumns) == kMfnItemId + 1 && std::size(kMfnColumns) <= kMaxColumns);
static_assert(std::size(kFbaColumns) == kFbaLpn + 1);

// Reports that sellers mix up with those above, by columns that only they have.
struct ForeignReport {
  std::string_view type;
  std::string_view columns[2];
};
constexpr ForeignReport kForeign[] = {
    {"GET_FBA_REIMBURSEMENTS_DATA", {"reimbursement-id", "approval-date"}},
    {"GET_FBA_FULFILLMENT_CUSTOMER_SHIPMENT_REPLACEMENT_DATA",
     {"replacement-amazon-order-id", "original-amazon-order-id"}},
    {"GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE", {"settlement-id", "transaction-type"}},
    {"GET_SELLER_FEEDBACK_DATA", {"Rating", "Comments"}},
    {"GET_FLAT_FILE_ORDERS_DATA", {"order-item-id", "payments-date"}},
    {"GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL", {"shipment-id", "shipment-item-id"}},
    {"POST_FLAT_FILE_PAYMENT_ADJUSTMENT_DATA", {"adjustment-reason-code", "item-price-adj"}},
};

constexpr bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

// Whether two names are one by their letters and digits.
constexpr bool SameName(std::string_view a, std::string_view b) {
  size_t i = 0;
  size_t j = 0;
  while (true) {
    while (i < a.size() && !IsWord(a[i])) ++i;
    while (j < b.size() && !IsWord(b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (Lower(a[i++]) != Lower(b[j++])) return false;
  }
}

int FindCell(const std::vector<std::string_view>& header, std::string_view name) {
  if (name.empty()) return -1;
  for (size_t i = 0; i < header.size(); ++i) {
    if (SameName(header[i], name)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

std::span<const ReportSpec> Reports() { return kReports; }

const ReportSpec* FindReport(ReportKind kind) {
  for (const ReportSpec& spec : kReports) {
    if (spec.kind == kind) return &spec;
  }
  return nullptr;
}

ReportKind KindByType(std::string_view type) {
  if (SameName(type, kPerformanceType)) return ReportKind::kPerformance;
  for (const ReportSpec& spec : kReports) {
    if (SameName(type, spec.type)) return spec.kind;
    if (!spec.other_type.empty() && SameName(type, spec.other_type)) return spec.kind;
  }
  return ReportKind::kUnknown;
}

std::string_view TypeOf(ReportKind kind) {
  if (kind == ReportKind::kPerformance) return kPerformanceType;
  const ReportSpec* spec = FindReport(kind);
  return spec == nullptr ? std::string_view() : spec->type;
}

std::string SupportedTypes() {
  std::string out;
  for (const ReportSpec& spec : kReports) {
    out.append(spec.type).append(", ");
    if (!spec.other_type.empty()) out.append(spec.other_type).append(", ");
  }
  return out.append(kPerformanceType);
}

HeaderMatch MatchByName(const ReportSpec& spec, const std::vector<std::string_view>& header) {
  HeaderMatch match;
  match.kind = spec.kind;
  match.map.cell.fill(-1);
  match.map.column_count = static_cast<uint16_t>(header.size());
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    const Column& column = spec.columns[i];
    int cell = FindCell(header, column.name);
    if (cell < 0) cell = FindCell(header, column.alias);
    match.map.cell[i] = static_cast<int16_t>(cell);
    if (cell >= 0) ++match.named;
    if (cell < 0 && column.required && match.missing.empty()) match.missing = column.name;
  }
  return match;
}

HeaderMatch Recognize(const std::vector<std::string_view>& header) {
  HeaderMatch best;
  for (const ReportSpec& spec : kReports) {
    const HeaderMatch match = MatchByName(spec, header);
    if (match.missing.empty() && match.named > best.named) best = match;
  }
  return best;
}

HeaderMatch MatchByPosition(const ReportSpec& spec, size_t column_count) {
  HeaderMatch match;
  match.map.cell.fill(-1);
  if (std::ranges::find(spec.layout_counts, column_count) == spec.layout_counts.end()) return match;
  match.kind = spec.kind;
  match.map.column_count = static_cast<uint16_t>(column_count);
  match.map.by_position = true;
  for (size_t i = 0; i < spec.columns.size(); ++i) {
    for (size_t at = 0; at < column_count; ++at) {
      if (spec.layout[at] == spec.columns[i].name) match.map.cell[i] = static_cast<int16_t>(at);
    }
  }
  return match;
}

HeaderMatch MatchByPosition(const ReportSpec& spec, const std::vector<std::string_view>& header) {
  HeaderMatch match = MatchByPosition(spec, header.size());
  if (match.kind == ReportKind::kUnknown) return match;
  for (size_t i = 0; i < spec.layout.size(); ++i) {
    const int named = FindCell(header, spec.layout[i]);
    if (named >= 0 && named != static_cast<int>(i)) return HeaderMatch();
  }
  return match;
}

std::string_view RecognizeForeign(const std::vector<std::string_view>& header) {
  for (const ForeignReport& report : kForeign) {
    if (FindCell(header, report.columns[0]) >= 0 && FindCell(header, report.columns[1]) >= 0) {
      return report.type;
    }
  }
  return {};
}

}  // namespace aftersales::amazon_reports
