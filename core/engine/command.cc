#include "core/engine/command.h"

#include "absl/strings/numbers.h"
#include "core/domain/calendar.h"
#include "core/domain/policy.h"
#include "core/domain/resource_names.h"
#include "core/status/refusal.h"

namespace aftersales::engine {

const ChannelInfo* ChannelCache::Find(store::Reader& store, std::string_view channel_name) {
  if (auto found = channels_.find(channel_name); found != channels_.end()) {
    return found->second.get();
  }
  const names::Name name = names::Split(channel_name);
  for (v1::Channel& channel : store.ListChannels(name.seller)) {
    if (channel.name() != channel_name) continue;
    const v1::Policy* profile = FindPolicy(channel.policy_profile());
    if (profile == nullptr) profile = FindPolicy(kDefaultPolicyProfile);
    const absl::TimeZone zone = calendar::Zone(channel.time_zone()).value_or(absl::UTCTimeZone());
    PolicyBook policies(*profile, channel.marketplace_id(), store.ListPolicies(name.seller));
    auto info = std::make_unique<ChannelInfo>(
        ChannelInfo{std::move(channel), zone, std::move(policies), std::string(name.id)});
    return channels_.emplace(std::string(channel_name), std::move(info)).first->second.get();
  }
  return nullptr;
}

absl::StatusOr<const ChannelInfo*> Command::Channel(std::string_view name) {
  const ChannelInfo* info = services.channels.Find(store, name);
  if (info == nullptr || names::Split(name).seller != seller) {
    return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                  Cat("there is no channel ", name, "; bind it first with BindChannel"))
        .With("resource", name);
  }
  return info;
}

v1::Event Command::NewEvent(std::string_view subject, std::string_view channel) const {
  v1::Event event;
  event.set_subject(std::string(subject));
  event.set_channel(std::string(channel));
  *event.mutable_occurred_at() = calendar::ToProto(now);
  *event.mutable_recorded_at() = calendar::ToProto(now);
  *event.mutable_actor() = actor;
  event.set_source(source);
  return event;
}

void Command::Recount(std::string_view channel_id, const std::vector<metrics::Contribution>& before,
                      const std::vector<metrics::Contribution>& after) {
  if (before == after) return;
  const auto add = [&](const metrics::Contribution& c, int64_t sign) {
    store.AddCounter(seller, {std::string(channel_id), c.fulfillment, c.counter, c.day, c.category},
                     sign * c.amount);
  };
  for (const auto& c : before) add(c, -1);
  for (const auto& c : after) add(c, 1);
}

std::string NextEtag(std::string_view etag) {
  int64_t version = 0;
  if (etag.size() > 2) {
    (void)absl::SimpleAtoi(View(etag.substr(1, etag.size() - 2)), &version);
  }
  return Cat("\"", version + 1, "\"");
}

absl::Status CheckEtag(std::string_view wanted, std::string_view actual, std::string_view state) {
  if (wanted.empty() || wanted == actual) return absl::OkStatus();
  return Refuse(absl::StatusCode::kAborted, "VERSION_CONFLICT",
                Cat("somebody changed it in the meantime: it is ", state, " with etag ", actual,
                    "; read it again and decide anew"))
      .Field("etag", "send the etag of the resource as you last read it, or none")
      .With("etag", actual)
      .With("state", state);
}

absl::StatusOr<std::string> IdIn(const Command& command, std::string_view name,
                                 std::string_view collection, std::string_view field) {
  auto parsed = names::Parse(name, collection, field);
  if (!parsed.ok()) return parsed.status();
  if (parsed->seller != command.seller) return NotFound(name);
  return std::string(parsed->id);
}

}  // namespace aftersales::engine
