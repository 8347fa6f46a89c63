// Statements against what should have moved: matching by hand, and by what is exactly equal.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/domain/calendar.h"
#include "core/domain/reconcile.h"
#include "core/domain/refund_fold.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_items.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

constexpr int kDaysMax = 92;
constexpr int kMovementsMax = 10'000;
constexpr int kMatchesMax = 100;

std::string_view IdOf(std::string_view name) { return names::Split(name).id; }

template <typename Request>
absl::StatusOr<v1::BankLine> OpenLine(Command& c, const Request& request) {
  auto id = IdIn(c, request.name(), "bankLines", "name");
  if (!id.ok()) return id.status();
  auto line = c.store.FindBankLine(c.seller, *id);
  if (!line) return NotFound(request.name());
  if (absl::Status s = CheckEtag(request.etag(), line->etag(), StateName(line->state())); !s.ok()) {
    return s;
  }
  return *std::move(line);
}

void SaveLine(Command& c, v1::BankLine* line) {
  line->set_etag(NextEtag(line->etag()));
  *line->mutable_update_time() = calendar::ToProto(c.now);
  c.store.PutBankLine(*line, /*created=*/false);
}

// Decides on a line, with its event. The body is the caller's.
void Decide(Command& c, v1::BankLine* line, v1::BankLine::State state, v1::Event event) {
  line->set_state(state);
  line->clear_suggestion();
  *line->mutable_decided_by() = c.actor;
  SaveLine(c, line);
  event.set_status_after(StateName(state));
  c.store.AppendEvent(c.seller, &event);
}

// The channel of what a line was matched to, so that those who follow it hear of it.
std::string ChannelOf(Command& c, const std::string& match) {
  const MatchSubject subject = ParseMatch(match);  // which `name` is a view into
  const names::Name name = names::Split(subject.name);
  if (name.collection != "refunds") return "";
  const auto record = c.store.FindRefund(c.seller, name.id);
  return record ? record->state().channel() : "";
}

absl::Status SetPayoutLine(Command& c, std::string_view payout_name, std::string_view line_name) {
  auto payout = c.store.FindPayout(c.seller, IdOf(payout_name));
  if (!payout) return NotFound(payout_name);
  payout->set_bank_line(std::string(line_name));
  payout->set_etag(NextEtag(payout->etag()));
  *payout->mutable_update_time() = calendar::ToProto(c.now);
  c.store.PutPayout(*payout, /*created=*/false);
  return absl::OkStatus();
}

// A line is these refunds and payouts.
absl::Status Match(Command& c, v1::BankLine* line, const std::vector<std::string>& matches,
                   bool exact) {
  line->clear_reason();
  line->clear_matches();
  v1::Event event = c.NewEvent(line->name(), ChannelOf(c, matches.front()));
  event.mutable_bank_line_matched()->set_exact(exact);
  for (const std::string& match : matches) {
    line->add_matches(match);
    event.mutable_bank_line_matched()->add_matches(match);
    c.store.PutMatch(c.seller, match, IdOf(line->name()));
  }
  Decide(c, line, matches.size() == 1 ? v1::BankLine::STATE_MATCHED : v1::BankLine::STATE_SPLIT,
         std::move(event));
  for (const std::string& match : matches) {
    const MatchSubject subject = ParseMatch(match);
    const names::Name name = names::Split(subject.name);
    if (name.collection == "payouts") {
      if (absl::Status s = SetPayoutLine(c, subject.name, line->name()); !s.ok()) return s;
      continue;
    }
    if (subject.reversal) continue;
    auto record = c.store.FindRefund(c.seller, name.id);
    if (!record) return NotFound(subject.name);
    v1::Event fact = c.NewEvent(subject.name, record->state().channel());
    fact.mutable_refund_reconciled()->set_bank_line(line->name());
    if (auto stored = RecordRefundFact(c, *std::move(record), std::move(fact)); !stored.ok()) {
      return stored.status();
    }
  }
  return absl::OkStatus();
}

