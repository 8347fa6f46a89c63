// Effects on a world that fails, hesitates or says nothing: each is done once in the end.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class DeliveryTest : public HostTest {
 protected:
  v1::Return Approved(std::string_view order) {
    return Approve(
        Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE));
  }
  void AskLabel(const v1::Return& state) {
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    const auto asked = api().Call(&Returns::IssueReturnLabel, request);
    ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  }
  v1::Return AwaitLabel(const v1::Return& state, v1::ReturnLabel::State wanted) {
    return AwaitThat(state, [wanted](const v1::Return& now) {
      return now.labels_size() > 0 && now.labels(now.labels_size() - 1).state() == wanted;
    });
  }
};

TEST_F(DeliveryTest, RemoteThatAsksToComeAgain) {
  const v1::Order order = Put(OrderOf("us", "113-7000001-0000001", {{"PEN", 1, 1000, 0}}));
  SetMode("fake-market", "IssueRefund=RETRY");
  const v1::Refund refund = Issue(Concession(order, "PEN", 1), v1::Refund::STATUS_SUBMITTED);
  while (Log("fake-market", "retries.log", refund.name()).empty()) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  SetMode("fake-market", "");
  absl::SleepFor(absl::Milliseconds(300));
  // Not before the second that it asked for.
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_SUBMITTED);
  Advance(absl::Seconds(2));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_F(DeliveryTest, RemoteThatCannotBeReached) {
  const v1::Order order = Put(OrderOf("us", "113-7000002-0000002", {{"PEN", 1, 1000, 0}}));
  SetMode("fake-market", "IssueRefund=ERROR");
  // It may have got through: money is never sent again before it was asked for.
  const v1::Refund refund = Issue(Concession(order, "PEN", 1), v1::Refund::STATUS_UNKNOWN);
  SetMode("fake-market", "");
  Advance(absl::Minutes(15));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_F(DeliveryTest, UnknownRefundIsWorkForAPersonWhoMaySettleIt) {
  const v1::Order order = Put(OrderOf("us", "113-7000003-0000003", {{"PEN", 1, 1000, 0}}));
  SetMode("fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=TIMEOUT_DONE");
  const v1::Refund refund = Issue(Concession(order, "PEN", 1), v1::Refund::STATUS_UNKNOWN);
  ASSERT_EQ(WorkItems().size(), 1u);
  EXPECT_EQ(WorkItems()[0].subject(), refund.name());
  EXPECT_EQ(WorkItems()[0].kind(), v1::Deadline::KIND_REFUND_QUERY);
  Advance(absl::Minutes(20));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_UNKNOWN);
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(true);
  settle.set_proof("statement 2026-03");
  const auto settled = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(settled->status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_TRUE(WorkItems().empty());
  // What the queries say later changes nothing any more.
  SetMode("fake-market", "IssueRefund=FAIL");
  Advance(absl::Hours(24));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(Get(refund).SerializeAsString(), settled->SerializeAsString());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_F(DeliveryTest, LabelThatTheCarrierRefusesMayBeAskedForAgain) {
  const v1::Return state = Approved("113-7000004-0000004");
  SetMode("fake-carrier", "IssueLabel=FAIL");
  AskLabel(state);
  EXPECT_EQ(AwaitLabel(state, v1::ReturnLabel::STATE_FAILED).ledger_size(), 0);
  SetMode("fake-carrier", "");
  AskLabel(state);
  const v1::Return labelled = AwaitLabel(state, v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(labelled.labels_size(), 2);
  EXPECT_EQ(labelled.ledger_size(), 1);
  EXPECT_EQ(Log("fake-carrier", "effects.log", state.name()).size(), 1u);
}

TEST_F(DeliveryTest, LabelOfUnknownOutcomeIsAskedForNotBoughtTwice) {
  const v1::Return state = Approved("113-7000005-0000005");
  SetMode("fake-carrier", "IssueLabel=TIMEOUT_DONE");
  AskLabel(state);
  AwaitLabel(state, v1::ReturnLabel::STATE_UNKNOWN);
  SetMode("fake-carrier", "");
  v1::IssueReturnLabelRequest again;
  again.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::IssueReturnLabel, again).reason(), "LABEL_EXISTS");
  RestartHost();
  Advance(absl::Minutes(1));
  const v1::Return labelled = AwaitLabel(state, v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(labelled.labels_size(), 1);
  EXPECT_EQ(labelled.labels(0).tracking_number().substr(0, 4), "FAKE");
  EXPECT_EQ(Log("fake-carrier", "effects.log", state.name()).size(), 1u);
}

TEST_F(DeliveryTest, ErpThatWasDownIsToldOfEverythingInOrder) {
  SetMode("fake-erp", "PushChanges=FAIL");
  const v1::Return state = Approved("113-7000006-0000006");
  Receive(state);
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_TRUE(Log("fake-erp", "erp.log").empty());
  SetMode("fake-erp", "");
  RestartHost();
  std::vector<std::string> told;
  ASSERT_TRUE(Eventually([&] { return (told = Log("fake-erp", "erp.log")).size() >= 3; }));
  const std::vector<v1::Event> events = AllEvents("subject = \"" + state.name() + "\"");
  ASSERT_EQ(told.size(), events.size());
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].substr(0, told[i].find(' ')), events[i].name());
  }
}

TEST_F(DeliveryTest, DecisionThatWasOverturnedIsNotRepeatedThere) {
  SetMode("fake-market", "DecideReturn=RETRY");
  v1::Return state = Create(Put(OrderOf("us", "113-7000008-0000008", {{"LAMP", 1, 2999, 247}})),
                            v1::RETURN_REASON_DEFECTIVE);
  v1::RejectReturnRequest reject;
  reject.set_name(state.name());
  reject.set_reason_code("OUT_OF_WINDOW");
  reject.set_override_reason("looked like fraud");
  ASSERT_TRUE(api().Call(&Returns::RejectReturn, reject).ok());
  Advance(absl::Seconds(1));
  v1::ReopenReturnRequest reopen;
  reopen.set_name(state.name());
  reopen.set_reason("the buyer has the receipt");
  ASSERT_TRUE(api().Call(&Returns::ReopenReturn, reopen).ok());
  Approve(Get(state));
  absl::SleepFor(absl::Milliseconds(200));
  SetMode("fake-market", "");
  Advance(absl::Hours(1));
  // The approval alone arrives.
  ASSERT_TRUE(Eventually([&] { return EffectCount("DecideReturn", state.name()) > 0; }));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(EffectCount("DecideReturn", state.name()), 1);
}

TEST_F(DeliveryTest, HostStopsThoughAPluginHangs) {
  const v1::Order order = Put(OrderOf("us", "113-7000007-0000007", {{"PEN", 1, 1000, 0}}));
  SetMode("fake-market", "IssueRefund=HANG");
  const v1::Refund refund = Issue(Concession(order, "PEN", 1), v1::Refund::STATUS_SUBMITTED);
  absl::SleepFor(absl::Milliseconds(100));
  const absl::Time start = absl::Now();
  SetMode("fake-market", "");
  StopHost();
  // The plugin is told to stop when the time for an effect is over, which is 20 seconds.
  EXPECT_LT(absl::Now() - start, absl::Seconds(25));
  StartHost();
  // Nobody knows what became of it, so it is asked for, or repeated under its id.
  Advance(absl::Minutes(15));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

}  // namespace
}  // namespace aftersales::e2e
