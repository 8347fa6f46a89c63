// Other goods for returned ones: a unit is refunded, exchanged or kept, once, and money between
// buyer and seller comes out even.
#include <atomic>
#include <barrier>
#include <map>
#include <thread>

#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_units.h"
#include "core/domain/policy.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using X = v1::Exchange;

class ExchangesTest : public HostTest {
 protected:
  // Whatever a test did: every exchange is the fold of its facts, and the stock that is kept is
  // what exchanges have reserved.
  void TearDown() override {
    const std::vector<X> all = List("");
    std::map<std::pair<std::string, std::string>, int> reserved;
    for (const X& exchange : all) {
      X folded;
      folded.set_name(exchange.name());
      for (const v1::Event& fact : AllEvents("subject = \"" + exchange.name() + "\"")) {
        ApplyExchangeFact(fact, *FindPolicy(profile_), &folded);
        EXPECT_EQ(fact.status_after(), StatusName(folded.status()));
      }
      PresentDeadlines(clock().Now(), &folded);
      folded.set_etag(exchange.etag());
      *folded.mutable_create_time() = exchange.create_time();
      *folded.mutable_update_time() = exchange.update_time();
      EXPECT_EQ(folded.DebugString(), exchange.DebugString());
      if (!exchange.has_reservation()) continue;
      reserved[{exchange.reservation().sku(), exchange.reservation().location()}] +=
          exchange.reservation().quantity();
    }
    v1::ListStockLevelsRequest request;
    request.set_parent(kSeller);
    const auto levels = api().Call(&Exchanges::ListStockLevels, request);
    ASSERT_TRUE(levels.ok()) << levels.status.error_message();
    for (const v1::StockLevel& level : levels->stock_levels()) {
      EXPECT_EQ(level.quantity_reserved(), (reserved[{level.sku(), level.location()}]))
          << level.name();
      EXPECT_EQ(level.quantity_available(), level.quantity_on_hand() - level.quantity_reserved());
    }
  }

  // A shoe of 49.99 + 4.12 tax, shipping 5.99 + 0.49.
  v1::Order ShoeOrder(std::string_view external_id, int units = 1) {
    v1::Order order = OrderOf("us", external_id, {{"SHOE", units, 4999 * units, 412 * units}});
    *order.mutable_shipping_total() = MoneyOf(599, "USD");
    *order.mutable_shipping_tax() = MoneyOf(49, "USD");
    return Put(order);
  }
  v1::Return ApprovedReturn(std::string_view external_id, int units = 1) {
    return Approve(
        Create(ShoeOrder(external_id, units), v1::RETURN_REASON_NO_LONGER_NEEDED, units));
  }

  v1::OfferExchangeRequest OfferRequest(const v1::Return& state, int64_t price,
                                        X::Mode mode = X::MODE_RETURN_FIRST, int units = 0) {
    v1::OfferExchangeRequest request;
    request.set_parent(kSeller);
    request.set_return_name(state.name());
    request.set_mode(mode);
    if (units > 0) {
      request.add_items()->set_line_id("SHOE");
      request.mutable_items(0)->set_quantity(units);
    }
    v1::ExchangeOffer* offer = request.add_offers();
    offer->set_sku("BOOT");
    offer->set_quantity(1);
    *offer->mutable_price() = MoneyOf(price, "USD");
    return request;
  }
  X Offer(const v1::Return& state, int64_t price, X::Mode mode = X::MODE_RETURN_FIRST,
          int units = 0) {
    return Value(api().Call(&Exchanges::OfferExchange, OfferRequest(state, price, mode, units)));
  }
  template <typename Request>
  static Request On(const X& exchange) {
    Request request;
    request.set_name(exchange.name());
    return request;
  }
  X Accept(const X& exchange, std::string_view offer = "") {
    auto request = On<v1::AcceptExchangeRequest>(exchange);
    request.set_offer_id(std::string(offer));
    return Value(api().Call(&Exchanges::AcceptExchange, request));
  }
  X Reserve(const X& exchange) {
    return Value(api().Call(&Exchanges::ReserveExchange, On<v1::ReserveExchangeRequest>(exchange)));
  }
  Reply<X> Pay(const X& exchange, int64_t amount, std::string_view reference,
               bool to_buyer = false) {
    auto request = On<v1::RecordExchangePaymentRequest>(exchange);
    request.mutable_payment()->set_direction(to_buyer ? v1::ExchangePayment::DIRECTION_TO_BUYER
                                                      : v1::ExchangePayment::DIRECTION_FROM_BUYER);
    *request.mutable_payment()->mutable_amount() = MoneyOf(amount, "USD");
    request.mutable_payment()->set_reference(std::string(reference));
    return api().Call(&Exchanges::RecordExchangePayment, request);
  }
  v1::ShipExchangeRequest ShipRequest(const X& exchange) {
    auto request = On<v1::ShipExchangeRequest>(exchange);
    request.mutable_shipment()->set_carrier("Some Carrier");
    request.mutable_shipment()->set_tracking_number("SC-0001");
    return request;
  }
  Reply<X> Ship(const X& exchange) {
    return api().Call(&Exchanges::ShipExchange, ShipRequest(exchange));
  }
  X Deliver(const X& exchange) {
    return Value(api().Call(&Exchanges::DeliverExchange, On<v1::DeliverExchangeRequest>(exchange)));
  }
  Reply<X> Complete(const X& exchange, std::string_view waiver = "") {
    auto request = On<v1::CompleteExchangeRequest>(exchange);
    request.set_waiver_reason(std::string(waiver));
    return api().Call(&Exchanges::CompleteExchange, request);
  }
  Reply<X> Cancel(const X& exchange) {
    auto request = On<v1::CancelExchangeRequest>(exchange);
    request.set_reason("the buyer wants the money");
    return api().Call(&Exchanges::CancelExchange, request);
  }
  X Now(const X& exchange) {
    v1::GetExchangeRequest request;
    request.set_name(exchange.name());
    return Value(api().Call(&Exchanges::GetExchange, request));
  }
  X AwaitStatus(const X& exchange, X::Status status) {
    X now;
    EXPECT_TRUE(Eventually([&] { return (now = Now(exchange)).status() == status; }))
        << X::Status_Name(now.status());
    return now;
  }
  // An exchange that is on its way.
  X Shipped(const v1::Return& state, int64_t price, X::Mode mode) {
    Stock("BOOT", 9);
    X exchange = Reserve(Accept(Offer(state, price, mode)));
    return Value(Ship(exchange));
  }

