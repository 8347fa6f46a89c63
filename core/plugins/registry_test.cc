#include "core/plugins/registry.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "core/plugins/test_log.h"
#include "core/plugins/test_plugins.h"
#include "core/status/text.h"
#include "gmock/gmock.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Everything holds wherever the plugin runs.
class RegistryTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "registry_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    options_.data_directory = folder_ / "data";
    options_.host_version = "9.8.7";
    options_.runner = fs::path(AFTERSALES_BIN_DIR) / "aftersales";
    options_.enable = {"all"};
    (isolated() ? options_.isolate : options_.in_process) = {"all"};
  }
  void TearDown() override {
    // Whatever a test does, no log line and no problem holds the secret.
    if (registry_ != nullptr) {
      for (const auto& plugin : registry_->List()) {
        EXPECT_THAT(plugin.DebugString(), Not(HasSubstr(kTestSecret)));
      }
    }
    registry_.reset();
    EXPECT_THAT(log_.Text(), Not(HasSubstr(kTestSecret)));
    fs::remove_all(folder_);
  }

  bool isolated() const { return std::string_view(GetParam()) == "isolated"; }

  PluginRegistry& Load(std::vector<std::string> names) {
    for (const std::string& name : names) options_.files.push_back(kTestPlugins / (name + ".so"));
    registry_ = std::make_unique<PluginRegistry>(
        options_, [this] { return absl::FromUnixNanos(now_unix_ns_.load()); },
        [this](LogLevel, std::string_view plugin, std::string_view text) {
          log_.Add(Cat(plugin, ": ", text));
        });
    const absl::Status loaded = registry_->LoadAll();
    EXPECT_TRUE(loaded.ok()) << loaded;
    return *registry_;
  }

  // One tracking number in, what the plugin says about it out.
  absl::Status Ask(const std::string& number, std::string* answer = nullptr,
                   PluginHandle::CallOptions call = {}) {
    plugin::v1::ValidateTrackingNumbersRequest request;
    plugin::v1::ValidateTrackingNumbersResponse response;
    request.add_queries()->set_tracking_number(number);
    absl::Status status = registry_->Find("good")->Call(kValidate, request, &response, call);
    if (answer != nullptr && status.ok()) *answer = response.verdicts(0).expected();
    return status;
  }
  // As messages name it.
  static std::string Good() {
    return "plugin good 1.2.3 at " + fs::canonical(kTestPlugins / "good_plugin.so").string();
  }
  absl::Time Now() const { return absl::FromUnixNanos(now_unix_ns_.load()); }

  fs::path folder_;
  PluginRegistry::Options options_;
  std::unique_ptr<PluginRegistry> registry_;
  std::atomic<int64_t> now_unix_ns_{1'750'000'000'123'456'789};
  TestLog log_;
};

