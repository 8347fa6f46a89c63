#include "core/conformance/test_case.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace aftersales::conformance {

Outcome Pass() { return {}; }

Outcome Skip(std::string why) { return {Outcome::State::kSkipped, "", std::move(why), ""}; }

Outcome Fail(std::string expected, std::string found, std::string advice) {
  return {Outcome::State::kFailed, std::move(expected), std::move(found), std::move(advice)};
}

const std::vector<TestCase>& AllTests() {
  static const auto* const all = [] {
    auto* tests = new std::vector<TestCase>;
    for (auto group : {BinaryTests, LifecycleTests, ContractTests, RobustnessTests,
                       IdempotencyTests, ParityTests, RedactionTests}) {
      std::vector<TestCase> more = group();
      std::move(more.begin(), more.end(), std::back_inserter(*tests));
    }
    return tests;
  }();
  return *all;
}

std::vector<std::string> Groups() {
  std::vector<std::string> groups;
  for (const TestCase& test : AllTests()) {
    if (groups.empty() || groups.back() != test.group()) groups.emplace_back(test.group());
  }
  return groups;
}

}  // namespace aftersales::conformance
