// Sending an HTTP request of a plugin, and what every way of doing so has in common.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/plugin_host_service.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/plugin_services.h"

namespace aftersales::plugins {

// Largest body of a request and of an answer.
inline constexpr size_t kHttpBodyBytesMax = 8 << 20;

// Whose request it is, and how long it may take.
struct HttpContext {
  const std::string& plugin;  // its id
  const Redactor& redactor;   // of its secrets
  absl::Duration timeout;
  const CancelledFn& cancelled;
};

// Sends requests that CheckHttpRequest has found good. Thread-safe.
class HttpSender {
 public:
  virtual ~HttpSender() = default;
  // With the codes of PluginHost.SendHttpRequest: OK for an answer of any HTTP status, UNAVAILABLE
  // when it was not sent, DEADLINE_EXCEEDED and UNKNOWN when it may have been. Ends soon after
  // `timeout` or once `cancelled`.
  virtual absl::Status Send(const HttpContext& context,
                            const plugin::v1::SendHttpRequestRequest& request,
                            plugin::v1::SendHttpRequestResponse* response) = 0;
};

// What the check of a request has found.
struct CheckedHttpRequest {
  std::string server;      // such as `https://erp.example:8443`
  absl::Duration timeout;  // of the request, or 30 seconds
};

// Whether a request may be sent at all. INVALID_ARGUMENT names the field and what would be right,
// and repeats neither values of headers nor the query of the address.
absl::StatusOr<CheckedHttpRequest> CheckHttpRequest(
    const plugin::v1::SendHttpRequestRequest& request);

}  // namespace aftersales::plugins
