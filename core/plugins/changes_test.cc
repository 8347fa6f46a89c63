// What a person does about a plugin while it works: enable, disable, restart, isolate, upgrade; and
// what is kept of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "aftersales/plugin/v1/carrier.pb.h"
#include "core/plugins/registry.h"
#include "core/plugins/test_log.h"
#include "core/plugins/test_plugins.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ChangesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "changes_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    fs::create_directory(folder_ / "plugins");
    options_.data_directory = folder_ / "data";
    options_.host_version = "9.8.7";
    options_.runner = fs::path(AFTERSALES_BIN_DIR) / "aftersales";
    options_.directories = {folder_ / "plugins"};
    options_.drain = absl::Seconds(5);
  }
  void TearDown() override {
    registry_.reset();
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  fs::path Put(const std::string& plugin, const std::string& as) {
    const fs::path file = folder_ / "plugins" / (as + ".so");
    fs::copy_file(kTestPlugins / (plugin + ".so"), file);
    return file;
  }
  // A host that starts with what the one before left.
  absl::Status Start() {
    registry_.reset();
    registry_ = std::make_unique<PluginRegistry>(
        options_, [] { return absl::Now(); },
        [this](LogLevel, std::string_view plugin, std::string_view text) {
          log_.Add(Cat(plugin, ": ", text));
        });
    return registry_->LoadAll();
  }
  absl::Status Ask(const std::string& number, std::string* answer = nullptr) {
    plugin::v1::ValidateTrackingNumbersRequest request;
    plugin::v1::ValidateTrackingNumbersResponse response;
    request.add_queries()->set_tracking_number(number);
    PluginHandle* good = registry_->Find("good");
    if (good == nullptr) return absl::NotFoundError("not loaded");
    PluginHandle::CallOptions options;
    options.deadline = absl::Now() + absl::Seconds(10);
    absl::Status status =
        good->Call("CarrierPlugin/ValidateTrackingNumbers", request, &response, options);
    if (answer != nullptr && status.ok()) *answer = response.verdicts(0).expected();
    return status;
  }
  std::string Pid() {
    std::string pid;
    EXPECT_TRUE(Ask("pid", &pid).ok());
    return pid;
  }
  v1::Plugin Get(const std::string& id = "good") {
    return registry_->Get(id).value_or(v1::Plugin());
  }
  // Calls from four threads while `change` is made; all of them have to be answered.
  void UnderLoad(const std::function<void()>& change) {
    std::atomic<bool> stop{false};
    std::atomic<int> calls{0}, failures{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        while (!stop) {
          if (const absl::Status s = Ask(i == 0 ? "sleep" : "plain"); !s.ok()) {
            ++failures;
            ADD_FAILURE() << s;
          }
          ++calls;
        }
      });
    }
    while (calls < 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    change();
    const int then = calls;
    while (calls < then + 100) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
  }
  static bool Lives(int64_t pid) { return kill(static_cast<pid_t>(pid), 0) == 0; }

  fs::path folder_;
  PluginRegistry::Options options_;
  std::unique_ptr<PluginRegistry> registry_;
  TestLog log_;
};

TEST_F(ChangesTest, OnlyWhatSomebodyNamedIsUsed) {
  Put("good_plugin", "good");
  Put("c_plugin", "plain");
  options_.enable = {"plain"};
  ASSERT_TRUE(Start().ok());
  EXPECT_NE(registry_->Find("plain-c"), nullptr);
  EXPECT_EQ(registry_->Find("good"), nullptr);
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_DISABLED);
  EXPECT_THAT(Get().problem(), HasSubstr("aftersales plugins enable"));
  EXPECT_THAT(Get().path(), HasSubstr("plugins/good.so"));

  const auto wrong = registry_->Enable("good", std::string(64, '0'));
  EXPECT_EQ(ReasonOf(wrong.status()), "PLUGIN_UNUSABLE");
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("SHA-256"));
  EXPECT_EQ(registry_->Find("good"), nullptr);

  const auto enabled = registry_->Enable("good", "");
  ASSERT_TRUE(enabled.ok()) << enabled.status();
  EXPECT_EQ(enabled->state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_EQ(enabled->transport(), v1::Plugin::TRANSPORT_ISOLATED) << "what nobody vouches for";
  EXPECT_EQ(enabled->sha256().size(), 64u);
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_TRUE(registry_->Enable("good", "").ok()) << "twice is once";
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_HEALTHY) << "it stays so";
  EXPECT_EQ(ReasonOf(registry_->Enable("nobody", "").status()), "NOT_FOUND");
}

