#include "plugins/marketplaces/amazon_reports/return_reasons.h"

#include <cstddef>

namespace aftersales::amazon_reports {
namespace {

struct Family {
  // Part of the normalised code; `^` in front ties it to the start.
  std::string_view part;
  v1::ReturnReason reason;
};

// First match wins, so the narrower parts stand first. Codes as they appear in reports and in
// public code that reads them; who pays by Amazon's list of reasons of the US prepaid return
// policy. Where the taxonomy has no word of its own, the one with the same payer is taken:
// QUALITY_UNACCEPTABLE and POOR_FIT are the buyer's there, so they are not DEFECTIVE or a size.
constexpr Family kFamilies[] = {
    // Came back by itself, or never came.
    {"UNDELIVERABLE", v1::RETURN_REASON_REFUSED},
    {"^UND_", v1::RETURN_REASON_REFUSED},
    {"REFUSED", v1::RETURN_REASON_REFUSED},
    {"NEVER_ARRIVED", v1::RETURN_REASON_NOT_RECEIVED},
    {"NOT_RECEIVED", v1::RETURN_REASON_NOT_RECEIVED},
    {"MISSED_ESTIMATED", v1::RETURN_REASON_ARRIVED_LATE},
    {"MISSED_DELIVERY", v1::RETURN_REASON_ARRIVED_LATE},
    {"TOO_LATE", v1::RETURN_REASON_ARRIVED_LATE},
    {"ARRIVED_LATE", v1::RETURN_REASON_ARRIVED_LATE},
    // The warehouse, but for an item that the buyer ordered wrongly.
    {"ORDERED_WRONG", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
    {"SWITCHEROO", v1::RETURN_REASON_WRONG_ITEM_SENT},
    {"WRONG_ITEM", v1::RETURN_REASON_WRONG_ITEM_SENT},
    {"EXTRA_ITEM", v1::RETURN_REASON_WRONG_ITEM_SENT},
    {"MISSING", v1::RETURN_REASON_MISSING_PARTS},
    {"DAMAGED", v1::RETURN_REASON_ARRIVED_DAMAGED},
    // The product and its listing.
    {"DEFECT", v1::RETURN_REASON_DEFECTIVE},
    {"BAD_ITEM", v1::RETURN_REASON_DEFECTIVE},
    {"BAD_DESC", v1::RETURN_REASON_NOT_AS_DESCRIBED},
    {"NOT_AS_", v1::RETURN_REASON_NOT_AS_DESCRIBED},
    {"INACCURATE", v1::RETURN_REASON_NOT_AS_DESCRIBED},
    {"DIFFERENT_PRODUCT", v1::RETURN_REASON_NOT_AS_DESCRIBED},
    // Wrong language edition, such as PRODUCT_NOT_ITALIAN: the seller pays.
    {"PRODUCT_NOT_", v1::RETURN_REASON_NOT_AS_DESCRIBED},
    {"COMPATIB", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
    {"QUALITY", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
    {"INSTALLATION", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
    {"POOR_FIT", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
    // The buyer.
    {"TOO_SMALL", v1::RETURN_REASON_SIZE_TOO_SMALL},
    {"TOO_LARGE", v1::RETURN_REASON_SIZE_TOO_LARGE},
    {"TOO_BIG", v1::RETURN_REASON_SIZE_TOO_LARGE},
    {"STYLE", v1::RETURN_REASON_STYLE_OR_COLOR},
    {"COLOR", v1::RETURN_REASON_STYLE_OR_COLOR},
    {"COLOUR", v1::RETURN_REASON_STYLE_OR_COLOR},
    {"FABRIC", v1::RETURN_REASON_STYLE_OR_COLOR},
    {"MISORDERED", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
    {"MISTAKE", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
    {"ACCIDENTAL", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
    {"BETTER_PRICE", v1::RETURN_REASON_BETTER_PRICE},
    {"GIFT", v1::RETURN_REASON_UNWANTED_GIFT},
    {"UNWANTED", v1::RETURN_REASON_NO_LONGER_NEEDED},
    {"NO_LONGER", v1::RETURN_REASON_NO_LONGER_NEEDED},
};

constexpr std::string_view kPrefixes[] = {"CR_", "AMZ_PG_APP_", "AMZ_PG_WJ_", "AMZ_PG_"};

}  // namespace

v1::ReturnReason MapReturnReason(std::string_view raw) {
  if (raw.empty()) return v1::RETURN_REASON_UNSPECIFIED;
  // No code is as long as this; the rest of a longer cell cannot matter.
  char buffer[96];
  size_t size = 0;
  for (const char c : raw.substr(0, sizeof buffer)) {
    char normal = c;
    if (c >= 'a' && c <= 'z') normal = static_cast<char>(c - 32);
    if (c == '-' || c == ' ') normal = '_';
    buffer[size++] = normal;
  }
  std::string_view code(buffer, size);
  for (const std::string_view prefix : kPrefixes) {
    if (code.starts_with(prefix)) {
      code.remove_prefix(prefix.size());
      break;
    }
  }
  for (const Family& family : kFamilies) {
    const bool anchored = family.part.front() == '^';
    const bool found = anchored ? code.starts_with(family.part.substr(1))
                                : code.find(family.part) != std::string_view::npos;
    if (found) return family.reason;
  }
  return v1::RETURN_REASON_OTHER;
}

v1::ReturnReason ReturnReasonCache::Map(std::string_view raw) {
  if (raw.empty()) return v1::RETURN_REASON_UNSPECIFIED;
  const auto byte = [raw](size_t i) { return static_cast<unsigned char>(raw[i]); };
  // Codes differ in length, in their middle and at their end.
  const size_t place = raw.size() * 7 + byte(raw.size() / 2) * 3U + byte(raw.size() - 1);
  Entry& entry = entries_[place % entries_.size()];
  if (entry.raw != raw) {
    entry.raw.assign(raw);
    entry.reason = MapReturnReason(raw);
  }
  return entry.reason;
}

}  // namespace aftersales::amazon_reports
