#include "tests/crash/walks.h"

#include <array>
#include <fstream>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/e2e/host_process.h"
#include "tests/e2e/test_host.h"

namespace aftersales::crash {
namespace {

using e2e::Exchanges;
using e2e::kSeller;
using e2e::MoneyOf;
using e2e::Refunds;
using e2e::Returns;
using e2e::Stamp;

constexpr char kLine[] = "LAMP";
constexpr char kOperator[] = "operator:olga";
constexpr int64_t kDear = 60000;  // more than an operator may pay alone
constexpr absl::Duration kPatience = absl::Minutes(2);
// A refund of unknown outcome is left to the host for so long.
constexpr absl::Duration kBeforeSettling = absl::Seconds(20);

constexpr std::array kConditions = {v1::CONDITION_NEW, v1::CONDITION_USED,
                                    v1::CONDITION_CARRIER_DAMAGED};

class Walker {
 public:
  Walker(Client& client, int variant, const std::string& external_id,
         const std::filesystem::path& effects)
      : client_(client), effects_(effects), extra_(variant / static_cast<int>(kKinds.size())) {
    walked_.variant = variant;
    walked_.external_id = external_id;
  }

  Walked Run() {
    try {
      (this->*kKinds[walked_.variant % kKinds.size()])();
    } catch (const Broken& e) {
      walked_.refused = e.what();
    }
    return std::move(walked_);
  }

 private:
  // ---- kinds ----

  // From request to close, with a label of the carrier and all its scans.
  void Full() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_ARRIVED_DAMAGED);
    Approve(name);
    BuyLabel(name);
    Scan(name, v1::TrackingEvent::MILESTONE_IN_TRANSIT);
    Scan(name, v1::TrackingEvent::MILESTONE_DELIVERED);
    Receive(name, 1 + extra_);
    Inspect(name, 1 + extra_, kConditions[extra_]);
    RefundReturn(name);
    Close(name);
  }

  // Fewer units than were bought, in two receipts and two refunds.
  void Partial() {
    PutOrder(3);
    const std::string name = Create(2, v1::RETURN_REASON_NO_LONGER_NEEDED);
    Approve(name);
    OwnLabel(name);
    Receive(name, 1);
    Inspect(name, 1, v1::CONDITION_NEW);
    Receive(name, 1);
    Inspect(name, 1, kConditions[extra_]);
    v1::IssueRefundRequest first = OfReturn(name);
    v1::RefundItem* item = first.mutable_spec()->add_items();
    item->set_line_id(kLine);
    item->set_quantity(1);
    Refund(first);
    RefundReturn(name);
    Close(name);
  }

