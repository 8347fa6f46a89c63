#include "plugins/marketplaces/amazon_reports/report_types.h"

#include <gtest/gtest.h>

namespace aftersales::amazon_reports {
namespace {

TEST(ReportSpecs, EveryReadColumnStandsInTheLayout) {
  for (const ReportSpec& spec : Reports()) {
    ASSERT_LE(spec.columns.size(), kMaxColumns);
    for (const uint16_t count : spec.layout_counts) {
      ASSERT_LE(count, spec.layout.size()) << spec.type;
      const HeaderMatch match = MatchByPosition(spec, count);
      EXPECT_EQ(match.kind, spec.kind) << spec.type;
      for (size_t i = 0; i < spec.columns.size(); ++i) {
        if (!spec.columns[i].required) continue;
        EXPECT_GE(match.map.cell[i], 0) << spec.type << " " << spec.columns[i].name;
      }
    }
  }
}

TEST(ReportSpecs, EachDocumentedHeaderIsRecognizedAsItself) {
  for (const ReportSpec& spec : Reports()) {
    for (const uint16_t count : spec.layout_counts) {
      const std::vector<std::string_view> header(spec.layout.begin(), spec.layout.begin() + count);
      EXPECT_EQ(Recognize(header).kind, spec.kind) << spec.type << " " << count;
      EXPECT_TRUE(RecognizeForeign(header).empty() || spec.kind == ReportKind::kActionableOrders);
    }
  }
}

TEST(KindByType, TakesBothOrderReports) {
  EXPECT_EQ(KindByType("GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"), ReportKind::kOrders);
  EXPECT_EQ(KindByType("get_flat_file_all_orders_data_by_last_update_general"),
            ReportKind::kOrders);
  EXPECT_EQ(KindByType("GET_V2_SELLER_PERFORMANCE_REPORT"), ReportKind::kPerformance);
  EXPECT_EQ(KindByType("GET_SELLER_FEEDBACK_DATA"), ReportKind::kUnknown);
  EXPECT_EQ(KindByType(""), ReportKind::kUnknown);
}

TEST(MatchByName, IgnoresOrderCaseSpacesAndHyphens) {
  const ReportSpec& spec = *FindReport(ReportKind::kMfnReturns);
  const HeaderMatch match =
      MatchByName(spec, {" merchant-sku ", "RETURN REQUEST DATE", "new column", "Order-ID",
                         "Amazon RMA ID", "Return quantity", "Return request status "});
  EXPECT_EQ(match.missing, "");
  EXPECT_EQ(match.map.cell[kMfnSku], 0);
  EXPECT_EQ(match.map.cell[kMfnRequestDate], 1);
  EXPECT_EQ(match.map.cell[kMfnOrderId], 3);
  EXPECT_EQ(match.map.cell[kMfnTracking], -1);
  EXPECT_EQ(match.named, 6);
}

TEST(MatchByPosition, IsRefusedWhereANameContradicts) {
  const ReportSpec& spec = *FindReport(ReportKind::kShippingConfirmation);
  EXPECT_EQ(MatchByPosition(spec, {"a", "b", "c", "d", "e", "f", "g", "h"}).kind, spec.kind);
  EXPECT_EQ(MatchByPosition(spec, {"order-id", "b", "c", "d", "e", "f", "g", "h"}).kind, spec.kind);
  EXPECT_EQ(MatchByPosition(spec, {"a", "order-id", "c", "d", "e", "f", "g", "h"}).kind,
            ReportKind::kUnknown);
  EXPECT_EQ(MatchByPosition(spec, {"a", "b"}).kind, ReportKind::kUnknown);
}

}  // namespace
}  // namespace aftersales::amazon_reports
