// The life of a refund beyond its payment: limits and the second person, taking back, trying
// again, money that comes back, and payments that others report.
#include <atomic>
#include <thread>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class RefundLifeTest : public HostTest {
 protected:
  // 600.00, of which an operator pays 500.00 alone.
  v1::Order Dear(std::string_view id) { return Put(OrderOf("us", id, {{"TV", 1, 60000, 0}})); }
  v1::Refund Pending(const v1::Order& order, std::string_view actor = "operator:olga") {
    const auto issued = ApiAs(actor).Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
    EXPECT_TRUE(issued.ok()) << issued.status.error_message();
    EXPECT_EQ(issued->status(), v1::Refund::STATUS_PENDING_APPROVAL);
    return *issued;
  }
  Reply<v1::Refund> ApproveAs(std::string_view actor, const v1::Refund& refund) {
    v1::ApproveRefundRequest request;
    request.set_name(refund.name());
    return ApiAs(actor).Call(&Refunds::ApproveRefund, request);
  }
  Reply<v1::Refund> CancelIt(const v1::Refund& refund, std::string_view reason = "asked twice") {
    v1::CancelRefundRequest request;
    request.set_name(refund.name());
    request.set_reason(std::string(reason));
    return api().Call(&Refunds::CancelRefund, request);
  }
  Reply<v1::Refund> RetryIt(const v1::Refund& refund) {
    v1::RetryRefundRequest request;
    request.set_name(refund.name());
    return api().Call(&Refunds::RetryRefund, request);
  }
  // What the marketplace shows of a payment of the return, with its id; or in sum, in a report.
  v1::Event Payment(const v1::Return& state, int64_t amount, std::string_view id, int units = 1) {
    v1::Event fact;
    fact.set_subject(state.name());
    fact.set_external_id("financial-event-" + std::string(id));
    fact.mutable_actor()->set_role(v1::ROLE_PLATFORM);
    *fact.mutable_occurred_at() = Stamp(clock().Now());
    v1::ReturnRefunded* body = fact.mutable_return_refunded();
    body->set_external_refund_id(std::string(id));
    *body->mutable_amount() = MoneyOf(amount, "USD");
    v1::RefundItem* item = body->add_items();
    item->set_line_id(state.items(0).line_id());
    item->set_quantity(units);
    return fact;
  }
  v1::Event PaymentOfAll(const v1::Return& state, int64_t amount, std::string_view id) {
    v1::Event fact = Payment(state, amount, id);
    fact.mutable_return_refunded()->clear_items();
    return fact;
  }
  // The refund that a report made.
  v1::Refund Reported(std::string_view id) {
    v1::ListRefundsRequest list;
    list.set_parent(kSeller);
    const auto all = api().Call(&Refunds::ListRefunds, list);
    for (const v1::Refund& refund : all->refunds()) {
      if (refund.external_refund_id() == id) return refund;
    }
    ADD_FAILURE() << "no refund was paid as " << id;
    return {};
  }
  // What is found of it, where a person has to see to it.
  std::vector<v1::Finding::Kind> SeenTo(const v1::Refund& refund) {
    std::vector<v1::Finding::Kind> kinds;
    for (const v1::WorkItem& work : WorkItems("kind = MANUAL_ACTION")) {
      if (work.subject() != refund.name()) continue;
      for (const v1::Finding& finding : refund.findings()) kinds.push_back(finding.kind());
    }
    return kinds;
  }
  v1::Event RefundedAmount(const v1::Return& state, int64_t amount) {
    v1::Event fact;
    fact.set_subject(state.name());
    fact.set_external_id("row-" + std::to_string(amount));
    *fact.mutable_occurred_at() = Stamp(clock().Now());
    v1::Return* snapshot = fact.mutable_return_reported()->mutable_snapshot();
    snapshot->set_order_external_id(state.order_external_id());
    *snapshot->mutable_platform_refunded() = MoneyOf(amount, "USD");
    fact.mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
    return fact;
  }
  void Tell(const v1::Event& fact) {
    v1::RecordFactsRequest facts;
    facts.set_parent(kSeller);
    *facts.add_facts() = fact;
    const auto recorded = api().Call(&Facts::RecordFacts, facts);
    ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
    ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
        << recorded->results(0).message();
  }
  v1::Return Back(std::string_view order, int units = 1) {
    return Receive(Approve(Create(Put(OrderOf("us", order, {{"LAMP", units, 2000 * units, 0}})),
                                  v1::RETURN_REASON_DEFECTIVE, units)));
  }
  Reply<v1::Refund> Ask(const v1::Return& state, int units = 0) {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(state.name());
    if (units > 0) {
      v1::RefundItem* item = request.mutable_spec()->add_items();
      item->set_line_id(state.items(0).line_id());
      item->set_quantity(units);
    }
    return api().Call(&Refunds::IssueRefund, request);
  }
  v1::Refund ByHand(const v1::Return& state, int units = 0) {
    v1::Refund refund = *Ask(state, units);
    EXPECT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
    return refund;
  }
  int RefundCount() {
    v1::ListRefundsRequest list;
    list.set_parent(kSeller);
    return api().Call(&Refunds::ListRefunds, list)->refunds_size();
  }
  v1::ReverseRefundRequest Reversal(const v1::Refund& refund) {
    v1::ReverseRefundRequest request;
    request.set_name(refund.name());
    request.set_reason("the bank sent it back");
    request.set_proof("statement 2026-03, line 4");
    return request;
  }
};

