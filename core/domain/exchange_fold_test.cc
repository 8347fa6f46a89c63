#include "core/domain/exchange_fold.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/domain/deadlines.h"
#include "core/domain/exchange_units.h"
#include "core/domain/test_exchange.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::ExchangeWalk;
using X = v1::Exchange;
using D = v1::Deadline;

std::set<D::Kind> Open(const X& state) {
  std::set<D::Kind> open;
  for (const D& deadline : state.deadlines()) {
    if (deadline.state() != D::STATE_RUNNING) continue;
    EXPECT_TRUE(open.insert(deadline.kind()).second) << "two clocks of one kind run";
  }
  return open;
}

const D* Last(const X& state, D::Kind kind) {
  const D* last = nullptr;
  for (const D& deadline : state.deadlines()) {
    if (deadline.kind() == kind) last = &deadline;
  }
  return last;
}

bool Has(const X& state, v1::Finding::Kind kind) {
  return std::any_of(state.findings().begin(), state.findings().end(),
                     [&](const v1::Finding& finding) { return finding.kind() == kind; });
}

// Every step that there is, in variants that lead somewhere else.
std::vector<std::function<void(ExchangeWalk&)>> Steps() {
  return {
      [](ExchangeWalk& w) { w.MakeOffer(); },
      [](ExchangeWalk& w) {
        w.Accept(w.state().offers_size() > 0 ? w.state().offers(0).offer_id() : "1");
      },
      [](ExchangeWalk& w) { w.Accept("no such offer"); },
      [](ExchangeWalk& w) { w.Decline(); },
      [](ExchangeWalk& w) { w.Expire(); },
      [](ExchangeWalk& w) { w.Reserve(); },
      [](ExchangeWalk& w) { w.LoseReservation(); },
      [](ExchangeWalk& w) { w.RunOut(); },
      [](ExchangeWalk& w) { w.Convert(); },
      [](ExchangeWalk& w) { w.Reoffer(); },
      [](ExchangeWalk& w) { w.Pay(1083); },
      [](ExchangeWalk& w) { w.Pay(-100); },
      [](ExchangeWalk& w) { w.Count(1); },
      [](ExchangeWalk& w) { w.Count(1, 1); },
      [](ExchangeWalk& w) { w.Count(0); },
      [](ExchangeWalk& w) { w.Ship(); },
      [](ExchangeWalk& w) { w.Deliver(); },
      [](ExchangeWalk& w) { w.Overdue(); },
      [](ExchangeWalk& w) { w.Overdue(0); },
      [](ExchangeWalk& w) { w.Complete(); },
      [](ExchangeWalk& w) { w.Complete("kept"); },
      [](ExchangeWalk& w) { w.CancelIt(); },
      [](ExchangeWalk& w) { w.Link("sellers/acme/refunds/rfd_1", true); },
      [](ExchangeWalk& w) { w.Link("sellers/acme/refunds/rfd_1", false); },
  };
}

// What must hold of any exchange.
void CheckInvariants(const X& state) {
  SCOPED_TRACE(state.ShortDebugString());
  EXPECT_EQ(state.has_reservation(), KeepsStock(state.status()));
  EXPECT_EQ(HoldsUnits(state), UnitsStateOf(state.status()) != v1::ExchangedUnits::STATE_FREED);
  const std::set<D::Kind> open = Open(state);
  EXPECT_EQ(open.contains(D::KIND_EXCHANGE_OFFER), AwaitsChoice(state.status()));
  EXPECT_EQ(open.contains(D::KIND_EXCHANGE_RESERVE), state.status() == X::STATUS_ACCEPTED);
  EXPECT_EQ(open.contains(D::KIND_EXCHANGE_RESERVATION), KeepsStock(state.status()));
  EXPECT_EQ(open.contains(D::KIND_EXCHANGE_SHIP), state.status() == X::STATUS_RESERVED);
  EXPECT_EQ(open.contains(D::KIND_EXCHANGE_OVERDUE), state.status() == X::STATUS_RETURN_OVERDUE);
  if (open.contains(D::KIND_EXCHANGE_RETURN)) {
    EXPECT_TRUE(state.status() == X::STATUS_SHIPPED || state.status() == X::STATUS_DELIVERED);
    EXPECT_FALSE(GoodsAreBack(state));
  }
  if (state.status() == X::STATUS_RESERVED) {
    EXPECT_LE(state.balance().minor_units(), 0);
    EXPECT_TRUE(state.mode() == X::MODE_SHIP_FIRST || GoodsAreBack(state));
  }
  if (state.status() == X::STATUS_CONVERTED_TO_REFUND) {
    EXPECT_EQ(open.contains(D::KIND_EXCHANGE_REFUND), state.refund().empty());
  }
  // Money of an exchange that is over without goods is the buyer's.
  int64_t paid = 0;
  for (const v1::ExchangePayment& payment : state.payments()) {
    paid += payment.direction() == v1::ExchangePayment::DIRECTION_FROM_BUYER
                ? payment.amount().minor_units()
                : -payment.amount().minor_units();
  }
  if (UnitsStateOf(state.status()) == v1::ExchangedUnits::STATE_FREED) {
    EXPECT_EQ(state.balance().minor_units(), -paid);
  }
}