  // Rejected, and opened again.
  void Reopened() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_DEFECTIVE);
    Reject(name);
    v1::ReopenReturnRequest reopen;
    reopen.set_name(name);
    reopen.set_reason("the buyer has the receipt");
    client_.Write(&Returns::ReopenReturn, reopen);
    Approve(name);
    OwnLabel(name);
    Receive(name, 1 + extra_);
    Inspect(name, 1 + extra_, kConditions[extra_]);
    RefundReturn(name);
    Close(name);
  }

  // The buyer keeps the goods.
  void Returnless() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_DEFECTIVE);
    v1::ApproveReturnlessRequest approve;
    approve.set_name(name);
    approve.set_override_reason("not worth the freight");
    client_.Write(&Returns::ApproveReturnless, approve);
    walked_.decided.push_back(name);
    RefundReturn(name);
    Close(name);
  }

  // One unit less comes than was approved.
  void Short() {
    PutOrder(3 + extra_);
    const std::string name = Create(3 + extra_, v1::RETURN_REASON_NO_LONGER_NEEDED);
    Approve(name);
    OwnLabel(name);
    Receive(name, 2 + extra_);
    v1::CloseShortRequest close_short;
    close_short.set_name(name);
    close_short.set_reason("ONE_NOT_RETURNED");
    client_.Write(&Returns::CloseShort, close_short);
    Inspect(name, 2 + extra_, v1::CONDITION_NEW);
    RefundReturn(name);
    Close(name);
  }

  // Refunds unit by unit without a return, and one too many.
  void Concessions() {
    PutOrder(3);
    for (int i = 0; i < 3; ++i) Refund(Concession());
    client_.Refused(&Refunds::IssueRefund, Concession(), "QUANTITY_EXCEEDS_REFUNDABLE");
  }

  void Cancelled() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_NO_LONGER_NEEDED);
    Approve(name);
    v1::CancelReturnRequest cancel;
    cancel.set_name(name);
    cancel.set_reason("the buyer keeps it after all");
    client_.Write(&Returns::CancelReturn, cancel);
  }

  // Two returns of one order, and a refund without one.
  void Several() {
    PutOrder(4);
    for (int i = 0; i < 2; ++i) {
      const std::string name = Create(1, v1::RETURN_REASON_DEFECTIVE);
      Approve(name);
      OwnLabel(name, i);
      Receive(name, 1);
      Inspect(name, 1, kConditions[extra_]);
      RefundReturn(name);
      if (i == 0) Refund(Concession());
      Close(name);
    }
  }

  void Rejected() {
    PutOrder(1 + extra_);
    Reject(Create(1 + extra_, v1::RETURN_REASON_NO_LONGER_NEEDED));
  }

  // Another item came: kept, photographed, and nothing is paid.
  void WrongItem() {
    PutOrder(1);
    const std::string name = Create(1, v1::RETURN_REASON_DEFECTIVE);
    Approve(name);
    BuyLabel(name);
    Scan(name, v1::TrackingEvent::MILESTONE_DELIVERED);
    Receive(name, 1);
    Inspect(name, 1, v1::CONDITION_WRONG_ITEM);
    v1::CloseReturnRequest close;
    close.set_name(name);
    close.set_reason("another item came");
    close.set_without_refund(true);
    client_.Write(&Returns::CloseReturn, close);
  }

  // More than the operator may pay alone: asked for, taken back, asked for again and approved by
  // somebody else.
  void FourEyes() {
    PutOrder(1 + extra_, kDear);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_DEFECTIVE);
    Approve(name);
    OwnLabel(name);
    Receive(name, 1 + extra_);
    Inspect(name, 1 + extra_, kConditions[extra_]);
    v1::CancelRefundRequest cancel;
    cancel.set_name(Ask(name));
    cancel.set_reason("asked too early");
    client_.Write(&Refunds::CancelRefund, cancel);
    v1::ApproveRefundRequest approve;
    approve.set_name(Ask(name));
    client_.Refused(&Refunds::ApproveRefund, approve, "FOUR_EYES", kOperator);
    client_.Write(&Refunds::ApproveRefund, approve);
    AwaitPaid(approve.name());
    client_.Refused(&Refunds::CancelRefund, cancel, "INVALID_STATE");
    AwaitResolved(name);
    Close(name);
  }

  // A label is bought, replaced, and the new one taken back for one that the seller has.
  void Relabelled() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_ARRIVED_DAMAGED);
    Approve(name);
    BuyLabel(name);
    v1::IssueReturnLabelRequest replace;
    replace.set_name(name);
    replace.set_replace(true);
    client_.Write(&Returns::IssueReturnLabel, replace);
    AwaitLabels(name, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_ISSUED});
    v1::VoidReturnLabelRequest take_back;
    take_back.set_name(name);
    take_back.set_reason("the carrier is on strike");
    client_.Write(&Returns::VoidReturnLabel, take_back);
    AwaitLabels(name, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_VOIDED});
    OwnLabel(name);
    Scan(name, v1::TrackingEvent::MILESTONE_DELIVERED);
    Receive(name, 1 + extra_);
    Inspect(name, 1 + extra_, kConditions[extra_]);
    RefundReturn(name);
    Close(name);
  }

  // Paid, and the money comes back; paid again in another way.
  void Reversed() {
    PutOrder(1 + extra_);
    const std::string name = Create(1 + extra_, v1::RETURN_REASON_DEFECTIVE);
    Approve(name);
    OwnLabel(name);
    Receive(name, 1 + extra_);
    Inspect(name, 1 + extra_, kConditions[extra_]);
    RefundReturn(name);
    v1::ReverseRefundRequest reverse;
    reverse.set_name(walked_.refunds.back());
    reverse.set_reason("the card was closed");
    reverse.set_proof("statement, line 7");
    client_.Write(&Refunds::ReverseRefund, reverse);
    walked_.reversed.push_back(reverse.name());
    RefundReturn(name);
    Close(name);
  }

  // Other goods: dearer once they are paid and the parcel is back, the same before it is, or
  // cheaper with the rest refunded.
  void Exchanged() {
    PutOrder(1);
    const std::string name = Create(1, v1::RETURN_REASON_NO_LONGER_NEEDED);
    Approve(name);
    OwnLabel(name);
    const bool ship_first = extra_ == 1;
    const v1::Exchange accepted =
        Accept(name, 2999 + 1 + 248 + std::array{1083, 0, -1083}[static_cast<size_t>(extra_)],
               ship_first ? v1::Exchange::MODE_SHIP_FIRST : v1::Exchange::MODE_RETURN_FIRST);
    Stock(1);
    client_.Write(&Exchanges::ReserveExchange, On<v1::ReserveExchangeRequest>(accepted));
    if (accepted.balance().minor_units() > 0) {
      client_.Refused(&Exchanges::ShipExchange, ToShip(accepted), "PAYMENT_REQUIRED");
      auto pay = On<v1::RecordExchangePaymentRequest>(accepted);
      pay.mutable_payment()->set_direction(v1::ExchangePayment::DIRECTION_FROM_BUYER);
      *pay.mutable_payment()->mutable_amount() = accepted.balance();
      pay.mutable_payment()->set_reference("charge " + walked_.external_id);
      client_.Write(&Exchanges::RecordExchangePayment, pay);
    }
    if (!ship_first) Receive(name, 1);
    const v1::Exchange shipped = client_.Write(&Exchanges::ShipExchange, ToShip(accepted));
    if (!shipped.difference_refund().empty()) {
      walked_.refunds.push_back(shipped.difference_refund());
      AwaitPaid(shipped.difference_refund());
    }
    if (ship_first) Receive(name, 1);
    Inspect(name, 1, v1::CONDITION_NEW);
    client_.Refused(&Refunds::IssueRefund, OfReturn(name), "UNIT_ALREADY_EXCHANGED");
    client_.Write(&Exchanges::DeliverExchange, On<v1::DeliverExchangeRequest>(accepted));
    Close(name);
  }

  // The last one is gone: the money instead.
  void OutOfStock() {
    PutOrder(1 + extra_);
    const std::string name = Create(1, v1::RETURN_REASON_NO_LONGER_NEEDED);
    Approve(name);
    OwnLabel(name);
    const v1::Exchange accepted = Accept(name, 2999, v1::Exchange::MODE_RETURN_FIRST);
    Stock(0);
    const v1::Exchange instead =
        client_.Write(&Exchanges::ReserveExchange, On<v1::ReserveExchangeRequest>(accepted));
    v1::IssueRefundRequest refund;
    refund.set_parent(kSeller);
    *refund.mutable_spec() = instead.refund_spec();
    *refund.mutable_expected_total() = instead.refund_quote().total();
    Refund(refund);
    Receive(name, 1);
    Inspect(name, 1, v1::CONDITION_NEW);
    AwaitResolved(name);
    Close(name);
  }

  // ---- steps ----

  // A replacement at that price, offered and accepted.
  v1::Exchange Accept(const std::string& name, int64_t price, v1::Exchange::Mode mode) {
    v1::OfferExchangeRequest request;
    request.set_parent(kSeller);
    request.set_return_name(name);
    request.set_mode(mode);
    v1::ExchangeOffer* offer = request.add_offers();
    offer->set_sku(Replacement());
    offer->set_quantity(1);
    *offer->mutable_price() = MoneyOf(price, "USD");
    const v1::Exchange offered = client_.Write(&Exchanges::OfferExchange, request);
    walked_.exchanges.push_back(offered.name());
    return client_.Write(&Exchanges::AcceptExchange, On<v1::AcceptExchangeRequest>(offered));
  }

  // Of this walk alone.
  std::string Replacement() const { return "BOOT-" + walked_.external_id; }

  void Stock(int units) {
    v1::RecordStockRequest request;
    request.set_parent(kSeller);
    v1::StockLevel* level = request.add_stock_levels();
    level->set_sku(Replacement());
    level->set_location("reno");
    level->set_quantity_on_hand(units);
    client_.Write(&Exchanges::RecordStock, request);
  }

  template <typename Request>
  static Request On(const v1::Exchange& exchange) {
    Request request;
    request.set_name(exchange.name());
    return request;
  }

  v1::ShipExchangeRequest ToShip(const v1::Exchange& exchange) const {
    auto request = On<v1::ShipExchangeRequest>(exchange);
    request.mutable_shipment()->set_carrier("Some Carrier");
    request.mutable_shipment()->set_tracking_number("SC-4711");
    return request;
  }

  void PutOrder(int units, int64_t each = 2999) {
    const absl::Time now = client_.Now();
    v1::UpsertOrderRequest request;
    request.set_parent(kSeller);
    v1::Order* order = request.mutable_order();
    *order = e2e::OrderOf("us", walked_.external_id,
                          {{kLine, units, each * units + units / 2, 247 * units + 1}});
    order->mutable_lines(0)->set_referral_bp(1500);
    *order->mutable_placed_at() = Stamp(now - absl::Hours(240));
    *order->mutable_expected_ship_by() = Stamp(now - absl::Hours(200));
    *order->mutable_ship_confirmed_at() = Stamp(now - absl::Hours(210));
    *order->mutable_delivered_at() = Stamp(now - absl::Hours(72));
    *order->mutable_shipping_total() = MoneyOf(599, "USD");
    *order->mutable_shipping_tax() = MoneyOf(49, "USD");
    walked_.order = client_.Write(&e2e::Orders::UpsertOrder, request).name();
  }

  std::string Create(int units, v1::ReturnReason reason) {
    v1::CreateReturnRequest request;
    request.set_parent(kSeller);
    request.mutable_return_resource()->set_order(walked_.order);
    v1::ReturnItem* item = request.mutable_return_resource()->add_items();
    item->set_line_id(kLine);
    item->set_quantity_requested(units);
    item->set_buyer_reason(reason);
    const std::string name = client_.Write(&Returns::CreateReturn, request).name();
    walked_.returns.push_back(name);
    return name;
  }

  void Approve(const std::string& name) {
    v1::ApproveReturnRequest request;
    request.set_name(name);
    client_.Write(&Returns::ApproveReturn, request);
    walked_.decided.push_back(name);
  }

  void Reject(const std::string& name) {
    v1::RejectReturnRequest request;
    request.set_name(name);
    request.set_reason_code("USED");
    request.set_override_reason("seen on the photos");
    client_.Write(&Returns::RejectReturn, request);
    walked_.decided.push_back(name);
  }

  void BuyLabel(const std::string& name) {
    v1::IssueReturnLabelRequest request;
    request.set_name(name);
    client_.Write(&Returns::IssueReturnLabel, request);
    AwaitLabels(name, {v1::ReturnLabel::STATE_ISSUED});
  }

  void AwaitLabels(const std::string& name, const std::vector<v1::ReturnLabel::State>& states) {
    AwaitReturn(name, [&](const v1::Return& now) {
      return std::equal(
          now.labels().begin(), now.labels().end(), states.begin(), states.end(),
          [](const v1::ReturnLabel& label, auto state) { return label.state() == state; });
    });
  }

  void OwnLabel(const std::string& name, int number = 0) {
    v1::IssueReturnLabelRequest request;
    request.set_name(name);
    request.set_carrier("Fake");
    request.set_tracking_number(absl::StrCat("OWN-", walked_.external_id, "-", number));
    client_.Write(&Returns::IssueReturnLabel, request);
  }

  void Scan(const std::string& name, v1::TrackingEvent::Milestone milestone) {
    v1::RecordFactsRequest request;
    request.set_parent(kSeller);
    v1::Event* fact = request.add_facts();
    fact->set_subject(name);
    *fact->mutable_occurred_at() = Stamp(client_.Now());
    fact->set_external_id(absl::StrCat("scan-", milestone));
    fact->mutable_return_scanned()->set_milestone(milestone);
    const v1::RecordFactsResponse recorded = client_.Write(&e2e::Facts::RecordFacts, request);
    if (recorded.results(0).outcome() != v1::FactResult::OUTCOME_RECORDED) {
      client_.Break(request, grpc::Status(grpc::StatusCode::INTERNAL,
                                          "not recorded: " + recorded.ShortDebugString()));
    }
    client_.ledger().AcknowledgeEvent(recorded.results(0).event());
  }

  void Receive(const std::string& name, int units) {
    v1::RecordReceiptRequest request;
    request.set_name(name);
    v1::Receipt::Line* line = request.mutable_receipt()->add_lines();
    line->set_line_id(kLine);
    line->set_quantity(units);
    client_.Write(&Returns::RecordReceipt, request);
  }

  void Inspect(const std::string& name, int units, v1::Condition condition) {
    v1::InspectReturnRequest request;
    request.set_name(name);
    v1::Inspection* inspection = request.add_inspections();
    inspection->set_line_id(kLine);
    inspection->set_quantity(units);
    inspection->set_condition(condition);
    inspection->add_evidence("photo-1");
    client_.Write(&Returns::InspectReturn, request);
  }

  v1::IssueRefundRequest OfReturn(const std::string& name) const {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(name);
    return request;
  }

  v1::IssueRefundRequest Concession() const {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_order(walked_.order);
    v1::RefundItem* item = request.mutable_spec()->add_items();
    item->set_line_id(kLine);
    item->set_quantity(1);
    item->set_reason(v1::RETURN_REASON_NO_LONGER_NEEDED);
    return request;
  }

  void RefundReturn(const std::string& name) {
    Refund(OfReturn(name));
    AwaitResolved(name);
  }

  void AwaitResolved(const std::string& name) {
    AwaitReturn(name,
                [](const v1::Return& now) { return now.status() == v1::Return::STATUS_RESOLVED; });
  }

  // A refund of the return that takes somebody else's approval.
  std::string Ask(const std::string& name) {
    const v1::Refund refund = client_.Write(&Refunds::IssueRefund, OfReturn(name), kOperator);
    walked_.refunds.push_back(refund.name());
    return refund.name();
  }

  // Issues a refund and waits until it is paid.
  void Refund(const v1::IssueRefundRequest& request) {
    walked_.refunds.push_back(client_.Write(&Refunds::IssueRefund, request).name());
    AwaitPaid(walked_.refunds.back());
  }

  // One that the marketplace refuses is tried again.
  void AwaitPaid(const std::string& name) {
    v1::GetRefundRequest get;
    get.set_name(name);
    const absl::Time begin = absl::Now();
    for (bool settled = false;; absl::SleepFor(absl::Milliseconds(20))) {
      const v1::Refund now = client_.Read(&Refunds::GetRefund, get);
      if (now.status() == v1::Refund::STATUS_SUCCEEDED) {
        client_.ledger().Acknowledge(now.name(), now.etag());  // some are issued by the host
        return;
      }
      if (now.status() == v1::Refund::STATUS_FAILED) {
        v1::RetryRefundRequest retry;
        retry.set_name(name);
        client_.Write(&Refunds::RetryRefund, retry);
        continue;
      }
      if (now.status() == v1::Refund::STATUS_CANCELLED || absl::Now() - begin > kPatience)
        NeverCame(get, now);
      if (now.status() == v1::Refund::STATUS_UNKNOWN && !settled &&
          absl::Now() - begin > kBeforeSettling && WasPaid(now)) {
        // As a person with proof. The host may be faster.
        v1::SettleRefundRequest settle;
        settle.set_name(now.name());
        settle.set_etag(now.etag());
        settle.set_paid(true);
        settle.set_proof("the marketplace's own list");
        try {
          client_.Write(&Refunds::SettleRefund, settle);
        } catch (const Broken&) {
          // Said in the ledger: a walk waits for nothing that could be wrong.
        }
        settled = true;
      }
    }
  }

  bool WasPaid(const v1::Refund& refund) const {
    std::ifstream log(effects_);
    for (std::string line; std::getline(log, line);) {
      if (absl::StrContains(line, refund.effect_id())) return true;
    }
    return false;
  }

  void Close(const std::string& name) {
    v1::CloseReturnRequest request;
    request.set_name(name);
    request.set_reason("done");
    client_.Write(&Returns::CloseReturn, request);
  }

  void AwaitReturn(const std::string& name, const std::function<bool(const v1::Return&)>& holds) {
    v1::GetReturnRequest get;
    get.set_name(name);
    const absl::Time until = absl::Now() + kPatience;
    v1::Return now;
    while (!holds(now = client_.Read(&Returns::GetReturn, get))) {
      if (absl::Now() > until) NeverCame(get, now);
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  [[noreturn]] void NeverCame(const google::protobuf::Message& asked,
                              const google::protobuf::Message& now) {
    client_.Break(asked, grpc::Status(grpc::StatusCode::INTERNAL,
                                      "what was waited for never came: " + now.ShortDebugString()));
  }

  static constexpr std::array<void (Walker::*)(), 15> kKinds = {
      &Walker::Full,     &Walker::Partial,     &Walker::Reopened,  &Walker::Returnless,
      &Walker::Short,    &Walker::Concessions, &Walker::Cancelled, &Walker::Several,
      &Walker::Rejected, &Walker::WrongItem,   &Walker::FourEyes,  &Walker::Relabelled,
      &Walker::Reversed, &Walker::Exchanged,   &Walker::OutOfStock};

  Client& client_;
  const std::filesystem::path& effects_;
  const int extra_;  // 0, 1 or 2: what variants of one kind differ by
  Walked walked_;
};

}  // namespace

