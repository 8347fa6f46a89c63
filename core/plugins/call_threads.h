// Threads that take turns at one queue of events, so that work that is short costs no change of
// threads, and work that is long keeps no event waiting.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace aftersales::plugins {

// Whether a kind of work is short or long, of late. What the system does to a thread now and then
// makes none long, but one piece in sixteen that is does. Starts as long.
class UsualTime {
 public:
  bool IsShort() const { return long_.load(std::memory_order_relaxed) < kOnce; }
  void Add(int64_t nanoseconds);

 private:
  static constexpr int kOnce = 17;
  std::atomic<int> long_{kOnce + 1};
};

// One thread leads: it waits for events and handles them. Before work that usually is long it hands
// the lead to another thread, which is started when there is none. Work that usually is short it
// does at once; should that take longer for once, the lead is taken from it by whoever calls Watch.
//
// Thread-safe.
class CallThreads {
 public:
  // Takes one event and handles it, in which it may call Work once, as the last thing that takes
  // time. False when there will be none any more.
  using TakeFn = std::function<bool()>;

  // Up to `max` threads, at least 1; those beyond the first are started when they are needed. To be
  // joined before it is destroyed.
  CallThreads(int max, TakeFn take);
  ~CallThreads();
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;

  // Only within `take`: does a piece of work.
  void Work(UsualTime& usual, absl::FunctionRef<void()> work);

  // Takes the lead from a thread that has done one piece of work since the last call to this, which
  // is to be made each kWatchInterval for as long as it answers true. It answers false when nothing
  // was done for a while; then `wake_fd` can be read at the next piece of work.
  bool Watch();
  int wake_fd() const { return wake_fd_; }
  static constexpr absl::Duration kWatchInterval = absl::Milliseconds(2);

  // Waits for the end of all threads, which comes once `take` has answered false. To be called
  // once.
  void Join();

  int threads() const;

 private:
  void Run();
  // Gives the lead to a thread that waits for it, or to a new one.
  void HandOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int max_;
  const TakeFn take_;
  const int wake_fd_;

  // Odd while the leader works. Raised by the leader, and by one who takes the lead from it.
  std::atomic<uint64_t> work_{0};
  std::atomic<bool> watched_{false};
  uint64_t seen_ = 0;  // by Watch
  int quiet_ = 0;      // of its calls in a row

  mutable absl::Mutex mu_;
  bool led_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
