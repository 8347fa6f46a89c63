#include "core/host/host.h"

#include <fcntl.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "core/api/message_check.h"
#include "core/api/services.h"
#include "core/engine/clock.h"
#include "core/engine/engine.h"
#include "core/host/library_log.h"
#include "core/host/server_settings.h"
#include "core/net/listener.h"
#include "core/plugins/http_client.h"
#include "core/plugins/http_recorder.h"
#include "core/plugins/registry.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "core/store/sqlite/sqlite_store.h"

namespace aftersales::host {
// Holds the directory for this process.
class DirectoryLock {
 public:
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Take(
      const std::filesystem::path& directory) {
    const std::string path = directory / "lock";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_UNUSABLE",
                    Cat("cannot write in ", directory.string(), ": ",
                        std::generic_category().message(errno)));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      close(fd);
      return Refuse(absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_IN_USE",
                    Cat("another host uses ", directory.string(),
                        "; stop it, or choose another data directory"));
    }
    return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
  }
  ~DirectoryLock() { close(fd_); }

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

namespace {

// What calls of plugins get to end by themselves when the host ends. What is not known then is
// asked for at the next start.
constexpr absl::Duration kPluginGrace = absl::Seconds(5);

// What sends the HTTP requests of plugins; null for the network alone.
absl::StatusOr<std::shared_ptr<plugins::HttpSender>> PluginHttp(const HostOptions& options) {
  if (!options.replay_plugin_http.empty()) {
    return plugins::ReplayingHttp::Open(options.replay_plugin_http);
  }
  if (options.record_plugin_http.empty()) return std::shared_ptr<plugins::HttpSender>();
  return plugins::RecordingHttp::Open(
      options.record_plugin_http,
      std::make_shared<plugins::HttpClient>("aftersales/" AFTERSALES_VERSION));
}

absl::Status MakeDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error && !std::filesystem::is_directory(directory, error)) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition, "DATA_DIRECTORY_UNUSABLE",
        Cat("cannot make the data directory ", directory.string(), ": ", error.message()));
  }
  // Orders and returns are nobody else's business.
  chmod(directory.c_str(), 0700);
  return absl::OkStatus();
}

std::function<void()> KillSwitchFromEnvironment() {
  const char* value = std::getenv("AFTERSALES_FAULT_KILL_AT_WRITE");
  int64_t at = 0;
  if (value == nullptr || !absl::SimpleAtoi(value, &at) || at <= 0) return nullptr;
  auto count = std::make_shared<std::atomic<int64_t>>(0);
  return [count, at] {
    if (count->fetch_add(1) + 1 == at) raise(SIGKILL);
  };
}

bool IsLoopback(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos) return false;
  const std::string host = listen.substr(0, colon);
  return host == "localhost" || host == "[::1]" || host.rfind("127.", 0) == 0;
}

}  // namespace

struct Host::Parts {
  std::shared_ptr<Clock> clock;
  std::unique_ptr<IdSource> ids;
  std::unique_ptr<DirectoryLock> lock;
  std::unique_ptr<plugins::PluginRegistry> plugins;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<api::Services> services;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<net::Listener> listener;
  std::string listen_host;
  int port = 0;
  bool stopped = false;
};

