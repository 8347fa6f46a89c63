// What the domain's tests of exchanges share: an exchange and its facts in one call each.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "core/domain/calendar.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"

namespace aftersales::testing_util {

// Facts of one exchange of a unit that is worth 54.11 USD, an hour apart, from
// 2026-03-02T09:00:00Z. An offer ends after 72 hours.
class ExchangeWalk {
 public:
  explicit ExchangeWalk(std::string_view profile = "seed") : policy_(*FindPolicy(profile)) {}

  const v1::Exchange& state() const { return state_; }
  v1::Exchange& state() { return state_; }
  absl::Time now() const { return now_; }
  const v1::Policy& policy() const { return policy_; }

  v1::Exchange Offered(int64_t price = 6494,
                       v1::Exchange::Mode mode = v1::Exchange::MODE_RETURN_FIRST,
                       int units = 1) const {
    v1::Exchange exchange;
    exchange.set_name("sellers/acme/exchanges/exc_1");
    exchange.set_return_name("sellers/acme/returns/ret_1");
    exchange.set_order("sellers/acme/orders/113-1");
    exchange.set_channel("sellers/acme/channels/us");
    exchange.set_mode(mode);
    v1::ExchangeItem* item = exchange.add_items();
    item->set_line_id("L1");
    item->set_quantity(units);
    *item->mutable_item_value() = money::Make(4999 * units, "USD");
    *item->mutable_tax_value() = money::Make(412 * units, "USD");
    *exchange.mutable_returned_value() = money::Make(5411 * units, "USD");
    *exchange.add_offers() = Offer("1", price, 5411 * units);
    return exchange;
  }
  v1::ExchangeOffer Offer(std::string_view id, int64_t price, int64_t returned = 5411) const {
    v1::ExchangeOffer offer;
    offer.set_offer_id(std::string(id));
    offer.set_sku("SKU-2");
    offer.set_quantity(1);
    *offer.mutable_price() = money::Make(price, "USD");
    *offer.mutable_price_difference() = money::Make(price - returned, "USD");
    *offer.mutable_expires_at() = calendar::ToProto(now_ + absl::Hours(72));
    return offer;
  }

  ExchangeWalk& Do(const std::function<void(v1::Event&)>& fill) {
    v1::Event fact = Fact(fill);
    ApplyExchangeFact(fact, policy_, &state_);
    now_ += absl::Hours(1);
    return *this;
  }
  v1::Event Fact(const std::function<void(v1::Event&)>& fill) const {
    v1::Event fact;
    *fact.mutable_occurred_at() = calendar::ToProto(now_);
    fill(fact);
    return fact;
  }
  ExchangeWalk& Pass(absl::Duration time) {
    now_ += time;
    return *this;
  }

