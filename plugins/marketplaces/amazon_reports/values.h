// Cells to values: instants, money, counts. Exact, without allocation, never a float.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace aftersales::amazon_reports {

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Cuts spaces, carriage returns and other blanks off both ends. An empty cell of a flat file is
// often a single space.
std::string_view Trim(std::string_view text);

// A point in time, UTC.
struct Instant {
  // Since 1970-01-01T00:00:00Z.
  int64_t seconds = 0;
  int32_t nanos = 0;
  // Whether the cell was a date without a time; `seconds` is then midnight UTC of that date.
  bool day_only = false;
};

// Reads both forms in which Amazon writes dates: `10-Jul-2025` (English month names whatever the
// language of the report, no time) and ISO 8601, `2026-03-09`, `2026-03-09T08:15:00+00:00`,
// `2026-03-09T08:15Z`. A time without offset is taken as UTC. Nothing for anything else, for days
// that the calendar does not have, and for years outside 1995 to 2100.
std::optional<Instant> ParseInstant(std::string_view text);

// `2026-03-09`, the UTC date of an instant.
struct IsoDate {
  char text[10];
  std::string_view view() const { return {text, sizeof text}; }
};
IsoDate FormatDate(const Instant& instant);

// Why a number cannot be taken.
enum class NumberError {
  kNone,
  // Not a number.
  kNotANumber,
  // Does not fit: 64 bits for money, 32 bits for counts.
  kOverflow,
  // More decimals than the currency has, other than zeros.
  kTooPrecise,
  // `1,234` or `1.234` in a currency with decimals: thousands or thousandths?
  kAmbiguous,
};

// Digits after the decimal point of a currency: ISO 4217, 2 unless listed there otherwise.
int CurrencyExponent(std::string_view currency_code);
// Whether it has the form of an ISO 4217 code: three capitals.
bool IsCurrencyCode(std::string_view text);

// An amount such as `29.99`, `29,99`, `1,234.56`, `1.234,56` or `-4.14` in minor units of a
// currency with `exponent` decimals. Superfluous zeros are taken: `3980.00` JPY is 3980.
NumberError ParseMinorUnits(std::string_view text, int exponent, int64_t* minor_units);

// A count, digits only, at least 0.
NumberError ParseCount(std::string_view text, int32_t* count);

// An exact fraction in lowest terms.
struct Fraction {
  int64_t numerator = 0;
  int64_t denominator = 1;
};

// A decimal such as `0.04`, `1` or `5e-3` as an exact fraction. Nothing for negative or malformed
// text and where it is not between 1e-18 and 1e17. Only the first 12 digits count.
std::optional<Fraction> ParseFraction(std::string_view text);

}  // namespace aftersales::amazon_reports
