// What the domain's tests share: an order, a channel, and facts in one line each.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/return.pb.h"
#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/return_fold.h"

namespace aftersales::testing_util {

inline absl::Time At(std::string_view text) { return calendar::ParseInstant(text).value(); }

inline v1::Channel UsChannel() {
  v1::Channel channel;
  channel.set_name("sellers/acme/channels/us");
  channel.set_marketplace_id("ATVPDKIKX0DER");
  channel.set_country_code("US");
  channel.set_currency_code("USD");
  channel.set_time_zone("America/Los_Angeles");
  channel.set_tax_mode(v1::TAX_MODE_EXCLUSIVE);
  v1::ReturnAddress* address = channel.add_return_addresses();
  address->set_address_id("dallas");
  address->set_country_code("US");
  address->set_state(v1::ReturnAddress::STATE_APPROVED);
  return channel;
}

// The order of the walked example: 29.99 + 2.47 tax, shipping 5.99 + 0.49 tax, `units` units.
inline v1::Order UsOrder(int units = 1) {
  v1::Order order;
  order.set_name("sellers/acme/orders/113-1");
  order.set_channel("sellers/acme/channels/us");
  order.set_external_id("113-1");
  order.set_fulfillment(v1::FULFILLMENT_MFN);
  order.set_status(v1::Order::STATUS_SHIPPED);
  order.set_currency_code("USD");
  order.set_tax_mode(v1::TAX_MODE_EXCLUSIVE);
  *order.mutable_placed_at() = calendar::ToProto(At("2026-02-20T10:00:00Z"));
  v1::OrderLine* line = order.add_lines();
  line->set_line_id("L1");
  line->set_sku("SKU-1");
  line->set_quantity(units);
  line->set_quantity_shipped(units);
  *line->mutable_item_total() = money::Make(2999 * units, "USD");
  *line->mutable_tax_total() = money::Make(units == 3 ? 742 : 247 * units, "USD");
  *order.mutable_shipping_total() = money::Make(599, "USD");
  *order.mutable_shipping_tax() = money::Make(49, "USD");
  return order;
}

// Makes facts of one return; each is at the given instant.
class Facts {
 public:
  v1::Event New(std::string_view at, v1::Role role = v1::ROLE_OPERATOR) {
    v1::Event event;
    event.set_subject("sellers/acme/returns/ret_1");
    *event.mutable_occurred_at() = calendar::ToProto(At(at));
    event.mutable_actor()->set_role(role);
    return event;
  }
  v1::Return Asked(std::string_view at, int units = 1,
                   v1::ReturnReason reason = v1::RETURN_REASON_ARRIVED_DAMAGED) {
    v1::Return asked;
    asked.set_channel("sellers/acme/channels/us");
    asked.set_order_external_id("113-1");
    asked.set_external_rma_id("DAAAAAAARRMA");
    asked.set_fulfillment(v1::FULFILLMENT_MFN);
    *asked.mutable_requested_at() = calendar::ToProto(At(at));
    asked.mutable_validity()->set_in_policy(true);
    v1::ReturnItem* item = asked.add_items();
    item->set_line_id("L1");
    item->set_sku("SKU-1");
    item->set_quantity_requested(units);
    item->set_buyer_reason(reason);
    return asked;
  }
  v1::Event Requested(std::string_view at, int units = 1,
                      v1::ReturnReason reason = v1::RETURN_REASON_ARRIVED_DAMAGED) {
    v1::Event event = New(at, v1::ROLE_BUYER);
    *event.mutable_return_requested()->mutable_request() = Asked(at, units, reason);
    return event;
  }
  v1::Event Reported(std::string_view at, v1::Return snapshot, v1::Return::Status status) {
    v1::Event event = New(at, v1::ROLE_PLATFORM);
    *event.mutable_return_reported()->mutable_snapshot() = std::move(snapshot);
    event.mutable_return_reported()->set_status(status);
    return event;
  }
  v1::Event Approved(std::string_view at,
                     v1::ReturnMethod method = v1::RETURN_METHOD_MERCHANT_LABEL) {
    v1::Event event = New(at);
    event.mutable_return_approved()->set_return_method(method);
    event.mutable_return_approved()->set_return_address_id("dallas");
    return event;
  }
  v1::Event Scanned(std::string_view at, v1::TrackingEvent::Milestone milestone) {
    v1::Event event = New(at, v1::ROLE_CARRIER);
    event.mutable_return_scanned()->set_milestone(milestone);
    return event;
  }
  v1::Event Labelled(std::string_view at, v1::ReturnLabel::State state, int64_t cost,
                     v1::ReturnLabel::Kind kind = v1::ReturnLabel::KIND_MERCHANT) {
    v1::Event event = New(at);
    v1::ReturnLabel* label = event.mutable_return_label_recorded()->mutable_label();
    label->set_label_id("label-1");
    label->set_kind(kind);
    label->set_state(state);
    label->set_carrier("USPS");
    label->set_tracking_number("9400");
    label->set_paid_by(v1::ReturnLabel::PAYER_SELLER);
    *label->mutable_cost() = money::Make(cost, "USD");
    return event;
  }
  v1::Event Received(std::string_view at, int units, std::string_view id) {
    v1::Event event = New(at, v1::ROLE_WAREHOUSE);
    v1::Receipt* receipt = event.mutable_units_received()->mutable_receipt();
    receipt->set_receipt_id(std::string(id));
    receipt->add_lines()->set_line_id("L1");
    receipt->mutable_lines(0)->set_quantity(units);
    return event;
  }
  v1::Event Inspected(std::string_view at, int units, v1::Condition condition,
                      std::string_view id) {
    v1::Event event = New(at, v1::ROLE_WAREHOUSE);
    v1::Inspection* inspection = event.mutable_units_inspected()->mutable_inspection();
    inspection->set_inspection_id(std::string(id));
    inspection->set_line_id("L1");
    inspection->set_quantity(units);
    inspection->set_condition(condition);
    return event;
  }
  v1::Event Refunded(std::string_view at, int units, int64_t amount, std::string_view id) {
    v1::Event event = New(at, v1::ROLE_PLUGIN);
    v1::ReturnRefunded* refunded = event.mutable_return_refunded();
    *refunded->mutable_amount() = money::Make(amount, "USD");
    refunded->set_external_refund_id(std::string(id));
    event.set_external_id(std::string("refund:").append(id));
    v1::RefundItem* item = refunded->add_items();
    item->set_line_id("L1");
    item->set_quantity(units);
    return event;
  }
  v1::Event ClosedShort(std::string_view at) {
    v1::Event event = New(at);
    event.mutable_return_closed_short()->set_reason("ONE_NOT_RETURNED");
    return event;
  }
  v1::Event Closed(std::string_view at) {
    v1::Event event = New(at);
    event.mutable_return_closed()->set_reason("done");
    return event;
  }
};

inline std::vector<const v1::Event*> Pointers(const std::vector<v1::Event>& facts) {
  std::vector<const v1::Event*> pointers;
  for (const v1::Event& fact : facts) pointers.push_back(&fact);
  return pointers;
}

}  // namespace aftersales::testing_util
