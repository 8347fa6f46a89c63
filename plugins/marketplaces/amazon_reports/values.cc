#include "plugins/marketplaces/amazon_reports/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <numeric>

namespace aftersales::amazon_reports {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Takes exactly `count` digits off the front.
bool TakeDigits(std::string_view* text, size_t count, int* value) {
  if (text->size() < count) return false;
  int sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (!IsDigit((*text)[i])) return false;
    sum = sum * 10 + ((*text)[i] - '0');
  }
  text->remove_prefix(count);
  *value = sum;
  return true;
}

bool TakeChar(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

// 1 to 12 for an English abbreviation in any case, else 0.
int MonthOf(std::string_view name) {
  constexpr std::string_view kMonths = "janfebmaraprmayjunjulaugsepoctnovdec";
  const std::array<char, 3> lower = {Lower(name[0]), Lower(name[1]), Lower(name[2])};
  for (size_t i = 0; i < 12; ++i) {
    if (kMonths.compare(i * 3, 3, lower.data(), 3) == 0) return static_cast<int>(i) + 1;
  }
  return 0;
}

std::optional<int64_t> SecondsOfDate(int year, int month, int day) {
  // Amazon opened in 1995; a year beyond 2100 is a slip of the keyboard, not a date.
  if (year < 1995 || year > 2100) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_seconds{std::chrono::sys_days{date}}.time_since_epoch().count();
}

// `:SS` and its fraction, both of which may be missing.
bool TakeSeconds(std::string_view* text, int* second, int32_t* nanos) {
  if (!TakeChar(text, ':')) return true;
  if (!TakeDigits(text, 2, second)) return false;
  if (!TakeChar(text, '.')) return true;
  int32_t scale = 100'000'000;
  if (text->empty() || !IsDigit(text->front())) return false;
  while (!text->empty() && IsDigit(text->front())) {
    *nanos += (text->front() - '0') * scale;
    scale /= 10;
    text->remove_prefix(1);
  }
  return true;
}

// `Z`, `+09:00`, `-0700` or nothing; the offset in seconds.
bool TakeOffset(std::string_view* text, int* offset) {
  if (text->empty() || TakeChar(text, 'Z') || TakeChar(text, 'z')) return text->empty();
  const int sign = text->front() == '-' ? -1 : text->front() == '+' ? 1 : 0;
  if (sign == 0) return false;
  text->remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!TakeDigits(text, 2, &hours)) return false;
  TakeChar(text, ':');
  if (!text->empty() && !TakeDigits(text, 2, &minutes)) return false;
  if (hours > 14 || minutes > 59) return false;
  *offset = sign * (hours * 3600 + minutes * 60);
  return text->empty();
}

std::optional<Instant> ParseIso(std::string_view text) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!TakeDigits(&text, 4, &year) || !TakeChar(&text, '-') || !TakeDigits(&text, 2, &month) ||
      !TakeChar(&text, '-') || !TakeDigits(&text, 2, &day)) {
    return std::nullopt;
  }
  const auto date = SecondsOfDate(year, month, day);
  if (!date) return std::nullopt;
  if (text.empty()) return Instant{*date, 0, true};
  if (!TakeChar(&text, 'T') && !TakeChar(&text, 't') && !TakeChar(&text, ' ')) return std::nullopt;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int32_t nanos = 0;
  if (!TakeDigits(&text, 2, &hour) || !TakeChar(&text, ':') || !TakeDigits(&text, 2, &minute) ||
      !TakeSeconds(&text, &second, &nanos)) {
    return std::nullopt;
  }
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  TakeChar(&text, ' ');
  int offset = 0;
  if (!TakeOffset(&text, &offset)) return std::nullopt;
  return Instant{*date + hour * 3600 + minute * 60 + second - offset, nanos, false};
}

// Three letters as one number.
constexpr uint32_t Packed(std::string_view code) {
  return static_cast<uint32_t>(static_cast<unsigned char>(code[0])) << 16 |
         static_cast<uint32_t>(static_cast<unsigned char>(code[1])) << 8 |
         static_cast<unsigned char>(code[2]);
}

}  // namespace

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<Instant> ParseInstant(std::string_view text) {
  if (text.size() < 10) return std::nullopt;
  if (text[2] != '-') return ParseIso(text);
  // DD-Mon-YYYY
  int day = 0;
  int year = 0;
  const int month = MonthOf(text.substr(3, 3));
  if (text.size() != 11 || month == 0 || !TakeDigits(&text, 2, &day)) return std::nullopt;
  text.remove_prefix(4);
  if (!TakeChar(&text, '-') || !TakeDigits(&text, 4, &year)) return std::nullopt;
  const auto date = SecondsOfDate(year, month, day);
  if (!date) return std::nullopt;
  return Instant{*date, 0, true};
}

IsoDate FormatDate(const Instant& instant) {
  const std::chrono::sys_seconds time{std::chrono::seconds{instant.seconds}};
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  const auto two = [](char* at, unsigned value) {
    at[0] = static_cast<char>('0' + value / 10 % 10);
    at[1] = static_cast<char>('0' + value % 10);
  };
  IsoDate out;
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  two(out.text, year / 100);
  two(out.text + 2, year % 100);
  out.text[4] = '-';
  two(out.text + 5, static_cast<unsigned>(date.month()));
  out.text[7] = '-';
  two(out.text + 8, static_cast<unsigned>(date.day()));
  return out;
}

