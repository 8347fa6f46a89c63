// `aftersales metrics`: account health, and the orders behind a figure.
#include "aftersales/v1/metrics_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

struct DashboardOptions : Connection {
  std::string week;
};

struct ChangesOptions : Connection {
  std::string channel;
  int limit = 50;
};

struct OrdersOptions : Connection {
  std::string week;
  std::string kind;
  std::string channel;
  std::string fulfillment = "mfn";
  int window_days = 0;
  bool numerator = false;
  bool denominator = false;
  int limit = 50;
};

Table::Cell Status(const v1::Metric& metric) {
  switch (metric.status()) {
    case v1::Metric::STATUS_GOOD:
      return {"good", Style::kGood};
    case v1::Metric::STATUS_BAD:
      return {"BAD", Style::kBad};
    case v1::Metric::STATUS_NONE:
      return {"none", Style::kFaint};
    default:
      return {""};
  }
}

absl::StatusOr<int> RunDashboard(const Session& session, const DashboardOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::GetDashboardRequest request;
  request.set_parent(*seller);
  request.set_week(options.week);
  v1::Dashboard dashboard;
  if (absl::Status status =
          session.client.Call(&v1::MetricsService::Stub::GetDashboard, request, &dashboard);
      !status.ok()) {
    return status;
  }
  if (options.json) {
    for (const v1::Metric& metric : dashboard.metrics()) session.PrintJson(metric);
    return kExitOk;
  }
  Table table({{"CHANNEL"},
               {"BY"},
               {"METRIC"},
               {"SOURCE"},
               {"WINDOW"},
               {"NUM", Table::Align::kRight},
               {"DEN", Table::Align::kRight},
               {"RATE", Table::Align::kRight},
               {"LIMIT", Table::Align::kRight},
               {"STATUS"},
               {"ROOM", Table::Align::kRight}});
  for (const v1::Metric& metric : dashboard.metrics()) {
    // A year says nothing twice: `2026-01-09..03-09`.
    const bool same_year = metric.window_start().substr(0, 4) == metric.window_end().substr(0, 4);
    const std::string end = same_year && metric.window_end().size() > 5
                                ? metric.window_end().substr(5)
                                : metric.window_end();
    table.Add({std::string(IdOf(metric.channel())), Word(metric.fulfillment()), Word(metric.kind()),
               Phrase(metric.source()), Cat(metric.window_start(), "..", end),
               // A marketplace may report a rate without its counts, or nothing for a figure.
               metric.has_value() ? Cat(metric.value().numerator()) : "",
               metric.has_value() ? Cat(metric.value().denominator()) : "",
               !metric.percent().empty() ? metric.percent()
               : metric.has_value()      ? PercentText(metric.value())
                                         : "n/a",
               ThresholdText(metric.threshold()), Status(metric),
               !metric.has_threshold() || metric.status() == v1::Metric::STATUS_NONE ||
                       metric.source() == v1::Metric::SOURCE_REPORTED
                   ? ""
                   : Cat(metric.headroom())});
  }
  if (table.empty()) {
    session.terminal.out << "No figures yet: import orders first.\n";
    return kExitOk;
  }
  table.Print(session.terminal);
  session.terminal.out
      << "\nAs of " << TimeText(dashboard.as_of())
      << (options.week.empty()
              ? " UTC. ROOM: how many more bad cases still keep the limit.\n"
              : " UTC. Marketplaces judge no single week, so there is no limit.\n");
  return kExitOk;
}

