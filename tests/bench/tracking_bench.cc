// The carriers' rules, alone and through calls into their plugins.
#include <algorithm>
#include <chrono>
#include <random>

#include "absl/strings/str_format.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "core/status/text.h"
#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/epacket/epacket_rules.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/plugin_call.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double MicrosSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
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

absl::Status BenchTracking(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const int repetitions = options.quick ? 3 : 200;
  constexpr int kNumbers = 1000;  // a full batch of the contract
  const auto registry = LoadPlugins(workspace, {fs::path(BUNDLED_PLUGIN_DIR) / "dhl.so",
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
