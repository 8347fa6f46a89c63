#include "core/domain/exchange_guards.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/domain/test_exchange.h"
#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::ExchangeWalk;
using X = v1::Exchange;

// The states in which a guard lets a command pass; in every other it must refuse with
// INVALID_STATE, or with the reason that is named for it.
void PassesIn(const std::set<X::Status>& states,
              const std::function<absl::Status(const ExchangeWalk&)>& guard,
              const std::map<X::Status, std::string>& other_reasons = {}) {
  for (const X::Status status : ExchangeWalk::All()) {
    SCOPED_TRACE(X::Status_Name(status));
    const absl::Status answer = guard(ExchangeWalk::To(status));
    if (states.contains(status)) {
      EXPECT_TRUE(answer.ok()) << answer;
      continue;
    }
    const auto other = other_reasons.find(status);
    EXPECT_EQ(ReasonOf(answer), other == other_reasons.end() ? "INVALID_STATE" : other->second);
    EXPECT_EQ(answer.code(), absl::StatusCode::kFailedPrecondition);
  }
}

v1::ExchangePayment Payment(v1::ExchangePayment::Direction direction, int64_t amount,
                            const char* reference = "ch_1") {
  v1::ExchangePayment payment;
  payment.set_direction(direction);
  *payment.mutable_amount() = money::Make(amount, "USD");
  payment.set_reference(reference);
  return payment;
}
constexpr auto kFromBuyer = v1::ExchangePayment::DIRECTION_FROM_BUYER;
constexpr auto kToBuyer = v1::ExchangePayment::DIRECTION_TO_BUYER;

class ExchangeGuards : public testing::Test {
 protected:
  ExchangeGuards() : order_(testing_util::UsOrder(2)) {
    state_.set_name("sellers/acme/returns/ret_1");
    state_.set_order(order_.name());
    state_.set_channel("sellers/acme/channels/us");
    state_.set_status(v1::Return::STATUS_APPROVED);
    state_.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
    v1::ReturnItem* item = state_.add_items();
    item->set_line_id("L1");
    item->set_sku("SKU-1");
    item->set_quantity_requested(2);
    item->set_quantity_approved(2);
    request_.set_return_name(state_.name());
    v1::ExchangeOffer* offer = request_.add_offers();
    offer->set_sku("SKU-2");
    *offer->mutable_price() = money::Make(7000, "USD");
  }
  Offering Seen() const { return {order_, state_, policy_, now_, refunds_, exchanges_}; }
  absl::StatusOr<X> Offer() const { return CheckOfferExchange(Seen(), request_); }
  std::string OfferReason() const { return ReasonOf(Offer().status()); }
  v1::ReplacementShipment Parcel() const {
    v1::ReplacementShipment parcel;
    parcel.set_carrier("DHL");
    parcel.set_tracking_number("JD01");
    return parcel;
  }
  v1::Refund Refunded(int units, v1::Refund::Status status) const {
    v1::Refund refund;
    refund.set_name("sellers/acme/refunds/rfd_1");
    refund.set_return_name(state_.name());
    refund.set_status(status);
    refund.add_items()->set_line_id("L1");
    refund.mutable_items(0)->set_quantity(units);
    return refund;
  }

  v1::Order order_;
  v1::Return state_;
  v1::Policy policy_ = *FindPolicy("seed");
  absl::Time now_ = At("2026-03-03T09:00:00Z");
  std::vector<v1::Refund> refunds_;
  std::vector<X> exchanges_;
  v1::OfferExchangeRequest request_;
};

// ---- offer ------------------------------------------------------------------------------------