TEST_F(RefundLifeTest, BeyondTheLimitOfARoleTakesASecondPerson) {
  const v1::Order order = Dear("113-8000001-0000001");
  const v1::Refund refund = Pending(order);
  EXPECT_EQ(refund.requested_by().id(), "olga");
  // Reserved, shown as work until the day after, and nothing is sent.
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "TV", 1)).reason(),
            "QUANTITY_EXCEEDS_REFUNDABLE");
  std::vector<v1::WorkItem> work = WorkItems();
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].kind(), v1::Deadline::KIND_REFUND_APPROVAL);
  EXPECT_EQ(work[0].subject(), refund.name());
  EXPECT_EQ(work[0].due_at().seconds(), absl::ToUnixSeconds(At("2026-03-03T09:00:00Z")));

  EXPECT_EQ(ApproveAs("manager:OLGA", refund).reason(), "FOUR_EYES") << "is nobody else";
  const auto self = ApproveAs("manager:olga", refund);
  EXPECT_EQ(self.code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(self.reason(), "FOUR_EYES");
  EXPECT_EQ(ApproveAs("manager", refund).reason(), "FOUR_EYES");
  EXPECT_EQ(ApproveAs("operator:otto", refund).reason(), "LIMIT_EXCEEDED");
  RestartHost();
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 0);

  const auto approved = ApproveAs("manager:mia", refund);
  ASSERT_TRUE(approved.ok()) << approved.status.error_message();
  EXPECT_EQ(approved->approved_by().id(), "mia");
  const v1::Refund paid = Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.requested_by().id(), "olga");
  EXPECT_EQ(paid.approved_by().id(), "mia");
  EXPECT_EQ(ApproveAs("manager:mia", refund).reason(), "INVALID_STATE");
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  EXPECT_TRUE(WorkItems().empty());
}

