// Orders from many sources: report rows, one line at a time, and whole snapshots.
#pragma once

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/shipment.pb.h"

namespace aftersales {

// Checks an order that a caller or plugin gives and fills in defaults (currency, tax mode, line
// ids, captured_total, defective). Fields are named under `field`. INVALID_ARGUMENT:
// `MIXED_CURRENCIES`, `CURRENCY_MISMATCH` (another currency than the channel's), `BAD_CURRENCY`,
// `BAD_QUANTITY`, `MISSING_FIELD`, `DUPLICATE_LINE`, `AMOUNT_OVERFLOW`, `NEGATIVE_AMOUNT`,
// `TOO_MANY_LINES`. A line that was cancelled before it was shipped is no part of the sums.
absl::Status NormalizeOrder(const v1::Channel& channel, std::string_view field, v1::Order* order);

// Puts a report row (an order with one line) into what is known of the order. Lines match by order
// item id, else SKU; of several lines of one SKU the row is about the one that has
// `same_line_count` such lines before it. Shipping of the row belongs to its line. What a row does
// not say is kept; a row older than the stored snapshot (`last_updated_at`) changes nothing but may
// bring a line that is not known yet. Answers whether anything changed. INVALID_ARGUMENT as
// NormalizeOrder; the stored order is then untouched.
absl::StatusOr<bool> MergeReportedOrder(const v1::Channel& channel, const v1::Order& reported,
                                        int same_line_count, v1::Order* stored);

// What all confirmed parcels of an order say about it: ship_confirmed_at (the first), shipped units
// (their sum), status. Answers whether anything changed.
bool MergeShipments(std::span<const v1::Shipment> shipments, absl::TimeZone zone, v1::Order* order);

}  // namespace aftersales
