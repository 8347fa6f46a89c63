// What returns cost: computed from facts, explained, and corrected by reversal.
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class CostsTest : public HostTest {
 protected:
  // An order line with a referral rate and a unit cost.
  v1::Order Sold(std::string_view id, int64_t total, int64_t unit_cost) {
    v1::Order order = OrderOf("us", id, {{"LAMP", 1, total, 0}});
    order.mutable_lines(0)->set_referral_bp(1500);
    *order.mutable_lines(0)->mutable_unit_cost() = MoneyOf(unit_cost, "USD");
    return Put(order);
  }
  v1::CostExplanation Explain(const v1::Return& state) {
    v1::ExplainCostsRequest request;
    request.set_name(state.name());
    const auto explained = api().Call(&Costs::ExplainCosts, request);
    EXPECT_TRUE(explained.ok()) << explained.status.error_message();
    return *explained;
  }
  v1::RecordCostRequest Cost(const v1::Return& state, v1::LedgerEntry::Kind kind, int64_t amount) {
    v1::RecordCostRequest request;
    request.set_name(state.name());
    request.set_kind(kind);
    *request.mutable_amount() = MoneyOf(amount, "USD");
    request.set_note("invoice 77");
    return request;
  }
  v1::Return Book(const v1::RecordCostRequest& request) {
    const auto booked = api().Call(&Costs::RecordCost, request);
    EXPECT_TRUE(booked.ok()) << booked.status.error_message();
    return *booked;
  }
  v1::Return Labelled(const v1::Return& state) {
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    EXPECT_TRUE(api().Call(&Returns::IssueReturnLabel, request).ok());
    return AwaitThat(state, [](const v1::Return& now) {
      return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
    });
  }
  v1::Refund Pay(const v1::Return& state) {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(state.name());
    return Issue(request, v1::Refund::STATUS_SUCCEEDED);
  }
  static int64_t Sum(const v1::CostExplanation& costs, v1::LedgerEntry::Kind kind) {
    int64_t sum = 0;
    for (const auto& line : costs.lines()) {
      if (line.entry().kind() == kind) sum += line.entry().amount().minor_units();
    }
    return sum;
  }
};

TEST_F(CostsTest, EveryEntryHasItsFormulaAndInputs) {
  v1::Return state =
      Approve(Create(Sold("113-8400001-0000001", 5000, 1800), v1::RETURN_REASON_ARRIVED_DAMAGED));
  state = Labelled(state);
  state = Inspect(Receive(state), 1, v1::CONDITION_DEFECTIVE);
  Pay(state);
  const v1::CostExplanation costs = Explain(state);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_RETURN_LABEL), -610);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_WRITE_OFF), -720);  // 60 % of 18.00 come in
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_ADMIN_FEE), -150);
  EXPECT_EQ(costs.cost_excluding_refund().minor_units(), 610 + 720 + 150);
  EXPECT_EQ(costs.refunded().minor_units(), 5000);
  EXPECT_EQ(costs.referral_credit().minor_units(), 750);
  EXPECT_EQ(costs.total().minor_units(), 610 + 720 + 150 + 5000 - 750);
  for (const auto& line : costs.lines()) {
    EXPECT_FALSE(line.formula_text().empty()) << line.DebugString();
    EXPECT_GT(line.entry().inputs_size(), 0) << line.DebugString();
    EXPECT_TRUE(line.entry().has_occurred_at());
  }
  // The stored return stays small: its ledger without inputs.
  const v1::Return stored = Get(state);
  for (const v1::LedgerEntry& entry : stored.ledger()) EXPECT_EQ(entry.inputs_size(), 0);
}

