// Leaves a plugin alone for a moment when its remote side is down.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace aftersales::plugins {

// Opens after five outages in a row, for a second at first and twice as long each time, five
// minutes at most; then one call goes through, and closes it if it is none. Without it a remote
// side that hangs holds every caller for its whole deadline. Thread-safe; while it is closed it
// costs a load.
class Circuit {
 public:
  using Clock = std::chrono::steady_clock;

  // Whether a call may be made now. Whoever is let through must say how it went.
  bool Allows(Clock::time_point now);
  void Report(bool outage, Clock::time_point now);
  // A call that was let through said nothing about the remote side.
  void SaidNothing();
  // Closes it: another plugin is behind it.
  void Reset();
  // How long it stays open. Nothing while it is closed.
  std::optional<Clock::duration> OpenFor(Clock::time_point now) const;

 private:
  std::atomic<bool> open_{false};
  std::atomic<int> outages_{0};  // in a row
  mutable absl::Mutex mu_;
  Clock::time_point until_ ABSL_GUARDED_BY(mu_);
  int opened_ ABSL_GUARDED_BY(mu_) = 0;  // in a row
  bool probing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace aftersales::plugins
