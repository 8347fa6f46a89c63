#include "core/domain/return_fold.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "core/domain/deadlines.h"
#include "core/domain/refund_quote.h"
#include "core/domain/test_facts.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::Facts;
using testing_util::Pointers;

constexpr std::string_view kName = "sellers/acme/returns/ret_1";

class ReturnFold : public testing::Test {
 protected:
  v1::Return Of(const std::vector<v1::Event>& facts) const {
    return FoldReturn(kName, Pointers(facts), context_);
  }
  static bool Has(const v1::Return& state, v1::Finding::Kind kind) {
    return std::any_of(state.findings().begin(), state.findings().end(),
                       [&](const v1::Finding& finding) { return finding.kind() == kind; });
  }
  static const v1::Deadline* Deadline(const v1::Return& state, v1::Deadline::Kind kind) {
    for (const v1::Deadline& deadline : state.deadlines()) {
      if (deadline.kind() == kind) return &deadline;
    }
    return nullptr;
  }
  std::vector<v1::Event> HappyPath() {
    return {
        f_.Requested("2026-03-02T09:00:00Z"),
        f_.Approved("2026-03-02T12:00:00Z"),
        f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610),
        f_.Scanned("2026-03-05T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT),
        f_.Scanned("2026-03-07T10:00:00Z", v1::TrackingEvent::MILESTONE_DELIVERED),
        f_.Received("2026-03-07T12:00:00Z", 1, "r1"),
        f_.Inspected("2026-03-07T12:30:00Z", 1, v1::CONDITION_NEW, "i1"),
        f_.Refunded("2026-03-07T13:00:00Z", 1, 3894, "p1"),
    };
  }

  Facts f_;
  v1::Channel channel_ = testing_util::UsChannel();
  v1::Order order_ = testing_util::UsOrder();
  v1::Policy policy_ = *FindPolicy("seed");
  FoldContext context_{channel_, policy_, &order_};
};

TEST_F(ReturnFold, WalksTheHappyPath) {
  const std::vector<v1::Event> all = HappyPath();
  const std::vector<v1::Return::Status> expected = {
      v1::Return::STATUS_REQUESTED,  v1::Return::STATUS_APPROVED,  v1::Return::STATUS_APPROVED,
      v1::Return::STATUS_IN_TRANSIT, v1::Return::STATUS_DELIVERED, v1::Return::STATUS_RECEIVED,
      v1::Return::STATUS_INSPECTED,  v1::Return::STATUS_RESOLVED};
  for (size_t n = 1; n <= all.size(); ++n) {
    const v1::Return state = Of({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_EQ(state.status(), expected[n - 1]) << "after fact " << n;
    EXPECT_TRUE(state.findings().empty()) << state.ShortDebugString();
  }
  const v1::Return state = Of(all);
  EXPECT_EQ(state.items(0).quantity_refunded(), 1);
  EXPECT_EQ(state.items(0).fault(), v1::FAULT_SELLER);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_DELIVERED);
  const v1::Deadline* response = Deadline(state, v1::Deadline::KIND_RETURN_RESPONSE);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->state(), v1::Deadline::STATE_MET);
  EXPECT_EQ(calendar::FromProto(response->due_at()), At("2026-03-04T09:00:00Z"));
  EXPECT_EQ(calendar::FromProto(response->met_at()), At("2026-03-02T12:00:00Z"));
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_RETURN_BY)->state(), v1::Deadline::STATE_MET);
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_RECEIPT)->state(), v1::Deadline::STATE_MET);
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_MET);
  const std::optional<ClockWork> close = NextForClock(state);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->deadline->kind(), v1::Deadline::KIND_AUTO_CLOSE);
  EXPECT_EQ(close->at, At("2026-04-06T13:00:00Z"));
  EXPECT_EQ(NextForPerson(state), nullptr);

  std::vector<v1::Event> closed = all;
  closed.push_back(f_.Closed("2026-04-06T13:00:01Z"));
  EXPECT_EQ(Of(closed).status(), v1::Return::STATUS_CLOSED);
  EXPECT_FALSE(NextForClock(Of(closed)));
}