TEST_F(ExchangeGuards, OfferFillsInWhatFollows) {
  const auto offered = Offer();
  ASSERT_TRUE(offered.ok()) << offered.status();
  EXPECT_EQ(offered->mode(), X::MODE_RETURN_FIRST);
  ASSERT_EQ(offered->items_size(), 1);
  EXPECT_EQ(offered->items(0).quantity(), 2) << "all that is free";
  EXPECT_EQ(offered->items(0).item_value().minor_units(), 5998);
  EXPECT_EQ(offered->items(0).tax_value().minor_units(), 494);
  EXPECT_EQ(offered->returned_value().minor_units(), 6492);
  ASSERT_EQ(offered->offers_size(), 1);
  EXPECT_EQ(offered->offers(0).offer_id(), "1");
  EXPECT_EQ(offered->offers(0).quantity(), 2);
  EXPECT_EQ(offered->offers(0).price_difference().minor_units(), 508);
  EXPECT_EQ(calendar::FromProto(offered->offers(0).expires_at()), now_ + absl::Hours(72));
  EXPECT_FALSE(offered->returnless());
}

TEST_F(ExchangeGuards, PlainReplacementCostsNothing) {
  request_.mutable_offers(0)->clear_sku();
  request_.mutable_offers(0)->clear_price();
  auto offered = Offer();
  ASSERT_TRUE(offered.ok()) << offered.status();
  EXPECT_EQ(offered->offers(0).sku(), "SKU-1");
  EXPECT_EQ(offered->offers(0).price().minor_units(), 6492);
  EXPECT_EQ(offered->offers(0).price_difference().minor_units(), 0);
  // The tax of a European price is inside it.
  order_.set_tax_mode(v1::TAX_MODE_INCLUSIVE);
  offered = Offer();
  EXPECT_EQ(offered->returned_value().minor_units(), 5998);
  // Another quantity, or another SKU, has a price of its own.
  request_.mutable_offers(0)->set_quantity(1);
  EXPECT_EQ(OfferReason(), "MISSING_FIELD");
}

TEST_F(ExchangeGuards, OfferChecksItsForm) {
  const v1::OfferExchangeRequest good = request_;
  const auto with = [&](const std::function<void()>& change) {
    request_ = good;
    change();
    return OfferReason();
  };
  EXPECT_EQ(with([&] { request_.clear_offers(); }), "BAD_BATCH");
  EXPECT_EQ(with([&] {
              for (int i = 0; i < 10; ++i) *request_.add_offers() = good.offers(0);
            }),
            "BAD_BATCH");
  EXPECT_EQ(with([&] { request_.mutable_offers(0)->set_quantity(-1); }), "BAD_QUANTITY");
  EXPECT_EQ(with([&] { request_.mutable_offers(0)->set_quantity(2147483647); }), "BAD_QUANTITY");
  EXPECT_NE(Offer().status().message().find("1 to 1000000"), std::string::npos);
  EXPECT_EQ(with([&] { *request_.mutable_offers(0)->mutable_price() = money::Make(-1, "USD"); }),
            "NEGATIVE_AMOUNT");
  EXPECT_EQ(with([&] { *request_.mutable_offers(0)->mutable_price() = money::Make(1, "EUR"); }),
            "CURRENCY_MISMATCH");
  EXPECT_EQ(with([&] { request_.mutable_offers(0)->set_sku(std::string(201, 'x')); }), "TOO_LONG");
  EXPECT_EQ(with([&] {
              request_.add_items()->set_line_id("L9");
              request_.mutable_items(0)->set_quantity(1);
            }),
            "LINE_UNKNOWN");
  EXPECT_EQ(with([&] { request_.add_items()->set_line_id("L1"); }), "BAD_QUANTITY");
  EXPECT_EQ(with([&] {
              for (int i = 0; i < 2; ++i) {
                request_.add_items()->set_line_id("L1");
                request_.mutable_items(i)->set_quantity(1);
              }
            }),
            "DUPLICATE_LINE");
}