  ExchangeWalk& MakeOffer(int64_t price = 6494,
                          v1::Exchange::Mode mode = v1::Exchange::MODE_RETURN_FIRST,
                          int units = 1) {
    const v1::Exchange offered = Offered(price, mode, units);
    return Do([&](v1::Event& f) { *f.mutable_exchange_offered()->mutable_exchange() = offered; });
  }
  ExchangeWalk& Accept(std::string_view id = "1") {
    return Do([&](v1::Event& f) { f.mutable_exchange_accepted()->set_offer_id(std::string(id)); });
  }
  ExchangeWalk& Decline() {
    return Do([](v1::Event& f) { f.mutable_exchange_declined()->set_reason("too late"); });
  }
  ExchangeWalk& Expire() {
    return Do([](v1::Event& f) { f.mutable_exchange_expired(); });
  }
  ExchangeWalk& Reserve() {
    const absl::Time until = now_ + absl::Hours(24) * policy_.exchange_reservation_days();
    return Do([&](v1::Event& f) {
      v1::StockReservation* kept = f.mutable_exchange_reserved()->mutable_reservation();
      kept->set_sku("SKU-2");
      kept->set_location("reno");
      kept->set_quantity(1);
      *kept->mutable_until() = calendar::ToProto(until);
    });
  }
  ExchangeWalk& LoseReservation() {
    return Do([](v1::Event& f) { f.mutable_exchange_reservation_expired(); });
  }
  ExchangeWalk& RunOut() {
    return Do([](v1::Event& f) { f.mutable_exchange_out_of_stock()->set_sku("SKU-2"); });
  }
  ExchangeWalk& Convert() {
    return Do([](v1::Event& f) {
      v1::ExchangeConverted* converted = f.mutable_exchange_converted();
      converted->mutable_refund_spec()->set_return_name("sellers/acme/returns/ret_1");
      *converted->mutable_refund_quote()->mutable_total() = money::Make(6000, "USD");
    });
  }
  ExchangeWalk& Reoffer(int64_t price = 5411) {
    const v1::ExchangeOffer offer = Offer("2", price);
    return Do([&](v1::Event& f) { *f.mutable_exchange_reoffered()->add_offers() = offer; });
  }
  // From the buyer where it is positive.
  ExchangeWalk& Pay(int64_t amount) {
    return Do([&](v1::Event& f) {
      v1::ExchangePayment* payment = f.mutable_exchange_payment_recorded()->mutable_payment();
      payment->set_direction(amount > 0 ? v1::ExchangePayment::DIRECTION_FROM_BUYER
                                        : v1::ExchangePayment::DIRECTION_TO_BUYER);
      *payment->mutable_amount() = money::Make(amount > 0 ? amount : -amount, "USD");
      payment->set_reference("ch_1");
    });
  }
  ExchangeWalk& Count(int returned, int accepted = 0) {
    return Do([&](v1::Event& f) {
      f.mutable_exchange_goods_counted()->set_quantity_returned(returned);
      f.mutable_exchange_goods_counted()->set_quantity_accepted(accepted);
    });
  }
  ExchangeWalk& Ship() {
    const bool back = state_.quantity_returned() > 0;
    return Do([&](v1::Event& f) {
      v1::ExchangeShipped* shipped = f.mutable_exchange_shipped();
      shipped->mutable_shipment()->set_carrier("DHL");
      shipped->mutable_shipment()->set_tracking_number("JD01");
      *shipped->mutable_shipment()->mutable_shipped_at() = f.occurred_at();
      if (!back) {
        *shipped->mutable_return_due_at() = calendar::ToProto(now_ + absl::Hours(14 * 24));
      }
    });
  }
  ExchangeWalk& Deliver() {
    return Do([](v1::Event& f) { f.mutable_exchange_delivered(); });
  }
  ExchangeWalk& Overdue(int64_t charge = 5411) {
    return Do([&](v1::Event& f) {
      f.mutable_exchange_return_overdue();
      if (charge > 0) {
        *f.mutable_exchange_return_overdue()->mutable_charge() = money::Make(charge, "USD");
      }
    });
  }
  ExchangeWalk& Complete(std::string_view waiver = "") {
    return Do([&](v1::Event& f) {
      f.mutable_exchange_completed()->set_waiver_reason(std::string(waiver));
    });
  }
  ExchangeWalk& CancelIt() {
    return Do([](v1::Event& f) { f.mutable_exchange_cancelled()->set_reason("changed mind"); });
  }
  ExchangeWalk& Link(std::string_view refund, bool difference) {
    return Do([&](v1::Event& f) {
      f.mutable_exchange_refund_linked()->set_refund(std::string(refund));
      f.mutable_exchange_refund_linked()->set_difference(difference);
    });
  }

  // The shortest walk to a state.
  static ExchangeWalk To(v1::Exchange::Status status) {
    constexpr auto kShipFirst = v1::Exchange::MODE_SHIP_FIRST;
    ExchangeWalk walk;
    switch (status) {
      case v1::Exchange::STATUS_OFFERED:
        return walk.MakeOffer();
      case v1::Exchange::STATUS_ACCEPTED:
        return walk.MakeOffer().Accept();
      case v1::Exchange::STATUS_DECLINED:
        return walk.MakeOffer().Decline();
      case v1::Exchange::STATUS_EXPIRED:
        return walk.MakeOffer().Expire();
      case v1::Exchange::STATUS_OUT_OF_STOCK:
        return walk.MakeOffer().Accept().RunOut();
      case v1::Exchange::STATUS_CONVERTED_TO_REFUND:
        return walk.MakeOffer().Accept().RunOut().Convert();
      case v1::Exchange::STATUS_REOFFERED:
        return walk.MakeOffer().Accept().RunOut().Reoffer();
      case v1::Exchange::STATUS_RESERVED:
        return walk.MakeOffer(5411, kShipFirst).Accept().Reserve();
      case v1::Exchange::STATUS_AWAITING_RETURN:
        return walk.MakeOffer(5411).Accept().Reserve();
      case v1::Exchange::STATUS_AWAITING_PAYMENT:
        return walk.MakeOffer().Accept().Reserve();
      case v1::Exchange::STATUS_SHIPPED:
        return walk.MakeOffer(5411, kShipFirst).Accept().Reserve().Ship();
      case v1::Exchange::STATUS_DELIVERED:
        return walk.MakeOffer(5411, kShipFirst).Accept().Reserve().Ship().Deliver();
      case v1::Exchange::STATUS_RETURN_OVERDUE:
        return walk.MakeOffer(5411, kShipFirst).Accept().Reserve().Ship().Overdue();
      case v1::Exchange::STATUS_COMPLETED:
        return walk.MakeOffer(5411, kShipFirst).Accept().Reserve().Ship().Complete("kept");
      case v1::Exchange::STATUS_CANCELLED:
        return walk.MakeOffer().CancelIt();
      default:
        return walk;
    }
  }
  static std::vector<v1::Exchange::Status> All() {
    std::vector<v1::Exchange::Status> all;
    for (int i = v1::Exchange::Status_MIN; i <= v1::Exchange::Status_MAX; ++i) {
      all.push_back(static_cast<v1::Exchange::Status>(i));
    }
    return all;
  }

 private:
  v1::Policy policy_;
  v1::Exchange state_;
  absl::Time now_ = At("2026-03-02T09:00:00Z");
};

}  // namespace aftersales::testing_util
