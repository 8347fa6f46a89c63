// `aftersales orders`: what was sold.
#include "aftersales/v1/order_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

struct ListOptions : Connection {
  std::string channel;
  std::string filter;
  bool defective = false;
  int limit = 50;
};

struct ShowOptions : Connection {
  std::string order;
};

std::string Amount(const v1::Money& money) {
  return money.currency_code().empty() ? "" : FormatMoney(money);
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListOrdersRequest request;
  request.set_parent(*seller);
  std::vector<std::string> filter;
  if (!options.channel.empty()) {
    const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
    if (!channel.ok()) return channel.status();
    filter.push_back(Cat("channel = \"", *channel, "\""));
  }
  if (options.defective) filter.push_back("defective = true");
  if (!options.filter.empty()) filter.push_back(options.filter);
  request.set_filter(absl::StrJoin(filter, " AND "));

  Table table({{"ORDER"},
               {"CHANNEL"},
               {"BY"},
               {"STATUS"},
               {"PLACED (UTC)"},
               {"PAID", Table::Align::kRight},
               {"SKUS", {}, Table::Fit::kTruncate}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::OrderService::Stub::ListOrders, request, options.limit,
      [&](const v1::ListOrdersResponse& page) {
        for (const v1::Order& order : page.orders()) {
          if (options.json) {
            session.PrintJson(order);
            continue;
          }
          std::vector<std::string> skus;
          for (const v1::OrderLine& line : order.lines()) skus.push_back(line.sku());
          table.Add({order.external_id(), std::string(IdOf(order.channel())),
                     Word(order.fulfillment()), Word(order.status()), TimeText(order.placed_at()),
                     Amount(order.captured_total()), absl::StrJoin(skus, " ")});
        }
        return page.orders_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No orders.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

absl::StatusOr<int> RunShow(const Session& session, const ShowOptions& options) {
  const absl::StatusOr<std::string> name = session.Name("orders", options.order);
  if (!name.ok()) return name.status();
  v1::GetOrderRequest request;
  request.set_name(*name);
  v1::Order order;
  if (absl::Status status = session.client.Call(&v1::OrderService::Stub::GetOrder, request, &order);
      !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(order);
    return kExitOk;
  }
  const Terminal& terminal = session.terminal;
  PrintField(terminal, "Order", order.external_id(), Style::kHeading);
  PrintField(terminal, "Name", order.name());
  PrintField(terminal, "Channel", IdOf(order.channel()));
  PrintField(terminal, "Fulfilment", Word(order.fulfillment()));
  PrintField(terminal, "Status", Word(order.status()));
  PrintField(terminal, "Placed", TimeText(order.placed_at()));
  PrintField(terminal, "Ship by", TimeText(order.expected_ship_by()));
  PrintField(terminal, "Ship confirmed", TimeText(order.ship_confirmed_at()));
  PrintField(terminal, "Delivered", TimeText(order.delivered_at()));
  PrintField(terminal, "Ships to", order.ship_country());
  PrintField(terminal, "Shipping", Amount(order.shipping_total()));
  PrintField(terminal, "Shipping tax", Amount(order.shipping_tax()));
  PrintField(terminal, "Paid", Amount(order.captured_total()));
  if (order.defective()) PrintField(terminal, "Defect", "counts in the ODR", Style::kBad);
  terminal.out << '\n';
  Table table({{"LINE"},
               {"SKU", {}, Table::Fit::kTruncate},
               {"TITLE", {}, Table::Fit::kTruncate},
               {"QTY", Table::Align::kRight},
               {"SHIPPED", Table::Align::kRight},
               {"TOTAL", Table::Align::kRight},
               {"TAX", Table::Align::kRight}});
  for (const v1::OrderLine& line : order.lines()) {
    table.Add({line.line_id(), line.sku(), line.title(), Cat(line.quantity()),
               Cat(line.quantity_shipped()), Amount(line.item_total()), Amount(line.tax_total())});
  }
  table.Print(terminal);
  return kExitOk;
}

}  // namespace

void AddOrders(CLI::App& app, Commands& commands) {
  CLI::App* orders = app.add_subcommand("orders", "Look at orders");
  orders->require_subcommand(1);

  auto list = std::make_shared<ListOptions>();
  CLI::App* list_command = commands.Add(*orders, "list", "List orders, newest first",
                                        R"(  aftersales orders list --channel amazon-us
  aftersales orders list --defective
  aftersales orders list --filter 'fulfillment = AFN' --json)");
  list_command->add_option("--channel", list->channel, "Only this channel")->option_text("ID");
  list_command->add_flag("--defective", list->defective, "Only orders that count in the ODR");
  list_command->add_option("--filter", list->filter, "Further conditions, joined by AND")
      ->option_text("EXPR");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunList);

  auto show = std::make_shared<ShowOptions>();
  CLI::App* show_command = commands.Add(*orders, "show", "Show one order with its lines",
                                        "  aftersales orders show 113-6270000-6280000");
  show_command->add_option("order", show->order, "Order id or resource name")
      ->option_text("ORDER")
      ->required();
  AddConnectionOptions(show_command, show.get());
  commands.RunWith(show_command, show, &RunShow);
}

}  // namespace aftersales::cli
