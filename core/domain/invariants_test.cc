#include "core/domain/invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/domain/money.h"

namespace aftersales {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Names(const std::vector<Violation>& violations) {
  std::vector<std::string> names;
  for (const Violation& violation : violations) {
    EXPECT_FALSE(violation.message.empty());
    EXPECT_FALSE(violation.subject.empty());
    names.push_back(violation.invariant);
  }
  return names;
}

class RefundInvariants : public testing::Test {
 protected:
  RefundInvariants() {
    *order_.mutable_captured_total() = money::Make(3000, "USD");
    v1::OrderLine* line = order_.add_lines();
    line->set_line_id("A");
    line->set_quantity(3);
  }
  static v1::Refund Refund(std::string_view id, int64_t amount, int units,
                           v1::Refund::Status status = v1::Refund::STATUS_APPROVED) {
    v1::Refund refund;
    refund.set_name("sellers/a/refunds/" + std::string(id));
    refund.set_kind(v1::Refund::KIND_CONCESSION);
    refund.set_status(status);
    refund.set_effect_id("eff_" + std::string(id));
    *refund.mutable_total() = money::Make(amount, "USD");
    v1::BreakdownLine* line = refund.add_breakdown();
    line->set_kind(v1::BreakdownLine::KIND_ITEM);
    *line->mutable_amount() = money::Make(amount, "USD");
    v1::RefundItem* item = refund.add_items();
    item->set_line_id("A");
    item->set_quantity(units);
    return refund;
  }
  std::vector<std::string> Check(const v1::Refund& refund,
                                 v1::Refund::Status before = v1::Refund::STATUS_UNSPECIFIED) {
    return Names(CheckInvariants(refund, before, order_, others_));
  }

