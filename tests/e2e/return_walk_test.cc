// Returns from the buyer's request to the closed case, to the minor unit.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using testing::Each;
using testing::Property;

class ReturnWalkTest : public HostTest {
 protected:
  // Item 29.99 + tax 2.47, shipping 5.99 + tax 0.49.
  v1::Order LampOrder(std::string_view external_id) {
    v1::Order order = OrderOf("us", external_id, {{"LAMP", 1, 2999, 247}});
    order.mutable_lines(0)->set_referral_bp(1500);
    *order.mutable_shipping_total() = MoneyOf(599, "USD");
    *order.mutable_shipping_tax() = MoneyOf(49, "USD");
    return order;
  }

  v1::Metric OrderDefectRate() {
    v1::GetDashboardRequest request;
    request.set_parent(kSeller);
    const auto dashboard = api().Call(&Metrics::GetDashboard, request);
    EXPECT_TRUE(dashboard.ok()) << dashboard.status.error_message();
    for (const v1::Metric& metric : dashboard->metrics()) {
      if (metric.kind() == v1::Metric::KIND_ODR && metric.fulfillment() == v1::FULFILLMENT_MFN &&
          metric.channel() == "sellers/acme/channels/us") {
        return metric;
      }
    }
    ADD_FAILURE() << "no ODR in the dashboard";
    return {};
  }
};

