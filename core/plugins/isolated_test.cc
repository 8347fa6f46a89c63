// What a plugin in a process of its own may do to the host: nothing.
#include "core/plugins/isolated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "core/plugins/test_log.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kValidatePath[] = "/aftersales.plugin.v1.CarrierPlugin/ValidateTrackingNumbers";

class IsolatedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "isolated_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.command = {(fs::path(AFTERSALES_BIN_DIR) / "aftersales").string(), "plugin-runner",
                        (fs::path(TEST_PLUGIN_DIR) / "good_plugin.so").string()};
    options_.socket_directory = name;
    options_.host_version = "9.8.7";
    options_.name = "good";
  }
  void TearDown() override {
    transport_.reset();
    // What a sanitizer finds in a child is told nowhere else.
    EXPECT_THAT(log_.Text(), Not(HasSubstr("Sanitizer")));
    EXPECT_TRUE(fs::is_empty(folder_)) << "a socket is left";
    fs::remove_all(folder_);
  }

  absl::Status Start() {
    auto started = IsolatedTransport::Start(
        options_, [] { return absl::Now(); },
        [this](LogLevel, std::string_view, std::string_view text) { log_.Add(text); });
    if (!started.ok()) return started.status();
    transport_ = *std::move(started);
    if (absl::Status s = transport_->Describe().status(); !s.ok()) return s;
    plugin::v1::ConfigureRequest configure;
    (*configure.mutable_config())["mode"] = "plain";
    configure.set_data_directory(folder_);
    if (absl::Status s = transport_->Configure(configure); !s.ok()) return s;
    method_ = transport_->Resolve(kValidatePath);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> Ask(const std::string& number,
                                  absl::Duration time = absl::Seconds(10)) {
    plugin::v1::ValidateTrackingNumbersRequest request;
    request.add_queries()->set_tracking_number(number);
    CallContext context;
    context.deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(time);
    CallBuffer response;
    const absl::Status status =
        transport_->Call(method_, context, request.SerializeAsString(), &response);
    if (!status.ok()) return status;
    plugin::v1::ValidateTrackingNumbersResponse answer;
    EXPECT_TRUE(answer.ParseFromString(std::string(response.bytes())));
    return answer.verdicts(0).expected();
  }
  static bool Gone(int pid) { return kill(pid, 0) != 0; }

  fs::path folder_;
  IsolatedTransport::Options options_;
  std::unique_ptr<IsolatedTransport> transport_;
  int method_ = -1;
  TestLog log_;
};

TEST_F(IsolatedTest, RunsElsewhereAndEndsWithTheHost) {
  ASSERT_TRUE(Start().ok()) << log_.Text();
  const int pid = transport_->Process()->pid;
  EXPECT_EQ(*Ask("pid"), std::to_string(pid));
  EXPECT_NE(pid, getpid());
  transport_.reset();
  EXPECT_TRUE(Gone(pid));
}

TEST_F(IsolatedTest, CrashCostsItsCallAloneAndTheNextFindsItUp) {
  ASSERT_TRUE(Start().ok()) << log_.Text();
  EXPECT_EQ(*Ask("a"), "a");
  const int before = transport_->Process()->pid;
  EXPECT_EQ(Ask("crash").status().code(), absl::StatusCode::kUnavailable);
  // It is configured as it was, without anybody's doing.
  const auto next = Ask("a");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_NE(transport_->Process()->pid, before);
  EXPECT_EQ(transport_->Process()->restarts, 1);
  EXPECT_TRUE(Gone(before));
  EXPECT_TRUE(log_.Says("was killed by signal 6")) << log_.Text();
}

TEST_F(IsolatedTest, KilledUnderLoadEveryCallEndsAndNoneIsLeft) {
  ASSERT_TRUE(Start().ok()) << log_.Text();
  std::atomic<bool> done{false};
  std::atomic<int> answered{0}, unknown{0}, other{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!done.load()) {
        const auto answer = Ask("a");
        if (answer.ok()) {
          ++answered;
        } else if (answer.status().code() == absl::StatusCode::kUnavailable) {
          ++unknown;
          EXPECT_TRUE(WasLostProcess(answer.status())) << answer.status();
        } else {
          ++other;
          ADD_FAILURE() << answer.status();
        }
      }
    });
  }
  std::vector<int> pids;
  for (int i = 0; i < 20; ++i) {
    const int wanted = answered.load() + 20;
    while (answered.load() < wanted) absl::SleepFor(absl::Milliseconds(1));
    const int pid = transport_->Process()->pid;
    if (pid == 0) continue;
    pids.push_back(pid);
    kill(pid, SIGKILL);
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  // The last kill may be younger than its news.
  EXPECT_TRUE(Ask("a").ok() || Ask("a").ok());
  EXPECT_GE(transport_->Process()->restarts, 10);
  EXPECT_EQ(other.load(), 0);
  for (const int pid : pids) EXPECT_TRUE(Gone(pid)) << pid;
}

