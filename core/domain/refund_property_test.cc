// What holds of refunds whatever the order, the policy and the moments at which they fail.
#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/domain/costs.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/reasons.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/test_facts.h"
#include "core/status/refusal.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales {
namespace {

using testing_util::ForAll;
using testing_util::Random;

constexpr int kCases = 100'000;

const std::vector<v1::Condition>& SellableConditions() {
  static const std::vector<v1::Condition> conditions = {
      v1::CONDITION_NEW,           v1::CONDITION_OPENED,    v1::CONDITION_USED,
      v1::CONDITION_BUYER_DAMAGED, v1::CONDITION_DEFECTIVE, v1::CONDITION_OPENED_SOFTWARE_OR_MEDIA};
  return conditions;
}

v1::Order AnyOrder(Random& random) {
  v1::Order order;
  order.set_name("sellers/acme/orders/113-1");
  order.set_external_id("113-1");
  const std::string currency = random.Of(std::vector<std::string>{"USD", "EUR", "JPY"});
  order.set_currency_code(currency);
  order.set_tax_mode(random.OneIn(2) ? v1::TAX_MODE_INCLUSIVE : v1::TAX_MODE_EXCLUSIVE);
  const bool by_line = random.OneIn(3);
  for (int n = random.Int(1, 3); n > 0; --n) {
    v1::OrderLine* line = order.add_lines();
    line->set_line_id("L" + std::to_string(order.lines_size()));
    line->set_quantity(random.Int(1, 5));
    line->set_quantity_shipped(line->quantity());
    // Gifts and amounts of less than a minor unit a piece are the hard ones.
    *line->mutable_item_total() = money::Make(random.OneIn(6) ? 0 : random.Amount(14), currency);
    *line->mutable_tax_total() =
        money::Make(random.Between(0, line->item_total().minor_units() / 4), currency);
    if (!by_line) continue;
    *line->mutable_shipping_total() = money::Make(random.Amount(9), currency);
    *line->mutable_shipping_tax() = money::Make(random.Amount(5), currency);
  }
  if (!by_line) {
    *order.mutable_shipping_total() = money::Make(random.Amount(10), currency);
    *order.mutable_shipping_tax() = money::Make(random.Amount(6), currency);
  }
  if (random.OneIn(3))
    *order.mutable_free_shipping_notional() = money::Make(random.Amount(9), currency);
  return order;
}

// Item, tax and shipping: what the buyer has paid.
int64_t PaidFor(const v1::Order& order) { return Refundable(order, {}).minor_units(); }

v1::Policy AnyPolicy(Random& random) {
  v1::Policy policy = *FindPolicy(random.OneIn(2) ? "seed" : "amazon-2026");
  policy.set_shipping_refund_by_fault(random.OneIn(2));
  policy.set_retain_free_shipping(random.OneIn(2));
  policy.set_tax_follows_fee(random.OneIn(2));
  v1::RestockingPolicy* fees = policy.mutable_restocking();
  fees->set_original_bp(random.Int(0, 10'000));
  fees->set_late_bp(random.Int(0, 10'000));
  fees->set_buyer_damaged_bp(random.Int(0, 10'000));
  fees->set_opened_media_bp(random.Int(0, 10'000));
  return policy;
}

v1::RefundSpec Units(const std::string& line, int units, v1::ReturnReason reason,
                     v1::Condition condition = v1::CONDITION_NEW) {
  v1::RefundSpec spec;
  v1::RefundItem* item = spec.add_items();
  item->set_line_id(line);
  item->set_quantity(units);
  item->set_reason(reason);
  item->set_condition(condition);
  return spec;
}

v1::ReturnReason AnyReason(Random& random) {
  return random.Of(std::vector<v1::ReturnReason>{
      v1::RETURN_REASON_NO_LONGER_NEEDED, v1::RETURN_REASON_DEFECTIVE,
      v1::RETURN_REASON_ARRIVED_DAMAGED, v1::RETURN_REASON_SIZE_TOO_SMALL});
}

// Any units of any lines, at times more than there are, with anything on top and off.
v1::RefundSpec AnySpec(Random& random, const v1::Order& order) {
  v1::RefundSpec spec;
  for (const v1::OrderLine& line : order.lines()) {
    for (int n = random.Int(0, 2); n > 0; --n) {
      *spec.add_items() =
          Units(line.line_id(), random.Int(1, line.quantity() + (random.OneIn(4) ? 1 : 0)),
                AnyReason(random), random.Of(SellableConditions()))
              .items(0);
    }
  }
  spec.set_late(random.OneIn(2));
  const auto some = [&] { return money::Make(random.Amount(12), order.currency_code()); };
  if (random.OneIn(3)) *spec.mutable_goodwill() = some();
  if (random.OneIn(3)) *spec.mutable_label_fee() = some();
  if (random.OneIn(3)) *spec.mutable_deduction() = some();
  return spec;
}

v1::Refund Issued(const v1::RefundQuote& quote, int number) {
  v1::Refund refund;
  refund.set_name("sellers/acme/refunds/" + std::to_string(number));
  refund.set_status(v1::Refund::STATUS_APPROVED);
  *refund.mutable_total() = quote.total();
  *refund.mutable_items() = quote.items();
  *refund.mutable_breakdown() = quote.breakdown();
  return refund;
}

std::string Said(const v1::Order& order, const v1::RefundSpec& spec) {
  return "order {" + order.ShortDebugString() + "} spec {" + spec.ShortDebugString() + "}";
}

TEST(RefundProperty, AQuotesLinesAreItsTotalWhichIsNeverLessThanNothing) {
  ForAll(kCases, [](Random& random) {
    const v1::Order order = AnyOrder(random);
    const v1::Policy policy = AnyPolicy(random);
    const v1::RefundSpec spec = AnySpec(random, order);
    const auto quote = QuoteRefund(order, policy, spec, nullptr, {});
    if (!quote.ok()) {
      const std::string reason = ReasonOf(quote.status());
      ASSERT_TRUE(reason == "QUANTITY_EXCEEDS_REFUNDABLE" || reason == "NOTHING_TO_REFUND")
          << quote.status() << Said(order, spec);
      return;
    }
    int64_t sum = 0;
    int64_t without_goodwill = 0;
    std::map<std::string, int64_t> given_back;
    for (const v1::BreakdownLine& line : quote->breakdown()) {
      ASSERT_NE(line.amount().minor_units(), 0) << Said(order, spec);
      ASSERT_EQ(line.amount().currency_code(), order.currency_code());
      const bool takes = line.kind() == v1::BreakdownLine::KIND_RESTOCKING_FEE ||
                         line.kind() == v1::BreakdownLine::KIND_TAX_WITHHELD ||
                         line.kind() == v1::BreakdownLine::KIND_LABEL_FEE ||
                         line.kind() == v1::BreakdownLine::KIND_DEDUCTION ||
                         line.kind() == v1::BreakdownLine::KIND_FREE_SHIPPING_RETAINED;
      ASSERT_EQ(line.amount().minor_units() < 0, takes)
          << line.ShortDebugString() << Said(order, spec);
      if (line.informational()) continue;
      sum += line.amount().minor_units();
      if (line.kind() != v1::BreakdownLine::KIND_GOODWILL) {
        without_goodwill += line.amount().minor_units();
      }
      if (line.kind() == v1::BreakdownLine::KIND_ITEM) {
        given_back[line.line_id()] += line.amount().minor_units();
      }
    }
    ASSERT_EQ(sum, quote->total().minor_units() - quote->fees_waived().minor_units())
        << Said(order, spec);
    ASSERT_GE(quote->total().minor_units(), 0);
    ASSERT_GE(quote->fees_waived().minor_units(), 0);
    ASSERT_TRUE(quote->total().minor_units() == 0 || quote->fees_waived().minor_units() == 0)
        << Said(order, spec);
    // Only goodwill is more than was paid, and no line gives back more than it cost.
    ASSERT_LE(without_goodwill, PaidFor(order)) << Said(order, spec);
    for (const v1::OrderLine& line : order.lines()) {
      ASSERT_LE(given_back[line.line_id()], line.item_total().minor_units()) << Said(order, spec);
    }
  });
}

// Units of any lines in any portions, until all are refunded; a refund of the seller's fault has no
// fees. `fails` takes some of them back on the way.
void RefundAll(Random& random, bool fails) {
  const v1::Order order = AnyOrder(random);
  v1::Policy policy = AnyPolicy(random);
  policy.mutable_restocking()->set_seller_fault_bp(0);
  std::vector<v1::Refund> refunds;
  std::set<std::string> nothing_owed;  // lines; a refund of nothing is never issued
  std::string course;
  while (true) {
    std::vector<const v1::OrderLine*> open;
    for (const v1::OrderLine& line : order.lines()) {
      if (UnitsRefundedOrReserved(refunds, line.line_id()) < line.quantity() &&
          !nothing_owed.contains(line.line_id())) {
        open.push_back(&line);
      }
    }
    if (open.empty()) break;
    const v1::OrderLine& line = *random.Of(open);
    const int left = line.quantity() - UnitsRefundedOrReserved(refunds, line.line_id());
    const int units = random.Int(1, left);
    const auto quote = QuoteRefund(
        order, policy, Units(line.line_id(), units, v1::RETURN_REASON_DEFECTIVE), nullptr, refunds);
    ASSERT_TRUE(quote.ok()) << quote.status() << course << order.ShortDebugString();
    ASSERT_TRUE(CheckRefundable(order, quote->total(), refunds).ok())
        << course << order.ShortDebugString();
    if (quote->total().minor_units() == 0) {
      if (units == left) nothing_owed.insert(line.line_id());
      continue;
    }
    course += line.line_id() + " x" + std::to_string(units) + " = " +
              std::to_string(quote->total().minor_units()) + "; ";
    refunds.push_back(Issued(*quote, static_cast<int>(refunds.size())));
    if (!fails || refunds.size() > 40 || !random.OneIn(3)) continue;
    // Any of those that stand.
    v1::Refund& failed = refunds[static_cast<size_t>(random()) % refunds.size()];
    if (failed.status() == v1::Refund::STATUS_APPROVED) {
      failed.set_status(v1::Refund::STATUS_FAILED);
      nothing_owed.clear();
      course += "number " + failed.name() + " failed; ";
    }
  }
  int64_t sum = 0;
  for (const v1::Refund& refund : refunds) sum += HeldUnits(refund);
  ASSERT_EQ(sum, PaidFor(order)) << course << order.ShortDebugString();
  ASSERT_EQ(Refundable(order, refunds).minor_units(), 0);
}

TEST(RefundProperty, EveryPartitionOfTheUnitsGivesBackWhatWasPaid) {
  ForAll(kCases, [](Random& random) { RefundAll(random, false); });
}

TEST(RefundProperty, SoItDoesWhenRefundsInBetweenFail) {
  ForAll(kCases, [](Random& random) { RefundAll(random, true); });
}

// The formula as it is written: the next units' share of a total is that of all units up to them
// less that of those before, whether or not the buyer got the share of those.
TEST(RefundProperty, SharesAreTheCumulativeOnesAsLongAsNothingFails) {
  ForAll(kCases, [](Random& random) {
    const v1::Order order = AnyOrder(random);
    const v1::Policy policy = AnyPolicy(random);
    const std::vector<int64_t> shipping = ShippingByLine(order);
    std::vector<v1::Refund> refunds;
    std::vector<int> done(static_cast<size_t>(order.lines_size()));
    std::string course;
    for (int step = 0; step < 6; ++step) {
      v1::RefundSpec spec;
      std::vector<int> after = done;
      int64_t items = 0;
      int64_t ships = 0;
      for (int n = random.Int(1, 3); n > 0; --n) {
        const int index = random.Int(0, order.lines_size() - 1);
        const v1::OrderLine& line = order.lines(index);
        int& gone = after[static_cast<size_t>(index)];
        if (gone == line.quantity()) continue;
        const int units = random.Int(1, line.quantity() - gone);
        const v1::ReturnReason reason = AnyReason(random);
        *spec.add_items() = Units(line.line_id(), units, reason).items(0);
        items += money::NextUnits(line.item_total().minor_units(), line.quantity(), gone, units);
        if (!policy.shipping_refund_by_fault() || SellerAnswers(MeaningOf(reason).fault)) {
          ships +=
              money::NextUnits(shipping[static_cast<size_t>(index)], line.quantity(), gone, units);
        }
        gone += units;
      }
      if (spec.items_size() == 0) continue;
      const auto quote = QuoteRefund(order, policy, spec, nullptr, refunds);
      ASSERT_TRUE(quote.ok()) << quote.status();
      course += spec.ShortDebugString() + "; ";
      for (const v1::BreakdownLine& line : quote->breakdown()) {
        if (line.kind() == v1::BreakdownLine::KIND_ITEM) items -= line.amount().minor_units();
        if (line.kind() == v1::BreakdownLine::KIND_SHIPPING) ships -= line.amount().minor_units();
      }
      ASSERT_EQ(items, 0) << course << order.ShortDebugString();
      ASSERT_EQ(ships, 0) << course << order.ShortDebugString();
      if (quote->total().minor_units() == 0) continue;  // is never issued
      refunds.push_back(Issued(*quote, static_cast<int>(refunds.size())));
      done = after;
    }
  });
}

TEST(RefundProperty, NeverRisesWhenAFeeRises) {
  ForAll(kCases, [](Random& random) {
    const v1::Order order = AnyOrder(random);
    v1::Policy policy = AnyPolicy(random);
    v1::RefundSpec spec = AnySpec(random, order);
    const auto before = QuoteRefund(order, policy, spec, nullptr, {});
    if (!before.ok()) return;
    v1::RestockingPolicy* fees = policy.mutable_restocking();
    const auto more = [&](int bp) { return random.Int(bp, 10'000); };
    const auto dearer = [&](v1::Money* fee) {
      *fee = money::Make(fee->minor_units() + random.Amount(10), order.currency_code());
    };
    switch (random.Int(0, 6)) {
      case 0:
        fees->set_original_bp(more(fees->original_bp()));
        break;
      case 1:
        fees->set_late_bp(more(fees->late_bp()));
        break;
      case 2:
        fees->set_buyer_damaged_bp(more(fees->buyer_damaged_bp()));
        break;
      case 3:
        fees->set_opened_media_bp(more(fees->opened_media_bp()));
        break;
      case 4:
        policy.set_tax_follows_fee(true);
        break;
      case 5:
        dearer(spec.mutable_label_fee());
        break;
      default:
        dearer(spec.mutable_deduction());
    }
    const auto after = QuoteRefund(order, policy, spec, nullptr, {});
    ASSERT_TRUE(after.ok()) << after.status();
    ASSERT_LE(after->total().minor_units(), before->total().minor_units()) << Said(order, spec);
    ASSERT_GE(after->total().minor_units(), 0);
  });
}

// The life of refunds at random: issued as the guards let them, and then whatever may happen.
TEST(RefundProperty, NoCourseOfThingsGivesBackMoreThanWasPaid) {
  ForAll(kCases, [](Random& random) {
    v1::Order order = AnyOrder(random);
    if (random.OneIn(2)) {
      *order.mutable_captured_total() =
          money::Make(random.Between(0, PaidFor(order)), order.currency_code());
    }
    const int64_t captured = PaidFor(order);
    const v1::Policy policy = AnyPolicy(random);
    std::vector<v1::Refund> refunds;
    std::string course;
    for (int step = 0; step < 12; ++step) {
      if (refunds.empty() || random.OneIn(2)) {
        const v1::RefundSpec spec = AnySpec(random, order);
        const auto quote = QuoteRefund(order, policy, spec, nullptr, refunds);
        if (!quote.ok()) continue;
        const int64_t left = Refundable(order, refunds).minor_units();
        // To the minor unit.
        const absl::Status allowed = CheckRefundable(order, quote->total(), refunds);
        ASSERT_EQ(allowed.ok(), quote->total().minor_units() <= left)
            << course << Said(order, spec);
        ASSERT_TRUE(allowed.ok() || ReasonOf(allowed) == "EXCEEDS_REFUNDABLE") << allowed;
        ASSERT_TRUE(CheckRefundable(order, money::Make(left, order.currency_code()), refunds).ok());
        ASSERT_FALSE(
            CheckRefundable(order, money::Make(left + 1, order.currency_code()), refunds).ok());
        if (!allowed.ok()) continue;
        v1::Refund refund = Issued(*quote, static_cast<int>(refunds.size()));
        v1::Event fact;
        if (random.OneIn(3)) {
          *fact.mutable_refund_requested()->mutable_refund() = refund;
        } else {
          *fact.mutable_refund_approved()->mutable_refund() = refund;
        }
        v1::Refund state;
        ApplyRefundFact(fact, &state);
        refunds.push_back(state);
        course += state.name() + " = " + std::to_string(quote->total().minor_units()) + "; ";
      } else {
        v1::Refund& refund = refunds[static_cast<size_t>(random()) % refunds.size()];
        const v1::Refund::Status before = refund.status();
        v1::Event fact;
        switch (random.Int(0, 6)) {
          case 0:
            fact.mutable_refund_submitted();
            break;
          case 1:
            *fact.mutable_refund_succeeded()->mutable_amount() = refund.total();
            break;
          case 2:
            fact.mutable_refund_failed();
            break;
          case 3:
            fact.mutable_refund_outcome_unknown();
            break;
          case 4:
            fact.mutable_refund_cancelled();
            break;
          case 5:
            fact.mutable_refund_reversed();
            break;
          default:
            fact.mutable_refund_awaits_person();
        }
        // What a command or the outbox would never do: hand over what is not approved, or take up
        // one that failed. Its money may be gone by now.
        const bool open = before == v1::Refund::STATUS_APPROVED ||
                          before == v1::Refund::STATUS_SUBMITTED ||
                          before == v1::Refund::STATUS_UNKNOWN;
        if (!open && !fact.has_refund_cancelled() && !fact.has_refund_reversed()) continue;
        ApplyRefundFact(fact, &refund);
        course += refund.name() + " is " + v1::Refund::Status_Name(refund.status()) + "; ";
      }
      int64_t held = 0;
      for (const v1::Refund& refund : refunds) held += HeldUnits(refund);
      ASSERT_LE(held, captured) << course << order.ShortDebugString();
      ASSERT_EQ(Refundable(order, refunds).minor_units(), captured - held);
      for (const v1::OrderLine& line : order.lines()) {
        ASSERT_LE(UnitsRefundedOrReserved(refunds, line.line_id()), line.quantity())
            << course << order.ShortDebugString();
      }
    }
  });
}

TEST(RefundProperty, WhatWasPaidStaysPaidWhateverIsSaidAfterwards) {
  ForAll(kCases, [](Random& random) {
    v1::Refund state;
    v1::Event approved;
    *approved.mutable_refund_approved()->mutable_refund()->mutable_total() =
        money::Make(random.Between(1, 100'000), "USD");
    ApplyRefundFact(approved, &state);
    bool paid = false;
    std::string course;
    for (int step = random.Int(1, 14); step > 0; --step) {
      v1::Event fact;
      switch (random.Int(0, 8)) {
        case 0:
          fact.mutable_refund_submitted();
          break;
        case 1:
          *fact.mutable_refund_succeeded()->mutable_amount() = state.total();
          break;
        case 2:
          fact.mutable_refund_failed()->set_reason("no");
          break;
        case 3:
          fact.mutable_refund_outcome_unknown()->set_reason("silence");
          break;
        case 4:
          fact.mutable_refund_cancelled()->set_reason("not now");
          break;
        case 5:
          fact = approved;
          break;
        case 6:
          fact.mutable_refund_awaits_person();
          break;
        case 7:
          *fact.mutable_refund_requested()->mutable_refund() = approved.refund_approved().refund();
          break;
        default:
          if (random.OneIn(2)) fact.mutable_refund_reversed()->set_reason("bounced");
      }
      const v1::Refund before = state;
      ApplyRefundFact(fact, &state);
      course += v1::Refund::Status_Name(state.status()) + " by " + fact.ShortDebugString() + "; ";
      if (before.status() == v1::Refund::STATUS_SUCCEEDED) {
        ASSERT_TRUE(state.status() == v1::Refund::STATUS_SUCCEEDED ||
                    (state.status() == v1::Refund::STATUS_REVERSED && fact.has_refund_reversed()))
            << course;
        ASSERT_TRUE(state.findings_size() == before.findings_size()) << course;
      }
      if (before.status() == v1::Refund::STATUS_REVERSED ||
          before.status() == v1::Refund::STATUS_CANCELLED) {
        ASSERT_EQ(state.SerializeAsString(), before.SerializeAsString()) << course;
      }
      // Nobody takes back what may have been paid.
      if (state.status() == v1::Refund::STATUS_CANCELLED &&
          before.status() != v1::Refund::STATUS_CANCELLED) {
        ASSERT_TRUE(before.status() != v1::Refund::STATUS_SUBMITTED &&
                    before.status() != v1::Refund::STATUS_UNKNOWN)
            << course;
      }
      paid = paid || state.status() == v1::Refund::STATUS_SUCCEEDED;
      ASSERT_EQ(HeldUnits(state), HoldsMoney(state.status()) ? state.total().minor_units() : 0)
          << course;
      ASSERT_TRUE(!paid || state.status() == v1::Refund::STATUS_SUCCEEDED ||
                  state.status() == v1::Refund::STATUS_REVERSED)
          << course;
      // Said again it changes nothing.
      v1::Refund again = state;
      ApplyRefundFact(fact, &again);
      ASSERT_EQ(again.status(), state.status()) << course;
      ASSERT_EQ(HeldUnits(again), HeldUnits(state)) << course;
    }
  });
}

}  // namespace
}  // namespace aftersales
