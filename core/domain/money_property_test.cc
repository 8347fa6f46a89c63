// What holds of money whatever the amounts.
#include <algorithm>
#include <limits>
#include <numeric>

#include "core/domain/money.h"
#include "core/status/refusal.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales::money {
namespace {

using testing_util::ForAll;
using testing_util::Random;

constexpr int kCases = 200'000;
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

// Mostly what a shop knows, and now and then the ends of the range.
int64_t AnyAmount(Random& random) {
  if (random.OneIn(50))
    return random.Of(
        std::vector<int64_t>{kSmallest, kSmallest + 1, -1, 0, 1, kLargest - 1, kLargest});
  const int64_t amount = random.Amount(random.OneIn(8) ? 62 : 30);
  return random.OneIn(4) ? -amount : amount;
}

absl::int128 Distance(absl::int128 a, absl::int128 b) { return a < b ? b - a : a - b; }

TEST(MoneyProperty, SharesSumToTheTotalAndAreWithinOneUnitOfTheExactOnes) {
  ForAll(kCases, [](Random& random) {
    const int64_t total = AnyAmount(random);
    std::vector<int64_t> weights(static_cast<size_t>(random.Int(1, 8)));
    for (int64_t& weight : weights) {
      weight = random.OneIn(5) ? 0 : random.Amount(random.OneIn(10) ? 62 : 32);
    }
    if (random.OneIn(10)) std::fill(weights.begin(), weights.end(), weights[0]);
    const std::vector<int64_t> shares = Allocate(total, weights);
    ASSERT_EQ(shares.size(), weights.size());
    absl::int128 weight_sum = 0;
    for (int64_t weight : weights) weight_sum += weight;
    const bool equal = weight_sum == 0;
    if (equal) weight_sum = static_cast<int64_t>(weights.size());
    absl::int128 sum = 0;
    for (size_t i = 0; i < shares.size(); ++i) {
      sum += shares[i];
      ASSERT_TRUE(total >= 0 ? shares[i] >= 0 : shares[i] <= 0)
          << shares[i] << " of " << total << " by " << ::testing::PrintToString(weights);
      const absl::int128 exact = absl::int128(total) * (equal ? 1 : weights[i]);
      ASSERT_TRUE(Distance(absl::int128(shares[i]) * weight_sum, exact) < weight_sum)
          << "share " << i << " of " << total << " by " << ::testing::PrintToString(weights);
      // No weight, no share; and of two alike the first is not the smaller one.
      ASSERT_TRUE(equal || weights[i] != 0 || shares[i] == 0)
          << total << " by " << ::testing::PrintToString(weights);
      for (size_t j = 0; j < i; ++j) {
        if (weights[j] != weights[i]) continue;
        ASSERT_TRUE(total >= 0 ? shares[j] >= shares[i] : shares[j] <= shares[i])
            << total << " by " << ::testing::PrintToString(weights);
      }
    }
    ASSERT_TRUE(sum == absl::int128(total)) << total << " by " << ::testing::PrintToString(weights);
    // A discount takes the shares that the same price would give.
    if (total == kSmallest) return;
    const std::vector<int64_t> negated = Allocate(-total, weights);
    for (size_t i = 0; i < shares.size(); ++i) ASSERT_EQ(negated[i], -shares[i]);
  });
}

TEST(MoneyProperty, UnitsTelescopeHoweverTheyAreCut) {
  ForAll(kCases, [](Random& random) {
    const int64_t total = AnyAmount(random);
    const int64_t quantity =
        random.OneIn(20) ? random.Between(1, 2'000'000'000) : random.Between(1, 12);
    absl::int128 sum = 0;
    for (int64_t done = 0; done < quantity;) {
      const int64_t count = random.OneIn(3) ? quantity - done : random.Between(1, quantity - done);
      const int64_t share = NextUnits(total, quantity, done, count);
      sum += share;
      done += count;
      ASSERT_TRUE(Distance(absl::int128(share) * quantity, absl::int128(total) * count) <
                  absl::int128(quantity) * std::max<int64_t>(count, 1))
          << share << " for " << count << " of " << quantity << " that cost " << total;
    }
    ASSERT_TRUE(sum == absl::int128(total)) << quantity << " units of " << total;
    // Single units differ by one minor unit at most, and the dearer come first.
    if (quantity > 100) return;
    int64_t before = NextUnits(total, quantity, 0, 1);
    const int64_t first = before;
    for (int64_t unit = 1; unit < quantity; ++unit) {
      const int64_t next = NextUnits(total, quantity, unit, 1);
      ASSERT_TRUE(total >= 0 ? next <= before && first - next <= 1
                             : next >= before && next - first <= 1)
          << quantity << " units of " << total;
      before = next;
    }
  });
}

TEST(MoneyProperty, RoundingIsNearestWithHalvesAwayFromZero) {
  ForAll(kCases, [](Random& random) {
    const int64_t amount = AnyAmount(random);
    const int64_t rate = random.Between(0, 20'000);
    const int64_t denominator = random.OneIn(2) ? 10'000 : random.Between(1, 1'000'000);
    const absl::int128 numerator = absl::int128(amount) * rate;
    const int64_t rounded = RoundHalfAway(numerator, denominator);
    if (rounded != kLargest && rounded != kSmallest) {
      const absl::int128 twice = Distance(absl::int128(rounded) * denominator, numerator) * 2;
      ASSERT_TRUE(twice <= denominator) << amount << " * " << rate << " / " << denominator;
      // A half goes away from zero.
      if (twice == absl::int128(denominator)) {
        const absl::int128 scaled = absl::int128(rounded) * denominator;
        ASSERT_TRUE(numerator < 0 ? scaled < numerator : scaled > numerator)
            << amount << " * " << rate << " / " << denominator;
      }
    }
    if (rounded > -kLargest && rounded < kLargest) {
      ASSERT_EQ(RoundHalfAway(-numerator, denominator), -rounded)
          << amount << " * " << rate << " / " << denominator;
    }
    // A higher rate never gives less of what is owed.
    if (amount < 0) return;
    ASSERT_LE(ApplyBasisPoints(amount, rate), ApplyBasisPoints(amount, rate + 1))
        << amount << " at " << rate;
  });
}

TEST(MoneyProperty, NetAndTaxAreTheGrossAndTheTaxIsTheRates) {
  ForAll(kCases, [](Random& random) {
    const int64_t gross = random.Amount(50);
    const int64_t rate = random.Between(0, 10'000);
    const auto [net, tax] = ExtractTax(gross, rate);
    ASSERT_EQ(net + tax, gross);
    ASSERT_GE(tax, 0);
    ASSERT_TRUE(Distance(absl::int128(tax) * (10'000 + rate), absl::int128(gross) * rate) * 2 <=
                10'000 + rate)
        << gross << " at " << rate;
  });
}

TEST(MoneyProperty, AddsExactlyOrRefuses) {
  ForAll(kCases, [](Random& random) {
    const std::vector<std::string> currencies = {"USD", "JPY", "KWD"};
    const v1::Money a = Make(AnyAmount(random), random.Of(currencies));
    const v1::Money b = Make(AnyAmount(random), random.Of(currencies));
    const auto sum = Add(a, b);
    const absl::int128 exact = absl::int128(a.minor_units()) + b.minor_units();
    const std::string said = a.ShortDebugString() + " and " + b.ShortDebugString();
    if (a.currency_code() != b.currency_code()) {
      ASSERT_EQ(ReasonOf(sum.status()), "CURRENCY_MISMATCH") << said;
    } else if (exact > kLargest || exact < kSmallest) {
      ASSERT_EQ(ReasonOf(sum.status()), "AMOUNT_OVERFLOW") << said;
    } else {
      ASSERT_TRUE(sum.ok()) << said;
      ASSERT_TRUE(exact == absl::int128(sum->minor_units())) << said;
      ASSERT_EQ(sum->SerializeAsString(), Add(b, a)->SerializeAsString()) << said;
    }
  });
}

TEST(MoneyProperty, WhatIsWrittenIsReadAgain) {
  ForAll(kCases, [](Random& random) {
    const std::string currency =
        random.Of(std::vector<std::string>{"USD", "EUR", "JPY", "KWD", "CLF"});
    int64_t amount = AnyAmount(random);
    if (amount == kSmallest) amount = -kLargest;
    const std::string text = Format(Make(amount, currency));
    ASSERT_EQ(text.substr(text.size() - 4), " " + currency);
    const auto read = ParseMinorUnits(text.substr(0, text.size() - 4), currency);
    ASSERT_TRUE(read.ok()) << text << ": " << read.status();
    ASSERT_EQ(*read, amount) << text;
  });
}

}  // namespace
}  // namespace aftersales::money
