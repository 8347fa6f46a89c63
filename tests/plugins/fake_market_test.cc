#include "tests/plugins/fake_market.h"

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/plugins/fake_test_directory.h"

namespace aftersales::testing {
namespace {

using plugin::v1::EffectResult;

class FakeMarketTest : public FakeTest {
 protected:
  FakeMarketTest() { EXPECT_TRUE(market_.Configure(Config()).ok()); }

  sdk::Status Issue(const std::string& effect_id, plugin::v1::EffectResponse& response) {
    plugin::v1::IssueRefundRequest request;
    request.set_effect_id(effect_id);
    request.mutable_refund()->set_name("sellers/acme/refunds/1");
    request.mutable_refund()->mutable_total()->set_minor_units(3980);
    request.mutable_refund()->mutable_total()->set_currency_code("JPY");
    return market_.IssueRefund({}, request, &response);
  }
  EffectResult::Outcome Outcome(const std::string& effect_id) {
    plugin::v1::EffectResponse response;
    EXPECT_TRUE(Issue(effect_id, response).ok());
    return response.result().outcome();
  }
  EffectResult::Outcome Asked(const std::string& effect_id) {
    plugin::v1::QueryEffectRequest request;
    request.set_effect_id(effect_id);
    plugin::v1::EffectResponse response;
    EXPECT_TRUE(market_.QueryEffect({}, request, &response).ok());
    return response.result().outcome();
  }

  FakeMarket market_;
};

TEST_F(FakeMarketTest, DoesAnEffectOnce) {
  plugin::v1::EffectResponse first;
  plugin::v1::EffectResponse second;
  ASSERT_TRUE(Issue("e1", first).ok());
  ASSERT_TRUE(Issue("e1", second).ok());
  EXPECT_EQ(first.result().outcome(), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(second.result().outcome(), EffectResult::OUTCOME_DONE);
  EXPECT_FALSE(first.result().external_id().empty());
  EXPECT_EQ(first.result().external_id(), second.result().external_id());
  EXPECT_EQ(Lines("effects.log"),
            std::vector<std::string>{"IssueRefund e1 3980 JPY sellers/acme/refunds/1"});
  EXPECT_EQ(Asked("e1"), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(Asked("e2"), EffectResult::OUTCOME_NOT_FOUND);
}

TEST_F(FakeMarketTest, RemembersWhatAnotherOneDid) {
  EXPECT_EQ(Outcome("e1"), EffectResult::OUTCOME_DONE);
  FakeMarket restarted;
  ASSERT_TRUE(restarted.Configure(Config()).ok());
  plugin::v1::IssueRefundRequest request;
  request.set_effect_id("e1");
  plugin::v1::EffectResponse response;
  ASSERT_TRUE(restarted.IssueRefund({}, request, &response).ok());
  EXPECT_EQ(response.result().outcome(), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(Lines("effects.log").size(), 1u);
}

TEST_F(FakeMarketTest, ObeysItsModes) {
  struct Case {
    const char* mode;
    EffectResult::Outcome outcome;
    std::size_t done;
  };
  std::size_t lines = 0;
  for (const Case& test : {Case{"OK", EffectResult::OUTCOME_DONE, 1},
                           {"FAIL", EffectResult::OUTCOME_FAILED, 0},
                           {"RETRY", EffectResult::OUTCOME_RETRY, 0},
                           {"TIMEOUT_DONE", EffectResult::OUTCOME_UNKNOWN, 1},
                           {"TIMEOUT_NOT_DONE", EffectResult::OUTCOME_UNKNOWN, 0},
                           {"MANUAL", EffectResult::OUTCOME_MANUAL, 0},
                           {"DUPLICATE", EffectResult::OUTCOME_DONE, 2}}) {
    SetMode("fake-market", "DecideReturn=FAIL\nIssueRefund=" + std::string(test.mode) + "\n");
    EXPECT_EQ(Outcome(test.mode), test.outcome) << test.mode;
    lines += test.done;
    EXPECT_EQ(Lines("effects.log").size(), lines) << test.mode;
    EXPECT_EQ(Asked(test.mode) == EffectResult::OUTCOME_DONE, test.done > 0) << test.mode;
  }
  SetMode("fake-market", "");
  EXPECT_EQ(Outcome("TIMEOUT_DONE"), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(Lines("effects.log").size(), lines);  // Done before already.
  SetMode("fake-market", "NOT_IDEMPOTENT");
  EXPECT_EQ(Outcome("TIMEOUT_DONE"), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(Lines("effects.log").size(), lines + 1);
}

TEST_F(FakeMarketTest, ErrorsAndHangs) {
  plugin::v1::EffectResponse response;
  SetMode("fake-market", "IssueRefund=ERROR");
  EXPECT_EQ(Issue("e1", response).code(), sdk::Code::kUnavailable);
  SetMode("fake-market", "IssueRefund=WHATEVER");
  EXPECT_EQ(Issue("e1", response).code(), sdk::Code::kInvalidArgument);
  SetMode("fake-market", "IssueRefund=HANG");
  sdk::Call call;
  call.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  plugin::v1::IssueRefundRequest request;
  request.set_effect_id("e1");
  EXPECT_EQ(market_.IssueRefund(call, request, &response).code(), sdk::Code::kDeadlineExceeded);
  EXPECT_GE(std::chrono::steady_clock::now(), call.deadline);
  EXPECT_TRUE(Lines("effects.log").empty());
}

TEST_F(FakeMarketTest, CrashesBeforeAndAfter) {
  plugin::v1::EffectResponse response;
  SetMode("fake-market", "IssueRefund=CRASH_AFTER");
  EXPECT_EXIT(static_cast<void>(Issue("e2", response)), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(Lines("effects.log"),
            std::vector<std::string>{"IssueRefund e2 3980 JPY sellers/acme/refunds/1"});
  SetMode("fake-market", "IssueRefund=CRASH_BEFORE");
  EXPECT_EXIT(static_cast<void>(Issue("e3", response)), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(Lines("effects.log").size(), 1u);
}

TEST_F(FakeMarketTest, DecidesReturns) {
  plugin::v1::DecideReturnRequest request;
  request.set_effect_id("d1");
  request.mutable_return_resource()->set_name("sellers/acme/returns/1");
  plugin::v1::EffectResponse response;
  ASSERT_TRUE(market_.DecideReturn({}, request, &response).ok());
  EXPECT_EQ(Lines("effects.log"),
            std::vector<std::string>{"DecideReturn d1 0 - sellers/acme/returns/1"});
}

}  // namespace
}  // namespace aftersales::testing
