// The services of the host as a process of a plugin has them: by calls to the host.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "aftersales/plugin/v1/plugin_host_service.grpc.pb.h"
#include "core/plugins/plugin_services.h"

namespace aftersales::plugins {

// Connects at the first use. A host that does not answer is UNAVAILABLE, but for an HTTP request
// that it may have sent: UNKNOWN.
class RemoteServices : public PluginServices {
 public:
  RemoteServices(std::string socket, std::string token);

  absl::Status SendHttpRequest(const plugin::v1::SendHttpRequestRequest& request,
                               const CancelledFn& cancelled,
                               plugin::v1::SendHttpRequestResponse* response) override;
  absl::StatusOr<std::string> GetSecret(std::string_view key) override;
  absl::StatusOr<std::string> GetValue(std::string_view key) override;
  absl::Status PutValue(std::string_view key, std::string_view value) override;
  absl::Status DeleteValue(std::string_view key) override;

 private:
  using Stub = plugin::v1::PluginHost::Stub;

  Stub& stub();
  void Prepare(grpc::ClientContext* context, std::chrono::nanoseconds time) const;

  const std::string socket_;
  const std::string token_;
  absl::Mutex mu_;
  std::unique_ptr<Stub> stub_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
