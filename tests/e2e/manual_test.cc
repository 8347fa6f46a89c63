// Marketplaces that have no API: the host says what a person has to do and watches for the fact.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using ManualTest = HostTest;

TEST_F(ManualTest, RefundThatAPersonPays) {
  const v1::Order order = Put(OrderOf("us", "113-4000001-0000001", {{"PEN", 2, 2000, 0}}));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::Refund refund = *api().Call(&Refunds::IssueRefund, Concession(order, "PEN", 1));
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  EXPECT_EQ(refund.status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(refund.manual_action().title(), "Do it by hand");
  EXPECT_EQ(refund.manual_action().steps_size(), 2);
  // Two business days: end of Wednesday in Los Angeles.
  EXPECT_EQ(refund.due_at().seconds(), absl::ToUnixSeconds(At("2026-03-05T07:59:59Z")));
  std::vector<v1::WorkItem> work = WorkItems();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].subject(), refund.name());
  EXPECT_EQ(work[0].manual_action().title(), "Do it by hand");
  EXPECT_EQ(work[0].order_external_id(), "113-4000001-0000001");
  RestartHost();
  EXPECT_EQ(WorkItems().size(), 1u);

  // Its amount is reserved meanwhile.
  EXPECT_EQ(Quote(Concession(order, "PEN", 1).spec()).refundable().minor_units(), 1000);
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(true);
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "PROOF_REQUIRED");
  settle.set_proof("statement 2026-03, line 12");
  settle.set_external_refund_id("AMZ-77");
  const auto settled = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(settled->status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(settled->proof(), "statement 2026-03, line 12");
  EXPECT_EQ(settled->external_refund_id(), "AMZ-77");
  EXPECT_TRUE(WorkItems().empty());
  const auto again = api().Call(&Refunds::SettleRefund, settle);
  EXPECT_EQ(again.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(again.reason(), "INVALID_STATE");
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 0);
}

TEST_F(ManualTest, MoreThanWasAskedIsForAManagerToSay) {
  const v1::Order order = Put(OrderOf("us", "113-4000004-0000004", {{"PEN", 2, 2000, 0}}));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::Refund refund = *api().Call(&Refunds::IssueRefund, Concession(order, "PEN", 1));
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(true);
  settle.set_proof("statement 2026-03, line 13");
  *settle.mutable_amount() = MoneyOf(int64_t{1} << 62, "USD");
  EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "BAD_AMOUNT");
  *settle.mutable_amount() = MoneyOf(2001, "USD");
  const auto refused = ApiAs("operator:olga").Call(&Refunds::SettleRefund, settle);
  EXPECT_EQ(refused.code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused.reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(refused.metadata("most"), "1000");
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_APPROVED);
  // Less is believed with its proof, and is a finding.
  *settle.mutable_amount() = MoneyOf(999, "USD");
  const auto settled = ApiAs("operator:olga").Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(settled->findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);

  const v1::Order other = Put(OrderOf("us", "113-4000005-0000005", {{"PEN", 2, 2000, 0}}));
  refund = *api().Call(&Refunds::IssueRefund, Concession(other, "PEN", 1));
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  settle.set_name(refund.name());
  *settle.mutable_amount() = MoneyOf(2001, "USD");
  EXPECT_TRUE(ApiAs("manager:mia").Call(&Refunds::SettleRefund, settle).ok());
}

TEST_F(ManualTest, RefundThatAPersonCouldNotPay) {
  const v1::Order order = Put(OrderOf("us", "113-4000002-0000002", {{"PEN", 1, 1000, 0}}));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::Refund refund = *api().Call(&Refunds::IssueRefund, Concession(order, "PEN", 1));
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_proof("the order was cancelled there");
  const auto settled = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(settled->status(), v1::Refund::STATUS_FAILED);
  // No return asks for the money, so a person does until it is taken back.
  EXPECT_EQ(WorkItems().size(), 1u);
  v1::CancelRefundRequest cancel;
  cancel.set_name(refund.name());
  cancel.set_reason("the order was cancelled there");
  EXPECT_TRUE(api().Call(&Refunds::CancelRefund, cancel).ok());
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_EQ(Quote(Concession(order, "PEN", 1).spec()).refundable().minor_units(), 1000);
}

TEST_F(ManualTest, DecisionThatAPersonRepeatsAtTheMarketplace) {
  const v1::Order order = Put(OrderOf("us", "113-4000003-0000003", {{"LAMP", 1, 2999, 247}}));
  SetMode("fake-market", "DecideReturn=MANUAL");
  v1::Return state = Create(order, v1::RETURN_REASON_DEFECTIVE);
  Advance(absl::Hours(1));
  state = Approve(state);
  state = AwaitThat(state, [](const v1::Return& now) { return now.has_manual_action(); });
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  const v1::Deadline* manual = FindDeadline(state, v1::Deadline::KIND_MANUAL_ACTION);
  ASSERT_NE(manual, nullptr);
  EXPECT_EQ(manual->state(), v1::Deadline::STATE_RUNNING);
  // By the time at which the request must be answered there.
  EXPECT_EQ(manual->due_at().seconds(), absl::ToUnixSeconds(At("2026-03-04T09:00:00Z")));
  const std::vector<v1::WorkItem> work = WorkItems("kind = MANUAL_ACTION");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].subject(), state.name());
  EXPECT_EQ(work[0].manual_action().title(), "Do it by hand");

  // The next report shows it authorised.
  Advance(absl::Hours(2));
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  v1::Event* fact = request.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("row-2");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
  fact->mutable_return_reported()->mutable_snapshot()->set_platform_status("Approved");
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, request).ok());
  state = Get(state);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_MANUAL_ACTION)->state(),
            v1::Deadline::STATE_MET);
  EXPECT_FALSE(state.has_manual_action());
  EXPECT_EQ(state.platform_status(), "Approved");
  EXPECT_TRUE(WorkItems("kind = MANUAL_ACTION").empty());
  EXPECT_EQ(state.findings_size(), 0) << state.DebugString();
}

}  // namespace
}  // namespace aftersales::e2e
