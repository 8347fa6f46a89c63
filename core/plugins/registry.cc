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
#include "core/plugins/runner_command.h"
#include "core/plugins/utf8.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;

// Of the sockets of plugins in processes of their own. No id begins with a point.
constexpr char kRunDirectory[] = ".run";
constexpr char kHostSocket[] = "host";  // those of children have a number behind a point
constexpr char kSettingsFile[] = "plugins.json";
constexpr char kNotInUse[] =
    "was found, and nobody has said that it is to be used; `aftersales plugins enable` does, or "
    "start the host with --enable NAME, the name of its file, or --plugin FILE";
// Threads are what one call at a time costs the host; more than this is a mistake in the plugin.
constexpr int kConcurrencyMax = 1024;

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

absl::Status Unusable(std::string_view why) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "PLUGIN_UNUSABLE", why);
}

// Whether a set of names of files, or `all`, has this one.
bool Names(const std::set<std::string>& names, const fs::path& path) {
  return names.contains("all") || names.contains(path.stem().string());
}

// Where a file really is. One that is not there keeps its name, and so does one behind a link that
// others could turn: both fail with it.
fs::path RealPath(const fs::path& path) {
  std::error_code error;
  const fs::path given = fs::absolute(path, error);
  fs::path real = fs::canonical(given, error);
  if (error) return given;
  const bool link = real != given.lexically_normal();
  return link && !CheckPluginFolder(given.parent_path()).ok() ? given : real;
}

// What a request says that a file has to be.
absl::Status CheckGivenSha256(std::string_view sha256) {
  if (sha256.empty() || IsSha256(sha256)) return absl::OkStatus();
  return InvalidField("sha256", "BAD_SHA256",
                      "give the SHA-256 of the file, 64 hexadecimal digits, as `sha256sum FILE` "
                      "prints it");
}

// What one who loads a plugin is told when it does not even start.
absl::Status DoesNotStart(const fs::path& path, const absl::Status& status) {
  return absl::Status(
      status.code(),
      Cat(View(status.message()), "; its lines in the host's log and `aftersales plugin check ",
          Utf8(path.string()), "` show more"));
}

const KeptPlugin* KeptOf(const KeptSettings& kept, std::string_view id) {
  const auto found = std::find_if(kept.plugins().begin(), kept.plugins().end(),
                                  [&](const KeptPlugin& plugin) { return plugin.id() == id; });
  return found == kept.plugins().end() ? nullptr : &*found;
}

const KeptPlugin* KeptAt(const KeptSettings& kept, const fs::path& path) {
  const auto found =
      std::find_if(kept.plugins().begin(), kept.plugins().end(),
                   [&](const KeptPlugin& plugin) { return plugin.path() == path.string(); });
  if (found != kept.plugins().end()) return &*found;
  // Those of the options may be in another folder by now.
  const auto moved =
      std::find_if(kept.plugins().begin(), kept.plugins().end(), [&](const KeptPlugin& plugin) {
        std::error_code error;
        return !plugin.pinned() && fs::path(plugin.path()).filename() == path.filename() &&
               !fs::exists(plugin.path(), error);
      });
  return moved == kept.plugins().end() ? nullptr : &*moved;
}

