// The life of a label: bought, used, taken back, replaced, and never used.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class LabelsTest : public HostTest {
 protected:
  v1::Return Labelled(std::string_view order) {
    const v1::Return state = Approve(
        Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE));
    const auto asked = Ask(state);
    EXPECT_TRUE(asked.ok()) << asked.status.error_message();
    return AwaitLabels(state, {v1::ReturnLabel::STATE_ISSUED});
  }
  Reply<v1::Return> Ask(const v1::Return& state, bool replace = false) {
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    request.set_replace(replace);
    return api().Call(&Returns::IssueReturnLabel, request);
  }
  Reply<v1::Return> Void(const v1::Return& state, std::string_view reason = "wrong address") {
    v1::VoidReturnLabelRequest request;
    request.set_name(state.name());
    request.set_reason(std::string(reason));
    return api().Call(&Returns::VoidReturnLabel, request);
  }
  v1::Return AwaitLabels(const v1::Return& state, const std::vector<int>& states) {
    return AwaitThat(state, [&](const v1::Return& now) {
      std::vector<int> is;
      for (const v1::ReturnLabel& label : now.labels()) is.push_back(label.state());
      return is == states;
    });
  }
  static int64_t Cost(const v1::Return& state) {
    int64_t sum = 0;
    for (const v1::LedgerEntry& entry : state.ledger()) sum += entry.amount().minor_units();
    return sum;
  }
  static bool Found(const v1::Return& state, v1::Finding::Kind kind) {
    return std::any_of(state.findings().begin(), state.findings().end(),
                       [kind](const v1::Finding& finding) { return finding.kind() == kind; });
  }
};

TEST_F(LabelsTest, TakenBackBeforeItsUseItCostsNothing) {
  v1::Return state = Labelled("113-8100001-0000001");
  EXPECT_LT(Cost(state), 0);
  EXPECT_EQ(Void(state, "").reason(), "REASON_REQUIRED");
  const auto asked = Void(state);
  ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  EXPECT_EQ(asked->labels(0).state(), v1::ReturnLabel::STATE_VOIDING);
  state = AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED});
  EXPECT_EQ(Cost(state), 0);
  EXPECT_EQ(EffectCount("VoidLabel", state.name(), "fake-carrier"), 1);
  EXPECT_EQ(Void(state).reason(), "NO_LABEL");
  // And another may be bought.
  ASSERT_TRUE(Ask(state).ok());
  AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_ISSUED});
  EXPECT_EQ(EffectCount("IssueLabel", state.name(), "fake-carrier"), 2);
}

TEST_F(LabelsTest, UsedOneCannotBeTakenBack) {
  const v1::Return state = Labelled("113-8100002-0000002");
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  EXPECT_EQ(Void(state).reason(), "LABEL_USED");
  EXPECT_EQ(Ask(state, true).reason(), "INVALID_STATE");
  EXPECT_EQ(EffectCount("VoidLabel", state.name(), "fake-carrier"), 0);
}

TEST_F(LabelsTest, ReplacedOneIsVoidAndOneIsLeft) {
  v1::Return state = Labelled("113-8100003-0000003");
  EXPECT_EQ(Ask(state).reason(), "LABEL_EXISTS");
  ASSERT_TRUE(Ask(state, true).ok());
  state = AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_ISSUED});
  EXPECT_NE(state.labels(0).tracking_number(), state.labels(1).tracking_number());
  EXPECT_EQ(EffectCount("VoidLabel", state.name(), "fake-carrier"), 1);
}

TEST_F(LabelsTest, VoidOneThatTheBuyerUsesAllTheSameIsAFact) {
  v1::Return state = Labelled("113-8100009-0000009");
  ASSERT_TRUE(Ask(state, true).ok());
  state = AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_ISSUED});
  Advance(absl::Hours(24));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("scan-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_scanned()->set_tracking_number(state.labels(0).tracking_number());
  fact->mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  const auto recorded = api().Call(&Facts::RecordFacts, facts);
  ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
  EXPECT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_USED);
}

