#include "core/domain/money.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "absl/strings/ascii.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::money {
namespace {

// ISO 4217 list one (2024): the currencies whose minor unit is not a hundredth.
struct CurrencyExponent {
  std::string_view code;
  int exponent;
};
constexpr std::array kExponents = {
    CurrencyExponent{"BHD", 3}, CurrencyExponent{"BIF", 0}, CurrencyExponent{"CLF", 4},
    CurrencyExponent{"CLP", 0}, CurrencyExponent{"DJF", 0}, CurrencyExponent{"GNF", 0},
    CurrencyExponent{"IQD", 3}, CurrencyExponent{"ISK", 0}, CurrencyExponent{"JOD", 3},
    CurrencyExponent{"JPY", 0}, CurrencyExponent{"KMF", 0}, CurrencyExponent{"KRW", 0},
    CurrencyExponent{"KWD", 3}, CurrencyExponent{"LYD", 3}, CurrencyExponent{"OMR", 3},
    CurrencyExponent{"PYG", 0}, CurrencyExponent{"RWF", 0}, CurrencyExponent{"TND", 3},
    CurrencyExponent{"UGX", 0}, CurrencyExponent{"UYI", 0}, CurrencyExponent{"UYW", 4},
    CurrencyExponent{"VND", 0}, CurrencyExponent{"VUV", 0}, CurrencyExponent{"XAF", 0},
    CurrencyExponent{"XOF", 0}, CurrencyExponent{"XPF", 0},
};

// ISO 4217 list one (2024) without precious metals, bonds, tests and the like; and those that were
// withdrawn since 2020, which old orders still have.
constexpr std::string_view kCurrencies =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN "
    "BWP "
    "BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN "
    "ETB "
    "EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD "
    "JOD "
    "JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP "
    "MRU "
    "MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON "
    "RSD "
    "RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP "
    "TRY "
    "TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR "
    "ZMW "
    "ZWG ZWL";

bool IsAbsent(const v1::Money& money) {
  return money.currency_code().empty() && money.minor_units() == 0;
}

int64_t Clamp(absl::int128 value) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  if (value > kMax) return kMax;
  if (value < kMin) return kMin;
  return static_cast<int64_t>(value);
}

absl::int128 Magnitude(int64_t value) {
  absl::int128 wide = value;
  return wide < 0 ? -wide : wide;
}

absl::Status BadAmount(std::string_view decimal, std::string_view why) {
  return Refuse(absl::StatusCode::kInvalidArgument, "BAD_AMOUNT",
                Cat("`", decimal.substr(0, 64), "` is not an amount: ", why));
}

}  // namespace

int Exponent(std::string_view currency_code) {
  auto it = std::lower_bound(
      kExponents.begin(), kExponents.end(), currency_code,
      [](const CurrencyExponent& entry, std::string_view code) { return entry.code < code; });
  return it != kExponents.end() && it->code == currency_code ? it->exponent : 2;
}

bool IsCurrencyCode(std::string_view currency_code) {
  return currency_code.size() == 3 && currency_code.find(' ') == std::string_view::npos &&
         kCurrencies.find(currency_code) != std::string_view::npos;
}

v1::Money Make(int64_t minor_units, std::string_view currency_code) {
  v1::Money money;
  money.set_minor_units(minor_units);
  money.set_currency_code(std::string(currency_code));
  return money;
}

absl::StatusOr<v1::Money> Add(const v1::Money& a, const v1::Money& b) {
  if (IsAbsent(a)) return b;
  if (IsAbsent(b)) return a;
  if (a.currency_code() != b.currency_code()) {
    return Refuse(
        absl::StatusCode::kInvalidArgument, "CURRENCY_MISMATCH",
        Cat("cannot add ", Format(a), " and ", Format(b), ": amounts of two currencies never add"));
  }
  int64_t sum = 0;
  if (__builtin_add_overflow(a.minor_units(), b.minor_units(), &sum)) {
    return Refuse(absl::StatusCode::kOutOfRange, "AMOUNT_OVERFLOW",
                  Cat("the sum of ", Format(a), " and ", Format(b), " is too large"));
  }
  return Make(sum, a.currency_code());
}

int64_t RoundHalfAway(absl::int128 numerator, int64_t denominator) {
  absl::int128 wide = denominator;
  absl::int128 magnitude = numerator < 0 ? -numerator : numerator;
  absl::int128 quotient = magnitude / wide;
  if ((magnitude - quotient * wide) * 2 >= wide) quotient += 1;
  return Clamp(numerator < 0 ? -quotient : quotient);
}