absl::Status CheckDescription(const plugin::v1::DescribeResponse& d) {
  if (!IsPluginId(d.plugin_id())) {
    return absl::FailedPreconditionError(
        absl::StrCat("describes itself with the id `", Shortened(d.plugin_id(), 2 * kIdBytesMax),
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

std::vector<PluginRegistry::Found> PluginRegistry::FindFiles() const {
  std::vector<Found> files;
  const auto add = [&](const fs::path& path, bool in_use) {
    const fs::path real = RealPath(path);
    const auto same = std::find_if(files.begin(), files.end(),
                                   [&](const Found& other) { return other.path == real; });
    if (same == files.end()) {
      files.push_back({real, in_use});
    } else {
      same->in_use = same->in_use || in_use;
    }
  };
  for (const fs::path& directory : options_.directories) {
    std::error_code error;
    std::vector<fs::path> found;
    fs::directory_iterator entry(directory, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      const fs::path extension = entry->path().extension();
      if (extension == ".so" || extension == ".plugin") found.push_back(entry->path());
    }
    if (error) {
      log_(
          LogLevel::kWarning, "",
          absl::StrCat("plugin folder ", directory.string(), " cannot be read: ", error.message()));
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) add(path, Names(options_.enable, path));
  }
  for (const fs::path& path : options_.files) add(path, true);
  return files;
}

absl::Status PluginRegistry::LoadAll() {
  absl::MutexLock changing(&changing_mu_);
  // What a host that was killed could not take away.
  std::error_code ignored;
  fs::remove_all(options_.data_directory / kRunDirectory, ignored);
  auto kept = ReadKeptSettings(options_.data_directory / kSettingsFile);
  if (!kept.ok()) return kept.status();
  kept_ = *std::move(kept);

  std::vector<Found> files = FindFiles();
  for (const KeptPlugin& plugin : kept_.plugins()) {
    if (!plugin.pinned()) continue;
    // Of one that was upgraded the new file stands for the old one.
    std::erase_if(files, [&](const Found& found) {
      return found.path == plugin.path() || found.path == plugin.replaces();
    });
    files.push_back({plugin.path(), true});
  }
  CheckNames(files);
  // Failures are listed last, so that none takes the id of a plugin that loads after it.
  std::vector<std::pair<v1::Plugin, std::string>> failures;
  std::vector<fs::path> unused;
  for (const Found& found : files) {
    if (!found.in_use) {
      unused.push_back(found.path);
      continue;
    }
    const KeptPlugin* plugin = KeptAt(kept_, found.path);
    if (plugin != nullptr && plugin->disabled() && plugin->has_description()) {
      LoadedPlugin known;
      known.description = plugin->description();
      known.path = found.path;
      AddLoaded(std::move(known));
      continue;
    }
    v1::Plugin listed;
    listed.set_path(found.path.string());
    auto loaded =
        Load(found.path, IsIsolated(found.path, plugin), plugin == nullptr ? "" : plugin->sha256(),
             plugin == nullptr ? "" : plugin->id(), &listed);
    if (loaded.ok()) {
      AddLoaded(*std::move(loaded));
    } else {
      std::string problem(loaded.status().message());
      if (plugin != nullptr && plugin->pinned()) {
        // It is known who it should be, though it cannot say so.
        listed.set_name(absl::StrCat("plugins/", plugin->id()));
        absl::StrAppend(&problem, "; `aftersales plugins upgrade ", plugin->id(),
                        " FILE` has another file used",
                        plugin->replaces().empty() ? "" : ", such as the one before it, ",
                        plugin->replaces());
      }
      failures.emplace_back(std::move(listed), std::move(problem));
    }
  }
  for (auto& [listed, problem] : failures) {
    AddIdle(std::move(listed), v1::Plugin::STATE_FAILED, problem);
  }
  for (const fs::path& path : unused) {
    v1::Plugin listed;
    listed.set_path(path.string());
    AddIdle(std::move(listed), v1::Plugin::STATE_DISABLED, kNotInUse);
  }
  for (const auto& [id, settings] : options_.config) {
    if (Find(id) == nullptr) {
      log_(LogLevel::kWarning, id,
           "is in the configuration, but no plugin of that id is loaded; check the id against "
           "`aftersales plugins list`");
    }
  }
  return absl::OkStatus();
}

void PluginRegistry::CheckNames(const std::vector<Found>& files) const {
  const std::pair<const char*, const std::set<std::string>*> options[] = {
      {"enable", &options_.enable},
      {"isolate", &options_.isolate},
      {"in-process", &options_.in_process}};
  for (const Found& found : files) {
    if (!IsPluginProgram(found.path) || !options_.in_process.contains(found.path.stem().string())) {
      continue;
    }
    log_(LogLevel::kWarning, "",
         absl::StrCat("--in-process ", found.path.stem().string(), " names a program, ",
                      Utf8(found.path.string()),
                      ", which has a process of its own in any case; leave the option out, only a "
                      "shared object (*.so) can run in the host"));
  }
  for (const auto& [option, names] : options) {
    for (const std::string& name : *names) {
      if (name == "all" || std::any_of(files.begin(), files.end(), [&](const Found& found) {
            return found.path.stem() == name;
          })) {
        continue;
      }
      std::set<std::string> there;
      for (const Found& found : files) there.insert(found.path.stem().string());
      log_(LogLevel::kWarning, "",
           absl::StrCat("--", option, " ", name, " names no plugin: names are those of files, ",
                        there.empty() ? "and none was found"
                                      : absl::StrCat("such as ", absl::StrJoin(there, ", "))));
    }
  }
}

bool PluginRegistry::IsIsolated(const fs::path& path, const KeptPlugin* kept) const {
  if (IsPluginProgram(path)) return true;
  if (kept != nullptr && kept->transport() != v1::Plugin::TRANSPORT_UNSPECIFIED) {
    return kept->transport() == v1::Plugin::TRANSPORT_ISOLATED;
  }
  return Names(options_.isolate, path) || !Names(options_.in_process, path);
}

absl::StatusOr<LoadedPlugin> PluginRegistry::Load(const fs::path& path, bool isolated,
                                                  std::string_view sha256, std::string_view wanted,
                                                  v1::Plugin* listed) const {
  auto checked = IsPluginProgram(path) ? CheckPluginProgram(path) : CheckPluginFile(path);
  if (!checked.ok()) return checked.status();
  if (absl::Status status = CheckSha256(*checked, sha256, "what was given for it"); !status.ok()) {
    return status;
  }
  auto opened = Open(path, isolated);
  if (!opened.ok()) return DoesNotStart(path, opened.status());
  LoadedPlugin plugin;
  plugin.transport = *std::move(opened);
  plugin.path = path.string();
  plugin.sha256 = *std::move(checked);
  auto described = plugin.transport->Describe();
  if (!described.ok()) {
    return DoesNotStart(path, absl::FailedPreconditionError(absl::StrCat(
                                  "cannot describe itself: ", described.status().message())));
  }
  plugin.description = *std::move(described);
  const plugin::v1::DescribeResponse& description = plugin.description;
  if (absl::Status status = CheckDescription(description); !status.ok()) return status;
  const std::string& id = description.plugin_id();
  listed->set_display_name(description.display_name());
  listed->set_vendor(description.vendor());
  listed->set_version(description.version());
  listed->set_kind(description.kind());
  const PluginHandle* other = Find(id);
  if (wanted.empty() ? other != nullptr : id != wanted) {
    return absl::FailedPreconditionError(
        wanted.empty()
            ? absl::StrCat("is version ", description.version(), " and has the id `", id,
                           "`, which version ", other->description().version(), " at ",
                           other->path(),
                           " has already; remove one of the two files, or put this one in the "
                           "place of that one with `aftersales plugins upgrade ",
                           id, " ", Utf8(path.string()), "`")
            : absl::StrCat("is the plugin `", id, "` ", description.version(), ", not `",
                           std::string(wanted), "`; name a file of that plugin"));
  }
  if (other != nullptr && other->kind() != description.kind()) {
    return absl::FailedPreconditionError(
        absl::StrCat("is of another kind than ", id, " ", other->description().version(), " at ",
                     other->path(), "; a plugin cannot change its kind, so give it another id"));
  }
  listed->set_name(absl::StrCat("plugins/", id));

  static const Settings kNone;
  const auto configured = options_.config.find(id);
  const Settings& given = configured == options_.config.end() ? kNone : configured->second;
  std::vector<std::string> problems;
  const Settings settings = ResolveSettings(description, given, &problems);
  plugin.redactor = SecretsOf(description, settings);
  plugin.transport->SetIdentity(id, plugin.redactor);
  // With settings that are not even of their type the plugin could only guess.
  if (problems.empty()) {
    if (absl::Status status = AskThePlugin(*plugin.transport, settings, &problems); !status.ok()) {
      return absl::Status(status.code(), plugin.redactor.Apply(std::string(status.message())));
    }
  }
  if (!problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(plugin.redactor.Apply(absl::StrJoin(problems, "; ")),
                     "; correct the configuration of ", id));
  }
  const auto directory = MakeDataDirectory(id);
  if (!directory.ok()) return directory.status();
  plugin.transport->SetServices(std::make_shared<LocalServices>(LocalServices::Options{
      description, given, plugin.redactor, *directory, http_, options_.http_limits}));
  plugin::v1::ConfigureRequest request;
  request.set_data_directory(*directory);
  for (const auto& [key, value] : settings) (*request.mutable_config())[key] = value;
  if (absl::Status status = plugin.transport->Configure(request); !status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat("cannot be set up: ", plugin.redactor.Apply(std::string(status.message())),
                     "; correct the configuration of ", id));
  }
  for (const std::string& flaw : Flaws(description)) {
    log_(LogLevel::kWarning, id, flaw);
  }
  log_(LogLevel::kInfo, id,
       absl::StrCat("loaded ", description.display_name(), " ", description.version(), " from ",
                    path.string()));
  return plugin;
}

absl::StatusOr<ServicesServer*> PluginRegistry::Services(const std::string& run_directory) const {
  absl::MutexLock lock(&services_mu_);
  if (services_ == nullptr) {
    auto server = ServicesServer::Start(absl::StrCat(run_directory, "/", kHostSocket));
    if (!server.ok()) return server.status();
    services_ = *std::move(server);
  }
  return services_.get();
}

absl::StatusOr<std::unique_ptr<Transport>> PluginRegistry::Open(const fs::path& path,
                                                                bool isolated) const {
  if (!isolated) return InProcessTransport::Load(path, options_.host_version, now_, log_);
  const auto sockets = MakeDataDirectory(kRunDirectory);
  if (!sockets.ok()) return sockets.status();
  const absl::StatusOr<ServicesServer*> services = Services(*sockets);
  if (!services.ok()) return services.status();
  IsolatedTransport::Options child;
  child.command = IsPluginProgram(path) ? std::vector<std::string>{path.string()}
                                        : RunnerCommand(options_.runner, path);
  child.socket_directory = *sockets;
  child.socket_name = absl::StrCat(opened_.fetch_add(1));
  child.host_version = options_.host_version;
  child.name = IdOfFile(path);
  child.path = Utf8(path.string());
  child.services = *services;
  child.quarantine = options_.quarantine;
  const auto check = IsPluginProgram(path) ? CheckPluginProgram : CheckPluginFile;
  const auto loaded = check(path);
  if (!loaded.ok()) return loaded.status();
  child.check = [path, check, sha256 = *loaded]() -> absl::Status {
    const auto now = check(path);
    if (!now.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("its file ", Utf8(path.string()), ": ", now.status().message()));
    }
    if (*now == sha256) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("its file ", Utf8(path.string()), " has changed since it was loaded"));
  };
  return IsolatedTransport::Start(std::move(child), now_, log_);
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

void PluginRegistry::AddLoaded(LoadedPlugin plugin) {
  const std::string id = plugin.description.plugin_id();
  auto handle = std::make_unique<PluginHandle>(std::move(plugin), now_);
  if (handle->enabled()) {
    if (absl::Status health = handle->CheckHealth(now_() + absl::Seconds(1)); !health.ok()) {
      log_(LogLevel::kWarning, id, std::string(health.message()));
    }
  }
  absl::MutexLock lock(&mu_);
  loaded_.emplace(id, std::move(handle));
}

void PluginRegistry::AddIdle(v1::Plugin plugin, v1::Plugin::State state, std::string_view problem) {
  const std::string id = plugin.name().empty()
                             ? IdOfFile(plugin.path())
                             : plugin.name().substr(std::string_view("plugins/").size());
  plugin.set_state(state);
  plugin.set_path(Utf8(plugin.path()));
  // The list is keyed by id, and a file that is no plugin may be called like one that is.
  std::string free_id = id;
  {
    absl::MutexLock lock(&mu_);
    for (int i = 2; loaded_.contains(free_id) || idle_.contains(free_id); ++i) {
      free_id = absl::StrCat(id, "-", i);
    }
    plugin.set_name(absl::StrCat("plugins/", free_id));
    plugin.set_problem(
        absl::StrCat("plugin file ", plugin.path(), ": ", Utf8(problem),
                     state == v1::Plugin::STATE_FAILED
                         ? absl::StrCat("; once that is mended, `aftersales plugins enable ",
                                        free_id, "` loads it, or the next start of the host")
                         : ""));
    idle_.emplace(free_id, plugin);
  }
  log_(state == v1::Plugin::STATE_FAILED ? LogLevel::kError : LogLevel::kInfo, free_id,
       plugin.problem());
}

PluginHandle* PluginRegistry::Find(std::string_view id) const {
  absl::ReaderMutexLock lock(&mu_);
  const auto found = loaded_.find(id);
  return found == loaded_.end() ? nullptr : found->second.get();
}

std::vector<PluginHandle*> PluginRegistry::OfKind(v1::Plugin::Kind kind) const {
  std::vector<PluginHandle*> handles;
  absl::ReaderMutexLock lock(&mu_);
  for (const auto& [id, handle] : loaded_) {
    if (handle->kind() == kind) handles.push_back(handle.get());
  }
  return handles;
}

std::vector<v1::Plugin> PluginRegistry::List() const {
  std::map<std::string_view, v1::Plugin> by_id;
  std::vector<v1::Plugin> plugins;
  absl::ReaderMutexLock lock(&mu_);
  for (const auto& [id, handle] : loaded_) by_id.emplace(id, handle->Snapshot());
  for (const auto& [id, plugin] : idle_) by_id.emplace(id, plugin);
  for (auto& [id, plugin] : by_id) plugins.push_back(std::move(plugin));
  return plugins;
}

std::optional<v1::Plugin> PluginRegistry::Get(std::string_view id) const {
  if (const PluginHandle* handle = Find(id)) return handle->Snapshot();
  absl::ReaderMutexLock lock(&mu_);
  if (const auto found = idle_.find(id); found != idle_.end()) return found->second;
  return std::nullopt;
}

absl::StatusOr<PluginHandle*> PluginRegistry::ToChange(const std::string& id) const {
  if (PluginHandle* handle = Find(id)) return handle;
  const auto idle = Get(id);
  if (!idle) {
    return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                  Cat("there is no plugin `", id.substr(0, kIdBytesMax),
                      "`; `aftersales plugins list` shows those that were found"));
  }
  return Unusable(Cat(idle->problem(), "; it is not loaded"));
}

