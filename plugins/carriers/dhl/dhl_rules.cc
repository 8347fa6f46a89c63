#include "plugins/carriers/dhl/dhl_rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string>

#include "plugins/carriers/rules/check_digits.h"

namespace aftersales::carriers {
namespace {

enum class Check : std::uint8_t { kNone, kMod7, kMod10Weights31, kMod10Weights49 };
enum class After : std::uint8_t { kDigits, kMixed };  // What follows the prefix.

// Whose numbers look like this.
enum class Owner : std::uint8_t {
  kDhlAlone,   // Nobody else's.
  kDhlMostly,  // Others may, but without a stated carrier DHL is the best reading.
  kShared,     // Others do with the same length; DHL's only if its check digit holds.
  kAnybody,    // Others do with the same check digit; DHL's only if stated.
};

// A form of numbers. Sources: DHL's published formats, the jkeen/tracking_number_data and karrio
// projects, and public numbers.
struct Form {
  std::string_view service;
  Brand brand;
  std::string_view prefix;
  std::size_t min_size;  // Of the whole number.
  std::size_t max_size;
  After after;
  Check check;
  // Characters at the beginning that the check digit does not cover; `inner` follows them.
  std::size_t check_from;
  std::string_view inner;
  Owner owner;
  // Whether USPS delivers it under the same number.
  bool usps_delivers;
};

// In order of rank among equals.
constexpr Form kForms[] = {
    {kDhlExpress, Brand::kDhlExpress, "", 10, 10, After::kDigits, Check::kMod7, 0, "",
     Owner::kDhlMostly, false},
    {kDhlExpress, Brand::kDhlExpress, "", 11, 11, After::kDigits, Check::kMod7, 0, "",
     Owner::kDhlMostly, false},
    // Piece ids.
    {kDhlPaket, Brand::kDhlPaket, "JJD00", 18, 24, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    {kDhlExpress, Brand::kDhlExpress, "JJD", 12, 24, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    {kDhlExpress, Brand::kDhlExpress, "JVGL", 13, 24, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    {kDhlExpress, Brand::kDhlExpress, "JD01", 18, 20, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    // Global Mail and its successors: 10 to 39 digits, or 16 to 18 mixed characters.
    {kDhlEcommerce, Brand::kDhlEcommerce, "GM", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "GM", 18, 20, After::kMixed, Check::kNone, 0, "",
     Owner::kDhlAlone, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "LX", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "RX", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "UV", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "CN", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "SG", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "TH", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "IN", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "HK", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "MY", 12, 41, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
    // USPS IMpb under mailer ids of DHL, plain or behind 420 and the ZIP of 5 or 9 digits.
    {kDhlEcommerce, Brand::kDhlEcommerce, "93612", 22, 22, After::kDigits, Check::kMod10Weights31,
     0, "", Owner::kDhlAlone, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "94748", 22, 22, After::kDigits, Check::kMod10Weights31,
     0, "", Owner::kDhlAlone, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 30, 30, After::kDigits, Check::kMod10Weights31, 8,
     "93612", Owner::kDhlAlone, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 30, 30, After::kDigits, Check::kMod10Weights31, 8,
     "94748", Owner::kDhlAlone, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 34, 34, After::kDigits, Check::kMod10Weights31, 12,
     "93612", Owner::kDhlAlone, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 34, 34, After::kDigits, Check::kMod10Weights31, 12,
     "94748", Owner::kDhlAlone, true},
    // The same under other mailer ids.
    {kDhlEcommerce, Brand::kDhlEcommerce, "9", 22, 22, After::kDigits, Check::kMod10Weights31, 0,
     "", Owner::kAnybody, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 30, 30, After::kDigits, Check::kMod10Weights31, 8,
     "9", Owner::kAnybody, true},
    {kDhlEcommerce, Brand::kDhlEcommerce, "420", 34, 34, After::kDigits, Check::kMod10Weights31, 12,
     "9", Owner::kAnybody, true},
    // SSCC, under DHL's GS1 prefix or the shipper's own.
    {kDhlPaket, Brand::kDhlPaket, "00340434", 20, 20, After::kDigits, Check::kMod10Weights31, 0, "",
     Owner::kDhlAlone, false},
    {kDhlPaket, Brand::kDhlPaket, "00", 20, 20, After::kDigits, Check::kMod10Weights31, 0, "",
     Owner::kAnybody, false},
    // Identcode and Leitcode; 14 digits are also Global Mail, without a check digit.
    {kDhlPaket, Brand::kDhlPaket, "", 12, 12, After::kDigits, Check::kMod10Weights49, 0, "",
     Owner::kShared, false},
    {kDhlPaket, Brand::kDhlPaket, "", 14, 14, After::kDigits, Check::kMod10Weights49, 0, "",
     Owner::kShared, false},
    {kDhlEcommerce, Brand::kDhlEcommerce, "", 14, 14, After::kDigits, Check::kNone, 0, "",
     Owner::kDhlMostly, false},
};
static_assert(std::size(kForms) < 64, "ByFirst holds a bit for each form");

// Forms that a number with a given first character can have, as bits.
constexpr auto MakeByFirst() {
  std::array<std::uint64_t, 128> table{};
  for (std::size_t row = 0; row < std::size(kForms); ++row) {
    for (std::size_t c = 0; c < table.size(); ++c) {
      const std::string_view prefix = kForms[row].prefix;
      if (prefix.empty() ? IsDigit(static_cast<char>(c)) : static_cast<char>(c) == prefix[0]) {
        table[c] |= std::uint64_t{1} << row;
      }
    }
  }
  return table;
}
constexpr auto kByFirst = MakeByFirst();

// Rule and description by service and check.
struct CheckName {
  Check check;
  std::size_t digits;  // 0: any.
  std::string_view rule;
  std::string_view description;
};
constexpr CheckName kCheckNames[] = {
    {Check::kMod7, 0, kRuleExpressCheckDigit, "the DHL Express rule (modulo 7)"},
    {Check::kMod10Weights49, 12, kRuleIdentcodeCheckDigit, "the Identcode rule (modulo 10)"},
    {Check::kMod10Weights49, 14, kRuleLeitcodeCheckDigit, "the Leitcode rule (modulo 10)"},
    {Check::kMod10Weights31, 20, kRuleSsccCheckDigit, "the SSCC rule (modulo 10)"},
    {Check::kMod10Weights31, 22, kRuleImpbCheckDigit, "the IMpb rule (modulo 10)"},
};

// A form that the number has.
struct Reading {
  const Form* form;
  bool check_holds;  // True also where there is no check digit.
  int rank;
};

constexpr std::size_t kMaxReadings = 6;
struct Readings {
  std::array<Reading, kMaxReadings> rows;
  std::size_t size = 0;
  const Reading* begin() const { return rows.data(); }
  const Reading* end() const { return rows.data() + size; }
};

int ExpectedCheckDigit(const Form& form, std::string_view text) {
  const std::string_view serial = text.substr(form.check_from, text.size() - form.check_from - 1);
  switch (form.check) {
    case Check::kMod7:
      return Mod7CheckDigit(serial);
    case Check::kMod10Weights31:
      return Mod10CheckDigit(serial, 3, 1);
    case Check::kMod10Weights49:
      return Mod10CheckDigit(serial, 4, 9);
    case Check::kNone:
      break;
  }
  return text.back() - '0';
}

bool HasForm(const Form& form, std::string_view text) {
  if (text.size() < form.min_size || text.size() > form.max_size ||
      text.substr(0, form.prefix.size()) != form.prefix ||
      text.substr(form.check_from, form.inner.size()) != form.inner) {
    return false;
  }
  const std::string_view rest = text.substr(form.prefix.size());
  if (form.after == After::kDigits) return AllDigits(rest);
  // Mixed serial numbers are mostly digits; without that, any word would do.
  constexpr std::ptrdiff_t kMinDigits = 10;
  return std::count_if(rest.begin(), rest.end(), IsDigit) >= kMinDigits &&
         std::all_of(rest.begin(), rest.end(), [](char c) { return IsDigit(c) || IsCapital(c); });
}

bool IsStated(const StatedCarrier& stated, const Form& form) {
  return stated.brand == Brand::kDhl || stated.brand == form.brand;
}

// All readings, best first.
Readings Read(const StatedCarrier& stated, std::string_view text) {
  Readings readings;
  if (text.empty() || static_cast<unsigned char>(text[0]) >= kByFirst.size()) return readings;
  std::uint64_t rows = kByFirst[static_cast<unsigned char>(text[0])];
  for (std::size_t row = 0; rows != 0; ++row, rows >>= 1) {
    const Form& form = kForms[row];
    if ((rows & 1) == 0 || !HasForm(form, text) || readings.size == kMaxReadings) continue;
    const bool holds =
        ExpectedCheckDigit(form, text) == text.back() - '0' || form.check == Check::kNone;
    int rank = 0;
    if (IsStated(stated, form)) rank += 8;
    if (form.check != Check::kNone) rank += holds ? 4 : -16;  // A broken one never wins.
    if (!form.prefix.empty()) rank += 2;
    if (form.owner == Owner::kDhlAlone) rank += 1;
    std::size_t at = readings.size++;
    for (; at > 0 && readings.rows[at - 1].rank < rank; --at) {
      readings.rows[at] = readings.rows[at - 1];
    }
    readings.rows[at] = {&form, holds, rank};
  }
  return readings;
}

void RejectCheck(const Form& form, std::string_view text, Verdict& verdict) {
  const std::size_t digits = text.size() - form.check_from;
  for (const CheckName& name : kCheckNames) {
    if (name.check == form.check && (name.digits == 0 || name.digits == digits)) {
      RejectCheckDigit(name.rule, name.description, ExpectedCheckDigit(form, text),
                       text.back() - '0', verdict);
      return;
    }
  }
}

constexpr std::string_view DisplayName(std::string_view service) {
  return service == kDhlExpress     ? "DHL Express"
         : service == kDhlEcommerce ? "DHL eCommerce (Global Mail)"
                                    : "DHL Paket";
}

void JudgeReadings(const Query& query, const Readings& readings, Verdict& verdict) {
  const StatedCarrier& stated = query.stated;
  const std::string_view text = verdict.number.text();
  for (const Reading& reading : readings) verdict.candidates.Add(reading.form->service);
  verdict.carrier = verdict.candidates[0];
  const Reading& best = *readings.begin();

  if (stated.is_dhl()) {
    // A reading as the stated service, whether or not its check digit holds.
    const Reading* own = std::find_if(readings.begin(), readings.end(),
                                      [&](const Reading& r) { return IsStated(stated, *r.form); });
    if (own != readings.end() && own->check_holds) {
      verdict.carrier = own->form->service;
      Accept(query, verdict);
    } else if (own != readings.end()) {
      verdict.carrier = own->form->service;
      RejectCheck(*own->form, text, verdict);
    } else if (best.check_holds) {
      RejectStatedCarrier(query, DisplayName(best.form->service), verdict);
    } else {
      RejectCheck(*best.form, text, verdict);
    }
    return;
  }

  const Owner owner = best.form->owner;
  if (stated.brand == Brand::kNone) {
    const bool is_dhl = owner != Owner::kAnybody && (best.check_holds || owner != Owner::kShared);
    if (!is_dhl) {
      verdict.carrier = {};
      verdict.note =
          "May be a DHL number, but other carriers' numbers look the same; "
          "state the carrier to have it judged.";
    } else if (best.check_holds) {
      Accept(query, verdict);
    } else {
      RejectCheck(*best.form, text, verdict);
    }
    return;
  }

  const bool is_usps = stated.brand == Brand::kPost && stated.country == LetterPair('U', 'S');
  if (best.check_holds && best.form->usps_delivers && is_usps && owner == Owner::kDhlAlone) {
    if (query.scan_count > 0) verdict.note = "A DHL eCommerce parcel that USPS delivers.";
    Accept(query, verdict);
    return;
  }
  const bool is_others = owner == Owner::kDhlAlone
                             ? !best.check_holds
                             : !best.check_holds || !AllDigits(text) || MayOwnDigits(stated, text);
  if (is_others) {
    verdict.carrier = {};
    return;
  }
  RejectStatedCarrier(query, DisplayName(best.form->service), verdict);
}

// S10 numbers: Deutsche Post and DHL Paket use those that Germany issues.
void JudgeS10(const Query& query, const S10& number, Verdict& verdict) {
  const StatedCarrier& stated = query.stated;
  if (number.country != "DE") {
    if (!stated.is_dhl()) return;
    if (number.issuer == nullptr) {
      CheckS10(number, verdict);
      return;
    }
    Reject(kRuleStatedCarrier, "a number issued in DE", std::string(number.country),
           "The number was issued by the post of " + std::string(number.issuer->country) +
               "; of postal numbers, DHL uses only those that end in DE.",
           verdict);
    return;
  }
  verdict.candidates.Add(kDhlPaket);
  if (number.service != nullptr) verdict.candidates.Add(number.service->name);
  verdict.carrier = kDhlPaket;
  if (!CheckS10(number, verdict)) return;
  switch (stated.brand) {
    case Brand::kNone:
    case Brand::kAnyPost:
    case Brand::kPost:  // Deutsche Post, or the post that delivers it under the same number.
    case Brand::kCainiao:
    case Brand::kDhl:
    case Brand::kDhlPaket:
    case Brand::kDhlEcommerce:
      Accept(query, verdict);
      return;
    case Brand::kEms:
      if (number.service_letters[0] == 'E') {
        Accept(query, verdict);
        return;
      }
      break;
    default:
      break;
  }
  RejectStatedCarrier(query, "Deutsche Post or DHL Paket", verdict);
}

}  // namespace

Verdict JudgeDhl(const Query& query) {
  Verdict verdict(query.number);
  const std::string_view text = verdict.number.text();
  if (!verdict.number.too_long()) {
    S10 s10;
    if (ParseS10(text, s10)) {
      JudgeS10(query, s10, verdict);
      return verdict;
    }
    if (const Readings readings = Read(query.stated, text); readings.size > 0) {
      JudgeReadings(query, readings, verdict);
      return verdict;
    }
  }
  // Not DHL's and not said to be: nothing to tell, the host asks others.
  if (!query.stated.is_dhl()) return verdict;
  std::string found = verdict.number.has_foreign_characters() ? "characters that no number has"
                                                              : DescribeShape(verdict.number);
  std::string message =
      "No DHL number has this form (" + found +
      "). DHL Express: 10 digits; DHL eCommerce: GM and 16 to 18 characters, or 14 digits; DHL "
      "Paket: 12 or 20 digits.";
  Reject(kRuleForm, "a DHL number, such as 10 digits or GM and 16 digits", std::move(found),
         std::move(message), verdict);
  return verdict;
}

}  // namespace aftersales::carriers