void Bind(Client& client) {
  v1::BindChannelRequest bind;
  bind.set_parent(kSeller);
  bind.set_channel_id("us");
  v1::Channel* channel = bind.mutable_channel();
  channel->set_marketplace_id("ATVPDKIKX0DER");
  channel->set_marketplace_plugin("fake-market");
  channel->add_erp_plugins("fake-erp");
  channel->set_label_plugin("fake-carrier");
  v1::ReturnAddress* address = channel->add_return_addresses();
  address->set_address_id("local");
  address->set_state(v1::ReturnAddress::STATE_APPROVED);
  client.Write(&e2e::Channels::BindChannel, bind);
}

Walked Walk(Client& client, int variant, const std::string& external_id,
            const std::filesystem::path& effects) {
  return Walker(client, variant, external_id, effects).Run();
}

std::string EndOf(Client& client, const Walked& walked) {
  std::string text;
  const auto add = [&](auto message) {
    e2e::Scrub(&message);
    text += message.DebugString();
  };
  for (const std::string& name : walked.returns) {
    v1::GetReturnRequest get;
    get.set_name(name);
    add(client.Read(&Returns::GetReturn, get));
  }
  for (const std::string& name : walked.refunds) {
    v1::GetRefundRequest get;
    get.set_name(name);
    v1::Refund refund = client.Read(&Refunds::GetRefund, get);
    refund.clear_proof();  // of the few that a person had to settle
    refund.clear_external_refund_id();
    add(std::move(refund));
  }
  for (const std::string& name : walked.exchanges) {
    v1::GetExchangeRequest get;
    get.set_name(name);
    v1::Exchange exchange = client.Read(&e2e::Exchanges::GetExchange, get);
    // A refund that was refused at first makes itself due anew.
    auto& deadlines = *exchange.mutable_deadlines();
    deadlines.erase(std::remove_if(deadlines.begin(), deadlines.end(),
                                   [](const v1::Deadline& deadline) {
                                     return deadline.state() == v1::Deadline::STATE_MET;
                                   }),
                    deadlines.end());
    add(std::move(exchange));
  }
  v1::GetOrderRequest get;
  get.set_name(walked.order);
  add(client.Read(&e2e::Orders::GetOrder, get));
  return absl::StrReplaceAll(text, {{walked.external_id, "ORDER"}});
}

}  // namespace aftersales::crash
