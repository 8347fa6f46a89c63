#include "core/conformance/subject.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/plugins/http_client.h"
#include "core/plugins/in_process.h"
#include "core/plugins/isolated.h"
#include "core/plugins/local_services.h"
#include "core/plugins/plugin_file.h"
#include "core/plugins/settings.h"

namespace aftersales::conformance {
namespace {

namespace fs = std::filesystem;
using plugin::v1::ConfigField;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kOverrun = std::chrono::seconds(3);
// The clock of a check stands, so that two runs can be compared.
constexpr int64_t kNowUnixSeconds = 1772442000;  // 2026-03-02T09:00:00Z

std::string Hex(uint64_t value) { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

// A value that the plugin cannot have made up itself.
std::string SecretOf(const ConfigField& field, uint64_t random) {
  switch (field.type()) {
    case ConfigField::TYPE_INTEGER:
      return absl::StrCat(100'000'000'000 + random % 899'999'999'999);
    case ConfigField::TYPE_URL:
      return absl::StrCat("http://127.0.0.1:9/", Hex(random));
    case ConfigField::TYPE_BOOLEAN:
    case ConfigField::TYPE_DURATION:
      return "";
    default:
      return absl::StrCat("secret-", Hex(random));
  }
}

std::string ValueOf(const ConfigField& field) {
  if (field.allowed_values_size() > 0) return field.allowed_values(0);
  switch (field.type()) {
    case ConfigField::TYPE_INTEGER:
      return "1";
    case ConfigField::TYPE_BOOLEAN:
      return "true";
    case ConfigField::TYPE_URL:
      return "http://127.0.0.1:9/";  // nobody listens there
    case ConfigField::TYPE_DURATION:
      return "1s";
    default:
      return "conformance";
  }
}

}  // namespace

std::string Text(const absl::Status& status) {
  if (status.ok()) return "OK";
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
}

Session::Session(std::unique_ptr<plugins::Transport> transport, Watchdog* watchdog)
    : transport_(std::move(transport)), watchdog_(watchdog) {}

Answer Session::Call(const std::string& path, std::string_view request) {
  return Call(path, request, Options());
}

Answer Session::Call(const std::string& path, std::string_view request, const Options& options) {
  const Watchdog::Watch watch(watchdog_,
                              absl::StrCat(path, ", which had ", options.timeout.count(), " ms,"),
                              options.timeout + kOverrun);
  const auto start = SteadyClock::now();
  Answer answer;
  const int method = transport_->Resolve(path);
  if (method < 0) {
    answer.status = absl::UnimplementedError("the plugin does not have this method");
    return answer;
  }
  plugins::CallContext context;
  context.idempotency_key = options.idempotency_key;
  context.seller = "sellers/acme";
  context.deadline = start + options.timeout;
  plugins::CallBuffer response;
  answer.status = transport_->Call(method, context, request, &response);
  answer.took = absl::FromChrono(SteadyClock::now() - start);
  if (answer.status.ok()) answer.bytes = std::string(response.bytes());
  return answer;
}

std::string Session::Death() const {
  // The supervisor may see the end a moment after the call does.
  for (int i = 0; i < 100; ++i) {
    const auto process = transport_->Process();
    if (!process.has_value()) return "";
    if (process->restarts > 0) {
      return process->problem.empty() ? "its process ended and was started anew" : process->problem;
    }
    if (process->pid != 0) return "";
    if (!process->problem.empty()) return process->problem;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return "its process ended";
}

Subject::Subject(Options options, Watchdog* watchdog)
    : options_(std::move(options)),
      watchdog_(watchdog),
      random_(options_.seed),
      http_(std::make_shared<plugins::HttpClient>(
          absl::StrCat("aftersales/", options_.host_version))) {}

bool Subject::is_program() const { return plugins::IsPluginProgram(options_.path); }

std::vector<std::string> Subject::ChildCommand() const {
  if (is_program()) return {options_.path.string()};
  return {options_.program.string(), "plugin-runner", options_.path.string()};
}

std::string Subject::NewDataDirectory() {
  const fs::path directory = options_.scratch / absl::StrCat("data-", ++opened_);
  fs::create_directories(directory);
  fs::permissions(directory, fs::perms::owner_all);
  return directory.string();
}

absl::StatusOr<std::unique_ptr<Session>> Subject::OpenUnconfigured(Where where) {
  const plugins::NowFn now = [] { return absl::FromUnixSeconds(kNowUnixSeconds); };
  const plugins::LogFn log = [lines = log_](plugins::LogLevel, std::string_view,
                                            std::string_view text) {
    const std::lock_guard lock(lines->mu);
    lines->lines.emplace_back(text);
  };
  std::unique_ptr<plugins::Transport> transport;
  const Watchdog::Watch watch(watchdog_, "the start of the plugin", std::chrono::seconds(15));
  // As the host does: what the file alone shows must not run.
  if (is_program()) {
    if (const auto file = plugins::CheckPluginProgram(options_.path); !file.ok()) {
      return file.status();
    }
  } else if (const auto file = plugins::CheckPluginFile(options_.path); !file.ok()) {
    return file.status();
  }
  if (is_program() || where == Where::kIsolated) {
    if (services_ == nullptr) {
      auto server = plugins::ServicesServer::Start((options_.scratch / "host").string());
      if (!server.ok()) return server.status();
      services_ = *std::move(server);
    }
    plugins::IsolatedTransport::Options isolated;
    isolated.command = ChildCommand();
    isolated.socket_directory = options_.scratch.string();
    isolated.socket_name = absl::StrCat("s", ++opened_);
    isolated.host_version = options_.host_version;
    isolated.name = options_.path.stem().string();
    isolated.services = services_.get();
    auto started = plugins::IsolatedTransport::Start(std::move(isolated), now, log);
    if (!started.ok()) return started.status();
    transport = *std::move(started);
  } else {
    auto loaded = plugins::InProcessTransport::Load(options_.path, options_.host_version, now, log);
    if (!loaded.ok()) return loaded.status();
    transport = *std::move(loaded);
  }
  auto session = std::make_unique<Session>(std::move(transport), watchdog_);
  auto description = session->transport_->Describe();
  if (!description.ok()) {
    return absl::Status(description.status().code(),
                        absl::StrCat("Describe failed: ", description.status().message()));
  }
  session->description_ = *std::move(description);
  return session;
}

absl::Status Subject::Configure(Session& session,
                                const std::map<std::string, std::string>& settings) {
  plugin::v1::ConfigureRequest request;
  request.set_data_directory(NewDataDirectory());
  session.transport().SetServices(
      std::make_shared<plugins::LocalServices>(plugins::LocalServices::Options{
          session.description(), settings, plugins::Redactor(), request.data_directory(), http_,
          plugins::HttpLimits::Options()}));
  for (const auto& [key, value] : settings) (*request.mutable_config())[key] = value;
  const Watchdog::Watch watch(watchdog_, "Configure", std::chrono::seconds(15));
  return session.transport().Configure(request);
}

absl::StatusOr<std::unique_ptr<Session>> Subject::Open(Where where) {
  auto session = OpenUnconfigured(where);
  if (!session.ok()) return session.status();
  const absl::Status status = Configure(**session, Settings((*session)->description()));
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat("Configure failed: ", status.message()));
  }
  return session;
}

std::map<std::string, std::string> Subject::Settings(
    const plugin::v1::DescribeResponse& description) {
  std::map<std::string, std::string> settings = options_.config;
  // `@/path` stands for what a file holds, as in the host's configuration.
  for (auto& [key, value] : settings) {
    if (auto read = plugins::ReadSetting(value); read.ok()) value = *std::move(read);
  }
  for (const ConfigField& field : description.config_fields()) {
    const auto given = settings.find(field.key());
    if (field.secret()) {
      // The same in every session of a test.
      const auto known = secrets_.find(field.key());
      const std::string value = given != settings.end()            ? given->second
                                : known != secrets_.end()          ? known->second
                                : field.allowed_values_size() == 0 ? SecretOf(field, random_())
                                                                   : "";
      if (!value.empty()) {
        settings[field.key()] = value;
        secrets_[field.key()] = value;
        continue;
      }
    }
    if (given != settings.end()) continue;
    if (!field.default_value().empty()) {
      settings[field.key()] = field.default_value();
    } else if (field.required()) {
      settings[field.key()] = ValueOf(field);
    }
  }
  return settings;
}

std::vector<std::string> Subject::Log() const {
  const std::lock_guard lock(log_->mu);
  return log_->lines;
}

}  // namespace aftersales::conformance
