// Every bad plugin in a real host, in a process of its own: the others are served as before, no
// effect is lost, and the host recovers by itself. What a file shows is refused before it runs.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using Plugins = v1::PluginService::Stub;
using SteadyClock = std::chrono::steady_clock;

// A machine with two busy cores has hiccups of its own; below this nobody notices one.
constexpr double kFloorMilliseconds = 10;
constexpr int kPhases = 4;  // quiet and disturbed by turns, so that both meet the same machine
constexpr auto kPhaseTime = std::chrono::milliseconds(700);

double P99(std::vector<double> samples) {
  if (samples.empty()) return 0;
  const size_t at = samples.size() * 99 / 100;
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(at),
                   samples.end());
  return samples[at];
}

class FaultsTest : public HostTest {
 protected:
  void StartWith(const std::string& name, bool isolated = true) {
    id_ = name;
    std::replace(id_.begin(), id_.end(), '_', '-');
    adjust_options_ = [name, isolated](host::HostOptions& options) {
      options.plugin_files.push_back(std::string(AFTERSALES_BAD_PLUGIN_DIR) + "/bad_" + name +
                                     ".so");
      options.isolate = isolated ? std::set<std::string>{"bad_" + name} : std::set<std::string>{};
      options.in_process = {"all"};
      options.plugin_quarantine = absl::Milliseconds(500);
    };
    StopHost();
    StartHost();
  }
  void SetUp() override {}

  std::vector<v1::Plugin> List() {
    const auto listed = api().Call(&Plugins::ListPlugins, v1::ListPluginsRequest());
    EXPECT_TRUE(listed.ok()) << listed.status.error_message();
    return {listed->plugins().begin(), listed->plugins().end()};
  }
  // The bad one, by its file.
  v1::Plugin Bad() {
    for (const v1::Plugin& plugin : List()) {
      if (plugin.path().find("/bad_") != std::string::npos) return plugin;
    }
    ADD_FAILURE() << "it is not listed";
    return {};
  }

  // A channel whose labels the bad plugin buys.
  void BindBad() {
    v1::BindChannelRequest request;
    request.set_parent(kSeller);
    request.set_channel_id("bad");
    v1::Channel* channel = request.mutable_channel();
    channel->set_marketplace_id("ATVPDKIKX0DER");
    channel->set_marketplace_plugin("fake-market");
    channel->set_label_plugin(id_);
    channel->set_policy_profile("seed");
    v1::ReturnAddress* address = channel->add_return_addresses();
    address->set_address_id("local");
    address->set_country_code("US");
    address->set_state(v1::ReturnAddress::STATE_APPROVED);
    const auto bound = api().Call(&Channels::BindChannel, request);
    ASSERT_TRUE(bound.ok()) << bound.status.error_message();
  }

  v1::Return AskForLabel() {
    const std::string n = absl::StrCat(1000 + ++orders_);
    const v1::Return state = Approve(
        Create(Put(OrderOf("bad", absl::StrCat("113-829", n, "-829", n), {{"HAT", 1, 2000, 0}})),
               v1::RETURN_REASON_DEFECTIVE));
    v1::IssueReturnLabelRequest request;
    request.set_name(state.name());
    const auto asked = api().Call(&Returns::IssueReturnLabel, request);
    EXPECT_TRUE(asked.ok()) << asked.status.error_message();
    return state;
  }

