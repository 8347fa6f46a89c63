// `aftersales shipments`: parcels, whether their numbers count, and scans from a carrier.
#include "absl/time/clock.h"
#include "aftersales/v1/shipment_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/verdict.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::ShipmentService::Stub;

struct ListOptions : Connection {
  std::string channel;
  std::string order;
  std::string validity;
  int limit = 50;
};

struct ScanOptions : Connection {
  std::string tracking_number;
  std::string milestone = "in-transit";
  std::string scanned_at;
  bool validate_only = false;
};

struct CorrectOptions : Connection {
  std::string tracking_number;
  std::string to;
  std::string carrier;
  bool validate_only = false;
};

Table ShipmentTable() {
  return Table({{"ORDER"},
                {"NUMBER"},
                {"CARRIER", {}, Table::Fit::kTruncate},
                {"SHIPPED"},
                {"VERDICT"},
                {"WHY", {}, Table::Fit::kWrap}});
}

void AddRow(Table& table, const v1::Shipment& shipment) {
  table.Add({shipment.order_external_id(), shipment.tracking_number(), shipment.carrier(),
             DayText(shipment.shipped_at()), VerdictCell(shipment.verdict()),
             shipment.verdict().message()});
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  std::vector<std::string> filter;
  if (!options.channel.empty()) {
    const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
    if (!channel.ok()) return channel.status();
    filter.push_back(Cat("channel = \"", *channel, "\""));
  }
  if (!options.order.empty()) {
    // Checked as an id, because it becomes part of the filter.
    const absl::StatusOr<std::string> order = session.Name("orders", options.order);
    if (!order.ok()) return order.status();
    filter.push_back(Cat("order_external_id = \"", IdOf(*order), "\""));
  }
  if (!options.validity.empty()) {
    const auto validity = ParseWord<v1::TrackingVerdict::Validity>(options.validity, "--verdict");
    if (!validity.ok()) return validity.status();
    filter.push_back(Cat("validity = ", Word(*validity)));
  }
  v1::ListShipmentsRequest request;
  request.set_parent(*seller);
  request.set_filter(absl::StrJoin(filter, " AND "));
  Table table = ShipmentTable();
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListShipments, request, options.limit,
      [&](const v1::ListShipmentsResponse& page) {
        for (const v1::Shipment& shipment : page.shipments()) {
          if (options.json) {
            session.PrintJson(shipment);
          } else {
            AddRow(table, shipment);
          }
        }
        return page.shipments_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No shipments.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

absl::StatusOr<v1::ListShipmentsResponse> ByNumber(const Session& session, std::string_view seller,
                                                   std::string_view tracking_number) {
  std::string number;
  for (const char c : tracking_number) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      number += absl::ascii_toupper(static_cast<unsigned char>(c));
    }
  }
  v1::ListShipmentsRequest request;
  request.set_parent(std::string(seller));
  request.set_filter(Cat("tracking_number = \"", number, "\""));
  v1::ListShipmentsResponse found;
  if (absl::Status status = session.client.Call(&Stub::ListShipments, request, &found);
      !status.ok()) {
    return status;
  }
  if (!found.shipments().empty()) return found;
  return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                Cat("no shipment has the number `", tracking_number,
                    "`; `aftersales shipments list` shows them"));
}

