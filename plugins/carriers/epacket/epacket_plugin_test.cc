#include "plugins/carriers/epacket/epacket_plugin.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "plugins/carriers/rules/stated_carrier.h"

namespace aftersales::carriers {
namespace {

TEST(EpacketPluginTest, AnswersABatchInOrder) {
  EpacketPlugin plugin;
  plugin::v1::ValidateTrackingNumbersRequest request;
  const auto ask = [&](const char* number, const char* carrier, int scans) {
    v1::TrackingQuery& query = *request.add_queries();
    query.set_tracking_number(number);
    query.set_carrier(carrier);
    query.set_scan_count(scans);
  };
  ask("LK 123456785 CN", "EUB", 2);
  ask("LK123456784CN", "EUB", 2);
  ask("LK123456785CN", "EUB", 0);
  ask("3318810025", "DHL", 1);
  plugin::v1::ValidateTrackingNumbersResponse response;
  ASSERT_TRUE(plugin.ValidateTrackingNumbers({}, request, &response).ok());
  ASSERT_EQ(response.verdicts_size(), 4);
  EXPECT_EQ(response.verdicts(0).tracking_number(), "LK123456785CN");
  EXPECT_EQ(response.verdicts(0).validity(), v1::TrackingVerdict::VALIDITY_VALID);
  EXPECT_EQ(response.verdicts(0).carrier(), "epacket");
  ASSERT_EQ(response.verdicts(0).candidates_size(), 2);
  EXPECT_EQ(response.verdicts(0).candidates(0), "epacket");
  EXPECT_EQ(response.verdicts(1).validity(), v1::TrackingVerdict::VALIDITY_INVALID);
  EXPECT_EQ(response.verdicts(1).failed_rule(), "s10-check-digit");
  EXPECT_EQ(response.verdicts(1).expected(), "5");
  EXPECT_EQ(response.verdicts(1).found(), "4");
  EXPECT_FALSE(response.verdicts(1).message().empty());
  EXPECT_EQ(response.verdicts(2).validity(), v1::TrackingVerdict::VALIDITY_UNSCANNED);
  EXPECT_EQ(response.verdicts(3).validity(), v1::TrackingVerdict::VALIDITY_UNKNOWN);
}

TEST(EpacketPluginTest, RefusesTooManyAtOnce) {
  EpacketPlugin plugin;
  plugin::v1::ValidateTrackingNumbersRequest request;
  for (int i = 0; i < 1001; ++i) request.add_queries();
  plugin::v1::ValidateTrackingNumbersResponse response;
  const sdk::Status status = plugin.ValidateTrackingNumbers({}, request, &response);
  EXPECT_EQ(status.code(), sdk::Code::kInvalidArgument);
  EXPECT_NE(status.message().find("queries"), std::string::npos);
}

TEST(EpacketPluginTest, LabelsAreForPeople) {
  EpacketPlugin plugin;
  plugin::v1::IssueLabelResponse response;
  ASSERT_TRUE(plugin.IssueLabel({}, {}, &response).ok());
  EXPECT_EQ(response.result().outcome(), plugin::v1::EffectResult::OUTCOME_MANUAL);
  EXPECT_GE(response.result().manual_action().steps_size(), 3);
}

TEST(EpacketPluginTest, DescribesItselfByNamesThatTheRulesKnow) {
  const plugin::v1::DescribeResponse description = EpacketPlugin().Describe();
  EXPECT_EQ(description.plugin_id(), "epacket");
  EXPECT_EQ(description.methods_size(), 3);
  std::set<std::string> names;
  for (const std::string& name : description.carrier_names()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    const Brand brand = ResolveStatedCarrier(name).brand;
    EXPECT_TRUE(brand == Brand::kEpacket || brand == Brand::kPost || brand == Brand::kEms) << name;
  }
  EXPECT_EQ(names.count("EUB"), 1u);
}

}  // namespace
}  // namespace aftersales::carriers
