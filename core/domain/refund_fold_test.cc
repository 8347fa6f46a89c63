#include "core/domain/refund_fold.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "core/domain/money.h"
#include "core/status/text.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

class RefundFold : public testing::Test {
 protected:
  void Approve() {
    v1::Event fact;
    v1::Refund* refund = fact.mutable_refund_approved()->mutable_refund();
    refund->set_effect_id("e1");
    refund->mutable_total()->set_minor_units(3894);
    ApplyRefundFact(fact, &state_);
  }
  void Submit() {
    v1::Event fact;
    fact.mutable_refund_submitted()->set_attempt(1);
    ApplyRefundFact(fact, &state_);
  }
  void Succeed(const char* id = "p1") {
    v1::Event fact;
    fact.mutable_occurred_at()->set_seconds(1);
    fact.mutable_refund_succeeded()->set_external_refund_id(id);
    ApplyRefundFact(fact, &state_);
  }
  void Fail() {
    v1::Event fact;
    fact.mutable_refund_failed()->set_reason("no funds");
    ApplyRefundFact(fact, &state_);
  }
  void Lose() {
    v1::Event fact;
    fact.mutable_refund_outcome_unknown()->set_reason("timeout");
    ApplyRefundFact(fact, &state_);
  }
  void Cancel() {
    v1::Event fact;
    fact.mutable_refund_cancelled();
    ApplyRefundFact(fact, &state_);
  }
  v1::Refund state_;
};

TEST_F(RefundFold, GoesFromDecisionToPayment) {
  state_.set_name("sellers/acme/refunds/r1");
  Approve();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(state_.name(), "sellers/acme/refunds/r1");
  EXPECT_EQ(state_.effect_id(), "e1");
  Submit();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUBMITTED);
  Succeed();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(state_.external_refund_id(), "p1");
  EXPECT_EQ(state_.succeeded_at().seconds(), 1);
}

// Told, shown by a statement, or paid twice: somebody has to see to it, and it ends with that.
TEST_F(RefundFold, WhatWasPaidOtherwiseIsSeenTo) {
  v1::Event approved, paid, shown, again, seen, reversed;
  *approved.mutable_refund_approved()->mutable_refund()->mutable_total() = money::Make(1000, "USD");
  *paid.mutable_refund_succeeded()->mutable_amount() = money::Make(900, "USD");
  paid.mutable_refund_succeeded()->set_external_refund_id("p1");
  paid.mutable_refund_succeeded()->mutable_due_at()->set_seconds(7);
  *shown.mutable_refund_mismatched()->mutable_shown() = money::Make(-899, "USD");
  shown.mutable_refund_mismatched()->mutable_due_at()->set_seconds(8);
  again.mutable_refund_succeeded()->set_external_refund_id("p2");
  again.mutable_refund_succeeded()->mutable_due_at()->set_seconds(9);
  seen.mutable_refund_difference_settled()->set_proof("asked them");
  reversed.mutable_refund_reversed()->set_reason("came back");
  ApplyRefundFact(approved, &state_);
  ApplyRefundFact(seen, &state_);
  EXPECT_EQ(state_.difference_proof(), "") << "nothing was paid";
  for (const auto& [fact, due, title] :
       {std::tuple(&paid, 7, "9.00 USD was refunded instead of 10.00 USD"),
        std::tuple(&shown, 8, "9.00 USD was refunded, the statement shows 8.99 USD"),
        std::tuple(&again, 9, "A refund of 9.00 USD is told to be paid twice")}) {
    ApplyRefundFact(*fact, &state_);
    EXPECT_TRUE(AwaitsSettlement(state_)) << title;
    EXPECT_EQ(state_.due_at().seconds(), due);
    EXPECT_EQ(state_.manual_action().title(), title);
    EXPECT_EQ(state_.manual_action().steps_size(), 3);
    v1::Refund back = state_;
    ApplyRefundFact(reversed, &back);
    EXPECT_FALSE(back.has_manual_action() || back.has_due_at());
    ApplyRefundFact(seen, &state_);
    EXPECT_FALSE(state_.has_manual_action() || state_.has_due_at());
    EXPECT_EQ(state_.difference_proof(), "asked them");
    EXPECT_EQ(state_.paid_amount().minor_units(), 900);
  }
  EXPECT_EQ(state_.findings_size(), 3);
}

