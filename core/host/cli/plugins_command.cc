// `aftersales plugins`: which plugins the host has, what they can do, and what is done about them.
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::PluginService::Stub;

// `60us/1.2ms`, or nothing before the first call.
std::string Latency(const v1::Plugin& plugin) {
  if (!plugin.has_latency_p50()) return "";
  const auto shown = [](const google::protobuf::Duration& d) {
    const absl::Duration took = absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
    const bool micros = took < absl::Milliseconds(1);
    const double value =
        micros ? absl::ToDoubleMicroseconds(took) : absl::ToDoubleMilliseconds(took);
    return absl::StrFormat("%.*f%s", value < 10 ? 1 : 0, value, micros ? "us" : "ms");
  };
  return Cat(shown(plugin.latency_p50()), "/", shown(plugin.latency_p99()));
}

std::string Where(const v1::Plugin& plugin) {
  switch (plugin.transport()) {
    case v1::Plugin::TRANSPORT_ISOLATED:
      return Cat(plugin.pid() == 0 ? "down" : Cat("pid ", plugin.pid()),
                 plugin.restart_count() == 0 ? "" : Cat(", restart ", plugin.restart_count()));
    case v1::Plugin::TRANSPORT_IN_PROCESS:
      return "host";
    default:
      return "";
  }
}

std::string Methods(const v1::Plugin& plugin) {
  std::vector<std::string> methods;
  for (const v1::Plugin::Method& method : plugin.methods()) {
    if (method.capability() == v1::Plugin::CAPABILITY_UNSUPPORTED) continue;
    const bool manual = method.capability() == v1::Plugin::CAPABILITY_MANUAL;
    methods.push_back(method.method() + (manual ? " (by hand)" : ""));
  }
  return absl::StrJoin(methods, ", ");
}

Style StyleOf(v1::Plugin::State state) {
  return state == v1::Plugin::STATE_HEALTHY ? Style::kGood : Style::kBad;
}