TEST(ExchangeFold, MovesAsPublishedAndNoOtherWay) {
  std::set<std::pair<X::Status, X::Status>> published, seen;
  for (const ExchangeTransition& transition : ExchangeTransitions()) {
    EXPECT_TRUE(published.emplace(transition.from, transition.to).second)
        << X::Status_Name(transition.from) << " -> " << X::Status_Name(transition.to)
        << " is published twice";
    EXPECT_FALSE(transition.trigger.empty());
  }
  // Up to three steps from every state.
  const auto steps = Steps();
  const std::function<void(const ExchangeWalk&, int)> explore = [&](const ExchangeWalk& from,
                                                                    int depth) {
    for (size_t i = 0; i < steps.size(); ++i) {
      ExchangeWalk walk = from;
      steps[i](walk);
      const X::Status before = from.state().status(), after = walk.state().status();
      if (before != after) {
        ASSERT_TRUE(published.contains({before, after}))
            << X::Status_Name(before) << " -> " << X::Status_Name(after) << " by step " << i;
        seen.emplace(before, after);
      }
      if (after != X::STATUS_UNSPECIFIED) CheckInvariants(walk.state());
      if (depth > 1) explore(walk, depth - 1);
    }
  };
  for (const X::Status status : ExchangeWalk::All()) {
    const ExchangeWalk walk = ExchangeWalk::To(status);
    ASSERT_EQ(walk.state().status(), status);
    explore(walk, 3);
  }
  for (const auto& [from, to] : published) {
    EXPECT_TRUE(seen.contains({from, to}))
        << X::Status_Name(from) << " -> " << X::Status_Name(to) << " never happens";
  }
}

TEST(ExchangeFold, NothingMovesOneThatIsOver) {
  const std::set<X::Status> over = {X::STATUS_DECLINED, X::STATUS_EXPIRED,
                                    X::STATUS_CONVERTED_TO_REFUND, X::STATUS_COMPLETED,
                                    X::STATUS_CANCELLED};
  for (const X::Status status : over) {
    for (const auto& step : Steps()) {
      ExchangeWalk walk = ExchangeWalk::To(status);
      step(walk);
      EXPECT_EQ(walk.state().status(), status) << X::Status_Name(status);
    }
  }
}

TEST(ExchangeFold, DearerReplacementWaitsForMoneyAndGoods) {
  ExchangeWalk walk;
  walk.MakeOffer(6494);
  EXPECT_EQ(walk.state().status(), X::STATUS_OFFERED);
  EXPECT_EQ(walk.state().balance().minor_units(), 0) << "nothing is owed before the choice";
  walk.Accept();
  EXPECT_EQ(walk.state().price_difference().minor_units(), 1083);
  EXPECT_EQ(walk.state().balance().minor_units(), 1083);
  EXPECT_EQ(Open(walk.state()), (std::set{D::KIND_EXCHANGE_RESERVE, D::KIND_EXCHANGE_PAYMENT}));
  walk.Reserve();
  EXPECT_EQ(walk.state().status(), X::STATUS_AWAITING_PAYMENT);
  walk.Pay(1000);
  EXPECT_EQ(walk.state().status(), X::STATUS_AWAITING_PAYMENT);
  EXPECT_EQ(walk.state().balance().minor_units(), 83);
  walk.Pay(83);
  EXPECT_EQ(walk.state().status(), X::STATUS_AWAITING_RETURN);
  EXPECT_EQ(Open(walk.state()), std::set{D::KIND_EXCHANGE_RESERVATION});
  walk.Count(1);
  EXPECT_EQ(walk.state().status(), X::STATUS_RESERVED);
  EXPECT_EQ(Last(walk.state(), D::KIND_EXCHANGE_PAYMENT)->state(), D::STATE_MET);
  walk.Ship();
  EXPECT_EQ(walk.state().status(), X::STATUS_SHIPPED);
  EXPECT_TRUE(Open(walk.state()).empty()) << "nothing is missing";
  walk.Count(1, 1).Deliver();
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
  EXPECT_TRUE(Open(walk.state()).empty());
  EXPECT_TRUE(walk.state().findings().empty());
}

