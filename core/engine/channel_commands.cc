#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/marketplaces.h"
#include "core/domain/policy.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

absl::Status CheckPlugin(const Command& c, std::string_view id, v1::Plugin::Kind kind,
                         std::string_view field) {
  const plugins::PluginHandle* plugin = c.services.plugins.Find(id);
  if (plugin != nullptr && plugin->kind() == kind) return absl::OkStatus();
  std::string known;
  for (const plugins::PluginHandle* other : c.services.plugins.OfKind(kind)) {
    known += Cat(known.empty() ? "" : ", ", other->id());
  }
  return InvalidField(field, "UNKNOWN_PLUGIN",
                      Cat("no loaded plugin of that kind is called `", id,
                          "`; there are: ", known.empty() ? "none" : known));
}

// Takes a figure in place of the one that was reported before; what a report leaves out stays, and
// so does a figure of a later window.
void PutReportedMetric(const v1::Metric& metric, v1::Channel* channel) {
  for (v1::Metric& known : *channel->mutable_reported_metrics()) {
    if (known.kind() != metric.kind() || known.fulfillment() != metric.fulfillment()) continue;
    if (metric.window_end() >= known.window_end()) known = metric;
    return;
  }
  *channel->add_reported_metrics() = metric;
}

}  // namespace

absl::StatusOr<v1::Channel> BindChannel(Command& c, const v1::BindChannelRequest& request) {
  if (!names::IsChosenId(request.channel_id())) {
    return InvalidField("channel_id", "BAD_NAME",
                        "1 to 40 of a-z, 0-9 and `-`, starting with a letter");
  }
  if (!names::IsChosenId(c.seller)) {
    return InvalidField(
        "parent", "BAD_NAME",
        "the seller id must be 1 to 40 of a-z, 0-9 and `-`, starting with a letter");
  }
  v1::Channel channel = request.channel();
  const Marketplace* marketplace = FindMarketplace(channel.marketplace_id());
  if (marketplace == nullptr) {
    return InvalidField("channel.marketplace_id", "UNKNOWN_MARKETPLACE",
                        "not a marketplace id that is known, such as ATVPDKIKX0DER for Amazon US");
  }
  if (absl::Status s = CheckPlugin(c, channel.marketplace_plugin(), v1::Plugin::KIND_MARKETPLACE,
                                   "channel.marketplace_plugin");
      !s.ok()) {
    return s;
  }
  for (int i = 0; i < channel.erp_plugins_size(); ++i) {
    if (absl::Status s = CheckPlugin(c, channel.erp_plugins(i), v1::Plugin::KIND_ERP,
                                     Cat("channel.erp_plugins[", i, "]"));
        !s.ok()) {
      return s;
    }
  }
  if (!channel.label_plugin().empty()) {
    if (absl::Status s = CheckPlugin(c, channel.label_plugin(), v1::Plugin::KIND_CARRIER,
                                     "channel.label_plugin");
        !s.ok()) {
      return s;
    }
  }
  if (channel.policy_profile().empty())
    channel.set_policy_profile(std::string(kDefaultPolicyProfile));
  if (FindPolicy(channel.policy_profile()) == nullptr) {
    return InvalidField("channel.policy_profile", "UNKNOWN_POLICY",
                        "there are the profiles `seed` and `amazon-2026`");
  }
  for (int i = 0; i < channel.return_addresses_size(); ++i) {
    v1::ReturnAddress* address = channel.mutable_return_addresses(i);
    if (!names::IsChosenId(address->address_id())) {
      return InvalidField(Cat("channel.return_addresses[", i, "].address_id"), "BAD_NAME",
                          "1 to 40 of a-z, 0-9 and `-`, starting with a letter");
    }
    if (address->state() == v1::ReturnAddress::STATE_UNSPECIFIED) {
      address->set_state(v1::ReturnAddress::STATE_PENDING);
    }
  }
  if (channel.display_name().size() > 200) {
    return InvalidField("channel.display_name", "TOO_LONG", "at most 200 bytes");
  }

  channel.set_name(names::Make(c.seller, "channels", request.channel_id()));
  channel.set_country_code(std::string(marketplace->country_code));
  channel.set_currency_code(std::string(marketplace->currency_code));
  channel.set_time_zone(std::string(marketplace->time_zone));
  channel.set_tax_mode(marketplace->tax_mode);
  if (channel.display_name().empty()) channel.set_display_name(request.channel_id());
  channel.clear_platform_status();
  channel.clear_reported_metrics();
  channel.clear_etag();
  *channel.mutable_create_time() = calendar::ToProto(c.now);

  const ChannelInfo* existing = c.services.channels.Find(c.store, channel.name());
  if (existing != nullptr) {
    const v1::Channel& old = existing->channel;
    if (absl::Status s = CheckEtag(request.etag(), old.etag(), "bound"); !s.ok()) return s;
    if (old.marketplace_id() != channel.marketplace_id()) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "MARKETPLACE_FIXED",
                    Cat("the channel is bound to ", old.marketplace_id(),
                        " and has its currency and zone; bind another channel instead"))
          .Field("channel.marketplace_id", "keep it, or choose another channel_id");
    }
    channel.set_platform_status(old.platform_status());
    *channel.mutable_reported_metrics() = old.reported_metrics();
    *channel.mutable_create_time() = old.create_time();
    channel.set_etag(old.etag());
    if (channel.SerializeAsString() == old.SerializeAsString()) return channel;
  }
  channel.set_etag(NextEtag(channel.etag()));
  if (!c.store.FindSeller(c.seller)) {
    v1::Seller seller;
    seller.set_name(names::Seller(c.seller));
    seller.set_display_name(c.seller);
    *seller.mutable_create_time() = calendar::ToProto(c.now);
    c.store.PutSeller(seller);
  }
  c.store.PutChannel(channel);
  c.services.channels.Forget();
  v1::Event event = c.NewEvent(channel.name(), channel.name());
  event.mutable_channel_bound()->set_marketplace_id(channel.marketplace_id());
  c.store.AppendEvent(c.seller, &event);
  return channel;
}

absl::StatusOr<Change> StoreAccountHealth(Command& c, const ChannelInfo& info,
                                          const plugin::v1::AccountHealth& health) {
  v1::Channel channel = info.channel;
  if (!health.marketplace_id().empty() && health.marketplace_id() != channel.marketplace_id()) {
    const Marketplace* other = FindMarketplace(health.marketplace_id());
    return InvalidField(
        "marketplace_id", "OTHER_MARKETPLACE",
        Cat("the figures are of ", other == nullptr ? "another marketplace" : other->display_name,
            " (", health.marketplace_id().substr(0, 32), "), the channel is of ",
            channel.marketplace_id(), "; import them into the channel of theirs"));
  }
  if (!health.platform_status().empty()) channel.set_platform_status(health.platform_status());
  for (const v1::Metric& metric : health.metrics()) PutReportedMetric(metric, &channel);
  if (channel.SerializeAsString() == info.channel.SerializeAsString()) return Change::kUnchanged;
  const bool status_moved = channel.platform_status() != info.channel.platform_status();
  channel.set_etag(NextEtag(channel.etag()));
  if (status_moved) {
    v1::Event event = c.NewEvent(channel.name(), channel.name());
    event.mutable_account_health_reported()->set_platform_status(channel.platform_status());
    c.store.AppendEvent(c.seller, &event);
  }
  c.store.PutChannel(channel);
  c.services.channels.Forget();
  return Change::kUpdated;
}

}  // namespace aftersales::engine
