// Who may do what, and how many at once.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class RolesTest : public HostTest {
 protected:
  v1::Return Requested(std::string_view order) {
    return Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE);
  }
};

TEST_F(RolesTest, EachDoesWhatIsTheirs) {
  v1::Return state = Requested("113-9500001-0000001");
  v1::ApproveReturnRequest approve;
  approve.set_name(state.name());
  for (const char* actor : {"buyer", "carrier:dhl", "warehouse:reno", "erp:sap"}) {
    const auto refused = ApiAs(actor).Call(&Returns::ApproveReturn, approve);
    EXPECT_EQ(refused.code(), grpc::StatusCode::PERMISSION_DENIED) << actor;
    EXPECT_EQ(refused.reason(), "ROLE_REQUIRED") << actor;
  }
  ASSERT_TRUE(ApiAs("operator:olga").Call(&Returns::ApproveReturn, approve).ok());

  const Api warehouse = ApiAs("warehouse:reno");
  v1::RecordReceiptRequest receipt;
  receipt.set_name(state.name());
  EXPECT_EQ(ApiAs("carrier:dhl").Call(&Returns::RecordReceipt, receipt).reason(), "ROLE_REQUIRED");
  ASSERT_TRUE(warehouse.Call(&Returns::RecordReceipt, receipt).ok());
  v1::InspectReturnRequest inspect;
  inspect.set_name(state.name());
  v1::Inspection* found = inspect.add_inspections();
  found->set_line_id("LAMP");
  found->set_quantity(1);
  found->set_condition(v1::CONDITION_DEFECTIVE);
  ASSERT_TRUE(warehouse.Call(&Returns::InspectReturn, inspect).ok());
  // Money is not the warehouse's, nor the carrier's.
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  for (const char* actor : {"warehouse:reno", "carrier:dhl", "buyer", "platform"}) {
    EXPECT_EQ(ApiAs(actor).Call(&Refunds::IssueRefund, refund).reason(), "ROLE_REQUIRED") << actor;
  }
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Refunds::ListRefunds, list)->refunds_size(), 0);
  // Every fact says who did it.
  std::vector<v1::Role> roles;
  for (const v1::Event& event : AllEvents("subject = \"" + state.name() + "\"")) {
    roles.push_back(event.actor().role());
  }
  EXPECT_THAT(roles, testing::ElementsAre(v1::ROLE_MANAGER, v1::ROLE_OPERATOR, v1::ROLE_WAREHOUSE,
                                          v1::ROLE_WAREHOUSE));
}

TEST_F(RolesTest, OperatorWhoChangesWhatThePolicyGivesNeedsASecondPerson) {
  const Api olga = ApiAs("operator:olga");
  v1::Return state = Receive(Approve(Requested("113-9500002-0000002")));
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  *refund.mutable_spec()->mutable_deduction() = MoneyOf(100, "USD");
  const auto asked = olga.Call(&Refunds::IssueRefund, refund);
  ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  EXPECT_EQ(asked->status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(asked->total().minor_units(), 3146);
  bool explained = false;
  for (const v1::Event& event : AllEvents("subject = \"" + asked->name() + "\"")) {
    explained = explained || event.explanation().sentence().find("not what the policy gives") !=
                                 std::string::npos;
  }
  EXPECT_TRUE(explained);
  v1::ApproveRefundRequest approve;
  approve.set_name(asked->name());
  EXPECT_EQ(olga.Call(&Refunds::ApproveRefund, approve).reason(), "FOUR_EYES");
  ASSERT_TRUE(ApiAs("operator:otto").Call(&Refunds::ApproveRefund, approve).ok());
  Await(*asked, v1::Refund::STATUS_SUCCEEDED);

  // What changes nothing takes nobody; a manager decides alone.
  v1::Return second = Receive(Approve(Requested("113-9500003-0000003")));
  refund.mutable_spec()->set_return_name(second.name());
  refund.mutable_spec()->clear_deduction();
  v1::RefundItem* item = refund.mutable_spec()->add_items();
  item->set_line_id("LAMP");
  item->set_quantity(1);
  item->set_reason(v1::RETURN_REASON_DEFECTIVE);
  const auto plain = olga.Call(&Refunds::IssueRefund, refund);
  ASSERT_TRUE(plain.ok()) << plain.status.error_message();
  EXPECT_EQ(plain->status(), v1::Refund::STATUS_APPROVED);
  v1::Return third = Receive(Approve(Requested("113-9500004-0000004")));
  refund.mutable_spec()->set_return_name(third.name());
  *refund.mutable_spec()->mutable_goodwill() = MoneyOf(0, "USD");
  *refund.mutable_spec()->mutable_deduction() = MoneyOf(100, "USD");
  Issue(refund, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RolesTest, WhatOnlyTheMarketplaceKnowsIsNobodysToSayOfANewReturn) {
  const v1::Order order = Put(OrderOf("us", "113-9500019-0000009", {{"LAMP", 3, 6000, 0}}));
  const auto create = [&](std::string_view actor, std::string_view field,
                          const std::function<void(v1::Return*)>& say) {
    v1::CreateReturnRequest request = ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE);
    say(request.mutable_return_resource());
    const auto refused = ApiAs(actor).Call(&Returns::CreateReturn, request);
    EXPECT_EQ(refused.reason(), "ROLE_REQUIRED") << actor << " " << field;
    EXPECT_THAT(refused.fields(), testing::ElementsAre("return_resource." + std::string(field)));
  };
  for (const char* actor : {"buyer:b", "operator:olga", "rule:r", "erp:sap"}) {
    create(actor, "platform_refunded",
           [](v1::Return* r) { *r->mutable_platform_refunded() = MoneyOf(999999, "USD"); });
    create(actor, "a_to_z_claim", [](v1::Return* r) { r->set_a_to_z_claim(true); });
    create(actor, "validity", [](v1::Return* r) { r->mutable_validity()->set_in_policy(false); });
  }
  // Worked out for everybody, also for whom it is not asked.
  v1::CreateReturnRequest request = ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE);
  const auto made = ApiAs("rule:r").Call(&Returns::CreateReturn, request);
  ASSERT_TRUE(made.ok()) << made.status.error_message();
  EXPECT_TRUE(made->validity().in_policy());
  v1::RejectReturnRequest reject;
  reject.set_name(made->name());
  reject.set_reason_code("NO");
  EXPECT_EQ(ApiAs("rule:r").Call(&Returns::RejectReturn, reject).reason(),
            "INVALID_REJECTION_RISK");
  *request.mutable_return_resource()->mutable_platform_refunded() = MoneyOf(500, "USD");
  request.mutable_return_resource()->mutable_validity()->set_in_policy(false);
  const auto shown = ApiAs("platform").Call(&Returns::CreateReturn, request);
  ASSERT_TRUE(shown.ok()) << shown.status.error_message();
  EXPECT_FALSE(shown->validity().in_policy());
  EXPECT_EQ(shown->platform_refunded().minor_units(), 500);
}

