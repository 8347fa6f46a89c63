// The `aftersales` program: its commands, its help and how it ends.
#include <algorithm>
#include <exception>

#include "core/host/cli/command.h"

#ifndef AFTERSALES_VERSION
#error "AFTERSALES_VERSION is the version of the project, set by the build"
#endif

namespace aftersales::cli {
namespace {

constexpr char kFooter[] =
    R"(Try it:
  aftersales demo                          a host with sample data, explained step by step
  aftersales serve                         a host on your own data
  export AFTERSALES_SELLER=acme            the seller that the commands below are for
  aftersales import returns.txt --channel amazon-us
  aftersales queue                         what has to be done, the most urgent first
  aftersales returns approve RMA           by RMA id, return id or order id
  aftersales COMMAND --help                flags and examples of one command

Exit codes: 0 done; 1 refused (a rule or the state of the object forbids it); 2 wrong arguments;
3 not found; 4 no host answers; 5 imported, but rows were skipped; 70 internal error.)";

}  // namespace

int RunProgram(std::vector<std::string> arguments, const Terminal& terminal) {
  CLI::App app("After-sales for marketplace sellers: returns, refunds, tracking, account health.",
               "aftersales");
  app.set_version_flag("--version", "aftersales " AFTERSALES_VERSION);
  app.footer(kFooter);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  Commands commands(terminal);
  AddServe(app, commands);
  AddDemo(app, commands);
  AddImport(app, commands);
  AddQueue(app, commands);
  AddReturns(app, commands);
  AddRefunds(app, commands);
  AddExchanges(app, commands);
  AddOrders(app, commands);
  AddShipments(app, commands);
  AddTrack(app, commands);
  AddMetrics(app, commands);
  AddChannels(app, commands);
  AddPlugins(app, commands);
  AddPluginNew(app, commands);
  AddPluginCheck(app, commands);
  AddCosts(app, commands);
  AddPolicy(app, commands);
  AddAudit(app, commands);
  AddReconcile(app, commands);
  AddWatch(app, commands);

  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, terminal.out, terminal.err) == 0 ? kExitOk : kExitUsage;
  }
  try {
    const absl::StatusOr<int> code = commands.chosen();
    terminal.out.flush();
    if (code.ok()) return *code;
    PrintError(terminal, code.status(), commands.json);
    return ExitCodeOf(code.status());
  } catch (const std::exception& error) {
    PrintError(terminal, absl::InternalError(error.what()), commands.json);
    return kExitInternal;
  }
}

}  // namespace aftersales::cli
