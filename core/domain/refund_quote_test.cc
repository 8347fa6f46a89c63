#include "core/domain/refund_quote.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

v1::RefundSpec SpecOf(std::string_view line, int units,
                      v1::ReturnReason reason = v1::RETURN_REASON_NO_LONGER_NEEDED) {
  v1::RefundSpec spec;
  v1::RefundItem* item = spec.add_items();
  item->set_line_id(std::string(line));
  item->set_quantity(units);
  item->set_reason(reason);
  return spec;
}

v1::Refund Issued(const v1::RefundQuote& quote, v1::Refund::Status status,
                  std::string_view return_name = "") {
  v1::Refund refund;
  refund.set_status(status);
  refund.set_return_name(std::string(return_name));
  *refund.mutable_total() = quote.total();
  *refund.mutable_items() = quote.items();
  *refund.mutable_breakdown() = quote.breakdown();
  return refund;
}

class Quote : public testing::Test {
 protected:
  absl::StatusOr<v1::RefundQuote> Of(const v1::RefundSpec& spec,
                                     const v1::Return* state = nullptr) const {
    return QuoteRefund(order_, policy_, spec, state, refunds_);
  }
  v1::Return Approved(int requested, int received) const {
    v1::Return state;
    state.set_name("sellers/acme/returns/ret_1");
    state.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
    v1::ReturnItem* item = state.add_items();
    item->set_line_id("L1");
    item->set_sku("SKU-1");
    item->set_quantity_requested(requested);
    item->set_quantity_approved(requested);
    item->set_quantity_received(received);
    item->set_buyer_reason(v1::RETURN_REASON_NO_LONGER_NEEDED);
    return state;
  }
  static void Inspect(v1::Return* state, int units, v1::Condition condition, bool photo = false) {
    v1::Inspection* inspection = state->add_inspections();
    inspection->set_line_id("L1");
    inspection->set_quantity(units);
    inspection->set_condition(condition);
    if (photo) inspection->add_evidence("photo-1");
  }
  static int64_t Sum(const v1::RefundQuote& quote, v1::BreakdownLine::Kind kind) {
    int64_t sum = 0;
    for (const v1::BreakdownLine& line : quote.breakdown()) {
      if (line.kind() == kind) sum += line.amount().minor_units();
    }
    return sum;
  }

  v1::Order order_ = testing_util::UsOrder(3);
  v1::Policy policy_ = *FindPolicy("seed");
  std::vector<v1::Refund> refunds_;
};

