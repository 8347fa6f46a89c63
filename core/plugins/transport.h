// How calls get to a plugin: the one seam between the call path and where the plugin runs.
//
// InProcessTransport calls a shared object in this process, IsolatedTransport a child process. A
// call is the same tuple that gRPC carries (path, bytes, metadata, deadline; code, message,
// details, bytes).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/plugin_services.h"

namespace aftersales::plugins {

// Largest request and response, in bytes. Far above the contract's limits (1 MiB of a report,
// 500 changes), small enough that a plugin that lies about a size costs no more than this.
inline constexpr size_t kMessageBytesMax = 64 << 20;

// Methods of PluginLifecycle, and how long the plugin has for each.
inline constexpr char kValidateConfigPath[] =
    "/aftersales.plugin.v1.PluginLifecycle/ValidateConfig";
inline constexpr char kShutdownPath[] = "/aftersales.plugin.v1.PluginLifecycle/Shutdown";
inline constexpr auto kValidateConfigTime = std::chrono::seconds(5);
inline constexpr auto kShutdownTime = std::chrono::seconds(5);

// Bytes of a request or response: small ones on the stack of the call, without an allocation.
class CallBuffer {
 public:
  CallBuffer() = default;
  CallBuffer(const CallBuffer&) = delete;
  CallBuffer& operator=(const CallBuffer&) = delete;

  // Room for exactly `size` bytes, in place of what was there. Null above kMessageBytesMax or
  // without memory.
  uint8_t* Reserve(size_t size);
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), size_}; }
  // The bytes of one that is not small, which are the caller's to delete[] then; null for a small
  // one. After this there is nothing to do with it but to destroy it.
  uint8_t* ReleaseHeap() { return data_ == inline_ ? nullptr : heap_.release(); }

 private:
  uint8_t inline_[4096];
  std::unique_ptr<uint8_t[]> heap_;
  uint8_t* data_ = inline_;
  size_t size_ = 0;
};

// What goes with a call besides the request.
struct CallContext {
  std::string_view idempotency_key;
  std::string_view seller;
  int attempt = 1;
  // When the caller stops waiting. time_point::max() when it never does.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// The process of a plugin that has one of its own.
struct ProcessInfo {
  int pid = 0;  // 0 while there is none
  int64_t restarts = 0;
  bool quarantined = false;
  std::string problem;  // why there is none
};

// Of a call that the plugin never saw: it can be made again without asking what became of it. The
// mark is the host's alone; one that comes from a plugin is taken off.
absl::Status NotMade(absl::Status status);
bool WasNotMade(const absl::Status& status);
// Of a call whose plugin ended under it, which its supervisor deals with.
absl::Status LostProcess(absl::Status status);
bool WasLostProcess(const absl::Status& status);
// Takes both marks off.
void RemoveMarks(absl::Status* status);

// Carries the contract to one plugin. Describe, ValidateConfig, SetServices, Configure and Resolve
// are called in this order, by one thread; after that Call and Resolve by any thread, also at once.
// One that was configured tells the plugin of its end, Shutdown, when it is destroyed.
class Transport {
 public:
  virtual ~Transport() = default;

  // The name that log lines of the plugin carry from now on, and what is kept out of them.
  virtual void SetIdentity(const std::string& plugin_id, Redactor redactor) = 0;
  virtual absl::StatusOr<plugin::v1::DescribeResponse> Describe() = 0;
  // What the plugin finds wrong with settings. UNIMPLEMENTED when it does not look at them.
  virtual absl::StatusOr<plugin::v1::ValidateConfigResponse> ValidateConfig(
      const plugin::v1::ValidateConfigRequest& request) = 0;
  // What the host does for the plugin from now on.
  virtual void SetServices(std::shared_ptr<PluginServices> services) = 0;
  // Calls are possible once this has answered OK.
  virtual absl::Status Configure(const plugin::v1::ConfigureRequest& request) = 0;
  // Number of a method given as `/package.Service/Method`, or -1 if the plugin has none such.
  virtual int Resolve(std::string_view path) = 0;
  // Calls a method. A status that is not OK is the plugin's own answer or tells how the way to it
  // failed; details are payloads of the status under their type URL.
  virtual absl::Status Call(int method, const CallContext& context, std::string_view request,
                            CallBuffer* response) = 0;
  // Ends it, for good: calls that run may fail, others are not made. Nothing happens to one that
  // runs in this process, whose code stays. By any thread, also at once with calls.
  virtual void Stop() {}
  // The same without telling the plugin and without waiting: its process is killed.
  virtual void Abort() {}
  // Nothing for one that runs in this process. By any thread.
  virtual std::optional<ProcessInfo> Process() const { return std::nullopt; }
};

}  // namespace aftersales::plugins