int CurrencyExponent(std::string_view currency_code) {
  // ISO 4217:2015 table A.1, the codes whose minor unit is not 2. Asked for every amount, so codes
  // are compared as numbers.
  if (currency_code.size() != 3) return 2;
  switch (Packed(currency_code)) {
    case Packed("BIF"):
    case Packed("CLP"):
    case Packed("DJF"):
    case Packed("GNF"):
    case Packed("ISK"):
    case Packed("JPY"):
    case Packed("KMF"):
    case Packed("KRW"):
    case Packed("PYG"):
    case Packed("RWF"):
    case Packed("UGX"):
    case Packed("VND"):
    case Packed("VUV"):
    case Packed("XAF"):
    case Packed("XOF"):
    case Packed("XPF"):
      return 0;
    case Packed("BHD"):
    case Packed("IQD"):
    case Packed("JOD"):
    case Packed("KWD"):
    case Packed("LYD"):
    case Packed("OMR"):
    case Packed("TND"):
      return 3;
    default:
      return 2;
  }
}

bool IsCurrencyCode(std::string_view text) {
  return text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

NumberError ParseMinorUnits(std::string_view text, int exponent, int64_t* minor_units) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text.empty() || !IsDigit(text.front()) || !IsDigit(text.back())) {
    return NumberError::kNotANumber;
  }

  // Which separator is the decimal point: the last one, if it comes once and what stands before it
  // may be a number with thousands grouped by the other one.
  size_t point = text.find_last_of(".,");
  char group = 0;
  if (point != std::string_view::npos) {
    const char last = text[point];
    const char other = last == '.' ? ',' : '.';
    const bool repeated = text.find(last) != point;
    if (text.find(other) != std::string_view::npos) {
      if (repeated) return NumberError::kNotANumber;
      group = other;
    } else if (repeated) {
      group = last;
      point = std::string_view::npos;
    } else if (text.size() - point - 1 == 3 && point <= 3 && text.front() != '0') {
      // `3,980` can only be grouped thousands where the currency has no decimals.
      if (exponent != 0 || last != ',') return NumberError::kAmbiguous;
      group = last;
      point = std::string_view::npos;
    }
  }

  const std::string_view whole = text.substr(0, point);
  const std::string_view decimals =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  int64_t value = 0;
  const auto append = [&value](char c) {
    return !__builtin_mul_overflow(value, int64_t{10}, &value) &&
           !__builtin_add_overflow(value, int64_t{c - '0'}, &value);
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] == group && group != 0) {
      if ((whole.size() - i) % 4 != 0 || i == 0) return NumberError::kNotANumber;
      continue;
    }
    if (!IsDigit(whole[i])) return NumberError::kNotANumber;
    // With grouping, a separator stands before every third digit, and nowhere else.
    if (group != 0 && (whole.size() - i) % 4 == 0) return NumberError::kNotANumber;
    if (!append(whole[i])) return NumberError::kOverflow;
  }
  int digits = 0;
  for (const char c : decimals) {
    if (!IsDigit(c)) return NumberError::kNotANumber;
    if (digits < exponent) {
      if (!append(c)) return NumberError::kOverflow;
      ++digits;
    } else if (c != '0') {
      return NumberError::kTooPrecise;
    }
  }
  for (; digits < exponent; ++digits) {
    if (!append('0')) return NumberError::kOverflow;
  }
  *minor_units = negative ? -value : value;
  return NumberError::kNone;
}

NumberError ParseCount(std::string_view text, int32_t* count) {
  if (text.empty() || !std::ranges::all_of(text, IsDigit)) return NumberError::kNotANumber;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *count);
  return error == std::errc() ? NumberError::kNone : NumberError::kOverflow;
}

std::optional<Fraction> ParseFraction(std::string_view text) {
  int exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view power = text.substr(e + 1);
    if (!power.empty() && power.front() == '+') power.remove_prefix(1);
    const auto [end, error] = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (error != std::errc() || end != power.data() + power.size()) return std::nullopt;
    text = text.substr(0, e);
  }
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view decimals =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || whole.size() > 12) return std::nullopt;
  decimals = decimals.substr(0, 12 - whole.size());
  Fraction out;
  for (const std::string_view part : {whole, decimals}) {
    for (const char c : part) {
      if (!IsDigit(c)) return std::nullopt;
      out.numerator = out.numerator * 10 + (c - '0');
    }
  }
  exponent -= static_cast<int>(decimals.size());
  if (exponent < -18 || exponent > 5) return std::nullopt;
  for (; exponent < 0; ++exponent) out.denominator *= 10;
  for (; exponent > 0; --exponent) out.numerator *= 10;
  const int64_t divisor = std::gcd(out.numerator, out.denominator);
  return Fraction{out.numerator / divisor, out.denominator / divisor};
}

}  // namespace aftersales::amazon_reports