// The bank's sign is which way the money went, and never part of the amount that is said.
TEST_F(RefundFold, StatementIsToldWithoutSigns) {
  v1::Event approved, paid;
  *approved.mutable_refund_approved()->mutable_refund()->mutable_total() = money::Make(1000, "USD");
  *paid.mutable_refund_succeeded()->mutable_amount() = money::Make(1000, "USD");
  ApplyRefundFact(approved, &state_);
  ApplyRefundFact(paid, &state_);
  const auto shown = [this](int64_t units, const char* line) {
    v1::Event fact;
    *fact.mutable_refund_mismatched()->mutable_shown() = money::Make(units, "USD");
    fact.mutable_refund_mismatched()->set_bank_line(Cat("sellers/acme/bankLines/", line));
    fact.mutable_refund_mismatched()->mutable_due_at()->set_seconds(8);
    ApplyRefundFact(fact, &state_);
    return state_.findings(state_.findings_size() - 1);
  };
  EXPECT_THAT(shown(-999, "b1").message(),
              testing::StartsWith("10.00 USD was paid, but the statement shows 9.99 USD (b1); "));
  EXPECT_THAT(state_.manual_action().steps(1), testing::HasSubstr("pay it"));
  const v1::Finding back = shown(1000, "b2");
  EXPECT_EQ(back.kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  EXPECT_EQ(back.message(),
            "10.00 USD was paid, but the statement shows that 10.00 USD came back (b2); ask the "
            "marketplace or the bank. If it came back, say so with ReverseRefund.");
  EXPECT_EQ(state_.manual_action().title(),
            "10.00 USD was refunded, the statement shows that 10.00 USD came back");
  EXPECT_THAT(state_.manual_action().steps(1), testing::HasSubstr("ReverseRefund"));
  EXPECT_THAT(shown(std::numeric_limits<int64_t>::min(), "b3").message(),
              testing::Not(testing::HasSubstr("-")));
  EXPECT_THAT(state_.manual_action().steps(1), testing::HasSubstr("Claim back"));

  // The same payment on a line of its own is another one, and found once a line.
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(shown(-1000, "b4").kind(), v1::Finding::KIND_OVER_REFUNDED);
    EXPECT_EQ(state_.findings_size(), 4);
  }
  EXPECT_EQ(state_.manual_action().title(),
            "A refund of 10.00 USD is on the statement more than once");
  EXPECT_EQ(shown(-1000, "b5").kind(), v1::Finding::KIND_OVER_REFUNDED);
  EXPECT_EQ(state_.findings_size(), 5);

  // Once it came back nobody has to see to it.
  v1::Event reversed;
  reversed.mutable_refund_reversed()->set_reason("came back");
  ApplyRefundFact(reversed, &state_);
  shown(-1000, "b6");
  EXPECT_EQ(state_.findings_size(), 6);
  EXPECT_FALSE(state_.has_manual_action() || state_.has_due_at());
}

