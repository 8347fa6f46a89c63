#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/domain/order_merge.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_items.h"
#include "core/engine/commands.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

// Whether any of its prices went up.
bool Raises(const v1::Order& before, const v1::Order& after) {
  const auto more = [](const v1::Money& now, const v1::Money& then) {
    return now.minor_units() > then.minor_units();
  };
  if (more(Refundable(after, {}), Refundable(before, {})) ||
      more(after.shipping_total(), before.shipping_total()) ||
      more(after.shipping_tax(), before.shipping_tax())) {
    return true;
  }
  return std::any_of(after.lines().begin(), after.lines().end(), [&](const v1::OrderLine& line) {
    const int index = LineIndex(before, line.line_id());
    const v1::OrderLine& then = index < 0 ? v1::OrderLine::default_instance() : before.lines(index);
    return more(line.item_total(), then.item_total()) || more(line.tax_total(), then.tax_total()) ||
           more(line.shipping_total(), then.shipping_total()) ||
           more(line.shipping_tax(), then.shipping_tax());
  });
}

// Who has put its prices up by hand. Another price from somebody else settles it.
void NoteWhoRaised(const Command& c, const v1::Order& before, v1::Order* order) {
  const bool by_hand = c.actor.role() == v1::ROLE_OPERATOR || c.actor.role() == v1::ROLE_RULE;
  if (by_hand) {
    if (Raises(before, *order)) *order->mutable_raised_by() = c.actor;
  } else if (Raises(before, *order) || Raises(*order, before)) {
    order->clear_raised_by();
  }
}

// What is refunded or reserved of an order that turns out to have captured less stays a finding.
void CheckCaptured(Command& c, const v1::Order& before, const v1::Order& order) {
  const v1::Money captured = Refundable(order, {});
  if (captured.minor_units() >= Refundable(before, {}).minor_units()) return;
  int64_t held = 0;
  std::string_view last;
  const std::vector<v1::Refund> refunds =
      c.store.RefundsOfOrder(c.seller, names::Split(order.name()).id);
  for (const v1::Refund& refund : refunds) {
    if (!HoldsMoney(refund.status())) continue;
    held += HeldUnits(refund);
    last = refund.name();
  }
  if (held <= captured.minor_units()) return;
  auto record = c.store.FindRefund(c.seller, names::Split(last).id);
  v1::Event fact = c.NewEvent(record->state().name(), record->state().channel());
  fact.mutable_invariant_broken()->set_invariant(std::string(kCapturedCoversRefunds));
  fact.mutable_invariant_broken()->set_message(
      Cat("The order was corrected to have captured ", FormatMoney(captured), ", but ",
          FormatMoney(money::Make(held, captured.currency_code())),
          " is refunded or reserved of it; claim back what was paid too much."));
  // The order stands as it was given, whatever comes of it.
  (void)RecordRefundFact(c, *std::move(record), std::move(fact));
}

// Stores an order as it is now, with its part in the metrics and its event.
void SaveOrder(Command& c, const ChannelInfo& channel, const v1::Order* before, v1::Order* order) {
  order->set_etag(NextEtag(order->etag()));
  *order->mutable_update_time() = calendar::ToProto(c.now);
  if (before == nullptr) *order->mutable_create_time() = order->update_time();
  c.store.PutOrder(*order, before == nullptr);
  c.Recount(
      channel.id,
      before == nullptr ? std::vector<metrics::Contribution>{} : metrics::Of(*before, channel.zone),
      metrics::Of(*order, channel.zone));
  v1::Event event = c.NewEvent(order->name(), channel.channel.name());
  event.mutable_order_recorded()->set_external_id(order->external_id());
  event.mutable_order_recorded()->set_created(before == nullptr);
  c.store.AppendEvent(c.seller, &event);
  AdoptShipments(c, channel, before, *order);
  if (before != nullptr) {
    CheckCaptured(c, *before, *order);
    return;
  }
  // Returns that came before their order can be judged now.
  for (store::ReturnRecord& record :
       c.store.ReturnsOfOrder(c.seller, channel.id, order->external_id())) {
    auto editor = ReturnEditor::Edit(c, std::move(record));
    if (!editor.ok()) continue;
    editor->Refold();
    editor->Save();
  }
}