TEST_F(Quote, ThreeCallsForTenDollarsTelescopeAndAFourthIsRefused) {
  *order_.mutable_lines(0)->mutable_item_total() = money::Make(1000, "USD");
  order_.mutable_lines(0)->clear_tax_total();
  for (int64_t expected : {334, 333, 333}) {
    const auto quote = Of(SpecOf("L1", 1));
    ASSERT_TRUE(quote.ok()) << quote.status();
    EXPECT_EQ(quote->total().minor_units(), expected);
    refunds_.push_back(Issued(*quote, v1::Refund::STATUS_SUCCEEDED));
  }
  const auto fourth = Of(SpecOf("L1", 1));
  EXPECT_EQ(fourth.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(fourth.status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  EXPECT_EQ(FieldOf(fourth.status()), "spec.items[0].quantity");
}

TEST_F(Quote, RefusalNamesTheFieldThatIsTooMuch) {
  v1::RefundSpec spec = SpecOf("L1", 2);
  *spec.add_items() = SpecOf("L1", 2).items(0);
  EXPECT_EQ(FieldOf(Of(spec).status()), "spec.items[1].quantity");
  spec.clear_items();
  EXPECT_EQ(FieldOf(Of(spec).status()), "spec.items");
  const v1::Money most = money::Make(std::numeric_limits<int64_t>::max(), "USD");
  spec = SpecOf("L1", 1);
  *spec.mutable_goodwill() = most;
  const auto over = Of(spec);
  EXPECT_EQ(ReasonOf(over.status()), "AMOUNT_OVERFLOW");
  EXPECT_EQ(FieldOf(over.status()), "spec.goodwill");
  spec = {};
  *spec.mutable_goodwill() = money::Make(1, "USD");
  *spec.mutable_deduction() = *spec.mutable_label_fee() = most;
  EXPECT_EQ(FieldOf(Of(spec).status()), "spec.deduction");
  EXPECT_EQ(FieldOfAmount(SpecOf("L1", 1)), "spec.items");
  EXPECT_EQ(FieldOfAmount({}), "spec.return_name");
}

TEST_F(Quote, StaysExactWhenARefundInBetweenFails) {
  *order_.mutable_lines(0)->mutable_item_total() = money::Make(1000, "USD");
  order_.mutable_lines(0)->clear_tax_total();
  const auto first = Of(SpecOf("L1", 1));
  refunds_.push_back(Issued(*first, v1::Refund::STATUS_APPROVED));
  const auto second = Of(SpecOf("L1", 1));
  refunds_.push_back(Issued(*second, v1::Refund::STATUS_SUCCEEDED));
  refunds_[0].set_status(v1::Refund::STATUS_FAILED);
  EXPECT_EQ(second->total().minor_units(), 333);
  EXPECT_EQ(Of(SpecOf("L1", 2))->total().minor_units(), 667);
}

TEST_F(Quote, ShippingStaysExactWhenARefundInBetweenFails) {
  *order_.mutable_shipping_total() = money::Make(1000, "USD");
  const auto shipping = [&](int units) {
    const auto quote = Of(SpecOf("L1", units, v1::RETURN_REASON_DEFECTIVE));
    refunds_.push_back(Issued(*quote, v1::Refund::STATUS_SUCCEEDED));
    return Sum(*quote, v1::BreakdownLine::KIND_SHIPPING);
  };
  EXPECT_EQ(shipping(1), 334);
  EXPECT_EQ(shipping(1), 333);
  refunds_[0].set_status(v1::Refund::STATUS_FAILED);
  EXPECT_EQ(shipping(2), 667);
}

TEST_F(Quote, ANamedReturnTakesWhatItOwes) {
  v1::Return state = Approved(3, 2);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  const auto two = Of(spec, &state);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->total().minor_units(), 6493);
  EXPECT_EQ(two->items(0).quantity(), 2);
  refunds_.push_back(Issued(*two, v1::Refund::STATUS_SUCCEEDED, state.name()));
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "NOTHING_TO_REFUND");
  // The late third unit gives back the rest: 9739 in all.
  state.mutable_items(0)->set_quantity_received(3);
  state.mutable_items(0)->set_quantity_refunded(2);
  EXPECT_EQ(Of(spec, &state)->total().minor_units(), 3246);
}

TEST_F(Quote, OfAMixedInspectionGoesByCondition) {
  order_ = testing_util::UsOrder(4);
  v1::Return state = Approved(4, 4);
  Inspect(&state, 2, v1::CONDITION_NEW);
  Inspect(&state, 1, v1::CONDITION_BUYER_DAMAGED);
  Inspect(&state, 1, v1::CONDITION_WRONG_ITEM);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "EVIDENCE_REQUIRED");
  state.mutable_inspections(2)->add_evidence("photo-1");
  const auto quote = Of(spec, &state);
  ASSERT_TRUE(quote.ok()) << quote.status();
  ASSERT_EQ(quote->items_size(), 3);
  // Two in full, one less half of its price, one nothing at all.
  EXPECT_EQ(quote->total().minor_units(), 2 * (2999 + 247) + (2999 + 247 - 1500));
  EXPECT_EQ(Sum(*quote, v1::BreakdownLine::KIND_RESTOCKING_FEE), -1500 - 2999);
  EXPECT_EQ(Sum(*quote, v1::BreakdownLine::KIND_TAX_WITHHELD), -247);
}

