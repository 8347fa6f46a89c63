#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/order_merge.h"
#include "core/domain/resource_names.h"
#include "core/domain/tracking.h"
#include "core/engine/commands.h"
#include "core/engine/engine.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

// A parcel is the same one if order, item and number are: so its id is made of them.
std::string IdFor(const v1::Shipment& shipment) {
  std::string id = shipment.order_external_id();
  if (!shipment.external_item_id().empty()) id += Cat(".", shipment.external_item_id());
  id += Cat(".", shipment.tracking_number().empty()
                     ? std::string("untracked")
                     : NormalizeTrackingNumber(shipment.tracking_number()));
  return names::IdFromExternal(id);
}

bool SameEvent(const v1::TrackingEvent& a, const v1::TrackingEvent& b) {
  return a.milestone() == b.milestone() && a.raw_code() == b.raw_code() &&
         calendar::ToMicros(a.occurred_at()) == calendar::ToMicros(b.occurred_at());
}

// Who ships, as far as the order is known. Only seller-fulfilled parcels are confirmed by the
// seller.
v1::Fulfillment FulfillmentOf(const v1::Order* order) {
  return order == nullptr ? v1::FULFILLMENT_MFN : order->fulfillment();
}

// Where the lines that a parcel carries have one category in common, it is the parcel's.
std::string CategoryOf(const v1::Order& order, const v1::Shipment& shipment) {
  std::string category;
  for (const v1::OrderLine& line : order.lines()) {
    if (!shipment.external_item_id().empty() &&
        line.external_item_id() != shipment.external_item_id()) {
      continue;
    }
    if (line.category().empty() || (!category.empty() && category != line.category())) return {};
    category = line.category();
  }
  return category;
}

// The parcel whose number was wrong, and what the one with the right number takes from it.
absl::StatusOr<v1::Shipment> Replaced(Command& c, std::string_view name, std::string_view etag,
                                      v1::Shipment* shipment) {
  auto id = IdIn(c, name, "shipments", "replaces");
  if (!id.ok()) return id.status();
  const std::optional<v1::Shipment> wrong = c.store.FindShipment(c.seller, *id);
  if (!wrong) return NotFound(name);
  if (absl::Status s = CheckEtag(etag, wrong->etag(), "stored"); !s.ok()) return s;
  if (!wrong->replaced_by().empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "ALREADY_REPLACED",
                  Cat("the parcel has another number already; put that one right instead: ",
                      wrong->replaced_by()))
        .With("replaced_by", wrong->replaced_by());
  }
  if (wrong->channel() != shipment->channel() ||
      wrong->order_external_id() != shipment->order_external_id()) {
    return InvalidField("replaces", "OTHER_PARCEL",
                        Cat("is a parcel of order ", wrong->order_external_id(),
                            "; name the one of this order whose number was wrong"));
  }
  if (NormalizeTrackingNumber(shipment->tracking_number()) ==
      NormalizeTrackingNumber(wrong->tracking_number())) {
    return InvalidField("shipment.tracking_number", "OTHER_PARCEL",
                        "is the number that the parcel has; give the right one");
  }
  v1::Shipment right = *wrong;
  right.clear_events();
  right.clear_verdict();
  right.MergeFrom(*shipment);
  *shipment = std::move(right);
  return *wrong;
}

}  // namespace