TEST_P(RegistryTest, LoadsAndDescribes) {
  PluginRegistry& registry = Load({"good_plugin", "c_plugin"});
  PluginHandle* good = registry.Find("good");
  ASSERT_NE(good, nullptr) << log_.Text();
  EXPECT_EQ(good->id(), "good");
  EXPECT_EQ(good->kind(), v1::Plugin::KIND_CARRIER);  // Filled in by the SDK.
  EXPECT_EQ(good->description().version(), "1.2.3");
  EXPECT_EQ(good->CapabilityOf("ValidateTrackingNumbers"), v1::Plugin::CAPABILITY_SUPPORTED);
  EXPECT_EQ(good->CapabilityOf("IssueLabel"), v1::Plugin::CAPABILITY_MANUAL);
  EXPECT_EQ(good->CapabilityOf("QueryEffect"), v1::Plugin::CAPABILITY_UNSUPPORTED);
  EXPECT_EQ(good->CapabilityOf("NoSuchMethod"), v1::Plugin::CAPABILITY_UNSUPPORTED);
  EXPECT_EQ(good->CapabilityOf(""), v1::Plugin::CAPABILITY_UNSUPPORTED);
  EXPECT_TRUE(good->IdempotentAt("IssueLabel"));
  EXPECT_FALSE(good->IdempotentAt("ValidateTrackingNumbers"));

  EXPECT_THAT(registry.OfKind(v1::Plugin::KIND_CARRIER), ElementsAre(good));
  EXPECT_THAT(registry.OfKind(v1::Plugin::KIND_ERP), ElementsAre(registry.Find("plain-c")));
  EXPECT_TRUE(registry.OfKind(v1::Plugin::KIND_MARKETPLACE).empty());
  EXPECT_EQ(registry.Find("nobody"), nullptr);

  const auto list = registry.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name(), "plugins/good");
  EXPECT_EQ(list[0].state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_EQ(list[0].path(), fs::canonical(kTestPlugins / "good_plugin.so"));
  EXPECT_EQ(list[0].methods_size(), 4);
  EXPECT_EQ(list[0].load_time().seconds(), 1'750'000'000);
  EXPECT_EQ(list[1].name(), "plugins/plain-c");
  EXPECT_EQ(registry.Get("good")->display_name(), "Good");
  EXPECT_FALSE(registry.Get("nobody").has_value());
}

TEST_P(RegistryTest, AnalyticsPluginsAreAsked) {
  Load({"analytics_plugin"});
  PluginHandle* analytics = registry_->Find("analytics");
  ASSERT_NE(analytics, nullptr) << log_.Text();
  EXPECT_THAT(registry_->OfKind(v1::Plugin::KIND_ANALYTICS), ElementsAre(analytics));
  plugin::v1::PullAlertsRequest request;
  plugin::v1::PullAlertsResponse response;
  PluginHandle::CallOptions call;
  call.seller = "sellers/acme";
  ASSERT_TRUE(analytics->Call("AnalyticsPlugin/PullAlerts", request, &response, call).ok());
  ASSERT_EQ(response.alerts_size(), 1);
  EXPECT_EQ(response.alerts(0).message(), "for sellers/acme");
  EXPECT_EQ(response.alerts(0).source().name(), "Market Tool");
  request.set_cursor(response.next_cursor());
  ASSERT_TRUE(analytics->Call("AnalyticsPlugin/PullAlerts", request, &response, call).ok());
  EXPECT_EQ(response.alerts_size(), 0);
  EXPECT_EQ(analytics->CheckHealth(absl::InfiniteFuture()), absl::OkStatus());
  EXPECT_TRUE(
      log_.Says("describes the method `GetBenchmarks` as MANUAL without saying "
                "what a person has to do"))
      << log_.Text();
}

TEST_P(RegistryTest, LoadsFoldersOnce) {
  const fs::path plugins = folder_ / "plugins";
  fs::create_directory(plugins);
  fs::copy_file(kTestPlugins / "c_plugin.so", plugins / "b.so");
  std::ofstream(plugins / "README.txt") << "not a plugin, not looked at";
  std::ofstream(plugins / "a.so") << "not a plugin, but called like one";
  options_.directories = {plugins, folder_ / "absent", plugins};
  options_.files = {plugins / "." / "b.so"};
  PluginRegistry& registry = Load({});
  const auto list = registry.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name(), "plugins/a");
  EXPECT_EQ(list[0].state(), v1::Plugin::STATE_FAILED);
  EXPECT_THAT(list[0].problem(), AllOf(HasSubstr((plugins / "a.so").string()), HasSubstr("ELF")));
  EXPECT_EQ(list[1].name(), "plugins/plain-c");
  EXPECT_EQ(list[1].state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_TRUE(log_.Says("absent cannot be read")) << log_.Text();
}

TEST_P(RegistryTest, WhatCannotBeLoadedIsListedWithTheFix) {
  options_.files = {folder_ / "nowhere.so"};
  PluginRegistry& registry =
      Load({"c_plugin_abi", "c_plugin_bad_id", "c_plugin_garbage", "c_plugin_incomplete",
            "c_plugin_refuses", "full_protobuf_plugin", "loud_plugin", "c_plugin"});
  const auto problem = [&](std::string_view id) {
    const auto plugin = registry.Get(id);
    if (!plugin.has_value()) return "no plugin " + std::string(id);
    EXPECT_EQ(plugin->state(), v1::Plugin::STATE_FAILED);
    EXPECT_EQ(registry.Find(id), nullptr);
    EXPECT_THAT(plugin->problem(), HasSubstr(plugin->path()));
    return plugin->problem();
  };
  EXPECT_THAT(problem("c-plugin-abi"), AllOf(HasSubstr("speaks plugin ABI 2"), HasSubstr("9.8.7"),
                                             HasSubstr("built for ABI 1")));
  EXPECT_THAT(problem("c-plugin-bad-id"), AllOf(HasSubstr("../Plain"), HasSubstr("1 to 40")));
  EXPECT_THAT(problem("c-plugin-garbage"), HasSubstr("not a valid DescribeResponse"));
  EXPECT_THAT(problem("c-plugin-incomplete"), HasSubstr("lacks functions"));
  EXPECT_THAT(problem("c-plugin-refuses"),
              AllOf(HasSubstr("refuses to work with aftersales 9.8.7"),
                    HasSubstr("needs secrets/9, which this host lacks")));
  EXPECT_THAT(problem("full-protobuf-plugin"), HasSubstr("libprotobuf.so"));
  EXPECT_THAT(problem("loud-plugin"), HasSubstr("exports 2 symbols"));
  EXPECT_THAT(problem("nowhere"), HasSubstr("No such file"));
  EXPECT_NE(registry.Find("plain-c"), nullptr) << "the others go on";
  EXPECT_EQ(registry.List().size(), 9u);
}

TEST_P(RegistryTest, TheSecondOfAnIdIsRefused) {
  fs::copy_file(kTestPlugins / "c_plugin.so", folder_ / "another.so");
  options_.files = {kTestPlugins / "c_plugin.so", folder_ / "another.so"};
  PluginRegistry& registry = Load({});
  const auto list = registry.List();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].name(), "plugins/another");
  EXPECT_THAT(list[0].problem(),
              AllOf(HasSubstr("has the id `plain-c`"), HasSubstr("c_plugin.so has already"),
                    HasSubstr("is version 1.0.0"), HasSubstr("which version 1.0.0 at"),
                    HasSubstr("`aftersales plugins upgrade plain-c " +
                              fs::canonical(folder_ / "another.so").string() + "`")));
  EXPECT_NE(registry.Find("plain-c"), nullptr);
}

