// Verdicts per second of the carriers' rules on one core, as the plugins call them: with the stated
// carrier resolved for every number. The share of bad numbers is what a careless seller has.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/epacket/epacket_rules.h"

namespace aftersales::carriers {
namespace {

struct Row {
  std::string number;
  std::string carrier;
  int scans;
};

constexpr int kRows = 4096;
constexpr unsigned kBadPercent = 2;

std::string Digits(std::mt19937& random, int count) {
  std::string digits;
  for (int i = 0; i < count; ++i) digits += static_cast<char>('0' + random() % 10);
  return digits;
}

std::vector<Row> EpacketRows() {
  std::mt19937 random(1);
  std::vector<Row> rows;
  const char* carriers[] = {"EUB", "ePacket", "China Post", "USPS", ""};
  for (int i = 0; i < kRows; ++i) {
    const std::string serial = Digits(random, 8);
    int check = S10CheckDigit(serial);
    if (random() % 100 < kBadPercent) check = (check + 1) % 10;
    rows.push_back({"LK" + serial + std::to_string(check) + "CN", carriers[random() % 5],
                    static_cast<int>(random() % 3)});
  }
  return rows;
}

std::vector<Row> DhlRows() {
  std::mt19937 random(2);
  std::vector<Row> rows;
  for (int i = 0; i < kRows; ++i) {
    const int scans = static_cast<int>(random() % 3);
    if (i % 2 == 0) {
      const std::string serial = Digits(random, 9);
      int check = Mod7CheckDigit(serial);
      if (random() % 100 < kBadPercent) check = (check + 1) % 10;
      rows.push_back({serial + std::to_string(check), "DHL Express", scans});
    } else {
      rows.push_back({"GM" + Digits(random, 16), "DHL Global Mail", scans});
    }
  }
  return rows;
}

template <Verdict (*judge)(const Query&)>
void Run(benchmark::State& state, const std::vector<Row>& rows) {
  StatedCarrierCache stated;
  std::int64_t items = 0;
  for (auto _ : state) {
    for (const Row& row : rows) {
      const Verdict verdict =
          judge({row.number, row.carrier, stated.Resolve(row.carrier), row.scans});
      benchmark::DoNotOptimize(verdict.validity);
    }
    items += static_cast<std::int64_t>(rows.size());
  }
  state.SetItemsProcessed(items);
}

void BM_EpacketVerdicts(benchmark::State& state) { Run<JudgeEpacket>(state, EpacketRows()); }
BENCHMARK(BM_EpacketVerdicts);

void BM_DhlVerdicts(benchmark::State& state) { Run<JudgeDhl>(state, DhlRows()); }
BENCHMARK(BM_DhlVerdicts);

}  // namespace
}  // namespace aftersales::carriers

BENCHMARK_MAIN();