int64_t ApplyBasisPoints(int64_t amount, int64_t basis_points) {
  return RoundHalfAway(absl::int128(amount) * basis_points, 10000);
}

std::pair<int64_t, int64_t> ExtractTax(int64_t gross, int64_t tax_basis_points) {
  int64_t tax = RoundHalfAway(absl::int128(gross) * tax_basis_points, 10000 + tax_basis_points);
  return {gross - tax, tax};
}

std::vector<int64_t> Allocate(int64_t total, std::span<const int64_t> weights) {
  if (weights.empty()) return {};
  std::vector<int64_t> effective(weights.begin(), weights.end());
  for (int64_t& weight : effective) weight = std::max<int64_t>(weight, 0);
  absl::int128 sum = 0;
  for (int64_t weight : effective) sum += weight;
  if (sum == 0) {
    std::fill(effective.begin(), effective.end(), 1);
    sum = static_cast<int64_t>(effective.size());
  }

  const absl::int128 magnitude = Magnitude(total);
  std::vector<absl::int128> shares(effective.size());
  std::vector<absl::int128> remainders(effective.size());
  absl::int128 left = magnitude;
  for (size_t i = 0; i < effective.size(); ++i) {
    absl::int128 product = magnitude * effective[i];
    shares[i] = product / sum;
    remainders[i] = product - shares[i] * sum;
    left -= shares[i];
  }
  std::vector<size_t> order(effective.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; i < order.size() && left > 0; ++i, left -= 1) shares[order[i]] += 1;

  std::vector<int64_t> result(effective.size());
  for (size_t i = 0; i < shares.size(); ++i) result[i] = Clamp(total < 0 ? -shares[i] : shares[i]);
  return result;
}

int64_t CumulativeUnits(int64_t total, int64_t quantity, int64_t n) {
  const absl::int128 magnitude = Magnitude(total);
  const absl::int128 base = magnitude / quantity;
  const absl::int128 extra = magnitude - base * quantity;
  const absl::int128 sum = base * n + std::min<absl::int128>(n, extra);
  return Clamp(total < 0 ? -sum : sum);
}

int64_t NextUnits(int64_t total, int64_t quantity, int64_t done, int64_t count) {
  return CumulativeUnits(total, quantity, done + count) - CumulativeUnits(total, quantity, done);
}

std::string Format(const v1::Money& money) {
  const int exponent = Exponent(money.currency_code());
  std::string digits = Cat(static_cast<uint64_t>(Magnitude(money.minor_units())));
  if (exponent > 0) {
    if (digits.size() <= static_cast<size_t>(exponent)) {
      digits.insert(0, static_cast<size_t>(exponent) + 1 - digits.size(), '0');
    }
    digits.insert(digits.size() - static_cast<size_t>(exponent), 1, '.');
  }
  return Cat(money.minor_units() < 0 ? "-" : "", digits, money.currency_code().empty() ? "" : " ",
             money.currency_code());
}

absl::StatusOr<int64_t> ParseMinorUnits(std::string_view decimal, std::string_view currency_code) {
  const int exponent = Exponent(currency_code);
  std::string_view rest = decimal;
  bool negative = false;
  if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
    negative = rest[0] == '-';
    rest.remove_prefix(1);
  }
  absl::int128 value = 0;
  int decimals = 0;
  bool point = false;
  bool any_digit = false;
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (char c : rest) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      return BadAmount(decimal, "write digits with a point for decimals, such as 29.99");
    }
    any_digit = true;
    if (point && ++decimals > exponent) {
      if (c != '0') {
        return BadAmount(
            decimal, Cat(currency_code, " has ", exponent, " decimals; give no more than that"));
      }
      continue;
    }
    value = value * 10 + (c - '0');
    if (value > kMax) return BadAmount(decimal, "it is too large");
  }
  if (!any_digit)
    return BadAmount(decimal, "write digits with a point for decimals, such as 29.99");
  for (int i = std::min(decimals, exponent); i < exponent; ++i) {
    value *= 10;
    if (value > kMax) return BadAmount(decimal, "it is too large");
  }
  return static_cast<int64_t>(negative ? -value : value);
}

}  // namespace aftersales::money