// What a match moves. FAILED_PRECONDITION `INVALID_STATE` where that is nothing.
absl::StatusOr<v1::Movement> MovementFor(Command& c, const std::string& match) {
  const MatchSubject subject = ParseMatch(match);
  const names::Name name = names::Split(subject.name);
  if (name.id.empty() || (name.collection != "refunds" && name.collection != "payouts") ||
      (subject.reversal && name.collection != "refunds")) {
    return InvalidField("matches", "BAD_NAME",
                        "name refunds, with #reversal for money that came back, or payouts");
  }
  if (name.seller != c.seller) return NotFound(subject.name);
  if (name.collection == "payouts") {
    const auto payout = c.store.FindPayout(c.seller, name.id);
    if (!payout) return NotFound(subject.name);
    return MovementOf(*payout);
  }
  const auto record = c.store.FindRefund(c.seller, name.id);
  if (!record) return NotFound(subject.name);
  for (v1::Movement& movement : MovementsOf(record->state())) {
    if (movement.subject() == match) return std::move(movement);
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                Cat("the refund is ", StatusName(record->state().status()), ", so ",
                    subject.reversal ? "nothing of it came back" : "nothing was paid"))
      .With("state", StatusName(record->state().status()));
}

// ---- A period -----------------------------------------------------------------------------

// All that a period is about: what has its day in it, and what that may be matched to.
class Period {
 public:
  Period(Command& c, std::string first_on, std::string last_on)
      : c_(c), first_on_(std::move(first_on)), last_on_(std::move(last_on)) {}

  absl::Status Read() {
    const auto first = calendar::ParseDate(first_on_);
    const auto last = calendar::ParseDate(last_on_);
    if (!first.ok() || !last.ok() || *last < *first || *last - *first >= kDaysMax) {
      return InvalidField(first.ok() ? "last_on" : "first_on", "BAD_PERIOD",
                          Cat("give two days as YYYY-MM-DD, at most ", kDaysMax, " days"));
    }
    const int32_t from = calendar::DayNumber(*first);
    const int32_t to = calendar::DayNumber(*last);
    for (v1::BankLine& line : c_.store.BankLinesOn(c_.seller, from, to, kMovementsMax + 1)) {
      AddLine(std::move(line));
    }
    for (const v1::Refund& refund :
         c_.store.RefundsPaidOn(c_.seller, from, to, kMovementsMax + 1)) {
      AddRefund(refund);
    }
    store::RefundFilter reversed;
    reversed.status = v1::Refund::STATUS_REVERSED;
    for (const v1::Refund& refund :
         c_.store.ListRefunds(c_.seller, reversed, "", kMovementsMax + 1)) {
      const std::vector<v1::Movement> both = MovementsOf(refund);
      if (InPeriod(both.back().day())) AddRefund(refund);
    }
    for (const v1::Payout& payout : c_.store.PayoutsOn(c_.seller, from, to, kMovementsMax + 1)) {
      AddExpected(MovementOf(payout));
    }
    if (lines_.size() + expected_.size() > kMovementsMax) {
      return Refuse(
          absl::StatusCode::kFailedPrecondition, "PERIOD_TOO_LARGE",
          Cat("the period has more than ", kMovementsMax, " movements; take a shorter one"));
    }
    FindOtherSides();
    return absl::OkStatus();
  }

  absl::StatusOr<v1::ReconcileResponse> Run() {
    TakeMatched();
    if (absl::Status s = MatchSettlements(); !s.ok()) return s;
    if (absl::Status s = MatchBank(); !s.ok()) return s;
    Sum();
    return std::move(response_);
  }

 private:
  bool InPeriod(std::string_view day) const { return first_on_ <= day && day <= last_on_; }

  void AddLine(v1::BankLine line) {
    const std::string name = line.name();
    lines_.try_emplace(name, std::move(line));
  }
  void AddExpected(v1::Movement movement) {
    const std::string subject = movement.subject();
    expected_.try_emplace(subject, std::move(movement));
  }
  void AddRefund(const v1::Refund& refund) {
    for (v1::Movement& movement : MovementsOf(refund)) AddExpected(std::move(movement));
  }

  // What was booked or paid on another day than it was in the books of the other side.
  void FindOtherSides() {
    std::set<std::string> references;
    for (const auto& [name, line] : lines_) references.insert(line.reference());
    for (const auto& [subject, movement] : expected_) references.insert(movement.reference());
    references.erase("");
    for (const std::string& reference : references) {
      for (v1::BankLine& line : c_.store.BankLinesByReference(c_.seller, reference)) {
        AddLine(std::move(line));
      }
      for (const v1::Refund& refund : c_.store.RefundsByReference(c_.seller, reference)) {
        AddRefund(refund);
      }
      for (const v1::Payout& payout : c_.store.PayoutsBySettlement(c_.seller, reference)) {
        AddExpected(MovementOf(payout));
      }
    }
    // And what a person matched, whatever it refers to.
    std::vector<std::string> lines, matches;
    for (const auto& [subject, movement] : expected_) {
      const std::string line = c_.store.LineMatchedTo(c_.seller, subject);
      if (!line.empty()) lines.push_back(line);
    }
    for (const std::string& id : lines) {
      if (auto line = c_.store.FindBankLine(c_.seller, id)) AddLine(*std::move(line));
    }
    for (const auto& [name, line] : lines_) {
      for (const std::string& match : line.matches()) {
        if (!expected_.contains(match)) matches.push_back(match);
      }
    }
    for (const std::string& match : matches) {
      if (auto movement = MovementFor(c_, match); movement.ok()) AddExpected(*std::move(movement));
    }
  }

