#include "core/domain/exchange_units.h"

#include <algorithm>
#include <random>
#include <set>

#include "core/domain/refund_quote.h"
#include "core/domain/return_fold.h"
#include "core/domain/test_exchange.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::ExchangeWalk;
using testing_util::Facts;
using testing_util::Pointers;
using U = v1::ExchangedUnits;

constexpr std::string_view kReturn = "sellers/acme/returns/ret_1";

v1::Event UnitsFact(Facts& facts, std::string_view at, std::string_view exchange, U::State state,
                    int units) {
  v1::Event fact = facts.New(at);
  fact.set_external_id(Cat("exchange:", exchange, ":", U::State_Name(state)));
  U* body = fact.mutable_return_units_exchanged()->mutable_units();
  body->set_exchange(Cat("sellers/acme/exchanges/", exchange));
  body->set_state(state);
  U::Line* line = body->add_lines();
  line->set_line_id("L1");
  line->set_quantity(units);
  return fact;
}

class ExchangeUnits : public testing::Test {
 protected:
  v1::Return Of(const std::vector<v1::Event>& facts) const {
    return FoldReturn(kReturn, Pointers(facts), {channel_, policy_, &order_});
  }
  v1::Exchange Exchange(std::string_view id, v1::Exchange::Status status, int units) const {
    v1::Exchange exchange = ExchangeWalk().Offered(5411, v1::Exchange::MODE_RETURN_FIRST, units);
    exchange.set_name(Cat("sellers/acme/exchanges/", id));
    exchange.set_status(status);
    *exchange.mutable_items(0)->mutable_item_value() = money::Make(2999 * units, "USD");
    *exchange.mutable_items(0)->mutable_tax_value() = money::Make(247 * units, "USD");
    return exchange;
  }
  static bool Has(const v1::Return& state, v1::Finding::Kind kind) {
    return std::any_of(state.findings().begin(), state.findings().end(),
                       [&](const v1::Finding& finding) { return finding.kind() == kind; });
  }

  Facts f_;
  v1::Channel channel_ = testing_util::UsChannel();
  v1::Order order_ = testing_util::UsOrder(2);
  v1::Policy policy_ = *FindPolicy("seed");
};

TEST_F(ExchangeUnits, DifferenceIsExactEitherWay) {
  const v1::Money cheap = money::Make(5411, "USD"), dear = money::Make(6494, "USD");
  EXPECT_EQ(PriceDifference(cheap, dear)->minor_units(), 1083);
  EXPECT_EQ(PriceDifference(dear, cheap)->minor_units(), -1083);
  EXPECT_EQ(PriceDifference(dear, dear)->minor_units(), 0);
  EXPECT_EQ(ReasonOf(PriceDifference(cheap, money::Make(6494, "EUR")).status()),
            "CURRENCY_MISMATCH");
}

TEST_F(ExchangeUnits, ReturnCountsWhatExchangesHoldAndTake) {
  std::vector<v1::Event> facts = {f_.Requested("2026-03-02T09:00:00Z", 2),
                                  f_.Approved("2026-03-02T12:00:00Z"),
                                  UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_1", U::STATE_HELD, 1)};
  v1::Return state = Of(facts);
  EXPECT_EQ(state.items(0).quantity_in_exchange(), 1);
  EXPECT_EQ(state.items(0).quantity_exchanged(), 0);
  facts.push_back(f_.Received("2026-03-07T12:00:00Z", 2, "r1"));
  facts.push_back(f_.Inspected("2026-03-07T12:30:00Z", 2, v1::CONDITION_NEW, "i1"));
  facts.push_back(f_.Refunded("2026-03-07T13:00:00Z", 1, 3246, "p1"));
  state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_INSPECTED) << "a held unit is not settled";
  EXPECT_EQ(UnitsDue(state, state.items(0)), 1);
  facts.push_back(UnitsFact(f_, "2026-03-08T09:00:00Z", "exc_1", U::STATE_EXCHANGED, 1));
  state = Of(facts);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED) << "refunded and exchanged";
  EXPECT_EQ(state.items(0).quantity_in_exchange(), 0);
  EXPECT_EQ(state.items(0).quantity_exchanged(), 1);
  EXPECT_EQ(UnitsDue(state, state.items(0)), 0);
  EXPECT_TRUE(state.findings().empty()) << state.ShortDebugString();
}

