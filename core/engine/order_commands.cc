#include "core/domain/calendar.h"
#include "core/domain/order_merge.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

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
  if (before != nullptr) return;
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
    AddKnownShipments(c, **channel, &order);
    if (order.SerializeAsString() == existing->SerializeAsString()) return order;
    SaveOrder(c, **channel, &*existing, &order);
    return order;
  }
  order.set_name(NameFor(c, order.external_id()));
  order.clear_etag();
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
    SaveOrder(c, channel, &*existing, &order);
    return Change::kUpdated;
  }
  order.set_name(NameFor(c, order.external_id()));
  AddKnownShipments(c, channel, &order);
  SaveOrder(c, channel, nullptr, &order);
  return Change::kCreated;
}

}  // namespace aftersales::engine