TEST(ExchangeFold, CheaperReplacementOwesTheBuyerOnceItIsOut) {
  ExchangeWalk walk;
  walk.MakeOffer(4328).Accept();
  EXPECT_EQ(walk.state().balance().minor_units(), -1083);
  EXPECT_FALSE(Open(walk.state()).contains(D::KIND_EXCHANGE_PAYMENT));
  walk.Reserve().Count(1, 1).Ship();
  EXPECT_TRUE(Open(walk.state()).contains(D::KIND_EXCHANGE_PAYMENT));
  // A refund that is under way pays by itself; one that failed does not.
  walk.Link("sellers/acme/refunds/rfd_1", true);
  EXPECT_FALSE(Open(walk.state()).contains(D::KIND_EXCHANGE_PAYMENT));
  walk.Link("", true);
  EXPECT_TRUE(Open(walk.state()).contains(D::KIND_EXCHANGE_PAYMENT));
  walk.Deliver();
  EXPECT_EQ(walk.state().status(), X::STATUS_DELIVERED) << "the buyer is still owed";
  walk.Pay(-1083);
  EXPECT_EQ(walk.state().balance().minor_units(), 0);
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
}

TEST(ExchangeFold, WhatTheBuyerPaidIsOwedBackWhereNothingIsSent) {
  const auto paid = [] {
    ExchangeWalk walk;
    return walk.MakeOffer(6494).Accept().Pay(1083);
  };
  ExchangeWalk cancelled = paid();
  cancelled.CancelIt();
  EXPECT_EQ(cancelled.state().balance().minor_units(), -1083);
  EXPECT_EQ(Open(cancelled.state()), std::set{D::KIND_EXCHANGE_PAYMENT});
  cancelled.Pay(-1083);
  EXPECT_TRUE(Open(cancelled.state()).empty());

  ExchangeWalk converted = paid();
  converted.RunOut().Convert();
  EXPECT_EQ(converted.state().balance().minor_units(), -1083);
  EXPECT_EQ(Open(converted.state()), (std::set{D::KIND_EXCHANGE_PAYMENT, D::KIND_EXCHANGE_REFUND}));
  EXPECT_EQ(converted.state().reason(), "OUT_OF_STOCK");
  EXPECT_EQ(converted.state().refund_quote().total().minor_units(), 6000);

  // For another choice it is kept.
  ExchangeWalk again = paid();
  again.RunOut().Reoffer(5411 + 500);
  EXPECT_EQ(again.state().balance().minor_units(), 0);
  EXPECT_FALSE(again.state().has_price_difference());
  again.Accept("2");
  EXPECT_EQ(again.state().balance().minor_units(), 500 - 1083);
}

TEST(ExchangeFold, ClockDeadlinesAreThoseOfThePolicy) {
  ExchangeWalk walk;
  const absl::Time offered = walk.now();
  walk.MakeOffer(5411, X::MODE_SHIP_FIRST);
  const D* next = NextForClock(walk.state());
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->kind(), D::KIND_EXCHANGE_OFFER);
  EXPECT_EQ(calendar::FromProto(next->due_at()), offered + absl::Hours(72));
  walk.Accept();
  EXPECT_EQ(NextForClock(walk.state()), nullptr);
  EXPECT_EQ(Last(walk.state(), D::KIND_EXCHANGE_OFFER)->state(), D::STATE_MET);
  const absl::Time reserved = walk.now();
  walk.Reserve();
  next = NextForClock(walk.state());
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->kind(), D::KIND_EXCHANGE_RESERVATION);
  EXPECT_EQ(calendar::FromProto(next->due_at()), reserved + absl::Hours(7 * 24));
  EXPECT_EQ(NextForPerson(walk.state())->kind(), D::KIND_EXCHANGE_SHIP);
  walk.LoseReservation();
  EXPECT_EQ(walk.state().status(), X::STATUS_ACCEPTED);
  EXPECT_EQ(NextForPerson(walk.state())->kind(), D::KIND_EXCHANGE_RESERVE);
  walk.Reserve().Ship();
  ASSERT_NE(NextForClock(walk.state()), nullptr);
  EXPECT_EQ(NextForClock(walk.state())->kind(), D::KIND_EXCHANGE_RETURN);
  X shown = walk.state();
  PresentDeadlines(walk.now() + absl::Hours(24 * 30), &shown);
  EXPECT_EQ(Last(shown, D::KIND_EXCHANGE_RETURN)->state(), D::STATE_BREACHED);
}

