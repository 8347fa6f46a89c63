// The settings of a host: from flags and from a configuration file.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aftersales::cli {

struct ServeOptions {
  std::filesystem::path data_directory;
  std::string listen = "127.0.0.1:50151";
  std::vector<std::string> plugin_directories;
  std::vector<std::string> enable;
  std::vector<std::string> plugin_files;
  std::vector<std::string> isolate;
  std::vector<std::string> in_process;
  std::vector<std::string> plugin_config;
  std::string plugin_http;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string config_file;
};

// Settings by plugin id, then key.
using PluginConfig = std::map<std::string, std::map<std::string, std::string>>;

// Takes only loopback addresses (127.0.0.0/8, ::1, localhost): there is no TLS and no
// authentication yet, so any other address would open the data to the network.
// INVALID_ARGUMENT `LOOPBACK_ONLY` or `BAD_ADDRESS` on `--listen`.
absl::Status CheckLoopback(std::string_view listen);

// Whether each plugin has one place. `--isolate NAME` beside `--in-process all` is an exception
// from it; all else that both name is INVALID_ARGUMENT `BAD_PLACE`.
absl::Status CheckPlaces(const std::vector<std::string>& isolate,
                         const std::vector<std::string>& in_process);

// `plugin.key=value` each. INVALID_ARGUMENT `BAD_PLUGIN_CONFIG`.
absl::StatusOr<PluginConfig> ParsePluginConfig(const std::vector<std::string>& settings);

// Where the HTTP exchanges of plugins go to or come from.
struct PluginHttpFolders {
  std::filesystem::path record;
  std::filesystem::path replay;
};

// `record=DIR`, `replay=DIR` or nothing. INVALID_ARGUMENT `BAD_PLUGIN_HTTP`.
absl::StatusOr<PluginHttpFolders> ParsePluginHttp(const std::string& option);

// Fills the options of `command` that were not given on the command line from a TOML file whose
// keys are the flags without dashes. INVALID_ARGUMENT `BAD_CONFIG` names the file and the key.
absl::Status ReadConfigFile(const std::string& file, CLI::App* command);

}  // namespace aftersales::cli
