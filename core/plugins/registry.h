// The plugins of this host: found, checked, loaded, looked up.
//
// Example:
//   PluginRegistry::Options options;
//   options.directories = {prefix / "lib/aftersales/plugins"};
//   options.data_directory = data / "plugins";
//   options.host_version = "0.1.0";
//   PluginRegistry registry(options, [] { return absl::Now(); }, log);
//   registry.LoadAll();
//   if (PluginHandle* dhl = registry.Find("dhl")) dhl->Call(...);
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/v1/plugin.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/http_limits.h"
#include "core/plugins/http_sender.h"
#include "core/plugins/plugin_handle.h"
#include "core/plugins/services_server.h"
#include "core/plugins/settings.h"

namespace aftersales::plugins {

// LoadAll is called once, before anything else and by one thread; the rest is thread-safe. Handles
// live as long as the registry, the code of plugins until the process ends: it is never unloaded.
class PluginRegistry {
 public:
  struct Options {
    // Folders whose *.so are all loaded. One that is not there is logged and skipped.
    std::vector<std::filesystem::path> directories;
    // Further plugin files.
    std::vector<std::filesystem::path> files;
    // Which run in a process of their own: names of files without their extension, or `all`.
    std::set<std::string> isolate;
    // The program that runs a plugin file in a process of its own, as `PROGRAM plugin-runner FILE`.
    std::filesystem::path runner;
    // Settings by plugin id; one of the form `@/path` is read from that file.
    std::map<std::string, Settings> config;
    // Each plugin gets a folder of its own in here, by its id, mode 0700.
    std::filesystem::path data_directory;
    // Semantic version of the host, for messages.
    std::string host_version;
    // What sends the HTTP requests of plugins; the network when null.
    std::shared_ptr<HttpSender> http;
    HttpLimits::Options http_limits;
  };

  PluginRegistry(Options options, NowFn now, LogFn log);
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  // Loads all plugins, in order of their file names. One that cannot be loaded is listed as FAILED,
  // with what is wrong and what to do; it never stops the host.
  void LoadAll();

  // The plugin of that id; null when there is none that is loaded.
  PluginHandle* Find(std::string_view id) const;
  // The loaded plugins of a kind, by id.
  std::vector<PluginHandle*> OfKind(v1::Plugin::Kind kind) const;
  // All that were found, also those that failed, by id. One that failed before it could tell its id
  // is listed under the name of its file.
  std::vector<v1::Plugin> List() const;
  // One of List(), by id.
  std::optional<v1::Plugin> Get(std::string_view id) const;

 private:
  // Fills in `listed` as far as it gets.
  absl::Status Load(const std::filesystem::path& path, v1::Plugin* listed);
  absl::StatusOr<std::unique_ptr<Transport>> Open(const std::filesystem::path& path);
  absl::StatusOr<std::string> MakeDataDirectory(const std::string& id) const;
  void AddFailed(v1::Plugin plugin, std::string_view problem);

  const Options options_;
  const NowFn now_;
  const LogFn log_;
  const std::shared_ptr<HttpSender> http_;
  std::unique_ptr<ServicesServer> services_;  // for children; outlives them
  std::map<std::string, std::unique_ptr<PluginHandle>, std::less<>> loaded_;
  std::map<std::string, v1::Plugin, std::less<>> failed_;
};

}  // namespace aftersales::plugins