  // What others do meanwhile: reads, and writes that reach a plugin of theirs.
  void Serve(const v1::Return& state, std::vector<double>* samples) {
    v1::GetReturnRequest get;
    get.set_name(state.name());
    v1::ListPluginsRequest list;
    const auto until = SteadyClock::now() + kPhaseTime;
    for (int i = 0; SteadyClock::now() < until; ++i) {
      const auto start = SteadyClock::now();
      const bool ok = i % 4 == 3 ? api().Call(&Plugins::ListPlugins, list).ok()
                                 : api().Call(&Returns::GetReturn, get).ok();
      samples->push_back(
          std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count());
      if (!ok) ADD_FAILURE() << "the host did not serve a call of others";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  bool HasLabel(const v1::Return& state) {
    const v1::Return now = Get(state);
    return std::count_if(now.labels().begin(), now.labels().end(), [](const v1::ReturnLabel& l) {
             return l.state() == v1::ReturnLabel::STATE_ISSUED;
           }) == 1;
  }

  std::string id_;
  int orders_ = 0;
};

struct Fault {
  const char* name;
  bool loads;                // whether it comes so far that it is called
  const char* problem = "";  // what is said of one that does not load
  // Whether its calls fail soon: one that hangs does so later, and one whose answer can be read by
  // chance is seen by what it lacks.
  bool fails = false;
};

class IsolatedFaultsTest : public FaultsTest, public testing::WithParamInterface<Fault> {};

TEST_P(IsolatedFaultsTest, HurtNobodyElse) {
  const Fault& fault = GetParam();
#ifdef AFTERSALES_SANITIZED
  if (std::string_view(fault.name) == "leaks") {
    GTEST_SKIP() << "a child has no limit of its memory under a sanitizer";
  }
#endif
  StartWith(fault.name);
  Bind("us", "ATVPDKIKX0DER", "seed");
  const v1::Return other = Create(Put(OrderOf("us", "113-8300001-8300001", {{"HAT", 1, 2000, 0}})),
                                  v1::RETURN_REASON_DEFECTIVE);
  if (!fault.loads) {
    const v1::Plugin bad = Bad();
    EXPECT_EQ(bad.state(), v1::Plugin::STATE_FAILED);
    EXPECT_THAT(bad.problem(), testing::HasSubstr(fault.problem));
    EXPECT_THAT(bad.problem(), testing::HasSubstr(bad.path()));
    std::vector<double> samples;
    Serve(other, &samples);
    EXPECT_GT(samples.size(), 50u);
    return;
  }
  BindBad();

  // By turns as it is, and while the bad plugin is asked all the time.
  std::vector<double> quiet, disturbed;
  std::vector<v1::Return> asked;
  for (int phase = 0; phase < kPhases; ++phase) {
    if (phase % 2 == 0) {
      // Quiet is without effects of this plugin that are on their way, but not without work.
      Serve(other, &quiet);
      continue;
    }
    for (int i = 0; i < 12; ++i) asked.push_back(AskForLabel());
    Serve(other, &disturbed);
  }
  const double before = P99(quiet), during = P99(disturbed);
  RecordProperty("p99_quiet_us", static_cast<int>(before * 1000));
  RecordProperty("p99_disturbed_us", static_cast<int>(during * 1000));
#ifndef AFTERSALES_SANITIZED  // which takes most of the time
  EXPECT_GT(disturbed.size(), 100u);
  EXPECT_LE(during, std::max(2 * before, kFloorMilliseconds))
      << "p99 of others was " << before << " ms without it";
#endif
  EXPECT_TRUE(Eventually([&] { return Bad().call_count() > 0; }));
  EXPECT_TRUE(!fault.fails || Eventually([&] { return Bad().error_count() > 0; }));
  // A refund on another channel is paid, whatever the carrier does.
  const v1::Refund refund =
      Issue(Concession(Put(OrderOf("us", "113-8300002-8300002", {{"HAT", 1, 2000, 0}})), "HAT", 1),
            v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);

  // It is well again, without anybody at the host.
  std::ofstream(directory() / "data/plugins" / id_ / "well") << "\n";
  EXPECT_TRUE(Eventually([&] {
    Advance(absl::Minutes(15));
    absl::SleepFor(absl::Milliseconds(200));
    const v1::Plugin plugin = Bad();
    return plugin.pid() != 0 && plugin.state() == v1::Plugin::STATE_HEALTHY;
  })) << Bad().DebugString();
  asked.push_back(AskForLabel());
  // Nothing that was asked for is lost, and nothing is there twice.
  for (int round = 0; round < 6; ++round) {
    if (std::all_of(asked.begin(), asked.end(),
                    [&](const v1::Return& state) { return HasLabel(state); })) {
      break;
    }
    Advance(absl::Minutes(15));
    Eventually([&] {
      return std::all_of(asked.begin(), asked.end(),
                         [&](const v1::Return& state) { return HasLabel(state); });
    });
  }
  for (const v1::Return& state : asked) EXPECT_TRUE(HasLabel(state)) << Get(state).DebugString();
  std::ifstream labels(directory() / "data/plugins" / id_ / "labels");
  std::set<std::string> effects;
  for (std::string effect, number; labels >> effect >> number;) {
    EXPECT_TRUE(effects.insert(effect).second) << effect << " was bought twice";
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, IsolatedFaultsTest,
    testing::Values(
        Fault{"good", true}, Fault{"crashes_in_entry", false, "killed by signal 6"},
        Fault{"crashes_in_call", true, "", true}, Fault{"crashes_at_exit", true},
        Fault{"hangs", true}, Fault{"leaks", true, "", true}, Fault{"throws", true, "", true},
        Fault{"wrong_abi", false, "speaks plugin ABI 2"}, Fault{"full_protobuf", false, "protobuf"},
        Fault{"exports_too_much", false, "compress"}, Fault{"garbage", true, "", true},
        Fault{"other_message", true}, Fault{"forgets", true}, Fault{"logs_secret", true}),
    [](const testing::TestParamInfo<Fault>& fault) { return std::string(fault.param.name); });

// In the host's process only what is refused before it runs can be tried.
class RefusedTest : public FaultsTest, public testing::WithParamInterface<Fault> {};

TEST_P(RefusedTest, BeforeItRuns) {
  StartWith(GetParam().name, /*isolated=*/false);
  const v1::Plugin bad = Bad();
  EXPECT_EQ(bad.state(), v1::Plugin::STATE_FAILED);
  EXPECT_THAT(bad.problem(), testing::HasSubstr(GetParam().problem));
  // Names the file, and what to do about it.
  EXPECT_THAT(bad.problem(), testing::HasSubstr(bad.path()));
  EXPECT_THAT(bad.problem(),
              testing::AnyOf(testing::HasSubstr("build"), testing::HasSubstr("use")));
}

INSTANTIATE_TEST_SUITE_P(InProcess, RefusedTest,
                         testing::Values(Fault{"full_protobuf", false, "libprotobuf.so"},
                                         Fault{"exports_too_much", false, "compress"},
                                         Fault{"wrong_abi", false, "speaks plugin ABI 2"}),
                         [](const testing::TestParamInfo<Fault>& fault) {
                           return std::string(fault.param.name);
                         });

}  // namespace
}  // namespace aftersales::e2e
