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
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "aftersales/v1/plugin.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/transport.h"

namespace aftersales::plugins {

// Thread-safe. No call may be running when it is destroyed.
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

  // For the registry, and for tests that bring a transport of their own. `transport` is described
  // and configured; `description` has been checked.
  PluginHandle(std::unique_ptr<Transport> transport, plugin::v1::DescribeResponse description,
               std::string path, NowFn now, Redactor redactor);
  PluginHandle(const PluginHandle&) = delete;
  PluginHandle& operator=(const PluginHandle&) = delete;

  const std::string& id() const { return description_.plugin_id(); }
  v1::Plugin::Kind kind() const { return description_.kind(); }
  const plugin::v1::DescribeResponse& description() const { return description_; }

  // What the plugin makes of a method of its kind, such as `IssueRefund`. UNSUPPORTED when its
  // description does not name it.
  v1::Plugin::Capability CapabilityOf(std::string_view method) const;
  // Whether the same effect id twice does the effect once. False when not said.
  bool IdempotentAt(std::string_view method) const;

  // Calls `method`, such as `CarrierPlugin/IssueLabel`, and waits for the answer.
  //
  // At most max_concurrency calls run at once; others wait for a place, until their deadline
  // (DEADLINE_EXCEEDED; the plugin was not called). RESOURCE_EXHAUSTED when 1024 wait already.
  // UNIMPLEMENTED, without a call, for a method that is UNSUPPORTED or not of this plugin's kind.
  // INTERNAL when the answer cannot be read. Everything else is what the plugin answered, with its
  // id in front of the message. `response` is cleared first and set only when OK is returned.
  absl::Status Call(std::string_view method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* response, const CallOptions& options);

  // Asks the plugin how it is and remembers the answer for Snapshot.
  absl::Status CheckHealth(absl::Time deadline);

  // How it stands, as the API shows it. DEGRADED after three failures in a row that are the
  // plugin's or its remote side's (UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS,
  // UNAUTHENTICATED), and while its last health check was bad.
  v1::Plugin Snapshot() const;

 private:
  struct Method {
    std::string name;  // `CarrierPlugin/IssueLabel`
    int index;         // of the transport; -1 when the plugin does not have it
    v1::Plugin::Capability capability;
    bool idempotent;
  };

  const Method* FindMethod(std::string_view name) const;
  const Method* FindKindMethod(std::string_view short_name) const;
  absl::Status Enter(absl::Duration wait);
  void Leave();
  absl::Status Named(const absl::Status& status) const;
  void Count(const absl::Status& status);

  const plugin::v1::DescribeResponse description_;
  const std::string path_;
  const NowFn now_;
  const Redactor redactor_;
  const absl::Time load_time_;
  const std::unique_ptr<Transport> transport_;
  std::vector<Method> methods_;  // Those of the kind, then CheckHealth; set once.

  // The bulkhead.
  absl::Mutex places_mu_;
  int free_places_ ABSL_GUARDED_BY(places_mu_);
  int waiting_ ABSL_GUARDED_BY(places_mu_) = 0;

  std::atomic<int64_t> call_count_{0};
  std::atomic<int64_t> error_count_{0};
  std::atomic<int> failures_in_a_row_{0};
  mutable absl::Mutex problem_mu_;
  std::string last_failure_ ABSL_GUARDED_BY(problem_mu_);
  std::string health_problem_ ABSL_GUARDED_BY(problem_mu_);
};

// Paths of the methods of a kind, such as `/aftersales.plugin.v1.ErpPlugin/PushChanges`, read from
// the contract itself. Empty for a kind that this host does not know.
std::vector<std::string> ContractMethods(v1::Plugin::Kind kind);

}  // namespace aftersales::plugins
