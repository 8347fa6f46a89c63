// Facts from outside: twice, late, and in any order.
#include <algorithm>
#include <numeric>
#include <thread>

#include "core/domain/calendar.h"
#include "tests/e2e/test_host.h"
#include "tests/support/for_all.h"

namespace aftersales::e2e {
namespace {

using FactsTest = HostTest;

v1::Event FactOf(const v1::Return& state, std::string_view external_id, std::string_view when) {
  v1::Event fact;
  fact.set_subject(state.name());
  fact.set_external_id(std::string(external_id));
  *fact.mutable_occurred_at() = Stamp(At(when));
  return fact;
}

// The six facts of a walked return, in the order in which they happened.
std::vector<v1::Event> SixFacts(const v1::Return& state, int number) {
  std::vector<v1::Event> facts;
  v1::Event reported = FactOf(state, "row-of-the-request", "2026-03-02T09:00:00Z");
  reported.mutable_return_reported()->set_status(v1::Return::STATUS_REQUESTED);
  v1::Return* snapshot = reported.mutable_return_reported()->mutable_snapshot();
  snapshot->set_order_external_id(state.order_external_id());
  snapshot->set_platform_status("Pending");
  *snapshot->mutable_requested_at() = state.requested_at();
  v1::ReturnItem* item = snapshot->add_items();
  item->set_sku("LAMP");
  item->set_quantity_requested(1);
  item->set_external_reason("CR-DAMAGED_BY_CARRIER");
  item->set_buyer_reason(v1::RETURN_REASON_ARRIVED_DAMAGED);
  facts.push_back(reported);

  v1::Event moving = FactOf(state, "scan-1", "2026-03-05T08:00:00Z");
  moving.mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  facts.push_back(moving);
  v1::Event delivered = FactOf(state, "scan-2", "2026-03-05T10:00:00Z");
  delivered.mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_DELIVERED);
  facts.push_back(delivered);

  v1::Event received = FactOf(state, "receipt-1", "2026-03-05T12:00:00Z");
  v1::Receipt* receipt = received.mutable_units_received()->mutable_receipt();
  receipt->set_receipt_id("receipt-1");
  receipt->add_lines()->set_line_id("LAMP");
  receipt->mutable_lines(0)->set_quantity(1);
  facts.push_back(received);

  v1::Event inspected = FactOf(state, "inspection-1", "2026-03-05T12:30:00Z");
  v1::Inspection* inspection = inspected.mutable_units_inspected()->mutable_inspection();
  inspection->set_inspection_id("inspection-1");
  inspection->set_line_id("LAMP");
  inspection->set_quantity(1);
  inspection->set_condition(v1::CONDITION_NEW);
  facts.push_back(inspected);