TEST_F(ReturnWalkTest, HappyPathOfASellerFulfilledOrder) {
  const v1::Order order = Put(LampOrder("113-0000001-0000001"));
  EXPECT_EQ(order.captured_total().minor_units(), 3894);
  const v1::Metric odr_before = OrderDefectRate();

  v1::Return state = Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED);
  EXPECT_EQ(state.status(), v1::Return::STATUS_REQUESTED);
  EXPECT_TRUE(state.validity().in_policy());
  EXPECT_EQ(state.items(0).fault(), v1::FAULT_SELLER);
  ASSERT_EQ(WorkItems("kind = RETURN_RESPONSE").size(), 1u);

  Advance(absl::Hours(3));
  state = Approve(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  EXPECT_EQ(state.return_address_id(), "local");
  EXPECT_EQ(state.decision().actor().role(), v1::ROLE_MANAGER);
  EXPECT_EQ(state.decision().actor().id(), "mia");
  const v1::Deadline* response = FindDeadline(state, v1::Deadline::KIND_RETURN_RESPONSE);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->state(), v1::Deadline::STATE_MET);
  EXPECT_EQ(response->due_at().seconds() - response->start_at().seconds(), 48 * 3600);
  EXPECT_EQ(response->met_at().seconds() - response->start_at().seconds(), 3 * 3600);
  EXPECT_TRUE(WorkItems("kind = RETURN_RESPONSE").empty());

  v1::IssueReturnLabelRequest label;
  label.set_name(state.name());
  const auto asked = api().Call(&Returns::IssueReturnLabel, label);
  ASSERT_TRUE(asked.ok()) << asked.status.error_message();
  state = AwaitThat(state, [](const v1::Return& now) {
    return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
  });
  EXPECT_EQ(state.labels(0).tracking_number().substr(0, 4), "FAKE");
  EXPECT_EQ(state.labels(0).cost().minor_units(), 610);
  EXPECT_EQ(state.labels(0).paid_by(), v1::ReturnLabel::PAYER_SELLER);

  Advance(absl::Hours(20));
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_IN_TRANSIT);
  EXPECT_EQ(state.labels(0).state(), v1::ReturnLabel::STATE_USED);
  Advance(absl::Hours(48));
  Scan(state, v1::TrackingEvent::MILESTONE_DELIVERED);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_DELIVERED);
  EXPECT_NE(FindDeadline(state, v1::Deadline::KIND_RECEIPT), nullptr);
  Advance(absl::Hours(2));
  EXPECT_EQ(Receive(state).status(), v1::Return::STATUS_RECEIVED);
  state = Inspect(state, 1, v1::CONDITION_CARRIER_DAMAGED);
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED);

  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  const v1::RefundQuote quote = Quote(refund.spec());
  EXPECT_EQ(quote.total().minor_units(), 3894);
  std::map<v1::BreakdownLine::Kind, int64_t> lines;
  for (const v1::BreakdownLine& line : quote.breakdown()) {
    lines[line.kind()] += line.amount().minor_units();
  }
  EXPECT_EQ(lines, (std::map<v1::BreakdownLine::Kind, int64_t>{
                       {v1::BreakdownLine::KIND_ITEM, 2999},
                       {v1::BreakdownLine::KIND_ITEM_TAX, 247},
                       {v1::BreakdownLine::KIND_SHIPPING, 599},
                       {v1::BreakdownLine::KIND_SHIPPING_TAX, 49}}));
  *refund.mutable_expected_total() = quote.total();
  const v1::Refund paid = Issue(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 3894);
  EXPECT_EQ(paid.total().currency_code(), "USD");
  EXPECT_EQ(paid.external_refund_id(), "fake-market:" + paid.effect_id());
  EXPECT_EQ(EffectCount("IssueRefund", paid.name()), 1);
  EXPECT_EQ(EffectCount("DecideReturn", state.name()), 1);

  state = Await(state, v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(state.items(0).quantity_refunded(), 1);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_MET);
  // Label 6.10; referral fee 15 % of 35.98 is 5.40, of which the marketplace keeps 20 %.
  ASSERT_EQ(state.ledger_size(), 2);
  EXPECT_EQ(state.ledger(0).kind(), v1::LedgerEntry::KIND_RETURN_LABEL);
  EXPECT_EQ(state.ledger(0).amount().minor_units(), -610);
  EXPECT_EQ(state.ledger(1).kind(), v1::LedgerEntry::KIND_ADMIN_FEE);
  EXPECT_EQ(state.ledger(1).amount().minor_units(), -108);

  const v1::Metric odr = OrderDefectRate();
  EXPECT_EQ(odr.value().numerator(), odr_before.value().numerator());
  EXPECT_EQ(odr.value().denominator(), odr_before.value().denominator());
  EXPECT_EQ(odr.value().denominator(), 1);
  EXPECT_EQ(odr.status(), v1::Metric::STATUS_GOOD);

  Advance(absl::Hours(24) * 30 - absl::Seconds(1));
  absl::SleepFor(absl::Milliseconds(300));  // three looks of the clock
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_RESOLVED);
  Advance(absl::Seconds(1) + absl::Microseconds(1));
  state = Await(state, v1::Return::STATUS_CLOSED);
  EXPECT_EQ(EffectCount("IssueRefund", paid.name()), 1);
  // Nothing is left to do, for anybody.
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_THAT(state.deadlines(),
              Each(Property(&v1::Deadline::state, testing::AnyOf(v1::Deadline::STATE_MET,
                                                                 v1::Deadline::STATE_CANCELLED))));
  // The ERP was told of each fact once.
  std::vector<std::string> told = Log("fake-erp", "erp.log", state.name());
  EXPECT_TRUE(Eventually([&] {
    return (told = Log("fake-erp", "erp.log", state.name())).size() ==
           AllEvents("subject = \"" + state.name() + "\"").size();
  }));
  std::sort(told.begin(), told.end());
  EXPECT_EQ(std::unique(told.begin(), told.end()), told.end());
}

TEST_F(ReturnWalkTest, LabelThatTheMarketplaceMadeCostsItsHandling) {
  const v1::Order order = Put(LampOrder("113-0000002-0000002"));
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_DEFECTIVE));
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  v1::Event* fact = request.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("row-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_reported()->set_status(v1::Return::STATUS_APPROVED);
  v1::ReturnLabel* label = fact->mutable_return_reported()->mutable_snapshot()->add_labels();
  label->set_kind(v1::ReturnLabel::KIND_AMAZON_GENERATED);
  label->set_state(v1::ReturnLabel::STATE_ISSUED);
  label->set_tracking_number("1Z1");
  label->set_paid_by(v1::ReturnLabel::PAYER_SELLER);
  *label->mutable_cost() = MoneyOf(800, "USD");
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, request).ok());
  state = Get(state);
  ASSERT_EQ(state.ledger_size(), 2);
  EXPECT_EQ(state.ledger(0).kind(), v1::LedgerEntry::KIND_RETURN_LABEL);
  EXPECT_EQ(state.ledger(0).amount().minor_units(), -800);
  EXPECT_EQ(state.ledger(1).kind(), v1::LedgerEntry::KIND_LABEL_HANDLING);
  EXPECT_EQ(state.ledger(1).amount().minor_units(), -599);
}

