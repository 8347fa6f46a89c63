#include "plugins/carriers/dhl/dhl_plugin.h"

#include <string>

#include "gtest/gtest.h"
#include "plugins/carriers/rules/stated_carrier.h"

namespace aftersales::carriers {
namespace {

TEST(DhlPluginTest, AnswersABatchInOrder) {
  DhlPlugin plugin;
  plugin::v1::ValidateTrackingNumbersRequest request;
  for (const char* number : {"3318810025", "3318810010", "GM2951173225174494"}) {
    v1::TrackingQuery& query = *request.add_queries();
    query.set_tracking_number(number);
    query.set_carrier("DHL");
    query.set_scan_count(1);
  }
  plugin::v1::ValidateTrackingNumbersResponse response;
  ASSERT_TRUE(plugin.ValidateTrackingNumbers({}, request, &response).ok());
  ASSERT_EQ(response.verdicts_size(), 3);
  EXPECT_EQ(response.verdicts(0).validity(), v1::TrackingVerdict::VALIDITY_VALID);
  EXPECT_EQ(response.verdicts(0).carrier(), "dhl-express");
  EXPECT_EQ(response.verdicts(1).validity(), v1::TrackingVerdict::VALIDITY_INVALID);
  EXPECT_EQ(response.verdicts(1).expected(), "4");
  EXPECT_EQ(response.verdicts(2).carrier(), "dhl-ecommerce");
}

TEST(DhlPluginTest, LabelsAreForPeople) {
  DhlPlugin plugin;
  plugin::v1::IssueLabelResponse response;
  ASSERT_TRUE(plugin.IssueLabel({}, {}, &response).ok());
  EXPECT_EQ(response.result().outcome(), plugin::v1::EffectResult::OUTCOME_MANUAL);
  EXPECT_FALSE(response.result().manual_action().title().empty());
}

TEST(DhlPluginTest, DescribesItselfByNamesThatTheRulesKnow) {
  const plugin::v1::DescribeResponse description = DhlPlugin().Describe();
  EXPECT_EQ(description.plugin_id(), "dhl");
  EXPECT_GE(description.carrier_names_size(), 5);
  for (const std::string& name : description.carrier_names()) {
    const StatedCarrier stated = ResolveStatedCarrier(name);
    EXPECT_TRUE(stated.is_dhl() || stated.brand == Brand::kPost) << name;
  }
}

}  // namespace
}  // namespace aftersales::carriers