// The channel's own order id where no other channel's order has it.
std::string NameFor(Command& c, std::string_view external_id) {
  std::string id = names::IdFromExternal(external_id);
  if (!names::IsResourceId(id) || c.store.FindOrder(c.seller, id)) id = c.NewId("ord_");
  return names::Make(c.seller, "orders", id);
}

// Parcels may have been stored before their order.
void AddKnownShipments(Command& c, const ChannelInfo& channel, v1::Order* order) {
  MergeShipments(c.store.ShipmentsOfOrder(c.seller, channel.id, order->external_id()), channel.zone,
                 order);
}

absl::StatusOr<v1::Order> Upsert(Command& c, const v1::Order& given, std::string_view etag,
                                 std::string_view field) {
  if (given.channel().empty()) {
    return InvalidField(Cat(field, ".channel"), "MISSING_FIELD", "name the channel of the order");
  }
  auto channel = c.Channel(given.channel());
  if (!channel.ok()) return channel.status();
  v1::Order order = given;
  if (absl::Status s = NormalizeOrder((*channel)->channel, field, &order); !s.ok()) return s;
  const std::optional<v1::Order> existing =
      c.store.FindOrderByExternalId(c.seller, (*channel)->id, order.external_id());
  if (existing) {
    if (absl::Status s = CheckEtag(etag, existing->etag(), "stored"); !s.ok()) return s;
    if (order.has_last_updated_at() && existing->has_last_updated_at() &&
        calendar::ToMicros(order.last_updated_at()) <
            calendar::ToMicros(existing->last_updated_at())) {
      return *existing;
    }
    order.set_name(existing->name());
    order.set_etag(existing->etag());
    *order.mutable_create_time() = existing->create_time();
    *order.mutable_update_time() = existing->update_time();
    order.clear_raised_by();
    if (existing->has_raised_by()) *order.mutable_raised_by() = existing->raised_by();
    AddKnownShipments(c, **channel, &order);
    if (order.SerializeAsString() == existing->SerializeAsString()) return order;
    NoteWhoRaised(c, *existing, &order);
    SaveOrder(c, **channel, &*existing, &order);
    return order;
  }
  order.set_name(NameFor(c, order.external_id()));
  order.clear_etag();
  order.clear_raised_by();
  AddKnownShipments(c, **channel, &order);
  SaveOrder(c, **channel, nullptr, &order);
  return order;
}

}  // namespace

absl::StatusOr<v1::Order> UpsertOrder(Command& c, const v1::UpsertOrderRequest& request) {
  return Upsert(c, request.order(), request.etag(), "order");
}

absl::StatusOr<v1::BatchUpsertOrdersResponse> BatchUpsertOrders(
    Command& c, const v1::BatchUpsertOrdersRequest& request) {
  if (request.orders_size() < 1 || request.orders_size() > 500) {
    return InvalidField("orders", "BAD_BATCH", "send 1 to 500 orders");
  }
  v1::BatchUpsertOrdersResponse response;
  for (int i = 0; i < request.orders_size(); ++i) {
    auto order = Upsert(c, request.orders(i), "", Cat("orders[", i, "]"));
    v1::OrderResult* result = response.add_results();
    if (order.ok()) {
      *result->mutable_order() = *std::move(order);
    } else {
      result->set_reason(ReasonOf(order.status()));
      result->set_message(std::string(order.status().message()));
    }
  }
  return response;
}

absl::StatusOr<Change> StoreReportedOrder(Command& c, const ChannelInfo& channel,
                                          const v1::Order& reported, int same_line_count) {
  const std::optional<v1::Order> existing =
      c.store.FindOrderByExternalId(c.seller, channel.id, reported.external_id());
  v1::Order order;
  if (existing) {
    order = *existing;
  } else {
    order.set_channel(channel.channel.name());
  }
  auto changed = MergeReportedOrder(channel.channel, reported, same_line_count, &order);
  if (!changed.ok()) return changed.status();
  if (existing && !*changed) return Change::kUnchanged;
  if (existing) {
    // A report tells the marketplace's prices, whoever imports it.
    if (Raises(*existing, order) || Raises(order, *existing)) order.clear_raised_by();
    SaveOrder(c, channel, &*existing, &order);
    return Change::kUpdated;
  }
  order.set_name(NameFor(c, order.external_id()));
  AddKnownShipments(c, channel, &order);
  SaveOrder(c, channel, nullptr, &order);
  return Change::kCreated;
}

}  // namespace aftersales::engine