TEST_F(ReturnFold, EveryOrderOfTheSixFactsOfN02GivesTheSameReturn) {
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z")};
  facts.push_back(f_.Scanned("2026-03-07T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  facts.push_back(f_.Scanned("2026-03-07T10:00:00Z", v1::TrackingEvent::MILESTONE_DELIVERED));
  facts.push_back(f_.Received("2026-03-07T12:00:00Z", 1, "r1"));
  facts.push_back(f_.Inspected("2026-03-07T12:30:00Z", 1, v1::CONDITION_NEW, "i1"));
  facts.push_back(f_.Refunded("2026-03-07T13:00:00Z", 1, 3894, "p1"));
  // The report row that showed the request, sent again days after.
  facts.push_back(f_.Reported("2026-03-09T00:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                              v1::Return::STATUS_REQUESTED));
  std::vector<size_t> order = {2, 3, 4, 5, 6, 7};
  std::set<std::string> results;
  int permutations = 0;
  do {
    std::vector<const v1::Event*> pointers = {&facts[0], &facts[1]};
    for (size_t index : order) pointers.push_back(&facts[index]);
    const v1::Return state = FoldReturn(kName, pointers, context_);
    ASSERT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
    results.insert(state.SerializeAsString());
    ++permutations;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(permutations, 720);
  EXPECT_EQ(results.size(), 1u);
}

TEST_F(ReturnFold, PartialReceiptIsClosedShortAndALateUnitOpensItAgain) {
  order_ = testing_util::UsOrder(3);
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z", 3, v1::RETURN_REASON_NO_LONGER_NEEDED),
      f_.Approved("2026-03-02T12:00:00Z"), f_.Received("2026-03-07T12:00:00Z", 2, "r1")};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_PARTIALLY_RECEIVED);
  EXPECT_EQ(UnitsDue(Of(facts), Of(facts).items(0)), 2);
  facts.push_back(f_.ClosedShort("2026-03-08T12:00:00Z"));
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_RECEIVED);
  EXPECT_EQ(Of(facts).items(0).quantity_missing(), 1);
  facts.push_back(f_.Refunded("2026-03-08T13:00:00Z", 2, 6493, "p1"));
  EXPECT_TRUE(NothingOwed(Of(facts)));
  EXPECT_EQ(Deadline(Of(facts), v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_MET);
  facts.push_back(f_.Closed("2026-03-09T13:00:00Z"));
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_CLOSED);
  facts.push_back(f_.Received("2026-03-20T12:00:00Z", 1, "r2"));
  const v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_TRUE(Has(state, v1::Finding::KIND_LATE_UNIT));
  EXPECT_FALSE(NothingOwed(state));
  EXPECT_EQ(UnitsDue(state, state.items(0)), 1);
  EXPECT_EQ(state.items(0).quantity_missing(), 0);
  EXPECT_FALSE(NextForClock(state));
  ASSERT_NE(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr) << "somebody has to decide";
}

TEST_F(ReturnFold, LateUnitIsLookedAtBeforeTheClockCloses) {
  order_ = testing_util::UsOrder(2);
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z", 2, v1::RETURN_REASON_NO_LONGER_NEEDED),
      f_.Approved("2026-03-02T12:00:00Z"),
      f_.Received("2026-03-07T12:00:00Z", 1, "r1"),
      f_.Inspected("2026-03-07T13:00:00Z", 1, v1::CONDITION_NEW, "i1"),
      f_.ClosedShort("2026-03-08T12:00:00Z"),
      f_.Refunded("2026-03-08T13:00:00Z", 1, 3246, "p1")};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_RESOLVED);
  EXPECT_NE(OpenDeadline(Of(facts), v1::Deadline::KIND_AUTO_CLOSE), nullptr);
  facts.push_back(f_.Received("2026-03-10T12:00:00Z", 1, "r2"));
  v1::Return state = Of(facts);
  EXPECT_EQ(OpenDeadline(state, v1::Deadline::KIND_AUTO_CLOSE), nullptr);
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_FALSE(NothingOwed(state)) << "nobody has looked at it";

  // Good: it is owed.
  std::vector<v1::Event> good = facts;
  good.push_back(f_.Inspected("2026-03-10T13:00:00Z", 1, v1::CONDITION_NEW, "i2"));
  state = Of(good);
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED);
  EXPECT_EQ(UnitsDue(state, state.items(0)), 1);
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_FALSE(NextForClock(state));
  good.push_back(f_.Refunded("2026-03-10T14:00:00Z", 1, 3246, "p2"));
  EXPECT_EQ(Of(good).status(), v1::Return::STATUS_RESOLVED);
  EXPECT_NE(OpenDeadline(Of(good), v1::Deadline::KIND_AUTO_CLOSE), nullptr);

  // Something else: nothing is.
  std::vector<v1::Event> wrong = facts;
  wrong.push_back(f_.Inspected("2026-03-10T13:00:00Z", 1, v1::CONDITION_EMPTY_BOX, "i2"));
  state = Of(wrong);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_AUTO_CLOSE), nullptr);
}

