#include "core/domain/marketplaces.h"

#include <algorithm>
#include <array>

namespace aftersales {
namespace {

constexpr v1::TaxMode kOnTop = v1::TAX_MODE_EXCLUSIVE;
constexpr v1::TaxMode kInside = v1::TAX_MODE_INCLUSIVE;

// Ids: developer-docs.amazon.com/sp-api/docs/marketplace-ids. Zones: the one in which the
// marketplace states its dates (Amazon US states ship-by dates in Pacific time).
constexpr std::array kMarketplaces = {
    Marketplace{"ATVPDKIKX0DER", "US", "NA", "USD", "America/Los_Angeles", kOnTop, "Amazon US"},
    Marketplace{"A2EUQ1WTGCTBG2", "CA", "NA", "CAD", "America/Vancouver", kOnTop, "Amazon CA"},
    Marketplace{"A1AM78C64UM0Y8", "MX", "NA", "MXN", "America/Mexico_City", kInside, "Amazon MX"},
    Marketplace{"A2Q3Y263D00KWC", "BR", "NA", "BRL", "America/Sao_Paulo", kInside, "Amazon BR"},
    Marketplace{"A28R8C7NBKEWEA", "IE", "EU", "EUR", "Europe/Dublin", kInside, "Amazon IE"},
    Marketplace{"A1RKKUPIHCS9HS", "ES", "EU", "EUR", "Europe/Madrid", kInside, "Amazon ES"},
    Marketplace{"A1F83G8C2ARO7P", "GB", "EU", "GBP", "Europe/London", kInside, "Amazon UK"},
    Marketplace{"A13V1IB3VIYZZH", "FR", "EU", "EUR", "Europe/Paris", kInside, "Amazon FR"},
    Marketplace{"AMEN7PMS3EDWL", "BE", "EU", "EUR", "Europe/Brussels", kInside, "Amazon BE"},
    Marketplace{"A1805IZSGTT6HS", "NL", "EU", "EUR", "Europe/Amsterdam", kInside, "Amazon NL"},
    Marketplace{"A1PA6795UKMFR9", "DE", "EU", "EUR", "Europe/Berlin", kInside, "Amazon DE"},
    Marketplace{"APJ6JRA9NG5V4", "IT", "EU", "EUR", "Europe/Rome", kInside, "Amazon IT"},
    Marketplace{"A2NODRKZP88ZB9", "SE", "EU", "SEK", "Europe/Stockholm", kInside, "Amazon SE"},
    Marketplace{"AE08WJ6YKNBMC", "ZA", "EU", "ZAR", "Africa/Johannesburg", kInside, "Amazon ZA"},
    Marketplace{"A1C3SOZRARQ6R3", "PL", "EU", "PLN", "Europe/Warsaw", kInside, "Amazon PL"},
    Marketplace{"ARBP9OOSHTCHU", "EG", "EU", "EGP", "Africa/Cairo", kInside, "Amazon EG"},
    Marketplace{"A33AVAJ2PDY3EV", "TR", "EU", "TRY", "Europe/Istanbul", kInside, "Amazon TR"},
    Marketplace{"A17E79C6D8DWNP", "SA", "EU", "SAR", "Asia/Riyadh", kInside, "Amazon SA"},
    Marketplace{"A2VIGQ35RCS4UG", "AE", "EU", "AED", "Asia/Dubai", kInside, "Amazon AE"},
    Marketplace{"A21TJRUUN4KGV", "IN", "EU", "INR", "Asia/Kolkata", kInside, "Amazon IN"},
    Marketplace{"A19VAU5U5O7RUS", "SG", "FE", "SGD", "Asia/Singapore", kInside, "Amazon SG"},
    Marketplace{"A39IBJ37TRP1C6", "AU", "FE", "AUD", "Australia/Sydney", kInside, "Amazon AU"},
    Marketplace{"A1VC38T7YXB528", "JP", "FE", "JPY", "Asia/Tokyo", kInside, "Amazon JP"},
};

}  // namespace

std::span<const Marketplace> Marketplaces() { return kMarketplaces; }

const Marketplace* FindMarketplace(std::string_view id) {
  auto it = std::find_if(kMarketplaces.begin(), kMarketplaces.end(),
                         [id](const Marketplace& entry) { return entry.id == id; });
  return it == kMarketplaces.end() ? nullptr : &*it;
}

}  // namespace aftersales