TEST_F(ChangesTest, WhatWasPutThereLaterIsFoundWhenItIsEnabled) {
  ASSERT_TRUE(Start().ok());
  EXPECT_THAT(registry_->List(), IsEmpty());
  Put("good_plugin", "good");
  ASSERT_TRUE(registry_->Enable("good", "").ok());
  EXPECT_TRUE(Ask("plain").ok());
}

TEST_F(ChangesTest, DisabledItIsNotCalledAndKnown) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  const int64_t pid = Get().pid();
  const auto disabled = registry_->Disable("good");
  ASSERT_TRUE(disabled.ok()) << disabled.status();
  EXPECT_EQ(disabled->state(), v1::Plugin::STATE_DISABLED);
  EXPECT_FALSE(Lives(pid));
  for (const char* when : {"at once", "after a restart"}) {
    const absl::Status refused = Ask("plain");
    EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << when << ": " << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("aftersales plugins enable good"));
    // So that work for it is kept and not given to people.
    EXPECT_EQ(registry_->Find("good")->CapabilityOf("IssueLabel"), v1::Plugin::CAPABILITY_MANUAL);
    EXPECT_EQ(ReasonOf(registry_->Restart("good").status()), "PLUGIN_DISABLED");
    ASSERT_TRUE(Start().ok());
  }
  ASSERT_TRUE(registry_->Enable("good", "").ok());
  EXPECT_TRUE(Ask("plain").ok());
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(Ask("plain").ok());
}

TEST_F(ChangesTest, InTheHostItIsDisabledAndEnabledToo) {
  options_.files = {Put("good_plugin", "good")};
  options_.in_process = {"good"};
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Pid(), std::to_string(getpid()));
  ASSERT_TRUE(registry_->Disable("good").ok());
  EXPECT_EQ(Ask("plain").code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(registry_->Enable("good", "").ok());
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_EQ(ReasonOf(registry_->Restart("good").status()), "NOT_ISOLATED");
}

TEST_F(ChangesTest, CallsThatRunEndBeforeItDoes) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  std::vector<std::thread> callers;
  std::atomic<int> failed{0};
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      if (!Ask("sleep").ok()) ++failed;
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(registry_->Disable("good").ok());
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(ChangesTest, RestartedUnderLoadNoCallFails) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  const int64_t before = Get().pid();
  UnderLoad([&] {
    for (int i = 0; i < 5; ++i) {
      const auto restarted = registry_->Restart("good");
      ASSERT_TRUE(restarted.ok()) << restarted.status();
    }
  });
  EXPECT_NE(Get().pid(), before);
  EXPECT_FALSE(Lives(before));
}

TEST_F(ChangesTest, MovedOutOfTheHostUnderLoadNoCallFails) {
  options_.files = {Put("good_plugin", "good")};
  options_.in_process = {"all"};
  ASSERT_TRUE(Start().ok());
  UnderLoad([&] { ASSERT_TRUE(registry_->Isolate("good", false).ok()); });
  EXPECT_NE(Pid(), std::to_string(getpid()));
  ASSERT_TRUE(Start().ok());
  EXPECT_NE(Pid(), std::to_string(getpid())) << "it stays so";
  ASSERT_TRUE(registry_->Isolate("good", true).ok());
  EXPECT_NE(Pid(), std::to_string(getpid())) << "until the host starts";
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Pid(), std::to_string(getpid()));
}

TEST_F(ChangesTest, UpgradedUnderLoadNoCallFails) {
  const fs::path old_file = Put("good_plugin", "good");
  fs::create_directory(folder_ / "next");
  const fs::path new_file = folder_ / "next" / "good-2.so";
  fs::copy_file(kTestPlugins / "good_plugin_2.so", new_file);
  options_.enable = {"good"};
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().version(), "1.2.3");
  UnderLoad([&] {
    const auto upgraded = registry_->Upgrade("good", new_file, "");
    ASSERT_TRUE(upgraded.ok()) << upgraded.status();
    EXPECT_EQ(upgraded->version(), "2.0.0");
  });
  EXPECT_TRUE(log_.Says("1.2.3 at " + fs::canonical(old_file).string() + " to 2.0.0"))
      << log_.Text();
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(registry_->List().size(), 1u) << "the old file is not loaded beside it";
  EXPECT_EQ(Get().version(), "2.0.0");
  EXPECT_EQ(Get().path(), fs::canonical(new_file));
}