TEST_F(LabelsTest, CarrierThatRefusesLeavesItGoodAndSaysSo) {
  v1::Return state = Labelled("113-8100004-0000004");
  const int64_t cost = Cost(state);
  // Not at the very moment of the question, of which a still clock would make one.
  SetMode("fake-carrier", "VoidLabel=RETRY");
  ASSERT_TRUE(Void(state).ok());
  Advance(absl::Seconds(1));
  SetMode("fake-carrier", "VoidLabel=FAIL");
  // Longer than it waits between two tries; one that was under way waits from then on.
  EXPECT_TRUE(Eventually([&] {
    Advance(absl::Minutes(1));
    return Found(state = Get(state), v1::Finding::KIND_LABEL_NOT_VOIDED);
  }));
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(Cost(state), cost);
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  EXPECT_EQ(Get(state).labels(0).state(), v1::ReturnLabel::STATE_USED);
}

TEST_F(LabelsTest, TakenBackOnceHoweverUncertain) {
  const v1::Return state = Labelled("113-8100005-0000005");
  SetMode("fake-carrier", "VoidLabel=TIMEOUT_DONE");
  ASSERT_TRUE(Void(state).ok());
  ASSERT_TRUE(
      Eventually([&] { return EffectCount("VoidLabel", state.name(), "fake-carrier") == 1; }));
  RestartHost();
  SetMode("fake-carrier", "");
  Advance(absl::Minutes(5));
  AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED});
  EXPECT_EQ(EffectCount("VoidLabel", state.name(), "fake-carrier"), 1);
}

TEST_F(LabelsTest, NeverUsedItExpiresAndIsTakenBackAndAScanComesLate) {
  v1::Return state = Labelled("113-8100006-0000006");
  Advance(absl::Hours(24 * 30) + absl::Seconds(1));
  state = Await(state, v1::Return::STATUS_EXPIRED);
  state = AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED});
  EXPECT_EQ(Cost(state), 0);
  Advance(absl::Hours(48));
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_TRUE(state.late());
}

TEST_F(LabelsTest, NeverUsedAndNotTakenBackItExpires) {
  v1::Return state = Labelled("113-8100007-0000007");
  const int64_t cost = Cost(state);
  SetMode("fake-carrier", "VoidLabel=FAIL");
  Advance(absl::Hours(24 * 30) + absl::Seconds(1));
  state = AwaitLabels(state, {v1::ReturnLabel::STATE_EXPIRED});
  EXPECT_EQ(Cost(state), cost);
  EXPECT_TRUE(Found(state, v1::Finding::KIND_LABEL_NOT_VOIDED));
}

TEST_F(LabelsTest, OneThatComesAfterTheBuyerWithdrewIsTakenBack) {
  for (const std::string_view silence : {"TIMEOUT_DONE", "RETRY"}) {
    SetMode("fake-carrier", "IssueLabel=" + std::string(silence));
    const std::string order = silence == "RETRY" ? "113-8100012-0000012" : "113-8100011-0000011";
    v1::Return state = Approve(
        Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE));
    ASSERT_TRUE(Ask(state).ok());
    if (silence != "RETRY") {
      state = AwaitLabels(state, {v1::ReturnLabel::STATE_UNKNOWN});
    } else {
      ASSERT_TRUE(Eventually([&] { return !Log("fake-carrier", "retries.log", "").empty(); }));
    }
    v1::CancelReturnRequest cancel;
    cancel.set_name(state.name());
    cancel.set_reason("the buyer keeps it");
    ASSERT_TRUE(api().Call(&Returns::CancelReturn, cancel).ok());
    SetMode("fake-carrier", "");
    Advance(absl::Hours(2));
    state = AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED});
    EXPECT_EQ(state.status(), v1::Return::STATUS_CANCELLED);
    EXPECT_EQ(Cost(state), 0);
    // An attempt that was under way may have bought one after all.
    EXPECT_TRUE(Eventually([&] {
      return EffectCount("IssueLabel", state.name(), "fake-carrier") ==
             EffectCount("VoidLabel", state.name(), "fake-carrier");
    }));
    EXPECT_EQ(Cost(AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED})), 0);
  }
}

TEST_F(LabelsTest, LateParcelOfABuyerWhoChangedTheirMindPaysTheLateFee) {
  const v1::Order order = Put(OrderOf("us", "113-8100008-0000008", {{"LAMP", 1, 10000, 825}}));
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED));
  Advance(absl::Hours(24 * 30) + absl::Seconds(1));
  state = Await(state, v1::Return::STATUS_EXPIRED);
  Advance(absl::Hours(48));
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  v1::RefundSpec spec;
  spec.set_return_name(Receive(Get(state)).name());
  EXPECT_EQ(Quote(spec).total().minor_units(), 8825);
}

