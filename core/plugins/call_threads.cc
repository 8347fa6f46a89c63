#include "core/plugins/call_threads.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace aftersales::plugins {
namespace {

// Far above what a change of threads costs, far below what anybody waits for.
constexpr int64_t kLong = 50'000;
// Calls of Watch without work after which it stops.
constexpr int kQuietMax = 50;

// Whether this thread leads the threads that it is of.
thread_local bool leads = false;

}  // namespace

void UsualTime::Add(int64_t nanoseconds) {
  // Each that is long weighs as much as sixteen that are short. Threads that add at once may lose
  // one of theirs.
  const int before = long_.load(std::memory_order_relaxed);
  const int after =
      nanoseconds > kLong ? std::min(before + kOnce - 1, 4 * kOnce) : std::max(0, before - 1);
  if (after != before) long_.store(after, std::memory_order_relaxed);
}

CallThreads::CallThreads(int max, TakeFn take)
    : max_(max), take_(std::move(take)), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  absl::MutexLock lock(&mu_);
  threads_.emplace_back([this] { Run(); });
}

CallThreads::~CallThreads() {
  if (wake_fd_ >= 0) close(wake_fd_);
}

void CallThreads::Join() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mu_);
    const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ended_; };
    mu_.Await(absl::Condition(&ended));
    threads = std::move(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

int CallThreads::threads() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(threads_.size());
}

void CallThreads::Run() {
  const auto turn = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !led_ || ended_; };
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      ++waiting_;
      mu_.Await(absl::Condition(&turn));
      --waiting_;
      if (ended_) return;
      led_ = true;
    }
    leads = true;
    while (leads) {
      if (take_()) continue;
      absl::MutexLock lock(&mu_);
      ended_ = true;
      return;
    }
  }
}

void CallThreads::HandOver() {
  led_ = false;
  if (waiting_ > 0 || ended_ || static_cast<int>(threads_.size()) >= max_) return;
  try {
    threads_.emplace_back([this] { Run(); });
  } catch (const std::system_error&) {
    // The system has no more; whoever is done first leads.
  }
}

void CallThreads::Work(UsualTime& usual, absl::FunctionRef<void()> work) {
  uint64_t number = 0;
  if (usual.IsShort()) {
    number = work_.load(std::memory_order_relaxed) + 1;
    work_.store(number);
    if (!watched_.load() && !watched_.exchange(true)) eventfd_write(wake_fd_, 1);
  } else {
    leads = false;
    absl::MutexLock lock(&mu_);
    HandOver();
  }
  const auto begin = std::chrono::steady_clock::now();
  work();
  usual.Add((std::chrono::steady_clock::now() - begin).count());
  if (leads) leads = work_.compare_exchange_strong(number, number + 1);
}

bool CallThreads::Watch() {
  eventfd_t woken;
  eventfd_read(wake_fd_, &woken);
  uint64_t number = work_.load();
  if (number != seen_) {
    seen_ = number;
    quiet_ = 0;
    return true;
  }
  if (number % 2 == 1) {
    if (work_.compare_exchange_strong(number, number + 1)) {
      absl::MutexLock lock(&mu_);
      HandOver();
    }
    return true;
  }
  if (++quiet_ < kQuietMax) return true;
  quiet_ = 0;
  watched_.store(false);
  // Work that began before it could see that is watched on.
  return work_.load() != seen_ && !watched_.exchange(true);
}

}  // namespace aftersales::plugins
