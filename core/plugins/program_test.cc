// Plugins that are programs: started as they are, watched like any other child.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "core/plugins/plugin_file.h"
#include "core/plugins/registry.h"
#include "core/plugins/test_log.h"
#include "core/plugins/test_plugins.h"
#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kProgram = fs::path(TEST_PLUGIN_DIR) / "program.plugin";

class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "program_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.data_directory = folder_ / "data";
    options_.host_version = "9.8.7";
    options_.runner = "/nonexistent";  // a program needs none
    options_.config["program"] = {{"token", kTestSecret}};
  }
  void TearDown() override {
    registry_.reset();
    EXPECT_THAT(log_.Text(), Not(HasSubstr(kTestSecret)));
    if (!folder_.empty()) fs::remove_all(folder_);
  }

  PluginRegistry& Load() {
    registry_ = std::make_unique<PluginRegistry>(
        options_, [] { return absl::FromUnixSeconds(1'750'000'000); },
        [this](LogLevel level, std::string_view plugin, std::string_view text) {
          log_.Add(Cat(static_cast<int>(level), " ", plugin, ": ", text));
        });
    EXPECT_TRUE(registry_->LoadAll().ok());
    return *registry_;
  }
  fs::path Script(const std::string& name, const std::string& text, mode_t mode = 0755) {
    const fs::path path = folder_ / name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  // What is said of a program that is no plugin.
  std::string ProblemOf(const fs::path& path) {
    options_.files = {path};
    const auto list = Load().List();
    EXPECT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].state(), v1::Plugin::STATE_FAILED);
    EXPECT_THAT(list[0].problem(), HasSubstr(path.string()));
    return list[0].problem();
  }
  absl::StatusOr<std::string> Ask(const std::string& number, PluginHandle::CallOptions call = {}) {
    plugin::v1::ValidateTrackingNumbersRequest request;
    plugin::v1::ValidateTrackingNumbersResponse response;
    request.add_queries()->set_tracking_number(number);
    const absl::Status status = registry_->Find("program")->Call(
        "CarrierPlugin/ValidateTrackingNumbers", request, &response, call);
    if (!status.ok()) return status;
    return response.verdicts(0).expected();
  }

  fs::path folder_;
  PluginRegistry::Options options_;
  std::unique_ptr<PluginRegistry> registry_;
  TestLog log_;
};

TEST_F(ProgramTest, IsStartedItselfAndCalledLikeAnyOther) {
  options_.files = {kProgram};
  PluginRegistry& registry = Load();
  const auto listed = registry.Get("program");
  ASSERT_TRUE(listed.has_value()) << log_.Text();
  ASSERT_EQ(listed->state(), v1::Plugin::STATE_HEALTHY) << listed->problem();
  EXPECT_EQ(listed->transport(), v1::Plugin::TRANSPORT_ISOLATED);
  EXPECT_EQ(listed->version(), "3.2.1");
  EXPECT_EQ(*Ask("pid"), std::to_string(listed->pid()));
  PluginHandle::CallOptions call;
  call.idempotency_key = "effect-1";
  call.seller = "sellers/acme";
  call.attempt = 3;
  EXPECT_EQ(*Ask("call", call), "effect-1 sellers/acme 3 2025-06-15");
  EXPECT_THAT(*Ask("environment"),
              AllOf(HasSubstr("AFTERSALES_PLUGIN_SOCKET"), HasSubstr("AFTERSALES_PLUGIN_HOST")));
  // What it says: with its level, in one line, without its secret; a print is a line as well.
  EXPECT_TRUE(log_.Says("2 program: two lines and [secret]")) << log_.Text();
  EXPECT_TRUE(log_.Says("1 program: a stray print")) << log_.Text();
  const auto raised = Ask("raise");
  EXPECT_EQ(raised.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(raised.status().message()),
              AllOf(HasSubstr("ValueError"), Not(HasSubstr(kTestSecret))));
  const auto other = registry.Find("program")->Call(
      "CarrierPlugin/VoidLabel", plugin::v1::VoidLabelRequest(),
      std::make_unique<plugin::v1::EffectResponse>().get(), PluginHandle::CallOptions());
  EXPECT_EQ(other.code(), absl::StatusCode::kUnimplemented);
}

TEST_F(ProgramTest, CrashIsMendedAndTheEndLeavesNothing) {
  options_.files = {kProgram};
  Load();
  const auto before = Ask("pid");
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(Ask("crash").status().code(), absl::StatusCode::kUnavailable);
  const auto after = Ask("pid");  // configured anew, or it would be refused
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(*before, *after);
  EXPECT_EQ(registry_->Get("program")->restart_count(), 1);
  registry_.reset();
  EXPECT_NE(kill(std::stoi(*after), 0), 0) << "its process is left";
  EXPECT_TRUE(fs::is_empty(folder_ / "data/.run")) << "its socket is left";
}

TEST_F(ProgramTest, OneThatTalksAtItsStartIsStartedAnew) {
  options_.config["program"] = {{"token", "chatty-token"}};
  options_.files = {kProgram};
  Load();
  ASSERT_TRUE(Ask("pid").ok()) << log_.Text();
  EXPECT_FALSE(Ask("crash").ok());
  EXPECT_TRUE(Ask("pid").ok()) << log_.Text();
}

