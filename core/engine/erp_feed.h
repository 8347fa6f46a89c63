// The ERP feed: tells each bound ERP plugin every change of a return or refund, in order.
//
// A cursor per seller and plugin says how far it is told; it moves only after the plugin has taken
// the changes, so that a crash repeats some (with the same effect ids) and loses none.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "absl/time/time.h"

namespace aftersales::engine {

class Engine;

class ErpFeed {
 public:
  ErpFeed(Engine& engine, absl::Duration poll);
  ~ErpFeed();
  void Start();
  void Stop();
  // There may be something to tell.
  void Wake();

 private:
  void Loop();
  // Tells one plugin one page. Answers whether there is more.
  bool TellPage(const std::string& seller, const std::string& plugin_id);

  Engine& engine_;
  const absl::Duration poll_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = true;
  bool stopping_ = false;
  // When a plugin that could not take changes is asked again, in real time, and how often it
  // failed.
  struct Pause {
    absl::Time until = absl::InfinitePast();
    int failures = 0;
  };
  std::map<std::pair<std::string, std::string>, Pause> pauses_;
  std::thread thread_;
};

}  // namespace aftersales::engine