  v1::Event refunded = FactOf(state, "refund-1", "2026-03-05T13:00:00Z");
  v1::ReturnRefunded* refund = refunded.mutable_return_refunded();
  *refund->mutable_amount() = MoneyOf(3894, "USD");
  refund->set_external_refund_id("paid-" + std::to_string(number));
  refund->add_items()->set_line_id("LAMP");
  refund->mutable_items(0)->set_quantity(1);
  facts.push_back(refunded);
  return facts;
}

TEST_F(FactsTest, EveryOrderOfSixFactsGivesTheSameReturn) {
  constexpr int kPermutations = 720;
  v1::BatchUpsertOrdersRequest batch;
  batch.set_parent(kSeller);
  std::vector<v1::Order> orders;
  for (int i = 0; i < kPermutations; ++i) {
    *batch.add_orders() =
        OrderOf("us", "113-2000000-" + std::to_string(1000000 + i), {{"LAMP", 1, 2999, 247}});
    *batch.mutable_orders(batch.orders_size() - 1)->mutable_shipping_total() = MoneyOf(648, "USD");
    if (batch.orders_size() < 500 && i + 1 < kPermutations) continue;
    const auto stored = api().Call(&Orders::BatchUpsertOrders, batch);
    ASSERT_TRUE(stored.ok()) << stored.status.error_message();
    for (const v1::OrderResult& result : stored->results()) {
      ASSERT_EQ(result.reason(), "") << result.message();
      orders.push_back(result.order());
    }
    batch.clear_orders();
  }

  std::vector<v1::Return> returns(kPermutations);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kPermutations; i += 8) {
        returns[i] = Create(orders[i], v1::RETURN_REASON_ARRIVED_DAMAGED);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Advance(absl::Hours(3));
  threads.clear();
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kPermutations; i += 8) returns[i] = Approve(returns[i]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  clock().Set(At("2026-03-05T14:00:00Z"));

  std::vector<std::vector<int>> permutations;
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  do {
    permutations.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  ASSERT_EQ(permutations.size(), static_cast<size_t>(kPermutations));

  // The n-th fact of every return comes in a call of its own.
  for (int round = 0; round < 6; ++round) {
    for (int from = 0; from < kPermutations; from += 360) {
      v1::RecordFactsRequest request;
      request.set_parent(kSeller);
      for (int i = from; i < from + 360; ++i) {
        *request.add_facts() = SixFacts(returns[i], i)[permutations[i][round]];
      }
      const auto recorded = api().Call(&Facts::RecordFacts, request);
      ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
      for (const v1::FactResult& result : recorded->results()) {
        ASSERT_EQ(result.outcome(), v1::FactResult::OUTCOME_RECORDED) << result.message();
      }
    }
  }

  const v1::Return first = Get(returns[0]);
  ASSERT_EQ(first.status(), v1::Return::STATUS_RESOLVED) << first.DebugString();
  EXPECT_EQ(first.findings_size(), 0) << first.DebugString();
  for (int i = 1; i < kPermutations; ++i) {
    const v1::Return state = Get(returns[i]);
    ASSERT_EQ(v1::Return::Status_Name(state.status()), "STATUS_RESOLVED") << "permutation " << i;
    ASSERT_EQ(Bare(state).SerializeAsString(), Bare(first).SerializeAsString())
        << "permutation " << i << "\n"
        << Bare(state).DebugString() << "\nis not\n"
        << Bare(first).DebugString();
  }
  // Nothing was dropped on the way: request, approval and the six.
  for (const int i : {0, 359, 719}) {
    const v1::Return state = Get(returns[i]);
    ASSERT_EQ(state.receipts_size(), 1);
    ASSERT_EQ(state.inspections_size(), 1);
    std::vector<v1::Event> events = AllEvents("subject = \"" + state.name() + "\"");
    EXPECT_EQ(events.size(), 8u);
  }
  // The history is told in the order in which things happened, however they were told; the late
  // copy of the request is as old as the request.
  for (int i = 0; i < kPermutations; i += 31) {
    const std::string name = returns[i].name();
    std::vector<std::string> happened;
    for (const v1::Event& event : AllEvents("subject = \"" + name + "\"", "occurred_at")) {
      happened.push_back(calendar::InstantText(calendar::FromProto(event.occurred_at())));
    }
    EXPECT_TRUE(std::is_sorted(happened.begin(), happened.end()))
        << testing::PrintToString(happened);
    EXPECT_EQ(happened.size(), 8u);
  }
}

using testing_util::ForAll;
using testing_util::Random;

// One of those that may come from outside, with an id of its own. Few instants, so that many fall
// on the same one.
v1::Event AnyFact(Random& random, int number) {
  v1::Event fact;
  fact.set_external_id("fact-" + std::to_string(number));
  *fact.mutable_occurred_at() =
      Stamp(At("2026-03-02T10:00:00Z") + absl::Hours(6) * random.Int(0, 9));
  const int units = random.Int(1, 3);
  switch (random.Int(0, 8)) {
    case 0:
    case 1:
      fact.mutable_return_scanned()->set_milestone(
          static_cast<v1::TrackingEvent::Milestone>(random.Int(1, 8)));
      break;
    case 2:
    case 3: {
      v1::Receipt* receipt = fact.mutable_units_received()->mutable_receipt();
      receipt->set_receipt_id("receipt-" + std::to_string(random.Int(0, 2)));
      receipt->add_lines()->set_line_id("LAMP");
      receipt->mutable_lines(0)->set_quantity(units);
      break;
    }
    case 4: {
      v1::Inspection* inspection = fact.mutable_units_inspected()->mutable_inspection();
      inspection->set_inspection_id("inspection-" + std::to_string(random.Int(0, 2)));
      inspection->set_line_id("LAMP");
      inspection->set_quantity(units);
      inspection->set_condition(static_cast<v1::Condition>(random.Int(1, 9)));
      break;
    }
    case 5:
    case 6: {
      v1::ReturnRefunded* refunded = fact.mutable_return_refunded();
      *refunded->mutable_amount() = MoneyOf(random.Between(1, 3000), "USD");
      refunded->add_items()->set_line_id("LAMP");
      refunded->mutable_items(0)->set_quantity(units);
      break;
    }
    case 7:
      fact.mutable_return_closed_short()->set_reason("ONE_NOT_RETURNED");
      break;
    default: {
      v1::ReturnReported* reported = fact.mutable_return_reported();
      reported->set_status(static_cast<v1::Return::Status>(random.Int(1, 13)));
      v1::ReturnItem* item = reported->mutable_snapshot()->add_items();
      item->set_sku("LAMP");
      item->set_quantity_requested(3);
      break;
    }
  }
  return fact;
}

// The same facts of several returns, each time in another order, some twice, in calls of any size.
TEST_F(FactsTest, TheSameFactsInAnyOrderTwiceAndInBatchesGiveTheSameReturn) {
  constexpr int kReturns = 3;
  int made = 0;
  clock().Set(At("2026-03-05T14:00:00Z"));
  ForAll(100, [&](Random& random) {
    std::vector<v1::Event> facts;
    int units = 0;
    for (int number = 0; number < 12; ++number) {
      facts.push_back(AnyFact(random, number));
      if (!facts.back().has_return_refunded()) continue;
      units += facts.back().return_refunded().items(0).quantity();
    }
    v1::Return first;
    for (int copy = 0; copy < kReturns; ++copy) {
      const v1::Order order = Put(OrderOf("us", "113-2200000-" + std::to_string(1000000 + made++),
                                          {{"LAMP", 3, 8997, 742}}));
      v1::CreateReturnRequest create = ReturnRequest(order, v1::RETURN_REASON_ARRIVED_DAMAGED, 3);
      *create.mutable_return_resource()->mutable_requested_at() = Stamp(At("2026-03-02T09:00:00Z"));
      const auto created = api().Call(&Returns::CreateReturn, create);
      ASSERT_TRUE(created.ok()) << created.status.error_message();
      const v1::Return state = *created;
      std::vector<v1::Event> arriving;
      for (const v1::Event& fact : facts) {
        for (int times = random.OneIn(3) ? 2 : 1; times > 0; --times) {
          v1::Event& sent = arriving.emplace_back(fact);
          sent.set_subject(state.name());
          if (sent.has_return_refunded()) {
            // The marketplace's ids are unique in a channel.
            sent.mutable_return_refunded()->set_external_refund_id(state.name() +
                                                                   fact.external_id());
          }
        }
      }
      random.Shuffle(&arriving);
      v1::RecordFactsRequest request;
      request.set_parent(kSeller);
      int recorded = 0;
      int duplicates = 0;
      for (size_t i = 0; i < arriving.size(); ++i) {
        *request.add_facts() = arriving[i];
        if (i + 1 < arriving.size() && random.OneIn(2)) continue;
        const auto answer = api().Call(&Facts::RecordFacts, request);
        ASSERT_TRUE(answer.ok()) << answer.status.error_message();
        for (const v1::FactResult& result : answer->results()) {
          ASSERT_NE(result.outcome(), v1::FactResult::OUTCOME_INVALID) << result.message();
          ++(result.outcome() == v1::FactResult::OUTCOME_RECORDED ? recorded : duplicates);
        }
        request.clear_facts();
      }
      ASSERT_EQ(recorded, 12);
      ASSERT_EQ(duplicates, static_cast<int>(arriving.size()) - 12);
      const v1::Return now = Get(state);
      ASSERT_EQ(now.items(0).quantity_refunded(), units) << now.DebugString();
      if (copy == 0) {
        first = now;
        continue;
      }
      std::string said;
      for (const v1::Event& fact : facts) said += fact.ShortDebugString() + "\n";
      ASSERT_EQ(Bare(now).DebugString(), Bare(first).DebugString()) << said;
    }
  });
  const v1::VerifyAuditResponse audit = [&] {
    v1::VerifyAuditRequest verify;
    verify.set_parent(kSeller);
    return *api().Call(&Audits::VerifyAudit, verify);
  }();
  EXPECT_TRUE(audit.intact()) << audit.message();
}

TEST_F(FactsTest, RepeatedFactIsStoredOnceAlsoAfterARestart) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000001", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED);
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  *request.add_facts() = SixFacts(state, 1)[0];
  request.mutable_facts(0)->set_external_id("evt-9");
  const auto recorded = api().Call(&Facts::RecordFacts, request);
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED);
  const auto again = [&] {
    const auto repeated = api().Call(&Facts::RecordFacts, request);
    EXPECT_TRUE(repeated.ok()) << repeated.status.error_message();
    EXPECT_EQ(repeated->results(0).outcome(), v1::FactResult::OUTCOME_DUPLICATE);
  };
  for (int i = 0; i < 3; ++i) again();
  std::thread a(again), b(again);
  a.join();
  b.join();
  const v1::Return before = Get(state);
  RestartHost();
  again();
  EXPECT_EQ(Get(state).SerializeAsString(), before.SerializeAsString());
  EXPECT_EQ(AllEvents("subject = \"" + state.name() + "\"").size(), 2u);
  EXPECT_EQ(before.deadlines_size(), 1);
  // The ERP is told of each fact once, over the restart too.
  EXPECT_TRUE(Eventually([&] { return Log("fake-erp", "erp.log", state.name()).size() >= 2; }));
  absl::SleepFor(absl::Milliseconds(250));
  EXPECT_EQ(Log("fake-erp", "erp.log", state.name()).size(), 2u);
}