TEST_F(ExchangeUnits, FreedUnitsAreOwedAgainInWhateverOrderItIsTold) {
  std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z", 2),
      f_.Approved("2026-03-02T12:00:00Z"),
      UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_1", U::STATE_HELD, 1),
      UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_1", U::STATE_FREED, 1),
      UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_2", U::STATE_HELD, 2),
      UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_2", U::STATE_EXCHANGED, 2)};
  std::set<std::string> results;
  std::sort(facts.begin(), facts.end(), [](const v1::Event& a, const v1::Event& b) {
    return a.SerializeAsString() < b.SerializeAsString();
  });
  for (int round = 0; round < 720; ++round) {
    std::next_permutation(facts.begin(), facts.end(), [](const v1::Event& a, const v1::Event& b) {
      return a.SerializeAsString() < b.SerializeAsString();
    });
    results.insert(Of(facts).SerializeAsString());
  }
  EXPECT_EQ(results.size(), 1u);
  const v1::Return state = Of(facts);
  ASSERT_EQ(state.exchanges_size(), 2);
  EXPECT_EQ(state.exchanges(0).state(), U::STATE_FREED);
  EXPECT_EQ(state.items(0).quantity_in_exchange(), 0);
  EXPECT_EQ(state.items(0).quantity_exchanged(), 2);
}

TEST_F(ExchangeUnits, RefundOfExchangedUnitsFromOutsideIsAFinding) {
  const std::vector<v1::Event> facts = {
      f_.Requested("2026-03-02T09:00:00Z", 2), f_.Approved("2026-03-02T12:00:00Z"),
      UnitsFact(f_, "2026-03-02T13:00:00Z", "exc_1", U::STATE_EXCHANGED, 1),
      f_.Refunded("2026-03-07T13:00:00Z", 2, 6492, "p1")};
  EXPECT_TRUE(Has(Of(facts), v1::Finding::KIND_EXCHANGED_AND_REFUNDED));
  EXPECT_FALSE(Has(Of({facts[0], facts[1], facts[2]}), v1::Finding::KIND_EXCHANGED_AND_REFUNDED));
}

TEST_F(ExchangeUnits, GoodsGoToRefundsFirstAndThenInTheOrderOfTheOffers) {
  v1::Return state;
  v1::ReturnItem* item = state.add_items();
  item->set_line_id("L1");
  item->set_quantity_approved(4);
  for (const char* name : {"exc_1", "exc_2"}) {
    U* units = state.add_exchanges();
    units->set_exchange(name);
    units->set_state(U::STATE_HELD);
    units->add_lines()->set_line_id("L1");
    units->mutable_lines(0)->set_quantity(name[4] == '1' ? 2 : 1);
  }
  const auto count = [&](std::string_view name) {
    const GoodsCount goods = GoodsFor(state, name);
    return std::pair(goods.returned, goods.accepted);
  };
  EXPECT_EQ(count("exc_1"), std::pair(0, 0));
  item->set_quantity_received(3);
  EXPECT_EQ(count("exc_1"), std::pair(2, 0));
  EXPECT_EQ(count("exc_2"), std::pair(1, 0));
  item->set_quantity_refunded(1);
  EXPECT_EQ(count("exc_1"), std::pair(2, 0));
  EXPECT_EQ(count("exc_2"), std::pair(0, 0));
  item->set_quantity_wrong(1);
  item->set_quantity_accepted(1);
  item->set_quantity_damaged(1);
  EXPECT_EQ(count("exc_1"), std::pair(1, 1));
  state.mutable_exchanges(0)->set_state(U::STATE_FREED);
  EXPECT_EQ(count("exc_2"), std::pair(1, 1));
  item->set_quantity_received(9);  // surplus counts for nobody
  item->set_quantity_refunded(4);
  EXPECT_EQ(count("exc_2"), std::pair(0, 0));
}

// ---- one unit, one way ------------------------------------------------------------------------

