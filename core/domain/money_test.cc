#include "core/domain/money.h"

#include <cstdlib>
#include <limits>
#include <numeric>

#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales::money {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

// FORMULAS section 5: sums to the total, no share negative, each within one unit of the exact one.
void CheckAllocation(int64_t total, const std::vector<int64_t>& weights) {
  const std::vector<int64_t> shares = Allocate(total, weights);
  ASSERT_EQ(shares.size(), weights.size());
  absl::int128 sum = 0;
  absl::int128 weight_sum = 0;
  for (int64_t weight : weights) weight_sum += weight;
  for (size_t i = 0; i < shares.size(); ++i) {
    sum += shares[i];
    if (total >= 0) {
      ASSERT_GE(shares[i], 0);
    } else {
      ASSERT_LE(shares[i], 0);
    }
    const absl::int128 weight = weight_sum == 0 ? absl::int128(1) : absl::int128(weights[i]);
    const absl::int128 all =
        weight_sum == 0 ? absl::int128(static_cast<int64_t>(weights.size())) : weight_sum;
    absl::int128 distance = absl::int128(shares[i]) * all - absl::int128(total) * weight;
    if (distance < 0) distance = -distance;
    ASSERT_LT(distance, all) << "share " << i << " of " << total;
  }
  ASSERT_EQ(sum, absl::int128(total));
}

TEST(Allocate, KeepsItsPropertiesOverAllSmallCases) {
  for (int64_t total = -12; total <= 12; ++total) {
    for (int64_t a = 0; a <= 5; ++a) {
      CheckAllocation(total, {a});
      for (int64_t b = 0; b <= 5; ++b) {
        CheckAllocation(total, {a, b});
        for (int64_t c = 0; c <= 5; ++c) CheckAllocation(total, {a, b, c});
      }
    }
  }
}

TEST(Allocate, HoldsAtTheEndsOfTheRange) {
  CheckAllocation(kMax, {kMax, kMax, 1});
  CheckAllocation(kMin, {1, 1, 1});
  EXPECT_TRUE(Allocate(5, {}).empty());
}

TEST(Units, EveryPartitionTelescopes) {
  for (int64_t total = -25; total <= 25; ++total) {
    for (int64_t quantity = 1; quantity <= 7; ++quantity) {
      EXPECT_EQ(CumulativeUnits(total, quantity, quantity), total);
      // Each of the 2^(quantity-1) ways to cut the units into successive refunds.
      for (int cuts = 0; cuts < (1 << (quantity - 1)); ++cuts) {
        int64_t sum = 0;
        int64_t done = 0;
        int64_t count = 0;
        for (int64_t unit = 0; unit < quantity; ++unit) {
          ++count;
          if (unit + 1 == quantity || ((cuts >> unit) & 1) != 0) {
            sum += NextUnits(total, quantity, done, count);
            done += count;
            count = 0;
          }
        }
        ASSERT_EQ(sum, total);
      }
    }
  }
}

TEST(Round, GoesAwayFromZeroAtAHalf) {
  EXPECT_EQ(RoundHalfAway(5, 10), 1);
  EXPECT_EQ(RoundHalfAway(-5, 10), -1);
  EXPECT_EQ(RoundHalfAway(4, 10), 0);
  EXPECT_EQ(RoundHalfAway(absl::int128(kMax) * 10000, 10000), kMax);
  EXPECT_EQ(ApplyBasisPoints(kMax, 10000), kMax);
  EXPECT_EQ(ApplyBasisPoints(kMin, 10000), kMin);
}

TEST(Add, NeverMixesCurrenciesAndNeverWraps) {
  EXPECT_EQ(Add(Make(1, "USD"), Make(2, "USD"))->minor_units(), 3);
  EXPECT_EQ(Add(v1::Money(), Make(2, "JPY"))->currency_code(), "JPY");
  EXPECT_EQ(ReasonOf(Add(Make(1, "USD"), Make(2, "EUR")).status()), "CURRENCY_MISMATCH");
  const absl::StatusOr<v1::Money> over = Add(Make(kMax, "USD"), Make(1, "USD"));
  EXPECT_EQ(over.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ReasonOf(over.status()), "AMOUNT_OVERFLOW");
  EXPECT_EQ(ReasonOf(Add(Make(kMin, "USD"), Make(-1, "USD")).status()), "AMOUNT_OVERFLOW");
}

TEST(Text, FollowsTheCurrency) {
  EXPECT_EQ(Format(Make(2999, "USD")), "29.99 USD");
  EXPECT_EQ(Format(Make(3980, "JPY")), "3980 JPY");
  EXPECT_EQ(Format(Make(-500, "EUR")), "-5.00 EUR");
  EXPECT_EQ(Format(Make(7, "USD")), "0.07 USD");
  EXPECT_EQ(Format(Make(1234, "KWD")), "1.234 KWD");
  EXPECT_EQ(Format(Make(kMin, "USD")), "-92233720368547758.08 USD");
  EXPECT_TRUE(IsCurrencyCode("USD"));
  for (const char* bad : {"", "US", "usd", "USDX", "U1D", "XXQ", "D A", "XXX", "XAU"})
    EXPECT_FALSE(IsCurrencyCode(bad)) << bad;
}

TEST(Parse, IsExact) {
  EXPECT_EQ(*ParseMinorUnits("29.99", "USD"), 2999);
  EXPECT_EQ(*ParseMinorUnits("29.9", "USD"), 2990);
  EXPECT_EQ(*ParseMinorUnits("-5", "EUR"), -500);
  EXPECT_EQ(*ParseMinorUnits("3980", "JPY"), 3980);
  EXPECT_EQ(*ParseMinorUnits("3980.00", "JPY"), 3980);
  EXPECT_EQ(*ParseMinorUnits("1.234", "KWD"), 1234);
  EXPECT_EQ(*ParseMinorUnits("92233720368547758.07", "USD"), kMax);
  for (const char* bad : {"", ".", "-", "1,00", "1.2.3", "29.991", "1e3", "92233720368547758.08",
                          " 1", "99999999999999999999999999", "0x10"}) {
    EXPECT_EQ(ReasonOf(ParseMinorUnits(bad, "USD").status()), "BAD_AMOUNT") << bad;
  }
  EXPECT_EQ(ReasonOf(ParseMinorUnits("3980.5", "JPY").status()), "BAD_AMOUNT");
}

TEST(Parse, ReadsBackWhatFormatWrites) {
  for (const char* currency : {"USD", "JPY", "KWD", "CLF"}) {
    for (int64_t units : {int64_t{0}, int64_t{1}, int64_t{-99}, int64_t{123456789}}) {
      const std::string text = Format(Make(units, currency));
      EXPECT_EQ(*ParseMinorUnits(text.substr(0, text.find(' ')), currency), units) << text;
    }
  }
}

TEST(Tax, IsExtractedFromTheGross) {
  EXPECT_EQ(ExtractTax(11900, 1900), (std::pair<int64_t, int64_t>{10000, 1900}));
  for (int64_t gross = -500; gross <= 500; ++gross) {
    const auto [net, tax] = ExtractTax(gross, 1900);
    EXPECT_EQ(net + tax, gross);
  }
}

}  // namespace
}  // namespace aftersales::money
