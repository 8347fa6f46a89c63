#include "core/domain/reconcile.h"

#include "core/domain/money.h"
#include "core/status/refusal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

v1::Movement Move(std::string_view reference, int64_t amount, std::string_view currency = "USD") {
  v1::Movement movement;
  movement.set_reference(std::string(reference));
  *movement.mutable_amount() = money::Make(amount, currency);
  return movement;
}

TEST(Reconcile, MatchesEachOnceAndExactly) {
  const std::vector<v1::Movement> expected = {Move("A", -100), Move("A", -100), Move("B", -5),
                                              Move("C", 7)};
  const std::vector<v1::Movement> lines = {Move("A", -100), Move("B", -5, "EUR"), Move("", 7),
                                           Move("A", -100), Move("A", -100)};
  const Matching matching = MatchMovements(expected, lines);
  EXPECT_THAT(matching.matched, ElementsAre(Pair(0, 0), Pair(1, 3)));
  EXPECT_THAT(matching.mismatched, ElementsAre(Pair(2, 1)));
  EXPECT_THAT(matching.missing, ElementsAre(2, 3));
  EXPECT_THAT(matching.unexplained, ElementsAre(1, 2, 4));
  // A line without a reference is never taken for anything, only pointed at.
  EXPECT_THAT(matching.suggested, ElementsAre(Pair(3, 2)));
}

TEST(Reconcile, TwoOfOneAmountAreNoSuggestion) {
  const std::vector<v1::Movement> expected = {Move("A", 7), Move("B", 7)};
  const std::vector<v1::Movement> lines = {Move("X", 7)};
  EXPECT_THAT(MatchMovements(expected, lines).suggested, IsEmpty());
}

TEST(Reconcile, EmptyReferencesNeverMatch) {
  const std::vector<v1::Movement> one = {Move("", 7)};
  EXPECT_THAT(MatchMovements(one, one).matched, IsEmpty());
}

TEST(Reconcile, DifferencesGoByCurrency) {
  const std::vector<v1::Movement> expected = {Move("A", -100), Move("B", 50, "EUR")};
  const std::vector<v1::Movement> lines = {Move("A", -90), Move("B", 50, "EUR")};
  const std::vector<v1::Money> differences = Differences(expected, lines);
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(money::Format(differences[0]), "0.00 EUR");
  EXPECT_EQ(money::Format(differences[1]), "0.10 USD");
}

TEST(Reconcile, RefundThatCameBackMovesTwice) {
  v1::Refund refund;
  refund.set_name("sellers/acme/refunds/rfd_1");
  refund.set_external_refund_id("R");
  *refund.mutable_total() = money::Make(500, "USD");
  EXPECT_THAT(MovementsOf(refund), IsEmpty());
  refund.set_status(v1::Refund::STATUS_SUCCEEDED);
  ASSERT_EQ(MovementsOf(refund).size(), 1u);
  EXPECT_EQ(MovementsOf(refund)[0].amount().minor_units(), -500);
  refund.set_status(v1::Refund::STATUS_REVERSED);
  const std::vector<v1::Movement> both = MovementsOf(refund);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[1].amount().minor_units(), 500);
  EXPECT_EQ(ParseMatch(both[1].subject()).name, refund.name());
  EXPECT_TRUE(ParseMatch(both[1].subject()).reversal);
  EXPECT_FALSE(ParseMatch(both[0].subject()).reversal);
}

TEST(Reconcile, LinesMatchOnlyWhatAddsUpExactly) {
  v1::BankLine line;
  line.set_name("sellers/acme/bankLines/l");
  line.set_state(v1::BankLine::STATE_UNMATCHED);
  *line.mutable_amount() = money::Make(-150, "USD");
  const std::vector<v1::Movement> two = {Move("A", -100), Move("B", -50)};
  EXPECT_TRUE(CheckMatchLine(line, two).ok());
  const std::vector<v1::Movement> one = {Move("A", -100)};
  EXPECT_EQ(ReasonOf(CheckMatchLine(line, one)), "AMOUNT_MISMATCH");
  const std::vector<v1::Movement> other = {Move("A", -150, "EUR")};
  EXPECT_EQ(ReasonOf(CheckMatchLine(line, other)), "AMOUNT_MISMATCH");
  line.set_state(v1::BankLine::STATE_IGNORED);
  EXPECT_EQ(ReasonOf(CheckMatchLine(line, two)), "INVALID_STATE");
  EXPECT_TRUE(CheckUnmatchLine(line, "a mistake").ok());
  line.set_state(v1::BankLine::STATE_MATCHED);
  line.add_matches("sellers/acme/refunds/r");
  EXPECT_EQ(ReasonOf(CheckMatchLine(line, two)), "ALREADY_MATCHED");
  EXPECT_EQ(ReasonOf(CheckIgnoreLine(line, "x")), "ALREADY_MATCHED");
  EXPECT_EQ(ReasonOf(CheckUnmatchLine(line, "")), "REASON_REQUIRED");
  line.set_state(v1::BankLine::STATE_UNMATCHED);
  EXPECT_EQ(ReasonOf(CheckUnmatchLine(line, "x")), "INVALID_STATE");
}

}  // namespace
}  // namespace aftersales
