// `./dev bench`: how fast the host is, in ratios to what the machine can do at all.
#include <spdlog/spdlog.h>
#include <sys/vfs.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench.h"
#include "tests/bench/child_host.h"
#include "tests/bench/uds_server.h"

namespace aftersales::bench {
namespace {

struct Part {
  const char* name;
  const char* what;
  absl::Status (*run)(const Options&, Figures*);
};
constexpr Part kParts[] = {
    {"a", "durable CreateReturn and", BenchCalls},
    {"b", "ApproveReturn against an empty call (a and b are one run)", BenchCalls},
    {"c", "import of a large file against raw SQLite", BenchImport},
    {"d", "calls into plugins in this process and in their own", BenchPluginCalls},
    {"e", "tracking verdicts", BenchTracking},
    {"f", "queue and dashboard with many orders", BenchScale},
    {"g", "whole lifecycles of returns, and their size on disk", BenchLifecycles},
    {"h", "refund quotes in this process", BenchQuotes},
    {"i", "restart after a kill with many returns", BenchRestart},
};

struct Target {
  const char* name;
  const char* text;
  bool at_least;
  double value;
};
constexpr Target kTargets[] = {
    {"create_vs_echo_512", ">= 0.25 (goal 0.40)", true, 0.25},
    {"approve_vs_echo_512", ">= 0.25 (goal 0.40)", true, 0.25},
    {"import_vs_sqlite", ">= 0.40", true, 0.40},
    {"import_peak_mb", "flat, whatever the file", false, 512},
    {"plugin_call_us", "<= 3", false, 3},
    {"isolated_vs_uds_seq", "<= 1.3", false, 1.3},
    {"isolated_vs_uds_64", "<= 1.3", false, 1.3},
    {"isolated_vs_goplugin_64", "> 1", true, 1},
    {"child_ready_ms", "<= 20", false, 20},
    {"child_rss_mb", "<= 16", false, 16},
    {"tracking_per_s", ">= 3 million", true, 3e6},
    {"queue_1e6_vs_1e4", "<= 1.5", false, 1.5},
    {"dashboard_1e6_vs_1e4", "<= 1.5", false, 1.5},
    {"lifecycles_per_s_64", ">= 1500", true, 1500},
    {"quotes_per_s", ">= 100000", true, 1e5},
    {"restart_s_1e6", "< 1", false, 1},
    {"bytes_per_return", "<= 4096", false, 4096},
};

void PrintSummary(const Figures& figures) {
  absl::PrintF("\n%-24s %14s   %s\n", "figure", "measured", "target");
  for (const Target& target : kTargets) {
    for (const auto& [name, value] : figures.all()) {
      if (name != target.name) continue;
      const bool met = target.at_least ? value >= target.value : value <= target.value;
      absl::PrintF("%-24s %14.*f   %-22s %s\n", name, value < 1000 ? 3 : 0, value, target.text,
                   met ? "met" : "MISSED");
    }
  }
}

bool InMemory(const std::filesystem::path& directory) {
  constexpr long kTmpfs = 0x01021994;
  struct statfs info {};
  return statfs(directory.c_str(), &info) == 0 && info.f_type == kTmpfs;
}

int Main(int argc, char** argv) {
  CLI::App app("Measures the host. Run it with nothing else on the machine.");
  Options options;
  options.directory = std::filesystem::temp_directory_path();
  std::string json;
  std::vector<std::string> only;
  app.add_option("--json", json, "write the figures to this file, as one flat object");
  app.add_option("--dir", options.directory, "where databases are made; must be on a disk")
      ->capture_default_str();
  app.add_flag("--quick", options.quick, "small sizes: shows that it runs, measures nothing");
  std::vector<std::string> names;
  std::string parts = "only these parts, with commas:";
  for (const Part& part : kParts) {
    names.emplace_back(part.name);
    parts += std::string("\n  ") + part.name + "  " + part.what;
  }
  app.add_option("--only", only, parts)->delimiter(',')->check(CLI::IsMember(names));
  std::vector<std::string> serve;
  app.add_option("--serve", serve)->expected(2)->group("");  // hidden: its own child
  bool serve_uds = false;
  app.add_flag("--serve-uds", serve_uds)->group("");  // likewise
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::warn);
  if (serve_uds) return ServeUdsAsChild();
  if (!serve.empty()) return ServeAsChild(serve[0], serve[1]);
#ifndef NDEBUG
  if (!options.quick) std::cerr << "This is not the optimised build: use ./dev bench\n";
#endif
  if (!options.quick && InMemory(options.directory)) {
    std::cerr << options.directory.string()
              << " is in memory, where a sync costs nothing; name a place on a disk with --dir\n";
    return 1;
  }

  Figures figures;
  std::vector<decltype(Part::run)> ran;
  const auto begin = std::chrono::steady_clock::now();
  for (const Part& part : kParts) {
    if (!only.empty() && std::find(only.begin(), only.end(), part.name) == only.end()) continue;
    if (std::find(ran.begin(), ran.end(), part.run) != ran.end()) continue;
    ran.push_back(part.run);
    if (const absl::Status status = part.run(options, &figures); !status.ok()) {
      std::cerr << "part " << part.name << ": " << status.ToString() << "\n";
      return 1;
    }
    std::cout.flush();
    std::fflush(stdout);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  PrintSummary(figures);
  absl::PrintF("\n%.0f s in all\n", seconds);
  if (json.empty()) return 0;
  nlohmann::ordered_json object;
  for (const auto& [name, value] : figures.all()) object[name] = value;
  std::ofstream file(json);
  file << object.dump(2) << "\n";
  file.close();
  if (!file) {
    std::cerr << "cannot write " << json << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace aftersales::bench

int main(int argc, char** argv) {
  try {
    return aftersales::bench::Main(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
