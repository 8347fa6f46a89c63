// A remote side that does it and does not say so, says nothing, says it late, twice, or talks
// nonsense: nobody knows for a while, nothing is given back in the meantime, and in the end each
// effect was done once.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

// What a remote can do instead of an answer, and whether it has done it all the same.
struct Silence {
  const char* mode;
  bool done;
};
// For the names of the tests, which would show bytes.
void PrintTo(const Silence& silence, std::ostream* out) {
  *out << silence.mode << (silence.done ? ", done" : ", not done");
}
constexpr Silence kSilences[] = {{"TIMEOUT_DONE", true},
                                 {"TIMEOUT_NOT_DONE", false},
                                 {"GARBAGE", true},
                                 {"NONSENSE", true},
                                 {"ERROR", false}};

class UnknownOutcomeTest : public HostTest, public testing::WithParamInterface<Silence> {
 protected:
  UnknownOutcomeTest() { AddPlugin("fake_blind_market.so"); }

  v1::Return Approved(std::string_view order) {
    return Approve(
        Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE));
  }
  v1::Return AwaitLabel(const v1::Return& state, v1::ReturnLabel::State wanted) {
    return AwaitThat(state, [wanted](const v1::Return& now) {
      return now.labels_size() == 1 && now.labels(0).state() == wanted;
    });
  }
  void AskLabel(const v1::Return& state) {
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    const auto asked = api().Call(&Returns::IssueReturnLabel, request);
    ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  }
};

TEST_P(UnknownOutcomeTest, RefundIsPaidOnce) {
  const v1::Order order = Put(OrderOf("us", "113-8000001-0000001", {{"HAT", 1, 2000, 0}}));
  SetMode("fake-market", std::string("IssueRefund=") + GetParam().mode);
  const v1::Refund refund = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), GetParam().done ? 1 : 0);
  // The money stays reserved.
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1)).reason(),
            "QUANTITY_EXCEEDS_REFUNDABLE");
  RestartHost();
  SetMode("fake-market", "");
  Advance(absl::Minutes(15));
  const v1::Refund paid = Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.external_refund_id(), "fake-market:" + paid.effect_id());
  EXPECT_EQ(paid.paid_amount().minor_units(), 2000);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_P(UnknownOutcomeTest, LabelIsMadeOnce) {
  const v1::Return state = Approved("113-8000002-0000002");
  SetMode("fake-carrier", std::string("IssueLabel=") + GetParam().mode);
  AskLabel(state);
  const v1::Return unknown = AwaitLabel(state, v1::ReturnLabel::STATE_UNKNOWN);
  EXPECT_EQ(unknown.ledger_size(), 0);
  v1::IssueReturnLabelRequest again;
  again.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::IssueReturnLabel, again).reason(), "LABEL_EXISTS");
  SetMode("fake-carrier", "");
  Advance(absl::Minutes(1));
  const v1::Return labelled = AwaitLabel(state, v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(labelled.labels(0).cost().minor_units(), 610);
  EXPECT_EQ(labelled.ledger_size(), 1);
  EXPECT_EQ(Log("fake-carrier", "effects.log", state.name()).size(), 1u);
}

TEST_P(UnknownOutcomeTest, DecisionIsToldOnce) {
  SetMode("fake-market", std::string("DecideReturn=") + GetParam().mode);
  const v1::Return state = Approved("113-8000003-0000003");
  absl::SleepFor(absl::Milliseconds(100));
  SetMode("fake-market", "");
  Advance(absl::Minutes(1));
  EXPECT_TRUE(Eventually([&] { return EffectCount("DecideReturn", state.name()) > 0; }));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(EffectCount("DecideReturn", state.name()), 1);
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
}

// Asked what became of it, the remote says as little as at first.
TEST_P(UnknownOutcomeTest, RefundWaitsForAnAnswerThatMeansSomething) {
  const v1::Order order = Put(OrderOf("us", "113-8000004-0000004", {{"HAT", 1, 2000, 0}}));
  SetMode("fake-market", std::string("IssueRefund=TIMEOUT_DONE QueryEffect=") + GetParam().mode);
  const v1::Refund refund = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Minutes(15));
    absl::SleepFor(absl::Milliseconds(150));
    EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_UNKNOWN);
  }
  SetMode("fake-market", "");
  Advance(absl::Minutes(15));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

