// Several at once: decisions on one return, refunds of one order, what is taken back while it is
// used, and calls with one request id.
#include <atomic>
#include <barrier>
#include <future>
#include <thread>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using ConcurrencyTest = HostTest;

TEST_F(ConcurrencyTest, OneOfApproveAndRejectWins) {
  constexpr int kRepetitions = 1000;
  v1::BatchUpsertOrdersRequest batch;
  batch.set_parent(kSeller);
  std::vector<v1::Order> orders;
  for (int i = 0; i < kRepetitions; ++i) {
    *batch.add_orders() =
        OrderOf("us", "113-3000000-" + std::to_string(1000000 + i), {{"LAMP", 1, 2999, 247}});
    if (batch.orders_size() < 500) continue;
    const auto stored = api().Call(&Orders::BatchUpsertOrders, batch);
    ASSERT_TRUE(stored.ok()) << stored.status.error_message();
    for (const v1::OrderResult& result : stored->results()) orders.push_back(result.order());
    batch.clear_orders();
  }
  ASSERT_EQ(orders.size(), static_cast<size_t>(kRepetitions));
  std::vector<v1::Return> returns(kRepetitions);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = t; i < kRepetitions; i += 8) {
        returns[i] = Create(orders[i], v1::RETURN_REASON_NO_LONGER_NEEDED);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<Reply<v1::Return>> approvals(kRepetitions), rejections(kRepetitions);
  std::barrier line(2);
  const auto run = [&](const Api& own, bool approve) {
    for (int i = 0; i < kRepetitions; ++i) {
      line.arrive_and_wait();
      if (approve) {
        v1::ApproveReturnRequest request;
        request.set_name(returns[i].name());
        request.set_etag(returns[i].etag());
        approvals[i] = own.Call(&Returns::ApproveReturn, request);
      } else {
        v1::RejectReturnRequest request;
        request.set_name(returns[i].name());
        request.set_etag(returns[i].etag());
        request.set_reason_code("USED");
        request.set_override_reason("seen on the photos");
        rejections[i] = own.Call(&Returns::RejectReturn, request);
      }
    }
  };
  const Api first = ApiAs("manager:ann");
  const Api second = ApiAs("manager:bob");
  std::thread approving([&] { run(first, true); });
  std::thread rejecting([&] { run(second, false); });
  approving.join();
  rejecting.join();

  int approved = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    ASSERT_NE(approvals[i].ok(), rejections[i].ok()) << i;
    const bool won = approvals[i].ok();
    approved += won ? 1 : 0;
    const auto& loser = won ? rejections[i] : approvals[i];
    const std::string state = won ? "APPROVED" : "REJECTED";
    ASSERT_EQ(loser.code(), grpc::StatusCode::ABORTED) << loser.status.error_message();
    ASSERT_EQ(loser.reason(), "VERSION_CONFLICT");
    ASSERT_EQ(loser.metadata("state"), state);
    ASSERT_EQ(loser.metadata("etag"), (won ? approvals[i] : rejections[i])->etag());
    const v1::Return now = Get(returns[i]);
    ASSERT_EQ(v1::Return::Status_Name(now.status()), "STATUS_" + state);
    ASSERT_LE(now.labels_size(), 1);
  }
  RecordProperty("approved", approved);
  // One decision went to the marketplace for each.
  EXPECT_TRUE(Eventually(
      [&] { return Log("fake-market", "effects.log", "DecideReturn ").size() == kRepetitions; }));
}