TEST_F(ChangesTest, WhatIsNoUpgradeChangesNothing) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  const int64_t pid = Get().pid();
  std::ofstream(folder_ / "plugins" / "text.so") << "not a plugin";
  for (const auto& [file, why] :
       {std::pair(kTestPlugins / "other_plugin.so", "is the plugin `other` 1.2.3, not `good`"),
        std::pair(kTestPlugins / "full_protobuf_plugin.so", "libprotobuf"),
        std::pair(folder_ / "plugins" / "text.so", "good 1.2.3 at"),
        std::pair(folder_ / "plugins" / "absent.so", "goes on")}) {
    const auto refused = registry_->Upgrade("good", file, "");
    EXPECT_EQ(ReasonOf(refused.status()), "PLUGIN_UNUSABLE") << file;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(why)) << file;
  }
  EXPECT_EQ(ReasonOf(registry_->Upgrade("good", "good.so", "").status()), "BAD_PATH");
  EXPECT_EQ(Get().pid(), pid);
  EXPECT_TRUE(Ask("plain").ok());
}

TEST_F(ChangesTest, WhatCannotBeReadIsNotForgotten) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(registry_->Disable("good").ok());
  std::ofstream(options_.data_directory / "plugins.json") << "{\"plugins\": [";
  const absl::Status refused = Start();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("plugins.json"));
}

TEST_F(ChangesTest, WhatOthersCouldHaveKeptIsNotBelieved) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(registry_->Disable("good").ok());
  const fs::path kept = options_.data_directory / "plugins.json";
  const auto refused = [&] {
    const absl::Status status = Start();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  fs::permissions(kept, static_cast<fs::perms>(0666));
  EXPECT_THAT(refused(), HasSubstr("chmod go-w " + kept.string()));
  fs::permissions(kept, static_cast<fs::perms>(0600));
  fs::permissions(options_.data_directory, fs::perms::all);
  EXPECT_THAT(refused(), HasSubstr("chmod o-w " + options_.data_directory.string()));
  fs::permissions(options_.data_directory, static_cast<fs::perms>(0775));
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_DISABLED);
  if (chown(kept.c_str(), 12345, 12345) != 0) return;
  EXPECT_THAT(refused(), HasSubstr("belongs to user 12345"));
}

TEST_F(ChangesTest, WhatIsKeptIsChecked) {
  fs::create_directories(options_.data_directory);
  for (const auto& [plugin, why] :
       {std::pair(R"({"id": "../../x", "path": "/x.so", "pinned": true})", "`../../x` for the id"),
        std::pair(R"({"path": "/x.so", "pinned": true})", "`` for the id"),
        std::pair(R"({"id": "x", "path": "x.so", "pinned": true})", "no absolute path"),
        std::pair(R"({"id": "x", "path": "/x.so", "sha256": "abc"})", "64 hexadecimal")}) {
    std::ofstream(options_.data_directory / "plugins.json") << R"({"plugins": [)" << plugin << "]}";
    const absl::Status refused = Start();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << plugin;
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr("plugins.json"), HasSubstr(why), HasSubstr("mend it")));
  }
}

TEST_F(ChangesTest, AChecksumThatIsNoneIsToldApartFromAnotherOne) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  for (const std::string& sha256 : {std::string("abc"), std::string(64, 'g')}) {
    for (const absl::Status& refused :
         {registry_->Enable("good", sha256).status(),
          registry_->Upgrade("good", kTestPlugins / "good_plugin_2.so", sha256).status()}) {
      EXPECT_EQ(ReasonOf(refused), "BAD_SHA256") << refused;
      EXPECT_EQ(FieldOf(refused), "sha256");
    }
  }
}

TEST_F(ChangesTest, AFileThatHasChangedIsNoCrashLoop) {
  const fs::path file = fs::canonical(Put("good_plugin", "good"));
  options_.files = {file};
  options_.quarantine = absl::Milliseconds(100);
  ASSERT_TRUE(Start().ok());
  fs::rename(file, folder_ / "old.so");
  fs::copy_file(kTestPlugins / "good_plugin_2.so", file);
  EXPECT_FALSE(Ask("crash").ok());
  const std::string advice = "`aftersales plugins upgrade good " + file.string() + "`";
  EXPECT_TRUE(log_.Says(advice)) << log_.Text();
  // Looked at often, and said once.
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const std::string said = log_.Text();
  EXPECT_EQ(said.find(advice), said.rfind(advice)) << said;
  const std::string problem = Get().problem();
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_QUARANTINED);
  EXPECT_EQ(Get().restart_count(), 0) << "nothing was started";
  EXPECT_THAT(problem, AllOf(HasSubstr("plugin good 1.2.3 at " + file.string()), HasSubstr(advice),
                             HasSubstr("its file " + file.string() + " has changed"),
                             Not(HasSubstr("its process")), Not(HasSubstr("restart"))));
  EXPECT_THAT(std::string(Ask("plain").message()), HasSubstr(advice));
  EXPECT_THAT(said, Not(HasSubstr("times in a row")));
  fs::remove(file);
  fs::rename(folder_ / "old.so", file);
  for (int i = 0; i < 100 && Get().state() != v1::Plugin::STATE_HEALTHY; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(Ask("plain").ok()) << Get().problem();
}

