// The sample files that the demo imports hold what their README says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugins/marketplaces/amazon_reports/report_reader.h"
#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

using plugin::v1::ParseReportRequest;
using plugin::v1::ParseReportResponse;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

ParseReportResponse Read(const std::string& name) {
  std::ifstream stream(std::string(AFTERSALES_SOURCE_DIR "/examples/demo/") + name,
                       std::ios::binary);
  EXPECT_TRUE(stream) << name;
  const bool japan = name.starts_with("jp/");
  ParseReportRequest request;
  request.set_marketplace_id(japan ? "A1VC38T7YXB528" : "ATVPDKIKX0DER");
  request.set_currency_code(japan ? "JPY" : "USD");
  request.set_chunk(std::string(std::istreambuf_iterator<char>(stream), {}));
  request.set_final(true);
  ParseReportResponse response;
  EXPECT_TRUE(ReadPiece(request, &response));
  return response;
}

std::vector<std::string> ReasonsIn(const ParseReportResponse& response) {
  std::vector<std::string> out;
  for (const auto& problem : response.problems()) out.push_back(problem.reason());
  return out;
}

// Orders by id, with what their lines have in all.
struct Sum {
  int64_t paid = 0;
  std::map<std::string, int> shipped;
};
std::map<std::string, Sum> Orders(const ParseReportResponse& response) {
  std::map<std::string, Sum> out;
  for (const auto& record : response.records()) {
    const v1::Order& order = record.order();
    Sum& sum = out[order.external_id()];
    const v1::OrderLine& line = order.lines(0);
    sum.paid += line.item_total().minor_units() + line.tax_total().minor_units() +
                line.shipping_total().minor_units() + line.shipping_tax().minor_units();
    sum.shipped[line.sku()] += line.quantity_shipped();
  }
  return out;
}

TEST(DemoFiles, UsOrders) {
  const ParseReportResponse response = Read("us/all-orders.txt");
  EXPECT_THAT(ReasonsIn(response), UnorderedElementsAre("CHARSET_GUESSED"));
  EXPECT_EQ(response.records_size(), 69);
  auto orders = Orders(response);
  EXPECT_EQ(orders.size(), 68U);
  EXPECT_EQ(orders["113-6270000-6280000"].paid, 3894);
  int afn = 0;
  for (const auto& record : response.records()) {
    const v1::Order& order = record.order();
    afn += order.fulfillment() == v1::FULFILLMENT_AFN ? 1 : 0;
    EXPECT_GE(order.placed_at().seconds(), ParseInstant("2026-01-10")->seconds);
    EXPECT_LT(order.placed_at().seconds(), ParseInstant("2026-03-10T17:00:00Z")->seconds);
    EXPECT_LT(order.last_updated_at().seconds(), ParseInstant("2026-03-10T17:00:00Z")->seconds);
  }
  EXPECT_EQ(afn, 12);
}

TEST(DemoFiles, ActionableOrdersAreUnshippedAndConfirmedOnesAreKnown) {
  auto orders = Orders(Read("us/all-orders.txt"));
  const ParseReportResponse actionable = Read("us/actionable-orders.txt");
  EXPECT_THAT(ReasonsIn(actionable), IsEmpty());
  EXPECT_EQ(actionable.records_size(), 7);
  std::map<std::string, int64_t> promises;
  for (const auto& record : actionable.records()) {
    const v1::Order& order = record.order();
    ASSERT_TRUE(orders.contains(order.external_id()));
    EXPECT_EQ(orders[order.external_id()].shipped[order.lines(0).sku()], 0);
    promises[order.external_id()] = order.expected_ship_by().seconds();
  }
  const ParseReportResponse confirmed = Read("us/shipping-confirmation.txt");
  EXPECT_THAT(ReasonsIn(confirmed), IsEmpty());
  EXPECT_EQ(confirmed.records_size(), 28);
  int late = 0;
  std::set<std::string> numbers;
  for (const auto& record : confirmed.records()) {
    const v1::Shipment& shipment = record.shipment();
    EXPECT_TRUE(orders.contains(shipment.order_external_id())) << shipment.order_external_id();
    numbers.insert(shipment.tracking_number());
    const auto promise = promises.find(shipment.order_external_id());
    late += promise != promises.end() && shipment.shipped_at().seconds() > promise->second ? 1 : 0;
  }
  EXPECT_EQ(late, 2);
  for (const char* number :
       {"LK123456785CN", "LK123456784CN", "GM295325470000000001", "1234567891", "1234567894"}) {
    EXPECT_TRUE(numbers.contains(number)) << number;
  }
}

