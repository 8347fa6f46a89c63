#include "core/domain/reconcile.h"

#include <map>
#include <tuple>

#include "absl/time/civil_time.h"
#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/stated_reason.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using Exact = std::tuple<std::string_view, int64_t, std::string_view>;

Exact KeyOf(const v1::Movement& movement) {
  return {movement.reference(), movement.amount().minor_units(), movement.amount().currency_code()};
}

std::string Day(const google::protobuf::Timestamp& time) {
  return calendar::DateText(calendar::LocalDay(calendar::FromProto(time), absl::UTCTimeZone()));
}

absl::Status AlreadyMatched(const v1::BankLine& line) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "ALREADY_MATCHED",
                Cat("the line is matched to ", line.matches(0),
                    " already; take that back with UnmatchLine first, if it is wrong"))
      .With("line", line.name())
      .With("match", line.matches(0));
}

// Pairs what has the same key, each taken once, in order; answers what is left on both sides.
template <typename Key, typename KeyOf>
void Pair(std::span<const v1::Movement> expected, std::span<const v1::Movement> lines, KeyOf key_of,
          std::vector<size_t>* left_expected, std::vector<size_t>* left_lines,
          std::vector<std::pair<size_t, size_t>>* pairs) {
  std::map<Key, std::vector<size_t>> by_key;
  for (auto it = left_expected->rbegin(); it != left_expected->rend(); ++it) {
    by_key[key_of(expected[*it])].push_back(*it);
  }
  std::vector<size_t> rest;
  std::vector<bool> taken(expected.size(), false);
  for (const size_t line : *left_lines) {
    const auto found = by_key.find(key_of(lines[line]));
    if (lines[line].reference().empty() || found == by_key.end() || found->second.empty()) {
      rest.push_back(line);
      continue;
    }
    pairs->emplace_back(found->second.back(), line);
    taken[found->second.back()] = true;
    found->second.pop_back();
  }
  *left_lines = std::move(rest);
  std::erase_if(*left_expected, [&](size_t i) { return taken[i]; });
}

}  // namespace

Matching MatchMovements(std::span<const v1::Movement> expected,
                        std::span<const v1::Movement> lines) {
  Matching out;
  for (size_t i = 0; i < expected.size(); ++i) out.missing.push_back(i);
  for (size_t i = 0; i < lines.size(); ++i) out.unexplained.push_back(i);
  Pair<Exact>(expected, lines, KeyOf, &out.missing, &out.unexplained, &out.matched);

  std::vector<size_t> open_expected = out.missing;
  std::vector<size_t> open_lines = out.unexplained;
  Pair<std::string_view>(
      expected, lines,
      [](const v1::Movement& movement) { return std::string_view(movement.reference()); },
      &open_expected, &open_lines, &out.mismatched);

  // The only ones of their amount on both sides are likely to be one thing.
  using Amount = std::pair<int64_t, std::string_view>;
  const auto amount_of = [](const v1::Movement& movement) {
    return Amount(movement.amount().minor_units(), movement.amount().currency_code());
  };
  std::map<Amount, std::pair<std::vector<size_t>, std::vector<size_t>>> by_amount;
  for (const size_t i : open_expected) by_amount[amount_of(expected[i])].first.push_back(i);
  for (const size_t i : open_lines) by_amount[amount_of(lines[i])].second.push_back(i);
  for (const auto& [amount, sides] : by_amount) {
    if (sides.first.size() == 1 && sides.second.size() == 1) {
      out.suggested.emplace_back(sides.first.front(), sides.second.front());
    }
  }
  return out;
}

std::vector<v1::Money> Differences(std::span<const v1::Movement> expected,
                                   std::span<const v1::Movement> lines) {
  std::map<std::string_view, absl::int128> sums;
  for (const v1::Movement& line : lines) {
    sums[line.amount().currency_code()] += line.amount().minor_units();
  }
  for (const v1::Movement& movement : expected) {
    sums[movement.amount().currency_code()] -= movement.amount().minor_units();
  }
  std::vector<v1::Money> differences;
  for (const auto& [currency, sum] : sums) {
    differences.push_back(money::Make(money::RoundHalfAway(sum, 1), currency));
  }
  return differences;
}