TEST_F(LabelsTest, RequestBringsNone) {
  const v1::Order order = Put(OrderOf("us", "113-8100078-0000078", {{"LAMP", 1, 2999, 247}}));
  v1::CreateReturnRequest create = ReturnRequest(order, v1::RETURN_REASON_ARRIVED_DAMAGED);
  v1::ReturnLabel* label = create.mutable_return_resource()->add_labels();
  label->set_tracking_number("00340434161094042557");
  *label->mutable_cost() = MoneyOf(3000, "USD");
  label->set_paid_by(v1::ReturnLabel::PAYER_BUYER);
  const auto refused = ApiAs("buyer:b").Call(&Returns::CreateReturn, create);
  EXPECT_EQ(refused.reason(), "NOT_SETTABLE");
  EXPECT_THAT(refused.fields(), testing::ElementsAre("return_resource.labels"));
}

TEST_F(LabelsTest, GoodsThatCameUsedIt) {
  v1::Return state = Labelled("113-8100079-0000079");
  state = Receive(state);
  EXPECT_EQ(Void(state).reason(), "LABEL_USED");
}

TEST_F(LabelsTest, SecondPersonIsNotEvadedByABuyersLabel) {
  const v1::Order order = Put(OrderOf("us", "113-8100077-0000077", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  v1::IssueReturnLabelRequest label;
  label.set_name(state.name());
  label.set_carrier("dhl");
  label.set_tracking_number("00340434161094042557");
  *label.mutable_cost() = MoneyOf(3000, "USD");
  label.set_paid_by(v1::ReturnLabel::PAYER_BUYER);
  const auto evaded = ApiAs("operator:olga").Call(&Returns::IssueReturnLabel, label);
  EXPECT_EQ(evaded.reason(), "ROLE_REQUIRED");
  EXPECT_THAT(evaded.fields(), testing::ElementsAre("paid_by"));
  label.clear_paid_by();
  *label.mutable_cost() = MoneyOf(500, "EUR");
  const auto mixed = ApiAs("operator:olga").Call(&Returns::IssueReturnLabel, label);
  EXPECT_EQ(mixed.reason(), "CURRENCY_MISMATCH");
  EXPECT_THAT(mixed.fields(), testing::ElementsAre("cost.currency_code"));
  *label.mutable_cost() = MoneyOf(500, "USD");
  const auto issued = ApiAs("operator:olga").Call(&Returns::IssueReturnLabel, label);
  ASSERT_TRUE(issued.ok()) << issued.status.error_message();
  EXPECT_EQ(Cost(*issued), -500);
}

TEST_F(LabelsTest, WhatAnOwnLabelCostTheBuyerIsOnePersonsWord) {
  const v1::Order order = Put(OrderOf("us", "113-8100080-0000080", {{"LAMP", 1, 2999, 247}}));
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED));
  v1::IssueReturnLabelRequest label;
  label.set_name(state.name());
  label.set_carrier("dhl");
  label.set_tracking_number("00340434161094042557");
  *label.mutable_cost() = MoneyOf(2000, "USD");
  ASSERT_TRUE(ApiAs("operator:olga").Call(&Returns::IssueReturnLabel, label).ok());
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(Receive(state).name());
  const auto refund = ApiAs("operator:olga").Call(&Refunds::IssueRefund, issue);
  ASSERT_TRUE(refund.ok()) << refund.status.error_message();
  EXPECT_EQ(refund->total().minor_units(), 2999 + 247 - 2000);
  EXPECT_EQ(refund->status(), v1::Refund::STATUS_PENDING_APPROVAL);
  v1::ApproveRefundRequest approve;
  approve.set_name(refund->name());
  EXPECT_EQ(ApiAs("operator:olga").Call(&Refunds::ApproveRefund, approve).reason(), "FOUR_EYES");
  EXPECT_TRUE(ApiAs("operator:otto").Call(&Refunds::ApproveRefund, approve).ok());
}

}  // namespace
}  // namespace aftersales::e2e