TEST(ExchangeFold, GoodsThatAreNotBackAreChargedUntilTheyCome) {
  ExchangeWalk walk;
  walk.MakeOffer(5411, X::MODE_SHIP_FIRST).Accept().Reserve().Ship().Deliver().Overdue();
  EXPECT_EQ(walk.state().status(), X::STATUS_RETURN_OVERDUE);
  EXPECT_TRUE(Has(walk.state(), v1::Finding::KIND_EXCHANGE_RETURN_OVERDUE));
  EXPECT_EQ(walk.state().overdue_charge().minor_units(), 5411);
  EXPECT_EQ(walk.state().balance().minor_units(), 5411);
  EXPECT_EQ(Open(walk.state()), std::set{D::KIND_EXCHANGE_OVERDUE});
  walk.Pay(5411);
  EXPECT_EQ(walk.state().balance().minor_units(), 0);
  walk.Complete();
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
  EXPECT_EQ(walk.state().balance().minor_units(), 0) << "charged stays charged";
  // They come after all: what was charged goes back.
  walk.Count(1);
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
  EXPECT_EQ(walk.state().balance().minor_units(), -5411);
  EXPECT_EQ(Open(walk.state()), std::set{D::KIND_EXCHANGE_PAYMENT});
}

TEST(ExchangeFold, LateGoodsEndWhatIsOverdue) {
  ExchangeWalk shipped = ExchangeWalk::To(X::STATUS_RETURN_OVERDUE);
  shipped.Count(1);
  EXPECT_EQ(shipped.state().status(), X::STATUS_SHIPPED);
  EXPECT_FALSE(shipped.state().has_overdue_charge());
  EXPECT_TRUE(Open(shipped.state()).empty());
  ExchangeWalk delivered = ExchangeWalk::To(X::STATUS_RETURN_OVERDUE);
  delivered.Deliver();
  EXPECT_EQ(delivered.state().status(), X::STATUS_RETURN_OVERDUE);
  delivered.Count(1);
  EXPECT_EQ(delivered.state().status(), X::STATUS_DELIVERED);
  delivered.Count(1, 1);
  EXPECT_EQ(delivered.state().status(), X::STATUS_COMPLETED);
}

TEST(ExchangeFold, WaivedGoodsAreNotOwed) {
  ExchangeWalk walk = ExchangeWalk::To(X::STATUS_RETURN_OVERDUE);
  walk.Complete("loyal buyer");
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
  EXPECT_EQ(walk.state().balance().minor_units(), 0);
  EXPECT_EQ(walk.state().waiver_reason(), "loyal buyer");
  EXPECT_TRUE(Open(walk.state()).empty());
}

TEST(ExchangeFold, GoodsThatTurnOutToBeSomethingElseAreMissingAgain) {
  ExchangeWalk waiting;
  waiting.MakeOffer(5411).Accept().Reserve().Count(1);
  EXPECT_EQ(waiting.state().status(), X::STATUS_RESERVED);
  waiting.Count(0);
  EXPECT_EQ(waiting.state().status(), X::STATUS_AWAITING_RETURN);
  EXPECT_TRUE(Has(waiting.state(), v1::Finding::KIND_EXCHANGE_WRONG_GOODS));
  // Where the replacement is out, the clock takes it up at once.
  ExchangeWalk out;
  out.MakeOffer(5411).Accept().Reserve().Count(1).Ship();
  EXPECT_EQ(NextForClock(out.state()), nullptr);
  const absl::Time found = out.now();
  out.Count(0);
  ASSERT_NE(NextForClock(out.state()), nullptr);
  EXPECT_EQ(calendar::FromProto(NextForClock(out.state())->due_at()), found);
}

TEST(ExchangeFold, RefundInsteadOfAReplacementIsDueUntilItIsDecided) {
  ExchangeWalk walk = ExchangeWalk::To(X::STATUS_CONVERTED_TO_REFUND);
  EXPECT_EQ(Open(walk.state()), std::set{D::KIND_EXCHANGE_REFUND});
  walk.Link("sellers/acme/refunds/rfd_1", false);
  EXPECT_TRUE(Open(walk.state()).empty());
  EXPECT_EQ(walk.state().refund(), "sellers/acme/refunds/rfd_1");
  walk.Link("", false);
  EXPECT_EQ(Open(walk.state()), std::set{D::KIND_EXCHANGE_REFUND});
}

TEST(ExchangeFold, ReturnlessOneWaitsForNoGoods) {
  ExchangeWalk walk;
  X offered = walk.Offered(5411);
  offered.set_returnless(true);
  walk.Do([&](v1::Event& f) { *f.mutable_exchange_offered()->mutable_exchange() = offered; });
  walk.Accept().Reserve();
  EXPECT_EQ(walk.state().status(), X::STATUS_RESERVED);
  walk.Do([](v1::Event& f) { f.mutable_exchange_shipped(); }).Deliver();
  EXPECT_EQ(walk.state().status(), X::STATUS_COMPLETED);
}

}  // namespace
}  // namespace aftersales