  v1::StockLevel Stock(std::string_view sku, int on_hand) {
    v1::RecordStockRequest request;
    request.set_parent(kSeller);
    v1::StockLevel* level = request.add_stock_levels();
    level->set_sku(std::string(sku));
    level->set_location("reno");
    level->set_quantity_on_hand(on_hand);
    const auto recorded = api().Call(&Exchanges::RecordStock, request);
    EXPECT_TRUE(recorded.ok()) << recorded.status.error_message();
    return recorded->stock_levels(0);
  }
  v1::StockLevel Level(std::string_view sku) {
    v1::ListStockLevelsRequest request;
    request.set_parent(kSeller);
    request.set_filter("sku = \"" + std::string(sku) + "\"");
    const auto listed = api().Call(&Exchanges::ListStockLevels, request);
    EXPECT_TRUE(listed.ok()) << listed.status.error_message();
    EXPECT_EQ(listed->stock_levels_size(), 1);
    return listed->stock_levels_size() == 1 ? listed->stock_levels(0) : v1::StockLevel();
  }
  std::vector<X> List(const std::string& filter) {
    v1::ListExchangesRequest request;
    request.set_parent(kSeller);
    request.set_filter(filter);
    const auto listed = api().Call(&Exchanges::ListExchanges, request);
    EXPECT_TRUE(listed.ok()) << listed.status.error_message();
    return {listed->exchanges().begin(), listed->exchanges().end()};
  }
  Reply<v1::Refund> Refund(const v1::Return& state, int units = 0) {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(state.name());
    if (units > 0) {
      request.mutable_spec()->add_items()->set_line_id("SHOE");
      request.mutable_spec()->mutable_items(0)->set_quantity(units);
    }
    return api().Call(&Refunds::IssueRefund, request);
  }
  // What was paid for the goods of a return of all units of a ShoeOrder.
  static int64_t PaidFor(const v1::Return& state) {
    return state.items(0).quantity_approved() * (4999 + 412) + 599 + 49;
  }
  // The kinds of work that wait on one resource.
  std::vector<v1::Deadline::Kind> WorkOn(const std::string& name) {
    std::vector<v1::Deadline::Kind> kinds;
    for (const v1::WorkItem& item : WorkItems()) {
      if (item.subject() == name) kinds.push_back(item.kind());
    }
    return kinds;
  }
  static const v1::Deadline* Last(const X& exchange, v1::Deadline::Kind kind) {
    const v1::Deadline* last = nullptr;
    for (const v1::Deadline& deadline : exchange.deadlines()) {
      if (deadline.kind() == kind) last = &deadline;
    }
    return last;
  }
  template <typename Resource>
  static bool Found(const Resource& resource, v1::Finding::Kind kind) {
    return std::any_of(resource.findings().begin(), resource.findings().end(),
                       [&](const v1::Finding& finding) { return finding.kind() == kind; });
  }
  void ExpectAuditIntact() {
    v1::VerifyAuditRequest request;
    request.set_parent(kSeller);
    const auto verified = api().Call(&Audits::VerifyAudit, request);
    ASSERT_TRUE(verified.ok()) << verified.status.error_message();
    EXPECT_TRUE(verified->intact()) << verified->message();
  }

  template <typename T>
  static T Value(const Reply<T>& reply) {
    EXPECT_TRUE(reply.ok()) << reply.reason() << ": " << reply.status.error_message();
    return *reply;
  }

  std::string profile_ = "seed";  // of the channel
};

// ---- N11 --------------------------------------------------------------------------------------

TEST_F(ExchangesTest, DearerReplacementShipsOnceItIsPaidAndTheGoodsAreBack) {
  v1::Return state = ApprovedReturn("113-9000001-0000001");
  const v1::Order replacement_order =
      Put(OrderOf("us", "113-9000001-0000099", {{"BOOT", 1, 1, 0}}));
  X exchange = Offer(state, 6494);
  EXPECT_EQ(exchange.status(), X::STATUS_OFFERED);
  EXPECT_EQ(exchange.returned_value().minor_units(), 5411);
  EXPECT_EQ(exchange.offers(0).price_difference().minor_units(), 1083);
  EXPECT_EQ(exchange.requested_by().id(), "mia");
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_OFFER));

  exchange = Accept(exchange);
  EXPECT_EQ(exchange.balance().minor_units(), 1083) << "the buyer owes";
  EXPECT_EQ(
      api().Call(&Exchanges::ReserveExchange, On<v1::ReserveExchangeRequest>(exchange)).reason(),
      "STOCK_UNKNOWN");
  Stock("BOOT", 3);
  exchange = Reserve(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_AWAITING_PAYMENT);
  EXPECT_EQ(exchange.reservation().location(), "reno");
  EXPECT_EQ(Level("BOOT").quantity_available(), 2);
  auto ship = Ship(exchange);
  EXPECT_EQ(ship.reason(), "PAYMENT_REQUIRED");
  EXPECT_EQ(ship.metadata("due"), "1083");

  EXPECT_EQ(Pay(exchange, 1084, "ch_1").reason(), "EXCEEDS_DUE");
  exchange = Value(Pay(exchange, 1083, "ch_1"));
  EXPECT_EQ(exchange.status(), X::STATUS_AWAITING_RETURN);
  EXPECT_EQ(Pay(exchange, 1083, "ch_1").reason(), "PAYMENT_EXISTS");
  EXPECT_EQ(Ship(exchange).reason(), "RETURN_NOT_RECEIVED");
  EXPECT_EQ(Refund(state, 1).reason(), "UNIT_ALREADY_EXCHANGED");

  state = Receive(state);
  EXPECT_EQ(state.etag(), Get(state).etag());
  exchange = Now(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_RESERVED);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_SHIP));
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");

  v1::ShipExchangeRequest request = ShipRequest(exchange);
  request.set_replacement_order(exchange.order());
  EXPECT_EQ(api().Call(&Exchanges::ShipExchange, request).reason(), "BAD_NAME");
  request.set_replacement_order(replacement_order.name());
  request.mutable_shipment()->clear_tracking_number();
  EXPECT_EQ(api().Call(&Exchanges::ShipExchange, request).reason(), "TRACKING_REQUIRED");
  request.mutable_shipment()->set_tracking_number("SC-0001");
  exchange = Value(api().Call(&Exchanges::ShipExchange, request));
  EXPECT_EQ(exchange.status(), X::STATUS_SHIPPED);
  EXPECT_EQ(exchange.shipment().verdict().tracking_number(), "SC0001");
  EXPECT_TRUE(WorkOn(exchange.name()).empty());
  const v1::StockLevel level = Level("BOOT");
  EXPECT_EQ(level.quantity_on_hand(), 2);
  EXPECT_EQ(level.quantity_reserved(), 0);
  EXPECT_EQ(Get(state).items(0).quantity_exchanged(), 1);
  EXPECT_EQ(Cancel(exchange).reason(), "INVALID_STATE");

  // The return is over when the goods are accepted; the exchange when it arrived as well.
  state = Inspect(state, 1, v1::CONDITION_NEW);
  EXPECT_EQ(state.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_MET);
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");
  EXPECT_EQ(Refund(state, 1).reason(), "UNIT_ALREADY_EXCHANGED");
  v1::IssueRefundRequest concession;
  concession.set_parent(kSeller);
  concession.mutable_spec()->set_order(state.order());
  concession.mutable_spec()->add_items()->set_line_id("SHOE");
  concession.mutable_spec()->mutable_items(0)->set_quantity(1);
  const auto refused = api().Call(&Refunds::IssueRefund, concession);
  EXPECT_EQ(refused.reason(), "UNIT_ALREADY_EXCHANGED");
  EXPECT_EQ(refused.metadata("exchange"), exchange.name());
  Advance(absl::Hours(30));
  exchange = Deliver(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_COMPLETED);
  EXPECT_EQ(exchange.balance().minor_units(), 0);

  // Both orders lead to it.
  for (const std::string& filter :
       {"order = \"" + state.order() + "\"",
        "replacement_order = \"" + replacement_order.name() + "\"",
        "return_name = \"" + state.name() + "\"", std::string("status = COMPLETED")}) {
    const std::vector<X> found = List(filter);
    ASSERT_EQ(found.size(), 1u) << filter;
    EXPECT_EQ(found[0].name(), exchange.name());
  }
  EXPECT_TRUE(List("status = SHIPPED").empty());
  // No money went to the buyer.
  EXPECT_TRUE(Log("fake-market", "effects.log", "IssueRefund").empty());

  std::vector<std::string> kinds;
  for (const v1::Event& event : AllEvents("subject = \"" + exchange.name() + "\"")) {
    kinds.push_back(event.GetDescriptor()->FindFieldByNumber(event.body_case())->name());
  }
  EXPECT_THAT(kinds,
              ElementsAre("exchange_offered", "exchange_accepted", "exchange_reserved",
                          "exchange_payment_recorded", "exchange_goods_counted", "exchange_shipped",
                          "exchange_goods_counted", "exchange_delivered"));
  EXPECT_TRUE(Eventually([&] {
    return Log("fake-erp", "erp.log", exchange.name()).size() == kinds.size();
  })) << "the ERP is told of every step";
  EXPECT_THAT(Log("fake-erp", "erp.log", exchange.name()).back(), HasSubstr("COMPLETED"));
  ExpectAuditIntact();
}