absl::Status PluginRegistry::Keep(const std::string& id,
                                  const std::function<void(KeptPlugin*)>& change) {
  KeptSettings next = kept_;
  KeptPlugin* plugin = nullptr;
  for (KeptPlugin& one : *next.mutable_plugins()) {
    if (one.id() == id) plugin = &one;
  }
  if (plugin == nullptr) {
    plugin = next.add_plugins();
    plugin->set_id(id);
  }
  if (const PluginHandle* handle = Find(id)) plugin->set_path(handle->path());
  change(plugin);
  std::error_code error;
  fs::create_directories(options_.data_directory, error);
  if (absl::Status status = WriteKeptSettings(options_.data_directory / kSettingsFile, next);
      !status.ok()) {
    return status;
  }
  kept_ = std::move(next);
  return absl::OkStatus();
}

absl::StatusOr<LoadedPlugin> PluginRegistry::LoadInPlaceOf(const PluginHandle& handle,
                                                           const fs::path& path, bool isolated,
                                                           std::string_view sha256) const {
  v1::Plugin listed;
  auto loaded = Load(path, isolated, sha256, handle.id(), &listed);
  if (loaded.ok()) return loaded;
  const v1::Plugin stands = handle.Snapshot();
  std::string then = " goes on";
  if (!handle.enabled()) {
    then = " stays disabled";
  } else if (stands.transport() == v1::Plugin::TRANSPORT_ISOLATED && stands.pid() == 0) {
    then = absl::StrCat(" has no process now either; `aftersales plugins get ", handle.id(),
                        "` says why");
  }
  return Unusable(absl::StrCat("plugin file ", Utf8(path.string()),
                               listed.version().empty() ? "" : " ", listed.version(), ": ",
                               std::string(loaded.status().message()), "; ", handle.Who(), then));
}

