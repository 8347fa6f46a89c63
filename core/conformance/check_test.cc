#include "core/conformance/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aftersales::conformance {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// It would be run, and each test would fail in its own way.
TEST(CheckTest, WhatIsNoProgramIsNotRun) {
  CheckOptions options;
  options.path = "/etc/passwd";
  const auto report = Check(options, [](const TestResult&) { FAIL() << "a test was run"; });
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()),
              AllOf(HasSubstr("PATH `/etc/passwd` is no program"), Not(HasSubstr("chmod"))));
}

}  // namespace
}  // namespace aftersales::conformance