TEST_F(ExchangeUnits, RefundOfAUnitInAnExchangeIsRefused) {
  v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z", 2), f_.Approved("2026-03-02T12:00:00Z"),
          f_.Received("2026-03-07T12:00:00Z", 2, "r1")});
  v1::RefundSpec all;
  all.set_return_name(std::string(kReturn));
  v1::RefundSpec units = all;
  units.add_items()->set_line_id("L1");
  const auto quote = [&](const v1::RefundSpec& spec, const v1::Return* of,
                         std::vector<v1::Exchange> exchanges) {
    return QuoteRefund(order_, policy_, spec, of, {}, exchanges);
  };
  for (int i = v1::Exchange::Status_MIN + 1; i <= v1::Exchange::Status_MAX; ++i) {
    const auto status = static_cast<v1::Exchange::Status>(i);
    SCOPED_TRACE(v1::Exchange::Status_Name(status));
    const bool holds = UnitsStateOf(status) != U::STATE_FREED;
    const v1::Exchange both = Exchange("exc_1", status, 2), one = Exchange("exc_1", status, 1);
    // The whole return, its units by name, and the order's units without a return.
    EXPECT_EQ(ReasonOf(quote(all, &state, {both}).status()), holds ? "UNIT_ALREADY_EXCHANGED" : "");
    units.mutable_items(0)->set_quantity(2);
    EXPECT_EQ(ReasonOf(quote(units, &state, {one}).status()),
              holds ? "UNIT_ALREADY_EXCHANGED" : "");
    v1::RefundSpec concession;
    concession.set_order(order_.name());
    *concession.mutable_items() = units.items();
    EXPECT_EQ(ReasonOf(quote(concession, nullptr, {one}).status()),
              holds ? "UNIT_ALREADY_EXCHANGED" : "");
    // The other unit is free.
    units.mutable_items(0)->set_quantity(1);
    EXPECT_EQ(ReasonOf(quote(units, &state, {one}).status()), "");
    const auto rest = quote(all, &state, {one});
    ASSERT_TRUE(rest.ok()) << rest.status();
    int units_of_rest = 0;
    for (const v1::RefundItem& item : rest->items()) units_of_rest += item.quantity();
    EXPECT_EQ(units_of_rest, holds ? 1 : 2);
    // Too many are too many, exchanged or not.
    units.mutable_items(0)->set_quantity(3);
    EXPECT_EQ(ReasonOf(quote(units, &state, {one}).status()), "QUANTITY_EXCEEDS_REFUNDABLE");
  }
}

TEST_F(ExchangeUnits, UnitsAreWorthTheLineHoweverTheyGo) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const int quantity = 1 + static_cast<int>(random() % 7);
    v1::Order order = testing_util::UsOrder(1);
    v1::OrderLine* line = order.mutable_lines(0);
    line->set_quantity(quantity);
    line->set_quantity_shipped(quantity);
    const int64_t item_total = static_cast<int64_t>(random() % 100000);
    const int64_t tax_total = static_cast<int64_t>(random() % 10000);
    *line->mutable_item_total() = money::Make(item_total, "USD");
    *line->mutable_tax_total() = money::Make(tax_total, "USD");
    std::vector<v1::Refund> refunds;
    std::vector<v1::Exchange> exchanges;
    int64_t item = 0, tax = 0;
    for (int left = quantity; left > 0;) {
      const int units = 1 + static_cast<int>(random() % left);
      left -= units;
      const bool freed = random() % 4 == 0;
      if (random() % 2 == 0) {
        const UnitsValue value = ValueOfUnits(order, 0, units, refunds, exchanges);
        v1::Exchange exchange = Exchange(
            "exc_1", freed ? v1::Exchange::STATUS_DECLINED : v1::Exchange::STATUS_SHIPPED, units);
        *exchange.mutable_items(0)->mutable_item_value() = money::Make(value.item, "USD");
        *exchange.mutable_items(0)->mutable_tax_value() = money::Make(value.tax, "USD");
        exchanges.push_back(exchange);
        if (freed) {
          left += units;
          continue;
        }
        item += value.item;
        tax += value.tax;
      } else {
        v1::RefundSpec spec;
        spec.add_items()->set_line_id("L1");
        spec.mutable_items(0)->set_quantity(units);
        spec.mutable_items(0)->set_reason(v1::RETURN_REASON_DEFECTIVE);
        const auto quote = QuoteRefund(order, policy_, spec, nullptr, refunds, exchanges);
        ASSERT_TRUE(quote.ok()) << quote.status();
        v1::Refund refund;
        refund.set_status(freed ? v1::Refund::STATUS_FAILED : v1::Refund::STATUS_SUCCEEDED);
        *refund.mutable_items() = quote->items();
        *refund.mutable_breakdown() = quote->breakdown();
        *refund.mutable_total() = quote->total();
        refunds.push_back(refund);
        if (freed) {
          left += units;
          continue;
        }
        for (const v1::BreakdownLine& part : quote->breakdown()) {
          if (part.kind() == v1::BreakdownLine::KIND_ITEM) item += part.amount().minor_units();
          if (part.kind() == v1::BreakdownLine::KIND_ITEM_TAX) tax += part.amount().minor_units();
        }
      }
    }
    ASSERT_EQ(item, item_total) << "round " << round;
    ASSERT_EQ(tax, tax_total) << "round " << round;
  }
}