void PluginRegistry::Take(PluginHandle& handle, LoadedPlugin plugin) const {
  handle.Replace(std::move(plugin), options_.drain);
  (void)handle.CheckHealth(now_() + absl::Seconds(1));
}

void PluginRegistry::TakeNew(const std::string& listed_as, LoadedPlugin plugin) {
  {
    absl::MutexLock lock(&mu_);
    idle_.erase(listed_as);
  }
  AddLoaded(std::move(plugin));
}

absl::StatusOr<v1::Plugin> PluginRegistry::Enable(const std::string& id, std::string_view sha256) {
  if (absl::Status status = CheckGivenSha256(sha256); !status.ok()) return status;
  absl::MutexLock changing(&changing_mu_);
  if (PluginHandle* handle = Find(id)) {
    const KeptPlugin* kept = KeptOf(kept_, id);
    const bool isolated = IsIsolated(handle->path(), kept);
    // The code of one in this process stays, whatever is said.
    const bool here = handle->in_process() && !isolated;
    if (handle->enabled() || here) {
      if (absl::Status status = CheckSha256(handle->Snapshot().sha256(), sha256, "the request");
          !status.ok()) {
        return Unusable(Cat(handle->Who(), " ", std::string(status.message())));
      }
    }
    if (handle->enabled()) return handle->Snapshot();
    std::optional<LoadedPlugin> fresh;
    if (!here) {
      auto loaded = LoadInPlaceOf(*handle, handle->path(), isolated,
                                  sha256.empty() && kept != nullptr ? kept->sha256() : sha256);
      if (!loaded.ok()) return loaded.status();
      fresh = *std::move(loaded);
    }
    if (absl::Status status = Keep(id,
                                   [&](KeptPlugin* plugin) {
                                     plugin->set_disabled(false);
                                     plugin->clear_description();
                                     if (!sha256.empty()) plugin->set_sha256(std::string(sha256));
                                   });
        !status.ok()) {
      return status;
    }
    if (fresh) {
      Take(*handle, *std::move(fresh));
    } else {
      handle->Enable();
    }
    log_(LogLevel::kInfo, id, "was enabled");
    return handle->Snapshot();
  }
  // A file that was put there since the host was started is found now.
  std::optional<v1::Plugin> idle = Get(id);
  fs::path path = idle ? fs::path(idle->path()) : fs::path();
  if (!idle) {
    for (const Found& found : FindFiles()) {
      if (IdOfFile(found.path) == id) path = found.path;
    }
  }
  if (path.empty()) return ToChange(id).status();
  v1::Plugin listed;
  const KeptPlugin* known = KeptAt(kept_, path);
  const std::string wanted(sha256.empty() && known != nullptr ? std::string_view(known->sha256())
                                                              : sha256);
  auto loaded = Load(path, IsIsolated(path, known), wanted, "", &listed);
  if (!loaded.ok()) {
    return Unusable(
        Cat("plugin file ", path.string(), ": ", std::string(loaded.status().message())));
  }
  const std::string real = loaded->description.plugin_id();
  if (absl::Status status = Keep(real,
                                 [&](KeptPlugin* plugin) {
                                   plugin->set_path(path.string());
                                   plugin->set_pinned(true);
                                   plugin->set_disabled(false);
                                   plugin->set_sha256(wanted);
                                 });
      !status.ok()) {
    return status;
  }
  TakeNew(id, *std::move(loaded));
  log_(LogLevel::kInfo, real, "was enabled");
  return Find(real)->Snapshot();
}