TEST_F(ChangesTest, MessagesAboutItsProcessNameThePlugin) {
  const fs::path file = fs::canonical(Put("good_plugin", "good"));
  options_.files = {file};
  ASSERT_TRUE(Start().ok());
  const std::string who = "good 1.2.3 at " + file.string();
  const absl::Status lost = Ask("crash");
  EXPECT_THAT(std::string(lost.message()),
              AllOf(HasSubstr("plugin " + who), HasSubstr("CarrierPlugin/ValidateTrackingNumbers"),
                    HasSubstr("not known whether that was done")));
  EXPECT_TRUE(log_.Says("the process of " + who + " was killed by signal 6")) << log_.Text();
  EXPECT_TRUE(Ask("plain").ok());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Ask("crash").ok());
  for (int i = 0; i < 500 && Get().state() != v1::Plugin::STATE_QUARANTINED; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_THAT(Get().problem(), AllOf(HasSubstr("plugin " + who + ": its process was killed"),
                                     HasSubstr("aftersales plugins restart good")));
  // What does not take its place does not say that it goes on, and says what to do.
  std::ofstream(folder_ / "ends.plugin") << "#!/bin/sh\nexit 7\n";
  fs::permissions(folder_ / "ends.plugin", fs::perms::owner_all);
  const auto refused = registry_->Upgrade("good", folder_ / "ends.plugin", "");
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("exit code 7"), HasSubstr(who + " has no process now either"),
                    HasSubstr("`aftersales plugin check " + (folder_ / "ends.plugin").string()),
                    Not(HasSubstr("goes on"))));
}

TEST_F(ChangesTest, WhatCannotBeKeptIsNotDone) {
  options_.files = {Put("good_plugin", "good")};
  options_.in_process = {"all"};
  ASSERT_TRUE(Start().ok());
  fs::create_directory(options_.data_directory / "plugins.json.next");
  const fs::path next = folder_ / "good-2.so";
  fs::copy_file(kTestPlugins / "good_plugin_2.so", next);
  for (const auto& refused :
       {registry_->Disable("good").status(), registry_->Isolate("good", false).status(),
        registry_->Upgrade("good", next, "").status()}) {
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("nothing was changed"));
  }
  EXPECT_EQ(Get().version(), "1.2.3");
  EXPECT_EQ(Pid(), std::to_string(getpid()));
}

TEST_F(ChangesTest, OfAFileThatIsGoneAnotherOneTakesThePlace) {
  const fs::path old_file = fs::canonical(Put("good_plugin", "good"));
  const fs::path new_file = folder_ / "good-2.so";
  fs::copy_file(kTestPlugins / "good_plugin_2.so", new_file);
  options_.enable = {"good"};
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(registry_->Upgrade("good", new_file, "").ok());
  fs::remove(new_file);
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_FAILED);
  EXPECT_THAT(Get().problem(), HasSubstr("aftersales plugins upgrade good FILE"));
  EXPECT_THAT(Get().problem(), HasSubstr(old_file.string()));
  EXPECT_EQ(ReasonOf(registry_->Upgrade("good", kTestPlugins / "other_plugin.so", "").status()),
            "PLUGIN_UNUSABLE");
  const auto back = registry_->Upgrade("good", old_file, "");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_EQ(registry_->List().size(), 1u);
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().version(), "1.2.3");
  EXPECT_EQ(registry_->List().size(), 1u);
}

TEST_F(ChangesTest, DisabledInTheHostAndIsolatedItComesBackOutsideOfIt) {
  options_.files = {Put("good_plugin", "good")};
  options_.in_process = {"all"};
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(registry_->Disable("good").ok());
  ASSERT_TRUE(registry_->Isolate("good", false).ok());
  EXPECT_EQ(ReasonOf(registry_->Enable("good", std::string(64, '0')).status()), "PLUGIN_UNUSABLE");
  ASSERT_TRUE(registry_->Enable("good", "").ok());
  EXPECT_NE(Pid(), std::to_string(getpid()));
}

