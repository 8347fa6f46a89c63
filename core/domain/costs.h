// What a return costs the seller beside the refund: fees of the marketplace, and how an order's
// shipping falls to its lines. Amounts are minor units of the currency named.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"

namespace aftersales {

// What the buyer paid for shipping each line: as the lines carry it, else the order's shipping
// apportioned by their item totals. One entry a line; sums to the shipping of the order.
std::vector<int64_t> ShippingByLine(const v1::Order& order);
// The tax on it, in the same way.
std::vector<int64_t> ShippingTaxByLine(const v1::Order& order);

// Referral fee of the marketplace on `base` (item, shipping and gift wrap without tax).
int64_t ReferralFee(int64_t base, int64_t referral_bp);

// What the marketplace keeps of the referral fee when an amount of `base` is refunded: a share of
// it (policy), at most the currency's cap where the policy has one.
int64_t RefundAdminFee(const v1::Policy& policy, std::string_view currency_code, int64_t base,
                       int64_t referral_bp);

// Handling fee for a label that the marketplace generated: `raw` within the policy's limits for the
// currency. Nothing where the policy has none.
std::optional<int64_t> LabelHandlingFee(const v1::Policy& policy, std::string_view currency_code,
                                        int64_t raw);

}  // namespace aftersales
