// The plugin under test, as a test sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "core/conformance/watchdog.h"
#include "core/plugins/http_sender.h"
#include "core/plugins/services_server.h"
#include "core/plugins/transport.h"

namespace aftersales::conformance {

// What a plugin answered to one call.
struct Answer {
  absl::Status status;
  std::string bytes;
  absl::Duration took;
};

// A plugin that was opened: described, and configured unless that was not wanted.
class Session {
 public:
  struct Options {
    std::string idempotency_key;
    std::chrono::milliseconds timeout{5000};
  };

  Session(std::unique_ptr<plugins::Transport> transport, Watchdog* watchdog);

  const plugin::v1::DescribeResponse& description() const { return description_; }
  plugins::Transport& transport() { return *transport_; }
  // Calls `/package.Service/Method`. A call that does not end in its time and a few seconds more
  // fails the test. Thread-safe.
  Answer Call(const std::string& path, std::string_view request, const Options& options);
  Answer Call(const std::string& path, std::string_view request);
  // How its process ended, if it has one of its own and that has ended. Empty otherwise.
  std::string Death() const;

 private:
  friend class Subject;
  const std::unique_ptr<plugins::Transport> transport_;
  Watchdog* const watchdog_;
  plugin::v1::DescribeResponse description_;
};

// Thread-safe where it says so.
class Subject {
 public:
  struct Options {
    std::filesystem::path path;                 // the plugin
    std::map<std::string, std::string> config;  // settings that the author gave
    uint64_t seed = 1;
    std::filesystem::path scratch;  // a folder of this test alone
    std::filesystem::path program;  // this program, for plugins in processes of their own
    std::string host_version;
  };
  enum class Where { kUsual, kIsolated };

  Subject(Options options, Watchdog* watchdog);

  const Options& options() const { return options_; }
  bool is_program() const;
  Watchdog* watchdog() const { return watchdog_; }
  std::mt19937_64& random() { return random_; }

  // Starts the plugin: a shared object in this process, unless it is to be isolated; a program
  // always in one of its own. Says what went wrong, as a host would.
  absl::StatusOr<std::unique_ptr<Session>> Open(Where where = Where::kUsual);
  // The same without Configure.
  absl::StatusOr<std::unique_ptr<Session>> OpenUnconfigured(Where where = Where::kUsual);
  absl::Status Configure(Session& session, const std::map<std::string, std::string>& settings);

  // Settings with which it should start: those that were given, defaults, and for what is required
  // or secret a value of its type.
  std::map<std::string, std::string> Settings(const plugin::v1::DescribeResponse& description);
  // The values of secret settings that Settings gave out, by key.
  const std::map<std::string, std::string>& secrets() const { return secrets_; }

  // What it has logged. Thread-safe.
  std::vector<std::string> Log() const;
  // Command that starts it as a process of its own.
  std::vector<std::string> ChildCommand() const;
  std::string NewDataDirectory();

 private:
  const Options options_;
  Watchdog* const watchdog_;
  std::mt19937_64 random_;
  std::map<std::string, std::string> secrets_;
  int opened_ = 0;
  // What plugins find of the host: it outlives every session.
  std::unique_ptr<plugins::ServicesServer> services_;
  std::shared_ptr<plugins::HttpSender> http_;
  // Shared with the log function, which may be called after this is gone.
  struct Lines {
    std::mutex mu;
    std::vector<std::string> lines;
  };
  const std::shared_ptr<Lines> log_ = std::make_shared<Lines>();
};

// `CODE: message`, for reports.
std::string Text(const absl::Status& status);

}  // namespace aftersales::conformance
