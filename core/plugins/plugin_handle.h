// One loaded plugin: the one path by which the host calls plugins, wherever they run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "aftersales/v1/plugin.pb.h"
#include "core/plugins/call_times.h"
#include "core/plugins/circuit.h"
#include "core/plugins/host_services.h"
#include "core/plugins/transport.h"

namespace aftersales::plugins {

// A plugin that was loaded, described and configured; or that was once, and is only known.
struct LoadedPlugin {
  std::shared_ptr<Transport> transport;  // null for one that is only known
  plugin::v1::DescribeResponse description;
  std::string path;
  std::string sha256;  // of the file, in hexadecimal
  Redactor redactor;
};

// Thread-safe, and there for as long as the registry, whatever is behind it: what runs the plugin
// can be replaced and taken away while calls are made.
class PluginHandle {
 public:
  // Options of one call.
  struct CallOptions {
    // Id of the effect; empty for calls that change nothing.
    std::string idempotency_key;
    // 1 for the first try.
    int attempt = 1;
    // When the caller stops waiting, on the host's clock. It bounds the wait for a free place and
    // is passed to the plugin; a plugin in this process that ignores it cannot be stopped.
    absl::Time deadline = absl::InfiniteFuture();
    // The tenant, such as `sellers/acme`.
    std::string seller;
  };

  // For the registry, and for tests that bring a transport of their own. The description has been
  // checked. Without a transport it is disabled.
  PluginHandle(LoadedPlugin plugin, NowFn now);
  ~PluginHandle();
  PluginHandle(const PluginHandle&) = delete;
  PluginHandle& operator=(const PluginHandle&) = delete;

  const std::string& id() const { return id_; }
  v1::Plugin::Kind kind() const { return kind_; }
  // As it described itself last.
  plugin::v1::DescribeResponse description() const;
  std::string path() const;
  // As messages name it: `plugin dhl 0.1.0 at /usr/lib/dhl.so`.
  std::string Who() const;

  // What the plugin makes of a method of its kind, such as `IssueRefund`. UNSUPPORTED when its
  // description does not name it.
  v1::Plugin::Capability CapabilityOf(std::string_view method) const;
  // Whether the same effect id twice does the effect once. False when not said.
  bool IdempotentAt(std::string_view method) const;

  // Calls `method`, such as `CarrierPlugin/IssueLabel`, and waits for the answer.
  //
  // At most max_concurrency calls run at once; others wait for a place, until their deadline
  // (DEADLINE_EXCEEDED). RESOURCE_EXHAUSTED, without a call: 1024 wait already, the plugin is
  // disabled, or its last calls failed and it has a moment's rest. Those carry the mark of NotMade.
  // UNIMPLEMENTED, without a call, for a method that is UNSUPPORTED or not of this plugin's kind.
  // INTERNAL when the answer cannot be read. Everything else is what the plugin answered, with its
  // id, version and file in front of the message, of which 1 KiB is kept. `response` is cleared
  // first and set only when OK is returned.
  absl::Status Call(std::string_view method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* response, const CallOptions& options);

  // Asks the plugin how it is and remembers the answer for Snapshot.
  absl::Status CheckHealth(absl::Time deadline);

  // How it stands, as the API shows it. DEGRADED after three failures in a row that are the
  // plugin's or its remote side's (UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS,
  // UNAUTHENTICATED), and while its last health check was bad.
  v1::Plugin Snapshot() const;

  // Whether calls are made.
  bool enabled() const;
  // Whether a call would be made now; otherwise the refusal that it would get.
  absl::Status Ready() const;
  // Why what is to be told to it waits although it answers, for people to see; empty where it does
  // not. Its secrets are left out.
  void SetHeldUp(std::string_view why);
  // Whether it runs, or did until it was disabled, in a process of its own, or in this one. Neither
  // of one that was disabled when the host started.
  bool isolated() const;
  bool in_process() const;
  // Gives calls to another one from now on, of the same id and kind, and ends the one before once
  // its calls have, after `drain` at the latest. No call fails for the change.
  void Replace(LoadedPlugin plugin, absl::Duration drain);
  // Makes no calls any more, once those that run have ended, after `drain` at the latest. A process
  // of its own ends then.
  void Disable(absl::Duration drain);
  // Makes calls again with what was there before. False where that has ended, so that another one
  // has to be put in its place.
  bool Enable();
  // Ends its process if calls are under way there, and with it those calls, for good.
  void AbortCalls();

 private:
  struct Method {
    std::string name;  // `CarrierPlugin/IssueLabel`
    int index;         // of the transport; -1 when the plugin does not have it
    v1::Plugin::Capability capability;
    bool idempotent;
  };
  // What runs the plugin.
  struct Behind;
  enum class Entered { kYes, kReplaced };

  std::shared_ptr<Behind> Current() const;
  static std::shared_ptr<Behind> Made(LoadedPlugin plugin, absl::Time now);
  // Waits for the calls of one that was replaced or disabled, then ends it.
  static void Drain(Behind& behind, absl::Duration drain);
  absl::StatusOr<Entered> Enter(Behind& behind, absl::Duration wait) const;
  std::string Who(const Behind& behind) const;
  absl::Status Named(const Behind& behind, const absl::Status& status) const;
  void Count(const absl::Status& status);
  absl::Status IsDisabled() const;
  absl::Status IsOpen() const;

  const std::string id_;
  const v1::Plugin::Kind kind_;
  const NowFn now_;

  mutable absl::Mutex behind_mu_;
  std::shared_ptr<Behind> behind_ ABSL_GUARDED_BY(behind_mu_);
  bool enabled_ ABSL_GUARDED_BY(behind_mu_) = true;
  bool draining_ ABSL_GUARDED_BY(behind_mu_) = false;

  CallTimes times_;
  Circuit circuit_;
  std::atomic<int64_t> call_count_{0};
  std::atomic<int64_t> error_count_{0};
  std::atomic<int> failures_in_a_row_{0};
  mutable absl::Mutex problem_mu_;
  std::string last_failure_ ABSL_GUARDED_BY(problem_mu_);
  std::string health_problem_ ABSL_GUARDED_BY(problem_mu_);
  std::string held_up_ ABSL_GUARDED_BY(problem_mu_);
};

// Paths of the methods of a kind, such as `/aftersales.plugin.v1.ErpPlugin/PushChanges`, read from
// the contract itself. Empty for a kind that this host does not know.
std::vector<std::string> ContractMethods(v1::Plugin::Kind kind);

}  // namespace aftersales::plugins