TEST_F(Quote, NamedUnitsOfAReturnAreAsItsInspectionFoundThem) {
  order_ = testing_util::UsOrder(4);
  v1::Return state = Approved(3, 3);
  Inspect(&state, 1, v1::CONDITION_WRONG_ITEM, true);
  Inspect(&state, 1, v1::CONDITION_BUYER_DAMAGED);
  Inspect(&state, 1, v1::CONDITION_NEW);
  const auto conditions = [&](const v1::RefundSpec& spec) {
    const auto quote = Of(spec, &state);
    EXPECT_TRUE(quote.ok()) << quote.status();
    std::vector<v1::Condition> found;
    for (const v1::RefundItem& item : quote->items()) found.push_back(item.condition());
    return found;
  };
  v1::RefundSpec spec = SpecOf("L1", 3);
  EXPECT_EQ(conditions(spec),
            (std::vector{v1::CONDITION_NEW, v1::CONDITION_BUYER_DAMAGED, v1::CONDITION_WRONG_ITEM}))
      << "whichever was looked at first";
  // A caller may be kinder about damage, but a wrong item is none.
  spec.mutable_items(0)->set_condition(v1::CONDITION_NEW);
  EXPECT_EQ(conditions(spec),
            (std::vector{v1::CONDITION_NEW, v1::CONDITION_NEW, v1::CONDITION_WRONG_ITEM}));
  spec.mutable_items(0)->set_quantity(1);
  EXPECT_EQ(conditions(spec), (std::vector{v1::CONDITION_NEW}));

  // No more than the return approved and still owes, though the order has a fourth unit.
  spec.mutable_items(0)->set_quantity(4);
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  spec.mutable_items(0)->set_quantity(2);
  refunds_.push_back(Issued(*Of(spec, &state), v1::Refund::STATUS_SUCCEEDED, state.name()));
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  EXPECT_EQ(ReasonOf(Of(SpecOf("L9", 1), &state).status()), "LINE_UNKNOWN");
}

TEST_F(Quote, OnlyAnApprovedReturnIsRefunded) {
  v1::Return state = Approved(1, 1);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  EXPECT_TRUE(Of(spec, &state).ok());
  state.set_status(v1::Return::STATUS_CANCELLED);
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "INVALID_STATE");
  state.set_status(v1::Return::STATUS_REQUESTED);
  state.mutable_decision()->clear_verdict();
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "INVALID_STATE");
  EXPECT_EQ(ReasonOf(Of(SpecOf("L1", 1), &state).status()), "INVALID_STATE");
  EXPECT_TRUE(Of(SpecOf("L1", 1)).ok()) << "items of the order have nothing to do with it";
}

TEST_F(Quote, WhatThePlatformPaidIsNotPaidAgain) {
  v1::Return state = Approved(1, 1);
  EXPECT_TRUE(CheckNotPaidByPlatform(state, refunds_).ok());
  *state.mutable_platform_refunded() = money::Make(1000, "USD");
  EXPECT_EQ(ReasonOf(CheckNotPaidByPlatform(state, refunds_)), "ALREADY_REFUNDED_BY_PLATFORM");
  // It repeats what was paid here, with or without the name of the return.
  v1::Refund paid;
  paid.set_status(v1::Refund::STATUS_SUCCEEDED);
  *paid.mutable_total() = money::Make(600, "USD");
  paid.set_return_name(state.name());
  refunds_ = {paid};
  EXPECT_EQ(ReasonOf(CheckNotPaidByPlatform(state, refunds_)), "ALREADY_REFUNDED_BY_PLATFORM");
  refunds_.push_back(paid);
  refunds_[1].clear_return_name();
  EXPECT_TRUE(CheckNotPaidByPlatform(state, refunds_).ok());
  refunds_[1].set_return_name("sellers/acme/returns/other");
  EXPECT_FALSE(CheckNotPaidByPlatform(state, refunds_).ok());
  refunds_[0].set_status(v1::Refund::STATUS_FAILED);
  EXPECT_FALSE(CheckNotPaidByPlatform(state, refunds_).ok());
}