TEST_F(CostsTest, ReferralFeeComesBackOnWhatWasGivenBackOfThePrice) {
  // Half of the price goes back of what the buyer damaged.
  v1::Return state = Receive(
      Approve(Create(Sold("113-8400021-0000021", 5000, 0), v1::RETURN_REASON_NO_LONGER_NEEDED)));
  Pay(Inspect(state, 1, v1::CONDITION_BUYER_DAMAGED));
  v1::CostExplanation costs = Explain(state);
  EXPECT_EQ(costs.refunded().minor_units(), 2500);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_ADMIN_FEE), -75);
  EXPECT_EQ(costs.referral_credit().minor_units(), 375);
  // What was paid, where that is less than asked.
  SetMode("fake-market", "IssueRefund=MANUAL");
  state = Inspect(
      Receive(Approve(Create(Sold("113-8400022-0000022", 5000, 0), v1::RETURN_REASON_DEFECTIVE))),
      1, v1::CONDITION_NEW);
  v1::IssueRefundRequest issue;
  issue.set_parent(kSeller);
  issue.mutable_spec()->set_return_name(state.name());
  v1::Refund refund = *api().Call(&Refunds::IssueRefund, issue);
  ASSERT_TRUE(Eventually([&] { return (refund = Get(refund)).has_manual_action(); }));
  v1::SettleRefundRequest settle;
  settle.set_name(refund.name());
  settle.set_paid(true);
  settle.set_proof("statement 7");
  *settle.mutable_amount() = MoneyOf(1, "USD");
  ASSERT_TRUE(api().Call(&Refunds::SettleRefund, settle).ok());
  costs = Explain(state);
  EXPECT_TRUE(costs.has_referral_credit());
  EXPECT_EQ(costs.referral_credit().minor_units(), 0);
  EXPECT_EQ(costs.total().minor_units() - Sum(costs, v1::LedgerEntry::KIND_WRITE_OFF), 1);
  SetMode("fake-market", "");
  // What the marketplace paid of its own accord.
  state = Inspect(
      Receive(Approve(Create(Sold("113-8400023-0000023", 5000, 0), v1::RETURN_REASON_DEFECTIVE))),
      1, v1::CONDITION_NEW);
  v1::RecordFactsRequest told;
  told.set_parent(kSeller);
  v1::Event* fact = told.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("event-1");
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_refunded()->set_external_refund_id("P-1");
  *fact->mutable_return_refunded()->mutable_amount() = MoneyOf(5000, "USD");
  ASSERT_EQ(api().Call(&Facts::RecordFacts, told)->results(0).outcome(),
            v1::FactResult::OUTCOME_RECORDED);
  costs = Explain(state);
  EXPECT_EQ(costs.referral_credit().minor_units(), 750);
  EXPECT_EQ(costs.total().minor_units(), 4400);  // F37
}

TEST_F(CostsTest, ReferralFeeIsOfThePriceWithoutTheTaxInside) {
  v1::Order order = OrderOf("de", "302-8400024-0000024", {{"LAMP", 1, 11900, 1900}});
  order.mutable_lines(0)->set_referral_bp(1500);
  const v1::Return state = Inspect(
      Receive(Approve(Create(Put(order), v1::RETURN_REASON_DEFECTIVE))), 1, v1::CONDITION_NEW);
  Pay(state);
  const v1::CostExplanation costs = Explain(state);
  EXPECT_EQ(costs.refunded().minor_units(), 11900);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_ADMIN_FEE), -300);
  EXPECT_EQ(costs.referral_credit().minor_units(), 1500);
}

TEST_F(CostsTest, PaymentThatCameBackGivesItsFeeBack) {
  v1::Return state =
      Approve(Create(Sold("113-8400005-0000005", 5000, 1800), v1::RETURN_REASON_ARRIVED_DAMAGED));
  state = Inspect(Receive(state), 1, v1::CONDITION_NEW);
  const v1::Refund paid = Pay(state);
  EXPECT_EQ(Sum(Explain(state), v1::LedgerEntry::KIND_ADMIN_FEE), -150);
  Advance(absl::Hours(1));
  v1::ReverseRefundRequest reverse;
  reverse.set_name(paid.name());
  reverse.set_reason("the bank sent it back");
  reverse.set_proof("statement 2026-03, line 4");
  ASSERT_TRUE(api().Call(&Refunds::ReverseRefund, reverse).ok());
  EXPECT_EQ(Explain(state).cost_excluding_refund().minor_units(), 0);
  Advance(absl::Seconds(1));
  const v1::Refund again = Pay(state);
  const v1::CostExplanation costs = Explain(state);
  EXPECT_EQ(costs.cost_excluding_refund().minor_units(), 150) << "one payment that stands";
  ASSERT_EQ(costs.lines_size(), 3);
  EXPECT_EQ(costs.lines(0).entry().refund(), paid.name());
  EXPECT_EQ(costs.lines(1).entry().refund(), paid.name());
  EXPECT_EQ(costs.lines(1).entry().formula(), "reversal");
  EXPECT_EQ(costs.lines(2).entry().refund(), again.name());
}

