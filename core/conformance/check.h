// A whole check of a plugin: which tests, in which order, and what came of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/conformance/test_child.h"

namespace aftersales::conformance {

struct CheckOptions {
  std::filesystem::path path;                 // the plugin: a .so, or a program
  std::map<std::string, std::string> config;  // its settings
  uint64_t seed = 1;                          // of all that is random
  std::string group;                          // only this one; empty for all
  bool in_process = false;                    // no processes for tests, for debuggers
  std::filesystem::path program;              // this program
  std::string host_version;
  std::function<bool()> interrupted = nullptr;  // whether somebody wants it to end now
};

struct Report {
  std::filesystem::path path;
  uint64_t seed = 1;
  std::string who;  // the plugin's name and version, if it could tell
  std::vector<TestResult> results;

  int CountOf(Outcome::State state) const;
  bool passed() const { return CountOf(Outcome::State::kFailed) == 0; }
};

// Runs the tests. `each` is told every result as it comes. INVALID_ARGUMENT for a file that is not
// there or a group that is none; CANCELLED once `interrupted` says so; what is wrong with the
// plugin is in the report.
absl::StatusOr<Report> Check(const CheckOptions& options,
                             const std::function<void(const TestResult&)>& each);

}  // namespace aftersales::conformance