TEST_F(ReturnFold, UnitLookedAtAfterTheFirstWasPaidIsOwedAndHasADeadline) {
  order_ = testing_util::UsOrder(2);
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z", 2, v1::RETURN_REASON_NO_LONGER_NEEDED),
      f_.Approved("2026-03-02T12:00:00Z"), f_.Received("2026-03-07T12:00:00Z", 2, "r1"),
      f_.Inspected("2026-03-07T13:00:00Z", 1, v1::CONDITION_NEW, "i1"),
      f_.Refunded("2026-03-08T13:00:00Z", 1, 3246, "p1")};
  v1::Return state = Of(facts);
  EXPECT_FALSE(NothingOwed(state));
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  facts.push_back(f_.Inspected("2026-03-09T13:00:00Z", 1, v1::CONDITION_NEW, "i2"));
  EXPECT_EQ(UnitsDue(Of(facts), Of(facts).items(0)), 1);
  EXPECT_NE(OpenDeadline(Of(facts), v1::Deadline::KIND_REFUND), nullptr);
}

TEST_F(ReturnFold, UnitThatGoesBackToTheBuyerIsNotOwed) {
  v1::Event inspected = f_.Inspected("2026-03-07T13:00:00Z", 1, v1::CONDITION_BUYER_DAMAGED, "i1");
  inspected.mutable_units_inspected()->mutable_inspection()->set_disposition(
      v1::DISPOSITION_RETURN_TO_BUYER);
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z", 1, v1::RETURN_REASON_NO_LONGER_NEEDED),
          f_.Approved("2026-03-02T12:00:00Z"), f_.Received("2026-03-07T12:00:00Z", 1, "r1"),
          inspected});
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED) << "a person closes it";
  EXPECT_EQ(UnitsDue(state, state.items(0)), 0);
  EXPECT_TRUE(NothingOwed(state));
  EXPECT_TRUE(state.ledger().empty()) << "nothing was lost";
}

TEST_F(ReturnFold, KeepsContradictionsAsFindings) {
  v1::Event rejected = f_.New("2026-03-02T10:00:00Z");
  rejected.mutable_return_rejected()->set_reason_code("OUT_OF_WINDOW");
  const v1::Return approved_later =
      Of({f_.Requested("2026-03-02T09:00:00Z"), rejected, f_.Approved("2026-03-02T12:00:00Z")});
  EXPECT_EQ(approved_later.status(), v1::Return::STATUS_REJECTED);
  EXPECT_TRUE(Has(approved_later, v1::Finding::KIND_CONTRADICTION));

  const v1::Return unexpected = Of({f_.Requested("2026-03-02T09:00:00Z"), rejected,
                                    f_.Received("2026-03-07T12:00:00Z", 1, "r1")});
  EXPECT_TRUE(Has(unexpected, v1::Finding::KIND_UNEXPECTED_RECEIPT));
  EXPECT_EQ(unexpected.items(0).quantity_received(), 1);
  EXPECT_EQ(UnitsDue(unexpected, unexpected.items(0)), 0);

  const v1::Return surplus =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Received("2026-03-07T12:00:00Z", 2, "r1")});
  EXPECT_TRUE(Has(surplus, v1::Finding::KIND_SURPLUS_UNITS));
  EXPECT_EQ(surplus.items(0).quantity_received(), 2);
  EXPECT_EQ(UnitsDue(surplus, surplus.items(0)), 1);
}

TEST_F(ReturnFold, NamesWhatItDoesNotKnow) {
  context_.order = nullptr;
  EXPECT_TRUE(Has(Of({f_.Requested("2026-03-02T09:00:00Z")}), v1::Finding::KIND_ORDER_UNKNOWN));
  context_.order = &order_;
  order_.mutable_lines(0)->set_line_id("other");
  order_.mutable_lines(0)->set_sku("OTHER");
  const v1::Return state = Of({f_.Requested("2026-03-02T09:00:00Z")});
  EXPECT_TRUE(Has(state, v1::Finding::KIND_LINE_UNKNOWN));
  EXPECT_FALSE(Has(state, v1::Finding::KIND_ORDER_UNKNOWN));
}

TEST_F(ReturnFold, RefundsBeforeTheGoodsMoveCountersOnly) {
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Refunded("2026-03-03T00:00:00Z", 1, 3894, "p1"),
          f_.Scanned("2026-03-05T08:00:00Z", v1::TrackingEvent::MILESTONE_DELIVERED)});
  EXPECT_EQ(state.status(), v1::Return::STATUS_DELIVERED);
  EXPECT_EQ(state.items(0).quantity_refunded(), 1);
  EXPECT_EQ(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_RECEIPT), nullptr);
}

TEST_F(ReturnFold, ReturnlessApprovalResolvesAndWaitsForTheRefund) {
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z", v1::RETURN_METHOD_NONE)};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_RESOLVED);
  EXPECT_FALSE(NothingOwed(Of(facts)));
  EXPECT_FALSE(NextForClock(Of(facts)));
  facts.push_back(f_.Refunded("2026-03-03T00:00:00Z", 1, 3246, "p1"));
  EXPECT_TRUE(NothingOwed(Of(facts)));
  EXPECT_TRUE(NextForClock(Of(facts)));
}