TEST_F(CostsTest, WhoDoesOnePartOfTheWorkBooksThatAlone) {
  const v1::Return state =
      Approve(Create(Sold("113-8400006-0000006", 5000, 1800), v1::RETURN_REASON_DEFECTIVE));
  const auto book = [&](std::string_view actor, v1::LedgerEntry::Kind kind) {
    return ApiAs(actor).Call(&Costs::RecordCost, Cost(state, kind, -100)).reason();
  };
  EXPECT_EQ(book("warehouse:reno", v1::LedgerEntry::KIND_ADMIN_FEE), "ROLE_REQUIRED");
  EXPECT_EQ(book("warehouse:reno", v1::LedgerEntry::KIND_PROCESSING), "");
  EXPECT_EQ(book("carrier:dhl", v1::LedgerEntry::KIND_WRITE_OFF), "ROLE_REQUIRED");
  EXPECT_EQ(book("carrier:dhl", v1::LedgerEntry::KIND_CUSTOMS), "");
  EXPECT_EQ(book("operator:olga", v1::LedgerEntry::KIND_ADMIN_FEE), "");
}

TEST_F(CostsTest, ParcelThatFailsCustomsIsAFullLoss) {
  v1::Return state =
      Approve(Create(Sold("113-8400002-0000002", 6599, 2100), v1::RETURN_REASON_DEFECTIVE));
  state = Labelled(state);
  v1::RecordCostRequest freight = Cost(state, v1::LedgerEntry::KIND_RETURN_LABEL, -1850);
  freight.set_replaces(true);
  freight.set_source(v1::LedgerEntry::SOURCE_BANK);
  Book(freight);
  Book(Cost(state, v1::LedgerEntry::KIND_OUTBOUND, -1280));
  Book(Cost(state, v1::LedgerEntry::KIND_CUSTOMS, -900));
  Advance(absl::Hours(48));
  Scan(state, v1::TrackingEvent::MILESTONE_CUSTOMS_FAILED);
  state = Get(state);
  EXPECT_EQ(state.status(), v1::Return::STATUS_LOST);
  ASSERT_EQ(state.findings_size(), 1);
  EXPECT_EQ(state.findings(0).kind(), v1::Finding::KIND_FULL_LOSS);
  Advance(absl::Seconds(1));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  fact->set_external_id("financial-event-9");
  fact->mutable_actor()->set_role(v1::ROLE_PLATFORM);
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->mutable_return_refunded()->set_external_refund_id("AMZ-9");
  *fact->mutable_return_refunded()->mutable_amount() = MoneyOf(6599, "USD");
  v1::RefundItem* item = fact->mutable_return_refunded()->add_items();
  item->set_line_id("LAMP");
  item->set_quantity(1);
  ASSERT_TRUE(api().Call(&Facts::RecordFacts, facts).ok());
  state = Await(state, v1::Return::STATUS_RESOLVED);
  const v1::CostExplanation costs = Explain(state);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_WRITE_OFF), -2100);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_ADMIN_FEE), -198);
  EXPECT_EQ(Sum(costs, v1::LedgerEntry::KIND_RETURN_LABEL), -1850);
  EXPECT_EQ(costs.cost_excluding_refund().minor_units(), 6328);
  EXPECT_EQ(costs.refunded().minor_units(), 6599);
}

TEST_F(CostsTest, CorrectionIsAReversalAndNothingIsBookedTwice) {
  v1::Return state = Labelled(
      Approve(Create(Sold("113-8400003-0000003", 5000, 1800), v1::RETURN_REASON_DEFECTIVE)));
  v1::RecordCostRequest actual = Cost(state, v1::LedgerEntry::KIND_RETURN_LABEL, -640);
  actual.set_replaces(true);
  actual.set_external_id("usps-1");
  actual.set_request_id("a3f0");
  Book(actual);
  EXPECT_TRUE(api().Call(&Costs::RecordCost, actual).replayed);
  actual.clear_request_id();
  EXPECT_EQ(api().Call(&Costs::RecordCost, actual).reason(), "COST_EXISTS");
  const v1::CostExplanation costs = Explain(state);
  ASSERT_EQ(costs.lines_size(), 3);
  EXPECT_EQ(costs.lines(0).entry().amount().minor_units(), -610);
  EXPECT_EQ(costs.lines(1).entry().amount().minor_units(), 610);
  EXPECT_EQ(costs.lines(2).entry().amount().minor_units(), -640);
  EXPECT_EQ(costs.lines(2).entry().note(), "invoice 77");
  EXPECT_EQ(costs.cost_excluding_refund().minor_units(), 640);
}

