// The engine: runs commands on the writer, delivers effects to plugins, feeds the ERPs, imports
// reports, and does what is due when its time comes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "aftersales/v1/metrics_service.pb.h"
#include "core/domain/roles.h"
#include "core/engine/clock.h"
#include "core/engine/command.h"
#include "core/engine/delivery.h"
#include "core/engine/erp_feed.h"
#include "core/engine/ids.h"
#include "core/plugins/registry.h"
#include "core/store/store.h"

namespace aftersales::engine {

struct EngineOptions {
  // Real time between two looks at what is due.
  absl::Duration poll = absl::Milliseconds(100);
  // How long a plugin may take for one effect.
  absl::Duration effect_timeout = absl::Seconds(20);
  // How ERPs are served; `poll` there is the one above.
  ErpTimes erp = {};
};

class Engine {
 public:
  Engine(store::Store& store, plugins::PluginRegistry& plugins, const Clock& clock, IdSource& ids,
         EngineOptions options = {});
  ~Engine();

  // Starts the threads that deliver, feed and watch the clock.
  void Start();
  // Stops them. Commands are still taken until the store stops.
  void Stop();

  // Runs one mutation of the public API: looks up its request id, runs the command, stores the
  // answer under the id, all in one transaction. `done` is called once, from a thread of
  // the store after the commit, or at once where nothing was queued. `replayed` says that the
  // answer is the stored one of an earlier call: also to `validate_only`, for that is what would
  // happen. An id that is only looked up stays free.
  template <typename Request, typename Response>
  void Run(std::string_view method, std::string_view seller, v1::Actor actor,
           const Request& request,
           std::function<absl::StatusOr<Response>(Command&, const Request&)> command,
           std::function<void(absl::StatusOr<Response>, bool replayed)> done) {
    if (absl::Status s = CheckRole(method, actor.role()); !s.ok()) {
      done(s, false);
      return;
    }
    std::string request_id;
    bool validate_only = false;
    if constexpr (requires { request.request_id(); }) request_id = request.request_id();
    if constexpr (requires { request.validate_only(); }) validate_only = request.validate_only();
    auto answer = std::make_shared<Answer<Response>>();
    std::string hash;
    if (!request_id.empty()) hash = HashOfCall(method, request, validate_only);
    RunRaw(
        seller, std::move(actor), std::move(request_id), std::move(hash), validate_only,
        [answer, &request, command = std::move(command), validate_only](
            Command& c, const std::string* stored, std::string* to_store) {
          if (stored != nullptr) {
            answer->replayed = true;
            answer->value.ParseFromString(*stored);
            return absl::OkStatus();
          }
          auto result = command(c, request);
          if (!result.ok()) return result.status();
          answer->value = *std::move(result);
          if (to_store != nullptr) answer->value.SerializeToString(to_store);
          answer->keep = !validate_only;
          return absl::OkStatus();
        },
        [answer] { return answer->keep; },
        [answer, done = std::move(done)](const absl::Status& status) {
          if (status.ok()) {
            done(std::move(answer->value), answer->replayed);
          } else {
            done(status, false);
          }
        });
  }

  // Runs a change of the engine's own: no request id, kept if it succeeds.
  void RunInternal(std::string_view seller, v1::Actor actor, std::string_view source,
                   std::function<absl::Status(Command&)> work,
                   std::function<void(const absl::Status&)> done);
  // The same, waiting for the commit. Not on the writer's thread.
  absl::Status RunInternalAndWait(std::string_view seller, v1::Actor actor, std::string_view source,
                                  std::function<absl::Status(Command&)> work);

  store::Store& store() { return store_; }
  const Clock& clock() const { return clock_; }
  plugins::PluginRegistry& plugins() { return services_.plugins; }
  absl::Time Now() const { return clock_.Now(); }

  // Calls back after every commit that recorded facts, until the token is dropped.
  class Subscription;
  std::shared_ptr<Subscription> Subscribe(std::function<void()> listener);

 private:
  template <typename Response>
  struct Answer {
    Response value;
    bool keep = false;
    bool replayed = false;
  };
  using RawCommand =
      std::function<absl::Status(Command&, const std::string* stored, std::string* to_store)>;

  static void HoldToInvariants(const Command& c, absl::Status* outcome,
                               std::vector<Violation>* broken);
  // Logs what was undone and leaves a finding on its subject, where that exists.
  void Report(const std::string& seller, const std::vector<Violation>& broken);
  static std::string HashOf(std::string_view method, const google::protobuf::MessageLite& request);
  // The same for a call that is only validated as for the call itself.
  template <typename Request>
  static std::string HashOfCall(std::string_view method, const Request& request,
                                bool validate_only) {
    if constexpr (requires(Request & call) { call.clear_validate_only(); }) {
      if (validate_only) {
        Request call = request;
        call.clear_validate_only();
        return HashOf(method, call);
      }
    }
    return HashOf(method, request);
  }
  void RunRaw(std::string_view seller, v1::Actor actor, std::string request_id, std::string hash,
              bool validate_only, RawCommand command, std::function<bool()> keep,
              std::function<void(const absl::Status&)> done);
  // On the writer's thread, before a command.
  void RefreshChannels();
  void ClockLoop();

  store::Store& store_;
  const Clock& clock_;
  const EngineOptions options_;
  Services services_;
  // Something failed in the storage: what a lost batch had cached about channels may not be true.
  std::atomic<bool> channels_stale_{false};

  // Request ids whose first call has not been answered yet.
  std::mutex running_mutex_;
  std::unordered_set<std::string> running_;

  struct Listeners;
  std::shared_ptr<Listeners> listeners_;

  std::unique_ptr<Delivery> delivery_;
  std::unique_ptr<ErpFeed> feed_;
  std::atomic<bool> stopping_{false};
  std::thread clock_thread_;
};

// Judges tracking numbers by all carrier plugins. Calls them, so not inside a transaction.
std::vector<v1::TrackingVerdict> JudgeTracking(plugins::PluginRegistry& plugins, absl::Time now,
                                               const std::vector<v1::TrackingQuery>& queries);

// All figures of a seller at one time; of the week that begins with `week`, where that is given.
v1::Dashboard MakeDashboard(store::Reader& store, std::string_view seller, absl::Time now,
                            std::optional<absl::CivilDay> week = std::nullopt);
// Keeps what the valid tracking rates of a channel were before and after a parcel changed: where
// one crossed its threshold, and where the change put a wrong number right. To be called after the
// counters were; the rates are those of all parcels and of their categories.
void RecordMetricChanges(Command& c, const ChannelInfo& channel, std::string_view cause,
                         const std::vector<metrics::Contribution>& before,
                         const std::vector<metrics::Contribution>& after, bool correction);
// Window of a metric of a channel at one time, by its policy. Null policy when there is none.
struct MetricWindow {
  const v1::MetricPolicy* policy = nullptr;
  absl::CivilDay first, last;
  absl::CivilDay last_answered;  // RESP: of what may be answered already; otherwise `last`
};
MetricWindow WindowOf(const ChannelInfo& channel, v1::Metric::Kind kind, int window_days,
                      absl::Time now);
// The week that begins with that Monday, for a metric of the policy.
MetricWindow WeekOf(const ChannelInfo& channel, v1::Metric::Kind kind, absl::CivilDay monday,
                    absl::Time now);

}  // namespace aftersales::engine