TEST_F(ConcurrencyTest, OneLabelHoweverManyAskAtOnce) {
  const v1::Return state =
      Approve(Create(Put(OrderOf("us", "113-3100000-0000001", {{"LAMP", 1, 2999, 247}})),
                     v1::RETURN_REASON_DEFECTIVE));
  std::atomic<int> accepted{0}, refused{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 12; ++i) {
    threads.emplace_back([&] {
      v1::IssueReturnLabelRequest request;
      request.set_name(state.name());
      const auto asked = api().Call(&Returns::IssueReturnLabel, request);
      if (asked.ok()) {
        ++accepted;
      } else if (asked.reason() == "LABEL_EXISTS") {
        ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(refused, 11);
  const v1::Return labelled = AwaitThat(state, [](const v1::Return& now) {
    return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
  });
  EXPECT_EQ(Log("fake-carrier", "effects.log", state.name()).size(), 1u);
}

TEST_F(ConcurrencyTest, ValidatingWithAnIdThatIsDoneAnswersWhatItDid) {
  const v1::Order order = Put(OrderOf("us", "113-3200000-0000009", {{"PEN", 5, 5000, 0}}));
  v1::IssueRefundRequest request = Concession(order, "PEN", 1);
  request.set_request_id("6f1f3ce6-30a7-4f35-9d57-8a3a8c5cc3a9");
  v1::IssueRefundRequest look = request;
  look.set_validate_only(true);
  const auto before = api().Call(&Refunds::IssueRefund, look);
  ASSERT_TRUE(before.ok()) << before.status.error_message();
  EXPECT_FALSE(before.replayed) << "looking uses no id up";
  const auto first = api().Call(&Refunds::IssueRefund, request);
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  EXPECT_FALSE(first.replayed);
  const auto after = api().Call(&Refunds::IssueRefund, look);
  EXPECT_TRUE(after.replayed);
  EXPECT_EQ(after->SerializeAsString(), first->SerializeAsString());
  *look.mutable_spec()->mutable_deduction() = MoneyOf(100, "USD");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, look).reason(), "IDEMPOTENCY_KEY_REUSED");
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Refunds::ListRefunds, list)->refunds_size(), 1);
}

TEST_F(ConcurrencyTest, SameRequestIdAnswersTheSameForEver) {
  const v1::Order order = Put(OrderOf("us", "113-3200000-0000001", {{"PEN", 5, 5000, 0}}));
  v1::IssueRefundRequest request = Concession(order, "PEN", 1);
  request.set_request_id("6f1f3ce6-30a7-4f35-9d57-8a3a8c5cc3a1");
  const auto first = api().Call(&Refunds::IssueRefund, request);
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  EXPECT_FALSE(first.replayed);
  EXPECT_EQ(first->total().minor_units(), 1000);
  Await(*first, v1::Refund::STATUS_SUCCEEDED);

  v1::IssueRefundRequest other = request;
  *other.mutable_spec()->mutable_deduction() = MoneyOf(100, "USD");
  const auto check = [&] {
    const auto again = api().Call(&Refunds::IssueRefund, request);
    ASSERT_TRUE(again.ok()) << again.status.error_message();
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
    const auto reused = api().Call(&Refunds::IssueRefund, other);
    EXPECT_EQ(reused.code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_EQ(reused.reason(), "IDEMPOTENCY_KEY_REUSED");
    EXPECT_FALSE(reused.replayed);
    // Another method with the same id is another request too.
    v1::UpsertOrderRequest upsert;
    upsert.set_parent(kSeller);
    *upsert.mutable_order() = order;
    upsert.set_request_id(request.request_id());
    EXPECT_EQ(api().Call(&Orders::UpsertOrder, upsert).reason(), "IDEMPOTENCY_KEY_REUSED");
  };
  check();
  RestartHost();
  Advance(absl::Hours(24) * 400);
  check();
  EXPECT_EQ(EffectCount("IssueRefund", first->name()), 1);
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Refunds::ListRefunds, list)->refunds_size(), 1);
}

TEST_F(ConcurrencyTest, DuplicateWhileTheFirstRunsDoesNothingOfItsOwn) {
  constexpr int kThreads = 20;
  const v1::Order order = Put(OrderOf("us", "113-3300000-0000001", {{"PEN", 5, 5000, 0}}));
  v1::IssueRefundRequest request = Concession(order, "PEN", 1);
  for (int round = 0; round < 5; ++round) {
    request.set_request_id("round-" + std::to_string(round));
    std::barrier line(kThreads);
    std::vector<std::future<Reply<v1::Refund>>> calls;
    for (int i = 0; i < kThreads; ++i) {
      calls.push_back(std::async(std::launch::async, [&] {
        line.arrive_and_wait();
        // Whoever comes while the first runs asks again.
        while (true) {
          Reply<v1::Refund> reply = api().Call(&Refunds::IssueRefund, request);
          if (reply.code() != grpc::StatusCode::ABORTED) return reply;
          EXPECT_EQ(reply.reason(), "IN_PROGRESS");
        }
      }));
    }
    std::set<std::string> answers;
    int fresh = 0;
    for (auto& call : calls) {
      const Reply<v1::Refund> reply = call.get();
      EXPECT_TRUE(reply.ok()) << reply.status.error_message();
      answers.insert(reply->SerializeAsString());
      fresh += reply.replayed ? 0 : 1;
    }
    EXPECT_EQ(fresh, 1);
    EXPECT_EQ(answers.size(), 1u);
  }
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  const auto refunds = api().Call(&Refunds::ListRefunds, list);
  EXPECT_EQ(refunds->refunds_size(), 5);
  for (const v1::Refund& refund : refunds->refunds()) {
    Await(refund, v1::Refund::STATUS_SUCCEEDED);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  }
}