TEST_F(Quote, WhatWasPaidIsGoneWhateverWasAskedFor) {
  v1::Refund paid = Issued(*Of(SpecOf("L1", 1)), v1::Refund::STATUS_SUCCEEDED);
  refunds_ = {paid};
  const int64_t left = Refundable(order_, refunds_).minor_units();
  *refunds_[0].mutable_paid_amount() = money::Make(paid.total().minor_units() + 100, "USD");
  EXPECT_EQ(Refundable(order_, refunds_).minor_units(), left - 100);
  *refunds_[0].mutable_paid_amount() = money::Make(1, "USD");
  EXPECT_EQ(Refundable(order_, refunds_).minor_units(), left + paid.total().minor_units() - 1);
}

TEST_F(Quote, WhatExchangesGaveTheBuyerIsGone) {
  const int64_t captured = Refundable(order_, {}).minor_units();
  v1::Exchange exchange;
  const auto pay = [&](v1::ExchangePayment::Direction direction, int64_t amount,
                       std::string_view refund = "") {
    v1::ExchangePayment* payment = exchange.add_payments();
    payment->set_direction(direction);
    *payment->mutable_amount() = money::Make(amount, "USD");
    payment->set_refund(std::string(refund));
    return Refundable(order_, {}, {&exchange, 1}).minor_units();
  };
  EXPECT_EQ(pay(v1::ExchangePayment::DIRECTION_FROM_BUYER, 500), captured) << "not of the order";
  EXPECT_EQ(pay(v1::ExchangePayment::DIRECTION_TO_BUYER, 500), captured) << "their own money";
  EXPECT_EQ(pay(v1::ExchangePayment::DIRECTION_TO_BUYER, 700, "sellers/acme/refunds/r1"), captured)
      << "a refund of its own";
  EXPECT_EQ(pay(v1::ExchangePayment::DIRECTION_TO_BUYER, 800), captured - 800);
  EXPECT_EQ(
      ReasonOf(CheckRefundable(order_, money::Make(captured - 799, "USD"), {}, {&exchange, 1})),
      "EXCEEDS_REFUNDABLE");
}

TEST_F(Quote, UnitsThatWentBackToTheBuyerAreNotPaidFor) {
  v1::Return state = Approved(2, 2);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  Inspect(&state, 1, v1::CONDITION_BUYER_DAMAGED);
  state.mutable_inspections(0)->set_disposition(v1::DISPOSITION_RETURN_TO_BUYER);
  Inspect(&state, 1, v1::CONDITION_NEW);
  const auto quote = Of(spec, &state);
  ASSERT_TRUE(quote.ok()) << quote.status();
  ASSERT_EQ(quote->items_size(), 1);
  EXPECT_EQ(quote->items(0).quantity(), 1);
  EXPECT_EQ(quote->items(0).condition(), v1::CONDITION_NEW);
  *spec.add_items() = SpecOf("L1", 2).items(0);
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  // A surplus unit that goes back is none of those that were agreed on.
  state.mutable_items(0)->set_quantity_requested(1);
  state.mutable_items(0)->set_quantity_approved(1);
  spec.clear_items();
  EXPECT_EQ(Of(spec, &state)->items(0).quantity(), 1);
}

TEST_F(Quote, ALabelThatTheBuyerPaysIsWaitedForUntilItsCostIsKnown) {
  v1::Return state = Approved(1, 1);
  v1::ReturnLabel* label = state.add_labels();
  label->set_label_id("eff_1");
  label->set_paid_by(v1::ReturnLabel::PAYER_BUYER);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  for (const auto unknown : {v1::ReturnLabel::STATE_REQUESTED, v1::ReturnLabel::STATE_UNKNOWN}) {
    label->set_state(unknown);
    EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "LABEL_PENDING");
    v1::RefundSpec said = spec;
    *said.mutable_label_fee() = money::Make(0, "USD");
    EXPECT_TRUE(Of(said, &state).ok()) << "somebody says what comes off";
  }
  const int64_t without = [&] {
    label->set_state(v1::ReturnLabel::STATE_VOIDED);
    return Of(spec, &state)->total().minor_units();
  }();
  label->set_state(v1::ReturnLabel::STATE_ISSUED);
  *label->mutable_cost() = money::Make(610, "USD");
  EXPECT_EQ(Of(spec, &state)->total().minor_units(), without - 610);
}

