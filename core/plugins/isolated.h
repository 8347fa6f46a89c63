// Plugins in a process of their own: a crash, a hang or a leak in one costs its own calls only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/plugins/child_process.h"
#include "core/plugins/host_services.h"
#include "core/plugins/services_server.h"
#include "core/plugins/transport.h"

namespace aftersales::plugins {

// Starts a program that serves a plugin, and starts it anew when it ends or hangs.
//
// A call that was under way when the child ended answers UNAVAILABLE: whether it was done is not
// known. One that finds no child waits for the next until its deadline, then answers
// RESOURCE_EXHAUSTED: it was not made. After `crash_loop` ends in a row without an answer in
// between the child is in quarantine: calls are refused at once until it is tried again.
class IsolatedTransport : public Transport {
 public:
  struct Options {
    std::vector<std::string> command;  // program and arguments
    std::string socket_directory;      // of this process alone
    std::string socket_name;           // unique in there
    std::string host_version;          // for messages
    std::string name;                  // for log lines until the plugin tells its id
    std::string path;                  // of the plugin, for messages
    absl::Duration start_timeout = absl::Seconds(10);
    absl::Duration backoff_min = absl::Milliseconds(20);  // doubled at each end in a row
    absl::Duration backoff_max = absl::Seconds(30);
    int crash_loop = 5;
    absl::Duration quarantine = absl::Minutes(5);
    int64_t memory_bytes_max = int64_t{1} << 30;
    ServicesServer* services = nullptr;  // where the child finds those of the host; may be null
    // Asked before each start but the first: whether the program is what it was. May be null.
    std::function<absl::Status()> check = nullptr;
  };

  // Starts it and waits until it takes calls. UNAVAILABLE says why it does not.
  static absl::StatusOr<std::unique_ptr<IsolatedTransport>> Start(Options options, NowFn now,
                                                                  LogFn log);
  // Tells the plugin, asks the child to end, and kills it when it does not.
  ~IsolatedTransport() override;

  void SetIdentity(const std::string& plugin_id, Redactor redactor) override;
  absl::StatusOr<plugin::v1::DescribeResponse> Describe() override;
  absl::StatusOr<plugin::v1::ValidateConfigResponse> ValidateConfig(
      const plugin::v1::ValidateConfigRequest& request) override;
  void SetServices(std::shared_ptr<PluginServices> services) override;
  absl::Status Configure(const plugin::v1::ConfigureRequest& request) override;
  // A child says for itself, at the call, what it does not have.
  int Resolve(std::string_view path) override;
  absl::Status Call(int method, const CallContext& context, std::string_view request,
                    CallBuffer* response) override;
  void Stop() override;
  void Abort() override;
  std::optional<ProcessInfo> Process() const override;

 private:
  struct Up;  // a child that takes calls

  IsolatedTransport(Options options, NowFn now, LogFn log);
  void Supervise();
  // Waits until the program is again what it was; false when it is not wanted any more.
  bool AwaitSameFile();
  // The next child, configured like the one before; null and `problem` if it does not come up.
  std::unique_ptr<ChildProcess> StartChild(std::shared_ptr<Up>* up, std::string* problem);
  // Sees that a new child is the plugin that was loaded, and tells it its settings.
  absl::Status SetUp(const Up& up, const std::string& configuration) const;
  absl::StatusOr<plugin::v1::DescribeResponse> DescribeOn(const Up& up) const;
  // Tells a child, which takes no more calls, that it ends.
  void TellShutdown(const Up& up) const;
  void Wake();
  void Log(LogLevel level, std::string_view text) const;
  // How a log line about its process begins.
  std::string ItsProcess() const;
  void TakeLine(std::string_view line) const;
  std::shared_ptr<Up> AwaitUp(std::chrono::steady_clock::time_point deadline, std::string* problem);
  absl::Status CallOn(const Up& up, const std::string& path, const CallContext& context,
                      std::string_view request, CallBuffer* response) const;
  // Ends a child, so that the next is started.
  void GiveUp(const std::shared_ptr<Up>& up, std::string_view reason);
  // Ends a child that has no memory left: it would fail at every call from now on.
  void CheckMemory(const std::shared_ptr<Up>& up);
  // Ends a child that does not answer any more, or none of its calls.
  void CheckHang(const std::shared_ptr<Up>& up, bool overran);

  const Options options_;
  const NowFn now_;
  const LogFn log_;
  const int wake_fd_;
  const std::shared_ptr<ServicesSlot> slot_ = std::make_shared<ServicesSlot>();

  mutable absl::Mutex mu_;
  std::string name_ ABSL_GUARDED_BY(mu_);
  Redactor redactor_ ABSL_GUARDED_BY(mu_);
  plugin::v1::DescribeResponse described_ ABSL_GUARDED_BY(mu_);  // when it was loaded
  std::vector<std::string> paths_ ABSL_GUARDED_BY(mu_);
  std::string configuration_ ABSL_GUARDED_BY(mu_);  // of a child that is started anew
  bool configured_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<Up> up_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool first_try_over_ ABSL_GUARDED_BY(mu_) = false;
  std::string kill_reason_ ABSL_GUARDED_BY(mu_);
  std::string problem_ ABSL_GUARDED_BY(mu_);
  bool quarantined_ ABSL_GUARDED_BY(mu_) = false;
  bool answered_ ABSL_GUARDED_BY(mu_) = false;  // whether a call ended well since the last start
  int overruns_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t starts_ ABSL_GUARDED_BY(mu_) = 0;

  absl::Mutex join_mu_;
  std::thread supervisor_;  // last: it uses all of the above
};

}  // namespace aftersales::plugins