TEST_F(ConcurrencyTest, TwentyRefundOneOrderToTheMinorUnit) {
  // Thirteen units that do not divide the price, and some freight, asked for by twenty.
  constexpr int kUnits = 13;
  for (int round = 0; round < 5; ++round) {
    v1::Order given = OrderOf("us", "113-3500000-000000" + std::to_string(round),
                              {{"PEN", kUnits, 1000 + round, 101}});
    *given.mutable_shipping_total() = MoneyOf(599, "USD");
    *given.mutable_captured_total() = MoneyOf(1000 + round + 101 + 599, "USD");
    const v1::Order order = Put(given);
    std::vector<Reply<v1::Refund>> replies(20);
    std::barrier line(20);
    std::vector<std::thread> threads;
    for (Reply<v1::Refund>& reply : replies) {
      threads.emplace_back([&] {
        v1::IssueRefundRequest request = Concession(order, "PEN", 1);
        request.mutable_spec()->mutable_items(0)->set_reason(v1::RETURN_REASON_DEFECTIVE);
        line.arrive_and_wait();
        reply = api().Call(&Refunds::IssueRefund, request);
      });
    }
    for (std::thread& thread : threads) thread.join();
    int accepted = 0;
    int64_t sum = 0;
    for (const Reply<v1::Refund>& reply : replies) {
      if (reply.ok()) {
        ++accepted;
        sum += reply->total().minor_units();
        Await(*reply, v1::Refund::STATUS_SUCCEEDED);
        EXPECT_EQ(EffectCount("IssueRefund", reply->name()), 1);
      } else {
        EXPECT_EQ(reply.reason(), "QUANTITY_EXCEEDS_REFUNDABLE") << reply.status.error_message();
        EXPECT_EQ(reply.metadata("refundable_units"), "0");
      }
    }
    EXPECT_EQ(accepted, kUnits);
    EXPECT_EQ(sum, order.captured_total().minor_units());
  }
}

TEST_F(ConcurrencyTest, OneOfApprovingAndTakingBackARefundWins) {
  constexpr int kRepetitions = 300;
  const Api olga = ApiAs("operator:olga");
  v1::BatchUpsertOrdersRequest batch;
  batch.set_parent(kSeller);
  for (int i = 0; i < kRepetitions; ++i) {
    *batch.add_orders() =
        OrderOf("us", "113-3600000-" + std::to_string(1000000 + i), {{"TV", 1, 60000, 0}});
  }
  const auto stored = api().Call(&Orders::BatchUpsertOrders, batch);
  ASSERT_TRUE(stored.ok()) << stored.status.error_message();
  std::vector<v1::Refund> refunds;
  for (const v1::OrderResult& result : stored->results()) {
    const auto asked = olga.Call(&Refunds::IssueRefund, Concession(result.order(), "TV", 1));
    ASSERT_TRUE(asked.ok()) << asked.status.error_message();
    ASSERT_EQ(asked->status(), v1::Refund::STATUS_PENDING_APPROVAL);
    refunds.push_back(*asked);
  }
  std::vector<Reply<v1::Refund>> approvals(kRepetitions), takings(kRepetitions);
  std::barrier line(2);
  const Api mia = ApiAs("manager:mia");
  std::thread approving([&] {
    for (int i = 0; i < kRepetitions; ++i) {
      v1::ApproveRefundRequest request;
      request.set_name(refunds[i].name());
      request.set_etag(refunds[i].etag());
      line.arrive_and_wait();
      approvals[i] = mia.Call(&Refunds::ApproveRefund, request);
    }
  });
  std::thread taking_back([&] {
    for (int i = 0; i < kRepetitions; ++i) {
      v1::CancelRefundRequest request;
      request.set_name(refunds[i].name());
      request.set_etag(refunds[i].etag());
      request.set_reason("asked twice");
      line.arrive_and_wait();
      takings[i] = olga.Call(&Refunds::CancelRefund, request);
    }
  });
  approving.join();
  taking_back.join();
  size_t paid = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    ASSERT_NE(approvals[i].ok(), takings[i].ok()) << i;
    const bool won = approvals[i].ok();
    ASSERT_EQ((won ? takings[i] : approvals[i]).reason(), "VERSION_CONFLICT") << i;
    paid += won ? 1 : 0;
    Await(refunds[i], won ? v1::Refund::STATUS_SUCCEEDED : v1::Refund::STATUS_CANCELLED);
    ASSERT_EQ(EffectCount("IssueRefund", refunds[i].name()), won ? 1 : 0) << i;
  }
  EXPECT_EQ(Log("fake-market", "effects.log", "IssueRefund ").size(), paid);
}

