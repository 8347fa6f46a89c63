// What statements show against what should have moved.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aftersales/v1/reconcile.pb.h"
#include "aftersales/v1/reconcile_service.pb.h"
#include "aftersales/v1/refund.pb.h"

namespace aftersales {

// Indices into what should have moved (first) and into the lines (second).
struct Matching {
  // Equal in reference, amount and currency, each taken once, in order.
  std::vector<std::pair<size_t, size_t>> matched;
  // Of the rest: equal in reference alone. Each is also missing and unexplained.
  std::vector<std::pair<size_t, size_t>> mismatched;
  std::vector<size_t> missing;
  std::vector<size_t> unexplained;
  // Of the rest: the only movement, and the only line, of that amount and currency.
  std::vector<std::pair<size_t, size_t>> suggested;
};
// Nothing is matched without a reference.
Matching MatchMovements(std::span<const v1::Movement> expected,
                        std::span<const v1::Movement> lines);

// What the lines show less what should have moved, one a currency, by its code.
std::vector<v1::Money> Differences(std::span<const v1::Movement> expected,
                                   std::span<const v1::Movement> lines);

// What a refund should move: its payment, and once more the other way if it came back. None if
// nothing was paid.
std::vector<v1::Movement> MovementsOf(const v1::Refund& refund);
v1::Movement MovementOf(const v1::Payout& payout);
v1::Movement MovementOf(const v1::BankLine& line);

// Of `sellers/{seller}/refunds/{refund}#reversal` the resource, and whether the reversal is meant.
struct MatchSubject {
  std::string name;
  bool reversal = false;
};
MatchSubject ParseMatch(std::string_view match);
inline constexpr std::string_view kReversalMark = "#reversal";

bool IsMatched(v1::BankLine::State state);
std::string StateName(v1::BankLine::State state);

// FAILED_PRECONDITION `ALREADY_MATCHED`, `INVALID_STATE` (an ignored line), `AMOUNT_MISMATCH` (with
// `expected`) unless the movements add up to the line exactly.
absl::Status CheckMatchLine(const v1::BankLine& line, std::span<const v1::Movement> movements);
// FAILED_PRECONDITION `INVALID_STATE`; INVALID_ARGUMENT `REASON_REQUIRED`, `TOO_LONG`.
absl::Status CheckUnmatchLine(const v1::BankLine& line, std::string_view reason);
// FAILED_PRECONDITION `ALREADY_MATCHED`; INVALID_ARGUMENT `REASON_REQUIRED`, `TOO_LONG`.
absl::Status CheckIgnoreLine(const v1::BankLine& line, std::string_view reason);

}  // namespace aftersales