TEST_F(FactsTest, BadFactsAreNamedAndDoNotStopTheOthers) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000002", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Facts::RecordFacts, request).reason(), "BAD_BATCH");
  const v1::Event good = FactOf(state, "scan-1", "2026-03-02T09:00:00Z");
  for (int i = 0; i < 7; ++i) {
    *request.add_facts() = good;
    request.mutable_facts(i)->mutable_return_scanned()->set_milestone(
        v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  }
  request.mutable_facts(0)->clear_occurred_at();
  request.mutable_facts(1)->clear_external_id();
  request.mutable_facts(2)->set_subject("sellers/acme/returns/none");
  request.mutable_facts(3)->set_subject("sellers/other/returns/none");
  *request.mutable_facts(4)->mutable_occurred_at() = Stamp(At("2027-01-01T00:00:00Z"));
  request.mutable_facts(5)->mutable_return_approved();
  const auto recorded = api().Call(&Facts::RecordFacts, request);
  ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
  const std::pair<const char*, const char*> wanted[] = {{"MISSING_FIELD", "occurred_at"},
                                                        {"MISSING_FIELD", "external_id"},
                                                        {"NOT_FOUND", ""},
                                                        {"NOT_FOUND", ""},
                                                        {"IN_THE_FUTURE", "occurred_at"},
                                                        {"FACT_NOT_TAKEN", "body"}};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(recorded->results(i).outcome(), v1::FactResult::OUTCOME_INVALID) << i;
    EXPECT_NE(recorded->results(i).message(), "") << i;
    EXPECT_EQ(recorded->results(i).reason(), wanted[i].first) << i;
    EXPECT_EQ(recorded->results(i).field(), wanted[i].second) << i;
  }
  EXPECT_EQ(recorded->results(6).outcome(), v1::FactResult::OUTCOME_RECORDED);
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_IN_TRANSIT);
}

