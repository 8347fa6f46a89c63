// `aftersales queue`: what has to be done, the most urgent first.
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

struct QueueOptions : Connection {
  std::string channel;
  std::string kind;
  int limit = 50;
  bool steps = false;
};

constexpr int64_t kSoonSeconds = 24 * 3600;  // due within a day is shown as a warning

Table::Cell TimeLeft(const v1::WorkItem& item) {
  const std::string text = DurationText(item.time_left());
  if (item.overdue()) return {text, Style::kBad};
  return {text, item.time_left().seconds() < kSoonSeconds ? Style::kWarn : Style::kPlain};
}

void PrintSteps(const Terminal& terminal, const v1::WorkItem& item) {
  if (!item.has_manual_action()) return;
  PrintParagraph(terminal, Cat(item.order_external_id(), ": ", item.manual_action().title()));
  int number = 0;
  for (const std::string& step : item.manual_action().steps()) {
    PrintParagraph(terminal, Cat(++number, ". ", step), "  ");
  }
  if (!item.manual_action().url().empty())
    PrintParagraph(terminal, item.manual_action().url(), "  ");
}

absl::StatusOr<int> RunQueue(const Session& session, const QueueOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListWorkItemsRequest request;
  request.set_parent(*seller);
  std::vector<std::string> filter;
  if (!options.channel.empty()) {
    const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
    if (!channel.ok()) return channel.status();
    filter.push_back(Cat("channel = \"", *channel, "\""));
  }
  if (!options.kind.empty()) {
    const auto kind = ParseWord<v1::Deadline::Kind>(options.kind, "--kind");
    if (!kind.ok()) return kind.status();
    filter.push_back(Cat("kind = ", Word(*kind)));
  }
  request.set_filter(absl::StrJoin(filter, " AND "));

  // The year is left out: deadlines are near, and the line below the table tells it.
  Table table({{"DUE (UTC)"},
               {"LEFT", Table::Align::kRight},
               {"CHANNEL"},
               {"ORDER"},
               {"REASON", {}, Table::Fit::kTruncate},
               {"WHAT TO DO", {}, Table::Fit::kWrap, 28}});
  std::vector<v1::WorkItem> manual;
  google::protobuf::Timestamp as_of;
  int overdue = 0;
  int count = 0;
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::QueueService::Stub::ListWorkItems, request, options.limit,
      [&](const v1::ListWorkItemsResponse& page) {
        as_of = page.as_of();
        for (const v1::WorkItem& item : page.work_items()) {
          ++count;
          if (options.json) {
            session.PrintJson(item);
            continue;
          }
          overdue += item.overdue() ? 1 : 0;
          table.Add({TimeText(item.due_at()).substr(5), TimeLeft(item),
                     std::string(IdOf(item.channel())), item.order_external_id(),
                     Phrase(item.reason()), item.action()});
          if (options.steps && item.has_manual_action()) manual.push_back(item);
        }
        return page.work_items_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  if (count == 0) {
    session.terminal.out << "Nothing to do: no deadline is open.\n";
    return kExitOk;
  }
  table.Print(session.terminal);
  for (const v1::WorkItem& item : manual) {
    session.terminal.out << '\n';
    PrintSteps(session.terminal, item);
  }
  session.terminal.out << '\n'
                       << count << (count == 1 ? " item, " : " items, ") << overdue
                       << " overdue, as of " << TimeText(as_of) << " UTC\n";
  session.NoteMore(more, options.limit);
  return kExitOk;
}

}  // namespace

void AddQueue(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<QueueOptions>();
  CLI::App* command = commands.Add(
      app, "queue", "Show what has to be done, over all channels, the most urgent first",
      R"(  aftersales queue
  aftersales queue --channel amazon-us --kind return-response
  aftersales queue --steps                 with the steps where a person has to do it
  aftersales queue --json | jq -r 'select(.overdue) | .order_external_id')");
  command->add_option("--channel", options->channel, "Only this channel")->option_text("ID");
  command->add_option("--kind", options->kind, "Only this kind of work")
      ->option_text("return-response|refund|receipt|manual-action|...");
  command->add_flag("--steps", options->steps, "Show the steps of what no API can do");
  AddLimitOption(command, &options->limit);
  AddConnectionOptions(command, options.get());
  commands.RunWith(command, options, &RunQueue);
}

}  // namespace aftersales::cli
