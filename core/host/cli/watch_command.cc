// `aftersales watch`: the change feed, as it happens.
#include "aftersales/v1/event_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/signals.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

struct WatchOptions : Connection {
  std::string since;
  int count = 0;
};

// `returns/ret_1`: all events are of the one seller that was asked for.
std::string_view WithoutSeller(std::string_view name) {
  size_t slash = name.find('/');
  if (slash != std::string_view::npos) slash = name.find('/', slash + 1);
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

void PrintLine(const Terminal& terminal, const v1::Event& event) {
  // Widths are fixed: a stream cannot wait for its longest row.
  std::string line =
      Cat(Pad(TimeText(event.occurred_at()), 16), "  ", Pad(Phrase(event), 24), "  ",
          Pad(event.status_after(), 18), "  ", Printable(WithoutSeller(event.subject())));
  if (!event.source().empty()) line += Cat("  (", Printable(event.source()), ")");
  terminal.out << line << std::endl;
}

absl::StatusOr<int> RunWatch(const Session& session, const WatchOptions& options,
                             SignalWait& interrupt) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::WatchRequest request;
  request.set_parent(*seller);
  request.set_resume_token(options.since);

  const std::unique_ptr<grpc::ClientContext> context = session.client.NewContext(/*endless=*/true);
  interrupt.OnSignal([&] { context->TryCancel(); });
  const auto stub = v1::EventService::NewStub(session.client.channel());
  const auto reader = stub->Watch(context.get(), request);
  std::string token = options.since;
  int count = 0;
  v1::WatchResponse response;
  while ((options.count == 0 || count < options.count) && reader->Read(&response)) {
    token = response.resume_token();
    if (!response.has_event()) continue;  // a heartbeat
    if (options.json) {
      session.PrintJson(response.event());
      session.terminal.out.flush();
    } else {
      PrintLine(session.terminal, response.event());
    }
    if (++count == options.count) context->TryCancel();
  }
  const grpc::Status status = reader->Finish();
  interrupt.OnSignal(nullptr);
  const bool enough = options.count > 0 && count >= options.count;
  const bool stopped_here = enough || interrupt.raised();
  // Where it was refused there is nothing to go on from.
  const bool broke_off = status.ok() || stopped_here ||
                         status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                         token != options.since;
  if (!token.empty() && !options.json && !enough && broke_off) {
    session.terminal.err << "to go on from here: aftersales watch --since " << token << '\n';
  }
  if (status.ok() || stopped_here) return kExitOk;
  return session.client.ToStatus(status);
}

}  // namespace

void AddWatch(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<WatchOptions>();
  CLI::App* command =
      commands.Add(app, "watch", "Follow what happens, event by event, until Ctrl-C",
                   R"(  aftersales watch                       from now on
  aftersales watch --since start         everything from the beginning, then what comes
  aftersales watch --since TOKEN --json  go on after the event with this resume_token)");
  command->add_option("--since", options->since, "Start after this resume token, or at `start`")
      ->option_text("TOKEN|start");
  command->add_option("--count", options->count, "Stop after this many events")
      ->option_text("N")
      ->check(CLI::PositiveNumber);
  AddConnectionOptions(command, options.get());
  command->callback([&commands, options] {
    commands.json = options->json;
    commands.chosen = [&commands, options]() -> absl::StatusOr<int> {
      SignalWait interrupt;  // before the session, which starts threads
      const Session session(commands.terminal, *options);
      return RunWatch(session, *options, interrupt);
    };
  });
}

}  // namespace aftersales::cli