TEST_F(FactsTest, FactIsForWhoMayMakeIt) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000003", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  clock().Set(At("2026-03-05T14:00:00Z"));
  const std::vector<v1::Event> six = SixFacts(state, 3);
  const auto told = [&](std::string_view actor, const v1::Event& fact) {
    v1::RecordFactsRequest request;
    request.set_parent(kSeller);
    *request.add_facts() = fact;
    const auto answer = ApiAs(actor).Call(&Facts::RecordFacts, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer->results(0).outcome() == v1::FactResult::OUTCOME_INVALID
               ? answer->results(0).reason()
               : v1::FactResult::Outcome_Name(answer->results(0).outcome());
  };
  v1::Event received = six[3], inspected = six[4], refunded = six[5];
  EXPECT_EQ(told("buyer:b", received), "ROLE_REQUIRED");
  EXPECT_EQ(told("carrier:dhl", received), "ROLE_REQUIRED");
  EXPECT_EQ(told("buyer:b", inspected), "ROLE_REQUIRED");
  EXPECT_EQ(told("buyer:b", refunded), "ROLE_REQUIRED");
  EXPECT_EQ(told("warehouse:reno", refunded), "ROLE_REQUIRED");
  // Nor in the name of somebody who may, nor for one who may not.
  received.mutable_actor()->set_role(v1::ROLE_WAREHOUSE);
  EXPECT_EQ(told("buyer:b", received), "ROLE_REQUIRED");
  received.mutable_actor()->set_role(v1::ROLE_BUYER);
  EXPECT_EQ(told("erp:sap", received), "ROLE_REQUIRED");
  for (const v1::Role role : {v1::ROLE_MANAGER, v1::ROLE_OPERATOR}) {
    received.mutable_actor()->set_role(role);
    received.mutable_actor()->set_id("mia");
    EXPECT_EQ(told("erp:sap", received), "ROLE_REQUIRED");
    EXPECT_EQ(told("operator:olga", received), "ROLE_REQUIRED");
  }
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
  EXPECT_EQ(Get(state).items(0).quantity_received(), 0);

  v1::Event reported = six[0];
  reported.mutable_return_reported()->set_status(v1::Return::STATUS_CLOSED);
  EXPECT_EQ(told("buyer:b", reported), "ROLE_REQUIRED");
  v1::Event requested = FactOf(state, "earlier", "2026-02-27T09:00:00Z");
  requested.mutable_return_requested()->mutable_request()->set_order(order.name());
  EXPECT_EQ(told("buyer:b", requested), "ROLE_REQUIRED");

  received.mutable_actor()->set_role(v1::ROLE_WAREHOUSE);
  received.mutable_actor()->set_id("reno");
  EXPECT_EQ(told("erp:sap", received), "OUTCOME_RECORDED");
  EXPECT_EQ(told("warehouse:reno", inspected), "OUTCOME_RECORDED");
  EXPECT_EQ(told("platform", refunded), "OUTCOME_RECORDED");
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_RESOLVED);
}