TEST_F(RolesTest, MoneyIsDeniedByAPerson) {
  const v1::Return state = Receive(Approve(Requested("113-9500020-0000010")));
  v1::CloseReturnRequest close;
  close.set_name(state.name());
  close.set_reason("nothing is due");
  close.set_without_refund(true);
  const auto refused = ApiAs("rule:r").Call(&Returns::CloseReturn, close);
  EXPECT_EQ(refused.reason(), "ROLE_REQUIRED");
  EXPECT_THAT(refused.fields(), testing::ElementsAre("without_refund"));
  close.clear_reason();
  EXPECT_EQ(ApiAs("operator:olga").Call(&Returns::CloseReturn, close).reason(), "REASON_REQUIRED");
  close.set_reason("the buyer agreed");
  const auto closed = ApiAs("operator:olga").Call(&Returns::CloseReturn, close);
  ASSERT_TRUE(closed.ok()) << closed.status.error_message();
  EXPECT_EQ(closed->status(), v1::Return::STATUS_CLOSED);
}

TEST_F(RolesTest, RefundOfUnitsOfAReturnThatIsNotNamedNeedsASecondPerson) {
  const Api olga = ApiAs("operator:olga");
  const auto pays = [&](const v1::Return& state) {
    v1::IssueRefundRequest refund;
    refund.set_parent(kSeller);
    refund.mutable_spec()->set_order(state.order());
    v1::RefundItem* item = refund.mutable_spec()->add_items();
    item->set_line_id("LAMP");
    item->set_quantity(1);
    item->set_reason(v1::RETURN_REASON_DEFECTIVE);
    const auto asked = olga.Call(&Refunds::IssueRefund, refund);
    EXPECT_TRUE(asked.ok()) << asked.status.error_message();
    return *asked;
  };
  const v1::Return asked = Requested("113-9500012-0000002");
  EXPECT_EQ(pays(asked).status(), v1::Refund::STATUS_PENDING_APPROVAL);
  const v1::Return rejected = Requested("113-9500013-0000003");
  v1::RejectReturnRequest reject;
  reject.set_name(rejected.name());
  reject.set_reason_code("USED");
  reject.set_override_reason("it was used for a year");
  ASSERT_TRUE(api().Call(&Returns::RejectReturn, reject).ok());
  EXPECT_EQ(pays(rejected).status(), v1::Refund::STATUS_PENDING_APPROVAL);

  const v1::Return empty =
      Inspect(Receive(Approve(Requested("113-9500014-0000004"))), 1, v1::CONDITION_EMPTY_BOX);
  const v1::Refund waiting = pays(empty);
  EXPECT_EQ(waiting.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  std::string why;
  for (const v1::Event& event : AllEvents("subject = \"" + waiting.name() + "\"")) {
    why += event.explanation().sentence();
  }
  EXPECT_THAT(why, testing::HasSubstr(empty.name() + ", which is INSPECTED"));
  v1::ApproveRefundRequest approve;
  approve.set_name(waiting.name());
  EXPECT_EQ(olga.Call(&Refunds::ApproveRefund, approve).reason(), "FOUR_EYES");
  ASSERT_TRUE(ApiAs("operator:otto").Call(&Refunds::ApproveRefund, approve).ok());
  Await(waiting, v1::Refund::STATUS_SUCCEEDED);

  // Units that are in no return any more, or never were, are not concerned; a manager never is.
  const v1::Return withdrawn = Requested("113-9500015-0000005");
  v1::CancelReturnRequest cancel;
  cancel.set_name(withdrawn.name());
  ASSERT_TRUE(api().Call(&Returns::CancelReturn, cancel).ok());
  EXPECT_EQ(pays(withdrawn).status(), v1::Refund::STATUS_APPROVED);
  const v1::Return one = Create(Put(OrderOf("us", "113-9500016-0000006", {{"LAMP", 2, 4000, 0}})),
                                v1::RETURN_REASON_DEFECTIVE);
  EXPECT_EQ(pays(one).status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(pays(one).status(), v1::Refund::STATUS_PENDING_APPROVAL) << "that of the return";
  v1::Order order;
  order.set_name(Requested("113-9500017-0000007").order());
  Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RolesTest, RefundWhoseUnitsAreReturnedMeanwhileIsTriedAgainByAManager) {
  const v1::Order order = Put(OrderOf("us", "113-9500018-0000008", {{"LAMP", 1, 2999, 247}}));
  SetMode("fake-market", "IssueRefund=FAIL");
  const auto issued =
      ApiAs("operator:olga").Call(&Refunds::IssueRefund, Concession(order, "LAMP", 1));
  ASSERT_TRUE(issued.ok()) << issued.status.error_message();
  const v1::Refund failed = Await(*issued, v1::Refund::STATUS_FAILED);
  SetMode("fake-market", "");
  const v1::Return state = Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED);
  v1::RetryRefundRequest retry;
  retry.set_name(failed.name());
  const auto refused = ApiAs("operator:olga").Call(&Refunds::RetryRefund, retry);
  EXPECT_EQ(refused.reason(), "FOUR_EYES");
  EXPECT_EQ(refused.metadata("return"), state.name());
  ASSERT_TRUE(api().Call(&Refunds::RetryRefund, retry).ok());
  Await(failed, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RolesTest, BatchesTakeEachOnItsOwn) {
  v1::BatchApproveReturnsRequest batch;
  batch.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Returns::BatchApproveReturns, batch).reason(), "BAD_BATCH");
  std::vector<v1::Return> states;
  for (int i = 0; i < 3; ++i) {
    states.push_back(Requested("113-9500005-000000" + std::to_string(i)));
    batch.add_requests()->set_name(states.back().name());
  }
  Approve(states[1]);
  batch.mutable_requests(2)->set_etag("\"9\"");
  batch.add_requests()->set_name("sellers/other/returns/1");
  batch.set_request_id("approve-all");
  const auto done = api().Call(&Returns::BatchApproveReturns, batch);
  ASSERT_TRUE(done.ok()) << done.status.error_message();
  ASSERT_EQ(done->results_size(), 4);
  EXPECT_EQ(done->results(0).return_resource().status(), v1::Return::STATUS_APPROVED);
  EXPECT_EQ(done->results(1).reason(), "INVALID_STATE");
  EXPECT_EQ(done->results(2).reason(), "VERSION_CONFLICT");
  EXPECT_EQ(done->results(3).reason(), "NOT_FOUND");
  EXPECT_EQ(Get(states[2]).status(), v1::Return::STATUS_REQUESTED);
  const auto again = api().Call(&Returns::BatchApproveReturns, batch);
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again->SerializeAsString(), done->SerializeAsString());

  v1::BatchCloseReturnsRequest close;
  close.set_parent(kSeller);
  for (const v1::Return& state : states) {
    close.add_requests()->set_name(state.name());
    close.mutable_requests(close.requests_size() - 1)->set_reason("done");
    close.mutable_requests(close.requests_size() - 1)->set_without_refund(true);
  }
  Receive(states[0]);
  const auto closed = api().Call(&Returns::BatchCloseReturns, close);
  ASSERT_TRUE(closed.ok()) << closed.status.error_message();
  EXPECT_EQ(closed->results(0).return_resource().status(), v1::Return::STATUS_CLOSED);
  EXPECT_EQ(closed->results(1).reason(), "INVALID_STATE");
  EXPECT_EQ(closed->results(2).reason(), "INVALID_STATE");
}

}  // namespace
}  // namespace aftersales::e2e
