// The conformance kit finds what is wrong with every bad plugin, and nothing with the good ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/conformance/check.h"

namespace aftersales::conformance {
namespace {

using State = Outcome::State;

absl::StatusOr<Report> CheckPlugin(const std::string& path, const std::string& group = "") {
  CheckOptions options;
  options.path = path;
  options.group = group;
  options.program = std::string(AFTERSALES_BIN_DIR) + "/aftersales";
  options.host_version = "0.1.0";
  return Check(options, [](const TestResult&) {});
}

std::vector<std::string> Failed(const Report& report) {
  std::vector<std::string> ids;
  for (const TestResult& result : report.results) {
    if (result.outcome.state == State::kFailed) ids.push_back(result.id);
  }
  return ids;
}

std::string Why(const Report& report) {
  std::string why;
  for (const TestResult& result : report.results) {
    if (result.outcome.state != State::kFailed) continue;
    why += result.id + ": expected " + result.outcome.expected + "; found " + result.outcome.found +
           "\n";
  }
  return why;
}

struct Bad {
  const char* name;
  const char* test;   // that has to find it
  const char* found;  // words of what it says
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.name << " by " << bad.test; }

class BadPluginsTest : public testing::TestWithParam<Bad> {};

TEST_P(BadPluginsTest, IsFound) {
  const Bad& bad = GetParam();
  const auto report = CheckPlugin(std::string(BAD_PLUGIN_DIR) + "/bad_" + bad.name + ".so");
  ASSERT_TRUE(report.ok()) << report.status();
  const std::vector<std::string> failed = Failed(*report);
  EXPECT_THAT(failed, testing::Contains(bad.test)) << Why(*report);
  for (const TestResult& result : report->results) {
    if (result.outcome.state != State::kFailed) continue;
    EXPECT_NE(result.outcome.expected, "") << result.id;
    EXPECT_NE(result.outcome.found, "") << result.id;
    EXPECT_NE(result.outcome.advice, "") << result.id;
    if (result.id != bad.test) continue;
    EXPECT_THAT(result.outcome.found, testing::HasSubstr(bad.found));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadPluginsTest,
    testing::Values(Bad{"crashes_in_entry", "lifecycle.starts", "signal 6"},
                    Bad{"crashes_in_call", "contract.carrier.issue_label", "signal 6"},
                    Bad{"crashes_at_exit", "lifecycle.ends_with_the_host", "signal 6"},
                    Bad{"crashes_at_exit", "lifecycle.ends_as_a_process", "signal 6"},
                    Bad{"hangs", "contract.carrier.issue_label", "did not come back"},
                    Bad{"leaks", "robustness.memory", "MB more after"},
                    Bad{"throws", "contract.carrier.issue_label", "exception"},
                    Bad{"wrong_abi", "lifecycle.starts", "speaks plugin ABI 2"},
                    Bad{"full_protobuf", "binary.needs_no_foreign_runtime", "protobuf"},
                    Bad{"exports_too_much", "binary.exports_entry_only", "compress"},
                    Bad{"garbage", "contract.carrier.issue_label", "200 bytes"},
                    Bad{"other_message", "contract.carrier.issue_label", "another"},
                    Bad{"forgets", "idempotency.once", "NEW"},
                    Bad{"logs_secret", "redaction.secrets", "its log"}),
    [](const testing::TestParamInfo<Bad>& param) {
      std::string name = std::string(param.param.name) + "_" + param.param.test;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

class GoodPluginsTest : public testing::TestWithParam<const char*> {};

TEST_P(GoodPluginsTest, Passes) {
  const auto report = CheckPlugin(GetParam());
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->passed()) << Why(*report);
  EXPECT_GT(report->CountOf(State::kPassed), 15);
}

INSTANTIATE_TEST_SUITE_P(All, GoodPluginsTest,
                         testing::Values(BAD_PLUGIN_DIR "/bad_good.so",
                                         AFTERSALES_BIN_DIR "/../lib/aftersales/plugins/dhl.so",
                                         AFTERSALES_BIN_DIR "/../lib/aftersales/plugins/epacket.so",
                                         AFTERSALES_BIN_DIR "/../lib/aftersales/plugins/files.so",
                                         AFTERSALES_BIN_DIR
                                         "/../lib/aftersales/plugins/amazon_reports.so"),
                         [](const testing::TestParamInfo<const char*>& param) {
                           std::string name = param.param;
                           name = name.substr(name.rfind('/') + 1);
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace aftersales::conformance
