#include "core/domain/costs.h"

#include <algorithm>
#include <string>

#include "core/domain/money.h"

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
