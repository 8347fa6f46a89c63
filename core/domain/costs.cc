#include "core/domain/costs.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/domain/money.h"
#include "core/domain/policy_book.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

bool ShippingIsByLine(const v1::Order& order) {
  return std::any_of(order.lines().begin(), order.lines().end(),
                     [](const v1::OrderLine& line) { return line.has_shipping_total(); });
}

std::vector<int64_t> ByValue(const v1::Order& order, int64_t total) {
  std::vector<int64_t> weights;
  for (const v1::OrderLine& line : order.lines()) {
    weights.push_back(line.item_total().minor_units());
  }
  return money::Allocate(total, weights);
}

}  // namespace

std::vector<int64_t> ShippingByLine(const v1::Order& order) {
  if (!ShippingIsByLine(order)) return ByValue(order, order.shipping_total().minor_units());
  std::vector<int64_t> shares;
  for (const v1::OrderLine& line : order.lines()) {
    shares.push_back(line.shipping_total().minor_units());
  }
  return shares;
}

std::vector<int64_t> ShippingTaxByLine(const v1::Order& order) {
  if (!ShippingIsByLine(order)) return ByValue(order, order.shipping_tax().minor_units());
  std::vector<int64_t> shares;
  for (const v1::OrderLine& line : order.lines()) {
    shares.push_back(line.shipping_tax().minor_units());
  }
  return shares;
}

int64_t ReferralFee(int64_t base, int64_t referral_bp) {
  return money::ApplyBasisPoints(base, referral_bp);
}

int64_t RefundAdminFee(const v1::Policy& policy, std::string_view currency_code, int64_t base,
                       int64_t referral_bp) {
  const int64_t fee =
      money::ApplyBasisPoints(ReferralFee(base, referral_bp), policy.admin_fee_bp());
  const auto cap = policy.admin_fee_cap_minor_units().find(std::string(currency_code));
  return cap == policy.admin_fee_cap_minor_units().end() ? fee : std::min(fee, cap->second);
}

std::vector<v1::LedgerEntry> CostsOfRefund(const v1::Order& order, const v1::Refund& refund,
                                           const v1::Policy& policy) {
  std::vector<v1::LedgerEntry> entries;
  const bool inclusive = order.tax_mode() == v1::TAX_MODE_INCLUSIVE;
  for (const v1::OrderLine& line : order.lines()) {
    if (line.referral_bp() == 0) continue;
    int64_t base = 0;
    for (const v1::BreakdownLine& part : refund.breakdown()) {
      if (part.line_id() != line.line_id()) continue;
      const int64_t amount = part.amount().minor_units();
      if (part.kind() == v1::BreakdownLine::KIND_ITEM ||
          part.kind() == v1::BreakdownLine::KIND_SHIPPING) {
        base += amount;
      } else if (inclusive && (part.kind() == v1::BreakdownLine::KIND_ITEM_TAX ||
                               part.kind() == v1::BreakdownLine::KIND_SHIPPING_TAX)) {
        base -= amount;
      }
    }
    const int64_t fee = RefundAdminFee(policy, order.currency_code(), base, line.referral_bp());
    if (fee == 0) continue;
    v1::LedgerEntry& entry = entries.emplace_back();
    entry.set_kind(v1::LedgerEntry::KIND_ADMIN_FEE);
    *entry.mutable_amount() = money::Make(-fee, order.currency_code());
    entry.set_formula(Cat("refund_admin_fee@", PolicyTag(policy)));
    const std::pair<const char*, int64_t> inputs[] = {
        {"base", base},
        {"referral_bp", line.referral_bp()},
        {"referral", ReferralFee(base, line.referral_bp())},
        {"admin_fee_bp", policy.admin_fee_bp()}};
    for (const auto& [name, value] : inputs) {
      v1::LedgerEntry::Input* input = entry.add_inputs();
      input->set_name(name);
      input->set_value(value);
    }
  }
  return entries;
}

int64_t RecoveryBp(const v1::Policy& policy, v1::Disposition disposition) {
  for (const v1::RecoveryPolicy& rule : policy.recoveries()) {
    if (rule.disposition() == disposition) return rule.recovery_bp();
  }
  return 10'000;
}

int64_t FbaDamageDeduction(const v1::Policy& policy, int64_t units, int64_t assessed_per_unit,
                           int64_t fulfillment_fee) {
  return units * std::min(assessed_per_unit, policy.fba_damage_fee_multiple() * fulfillment_fee);
}

ReturnsFee FbaReturnsFee(int64_t shipped, int64_t returned, int64_t threshold_bp, int64_t fee) {
  constexpr int64_t kFewestShipped = 25;
  if (shipped < kFewestShipped) return {};
  const int64_t free_units = shipped * threshold_bp / 10'000;
  const int64_t charged = std::max<int64_t>(0, returned - free_units);
  return {charged, charged * fee};
}

ReplacementEconomics CompareReplacement(const v1::Policy& policy, std::string_view currency_code,
                                        int64_t sale, int64_t referral_bp, int64_t unit_cost,
                                        int64_t outbound) {
  ReplacementEconomics economics;
  economics.refund_only = sale - ReferralFee(sale, referral_bp) +
                          RefundAdminFee(policy, currency_code, sale, referral_bp);
  economics.replace_only = unit_cost + outbound;
  economics.refund_plus_reship = economics.refund_only + economics.replace_only;
  return economics;
}

int64_t Convert(int64_t amount, int64_t rate_numerator, int64_t rate_denominator) {
  return money::RoundHalfAway(absl::int128(amount) * rate_numerator, rate_denominator);
}

int64_t RouteCost(int64_t freight, int64_t recovery, int64_t lost_bp) {
  return freight - money::ApplyBasisPoints(recovery, 10'000 - lost_bp);
}

std::string_view FormulaText(std::string_view formula) {
  static constexpr std::pair<std::string_view, std::string_view> kTexts[] = {
      {"return_label", "what the carrier or the marketplace charges for the label"},
      {"label_handling", "the label's cost within label_handling_min and label_handling_max"},
      {"refund_admin_fee", "min(cap, referral x admin_fee_bp), referral = base x referral_bp"},
      {"processing", "processing_minor_units for each parcel that arrived"},
      {"write_off", "units x unit_cost less the share that they bring in (recovery_bp)"},
      {"reversal", "what was booked of this kind before, taken back"},
      {"recorded", "reported, not computed"},
  };
  const std::string_view name = formula.substr(0, formula.find('@'));
  for (const auto& [known, text] : kTexts) {
    if (known == name) return text;
  }
  return "";
}

std::optional<int64_t> LabelHandlingFee(const v1::Policy& policy, std::string_view currency_code,
                                        int64_t raw) {
  const std::string currency(currency_code);
  const auto least = policy.label_handling_min_minor_units().find(currency);
  const auto most = policy.label_handling_max_minor_units().find(currency);
  if (least == policy.label_handling_min_minor_units().end() ||
      most == policy.label_handling_max_minor_units().end()) {
    return std::nullopt;
  }
  return std::clamp(raw, least->second, most->second);
}

}  // namespace aftersales