TEST_F(ReturnFold, ReturnlessApprovalOwesTheMoneyAtOnce) {
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z", 2),
                                  f_.Approved("2026-03-02T12:00:00Z", v1::RETURN_METHOD_NONE)};
  v1::Return state = Of(facts);
  ASSERT_NE(NextForPerson(state), nullptr);
  EXPECT_EQ(NextForPerson(state)->kind(), v1::Deadline::KIND_REFUND);
  EXPECT_EQ(calendar::FromProto(NextForPerson(state)->due_at()),
            RefundDue(At("2026-03-02T12:00:00Z"), channel_, policy_));
  // Half of it is not all of it.
  facts.push_back(f_.Refunded("2026-03-03T00:00:00Z", 1, 3246, "p1"));
  EXPECT_NE(OpenDeadline(Of(facts), v1::Deadline::KIND_REFUND), nullptr);
  facts.push_back(f_.Refunded("2026-03-03T01:00:00Z", 1, 3246, "p2"));
  state = Of(facts);
  EXPECT_EQ(OpenDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_NE(OpenDeadline(state, v1::Deadline::KIND_AUTO_CLOSE), nullptr);
}

TEST_F(ReturnFold, WhatWasRefundedInAdvanceAndNeverCameIsFound) {
  v1::Event expired = f_.New("2026-04-02T12:00:00Z", v1::ROLE_CLOCK);
  expired.mutable_return_expired();
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z"),
                                  f_.Refunded("2026-03-03T00:00:00Z", 1, 3246, "p1"), expired};
  v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_EXPIRED);
  ASSERT_EQ(state.findings_size(), 1);
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
  facts.erase(facts.begin() + 2);
  EXPECT_EQ(Of(facts).findings_size(), 0);
}

TEST_F(ReturnFold, AdminFeeGoesByWhatWasGivenBackOfThePrice) {
  order_.mutable_lines(0)->set_referral_bp(1500);
  const auto fee = [&](const v1::Event& refunded) {
    std::vector<v1::Event> facts = HappyPath();
    facts.back() = refunded;
    const v1::Return state = Of(facts);
    int64_t sum = 0;
    for (const v1::LedgerEntry& entry : state.ledger()) {
      if (entry.kind() == v1::LedgerEntry::KIND_ADMIN_FEE) sum += entry.amount().minor_units();
    }
    return sum;
  };
  v1::Event refunded = f_.Refunded("2026-03-09T00:00:00Z", 1, 3894, "p1");
  EXPECT_EQ(fee(refunded), -108);  // 29.99 + 5.99
  // As far as the amount reaches: a tenth of 38.94 is of a tenth of 35.98.
  *refunded.mutable_return_refunded()->mutable_amount() = money::Make(389, "USD");
  EXPECT_EQ(fee(refunded), -11);
  // Where it is known what the payment is made up of, that is it.
  v1::ReturnRefunded::Price* price = refunded.mutable_return_refunded()->add_prices();
  price->set_line_id("L1");
  *price->mutable_amount() = money::Make(2000, "USD");
  EXPECT_EQ(fee(refunded), -60);
  price->clear_amount();
  EXPECT_EQ(fee(refunded), 0);
}

TEST_F(ReturnFold, AnotherItemLeavesTheDecisionToAPerson) {
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
      f_.Received("2026-03-07T12:00:00Z", 1, "r1"),
      f_.Inspected("2026-03-07T12:30:00Z", 1, v1::CONDITION_EMPTY_BOX, "i1")};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_INSPECTED);
  EXPECT_EQ(NextForPerson(Of(facts))->kind(), v1::Deadline::KIND_REFUND);
  v1::Event settled = f_.New("2026-03-08T00:00:00Z");
  settled.mutable_return_settled_without_refund()->set_reason("EMPTY_BOX");
  facts.push_back(settled);
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_RESOLVED);
  EXPECT_TRUE(NothingOwed(Of(facts)));
}