TEST_F(ExchangeGuards, OfferNeedsAnApprovedReturnOfTheSeller) {
  const std::set<v1::Return::Status> open = {
      v1::Return::STATUS_APPROVED,  v1::Return::STATUS_IN_TRANSIT,
      v1::Return::STATUS_DELIVERED, v1::Return::STATUS_PARTIALLY_RECEIVED,
      v1::Return::STATUS_RECEIVED,  v1::Return::STATUS_INSPECTED,
      v1::Return::STATUS_RESOLVED,  v1::Return::STATUS_LOST};
  for (int i = v1::Return::Status_MIN; i <= v1::Return::Status_MAX; ++i) {
    state_.set_status(static_cast<v1::Return::Status>(i));
    EXPECT_EQ(OfferReason(), open.contains(state_.status()) ? "" : "INVALID_STATE")
        << v1::Return::Status_Name(state_.status());
  }
  state_.set_status(v1::Return::STATUS_APPROVED);
  state_.set_platform_managed(true);
  EXPECT_EQ(OfferReason(), "PLATFORM_MANAGED");
  state_.set_platform_managed(false);
  state_.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED_RETURNLESS);
  EXPECT_TRUE(Offer()->returnless());
}

TEST_F(ExchangeGuards, UnitsAreTakenOnce) {
  const auto ask = [&](int units) {
    request_.clear_items();
    request_.add_items()->set_line_id("L1");
    request_.mutable_items(0)->set_quantity(units);
    return OfferReason();
  };
  EXPECT_EQ(ask(2), "");
  EXPECT_EQ(ask(3), "QUANTITY_EXCEEDS_EXCHANGEABLE");
  // Refunds that hold money hold units, those of the order without the return too.
  for (const auto status : {v1::Refund::STATUS_PENDING_APPROVAL, v1::Refund::STATUS_SUBMITTED,
                            v1::Refund::STATUS_UNKNOWN, v1::Refund::STATUS_SUCCEEDED}) {
    for (const bool of_return : {true, false}) {
      refunds_ = {Refunded(1, status)};
      if (!of_return) refunds_[0].clear_return_name();
      EXPECT_EQ(ask(1), "") << v1::Refund::Status_Name(status);
      EXPECT_EQ(ask(2), "UNIT_ALREADY_REFUNDED") << v1::Refund::Status_Name(status);
    }
  }
  refunds_ = {Refunded(2, v1::Refund::STATUS_SUCCEEDED)};
  request_.clear_items();
  EXPECT_EQ(OfferReason(), "UNIT_ALREADY_REFUNDED") << "also where none is named";
  for (const auto status :
       {v1::Refund::STATUS_FAILED, v1::Refund::STATUS_CANCELLED, v1::Refund::STATUS_REVERSED}) {
    refunds_ = {Refunded(2, status)};
    EXPECT_EQ(ask(2), "") << v1::Refund::Status_Name(status);
  }
  refunds_.clear();
  state_.mutable_items(0)->set_quantity_refunded(1);
  EXPECT_EQ(ask(2), "UNIT_ALREADY_REFUNDED") << "paid elsewhere";
  state_.mutable_items(0)->set_quantity_refunded(0);
  state_.mutable_items(0)->set_quantity_missing(1);
  EXPECT_EQ(ask(2), "QUANTITY_EXCEEDS_EXCHANGEABLE");
  state_.mutable_items(0)->set_quantity_missing(0);
  // Other exchanges, as long as they hold their units.
  for (const X::Status status : ExchangeWalk::All()) {
    if (status == X::STATUS_UNSPECIFIED) continue;
    exchanges_ = {ExchangeWalk::To(status).state()};
    const bool free = status == X::STATUS_DECLINED || status == X::STATUS_EXPIRED ||
                      status == X::STATUS_CONVERTED_TO_REFUND || status == X::STATUS_CANCELLED;
    EXPECT_EQ(ask(1), "");
    EXPECT_EQ(ask(2), free ? "" : "UNIT_ALREADY_EXCHANGED") << X::Status_Name(status);
    request_.clear_items();
    EXPECT_EQ(Offer()->items(0).quantity(), free ? 2 : 1) << X::Status_Name(status);
  }
  // Of two returns of one order.
  exchanges_ = {ExchangeWalk::To(X::STATUS_SHIPPED).state()};
  exchanges_[0].set_return_name("sellers/acme/returns/ret_0");
  EXPECT_EQ(ask(2), "UNIT_ALREADY_EXCHANGED");
}

// ---- the buyer's answer -----------------------------------------------------------------------

