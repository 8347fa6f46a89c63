// What a manager does about plugins through the API, while there is work for them.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using Plugins = v1::PluginService::Stub;

class PluginChangesTest : public HostTest {
 protected:
  template <typename Request>
  static Request On(const char* plugin) {
    Request request;
    request.set_name(std::string("plugins/") + plugin);
    return request;
  }
};

TEST_F(PluginChangesTest, IsForManagers) {
  const auto refused = ApiAs("operator:olga")
                           .Call(&Plugins::DisablePlugin, On<v1::DisablePluginRequest>("fake-erp"));
  EXPECT_EQ(refused.reason(), "ROLE_REQUIRED");
  EXPECT_EQ(api().Call(&Plugins::RestartPlugin, On<v1::RestartPluginRequest>("nobody")).reason(),
            "NOT_FOUND");
  v1::DisablePluginRequest unnamed;
  EXPECT_EQ(api().Call(&Plugins::DisablePlugin, unnamed).reason(), "BAD_NAME");
  v1::UpgradePluginRequest upgrade = On<v1::UpgradePluginRequest>("fake-erp");
  upgrade.set_path("relative.so");
  EXPECT_EQ(api().Call(&Plugins::UpgradePlugin, upgrade).reason(), "BAD_PATH");
}

// Its refunds wait, over a restart too, and are paid once when it is back.
TEST_F(PluginChangesTest, WorkForADisabledOneWaits) {
  const auto disabled =
      api().Call(&Plugins::DisablePlugin, On<v1::DisablePluginRequest>("fake-market"));
  ASSERT_TRUE(disabled.ok()) << disabled.status.error_message();
  EXPECT_EQ(disabled->state(), v1::Plugin::STATE_DISABLED);
  const v1::Order order = Put(OrderOf("us", "113-8300001-0000001", {{"HAT", 1, 2000, 0}}));
  const auto refund = api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1));
  ASSERT_TRUE(refund.ok()) << refund.status.error_message();
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Minutes(10));
    absl::SleepFor(absl::Milliseconds(100));
    RestartHost();
  }
  EXPECT_NE(Get(*refund).status(), v1::Refund::STATUS_UNKNOWN) << "it was not tried";
  EXPECT_FALSE(Get(*refund).has_manual_action()) << "nor given to a person";
  EXPECT_EQ(EffectCount("IssueRefund", refund->name()), 0);
  ASSERT_TRUE(api().Call(&Plugins::EnablePlugin, On<v1::EnablePluginRequest>("fake-market")).ok());
  EXPECT_TRUE(Eventually([&] {
    Advance(absl::Minutes(1));
    return Get(*refund).status() == v1::Refund::STATUS_SUCCEEDED;
  }));
  EXPECT_EQ(EffectCount("IssueRefund", refund->name()), 1);
}

// Each of them would wait ten seconds for a handshake.
TEST_F(PluginChangesTest, ThoseThatNobodyWaitsForAnyMoreAreNotMade) {
  const std::filesystem::path hangs =
      std::filesystem::path(testing::TempDir()) / ("hangs_" + std::to_string(getpid()) + ".plugin");
  std::ofstream(hangs) << "#!/bin/sh\nexec sleep 100\n";
  std::filesystem::permissions(hangs, std::filesystem::perms(0755));
  v1::UpgradePluginRequest upgrade = On<v1::UpgradePluginRequest>("fake-erp");
  upgrade.set_path(hangs);
  const auto channel = grpc::CreateChannel(host().address(), grpc::InsecureChannelCredentials());
  const auto stub = v1::PluginService::NewStub(channel);
  std::atomic<int> busy{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 30; ++i) {
    callers.emplace_back([&] {
      grpc::ClientContext context;
      context.AddMetadata("aftersales-actor", "manager:mia");
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
      v1::Plugin plugin;
      const grpc::Status status = stub->UpgradePlugin(&context, upgrade, &plugin);
      busy += status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(busy, 30 - 16 - 1);
  // It waits for the one that was under way, and for no other.
  grpc::ClientContext context;
  context.AddMetadata("aftersales-actor", "manager:mia");
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(18));
  v1::Plugin moved;
  const grpc::Status status =
      stub->IsolatePlugin(&context, On<v1::IsolatePluginRequest>("fake-market"), &moved);
  EXPECT_TRUE(status.ok()) << status.error_message();
  std::filesystem::remove(hangs);
}

TEST_F(PluginChangesTest, MovedAndRestartedWhileRefundsAreUnderWay) {
  std::vector<v1::Refund> refunds;
  for (int i = 0; i < 30; ++i) {
    const v1::Order order = Put(
        OrderOf("us", "113-84000" + std::to_string(10 + i) + "-0000001", {{"HAT", 1, 2000, 0}}));
    refunds.push_back(*api().Call(&Refunds::IssueRefund, Concession(order, "HAT", 1)));
    if (i == 10) {
      const auto moved =
          api().Call(&Plugins::IsolatePlugin, On<v1::IsolatePluginRequest>("fake-market"));
      ASSERT_TRUE(moved.ok()) << moved.status.error_message();
      EXPECT_EQ(moved->transport(), v1::Plugin::TRANSPORT_ISOLATED);
    }
    if (i == 20) {
      ASSERT_TRUE(
          api().Call(&Plugins::RestartPlugin, On<v1::RestartPluginRequest>("fake-market")).ok());
    }
  }
  for (const v1::Refund& refund : refunds) {
    Await(refund, v1::Refund::STATUS_SUCCEEDED);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
  }
}

}  // namespace
}  // namespace aftersales::e2e