// A plugin that keeps no ids cannot be asked, and must not be told again.
TEST_P(UnknownOutcomeTest, RefundThatNobodyCanAskForIsAPersonsToSettle) {
  Bind("blind", "ATVPDKIKX0DER", "seed", "fake-blind-market");
  const v1::Order order = Put(OrderOf("blind", "113-8000005-0000005", {{"HAT", 1, 2000, 0}}));
  SetMode("fake-blind-market", std::string("IssueRefund=") + GetParam().mode);
  const v1::Refund refund = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  SetMode("fake-blind-market", "");
  const std::vector<v1::WorkItem> items = WorkItems();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].subject(), refund.name());
  EXPECT_EQ(items[0].kind(), v1::Deadline::KIND_REFUND_QUERY);
  EXPECT_EQ(items[0].due_at().seconds(), absl::ToUnixSeconds(clock().Now()));
  const int done = GetParam().done ? 1 : 0;
  for (int i = 0; i < 2; ++i) {
    Advance(absl::Hours(12));
    RestartHost();
    absl::SleepFor(absl::Milliseconds(150));
    EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_UNKNOWN);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name(), "fake-blind-market"), done);
  }
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(GetParam().done);
  settle.set_proof("list of payments, 2026-03-03");
  const auto settled = api().Call(&Refunds::SettleRefund, settle);
  ASSERT_TRUE(settled.ok()) << settled.status.error_message();
  EXPECT_EQ(WorkItems().empty(), GetParam().done);
  // What was not paid may be paid now; what was, not again.
  const auto next = api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1));
  EXPECT_EQ(next.ok(), !GetParam().done) << next.status.error_message();
  if (next.ok()) Await(*next, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_EQ(Log("fake-blind-market", "effects.log", "IssueRefund").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Silences, UnknownOutcomeTest, testing::ValuesIn(kSilences),
                         [](const auto& of) { return std::string(of.param.mode); });

// The three ways out of a timeout: it was done and the remote says so; it was not, and is done once
// under the same id; nobody can be asked, and the payment shows the day after.
class TimeoutTest : public HostTest {
 protected:
  TimeoutTest() { AddPlugin("fake_blind_market.so"); }
  v1::Refund TimedOut(std::string_view mode) {
    const v1::Order order =
        Put(OrderOf("us", "113-8000006-000000" + std::to_string(++orders_), {{"HAT", 1, 2000, 0}}));
    SetMode("fake-market", "IssueRefund=" + std::string(mode));
    const v1::Refund refund = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
    SetMode("fake-market", "");
    EXPECT_EQ(refund.due_at().seconds(), absl::ToUnixSeconds(clock().Now()) + 15 * 60);
    EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1)).reason(),
              "QUANTITY_EXCEEDS_REFUNDABLE")
        << "its amount is reserved";
    Advance(absl::Minutes(15) - absl::Seconds(1));
    absl::SleepFor(absl::Milliseconds(250));
    EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_UNKNOWN) << "nobody asks before";
    Advance(absl::Seconds(1));
    return refund;
  }
  int orders_ = 0;
};

TEST_F(TimeoutTest, WasDoneAndTheQueryFindsIt) {
  const v1::Refund refund = TimedOut("TIMEOUT_DONE");
  EXPECT_EQ(Await(refund, v1::Refund::STATUS_SUCCEEDED).external_refund_id(),
            "fake-market:" + refund.effect_id());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_F(TimeoutTest, WasNotDoneAndIsDoneOnceUnderTheSameId) {
  const v1::Refund refund = TimedOut("TIMEOUT_NOT_DONE");
  EXPECT_EQ(Await(refund, v1::Refund::STATUS_SUCCEEDED).effect_id(), refund.effect_id());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

TEST_F(TimeoutTest, NobodyCanBeAskedAndTheFinancialEventSettlesIt) {
  Bind("blind", "ATVPDKIKX0DER", "seed", "fake-blind-market");
  const v1::Order order = Put(OrderOf("blind", "113-8000007-0000007", {{"HAT", 1, 2000, 0}}));
  const v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  SetMode("fake-blind-market", "IssueRefund=TIMEOUT_DONE");
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  const v1::Refund refund = Issue(request, v1::Refund::STATUS_UNKNOWN);
  SetMode("fake-blind-market", "");
  ASSERT_EQ(WorkItems("kind = REFUND_QUERY").size(), 1u);
  Advance(absl::Hours(24));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("financial-event-1");
  fact->mutable_actor()->set_role(v1::ROLE_PLATFORM);
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_refunded()->set_external_refund_id("AMZ-REFUND-1");
  *fact->mutable_return_refunded()->mutable_amount() = MoneyOf(2000, "USD");
  v1::RefundItem* item = fact->mutable_return_refunded()->add_items();
  item->set_line_id("HAT");
  item->set_quantity(1);
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, facts).ok());
  EXPECT_EQ(Await(refund, v1::Refund::STATUS_SUCCEEDED).external_refund_id(), "AMZ-REFUND-1");
  EXPECT_EQ(Get(state).items(0).quantity_refunded(), 1);
  EXPECT_TRUE(WorkItems("kind = REFUND_QUERY").empty());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name(), "fake-blind-market"), 1);
}