  bool IsOf(const v1::BankLine& line, v1::BankLine::Source source) const {
    return line.source() == source && line.state() != v1::BankLine::STATE_IGNORED &&
           !done_lines_.contains(line.name());
  }

  // What is matched already.
  void TakeMatched() {
    for (const auto& [name, line] : lines_) {
      if (!IsMatched(line.state())) continue;
      done_lines_.insert(name);
      absl::int128 sum = 0;
      bool any_in_period = InPeriod(line.booked_on());
      for (const std::string& match : line.matches()) {
        done_expected_.insert(match);
        const auto movement = expected_.find(match);
        if (movement == expected_.end()) continue;
        sum += movement->second.amount().minor_units();
        any_in_period = any_in_period || InPeriod(movement->second.day());
      }
      if (!any_in_period) continue;
      AddPairs(line);
      // A settlement that got more lines since.
      if (sum != line.amount().minor_units() && !line.matches().empty()) {
        const auto movement = expected_.find(line.matches(0));
        if (movement == expected_.end()) continue;
        AddPair(movement->second, MovementOf(line), response_.add_mismatched());
      }
    }
  }

  static void AddPair(const v1::Movement& expected, const v1::Movement& line,
                      v1::MovementPair* pair) {
    *pair->mutable_expected() = expected;
    *pair->mutable_line() = line;
  }
  void AddPairs(const v1::BankLine& line) {
    const bool bank = line.source() == v1::BankLine::SOURCE_BANK;
    if (bank) counted_lines_.push_back(MovementOf(line));
    for (const std::string& match : line.matches()) {
      const auto movement = expected_.find(match);
      if (movement == expected_.end()) continue;
      if (bank) counted_expected_.push_back(movement->second);
      AddPair(movement->second, MovementOf(line), response_.add_matched());
    }
  }

  absl::Status Apply(const v1::Movement& expected, v1::BankLine* line) {
    if (absl::Status s = Match(c_, line, {expected.subject()}, /*exact=*/true); !s.ok()) return s;
    done_lines_.insert(line->name());
    done_expected_.insert(expected.subject());
    response_.set_newly_matched_count(response_.newly_matched_count() + 1);
    AddPairs(*line);
    return absl::OkStatus();
  }

  void Open(v1::BankLine::Source source, bool payouts, std::vector<v1::Movement>* expected,
            std::vector<v1::Movement>* lines) const {
    for (const auto& [subject, movement] : expected_) {
      if (done_expected_.contains(subject)) continue;
      if (!payouts && names::Split(subject).collection == "payouts") continue;
      expected->push_back(movement);
    }
    for (const auto& [name, line] : lines_) {
      if (IsOf(line, source)) lines->push_back(MovementOf(line));
    }
    // Older ones first.
    std::stable_sort(expected->begin(), expected->end(),
                     [](const auto& a, const auto& b) { return a.day() < b.day(); });
    std::stable_sort(lines->begin(), lines->end(),
                     [](const auto& a, const auto& b) { return a.day() < b.day(); });
  }

