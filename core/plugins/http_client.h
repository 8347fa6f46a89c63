// HTTP requests over the network, by libcurl.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/plugins/http_sender.h"

namespace aftersales::plugins {

// Follows no redirect, keeps no cookie, reads no .netrc. Connections are kept open for the next
// request, but for POST and PATCH: libcurl repeats a request by itself when a kept connection turns
// out to be closed, and these two must never go twice unasked. A proxy is taken from the
// environment (https_proxy, no_proxy).
class HttpClient : public HttpSender {
 public:
  // `user_agent` is sent when a request brings none.
  explicit HttpClient(std::string user_agent);
  ~HttpClient() override;

  absl::Status Send(const HttpContext& context, const plugin::v1::SendHttpRequestRequest& request,
                    plugin::v1::SendHttpRequestResponse* response) override;

 private:
  struct Session;  // connections, used by one thread at a time

  absl::StatusOr<std::unique_ptr<Session>> Take();
  void Give(std::unique_ptr<Session> session);

  const std::string user_agent_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Session>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