TEST_F(RefundLifeTest, WithinTheLimitNobodyIsAsked) {
  const v1::Order order = Put(OrderOf("us", "113-8000002-0000002", {{"TV", 1, 50000, 0}}));
  const auto issued =
      ApiAs("operator:olga").Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
  ASSERT_TRUE(issued.ok()) << issued.status.error_message();
  Await(*issued, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RefundLifeTest, ManySmallOnesDoNotPassTheLimit) {
  const v1::Order order = Put(OrderOf("us", "113-8000022-0000022", {{"TV", 4, 120000, 0}}));
  const auto ask = [&](std::string_view actor) {
    return ApiAs(actor).Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
  };
  Await(*ask("operator:olga"), v1::Refund::STATUS_SUCCEEDED);
  const v1::Refund second = *ask("operator:Olga");
  EXPECT_EQ(second.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  ASSERT_TRUE(ApproveAs("operator:otto", second).ok());
  // What somebody else approved is no longer hers alone, and others have limits of their own.
  EXPECT_EQ(ask("operator:olga")->status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(ask("operator:oona")->status(), v1::Refund::STATUS_APPROVED);
}

TEST_F(RefundLifeTest, NorDoesOneThatIsTriedAgain) {
  const v1::Order order = Put(OrderOf("us", "113-8000023-0000023", {{"TV", 4, 120000, 0}}));
  const auto ask = [&](std::string_view actor) {
    return ApiAs(actor).Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
  };
  SetMode("fake-market", "IssueRefund=FAILED");
  const v1::Refund failed = Await(*ask("operator:olga"), v1::Refund::STATUS_FAILED);
  SetMode("fake-market", "");
  Await(*ask("operator:olga"), v1::Refund::STATUS_SUCCEEDED);
  v1::RetryRefundRequest retry;
  retry.set_name(failed.name());
  EXPECT_EQ(ApiAs("operator:olga").Call(&Refunds::RetryRefund, retry).reason(), "LIMIT_EXCEEDED");
  EXPECT_TRUE(ApiAs("operator:otto").Call(&Refunds::RetryRefund, retry).ok());
}

TEST_F(RefundLifeTest, NobodyIsTwoPersonsByLeavingTheirNameOut) {
  const v1::Order order = Put(OrderOf("us", "113-8000024-0000024", {{"TV", 4, 120000, 0}}));
  const auto ask = [&](std::string_view actor) {
    return ApiAs(actor).Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
  };
  Await(*ask("operator:olga"), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(ask("operator")->status(), v1::Refund::STATUS_PENDING_APPROVAL);
}

TEST_F(RefundLifeTest, WhoApprovesHasALimitForTheOrderToo) {
  const v1::Order order = Put(OrderOf("us", "113-8000025-0000025", {{"TV", 4, 120000, 0}}));
  const auto ask = [&] {
    return *ApiAs("operator:olga").Call(&Refunds::IssueRefund, Concession(order, "TV", 1));
  };
  ask();
  const v1::Refund second = ask(), third = ask();
  EXPECT_TRUE(ApproveAs("operator:otto", second).ok());
  EXPECT_EQ(ApproveAs("operator:otto", third).reason(), "LIMIT_EXCEEDED");
  EXPECT_TRUE(ApproveAs("manager:mia", third).ok());
}

TEST_F(RefundLifeTest, ApprovalAsksWhetherItIsStillDue) {
  // The marketplace has paid in the meantime.
  v1::Order order = Dear("113-8000026-0000026");
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  v1::Refund refund = *ApiAs("operator:olga").Call(&Refunds::IssueRefund, issue);
  ASSERT_EQ(refund.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  Advance(absl::Hours(1));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("financial-event-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_refunded()->set_external_refund_id("AMZ-1");
  *fact->mutable_return_refunded()->mutable_amount() = refund.total();
  *fact->mutable_return_refunded()->mutable_items() = refund.items();
  ASSERT_TRUE(ApiAs("platform").Call(&Facts::RecordFacts, facts).ok());
  EXPECT_FALSE(ApproveAs("manager:mia", refund).ok());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 0);

  // The order brought in less than was thought.
  order = Put(OrderOf("us", "113-8000027-0000027", {{"TV", 2, 180000, 0}}));
  std::vector<v1::Refund> pending;
  for (int i = 0; i < 2; ++i) {
    pending.push_back(
        *ApiAs("operator:olga").Call(&Refunds::IssueRefund, Concession(order, "TV", 1)));
  }
  order = *api().Call(&Orders::GetOrder, [&] {
    v1::GetOrderRequest get;
    get.set_name(order.name());
    return get;
  }());
  *order.mutable_captured_total() = MoneyOf(90000, "USD");
  Put(order);
  const auto beyond = ApproveAs("manager:mia", pending[0]);
  EXPECT_EQ(beyond.reason(), "EXCEEDS_REFUNDABLE");
  v1::CancelRefundRequest cancel;
  cancel.set_name(pending[1].name());
  cancel.set_reason("not captured");
  ASSERT_TRUE(api().Call(&Refunds::CancelRefund, cancel).ok());
  EXPECT_TRUE(ApproveAs("manager:mia", pending[0]).ok());

  // The return was withdrawn.
  order = Dear("113-8000028-0000028");
  state = Approve(Create(order, v1::RETURN_REASON_DEFECTIVE));
  issue.mutable_spec()->set_return_name(state.name());
  v1::RefundItem* item = issue.mutable_spec()->add_items();
  item->set_line_id("TV");
  item->set_quantity(1);
  refund = *ApiAs("operator:olga").Call(&Refunds::IssueRefund, issue);
  ASSERT_EQ(refund.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  v1::CancelReturnRequest withdraw;
  withdraw.set_name(state.name());
  ASSERT_TRUE(api().Call(&Returns::CancelReturn, withdraw).ok());
  EXPECT_EQ(ApproveAs("manager:mia", refund).reason(), "INVALID_STATE");
}

TEST_F(RefundLifeTest, TakenBackItsMoneyAndUnitsAreFreeAgain) {
  const v1::Order order = Dear("113-8000003-0000003");
  const v1::Refund refund = Pending(order);
  EXPECT_EQ(CancelIt(refund, "").reason(), "REASON_REQUIRED");
  const auto cancelled = CancelIt(refund);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status.error_message();
  EXPECT_EQ(cancelled->status(), v1::Refund::STATUS_CANCELLED);
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_EQ(ApproveAs("manager:mia", refund).reason(), "INVALID_STATE");
  EXPECT_EQ(CancelIt(refund).reason(), "INVALID_STATE");
  const v1::Refund paid = Issue(Concession(order, "TV", 1), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(CancelIt(paid).reason(), "INVALID_STATE");
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 0);
}

TEST_F(RefundLifeTest, ApprovedOrTakenBackOneWins) {
  for (int round = 0; round < 20; ++round) {
    const v1::Order order = Dear("113-8000004-00001" + std::to_string(10 + round));
    const v1::Refund refund = Pending(order);
    std::atomic<int> won{0};
    std::thread approve([&] { won += ApproveAs("manager:mia", refund).ok() ? 1 : 0; });
    std::thread cancel([&] { won += CancelIt(refund).ok() ? 1 : 0; });
    approve.join();
    cancel.join();
    // Approved, it can still be taken back until it is handed over.
    ASSERT_GE(won, 1);
    v1::Refund now;
    ASSERT_TRUE(Eventually([&] {
      now = Get(refund);
      return now.status() == v1::Refund::STATUS_SUCCEEDED ||
             now.status() == v1::Refund::STATUS_CANCELLED;
    }));
    ASSERT_EQ(EffectCount("IssueRefund", refund.name()),
              now.status() == v1::Refund::STATUS_SUCCEEDED ? 1 : 0);
  }
}

TEST_F(RefundLifeTest, FailedOneIsTriedAgainUnderItsEffect) {
  const v1::Order order = Dear("113-8000005-0000005");
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund failed = Issue(Concession(order, "TV", 1), v1::Refund::STATUS_FAILED);
  SetMode("fake-market", "");
  const auto retried = RetryIt(failed);
  ASSERT_TRUE(retried.ok()) << retried.status.error_message();
  const v1::Refund paid = Await(failed, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.effect_id(), failed.effect_id());
  EXPECT_TRUE(paid.failure().empty());
  EXPECT_EQ(RetryIt(failed).reason(), "INVALID_STATE");
  EXPECT_EQ(EffectCount("IssueRefund", failed.name()), 1);
}

TEST_F(RefundLifeTest, FailedOneWithoutAReturnIsInTheQueueUntilSomebodySeesToIt) {
  const v1::Order order =
      Put(OrderOf("us", "113-8000071-0000071", {{"LAMP", 3, 6000, 0}, {"CUP", 1, 500, 0}}));
  const auto failed = [&](std::string_view sku) {
    SetMode("fake-market", "IssueRefund=FAIL");
    const v1::Refund refund = Issue(Concession(order, sku, 1), v1::Refund::STATUS_FAILED);
    SetMode("fake-market", "");
    const std::vector<v1::WorkItem> work = WorkItems();
    EXPECT_EQ(work.size(), 1u);
    if (work.empty()) return refund;
    EXPECT_EQ(work[0].subject(), refund.name());
    EXPECT_EQ(work[0].kind(), v1::Deadline::KIND_MANUAL_ACTION);
    EXPECT_GT(work[0].manual_action().steps_size(), 0);
    v1::SettleRefundRequest settle;
    settle.set_name(refund.name());
    settle.set_paid(true);
    settle.set_proof("by hand");
    EXPECT_EQ(api().Call(&Refunds::SettleRefund, settle).reason(), "INVALID_STATE")
        << "its money is not reserved";
    return refund;
  };
  v1::Refund refund = failed("LAMP");
  ASSERT_TRUE(RetryIt(refund).ok());
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(WorkItems().size(), 0u);
  refund = failed("LAMP");
  ASSERT_TRUE(CancelIt(refund).ok());
  EXPECT_EQ(WorkItems().size(), 0u);
  // Another one of the order pays in its place, if it is for the same.
  refund = failed("LAMP");
  Issue(Concession(order, "CUP", 1), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(WorkItems().size(), 1u);
  Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(WorkItems().size(), 0u);
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_FAILED);
}

TEST_F(RefundLifeTest, ReturnlessRefundIsOwedAtOnceAndAFailureLeavesItOwed) {
  const v1::Return state = Create(Put(OrderOf("us", "113-8000072-0000072", {{"CUP", 1, 500, 0}})),
                                  v1::RETURN_REASON_DEFECTIVE);
  v1::ApproveReturnlessRequest keep;
  keep.set_name(state.name());
  keep.set_override_reason("not worth the label");
  ASSERT_TRUE(api().Call(&Returns::ApproveReturnless, keep).ok());
  ASSERT_EQ(WorkItems().size(), 1u);
  EXPECT_EQ(WorkItems()[0].subject(), state.name());
  EXPECT_EQ(WorkItems()[0].kind(), v1::Deadline::KIND_REFUND);
  EXPECT_THAT(WorkItems()[0].action(), testing::HasSubstr("keeps the goods"));
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund refund = Await(*Ask(state), v1::Refund::STATUS_FAILED);
  ASSERT_EQ(WorkItems().size(), 1u);
  EXPECT_EQ(WorkItems()[0].subject(), state.name());
  SetMode("fake-market", "");
  ASSERT_TRUE(RetryIt(refund).ok());
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(WorkItems().size(), 0u);
}

TEST_F(RefundLifeTest, OrderThatWasCorrectedBelowItsRefundsIsAFinding) {
  v1::Order order = Put(OrderOf("us", "113-8000073-0000073", {{"LAMP", 1, 2000, 0}}));
  const v1::Refund refund = Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
  v1::VerifyAuditRequest verify;
  verify.set_parent(kSeller);
  verify.set_states(true);
  *order.mutable_captured_total() = MoneyOf(2500, "USD");
  order = Put(order);
  EXPECT_EQ(Get(refund).findings_size(), 0);
  *order.mutable_captured_total() = MoneyOf(500, "USD");
  Put(order);
  ASSERT_EQ(Get(refund).findings_size(), 1);
  EXPECT_EQ(Get(refund).findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
  EXPECT_THAT(Get(refund).findings(0).message(), testing::HasSubstr("captured 5.00"));
  EXPECT_TRUE(api().Call(&Audits::VerifyAudit, verify)->intact());
}

TEST_F(RefundLifeTest, PricesPutUpByHandTakeASecondPerson) {
  v1::Order order = Put(OrderOf("us", "113-8000074-0000074", {{"LAMP", 1, 2000, 0}}));
  const v1::Return state =
      Inspect(Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE))), 1, v1::CONDITION_NEW);
  const auto put = [&](std::string_view actor, int64_t price) {
    v1::UpsertOrderRequest upsert;
    upsert.set_parent(kSeller);
    *upsert.mutable_order() = order;
    upsert.mutable_order()->mutable_raised_by()->set_id("said by the caller");
    *upsert.mutable_order()->mutable_lines(0)->mutable_item_total() = MoneyOf(price, "USD");
    upsert.mutable_order()->clear_captured_total();
    const auto stored = ApiAs(actor).Call(&Orders::UpsertOrder, upsert);
    EXPECT_TRUE(stored.ok()) << stored.status.error_message();
    return *stored;
  };
  const auto ask = [&](std::string_view actor) {
    v1::IssueRefundRequest issue;
    issue.set_parent(kSeller);
    issue.set_validate_only(true);
    issue.mutable_spec()->set_return_name(state.name());
    const auto issued = ApiAs(actor).Call(&Refunds::IssueRefund, issue);
    EXPECT_TRUE(issued.ok()) << issued.status.error_message();
    return issued->status();
  };
  EXPECT_FALSE(put("platform:a", 2000).has_raised_by());
  EXPECT_EQ(put("rule:r", 40000).raised_by().role(), v1::ROLE_RULE);
  EXPECT_EQ(ask("operator:olga"), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(ask("manager:mia"), v1::Refund::STATUS_APPROVED);
  // Who put it up is not the second person.
  EXPECT_EQ(put("operator:olga", 40001).raised_by().id(), "olga");
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  const auto pending = ApiAs("operator:otto").Call(&Refunds::IssueRefund, issue);
  ASSERT_TRUE(pending.ok()) << pending.status.error_message();
  EXPECT_EQ(ApproveAs("operator:olga", *pending).reason(), "FOUR_EYES");
  ASSERT_TRUE(CancelIt(*pending).ok());
  // What the marketplace says of its prices is nobody's hand.
  EXPECT_FALSE(put("platform:a", 2000).has_raised_by());
  EXPECT_EQ(ask("operator:olga"), v1::Refund::STATUS_APPROVED);
}

TEST_F(RefundLifeTest, FailedOneIsNotTriedAgainForUnitsThatAreGone) {
  const v1::Order order = Dear("113-8000006-0000006");
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund failed = Issue(Concession(order, "TV", 1), v1::Refund::STATUS_FAILED);
  SetMode("fake-market", "");
  Issue(Concession(order, "TV", 1), v1::Refund::STATUS_SUCCEEDED);
  const auto retried = RetryIt(failed);
  EXPECT_EQ(retried.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(retried.reason(), "QUANTITY_EXCEEDS_REFUNDABLE");
  EXPECT_EQ(EffectCount("IssueRefund", failed.name()), 0);
}

TEST_F(RefundLifeTest, MoneyThatCameBackIsOwedAgain) {
  const v1::Order order = Put(OrderOf("us", "113-8000007-0000007", {{"LAMP", 1, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  state = Inspect(state, 1, v1::CONDITION_DEFECTIVE);
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  const v1::Refund paid = Issue(request, v1::Refund::STATUS_SUCCEEDED);
  state = Await(state, v1::Return::STATUS_RESOLVED);

  EXPECT_EQ(ApiAs("operator:olga").Call(&Refunds::ReverseRefund, Reversal(paid)).reason(),
            "ROLE_REQUIRED");
  v1::ReverseRefundRequest without = Reversal(paid);
  without.clear_proof();
  EXPECT_EQ(api().Call(&Refunds::ReverseRefund, without).reason(), "PROOF_REQUIRED");
  Advance(absl::Hours(1));
  const auto reversed = api().Call(&Refunds::ReverseRefund, Reversal(paid));
  ASSERT_TRUE(reversed.ok()) << reversed.status.error_message();
  EXPECT_EQ(reversed->status(), v1::Refund::STATUS_REVERSED);
  EXPECT_EQ(reversed->reversal_reason(), "the bank sent it back");
  EXPECT_EQ(api().Call(&Refunds::ReverseRefund, Reversal(paid)).reason(), "INVALID_STATE");

  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED);
  EXPECT_EQ(state.items(0).quantity_refunded(), 0);
  ASSERT_FALSE(state.findings().empty());
  EXPECT_EQ(state.findings(state.findings_size() - 1).kind(), v1::Finding::KIND_REFUND_REVERSED);
  // Paid again, in another way, it is settled once more.
  Advance(absl::Seconds(1));
  const v1::Refund again = Issue(request, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(again.total().minor_units(), 2000);
  Await(state, v1::Return::STATUS_RESOLVED);
}

TEST_F(RefundLifeTest, ReportOfAPaymentSettlesTheOneOfUnknownOutcome) {
  const v1::Order order = Put(OrderOf("us", "113-8000008-0000008", {{"LAMP", 1, 2000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  SetMode("fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=TIMEOUT_DONE");
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  const v1::Refund unknown = Issue(request, v1::Refund::STATUS_UNKNOWN);
  Advance(absl::Hours(24));

  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("financial-event-1");
  fact->mutable_actor()->set_role(v1::ROLE_PLATFORM);
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  v1::ReturnRefunded* body = fact->mutable_return_refunded();
  body->set_external_refund_id("AMZ-REFUND-1");
  *body->mutable_amount() = MoneyOf(2000, "USD");
  v1::RefundItem* item = body->add_items();
  item->set_line_id(state.items(0).line_id());
  item->set_quantity(1);
  for (int i = 0; i < 2; ++i) {
    const auto recorded = api().Call(&Facts::RecordFacts, facts);
    ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
  }
  const v1::Refund settled = Await(unknown, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_FALSE(settled.proof().empty());
  EXPECT_EQ(Get(state).items(0).quantity_refunded(), 1);
  // It is one refund, not two, and nobody pays it again.
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Refunds::ListRefunds, list)->refunds_size(), 1);
  SetMode("fake-market", "");
  Advance(absl::Hours(1));
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(EffectCount("IssueRefund", unknown.name()), 1);
}

TEST_F(RefundLifeTest, PaidByHandWhileTheMarketplaceDidNotTakeItItIsNotPaidAgain) {
  const v1::Return state = Back("113-8000021-0000021");
  SetMode("fake-market", "IssueRefund=RETRY");
  const v1::Refund waits = *Ask(state);
  Await(waits, v1::Refund::STATUS_SUBMITTED);
  Advance(absl::Minutes(1));
  Tell(Payment(state, 2000, "AMZ-1"));
  EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Get(waits).external_refund_id(), "AMZ-1");
  SetMode("fake-market", "");
  Advance(absl::Hours(3));
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(EffectCount("IssueRefund", waits.name()), 0);
  EXPECT_EQ(RefundCount(), 1);
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_RECEIVED);
  EXPECT_EQ(Get(state).items(0).quantity_refunded(), 1);
}

TEST_F(RefundLifeTest, PaidOtherwiseElsewhereItIsNotHandedOverAnyMore) {
  const v1::Return state = Back("113-8000022-0000022");
  SetMode("fake-market", "IssueRefund=RETRY");
  const v1::Refund waits = *Ask(state);
  Await(waits, v1::Refund::STATUS_SUBMITTED);
  Advance(absl::Minutes(1));
  Tell(Payment(state, 1500, "AMZ-2"));
  SetMode("fake-market", "");
  // A try that was under way puts the next one behind the clock, which stands still.
  EXPECT_TRUE(Eventually([&] {
    Advance(absl::Hours(1));
    return Get(waits).status() == v1::Refund::STATUS_FAILED;
  }));
  const v1::Refund failed = Get(waits);
  EXPECT_THAT(failed.failure(), testing::HasSubstr("not handed over: "));
  EXPECT_EQ(EffectCount("IssueRefund", waits.name()), 0);
  EXPECT_EQ(RetryIt(waits).reason(), "QUANTITY_EXCEEDS_REFUNDABLE");
  // The rest is a person's to give.
  v1::IssueRefundRequest rest;
  rest.set_parent(kSeller);
  rest.mutable_spec()->set_order(state.order());
  *rest.mutable_spec()->mutable_goodwill() = MoneyOf(501, "USD");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, rest).reason(), "EXCEEDS_REFUNDABLE");
  *rest.mutable_spec()->mutable_goodwill() = MoneyOf(500, "USD");
  Issue(rest, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RefundLifeTest, ReportThatShowsItPaidTakesItOffTheQueue) {
  SetMode("fake-market", "IssueRefund=MANUAL");
  const v1::Return one = Back("113-8000023-0000023");
  const v1::Refund waits = ByHand(one);
  Advance(absl::Hours(1));
  Tell(RefundedAmount(one, 2000));
  EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_FALSE(Get(waits).proof().empty());
  EXPECT_EQ(Get(one).items(0).quantity_refunded(), 1);
  // Later the payment itself, with its id: it is the same.
  Advance(absl::Hours(1));
  Tell(Payment(one, 2000, "AMZ-3"));
  EXPECT_EQ(Get(waits).external_refund_id(), "AMZ-3");
  EXPECT_EQ(Get(one).items(0).quantity_refunded(), 1);
  EXPECT_EQ(RefundCount(), 1);

  // Of two the one that is shown, then the other.
  const v1::Return two = Back("113-8000024-0000024", 2);
  const v1::Refund first = ByHand(two, 1), second = ByHand(two, 1);
  Advance(absl::Hours(1));
  Tell(RefundedAmount(two, 2000));
  EXPECT_EQ(Get(first).status() == v1::Refund::STATUS_SUCCEEDED,
            Get(second).status() != v1::Refund::STATUS_SUCCEEDED);
  Advance(absl::Hours(1));
  Tell(RefundedAmount(two, 4000));
  EXPECT_EQ(Get(first).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Get(second).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Get(two).items(0).quantity_refunded(), 2);

  // Two that were paid as one.
  const v1::Return both = Back("113-8000025-0000025", 2);
  const v1::Refund third = ByHand(both, 1), fourth = ByHand(both, 1);
  Advance(absl::Hours(1));
  Tell(Payment(both, 4000, "AMZ-4", 2));
  EXPECT_EQ(Get(third).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Get(fourth).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Get(both).items(0).quantity_refunded(), 2);
  EXPECT_EQ(RefundCount(), 5);
  EXPECT_TRUE(WorkItems("kind = REFUND").empty());
}

TEST_F(RefundLifeTest, WhileThePluginWasAwayItIsAskedForAgain) {
  const v1::Return state = Back("113-8000028-0000028");
  v1::DisablePluginRequest disable;
  disable.set_name("plugins/fake-market");
  ASSERT_TRUE(api().Call(&Plugins::DisablePlugin, disable).ok());
  const v1::Refund waits = *Ask(state);
  Advance(absl::Minutes(1));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_APPROVED);
  Tell(Payment(state, 1999, "AMZ-7"));
  v1::EnablePluginRequest enable;
  enable.set_name("plugins/fake-market");
  ASSERT_TRUE(api().Call(&Plugins::EnablePlugin, enable).ok());
  Advance(absl::Minutes(1));
  Await(waits, v1::Refund::STATUS_FAILED);
  EXPECT_EQ(EffectCount("IssueRefund", waits.name()), 0);
}

TEST_F(RefundLifeTest, OnlyWhatAReportShowsAnewSettlesAnything) {
  const v1::Return state = Back("113-8000029-0000029");
  Tell(RefundedAmount(state, 2000));
  SetMode("fake-market", "IssueRefund=MANUAL");
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_return_name(state.name());
  request.mutable_spec()->set_override_reason("that one bounced");
  v1::Refund waits = *api().Call(&Refunds::IssueRefund, request);
  ASSERT_TRUE(Eventually([&] { return (waits = Get(waits)).has_manual_action(); }));
  Advance(absl::Hours(1));
  v1::Event again = RefundedAmount(state, 2000);
  again.set_external_id("row-again");
  Tell(again);
  EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_APPROVED) << "nobody paid it";
  Advance(absl::Hours(1));
  Tell(RefundedAmount(state, 4000));
  EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RefundLifeTest, ApprovalSeesWhatWasFoundOutSince) {
  v1::Return state =
      Receive(Approve(Create(Put(OrderOf("us", "113-8000030-0000030", {{"TV", 2, 120000, 0}})),
                             v1::RETURN_REASON_NO_LONGER_NEEDED, 2)));
  const auto asked = [&](int units) {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(state.name());
    v1::RefundItem* item = request.mutable_spec()->add_items();
    item->set_line_id("TV");
    item->set_quantity(units);
    const auto issued = ApiAs("operator:olga").Call(&Refunds::IssueRefund, request);
    EXPECT_TRUE(issued.ok()) << issued.status.error_message();
    EXPECT_EQ(issued->status(), v1::Refund::STATUS_PENDING_APPROVAL);
    return *issued;
  };
  const v1::Refund early = asked(2);
  Advance(absl::Hours(1));
  state = Inspect(state, 1, v1::CONDITION_BUYER_DAMAGED);
  state = Inspect(state, 1, v1::CONDITION_NEW);
  EXPECT_EQ(ApproveAs("manager:mia", early).reason(), "QUOTE_CHANGED");
  ASSERT_TRUE(CancelIt(early).ok());
  // Units of two conditions are one line when they are asked for again.
  const v1::Refund both = asked(2);
  EXPECT_EQ(both.items_size(), 2);
  EXPECT_LT(both.total().minor_units(), early.total().minor_units());
  const auto approved = ApproveAs("manager:mia", both);
  ASSERT_TRUE(approved.ok()) << approved.status.error_message();
  Await(both, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RefundLifeTest, WhoGaveNoNameMayHaveBeenAnybodyOfTheirRole) {
  const v1::Refund nameless = Pending(Dear("113-8000031-0000031"), "operator");
  EXPECT_EQ(ApproveAs("operator:olga", nameless).reason(), "FOUR_EYES");
  EXPECT_TRUE(ApproveAs("manager:mia", nameless).ok());
}

TEST_F(RefundLifeTest, OneLineThatTheMarketplacePaidTwiceHoldsUpNoOther) {
  const v1::Order order =
      Put(OrderOf("us", "113-8000032-0000032",
                  {{"LAMP", 1, 2000, 0}, {"MUG", 1, 900, 0}, {"CUP", 1, 3000, 0}}));
  const v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  Await(*api().Call(&Refunds::IssueRefund, Concession(order, "LAMP", 1)),
        v1::Refund::STATUS_SUCCEEDED);
  Tell(Payment(state, 500, "AMZ-8"));
  const auto other = api().Call(&Refunds::IssueRefund, Concession(order, "MUG", 1));
  ASSERT_TRUE(other.ok()) << other.reason() << other.status.error_message();
  Await(*other, v1::Refund::STATUS_SUCCEEDED);
}

TEST_F(RefundLifeTest, ReportOfAnotherAmountTakesItOffTheQueueToo) {
  SetMode("fake-market", "IssueRefund=MANUAL");
  const v1::Return state = Back("113-8000026-0000026");
  const v1::Refund waits = ByHand(state);
  Advance(absl::Hours(1));
  Tell(RefundedAmount(state, 1200));
  const v1::Refund failed = Get(waits);
  EXPECT_EQ(failed.status(), v1::Refund::STATUS_FAILED);
  EXPECT_FALSE(failed.has_manual_action());
  EXPECT_THAT(failed.failure(), testing::HasSubstr("12.00"));
  EXPECT_EQ(RetryIt(waits).reason(), "ALREADY_REFUNDED_BY_PLATFORM");
}

TEST_F(RefundLifeTest, PaymentOfWhatIsPaidIsSeenTo) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  constexpr auto kOver = v1::Finding::KIND_OVER_REFUNDED;
  constexpr auto kMismatch = v1::Finding::KIND_AMOUNT_MISMATCH;
  // Twice by the marketplace, which does not say for what.
  const v1::Return twice = Back("113-8000040-0000040");
  Tell(PaymentOfAll(twice, 2000, "P-1"));
  EXPECT_THAT(SeenTo(Reported("P-1")), IsEmpty());
  Advance(absl::Minutes(1));
  Tell(PaymentOfAll(twice, 2000, "P-2"));
  const v1::Refund second = Reported("P-2");
  EXPECT_THAT(SeenTo(second), ElementsAre(kOver));
  ASSERT_EQ(Get(twice).findings_size(), 1);
  EXPECT_EQ(Get(twice).findings(0).kind(), kOver);
  v1::SettleRefundRequest settle;
  settle.set_name(second.name());
  settle.set_paid(true);
  settle.set_proof("claimed back, case 17");
  ASSERT_TRUE(api().Call(&Refunds::SettleRefund, settle).ok());
  EXPECT_THAT(SeenTo(Get(second)), IsEmpty());

  // The same with units.
  const v1::Return units = Back("113-8000041-0000041");
  Tell(Payment(units, 2000, "P-3"));
  Advance(absl::Minutes(1));
  Tell(Payment(units, 2000, "P-4"));
  EXPECT_THAT(SeenTo(Reported("P-4")), ElementsAre(kOver));

  // After the host paid: for the return, or for the unit beside it.
  const v1::Return own = Back("113-8000042-0000042");
  Await(*Ask(own), v1::Refund::STATUS_SUCCEEDED);
  Advance(absl::Minutes(1));
  Tell(PaymentOfAll(own, 2000, "P-5"));
  EXPECT_THAT(SeenTo(Reported("P-5")), ElementsAre(kOver));
  const v1::Order order =
      Put(OrderOf("us", "113-8000043-0000043", {{"LAMP", 1, 2000, 0}, {"TV", 1, 90000, 0}}));
  const v1::Return beside = Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE)));
  Await(*ApiAs("manager:mia").Call(&Refunds::IssueRefund, Concession(order, "LAMP", 1)),
        v1::Refund::STATUS_SUCCEEDED);
  Advance(absl::Minutes(1));
  Tell(PaymentOfAll(beside, 2000, "P-6"));
  EXPECT_THAT(SeenTo(Reported("P-6")), ElementsAre(kOver));

  // At once more than the order brought in.
  const v1::Return much = Back("113-8000044-0000044");
  Tell(PaymentOfAll(much, 99999, "P-7"));
  EXPECT_THAT(SeenTo(Reported("P-7")), ElementsAre(kOver));

  // What a payment left is no payment too much, until it is there.
  const v1::Return parts = Back("113-8000045-0000045");
  Tell(PaymentOfAll(parts, 700, "P-8"));
  EXPECT_THAT(SeenTo(Reported("P-8")), ElementsAre(kMismatch));
  Advance(absl::Minutes(1));
  Tell(PaymentOfAll(parts, 1300, "P-9"));
  EXPECT_THAT(SeenTo(Reported("P-9")), IsEmpty());
  EXPECT_EQ(Reported("P-9").findings_size(), 0);
  Tell(PaymentOfAll(parts, 1, "P-10"));
  EXPECT_THAT(SeenTo(Reported("P-10")), ElementsAre(kOver));
}

TEST_F(RefundLifeTest, ReportOfLessThanWaitsIsSeenTo) {
  SetMode("fake-market", "IssueRefund=MANUAL");
  for (const bool with_items : {true, false}) {
    const std::string id = with_items ? "P-21" : "P-22";
    const v1::Return state = Back(with_items ? "113-8000046-0000046" : "113-8000047-0000047", 2);
    const v1::Refund waits = ByHand(state);
    Advance(absl::Hours(1));
    Tell(with_items ? Payment(state, 3000, id, 2) : PaymentOfAll(state, 3000, id));
    EXPECT_EQ(Get(waits).status(), v1::Refund::STATUS_FAILED);
    const v1::Refund paid = Reported(id);
    EXPECT_EQ(paid.total().minor_units(), 4000);
    EXPECT_EQ(paid.paid_amount().minor_units(), 3000);
    EXPECT_THAT(SeenTo(paid), testing::ElementsAre(v1::Finding::KIND_AMOUNT_MISMATCH));
    EXPECT_EQ(Get(state).items(0).quantity_refunded(), 2);
    ASSERT_EQ(Get(state).findings_size(), 1);
    EXPECT_EQ(Get(state).findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  }
}

TEST_F(RefundLifeTest, PaymentToldAgainWithAnotherAmountIsSeenTo) {
  const v1::Return state = Back("113-8000048-0000048");
  Tell(Payment(state, 2000, "P-31"));
  Advance(absl::Minutes(1));
  Tell(Payment(state, 1500, "P-31"));
  const v1::Refund paid = Reported("P-31");
  EXPECT_EQ(paid.paid_amount().minor_units(), 2000);
  EXPECT_THAT(SeenTo(paid), testing::ElementsAre(v1::Finding::KIND_AMOUNT_MISMATCH));
  v1::RecordFactsRequest again;
  again.set_parent(kSeller);
  *again.add_facts() = Payment(state, 1500, "P-31");
  *again.add_facts() = Payment(state, 2000, "P-31");
  const auto told = api().Call(&Facts::RecordFacts, again);
  for (const v1::FactResult& result : told->results()) {
    EXPECT_EQ(result.outcome(), v1::FactResult::OUTCOME_DUPLICATE) << result.message();
  }
  EXPECT_EQ(Get(paid).findings_size(), 1);

  // One payment of two refunds is told again as one.
  SetMode("fake-market", "IssueRefund=MANUAL");
  const v1::Return both = Back("113-8000049-0000049", 2);
  ByHand(both, 1);
  ByHand(both, 1);
  Advance(absl::Hours(1));
  const v1::Event one = Payment(both, 4000, "P-32", 2);
  Tell(one);
  again.clear_facts();
  *again.add_facts() = one;
  EXPECT_EQ(api().Call(&Facts::RecordFacts, again)->results(0).outcome(),
            v1::FactResult::OUTCOME_DUPLICATE);
  EXPECT_EQ(Reported("P-32").findings_size(), 0);
}

TEST_F(RefundLifeTest, DecisionsSayWhy) {
  const v1::Refund refund = Pending(Dear("113-8000009-0000009"));
  ASSERT_TRUE(ApproveAs("manager:mia", refund).ok());
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  int explained = 0;
  for (const v1::Event& event : AllEvents("subject=\"" + refund.name() + "\"")) {
    if (!event.has_explanation()) continue;
    ++explained;
    EXPECT_FALSE(event.explanation().sentence().empty()) << event.DebugString();
    EXPECT_FALSE(event.explanation().verdict().empty()) << event.DebugString();
    EXPECT_GT(event.explanation().inputs_size(), 0) << event.DebugString();
  }
  EXPECT_GE(explained, 2);
}

TEST_F(RefundLifeTest, WhatPeopleDoToARefundSaysWhy) {
  SetMode("fake-market", "IssueRefund=MANUAL");
  const v1::Return state = Back("113-8000075-0000075", 2);
  v1::Refund refund = ByHand(state);
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_proof("nothing on the statement");
  ASSERT_TRUE(api().Call(&Refunds::SettleRefund, settle).ok());
  ASSERT_TRUE(RetryIt(refund).ok());
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  settle.set_paid(true);
  ASSERT_TRUE(api().Call(&Refunds::SettleRefund, settle).ok());
  ASSERT_TRUE(api().Call(&Refunds::ReverseRefund, Reversal(refund)).ok());
  refund = ByHand(state);
  ASSERT_TRUE(CancelIt(refund).ok());
  v1::Return part =
      Approve(Create(Put(OrderOf("us", "113-8000076-0000076", {{"LAMP", 2, 4000, 0}})),
                     v1::RETURN_REASON_DEFECTIVE, 2));
  part = Receive(part, 1);
  v1::CloseShortRequest close;
  close.set_name(part.name());
  close.set_reason("ONE_NOT_RETURNED");
  ASSERT_TRUE(api().Call(&Returns::CloseShort, close).ok());
  int explained = 0;
  for (const v1::Event& event : AllEvents()) {
    const bool meant = event.has_refund_succeeded() || event.has_refund_failed() ||
                       event.has_refund_cancelled() || event.has_refund_reversed() ||
                       event.has_return_closed_short() || event.has_refund_approved();
    if (!meant) continue;
    ++explained;
    EXPECT_FALSE(event.explanation().sentence().empty()) << event.DebugString();
    EXPECT_GT(event.explanation().inputs_size(), 0) << event.DebugString();
  }
  EXPECT_GE(explained, 8);
}

}  // namespace
}  // namespace aftersales::e2e
