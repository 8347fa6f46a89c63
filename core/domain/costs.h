// What a return costs the seller beside the refund: fees of the marketplace, and how an order's
// shipping falls to its lines. Amounts are minor units of the currency named.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

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

// What of the price of each line of the order a refund gives back: item and shipping without tax,
// less what fees and deductions take off it and what was paid less than asked. From 0 to the price.
std::vector<int64_t> PricesGivenBack(const v1::Order& order, const v1::Refund& refund);

// What a refund that belongs to no return costs beside itself: the marketplace's fee on what it
// gives back, line by line. With the inputs of the formulas.
std::vector<v1::LedgerEntry> CostsOfRefund(const v1::Order& order, const v1::Refund& refund,
                                           const v1::Policy& policy);

// Share of their cost that goods bring in, in basis points, by where they go.
int64_t RecoveryBp(const v1::Policy& policy, v1::Disposition disposition);

// What FBA deducts for `units` damaged or lost: what it assessed for each, at most a multiple
// (policy) of the fulfilment fee.
int64_t FbaDamageDeduction(const v1::Policy& policy, int64_t units, int64_t assessed_per_unit,
                           int64_t fulfillment_fee);

// FBA's returns-processing fee on what was shipped in a month: a fee for each unit returned beyond
// the threshold; none under 25 units shipped. Source: Amazon's notice of 2024 (FORMULAS F91).
struct ReturnsFee {
  int64_t charged_units = 0;
  int64_t charge = 0;
};
ReturnsFee FbaReturnsFee(int64_t shipped, int64_t returned, int64_t threshold_bp, int64_t fee);

// What one sale takes back and gives up, by what is done about it.
struct ReplacementEconomics {
  int64_t refund_only = 0;         // price less referral fee, plus the fee kept of it
  int64_t replace_only = 0;        // goods and carriage again
  int64_t refund_plus_reship = 0;  // both
};
ReplacementEconomics CompareReplacement(const v1::Policy& policy, std::string_view currency_code,
                                        int64_t sale, int64_t referral_bp, int64_t unit_cost,
                                        int64_t outbound);

// An amount in another currency, at a rate of minor units for minor units.
int64_t Convert(int64_t amount, int64_t rate_numerator, int64_t rate_denominator);

// Expected cost of a way back in minor units: freight, less what the goods bring in where they are
// not lost on the way (`lost_bp`). Below zero: a gain.
int64_t RouteCost(int64_t freight, int64_t recovery, int64_t lost_bp);

// What an entry's formula says, in words. Empty for one that is not known.
std::string_view FormulaText(std::string_view formula);

// Handling fee for a label that the marketplace generated: `raw` within the policy's limits for the
// currency. Nothing where the policy has none.
std::optional<int64_t> LabelHandlingFee(const v1::Policy& policy, std::string_view currency_code,
                                        int64_t raw);

}  // namespace aftersales
