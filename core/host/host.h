// A host: store, engine, plugins and gRPC server, wired together in one process.
//
// Example:
//   HostOptions options;
//   options.data_directory = "/srv/aftersales";
//   auto host = Host::Start(std::move(options));
//   ...
//   (*host)->Shutdown(absl::Seconds(10));
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace aftersales {
class Clock;
}

namespace aftersales::host {

struct HostOptions {
  // Where everything is kept: aftersales.db and plugins/. Created with mode 0700. One host at a
  // time may use it.
  std::filesystem::path data_directory;
  // Loopback only, until there are TLS and authentication. Port 0 takes a free one.
  std::string listen = "127.0.0.1:50151";
  // Folders in which plugins are found (*.so, and programs named *.plugin), of which those are used
  // that `enable_plugins` names or a person has enabled; and single plugins, which are used. Names
  // are those of files without their extension, or `all`.
  std::vector<std::filesystem::path> plugin_directories;
  std::vector<std::filesystem::path> plugin_files;
  std::set<std::string> enable_plugins;
  // Which run in a process of their own, and which in this one; the first goes before the second.
  // What neither names runs in its own.
  std::set<std::string> isolate;
  std::set<std::string> in_process;
  // How long a plugin rests whose process ended too often in a row.
  absl::Duration plugin_quarantine = absl::Minutes(5);
  // The program that runs them, which is this one.
  std::filesystem::path plugin_runner = "/proc/self/exe";
  // Settings by plugin id; one of the form `@/path` is read from that file.
  std::map<std::string, std::map<std::string, std::string>> plugin_config;
  // For tests of plugins, a folder each: the HTTP exchanges of plugins are written into the first,
  // or answered from the second without any network. At most one of them.
  std::filesystem::path record_plugin_http;
  std::filesystem::path replay_plugin_http;
  // The clock stands still here and ids come out the same in every run: for demos.
  std::optional<absl::Time> pinned_time;
  // A clock of the caller's, for tests. Goes before pinned_time.
  std::shared_ptr<Clock> clock;
  // Called before every write statement; tests stop the process here. The program takes the number
  // of the write to die at from the environment, AFTERSALES_FAULT_KILL_AT_WRITE.
  std::function<void()> before_write;
  // How long an import may wait for its caller's next message, and take in all.
  absl::Duration import_idle_max = absl::Seconds(60);
  absl::Duration import_time_max = absl::Hours(1);
  // How often an ERP is asked what happened there, and how long it may take for one answer.
  absl::Duration erp_pull_every = absl::Seconds(30);
  absl::Duration erp_call_max = absl::Seconds(30);
};

class Host {
 public:
  // FAILED_PRECONDITION with what to do: the directory is in use or not usable, the database is of
  // a newer program, the address is taken or not loopback.
  static absl::StatusOr<std::unique_ptr<Host>> Start(HostOptions options);
  ~Host();

  int port() const;
  std::string address() const;  // `127.0.0.1:50151`
  // Live streams end first, running calls get `grace` to finish, then engine and store stop. What
  // was acknowledged is durable before that already.
  void Shutdown(absl::Duration grace);

 private:
  struct Parts;
  explicit Host(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace aftersales::host
