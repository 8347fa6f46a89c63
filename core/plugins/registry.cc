#include "core/plugins/registry.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/plugins/http_client.h"
#include "core/plugins/in_process.h"
#include "core/plugins/isolated.h"
#include "core/plugins/local_services.h"
#include "core/plugins/plugin_file.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;

constexpr size_t kIdBytesMax = 40;
// Of the sockets of plugins in processes of their own. No id begins with a point.
constexpr char kRunDirectory[] = ".run";
constexpr char kHostSocket[] = "host";  // those of children have a number behind a point
// Threads are what one call at a time costs the host; more than this is a mistake in the plugin.
constexpr int kConcurrencyMax = 1024;

bool IsPluginId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && absl::ascii_islower(id[0]) &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

// An id for a file that could not tell its own.
std::string IdOfFile(const fs::path& path) {
  std::string id = path.stem().string();
  for (char& c : id) {
    c = absl::ascii_tolower(c);
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c)) c = '-';
  }
  if (!IsPluginId(id)) id = absl::StrCat("plugin-", id).substr(0, kIdBytesMax);
  return id;
}

absl::Status CheckDescription(const plugin::v1::DescribeResponse& d) {
  if (!IsPluginId(d.plugin_id())) {
    return absl::FailedPreconditionError(
        absl::StrCat("describes itself with the id `", d.plugin_id(),
                     "`; an id has 1 to 40 of a-z, 0-9 and `-` and starts with a letter"));
  }
  if (ContractMethods(d.kind()).empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("is of kind ", static_cast<int>(d.kind()),
                     ", which this host does not know; use a newer host, or set `kind`"));
  }
  if (d.max_concurrency() < 0 || d.max_concurrency() > kConcurrencyMax) {
    return absl::FailedPreconditionError(absl::StrCat("describes itself with max_concurrency ",
                                                      d.max_concurrency(),
                                                      "; it must be from 0 to ", kConcurrencyMax));
  }
  return absl::OkStatus();
}

Redactor SecretsOf(const plugin::v1::DescribeResponse& d, const Settings& settings) {
  std::vector<std::string> secrets;
  for (const auto& field : d.config_fields()) {
    const auto found = settings.find(field.key());
    if (field.secret() && found != settings.end()) secrets.push_back(found->second);
  }
  return Redactor(secrets);
}

// Adds what the plugin itself finds wrong with its settings.
absl::Status AskThePlugin(Transport& transport, const Settings& settings,
                          std::vector<std::string>* problems) {
  plugin::v1::ValidateConfigRequest request;
  for (const auto& [key, value] : settings) (*request.mutable_config())[key] = value;
  const auto response = transport.ValidateConfig(request);
  if (response.status().code() == absl::StatusCode::kUnimplemented) return absl::OkStatus();
  if (!response.ok()) {
    return absl::Status(response.status().code(),
                        absl::StrCat("cannot look at its settings: ", response.status().message()));
  }
  for (const auto& problem : response->problems()) {
    problems->push_back(problem.key().empty()
                            ? problem.message()
                            : absl::StrCat("`", problem.key(), "` ", problem.message()));
  }
  return absl::OkStatus();
}

// What a person should be told of a description that is good enough to be used.
std::vector<std::string> Flaws(const plugin::v1::DescribeResponse& d) {
  std::vector<std::string> flaws;
  const auto paths = ContractMethods(d.kind());
  for (const auto& method : d.methods()) {
    if (std::none_of(paths.begin(), paths.end(), [&](const std::string& contract_path) {
          return absl::EndsWith(contract_path, absl::StrCat("/", method.method()));
        })) {
      flaws.push_back(absl::StrCat("describes the method `", method.method(),
                                   "`, which this host does not know; it is not called"));
    } else if (method.capability() == v1::Plugin::CAPABILITY_MANUAL &&
               (method.manual_action().title().empty() || method.manual_action().steps().empty())) {
      flaws.push_back(absl::StrCat("describes the method `", method.method(),
                                   "` as MANUAL without saying what a person has to do; its author "
                                   "should set `manual_action` with a title and steps"));
    }
  }
  return flaws;
}

}  // namespace