TEST_F(ExchangeUnits, UnitsPromisedAndOutOfStockGoBackAtTheSellersFault) {
  const v1::Return state =
      Of({f_.Requested("2026-03-02T09:00:00Z", 2, v1::RETURN_REASON_NO_LONGER_NEEDED),
          f_.Approved("2026-03-02T12:00:00Z"), f_.Received("2026-03-07T12:00:00Z", 2, "r1")});
  constexpr int64_t kGoods = 2999 + 247, kShipping = 300 + 25;  // of one unit
  std::vector<v1::Refund> refunds;
  std::vector<v1::Exchange> exchanges = {Exchange("exc_1", v1::Exchange::STATUS_DECLINED, 1)};
  const auto quote = [&](int units) {
    v1::RefundSpec spec;
    spec.set_return_name(std::string(kReturn));
    if (units > 0) {
      spec.add_items()->set_line_id("L1");
      spec.mutable_items(0)->set_quantity(units);
    }
    return *QuoteRefund(order_, policy_, spec, &state, refunds, exchanges);
  };
  const auto total = [&](int units) { return quote(units).total().minor_units(); };
  EXPECT_EQ(total(1), kGoods) << "the buyer changed their mind: no shipping";
  exchanges[0].set_status(v1::Exchange::STATUS_CONVERTED_TO_REFUND);
  EXPECT_EQ(total(1), kGoods + kShipping) << "the first unit's share of the shipping";
  EXPECT_EQ(total(2), 2 * kGoods + kShipping) << "nothing was promised for the other unit";
  EXPECT_EQ(total(0), 2 * kGoods + kShipping);

  v1::Refund first;
  first.set_status(v1::Refund::STATUS_APPROVED);
  first.set_return_name(std::string(kReturn));
  const v1::RefundQuote quoted = quote(1);
  *first.mutable_items() = quoted.items();
  *first.mutable_breakdown() = quoted.breakdown();
  EXPECT_EQ(first.items(0).exchange(), exchanges[0].name());
  EXPECT_FALSE(IsPaidInstead(exchanges[0], state, refunds));
  refunds = {first};
  EXPECT_EQ(total(1), kGoods) << "it was refunded once";
  EXPECT_TRUE(IsPaidInstead(exchanges[0], state, refunds));
  refunds[0].set_status(v1::Refund::STATUS_FAILED);
  EXPECT_EQ(total(1), kGoods + kShipping);
  EXPECT_FALSE(IsPaidInstead(exchanges[0], state, refunds));

  // Both units, one after the other, and in two exchanges.
  refunds[0].set_status(v1::Refund::STATUS_APPROVED);
  exchanges[0] = Exchange("exc_1", v1::Exchange::STATUS_CONVERTED_TO_REFUND, 2);
  EXPECT_EQ(total(1), kGoods + (599 + 49 - kShipping)) << "the rest of the shipping";
  EXPECT_FALSE(IsPaidInstead(exchanges[0], state, refunds));
  exchanges = {Exchange("exc_1", v1::Exchange::STATUS_CONVERTED_TO_REFUND, 1),
               Exchange("exc_2", v1::Exchange::STATUS_CONVERTED_TO_REFUND, 1)};
  EXPECT_EQ(quote(1).items(0).exchange(), exchanges[1].name());
  EXPECT_TRUE(IsPaidInstead(exchanges[0], state, refunds));
  EXPECT_FALSE(IsPaidInstead(exchanges[1], state, refunds));
}

}  // namespace
}  // namespace aftersales