TEST_F(ExchangesTest, CheaperReplacementPaysTheRestBackOnce) {
  const v1::Return state = Receive(ApprovedReturn("113-9000002-0000002"));
  X exchange = Offer(state, 4328);
  EXPECT_EQ(exchange.offers(0).price_difference().minor_units(), -1083);
  Stock("BOOT", 1);
  exchange = Reserve(Accept(exchange));
  EXPECT_EQ(exchange.status(), X::STATUS_RESERVED) << "the buyer owes nothing";
  EXPECT_EQ(exchange.balance().minor_units(), -1083);
  EXPECT_EQ(Pay(exchange, 1083, "x", true).reason(), "INVALID_STATE") << "not before it ships";
  exchange = Value(Ship(exchange));
  ASSERT_FALSE(exchange.difference_refund().empty());
  ASSERT_TRUE(Eventually([&] { return Now(exchange).balance().minor_units() == 0; }));
  v1::GetRefundRequest get;
  get.set_name(exchange.difference_refund());
  const v1::Refund refund = *api().Call(&Refunds::GetRefund, get);
  EXPECT_EQ(refund.status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(refund.kind(), v1::Refund::KIND_EXCHANGE_DIFFERENCE);
  EXPECT_EQ(refund.total().minor_units(), 1083);
  EXPECT_EQ(refund.exchange(), exchange.name());
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  exchange = Now(exchange);
  ASSERT_EQ(exchange.payments_size(), 1);
  EXPECT_EQ(exchange.payments(0).refund(), refund.name());
  EXPECT_EQ(Pay(exchange, 1083, "x", true).reason(), "REFUND_PENDING") << "it is paid";
  EXPECT_TRUE(WorkOn(exchange.name()).empty());
  // It paid for no unit.
  EXPECT_EQ(Get(state).items(0).quantity_refunded(), 0);
  Inspect(state, 1, v1::CONDITION_NEW);
  EXPECT_EQ(Deliver(exchange).status(), X::STATUS_COMPLETED);

  // The money comes back: it is owed again.
  v1::ReverseRefundRequest reverse;
  reverse.set_name(refund.name());
  reverse.set_reason("account closed");
  reverse.set_proof("statement line 4");
  ASSERT_TRUE(api().Call(&Refunds::ReverseRefund, reverse).ok());
  exchange = Now(exchange);
  EXPECT_EQ(exchange.balance().minor_units(), -1083);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_PAYMENT));
  exchange = Value(Pay(exchange, 1083, "bank transfer 7", true));
  EXPECT_EQ(exchange.balance().minor_units(), 0);
  EXPECT_TRUE(WorkOn(exchange.name()).empty());
}

TEST_F(ExchangesTest, WhoNamedThePriceDecidesOnTheRestAndNotAloneInAdvance) {
  Stock("BOOT", 9);
  const auto shipped = [&](const v1::Return& state, X::Mode mode) {
    const auto offered =
        ApiAs("operator:olga").Call(&Exchanges::OfferExchange, OfferRequest(state, 1, mode));
    const X reserved = Reserve(Accept(Value(offered)));
    const auto sent = ApiAs("warehouse").Call(&Exchanges::ShipExchange, ShipRequest(reserved));
    v1::GetRefundRequest get;
    get.set_name(Value(sent).difference_refund());
    return Value(api().Call(&Refunds::GetRefund, get));
  };
  // The goods are back: within her limit the rest is hers to give.
  const v1::Refund after =
      shipped(Receive(ApprovedReturn("113-9000061-0000061")), X::MODE_RETURN_FIRST);
  EXPECT_NE(after.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(after.requested_by().id(), "olga");
  // They are not.
  const v1::Refund before = shipped(ApprovedReturn("113-9000062-0000062"), X::MODE_SHIP_FIRST);
  EXPECT_EQ(before.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  EXPECT_EQ(EffectCount("IssueRefund", before.name()), 0);
  v1::ApproveRefundRequest approve;
  approve.set_name(before.name());
  EXPECT_EQ(ApiAs("operator:olga").Call(&Refunds::ApproveRefund, approve).reason(), "FOUR_EYES");
  ASSERT_TRUE(api().Call(&Refunds::ApproveRefund, approve).ok());
  EXPECT_TRUE(Eventually([&] { return EffectCount("IssueRefund", before.name()) == 1; }));
  // More than her limit is more than her limit, whoever ships.
  const v1::Return dear =
      Receive(Approve(Create(Put(OrderOf("us", "113-9000063-0000063", {{"SHOE", 1, 90000, 0}})),
                             v1::RETURN_REASON_NO_LONGER_NEEDED)));
  EXPECT_EQ(shipped(dear, X::MODE_RETURN_FIRST).status(), v1::Refund::STATUS_PENDING_APPROVAL);
}

TEST_F(ExchangesTest, RestThatCouldNotBePaidIsPaidByRetryOrByHandOnce) {
  SetMode("fake-market", "IssueRefund=FAIL");
  X first = Shipped(Receive(ApprovedReturn("113-9000003-0000003")), 4328, X::MODE_RETURN_FIRST);
  X second = Shipped(Receive(ApprovedReturn("113-9000004-0000004")), 4328, X::MODE_RETURN_FIRST);
  const std::string refund_of_first = first.difference_refund();
  const std::string refund_of_second = second.difference_refund();
  for (X* exchange : {&first, &second}) {
    ASSERT_TRUE(Eventually([&] { return Now(*exchange).difference_refund().empty(); }));
    *exchange = Now(*exchange);
    EXPECT_EQ(exchange->balance().minor_units(), -1083);
    EXPECT_THAT(WorkOn(exchange->name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_PAYMENT));
  }
  SetMode("fake-market", "");
  v1::RetryRefundRequest retry;
  retry.set_name(refund_of_first);
  ASSERT_TRUE(api().Call(&Refunds::RetryRefund, retry).ok());
  EXPECT_EQ(Pay(first, 1083, "by hand", true).reason(), "REFUND_PENDING");
  ASSERT_TRUE(Eventually([&] { return Now(first).balance().minor_units() == 0; }));
  EXPECT_EQ(EffectCount("IssueRefund", refund_of_first), 1);
  // By hand: then the refund is not tried again.
  EXPECT_EQ(Value(Pay(second, 1083, "by hand", true)).balance().minor_units(), 0);
  retry.set_name(refund_of_second);
  EXPECT_EQ(api().Call(&Refunds::RetryRefund, retry).reason(), "NOTHING_TO_REFUND");
  EXPECT_EQ(EffectCount("IssueRefund", refund_of_second), 0);
}

TEST_F(ExchangesTest, SameAgainCostsNobodyAnything) {
  const v1::Return state = Receive(ApprovedReturn("113-9000005-0000005"));
  v1::OfferExchangeRequest request;
  request.set_parent(kSeller);
  request.set_return_name(state.name());
  request.add_offers();
  X exchange = Value(api().Call(&Exchanges::OfferExchange, request));
  EXPECT_EQ(exchange.offers(0).sku(), "SHOE");
  EXPECT_EQ(exchange.offers(0).price_difference().minor_units(), 0);
  EXPECT_EQ(exchange.quantity_returned(), 1) << "the goods are there already";
  Stock("SHOE", 5);
  exchange = Reserve(Accept(exchange));
  EXPECT_EQ(exchange.status(), X::STATUS_RESERVED);
  exchange = Value(Ship(exchange));
  EXPECT_EQ(exchange.balance().minor_units(), 0);
  EXPECT_TRUE(exchange.difference_refund().empty());
}

// ---- N12 --------------------------------------------------------------------------------------

TEST_F(ExchangesTest, OutOfStockBecomesARefundAtTheSellersFault) {
  const v1::Return state = ApprovedReturn("113-9000010-0000010");
  const v1::Return other = ApprovedReturn("113-9000011-0000011");
  Stock("BOOT", 1);
  X exchange = Accept(Offer(state, 5411));
  const X taker = Reserve(Accept(Offer(other, 5411, X::MODE_SHIP_FIRST)));
  EXPECT_EQ(taker.status(), X::STATUS_RESERVED) << "another one takes the unit";

  exchange = Reserve(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_CONVERTED_TO_REFUND);
  EXPECT_EQ(exchange.reason(), "OUT_OF_STOCK");
  EXPECT_FALSE(exchange.has_reservation());
  EXPECT_EQ(Level("BOOT").quantity_reserved(), 1) << "that of the other one";
  EXPECT_EQ(exchange.refund_quote().total().minor_units(), 4999 + 412 + 599 + 49)
      << "with the shipping, although the buyer changed their mind";
  EXPECT_EQ(FindDeadline(Get(state), v1::Deadline::KIND_RETURN_RESPONSE)->state(),
            v1::Deadline::STATE_MET);
  EXPECT_EQ(Get(state).items(0).quantity_in_exchange(), 0);
  std::vector<std::string> states;
  for (const v1::Event& event : AllEvents("subject = \"" + exchange.name() + "\"")) {
    states.push_back(event.status_after());
    if (!event.has_exchange_converted()) continue;
    EXPECT_EQ(event.exchange_converted().refund_quote().total().minor_units(), 6059);
    EXPECT_THAT(event.explanation().sentence(), HasSubstr("the seller answers for it"));
  }
  EXPECT_THAT(states, ElementsAre("OFFERED", "ACCEPTED", "OUT_OF_STOCK", "CONVERTED_TO_REFUND"));
  const std::vector<v1::WorkItem> work = WorkItems("kind = EXCHANGE_REFUND");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_THAT(work[0].action(), HasSubstr("60.59"));

  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  *refund.mutable_spec() = exchange.refund_spec();
  *refund.mutable_expected_total() = exchange.refund_quote().total();
  const v1::Refund paid = Issue(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 6059);
  EXPECT_EQ(paid.exchange(), exchange.name());
  EXPECT_EQ(Now(exchange).refund(), paid.name());
  EXPECT_TRUE(WorkItems("kind = EXCHANGE_REFUND").empty());
  EXPECT_EQ(api().Call(&Exchanges::OfferExchange, OfferRequest(state, 5411)).reason(),
            "UNIT_ALREADY_REFUNDED");
  ExpectAuditIntact();
}

TEST_F(ExchangesTest, RefundInsteadIsDueAgainIfItComesToNothing) {
  const v1::Return state = ApprovedReturn("113-9000012-0000012");
  Stock("BOOT", 0);
  const X exchange = Reserve(Accept(Offer(state, 5411)));
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  *refund.mutable_spec() = exchange.refund_spec();
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund failed = Issue(refund, v1::Refund::STATUS_FAILED);
  EXPECT_EQ(Now(exchange).refund(), "");
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_REFUND));
  SetMode("fake-market", "");
  v1::RetryRefundRequest retry;
  retry.set_name(failed.name());
  ASSERT_TRUE(api().Call(&Refunds::RetryRefund, retry).ok());
  const v1::Refund paid = Await(failed, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 6059);
  EXPECT_EQ(Now(exchange).refund(), failed.name());
  EXPECT_TRUE(WorkOn(exchange.name()).empty());
}

