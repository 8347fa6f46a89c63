#include "core/engine/erp_feed.h"

#include <set>
#include <utility>

#include "core/engine/engine.h"

namespace aftersales::engine {

ErpFeed::ErpFeed(Engine& engine, ErpTimes times) : engine_(engine), times_(times) {}
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
  // All of them first, so that their last calls end side by side.
  for (const auto& [plugin, worker] : workers_) worker->Stop();
  workers_.clear();
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
      wake_.wait(lock, [this] { return woken_ || stopping_; });
      if (stopping_) return;
      woken_ = false;
      // Changes come in swarms; a moment's wait makes one call of many.
      wake_.wait_for(lock, std::chrono::milliseconds(5), [this] { return stopping_; });
    }
    std::map<std::string, std::set<std::string>> bound;  // sellers by plugin
    try {
      engine_.store().ReadHere([&](store::Reader& reader) {
        for (const std::string& seller : reader.SellerIds()) {
          for (const v1::Channel& channel : reader.ListChannels(seller)) {
            for (const std::string& erp : channel.erp_plugins()) bound[erp].insert(seller);
          }
        }
      });
    } catch (const store::Error&) {
      // Tried again after a while.
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, absl::ToChronoMilliseconds(times_.poll), [this] { return stopping_; });
      woken_ = true;
      continue;
    }
    for (const auto& [plugin, worker] : workers_) bound.try_emplace(plugin);
    for (auto& [plugin, sellers] : bound) {
      std::unique_ptr<ErpWorker>& worker = workers_[plugin];
      if (worker == nullptr) worker = std::make_unique<ErpWorker>(engine_, plugin, times_);
      worker->Wake(std::move(sellers));
    }
  }
}

}  // namespace aftersales::engine