  // A settlement shows a refund among what adds up to its payout.
  absl::Status MatchSettlements() {
    std::vector<v1::Movement> expected, lines;
    Open(v1::BankLine::SOURCE_SETTLEMENT, /*payouts=*/false, &expected, &lines);
    const Matching matching = MatchMovements(expected, lines);
    for (const auto& [e, l] : matching.matched) {
      if (absl::Status s = Apply(expected[e], &lines_.at(lines[l].subject())); !s.ok()) return s;
    }
    // A refund may be many lines of a settlement; only a single one shows another amount.
    std::map<std::string, int> lines_of;
    for (const v1::Movement& line : lines) ++lines_of[line.reference()];
    for (const auto& [e, l] : matching.mismatched) {
      if (lines_of[lines[l].reference()] > 1) continue;
      if (absl::Status s = FindMismatch(expected[e], lines[l]); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status MatchBank() {
    std::vector<v1::Movement> expected, lines;
    Open(v1::BankLine::SOURCE_BANK, /*payouts=*/true, &expected, &lines);
    const Matching matching = MatchMovements(expected, lines);
    for (const auto& [e, l] : matching.matched) {
      if (absl::Status s = Apply(expected[e], &lines_.at(lines[l].subject())); !s.ok()) return s;
    }
    for (const auto& [e, l] : matching.mismatched) {
      if (absl::Status s = FindMismatch(expected[e], lines[l]); !s.ok()) return s;
    }
    if (absl::Status s = FindShownAgain(expected, lines, matching); !s.ok()) return s;
    std::map<std::string, std::string> suggested;
    for (const auto& [e, l] : matching.suggested) {
      suggested[lines[l].subject()] = expected[e].subject();
    }
    for (const size_t l : matching.unexplained) {
      v1::BankLine& line = lines_.at(lines[l].subject());
      const auto found = suggested.find(line.name());
      const std::string suggestion = found == suggested.end() ? "" : found->second;
      if (suggestion != line.suggestion()) {
        line.set_suggestion(suggestion);
        line.set_state(suggestion.empty() ? v1::BankLine::STATE_UNMATCHED
                                          : v1::BankLine::STATE_SUGGESTED);
        SaveLine(c_, &line);
      }
      if (!InPeriod(lines[l].day())) continue;
      counted_lines_.push_back(lines[l]);
      *response_.add_unexplained_in_bank() = lines[l];
    }
    for (const size_t e : matching.missing) {
      if (!InPeriod(expected[e].day())) continue;
      counted_expected_.push_back(expected[e]);
      *response_.add_missing_in_bank() = expected[e];
    }
    return absl::OkStatus();
  }

  absl::Status FindMismatch(const v1::Movement& expected, const v1::Movement& line) {
    if (InPeriod(expected.day()) || InPeriod(line.day())) {
      AddPair(expected, line, response_.add_mismatched());
    }
    return TellRefund(expected.subject(), line);
  }

  // A payment that the bank shows once more than it was made.
  absl::Status FindShownAgain(const std::vector<v1::Movement>& expected,
                              const std::vector<v1::Movement>& lines, const Matching& matching) {
    using Key = std::tuple<std::string, int64_t, std::string>;
    const auto key_of = [](const v1::Movement& movement) {
      return Key(movement.reference(), movement.amount().minor_units(),
                 movement.amount().currency_code());
    };
    std::map<Key, std::string> shown;  // payments that a line of the bank is
    for (const auto& [name, line] : lines_) {
      if (line.source() != v1::BankLine::SOURCE_BANK || !IsMatched(line.state())) continue;
      for (const std::string& match : line.matches()) {
        const auto movement = expected_.find(match);
        if (movement == expected_.end() || ParseMatch(match).reversal) continue;
        shown.try_emplace(key_of(movement->second), match);
      }
    }
    std::set<size_t> of_others;
    for (const auto& [e, l] : matching.mismatched) {
      if (!ParseMatch(expected[e].subject()).reversal) of_others.insert(l);
    }
    for (const size_t l : matching.unexplained) {
      const auto known = shown.find(key_of(lines[l]));
      if (known == shown.end() || lines[l].reference().empty() || of_others.contains(l)) continue;
      if (absl::Status s = TellRefund(known->second, lines[l]); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  // What a line shows of a payment that it does not match.
  absl::Status TellRefund(const std::string& match, const v1::Movement& line) {
    const MatchSubject subject = ParseMatch(match);
    if (subject.reversal || names::Split(subject.name).collection != "refunds") {
      return absl::OkStatus();
    }
    auto record = c_.store.FindRefund(c_.seller, IdOf(subject.name));
    if (!record) return absl::OkStatus();
    v1::Event fact = c_.NewEvent(subject.name, record->state().channel());
    fact.mutable_refund_mismatched()->set_bank_line(line.subject());
    *fact.mutable_refund_mismatched()->mutable_shown() = line.amount();
    // Found once, however often it is looked for.
    v1::Refund after = record->state();
    ApplyRefundFact(fact, &after);
    if (after.findings_size() == record->state().findings_size()) return absl::OkStatus();
    return RecordRefundFact(c_, *std::move(record), std::move(fact)).status();
  }

  void Sum() {
    for (const v1::Money& difference : Differences(counted_expected_, counted_lines_)) {
      *response_.add_differences() = difference;
    }
  }

  Command& c_;
  const std::string first_on_, last_on_;
  std::map<std::string, v1::BankLine> lines_;
  std::map<std::string, v1::Movement> expected_;
  std::set<std::string> done_lines_, done_expected_;
  std::vector<v1::Movement> counted_lines_, counted_expected_;
  v1::ReconcileResponse response_;
};

}  // namespace

absl::StatusOr<v1::ReconcileResponse> Reconcile(Command& c, const v1::ReconcileRequest& request) {
  Period period(c, request.first_on(), request.last_on());
  if (absl::Status s = period.Read(); !s.ok()) return s;
  return period.Run();
}

absl::StatusOr<v1::BankLine> MatchLine(Command& c, const v1::MatchLineRequest& request) {
  auto line = OpenLine(c, request);
  if (!line.ok()) return line.status();
  std::vector<std::string> matches(request.matches().begin(), request.matches().end());
  if (matches.empty() && !line->suggestion().empty()) matches.push_back(line->suggestion());
  if (!IsMatched(line->state())) {
    if (matches.empty() || matches.size() > kMatchesMax) {
      return InvalidField("matches", "MISSING_FIELD",
                          Cat("say what the line is: 1 to ", kMatchesMax, " refunds or payouts"));
    }
    if (std::set<std::string>(matches.begin(), matches.end()).size() != matches.size()) {
      return InvalidField("matches", "ALREADY_MATCHED", "one is named twice");
    }
  }
  std::vector<v1::Movement> movements;
  for (const std::string& match : matches) {
    if (IsMatched(line->state())) break;
    auto movement = MovementFor(c, match);
    if (!movement.ok()) return movement.status();
    const std::string other = c.store.LineMatchedTo(c.seller, match);
    if (!other.empty()) {
      const std::string name = names::Make(c.seller, "bankLines", other);
      return Refuse(absl::StatusCode::kFailedPrecondition, "ALREADY_MATCHED",
                    Cat(match, " is matched to ", name,
                        " already; take that back with UnmatchLine first, if it is wrong"))
          .Field("matches", "what no other line shows")
          .With("line", name)
          .With("match", match);
    }
    movements.push_back(*std::move(movement));
  }
  if (absl::Status s = CheckMatchLine(*line, movements); !s.ok()) return s;
  if (absl::Status s = Match(c, &*line, matches, /*exact=*/false); !s.ok()) return s;
  return *line;
}

absl::StatusOr<v1::BankLine> UnmatchLine(Command& c, const v1::UnmatchLineRequest& request) {
  auto line = OpenLine(c, request);
  if (!line.ok()) return line.status();
  if (absl::Status s = CheckUnmatchLine(*line, request.reason()); !s.ok()) return s;
  const std::vector<std::string> matches(line->matches().begin(), line->matches().end());
  v1::Event event = c.NewEvent(line->name(), matches.empty() ? "" : ChannelOf(c, matches.front()));
  event.mutable_bank_line_unmatched()->set_reason(request.reason());
  for (const std::string& match : matches) {
    event.mutable_bank_line_unmatched()->add_matches(match);
    c.store.RemoveMatch(c.seller, match);
  }
  line->clear_matches();
  line->set_reason(request.reason());
  Decide(c, &*line, v1::BankLine::STATE_UNMATCHED, std::move(event));
  for (const std::string& match : matches) {
    const MatchSubject subject = ParseMatch(match);
    const names::Name name = names::Split(subject.name);
    if (name.collection == "payouts") {
      if (absl::Status s = SetPayoutLine(c, subject.name, ""); !s.ok()) return s;
      continue;
    }
    if (subject.reversal) continue;
    auto record = c.store.FindRefund(c.seller, name.id);
    if (!record) continue;
    v1::Event fact = c.NewEvent(subject.name, record->state().channel());
    fact.mutable_refund_unreconciled()->set_bank_line(line->name());
    fact.mutable_refund_unreconciled()->set_reason(request.reason());
    if (auto stored = RecordRefundFact(c, *std::move(record), std::move(fact)); !stored.ok()) {
      return stored.status();
    }
  }
  return *line;
}

absl::StatusOr<v1::BankLine> IgnoreLine(Command& c, const v1::IgnoreLineRequest& request) {
  auto line = OpenLine(c, request);
  if (!line.ok()) return line.status();
  if (absl::Status s = CheckIgnoreLine(*line, request.reason()); !s.ok()) return s;
  if (line->state() == v1::BankLine::STATE_IGNORED && line->reason() == request.reason()) {
    return *line;
  }
  v1::Event event = c.NewEvent(line->name(), "");
  event.mutable_bank_line_ignored()->set_reason(request.reason());
  line->set_reason(request.reason());
  Decide(c, &*line, v1::BankLine::STATE_IGNORED, std::move(event));
  return *line;
}

}  // namespace aftersales::engine
