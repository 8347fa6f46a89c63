// One bound ERP plugin, with a thread of its own: tells it every change of a return, refund or
// exchange, in order, and asks it what happened there.
//
// A cursor for each seller says how far it is told; it moves only after the plugin has taken the
// changes, so that a crash repeats some (with the same effect ids) and loses none. Another, the
// plugin's own, says how far it is listened to; it is stored together with the facts.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/erp.pb.h"

namespace aftersales::plugins {
class PluginHandle;
}  // namespace aftersales::plugins

namespace aftersales::engine {

class Engine;

// How the ERPs are served, in real time.
struct ErpTimes {
  // Between two looks at changes whose turn came back.
  absl::Duration poll = absl::Milliseconds(100);
  // Between two questions for facts.
  absl::Duration pull = absl::Seconds(30);
  // How long a plugin may take for a page.
  absl::Duration call = absl::Seconds(30);
};

// Thread-safe. One that hangs delays nobody but its own plugin.
class ErpWorker {
 public:
  ErpWorker(Engine& engine, std::string plugin_id, ErpTimes times);
  // Waits for a call under way.
  ~ErpWorker();
  ErpWorker(const ErpWorker&) = delete;
  ErpWorker& operator=(const ErpWorker&) = delete;

  // There may be something to tell for these sellers, which are all that the plugin is bound to.
  void Wake(std::set<std::string> sellers);
  // Ends after the call under way, without waiting for it.
  void Stop();

 private:
  // What is known of one seller's turn. Of the worker's thread alone.
  struct Turn {
    bool behind = true;  // there may be changes that the plugin was not told
    absl::Time push_after = absl::InfinitePast();
    int push_failures = 0;
    absl::Time pull_after = absl::InfinitePast();
    int pull_failures = 0;
  };

  void Loop();
  bool stopping();
  // Tells one page. Answers whether there is more that can be told at once.
  bool Push(const std::string& seller, Turn& turn);
  // Asks for one page. Answers whether there is more.
  // For people to see, and in the log.
  void SayHeldUp(plugins::PluginHandle& plugin, std::string_view why, const Turn& turn);
  bool Pull(const std::string& seller, Turn& turn);
  bool PullFailed(Turn& turn, std::string_view why);
  // Stores what of the page is in order, and the cursor.
  absl::Status Record(const std::string& seller, const plugin::v1::PullFactsResponse& page);
  // The same, each fact for itself, after one of them broke what always holds.
  absl::Status RecordOneByOne(const std::string& seller, const plugin::v1::PullFactsResponse& page);

  Engine& engine_;
  const std::string plugin_id_;
  const ErpTimes times_;
  std::map<std::string, Turn> turns_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::set<std::string> sellers_;
  bool woken_ = false;
  bool stopping_ = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace aftersales::engine