TEST_F(ConcurrencyTest, LabelThatIsScannedWhileItIsTakenBack) {
  constexpr int kRepetitions = 200;
  const Api other = ApiAs("manager:mia");
  int refused = 0;
  for (int i = 0; i < kRepetitions; ++i) {
    const v1::Return state = Approve(Create(
        Put(OrderOf("us", "113-3700000-" + std::to_string(1000000 + i), {{"LAMP", 1, 2999, 247}})),
        v1::RETURN_REASON_DEFECTIVE));
    v1::IssueReturnLabelRequest ask;
    ask.set_name(state.name());
    ASSERT_TRUE(api().Call(&Returns::IssueReturnLabel, ask).ok());
    const v1::Return labelled = AwaitThat(state, [](const v1::Return& now) {
      return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
    });
    v1::RecordFactsRequest scan;
    scan.set_parent(kSeller);
    v1::Event* fact = scan.add_facts();
    fact->set_subject(state.name());
    fact->set_external_id("scan-1");
    *fact->mutable_occurred_at() = Stamp(clock().Now());
    fact->mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_IN_TRANSIT);
    fact->mutable_return_scanned()->set_tracking_number(labelled.labels(0).tracking_number());
    v1::VoidReturnLabelRequest take_back;
    take_back.set_name(state.name());
    take_back.set_reason("wrong address");
    Reply<v1::Return> taken;
    std::barrier line(2);
    std::thread scanning([&] {
      line.arrive_and_wait();
      const auto recorded = other.Call(&Facts::RecordFacts, scan);
      ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
      EXPECT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED);
    });
    line.arrive_and_wait();
    taken = api().Call(&Returns::VoidReturnLabel, take_back);
    scanning.join();
    // The parcel is on its way whatever was asked of the carrier, and its label is used and paid.
    if (!taken.ok()) {
      ++refused;
      ASSERT_EQ(taken.reason(), "LABEL_USED");
    }
    const v1::Return now = Get(state);
    ASSERT_EQ(now.status(), v1::Return::STATUS_IN_TRANSIT) << now.DebugString();
    ASSERT_EQ(now.labels_size(), 1);
    ASSERT_EQ(v1::ReturnLabel::State_Name(now.labels(0).state()), "STATE_USED");
    int64_t cost = 0;
    for (const v1::LedgerEntry& entry : now.ledger()) cost += entry.amount().minor_units();
    ASSERT_EQ(cost, -610) << now.DebugString();
    ASSERT_LE(EffectCount("VoidLabel", state.name(), "fake-carrier"), taken.ok() ? 1 : 0);
  }
  RecordProperty("refused", refused);
  // What the carrier answers later changes nothing: the label stays used.
  absl::SleepFor(absl::Milliseconds(200));
  v1::ListReturnsRequest list;
  list.set_parent(kSeller);
  list.set_page_size(1000);
  const auto all = api().Call(&Returns::ListReturns, list);
  ASSERT_EQ(all->returns_size(), kRepetitions);
  for (const v1::Return& state : all->returns()) {
    ASSERT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_USED) << state.DebugString();
  }
}

TEST_F(ConcurrencyTest, RefusedCallMayBeRepeatedWithItsRequestId) {
  const v1::Order order = Put(OrderOf("us", "113-3400000-0000001", {{"PEN", 1, 1000, 0}}));
  v1::CreateReturnRequest request = ReturnRequest(order, v1::RETURN_REASON_UNSPECIFIED);
  request.set_request_id("1d0d2b9e-8f1c-4d0a-9f44-0d6f5f1c2a11");
  EXPECT_EQ(api().Call(&Returns::CreateReturn, request).reason(), "REASON_REQUIRED");
  request.mutable_return_resource()->mutable_items(0)->set_buyer_reason(
      v1::RETURN_REASON_DEFECTIVE);
  const auto created = api().Call(&Returns::CreateReturn, request);
  EXPECT_TRUE(created.ok()) << created.status.error_message();
  EXPECT_FALSE(created.replayed);
}

}  // namespace
}  // namespace aftersales::e2e