TEST_F(Quote, WhatARefundGaveOfTheShippingStaysGivenWhenTheRulesChange) {
  // Three units; one is refunded while shipping goes back whoever is at fault.
  order_ = testing_util::UsOrder(3);
  policy_.set_shipping_refund_by_fault(false);
  const auto mind = [&] { return SpecOf("L1", 1, v1::RETURN_REASON_NO_LONGER_NEEDED); };
  refunds_ = {Issued(*Of(mind()), v1::Refund::STATUS_SUCCEEDED)};
  policy_.set_shipping_refund_by_fault(true);
  const auto shipping = [&](const v1::RefundQuote& quote) {
    int64_t sum = 0;
    for (const v1::BreakdownLine& line : quote.breakdown()) {
      if (line.kind() == v1::BreakdownLine::KIND_SHIPPING) sum += line.amount().minor_units();
    }
    return sum;
  };
  int64_t given = 0;
  for (const v1::BreakdownLine& line : refunds_[0].breakdown()) {
    if (line.kind() == v1::BreakdownLine::KIND_SHIPPING) given += line.amount().minor_units();
  }
  const v1::RefundQuote rest = *Of(SpecOf("L1", 2, v1::RETURN_REASON_DEFECTIVE));
  EXPECT_EQ(given + shipping(rest), order_.shipping_total().minor_units());
  // The other way round: what was kept is gone.
  refunds_ = {Issued(*Of(mind()), v1::Refund::STATUS_SUCCEEDED)};
  EXPECT_TRUE(refunds_[0].items(0).shipping_kept());
  policy_.set_shipping_refund_by_fault(false);
  EXPECT_LT(shipping(*Of(SpecOf("L1", 2, v1::RETURN_REASON_DEFECTIVE))),
            order_.shipping_total().minor_units());
}

TEST_F(Quote, AnEmptyBoxIsRefundedNothingWhoeverIsAtFault) {
  order_ = testing_util::UsOrder(1);
  v1::Return state = Approved(1, 1);
  state.mutable_items(0)->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
  Inspect(&state, 1, v1::CONDITION_EMPTY_BOX, true);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  EXPECT_EQ(Of(spec, &state)->total().minor_units(), 0);
}

TEST_F(Quote, SurplusUnitsAreNeverMoney) {
  v1::Return state = Approved(1, 3);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  EXPECT_EQ(Of(spec, &state)->items(0).quantity(), 1);
}

TEST_F(Quote, FeesNeverGoBelowNothing) {
  v1::RefundSpec spec = SpecOf("L1", 1);
  *spec.mutable_deduction() = money::Make(5000, "USD");
  const auto quote = Of(spec);
  EXPECT_EQ(quote->total().minor_units(), 0);
  EXPECT_EQ(quote->fees_waived().minor_units(), 5000 - 2999 - 248);
}

TEST_F(Quote, TakesTheBuyersLabelOnce) {
  v1::Return state = Approved(3, 2);
  v1::ReturnLabel* label = state.add_labels();
  label->set_state(v1::ReturnLabel::STATE_DELIVERED);
  label->set_paid_by(v1::ReturnLabel::PAYER_BUYER);
  *label->mutable_cost() = money::Make(549, "USD");
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  const auto first = Of(spec, &state);
  EXPECT_EQ(Sum(*first, v1::BreakdownLine::KIND_LABEL_FEE), -549);
  refunds_.push_back(Issued(*first, v1::Refund::STATUS_SUCCEEDED, state.name()));
  state.mutable_items(0)->set_quantity_received(3);
  EXPECT_EQ(Sum(*Of(spec, &state), v1::BreakdownLine::KIND_LABEL_FEE), 0);
  *label->mutable_cost() = money::Make(549, "EUR");
  refunds_.clear();
  EXPECT_EQ(ReasonOf(Of(spec, &state).status()), "CURRENCY_MISMATCH");
}

