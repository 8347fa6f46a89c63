// What the host does for one plugin besides calling it: http/1, secrets/1 and kv/1.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/plugin_host_service.pb.h"

namespace aftersales::plugins {

// Whether the caller no longer waits. Asked often, by the thread that was called with it.
using CancelledFn = std::function<bool()>;

// The methods of aftersales.plugin.v1.PluginHost, with its codes, for the plugin that this is of.
// Thread-safe. LocalServices does them in the host, RemoteServices asks the host from a child.
class PluginServices {
 public:
  virtual ~PluginServices() = default;

  virtual absl::Status SendHttpRequest(const plugin::v1::SendHttpRequestRequest& request,
                                       const CancelledFn& cancelled,
                                       plugin::v1::SendHttpRequestResponse* response) = 0;
  virtual absl::StatusOr<std::string> GetSecret(std::string_view key) = 0;
  virtual absl::StatusOr<std::string> GetValue(std::string_view key) = 0;
  virtual absl::Status PutValue(std::string_view key, std::string_view value) = 0;
  virtual absl::Status DeleteValue(std::string_view key) = 0;
};

}  // namespace aftersales::plugins