// The file that is started may be a few lines which load others.
TEST_F(ProgramTest, OneThatBecameAnotherPluginIsNotStartedAnew) {
  options_.files = {kProgram};
  Load();
  ASSERT_TRUE(Ask("become").ok());
  EXPECT_FALSE(Ask("crash").ok());
  PluginHandle::CallOptions call;
  call.deadline = absl::FromUnixSeconds(1'750'000'000) + absl::Seconds(3);
  EXPECT_FALSE(Ask("pid", call).ok());
  EXPECT_TRUE(log_.Says("it was loaded as `program` 3.2.1 and is now `program` 6.6.6"))
      << log_.Text();
  EXPECT_TRUE(log_.Says("`aftersales plugins upgrade program FILE`")) << log_.Text();
}

// It says that it is well, and each call costs it a thread.
TEST_F(ProgramTest, OneWhoseCallsAllHangIsEndedAndStartedAnew) {
  options_.files = {kProgram};
  Load();
  const auto before = Ask("pid");
  PluginHandle::CallOptions call;
  call.deadline = absl::FromUnixSeconds(1'750'000'000) + absl::Milliseconds(50);
  for (int i = 0; i < 200 && registry_->Get("program")->restart_count() == 0; ++i) {
    EXPECT_FALSE(Ask("stuck", call).ok());
    absl::SleepFor(absl::Milliseconds(20));
  }
  auto after = Ask("pid");
  // Until it has had its moment's rest.
  for (int i = 0; i < 1000 && !after.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(20));
    after = Ask("pid");
  }
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(*before, *after);
  EXPECT_TRUE(log_.Says("did not end any of its last 6 calls by their deadline")) << log_.Text();
}

// A secret that lies where a line is cut is seen before that.
TEST_F(ProgramTest, NoSecretIsCutInTwo) {
  options_.files = {kProgram};
  Load();
  ASSERT_TRUE(Ask("long").ok());
  ASSERT_TRUE(Ask("pid").ok());
  ASSERT_TRUE(log_.Says("[the rest of the line is left out]")) << log_.Text();
  ASSERT_TRUE(log_.Says("zzz")) << log_.Text();
  EXPECT_THAT(log_.Text(), AllOf(Not(HasSubstr("hunter")), Not(HasSubstr("2-token"))));
}

TEST_F(ProgramTest, FolderStartsProgramsOfThatNameAlone) {
  fs::create_directory(folder_ / "plugins");
  Script("plugins/tool.py", "#!/bin/sh\ntouch " + (folder_ / "was-run").string() + "\n");
  Script("plugins/data.plugin", "#!/bin/sh\nnot to be executed", 0644);
  Script("plugins/text.plugin", "not to be executed", 0644);
  Script("plugins/wrong.plugin", "#!/bin/sh\necho hello\n");
  options_.directories = {folder_ / "plugins"};
  options_.enable = {"all"};
  PluginRegistry& registry = Load();
  EXPECT_EQ(registry.List().size(), 3u);
  EXPECT_THAT(registry.Get("text")->problem(),
              AllOf(HasSubstr("is no program"), Not(HasSubstr("chmod"))));
  EXPECT_FALSE(fs::exists(folder_ / "was-run"));
  EXPECT_THAT(registry.Get("data")->problem(), HasSubstr("chmod +x"));
  EXPECT_THAT(registry.Get("wrong")->problem(), HasSubstr("said `hello`"));
}

TEST_F(ProgramTest, WhatIsNoPluginIsToldApart) {
  EXPECT_THAT(ProblemOf(Script("hello", "#!/bin/sh\necho hello\n")),
              AllOf(HasSubstr("said `hello` in place of its handshake `1|1|unix|"),
                    HasSubstr("AFTERSALES_PLUGIN_SOCKET")));
  EXPECT_THAT(ProblemOf(Script("major",
                               "#!/bin/sh\necho \"1|2|unix|$AFTERSALES_PLUGIN_SOCKET|"
                               "grpc\"\n")),
              HasSubstr("another major"));
  EXPECT_THAT(ProblemOf(Script("fails", "#!/bin/sh\necho no database >&2\nexit 3\n")),
              AllOf(HasSubstr("no database"), HasSubstr("exit code 3")));
  EXPECT_THAT(ProblemOf(Script("lost", "#!/no/such/interpreter\n")),
              AllOf(HasSubstr("cannot be executed"), HasSubstr("No such file")));
  // It says that it listens, and does not.
  EXPECT_THAT(ProblemOf(Script("liar",
                               "#!/bin/sh\n"
                               "echo \"1|1|unix|$AFTERSALES_PLUGIN_SOCKET|grpc\"\n"
                               "exec sleep 60\n")),
              HasSubstr("cannot describe itself"));
  options_.config["program"] = {{"token", "no-entry"}};
  EXPECT_THAT(ProblemOf(kProgram), HasSubstr("cannot be set up: `token` is wrong"));
}

TEST_F(ProgramTest, WhatOthersCouldChangeIsNotStarted) {
  const std::string touches = "#!/bin/sh\ntouch " + (folder_ / "was-run").string() + "\n";
  EXPECT_THAT(ProblemOf(Script("open", touches, 0777)), HasSubstr("chmod go-w"));
  EXPECT_THAT(ProblemOf(Script("plain", touches, 0644)), HasSubstr("chmod +x"));
  EXPECT_THAT(ProblemOf(folder_), HasSubstr("is not a file"));
  fs::create_directory(folder_ / "shared");
  const fs::path inside = Script("shared/program", touches);
  chmod((folder_ / "shared").c_str(), 0777);
  EXPECT_THAT(ProblemOf(inside), HasSubstr("can be changed by everyone"));
  EXPECT_FALSE(fs::exists(folder_ / "was-run"));
}

}  // namespace
}  // namespace aftersales::plugins
