#include "tests/plugins/fake_carrier.h"

#include "gtest/gtest.h"
#include "tests/plugins/fake_test_directory.h"

namespace aftersales::testing {
namespace {

using plugin::v1::EffectResult;
using FakeCarrierTest = FakeTest;

TEST_F(FakeCarrierTest, IssuesTheSameLabelForTheSameEffect) {
  FakeCarrier carrier;
  ASSERT_TRUE(carrier.Configure(Config()).ok());
  plugin::v1::IssueLabelRequest request;
  request.set_effect_id("l1");
  request.mutable_return_resource()->set_name("sellers/acme/returns/1");
  plugin::v1::IssueLabelResponse first;
  plugin::v1::IssueLabelResponse again;
  ASSERT_TRUE(carrier.IssueLabel({}, request, &first).ok());
  ASSERT_TRUE(carrier.IssueLabel({}, request, &again).ok());
  EXPECT_EQ(first.result().outcome(), EffectResult::OUTCOME_DONE);
  EXPECT_EQ(first.label().tracking_number().rfind("FAKE", 0), 0u);
  EXPECT_EQ(first.label().cost().minor_units(), 610);
  EXPECT_EQ(first.label().cost().currency_code(), "USD");
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Lines("effects.log").size(), 1u);

  plugin::v1::QueryEffectRequest query;
  query.set_effect_id("l1");
  plugin::v1::IssueLabelResponse asked;
  ASSERT_TRUE(carrier.QueryEffect({}, query, &asked).ok());
  EXPECT_EQ(asked.label().tracking_number(), first.label().tracking_number());

  SetMode("fake-carrier", "IssueLabel=TIMEOUT_NOT_DONE");
  request.set_effect_id("l2");
  plugin::v1::IssueLabelResponse lost;
  ASSERT_TRUE(carrier.IssueLabel({}, request, &lost).ok());
  EXPECT_EQ(lost.result().outcome(), EffectResult::OUTCOME_UNKNOWN);
  EXPECT_FALSE(lost.has_label());
}

TEST_F(FakeCarrierTest, KnowsItsNumbers) {
  FakeCarrier carrier;
  ASSERT_TRUE(carrier.Configure(Config()).ok());
  plugin::v1::ValidateTrackingNumbersRequest request;
  const auto ask = [&](const char* number, const char* stated, int scans) {
    v1::TrackingQuery& query = *request.add_queries();
    query.set_tracking_number(number);
    query.set_carrier(stated);
    query.set_scan_count(scans);
  };
  ask("FAKE1", "", 1);
  ask("FAKE1", "", 0);
  ask("X1", "", 1);
  ask("X1", "Fake", 1);
  plugin::v1::ValidateTrackingNumbersResponse response;
  ASSERT_TRUE(carrier.ValidateTrackingNumbers({}, request, &response).ok());
  ASSERT_EQ(response.verdicts_size(), 4);
  EXPECT_EQ(response.verdicts(0).validity(), v1::TrackingVerdict::VALIDITY_VALID);
  EXPECT_EQ(response.verdicts(1).validity(), v1::TrackingVerdict::VALIDITY_UNSCANNED);
  EXPECT_EQ(response.verdicts(2).validity(), v1::TrackingVerdict::VALIDITY_UNKNOWN);
  EXPECT_EQ(response.verdicts(3).validity(), v1::TrackingVerdict::VALIDITY_INVALID);
  SetMode("fake-carrier", "ValidateTrackingNumbers=FAIL");
  EXPECT_FALSE(carrier.ValidateTrackingNumbers({}, request, &response).ok());
}

}  // namespace
}  // namespace aftersales::testing
