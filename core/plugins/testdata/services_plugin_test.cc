// The SDK's view of the host's services, and the fake host that plugin authors test with.
#include "services_plugin.h"

#include "aftersales/sdk/analytics.h"
#include "aftersales/sdk/erp.h"
#include "aftersales/sdk/testing/fake_host.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class FakeHostTest : public ::testing::Test {
 protected:
  void SetUp() override { plugin_.set_host(fake_.host()); }
  std::string Ask(const std::string& command) {
    plugin::v1::ValidateTrackingNumbersRequest request;
    plugin::v1::ValidateTrackingNumbersResponse response;
    request.add_queries()->set_tracking_number(command);
    EXPECT_TRUE(plugin_.ValidateTrackingNumbers(fake_.NewCall("effect"), request, &response).ok());
    return response.verdicts(0).expected();
  }
  sdk::FakeHost fake_;
  ServicesPlugin plugin_;
};

TEST_F(FakeHostTest, KeepsValues) {
  EXPECT_EQ(Ask("get cursor"), "5 there is no cursor");
  EXPECT_EQ(Ask("put cursor 12 a"), "0 ");
  EXPECT_THAT(fake_.values, ElementsAre(Pair("cursor", "12 a")));
  EXPECT_EQ(Ask("get cursor"), "0 12 a");
  EXPECT_EQ(Ask("delete cursor"), "0 ");
  EXPECT_EQ(Ask("delete cursor"), "0 ");
  EXPECT_TRUE(fake_.values.empty());
}

TEST_F(FakeHostTest, HasSecretsThatChange) {
  EXPECT_EQ(Ask("secret token"), "5 there is no token");
  fake_.secrets["token"] = "one";
  EXPECT_EQ(Ask("secret token"), "0 one");
  fake_.secrets["token"] = "two";
  EXPECT_EQ(Ask("secret token"), "0 two");
}

TEST_F(FakeHostTest, AnswersRequests) {
  EXPECT_EQ(Ask("http GET http://erp/ 0"), "14 FakeHost::on_http is not set");
  fake_.on_http =
      [](const sdk::FakeHost::Request& request) -> sdk::StatusOr<sdk::FakeHost::Response> {
    if (request.method() == "GET") return sdk::Status(sdk::Code::kResourceExhausted, "slower");
    sdk::FakeHost::Response response;
    response.set_status(201);
    response.set_body(request.body() + "!");
    return response;
  };
  EXPECT_EQ(Ask("http POST http://erp/notes 1500\nx-key: 1\n\nbody"), "0 201\n\nbody!");
  EXPECT_EQ(Ask("http GET http://erp/ 0"), "8 slower");
  ASSERT_EQ(fake_.requests.size(), 3u);
  EXPECT_EQ(fake_.requests[1].headers(0).name(), "x-key");
  EXPECT_EQ(fake_.requests[1].timeout().nanos(), 500'000'000);
}

TEST_F(FakeHostTest, HasAClockAndALog) {
  const sdk::Time before = fake_.host().Now();
  EXPECT_EQ(before, fake_.now);
  fake_.now += std::chrono::hours(1);
  EXPECT_EQ(fake_.host().Now() - before, std::chrono::hours(1));
  fake_.host().Log(sdk::Level::kWarning, "look");
  EXPECT_THAT(fake_.lines, ElementsAre(Pair(sdk::Level::kWarning, "look")));
}

// An old host has none of them; a plugin is to see that rather than crash.
TEST(SdkHostTest, WithoutExtensionsAllIsUnimplemented) {
  const sdk::Host host;
  EXPECT_EQ(host.Http().Send({}).status().code(), sdk::Code::kUnimplemented);
  EXPECT_EQ(host.Secret("token").status().message(), "this host has no secrets/1");
  EXPECT_EQ(host.Get("a").status().code(), sdk::Code::kUnimplemented);
  EXPECT_EQ(host.Put("a", "b").code(), sdk::Code::kUnimplemented);
  EXPECT_EQ(host.Delete("a").code(), sdk::Code::kUnimplemented);
}

// What a host that misbehaves sends as details gives a message or none, and nothing worse.
TEST(SdkHostTest, ReadsTheMessageOfAStatus) {
  EXPECT_EQ(sdk::internal::MessageOf(std::string("\x08\x05\x12\x02hi", 6)), "hi");
  EXPECT_EQ(sdk::internal::MessageOf(std::string("\x12\x02hi\x1a\x01x", 7)), "hi");
  EXPECT_EQ(sdk::internal::MessageOf(""), "");
  EXPECT_EQ(sdk::internal::MessageOf("\x12\x7fshort"), "");
  EXPECT_EQ(sdk::internal::MessageOf("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "");
}

TEST(SdkAnalyticsTest, WhatIsNotOverriddenIsUnimplemented) {
  class Silent : public sdk::AnalyticsPlugin {
    plugin::v1::DescribeResponse Describe() override { return {}; }
  } silent;
  plugin::v1::PullAlertsResponse alerts;
  plugin::v1::GetBenchmarksResponse benchmarks;
  EXPECT_EQ(silent.PullAlerts({}, {}, &alerts).code(), sdk::Code::kUnimplemented);
  EXPECT_EQ(silent.GetBenchmarks({}, {}, &benchmarks).code(), sdk::Code::kUnimplemented);
}

}  // namespace
}  // namespace aftersales::testing