absl::StatusOr<int> RunList(const Session& session, const Connection& options) {
  Table table({{"PLUGIN"},
               {"KIND"},
               {"VERSION"},
               {"STATE"},
               {"RUNS"},
               {"CALLS", Table::Align::kRight},
               {"ERRORS", Table::Align::kRight},
               {"P50/P99", Table::Align::kRight},
               {"METHODS", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListPlugins, v1::ListPluginsRequest(), 0,
      [&](const v1::ListPluginsResponse& page) {
        for (const v1::Plugin& plugin : page.plugins()) {
          if (options.json) {
            session.PrintJson(plugin);
            continue;
          }
          table.Add({std::string(IdOf(plugin.name())),
                     Phrase(plugin.kind()),
                     plugin.version(),
                     {Phrase(plugin.state()), StyleOf(plugin.state())},
                     Where(plugin),
                     Cat(plugin.call_count()),
                     Cat(plugin.error_count()),
                     Latency(plugin),
                     plugin.problem().empty() ? Methods(plugin) : plugin.problem()});
        }
        return page.plugins_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  if (table.empty()) {
    session.terminal.out << "The host has found no plugins; `aftersales serve --plugin-dir` names "
                            "where to look.\n";
  } else {
    table.Print(session.terminal);
  }
  return kExitOk;
}

struct OneOptions : Connection {
  std::string plugin;
  std::string path;
  std::string sha256;
  bool in_process = false;
};

// All about one plugin, a line each.
int Show(const Session& session, const v1::Plugin& plugin, bool json) {
  if (json) {
    session.PrintJson(plugin);
    return kExitOk;
  }
  const auto add = [&](const char* what, std::string_view value) {
    PrintField(session.terminal, what, value);
  };
  add("plugin", Cat(IdOf(plugin.name()), " ", plugin.version(), " ", plugin.display_name()));
  add("vendor", plugin.vendor());
  add("kind", plugin.kind() == v1::Plugin::KIND_UNSPECIFIED ? "" : Phrase(plugin.kind()));
  add("state", Phrase(plugin.state()));
  add("problem", plugin.problem());
  add("no calls until",
      plugin.has_circuit_open_until() ? TimeText(plugin.circuit_open_until()) : "");
  const bool isolated = plugin.transport() == v1::Plugin::TRANSPORT_ISOLATED;
  add("runs in", Where(plugin));
  add("restarts", isolated ? Cat(plugin.restart_count()) : "");
  add("file", plugin.path());
  add("sha256", plugin.sha256());
  add("methods", Methods(plugin));
  add("calls", Cat(plugin.call_count(), ", of which failed ", plugin.error_count()));
  add("p50/p99", Latency(plugin));
  return kExitOk;
}

// One command about one plugin; each shows how the plugin stands afterwards.
template <typename Request>
absl::StatusOr<int> RunOne(const Session& session, const OneOptions& options,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Plugin*)) {
  Request request;
  request.set_name(Cat("plugins/", options.plugin));
  if constexpr (requires { request.set_sha256(""); }) request.set_sha256(options.sha256);
  if constexpr (requires { request.set_in_process(true); }) {
    request.set_in_process(options.in_process);
  }
  if constexpr (requires { request.set_path(""); }) {
    std::error_code error;
    request.set_path(std::filesystem::absolute(options.path, error).string());
  }
  v1::Plugin plugin;
  if (absl::Status s = session.client.Call(method, request, &plugin); !s.ok()) return s;
  return Show(session, plugin, options.json);
}

absl::StatusOr<int> RunGet(const Session& session, const OneOptions& options) {
  return RunOne<v1::GetPluginRequest>(session, options, &Stub::GetPlugin);
}
absl::StatusOr<int> RunEnable(const Session& session, const OneOptions& options) {
  return RunOne<v1::EnablePluginRequest>(session, options, &Stub::EnablePlugin);
}
absl::StatusOr<int> RunDisable(const Session& session, const OneOptions& options) {
  return RunOne<v1::DisablePluginRequest>(session, options, &Stub::DisablePlugin);
}
absl::StatusOr<int> RunRestart(const Session& session, const OneOptions& options) {
  return RunOne<v1::RestartPluginRequest>(session, options, &Stub::RestartPlugin);
}
absl::StatusOr<int> RunIsolate(const Session& session, const OneOptions& options) {
  auto code = RunOne<v1::IsolatePluginRequest>(session, options, &Stub::IsolatePlugin);
  if (code.ok() && options.in_process) {
    session.terminal.err << "kept: " << options.plugin
                         << " runs in the host once that is started again; until then it goes on "
                            "where it is\n";
  }
  return code;
}
absl::StatusOr<int> RunUpgrade(const Session& session, const OneOptions& options) {
  return RunOne<v1::UpgradePluginRequest>(session, options, &Stub::UpgradePlugin);
}

}  // namespace

void AddPlugins(CLI::App& app, Commands& commands) {
  CLI::App* plugins = app.add_subcommand("plugins", "Look at the host's plugins and manage them");
  plugins->require_subcommand(1);
  auto list_options = std::make_shared<Connection>();
  CLI::App* list = commands.Add(*plugins, "list", "List plugins, their health and their methods",
                                R"(  aftersales plugins list
RUNS: in the host's process, or the pid of its own (`aftersales plugins isolate`), and how often that
was started anew.
P50/P99: what half, and 99 of a hundred, of its last 1000 calls took at most.
`by hand` marks what the marketplace has no API for: the host shows a person what to do there.)");
  AddConnectionOptions(list, list_options.get(), /*with_seller=*/false);
  commands.RunWith(list, list_options, &RunList);

  using Run = absl::StatusOr<int> (*)(const Session&, const OneOptions&);
  const auto add = [&](const char* name, const char* what, const char* examples, Run run) {
    auto options = std::make_shared<OneOptions>();
    CLI::App* command = commands.Add(*plugins, name, what, examples);
    command->add_option("plugin", options->plugin, "Id of the plugin, as in `plugins list`")
        ->option_text("PLUGIN")
        ->required();
    AddConnectionOptions(command, options.get(), /*with_seller=*/false);
    commands.RunWith(command, options, run);
    return std::pair(command, options);
  };
  add("get", "Show all about a plugin", "  aftersales plugins get dhl", &RunGet);
  const auto [enable, enable_options] =
      add("enable", "Use a plugin that was found, or was disabled; from now on and after a restart",
          "  aftersales plugins enable acme --as manager:mia", &RunEnable);
  enable->add_option("--sha256", enable_options->sha256, "What the file has to be")
      ->option_text("HEX");
  add("disable", "End a plugin once its calls have; what is to be done there waits",
      "  aftersales plugins disable acme --as manager:mia", &RunDisable);
  add("restart", "Start the process of a plugin anew, without a pause; also out of quarantine",
      "  aftersales plugins restart acme --as manager:mia", &RunRestart);
  const auto [isolate, isolate_options] =
      add("isolate", "Move a plugin into a process of its own, without a pause",
          "  aftersales plugins isolate dhl --as manager:mia", &RunIsolate);
  isolate->add_flag("--undo", isolate_options->in_process,
                    "Back into the host, when that is started next");
  const auto [upgrade, upgrade_options] =
      add("upgrade", "Replace a plugin by another file, without a pause; kept after a restart",
          "  aftersales plugins upgrade acme /opt/acme/2.0/acme.so --as manager:mia", &RunUpgrade);
  upgrade->add_option("file", upgrade_options->path, "The new file")
      ->option_text("FILE")
      ->required();
  upgrade->add_option("--sha256", upgrade_options->sha256, "What the file has to be")
      ->option_text("HEX");
}

}  // namespace aftersales::cli