TEST_F(ExchangeGuards, AnswersBelongToAnOpenOffer) {
  const std::set<X::Status> open = {X::STATUS_OFFERED, X::STATUS_REOFFERED};
  PassesIn(open, [](const ExchangeWalk& walk) {
    return CheckAcceptExchange(walk.state(), walk.now(), "").status();
  });
  PassesIn(open, [](const ExchangeWalk& walk) { return CheckDeclineExchange(walk.state(), "no"); });
  EXPECT_EQ(ReasonOf(CheckDeclineExchange(ExchangeWalk::To(X::STATUS_OFFERED).state(),
                                          std::string(501, 'x'))),
            "TOO_LONG");
}

TEST_F(ExchangeGuards, AnOfferIsAcceptedByItsIdAndInTime) {
  ExchangeWalk walk = ExchangeWalk::To(X::STATUS_OFFERED);
  const absl::Time end = calendar::FromProto(walk.state().offers(0).expires_at());
  EXPECT_TRUE(CheckAcceptExchange(walk.state(), end, "1").ok()) << "in time at the last instant";
  EXPECT_EQ(ReasonOf(CheckAcceptExchange(walk.state(), end + absl::Microseconds(1), "1").status()),
            "OFFER_EXPIRED");
  EXPECT_EQ(ReasonOf(CheckAcceptExchange(walk.state(), end, "2").status()), "OFFER_UNKNOWN");
  *walk.state().add_offers() = walk.Offer("2", 4000);
  EXPECT_EQ(ReasonOf(CheckAcceptExchange(walk.state(), end, "").status()), "OFFER_UNKNOWN");
  EXPECT_EQ(CheckAcceptExchange(walk.state(), end, "2")->price().minor_units(), 4000);
}

// ---- stock ------------------------------------------------------------------------------------

TEST_F(ExchangeGuards, StockIsKeptForWhatWasAccepted) {
  v1::StockLevel level;
  level.set_sku("SKU-2");
  level.set_location("reno");
  level.set_quantity_available(1);
  const std::vector<v1::StockLevel> levels = {level};
  PassesIn({X::STATUS_ACCEPTED}, [&](const ExchangeWalk& walk) {
    return CheckReserveExchange(walk.state(), policy_, now_, levels, "").status();
  });
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_ACCEPTED);
  const auto reserve = [&](std::span<const v1::StockLevel> of, std::string_view location) {
    return CheckReserveExchange(walk.state(), policy_, now_, of, location);
  };
  const auto kept = reserve(levels, "reno");
  ASSERT_TRUE(kept.ok() && kept->has_value());
  EXPECT_EQ((*kept)->location(), "reno");
  EXPECT_EQ((*kept)->quantity(), 1);
  EXPECT_EQ(calendar::FromProto((*kept)->until()), now_ + absl::Hours(7 * 24));
  EXPECT_EQ(ReasonOf(reserve({}, "").status()), "STOCK_UNKNOWN");
  EXPECT_EQ(ReasonOf(reserve(levels, "york").status()), "STOCK_UNKNOWN");
  level.set_quantity_available(0);
  const std::vector<v1::StockLevel> none = {level};
  ASSERT_TRUE(reserve(none, "").ok());
  EXPECT_FALSE(reserve(none, "")->has_value()) << "known, and not enough";
}

TEST_F(ExchangeGuards, AlternativesAreNumberedOn) {
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_ACCEPTED);
  const auto made = CheckAlternatives(walk.state(), state_, policy_, now_,
                                      {{request_.offers(0), request_.offers(0)}});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)[0].offer_id(), "2");
  EXPECT_EQ((*made)[1].offer_id(), "3");
  EXPECT_EQ((*made)[0].price_difference().minor_units(), 7000 - 5411);
}

