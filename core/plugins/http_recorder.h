// Requests and answers kept as files, so that a plugin can be tested without its remote side.
//
// One file for each exchange, `PLUGIN-0001.json` and so on: method, address, headers and body of
// the request, and the answer or the error. Left out, as `[secret]`: the values of secret settings
// wherever they stand, and headers that carry credentials. What a remote side says of buyers is in
// them; record from a test account.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/plugins/http_sender.h"

namespace aftersales::plugins {

// Sends through another sender and writes down what came of it.
class RecordingHttp : public HttpSender {
 public:
  // Makes the folder if need be; files that are in it are kept. FAILED_PRECONDITION when it cannot
  // be written.
  static absl::StatusOr<std::shared_ptr<HttpSender>> Open(std::filesystem::path directory,
                                                          std::shared_ptr<HttpSender> sender);
  // UNKNOWN as well when the exchange was made but cannot be written down.
  absl::Status Send(const HttpContext& context, const plugin::v1::SendHttpRequestRequest& request,
                    plugin::v1::SendHttpRequestResponse* response) override;

 private:
  RecordingHttp(std::filesystem::path directory, std::shared_ptr<HttpSender> sender)
      : directory_(std::move(directory)), sender_(std::move(sender)) {}

  const std::filesystem::path directory_;
  const std::shared_ptr<HttpSender> sender_;
  absl::Mutex mu_;
  std::map<std::string, int> last_ ABSL_GUARDED_BY(mu_);  // number of a file, by plugin
};

// Answers from such files and sends nothing. A request gets the first answer of its plugin, method,
// address and body that was not given yet; when all were, the last one again. One that was never
// recorded is UNAVAILABLE.
class ReplayingHttp : public HttpSender {
 public:
  // FAILED_PRECONDITION names a file that cannot be read.
  static absl::StatusOr<std::shared_ptr<HttpSender>> Open(std::filesystem::path directory);
  absl::Status Send(const HttpContext& context, const plugin::v1::SendHttpRequestRequest& request,
                    plugin::v1::SendHttpRequestResponse* response) override;

 private:
  struct Exchange {
    absl::Status status;
    plugin::v1::SendHttpRequestResponse response;
  };
  struct Recorded {
    std::vector<Exchange> exchanges;  // in the order in which they were made
    size_t given = 0;
  };
  explicit ReplayingHttp(std::filesystem::path directory) : directory_(std::move(directory)) {}

  const std::filesystem::path directory_;
  absl::Mutex mu_;
  std::map<std::string, Recorded> recorded_ ABSL_GUARDED_BY(mu_);  // by plugin and request
};

}  // namespace aftersales::plugins
