// The ERP feed: gives each ERP plugin that a channel is bound to a worker of its own, and wakes
// them when something changed.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/engine/erp_worker.h"

namespace aftersales::engine {

class Engine;

class ErpFeed {
 public:
  ErpFeed(Engine& engine, ErpTimes times);
  ~ErpFeed();
  void Start();
  void Stop();
  // There may be something to tell.
  void Wake();

 private:
  void Loop();

  Engine& engine_;
  const ErpTimes times_;
  std::map<std::string, std::unique_ptr<ErpWorker>> workers_;  // of the feed's thread alone
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = true;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace aftersales::engine
