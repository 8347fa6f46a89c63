#include "core/engine/erp_feed.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "core/domain/resource_names.h"
#include "core/engine/engine.h"

namespace aftersales::engine {
namespace {

constexpr int kPage = 500;  // events read, and so changes told, at once: the contract allows 500

}  // namespace

ErpFeed::ErpFeed(Engine& engine, absl::Duration poll) : engine_(engine), poll_(poll) {}
ErpFeed::~ErpFeed() { Stop(); }

void ErpFeed::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void ErpFeed::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ErpFeed::Wake() {
  {
    std::lock_guard lock(mutex_);
    if (woken_) return;
    woken_ = true;
  }
  wake_.notify_one();
}

void ErpFeed::Loop() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, absl::ToChronoMilliseconds(poll_),
                     [this] { return woken_ || stopping_; });
      if (stopping_) return;
      const bool told = woken_;
      woken_ = false;
      if (!told && pauses_.empty()) continue;
      // Changes come in swarms; a moment's wait makes one call of many.
      wake_.wait_for(lock, std::chrono::milliseconds(5), [this] { return stopping_; });
    }
    std::set<std::pair<std::string, std::string>> targets;
    try {
      engine_.store().ReadHere([&](store::Reader& reader) {
        for (const std::string& seller : reader.SellerIds()) {
          for (const v1::Channel& channel : reader.ListChannels(seller)) {
            for (const std::string& erp : channel.erp_plugins()) targets.emplace(seller, erp);
          }
        }
      });
      for (const auto& [seller, erp] : targets) {
        auto pause = pauses_.find({seller, erp});
        if (pause != pauses_.end() && absl::Now() < pause->second.until) continue;
        while (TellPage(seller, erp)) {
          std::lock_guard lock(mutex_);
          if (stopping_) return;
        }
      }
    } catch (const store::Error&) {
      // Tried again at the next poll.
      Wake();
    }
  }
}

bool ErpFeed::TellPage(const std::string& seller, const std::string& plugin_id) {
  std::vector<v1::Event> events;
  int64_t cursor = 0;
  plugin::v1::PushChangesRequest request;
  std::vector<int64_t> sequences;  // of the changes in the request
  int64_t last = 0;
  engine_.store().ReadHere([&](store::Reader& reader) {
    std::set<std::string> channels;
    for (const v1::Channel& channel : reader.ListChannels(seller)) {
      if (std::find(channel.erp_plugins().begin(), channel.erp_plugins().end(), plugin_id) !=
          channel.erp_plugins().end()) {
        channels.insert(channel.name());
      }
    }
    cursor = reader.FeedCursor(seller, plugin_id);
    events = reader.EventsAfter(seller, cursor, kPage);
    for (v1::Event& event : events) {
      const names::Name subject = names::Split(event.subject());
      int64_t seq = 0;
      (void)absl::SimpleAtoi(View(names::Split(event.name()).id), &seq);
      last = seq;
      if (!channels.contains(event.channel())) continue;
      plugin::v1::Change change;
      if (subject.collection == "returns") {
        auto record = reader.FindReturn(seller, subject.id);
        if (!record) continue;
        *change.mutable_return_resource() = std::move(*record->mutable_state());
      } else if (subject.collection == "refunds") {
        auto record = reader.FindRefund(seller, subject.id);
        if (!record) continue;
        *change.mutable_refund() = std::move(*record->mutable_state());
      } else if (subject.collection == "exchanges") {
        auto record = reader.FindExchange(seller, subject.id);
        if (!record) continue;
        *change.mutable_exchange() = std::move(*record->mutable_state());
      } else {
        continue;
      }
      change.set_effect_id(event.name());
      *change.mutable_event() = std::move(event);
      *request.add_changes() = std::move(change);
      sequences.push_back(seq);
    }
  });
  if (events.empty()) {
    pauses_.erase({seller, plugin_id});
    return false;
  }

  int accepted = request.changes_size();
  if (accepted > 0) {
    plugins::PluginHandle* plugin = engine_.plugins().Find(plugin_id);
    plugin::v1::PushChangesResponse response;
    absl::Status status = absl::UnavailableError("the plugin is not loaded");
    if (plugin != nullptr) {
      plugins::PluginHandle::CallOptions options;
      options.deadline = engine_.Now() + absl::Seconds(30);
      options.seller = seller;
      status = plugin->Call("ErpPlugin/PushChanges", request, &response, options);
    }
    accepted = status.ok() ? std::clamp(response.accepted_count(), 0, request.changes_size()) : 0;
    if (accepted < request.changes_size()) {
      Pause& pause = pauses_[{seller, plugin_id}];
      pause.failures = accepted > 0 ? 1 : pause.failures + 1;
      absl::Duration wait =
          std::min(absl::Minutes(5), absl::Milliseconds(100) * (1 << std::min(pause.failures, 12)));
      if (response.has_retry_after()) {
        wait = std::max(wait,
                        absl::Seconds(std::min<int64_t>(response.retry_after().seconds(), 3600)));
      }
      pause.until = absl::Now() + wait;
    } else {
      pauses_.erase({seller, plugin_id});
    }
  }
  const bool all = accepted == request.changes_size();
  // Behind the last change that was taken; events that are nobody's business are passed over.
  const int64_t reached = all ? last : accepted > 0 ? sequences[accepted - 1] : cursor;
  if (reached > cursor) {
    const absl::Status moved = engine_.RunInternalAndWait(seller, {}, "erp", [&](Command& c) {
      c.store.PutFeedCursor(seller, plugin_id, reached);
      return absl::OkStatus();
    });
    if (!moved.ok()) return false;
  }
  return all && events.size() == kPage;
}

}  // namespace aftersales::engine