absl::StatusOr<v1::Shipment> StoreShipment(Command& c, const v1::Shipment& given,
                                           std::string_view etag, Change* change,
                                           std::string_view replaces) {
  if (given.order_external_id().empty()) {
    return InvalidField("shipment.order_external_id", "MISSING_FIELD",
                        "name the order by the channel's order id");
  }
  auto channel = c.Channel(given.channel());
  if (!channel.ok()) return channel.status();
  v1::Shipment shipment = given;
  std::optional<v1::Shipment> wrong;
  if (!replaces.empty()) {
    auto replaced = Replaced(c, replaces, etag, &shipment);
    if (!replaced.ok()) return replaced.status();
    wrong = *std::move(replaced);
  }
  const std::string id = IdFor(shipment);
  if (!names::IsResourceId(id)) {
    return InvalidField("shipment.tracking_number", "TOO_LONG",
                        "order id and tracking number together have at most 128 bytes");
  }
  shipment.set_name(names::Make(c.seller, "shipments", id));
  if (!shipment.has_confirmed_at() && shipment.has_shipped_at()) {
    *shipment.mutable_confirmed_at() = shipment.shipped_at();
  }
  shipment.clear_etag();
  shipment.clear_create_time();
  shipment.clear_update_time();

  const std::optional<v1::Shipment> existing = c.store.FindShipment(c.seller, id);
  if (existing && wrong) {
    return Refuse(absl::StatusCode::kAlreadyExists, "SHIPMENT_EXISTS",
                  Cat("the order has a parcel ", shipment.tracking_number(), " already"))
        .Field("shipment.tracking_number", "the right number of the parcel that it replaces");
  }
  if (existing && !existing->replaced_by().empty()) {
    // A report that still shows the wrong number.
    *change = Change::kUnchanged;
    auto right = c.store.FindShipment(c.seller, names::Split(existing->replaced_by()).id);
    return right ? *std::move(right) : *existing;
  }
  if (existing) {
    if (absl::Status s = CheckEtag(etag, existing->etag(), "stored"); !s.ok()) return s;
    // Scans add up; what the caller does not say is kept.
    v1::Shipment merged = *existing;
    v1::Shipment update = shipment;
    update.clear_events();
    merged.MergeFrom(update);
    for (const v1::TrackingEvent& event : shipment.events()) {
      if (std::none_of(merged.events().begin(), merged.events().end(),
                       [&](const auto& known) { return SameEvent(known, event); })) {
        *merged.add_events() = event;
      }
    }
    *merged.mutable_verdict() = shipment.verdict();
    shipment = std::move(merged);
  }
  std::stable_sort(shipment.mutable_events()->begin(), shipment.mutable_events()->end(),
                   [](const v1::TrackingEvent& a, const v1::TrackingEvent& b) {
                     return calendar::ToMicros(a.occurred_at()) <
                            calendar::ToMicros(b.occurred_at());
                   });
  if (shipment.events_size() > 200) {
    return InvalidField("shipment.events", "TOO_MANY", "a parcel keeps at most 200 scans");
  }
  // A number that was right without a scan becomes valid with the first one.
  if (shipment.verdict().validity() == v1::TrackingVerdict::VALIDITY_UNSCANNED &&
      ScanCount(shipment) > 0) {
    shipment.mutable_verdict()->set_validity(v1::TrackingVerdict::VALIDITY_VALID);
    shipment.mutable_verdict()->clear_message();
  }

  std::optional<v1::Order> order =
      c.store.FindOrderByExternalId(c.seller, (*channel)->id, shipment.order_external_id());
  if (order) shipment.set_order(order->name());
  if (order && shipment.category().empty()) shipment.set_category(CategoryOf(*order, shipment));
  if (existing && shipment.SerializeAsString() == existing->SerializeAsString()) {
    *change = Change::kUnchanged;
    return shipment;
  }
  const v1::Fulfillment fulfillment = FulfillmentOf(order ? &*order : nullptr);
  shipment.set_etag(NextEtag(shipment.etag()));
  *shipment.mutable_update_time() = calendar::ToProto(c.now);
  if (!existing) *shipment.mutable_create_time() = shipment.update_time();
  c.store.PutShipment(shipment, fulfillment, !existing);
  std::vector<metrics::Contribution> before;
  if (existing) before = metrics::Of(*existing, fulfillment, (*channel)->zone);
  if (wrong) {
    before = metrics::Of(*wrong, fulfillment, (*channel)->zone);
    wrong->set_replaced_by(shipment.name());
    wrong->set_etag(NextEtag(wrong->etag()));
    *wrong->mutable_update_time() = shipment.update_time();
    c.store.PutShipment(*wrong, fulfillment, false);
  }
  const std::vector<metrics::Contribution> after =
      metrics::Of(shipment, fulfillment, (*channel)->zone);
  c.Recount((*channel)->id, before, after);
  v1::Event event = c.NewEvent(shipment.name(), (*channel)->channel.name());
  event.mutable_shipment_recorded()->set_tracking_number(shipment.verdict().tracking_number());
  event.mutable_shipment_recorded()->set_validity(shipment.verdict().validity());
  if (wrong) event.mutable_shipment_recorded()->set_replaces(wrong->name());
  c.store.AppendEvent(c.seller, &event);
  if (existing || wrong) {
    RecordMetricChanges(c, **channel, shipment.name(), before, after, wrong.has_value());
  }

  if (order) {
    v1::Order updated = *order;
    // All its parcels together: a line may travel in several.
    const std::vector<v1::Shipment> parcels =
        c.store.ShipmentsOfOrder(c.seller, (*channel)->id, shipment.order_external_id());
    if (MergeShipments(parcels, (*channel)->zone, &updated)) {
      updated.set_etag(NextEtag(updated.etag()));
      *updated.mutable_update_time() = calendar::ToProto(c.now);
      c.store.PutOrder(updated, false);
      c.Recount((*channel)->id, metrics::Of(*order, (*channel)->zone),
                metrics::Of(updated, (*channel)->zone));
    }
  }
  *change = existing ? Change::kUpdated : Change::kCreated;
  return shipment;
}

void AdoptShipments(Command& c, const ChannelInfo& channel, const v1::Order* before,
                    const v1::Order& order) {
  const v1::Fulfillment was = FulfillmentOf(before);
  if (before != nullptr && was == order.fulfillment()) return;
  for (v1::Shipment& shipment :
       c.store.ShipmentsOfOrder(c.seller, channel.id, order.external_id())) {
    const std::vector<metrics::Contribution> counted = metrics::Of(shipment, was, channel.zone);
    shipment.set_order(order.name());
    if (shipment.category().empty()) shipment.set_category(CategoryOf(order, shipment));
    shipment.set_etag(NextEtag(shipment.etag()));
    *shipment.mutable_update_time() = calendar::ToProto(c.now);
    c.store.PutShipment(shipment, order.fulfillment(), false);
    c.Recount(channel.id, counted, metrics::Of(shipment, order.fulfillment(), channel.zone));
  }
}

std::string ContradictionOf(Command& c, const ChannelInfo& channel, const v1::Shipment& shipment) {
  const std::optional<v1::Order> order =
      c.store.FindOrderByExternalId(c.seller, channel.id, shipment.order_external_id());
  if (!order) return {};
  int64_t ordered = 0;
  for (const v1::OrderLine& line : order->lines()) {
    if (shipment.external_item_id().empty() ||
        line.external_item_id() == shipment.external_item_id()) {
      ordered += line.quantity();
    }
  }
  // The item id of a line is not known before a report that has one.
  if (ordered == 0 || shipment.quantity() <= ordered) return {};
  return Cat("the parcel has ", shipment.quantity(), " units, but ", ordered,
             ordered == 1 ? " was" : " were", " ordered; check the quantity");
}

}  // namespace aftersales::engine