PluginRegistry::PluginRegistry(Options options, NowFn now, LogFn log)
    : options_(std::move(options)),
      now_(std::move(now)),
      log_(log != nullptr ? std::move(log) : [](LogLevel, std::string_view, std::string_view) {}),
      http_(options_.http != nullptr ? options_.http
                                     : std::make_shared<HttpClient>(
                                           absl::StrCat("aftersales/", options_.host_version))) {}

PluginRegistry::~PluginRegistry() = default;

void PluginRegistry::LoadAll() {
  // What a host that was killed could not take away.
  std::error_code ignored;
  fs::remove_all(options_.data_directory / kRunDirectory, ignored);
  std::vector<fs::path> paths;
  std::set<fs::path> seen;
  const auto add = [&](const fs::path& path) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    // One that is not there keeps its name and fails with it.
    if (error) real = fs::absolute(path, error);
    if (seen.insert(real).second) paths.push_back(real);
  };
  for (const fs::path& directory : options_.directories) {
    std::error_code error;
    std::vector<fs::path> found;
    fs::directory_iterator entry(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".so") found.push_back(entry->path());
    }
    if (error) {
      log_(
          LogLevel::kWarning, "",
          absl::StrCat("plugin folder ", directory.string(), " cannot be read: ", error.message()));
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) add(path);
  }
  for (const fs::path& path : options_.files) add(path);

  // Failures are listed last, so that none takes the id of a plugin that loads after it.
  std::vector<std::pair<v1::Plugin, std::string>> failures;
  for (const fs::path& path : paths) {
    v1::Plugin listed;
    listed.set_path(path.string());
    const absl::Status status = Load(path, &listed);
    if (!status.ok()) failures.emplace_back(std::move(listed), std::string(status.message()));
  }
  for (auto& [listed, problem] : failures) AddFailed(std::move(listed), problem);
  for (const auto& [id, settings] : options_.config) {
    if (Find(id) == nullptr) {
      log_(LogLevel::kWarning, id,
           "is in the configuration, but no plugin of that id is loaded; check the id against "
           "`aftersales plugins list`");
    }
  }
}

absl::Status PluginRegistry::Load(const fs::path& path, v1::Plugin* listed) {
  if (absl::Status status = CheckPluginFile(path); !status.ok()) return status;
  auto opened = Open(path);
  if (!opened.ok()) return opened.status();
  std::unique_ptr<Transport> transport = *std::move(opened);
  const auto described = transport->Describe();
  if (!described.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot describe itself: ", described.status().message()));
  }
  const plugin::v1::DescribeResponse& description = *described;
  if (absl::Status status = CheckDescription(description); !status.ok()) return status;
  const std::string& id = description.plugin_id();
  listed->set_display_name(description.display_name());
  listed->set_vendor(description.vendor());
  listed->set_version(description.version());
  listed->set_kind(description.kind());
  if (const auto other = loaded_.find(id); other != loaded_.end()) {
    return absl::AlreadyExistsError(absl::StrCat("has the id `", id, "`, which ",
                                                 other->second->Snapshot().path(),
                                                 " has already; remove one of the two files"));
  }
  listed->set_name(absl::StrCat("plugins/", id));

  static const Settings kNone;
  const auto configured = options_.config.find(id);
  const Settings& given = configured == options_.config.end() ? kNone : configured->second;
  std::vector<std::string> problems;
  const Settings settings = ResolveSettings(description, given, &problems);
  const Redactor redactor = SecretsOf(description, settings);
  transport->SetIdentity(id, redactor);
  // With settings that are not even of their type the plugin could only guess.
  if (problems.empty()) {
    if (absl::Status status = AskThePlugin(*transport, settings, &problems); !status.ok()) {
      return absl::Status(status.code(), redactor.Apply(std::string(status.message())));
    }
  }
  if (!problems.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(redactor.Apply(absl::StrJoin(problems, "; ")),
                                                   "; correct the configuration of ", id));
  }
  const auto directory = MakeDataDirectory(id);
  if (!directory.ok()) return directory.status();
  transport->SetServices(std::make_shared<LocalServices>(LocalServices::Options{
      description, given, redactor, *directory, http_, options_.http_limits}));
  plugin::v1::ConfigureRequest request;
  request.set_data_directory(*directory);
  for (const auto& [key, value] : settings) (*request.mutable_config())[key] = value;
  if (absl::Status status = transport->Configure(request); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat("cannot be set up: ",
                                                    redactor.Apply(std::string(status.message())),
                                                    "; correct the configuration of ", id));
  }
  for (const std::string& flaw : Flaws(description)) log_(LogLevel::kWarning, id, flaw);
  auto handle = std::make_unique<PluginHandle>(std::move(transport), description, path.string(),
                                               now_, redactor);
  if (absl::Status health = handle->CheckHealth(now_() + absl::Seconds(1)); !health.ok()) {
    log_(LogLevel::kWarning, id, std::string(health.message()));
  }
  log_(LogLevel::kInfo, id,
       absl::StrCat("loaded ", description.display_name(), " ", description.version(), " from ",
                    path.string()));
  loaded_.emplace(id, std::move(handle));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Transport>> PluginRegistry::Open(const fs::path& path) {
  if (!options_.isolate.contains("all") && !options_.isolate.contains(path.stem().string())) {
    return InProcessTransport::Load(path, options_.host_version, now_, log_);
  }
  const auto sockets = MakeDataDirectory(kRunDirectory);
  if (!sockets.ok()) return sockets.status();
  if (services_ == nullptr) {
    auto server = ServicesServer::Start(absl::StrCat(*sockets, "/", kHostSocket));
    if (!server.ok()) return server.status();
    services_ = *std::move(server);
  }
  IsolatedTransport::Options isolated;
  isolated.command = {options_.runner.string(), "plugin-runner", path.string()};
  isolated.socket_directory = *sockets;
  isolated.host_version = options_.host_version;
  isolated.name = IdOfFile(path);
  isolated.services = services_.get();
  return IsolatedTransport::Start(std::move(isolated), now_, log_);
}

