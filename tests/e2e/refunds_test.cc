// Money back: rounding, limits, other currencies, and what nobody knows the outcome of.
#include <atomic>
#include <thread>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using RefundsTest = HostTest;

int64_t InformedTax(const v1::RefundQuote& quote) {
  int64_t tax = 0;
  for (const v1::BreakdownLine& line : quote.breakdown()) {
    if (line.kind() == v1::BreakdownLine::KIND_ITEM_TAX) {
      EXPECT_TRUE(line.informational());
      tax += line.amount().minor_units();
    }
  }
  return tax;
}

TEST_F(RefundsTest, UnitsOfOneLineRoundOverCallsDaysAndRestarts) {
  const v1::Order order = Put(OrderOf("us", "113-1000001-0000001", {{"CUP", 3, 1000, 0}}));
  for (const int64_t expected : {334, 333, 333}) {
    const v1::Refund paid = Issue(Concession(order, "CUP", 1), v1::Refund::STATUS_SUCCEEDED);
    EXPECT_EQ(paid.total().minor_units(), expected);
    EXPECT_EQ(EffectCount("IssueRefund", paid.name()), 1);
    Advance(absl::Hours(24));
    RestartHost();
  }
  const auto fourth = api().Call(&Refunds::IssueRefund, Concession(order, "CUP", 1));
  EXPECT_EQ(fourth.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(fourth.reason(), "QUANTITY_EXCEEDS_REFUNDABLE");
  EXPECT_EQ(fourth.metadata("refundable_units"), "0");
}

TEST_F(RefundsTest, NoMoreThanWasCapturedHoweverManyAskAtOnce) {
  // Ten units of 10.00, of which 50.00 were paid in money and the rest with points.
  v1::Order given = OrderOf("us", "113-1000002-0000002", {{"PEN", 30, 30000, 0}});
  *given.mutable_captured_total() = MoneyOf(5000, "USD");
  const v1::Order order = Put(given);
  Issue(Concession(order, "PEN", 3), v1::Refund::STATUS_SUCCEEDED);
  SetMode("fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=TIMEOUT_DONE");
  const v1::Refund unknown = Issue(Concession(order, "PEN", 1), v1::Refund::STATUS_UNKNOWN);
  SetMode("fake-market", "");

  v1::IssueRefundRequest too_much = Concession(order, "PEN", 1);
  *too_much.mutable_spec()->mutable_goodwill() = MoneyOf(1, "USD");
  const auto beyond = api().Call(&Refunds::IssueRefund, too_much);
  EXPECT_EQ(beyond.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(beyond.reason(), "EXCEEDS_REFUNDABLE");
  EXPECT_EQ(beyond.metadata("remaining"), "1000");

  std::atomic<int> accepted{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      const auto issued = api().Call(&Refunds::IssueRefund, Concession(order, "PEN", 1));
      if (issued.ok()) {
        ++accepted;
      } else if (issued.reason() == "EXCEEDS_REFUNDABLE" && issued.metadata("remaining") == "0") {
        ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(refused, 19);

  // The reservation of the unknown one stands until it is known, and it was paid once.
  Advance(absl::Minutes(15));
  Await(unknown, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", unknown.name()), 1);
}

TEST_F(RefundsTest, UnknownOutcomeIsAskedForAndNeverRepeatedBlindly) {
  const v1::Order order = Put(OrderOf("us", "113-1000003-0000003", {{"HAT", 2, 2000, 0}}));
  SetMode("fake-market", "IssueRefund=TIMEOUT_DONE");
  const v1::Refund done = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  EXPECT_EQ(done.due_at().seconds() - absl::ToUnixSeconds(clock().Now()), 15 * 60);
  SetMode("fake-market", "IssueRefund=TIMEOUT_NOT_DONE");
  const v1::Refund not_done = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  EXPECT_EQ(EffectCount("IssueRefund", not_done.name()), 0);
  SetMode("fake-market", "");
  // Unknown money stays reserved.
  v1::IssueRefundRequest third = Concession(order, "HAT", 1);
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, third).reason(), "QUANTITY_EXCEEDS_REFUNDABLE");

  Advance(absl::Minutes(14));
  RestartHost();
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(Get(done).status(), v1::Refund::STATUS_UNKNOWN);
  Advance(absl::Minutes(1));
  const v1::Refund paid = Await(done, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.external_refund_id(), "fake-market:" + paid.effect_id());
  // Never seen there, so tried again under the same id.
  const v1::Refund retried = Await(not_done, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(retried.effect_id(), not_done.effect_id());
  EXPECT_EQ(EffectCount("IssueRefund", done.name()), 1);
  EXPECT_EQ(EffectCount("IssueRefund", not_done.name()), 1);
}

TEST_F(RefundsTest, AnotherAmountThanWasAskedForIsFoundOnRefundAndReturn) {
  const v1::Order order = Put(OrderOf("us", "113-1000006-0000006", {{"HAT", 1, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  v1::Refund refund;
  ASSERT_TRUE(Eventually([&, issued = api().Call(&Refunds::IssueRefund, request)] {
    return (refund = Get(*issued)).has_manual_action();
  }));
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(true);
  settle.set_proof("card 4111 1111 1111 1111");
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "CARD_NUMBER");
  settle.set_proof("Seller Central 2026-03-02");
  *settle.mutable_amount() = MoneyOf(1900, "USD");
  const auto settled = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(settled->paid_amount().minor_units(), 1900);
  EXPECT_EQ(settled->total().minor_units(), 2000);
  ASSERT_EQ(settled->findings_size(), 1);
  EXPECT_EQ(settled->findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  state = Get(state);
  ASSERT_EQ(state.findings_size(), 1) << state.DebugString();
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  // Somebody has to see to it.
  ASSERT_EQ(WorkItems().size(), 1u);
  EXPECT_EQ(WorkItems()[0].subject(), refund.name());
  EXPECT_EQ(WorkItems()[0].action(), "19.00 USD was refunded instead of 20.00 USD");
  EXPECT_EQ(WorkItems()[0].due_at().seconds(),
            absl::ToUnixSeconds(clock().Now() + absl::Hours(24)));
  // The rest can be paid still, as the finding says, and no more than that.
  SetMode("fake-market", "");
  v1::IssueRefundRequest rest;
  rest.set_parent(kSeller);
  rest.mutable_spec()->set_order(order.name());
  *rest.mutable_spec()->mutable_goodwill() = MoneyOf(101, "USD");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, rest).reason(), "EXCEEDS_REFUNDABLE");
  *rest.mutable_spec()->mutable_goodwill() = MoneyOf(100, "USD");
  const v1::Refund paid = Issue(rest, v1::Refund::STATUS_SUCCEEDED);
  // What was paid stays as it is; what was done about it ends the work.
  settle.set_proof("the rest is " + paid.name());
  *settle.mutable_amount() = MoneyOf(2000, "USD");
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "BAD_AMOUNT");
  settle.clear_amount();
  settle.set_paid(false);
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "INVALID_STATE");
  settle.set_paid(true);
  const auto seen = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(seen.ok()) << seen.status.error_message();
  EXPECT_EQ(seen->status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(seen->paid_amount().minor_units(), 1900);
  EXPECT_EQ(seen->difference_proof(), settle.proof());
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "INVALID_STATE");
}

TEST_F(RefundsTest, WhatGoodwillTookOfTheOrderIsTakenOffWithoutASecondPerson) {
  const v1::Order order = Put(OrderOf("us", "113-1000008-0000008", {{"HAT", 1, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  v1::IssueRefundRequest goodwill;
  goodwill.set_parent(kSeller);
  goodwill.mutable_spec()->set_order(order.name());
  *goodwill.mutable_spec()->mutable_goodwill() = MoneyOf(300, "USD");
  Issue(goodwill, v1::Refund::STATUS_SUCCEEDED);
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  const auto refused = ApiAs("operator:olga").Call(&Refunds::IssueRefund, request);
  EXPECT_EQ(refused.reason(), "EXCEEDS_REFUNDABLE");
  EXPECT_THAT(refused.status.error_message(), testing::HasSubstr("as `deduction`"));
  // Less than the order has left is a decision of somebody's.
  *request.mutable_spec()->mutable_deduction() = MoneyOf(301, "USD");
  request.set_validate_only(true);
  const auto less = ApiAs("operator:olga").Call(&Refunds::IssueRefund, request);
  ASSERT_TRUE(less.ok()) << less.status.error_message();
  EXPECT_EQ(less->status(), v1::Refund::STATUS_PENDING_APPROVAL);
  request.set_validate_only(false);
  *request.mutable_spec()->mutable_deduction() = MoneyOf(300, "USD");
  const auto issued = ApiAs("operator:olga").Call(&Refunds::IssueRefund, request);
  ASSERT_TRUE(issued.ok()) << issued.status.error_message();
  EXPECT_EQ(issued->status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(issued->total().minor_units(), 1700);
}

TEST_F(RefundsTest, WhatTheMarketplaceReportsAsRefundedTakesAManagerToPayAgain) {
  const v1::Order order = Put(OrderOf("us", "113-1000007-0000007", {{"HAT", 1, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("row-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  v1::Return* snapshot = fact->mutable_return_reported()->mutable_snapshot();
  snapshot->set_order_external_id(order.external_id());
  *snapshot->mutable_platform_refunded() = MoneyOf(1500, "USD");
  fact->mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
  const auto recorded = api().Call(&Facts::RecordFacts, facts);
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
      << recorded->results(0).message();

  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  const auto refused = api().Call(&Refunds::IssueRefund, request);
  EXPECT_EQ(refused.reason(), "ALREADY_REFUNDED_BY_PLATFORM");
  EXPECT_EQ(refused.metadata("reported"), "1500");
  // Not by the back door either.
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1)).reason(),
            "ALREADY_REFUNDED_BY_PLATFORM");
  request.mutable_spec()->set_override_reason("they paid the shipping only");
  const auto operator_asks = ApiAs("operator:olga").Call(&Refunds::IssueRefund, request);
  EXPECT_EQ(operator_asks.code(), grpc::StatusCode::PERMISSION_DENIED);
  const v1::Refund paid = Issue(request, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.override_reason(), "they paid the shipping only");
  EXPECT_EQ(paid.requested_by().id(), "mia");
}

TEST_F(RefundsTest, DefiniteFailureGivesTheMoneyBackToTheOrder) {
  const v1::Order order = Put(OrderOf("us", "113-1000004-0000004", {{"CAP", 1, 1500, 0}}));
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund failed = Issue(Concession(order, "CAP", 1), v1::Refund::STATUS_FAILED);
  EXPECT_EQ(failed.failure(), "told to fail");
  SetMode("fake-market", "");
  const v1::Refund paid = Issue(Concession(order, "CAP", 1), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 1500);
}

TEST_F(RefundsTest, YenHasNothingBehindThePoint) {
  v1::Order given = OrderOf("jp", "503-0000001-0000001", {{"FAN", 1, 3980, 362}});
  *given.mutable_shipping_total() = MoneyOf(500, "JPY");
  const v1::Order order = Put(given);
  EXPECT_EQ(order.captured_total().minor_units(), 4480);
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED));
  Advance(absl::Hours(24) * 30 + absl::Seconds(1));
  state = Await(state, v1::Return::STATUS_EXPIRED);
  Advance(absl::Hours(48));
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_TRUE(state.late());
  Receive(state);
  state = Inspect(state, 1, v1::CONDITION_NEW);

  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  const v1::RefundQuote quote = Quote(refund.spec());
  EXPECT_EQ(quote.total().minor_units(), 3184);
  EXPECT_EQ(quote.total().currency_code(), "JPY");
  EXPECT_EQ(InformedTax(quote), 362);
  const v1::Refund paid = Issue(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 3184);
  const std::vector<std::string> log = Log("fake-market", "effects.log", paid.name());
  ASSERT_EQ(log.size(), 1u);
  EXPECT_NE(log[0].find(" 3184 JPY "), std::string::npos) << log[0];
}

TEST_F(RefundsTest, VatOfTwoUnitsSplitsWithoutLosingACent) {
  const v1::Order order = Put(OrderOf("de", "304-0000001-0000001", {{"SHOE", 2, 11980, 1913}}));
  int64_t credited = 0;
  for (const int64_t vat : {957, 956}) {
    const v1::IssueRefundRequest request = Concession(order, "SHOE", 1);
    const v1::RefundQuote quote = Quote(request.spec());
    EXPECT_EQ(quote.total().minor_units(), 5990);
    EXPECT_EQ(quote.total().currency_code(), "EUR");
    EXPECT_EQ(InformedTax(quote), vat);
    const v1::Refund paid = Issue(request, v1::Refund::STATUS_SUCCEEDED);
    for (const v1::BreakdownLine& line : paid.breakdown()) {
      if (line.kind() == v1::BreakdownLine::KIND_ITEM_TAX) credited += line.amount().minor_units();
    }
  }
  EXPECT_EQ(credited, 1913);
}

TEST_F(RefundsTest, QuoteThatChangedIsNotPaid) {
  const v1::Order order = Put(OrderOf("us", "113-1000005-0000005", {{"BAG", 1, 1500, 0}}));
  v1::IssueRefundRequest request = Concession(order, "BAG", 1);
  *request.mutable_expected_total() = MoneyOf(1499, "USD");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, request).reason(), "QUOTE_CHANGED");
  request.set_validate_only(true);
  request.mutable_expected_total()->set_minor_units(1500);
  EXPECT_TRUE(api().Call(&Refunds::IssueRefund, request).ok());
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Refunds::ListRefunds, list)->refunds_size(), 0);
  request.set_validate_only(false);
  *request.mutable_spec()->mutable_deduction() = MoneyOf(1500, "USD");
  request.clear_expected_total();
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, request).reason(), "NOTHING_TO_REFUND");
  *request.mutable_spec()->mutable_deduction() = MoneyOf(1, "EUR");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, request).reason(), "CURRENCY_MISMATCH");
}

}  // namespace
}  // namespace aftersales::e2e
