// What a test of the conformance kit is, and how it ends.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "aftersales/v1/plugin.pb.h"

namespace aftersales::conformance {

class Subject;

// How a test ended.
struct Outcome {
  enum class State { kPassed, kFailed, kSkipped };
  State state = State::kPassed;
  // Of a failure: what the contract asks for, what came instead, what the author does about it.
  // `found` of a skipped one is why it was not run.
  std::string expected;
  std::string found;
  std::string advice;
};

Outcome Pass();
Outcome Skip(std::string why);
Outcome Fail(std::string expected, std::string found, std::string advice);

// One test. It runs in a process of its own.
struct TestCase {
  std::string id;           // group and name, such as `binary.exports_entry_only`
  std::string description;  // one sentence
  std::function<Outcome(Subject&)> run;
  // The kind of plugin that it is for; UNSPECIFIED for all.
  v1::Plugin::Kind kind = v1::Plugin::KIND_UNSPECIFIED;
  // Whether it looks at a shared object and has nothing to say about a program.
  bool shared_object_only = false;
  // Whether it can be run though the plugin does not start.
  bool without_start = false;
  // Whether its process ends as a host does, with what the plugin does at its end.
  bool ends_like_a_host = false;

  std::string_view group() const { return std::string_view(id).substr(0, id.find('.')); }
};

// The test on which all others wait that need a plugin that starts.
inline constexpr char kStarts[] = "lifecycle.starts";

// All tests, in the order of the report.
const std::vector<TestCase>& AllTests();
// The names of the groups, in the same order.
std::vector<std::string> Groups();

// The tests of each group, for AllTests.
std::vector<TestCase> BinaryTests();
std::vector<TestCase> LifecycleTests();
std::vector<TestCase> ContractTests();
std::vector<TestCase> RobustnessTests();
std::vector<TestCase> IdempotencyTests();
std::vector<TestCase> ParityTests();
std::vector<TestCase> RedactionTests();

}  // namespace aftersales::conformance