TEST_F(CostsTest, RefundWithoutAReturnHasItsOwnLedger) {
  v1::Order given = OrderOf("us", "113-8400005-0000005", {{"LAMP", 2, 10000, 0}});
  given.mutable_lines(0)->set_referral_bp(1500);
  const v1::Order order = Put(given);
  v1::Refund refund = Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
  v1::ExplainCostsRequest request;
  request.set_name(refund.name());
  const auto costs = api().Call(&Costs::ExplainCosts, request);
  ASSERT_TRUE(costs.ok()) << costs.status.error_message();
  ASSERT_EQ(costs->lines_size(), 1);
  EXPECT_EQ(costs->lines(0).entry().kind(), v1::LedgerEntry::KIND_ADMIN_FEE);
  EXPECT_EQ(costs->lines(0).entry().amount().minor_units(), -150);
  EXPECT_EQ(costs->lines(0).entry().formula(), "refund_admin_fee@seed.1");
  EXPECT_EQ(costs->lines(0).entry().inputs(0).name(), "base");
  EXPECT_EQ(costs->lines(0).entry().inputs(0).value(), 5000);
  EXPECT_FALSE(costs->lines(0).formula_text().empty());
  EXPECT_EQ(costs->cost_excluding_refund().minor_units(), 150);
  EXPECT_EQ(costs->refunded().minor_units(), 5000);
  EXPECT_EQ(costs->referral_credit().minor_units(), 750);
  EXPECT_EQ(costs->total().minor_units(), 4400);  // what the sale of 50.00 takes back, F37
  // What came back costs nothing any more.
  v1::ReverseRefundRequest reverse;
  reverse.set_name(refund.name());
  reverse.set_reason("the bank sent it back");
  reverse.set_proof("statement line 4");
  ASSERT_TRUE(api().Call(&Refunds::ReverseRefund, reverse).ok());
  const auto reversed = api().Call(&Costs::ExplainCosts, request);
  EXPECT_EQ(reversed->lines_size(), 2);
  EXPECT_EQ(reversed->total().minor_units(), 0);
  // One that belongs to a return is booked there alone.
  const v1::Return state = Receive(Approve(Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED)));
  refund = Pay(state);
  EXPECT_EQ(refund.ledger_size(), 0);
  EXPECT_EQ(Sum(Explain(state), v1::LedgerEntry::KIND_ADMIN_FEE), -150);
}

TEST_F(CostsTest, AsksForWhatCanBeBooked) {
  const v1::Return state =
      Approve(Create(Sold("113-8400004-0000004", 5000, 1800), v1::RETURN_REASON_DEFECTIVE));
  const auto reason = [&](const std::function<void(v1::RecordCostRequest&)>& spoil) {
    v1::RecordCostRequest request = Cost(state, v1::LedgerEntry::KIND_CUSTOMS, -1);
    spoil(request);
    return api().Call(&Costs::RecordCost, request).reason();
  };
  EXPECT_EQ(reason([](auto& r) { r.clear_kind(); }), "BAD_COST");
  EXPECT_EQ(reason([](auto& r) { r.mutable_amount()->set_minor_units(0); }), "BAD_COST");
  EXPECT_EQ(reason([](auto& r) { r.mutable_amount()->set_currency_code("EUR"); }),
            "CURRENCY_MISMATCH");
  EXPECT_EQ(reason([](auto& r) { r.clear_note(); }), "NOTE_REQUIRED");
  EXPECT_EQ(
      reason([&](auto& r) { *r.mutable_occurred_at() = Stamp(clock().Now() + absl::Hours(25)); }),
      "IN_THE_FUTURE");
  EXPECT_EQ(Get(state).ledger_size(), 0);
}

}  // namespace
}  // namespace aftersales::e2e