TEST_F(ExchangesTest, OfTwoThatWereOutOfStockEachIsPaidFor) {
  const v1::Return state = Receive(ApprovedReturn("113-9000031-0000031", 2));
  Stock("BOOT", 0);
  const X first = Reserve(Accept(Offer(state, 5411, X::MODE_RETURN_FIRST, 1)));
  const X second = Reserve(Accept(Offer(state, 5411, X::MODE_RETURN_FIRST, 1)));
  ASSERT_EQ(second.status(), X::STATUS_CONVERTED_TO_REFUND);
  const v1::Refund one = Value(Refund(state, 1));
  Await(one, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Now(first).refund(), one.name());
  EXPECT_EQ(Now(second).refund(), "");
  EXPECT_TRUE(WorkOn(first.name()).empty());
  EXPECT_THAT(WorkOn(second.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_REFUND));
  const v1::Refund two = Value(Refund(state));
  Await(two, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Now(second).refund(), two.name());
  EXPECT_TRUE(WorkOn(second.name()).empty());
  EXPECT_EQ(one.total().minor_units() + two.total().minor_units(), PaidFor(state))
      << "with the shipping of both";
  ExpectAuditIntact();
}

TEST_F(ExchangesTest, OneRefundPaysForBothThatWereOutOfStock) {
  const v1::Return state = Receive(ApprovedReturn("113-9000032-0000032", 2));
  Stock("BOOT", 0);
  const X first = Reserve(Accept(Offer(state, 5411, X::MODE_RETURN_FIRST, 1)));
  const X second = Reserve(Accept(Offer(state, 5411, X::MODE_RETURN_FIRST, 1)));
  const v1::Refund both = Value(Refund(state));
  Await(both, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(both.total().minor_units(), PaidFor(state));
  for (const X& exchange : {first, second}) {
    EXPECT_EQ(Now(exchange).refund(), both.name());
    EXPECT_TRUE(WorkOn(exchange.name()).empty());
  }
}

TEST_F(ExchangesTest, NobodyLiftsAFeeAloneByAnExchangeOfNothing) {
  const v1::Return state =
      Inspect(Receive(ApprovedReturn("113-9000033-0000033")), 1, v1::CONDITION_BUYER_DAMAGED);
  Stock("SHAM", 0);
  v1::OfferExchangeRequest offer = OfferRequest(state, 5411);
  offer.mutable_offers(0)->set_sku("SHAM");
  const X exchange =
      Reserve(Accept(Value(ApiAs("operator:olga").Call(&Exchanges::OfferExchange, offer))));
  ASSERT_EQ(exchange.status(), X::STATUS_CONVERTED_TO_REFUND);
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  *request.mutable_spec() = exchange.refund_spec();
  const v1::Refund refund = Value(ApiAs("operator:Olga").Call(&Refunds::IssueRefund, request));
  EXPECT_EQ(refund.status(), v1::Refund::STATUS_PENDING_APPROVAL);
  v1::CancelRefundRequest cancel;
  cancel.set_name(refund.name());
  cancel.set_reason("somebody else asks");
  ASSERT_TRUE(api().Call(&Refunds::CancelRefund, cancel).ok());
  EXPECT_EQ(Value(ApiAs("operator:otto").Call(&Refunds::IssueRefund, request)).status(),
            v1::Refund::STATUS_APPROVED)
      << "two people have seen it";
}

TEST_F(ExchangesTest, WhoNamesThePriceOfAnotherOfferDecidesOnIt) {
  const v1::Return state = Receive(ApprovedReturn("113-9000034-0000034"));
  Stock("BOOT", 0);
  Stock("CLOG", 4);
  const X exchange = Accept(Offer(state, 5411));
  auto reserve = On<v1::ReserveExchangeRequest>(exchange);
  v1::ExchangeOffer* other = reserve.add_alternatives();
  other->set_sku("CLOG");
  other->set_quantity(1);
  *other->mutable_price() = MoneyOf(100, "USD");
  EXPECT_EQ(ApiAs("warehouse:reno").Call(&Exchanges::ReserveExchange, reserve).reason(),
            "ROLE_REQUIRED");
  const X reoffered = Value(ApiAs("operator:olga").Call(&Exchanges::ReserveExchange, reserve));
  EXPECT_EQ(reoffered.status(), X::STATUS_REOFFERED);
  EXPECT_EQ(reoffered.requested_by().id(), "olga");
}

TEST_F(ExchangesTest, OutOfStockMayBecomeAnotherOffer) {
  const v1::Return state = Receive(ApprovedReturn("113-9000013-0000013"));
  Stock("BOOT", 0);
  Stock("CLOG", 4);
  X exchange = Accept(Offer(state, 6494));
  exchange = Value(Pay(exchange, 1083, "ch_1"));
  auto request = On<v1::ReserveExchangeRequest>(exchange);
  v1::ExchangeOffer* clog = request.add_alternatives();
  clog->set_sku("CLOG");
  clog->set_quantity(2);
  *clog->mutable_price() = MoneyOf(5911, "USD");
  exchange = Value(api().Call(&Exchanges::ReserveExchange, request));
  EXPECT_EQ(exchange.status(), X::STATUS_REOFFERED);
  EXPECT_EQ(exchange.balance().minor_units(), 0) << "what was paid waits for the choice";
  EXPECT_EQ(exchange.offers(0).offer_id(), "2");
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED") << "still held";
  EXPECT_EQ(api()
                .Call(&Exchanges::AcceptExchange,
                      [&] {
                        auto wrong = On<v1::AcceptExchangeRequest>(exchange);
                        wrong.set_offer_id("1");
                        return wrong;
                      }())
                .reason(),
            "OFFER_UNKNOWN");
  exchange = Reserve(Accept(exchange, "2"));
  EXPECT_EQ(exchange.status(), X::STATUS_RESERVED);
  EXPECT_EQ(exchange.balance().minor_units(), 500 - 1083);
  EXPECT_EQ(Level("CLOG").quantity_available(), 2);
  exchange = Value(Ship(exchange));
  ASSERT_TRUE(Eventually([&] { return Now(exchange).balance().minor_units() == 0; }));
  EXPECT_EQ(Log("fake-market", "effects.log", " 583 USD ").size(), 1u);
}

TEST_F(ExchangesTest, WhatWasPaidForNothingIsOwedBack) {
  const v1::Return state = ApprovedReturn("113-9000014-0000014");
  Stock("BOOT", 0);
  X exchange = Accept(Offer(state, 6494));
  exchange = Value(Pay(exchange, 1083, "ch_1"));
  exchange = Reserve(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_CONVERTED_TO_REFUND);
  EXPECT_EQ(exchange.balance().minor_units(), -1083);
  // The units are refunded from the order, the difference by the charge that it came with.
  v1::IssueRefundRequest refund;
  refund.set_parent(kSeller);
  *refund.mutable_spec() = exchange.refund_spec();
  EXPECT_EQ(Issue(refund, v1::Refund::STATUS_SUCCEEDED).total().minor_units(), 6059);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_PAYMENT));
  EXPECT_EQ(Pay(exchange, 1084, "re_1", true).reason(), "EXCEEDS_DUE");
  EXPECT_EQ(Value(Pay(exchange, 1083, "re_1", true)).balance().minor_units(), 0);
  EXPECT_TRUE(WorkOn(exchange.name()).empty());
}

