// What the parts of the benchmark share: options, results, and how a part is run.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace aftersales::bench {

struct Options {
  // Small sizes: shows that everything runs, measures nothing of worth.
  bool quick = false;
  // Where databases are made. Not in memory: every figure has the disk's syncs in it.
  std::filesystem::path directory;
};

// Figures by name, in the order in which they were measured.
class Figures {
 public:
  void Set(std::string_view name, double value) { values_.emplace_back(name, value); }
  const std::vector<std::pair<std::string, double>>& all() const { return values_; }

 private:
  std::vector<std::pair<std::string, double>> values_;
};

// The parts. Each prints its table and sets its figures.
absl::Status BenchCalls(const Options& options, Figures* figures);        // a, b
absl::Status BenchImport(const Options& options, Figures* figures);       // c
absl::Status BenchPluginCalls(const Options& options, Figures* figures);  // d
absl::Status BenchTracking(const Options& options, Figures* figures);     // e
absl::Status BenchScale(const Options& options, Figures* figures);        // f
absl::Status BenchLifecycles(const Options& options, Figures* figures);   // g
absl::Status BenchQuotes(const Options& options, Figures* figures);       // h
absl::Status BenchRestart(const Options& options, Figures* figures);      // i

}  // namespace aftersales::bench