TEST_F(Quote, TakesShippingFromTheLineThatCarriesIt) {
  v1::OrderLine* second = order_.add_lines();
  *second = order_.lines(0);
  second->set_line_id("L2");
  second->set_quantity(1);
  *order_.mutable_lines(0)->mutable_shipping_total() = money::Make(600, "USD");
  *second->mutable_shipping_total() = money::Make(1, "USD");
  const auto quote = Of(SpecOf("L1", 1, v1::RETURN_REASON_DEFECTIVE));
  EXPECT_EQ(Sum(*quote, v1::BreakdownLine::KIND_SHIPPING), 200);
  EXPECT_EQ(
      Sum(*Of(SpecOf("L2", 1, v1::RETURN_REASON_DEFECTIVE)), v1::BreakdownLine::KIND_SHIPPING), 1);
}

TEST_F(Quote, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ReasonOf(Of(SpecOf("L9", 1)).status()), "LINE_UNKNOWN");
  EXPECT_EQ(ReasonOf(Of(SpecOf("L1", 0)).status()), "BAD_QUANTITY");
  EXPECT_EQ(ReasonOf(Of(SpecOf("L1", 4)).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  EXPECT_EQ(ReasonOf(Of(v1::RefundSpec()).status()), "NOTHING_TO_REFUND");
  v1::RefundSpec twice = SpecOf("L1", 2);
  *twice.add_items() = twice.items(0);
  EXPECT_EQ(ReasonOf(Of(twice).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  v1::RefundSpec negative = SpecOf("L1", 1);
  *negative.mutable_goodwill() = money::Make(-1, "USD");
  EXPECT_EQ(ReasonOf(Of(negative).status()), "NEGATIVE_AMOUNT");
  *negative.mutable_goodwill() = money::Make(1, "EUR");
  EXPECT_EQ(ReasonOf(Of(negative).status()), "CURRENCY_MISMATCH");
}

TEST_F(Quote, NeverRisesWhenAFeeRises) {
  for (v1::Condition condition :
       {v1::CONDITION_NEW, v1::CONDITION_USED, v1::CONDITION_OPENED_SOFTWARE_OR_MEDIA}) {
    int64_t before = std::numeric_limits<int64_t>::max();
    for (int bp = 0; bp <= 10000; bp += 250) {
      policy_.mutable_restocking()->set_original_bp(bp);
      policy_.mutable_restocking()->set_buyer_damaged_bp(bp);
      policy_.mutable_restocking()->set_opened_media_bp(bp);
      v1::RefundSpec spec = SpecOf("L1", 2);
      spec.mutable_items(0)->set_condition(condition);
      const int64_t total = Of(spec)->total().minor_units();
      EXPECT_LE(total, before);
      EXPECT_GE(total, 0);
      before = total;
    }
  }
}

TEST_F(Quote, UnsettledRefundsReserveTheirMoney) {
  *order_.mutable_captured_total() = money::Make(5000, "USD");
  v1::Refund refund;
  *refund.mutable_total() = money::Make(3000, "USD");
  for (auto [status, remaining] : {std::pair{v1::Refund::STATUS_APPROVED, 2000},
                                   {v1::Refund::STATUS_SUBMITTED, 2000},
                                   {v1::Refund::STATUS_UNKNOWN, 2000},
                                   {v1::Refund::STATUS_SUCCEEDED, 2000},
                                   {v1::Refund::STATUS_FAILED, 5000},
                                   {v1::Refund::STATUS_CANCELLED, 5000}}) {
    refund.set_status(status);
    EXPECT_EQ(Refundable(order_, {&refund, 1}).minor_units(), remaining);
  }
  refund.set_status(v1::Refund::STATUS_UNKNOWN);
  const absl::Status refused = CheckRefundable(order_, money::Make(2001, "USD"), {&refund, 1});
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "EXCEEDS_REFUNDABLE");
  EXPECT_EQ(
      FieldOf(CheckRefundable(order_, money::Make(2001, "USD"), {&refund, 1}, {}, "spec.goodwill")),
      "spec.goodwill");
  EXPECT_EQ(ReasonOf(CheckRefundable(order_, money::Make(1, "EUR"), {})), "CURRENCY_MISMATCH");
}

}  // namespace
}  // namespace aftersales