// ---- the clock --------------------------------------------------------------------------------

TEST_F(ExchangesTest, OfferExpiresWhereverTheHostWas) {
  const v1::Return state = Receive(ApprovedReturn("113-9000020-0000020"));
  const X offered = Offer(state, 5411);
  Advance(absl::Hours(72));
  absl::SleepFor(absl::Milliseconds(250));
  EXPECT_EQ(Now(offered).status(), X::STATUS_OFFERED) << "in time at the last instant";
  StopHost();
  Advance(absl::Hours(5));
  StartHost();
  const X expired = AwaitStatus(offered, X::STATUS_EXPIRED);
  const v1::Event last = AllEvents("subject = \"" + offered.name() + "\"").back();
  EXPECT_EQ(last.occurred_at().seconds(), offered.offers(0).expires_at().seconds());
  EXPECT_EQ(last.actor().role(), v1::ROLE_CLOCK);
  EXPECT_EQ(api().Call(&Exchanges::AcceptExchange, On<v1::AcceptExchangeRequest>(expired)).reason(),
            "INVALID_STATE");
  EXPECT_TRUE(WorkOn(expired.name()).empty());
  // Its unit is free.
  EXPECT_TRUE(Refund(state).ok());
}

TEST_F(ExchangesTest, StockIsKeptForSevenDays) {
  const v1::Return state = ApprovedReturn("113-9000021-0000021");
  Stock("BOOT", 1);
  X exchange = Reserve(Accept(Offer(state, 5411)));
  EXPECT_EQ(exchange.status(), X::STATUS_AWAITING_RETURN);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_RESERVATION));
  RestartHost();
  Advance(absl::Hours(7 * 24) + absl::Seconds(1));
  exchange = AwaitStatus(exchange, X::STATUS_ACCEPTED);
  EXPECT_FALSE(exchange.has_reservation());
  EXPECT_EQ(Level("BOOT").quantity_available(), 1);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_RESERVE));
  EXPECT_EQ(Ship(exchange).reason(), "NOT_RESERVED");
  Receive(state);
  EXPECT_EQ(Reserve(exchange).status(), X::STATUS_RESERVED);
}

TEST_F(ExchangesTest, GoodsThatAreNotBackAreCharged) {
  const v1::Return state = ApprovedReturn("113-9000022-0000022");
  X exchange = Shipped(state, 5411, X::MODE_SHIP_FIRST);
  EXPECT_EQ(exchange.status(), X::STATUS_SHIPPED);
  const v1::Deadline* due = Last(exchange, v1::Deadline::KIND_EXCHANGE_RETURN);
  ASSERT_NE(due, nullptr);
  EXPECT_EQ(due->due_at().seconds(), Get(state).return_by().seconds())
      << "the return gives them longer than the policy";
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_RETURN));
  exchange = Deliver(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_DELIVERED);
  EXPECT_EQ(Complete(exchange).reason(), "RETURN_NOT_ACCEPTED");

  StopHost();
  Advance(absl::Hours(30 * 24) + absl::Seconds(1));
  StartHost();
  exchange = AwaitStatus(exchange, X::STATUS_RETURN_OVERDUE);
  Await(state, v1::Return::STATUS_EXPIRED);
  EXPECT_TRUE(Found(exchange, v1::Finding::KIND_EXCHANGE_RETURN_OVERDUE));
  EXPECT_EQ(exchange.overdue_charge().minor_units(), 5411);
  const std::vector<v1::WorkItem> work = WorkItems("kind = EXCHANGE_OVERDUE");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_THAT(work[0].action(), HasSubstr("54.11"));
  EXPECT_EQ(Complete(exchange).reason(), "RETURN_NOT_ACCEPTED");
  exchange = Value(Pay(exchange, 5411, "ch_9"));
  exchange = Value(Complete(exchange));
  EXPECT_EQ(exchange.status(), X::STATUS_COMPLETED);
  EXPECT_TRUE(WorkOn(exchange.name()).empty());

  // They come after all: what was charged is owed back.
  Receive(state);
  exchange = Now(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_COMPLETED);
  EXPECT_EQ(exchange.balance().minor_units(), -5411);
  EXPECT_THAT(WorkOn(exchange.name()), ElementsAre(v1::Deadline::KIND_EXCHANGE_PAYMENT));
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");
  EXPECT_EQ(Value(Pay(exchange, 5411, "re_9", true)).balance().minor_units(), 0);
}

TEST_F(ExchangesTest, WhereNobodyCanBeChargedAManagerWaives) {
  profile_ = "amazon-2026";
  Bind("us", "ATVPDKIKX0DER", profile_);
  const v1::Return state = ApprovedReturn("113-9000023-0000023");
  X exchange = Shipped(state, 5411, X::MODE_SHIP_FIRST);
  Advance(absl::Hours(31 * 24));
  exchange = AwaitStatus(exchange, X::STATUS_RETURN_OVERDUE);
  EXPECT_FALSE(exchange.has_overdue_charge());
  EXPECT_EQ(exchange.balance().minor_units(), 0);
  auto waive = On<v1::CompleteExchangeRequest>(exchange);
  waive.set_waiver_reason("a claim would cost more");
  EXPECT_EQ(ApiAs("operator:olga").Call(&Exchanges::CompleteExchange, waive).code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Value(Complete(exchange, "a claim would cost more")).status(), X::STATUS_COMPLETED);
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_RESOLVED);
}

