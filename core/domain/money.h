// Exact money: checked integer arithmetic, one rounding rule, allocation that always adds up.
//
// No floating point anywhere. Splitting an amount is never done by rounding each share: shares come
// from the largest-remainder method, and per-unit shares from cumulative ones, so that any sequence
// of partial refunds telescopes to exactly what was paid.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/v1/common.pb.h"

namespace aftersales::money {

// The largest amount that is taken from outside, in minor units: a million of them are still a sum.
inline constexpr int64_t kMaxMinorUnits = 1'000'000'000'000;

// Digits after the decimal point: 2 for USD, 0 for JPY and KRW, 3 for KWD and BHD (ISO 4217).
int Exponent(std::string_view currency_code);
// Whether it is a code of ISO 4217 that money is paid in.
bool IsCurrencyCode(std::string_view currency_code);

v1::Money Make(int64_t minor_units, std::string_view currency_code);

// Sum of two amounts. INVALID_ARGUMENT `CURRENCY_MISMATCH`; OUT_OF_RANGE `AMOUNT_OVERFLOW`.
// An absent amount (no currency, 0 units) adds to any.
absl::StatusOr<v1::Money> Add(const v1::Money& a, const v1::Money& b);

// numerator / denominator rounded half away from zero, denominator > 0. The one rounding rule:
// every amount times a rate goes through it. A quotient beyond int64 answers the nearest int64.
int64_t RoundHalfAway(absl::int128 numerator, int64_t denominator);
// amount * basis_points / 10000, rounded half away from zero.
int64_t ApplyBasisPoints(int64_t amount, int64_t basis_points);
// Splits a tax-inclusive amount into {net, tax}: tax = gross * bp / (10000 + bp), rounded.
std::pair<int64_t, int64_t> ExtractTax(int64_t gross, int64_t tax_basis_points);

// Largest-remainder split of `total` by `weights` (each >= 0): floor shares, then one unit each to
// the largest remainders, ties to the lowest index. All-zero weights split equally. A negative
// total gives the negated shares of its absolute value. Sums to `total`. Empty weights give {}.
std::vector<int64_t> Allocate(int64_t total, std::span<const int64_t> weights);

// Money of the first `n` of `quantity` units: the first total mod quantity units carry one extra.
// 0 <= n <= quantity, quantity > 0. Works on absolute values for negative totals.
int64_t CumulativeUnits(int64_t total, int64_t quantity, int64_t n);
// Money of the next `count` units after `done` have gone.
int64_t NextUnits(int64_t total, int64_t quantity, int64_t done, int64_t count);

// `29.99 USD`, `3980 JPY`, `-5.00 EUR`: no grouping, the currency last.
std::string Format(const v1::Money& money);

// Parses a decimal amount such as `29.99` into minor units of the currency, exactly.
// INVALID_ARGUMENT `BAD_AMOUNT` when it has more decimals than the currency (other than zeros), is
// not a number, or overflows.
absl::StatusOr<int64_t> ParseMinorUnits(std::string_view decimal, std::string_view currency_code);

}  // namespace aftersales::money

namespace aftersales {
// Short name for display code.
inline std::string FormatMoney(const v1::Money& m) { return money::Format(m); }
}  // namespace aftersales