TEST_F(ChangesTest, AProgramCannotRunInTheHost) {
  options_.files = {kTestPlugins / "program.plugin"};
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(ReasonOf(registry_->Isolate("program", true).status()), "PLUGIN_IS_PROGRAM");
  EXPECT_TRUE(registry_->Isolate("program", false).ok());
}

TEST_F(ChangesTest, CallsThatHangEndWithTheHost) {
  options_.files = {Put("good_plugin", "good")};
  ASSERT_TRUE(Start().ok());
  absl::Status hung;
  std::thread caller([&] { hung = Ask("hang"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  registry_->AbortCalls();
  caller.join();
  EXPECT_EQ(hung.code(), absl::StatusCode::kUnavailable) << hung;
  EXPECT_FALSE(Ask("plain").ok()) << "it is over";
}

TEST_F(ChangesTest, NamesOfNothingAreSaid) {
  Put("good_plugin", "good");
  options_.enable = {"good"};
  options_.isolate = {"god"};
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(log_.Says("--isolate god names no plugin: names are those of files, such as good"))
      << log_.Text();
  EXPECT_THAT(log_.Text(), testing::Not(HasSubstr("--enable")));
}

TEST_F(ChangesTest, AProgramThatIsToRunInTheHostIsSaid) {
  options_.files = {kTestPlugins / "program.plugin"};
  options_.in_process = {"program"};
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(log_.Says("--in-process program names a program, ")) << log_.Text();
  options_.in_process = {"all"};
  const size_t before = log_.Text().size();
  ASSERT_TRUE(Start().ok());
  EXPECT_THAT(log_.Text().substr(before), Not(HasSubstr("--in-process")));
}

TEST_F(ChangesTest, ALinkInAFolderOfOthersIsRefused) {
  const fs::path file = Put("good_plugin", "good");
  const fs::path loose = folder_ / "loose";
  fs::create_directory(loose);
  fs::create_symlink(file, loose / "good.so");
  options_.files = {loose / "good.so"};
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_HEALTHY);
  fs::permissions(loose, fs::perms::all);
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_FAILED);
  EXPECT_THAT(Get().problem(), HasSubstr("can be changed by everyone"));
  EXPECT_THAT(Get().problem(), HasSubstr("aftersales plugins enable good` loads it"));
}

TEST_F(ChangesTest, ADataDirectoryMayHaveAnyName) {
  options_.data_directory = folder_ / "a %41#b?c d";
  options_.files = {Put("good_plugin", "good"), kTestPlugins / "program.plugin"};
  ASSERT_TRUE(Start().ok());
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_EQ(registry_->Get("program")->state(), v1::Plugin::STATE_HEALTHY)
      << registry_->Get("program")->problem();
}

TEST_F(ChangesTest, AManifestIsHeldTo) {
  const fs::path file = Put("good_plugin", "good");
  options_.files = {file};
  std::ofstream(folder_ / "plugins" / "good.plugin.json")
      << "{\"sha256\": \"" << std::string(64, 'a') << "\"}";
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_FAILED);
  EXPECT_THAT(Get().problem(), HasSubstr("its manifest says aaaa"));
  std::ofstream(folder_ / "plugins" / "good.plugin.json") << "sha256=abc";
  ASSERT_TRUE(Start().ok());
  EXPECT_THAT(Get().problem(), HasSubstr("good.plugin.json"));
}

TEST_F(ChangesTest, ARemoteSideThatIsDownIsLeftAloneForAMoment) {
  options_.files = {Put("good_plugin", "good")};
  options_.in_process = {"all"};
  ASSERT_TRUE(Start().ok());
  EXPECT_FALSE(Get().has_latency_p50());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Ask("busy").code(), absl::StatusCode::kUnavailable);
  const absl::Status rest = Ask("plain");
  EXPECT_EQ(rest.code(), absl::StatusCode::kResourceExhausted) << "not made, so nothing is unknown";
  EXPECT_THAT(std::string(rest.message()), HasSubstr("busy with"));
  EXPECT_TRUE(Get().has_circuit_open_until());
  EXPECT_EQ(Get().state(), v1::Plugin::STATE_DEGRADED);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_TRUE(Ask("plain").ok());
  EXPECT_FALSE(Get().has_circuit_open_until());
  EXPECT_TRUE(Get().has_latency_p99());
}

}  // namespace
}  // namespace aftersales::plugins