TEST_F(ExchangesTest, ReturnWhoseGoodsAreWaivedWaitsForNothing) {
  const v1::Return state = ApprovedReturn("113-9000026-0000026");
  X exchange = Deliver(Shipped(state, 5411, X::MODE_SHIP_FIRST));
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
  EXPECT_EQ(Value(Complete(exchange, "not worth the postage")).status(), X::STATUS_COMPLETED);
  const v1::Return settled = Get(state);
  EXPECT_EQ(settled.status(), v1::Return::STATUS_RESOLVED);
  EXPECT_EQ(FindDeadline(settled, v1::Deadline::KIND_RETURN_BY)->state(),
            v1::Deadline::STATE_CANCELLED);
  // Nobody reminds the buyer, and the clock closes it.
  Advance(absl::Hours(60 * 24));
  Await(state, v1::Return::STATUS_CLOSED);
  EXPECT_TRUE(WorkItems().empty());
  EXPECT_EQ(Refund(state).reason(), "NOTHING_TO_REFUND");
}

TEST_F(ExchangesTest, WaivingOneOfTwoUnitsLeavesTheOtherAwaited) {
  const v1::Return state = ApprovedReturn("113-9000027-0000027", 2);
  Stock("BOOT", 9);
  const X reserved = Reserve(Accept(Offer(state, 5411, X::MODE_SHIP_FIRST, 1)));
  const X exchange = Deliver(Value(Ship(reserved)));
  Value(Complete(exchange, "not worth the postage"));
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_APPROVED);
}

TEST_F(ExchangesTest, UnitThatComesBesideAWaivedOneIsOwed) {
  const v1::Return state = ApprovedReturn("113-9000028-0000028", 2);
  Stock("BOOT", 9);
  const X reserved = Reserve(Accept(Offer(state, 5411, X::MODE_SHIP_FIRST, 1)));
  const X exchange = Deliver(Value(Ship(reserved)));
  Value(Complete(exchange, "not worth the postage"));
  Advance(absl::Hours(24));
  const v1::Return owed = Inspect(Receive(Get(state), 1), 1, v1::CONDITION_NEW);
  EXPECT_EQ(owed.status(), v1::Return::STATUS_INSPECTED);
  EXPECT_EQ(FindDeadline(owed, v1::Deadline::KIND_REFUND)->state(), v1::Deadline::STATE_RUNNING)
      << owed.DebugString();
  const auto refund = Refund(state);
  ASSERT_TRUE(refund.ok()) << refund.status.error_message();
  ASSERT_EQ(refund->items_size(), 1);
  EXPECT_EQ(refund->items(0).quantity(), 1);
  Await(*refund, v1::Refund::STATUS_SUCCEEDED);
  Await(state, v1::Return::STATUS_RESOLVED);
  EXPECT_FALSE(Refund(state).ok()) << "once";
}

TEST_F(ExchangesTest, LateGoodsEndTheOverdueOne) {
  const v1::Return state = ApprovedReturn("113-9000024-0000024");
  X exchange = Deliver(Shipped(state, 5411, X::MODE_SHIP_FIRST));
  Advance(absl::Hours(31 * 24));
  exchange = AwaitStatus(exchange, X::STATUS_RETURN_OVERDUE);
  Receive(state);
  exchange = Now(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_DELIVERED);
  EXPECT_EQ(exchange.balance().minor_units(), 0);
  EXPECT_TRUE(WorkItems("kind = EXCHANGE_OVERDUE").empty());
  Inspect(Get(state), 1, v1::CONDITION_USED);
  EXPECT_EQ(Now(exchange).status(), X::STATUS_COMPLETED);
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_RESOLVED);
}

TEST_F(ExchangesTest, AnotherItemIsNotWhatWasSold) {
  const v1::Return state = ApprovedReturn("113-9000025-0000025");
  Stock("BOOT", 1);
  X exchange = Reserve(Accept(Offer(state, 5411)));
  Receive(state);
  EXPECT_EQ(Now(exchange).status(), X::STATUS_RESERVED);
  Inspect(Get(state), 1, v1::CONDITION_WRONG_ITEM);
  exchange = Now(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_AWAITING_RETURN);
  EXPECT_TRUE(Found(exchange, v1::Finding::KIND_EXCHANGE_WRONG_GOODS));
  EXPECT_EQ(Ship(exchange).reason(), "RETURN_NOT_RECEIVED");
}

// ---- one unit, one way ------------------------------------------------------------------------

TEST_F(ExchangesTest, RefundedUnitIsNotExchanged) {
  const v1::Return state = Receive(ApprovedReturn("113-9000030-0000030", 2), 2);
  Await(Value(Refund(state, 1)), v1::Refund::STATUS_SUCCEEDED);
  const auto both =
      api().Call(&Exchanges::OfferExchange, OfferRequest(state, 5411, X::MODE_RETURN_FIRST, 2));
  EXPECT_EQ(both.reason(), "UNIT_ALREADY_REFUNDED");
  EXPECT_EQ(both.metadata("exchangeable_units"), "1");
  const X one = Offer(state, 5411);
  EXPECT_EQ(one.items(0).quantity(), 1);
  EXPECT_EQ(api().Call(&Exchanges::OfferExchange, OfferRequest(state, 5411)).reason(),
            "UNIT_ALREADY_EXCHANGED")
      << "the other one is in the exchange";
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");
}

TEST_F(ExchangesTest, EveryEndBeforeTheShipmentFreesTheUnit) {
  const v1::Return state = Receive(ApprovedReturn("113-9000031-0000031"));
  Stock("BOOT", 5);
  // Declined, cancelled before and after the reservation.
  X exchange = Offer(state, 5411);
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");
  auto decline = On<v1::DeclineExchangeRequest>(exchange);
  EXPECT_EQ(Value(api().Call(&Exchanges::DeclineExchange, decline)).status(), X::STATUS_DECLINED);
  exchange = Accept(Offer(state, 5411));
  EXPECT_EQ(Value(Cancel(exchange)).status(), X::STATUS_CANCELLED);
  exchange = Reserve(Accept(Offer(state, 5411)));
  EXPECT_EQ(Level("BOOT").quantity_available(), 4);
  v1::CloseReturnRequest close;
  close.set_name(state.name());
  close.set_reason("kept");
  close.set_without_refund(true);
  EXPECT_EQ(api().Call(&Returns::CloseReturn, close).reason(), "EXCHANGE_PENDING");
  EXPECT_EQ(Value(Cancel(exchange)).status(), X::STATUS_CANCELLED);
  EXPECT_EQ(Level("BOOT").quantity_available(), 5);
  EXPECT_EQ(Get(state).items(0).quantity_in_exchange(), 0);
  const v1::Refund paid = Await(Value(Refund(state)), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(paid.total().minor_units(), 5411);
  EXPECT_EQ(Get(state).exchanges_size(), 3);
}

TEST_F(ExchangesTest, WithdrawnReturnEndsItsExchange) {
  const v1::Return state = ApprovedReturn("113-9000032-0000032");
  Stock("BOOT", 1);
  X exchange = Reserve(Accept(Offer(state, 5411)));
  v1::CancelReturnRequest cancel;
  cancel.set_name(state.name());
  const auto cancelled = api().Call(&Returns::CancelReturn, cancel);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status.error_message();
  EXPECT_EQ(cancelled->etag(), Get(state).etag());
  exchange = Now(exchange);
  EXPECT_EQ(exchange.status(), X::STATUS_CANCELLED);
  EXPECT_THAT(exchange.reason(), HasSubstr("withdrawn"));
  EXPECT_EQ(Level("BOOT").quantity_available(), 1);
  // One whose replacement is out cannot be withdrawn.
  const v1::Return other = ApprovedReturn("113-9000033-0000033");
  Shipped(other, 5411, X::MODE_SHIP_FIRST);
  cancel.set_name(other.name());
  EXPECT_EQ(api().Call(&Returns::CancelReturn, cancel).reason(), "INVALID_STATE");
}

TEST_F(ExchangesTest, RefundThatTheMarketplacePaidStopsTheShipment) {
  const v1::Return state = ApprovedReturn("113-9000034-0000034");
  Stock("BOOT", 1);
  const X exchange = Reserve(Accept(Offer(state, 5411, X::MODE_SHIP_FIRST)));
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->set_external_id("payment-1");
  v1::ReturnRefunded* refunded = fact->mutable_return_refunded();
  *refunded->mutable_amount() = MoneyOf(5411, "USD");
  refunded->set_external_refund_id("p-1");
  refunded->add_items()->set_line_id("SHOE");
  refunded->mutable_items(0)->set_quantity(1);
  const auto recorded = api().Call(&Facts::RecordFacts, facts);
  ASSERT_TRUE(recorded.ok());
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
      << recorded->results(0).message();
  EXPECT_TRUE(Found(Get(state), v1::Finding::KIND_EXCHANGED_AND_REFUNDED));
  EXPECT_EQ(Ship(exchange).reason(), "UNIT_ALREADY_REFUNDED");
  EXPECT_TRUE(Cancel(exchange).ok());
}

TEST_F(ExchangesTest, PaymentForAUnitWhoseReplacementIsOutIsFound) {
  const v1::Return state = ApprovedReturn("113-9000035-0000035");
  Shipped(state, 5411, X::MODE_SHIP_FIRST);
  v1::RecordFactsRequest facts;
  facts.set_parent(kSeller);
  v1::Event* fact = facts.add_facts();
  fact->set_subject(state.name());
  *fact->mutable_occurred_at() = Stamp(clock().Now());
  fact->set_external_id("payment-1");
  *fact->mutable_return_refunded()->mutable_amount() = MoneyOf(5411, "USD");
  fact->mutable_return_refunded()->set_external_refund_id("p-1");
  const auto recorded = api().Call(&Facts::RecordFacts, facts);
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
      << recorded->results(0).message();
  EXPECT_TRUE(Found(Get(state), v1::Finding::KIND_EXCHANGED_AND_REFUNDED));
  v1::ListRefundsRequest list;
  list.set_parent(kSeller);
  const auto refunds = api().Call(&Refunds::ListRefunds, list);
  ASSERT_EQ(refunds->refunds_size(), 1);
  EXPECT_EQ(refunds->refunds(0).findings(0).kind(), v1::Finding::KIND_OVER_REFUNDED);
  const std::vector<v1::WorkItem> work = WorkItems("kind = MANUAL_ACTION");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].subject(), refunds->refunds(0).name());
}