TEST_F(ReturnWalkTest, PartialReceiptAndTheLateUnit) {
  const v1::Order order = Put(OrderOf("us", "113-0000003-0000003", {{"MUG", 3, 8997, 742}}));
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED, 3));
  Advance(absl::Hours(24));
  Scan(state, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
  Advance(absl::Hours(24));
  state = Receive(state, 2);
  EXPECT_EQ(state.status(), v1::Return::STATUS_PARTIALLY_RECEIVED);

  v1::CloseShortRequest close_short;
  close_short.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::CloseShort, close_short).reason(), "REASON_REQUIRED");
  close_short.set_reason("ONE_NOT_RETURNED");
  const auto closed_short = api().Call(&Returns::CloseShort, close_short);
  ASSERT_TRUE(closed_short.ok()) << closed_short.status.error_message();
  EXPECT_EQ(closed_short->status(), v1::Return::STATUS_RECEIVED);
  EXPECT_EQ(closed_short->items(0).quantity_missing(), 1);

  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  EXPECT_EQ(Quote(refund.spec()).total().minor_units(), 6493);
  EXPECT_EQ(Inspect(state, 2, v1::CONDITION_NEW).status(), v1::Return::STATUS_INSPECTED);
  const v1::Refund paid = Issue(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 6493);
  state = Await(state, v1::Return::STATUS_RESOLVED);
  v1::CloseReturnRequest close;
  close.set_name(state.name());
  close.set_reason("done");
  const auto closed = api().Call(&Returns::CloseReturn, close);
  ASSERT_TRUE(closed.ok()) << closed.status.error_message();
  EXPECT_EQ(closed->status(), v1::Return::STATUS_CLOSED);
  EXPECT_EQ(api()
                .Call(&Refunds::QuoteRefund,
                      [&] {
                        v1::QuoteRefundRequest again;
                        again.set_parent(kSeller);
                        *again.mutable_spec() = refund.spec();
                        return again;
                      }())
                .reason(),
            "NOTHING_TO_REFUND");

  Advance(absl::Hours(24) * 21);
  state = Receive(state, 1);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_THAT(state.findings(),
              testing::Contains(Property(&v1::Finding::kind, v1::Finding::KIND_LATE_UNIT)));
  v1::RefundSpec third;
  third.set_return_name(state.name());
  v1::RefundItem* item = third.add_items();
  item->set_line_id("MUG");
  item->set_quantity(1);
  const v1::RefundQuote rest = Quote(third);
  EXPECT_EQ(rest.total().minor_units(), 3246);
  EXPECT_EQ(paid.total().minor_units() + rest.total().minor_units(), 8997 + 742);
  EXPECT_EQ(rest.refundable().minor_units(), 3246);

  // By a new decision: looked at, then refunded.
  Inspect(state, 1, v1::CONDITION_NEW);
  EXPECT_EQ(Quote(refund.spec()).total().minor_units(), 3246);
  EXPECT_EQ(Issue(refund, v1::Refund::STATUS_SUCCEEDED).total().minor_units(), 3246);
  EXPECT_EQ(
      AwaitThat(state, [](const v1::Return& now) { return now.items(0).quantity_refunded() == 3; })
          .status(),
      v1::Return::STATUS_RESOLVED);
}