TEST_F(FactsTest, WhatTheMarketplaceShowsIsForItOrAManagerToTell) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000013", {{"LAMP", 2, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  v1::Refund refund = *api().Call(&Refunds::IssueRefund, issue);
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  const v1::Return open = Create(order, v1::RETURN_REASON_DEFECTIVE);

  int told = 0;
  const auto tell = [&](std::string_view actor, v1::Event fact) {
    fact.set_external_id("shown-" + std::to_string(++told));
    v1::RecordFactsRequest request;
    request.set_parent(kSeller);
    *request.add_facts() = fact;
    const auto answer = ApiAs(actor).Call(&Facts::RecordFacts, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer->results(0).outcome() == v1::FactResult::OUTCOME_INVALID
               ? answer->results(0).reason() + " " + answer->results(0).field()
               : v1::FactResult::Outcome_Name(answer->results(0).outcome());
  };
  v1::Event paid = FactOf(state, "", "2026-03-02T09:00:00Z");
  v1::Return* snapshot = paid.mutable_return_reported()->mutable_snapshot();
  snapshot->set_order_external_id(order.external_id());
  *snapshot->mutable_platform_refunded() = refund.total();
  v1::Event rejected = FactOf(open, "", "2026-03-02T09:00:00Z");
  rejected.mutable_return_reported()->set_status(v1::Return::STATUS_REJECTED);
  v1::Event approved = FactOf(open, "", "2026-03-02T09:00:00Z");
  approved.mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
  v1::Event arrived = FactOf(open, "", "2026-03-02T09:00:00Z");
  *arrived.mutable_return_reported()->mutable_delivered_at() = arrived.occurred_at();
  v1::Event judged = FactOf(open, "", "2026-03-01T09:00:00Z");
  judged.mutable_return_requested()->mutable_request()->mutable_validity();
  for (const char* actor : {"erp:sap", "rule:r", "operator:olga"}) {
    EXPECT_EQ(tell(actor, paid), "ROLE_REQUIRED return_reported.snapshot.platform_refunded");
    EXPECT_EQ(tell(actor, rejected), "ROLE_REQUIRED return_reported.status");
    EXPECT_EQ(tell(actor, approved), "ROLE_REQUIRED return_reported.status");
    EXPECT_EQ(tell(actor, arrived), "ROLE_REQUIRED return_reported.delivered_at");
    EXPECT_EQ(tell(actor, judged), "ROLE_REQUIRED return_requested.request.validity");
  }
  // Nor in the marketplace's name.
  rejected.mutable_actor()->set_role(v1::ROLE_PLATFORM);
  EXPECT_EQ(tell("erp:sap", rejected), "ROLE_REQUIRED return_reported.status");
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_APPROVED);
  EXPECT_EQ(Get(open).status(), v1::Return::STATUS_REQUESTED);
  EXPECT_TRUE(Get(open).validity().in_policy());
  // What decides nothing is theirs to tell.
  v1::Event known = FactOf(state, "", "2026-03-02T09:00:00Z");
  known.mutable_return_reported()->mutable_snapshot()->set_merchant_rma_id("RMA-7");
  EXPECT_EQ(tell("erp:sap", known), "OUTCOME_RECORDED");
  EXPECT_EQ(Get(state).merchant_rma_id(), "RMA-7");

  EXPECT_EQ(tell("platform", paid), "OUTCOME_RECORDED");
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_SUCCEEDED);
  rejected.clear_actor();
  EXPECT_EQ(tell("manager:mia", rejected), "OUTCOME_RECORDED");
  EXPECT_EQ(Get(open).status(), v1::Return::STATUS_REJECTED);
}

