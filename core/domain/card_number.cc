#include "core/domain/card_number.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace aftersales {
namespace {

// First six digits, from and to, and the lengths of the issuers in use.
struct Range {
  int from, to;
  size_t shortest, longest;
};
constexpr std::array kRanges = {
    Range{300000, 305999, 14, 19},  // Diners Club
    Range{340000, 349999, 15, 15},  // American Express
    Range{352800, 358999, 16, 19},  // JCB
    Range{360000, 369999, 14, 19},  // Diners Club
    Range{370000, 379999, 15, 15},  // American Express
    Range{380000, 399999, 14, 19},  // Diners Club
    Range{400000, 499999, 13, 19},  // Visa
    Range{500000, 509999, 13, 19},  // Maestro
    Range{510000, 559999, 16, 16},  // Mastercard
    Range{560000, 699999, 13, 19},  // Maestro, Discover, UnionPay
    Range{222100, 272099, 16, 16},  // Mastercard
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsLuhn(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool IsCard(std::string_view digits) {
  if (digits.size() < 13 || digits.size() > 19) return false;
  int first = 0;
  for (const char c : digits.substr(0, 6)) first = first * 10 + (c - '0');
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&](const Range& range) {
                       return first >= range.from && first <= range.to &&
                              digits.size() >= range.shortest && digits.size() <= range.longest;
                     }) &&
         IsLuhn(digits);
}

// Whether digits in these groups may be a card's: all together, by four, or 4-6-4 and 4-6-5.
bool IsGroupedLikeCard(const std::vector<size_t>& groups) {
  if (groups.size() == 1) return true;
  if (groups.size() == 3 && groups[0] == 4 && groups[1] == 6) return true;
  return groups.back() <= 4 &&
         std::all_of(groups.begin(), groups.end() - 1, [](size_t group) { return group == 4; });
}

}  // namespace

bool HoldsCardNumber(std::string_view text) {
  std::string digits;
  std::vector<size_t> groups;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsDigit(text[i])) continue;
    digits.clear();
    groups = {0};
    // The whole run, however long: a part of a longer number is no card.
    for (; i < text.size(); ++i) {
      if (IsDigit(text[i])) {
        digits += text[i];
        ++groups.back();
      } else if ((text[i] == ' ' || text[i] == '-') && i + 1 < text.size() &&
                 IsDigit(text[i + 1])) {
        groups.push_back(0);
      } else {
        break;
      }
    }
    if (IsGroupedLikeCard(groups) && IsCard(digits)) return true;
  }
  return false;
}

}  // namespace aftersales
