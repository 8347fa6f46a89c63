// What the clock does by itself: it calls what comes near or is missed, has buyers reminded, takes
// parcels for lost, ends labels, wherever the host was at the time.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ClockTest : public HostTest {
 protected:
  v1::Return Requested(std::string_view order) {
    return Create(Put(OrderOf("us", order, {{"LAMP", 1, 2999, 247}})), v1::RETURN_REASON_DEFECTIVE);
  }
  v1::Return Labelled(std::string_view order) {
    const v1::Return state = Approve(Requested(order));
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    EXPECT_TRUE(api().Call(&Returns::IssueReturnLabel, request).ok());
    return AwaitThat(state, [](const v1::Return& now) {
      return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
    });
  }
  struct Alert {
    v1::Deadline::Alert alert;
    int64_t at;  // seconds since the request
    bool operator==(const Alert&) const = default;
  };
  std::vector<Alert> Alerts(const v1::Return& state) {
    std::vector<Alert> alerts;
    for (const v1::Event& event : AllEvents("subject = \"" + state.name() + "\"")) {
      if (!event.has_deadline_alerted()) continue;
      EXPECT_EQ(event.actor().role(), v1::ROLE_CLOCK);
      alerts.push_back({event.deadline_alerted().alert(),
                        event.occurred_at().seconds() - state.requested_at().seconds()});
    }
    return alerts;
  }
  void AwaitAlerts(const v1::Return& state, size_t count) {
    EXPECT_TRUE(Eventually([&] { return Alerts(state).size() == count; }));
    absl::SleepFor(absl::Milliseconds(250));  // and no more
    EXPECT_EQ(Alerts(state).size(), count);
  }
  // A rule of the seller, from now on.
  void Rule(std::string_view path, const std::function<void(v1::Policy*)>& set) {
    v1::ProposePolicyRequest request;
    request.set_parent(kSeller);
    v1::PolicyVersion* version = request.mutable_policy_version();
    version->set_layer(v1::POLICY_LAYER_GLOBAL);
    version->set_source("decision of the board, 2026-03-02");
    version->add_paths(std::string(path));
    set(version->mutable_values());
    const auto proposed = ApiAs("operator:olga").Call(&Policies::ProposePolicy, request);
    ASSERT_TRUE(proposed.ok()) << proposed.status.error_message();
    v1::PublishPolicyRequest publish;
    publish.set_name(proposed->name());
    ASSERT_TRUE(api().Call(&Policies::PublishPolicy, publish).ok());
    Advance(absl::Seconds(1));
  }
};

TEST_F(ClockTest, OpenRequestIsCalledTwiceAndOnceMoreWhenItIsMissed) {
  const v1::Return state = Requested("113-9400001-0000001");
  Advance(absl::Hours(24) - absl::Microseconds(1));
  AwaitAlerts(state, 0);
  Advance(absl::Microseconds(1));
  AwaitAlerts(state, 1);
  EXPECT_EQ(FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE)->alert(),
            v1::Deadline::ALERT_NEAR);
  Advance(absl::Hours(20));
  AwaitAlerts(state, 2);
  // The last instant is in time.
  Advance(absl::Hours(4));
  AwaitAlerts(state, 2);
  EXPECT_EQ(FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE)->state(),
            v1::Deadline::STATE_RUNNING);
  Advance(absl::Seconds(1));
  AwaitAlerts(state, 3);
  EXPECT_THAT(Alerts(state), ElementsAre(Alert{v1::Deadline::ALERT_NEAR, 24 * 3600},
                                         Alert{v1::Deadline::ALERT_URGENT, 44 * 3600},
                                         Alert{v1::Deadline::ALERT_BREACHED, 48 * 3600}));
  const v1::Deadline response = *FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE);
  EXPECT_EQ(response.state(), v1::Deadline::STATE_BREACHED);
  EXPECT_EQ(response.alert(), v1::Deadline::ALERT_BREACHED);
  EXPECT_FALSE(response.has_alert_at());
  // It is still to be answered, and that is late.
  ASSERT_EQ(WorkItems("kind = RETURN_RESPONSE").size(), 1u);
  EXPECT_TRUE(WorkItems("kind = RETURN_RESPONSE")[0].overdue());
  EXPECT_EQ(FindDeadline(Approve(state), v1::Deadline::KIND_RETURN_RESPONSE)->state(),
            v1::Deadline::STATE_MET_LATE);
}

TEST_F(ClockTest, AnsweredOneIsNotCalled) {
  const v1::Return state = Requested("113-9400002-0000002");
  Advance(absl::Hours(24));
  AwaitAlerts(state, 1);
  Approve(state);
  Advance(absl::Hours(25));
  AwaitAlerts(state, 1);
}