absl::StatusOr<v1::Plugin> PluginRegistry::Disable(const std::string& id) {
  absl::MutexLock changing(&changing_mu_);
  auto handle = ToChange(id);
  if (!handle.ok()) return handle.status();
  if (absl::Status status = Keep(id,
                                 [&](KeptPlugin* plugin) {
                                   plugin->set_disabled(true);
                                   *plugin->mutable_description() = (*handle)->description();
                                 });
      !status.ok()) {
    return status;
  }
  (*handle)->Disable(options_.drain);
  log_(LogLevel::kInfo, id, "was disabled");
  return (*handle)->Snapshot();
}

absl::StatusOr<v1::Plugin> PluginRegistry::Restart(const std::string& id) {
  absl::MutexLock changing(&changing_mu_);
  auto handle = ToChange(id);
  if (!handle.ok()) return handle.status();
  if (!(*handle)->enabled()) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition, "PLUGIN_DISABLED",
        Cat((*handle)->Who(), " is disabled; `aftersales plugins enable ", id, "` starts it"));
  }
  if (!(*handle)->isolated()) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition, "NOT_ISOLATED",
        Cat((*handle)->Who(),
            " runs in the host, whose code stays until the host ends; restart the host, or "
            "`aftersales plugins isolate ",
            id, "` first"));
  }
  const KeptPlugin* kept = KeptOf(kept_, id);
  auto loaded =
      LoadInPlaceOf(**handle, (*handle)->path(), true, kept == nullptr ? "" : kept->sha256());
  if (!loaded.ok()) return loaded.status();
  Take(**handle, *std::move(loaded));
  log_(LogLevel::kInfo, id, "was started anew");
  return (*handle)->Snapshot();
}

