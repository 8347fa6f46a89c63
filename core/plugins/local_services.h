// The services of the host for one plugin, done here.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/http_limits.h"
#include "core/plugins/http_sender.h"
#include "core/plugins/plugin_services.h"
#include "core/plugins/settings.h"
#include "core/plugins/value_store.h"

namespace aftersales::plugins {

class LocalServices : public PluginServices {
 public:
  struct Options {
    plugin::v1::DescribeResponse description;
    Settings settings;                     // as they were given, with `@/path` for a file
    Redactor redactor;                     // learns of secrets that are new
    std::filesystem::path data_directory;  // of the plugin
    std::shared_ptr<HttpSender> http;      // shared by all plugins
    HttpLimits::Options limits;
  };
  explicit LocalServices(Options options);

  absl::Status SendHttpRequest(const plugin::v1::SendHttpRequestRequest& request,
                               const CancelledFn& cancelled,
                               plugin::v1::SendHttpRequestResponse* response) override;
  absl::StatusOr<std::string> GetSecret(std::string_view key) override;
  absl::StatusOr<std::string> GetValue(std::string_view key) override;
  absl::Status PutValue(std::string_view key, std::string_view value) override;
  absl::Status DeleteValue(std::string_view key) override;

 private:
  const Options options_;
  HttpLimits limits_;
  ValueStore values_;
};

}  // namespace aftersales::plugins
