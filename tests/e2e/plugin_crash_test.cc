// A plugin in a process of its own that dies in the middle of its work: the host and everybody else
// go on, the plugin is started anew, and what it was about to do is done once.
#include <csignal>
#include <set>

#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using Plugins = v1::PluginService::Stub;

class PluginCrashTest : public HostTest {
 protected:
  PluginCrashTest() {
    adjust_options_ = [](host::HostOptions& options) { options.isolate = {"all"}; };
  }
  v1::Plugin Plugin(std::string_view id) {
    v1::GetPluginRequest get;
    get.set_name("plugins/" + std::string(id));
    const auto plugin = api().Call(&Plugins::GetPlugin, get);
    EXPECT_TRUE(plugin.ok()) << plugin.status.error_message();
    return *plugin;
  }
  v1::Order NewOrder() {
    const std::string n = std::to_string(100 + ++orders_);
    return Put(OrderOf("us", "113-8200" + n + "-8200" + n, {{"HAT", 1, 2000, 0}}));
  }
  v1::Refund Ask(const v1::Order& order) {
    const auto refund = api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1));
    EXPECT_TRUE(refund.ok()) << refund.status.error_message();
    return *refund;
  }
  // The plugin is well again, and the refund comes to its end.
  void ExpectPaidOnce(const v1::Refund& refund) {
    SetMode("fake-market", "");
    EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").pid() != 0; }));
    // Whether it was done is asked after a quarter of an hour.
    Advance(absl::Minutes(15));
    Await(refund, v1::Refund::STATUS_SUCCEEDED);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  }
  void ExpectOthersServed() {
    const v1::Order order = NewOrder();
    const v1::Return state = Create(order, v1::RETURN_REASON_DEFECTIVE);
    EXPECT_EQ(Get(state).status(), v1::Return::STATUS_REQUESTED);
    EXPECT_NE(Plugin("fake-carrier").pid(), 0);
    EXPECT_EQ(Plugin("fake-carrier").restart_count(), 0);
  }

 private:
  int orders_ = 0;
};

TEST_F(PluginCrashTest, BeforeItPaid) {
  SetMode("fake-market", "IssueRefund=CRASH_BEFORE");
  const v1::Refund refund = Ask(NewOrder());
  EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").restart_count() > 0; }));
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 0);
  ExpectOthersServed();
  ExpectPaidOnce(refund);
}

TEST_F(PluginCrashTest, AfterItPaid) {
  SetMode("fake-market", "IssueRefund=CRASH_AFTER");
  const v1::Refund refund = Ask(NewOrder());
  EXPECT_TRUE(Eventually([&] { return EffectCount("IssueRefund", refund.name()) == 1; }));
  EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").restart_count() > 0; }));
  ExpectOthersServed();
  ExpectPaidOnce(refund);
}

TEST_F(PluginCrashTest, WhileItWasPaying) {
  SetMode("fake-market", "IssueRefund=HANG");
  const v1::Plugin before = Plugin("fake-market");
  const v1::Refund refund = Ask(NewOrder());
  EXPECT_TRUE(Eventually([&] {
    return Plugin("fake-market").call_count() > before.call_count() ||
           Get(refund).status() == v1::Refund::STATUS_SUBMITTED;
  }));
  absl::SleepFor(absl::Milliseconds(50));
  ASSERT_EQ(kill(static_cast<pid_t>(before.pid()), SIGSEGV), 0);
  EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").restart_count() == 1; }));
  EXPECT_NE(Plugin("fake-market").pid(), before.pid());
  Await(refund, v1::Refund::STATUS_UNKNOWN);
  ExpectOthersServed();
  ExpectPaidOnce(refund);
}