Host::Host(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Host::~Host() { Shutdown(absl::Seconds(2)); }

absl::StatusOr<std::unique_ptr<Host>> Host::Start(HostOptions options) {
  if (!IsLoopback(options.listen)) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_LOOPBACK",
                  Cat("the host does not listen at ", options.listen,
                      ": without TLS and authentication it serves this machine only"))
        .Field("listen", "127.0.0.1:PORT, [::1]:PORT or localhost:PORT");
  }
  TakeLibraryLogs();
  auto parts = std::make_unique<Parts>();
  parts->clock = options.clock != nullptr ? options.clock
                 : options.pinned_time    ? std::make_shared<ManualClock>(*options.pinned_time)
                                          : std::shared_ptr<Clock>(std::make_shared<SystemClock>());
  parts->ids = std::make_unique<IdSource>(options.pinned_time ? std::optional<uint64_t>(20260310)
                                                              : std::nullopt);
  if (absl::Status s = MakeDirectory(options.data_directory); !s.ok()) return s;
  net::RaiseDescriptorLimit();
  auto lock = DirectoryLock::Take(options.data_directory);
  if (!lock.ok()) return lock.status();
  parts->lock = *std::move(lock);

  plugins::PluginRegistry::Options plugin_options;
  plugin_options.directories = options.plugin_directories;
  plugin_options.files = options.plugin_files;
  plugin_options.enable = options.enable_plugins;
  plugin_options.isolate = options.isolate;
  plugin_options.in_process = options.in_process;
  plugin_options.quarantine = options.plugin_quarantine;
  plugin_options.runner = options.plugin_runner;
  plugin_options.config = options.plugin_config;
  plugin_options.data_directory = options.data_directory / "plugins";
  plugin_options.host_version = AFTERSALES_VERSION;
  auto plugin_http = PluginHttp(options);
  // Files have no limits to keep to.
  if (!options.replay_plugin_http.empty()) plugin_options.http_limits.burst = 1e9;
  if (!plugin_http.ok()) return plugin_http.status();
  plugin_options.http = *std::move(plugin_http);
  parts->plugins = std::make_unique<plugins::PluginRegistry>(
      plugin_options, [clock = parts->clock] { return clock->Now(); },
      [](plugins::LogLevel level, std::string_view plugin, std::string_view text) {
        const auto severity = level == plugins::LogLevel::kError     ? spdlog::level::err
                              : level == plugins::LogLevel::kWarning ? spdlog::level::warn
                              : level == plugins::LogLevel::kInfo    ? spdlog::level::info
                                                                     : spdlog::level::debug;
        spdlog::log(severity, "plugin={} {}", plugin, text);
      });
  if (absl::Status s = parts->plugins->LoadAll(); !s.ok()) return s;

  store::sqlite::Options store_options;
  store_options.path = options.data_directory / "aftersales.db";
  store_options.before_write =
      options.before_write ? options.before_write : KillSwitchFromEnvironment();
  auto store = store::sqlite::Open(std::move(store_options));
  if (!store.ok()) return store.status();
  parts->store = *std::move(store);
  engine::EngineOptions engine_options;
  engine_options.erp.pull = options.erp_pull_every;
  engine_options.erp.call = options.erp_call_max;
  parts->engine = std::make_unique<engine::Engine>(*parts->store, *parts->plugins, *parts->clock,
                                                   *parts->ids, engine_options);
  parts->services = std::make_unique<api::Services>(
      *parts->engine, api::ImportLimits{options.import_idle_max, options.import_time_max});

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  auto listener = net::Listener::AtAddress(options.listen);
  if (!listener.ok()) {
    const bool used = absl::IsAlreadyExists(listener.status());
    return Refuse(absl::StatusCode::kFailedPrecondition,
                  used ? "ADDRESS_IN_USE" : "ADDRESS_UNUSABLE",
                  Cat("cannot listen at ", options.listen, "; ",
                      used ? "another program uses the port" : listener.status().message(),
                      ": choose another one with --listen"));
  }
  (*listener)->AddTo(&builder);
  ApplyServerSettings(builder);
  for (const auto& service : parts->services->list()) builder.RegisterService(service.get());
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(api::MakeMessageCheck());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) {
    return absl::InternalError("gRPC did not start; the log says why");
  }
  parts->listener = *std::move(listener);
  parts->port = parts->listener->port();
  parts->listener->Start();
  parts->listen_host = options.listen.substr(0, options.listen.rfind(':'));
  parts->engine->Start();
  spdlog::info("listening address={}:{} data={}", parts->listen_host, parts->port,
               options.data_directory.string());
  return std::unique_ptr<Host>(new Host(std::move(parts)));
}

int Host::port() const { return parts_->port; }

std::string Host::address() const { return Cat(parts_->listen_host, ":", parts_->port); }

void Host::Shutdown(absl::Duration grace) {
  if (parts_->stopped) return;
  parts_->stopped = true;
  if (auto* health = parts_->server->GetHealthCheckService()) health->SetServingStatus(false);
  // Live streams would keep Shutdown waiting for its whole deadline.
  parts_->services->Drain();
  parts_->listener->Stop();
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  {
    // A plugin that hangs would keep the host for as long as its calls may take.
    absl::Notification ended;
    std::thread impatient([&] {
      if (!ended.WaitForNotificationWithTimeout(kPluginGrace)) parts_->plugins->AbortCalls();
    });
    parts_->engine->Stop();
    ended.Notify();
    impatient.join();
  }
  parts_->store->Stop();
  parts_->server.reset();
}

}  // namespace aftersales::host