TEST_F(ClockTest, HostThatWasDownCallsAtTheTimeThatItWasDue) {
  const v1::Return state = Requested("113-9400003-0000003");
  Advance(absl::Hours(45));
  AwaitAlerts(state, 2);
  Advance(absl::Hours(2));
  StopHost();
  Advance(absl::Hours(2));
  StartHost();
  AwaitAlerts(state, 3);
  EXPECT_EQ(Alerts(state).back(), (Alert{v1::Deadline::ALERT_BREACHED, 48 * 3600}));
}

TEST_F(ClockTest, MissedOneInsideThePolicyIsApprovedWhereThePolicySaysSo) {
  const v1::Return before = Requested("113-9400004-0000004");
  Advance(absl::Seconds(1));
  Rule("approve_missed_requests", [](v1::Policy* p) { p->set_approve_missed_requests(true); });
  const v1::Return inside = Requested("113-9400005-0000005");
  v1::Order old = OrderOf("us", "113-9400006-0000006", {{"LAMP", 1, 2999, 247}});
  *old.mutable_placed_at() = Stamp(At("2025-11-01T10:00:00Z"));
  *old.mutable_ship_confirmed_at() = Stamp(At("2025-11-02T10:00:00Z"));
  *old.mutable_delivered_at() = Stamp(At("2025-11-05T10:00:00Z"));
  const v1::Return outside = Create(Put(old), v1::RETURN_REASON_DEFECTIVE);
  Advance(absl::Hours(48) + absl::Seconds(1));
  const v1::Return approved = Await(inside, v1::Return::STATUS_APPROVED);
  EXPECT_EQ(approved.decision().actor().role(), v1::ROLE_RULE);
  EXPECT_EQ(FindDeadline(approved, v1::Deadline::KIND_RETURN_RESPONSE)->state(),
            v1::Deadline::STATE_MET_LATE);
  bool explained = false;
  for (const v1::Event& event : AllEvents("subject = \"" + inside.name() + "\"")) {
    if (!event.has_return_approved()) continue;
    explained = true;
    EXPECT_THAT(event.explanation().rules(),
                ElementsAre(testing::StartsWith("approve_missed_requests@seed.1+")));
  }
  EXPECT_TRUE(explained);
  // Asked for before the rule, or outside the policy, it stays a person's.
  AwaitAlerts(before, 3);
  AwaitAlerts(outside, 3);
  EXPECT_EQ(Get(before).status(), v1::Return::STATUS_REQUESTED);
  EXPECT_EQ(Get(outside).status(), v1::Return::STATUS_REQUESTED);
  EXPECT_TRUE(Eventually([&] { return EffectCount("DecideReturn", inside.name()) == 1; }));
}

TEST_F(ClockTest, BuyerIsRemindedAWeekBeforeTheTimeIsOver) {
  v1::Return state = Labelled("113-9400007-0000007");
  Advance(absl::Hours(24 * 23) - absl::Microseconds(1));
  AwaitAlerts(state, 0);
  EXPECT_THAT(WorkItems("kind = BUYER_REMINDER"), IsEmpty());
  Advance(absl::Microseconds(1));
  AwaitAlerts(state, 1);
  std::vector<v1::WorkItem> work = WorkItems("kind = BUYER_REMINDER");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].subject(), state.name());
  EXPECT_EQ(work[0].due_at().seconds(), Get(state).return_by().seconds());
  EXPECT_THAT(work[0].action(), testing::HasSubstr("Remind the buyer"));

  v1::RecordBuyerReminderRequest reminded;
  reminded.set_name(state.name());
  reminded.set_note("message 7 of the thread");
  const auto noted = api().Call(&Returns::RecordBuyerReminder, reminded);
  ASSERT_TRUE(noted.ok()) << noted.status.error_message();
  EXPECT_EQ(FindDeadline(*noted, v1::Deadline::KIND_BUYER_REMINDER)->state(),
            v1::Deadline::STATE_MET);
  EXPECT_THAT(WorkItems("kind = BUYER_REMINDER"), IsEmpty());
  // The parcel does not come all the same: the label is void, and its cost back.
  Advance(absl::Hours(24 * 7) + absl::Seconds(1));
  state = Await(state, v1::Return::STATUS_EXPIRED);
  state = AwaitThat(state, [](const v1::Return& now) {
    return now.labels(0).state() == v1::ReturnLabel::STATE_VOIDED;
  });
  int64_t cost = 0;
  for (const v1::LedgerEntry& entry : state.ledger()) cost += entry.amount().minor_units();
  EXPECT_EQ(cost, 0);
  EXPECT_EQ(state.ledger_size(), 2);
  EXPECT_EQ(api().Call(&Returns::RecordBuyerReminder, reminded).reason(), "INVALID_STATE");
}

