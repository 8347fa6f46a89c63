// `aftersales plugins`: which plugins the host has and what they can do.
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

absl::StatusOr<int> RunList(const Session& session, const Connection& options) {
  Table table({{"PLUGIN"},
               {"KIND"},
               {"VERSION"},
               {"STATE"},
               {"RUNS"},
               {"RESTARTS", Table::Align::kRight},
               {"CALLS", Table::Align::kRight},
               {"ERRORS", Table::Align::kRight},
               {"METHODS", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::PluginService::Stub::ListPlugins, v1::ListPluginsRequest(), 0,
      [&](const v1::ListPluginsResponse& page) {
        for (const v1::Plugin& plugin : page.plugins()) {
          if (options.json) {
            session.PrintJson(plugin);
            continue;
          }
          std::vector<std::string> methods;
          for (const v1::Plugin::Method& method : plugin.methods()) {
            if (method.capability() == v1::Plugin::CAPABILITY_UNSUPPORTED) continue;
            const bool manual = method.capability() == v1::Plugin::CAPABILITY_MANUAL;
            methods.push_back(method.method() + (manual ? " (by hand)" : ""));
          }
          const bool healthy = plugin.state() == v1::Plugin::STATE_HEALTHY;
          table.Add({std::string(IdOf(plugin.name())),
                     Phrase(plugin.kind()),
                     plugin.version(),
                     {Phrase(plugin.state()), healthy ? Style::kGood : Style::kBad},
                     plugin.transport() == v1::Plugin::TRANSPORT_ISOLATED
                         ? plugin.pid() == 0 ? "down" : Cat("pid ", plugin.pid())
                     : plugin.transport() == v1::Plugin::TRANSPORT_IN_PROCESS ? "host"
                                                                              : "",
                     plugin.transport() == v1::Plugin::TRANSPORT_ISOLATED
                         ? Cat(plugin.restart_count())
                         : "",
                     Cat(plugin.call_count()),
                     Cat(plugin.error_count()),
                     plugin.problem().empty() ? absl::StrJoin(methods, ", ") : plugin.problem()});
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

}  // namespace

void AddPlugins(CLI::App& app, Commands& commands) {
  CLI::App* plugins = app.add_subcommand("plugins", "Look at the host's plugins");
  plugins->require_subcommand(1);
  auto options = std::make_shared<Connection>();
  CLI::App* list = commands.Add(*plugins, "list", "List plugins, their health and their methods",
                                R"(  aftersales plugins list
RUNS: in the host's process, or the pid of its own (`aftersales serve --isolate`).
`by hand` marks what the marketplace has no API for: the host shows a person what to do there.)");
  AddConnectionOptions(list, options.get(), /*with_seller=*/false);
  commands.RunWith(list, options, &RunList);
}

}  // namespace aftersales::cli
