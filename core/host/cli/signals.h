// SIGINT and SIGTERM, taken by a thread instead of a handler, so that stopping may lock and wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace aftersales::cli {

// While it lives, the first SIGINT or SIGTERM is taken and remembered; a second one kills the
// process as usual. Make it before anything that starts threads (a gRPC channel does): only
// threads that are started later leave the signals to it.
class SignalWait {
 public:
  SignalWait();
  ~SignalWait();
  SignalWait(const SignalWait&) = delete;
  SignalWait& operator=(const SignalWait&) = delete;

  // Calls `stop` on the signal, on another thread; at once if it has come already. `stop` must
  // stay callable until the next OnSignal() or the end of this object.
  void OnSignal(std::function<void()> stop);
  // Waits until the signal comes.
  void Wait();
  bool raised() const;

 private:
  void Run();

  sigset_t set_{};
  sigset_t previous_{};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool raised_ = false;
  std::function<void()> stop_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace aftersales::cli
