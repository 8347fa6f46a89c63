#include "plugins/marketplaces/amazon_reports/amazon_reports.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace aftersales::amazon_reports {
namespace {

TEST(AmazonReports, DescribesWhatItCanDo) {
  AmazonReports plugin;
  const plugin::v1::DescribeResponse description = plugin.Describe();
  EXPECT_EQ(description.plugin_id(), "amazon-reports");
  std::map<std::string, v1::Plugin::Capability> methods;
  for (const auto& method : description.methods()) methods[method.method()] = method.capability();
  EXPECT_EQ(methods["ParseReport"], v1::Plugin::CAPABILITY_SUPPORTED);
  for (const auto& method : description.methods()) {
    const bool manual = method.capability() == v1::Plugin::CAPABILITY_MANUAL;
    EXPECT_EQ(method.manual_action().steps_size() > 0, manual) << method.method();
    EXPECT_EQ(!method.manual_action().title().empty(), manual) << method.method();
    for (const std::string& step : method.manual_action().steps()) {
      EXPECT_EQ(step.find('{'), std::string::npos) << step;
    }
  }
  EXPECT_EQ(methods["DecideReturn"], v1::Plugin::CAPABILITY_MANUAL);
  EXPECT_EQ(methods["IssueRefund"], v1::Plugin::CAPABILITY_MANUAL);
  EXPECT_EQ(methods["QueryEffect"], v1::Plugin::CAPABILITY_UNSUPPORTED);
}

TEST(AmazonReports, RefusesAPieceThatIsTooLargeOrOutOfPlace) {
  AmazonReports plugin;
  plugin::v1::ParseReportRequest request;
  plugin::v1::ParseReportResponse response;
  request.set_chunk(std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(plugin.ParseReport({}, request, &response).code(), sdk::Code::kInvalidArgument);
  request.set_chunk("x");
  request.set_state("not ours");
  EXPECT_EQ(plugin.ParseReport({}, request, &response).code(), sdk::Code::kInvalidArgument);
}

TEST(AmazonReports, ReadsAReport) {
  AmazonReports plugin;
  plugin::v1::ParseReportRequest request;
  plugin::v1::ParseReportResponse response;
  request.set_chunk("order-id\tship-date\tcarrier-name\ttracking-number\n1\t2026-03-09\tDHL\t2\n");
  request.set_final(true);
  ASSERT_TRUE(plugin.ParseReport({}, request, &response).ok());
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).shipment().carrier(), "DHL");
}

TEST(AmazonReports, LeavesEffectsToAPerson) {
  AmazonReports plugin;
  plugin::v1::DecideReturnRequest decide;
  decide.set_marketplace_id("ATVPDKIKX0DER");
  decide.mutable_return_resource()->set_order_external_id("113-1");
  plugin::v1::EffectResponse response;
  ASSERT_TRUE(plugin.DecideReturn({}, decide, &response).ok());
  EXPECT_EQ(response.result().outcome(), plugin::v1::EffectResult::OUTCOME_MANUAL);
  EXPECT_FALSE(response.result().manual_action().steps().empty());

  plugin::v1::IssueRefundRequest refund;
  refund.set_marketplace_id("A1VC38T7YXB528");
  refund.mutable_refund()->set_order_external_id("503-1");
  response.Clear();
  ASSERT_TRUE(plugin.IssueRefund({}, refund, &response).ok());
  EXPECT_EQ(response.result().outcome(), plugin::v1::EffectResult::OUTCOME_MANUAL);
  EXPECT_EQ(response.result().manual_action().url(),
            "https://sellercentral.amazon.co.jp/orders-v3/order/503-1");

  EXPECT_EQ(plugin.QueryEffect({}, {}, &response).code(), sdk::Code::kUnimplemented);
}

}  // namespace
}  // namespace aftersales::amazon_reports
