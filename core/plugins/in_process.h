// Plugins in this process: a shared object behind the C ABI, loaded by Boost.DLL.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/plugin.h"
#include "core/plugins/host_services.h"
#include "core/plugins/transport.h"

namespace aftersales::plugins {

class PluginHost;

// Calls a shared object in this process. A crash or hang in it is one of the host.
class InProcessTransport : public Transport {
 public:
  // Loads the file, which CheckPluginFile has found good, and asks for its functions.
  // FAILED_PRECONDITION says what is wrong and what to do. Not thread-safe: loading is done by one
  // thread. The code stays loaded until the process ends, whatever becomes of the transport.
  static absl::StatusOr<std::unique_ptr<InProcessTransport>> Load(const std::filesystem::path& path,
                                                                  const std::string& host_version,
                                                                  NowFn now, LogFn log);
  // Ends the plugin's instance, after Shutdown; what it still logs is dropped.
  ~InProcessTransport() override;

  void SetIdentity(const std::string& plugin_id, Redactor redactor) override;
  absl::StatusOr<plugin::v1::DescribeResponse> Describe() override;
  absl::StatusOr<plugin::v1::ValidateConfigResponse> ValidateConfig(
      const plugin::v1::ValidateConfigRequest& request) override;
  void SetServices(std::shared_ptr<PluginServices> services) override;
  absl::Status Configure(const plugin::v1::ConfigureRequest& request) override;
  int Resolve(std::string_view path) override;
  absl::Status Call(int method, const CallContext& context, std::string_view request,
                    CallBuffer* response) override;
  // Tells the instance that it ends, the first time.
  absl::Status Shutdown();

 private:
  InProcessTransport(PluginHost* host, const aftersales_plugin_api* api) : host_(host), api_(api) {}

  PluginHost* host_;  // Never freed: a plugin's thread may use it until the process ends.
  const aftersales_plugin_api* api_;
  aftersales_instance* instance_ = nullptr;
  std::atomic<bool> shut_down_{false};
};

}  // namespace aftersales::plugins