absl::StatusOr<v1::Plugin> PluginRegistry::Isolate(const std::string& id, bool in_process) {
  absl::MutexLock changing(&changing_mu_);
  auto handle = ToChange(id);
  if (!handle.ok()) return handle.status();
  if (in_process && IsPluginProgram((*handle)->path())) {
    return Refuse(
        absl::StatusCode::kFailedPrecondition, "PLUGIN_IS_PROGRAM",
        Cat((*handle)->Who(),
            " is a program and has a process of its own in any case; only a shared object can run "
            "in the host"));
  }
  const KeptPlugin* kept = KeptOf(kept_, id);
  std::optional<LoadedPlugin> moved;
  if (!in_process && (*handle)->enabled() && (*handle)->in_process()) {
    auto loaded =
        LoadInPlaceOf(**handle, (*handle)->path(), true, kept == nullptr ? "" : kept->sha256());
    if (!loaded.ok()) return loaded.status();
    moved = *std::move(loaded);
  }
  if (absl::Status status = Keep(id,
                                 [&](KeptPlugin* plugin) {
                                   plugin->set_transport(in_process
                                                             ? v1::Plugin::TRANSPORT_IN_PROCESS
                                                             : v1::Plugin::TRANSPORT_ISOLATED);
                                 });
      !status.ok()) {
    return status;
  }
  if (moved) {
    Take(**handle, *std::move(moved));
    log_(LogLevel::kInfo, id, "was moved into a process of its own");
  }
  if (in_process && (*handle)->isolated()) {
    log_(LogLevel::kInfo, id, "runs in the host from its next start on");
  }
  return (*handle)->Snapshot();
}