TEST_F(ReturnFold, ExpiresAndALateScanOpensItAgain) {
  v1::Event expired = f_.New("2026-04-02T12:00:00Z", v1::ROLE_CLOCK);
  expired.mutable_return_expired();
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
      f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610), expired};
  v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_EXPIRED);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_VOIDED);
  int64_t cost = 0;
  for (const v1::LedgerEntry& entry : state.ledger()) cost += entry.amount().minor_units();
  EXPECT_EQ(state.ledger_size(), 2);
  EXPECT_EQ(cost, 0);

  std::vector<v1::Event> late = facts;
  late.push_back(f_.Scanned("2026-04-04T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  state = Of(late);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_TRUE(state.late());

  // A scan from before the deadline that came in late shows that it never expired.
  std::vector<v1::Event> early = facts;
  early.push_back(f_.Scanned("2026-03-20T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  state = Of(early);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_FALSE(state.late());
}

TEST_F(ReturnFold, BuyerIsRemindedUntilTheParcelMoves) {
  v1::Event alert = f_.New("2026-03-25T12:00:00Z", v1::ROLE_CLOCK);
  alert.mutable_deadline_alerted()->set_kind(v1::Deadline::KIND_RETURN_BY);
  alert.mutable_deadline_alerted()->set_alert(v1::Deadline::ALERT_NEAR);
  *alert.mutable_deadline_alerted()->mutable_due_at() =
      calendar::ToProto(At("2026-04-01T12:00:00Z"));
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z")};
  EXPECT_EQ(NextForClock(Of(facts))->at, At("2026-03-25T12:00:00Z"));
  facts.push_back(alert);
  v1::Return state = Of(facts);
  ASSERT_NE(NextForPerson(state), nullptr);
  EXPECT_EQ(NextForPerson(state)->kind(), v1::Deadline::KIND_BUYER_REMINDER);
  EXPECT_EQ(calendar::FromProto(NextForPerson(state)->due_at()), At("2026-04-01T12:00:00Z"));
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_RETURN_BY)->alert(), v1::Deadline::ALERT_NEAR);
  EXPECT_EQ(NextForClock(state)->at, At("2026-04-01T12:00:00Z")) << "it is called once";

  std::vector<v1::Event> reminded = facts;
  reminded.push_back(f_.New("2026-03-26T08:00:00Z"));
  reminded.back().mutable_buyer_reminded();
  EXPECT_EQ(Deadline(Of(reminded), v1::Deadline::KIND_BUYER_REMINDER)->state(),
            v1::Deadline::STATE_MET);
  std::vector<v1::Event> moved = facts;
  moved.push_back(f_.Scanned("2026-03-26T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  EXPECT_EQ(Deadline(Of(moved), v1::Deadline::KIND_BUYER_REMINDER)->state(),
            v1::Deadline::STATE_CANCELLED);
  // A scan from before, told later: nobody had to be reminded.
  std::vector<v1::Event> told_late = facts;
  told_late.push_back(f_.Scanned("2026-03-20T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  EXPECT_EQ(Deadline(Of(told_late), v1::Deadline::KIND_BUYER_REMINDER), nullptr);
}

TEST_F(ReturnFold, ParcelThatNobodySawForThreeWeeksIsLostUnlessAScanTurnsUp) {
  v1::Event lost = f_.New("2026-03-28T08:00:00Z", v1::ROLE_CLOCK);
  lost.mutable_return_parcel_lost();
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
      f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610),
      f_.Scanned("2026-03-07T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT)};
  EXPECT_EQ(NextForClock(Of(facts))->at, At("2026-03-28T08:00:00Z"));
  EXPECT_EQ(NextForClock(Of(facts))->deadline->kind(), v1::Deadline::KIND_PARCEL_SCAN);
  facts.push_back(lost);
  v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_LOST);
  ASSERT_EQ(state.findings_size(), 1);
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_PARCEL_LOST);
  // The label was not the buyer's, so the loss is not theirs.
  EXPECT_EQ(UnitsDue(state, state.items(0)), 1);
  EXPECT_EQ(NextForPerson(state)->kind(), v1::Deadline::KIND_REFUND);
  std::vector<v1::Event> paid = facts;
  paid.push_back(f_.Refunded("2026-03-29T13:00:00Z", 1, 3894, "p1"));
  EXPECT_EQ(Of(paid).status(), v1::Return::STATUS_RESOLVED);

  std::vector<v1::Event> seen = facts;
  seen.push_back(f_.Scanned("2026-03-20T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  state = Of(seen);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_TRUE(state.findings().empty());
  EXPECT_EQ(NextForClock(state)->at, At("2026-04-10T08:00:00Z"));

  // A buyer who pays for the label bears its risk.
  std::vector<v1::Event> own = facts;
  own[2].mutable_return_label_recorded()->mutable_label()->set_paid_by(
      v1::ReturnLabel::PAYER_BUYER);
  state = Of(own);
  EXPECT_EQ(state.status(), v1::Return::STATUS_LOST);
  EXPECT_EQ(UnitsDue(state, state.items(0)), 0);
  EXPECT_EQ(NextForPerson(state), nullptr);
}

TEST_F(ReturnFold, LabelThatIsNotUsedInItsTimeMakesRoomForAnother) {
  v1::Event label = f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610);
  *label.mutable_return_label_recorded()->mutable_label()->mutable_expires_at() =
      calendar::ToProto(At("2026-03-16T00:00:00Z"));
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z"), label};
  EXPECT_EQ(NextForClock(Of(facts))->at, At("2026-03-16T00:00:00Z"));
  EXPECT_EQ(NextForClock(Of(facts))->deadline->kind(), v1::Deadline::KIND_LABEL_EXPIRY);
  std::vector<v1::Event> used = facts;
  used.push_back(f_.Scanned("2026-03-07T08:00:00Z", v1::TrackingEvent::MILESTONE_IN_TRANSIT));
  EXPECT_EQ(Deadline(Of(used), v1::Deadline::KIND_LABEL_EXPIRY)->state(),
            v1::Deadline::STATE_CANCELLED);
  v1::Event expired = label;
  *expired.mutable_occurred_at() = calendar::ToProto(At("2026-03-16T00:00:00Z"));
  expired.mutable_return_label_recorded()->mutable_label()->set_state(
      v1::ReturnLabel::STATE_EXPIRED);
  facts.push_back(expired);
  const v1::Return state = Of(facts);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_EXPIRED);
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  EXPECT_NE(NextForClock(state)->deadline->kind(), v1::Deadline::KIND_LABEL_EXPIRY);
}

TEST_F(ReturnFold, ReopensARejectedReturnWithANewClock) {
  v1::Event rejected = f_.New("2026-03-02T10:00:00Z");
  rejected.mutable_return_rejected()->set_reason_code("OUT_OF_WINDOW");
  v1::Event reopened = f_.New("2026-03-03T10:00:00Z");
  reopened.mutable_return_reopened()->set_reason("platform overrides");
  const v1::Return state = Of({f_.Requested("2026-03-02T09:00:00Z"), rejected, reopened});
  EXPECT_EQ(state.status(), v1::Return::STATUS_REQUESTED);
  EXPECT_FALSE(state.has_decision());
  EXPECT_EQ(calendar::FromProto(NextForPerson(state)->due_at()), At("2026-03-05T10:00:00Z"));
}

TEST_F(ReturnFold, CancelsUnlessSomethingMoved) {
  v1::Event cancelled = f_.New("2026-03-09T00:00:00Z", v1::ROLE_BUYER);
  cancelled.mutable_return_cancelled();
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z"), cancelled};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_CANCELLED);
  EXPECT_EQ(NextForPerson(Of(facts)), nullptr);
  EXPECT_FALSE(NextForClock(Of(facts)));
  facts.push_back(f_.Received("2026-03-07T12:00:00Z", 1, "r1"));
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_RECEIVED);
  EXPECT_TRUE(Has(Of(facts), v1::Finding::KIND_CONTRADICTION));
}

TEST_F(ReturnFold, OfAnFbaReturnMirrorsTheMarketplace) {
  v1::Return snapshot = f_.Asked("2026-03-02T09:00:00Z");
  snapshot.set_fulfillment(v1::FULFILLMENT_AFN);
  v1::Receipt* receipt = snapshot.add_receipts();
  receipt->set_receipt_id("LPNRR1");
  *receipt->mutable_received_at() = calendar::ToProto(At("2026-03-05T00:00:00Z"));
  receipt->add_lines()->set_line_id("SKU-1");
  receipt->mutable_lines(0)->set_quantity(1);
  v1::Inspection* inspection = snapshot.add_inspections();
  inspection->set_inspection_id("LPNRR1");
  inspection->set_unit_id("LPNRR1");
  inspection->set_line_id("SKU-1");
  inspection->set_quantity(1);
  inspection->set_condition(v1::CONDITION_CARRIER_DAMAGED);
  *inspection->mutable_inspected_at() = calendar::ToProto(At("2026-03-05T00:00:00Z"));
  const v1::Event row = f_.Reported("2026-03-06T00:00:00Z", snapshot, v1::Return::STATUS_INSPECTED);
  v1::Event again = row;
  *again.mutable_occurred_at() = calendar::ToProto(At("2026-03-07T00:00:00Z"));
  const v1::Return state = Of({row, again});
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED);
  EXPECT_TRUE(state.platform_managed());
  EXPECT_EQ(state.items(0).quantity_received(), 1);
  EXPECT_EQ(state.items(0).quantity_damaged(), 1);
  EXPECT_TRUE(Has(state, v1::Finding::KIND_PLATFORM_OWES));
  EXPECT_EQ(state.decision().actor().role(), v1::ROLE_PLATFORM);
  EXPECT_EQ(NextForPerson(state), nullptr);
  EXPECT_FALSE(NextForClock(state));
}