absl::StatusOr<std::string> PluginRegistry::MakeDataDirectory(const std::string& id) const {
  const fs::path directory = fs::absolute(options_.data_directory) / id;
  std::error_code error;
  fs::create_directories(directory.parent_path(), error);
  if (!error && mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    error = std::error_code(errno, std::generic_category());
  }
  if (!error && !fs::is_directory(fs::symlink_status(directory, error))) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  // One that was there already, perhaps from a copied data directory, is closed to others as well.
  if (!error) fs::permissions(directory, fs::perms::owner_all, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot have its data directory ", directory.string(), ": ", error.message(),
                     "; make it writable for the user of the host"));
  }
  return directory.string();
}

void PluginRegistry::AddFailed(v1::Plugin plugin, std::string_view problem) {
  const std::string id = plugin.name().empty()
                             ? IdOfFile(plugin.path())
                             : plugin.name().substr(std::string_view("plugins/").size());
  // The list is keyed by id, and a file that is no plugin may be called like one that is.
  std::string free_id = id;
  for (int i = 2; loaded_.contains(free_id) || failed_.contains(free_id); ++i) {
    free_id = absl::StrCat(id, "-", i);
  }
  plugin.set_name(absl::StrCat("plugins/", free_id));
  plugin.set_state(v1::Plugin::STATE_FAILED);
  plugin.set_problem(absl::StrCat("plugin file ", plugin.path(), ": ", std::string(problem)));
  log_(LogLevel::kError, free_id, plugin.problem());
  failed_.emplace(std::move(free_id), std::move(plugin));
}

PluginHandle* PluginRegistry::Find(std::string_view id) const {
  const auto found = loaded_.find(id);
  return found == loaded_.end() ? nullptr : found->second.get();
}

std::vector<PluginHandle*> PluginRegistry::OfKind(v1::Plugin::Kind kind) const {
  std::vector<PluginHandle*> handles;
  for (const auto& [id, handle] : loaded_) {
    if (handle->kind() == kind) handles.push_back(handle.get());
  }
  return handles;
}

std::vector<v1::Plugin> PluginRegistry::List() const {
  std::map<std::string_view, v1::Plugin> by_id;
  for (const auto& [id, handle] : loaded_) by_id.emplace(id, handle->Snapshot());
  for (const auto& [id, plugin] : failed_) by_id.emplace(id, plugin);
  std::vector<v1::Plugin> plugins;
  for (auto& [id, plugin] : by_id) plugins.push_back(std::move(plugin));
  return plugins;
}

std::optional<v1::Plugin> PluginRegistry::Get(std::string_view id) const {
  if (const PluginHandle* handle = Find(id)) return handle->Snapshot();
  if (const auto found = failed_.find(id); found != failed_.end()) return found->second;
  return std::nullopt;
}

}  // namespace aftersales::plugins