TEST_F(RefundFold, PaidAsAskedAndTooMuchIsSeenTo) {
  Approve();
  v1::Event paid;
  paid.mutable_refund_succeeded()->set_external_refund_id("p1");
  paid.mutable_refund_succeeded()->mutable_due_at()->set_seconds(7);
  ApplyRefundFact(paid, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUCCEEDED);
  ASSERT_EQ(state_.findings_size(), 1);
  EXPECT_EQ(state_.findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
  EXPECT_TRUE(AwaitsSettlement(state_));
  EXPECT_EQ(state_.due_at().seconds(), 7);
}

TEST_F(RefundFold, TheSamePaymentOfAnotherAmountIsAFindingOnce) {
  v1::Event approved, paid, told;
  *approved.mutable_refund_approved()->mutable_refund()->mutable_total() = money::Make(1000, "USD");
  paid.mutable_refund_succeeded()->set_external_refund_id("p1");
  told.mutable_refund_succeeded()->set_external_refund_id("p1");
  *told.mutable_refund_succeeded()->mutable_amount() = money::Make(1000, "USD");
  ApplyRefundFact(approved, &state_);
  ApplyRefundFact(paid, &state_);
  ApplyRefundFact(told, &state_);
  EXPECT_EQ(state_.findings_size(), 0);
  *told.mutable_refund_succeeded()->mutable_amount() = money::Make(900, "USD");
  told.mutable_refund_succeeded()->mutable_due_at()->set_seconds(7);
  for (int i = 0; i < 2; ++i) ApplyRefundFact(told, &state_);
  ASSERT_EQ(state_.findings_size(), 1);
  EXPECT_EQ(state_.findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  EXPECT_EQ(state_.paid_amount().minor_units(), 1000) << "what was known stays";
  EXPECT_TRUE(AwaitsSettlement(state_));
}

TEST_F(RefundFold, AnotherAmountThanWasAskedIsAFinding) {
  v1::Event fact;
  *fact.mutable_refund_approved()->mutable_refund()->mutable_total() = money::Make(1000, "USD");
  ApplyRefundFact(fact, &state_);
  EXPECT_EQ(HeldUnits(state_), 1000);
  v1::Refund as_asked = state_;
  std::swap(as_asked, state_);
  Succeed();
  std::swap(as_asked, state_);
  EXPECT_EQ(as_asked.paid_amount().minor_units(), 1000);
  EXPECT_EQ(as_asked.findings_size(), 0);
  for (const int64_t paid : {900, 1100}) {
    v1::Refund state = state_;
    v1::Event succeeded;
    *succeeded.mutable_refund_succeeded()->mutable_amount() = money::Make(paid, "USD");
    ApplyRefundFact(succeeded, &state);
    EXPECT_EQ(state.paid_amount().minor_units(), paid);
    ASSERT_EQ(state.findings_size(), 1);
    EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
    EXPECT_EQ(HeldUnits(state), paid) << "the rest can be paid still";
  }
  Fail();
  EXPECT_EQ(HeldUnits(state_), 0);
}

TEST_F(RefundFold, WaitsForTheSecondPerson) {
  v1::Event asked;
  *asked.mutable_refund_requested()->mutable_refund()->mutable_total() = money::Make(1000, "USD");
  asked.mutable_refund_requested()->mutable_due_at()->set_seconds(7);
  ApplyRefundFact(asked, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(state_.due_at().seconds(), 7);
  EXPECT_EQ(HeldUnits(state_), 1000) << "it is reserved while it waits";
  v1::Refund cancelled = state_;
  std::swap(cancelled, state_);
  Cancel();
  std::swap(cancelled, state_);
  EXPECT_EQ(cancelled.status(), v1::Refund::STATUS_CANCELLED);
  EXPECT_EQ(HeldUnits(cancelled), 0);
  v1::Event approved;
  *approved.mutable_refund_approved()->mutable_refund() = state_;
  approved.mutable_refund_approved()->mutable_refund()->mutable_approved_by()->set_id("mia");
  ApplyRefundFact(approved, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(state_.approved_by().id(), "mia");
  EXPECT_FALSE(state_.has_due_at());
}

TEST_F(RefundFold, AFailedOneThatNoReturnAsksForWaitsForAPerson) {
  Approve();
  Submit();
  Fail();
  EXPECT_FALSE(AwaitsRetry(state_)) << "its return asks for it";
  v1::Event failed;
  failed.mutable_refund_failed()->set_reason("no funds");
  failed.mutable_refund_failed()->mutable_due_at()->set_seconds(7);
  ApplyRefundFact(failed, &state_);
  ASSERT_TRUE(AwaitsRetry(state_));
  EXPECT_FALSE(state_.manual_action().title().empty());
  EXPECT_FALSE(AwaitsPerson(state_)) << "there is nothing to pay by hand";
  const v1::Refund waits = state_;
  // Until it is tried again,
  v1::Event again;
  *again.mutable_refund_approved()->mutable_refund() = state_;
  ApplyRefundFact(again, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_FALSE(state_.has_manual_action() || state_.has_due_at());
  // taken back,
  state_ = waits;
  Cancel();
  EXPECT_FALSE(state_.has_manual_action() || state_.has_due_at());
  // paid after all,
  state_ = waits;
  Succeed();
  EXPECT_FALSE(state_.has_manual_action() || state_.has_due_at());
  // or another one was paid in its place.
  state_ = waits;
  v1::Event instead;
  instead.mutable_refund_difference_settled()->set_proof("paid instead: r2");
  ApplyRefundFact(instead, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_FAILED);
  EXPECT_FALSE(AwaitsRetry(state_) || state_.has_manual_action());
}

TEST_F(RefundFold, OrderThatCapturedLessAfterAllIsAFinding) {
  Approve();
  Succeed();
  v1::Event corrected;
  corrected.mutable_invariant_broken()->set_invariant(std::string(kCapturedCoversRefunds));
  corrected.mutable_invariant_broken()->set_message("captured 5.00");
  ApplyRefundFact(corrected, &state_);
  ASSERT_EQ(state_.findings_size(), 1);
  EXPECT_EQ(state_.findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
}

TEST_F(RefundFold, AFailedOneMayBeTriedAgainAndAPaidOneMayComeBack) {
  Approve();
  Submit();
  Fail();
  v1::Event again;
  *again.mutable_refund_approved()->mutable_refund() = state_;
  ApplyRefundFact(again, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(state_.failure(), "");
  v1::Event reversed;
  reversed.mutable_refund_reversed()->set_reason("account closed");
  ApplyRefundFact(reversed, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED) << "what was not paid cannot come back";
  Succeed();
  ApplyRefundFact(reversed, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_REVERSED);
  EXPECT_EQ(state_.reversal_reason(), "account closed");
  EXPECT_EQ(HeldUnits(state_), 0);
  Succeed("p2");
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_REVERSED) << "a late copy of the payment";
}

TEST_F(RefundFold, PaymentIsFinal) {
  Approve();
  Submit();
  Succeed();
  const std::string paid = state_.SerializeAsString();
  Fail();
  Lose();
  Cancel();
  Submit();
  Succeed("p1");
  Succeed("");
  EXPECT_EQ(state_.SerializeAsString(), paid);
}

TEST_F(RefundFold, APaymentToldTwiceUnderOtherIdsIsAFinding) {
  Approve();
  Submit();
  Succeed("");
  EXPECT_EQ(state_.external_refund_id(), "");
  Succeed("p1");
  EXPECT_EQ(state_.external_refund_id(), "p1") << "who knew of the payment did not know its id";
  EXPECT_EQ(state_.findings_size(), 0);
  Succeed("p2");
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(state_.external_refund_id(), "p1");
  ASSERT_EQ(state_.findings_size(), 1);
  EXPECT_EQ(state_.findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
}

TEST_F(RefundFold, UnknownIsSettledEitherWayAndHoldsMoneyUntilThen) {
  Approve();
  Submit();
  Lose();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_UNKNOWN);
  EXPECT_TRUE(HoldsMoney(state_.status()));
  Fail();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_FAILED);
  EXPECT_FALSE(HoldsMoney(state_.status()));
  Succeed();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_TRUE(state_.failure().empty());
}

TEST_F(RefundFold, OnlyWhatWasNotHandedOverCanBeTakenBack) {
  Approve();
  Submit();
  Cancel();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_SUBMITTED);
  state_.Clear();
  Approve();
  Cancel();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_CANCELLED);
  Submit();
  Succeed();
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_CANCELLED);
}

TEST_F(RefundFold, WaitsForAPersonWhereThereIsNoApi) {
  Approve();
  v1::Event fact;
  fact.mutable_refund_awaits_person()->mutable_action()->set_title("Refund in Seller Central");
  ApplyRefundFact(fact, &state_);
  EXPECT_EQ(state_.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(state_.manual_action().title(), "Refund in Seller Central");
  Succeed();
  EXPECT_FALSE(state_.has_manual_action());
}

}  // namespace
}  // namespace aftersales
