// `aftersales track`: what the carriers' rules say about tracking numbers.
#include <iostream>

#include "aftersales/v1/shipment_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/verdict.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

constexpr int kBatch = 1000;  // the service's limit

struct TrackOptions : Connection {
  std::vector<std::string> numbers;
  std::string carrier;
  int scans = 0;
};

absl::StatusOr<int> RunTrack(const Session& session, const TrackOptions& options) {
  Table table({{"NUMBER"}, {"VERDICT"}, {"CARRIER"}, {"WHY", {}, Table::Fit::kWrap}});
  v1::ValidateTrackingNumbersRequest request;
  const auto ask = [&]() -> absl::Status {
    if (request.queries_size() == 0) return absl::OkStatus();
    v1::ValidateTrackingNumbersResponse response;
    absl::Status status = session.client.Call(&v1::ShipmentService::Stub::ValidateTrackingNumbers,
                                              request, &response);
    if (!status.ok()) return status;
    for (const v1::TrackingVerdict& verdict : response.verdicts()) {
      if (options.json) {
        session.PrintJson(verdict);
      } else {
        table.Add({verdict.tracking_number(), VerdictCell(verdict), verdict.carrier(),
                   verdict.message()});
      }
    }
    request.clear_queries();
    return absl::OkStatus();
  };
  const auto add = [&](const std::string& number) -> absl::Status {
    v1::TrackingQuery* query = request.add_queries();
    query->set_tracking_number(number);
    query->set_carrier(options.carrier);
    query->set_scan_count(options.scans);
    return request.queries_size() == kBatch ? ask() : absl::OkStatus();
  };
  for (const std::string& number : options.numbers) {
    absl::Status status;
    if (number == "-") {
      for (std::string line; status.ok() && std::getline(std::cin, line);) {
        if (!line.empty() && line.back() == '\r') line.pop_back();
        if (!line.empty()) status = add(line);
      }
    } else {
      status = add(number);
    }
    if (!status.ok()) return status;
  }
  if (absl::Status status = ask(); !status.ok()) return status;
  if (!table.empty()) table.Print(session.terminal);
  return kExitOk;
}

}  // namespace

void AddTrack(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<TrackOptions>();
  CLI::App* command = commands.Add(app, "track", "Judge tracking numbers by the carriers' rules",
                                   R"(  aftersales track LK123456785CN
  aftersales track LK123456785CN --scans 1   valid only once the carrier has scanned it
  aftersales track 1234567891 --carrier dhl
  aftersales track - < numbers.txt           one number a line
The verdict names the rule that failed and what it expected. Nothing is stored.)");
  command->add_option("numbers", options->numbers, "Numbers; `-` reads them from stdin")
      ->option_text("NUMBER...")
      ->required();
  command->add_option("--carrier", options->carrier, "Carrier as the seller states it")
      ->option_text("NAME");
  command->add_option("--scans", options->scans, "Scans that the carrier has made")
      ->option_text("N (default 0)")
      ->check(CLI::NonNegativeNumber);
  AddConnectionOptions(command, options.get(), /*with_seller=*/false);
  commands.RunWith(command, options, &RunTrack);
}

}  // namespace aftersales::cli