// Nothing can be on its way by then, so it does not wait for its quarter of an hour again.
TEST_F(PluginCrashTest, WhileItWasAskedItIsAskedAgainSoon) {
  SetMode("fake-market", "IssueRefund=CRASH_AFTER QueryEffect=CRASH_BEFORE");
  const v1::Refund refund = Ask(NewOrder());
  Await(refund, v1::Refund::STATUS_UNKNOWN);
  EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").restart_count() == 1; }));
  Advance(absl::Minutes(14));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(Plugin("fake-market").restart_count(), 1) << "asked before it could have arrived";
  Advance(absl::Minutes(1));
  EXPECT_TRUE(Eventually([&] { return Plugin("fake-market").restart_count() == 2; }));
  SetMode("fake-market", "");
  Advance(absl::Seconds(5));
  Await(refund, v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
}

// A process that ends is no answer: however often it takes an effect with it, nobody gives that up.
TEST_F(PluginCrashTest, ManyTimesItIsDoneAllTheSame) {
  const v1::Refund refund = [&] {
    SetMode("fake-market", "IssueRefund=CRASH_BEFORE");
    return Ask(NewOrder());
  }();
  for (int ends = 1; ends <= 15; ++ends) {
    ASSERT_TRUE(Eventually([&] {
      return Plugin("fake-market").restart_count() >= ends && Plugin("fake-market").pid() != 0;
    })) << ends;
    Await(refund, v1::Refund::STATUS_UNKNOWN);
    // It is not there, so it is done again, and so on.
    Advance(absl::Minutes(15));
  }
  ExpectPaidOnce(refund);
}

TEST_F(PluginCrashTest, OverAndOverItRestsAndSaysSo) {
  SetMode("fake-market", "IssueRefund=CRASH_BEFORE QueryEffect=CRASH_BEFORE");
  std::vector<v1::Refund> refunds;
  for (int ends = 1; ends <= 5; ++ends) {
    refunds.push_back(Ask(NewOrder()));
    EXPECT_TRUE(Eventually([&] {
      const v1::Plugin plugin = Plugin("fake-market");
      return ends < 5 ? plugin.pid() != 0 && plugin.restart_count() == ends
                      : plugin.state() == v1::Plugin::STATE_QUARANTINED;
    })) << Plugin("fake-market").DebugString();
  }
  EXPECT_THAT(Plugin("fake-market").problem(), testing::HasSubstr("its process"));
  ExpectOthersServed();
  // Refunds go on to be taken, and wait.
  refunds.push_back(Ask(NewOrder()));
  EXPECT_TRUE(Log("fake-market", "effects.log", "IssueRefund").empty());
  SetMode("fake-market", "");
  v1::RestartPluginRequest restart;
  restart.set_name("plugins/fake-market");
  const auto restarted = api().Call(&Plugins::RestartPlugin, restart);
  ASSERT_TRUE(restarted.ok()) << restarted.status.error_message();
  EXPECT_EQ(restarted->state(), v1::Plugin::STATE_HEALTHY);
  Advance(absl::Minutes(15));
  for (const v1::Refund& refund : refunds) {
    Await(refund, v1::Refund::STATUS_SUCCEEDED);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  }
}

// The cursor stays where it was, so nothing is missed; what was taken before the crash comes again
// under the same ids, and is taken once.
TEST_F(PluginCrashTest, ErpMissesNothingAndTakesNothingTwice) {
  for (const char* mode : {"PushChanges=CRASH_BEFORE", "PushChanges=CRASH_AFTER"}) {
    SetMode("fake-erp", mode);
    const int64_t restarts = Plugin("fake-erp").restart_count();
    const v1::Return state = Approve(Create(NewOrder(), v1::RETURN_REASON_DEFECTIVE));
    EXPECT_TRUE(Eventually([&] { return Plugin("fake-erp").restart_count() > restarts; }));
    SetMode("fake-erp", "");
    // It may have ended five times in a row by now, and rest.
    v1::RestartPluginRequest restart;
    restart.set_name("plugins/fake-erp");
    ASSERT_TRUE(Eventually([&] { return api().Call(&Plugins::RestartPlugin, restart).ok(); }));
    const size_t changes = AllEvents("subject = \"" + state.name() + "\"").size();
    // As an ERP that knows the ids; the fake writes down all that it is told.
    const auto taken = [&] {
      const std::vector<std::string> lines = Log("fake-erp", "erp.log", state.name());
      return std::set<std::string>(lines.begin(), lines.end());
    };
    EXPECT_TRUE(Eventually([&] { return taken().size() >= changes; }));
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_EQ(taken().size(), changes) << testing::PrintToString(taken());
  }
}

}  // namespace
}  // namespace aftersales::e2e