TEST(DemoFiles, UsReturnsAreOfShippedLines) {
  auto orders = Orders(Read("us/all-orders.txt"));
  const ParseReportResponse response = Read("us/mfn-returns.txt");
  EXPECT_EQ(response.row_count(), 16);
  EXPECT_EQ(response.records_size(), 15);
  EXPECT_THAT(ReasonsIn(response), UnorderedElementsAre("CHARSET_GUESSED", "BAD_DATE"));
  std::set<std::string> keys;
  int open = 0;
  int returnless = 0;
  bool walked = false;
  for (const auto& record : response.records()) {
    const v1::Return& ret = record.return_record().snapshot();
    keys.insert(ret.external_id());
    open += record.return_record().status() == v1::Return::STATUS_REQUESTED ? 1 : 0;
    returnless += ret.return_method() == v1::RETURN_METHOD_NONE ? 1 : 0;
    EXPECT_GE(orders[ret.order_external_id()].shipped[ret.items(0).sku()],
              ret.items(0).quantity_requested())
        << ret.external_id();
    if (ret.order_external_id() == "113-6270000-6280000") {
      walked = true;
      EXPECT_EQ(ret.items(0).buyer_reason(), v1::RETURN_REASON_ARRIVED_DAMAGED);
      EXPECT_EQ(ret.requested_at().seconds(), ParseInstant("09-Mar-2026")->seconds);
    }
  }
  EXPECT_TRUE(walked);
  EXPECT_EQ(keys.size(), 14U);
  EXPECT_EQ(open, 5);
  EXPECT_EQ(returnless, 1);

  const ParseReportResponse fba = Read("us/fba-returns.txt");
  EXPECT_THAT(ReasonsIn(fba), IsEmpty());
  EXPECT_EQ(fba.records_size(), 6);
  for (const auto& record : fba.records()) {
    const v1::Return& ret = record.return_record().snapshot();
    EXPECT_EQ(orders[ret.order_external_id()].shipped[ret.items(0).sku()], 1) << ret.external_id();
  }
}

TEST(DemoFiles, UsPerformance) {
  const ParseReportResponse response = Read("us/seller-performance.json");
  EXPECT_THAT(ReasonsIn(response), IsEmpty());
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).account_health().metrics_size(), 4);
}

TEST(DemoFiles, Japan) {
  const ParseReportResponse response = Read("jp/all-orders.txt");
  EXPECT_THAT(ReasonsIn(response), IsEmpty());
  EXPECT_EQ(response.charset(), "Shift_JIS");
  EXPECT_EQ(response.records_size(), 9);
  EXPECT_EQ(response.records(0).order().lines(0).item_total().minor_units(), 3980);
  EXPECT_EQ(response.records(0).order().lines(0).tax_total().minor_units(), 362);
  EXPECT_EQ(response.records(0).order().lines(0).shipping_total().minor_units(), 500);
  auto orders = Orders(response);
  const ParseReportResponse returns = Read("jp/mfn-returns.txt");
  EXPECT_EQ(returns.report_type(), "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE");
  EXPECT_THAT(ReasonsIn(returns), UnorderedElementsAre("LOCALIZED_HEADER"));
  EXPECT_EQ(returns.records_size(), 4);
  for (const auto& record : returns.records()) {
    const v1::Return& ret = record.return_record().snapshot();
    EXPECT_GE(orders[ret.order_external_id()].shipped[ret.items(0).sku()], 1) << ret.external_id();
  }
}

}  // namespace
}  // namespace aftersales::amazon_reports