TEST_F(ExchangesTest, OneOfTwentyTakesTheUnit) {
  for (int round = 0; round < 8; ++round) {
    const v1::Return state =
        Receive(ApprovedReturn("113-9100000-" + std::to_string(1000000 + round)));
    std::atomic<int> refunds{0}, exchanges{0}, refused{0};
    std::barrier line(20);
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&, i] {
        line.arrive_and_wait();
        if (i % 2 == 0) {
          const auto reply = Refund(state);
          if (reply.ok()) {
            ++refunds;
          } else if (reply.reason() == "UNIT_ALREADY_EXCHANGED" ||
                     reply.reason() == "NOTHING_TO_REFUND") {
            ++refused;
          } else {
            ADD_FAILURE() << reply.reason() << " " << reply.status.error_message();
          }
        } else {
          const auto reply = api().Call(&Exchanges::OfferExchange, OfferRequest(state, 5411));
          if (reply.ok()) {
            ++exchanges;
          } else if (reply.reason() == "UNIT_ALREADY_REFUNDED" ||
                     reply.reason() == "UNIT_ALREADY_EXCHANGED") {
            ++refused;
          } else {
            ADD_FAILURE() << reply.reason() << " " << reply.status.error_message();
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(refunds + exchanges, 1) << "round " << round;
    EXPECT_EQ(refused, 19);
    const v1::Return now = Get(state);
    EXPECT_EQ(now.items(0).quantity_in_exchange(), exchanges);
  }
}

TEST_F(ExchangesTest, OneOfTwentyGetsTheLastOne) {
  Stock("BOOT", 1);
  std::vector<X> accepted;
  for (int i = 0; i < 20; ++i) {
    accepted.push_back(Accept(Offer(ApprovedReturn("113-9200000-" + std::to_string(1000000 + i)),
                                    5411, X::MODE_SHIP_FIRST)));
  }
  std::atomic<int> reserved{0}, converted{0};
  std::barrier line(20);
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&, i] {
      line.arrive_and_wait();
      const X exchange = Reserve(accepted[i]);
      if (exchange.status() == X::STATUS_RESERVED) ++reserved;
      if (exchange.status() == X::STATUS_CONVERTED_TO_REFUND) ++converted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reserved, 1);
  EXPECT_EQ(converted, 19);
  EXPECT_EQ(Level("BOOT").quantity_reserved(), 1);
  EXPECT_EQ(Level("BOOT").quantity_available(), 0);
}

// ---- the calls --------------------------------------------------------------------------------

TEST_F(ExchangesTest, BlindRetriesOfEveryCallAnswerTheSame) {
  const v1::Return state = Receive(ApprovedReturn("113-9000040-0000040"));
  int id = 0;
  // Calls twice with one id, the second time after a restart, and once only to look.
  const auto call = [&](auto method, auto request) {
    auto look = request;
    look.set_validate_only(true);
    const auto seen = api().Call(method, look);
    EXPECT_TRUE(seen.ok()) << seen.status.error_message();
    request.set_request_id("exchange-call-" + std::to_string(++id));
    const auto first = api().Call(method, request);
    EXPECT_TRUE(first.ok()) << first.reason() << " " << first.status.error_message();
    EXPECT_FALSE(first.replayed);
    if (id % 3 == 0) RestartHost();
    const auto again = api().Call(method, request);
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
    return *first;
  };
  v1::RecordStockRequest stock;
  stock.set_parent(kSeller);
  stock.add_stock_levels()->set_sku("BOOT");
  stock.mutable_stock_levels(0)->set_location("reno");
  stock.mutable_stock_levels(0)->set_quantity_on_hand(2);
  call(&Exchanges::RecordStock, stock);
  X exchange = call(&Exchanges::OfferExchange, OfferRequest(state, 6494));
  exchange = call(&Exchanges::AcceptExchange, On<v1::AcceptExchangeRequest>(exchange));
  exchange = call(&Exchanges::ReserveExchange, On<v1::ReserveExchangeRequest>(exchange));
  auto pay = On<v1::RecordExchangePaymentRequest>(exchange);
  pay.mutable_payment()->set_direction(v1::ExchangePayment::DIRECTION_FROM_BUYER);
  *pay.mutable_payment()->mutable_amount() = MoneyOf(1083, "USD");
  pay.mutable_payment()->set_reference("ch_1");
  exchange = call(&Exchanges::RecordExchangePayment, pay);
  exchange = call(&Exchanges::ShipExchange, ShipRequest(exchange));
  exchange = call(&Exchanges::DeliverExchange, On<v1::DeliverExchangeRequest>(exchange));
  auto complete = On<v1::CompleteExchangeRequest>(exchange);
  complete.set_waiver_reason("seen on the photos");
  exchange = call(&Exchanges::CompleteExchange, complete);
  EXPECT_EQ(exchange.status(), X::STATUS_COMPLETED);

  const v1::Return other = ApprovedReturn("113-9000041-0000041");
  X second = call(&Exchanges::OfferExchange, OfferRequest(other, 5411));
  second = call(&Exchanges::DeclineExchange, On<v1::DeclineExchangeRequest>(second));
  X third = call(&Exchanges::OfferExchange, OfferRequest(other, 5411));
  auto cancel = On<v1::CancelExchangeRequest>(third);
  cancel.set_reason("a slip");
  third = call(&Exchanges::CancelExchange, cancel);
  EXPECT_EQ(third.status(), X::STATUS_CANCELLED);

  // Each was done once.
  EXPECT_EQ(List("").size(), 3u);
  EXPECT_EQ(Now(exchange).payments_size(), 1);
  EXPECT_EQ(Level("BOOT").quantity_on_hand(), 1);
  EXPECT_EQ(Level("BOOT").quantity_available(), 1);
  EXPECT_EQ(Now(exchange).etag(), exchange.etag());
}

TEST_F(ExchangesTest, CallsThatCannotBe) {
  const v1::Return state = ApprovedReturn("113-9000042-0000042");
  const X exchange = Offer(state, 6494);
  // Somebody else changed it.
  auto stale = On<v1::AcceptExchangeRequest>(exchange);
  stale.set_etag("\"7\"");
  const auto conflict = api().Call(&Exchanges::AcceptExchange, stale);
  EXPECT_EQ(conflict.code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(conflict.reason(), "VERSION_CONFLICT");
  EXPECT_EQ(conflict.metadata("state"), "OFFERED");
  // Another seller's, or none.
  for (const char* name : {"sellers/other/exchanges/exc_1", "sellers/acme/exchanges/exc_1"}) {
    v1::GetExchangeRequest get;
    get.set_name(name);
    EXPECT_EQ(api().Call(&Exchanges::GetExchange, get).code(), grpc::StatusCode::NOT_FOUND);
    v1::AcceptExchangeRequest accept;
    accept.set_name(name);
    EXPECT_EQ(api().Call(&Exchanges::AcceptExchange, accept).code(), grpc::StatusCode::NOT_FOUND);
  }
  v1::GetExchangeRequest bad;
  bad.set_name(state.name());
  EXPECT_EQ(api().Call(&Exchanges::GetExchange, bad).reason(), "BAD_NAME");
  // Offers for returns that cannot have one.
  v1::OfferExchangeRequest request = OfferRequest(state, 6494);
  request.set_return_name("sellers/other/returns/ret_1");
  EXPECT_EQ(api().Call(&Exchanges::OfferExchange, request).code(), grpc::StatusCode::NOT_FOUND);
  request =
      OfferRequest(Create(ShoeOrder("113-9000043-0000043"), v1::RETURN_REASON_DEFECTIVE), 6494);
  EXPECT_EQ(api().Call(&Exchanges::OfferExchange, request).reason(), "INVALID_STATE");
  auto cancel = On<v1::CancelExchangeRequest>(exchange);
  EXPECT_EQ(api().Call(&Exchanges::CancelExchange, cancel).reason(), "REASON_REQUIRED");
  // A number that no parcel of that carrier has.
  Stock("BOOT", 1);
  const v1::Return other = ApprovedReturn("113-9000044-0000044");
  v1::ShipExchangeRequest ship =
      ShipRequest(Reserve(Accept(Offer(other, 5411, X::MODE_SHIP_FIRST))));
  ship.mutable_shipment()->set_carrier("Fake");
  const auto invalid = api().Call(&Exchanges::ShipExchange, ship);
  EXPECT_EQ(invalid.reason(), "TRACKING_INVALID");
  EXPECT_EQ(invalid.metadata("failed_rule"), "form");
  ship.mutable_shipment()->set_tracking_number("FAKE1");
  EXPECT_TRUE(api().Call(&Exchanges::ShipExchange, ship).ok());
  v1::RecordStockRequest stock;
  stock.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Exchanges::RecordStock, stock).reason(), "BAD_BATCH");
  stock.add_stock_levels()->set_sku("BOOT");
  EXPECT_EQ(api().Call(&Exchanges::RecordStock, stock).fields(),
            std::vector<std::string>{"stock_levels[0].location"});
  stock.set_parent("sellers/nobody");
  EXPECT_EQ(api().Call(&Exchanges::RecordStock, stock).code(), grpc::StatusCode::NOT_FOUND);
  v1::ListExchangesRequest list;
  list.set_parent(kSeller);
  list.set_filter("colour = red");
  EXPECT_EQ(api().Call(&Exchanges::ListExchanges, list).reason(), "BAD_FILTER");
}

