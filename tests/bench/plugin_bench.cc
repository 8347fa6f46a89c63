// Calls into plugins, and the carriers' rules in them.
#include <algorithm>
#include <chrono>
#include <random>

#include "absl/strings/str_format.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/plugins/registry.h"
#include "core/status/text.h"
#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/epacket/epacket_rules.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double MicrosSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

std::unique_ptr<plugins::PluginRegistry> Load(const Workspace& workspace,
                                              std::vector<fs::path> files) {
  plugins::PluginRegistry::Options options;
  options.files = std::move(files);
  options.in_process = {"all"};
  options.data_directory = workspace.path();
  options.host_version = "0.1.0";
  auto registry = std::make_unique<plugins::PluginRegistry>(
      options, [] { return absl::Now(); },
      [](plugins::LogLevel, std::string_view, std::string_view) {});
  if (!registry->LoadAll().ok()) std::abort();
  return registry;
}

// A return as a plugin gets it to decide, about 500 bytes.
v1::Return MakeReturn() {
  v1::Return r;
  r.set_name("sellers/bench/returns/ret_01jq8z5k3v9x7c2m4n6p8r0t1w");
  r.set_channel("sellers/bench/channels/us");
  r.set_order(OrderName(1));
  r.set_order_external_id(OrderId(1));
  r.set_external_id("DfqXXXXBRRMA:SKU-1");
  r.set_external_rma_id("DfqXXXXBRRMA");
  r.set_fulfillment(v1::FULFILLMENT_MFN);
  r.set_status(v1::Return::STATUS_APPROVED);
  r.set_return_address_id("dallas");
  r.mutable_requested_at()->set_seconds(1773000000);
  r.mutable_create_time()->set_seconds(1773000001);
  r.mutable_update_time()->set_seconds(1773000002);
  r.set_etag("\"2\"");
  v1::ReturnItem* item = r.add_items();
  item->set_line_id(kSku);
  item->set_sku(kSku);
  item->set_quantity_requested(1);
  item->set_quantity_approved(1);
  item->set_buyer_reason(v1::RETURN_REASON_SIZE_TOO_SMALL);
  item->set_external_reason("AMZ-PG-WJ-TOO-SMALL");
  item->set_fault(v1::FAULT_BUYER);
  item->set_asin("B0ACME0001");
  v1::ReturnLabel* label = r.add_labels();
  label->set_carrier("USPS");
  label->set_tracking_number("9202090339598363800001");
  label->mutable_cost()->set_minor_units(414);
  label->mutable_cost()->set_currency_code("USD");
  v1::Deadline* deadline = r.add_deadlines();
  deadline->set_kind(v1::Deadline::KIND_RETURN_RESPONSE);
  deadline->set_state(v1::Deadline::STATE_MET);
  deadline->mutable_due_at()->set_seconds(1773172800);
  r.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
  r.mutable_decision()->mutable_decided_at()->set_seconds(1773000002);
  return r;
}

struct Number {
  std::string number, carrier;
  int scans = 0;
};

std::string Digits(std::mt19937& random, int count) {
  std::string digits;
  for (int i = 0; i < count; ++i) digits += static_cast<char>('0' + random() % 10);
  return digits;
}

// What a seller's shipping confirmations hold: two in a hundred mistyped, three in a hundred stated
// under a carrier that they are not of, a third without a scan yet.
std::vector<Number> MakeNumbers(bool dhl, int count) {
  using carriers::Mod7CheckDigit;
  using carriers::S10CheckDigit;
  std::mt19937 random(dhl ? 2 : 1);
  static constexpr const char* kEpacketNames[] = {"EUB", "ePacket", "China Post", "USPS", ""};
  std::vector<Number> numbers;
  for (int i = 0; i < count; ++i) {
    Number n;
    const bool mistyped = random() % 100 < 2;
    if (!dhl) {
      const std::string serial = Digits(random, 8);
      n.number = Cat("LK", serial, (S10CheckDigit(serial) + (mistyped ? 1 : 0)) % 10, "CN");
      n.carrier = kEpacketNames[random() % 5];
    } else if (random() % 2 == 0) {
      const std::string serial = Digits(random, 9);
      n.number = Cat(serial, (Mod7CheckDigit(serial) + (mistyped ? 1 : 0)) % 10);
      n.carrier = "DHL Express";
    } else {
      n.number = Cat("GM", Digits(random, mistyped ? 9 : 16));
      n.carrier = "DHL Global Mail";
    }
    if (random() % 100 < 3) n.carrier = "FedEx";
    n.scans = static_cast<int>(random() % 3);
    numbers.push_back(std::move(n));
  }
  return numbers;
}

// Verdicts per second, the best of the repetitions: whatever else runs only takes from it.
template <carriers::Verdict (*judge)(const carriers::Query&)>
double RulesPerSecond(const std::vector<Number>& numbers, int repetitions, int64_t* invalid) {
  carriers::StatedCarrierCache stated;
  double best = 0;
  for (int i = 0; i < repetitions; ++i) {
    *invalid = 0;
    const auto begin = Clock::now();
    for (const Number& n : numbers) {
      const carriers::Verdict verdict =
          judge({n.number, n.carrier, stated.Resolve(n.carrier), n.scans});
      *invalid += verdict.validity == carriers::Validity::kInvalid ? 1 : 0;
    }
    best = std::max(best, 1e6 * static_cast<double>(numbers.size()) / MicrosSince(begin));
  }
  return best;
}