// One that says that its remote side is down is well itself.
TEST_F(IsolatedTest, AnswerOfUnavailableIsNoLossAndASignOfLife) {
  options_.crash_loop = 2;
  ASSERT_TRUE(Start().ok()) << log_.Text();
  absl::Duration took = absl::InfiniteDuration();
  for (int i = 0; i < 4; ++i) {
    const absl::Time asked = absl::Now();
    const absl::Status busy = Ask("busy").status();
    EXPECT_EQ(busy.code(), absl::StatusCode::kUnavailable);
    EXPECT_FALSE(WasLostProcess(busy)) << busy;
    took = std::min(took, absl::Now() - asked);
    EXPECT_TRUE(WasLostProcess(Ask("crash").status()));
  }
  EXPECT_LT(took, absl::Milliseconds(100)) << "each waited for its end";
  EXPECT_TRUE(Ask("a").ok());
  EXPECT_EQ(transport_->Process()->restarts, 4);
}

TEST_F(IsolatedTest, OneThatHangsIsEndedAndStartedAnew) {
  ASSERT_TRUE(Start().ok()) << log_.Text();
  const int before = transport_->Process()->pid;
  int hung = 0;
  while (transport_->Process()->pid == before) {
    ASSERT_LT(hung, 20);
    EXPECT_FALSE(Ask("hang", absl::Milliseconds(50)).ok());
    ++hung;
  }
  EXPECT_GE(hung, 3) << "one slow call is no reason";
  const auto next = Ask("a");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(Gone(before));
  EXPECT_TRUE(log_.Says("does not answer, and was killed")) << log_.Text();
}

TEST_F(IsolatedTest, CrashLoopRestsInQuarantineAndComesBack) {
  options_.crash_loop = 3;
  options_.quarantine = absl::Milliseconds(300);
  ASSERT_TRUE(Start().ok()) << log_.Text();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Ask("crash").status().code(), absl::StatusCode::kUnavailable) << i;
  }
  while (!transport_->Process()->quarantined) absl::SleepFor(absl::Milliseconds(1));
  // Refused at once, and not made.
  const absl::Time asked = absl::Now();
  const auto refused = Ask("a");
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("was not called"));
  EXPECT_LT(absl::Now() - asked, absl::Milliseconds(200));
  while (transport_->Process()->quarantined) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(Ask("a").ok());
}

TEST_F(IsolatedTest, ProgramsThatAreNoPluginsAreToldApart) {
  const auto refusal = [this](std::vector<std::string> command) {
    options_.command = std::move(command);
    const absl::Status status = Start();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  EXPECT_THAT(refusal({"/bin/echo", "hello"}), HasSubstr("said `hello` in place of its handshake"));
  EXPECT_THAT(refusal({"/bin/sh", "-c", "echo warning >&2; sleep 0.1; echo hello"}),
              HasSubstr("said `hello` in place of its handshake"));
  EXPECT_THAT(refusal({"/bin/false"}), HasSubstr("exit code 1 before it could take calls"));
  options_.start_timeout = absl::Milliseconds(300);
  EXPECT_THAT(refusal({"/bin/sleep", "60"}), HasSubstr("not made its handshake within 300ms"));
  options_.start_timeout = absl::Seconds(10);
  EXPECT_THAT(refusal({"/nonexistent"}), HasSubstr("cannot be executed"));
  EXPECT_THAT(refusal({"/bin/echo", "1|2|unix|x|grpc"}), HasSubstr("another major"));
}

TEST_F(IsolatedTest, OneThatTalksWithoutEndStopsNobody) {
  options_.command = {"/bin/sh", "-c", "exec yes >&2"};
  options_.start_timeout = absl::Seconds(1);
  const absl::Time began = absl::Now();
  EXPECT_THAT(std::string(Start().message()), HasSubstr("handshake"));
  EXPECT_LT(absl::Now() - began, absl::Seconds(8));
}

TEST_F(IsolatedTest, WhatItSaysIsMadeText) {
  options_.command = {"/bin/sh", "-c", "printf 'ung\\374ltig\\n' >&2; exit 1"};
  EXPECT_THAT(std::string(Start().message()), HasSubstr("ung?ltig"));
}

TEST_F(IsolatedTest, AChildIsNotStartedFromAnotherFile) {
  std::atomic<bool> same{true};
  options_.quarantine = absl::Milliseconds(100);
  options_.check = [&same] {
    return same ? absl::OkStatus() : absl::FailedPreconditionError("its file is another one");
  };
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Ask("a").ok());
  same = false;
  EXPECT_FALSE(Ask("crash").ok());
  absl::SleepFor(absl::Milliseconds(300));
  const auto refused = Ask("a");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("its file is another one"));
  same = true;
  EXPECT_TRUE([&] {
    for (int i = 0; i < 500; ++i) {
      if (Ask("a").ok()) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }());
}

TEST_F(IsolatedTest, GivesWayAndHasALimit) {
  ASSERT_TRUE(Start().ok());
  const auto process = transport_->Process();
  ASSERT_TRUE(process.has_value());
  const auto child = static_cast<id_t>(process->pid);
  EXPECT_EQ(getpriority(PRIO_PROCESS, child), std::min(19, getpriority(PRIO_PROCESS, 0) + 5));
#ifndef AFTERSALES_SANITIZED
  rlimit memory{};
  ASSERT_EQ(prlimit(process->pid, RLIMIT_DATA, nullptr, &memory), 0);
  EXPECT_EQ(memory.rlim_max, rlim_t{1} << 30);
#endif
  rlimit core{};
  ASSERT_EQ(prlimit(process->pid, RLIMIT_CORE, nullptr, &core), 0);
  EXPECT_EQ(core.rlim_max, 0u);
}

}  // namespace
}  // namespace aftersales::plugins