TEST_F(ExchangeGuards, StockLevelsHaveAForm) {
  v1::StockLevel level;
  level.set_sku("SKU-2");
  level.set_location("reno");
  level.set_quantity_on_hand(3);
  level.set_quantity_reserved(2);  // the caller's word on it does not count
  const auto checked = CheckStockLevel(level, now_, "l");
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->quantity_available(), 3);
  EXPECT_EQ(calendar::FromProto(checked->as_of()), now_);
  const auto with = [&](const std::function<void(v1::StockLevel*)>& change) {
    v1::StockLevel other = level;
    change(&other);
    return ReasonOf(CheckStockLevel(other, now_, "l").status());
  };
  EXPECT_EQ(with([](auto* l) { l->clear_sku(); }), "MISSING_FIELD");
  EXPECT_EQ(with([](auto* l) { l->clear_location(); }), "MISSING_FIELD");
  EXPECT_EQ(with([](auto* l) { l->set_location(std::string(101, 'x')); }), "TOO_LONG");
  EXPECT_EQ(with([](auto* l) { l->set_quantity_on_hand(-1); }), "BAD_QUANTITY");
  EXPECT_EQ(with([&](auto* l) { *l->mutable_as_of() = calendar::ToProto(now_ + absl::Hours(25)); }),
            "IN_THE_FUTURE");
}

// ---- money ------------------------------------------------------------------------------------

TEST_F(ExchangeGuards, MoneyIsTakenAsFarAsItIsOwed) {
  const auto check = [&](const ExchangeWalk& walk, const v1::ExchangePayment& payment) {
    return CheckExchangePayment(walk.state(), walk.now(), refunds_, payment).status();
  };
  // From the buyer: the difference of one that was accepted.
  ExchangeWalk accepted = ExchangeWalk::To(X::STATUS_ACCEPTED);
  EXPECT_TRUE(check(accepted, Payment(kFromBuyer, 1083)).ok());
  EXPECT_TRUE(check(accepted, Payment(kFromBuyer, 1)).ok());
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kFromBuyer, 1084))), "EXCEEDS_DUE");
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kToBuyer, 1))), "INVALID_STATE");
  accepted.Pay(1000);
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kFromBuyer, 83))), "PAYMENT_EXISTS");
  EXPECT_TRUE(check(accepted, Payment(kFromBuyer, 83, "ch_2")).ok());
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kFromBuyer, 84, "ch_2"))), "EXCEEDS_DUE");
  // To the buyer: what was paid for nothing.
  accepted.CancelIt();
  EXPECT_TRUE(check(accepted, Payment(kToBuyer, 1000, "back")).ok());
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kToBuyer, 1001, "back"))), "EXCEEDS_DUE");
  EXPECT_EQ(ReasonOf(check(accepted, Payment(kFromBuyer, 1, "more"))), "EXCEEDS_DUE");
  // Nothing before the choice.
  EXPECT_EQ(ReasonOf(check(ExchangeWalk::To(X::STATUS_OFFERED), Payment(kFromBuyer, 1))),
            "INVALID_STATE");
}

TEST_F(ExchangeGuards, WhatARefundPaysIsNotPaidBesides) {
  ExchangeWalk walk;
  walk.MakeOffer(4328).Accept().Reserve().Count(1).Ship().Link("sellers/acme/refunds/rfd_1", true);
  const auto reason = [&] {
    return ReasonOf(
        CheckExchangePayment(walk.state(), walk.now(), refunds_, Payment(kToBuyer, 1083)).status());
  };
  for (int i = v1::Refund::Status_MIN; i <= v1::Refund::Status_MAX; ++i) {
    if (!v1::Refund::Status_IsValid(i)) continue;
    const auto status = static_cast<v1::Refund::Status>(i);
    refunds_ = {Refunded(0, status)};
    const bool over =
        status == v1::Refund::STATUS_FAILED || status == v1::Refund::STATUS_CANCELLED ||
        status == v1::Refund::STATUS_REVERSED || status == v1::Refund::STATUS_UNSPECIFIED;
    EXPECT_EQ(reason(), over ? "" : "REFUND_PENDING") << v1::Refund::Status_Name(status);
  }
}