TEST_F(ReturnWalkTest, UnitsOfOneParcelInDifferentConditions) {
  const v1::Order order = Put(OrderOf("us", "113-5000009-0000009", {{"LAMP", 4, 40000, 0}}));
  v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED, 4)));
  state = Inspect(state, 2, v1::CONDITION_NEW);
  state = Inspect(state, 1, v1::CONDITION_BUYER_DAMAGED);
  state = Inspect(state, 1, v1::CONDITION_WRONG_ITEM);
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED);
  ASSERT_EQ(state.inspections_size(), 3);
  EXPECT_EQ(state.inspections(0).disposition(), v1::DISPOSITION_RESTOCK);
  EXPECT_EQ(state.inspections(1).disposition(), v1::DISPOSITION_REFURBISH);
  EXPECT_EQ(state.inspections(2).disposition(), v1::DISPOSITION_QUARANTINE);

  // The wrong unit is refused its money only with photos.
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  const auto without = api().Call(&Refunds::IssueRefund, issue);
  EXPECT_EQ(without.reason(), "EVIDENCE_REQUIRED");
  EXPECT_EQ(without.metadata("inspection_id"), state.inspections(2).inspection_id());
  v1::InspectReturnRequest photos;
  photos.set_name(state.name());
  *photos.add_inspections() = state.inspections(2);
  photos.mutable_inspections(0)->add_evidence("https://photos.example/1.jpg");
  const auto added = api().Call(&Returns::InspectReturn, photos);
  ASSERT_TRUE(added.ok()) << added.status.error_message();
  // Two in full, one with half of it kept, one with nothing.
  EXPECT_EQ(Quote(issue.spec()).total().minor_units(), 25000);
  Issue(issue, v1::Refund::STATUS_SUCCEEDED);
  Await(state, v1::Return::STATUS_RESOLVED);
}

TEST_F(ReturnWalkTest, MarketplaceDecidesOnWhatItFulfils) {
  v1::Order given = LampOrder("113-0000004-0000004");
  given.set_fulfillment(v1::FULFILLMENT_AFN);
  const v1::Order order = Put(given);
  const v1::Return state = Create(order, v1::RETURN_REASON_DEFECTIVE);
  EXPECT_TRUE(state.platform_managed());
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_RETURN_RESPONSE), nullptr);
  EXPECT_TRUE(WorkItems().empty());

  v1::ApproveReturnRequest approve;
  approve.set_name(state.name());
  const auto approved = api().Call(&Returns::ApproveReturn, approve);
  EXPECT_EQ(approved.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(approved.reason(), "PLATFORM_MANAGED");
  v1::RejectReturnRequest reject;
  reject.set_name(state.name());
  reject.set_reason_code("OUT_OF_WINDOW");
  EXPECT_EQ(api().Call(&Returns::RejectReturn, reject).reason(), "PLATFORM_MANAGED");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "LAMP", 1)).reason(),
            "PLATFORM_MANAGED");
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_REQUESTED);
  EXPECT_EQ(EffectCount("DecideReturn", state.name()), 0);
}

