// The rules of DHL Express, DHL eCommerce (Global Mail) and DHL Paket.
#pragma once

#include <string_view>

#include "plugins/carriers/rules/verdict.h"

namespace aftersales::carriers {

// Judges one number. Good numbers cost no allocation. Of several services that have the form, the
// stated one comes first, then one whose check digit holds, then one with a prefix of its own,
// then one that is told by its length alone.
Verdict JudgeDhl(const Query& query);

inline constexpr std::string_view kDhlExpress = "dhl-express";
inline constexpr std::string_view kDhlEcommerce = "dhl-ecommerce";
inline constexpr std::string_view kDhlPaket = "dhl-paket";
inline constexpr std::string_view kRuleExpressCheckDigit = "express-check-digit";
inline constexpr std::string_view kRuleIdentcodeCheckDigit = "identcode-check-digit";
inline constexpr std::string_view kRuleLeitcodeCheckDigit = "leitcode-check-digit";
inline constexpr std::string_view kRuleSsccCheckDigit = "sscc-check-digit";
inline constexpr std::string_view kRuleImpbCheckDigit = "impb-check-digit";

}  // namespace aftersales::carriers