absl::StatusOr<int> RunOrders(const Session& session, const OrdersOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
  if (!channel.ok()) return channel.status();
  const auto kind = ParseWord<v1::Metric::Kind>(options.kind, "kind");
  if (!kind.ok()) return kind.status();
  const auto fulfillment = ParseWord<v1::Fulfillment>(options.fulfillment, "--fulfillment");
  if (!fulfillment.ok()) return fulfillment.status();
  v1::ListMetricOrdersRequest request;
  request.set_parent(*seller);
  request.set_channel(*channel);
  request.set_kind(*kind);
  request.set_fulfillment(*fulfillment);
  request.set_window_days(options.window_days);
  request.set_week(options.week);
  request.set_cases(options.denominator ? v1::ListMetricOrdersRequest::CASES_DENOMINATOR
                    : options.numerator ? v1::ListMetricOrdersRequest::CASES_NUMERATOR
                                        : v1::ListMetricOrdersRequest::CASES_BAD);

  Table table(
      {{"DATE"}, {"ORDER"}, {"ABOUT", {}, Table::Fit::kTruncate}, {"WHY", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::MetricsService::Stub::ListMetricOrders, request, options.limit,
      [&](const v1::ListMetricOrdersResponse& page) {
        for (const v1::MetricOrder& order : page.orders()) {
          if (options.json) {
            session.PrintJson(order);
          } else {
            table.Add({order.date(), order.order_external_id(), std::string(IdOf(order.subject())),
                       order.why()});
          }
        }
        return page.orders_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No cases.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// `197/200 98.50%`.
std::string Figure(const v1::Metric& metric) {
  return metric.has_value() ? Cat(metric.value().numerator(), "/", metric.value().denominator(),
                                  " ", PercentText(metric.value()))
                            : "n/a";
}

absl::StatusOr<int> RunChanges(const Session& session, const ChangesOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
  if (!channel.ok()) return channel.status();
  v1::ListMetricChangesRequest request;
  request.set_parent(*seller);
  request.set_channel(*channel);
  Table table({{"WHEN"},
               {"METRIC"},
               {"CATEGORY"},
               {"BEFORE", Table::Align::kRight},
               {"AFTER", Table::Align::kRight},
               {"STATUS"},
               {"BECAUSE OF"}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::MetricsService::Stub::ListMetricChanges, request, options.limit,
      [&](const v1::ListMetricChangesResponse& page) {
        for (const v1::MetricChange& change : page.changes()) {
          if (options.json) {
            session.PrintJson(change);
          } else {
            table.Add({TimeText(change.change_time()), Word(change.after().kind()),
                       change.after().category(), Figure(change.before()), Figure(change.after()),
                       Status(change.after()), std::string(IdOf(change.cause()))});
          }
        }
        return page.changes_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No figure was corrected.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

}  // namespace

void AddMetrics(CLI::App& app, Commands& commands) {
  auto dashboard = std::make_shared<DashboardOptions>();
  CLI::App* metrics = commands.Add(
      app, "metrics", "Show account health: ODR, late shipment, valid tracking, response",
      R"(  aftersales metrics
  aftersales metrics --week 2026-W53                    Monday to Sunday, at the marketplace
  aftersales metrics orders odr --channel amazon-us     the orders behind a figure
  aftersales metrics --json | jq -c 'select(.status == "STATUS_BAD")')");
  metrics->require_subcommand(0, 1);
  metrics->add_option("--week", dashboard->week, "Of one ISO week instead of the policy's windows")
      ->option_text("YYYY-Www");
  AddConnectionOptions(metrics, dashboard.get());
  metrics->callback([&commands, metrics, dashboard] {
    if (!metrics->get_subcommands().empty()) return;  // CLI11 calls the parents of a command too
    commands.json = dashboard->json;
    commands.chosen = [&commands, dashboard]() -> absl::StatusOr<int> {
      return RunDashboard(Session(commands.terminal, *dashboard), *dashboard);
    };
  });

  auto changes = std::make_shared<ChangesOptions>();
  CLI::App* changes_command =
      commands.Add(*metrics, "changes", "List what corrections made of the figures, newest first",
                   "  aftersales metrics changes --channel amazon-us");
  changes_command->add_option("--channel", changes->channel, "Of which channel")
      ->option_text("ID")
      ->required();
  AddLimitOption(changes_command, &changes->limit);
  AddConnectionOptions(changes_command, changes.get());
  commands.RunWith(changes_command, changes, &RunChanges);

  auto orders = std::make_shared<OrdersOptions>();
  CLI::App* command = commands.Add(*metrics, "orders", "List the bad cases behind a figure, or all",
                                   R"(  aftersales metrics orders odr --channel amazon-us
  aftersales metrics orders vtr --channel amazon-us --denominator)");
  command->add_option("kind", orders->kind, "Which figure")
      ->option_text("odr|lsr|vtr|resp")
      ->required();
  command->add_option("--channel", orders->channel, "Of which channel")
      ->option_text("ID")
      ->required();
  command->add_option("--fulfillment,--by", orders->fulfillment, "Who ships")
      ->option_text("mfn|afn (default mfn)");
  command->add_option("--window", orders->window_days, "Window, as in the dashboard")
      ->option_text("DAYS");
  command->add_option("--week", orders->week, "Instead of a window: one ISO week")
      ->option_text("YYYY-Www");
  CLI::Option* numerator =
      command->add_flag("--numerator", orders->numerator, "What NUM counts, good or bad");
  command->add_flag("--denominator", orders->denominator, "All cases, not only the bad ones")
      ->excludes(numerator);
  AddLimitOption(command, &orders->limit);
  AddConnectionOptions(command, orders.get());
  commands.RunWith(command, orders, &RunOrders);
}

}  // namespace aftersales::cli
