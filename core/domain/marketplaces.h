// The registry of marketplaces: id, country, currency, zone, tax mode. Data, not code.
#pragma once

#include <span>
#include <string_view>

#include "aftersales/v1/common.pb.h"

namespace aftersales {

struct Marketplace {
  std::string_view id;            // `ATVPDKIKX0DER`
  std::string_view country_code;  // `US`; the UK is `GB`
  std::string_view region;        // NA, EU, FE
  std::string_view currency_code;
  std::string_view time_zone;  // IANA
  v1::TaxMode tax_mode;
  std::string_view display_name;  // `Amazon US`
};

std::span<const Marketplace> Marketplaces();
// Null when it is not known.
const Marketplace* FindMarketplace(std::string_view id);

}  // namespace aftersales