TEST_F(ExchangeGuards, PaymentsHaveAForm) {
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_ACCEPTED);
  const auto with = [&](const std::function<void(v1::ExchangePayment*)>& change) {
    v1::ExchangePayment payment = Payment(kFromBuyer, 1083);
    change(&payment);
    return ReasonOf(CheckExchangePayment(walk.state(), walk.now(), {}, payment).status());
  };
  EXPECT_EQ(with([](auto*) {}), "");
  EXPECT_EQ(with([](auto* p) { p->clear_direction(); }), "MISSING_FIELD");
  EXPECT_EQ(with([](auto* p) { p->clear_reference(); }), "MISSING_FIELD");
  EXPECT_EQ(with([](auto* p) { p->set_reference("4111 1111 1111 1111"); }), "CARD_NUMBER");
  EXPECT_EQ(with([](auto* p) { p->mutable_amount()->set_minor_units(0); }), "NEGATIVE_AMOUNT");
  EXPECT_EQ(with([](auto* p) { p->mutable_amount()->set_minor_units(-5); }), "NEGATIVE_AMOUNT");
  EXPECT_EQ(with([](auto* p) { p->mutable_amount()->set_currency_code("EUR"); }),
            "CURRENCY_MISMATCH");
  EXPECT_EQ(with([&](auto* p) {
              *p->mutable_paid_at() = calendar::ToProto(walk.now() + absl::Hours(25));
            }),
            "IN_THE_FUTURE");
}

// ---- shipping and the end ---------------------------------------------------------------------

TEST_F(ExchangeGuards, ShipsWhenNothingIsMissing) {
  PassesIn({X::STATUS_RESERVED},
           [&](const ExchangeWalk& walk) {
             now_ = walk.now();
             return CheckShipExchange(walk.state(), Seen(), Parcel()).status();
           },
           {{X::STATUS_ACCEPTED, "NOT_RESERVED"},
            {X::STATUS_AWAITING_RETURN, "RETURN_NOT_RECEIVED"},
            {X::STATUS_AWAITING_PAYMENT, "PAYMENT_REQUIRED"}});
}

TEST_F(ExchangeGuards, ShipsTrackedInTimeAndOnlyWhatIsNotRefunded) {
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_RESERVED);
  now_ = walk.now();
  const auto with = [&](const std::function<void(v1::ReplacementShipment*)>& change) {
    v1::ReplacementShipment parcel = Parcel();
    change(&parcel);
    return ReasonOf(CheckShipExchange(walk.state(), Seen(), parcel).status());
  };
  EXPECT_EQ(with([](auto*) {}), "");
  EXPECT_EQ(with([](auto* p) { p->clear_carrier(); }), "TRACKING_REQUIRED");
  EXPECT_EQ(with([](auto* p) { p->clear_tracking_number(); }), "TRACKING_REQUIRED");
  EXPECT_EQ(with([](auto* p) {
              p->mutable_verdict()->set_validity(v1::TrackingVerdict::VALIDITY_INVALID);
            }),
            "TRACKING_INVALID");
  EXPECT_EQ(with([](auto* p) {
              p->mutable_verdict()->set_validity(v1::TrackingVerdict::VALIDITY_UNKNOWN);
            }),
            "");
  EXPECT_EQ(
      with([&](auto* p) { *p->mutable_shipped_at() = calendar::ToProto(now_ + absl::Seconds(1)); }),
      "IN_THE_FUTURE");
  // A refund of its unit that was reported in the meantime.
  exchanges_ = {walk.state()};
  refunds_ = {Refunded(1, v1::Refund::STATUS_SUCCEEDED)};
  EXPECT_EQ(with([](auto*) {}), "") << "of two units one is free";
  refunds_ = {Refunded(2, v1::Refund::STATUS_SUCCEEDED)};
  EXPECT_EQ(with([](auto*) {}), "UNIT_ALREADY_REFUNDED");
  refunds_.clear();
  now_ = calendar::FromProto(walk.state().reservation().until()) + absl::Microseconds(1);
  EXPECT_EQ(with([](auto*) {}), "RESERVATION_EXPIRED");
}

