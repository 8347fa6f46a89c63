#include "core/host/cli/signals.h"

#include <ctime>
#include <utility>

namespace aftersales::cli {

SignalWait::SignalWait() {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, &previous_);
  thread_ = std::thread([this] { Run(); });
}

SignalWait::~SignalWait() {
  ending_ = true;
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

void SignalWait::OnSignal(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
  if (raised_ && stop_) stop_();
}

void SignalWait::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return raised_; });
}

bool SignalWait::raised() const {
  const std::lock_guard lock(mutex_);
  return raised_;
}

void SignalWait::Run() {
  // A short timeout instead of a wake-up signal: nothing else in the process may be disturbed.
  const timespec tick{0, 50'000'000};
  while (!ending_) {
    if (sigtimedwait(&set_, nullptr, &tick) < 0) continue;
    const std::lock_guard lock(mutex_);
    if (!raised_) {
      raised_ = true;
      // From now on this thread, and so the process, dies of the next one: Ctrl-C means it.
      std::signal(SIGINT, SIG_DFL);
      std::signal(SIGTERM, SIG_DFL);
      pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
      if (stop_) stop_();
      changed_.notify_all();
    }
    break;
  }
  while (!ending_) nanosleep(&tick, nullptr);
}

}  // namespace aftersales::cli