std::vector<v1::Movement> MovementsOf(const v1::Refund& refund) {
  const bool reversed = refund.status() == v1::Refund::STATUS_REVERSED;
  if (!IsPaid(refund.status()) && !reversed) return {};
  std::vector<v1::Movement> movements(1);
  v1::Movement& paid = movements.front();
  paid.set_subject(refund.name());
  // One that a person settled has their proof for a reference.
  paid.set_reference(refund.external_refund_id().empty() ? refund.proof()
                                                         : refund.external_refund_id());
  *paid.mutable_amount() = refund.has_paid_amount() ? refund.paid_amount() : refund.total();
  paid.mutable_amount()->set_minor_units(-paid.amount().minor_units());
  paid.set_day(Day(refund.succeeded_at()));
  if (reversed) {
    v1::Movement back = paid;
    back.set_subject(Cat(refund.name(), kReversalMark));
    back.mutable_amount()->set_minor_units(-paid.amount().minor_units());
    back.set_day(Day(refund.reversed_at()));
    movements.push_back(std::move(back));
  }
  return movements;
}

v1::Movement MovementOf(const v1::Payout& payout) {
  v1::Movement movement;
  movement.set_subject(payout.name());
  movement.set_reference(payout.settlement());
  *movement.mutable_amount() = payout.expected();
  movement.set_day(payout.latest_on());
  return movement;
}

v1::Movement MovementOf(const v1::BankLine& line) {
  v1::Movement movement;
  movement.set_subject(line.name());
  movement.set_reference(line.reference());
  *movement.mutable_amount() = line.amount();
  movement.set_day(line.booked_on());
  return movement;
}

MatchSubject ParseMatch(std::string_view match) {
  const size_t mark = match.find(kReversalMark);
  if (mark == std::string_view::npos || mark + kReversalMark.size() != match.size()) {
    return {std::string(match), false};
  }
  return {std::string(match.substr(0, mark)), true};
}

bool IsMatched(v1::BankLine::State state) {
  return state == v1::BankLine::STATE_MATCHED || state == v1::BankLine::STATE_SPLIT;
}

std::string StateName(v1::BankLine::State state) {
  return v1::BankLine::State_Name(state).substr(sizeof("STATE_") - 1);
}

absl::Status CheckMatchLine(const v1::BankLine& line, std::span<const v1::Movement> movements) {
  if (IsMatched(line.state())) return AlreadyMatched(line);
  if (line.state() == v1::BankLine::STATE_IGNORED) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                  "the line is ignored; take that back with UnmatchLine first")
        .With("state", StateName(line.state()));
  }
  absl::int128 sum = 0;
  bool same_currency = true;
  for (const v1::Movement& movement : movements) {
    sum += movement.amount().minor_units();
    same_currency =
        same_currency && movement.amount().currency_code() == line.amount().currency_code();
  }
  if (same_currency && sum == line.amount().minor_units()) return absl::OkStatus();
  const std::string currency = movements.empty() ? "" : movements.front().amount().currency_code();
  const v1::Money expected = money::Make(money::RoundHalfAway(sum, 1), currency);
  return Refuse(absl::StatusCode::kFailedPrecondition, "AMOUNT_MISMATCH",
                Cat("the line is ", money::Format(line.amount()), ", but ",
                    same_currency ? Cat(money::Format(expected), " should have moved")
                                  : std::string("what should have moved is in another currency"),
                    "; only what is exactly equal can be matched"))
      .Field("matches", "refunds and payouts that add up to the line")
      .With("expected", expected.minor_units());
}

absl::Status CheckUnmatchLine(const v1::BankLine& line, std::string_view reason) {
  if (!IsMatched(line.state()) && line.state() != v1::BankLine::STATE_IGNORED) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                  Cat("the line is ", StateName(line.state()),
                      "; only one that is matched or ignored can be taken back"))
        .With("state", StateName(line.state()));
  }
  return CheckReason(reason);
}

absl::Status CheckIgnoreLine(const v1::BankLine& line, std::string_view reason) {
  if (IsMatched(line.state())) return AlreadyMatched(line);
  return CheckReason(reason);
}

}  // namespace aftersales
