#include "core/domain/costs.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/domain/money.h"
#include "core/domain/policy_book.h"
#include "core/domain/return_items.h"
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

std::vector<int64_t> PricesGivenBack(const v1::Order& order, const v1::Refund& refund) {
  struct Line {
    int64_t gross = 0;  // item and shipping as the buyer paid them
    int64_t tax = 0;    // inside of it
    int64_t less = 0;
  };
  std::vector<Line> lines(static_cast<size_t>(order.lines_size()));
  int64_t whole_less = 0;
  for (const v1::BreakdownLine& part : refund.breakdown()) {
    const int64_t amount = part.amount().minor_units();
    const int index = LineIndex(order, part.line_id());
    Line* line = index < 0 ? nullptr : &lines[static_cast<size_t>(index)];
    switch (part.kind()) {
      case v1::BreakdownLine::KIND_ITEM:
      case v1::BreakdownLine::KIND_SHIPPING:
        if (line != nullptr) line->gross += amount;
        break;
      case v1::BreakdownLine::KIND_ITEM_TAX:
      case v1::BreakdownLine::KIND_SHIPPING_TAX:
        if (line != nullptr && part.informational()) line->tax += amount;
        break;
      case v1::BreakdownLine::KIND_RESTOCKING_FEE:
      case v1::BreakdownLine::KIND_FREE_SHIPPING_RETAINED:
      case v1::BreakdownLine::KIND_LABEL_FEE:
      case v1::BreakdownLine::KIND_DEDUCTION:
      case v1::BreakdownLine::KIND_GOODWILL:  // makes up for them
        (line == nullptr ? whole_less : line->less) -= amount;
        break;
      default:
        break;
    }
  }
  std::vector<int64_t> given;
  int64_t sum = 0;
  for (const Line& line : lines) {
    given.push_back(
        std::clamp<int64_t>(line.gross - line.less, 0, std::max<int64_t>(0, line.gross)));
    sum += given.back();
  }
  if (sum > 0 && whole_less > 0) {
    const std::vector<int64_t> shares = money::Allocate(std::min(whole_less, sum), given);
    for (size_t i = 0; i < given.size(); ++i) given[i] -= shares[i];
  }
  const int64_t total = refund.total().minor_units();
  const int64_t paid = refund.has_paid_amount() && refund.paid_amount().currency_code() ==
                                                       refund.total().currency_code()
                           ? refund.paid_amount().minor_units()
                           : total;
  for (size_t i = 0; i < given.size(); ++i) {
    if (paid < total) given[i] = money::RoundHalfAway(absl::int128(given[i]) * paid, total);
    if (lines[i].tax == 0 || lines[i].gross == 0) continue;
    given[i] = money::RoundHalfAway(absl::int128(given[i]) * (lines[i].gross - lines[i].tax),
                                    lines[i].gross);
  }
  return given;
}

std::vector<v1::LedgerEntry> CostsOfRefund(const v1::Order& order, const v1::Refund& refund,
                                           const v1::Policy& policy) {
  std::vector<v1::LedgerEntry> entries;
  const std::vector<int64_t> prices = PricesGivenBack(order, refund);
  for (int i = 0; i < order.lines_size(); ++i) {
    const v1::OrderLine& line = order.lines(i);
    if (line.referral_bp() == 0) continue;
    const int64_t base = prices[static_cast<size_t>(i)];
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
