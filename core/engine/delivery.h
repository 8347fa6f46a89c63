// Delivery of effects: what the world must do because of a fact, handed to plugins from the outbox.
//
// An effect is marked IN FLIGHT durably before its plugin is called, and its result is recorded
// durably before it is forgotten. So after a crash every effect that may have been done is known,
// and none is repeated blindly: the remote side is asked first, or a person is.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "core/store/store.h"

namespace aftersales::engine {

class Engine;

// Whether an attempt that was cut short may have done something. A method that only tells a person
// what to do did nothing itself.
bool MayBeDone(v1::Plugin::Capability capability);

// What an answer means for an effect: RETRY only where there are attempts left, FAILED only where
// none of its attempts may have done it. `asked` says that the remote side was asked how it ended,
// `never_seen` that it answered that it knows of no attempt. Keeps `*unknown`, whether an attempt
// may have done it.
plugin::v1::EffectResult::Outcome Conclude(plugin::v1::EffectResult::Outcome answered, bool asked,
                                           bool never_seen, bool exhausted, bool* unknown);

// How long what is not known of an effect stays so before it is asked for, or done again: `usual`,
// in which whatever is under way at the remote side arrives there. An attempt that the end of its
// plugin's process cut off is made again within seconds where that is `harmless`, after many of
// them later, and never later than usual.
absl::Duration WaitToRepeat(bool lost, bool harmless, int attempt, absl::Duration usual);

class Delivery {
 public:
  Delivery(Engine& engine, absl::Duration effect_timeout, absl::Duration poll);
  ~Delivery();

  // Takes up what was in flight when the host stopped, then delivers what is due.
  void Start();
  void Stop();
  // There may be something to deliver.
  void Wake();

 private:
  static constexpr int kWorkers = 16;
  // Of them at once for one plugin, so that one that hangs leaves the others to the others.
  static constexpr int kWorkersOfPlugin = 4;
  // How many effects of one plugin wait for them; the rest stays in the outbox.
  static constexpr size_t kQueuedOfPluginMax = 256;
  // After so many answers that settle nothing it is a person's; those of a process that ended under
  // it do not count any more, nor does it that the remote side has never seen it. An attempt that
  // was cut off says little; so many of all kinds say that this may be what ends them.
  static constexpr int kAnswersMax = 12;
  static constexpr int kAttemptsMax = 100;

  void Dispatch();
  void Work();
  void Recover();
  // Marks a batch as in flight; answers those that are still to be done.
  std::vector<store::Effect> Claim(std::vector<store::Effect> effects);
  // Whether a refund that has waited for a worker is still to be handed over; if not, it is dealt
  // with.
  bool IsStillToPay(const store::Effect& effect);
  void Deliver(const store::Effect& effect);
  void Release(int64_t seq);
  // The next effect for whose plugin a worker is free. `mutex_` is held.
  std::deque<store::Effect>::iterator NextToDo();

  Engine& engine_;
  const absl::Duration timeout_;
  const absl::Duration poll_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable work_;
  bool woken_ = false;
  bool stopping_ = false;
  std::deque<store::Effect> queue_;
  std::set<int64_t> busy_;
  std::map<std::string, size_t> queued_;  // of each plugin, in queue_
  std::map<std::string, int> working_;    // on effects of each plugin
  std::vector<std::thread> threads_;
};

}  // namespace aftersales::engine
