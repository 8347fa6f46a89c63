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
absl::Status BenchCalls(const Options& options, Figures* figures);       // a, b
absl::Status BenchImport(const Options& options, Figures* figures);      // c
absl::Status BenchPluginCall(const Options& options, Figures* figures);  // d
absl::Status BenchTracking(const Options& options, Figures* figures);    // e
absl::Status BenchScale(const Options& options, Figures* figures);       // f

// The other side of the import benchmark: a host in a process of its own, so that its peak memory
// is its own. Writes its port to stdout, runs until stdin ends, then writes its peak in kB.
int ServeForImport(const std::filesystem::path& data_directory);

}  // namespace aftersales::bench
