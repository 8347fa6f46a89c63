#include "plugins/marketplaces/amazon_reports/values.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace aftersales::amazon_reports {
namespace {

TEST(ParseInstant, ReadsBothFormsOfDates) {
  // 2025-07-10T00:00:00Z
  constexpr int64_t kDay = 1752105600;
  for (const char* text : {"10-Jul-2025", "10-JUL-2025", "10-jul-2025", "2025-07-10"}) {
    const auto instant = ParseInstant(text);
    ASSERT_TRUE(instant) << text;
    EXPECT_EQ(instant->seconds, kDay) << text;
    EXPECT_TRUE(instant->day_only) << text;
  }
  struct Case {
    const char* text;
    int64_t seconds;
    int32_t nanos;
  };
  for (const Case& c :
       {Case{"2025-07-10T08:15:30+00:00", kDay + 29730, 0},
        Case{"2025-07-10T08:15:30Z", kDay + 29730, 0}, Case{"2025-07-10T08:15Z", kDay + 29700, 0},
        Case{"2025-07-10 08:15:30", kDay + 29730, 0},
        Case{"2025-07-10T08:15:30.25Z", kDay + 29730, 250'000'000},
        Case{"2025-07-10T17:15:30+09:00", kDay + 29730, 0},
        Case{"2025-07-10T01:15:30-0700", kDay + 29730, 0},
        Case{"2025-07-09T23:59:59-07:00", kDay + 25199, 0}}) {
    const auto instant = ParseInstant(c.text);
    ASSERT_TRUE(instant) << c.text;
    EXPECT_EQ(instant->seconds, c.seconds) << c.text;
    EXPECT_EQ(instant->nanos, c.nanos) << c.text;
    EXPECT_FALSE(instant->day_only) << c.text;
  }
}

TEST(ParseInstant, RefusesWhatIsNoDate) {
  for (const char* text : {"",
                           "10-Jul-25",
                           "10-Juli-2025",
                           "32-Jul-2025",
                           "31-Jun-2025",
                           "29-Feb-2025",
                           "00-Jan-2025",
                           "10-07-2025",
                           "10/07/2025",
                           "2025-13-01",
                           "2025-02-30",
                           "2025-07-10T",
                           "2025-07-10T25:00Z",
                           "2025-07-10T08:60Z",
                           "2025-07-10T08:15:30+15:00",
                           "2025-07-10T08:15:30 PST",
                           "2025-07-10T08:15:30.Z",
                           "0000-01-01",
                           "9999-01-01",
                           "01-Jan-0001",
                           "yesterday at noon",
                           "aa-Jul-2025",
                           "10-Jul-20x5",
                           "2025-07-10T08:15:30+0x:00"}) {
    EXPECT_FALSE(ParseInstant(text)) << text;
  }
  EXPECT_TRUE(ParseInstant("29-Feb-2028"));
}

TEST(FormatDate, IsTheSameForBothForms) {
  EXPECT_EQ(FormatDate(*ParseInstant("09-Mar-2026")).view(), "2026-03-09");
  EXPECT_EQ(FormatDate(*ParseInstant("2026-03-09T23:59:59Z")).view(), "2026-03-09");
}

TEST(ParseMinorUnits, IsExactInTheCurrency) {
  struct Case {
    const char* text;
    const char* currency;
    int64_t units;
  };
  for (const Case& c : {Case{"29.99", "USD", 2999},
                        Case{"29,99", "EUR", 2999},
                        Case{"29.9", "USD", 2990},
                        Case{"29", "USD", 2900},
                        Case{"29.990000", "USD", 2999},
                        Case{"0.5", "USD", 50},
                        Case{"0.500", "USD", 50},
                        Case{"-4.14", "USD", -414},
                        Case{"+4.14", "USD", 414},
                        Case{"1,234.56", "USD", 123456},
                        Case{"1.234,56", "EUR", 123456},
                        Case{"1,234,567.89", "USD", 123456789},
                        Case{"1,234,567", "USD", 123456700},
                        Case{"3980", "JPY", 3980},
                        Case{"3980.00", "JPY", 3980},
                        Case{"3,980", "JPY", 3980},
                        Case{"1,234,567", "JPY", 1234567},
                        Case{"3980.000", "USD", 398000},
                        Case{"1.5", "KWD", 1500},
                        Case{"12345.678", "KWD", 12345678},
                        Case{"92233720368547758.07", "USD", std::numeric_limits<int64_t>::max()},
                        Case{"0.1", "USD", 10}}) {
    int64_t units = 0;
    EXPECT_EQ(ParseMinorUnits(c.text, CurrencyExponent(c.currency), &units), NumberError::kNone)
        << c.text << " " << c.currency;
    EXPECT_EQ(units, c.units) << c.text << " " << c.currency;
  }
}

TEST(ParseMinorUnits, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* currency;
    NumberError error;
  };
  for (const Case& c :
       {Case{"", "USD", NumberError::kNotANumber}, Case{"abc", "USD", NumberError::kNotANumber},
        Case{"-", "USD", NumberError::kNotANumber}, Case{"1.2.3", "USD", NumberError::kNotANumber},
        Case{"1,23,45.00", "USD", NumberError::kNotANumber},
        Case{"1234,567.00", "USD", NumberError::kNotANumber},
        Case{"1 234", "USD", NumberError::kNotANumber},
        Case{"12e3", "USD", NumberError::kNotANumber},
        Case{"$29.99", "USD", NumberError::kNotANumber},
        Case{"5.", "USD", NumberError::kNotANumber}, Case{"29.999", "USD", NumberError::kAmbiguous},
        Case{"1,234", "USD", NumberError::kAmbiguous},
        Case{"1.234", "EUR", NumberError::kAmbiguous},
        Case{"1.234", "JPY", NumberError::kAmbiguous},
        Case{"2999.999", "USD", NumberError::kTooPrecise},
        Case{"3980.50", "JPY", NumberError::kTooPrecise},
        Case{"92233720368547758.08", "USD", NumberError::kOverflow},
        Case{"99999999999999999999999", "JPY", NumberError::kOverflow}}) {
    int64_t units = 0;
    EXPECT_EQ(ParseMinorUnits(c.text, CurrencyExponent(c.currency), &units), c.error)
        << c.text << " " << c.currency;
  }
}

