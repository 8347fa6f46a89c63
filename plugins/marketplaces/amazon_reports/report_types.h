// Which reports there are, which columns they have, and which of them a header belongs to.
//
// Columns are found by name, whatever their order and whatever else stands between them. Names are
// compared by their letters and digits alone: `Order ID`, `order-id` and ` Order-ID ` are one.
// Amazon writes the names in the language that the seller chose for its reports, but keeps the
// order of the columns; a header whose names say nothing is therefore read by position, if it has
// exactly as many columns as a layout that is known.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aftersales::amazon_reports {

// The forms of report that are read. Values are stored in the state between two pieces.
enum class ReportKind : uint8_t {
  kUnknown = 0,
  kOrders = 1,
  kActionableOrders = 2,
  kShippingConfirmation = 3,
  kMfnReturns = 4,
  kFbaReturns = 5,
  kPerformance = 6,
};

// GET_FLAT_FILE_ALL_ORDERS_DATA_BY_…: index of the columns in their spec.
enum OrdersColumn : uint8_t {
  kOrdersOrderId,
  kOrdersPurchaseDate,
  kOrdersLastUpdated,
  kOrdersStatus,
  kOrdersChannel,
  kOrdersTitle,
  kOrdersSku,
  kOrdersAsin,
  kOrdersItemStatus,
  kOrdersQuantity,
  kOrdersCurrency,
  kOrdersItemPrice,
  kOrdersItemTax,
  kOrdersShippingPrice,
  kOrdersShippingTax,
  kOrdersGiftPrice,
  kOrdersGiftTax,
  kOrdersItemDiscount,
  kOrdersShipDiscount,
  kOrdersCountry,
  kOrdersItemId,
};

// GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING. Buyer columns are not even named here.
enum ActionableColumn : uint8_t {
  kActionableOrderId,
  kActionableItemId,
  kActionablePurchaseDate,
  kActionablePromiseDate,
  kActionableSku,
  kActionableTitle,
  kActionableQuantity,
  kActionableShipped,
  kActionableToShip,
  kActionableCountry,
};

// POST_FLAT_FILE_FULFILLMENT_DATA.
enum ConfirmationColumn : uint8_t {
  kConfirmationOrderId,
  kConfirmationItemId,
  kConfirmationQuantity,
  kConfirmationShipDate,
  kConfirmationCarrierCode,
  kConfirmationCarrierName,
  kConfirmationTracking,
  kConfirmationMethod,
};

// GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE.
enum MfnColumn : uint8_t {
  kMfnOrderId,
  kMfnRequestDate,
  kMfnStatus,
  kMfnRmaId,
  kMfnMerchantRmaId,
  kMfnLabelType,
  kMfnLabelCost,
  kMfnCurrency,
  kMfnCarrier,
  kMfnTracking,
  kMfnPayer,
  kMfnClaim,
  kMfnPrime,
  kMfnAsin,
  kMfnSku,
  kMfnQuantity,
  kMfnReason,
  kMfnInPolicy,
  kMfnReturnType,
  kMfnResolution,
  kMfnDelivered,
  kMfnRefunded,
  kMfnItemId,
};

// GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA. The buyer's comments are not even named here.
enum FbaColumn : uint8_t {
  kFbaReturnDate,
  kFbaOrderId,
  kFbaSku,
  kFbaAsin,
  kFbaFnsku,
  kFbaQuantity,
  kFbaCenter,
  kFbaDisposition,
  kFbaReason,
  kFbaStatus,
  kFbaLpn,
};

inline constexpr size_t kMaxColumns = 24;

// A column that is read.
struct Column {
  // As Amazon writes it in English.
  std::string_view name;
  // Another name of it, else empty.
  std::string_view alias;
  // Whether the report makes no sense without it.
  bool required;
};

// One flat file.
struct ReportSpec {
  ReportKind kind;
  // The type's name; the first where several types have one form.
  std::string_view type;
  std::string_view other_type;
  // What people call it.
  std::string_view title;
  std::span<const Column> columns;
  // All columns in the documented order, by name, for headers in another language.
  std::span<const std::string_view> layout;
  // Column counts that files were seen with, and that `layout` is right for.
  std::span<const uint16_t> layout_counts;
  // Whether its rows hold names and addresses; their cells are never quoted in a message.
  bool holds_buyer_data;
};

std::span<const ReportSpec> Reports();
// Null for kUnknown and kPerformance.
const ReportSpec* FindReport(ReportKind kind);
// By the name of its type, in any case.
ReportKind KindByType(std::string_view type);
// First name of its type; empty for kUnknown.
std::string_view TypeOf(ReportKind kind);
// Names of all types that are read, separated by commas.
std::string SupportedTypes();

// Where the columns of a spec are in a file: index of the cell, -1 where it is missing.
struct ColumnMap {
  std::array<int16_t, kMaxColumns> cell;
  // Cells of the header, without empty ones at its end.
  uint16_t column_count = 0;
  // Whether the header was read by position.
  bool by_position = false;
};

// What a header turned out to be.
struct HeaderMatch {
  ReportKind kind = ReportKind::kUnknown;
  ColumnMap map;
  // How many of its columns were found by name.
  int named = 0;
  // First required column that it lacks; empty when it has all.
  std::string_view missing;
};

// How the columns are found by name in a header.
HeaderMatch MatchByName(const ReportSpec& spec, const std::vector<std::string_view>& header);
// The report that the names fit best, kUnknown if they fit none.
HeaderMatch Recognize(const std::vector<std::string_view>& header);
// By position, if the column count is that of a layout and no name that is known contradicts it;
// else kUnknown.
HeaderMatch MatchByPosition(const ReportSpec& spec, const std::vector<std::string_view>& header);
// The same with the count alone, once the header has gone by.
HeaderMatch MatchByPosition(const ReportSpec& spec, size_t column_count);
// Name of an Amazon report that is not read here but that the header belongs to; empty if none.
std::string_view RecognizeForeign(const std::vector<std::string_view>& header);

}  // namespace aftersales::amazon_reports
