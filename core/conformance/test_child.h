// The process of one test.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {

// First argument of the program when it is to run one test: `plugin-check-test FOLDER`.
inline constexpr char kTestCommand[] = "plugin-check-test";

// What a test came to.
struct TestResult {
  std::string id;
  std::string description;
  Outcome outcome;
  double seconds = 0;
  // The kind, once the plugin has described itself; 0 before.
  int kind = 0;
  // `Acme books 1.2.3`, likewise.
  std::string who;
};

// What such a process does: the test that is asked for in FOLDER, within limits of memory and
// processor time, with its result left in FOLDER. Answers its exit code.
int RunTestChild(const std::filesystem::path& folder);

// Runs a test in a process of its own, `options.program plugin-check-test`, in `options.scratch`.
// A crash, a hang and every other end is a result. The plugin's processes end with it. Asks
// `interrupted`, if there is one, several times a second, and ends the test once it says so.
TestResult RunInChild(const TestCase& test, const Subject::Options& options,
                      const std::function<bool()>& interrupted);
// The same in this process, for debuggers: nothing is caught and nothing has a limit.
TestResult RunHere(const TestCase& test, const Subject::Options& options);

}  // namespace aftersales::conformance