// A file that failed and is called like another plugin does not hide it.
TEST_P(RegistryTest, AFailedFileDoesNotTakeTheIdOfAnother) {
  std::ofstream(folder_ / "good.so") << "garbage";
  options_.files = {folder_ / "good.so"};
  PluginRegistry& registry = Load({"good_plugin"});
  EXPECT_EQ(registry.Get("good")->state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_EQ(registry.Get("good-2")->state(), v1::Plugin::STATE_FAILED);
}

TEST_P(RegistryTest, SettingsAreCheckedBeforeThePluginSeesThem) {
  options_.config["good"] = {{"tokn", kTestSecret}};
  options_.config["nobody"] = {{"a", "b"}};
  PluginRegistry& registry = Load({"good_plugin"});
  EXPECT_THAT(registry.Get("good")->problem(),
              AllOf(HasSubstr("has no setting `tokn`"), HasSubstr("it takes mode, token")));
  EXPECT_EQ(registry.Get("good")->vendor(), "Aftersales") << "known although it failed";
  EXPECT_TRUE(log_.Says("nobody: is in the configuration, but no plugin")) << log_.Text();
}

TEST_P(RegistryTest, ARefusedConfigurationNamesTheKeyAndHidesSecrets) {
  options_.config["good"] = {{"mode", "refuse"}, {"token", kTestSecret}};
  PluginRegistry& registry = Load({"good_plugin"});
  EXPECT_EQ(registry.Find("good"), nullptr);
  EXPECT_THAT(registry.Get("good")->problem(),
              HasSubstr("`mode` must not be refuse; token was [secret]"));
}

TEST_P(RegistryTest, SecretsStayOutOfLogsAndErrors) {
  options_.config["good"] = {{"token", kTestSecret}};
  Load({"good_plugin"});
  EXPECT_TRUE(log_.Says("good: configured with token [secret]")) << log_.Text();
  EXPECT_EQ(Ask("busy").message(), Good() + ": busy with [secret]");
  EXPECT_EQ(Ask("throw").message(),
            Good() + ": exception in the plugin: thrown on purpose with [secret]");
}

TEST_P(RegistryTest, EachPluginHasItsClosedDataDirectory) {
  fs::create_directories(options_.data_directory / "good");
  fs::permissions(options_.data_directory / "good", fs::perms::all);
  Load({"good_plugin"});
  struct stat info;
  ASSERT_EQ(stat((options_.data_directory / "good").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
  std::string answer;
  ASSERT_TRUE(Ask("call", &answer).ok());
  EXPECT_THAT(answer, HasSubstr((options_.data_directory / "good").string()));
}

TEST_P(RegistryTest, ADataDirectoryThatIsALinkIsRefused) {
  fs::create_directories(options_.data_directory);
  fs::create_directory_symlink("/", options_.data_directory / "good");
  EXPECT_THAT(Load({"good_plugin"}).Get("good")->problem(), HasSubstr("data directory"));
}

TEST_P(RegistryTest, CallsCarryTheirContext) {
  Load({"good_plugin"});
  std::string answer;
  PluginHandle::CallOptions call;
  call.idempotency_key = "effect-1";
  call.seller = "sellers/acme";
  call.attempt = 3;
  ASSERT_TRUE(Ask("call", &answer, call).ok());
  EXPECT_THAT(answer, HasSubstr("effect-1|sellers/acme|3|"));
  ASSERT_TRUE(Ask("now", &answer).ok());
  EXPECT_EQ(answer, std::to_string(now_unix_ns_));
  now_unix_ns_ += 5;
  ASSERT_TRUE(Ask("now", &answer).ok());
  EXPECT_EQ(answer, std::to_string(now_unix_ns_)) << "the host's clock, not the system's";
}

TEST_P(RegistryTest, LargeMessagesGoThrough) {
  Load({"good_plugin"});
  std::string answer;
  const std::string number(3 << 20, 'x');
  ASSERT_TRUE(Ask(number, &answer).ok());
  EXPECT_EQ(answer, number);
  EXPECT_EQ(Ask(std::string(kMessageBytesMax, 'x')).code(), absl::StatusCode::kResourceExhausted);
}

TEST_P(RegistryTest, NoExceptionComesOut) {
  Load({"good_plugin"});
  EXPECT_EQ(Ask("throw").code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(Ask("throw").message()), HasSubstr("thrown on purpose"));
  EXPECT_EQ(Ask("throw-int").code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(Ask("fine").ok());
}

TEST_P(RegistryTest, AnAnswerThatIsNotUtf8IsAnError) {
  Load({"good_plugin"});
  EXPECT_EQ(Ask("bad-utf8").code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(Ask("bad-utf8").message()), HasSubstr("not UTF-8"));
}

TEST_P(RegistryTest, MisbehaviourAtTheAbiIsAnError) {
  Load({"c_plugin"});
  PluginHandle* c = registry_->Find("plain-c");
  plugin::v1::PushChangesRequest request;
  request.add_changes()->set_effect_id("e");
  plugin::v1::PushChangesResponse response;
  PluginHandle::CallOptions call;
  ASSERT_TRUE(c->Call("ErpPlugin/PushChanges", request, &response, call).ok());
  EXPECT_EQ(response.accepted_count(), static_cast<int>(request.ByteSizeLong()));
  call.attempt = 2;
  absl::Status status = c->Call("ErpPlugin/PushChanges", request, &response, call);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(std::string(status.message()), HasSubstr("answered code 99, which is none"));
  EXPECT_EQ(response.accepted_count(), 0) << "cleared";
  call.attempt = 3;
  status = c->Call("ErpPlugin/PushChanges", request, &response, call);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  call.attempt = 4;
  status = c->Call("ErpPlugin/PushChanges", request, &response, call);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  call.attempt = 5;
  ASSERT_TRUE(c->Call("ErpPlugin/PushChanges", request, &response, call).ok());
  EXPECT_EQ(response.accepted_count(), 5);
}

TEST_P(RegistryTest, WhatIsNotSupportedIsNotCalled) {
  Load({"good_plugin"});
  PluginHandle* good = registry_->Find("good");
  plugin::v1::QueryEffectRequest request;
  plugin::v1::IssueLabelResponse response;
  for (const char* method : {"CarrierPlugin/QueryEffect", "ErpPlugin/PushChanges", "IssueLabel",
                             "CarrierPlugin/", "", "nonsense"}) {
    const absl::Status status = good->Call(method, request, &response, {});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << method;
    EXPECT_THAT(std::string(status.message()), HasSubstr("good 1.2.3 does not support"));
  }
  const auto plugin = good->Snapshot();
  EXPECT_EQ(plugin.error_count(), 0);
  // MANUAL is called: the answer tells the person what to do. This one has no such method.
  EXPECT_EQ(good->Call("CarrierPlugin/IssueLabel", plugin::v1::IssueLabelRequest(), &response, {})
                .message(),
            Good() + ": the plugin does not implement IssueLabel");
}

TEST_P(RegistryTest, ThreeOutagesInARowDegrade) {
  Load({"good_plugin"});
  const auto plugin = [&] { return *registry_->Get("good"); };
  const int64_t calls = plugin().call_count();
  EXPECT_FALSE(Ask("busy").ok());
  EXPECT_FALSE(Ask("busy").ok());
  EXPECT_FALSE(Ask("invalid").ok()) << "the fault of the request: counts as error, not as outage";
  EXPECT_EQ(plugin().state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_FALSE(Ask("busy").ok());
  EXPECT_EQ(plugin().state(), v1::Plugin::STATE_DEGRADED);
  EXPECT_THAT(plugin().problem(), AllOf(HasSubstr("the last 3 calls failed: " + Good() + ": busy"),
                                        HasSubstr("see that its remote side is well")));
  EXPECT_EQ(plugin().call_count(), calls + 4);
  EXPECT_EQ(plugin().error_count(), 4);
  EXPECT_TRUE(Ask("fine").ok());
  EXPECT_EQ(plugin().state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_EQ(plugin().problem(), "");
}

TEST_P(RegistryTest, ASickPluginIsDegraded) {
  options_.config["good"] = {{"mode", "sick"}, {"token", kTestSecret}};
  Load({"good_plugin"});
  const auto plugin = *registry_->Get("good");
  EXPECT_EQ(plugin.state(), v1::Plugin::STATE_DEGRADED);
  EXPECT_THAT(plugin.problem(), HasSubstr("the remote side refuses [secret]"));
  EXPECT_EQ(registry_->Find("good")->CheckHealth(absl::InfiniteFuture()).code(),
            absl::StatusCode::kUnavailable);
}

// More than a line says nobody reads, and it would be in every list and log.
TEST_P(RegistryTest, WhatItSaysOfItsHealthIsCut) {
  options_.config["good"] = {{"mode", "wordy"}};
  Load({"good_plugin"});
  EXPECT_THAT(registry_->Get("good")->problem(), HasSubstr("www [cut]"));
  EXPECT_LT(registry_->Get("good")->problem().size(), 1500u);
  EXPECT_LT(log_.Text().size(), 3000u);
  const absl::Status long_one = Ask("long");
  EXPECT_LT(long_one.message().size(), 1500u);
  EXPECT_THAT(std::string(long_one.message()), HasSubstr("\u00fc\u00fc [cut]"));
}

TEST_P(RegistryTest, DeadlinesAreOnTheHostsClock) {
  Load({"good_plugin"});
  PluginHandle::CallOptions call;
  call.deadline = Now();
  EXPECT_EQ(Ask("fine", nullptr, call).code(), absl::StatusCode::kDeadlineExceeded);
  call.deadline = Now() + absl::Seconds(60);
  EXPECT_TRUE(Ask("fine", nullptr, call).ok()) << "although that is long past by the system's";
  call.deadline = absl::FromUnixSeconds(1'000'000'000'000);
  EXPECT_TRUE(Ask("fine", nullptr, call).ok());
  call.deadline = Now() + absl::Milliseconds(30);
  const absl::Time start = absl::Now();
  EXPECT_EQ(Ask("until-cancelled", nullptr, call).message(), Good() + ": stopped");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(29));
}

TEST_P(RegistryTest, AtMostMaxConcurrencyCallsRunAtOnce) {
  Load({"good_plugin"});
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      std::string answer;
      for (int round = 0; round < 3; ++round) {
        const std::string number = round == 0 ? "sleep" : "n" + std::to_string(i);
        if (Ask(number, &answer).ok() && answer == number) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 64 * 3);
  std::string answer;
  ASSERT_TRUE(Ask("most-running", &answer).ok());
  EXPECT_EQ(answer, "4") << "all places are used, and no more than there are";
}

TEST_P(RegistryTest, ACallerWaitsNoLongerThanItsDeadline) {
  Load({"good_plugin"});
  std::vector<std::thread> threads;
  PluginHandle::CallOptions hold;
  hold.deadline = Now() + absl::Seconds(1);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { Ask("until-cancelled", nullptr, hold).IgnoreError(); });
  }
  absl::SleepFor(absl::Milliseconds(200));
  PluginHandle::CallOptions call;
  call.deadline = Now() + absl::Milliseconds(50);
  const absl::Time start = absl::Now();
  const absl::Status status = Ask("fine", nullptr, call);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("it takes 4 calls at once"));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(500));
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(Ask("fine").ok());
}

// Two hosts in one process, as tests have: the code is shared, the instances are not.
TEST_P(RegistryTest, RegistriesAreIndependent) {
  options_.config["good"] = {{"mode", "sick"}};
  Load({"good_plugin"});
  PluginRegistry::Options others = options_;
  others.config.clear();
  std::atomic<int> lines{0};
  auto other = std::make_unique<PluginRegistry>(
      others, [] { return absl::UnixEpoch(); },
      [&](LogLevel, std::string_view, std::string_view) { ++lines; });
  ASSERT_TRUE(other->LoadAll().ok());
  EXPECT_EQ(other->Get("good")->state(), v1::Plugin::STATE_HEALTHY);
  EXPECT_EQ(registry_->Get("good")->state(), v1::Plugin::STATE_DEGRADED);
  EXPECT_GT(lines, 0);
  other.reset();
  std::string answer;
  ASSERT_TRUE(Ask("now", &answer).ok());
  EXPECT_EQ(answer, std::to_string(now_unix_ns_));
}

INSTANTIATE_TEST_SUITE_P(Both, RegistryTest, ::testing::Values("in_process", "isolated"),
                         [](const auto& where) { return std::string(where.param); });

}  // namespace
}  // namespace aftersales::plugins