TEST_F(FactsTest, BuyerWithdrawsNothingWhileItsRefundIsOnItsWay) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000014", {{"LAMP", 1, 2000, 0}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_DEFECTIVE));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  issue.mutable_spec()->add_items()->set_line_id("LAMP");
  issue.mutable_spec()->mutable_items(0)->set_quantity(1);
  const auto refund = api().Call(&Refunds::IssueRefund, issue);
  ASSERT_TRUE(refund.ok()) << refund.status.error_message();
  const auto withdraw = [&](std::string_view actor, std::string_view id) {
    v1::RecordFactsRequest request;
    request.set_parent(kSeller);
    *request.add_facts() = FactOf(state, id, "2026-03-02T09:00:00Z");
    request.mutable_facts(0)->mutable_return_cancelled()->set_reason("kept");
    const auto answer = ApiAs(actor).Call(&Facts::RecordFacts, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer->results(0).reason();
  };
  EXPECT_EQ(withdraw("buyer:b", "withdrawn-1"), "REFUND_PENDING");
  EXPECT_EQ(withdraw("operator:olga", "withdrawn-2"), "REFUND_PENDING");
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
  // The marketplace shows what became of it.
  EXPECT_EQ(withdraw("platform", "withdrawn-3"), "");
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_CANCELLED);
}

TEST_F(FactsTest, AbsurdNumbersAreNoFacts) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000004", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  clock().Set(At("2026-03-05T14:00:00Z"));
  const std::vector<v1::Event> six = SixFacts(state, 4);
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  for (const size_t i : {3u, 4u, 5u, 5u}) *request.add_facts() = six[i];
  request.mutable_facts(0)
      ->mutable_units_received()
      ->mutable_receipt()
      ->mutable_lines(0)
      ->set_quantity(2147483647);
  request.mutable_facts(1)->mutable_units_inspected()->mutable_inspection()->set_quantity(1000001);
  *request.mutable_facts(2)->mutable_return_refunded()->mutable_amount() =
      MoneyOf(1'000'000'000'000'000'000, "USD");
  request.mutable_facts(3)->mutable_return_refunded()->mutable_items(0)->set_quantity(-1);
  const auto answer = api().Call(&Facts::RecordFacts, request);
  ASSERT_TRUE(answer.ok());
  const char* reasons[] = {"BAD_QUANTITY", "BAD_QUANTITY", "BAD_AMOUNT", "BAD_QUANTITY"};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(answer->results(i).reason(), reasons[i]) << i;
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
}

