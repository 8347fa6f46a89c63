// What every subcommand is made of.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/host/cli/client.h"
#include "core/host/cli/terminal.h"
#include "google/protobuf/message.h"

namespace aftersales::cli {

// Where the host is and for whom we ask: the flags that all client commands share.
struct Connection {
  std::string address = "127.0.0.1:50151";
  std::string seller;
  std::string actor;
  bool json = false;
  double timeout_seconds = 30;
};

// One run of a client command.
class Session {
 public:
  Session(const Terminal& out, Connection given);

  // `sellers/{seller}`. INVALID_ARGUMENT `SELLER_REQUIRED` without --seller and AFTERSALES_SELLER.
  absl::StatusOr<std::string> Seller() const;
  // A resource name from an id, an external id that is free as an id, or a whole name.
  // INVALID_ARGUMENT `BAD_NAME`.
  absl::StatusOr<std::string> Name(std::string_view collection, std::string_view reference) const;

  // One message as one line of JSON, fields named as in the protos.
  void PrintJson(const google::protobuf::Message& message) const;
  // A note on stderr that a list was cut at --limit.
  void NoteMore(bool more, int limit) const;

  const Terminal& terminal;
  const Connection connection;
  const Client client;
};

// The registered commands, and the one that the command line chose.
class Commands {
 public:
  explicit Commands(const Terminal& out) : terminal(out) {}

  using Run = std::function<absl::StatusOr<int>()>;

  // A leaf command. `examples` are lines for its --help.
  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& description,
                const std::string& examples);

  // Lets `command` run `run(session, options)`. `Options` derives from Connection. The options are
  // one object for each command, because CLI11 reads environment variables for all commands.
  template <typename Options>
  void RunWith(CLI::App* command, const std::shared_ptr<Options>& options,
               absl::StatusOr<int> (*run)(const Session&, const Options&)) {
    command->callback([this, options, run] {
      json = options->json;
      chosen = [this, options, run]() -> absl::StatusOr<int> {
        const Session session(terminal, *options);
        return run(session, *options);
      };
    });
  }

  const Terminal& terminal;
  Run chosen;
  bool json = false;  // how an error is to be printed
};

// Adds --address, --seller (unless the command knows no seller), --json and --timeout.
void AddConnectionOptions(CLI::App* command, Connection* connection, bool with_seller = true);

// Adds --limit of a list; its default is what `limit` holds.
void AddLimitOption(CLI::App* command, int* limit);

// Registration of each group of commands.
void AddServe(CLI::App& app, Commands& commands);
void AddDemo(CLI::App& app, Commands& commands);
void AddImport(CLI::App& app, Commands& commands);
void AddQueue(CLI::App& app, Commands& commands);
void AddReturns(CLI::App& app, Commands& commands);
void AddRefunds(CLI::App& app, Commands& commands);
void AddExchanges(CLI::App& app, Commands& commands);
void AddOrders(CLI::App& app, Commands& commands);
void AddShipments(CLI::App& app, Commands& commands);
void AddTrack(CLI::App& app, Commands& commands);
void AddMetrics(CLI::App& app, Commands& commands);
void AddChannels(CLI::App& app, Commands& commands);
void AddPlugins(CLI::App& app, Commands& commands);
void AddPluginNew(CLI::App& app, Commands& commands);
void AddPluginCheck(CLI::App& app, Commands& commands);
void AddAudit(CLI::App& app, Commands& commands);
void AddReconcile(CLI::App& app, Commands& commands);
void AddCosts(CLI::App& app, Commands& commands);
void AddPolicy(CLI::App& app, Commands& commands);
void AddWatch(CLI::App& app, Commands& commands);

// Runs the program with its arguments (without the program's name); answers the exit code.
int RunProgram(std::vector<std::string> arguments, const Terminal& terminal);

}  // namespace aftersales::cli