TEST_F(ClockTest, ReminderIsNoWorkAnyMoreOnceTheParcelMoves) {
  const v1::Return state = Labelled("113-9400008-0000008");
  Advance(absl::Hours(24 * 24));
  AwaitAlerts(state, 1);
  ASSERT_EQ(WorkItems("kind = BUYER_REMINDER").size(), 1u);
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  EXPECT_THAT(WorkItems("kind = BUYER_REMINDER"), IsEmpty());
  // Or a service that sends messages says that it has sent one.
  const v1::Return other = Labelled("113-9400009-0000009");
  Advance(absl::Hours(24 * 23));
  AwaitAlerts(other, 1);
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(other.name());
  fact->set_external_id("message-9");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_buyer_reminded();
  const auto recorded = api().Call(&Facts::RecordFacts, facts);
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
      << recorded->results(0).message();
  EXPECT_THAT(WorkItems("kind = BUYER_REMINDER"), IsEmpty());
}

TEST_F(ClockTest, ParcelThatNobodySeesAnyMoreIsLostAndTheBuyerIsPaid) {
  v1::Return state = Labelled("113-9400010-0000010");
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  Advance(absl::Hours(24 * 20));
  Scan(state, v1::TrackingEvent::MILESTONE_CUSTOMS);
  Advance(absl::Hours(24 * 21));
  absl::SleepFor(absl::Milliseconds(250));
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_IN_TRANSIT) << "it was seen in between";
  Advance(absl::Microseconds(1));
  state = Await(state, v1::Return::STATUS_LOST);
  ASSERT_EQ(state.findings_size(), 1);
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_PARCEL_LOST);
  EXPECT_THAT(state.findings(0).message(), testing::HasSubstr("claim it from the carrier"));
  // The label was the seller's, so the buyer is owed the money.
  ASSERT_EQ(WorkItems("kind = REFUND").size(), 1u);
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  EXPECT_EQ(Issue(refund, v1::Refund::STATUS_SUCCEEDED).total().minor_units(), 3246);
  state = Await(state, v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_MET);
}

TEST_F(ClockTest, LabelEndsWithItsTimeAndAnotherMayBeBought) {
  v1::Return state = Approve(Requested("113-9400011-0000011"));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("row-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
  v1::ReturnLabel* label = fact->mutable_return_reported()->mutable_snapshot()->add_labels();
  label->set_kind(v1::ReturnLabel::KIND_AMAZON_GENERATED);
  label->set_state(v1::ReturnLabel::STATE_ISSUED);
  label->set_tracking_number("1Z1");
  label->set_document("https://labels.example/1Z1.pdf");
  *label->mutable_expires_at() = Stamp(clock().Now() + absl::Hours(24 * 10));
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, facts).ok());
  v1::IssueReturnLabelRequest issue;
  issue.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::IssueReturnLabel, issue).reason(), "LABEL_EXISTS");
  Advance(absl::Hours(24 * 10) + absl::Seconds(1));
  state = AwaitThat(state, [](const v1::Return& now) {
    return now.labels(0).state() == v1::ReturnLabel::STATE_EXPIRED;
  });
  EXPECT_EQ(state.labels(0).document(), "https://labels.example/1Z1.pdf");
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  ASSERT_TRUE(api().Call(&Returns::IssueReturnLabel, issue).ok());
  AwaitThat(state, [](const v1::Return& now) {
    return now.labels_size() == 2 && now.labels(1).state() == v1::ReturnLabel::STATE_ISSUED;
  });
}

TEST_F(ClockTest, AskingForMoreDoesNotStopTheClock) {
  const v1::Return state = Requested("113-9400012-0000012");
  v1::RequestInfoRequest ask;
  ask.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::RequestInfo, ask).reason(), "REASON_REQUIRED");
  ask.set_text("Please send a photo of the damage.");
  ask.set_request_id("info-1");
  const auto asked = api().Call(&Returns::RequestInfo, ask);
  ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  EXPECT_EQ(asked->info_requested_at().seconds(), absl::ToUnixSeconds(clock().Now()));
  EXPECT_EQ(asked->status(), v1::Return::STATUS_REQUESTED);
  EXPECT_EQ(FindDeadline(*asked, v1::Deadline::KIND_RETURN_RESPONSE)->due_at().seconds(),
            state.requested_at().seconds() + 48 * 3600);
  EXPECT_TRUE(api().Call(&Returns::RequestInfo, ask).replayed);
  Approve(*asked);
  ask.clear_request_id();
  EXPECT_EQ(api().Call(&Returns::RequestInfo, ask).reason(), "INVALID_STATE");
}

}  // namespace
}  // namespace aftersales::e2e