absl::StatusOr<double> CallsPerSecond(plugins::PluginHandle* plugin,
                                      const std::vector<Number>& numbers, int repetitions) {
  plugin::v1::ValidateTrackingNumbersRequest request;
  for (const Number& n : numbers) {
    v1::TrackingQuery* query = request.add_queries();
    query->set_tracking_number(n.number);
    query->set_carrier(n.carrier);
    query->set_scan_count(n.scans);
  }
  double best = 0;
  for (int i = 0; i < repetitions; ++i) {
    plugin::v1::ValidateTrackingNumbersResponse response;
    const auto begin = Clock::now();
    if (absl::Status s =
            plugin->Call("CarrierPlugin/ValidateTrackingNumbers", request, &response, {});
        !s.ok()) {
      return s;
    }
    best = std::max(best, 1e6 * response.verdicts_size() / MicrosSince(begin));
  }
  return best;
}

}  // namespace

absl::Status BenchPluginCall(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const auto registry = Load(workspace, {fs::path(BENCH_PLUGIN_DIR) / "bench_market.so"});
  plugins::PluginHandle* plugin = registry->Find("bench-market");
  if (plugin == nullptr) return absl::InternalError(registry->List()[0].problem());
  plugin::v1::DecideReturnRequest request;
  request.set_effect_id("eff_01jq8z5k3v9x7c2m4n6p8r0t1w");
  request.set_marketplace_id("ATVPDKIKX0DER");
  *request.mutable_return_resource() = MakeReturn();
  plugins::PluginHandle::CallOptions call;
  call.idempotency_key = request.effect_id();
  call.seller = kSeller;
  plugin::v1::EffectResponse response;
  const int groups = options.quick ? 5 : 400;
  constexpr int kCalls = 200;  // in one reading of the clock
  std::vector<double> micros;
  for (int i = -groups / 10; i < groups; ++i) {
    const auto begin = Clock::now();
    for (int k = 0; k < kCalls; ++k) {
      call.deadline = absl::Now() + absl::Seconds(20);
      if (absl::Status s = plugin->Call("MarketplacePlugin/DecideReturn", request, &response, call);
          !s.ok()) {
        return s;
      }
    }
    if (i >= 0) micros.push_back(MicrosSince(begin) / kCalls);
  }
  if (response.result().external_id() != request.effect_id()) {
    return absl::InternalError("the plugin did not answer");
  }
  // What serializing and parsing alone take, on both sides of the border.
  std::string bytes;
  plugin::v1::DecideReturnRequest parsed;
  const auto begin = Clock::now();
  for (int k = 0; k < groups * kCalls; ++k) {
    request.SerializeToString(&bytes);
    parsed.ParseFromString(bytes);
  }
  const double messages = MicrosSince(begin) / (groups * kCalls);
  absl::PrintF(
      "\nOne call into a plugin in this process: DecideReturn with %d bytes, answered at once\n"
      "  %.2f us in the median, of which the request takes %.2f us to serialize and parse\n",
      bytes.size(), Median(micros), messages);
  figures->Set("plugin_call_us", Median(micros));
  figures->Set("plugin_call_message_us", messages);
  figures->Set("plugin_call_bytes", static_cast<double>(bytes.size()));
  return absl::OkStatus();
}

absl::Status BenchTracking(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const int repetitions = options.quick ? 3 : 200;
  constexpr int kNumbers = 1000;  // a full batch of the contract
  const auto registry = Load(workspace, {fs::path(BUNDLED_PLUGIN_DIR) / "dhl.so",
                                         fs::path(BUNDLED_PLUGIN_DIR) / "epacket.so"});
  absl::PrintF("\nTracking verdicts on one core\n%10s %16s %16s %9s\n", "", "rules/s",
               "plugin call/s", "invalid");
  double rules_time = 0;
  double calls_time = 0;
  for (const bool dhl : {true, false}) {
    const std::vector<Number> numbers = MakeNumbers(dhl, kNumbers);
    plugins::PluginHandle* plugin = registry->Find(dhl ? "dhl" : "epacket");
    if (plugin == nullptr) return absl::InternalError("a carrier plugin was not loaded");
    int64_t invalid = 0;
    const double rules =
        dhl ? RulesPerSecond<carriers::JudgeDhl>(numbers, repetitions, &invalid)
            : RulesPerSecond<carriers::JudgeEpacket>(numbers, repetitions, &invalid);
    const auto calls = CallsPerSecond(plugin, numbers, repetitions);
    if (!calls.ok()) return calls.status();
    absl::PrintF("%10s %16.0f %16.0f %8.1f%%\n", plugin->id(), rules, *calls,
                 100.0 * static_cast<double>(invalid) / kNumbers);
    figures->Set(Cat("tracking_", plugin->id(), "_per_s"), rules);
    rules_time += 0.5 / rules;
    calls_time += 0.5 / *calls;
  }
  absl::PrintF(
      "%10s %16.0f %16.0f\n"
      "rules: in the plugin; plugin call: batches of %d through the C ABI with messages both "
      "ways, which is what bounds it.\n",
      "half each", 1 / rules_time, 1 / calls_time, kNumbers);
  figures->Set("tracking_per_s", 1 / rules_time);
  figures->Set("tracking_calls_per_s", 1 / calls_time);
  return absl::OkStatus();
}

}  // namespace aftersales::bench