TEST_F(ReturnFold, KnowsWhenASnapshotsDecisionWasMade) {
  // In policy: the marketplace authorised it at once.
  v1::Return snapshot = f_.Asked("2026-03-02T09:00:00Z");
  v1::Return state =
      Of({f_.Reported("2026-03-20T00:00:00Z", snapshot, v1::Return::STATUS_APPROVED)});
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  EXPECT_TRUE(state.decision().time_known());
  EXPECT_EQ(calendar::FromProto(state.decision().decided_at()), At("2026-03-02T09:00:00Z"));
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_RETURN_RESPONSE)->state(), v1::Deadline::STATE_MET);

  // Out of policy: decided some time before the first snapshot.
  snapshot.mutable_validity()->set_in_policy(false);
  state = Of({f_.Reported("2026-03-20T00:00:00Z", snapshot, v1::Return::STATUS_APPROVED)});
  EXPECT_FALSE(state.decision().time_known());
  EXPECT_EQ(OpenDeadline(state, v1::Deadline::KIND_RETURN_RESPONSE), nullptr);

  // Seen open first, then decided within the 48 hours.
  state = Of({f_.Reported("2026-03-02T10:00:00Z", snapshot, v1::Return::STATUS_REQUESTED),
              f_.Reported("2026-03-03T10:00:00Z", snapshot, v1::Return::STATUS_APPROVED)});
  EXPECT_TRUE(state.decision().time_known());
  EXPECT_EQ(Deadline(state, v1::Deadline::KIND_RETURN_RESPONSE)->state(), v1::Deadline::STATE_MET);
}