TEST_F(ExchangesTest, CountsOfStockComeLateAndOutOfOrder) {
  const absl::Time now = clock().Now();
  const auto record = [&](int on_hand, absl::Duration ago) {
    v1::RecordStockRequest request;
    request.set_parent(kSeller);
    v1::StockLevel* level = request.add_stock_levels();
    level->set_sku("BOOT / red, 42");
    level->set_location("reno");
    level->set_quantity_on_hand(on_hand);
    *level->mutable_as_of() = Stamp(now - ago);
    const auto recorded = api().Call(&Exchanges::RecordStock, request);
    EXPECT_TRUE(recorded.ok()) << recorded.status.error_message();
    return recorded->stock_levels(0).quantity_on_hand();
  };
  EXPECT_EQ(record(7, absl::Hours(2)), 7);
  EXPECT_EQ(record(9, absl::Hours(3)), 7) << "older than what is known";
  EXPECT_EQ(record(5, absl::Hours(1)), 5);
  EXPECT_THAT(Level("BOOT / red, 42").name(), HasSubstr("sellers/acme/stockLevels/BOOT"));
  // What is shipped goes off at once, and a count from before does not bring it back.
  v1::OfferExchangeRequest request =
      OfferRequest(ApprovedReturn("113-9000045-0000045"), 5411, X::MODE_SHIP_FIRST);
  request.mutable_offers(0)->set_sku("BOOT / red, 42");
  const X exchange = Reserve(Accept(Value(api().Call(&Exchanges::OfferExchange, request))));
  Advance(absl::Hours(1));
  Value(Ship(exchange));
  EXPECT_EQ(Level("BOOT / red, 42").quantity_on_hand(), 4);
  EXPECT_EQ(record(5, absl::Minutes(1)), 4);
  EXPECT_EQ(record(3, -absl::Hours(2)), 3);
}

TEST_F(ExchangesTest, ListsPageByPageNewestFirst) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(
        Offer(ApprovedReturn("113-9300000-" + std::to_string(1000000 + i)), 5411).name());
    Stock("SKU-" + std::to_string(i), i);
  }
  v1::ListExchangesRequest request;
  request.set_parent(kSeller);
  request.set_page_size(2);
  request.set_filter("status = OFFERED AND channel = \"sellers/acme/channels/us\"");
  std::vector<std::string> listed;
  do {
    const auto page = api().Call(&Exchanges::ListExchanges, request);
    ASSERT_TRUE(page.ok()) << page.status.error_message();
    for (const X& exchange : page->exchanges()) listed.push_back(exchange.name());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(listed, names);
  v1::ListStockLevelsRequest stock;
  stock.set_parent(kSeller);
  stock.set_page_size(2);
  std::vector<std::string> skus;
  do {
    const auto page = api().Call(&Exchanges::ListStockLevels, stock);
    ASSERT_TRUE(page.ok()) << page.status.error_message();
    for (const v1::StockLevel& level : page->stock_levels()) skus.push_back(level.sku());
    stock.set_page_token(page->next_page_token());
  } while (!stock.page_token().empty());
  EXPECT_THAT(skus, ElementsAre("SKU-0", "SKU-1", "SKU-2", "SKU-3", "SKU-4"));
}

TEST_F(ExchangesTest, ReturnlessOneTakesNothingBack) {
  Bind("us", "ATVPDKIKX0DER", "seed");
  const v1::Order order = ShoeOrder("113-9000046-0000046");
  v1::ApproveReturnlessRequest approve;
  approve.set_name(Create(order, v1::RETURN_REASON_DEFECTIVE).name());
  approve.set_override_reason("not worth the postage");
  const v1::Return state = Value(api().Call(&Returns::ApproveReturnless, approve));
  Stock("BOOT", 1);
  X exchange = Reserve(Accept(Offer(state, 5411)));
  EXPECT_TRUE(exchange.returnless());
  EXPECT_EQ(exchange.status(), X::STATUS_RESERVED) << "nothing has to come first";
  exchange = Deliver(Value(Ship(exchange)));
  EXPECT_EQ(exchange.status(), X::STATUS_COMPLETED);
  EXPECT_EQ(Refund(state).reason(), "UNIT_ALREADY_EXCHANGED");
}

}  // namespace
}  // namespace aftersales::e2e
