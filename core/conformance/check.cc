#include "core/conformance/check.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/plugins/plugin_file.h"

namespace aftersales::conformance {
namespace {

namespace fs = std::filesystem;

// A folder that goes away with the check. Its path is short: sockets are in it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (fs::temp_directory_path() / "aftersales-check-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

int Report::CountOf(Outcome::State state) const {
  return static_cast<int>(std::count_if(results.begin(), results.end(), [&](const TestResult& r) {
    return r.outcome.state == state;
  }));
}

absl::StatusOr<Report> Check(const CheckOptions& options,
                             const std::function<void(const TestResult&)>& each) {
  std::error_code error;
  const fs::path path = fs::canonical(options.path, error);
  if (error || !fs::is_regular_file(path, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("PATH `", options.path.string(),
                     "` is no file; name the plugin's .so file, or its program"));
  }
  if (plugins::IsPluginProgram(path)) {
    if (const absl::Status s = plugins::CheckBeginsAsProgram(path); !s.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("PATH `", options.path.string(), "` ", s.message()));
    }
  }
  const std::vector<std::string> groups = Groups();
  if (!options.group.empty() &&
      std::find(groups.begin(), groups.end(), options.group) == groups.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--group `", options.group, "` is none of ", absl::StrJoin(groups, ", ")));
  }
  const Scratch scratch;
  if (scratch.path().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("no folder can be made in ", fs::temp_directory_path().string(), ": ",
                     std::strerror(errno), "; set TMPDIR to one that can be written"));
  }
  Report report;
  report.path = path;
  report.seed = options.seed;
  int number = 0;
  const auto run = [&](const TestCase& test) {
    Subject::Options subject;
    subject.path = path;
    subject.config = options.config;
    subject.seed = options.seed;
    subject.program = options.program;
    subject.host_version = options.host_version;
    subject.scratch = scratch.path() / absl::StrCat(++number);
    fs::create_directory(subject.scratch);
    TestResult result = options.in_process ? RunHere(test, subject)
                                           : RunInChild(test, subject, options.interrupted);
    std::error_code ignored;
    fs::remove_all(subject.scratch, ignored);
    return result;
  };
  const std::vector<TestCase>& tests = AllTests();
  const auto starts = std::find_if(tests.begin(), tests.end(),
                                   [](const TestCase& test) { return test.id == kStarts; });
  const TestResult start = run(*starts);
  const bool started = start.outcome.state == Outcome::State::kPassed;
  report.who = start.who;
  for (const TestCase& test : tests) {
    if (!options.group.empty() && test.group() != options.group && test.id != kStarts) continue;
    if (test.kind != v1::Plugin::KIND_UNSPECIFIED && start.kind != static_cast<int>(test.kind)) {
      continue;
    }
    TestResult result;
    if (test.id == kStarts) {
      // Of another group it is said only when it is why nothing else was run.
      if (!options.group.empty() && test.group() != options.group && started) continue;
      result = start;
    } else if (test.shared_object_only && plugins::IsPluginProgram(path)) {
      result = {test.id, test.description, Skip("a program has no part in it"), 0, 0, ""};
    } else if (!started && !test.without_start) {
      result = {test.id, test.description, Skip(absl::StrCat("it waits for ", kStarts)), 0, 0, ""};
    } else {
      result = run(test);
    }
    if (options.interrupted != nullptr && options.interrupted()) {
      return absl::CancelledError("the check was ended before it was through");
    }
    each(result);
    report.results.push_back(std::move(result));
  }
  return report;
}

}  // namespace aftersales::conformance