class OddAnswerTest : public HostTest {};

// Told again under its id what it has done already, the remote says once more that it is done.
TEST_F(OddAnswerTest, AnsweredTwiceIsPaidOnce) {
  const v1::Order order = Put(OrderOf("us", "113-8100001-0000001", {{"HAT", 1, 2000, 0}}));
  SetMode("fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=RETRY");
  const v1::Refund refund = Issue(Concession(order, "HAT", 1), v1::Refund::STATUS_UNKNOWN);
  SetMode("fake-market", "QueryEffect=RETRY");
  Advance(absl::Minutes(15));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  // A kill between the payment and its record has the remote told again too; see crash_test.cc.
}

// Nobody waits for an answer any more when it comes: it is asked for like one that never came.
TEST_F(OddAnswerTest, AnsweredLateIsDoneOnce) {
  const v1::Order order = Put(OrderOf("us", "113-8100002-0000002", {{"HAT", 1, 2000, 0}}));
  const v1::Return state =
      Approve(Create(Put(OrderOf("us", "113-8100003-0000003", {{"LAMP", 1, 2999, 247}})),
                     v1::RETURN_REASON_DEFECTIVE));
  ASSERT_TRUE(Eventually([&] { return EffectCount("DecideReturn", state.name()) == 1; }));
  SetMode("fake-market", "IssueRefund=LATE");
  SetMode("fake-carrier", "IssueLabel=LATE");
  v1::IssueReturnLabelRequest label;
  label.set_name(state.name());
  ASSERT_TRUE(api().Call(&Returns::IssueReturnLabel, label).ok());
  const auto issued = api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1));
  ASSERT_TRUE(issued.ok()) << issued.status.error_message();
  ASSERT_TRUE(Eventually([&] { return EffectCount("IssueRefund", issued->name()) == 1; }));
  EXPECT_EQ(Get(*issued).status(), v1::Refund::STATUS_SUBMITTED);
  SetMode("fake-market", "");
  SetMode("fake-carrier", "");
  // 20 seconds pass before the host stops waiting; then the answers come, and may be taken or not.
  absl::SleepFor(absl::Seconds(21));
  Advance(absl::Minutes(15));
  Await(*issued, v1::Refund::STATUS_SUCCEEDED);
  AwaitThat(state, [](const v1::Return& now) {
    return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
  });
  EXPECT_EQ(EffectCount("IssueRefund", issued->name()), 1);
  EXPECT_EQ(Log("fake-carrier", "effects.log", state.name()).size(), 1u);
}

// An ERP that says that it took less than nothing is told again, and misses nothing.
TEST_F(OddAnswerTest, ErpThatTalksNonsenseMissesNothing) {
  for (const char* mode : {"GARBAGE", "NONSENSE"}) {
    SetMode("fake-erp", std::string("PushChanges=") + mode);
    const v1::Return state =
        Approve(Create(Put(OrderOf("us", std::string("113-82-") + mode, {{"LAMP", 1, 2999, 247}})),
                       v1::RETURN_REASON_DEFECTIVE));
    EXPECT_TRUE(Eventually([&] { return Log("fake-erp", "erp.log", state.name()).size() >= 2; }));
    SetMode("fake-erp", "");
    Receive(state);
    const std::vector<v1::Event> events = AllEvents("subject = \"" + state.name() + "\"");
    EXPECT_TRUE(Eventually([&] {
      const auto told = Log("fake-erp", "erp.log", state.name());
      return std::all_of(events.begin(), events.end(), [&](const v1::Event& event) {
        return std::any_of(told.begin(), told.end(), [&](const std::string& line) {
          return line.rfind(event.name() + " ", 0) == 0;
        });
      });
    }));
  }
}

}  // namespace
}  // namespace aftersales::e2e
