// The plugins of this host: found, checked, loaded, looked up.
//
// Example:
//   PluginRegistry::Options options;
//   options.directories = {prefix / "lib/aftersales/plugins"};
//   options.data_directory = data / "plugins";
//   options.host_version = "0.1.0";
//   PluginRegistry registry(options, [] { return absl::Now(); }, log);
//   if (absl::Status status = registry.LoadAll(); !status.ok()) ...
//   if (PluginHandle* dhl = registry.Find("dhl")) dhl->Call(...);
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "aftersales/v1/plugin.pb.h"
#include "core/plugins/host_services.h"
#include "core/plugins/http_limits.h"
#include "core/plugins/http_sender.h"
#include "core/plugins/kept_settings.h"
#include "core/plugins/plugin_handle.h"
#include "core/plugins/services_server.h"
#include "core/plugins/settings.h"

namespace aftersales::plugins {

// LoadAll is called once, before anything else and by one thread; the rest is thread-safe. Handles
// live as long as the registry, the code of plugins in this process until that ends: it is never
// unloaded.
class PluginRegistry {
 public:
  struct Options {
    // Folders whose shared objects (*.so) and programs (*.plugin) are found. Of them those are used
    // that `enable` names, or a person has enabled; the others are listed as DISABLED. One that is
    // not there is logged and skipped.
    std::vector<std::filesystem::path> directories;
    // Plugins that are used, wherever they are: shared objects, named *.so, and programs, named in
    // any other way.
    std::vector<std::filesystem::path> files;
    // Which of `directories` are used: names of files without their extension, or `all`.
    std::set<std::string> enable;
    // Which run in a process of their own, and which in this one: names of files without their
    // extension, or `all`. `isolate` goes before `in_process`; what neither names is isolated, and
    // so are all programs.
    std::set<std::string> isolate;
    std::set<std::string> in_process;
    // How long a plugin rests whose process ended too often in a row.
    absl::Duration quarantine = absl::Minutes(5);
    // The program that runs a plugin file in a process of its own, as `PROGRAM plugin-runner FILE`.
    std::filesystem::path runner;
    // Settings by plugin id; one of the form `@/path` is read from that file.
    std::map<std::string, Settings> config;
    // Each plugin gets a folder of its own in here, by its id, mode 0700. What people have set is
    // kept in `plugins.json`.
    std::filesystem::path data_directory;
    // Semantic version of the host, for messages.
    std::string host_version;
    // How long calls may go on when their plugin is replaced or disabled.
    absl::Duration drain = absl::Seconds(30);
    // What sends the HTTP requests of plugins; the network when null.
    std::shared_ptr<HttpSender> http;
    HttpLimits::Options http_limits;
  };

  PluginRegistry(Options options, NowFn now, LogFn log);
  ~PluginRegistry();
  PluginRegistry(const PluginRegistry&) = delete;
  PluginRegistry& operator=(const PluginRegistry&) = delete;

  // Loads the plugins that are in use, in order of their file names. One that cannot be loaded is
  // listed as FAILED, with what is wrong and what to do; it never stops the host. Not OK only when
  // what people have set cannot be read.
  absl::Status LoadAll();

  // The plugin of that id; null when there is none that is loaded or was.
  PluginHandle* Find(std::string_view id) const;
  // The plugins of a kind that are loaded or were, by id.
  std::vector<PluginHandle*> OfKind(v1::Plugin::Kind kind) const;
  // All that were found, also those that failed, by id. One that could not tell its id is listed
  // under the name of its file.
  std::vector<v1::Plugin> List() const;
  // One of List(), by id.
  std::optional<v1::Plugin> Get(std::string_view id) const;

  // What a person does about one of List(); what each does is told in PluginService. One at a time;
  // what is set is kept before they answer. NOT_FOUND; FAILED_PRECONDITION with what is wrong and
  // what to do, and then nothing has changed; UNAVAILABLE when it cannot be kept.
  absl::StatusOr<v1::Plugin> Enable(const std::string& id, std::string_view sha256);
  absl::StatusOr<v1::Plugin> Disable(const std::string& id);
  absl::StatusOr<v1::Plugin> Restart(const std::string& id);
  absl::StatusOr<v1::Plugin> Isolate(const std::string& id, bool in_process);
  absl::StatusOr<v1::Plugin> Upgrade(const std::string& id, const std::filesystem::path& path,
                                     std::string_view sha256);

  // Ends the processes of plugins that have calls under way, and with them those calls. For the end
  // of the host; what runs in this process cannot be ended.
  void AbortCalls();

 private:
  // A file that was found.
  struct Found {
    std::filesystem::path path;
    bool in_use;
  };
  std::vector<Found> FindFiles() const;
  // Loads one file, and fills in `listed` as far as it gets. `id` is what it has to be called, or
  // empty.
  absl::StatusOr<LoadedPlugin> Load(const std::filesystem::path& path, bool isolated,
                                    std::string_view sha256, std::string_view id,
                                    v1::Plugin* listed) const;
  absl::StatusOr<std::unique_ptr<Transport>> Open(const std::filesystem::path& path,
                                                  bool isolated) const;
  // Where children find what the host does for them.
  absl::StatusOr<ServicesServer*> Services(const std::string& run_directory) const;
  // Loads a file that is to take the place of a plugin, which goes on until Take.
  absl::StatusOr<LoadedPlugin> LoadInPlaceOf(const PluginHandle& handle,
                                             const std::filesystem::path& path, bool isolated,
                                             std::string_view sha256) const;
  void Take(PluginHandle& handle, LoadedPlugin plugin) const;
  // The same where none of that id was loaded.
  void TakeNew(const std::string& listed_as, LoadedPlugin plugin);
  // Says which names of the options are those of no file.
  void CheckNames(const std::vector<Found>& files) const;
  bool IsIsolated(const std::filesystem::path& path, const KeptPlugin* kept) const;
  absl::StatusOr<std::string> MakeDataDirectory(const std::string& id) const;
  // A new plugin, or one that could not be loaded, under an id that is free.
  void AddLoaded(LoadedPlugin plugin);
  void AddIdle(v1::Plugin plugin, v1::Plugin::State state, std::string_view problem);
  std::vector<v1::Plugin> Idle() const;
  // The plugin of an id, for one who wants to change it. NOT_FOUND says what there is.
  absl::StatusOr<PluginHandle*> ToChange(const std::string& id) const;
  // Keeps what `change` sets about a plugin.
  absl::Status Keep(const std::string& id, const std::function<void(KeptPlugin*)>& change);

  const Options options_;
  const NowFn now_;
  const LogFn log_;
  const std::shared_ptr<HttpSender> http_;
  // Held while something is changed, over all that takes.
  absl::Mutex changing_mu_;
  KeptSettings kept_ ABSL_GUARDED_BY(changing_mu_);
  mutable std::atomic<int64_t> opened_{0};  // of processes; their sockets must not be the same

  // The services for children, once there is one; they outlive them.
  mutable absl::Mutex services_mu_;
  mutable std::unique_ptr<ServicesServer> services_ ABSL_GUARDED_BY(services_mu_);

  mutable absl::Mutex mu_;
  std::map<std::string, std::unique_ptr<PluginHandle>, std::less<>> loaded_ ABSL_GUARDED_BY(mu_);
  // Found, and not loaded.
  std::map<std::string, v1::Plugin, std::less<>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