TEST_F(ReturnFold, SnapshotsMoveForwardAndNeverBack) {
  v1::Return snapshot = f_.Asked("2026-03-02T09:00:00Z");
  snapshot.set_platform_status("Pending");
  std::vector<v1::Event> facts = {
      f_.Reported("2026-03-02T10:00:00Z", snapshot, v1::Return::STATUS_REQUESTED)};
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_REQUESTED);
  snapshot.set_platform_status("Approved");
  facts.push_back(f_.Reported("2026-03-03T10:00:00Z", snapshot, v1::Return::STATUS_APPROVED));
  v1::Event delivered = f_.Reported("2026-03-08T10:00:00Z", snapshot, v1::Return::STATUS_APPROVED);
  *delivered.mutable_return_reported()->mutable_delivered_at() =
      calendar::ToProto(At("2026-03-07T08:00:00Z"));
  facts.push_back(delivered);
  v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_DELIVERED);
  EXPECT_EQ(calendar::FromProto(OpenDeadline(state, v1::Deadline::KIND_REFUND)->start_at()),
            At("2026-03-07T08:00:00Z"));
  facts.push_back(f_.Reported("2026-03-09T10:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                              v1::Return::STATUS_REQUESTED));
  EXPECT_EQ(Of(facts).status(), v1::Return::STATUS_DELIVERED);
  EXPECT_EQ(Of(facts).platform_status(), "Approved");
  snapshot.set_platform_status("Completed");
  facts.push_back(f_.Reported("2026-03-10T10:00:00Z", snapshot, v1::Return::STATUS_CLOSED));
  state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_CLOSED);
  for (const v1::Deadline& deadline : state.deadlines()) {
    EXPECT_NE(deadline.state(), v1::Deadline::STATE_RUNNING);
  }
  EXPECT_TRUE(state.findings().empty()) << state.ShortDebugString();
}

TEST_F(ReturnFold, ASnapshotConfirmsWhatAPersonHadToRepeat) {
  v1::Event manual = f_.New("2026-03-02T12:00:00Z");
  manual.mutable_manual_action_changed()->mutable_action()->set_title("Authorise the return");
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z"),
                                  f_.Approved("2026-03-02T12:00:00Z"), manual};
  const v1::Return waiting = Of(facts);
  const v1::Deadline* open = OpenDeadline(waiting, v1::Deadline::KIND_MANUAL_ACTION);
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(calendar::FromProto(open->due_at()), At("2026-03-04T09:00:00Z"));
  facts.push_back(f_.Reported("2026-03-03T10:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                              v1::Return::STATUS_REQUESTED));
  EXPECT_NE(OpenDeadline(Of(facts), v1::Deadline::KIND_MANUAL_ACTION), nullptr);
  facts.push_back(f_.Reported("2026-03-03T11:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                              v1::Return::STATUS_APPROVED));
  EXPECT_EQ(OpenDeadline(Of(facts), v1::Deadline::KIND_MANUAL_ACTION), nullptr);

  // Decided after the response was due: a day to do it.
  manual.mutable_occurred_at()->set_seconds(absl::ToUnixSeconds(At("2026-03-05T12:00:00Z")));
  const v1::Return late =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-05T12:00:00Z"), manual});
  EXPECT_EQ(calendar::FromProto(OpenDeadline(late, v1::Deadline::KIND_MANUAL_ACTION)->due_at()),
            At("2026-03-06T12:00:00Z"));
}

TEST_F(ReturnFold, NoClockRunsForWhatIsAskedOfAPersonWhenItIsOver) {
  std::vector<v1::Event> facts = HappyPath();
  facts.push_back(f_.Closed("2026-03-08T00:00:00Z"));
  v1::Event manual = f_.New("2026-03-09T00:00:00Z");
  manual.mutable_manual_action_changed()->mutable_action()->set_title("Authorise the return");
  facts.push_back(manual);
  const v1::Return state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_CLOSED);
  EXPECT_EQ(NextForPerson(state), nullptr);
  EXPECT_FALSE(state.has_manual_action());
  EXPECT_TRUE(Has(state, v1::Finding::KIND_CONTRADICTION));
}

TEST_F(ReturnFold, AnArrivalThatIsReportedIsNotOfTheLabelThatWasTakenBack) {
  v1::Event taken_back = f_.Labelled("2026-03-03T12:05:00Z", v1::ReturnLabel::STATE_VOIDING, 610,
                                     v1::ReturnLabel::KIND_CARRIER);
  v1::Event second = f_.Labelled("2026-03-03T12:06:00Z", v1::ReturnLabel::STATE_ISSUED, 700);
  second.mutable_return_label_recorded()->mutable_label()->set_label_id("label-2");
  second.mutable_return_label_recorded()->mutable_label()->set_tracking_number("9500");
  v1::Event delivered = f_.Reported("2026-03-08T10:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                                    v1::Return::STATUS_APPROVED);
  *delivered.mutable_return_reported()->mutable_delivered_at() =
      calendar::ToProto(At("2026-03-07T08:00:00Z"));
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610,
                      v1::ReturnLabel::KIND_CARRIER),
          taken_back, second, delivered});
  ASSERT_EQ(state.labels_size(), 2);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_VOIDING);
  EXPECT_EQ(state.labels(1).state(), v1::ReturnLabel::STATE_DELIVERED);
}