TEST_F(FactsTest, PaymentThatCannotBeIsNoFact) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000006", {{"LAMP", 2, 5998, 494}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  const v1::Return other = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  clock().Set(At("2026-03-05T14:00:00Z"));
  const auto told = [&](std::string_view actor, const v1::Event& fact) {
    v1::RecordFactsRequest request;
    request.set_parent(kSeller);
    *request.add_facts() = fact;
    const auto answer = ApiAs(actor).Call(&Facts::RecordFacts, request);
    return answer->results(0).outcome() == v1::FactResult::OUTCOME_INVALID
               ? answer->results(0).reason()
               : v1::FactResult::Outcome_Name(answer->results(0).outcome());
  };
  v1::Event paid = SixFacts(state, 60)[5];
  for (const char* currency : {"EUR", "", "zz9"}) {
    *paid.mutable_return_refunded()->mutable_amount() = MoneyOf(5, currency);
    EXPECT_EQ(told("platform", paid), "CURRENCY_MISMATCH") << currency;
  }
  // A person is not believed that more was paid than the order brought in.
  *paid.mutable_return_refunded()->mutable_amount() = MoneyOf(100'000'000, "USD");
  EXPECT_EQ(told("operator:olga", paid), "LIMIT_EXCEEDED");
  paid.mutable_return_refunded()->set_external_refund_id(std::string(201, 'x'));
  EXPECT_EQ(told("platform", paid), "TOO_LONG");
  EXPECT_EQ(Get(state).items(0).quantity_refunded(), 0);

  // One payment pays one return.
  paid = SixFacts(state, 61)[5];
  *paid.mutable_return_refunded()->mutable_amount() = MoneyOf(3246, "USD");
  EXPECT_EQ(told("platform", paid), "OUTCOME_RECORDED");
  EXPECT_EQ(told("platform", paid), "OUTCOME_DUPLICATE");
  paid.set_subject(other.name());
  EXPECT_EQ(told("platform", paid), "REFUND_EXISTS");

  // Nothing of tomorrow, whatever it says of its own time.
  v1::Event received = SixFacts(other, 62)[3];
  *received.mutable_units_received()->mutable_receipt()->mutable_received_at() =
      Stamp(At("2027-03-05T14:00:00Z"));
  EXPECT_EQ(told("platform", received), "IN_THE_FUTURE");
  v1::Event reported = SixFacts(other, 62)[0];
  *reported.mutable_return_reported()->mutable_delivered_at() = Stamp(At("2027-03-05T14:00:00Z"));
  EXPECT_EQ(told("platform", reported), "IN_THE_FUTURE");
}

TEST_F(FactsTest, UnitThatTheMarketplacePaidTwiceIsFound) {
  const v1::Order order = Put(OrderOf("us", "113-2100000-0000005", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED));
  clock().Set(At("2026-03-05T14:00:00Z"));
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  for (int i = 0; i < 2; ++i) {
    *request.add_facts() = SixFacts(state, 50 + i)[5];
    request.mutable_facts(i)->set_external_id("refund-" + std::to_string(i));
    *request.mutable_facts(i)->mutable_return_refunded()->mutable_amount() = MoneyOf(3246, "USD");
  }
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, request).ok());
  const v1::Return paid = Get(state);
  EXPECT_EQ(paid.items(0).quantity_refunded(), 2) << "what happened is not hidden";
  ASSERT_EQ(paid.findings_size(), 1) << paid.DebugString();
  EXPECT_EQ(paid.findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  v1::IssueRefundRequest again;
  again.set_parent(kSeller);
  *again.mutable_spec() = spec;
  EXPECT_FALSE(api().Call(&Refunds::IssueRefund, again).ok());
}

}  // namespace
}  // namespace aftersales::e2e
