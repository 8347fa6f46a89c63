#include "core/conformance/watchdog.h"

#include <utility>

namespace aftersales::conformance {

using SteadyClock = std::chrono::steady_clock;

Watchdog::Watchdog(std::function<void(const std::string&)> bark)
    : bark_(std::move(bark)), thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mu_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::Run() {
  constexpr auto kStep = std::chrono::milliseconds(20);
  std::unique_lock lock(mu_);
  while (!stopping_) {
    const auto now = SteadyClock::now();
    for (const auto& [limit, what] : watched_) {
      if (now < limit) continue;
      const std::string late = what;
      lock.unlock();
      bark_(late);
      return;
    }
    changed_.wait_for(lock, kStep);
  }
}

Watchdog::Watch::Watch(Watchdog* dog, std::string what, std::chrono::milliseconds limit)
    : dog_(dog) {
  if (dog_ == nullptr) return;
  const std::lock_guard lock(dog_->mu_);
  entry_ =
      dog_->watched_.emplace(dog_->watched_.end(), SteadyClock::now() + limit, std::move(what));
}

Watchdog::Watch::~Watch() {
  if (dog_ == nullptr) return;
  const std::lock_guard lock(dog_->mu_);
  dog_->watched_.erase(entry_);
}

}  // namespace aftersales::conformance
