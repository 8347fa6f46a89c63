// Ends a test whose plugin does not come back: code in this process cannot be stopped otherwise.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace aftersales::conformance {

// Thread-safe.
class Watchdog {
 public:
  // Calls `bark` once, with what has not ended, when the first limit is over. It must not return
  // to the test; it ends the process.
  explicit Watchdog(std::function<void(const std::string& what)> bark);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Watches from its making to its end.
  class Watch {
   public:
    // `dog` may be null: nothing is watched.
    Watch(Watchdog* dog, std::string what, std::chrono::milliseconds limit);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog* dog_;
    std::list<std::pair<std::chrono::steady_clock::time_point, std::string>>::iterator entry_;
  };

 private:
  void Run();

  const std::function<void(const std::string&)> bark_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::list<std::pair<std::chrono::steady_clock::time_point, std::string>> watched_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace aftersales::conformance