absl::StatusOr<v1::Plugin> PluginRegistry::Upgrade(const std::string& id, const fs::path& path,
                                                   std::string_view sha256) {
  absl::MutexLock changing(&changing_mu_);
  if (absl::Status status = CheckGivenSha256(sha256); !status.ok()) return status;
  if (!path.is_absolute()) {
    return InvalidField("path", "BAD_PATH",
                        "give an absolute path; the host does not know where you are");
  }
  PluginHandle* handle = Find(id);
  const std::optional<v1::Plugin> now = Get(id);
  if (!now) return ToChange(id).status();
  const fs::path real = RealPath(path);
  v1::Plugin listed;
  // One that could not be loaded is known by its id only if somebody has set something about it.
  auto loaded = handle != nullptr
                    ? LoadInPlaceOf(*handle, real, true, sha256)
                    : Load(real, true, sha256, KeptOf(kept_, id) == nullptr ? "" : id, &listed);
  if (!loaded.ok()) {
    if (handle != nullptr) return loaded.status();
    return Unusable(
        Cat("plugin file ", real.string(), ": ", std::string(loaded.status().message())));
  }
  const std::string real_id = loaded->description.plugin_id();
  const std::string version = loaded->description.version();
  if (absl::Status status = Keep(real_id,
                                 [&](KeptPlugin* plugin) {
                                   // The first one is what the options name.
                                   if (plugin->replaces().empty() && now->path() != real.string()) {
                                     plugin->set_replaces(now->path());
                                   }
                                   plugin->set_path(real.string());
                                   plugin->set_pinned(true);
                                   plugin->set_transport(v1::Plugin::TRANSPORT_ISOLATED);
                                   plugin->set_sha256(std::string(sha256));
                                   plugin->set_disabled(false);
                                   plugin->clear_description();
                                 });
      !status.ok()) {
    return status;
  }
  if (handle != nullptr) {
    Take(*handle, *std::move(loaded));
  } else {
    TakeNew(id, *std::move(loaded));
  }
  log_(LogLevel::kInfo, real_id,
       absl::StrCat("was upgraded from ", now->version(), " at ", now->path(), " to ", version,
                    " at ", real.string()));
  return Find(real_id)->Snapshot();
}

void PluginRegistry::AbortCalls() {
  absl::ReaderMutexLock lock(&mu_);
  for (const auto& [id, handle] : loaded_) handle->AbortCalls();
}

}  // namespace aftersales::plugins