TEST_F(ExchangeGuards, GoodsAreDueByThePolicyOrAsLongAsTheReturnHasThem) {
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_RESERVED);
  const absl::Time shipped = At("2026-03-04T12:00:00Z");
  EXPECT_EQ(ReturnDueFor(walk.state(), state_, policy_, shipped), shipped + absl::Hours(14 * 24));
  *state_.mutable_return_by() = calendar::ToProto(shipped + absl::Hours(20 * 24));
  EXPECT_EQ(ReturnDueFor(walk.state(), state_, policy_, shipped), shipped + absl::Hours(20 * 24));
  ExchangeWalk back = walk;
  back.Count(1);
  EXPECT_EQ(ReturnDueFor(back.state(), state_, policy_, shipped), std::nullopt);
}

TEST_F(ExchangeGuards, DeliveryFollowsShipment) {
  PassesIn({X::STATUS_SHIPPED, X::STATUS_RETURN_OVERDUE, X::STATUS_COMPLETED},
           [](const ExchangeWalk& walk) {
             return CheckDeliverExchange(walk.state(), walk.now(), walk.now());
           });
  const ExchangeWalk walk = ExchangeWalk::To(X::STATUS_SHIPPED);
  const auto reason = [&](absl::Time at) {
    return ReasonOf(CheckDeliverExchange(walk.state(), walk.now(), at));
  };
  EXPECT_EQ(reason(walk.now() + absl::Seconds(1)), "IN_THE_FUTURE");
  EXPECT_EQ(reason(walk.now() - absl::Hours(2)), "BEFORE_SHIPMENT");
  EXPECT_EQ(reason(walk.now() - absl::Hours(1)), "");
}

TEST_F(ExchangeGuards, CompletesWithGoodsMoneyOrAManager) {
  const std::set<X::Status> out = {X::STATUS_SHIPPED, X::STATUS_DELIVERED,
                                   X::STATUS_RETURN_OVERDUE};
  PassesIn(out, [](const ExchangeWalk& walk) {
    return CheckCompleteExchange(walk.state(), v1::ROLE_MANAGER, "loyal buyer");
  });
  ExchangeWalk walk = ExchangeWalk::To(X::STATUS_SHIPPED);
  const auto reason = [&](v1::Role role = v1::ROLE_OPERATOR, const char* waiver = "") {
    return ReasonOf(CheckCompleteExchange(walk.state(), role, waiver));
  };
  EXPECT_EQ(reason(), "RETURN_NOT_ACCEPTED");
  EXPECT_EQ(reason(v1::ROLE_OPERATOR, "please"), "ROLE_REQUIRED");
  EXPECT_EQ(reason(v1::ROLE_MANAGER), "RETURN_NOT_ACCEPTED");
  EXPECT_EQ(ReasonOf(CheckCompleteExchange(walk.state(), v1::ROLE_MANAGER, std::string(501, 'x'))),
            "TOO_LONG");
  walk.Count(1);
  EXPECT_EQ(reason(), "RETURN_NOT_ACCEPTED") << "counted is not accepted";
  walk.Count(1, 1);
  EXPECT_EQ(reason(), "");
  // What is charged for overdue goods must be paid.
  walk = ExchangeWalk::To(X::STATUS_RETURN_OVERDUE);
  EXPECT_EQ(reason(), "RETURN_NOT_ACCEPTED");
  walk.Pay(5411);
  EXPECT_EQ(reason(), "");
  // Nothing may be open between the two.
  walk = ExchangeWalk();
  walk.MakeOffer(4328, X::MODE_SHIP_FIRST).Accept().Reserve().Ship().Count(1, 1);
  EXPECT_EQ(reason(), "BALANCE_OPEN");
  EXPECT_EQ(reason(v1::ROLE_MANAGER, "whatever"), "BALANCE_OPEN");
  walk.Pay(-1083);
  EXPECT_EQ(reason(), "");
}

TEST_F(ExchangeGuards, IsTakenBackUntilItIsShipped) {
  PassesIn({X::STATUS_OFFERED, X::STATUS_REOFFERED, X::STATUS_ACCEPTED, X::STATUS_RESERVED,
            X::STATUS_AWAITING_RETURN, X::STATUS_AWAITING_PAYMENT},
           [](const ExchangeWalk& walk) { return CheckCancelExchange(walk.state()); });
}

}  // namespace
}  // namespace aftersales