TEST_F(ReturnWalkTest, SecondDecisionIsRefused) {
  const v1::Return state =
      Approve(Create(Put(LampOrder("113-0000005-0000005")), v1::RETURN_REASON_DEFECTIVE));
  v1::ApproveReturnRequest approve;
  approve.set_name(state.name());
  const auto again = api().Call(&Returns::ApproveReturn, approve);
  EXPECT_EQ(again.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(again.reason(), "INVALID_STATE");
  v1::RejectReturnRequest reject;
  reject.set_name(state.name());
  reject.set_reason_code("OUT_OF_WINDOW");
  reject.set_override_reason("fraud");
  EXPECT_EQ(api().Call(&Returns::RejectReturn, reject).reason(), "INVALID_STATE");
  EXPECT_EQ(Get(state).etag(), state.etag());
}

TEST_F(ReturnWalkTest, RejectionInsideThePolicyTakesAManager) {
  const v1::Return state =
      Create(Put(LampOrder("113-0000006-0000006")), v1::RETURN_REASON_NO_LONGER_NEEDED);
  v1::RejectReturnRequest reject;
  reject.set_name(state.name());
  EXPECT_EQ(api().Call(&Returns::RejectReturn, reject).reason(), "REASON_REQUIRED");
  reject.set_reason_code("USED");
  EXPECT_EQ(api().Call(&Returns::RejectReturn, reject).reason(), "INVALID_REJECTION_RISK");
  reject.set_override_reason("the photos show it used");
  EXPECT_EQ(ApiAs("operator:olga").Call(&Returns::RejectReturn, reject).reason(),
            "INVALID_REJECTION_RISK");
  const auto rejected = api().Call(&Returns::RejectReturn, reject);
  ASSERT_TRUE(rejected.ok()) << rejected.status.error_message();
  EXPECT_EQ(rejected->status(), v1::Return::STATUS_REJECTED);
  EXPECT_TRUE(Eventually([&] { return EffectCount("DecideReturn", state.name()) == 1; }));
}

TEST_F(ReturnWalkTest, SurplusUnitIsAFindingAndMovesNothing) {
  const v1::Order order = Put(OrderOf("us", "113-1000077-0000077", {{"LAMP", 1, 2999, 247}}));
  v1::Return state = Approve(Create(order, v1::RETURN_REASON_DEFECTIVE));
  state = Inspect(Receive(state, 1), 1, v1::CONDITION_DEFECTIVE);
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  refund.mutable_spec()->set_return_name(state.name());
  Issue(refund, v1::Refund::STATUS_SUCCEEDED);
  state = Await(state, v1::Return::STATUS_RESOLVED);
  Advance(absl::Hours(1));
  state = Receive(state, 1);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(state.items(0).quantity_received(), 2);
  ASSERT_EQ(state.findings_size(), 1);
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_SURPLUS_UNITS);
  Advance(absl::Hours(60 * 24));
  Await(state, v1::Return::STATUS_CLOSED);
}

TEST_F(ReturnWalkTest, GoodsThatCameBeforeTheDecisionAreOwedFromIt) {
  const v1::Order order = Put(OrderOf("us", "113-1000079-0000079", {{"LAMP", 1, 2999, 247}}));
  v1::Return state = Receive(Create(order, v1::RETURN_REASON_DEFECTIVE), 1);
  Advance(absl::Hours(1));
  state = Approve(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RECEIVED);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_RETURN_BY)->state(), v1::Deadline::STATE_MET);
  ASSERT_NE(FindDeadline(state, v1::Deadline::KIND_REFUND), nullptr);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_RUNNING);
}

TEST_F(ReturnWalkTest, NothingArrivesOrIsInspectedTomorrow) {
  const v1::Order order = Put(OrderOf("us", "113-1000078-0000078", {{"LAMP", 1, 2999, 247}}));
  const v1::Return state = Approve(Create(order, v1::RETURN_REASON_DEFECTIVE));
  v1::RecordReceiptRequest receipt;
  receipt.set_name(state.name());
  *receipt.mutable_receipt()->mutable_received_at() = Stamp(clock().Now() + absl::Hours(25));
  const auto early = api().Call(&Returns::RecordReceipt, receipt);
  EXPECT_EQ(early.reason(), "IN_THE_FUTURE");
  EXPECT_THAT(early.fields(), testing::ElementsAre("receipt.received_at"));
  *receipt.mutable_receipt()->mutable_received_at() = Stamp(clock().Now());
  ASSERT_TRUE(api().Call(&Returns::RecordReceipt, receipt).ok());
  v1::InspectReturnRequest inspect;
  inspect.set_name(state.name());
  v1::Inspection* found = inspect.add_inspections();
  found->set_line_id("LAMP");
  found->set_quantity(1);
  found->set_condition(v1::CONDITION_DEFECTIVE);
  *found->mutable_inspected_at() = Stamp(clock().Now() + absl::Hours(25));
  EXPECT_EQ(api().Call(&Returns::InspectReturn, inspect).reason(), "IN_THE_FUTURE");
}

}  // namespace
}  // namespace aftersales::e2e