TEST_F(ReturnFold, BooksLabelHandlingAndAdminFee) {
  order_.mutable_lines(0)->set_referral_bp(1500);
  std::vector<v1::Event> facts = HappyPath();
  facts[2] = f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610,
                         v1::ReturnLabel::KIND_AMAZON_GENERATED);
  const v1::Return state = Of(facts);
  ASSERT_EQ(state.ledger_size(), 3);
  EXPECT_EQ(state.ledger(0).kind(), v1::LedgerEntry::KIND_RETURN_LABEL);
  EXPECT_EQ(state.ledger(0).amount().minor_units(), -610);
  EXPECT_EQ(state.ledger(1).kind(), v1::LedgerEntry::KIND_LABEL_HANDLING);
  EXPECT_EQ(state.ledger(1).amount().minor_units(), -599);
  EXPECT_EQ(state.ledger(1).formula(), "label_handling@seed.1");
  // 15 % of 29.99 + 5.99 is 5.40; a fifth of it.
  EXPECT_EQ(state.ledger(2).kind(), v1::LedgerEntry::KIND_ADMIN_FEE);
  EXPECT_EQ(state.ledger(2).amount().minor_units(), -108);
}

TEST_F(ReturnFold, KeepsOneActiveLabel) {
  v1::Event second = f_.Labelled("2026-03-03T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 700);
  second.mutable_return_label_recorded()->mutable_label()->set_label_id("label-2");
  second.mutable_return_label_recorded()->mutable_label()->set_tracking_number("9500");
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Labelled("2026-03-02T12:05:00Z", v1::ReturnLabel::STATE_ISSUED, 610), second});
  ASSERT_EQ(state.labels_size(), 2);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_VOIDED);
  EXPECT_EQ(state.labels(1).state(), v1::ReturnLabel::STATE_ISSUED);
  int64_t cost = 0;
  for (const v1::LedgerEntry& entry : state.ledger()) cost += entry.amount().minor_units();
  EXPECT_EQ(cost, -700);
}

TEST_F(ReturnFold, TakesFactsOlderThanTheFirstSnapshot) {
  const v1::Return state = Of({f_.Received("2026-03-07T12:00:00Z", 1, "r1"),
                               f_.Reported("2026-03-08T10:00:00Z", f_.Asked("2026-03-02T09:00:00Z"),
                                           v1::Return::STATUS_APPROVED)});
  ASSERT_EQ(state.items_size(), 1);
  EXPECT_EQ(state.items(0).sku(), "SKU-1");
  EXPECT_EQ(state.items(0).quantity_received(), 1);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RECEIVED);
}

TEST_F(ReturnFold, CountsStopAtTheGreatestNumber) {
  const int most = std::numeric_limits<int32_t>::max();
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z"), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Received("2026-03-07T12:00:00Z", most, "r1"),
          f_.Received("2026-03-07T12:01:00Z", most, "r2"),
          f_.Inspected("2026-03-07T12:30:00Z", most, v1::CONDITION_NEW, "i1"),
          f_.Inspected("2026-03-07T12:31:00Z", most, v1::CONDITION_USED, "i2"),
          f_.Refunded("2026-03-07T13:00:00Z", most, 1, "p1"),
          f_.Refunded("2026-03-07T13:01:00Z", most, 1, "p2")});
  EXPECT_EQ(state.items(0).quantity_received(), most);
  EXPECT_EQ(state.items(0).quantity_refunded(), most);
  EXPECT_EQ(UnitsDue(state, state.items(0)), 0);
}

}  // namespace
}  // namespace aftersales