absl::Status Store(const Session& session, const v1::UpsertShipmentRequest& upsert, bool json,
                   Table& table) {
  v1::Shipment stored;
  if (absl::Status status = session.client.Mutate(&Stub::UpsertShipment, upsert, &stored);
      !status.ok()) {
    return status;
  }
  if (json) {
    session.PrintJson(stored);
  } else {
    AddRow(table, stored);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunCorrect(const Session& session, const CorrectOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const auto found = ByNumber(session, *seller, options.tracking_number);
  if (!found.ok()) return found.status();
  Table table = ShipmentTable();
  for (const v1::Shipment& wrong : found->shipments()) {
    v1::UpsertShipmentRequest upsert;
    upsert.set_parent(*seller);
    upsert.set_validate_only(options.validate_only);
    upsert.set_replaces(wrong.name());
    upsert.mutable_shipment()->set_channel(wrong.channel());
    upsert.mutable_shipment()->set_order_external_id(wrong.order_external_id());
    upsert.mutable_shipment()->set_tracking_number(options.to);
    upsert.mutable_shipment()->set_carrier(options.carrier);
    if (absl::Status s = Store(session, upsert, options.json, table); !s.ok()) return s;
  }
  if (!options.json) table.Print(session.terminal);
  return kExitOk;
}

absl::StatusOr<int> RunScan(const Session& session, const ScanOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::TrackingEvent event;
  const auto milestone = ParseWord<v1::TrackingEvent::Milestone>(options.milestone, "--milestone");
  if (!milestone.ok()) return milestone.status();
  event.set_milestone(*milestone);
  google::protobuf::Timestamp at;
  if (options.scanned_at.empty()) {
    at.set_seconds(absl::ToUnixSeconds(absl::Now()));
  } else {
    const auto parsed = ParseTime(options.scanned_at, "--at");
    if (!parsed.ok()) return parsed.status();
    at = *parsed;
  }
  *event.mutable_occurred_at() = at;

  const auto found = ByNumber(session, *seller, options.tracking_number);
  if (!found.ok()) return found.status();
  Table table = ShipmentTable();
  for (const v1::Shipment& shipment : found->shipments()) {
    v1::UpsertShipmentRequest upsert;
    upsert.set_parent(*seller);
    upsert.set_validate_only(options.validate_only);
    *upsert.mutable_shipment() = shipment;
    upsert.mutable_shipment()->clear_verdict();
    upsert.mutable_shipment()->clear_events();
    *upsert.mutable_shipment()->add_events() = event;
    if (absl::Status s = Store(session, upsert, options.json, table); !s.ok()) return s;
  }
  if (!options.json) table.Print(session.terminal);
  return kExitOk;
}

}  // namespace

void AddShipments(CLI::App& app, Commands& commands) {
  CLI::App* shipments = app.add_subcommand("shipments", "Look at parcels and report scans of them");
  shipments->require_subcommand(1);

  auto list = std::make_shared<ListOptions>();
  CLI::App* list_command =
      commands.Add(*shipments, "list", "List parcels and whether their numbers count, newest first",
                   R"(  aftersales shipments list --channel amazon-us --verdict invalid
  aftersales shipments list --order 113-6270000-6280000)");
  list_command->add_option("--channel", list->channel, "Only this channel")->option_text("ID");
  list_command->add_option("--order", list->order, "Only of this order")->option_text("ID");
  list_command->add_option("--verdict", list->validity, "Only with this verdict")
      ->option_text("valid|unscanned|invalid|unknown");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunList);

  auto correct = std::make_shared<CorrectOptions>();
  CLI::App* correct_command = commands.Add(
      *shipments, "correct", "Put a mistyped tracking number right: it is the same parcel",
      R"(  aftersales shipments correct LK123456786CN --to LK123456785CN
`aftersales metrics changes` shows what it made of the valid tracking rate.)");
  correct_command->add_option("number", correct->tracking_number, "The wrong number")
      ->option_text("NUMBER")
      ->required();
  correct_command->add_option("--to", correct->to, "The right one")
      ->option_text("NUMBER")
      ->required();
  correct_command->add_option("--carrier", correct->carrier, "Carrier, if it was wrong too")
      ->option_text("NAME");
  correct_command->add_flag("--dry-run", correct->validate_only,
                            "Say what would happen, change nothing");
  AddConnectionOptions(correct_command, correct.get());
  commands.RunWith(correct_command, correct, &RunCorrect);

  auto scan = std::make_shared<ScanOptions>();
  CLI::App* scan_command =
      commands.Add(*shipments, "scan", "Report that the carrier has scanned a parcel",
                   R"(  aftersales shipments scan LK123456785CN
  aftersales shipments scan 1234567891 --milestone delivered --at 2026-03-01T10:00:00Z
A number counts as valid tracking once the carrier has scanned its parcel.)");
  scan_command->add_option("number", scan->tracking_number, "Tracking number")
      ->option_text("NUMBER")
      ->required();
  scan_command->add_option("--milestone", scan->milestone, "What the scan says")
      ->option_text("in-transit|customs|out-for-delivery|delivered|... (default in-transit)");
  scan_command->add_option("--at", scan->scanned_at, "When; now by default")->option_text("TIME");
  scan_command->add_flag("--dry-run", scan->validate_only, "Say what would happen, change nothing");
  AddConnectionOptions(scan_command, scan.get());
  commands.RunWith(scan_command, scan, &RunScan);
}

}  // namespace aftersales::cli