TEST(ParseCount, TakesDigitsOnly) {
  int32_t count = 0;
  EXPECT_EQ(ParseCount("2147483647", &count), NumberError::kNone);
  EXPECT_EQ(count, 2147483647);
  EXPECT_EQ(ParseCount("2147483648", &count), NumberError::kOverflow);
  for (const char* text : {"", "-1", "+1", "1.0", "two", "1 "}) {
    EXPECT_EQ(ParseCount(text, &count), NumberError::kNotANumber) << text;
  }
}

TEST(ParseFraction, IsInLowestTerms) {
  struct Case {
    const char* text;
    int64_t numerator;
    int64_t denominator;
  };
  for (const Case& c :
       {Case{"0.04", 1, 25}, Case{"0.01", 1, 100}, Case{"0.95", 19, 20}, Case{"1", 1, 1},
        Case{"0", 0, 1}, Case{"0.0", 0, 1}, Case{"5e-3", 1, 200}, Case{"2.5e1", 25, 1}}) {
    const auto fraction = ParseFraction(c.text);
    ASSERT_TRUE(fraction) << c.text;
    EXPECT_EQ(fraction->numerator, c.numerator) << c.text;
    EXPECT_EQ(fraction->denominator, c.denominator) << c.text;
  }
  // A third, as a double prints it: 12 digits count.
  EXPECT_EQ(ParseFraction("0.3333333333333333")->numerator, 33333333333);
  for (const char* text : {"", "-1", ".5", "a", "1e", "1e99", "1e-99", "1234567890123", "0,04"}) {
    EXPECT_FALSE(ParseFraction(text)) << text;
  }
}

}  // namespace
}  // namespace aftersales::amazon_reports