  v1::Order order_;
  std::vector<v1::Refund> others_;
};

TEST_F(RefundInvariants, HoldForWhatIsRight) {
  others_.push_back(Refund("1", 1000, 1, v1::Refund::STATUS_SUCCEEDED));
  others_.push_back(Refund("2", 9000, 9, v1::Refund::STATUS_FAILED));
  EXPECT_THAT(Check(Refund("3", 2000, 2)), IsEmpty());
}

TEST_F(RefundInvariants, MoneyAndUnitsAreGivenBackOnce) {
  others_.push_back(Refund("1", 1000, 1, v1::Refund::STATUS_UNKNOWN));
  EXPECT_THAT(Check(Refund("2", 2001, 2)), ElementsAre("refunds_within_captured"));
  EXPECT_THAT(Check(Refund("2", 100, 3)), ElementsAre("units_refunded_once"));
  // Itself among the others it counts once.
  others_.push_back(Refund("2", 2000, 2));
  EXPECT_THAT(Check(Refund("2", 2000, 2)), IsEmpty());
  // What happened elsewhere is a fact.
  v1::Refund reported = Refund("3", 9000, 9);
  reported.set_kind(v1::Refund::KIND_PLATFORM);
  EXPECT_THAT(Check(reported), IsEmpty());
}

TEST_F(RefundInvariants, LinesAddUp) {
  v1::Refund refund = Refund("1", 1000, 1);
  refund.mutable_breakdown(0)->mutable_amount()->set_minor_units(999);
  EXPECT_THAT(Check(refund), ElementsAre("breakdown_sums_to_total"));
  v1::BreakdownLine* tax = refund.add_breakdown();
  *tax->mutable_amount() = money::Make(1, "USD");
  EXPECT_THAT(Check(refund), IsEmpty());
  tax->set_informational(true);
  EXPECT_THAT(Check(refund), ElementsAre("breakdown_sums_to_total"));
}

TEST_F(RefundInvariants, EffectIsOfOneRefund) {
  others_.push_back(Refund("1", 1000, 1));
  v1::Refund refund = Refund("2", 1000, 1);
  refund.set_effect_id("eff_1");
  EXPECT_THAT(Check(refund), ElementsAre("one_refund_per_effect"));
}

TEST_F(RefundInvariants, WhatIsOverStaysOver) {
  using R = v1::Refund;
  EXPECT_THAT(Check(Refund("1", 1, 1, R::STATUS_APPROVED), R::STATUS_CANCELLED),
              ElementsAre("legal_refund_move"));
  EXPECT_THAT(Check(Refund("1", 1, 1, R::STATUS_CANCELLED), R::STATUS_SUCCEEDED),
              ElementsAre("legal_refund_move"));
  for (int to = 1; to < R::Status_ARRAYSIZE; ++to) {
    if (!R::Status_IsValid(to)) continue;
    for (const R::Status over : {R::STATUS_CANCELLED, R::STATUS_REVERSED}) {
      EXPECT_EQ(IsLegalMove(over, static_cast<R::Status>(to)), over == to);
    }
  }
}

TEST_F(RefundInvariants, NobodyHasToActOnWhatIsOver) {
  v1::Refund refund = Refund("1", 1000, 1, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_THAT(Check(refund, v1::Refund::STATUS_SUBMITTED), IsEmpty());
  refund.mutable_due_at()->set_seconds(1);
  EXPECT_THAT(Check(refund, v1::Refund::STATUS_SUBMITTED), ElementsAre("no_clock_on_closed"));
  refund.clear_due_at();
  refund.mutable_manual_action()->set_title("Pay it");
  EXPECT_THAT(Check(refund, v1::Refund::STATUS_SUBMITTED), ElementsAre("no_clock_on_closed"));
  // But what was paid otherwise than asked is, until somebody has.
  refund.mutable_due_at()->set_seconds(1);
  EXPECT_THAT(Check(refund, v1::Refund::STATUS_SUBMITTED), IsEmpty());
  refund.set_status(v1::Refund::STATUS_REVERSED);
  EXPECT_THAT(Check(refund, v1::Refund::STATUS_SUCCEEDED), ElementsAre("no_clock_on_closed"));
}

TEST_F(RefundInvariants, StateFollowsFromFacts) {
  const v1::Refund stored = Refund("1", 1000, 1);
  v1::Refund folded = stored;
  folded.set_etag("\"7\"");
  EXPECT_EQ(DifferenceFromFacts(stored, folded), "") << "what the store adds is no difference";
  folded.mutable_total()->set_minor_units(999);
  EXPECT_THAT(DifferenceFromFacts(stored, folded), testing::HasSubstr("total"));
}

class ExchangeInvariants : public testing::Test {
 protected:
  using X = v1::Exchange;
  ExchangeInvariants() {
    v1::OrderLine* line = order_.add_lines();
    line->set_line_id("A");
    line->set_quantity(2);
  }
  static X Exchange(std::string_view id, X::Status status, int units = 1) {
    X exchange;
    exchange.set_name("sellers/a/exchanges/" + std::string(id));
    exchange.set_status(status);
    exchange.add_items()->set_line_id("A");
    exchange.mutable_items(0)->set_quantity(units);
    return exchange;
  }
  std::vector<std::string> Check(const X& exchange, X::Status before) {
    std::vector<X> all = others_;
    all.push_back(exchange);
    return Names(CheckInvariants(exchange, before, order_, refunds_, all));
  }

  v1::Order order_;
  std::vector<X> others_;
  std::vector<v1::Refund> refunds_;
};

TEST_F(ExchangeInvariants, AUnitIsRefundedOrExchangedOrKeptOnce) {
  EXPECT_THAT(Check(Exchange("1", X::STATUS_OFFERED, 2), X::STATUS_UNSPECIFIED), IsEmpty());
  EXPECT_THAT(Check(Exchange("1", X::STATUS_OFFERED, 3), X::STATUS_UNSPECIFIED),
              ElementsAre("unit_used_once"));
  others_.push_back(Exchange("2", X::STATUS_SHIPPED));
  EXPECT_THAT(Check(Exchange("1", X::STATUS_OFFERED), X::STATUS_UNSPECIFIED), IsEmpty());
  v1::Refund& refund = refunds_.emplace_back();
  refund.set_name("sellers/a/refunds/1");
  refund.set_status(v1::Refund::STATUS_UNKNOWN);
  refund.add_items()->set_line_id("A");
  refund.mutable_items(0)->set_quantity(1);
  EXPECT_THAT(Check(Exchange("1", X::STATUS_OFFERED), X::STATUS_UNSPECIFIED),
              ElementsAre("unit_used_once"));
  refund.set_status(v1::Refund::STATUS_FAILED);
  EXPECT_THAT(Check(Exchange("1", X::STATUS_OFFERED), X::STATUS_UNSPECIFIED), IsEmpty());
}

TEST_F(ExchangeInvariants, MovesStockAndClocksFollowItsLife) {
  EXPECT_THAT(Check(Exchange("1", X::STATUS_SHIPPED), X::STATUS_OFFERED),
              ElementsAre("legal_exchange_move"));
  X reserved = Exchange("1", X::STATUS_RESERVED);
  EXPECT_THAT(Check(reserved, X::STATUS_ACCEPTED), ElementsAre("stock_kept_in_time"));
  reserved.mutable_reservation()->set_sku("B");
  EXPECT_THAT(Check(reserved, X::STATUS_ACCEPTED), IsEmpty());
  X over = Exchange("1", X::STATUS_CANCELLED);
  v1::Deadline* clock = over.add_deadlines();
  clock->set_kind(v1::Deadline::KIND_EXCHANGE_SHIP);
  clock->set_state(v1::Deadline::STATE_RUNNING);
  EXPECT_THAT(Check(over, X::STATUS_ACCEPTED), ElementsAre("no_clock_on_closed"));
  clock->set_kind(v1::Deadline::KIND_EXCHANGE_PAYMENT);
  EXPECT_THAT(Check(over, X::STATUS_ACCEPTED), IsEmpty()) << "what is owed outlives it";
}

TEST(ReturnInvariants, StateFollowsFromFacts) {
  v1::Return stored;
  stored.set_status(v1::Return::STATUS_RESOLVED);
  stored.add_items()->set_quantity_refunded(1);
  v1::Return folded = stored;
  folded.set_etag("\"7\"");
  folded.add_findings()->set_kind(v1::Finding::KIND_EXCESS_QUANTITY);
  EXPECT_EQ(DifferenceFromFacts(stored, folded), "");
  folded.mutable_items(0)->set_quantity_refunded(0);
  folded.set_status(v1::Return::STATUS_INSPECTED);
  EXPECT_THAT(DifferenceFromFacts(stored, folded),
              testing::AllOf(testing::HasSubstr("status"), testing::HasSubstr("items")));
}

TEST(ReturnInvariants, LabelsCountsAndClocks) {
  v1::Return state;
  state.set_name("sellers/a/returns/1");
  state.set_status(v1::Return::STATUS_CLOSED);
  state.add_items()->set_quantity_refunded(1);
  state.add_labels()->set_state(v1::ReturnLabel::STATE_VOIDED);
  state.add_labels()->set_state(v1::ReturnLabel::STATE_ISSUED);
  v1::Deadline* deadline = state.add_deadlines();
  deadline->set_kind(v1::Deadline::KIND_REFUND);
  deadline->set_state(v1::Deadline::STATE_MET);
  EXPECT_THAT(CheckInvariants(state), IsEmpty());
  state.mutable_items(0)->set_quantity_refunded(-1);
  state.mutable_labels(0)->set_state(v1::ReturnLabel::STATE_USED);
  EXPECT_THAT(Names(CheckInvariants(state)), ElementsAre("quantities_not_negative"));
  state.mutable_labels(0)->set_state(v1::ReturnLabel::STATE_REQUESTED);
  deadline->set_state(v1::Deadline::STATE_RUNNING);
  EXPECT_THAT(Names(CheckInvariants(state)),
              ElementsAre("one_usable_label", "quantities_not_negative", "no_clock_on_closed"));
}

}  // namespace
}  // namespace aftersales
