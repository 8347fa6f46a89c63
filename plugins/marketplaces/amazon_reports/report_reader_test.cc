#include "plugins/marketplaces/amazon_reports/report_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/marketplaces/amazon_reports/report_types.h"
#include "plugins/marketplaces/amazon_reports/text_decoder.h"
#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

using plugin::v1::ParseReportRequest;
using plugin::v1::ParseReportResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kUs[] = "ATVPDKIKX0DER";
constexpr char kJapan[] = "A1VC38T7YXB528";
constexpr char kMfnType[] = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE";

struct Options {
  std::string type = "";
  std::string marketplace = kUs;
  std::string currency = "USD";
  std::string charset = "";
  size_t piece = 1 << 20;
};

// Feeds a file in pieces and puts the answers together. What a host does.
ParseReportResponse Feed(std::string_view file, const Options& options) {
  ParseReportResponse all;
  std::string state;
  do {
    ParseReportRequest request;
    request.set_report_type(options.type);
    request.set_marketplace_id(options.marketplace);
    request.set_currency_code(options.currency);
    request.set_time_zone("America/Los_Angeles");
    request.set_charset(options.charset);
    request.set_chunk(std::string(file.substr(0, options.piece)));
    file.remove_prefix(std::min(options.piece, file.size()));
    request.set_final(file.empty());
    request.set_state(state);
    ParseReportResponse response;
    EXPECT_TRUE(ReadPiece(request, &response));
    state = response.state();
    EXPECT_LE(state.size(), size_t{2} << 20);
    all.set_row_count(all.row_count() + response.row_count());
    all.set_report_type(response.report_type());
    all.set_charset(response.charset());
    all.mutable_records()->MergeFrom(response.records());
    all.mutable_problems()->MergeFrom(response.problems());
  } while (!file.empty());
  return all;
}

std::vector<std::string> Reasons(const ParseReportResponse& response) {
  std::vector<std::string> out;
  for (const auto& problem : response.problems()) out.push_back(problem.reason());
  return out;
}

std::string HeaderOf(ReportKind kind, size_t count = 0) {
  const ReportSpec& spec = *FindReport(kind);
  std::string out;
  for (size_t i = 0; i < (count == 0 ? spec.layout.size() : count); ++i) {
    if (i > 0) out += '\t';
    out.append(spec.layout[i]);
  }
  return out + "\r\n";
}

// A row under the documented header, given by `name=value`.
std::string RowOf(ReportKind kind, std::vector<std::pair<std::string_view, std::string>> cells) {
  const ReportSpec& spec = *FindReport(kind);
  std::string out;
  size_t used = 0;
  for (const std::string_view column : spec.layout) {
    const auto found =
        std::ranges::find(cells, column, [](const auto& cell) { return cell.first; });
    if (used > 0) out += '\t';
    ++used;
    out += found == cells.end() ? "" : found->second;
  }
  for (const auto& cell : cells) {
    EXPECT_NE(std::ranges::find(spec.layout, cell.first), spec.layout.end()) << cell.first;
  }
  return out + "\r\n";
}

using Cells = std::vector<std::pair<std::string_view, std::string>>;

std::string MfnRow(const Cells& changes) {
  Cells cells = {{"Order ID", "113-6270000-6280000"},
                 {"Order date", "10-Jul-2025"},
                 {"Return request date", "14-Jul-2025"},
                 {"Return request status", "Approved"},
                 {"Amazon RMA ID", "DfqXXXXBRRMA"},
                 {"Merchant RMA ID", " "},
                 {"Label type", "AmazonPrePaidLabel"},
                 {"Label cost", "4.14"},
                 {"Currency code", "USD"},
                 {"Return carrier", "USPS"},
                 {"Tracking ID", "92020903395983638"},
                 {"Label to be paid by", "Seller"},
                 {"A-to-Z Claim", "N"},
                 {"Is prime", "N"},
                 {"ASIN", "B0XXXXXXXX"},
                 {"Merchant SKU", "SKU-1"},
                 {"Item Name", "A shoe"},
                 {"Return quantity", "2"},
                 {"Return Reason", "AMZ-PG-WJ-TOO-SMALL"},
                 {"In policy", "Y"},
                 {"Return type", "C-Returns"},
                 {"Resolution", "StandardRefund"}};
  for (const auto& change : changes) {
    std::erase_if(cells, [&](const auto& cell) { return cell.first == change.first; });
    cells.push_back(change);
  }
  return RowOf(ReportKind::kMfnReturns, cells);
}

std::string OrderRow(const Cells& changes) {
  Cells cells = {{"amazon-order-id", "113-6270000-6280000"},
                 {"purchase-date", "2026-02-20T18:04:11+00:00"},
                 {"last-updated-date", "2026-02-22T09:00:00+00:00"},
                 {"order-status", "Shipped"},
                 {"fulfillment-channel", "Merchant"},
                 {"sales-channel", "Amazon.com"},
                 {"product-name", "A lamp"},
                 {"sku", "LAMP-1"},
                 {"asin", "B0LAMP0001"},
                 {"item-status", "Shipped"},
                 {"quantity", "1"},
                 {"currency", "USD"},
                 {"item-price", "29.99"},
                 {"item-tax", "2.47"},
                 {"shipping-price", "5.99"},
                 {"shipping-tax", "0.49"},
                 {"ship-city", "SPRINGFIELD"},
                 {"ship-postal-code", "00000"},
                 {"ship-country", "US"}};
  for (const auto& change : changes) {
    std::erase_if(cells, [&](const auto& cell) { return cell.first == change.first; });
    cells.push_back(change);
  }
  return RowOf(ReportKind::kOrders, cells);
}

std::string MfnFile(const Cells& changes) {
  return HeaderOf(ReportKind::kMfnReturns) + MfnRow(changes);
}

v1::Return OnlyReturn(const ParseReportResponse& response) {
  EXPECT_EQ(response.records_size(), 1);
  EXPECT_THAT(Reasons(response), IsEmpty());
  if (response.records_size() != 1) return {};
  return response.records(0).return_record().snapshot();
}

TEST(MfnReturns, ReadsTheSampleRowThatEndsEarly) {
  // The shape of a real row: single-space empties, and the line ends after `Order quantity`.
  const std::string file =
      HeaderOf(ReportKind::kMfnReturns, 32) +
      "113-6270000-6280000\t10-Jul-2025\t14-Jul-2025\tApproved\tDfqXXXXBRRMA\t \t"
      "AmazonPrePaidLabel\t4.14\tUSD\tUSPS\t92020903395983638XXXXX\tSeller\tN\tN\tB0XXXXXXXX\t"
      "SKU-1\tA shoe\t2\tAMZ-PG-WJ-TOO-SMALL\tY\tC-Returns\tStandardRefund\t \t \t21.38\t2\r\n"
      "\r\n\r\n";
  const ParseReportResponse response = Feed(file, {});
  EXPECT_EQ(response.report_type(), kMfnType);
  EXPECT_EQ(response.row_count(), 1);
  const v1::Return ret = OnlyReturn(response);
  EXPECT_EQ(response.records(0).line(), 2);
  EXPECT_EQ(ret.external_id(), "DfqXXXXBRRMA:SKU-1");
  EXPECT_EQ(ret.external_rma_id(), "DfqXXXXBRRMA");
  EXPECT_EQ(ret.merchant_rma_id(), "");
  EXPECT_EQ(ret.order_external_id(), "113-6270000-6280000");
  EXPECT_EQ(ret.fulfillment(), v1::FULFILLMENT_MFN);
  EXPECT_EQ(ret.requested_at().seconds(), ParseInstant("2025-07-14")->seconds);
  EXPECT_TRUE(ret.requested_at_day_only());
  EXPECT_EQ(ret.platform_status(), "Approved");
  EXPECT_EQ(response.records(0).return_record().status(), v1::Return::STATUS_APPROVED);
  EXPECT_FALSE(response.records(0).return_record().has_delivered_at());
  EXPECT_EQ(ret.platform_resolution(), "StandardRefund");
  EXPECT_FALSE(ret.has_platform_refunded());
  EXPECT_TRUE(ret.validity().in_policy());
  EXPECT_FALSE(ret.is_prime());
  EXPECT_FALSE(ret.a_to_z_claim());
  EXPECT_FALSE(ret.platform_managed());
  EXPECT_EQ(ret.return_method(), v1::RETURN_METHOD_PREPAID);
  ASSERT_EQ(ret.items_size(), 1);
  EXPECT_EQ(ret.items(0).sku(), "SKU-1");
  EXPECT_EQ(ret.items(0).asin(), "B0XXXXXXXX");
  EXPECT_EQ(ret.items(0).quantity_requested(), 2);
  EXPECT_EQ(ret.items(0).buyer_reason(), v1::RETURN_REASON_SIZE_TOO_SMALL);
  EXPECT_EQ(ret.items(0).external_reason(), "AMZ-PG-WJ-TOO-SMALL");
  ASSERT_EQ(ret.labels_size(), 1);
  EXPECT_EQ(ret.labels(0).kind(), v1::ReturnLabel::KIND_AMAZON_GENERATED);
  EXPECT_EQ(ret.labels(0).state(), v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(ret.labels(0).carrier(), "USPS");
  EXPECT_EQ(ret.labels(0).tracking_number(), "92020903395983638XXXXX");
  EXPECT_EQ(ret.labels(0).cost().minor_units(), 414);
  EXPECT_EQ(ret.labels(0).cost().currency_code(), "USD");
  EXPECT_EQ(ret.labels(0).paid_by(), v1::ReturnLabel::PAYER_SELLER);
}

TEST(MfnReturns, TakesIsoDatesDeliveryClaimPrimeAndRefund) {
  const ParseReportResponse response =
      Feed(MfnFile({{"Return request date", "2026-03-09T08:15:00+00:00"},
                    {"Return delivery date", "10-Mar-2026"},
                    {"A-to-Z Claim", "Y"},
                    {"Is prime", "Y"},
                    {"In policy", "N"},
                    {"Refunded Amount", "12,50"},
                    {"Order Item ID", "00123456789012"}}),
           {});
  const v1::Return ret = OnlyReturn(response);
  EXPECT_FALSE(ret.requested_at_day_only());
  EXPECT_EQ(ret.requested_at().seconds(), ParseInstant("2026-03-09T08:15Z")->seconds);
  EXPECT_EQ(response.records(0).return_record().delivered_at().seconds(),
            ParseInstant("2026-03-10")->seconds);
  EXPECT_EQ(ret.labels(0).state(), v1::ReturnLabel::STATE_USED);
  EXPECT_TRUE(ret.a_to_z_claim());
  EXPECT_TRUE(ret.is_prime());
  EXPECT_TRUE(ret.has_validity());
  EXPECT_FALSE(ret.validity().in_policy());
  EXPECT_EQ(ret.platform_refunded().minor_units(), 1250);
  EXPECT_EQ(ret.items(0).external_item_id(), "00123456789012");
  // The key does not depend on a column that older files lack.
  EXPECT_EQ(ret.external_id(), "DfqXXXXBRRMA:SKU-1");
}

TEST(MfnReturns, MapsEveryStatusThatIsKnown) {
  struct Case {
    const char* word;
    v1::Return::Status status;
  };
  for (const Case& c :
       {Case{"Pending", v1::Return::STATUS_REQUESTED},
        Case{"PendingApproval", v1::Return::STATUS_REQUESTED},
        Case{"approved", v1::Return::STATUS_APPROVED}, Case{"Completed", v1::Return::STATUS_CLOSED},
        Case{"Closed", v1::Return::STATUS_CLOSED}, Case{"Denied", v1::Return::STATUS_REJECTED},
        Case{"Cancelled", v1::Return::STATUS_CANCELLED}}) {
    const ParseReportResponse response = Feed(MfnFile({{"Return request status", c.word}}), {});
    EXPECT_THAT(Reasons(response), IsEmpty());
    EXPECT_EQ(response.records(0).return_record().status(), c.status) << c.word;
  }
}

TEST(MfnReturns, TakesAnUnknownStatusAndWarnsOnce) {
  const std::string row = MfnRow({{"Return request status", "OnTheMoon"}});
  const ParseReportResponse response = Feed(HeaderOf(ReportKind::kMfnReturns) + row + row, {});
  EXPECT_EQ(response.records_size(), 2);
  EXPECT_EQ(response.records(0).return_record().status(), v1::Return::STATUS_UNSPECIFIED);
  EXPECT_EQ(response.records(0).return_record().snapshot().platform_status(), "OnTheMoon");
  ASSERT_THAT(Reasons(response), ElementsAre("UNKNOWN_STATUS"));
  EXPECT_FALSE(response.problems(0).skipped());
  EXPECT_EQ(response.problems(0).column(), "Return request status");
}

TEST(MfnReturns, KeysReturnlessRefundsByOrderItemAndDate) {
  const ParseReportResponse by_sku = Feed(MfnFile({{"Amazon RMA ID", " "},
                                                   {"Label type", ""},
                                                   {"Label cost", ""},
                                                   {"Return carrier", ""},
                                                   {"Tracking ID", ""}}),
                                          {});
  const v1::Return ret = OnlyReturn(by_sku);
  EXPECT_EQ(ret.external_id(), "113-6270000-6280000:SKU-1:2025-07-14");
  EXPECT_EQ(ret.external_rma_id(), "");
  EXPECT_EQ(ret.return_method(), v1::RETURN_METHOD_NONE);
  EXPECT_EQ(ret.labels_size(), 0);
  EXPECT_EQ(
      OnlyReturn(Feed(MfnFile({{"Amazon RMA ID", ""}, {"Merchant SKU", ""}}), {})).external_id(),
      "113-6270000-6280000:B0XXXXXXXX:2025-07-14");
  EXPECT_EQ(
      OnlyReturn(Feed(MfnFile({{"Amazon RMA ID", ""}, {"Order Item ID", "12345678901234"}}), {}))
          .external_id(),
      "113-6270000-6280000:12345678901234:2025-07-14");
  // The other form of the date gives the same key.
  EXPECT_EQ(OnlyReturn(Feed(MfnFile({{"Amazon RMA ID", ""},
                                     {"Return request date", "2025-07-14T00:00:00Z"}}),
                            {}))
                .external_id(),
            "113-6270000-6280000:SKU-1:2025-07-14");
}

TEST(MfnReturns, GivesTwoItemsOfOneRmaTwoKeysAndARepeatedRowTheSame) {
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kMfnReturns) + MfnRow({}) + MfnRow({{"Merchant SKU", "SKU-2"}}) +
               MfnRow({{"Return request status", "Completed"}}),
           {});
  ASSERT_EQ(response.records_size(), 3);
  const auto key = [&](int i) {
    return response.records(i).return_record().snapshot().external_id();
  };
  EXPECT_NE(key(0), key(1));
  EXPECT_EQ(key(0), key(2));
}

TEST(MfnReturns, TellsWhoPaysTheLabelAndHowTheGoodsComeBack) {
  struct Case {
    const char* type;
    const char* payer;
    v1::ReturnMethod method;
    v1::ReturnLabel::Kind kind;
    v1::ReturnLabel::Payer paid_by;
  };
  for (const Case& c : {Case{"AmazonPrePaidLabel", "Customer", v1::RETURN_METHOD_PREPAID,
                             v1::ReturnLabel::KIND_AMAZON_GENERATED, v1::ReturnLabel::PAYER_BUYER},
                        Case{"AmazonUnPaidLabel", "Seller", v1::RETURN_METHOD_BUYER_PAYS,
                             v1::ReturnLabel::KIND_AMAZON_GENERATED, v1::ReturnLabel::PAYER_SELLER},
                        Case{"MerchantPaidLabel", "Amazon", v1::RETURN_METHOD_MERCHANT_LABEL,
                             v1::ReturnLabel::KIND_MERCHANT, v1::ReturnLabel::PAYER_PLATFORM},
                        Case{"CustomLabel", "", v1::RETURN_METHOD_MERCHANT_LABEL,
                             v1::ReturnLabel::KIND_MERCHANT, v1::ReturnLabel::PAYER_UNSPECIFIED}}) {
    const ParseReportResponse response =
        Feed(MfnFile({{"Label type", c.type}, {"Label to be paid by", c.payer}}), {});
    const v1::Return ret = OnlyReturn(response);
    EXPECT_EQ(ret.return_method(), c.method) << c.type;
    ASSERT_EQ(ret.labels_size(), 1) << c.type;
    EXPECT_EQ(ret.labels(0).kind(), c.kind) << c.type;
    EXPECT_EQ(ret.labels(0).paid_by(), c.paid_by) << c.type;
  }
}

TEST(MfnReturns, StripsTheMarkOfTheTrackingReport) {
  const ParseReportResponse response =
      Feed(MfnFile({{"Tracking ID", "LK123456785CN-InvalidId"}}), {});
  EXPECT_EQ(OnlyReturn(response).labels(0).tracking_number(), "LK123456785CN");
}

// Every way in which a row cannot be taken.
struct BadRow {
  const char* column;
  const char* value;
  const char* reason;
};
class BadRowTest : public testing::TestWithParam<BadRow> {};

TEST_P(BadRowTest, IsSkippedWithLineAndColumnAndTheRestIsTaken) {
  const BadRow& bad = GetParam();
  const std::string file = HeaderOf(ReportKind::kMfnReturns) + MfnRow({}) +
                           MfnRow({{bad.column, bad.value}}) + MfnRow({{"Merchant SKU", "SKU-9"}});
  const ParseReportResponse response = Feed(file, {});
  EXPECT_EQ(response.records_size(), 2);
  EXPECT_EQ(response.row_count(), 3);
  ASSERT_THAT(Reasons(response), ElementsAre(bad.reason));
  EXPECT_EQ(response.problems(0).line(), 3);
  EXPECT_EQ(response.problems(0).column(), bad.column);
  EXPECT_TRUE(response.problems(0).skipped());
  EXPECT_THAT(response.problems(0).message(), HasSubstr(bad.column));
  EXPECT_EQ(response.records(1).line(), 4);
}

INSTANTIATE_TEST_SUITE_P(
    Mfn, BadRowTest,
    testing::Values(BadRow{"Order ID", " ", "MISSING_VALUE"},
                    BadRow{"Return request date", "", "MISSING_VALUE"},
                    BadRow{"Return request date", "31-Feb-2026", "BAD_DATE"},
                    BadRow{"Return request date", "07/14/25", "BAD_DATE"},
                    BadRow{"Return delivery date", "soon", "BAD_DATE"},
                    BadRow{"Return quantity", "", "MISSING_VALUE"},
                    BadRow{"Return quantity", "0", "BAD_NUMBER"},
                    BadRow{"Return quantity", "-1", "BAD_NUMBER"},
                    BadRow{"Return quantity", "1.5", "BAD_NUMBER"},
                    BadRow{"Return quantity", "99999999999", "NUMBER_OVERFLOW"},
                    BadRow{"Label cost", "four", "BAD_NUMBER"},
                    BadRow{"Label cost", "-4.14", "BAD_NUMBER"},
                    BadRow{"Label cost", "1,234", "BAD_NUMBER"},
                    BadRow{"Label cost", "99999999999999999999.00", "NUMBER_OVERFLOW"},
                    BadRow{"Refunded Amount", "1.2.3", "BAD_NUMBER"},
                    BadRow{"Currency code", "dollars", "BAD_CURRENCY"}));

TEST(Rows, TooLongValueIsARowThatHasSlipped) {
  const ParseReportResponse response = Feed(MfnFile({{"Merchant SKU", std::string(300, 'x')}}), {});
  EXPECT_THAT(Reasons(response), ElementsAre("VALUE_TOO_LONG"));
}

TEST(Rows, CellsBeyondTheHeaderMeanALostTab) {
  std::string row = MfnRow({});
  row.insert(row.size() - 2, "\tmore");
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kMfnReturns) + row + MfnRow({}), {});
  EXPECT_THAT(Reasons(response), ElementsAre("TOO_MANY_COLUMNS"));
  EXPECT_EQ(response.records_size(), 1);
  // Empty ones are harmless.
  std::string padded = MfnRow({});
  padded.insert(padded.size() - 2, "\t \t");
  EXPECT_THAT(Reasons(Feed(HeaderOf(ReportKind::kMfnReturns) + padded, {})), IsEmpty());
}

TEST(Rows, NulByteIsBadText) {
  std::string row = MfnRow({});
  row[3] = '\0';
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kMfnReturns) + row + MfnRow({}), {});
  EXPECT_THAT(Reasons(response), ElementsAre("BAD_TEXT"));
  EXPECT_EQ(response.records_size(), 1);
}

TEST(Rows, ShortRowWithoutARequiredCellSaysWhichOne) {
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kMfnReturns) + "113-6270000-6280000\t10-Jul-2025\n", {});
  ASSERT_THAT(Reasons(response), ElementsAre("MISSING_VALUE"));
  EXPECT_EQ(response.problems(0).column(), "Return request date");
}

TEST(Rows, ProblemsAreCapped) {
  std::string file = HeaderOf(ReportKind::kMfnReturns);
  for (int i = 0; i < kMaxProblems + 500; ++i) file += "x\n";
  const ParseReportResponse response = Feed(file, {});
  ASSERT_EQ(response.problems_size(), kMaxProblems + 1);
  EXPECT_EQ(response.row_count(), kMaxProblems + 500);
  EXPECT_EQ(response.problems(kMaxProblems).reason(), "TOO_MANY_PROBLEMS");
  EXPECT_THAT(response.problems(kMaxProblems).message(), HasSubstr("500 more"));
}

TEST(Headers, MayHaveStraySpacesOtherOrderAndUnknownColumns) {
  const std::string file =
      "Merchant SKU \tCategory\t order id\tRETURN REQUEST DATE\tReturn request status\t"
      "Amazon RMA ID\tReturn quantity\tVAT\n"
      "SKU-1\tShoes\t113-6270000-6280000\t14-Jul-2025\tPending\tD1RRMA\t1\t19%\n";
  const v1::Return ret = OnlyReturn(Feed(file, {.type = kMfnType}));
  EXPECT_EQ(ret.external_id(), "D1RRMA:SKU-1");
}

TEST(Headers, WithLineFeedsOnlyAndNoneAtTheEnd) {
  std::string file = MfnFile({});
  std::erase(file, '\r');
  while (file.back() == '\n') file.pop_back();
  EXPECT_EQ(OnlyReturn(Feed(file, {})).external_id(), "DfqXXXXBRRMA:SKU-1");
}

TEST(Headers, BlankLinesBeforeThemCountAsLines) {
  const ParseReportResponse response = Feed("\r\n \r\n" + MfnFile({}), {});
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).line(), 4);
}

TEST(Headers, AloneAreAReportWithoutRows) {
  const ParseReportResponse response = Feed(HeaderOf(ReportKind::kMfnReturns), {});
  EXPECT_EQ(response.report_type(), kMfnType);
  EXPECT_EQ(response.records_size(), 0);
  EXPECT_EQ(response.row_count(), 0);
  EXPECT_THAT(Reasons(response), IsEmpty());
}

// 32 Japanese column names in the documented order, as UTF-8.
std::string JapaneseHeader(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += '\t';
    out += "\xE6\xB3\xA8\xE6\x96\x87" + std::to_string(i);
  }
  return out + "\n";
}

TEST(LocalizedHeaders, AreReadByPositionWithAWarning) {
  for (const size_t count : {32, 33}) {
    const ParseReportResponse response =
        Feed(JapaneseHeader(count) + MfnRow({}), {.type = kMfnType, .marketplace = kJapan});
    ASSERT_EQ(response.records_size(), 1) << count;
    EXPECT_EQ(response.records(0).return_record().snapshot().external_id(), "DfqXXXXBRRMA:SKU-1");
    EXPECT_THAT(Reasons(response), ElementsAre("LOCALIZED_HEADER"));
    EXPECT_EQ(response.problems(0).line(), 1);
  }
}

TEST(LocalizedHeaders, WithoutATypeTheFirstRowDecides) {
  const ParseReportResponse returns = Feed(JapaneseHeader(32) + MfnRow({}), {});
  EXPECT_EQ(returns.report_type(), kMfnType);
  EXPECT_EQ(returns.records_size(), 1);
  const ParseReportResponse orders = Feed(JapaneseHeader(32) + OrderRow({}), {});
  EXPECT_EQ(orders.report_type(), "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL");
  EXPECT_EQ(orders.records_size(), 1);
  EXPECT_THAT(Reasons(Feed(JapaneseHeader(32) + "a\tb\tc\n", {})),
              ElementsAre("LOCALIZED_HEADER", "UNKNOWN_REPORT_TYPE"));
}

TEST(LocalizedHeaders, WithAnotherColumnCountAreRefused) {
  const ParseReportResponse response = Feed(JapaneseHeader(31) + MfnRow({}), {.type = kMfnType});
  EXPECT_THAT(Reasons(response), ElementsAre("WRONG_REPORT"));
  EXPECT_EQ(response.records_size(), 0);
  EXPECT_THAT(Reasons(Feed(JapaneseHeader(5) + "a\n", {})), ElementsAre("UNKNOWN_REPORT_TYPE"));
}

TEST(LocalizedHeaders, DoNotTakeRowsWithoutAnOrderIdInItsPlace) {
  const ParseReportResponse response =
      Feed(JapaneseHeader(32) + MfnRow({{"Order ID", "SKU-1"}}) + MfnRow({}), {.type = kMfnType});
  EXPECT_EQ(response.records_size(), 1);
  EXPECT_THAT(Reasons(response), ElementsAre("LOCALIZED_HEADER", "BAD_ORDER_ID"));
}

TEST(Files, OfAnotherTypeAreRefusedByName) {
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kOrders) + OrderRow({}), {.type = kMfnType});
  ASSERT_THAT(Reasons(response), ElementsAre("WRONG_REPORT"));
  EXPECT_EQ(response.problems(0).line(), 0);
  EXPECT_TRUE(response.problems(0).skipped());
  EXPECT_THAT(response.problems(0).message(),
              HasSubstr("GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"));
  EXPECT_EQ(response.records_size(), 0);

  const ParseReportResponse foreign =
      Feed("approval-date\treimbursement-id\tcase-id\n1\t2\t3\n", {.type = kMfnType});
  ASSERT_THAT(Reasons(foreign), ElementsAre("WRONG_REPORT"));
  EXPECT_THAT(foreign.problems(0).message(), HasSubstr("GET_FBA_REIMBURSEMENTS_DATA"));

  EXPECT_THAT(Reasons(Feed("<AmazonEnvelope/>", {.type = kMfnType})), ElementsAre("WRONG_REPORT"));
  EXPECT_THAT(Reasons(Feed("{\"a\":1}", {.type = kMfnType})), ElementsAre("WRONG_REPORT"));
  EXPECT_THAT(Reasons(Feed(MfnFile({}), {.type = "GET_V2_SELLER_PERFORMANCE_REPORT"})),
              ElementsAre("WRONG_REPORT"));
}

TEST(Files, OfAnUnknownTypeAreRefused) {
  EXPECT_THAT(Reasons(Feed(MfnFile({}), {.type = "GET_SOMETHING"})),
              ElementsAre("UNKNOWN_REPORT_TYPE"));
  EXPECT_THAT(Reasons(Feed("name\tage\nx\t1\n", {})), ElementsAre("UNKNOWN_REPORT_TYPE"));
  EXPECT_THAT(Reasons(Feed("<html></html>", {})), ElementsAre("UNKNOWN_REPORT_TYPE"));
  const ParseReportResponse foreign = Feed("Date\tRating\tComments\tOrder ID\n", {});
  ASSERT_THAT(Reasons(foreign), ElementsAre("UNKNOWN_REPORT_TYPE"));
  EXPECT_THAT(foreign.problems(0).message(), HasSubstr("GET_SELLER_FEEDBACK_DATA"));
}

TEST(Files, WithoutARequiredColumnAreRefusedByItsName) {
  std::string file = MfnFile({});
  file.replace(file.find("Return quantity"), 15, "Pieces");
  // Renamed in its place it is found by position.
  EXPECT_THAT(Reasons(Feed(file, {.type = kMfnType})), ElementsAre("LOCALIZED_HEADER"));
  const std::string header = HeaderOf(ReportKind::kMfnReturns);
  std::string without = header;
  without.erase(without.find("Return quantity\t"), 16);
  const ParseReportResponse response = Feed(without, {.type = kMfnType});
  ASSERT_THAT(Reasons(response), ElementsAre("MISSING_COLUMN"));
  EXPECT_EQ(response.problems(0).column(), "Return quantity");
}

TEST(Files, ThatAreEmptyAreRefused) {
  for (const char* file : {"", "\n", "  \r\n\r\n", "\xEF\xBB\xBF", "\t\t\n"}) {
    EXPECT_THAT(Reasons(Feed(file, {})), ElementsAre("EMPTY_REPORT"));
    EXPECT_THAT(Reasons(Feed(file, {.type = kMfnType})), ElementsAre("EMPTY_REPORT"));
  }
}

TEST(Files, ThatAreNoTextAreRefused) {
  using namespace std::string_literals;
  for (const std::string& file :
       {"\x1F\x8B\x08\0\0\0\0\0"s, "PK\x03\x04 and more"s, "%PDF-1.7\n..."s, "\x89PNG\r\n\x1A\n"s,
        "\x7F"
        "ELF\x02\x01\x01"s,
        "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"s, "a\0b\tc\n1\t2\n"s, "O\0r\0d\0e\0r\0\t\0"s}) {
    const ParseReportResponse response = Feed(file, {});
    ASSERT_THAT(Reasons(response), ElementsAre("BINARY_FILE"));
    EXPECT_EQ(response.problems(0).line(), 0);
    EXPECT_THAT(Reasons(Feed(file, {.type = kMfnType, .piece = 1})), ElementsAre("BINARY_FILE"));
  }
  EXPECT_THAT(Feed("\x1F\x8B\x08", {}).problems(0).message(), HasSubstr("gzip"));
}

TEST(Charsets, Utf16IsRefusedClearly) {
  const std::string file("\xFF\xFEO\0r\0d\0e\0r\0", 12);
  const ParseReportResponse response = Feed(file, {});
  ASSERT_THAT(Reasons(response), ElementsAre("UNSUPPORTED_CHARSET"));
  EXPECT_THAT(response.problems(0).message(), HasSubstr("UTF-16"));
  for (const size_t piece : {size_t{1}, size_t{1} << 20}) {
    EXPECT_THAT(Reasons(Feed(MfnFile({}), {.charset = "UTF-16LE", .piece = piece})),
                ElementsAre("UNSUPPORTED_CHARSET"));
  }
}

TEST(Charsets, ByteOrderMarkIsUtf8) {
  const ParseReportResponse response = Feed("\xEF\xBB\xBF" + MfnFile({}), {});
  EXPECT_EQ(OnlyReturn(response).external_id(), "DfqXXXXBRRMA:SKU-1");
  EXPECT_EQ(response.charset(), "UTF-8");
}

TEST(Charsets, WesternBytesAreGuessedWithOneWarning) {
  const std::string row = OrderRow({{"product-name", "Caf\xE9 \x80"}});
  const ParseReportResponse response = Feed(HeaderOf(ReportKind::kOrders) + row + row, {});
  ASSERT_EQ(response.records_size(), 2);
  EXPECT_EQ(response.records(1).order().lines(0).title(), "Caf\xC3\xA9 \xE2\x82\xAC");
  EXPECT_EQ(response.charset(), "windows-1252");
  ASSERT_THAT(Reasons(response), ElementsAre("CHARSET_GUESSED"));
  EXPECT_EQ(response.problems(0).line(), 2);
  EXPECT_FALSE(response.problems(0).skipped());
  // Told, there is nothing to warn of.
  const ParseReportResponse told =
      Feed(HeaderOf(ReportKind::kOrders) + row, {.charset = "ISO-8859-1"});
  EXPECT_THAT(Reasons(told), IsEmpty());
  EXPECT_EQ(told.records(0).order().lines(0).title(), "Caf\xC3\xA9 \xE2\x82\xAC");
}

TEST(Charsets, ToldUtf8ItIsNotReadAsAnythingElse) {
  const std::string row = OrderRow({{"product-name", "Caf\xE9 cr\xC3\xA8me"}});
  for (const char* marketplace : {kUs, kJapan}) {
    std::string file = HeaderOf(ReportKind::kOrders);
    file.append(row).append(row);
    const ParseReportResponse response =
        Feed(file, {.marketplace = marketplace, .charset = "utf-8"});
    ASSERT_EQ(response.records_size(), 2);
    EXPECT_EQ(response.records(1).order().lines(0).title(), "Caf\xEF\xBF\xBD cr\xC3\xA8me");
    EXPECT_EQ(response.charset(), "UTF-8");
    ASSERT_THAT(Reasons(response), ElementsAre("BAD_UTF8"));
    EXPECT_FALSE(response.problems(0).skipped());
  }
}

TEST(Charsets, JapaneseBytesAreReadAsShiftJisInJapanAlone) {
  const std::string file =
      HeaderOf(ReportKind::kOrders) + OrderRow({{"product-name", "\x93\xFA\x96\x7B"},
                                                {"currency", "JPY"},
                                                {"item-price", "3980"},
                                                {"item-tax", "362"},
                                                {"shipping-price", "500.00"},
                                                {"shipping-tax", "45"}});
  const ParseReportResponse response = Feed(file, {.marketplace = kJapan, .currency = "JPY"});
  ASSERT_EQ(response.records_size(), 1);
  const v1::Order& order = response.records(0).order();
  EXPECT_EQ(order.lines(0).title(), "\xE6\x97\xA5\xE6\x9C\xAC");
  EXPECT_EQ(order.lines(0).item_total().minor_units(), 3980);
  EXPECT_EQ(order.lines(0).shipping_total().minor_units(), 500);
  EXPECT_EQ(response.charset(), "Shift_JIS");
  EXPECT_THAT(Reasons(response), IsEmpty());
  EXPECT_EQ(Feed(file, {}).charset(), "windows-1252");
}

TEST(Orders, AreReadWithTheirAmounts) {
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kOrders) + OrderRow({{"item-promotion-discount", "3.00"},
                                                     {"ship-promotion-discount", "-1.00"},
                                                     {"gift-wrap-price", "2.50"},
                                                     {"gift-wrap-tax", "0.21"}}),
           {.type = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"});
  EXPECT_EQ(response.report_type(), "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL");
  ASSERT_THAT(Reasons(response), IsEmpty());
  ASSERT_EQ(response.records_size(), 1);
  const v1::Order& order = response.records(0).order();
  EXPECT_EQ(order.external_id(), "113-6270000-6280000");
  EXPECT_EQ(order.fulfillment(), v1::FULFILLMENT_MFN);
  EXPECT_EQ(order.status(), v1::Order::STATUS_SHIPPED);
  EXPECT_EQ(order.placed_at().seconds(), ParseInstant("2026-02-20T18:04:11Z")->seconds);
  EXPECT_EQ(order.last_updated_at().seconds(), ParseInstant("2026-02-22T09:00:00Z")->seconds);
  EXPECT_EQ(order.currency_code(), "USD");
  EXPECT_EQ(order.ship_country(), "US");
  ASSERT_EQ(order.lines_size(), 1);
  EXPECT_EQ(order.lines(0).shipping_total().minor_units(), 599 + 250 - 100);
  EXPECT_EQ(order.lines(0).shipping_tax().minor_units(), 49 + 21);
  EXPECT_EQ(order.lines(0).line_id(), "");
  EXPECT_EQ(order.lines(0).sku(), "LAMP-1");
  EXPECT_EQ(order.lines(0).asin(), "B0LAMP0001");
  EXPECT_EQ(order.lines(0).title(), "A lamp");
  EXPECT_EQ(order.lines(0).quantity(), 1);
  EXPECT_EQ(order.lines(0).quantity_shipped(), 1);
  EXPECT_EQ(order.lines(0).item_total().minor_units(), 2999 - 300);
  EXPECT_EQ(order.lines(0).tax_total().minor_units(), 247);
  EXPECT_EQ(order.lines(0).external_status(), "Shipped");
}

TEST(Orders, CountTheLinesOfOneSku) {
  const std::string header = HeaderOf(ReportKind::kOrders);
  const auto row = [](const char* order, const char* sku, const char* price) {
    return OrderRow({{"amazon-order-id", order}, {"sku", sku}, {"item-price", price}});
  };
  const auto counts = [&](const std::string& rows) {
    std::vector<int> out;
    // In pieces of any size: the count goes on over their borders.
    for (const size_t piece : {size_t{1} << 20, size_t{97}}) {
      out.clear();
      const ParseReportResponse response = Feed(header + rows, {.piece = piece});
      for (const auto& record : response.records()) {
        out.push_back(record.same_line_count());
      }
    }
    return out;
  };
  constexpr const char* kA = "113-6270000-6280000";
  constexpr const char* kB = "113-6270000-6280001";
  EXPECT_THAT(counts(row(kA, "X", "1.00") + row(kA, "Y", "1.00") + row(kA, "X", "2.00") +
                     row(kA, "X", "3.00") + row(kB, "X", "2.00")),
              ElementsAre(0, 0, 1, 2, 0));
  // The same row again is the same line again.
  EXPECT_THAT(counts(row(kA, "X", "1.00") + row(kA, "X", "2.00") + row(kA, "X", "1.00") +
                     row(kA, "X", "2.00")),
              ElementsAre(0, 1, 0, 1));
}

TEST(Orders, MapStatusesAndChannels) {
  struct Case {
    const char* status;
    const char* item_status;
    v1::Order::Status expected;
    int shipped;
  };
  for (const Case& c :
       {Case{"Pending", "Unshipped", v1::Order::STATUS_PENDING, 0},
        Case{"Unshipped", "", v1::Order::STATUS_UNSHIPPED, 0},
        Case{"PartiallyShipped", "Shipped", v1::Order::STATUS_PARTIALLY_SHIPPED, 3},
        Case{"PartiallyShipped", "Unshipped", v1::Order::STATUS_PARTIALLY_SHIPPED, 0},
        Case{"Shipped", "", v1::Order::STATUS_SHIPPED, 3},
        Case{"Shipped - Delivered to Buyer", "", v1::Order::STATUS_SHIPPED, 3},
        Case{"Canceled", "Cancelled", v1::Order::STATUS_CANCELLED, 0}}) {
    const ParseReportResponse response =
        Feed(HeaderOf(ReportKind::kOrders) + OrderRow({{"order-status", c.status},
                                                       {"item-status", c.item_status},
                                                       {"fulfillment-channel", "Amazon"},
                                                       {"quantity", "3"}}),
             {});
    ASSERT_EQ(response.records_size(), 1) << c.status;
    EXPECT_THAT(Reasons(response), IsEmpty());
    EXPECT_EQ(response.records(0).order().status(), c.expected) << c.status;
    EXPECT_EQ(response.records(0).order().fulfillment(), v1::FULFILLMENT_AFN);
    EXPECT_EQ(response.records(0).order().lines(0).quantity_shipped(), c.shipped) << c.status;
  }
}

TEST(Orders, CancelledLinesKeepTheirRowWithoutAmounts) {
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kOrders, 29) +
               "113-1\tm\t2026-02-20T18:04:11+00:00\t "
               "\tCancelled\tMerchant\tAmazon.com\t\t\tStd\tA lamp\t"
               "LAMP-1\tB0\tCancelled\t0\n",
           {});
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_THAT(Reasons(response), IsEmpty());
  const v1::Order& order = response.records(0).order();
  EXPECT_EQ(order.status(), v1::Order::STATUS_CANCELLED);
  EXPECT_EQ(order.lines(0).quantity(), 0);
  EXPECT_EQ(order.lines(0).quantity_shipped(), 0);
  EXPECT_EQ(order.lines(0).item_total().minor_units(), 0);
  EXPECT_EQ(order.currency_code(), "USD");
  EXPECT_FALSE(order.has_last_updated_at());
}

TEST(Orders, ThatCannotBeAreSkipped) {
  struct Case {
    Cells changes;
    const char* reason;
    const char* column;
  };
  for (const Case& c :
       {Case{{{"quantity", "0"}}, "BAD_NUMBER", "quantity"},
        Case{{{"fulfillment-channel", "Moon"}}, "BAD_VALUE", "fulfillment-channel"},
        Case{{{"item-price", "-1.00"}}, "BAD_NUMBER", "item-price"},
        Case{{{"item-promotion-discount", "30.00"}}, "BAD_NUMBER", "item-promotion-discount"},
        Case{{{"currency", "JPY"}}, "BAD_NUMBER", "item-price"},
        Case{{{"shipping-price", "92233720368547758.07"}, {"gift-wrap-price", "1"}},
             "NUMBER_OVERFLOW",
             "gift-wrap-price"},
        Case{{{"purchase-date", "02/20/2026"}}, "BAD_DATE", "purchase-date"},
        Case{{{"sku", ""}}, "MISSING_VALUE", "sku"}}) {
    const ParseReportResponse response =
        Feed(HeaderOf(ReportKind::kOrders) + OrderRow(c.changes), {});
    ASSERT_THAT(Reasons(response), ElementsAre(c.reason)) << c.column;
    EXPECT_EQ(response.problems(0).column(), c.column);
  }
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kOrders) + OrderRow({{"currency", ""}}), {.currency = ""});
  EXPECT_THAT(Reasons(response), ElementsAre("MISSING_VALUE"));
}

Cells ActionableCells() {
  return {{"order-id", "113-6270000-6280000"},
          {"order-item-id", "00123456789012"},
          {"purchase-date", "2026-03-08T18:04:11+00:00"},
          {"promise-date", "2026-03-10T23:59:59-07:00"},
          {"buyer-email", "someone@marketplace.example"},
          {"buyer-name", "Erika Mustermann"},
          {"buyer-phone-number", "+1 555 0100"},
          {"sku", "LAMP-1"},
          {"product-name", "A lamp"},
          {"quantity-purchased", "2"},
          {"quantity-shipped", "0"},
          {"quantity-to-ship", "2"},
          {"recipient-name", "Erika Mustermann"},
          {"ship-address-1", "Heidestrasse 17"},
          {"ship-country", "US"}};
}

TEST(ActionableOrders, GiveThePromiseAndNothingOfTheBuyer) {
  Cells shipped = ActionableCells();
  std::erase_if(shipped, [](const auto& c) { return c.first == "quantity-shipped"; });
  shipped.push_back({"quantity-shipped", "1"});
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kActionableOrders) +
               RowOf(ReportKind::kActionableOrders, ActionableCells()) +
               RowOf(ReportKind::kActionableOrders, shipped),
           {});
  EXPECT_EQ(response.report_type(), "GET_FLAT_FILE_ACTIONABLE_ORDER_DATA_SHIPPING");
  ASSERT_EQ(response.records_size(), 2);
  EXPECT_THAT(Reasons(response), IsEmpty());
  const v1::Order& order = response.records(0).order();
  EXPECT_EQ(order.status(), v1::Order::STATUS_UNSHIPPED);
  EXPECT_EQ(order.fulfillment(), v1::FULFILLMENT_MFN);
  EXPECT_EQ(order.expected_ship_by().seconds(), ParseInstant("2026-03-11T06:59:59Z")->seconds);
  EXPECT_FALSE(order.has_last_updated_at());
  EXPECT_EQ(order.lines(0).external_item_id(), "00123456789012");
  EXPECT_EQ(order.lines(0).sku(), "LAMP-1");
  EXPECT_EQ(order.lines(0).quantity(), 2);
  EXPECT_EQ(order.lines(0).quantity_shipped(), 0);
  EXPECT_EQ(response.records(1).order().status(), v1::Order::STATUS_PARTIALLY_SHIPPED);
  EXPECT_EQ(response.records(1).order().lines(0).quantity_shipped(), 1);
  const std::string bytes = response.SerializeAsString();
  for (const char* secret : {"Mustermann", "someone@", "555 0100", "Heidestrasse"}) {
    EXPECT_EQ(bytes.find(secret), std::string::npos) << secret;
  }
}

TEST(ActionableOrders, MessagesQuoteNoCells) {
  Cells slipped = ActionableCells();
  for (auto& cell : slipped) {
    if (cell.first == "promise-date") cell.second = "Erika Mustermann";
  }
  const ParseReportResponse response = Feed(
      HeaderOf(ReportKind::kActionableOrders) + RowOf(ReportKind::kActionableOrders, slipped), {});
  ASSERT_THAT(Reasons(response), ElementsAre("BAD_DATE"));
  EXPECT_EQ(response.problems(0).message().find("Erika"), std::string::npos);
}

TEST(ActionableOrders, PromiseWithoutATimeLastsTheDay) {
  Cells day = ActionableCells();
  for (auto& cell : day) {
    if (cell.first == "promise-date") cell.second = "10-Mar-2026";
  }
  const ParseReportResponse response =
      Feed(HeaderOf(ReportKind::kActionableOrders) + RowOf(ReportKind::kActionableOrders, day), {});
  EXPECT_THAT(Reasons(response), ElementsAre("DAY_ONLY"));
  EXPECT_EQ(response.records(0).order().expected_ship_by().seconds(),
            ParseInstant("2026-03-10T23:59:59Z")->seconds);
}

TEST(ShippingConfirmation, GivesShipments) {
  const std::string file =
      HeaderOf(ReportKind::kShippingConfirmation) +
      "113-1\t00123456789012\t2\t2026-03-09\tOther\tEUB\tLK123456785CN\tePacket\n"
      "113-2\t\t\t2026-03-09T10:00:00Z\tDHL\t\t1234567890\t\n"
      "113-3\t\t\t09-Mar-2026\t\tDHL Global Mail\tGM60512345678-InvalidId\n"
      "113-4\t\t0\t2026-03-09\tUSPS\n"
      "113-5\t\t1\t2026-03-09\n";
  const ParseReportResponse response = Feed(file, {});
  EXPECT_EQ(response.report_type(), "POST_FLAT_FILE_FULFILLMENT_DATA");
  ASSERT_EQ(response.records_size(), 4);
  const v1::Shipment& first = response.records(0).shipment();
  EXPECT_EQ(first.order_external_id(), "113-1");
  EXPECT_EQ(first.external_item_id(), "00123456789012");
  EXPECT_EQ(first.quantity(), 2);
  EXPECT_EQ(first.carrier(), "EUB");
  EXPECT_EQ(first.tracking_number(), "LK123456785CN");
  EXPECT_EQ(first.ship_method(), "ePacket");
  EXPECT_EQ(first.shipped_at().seconds(), ParseInstant("2026-03-09")->seconds);
  EXPECT_TRUE(first.shipped_at_day_only());
  EXPECT_EQ(response.records(1).shipment().carrier(), "DHL");
  EXPECT_FALSE(response.records(1).shipment().shipped_at_day_only());
  EXPECT_EQ(response.records(2).shipment().carrier(), "DHL Global Mail");
  EXPECT_EQ(response.records(2).shipment().tracking_number(), "GM60512345678");
  EXPECT_EQ(response.records(3).shipment().carrier(), "");
  EXPECT_EQ(response.records(3).shipment().tracking_number(), "");
  ASSERT_THAT(Reasons(response), ElementsAre("BAD_NUMBER"));
  EXPECT_EQ(response.problems(0).line(), 5);
}

TEST(FbaReturns, AreReceivedAndInspectedUnits) {
  const std::string file =
      HeaderOf(ReportKind::kFbaReturns) +
      "2026-03-05T08:15:00+00:00\t113-7\tSKU-1\tB01\tX001\tA lamp\t1\tPHX7\tSELLABLE\t"
      "UNWANTED_ITEM\tUnit returned to inventory\tLPNRR123456789\tI am Erika\n"
      "2026-03-05T08:15:00+00:00\t113-7\tSKU-1\tB01\tX001\tA lamp\t1\tPHX7\tCUSTOMER_DAMAGED\t"
      "DEFECTIVE\tUnit returned to inventory\t \t\n"
      "2026-03-05T08:15:00+00:00\t113-8\tSKU-1\tB01\tX001\tA lamp\t1\tPHX7\tMELTED\tDEFECTIVE\n";
  const ParseReportResponse response = Feed(file, {});
  EXPECT_EQ(response.report_type(), "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA");
  ASSERT_EQ(response.records_size(), 3);
  const auto& record = response.records(0).return_record();
  const v1::Return& ret = record.snapshot();
  EXPECT_EQ(record.status(), v1::Return::STATUS_INSPECTED);
  EXPECT_EQ(ret.external_id(), "LPNRR123456789");
  EXPECT_TRUE(ret.platform_managed());
  EXPECT_EQ(ret.fulfillment(), v1::FULFILLMENT_AFN);
  EXPECT_EQ(ret.requested_at().seconds(), ParseInstant("2026-03-05T08:15Z")->seconds);
  EXPECT_FALSE(ret.requested_at_day_only());
  EXPECT_EQ(ret.items(0).buyer_reason(), v1::RETURN_REASON_NO_LONGER_NEEDED);
  EXPECT_EQ(ret.items(0).quantity_requested(), 1);
  EXPECT_EQ(ret.receipts(0).location(), "PHX7");
  EXPECT_EQ(ret.receipts(0).lines(0).quantity(), 1);
  EXPECT_EQ(ret.inspections(0).condition(), v1::CONDITION_NEW);
  EXPECT_EQ(ret.inspections(0).disposition(), v1::DISPOSITION_RESTOCK);
  EXPECT_EQ(ret.inspections(0).unit_id(), "LPNRR123456789");
  EXPECT_EQ(ret.platform_status(), "Unit returned to inventory");
  const v1::Return& second = response.records(1).return_record().snapshot();
  EXPECT_EQ(second.external_id(), "113-7:SKU-1:2026-03-05:X001");
  EXPECT_EQ(second.inspections(0).condition(), v1::CONDITION_BUYER_DAMAGED);
  EXPECT_EQ(response.records(2).return_record().status(), v1::Return::STATUS_RECEIVED);
  EXPECT_EQ(response.records(2).return_record().snapshot().inspections_size(), 0);
  EXPECT_THAT(Reasons(response), ElementsAre("UNKNOWN_DISPOSITION"));
  EXPECT_EQ(response.SerializeAsString().find("Erika"), std::string::npos);
}

TEST(FbaReturns, TakeTheOtherNameOfTheOrderColumn) {
  std::string file = HeaderOf(ReportKind::kFbaReturns) +
                     "2026-03-05\t113-7\tSKU-1\tB01\tX001\tA lamp\t1\tPHX7\tSELLABLE\n";
  file.replace(file.find("order-id"), 8, "amazon-order-id");
  const v1::Return ret = OnlyReturn(Feed(file, {}));
  EXPECT_EQ(ret.order_external_id(), "113-7");
  EXPECT_TRUE(ret.requested_at_day_only());
}

constexpr char kPerformance[] = R"({
  "accountStatuses": [{"marketplaceId": "ATVPDKIKX0DER", "status": "NORMAL"}],
  "performanceMetrics": [{
    "marketplaceId": "ATVPDKIKX0DER",
    "orderDefectRate": {
      "afn": {"status": "NONE", "rate": 0, "targetValue": 0.01, "targetCondition": "LESS_THAN",
              "orderCount": 0, "orderWithDefects": {"count": 0, "status": "NONE"},
              "reportingDateRange": {"reportingDateFrom": "2026-01-09T00:00Z",
                                     "reportingDateTo": "2026-03-09T00:00Z"}},
      "mfn": {"status": "GOOD", "rate": 0.009, "targetValue": 0.01, "targetCondition": "LESS_THAN",
              "orderCount": 1000, "orderWithDefects": {"count": 9, "status": "GOOD"},
              "reportingDateRange": {"reportingDateFrom": "2026-01-09T00:00Z",
                                     "reportingDateTo": "2026-03-09T00:00Z"}}},
    "lateShipmentRate": {"status": "BAD", "rate": 0.04125, "targetValue": 0.04,
              "targetCondition": "LESS_THAN", "orderCount": 400, "lateShipmentCount": 16},
    "validTrackingRate": {"status": "GOOD", "rate": 1.0, "targetValue": 0.95,
              "targetCondition": "GREATER_THAN", "shipmentCount": 10, "validTrackingCount": 12},
    "warningState": []
  }]})";

TEST(Performance, IsReadAsReported) {
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1} << 20}) {
    const ParseReportResponse response = Feed(kPerformance, {.piece = piece});
    EXPECT_EQ(response.report_type(), "GET_V2_SELLER_PERFORMANCE_REPORT");
    EXPECT_THAT(Reasons(response), IsEmpty());
    ASSERT_EQ(response.records_size(), 1);
    const auto& health = response.records(0).account_health();
    EXPECT_EQ(health.marketplace_id(), "ATVPDKIKX0DER");
    EXPECT_EQ(health.platform_status(), "NORMAL");
    ASSERT_EQ(health.metrics_size(), 4);
    const v1::Metric& odr = health.metrics(0);
    EXPECT_EQ(odr.kind(), v1::Metric::KIND_ODR);
    EXPECT_EQ(odr.fulfillment(), v1::FULFILLMENT_MFN);
    EXPECT_EQ(odr.source(), v1::Metric::SOURCE_REPORTED);
    EXPECT_EQ(odr.status(), v1::Metric::STATUS_GOOD);
    EXPECT_EQ(odr.percent(), "0.90%");
    EXPECT_EQ(odr.window_start(), "2026-01-09");
    EXPECT_EQ(odr.window_end(), "2026-03-09");
    EXPECT_EQ(odr.value().numerator(), 9);
    EXPECT_EQ(odr.value().denominator(), 1000);
    EXPECT_EQ(odr.threshold().operator_(), v1::Threshold::OPERATOR_LESS_THAN);
    EXPECT_EQ(odr.threshold().limit().numerator(), 1);
    EXPECT_EQ(odr.threshold().limit().denominator(), 100);
    EXPECT_EQ(health.metrics(1).fulfillment(), v1::FULFILLMENT_AFN);
    EXPECT_EQ(health.metrics(1).percent(), "n/a");
    EXPECT_EQ(health.metrics(2).status(), v1::Metric::STATUS_BAD);
    EXPECT_EQ(health.metrics(2).percent(), "4.13%");
    // The counts contradict the rate, which is believed.
    EXPECT_EQ(health.metrics(3).kind(), v1::Metric::KIND_VTR);
    EXPECT_EQ(health.metrics(3).percent(), "100.00%");
    EXPECT_EQ(health.metrics(3).status(), v1::Metric::STATUS_GOOD);
    EXPECT_EQ(health.metrics(3).threshold().operator_(), v1::Threshold::OPERATOR_GREATER_THAN);
  }
}

TEST(Performance, TakesOneDocumentALineAndTheSpellingOfTheExample) {
  const std::string line = R"({"accountStatuses":[{"marketplaceId":"X","status":"SUSPENDED"}]})";
  const ParseReportResponse response = Feed(line + "\n" + R"({"performanceMetrics":[]})", {});
  EXPECT_THAT(Reasons(response), IsEmpty());
  ASSERT_EQ(response.records_size(), 1);
  EXPECT_EQ(response.records(0).account_health().platform_status(), "DEACTIVATED");
}

TEST(Reader, LinesThatEndWithACarriageReturnAloneAreNoEmptyReport) {
  std::string file = HeaderOf(ReportKind::kMfnReturns) + MfnRow({}) + MfnRow({});
  std::erase(file, '\r');
  std::replace(file.begin(), file.end(), '\n', '\r');
  for (const size_t piece : {size_t{1}, size_t{1} << 20}) {
    EXPECT_THAT(Reasons(Feed(file, {.type = kMfnType, .piece = piece})),
                ElementsAre("UNKNOWN_REPORT_TYPE"));
  }
}

TEST(Performance, SaysWhichCountIsNone) {
  for (const char* bad : {"-5", "99999999999999999999999", "1.5", "\"many\""}) {
    std::string file = kPerformance;
    const size_t at = file.find("\"orderCount\": ") + 14;
    file.replace(at, file.find_first_of(",}\n", at) - at, bad);
    const ParseReportResponse response = Feed(file, {});
    ASSERT_EQ(response.problems_size(), 1) << bad;
    EXPECT_EQ(response.problems(0).reason(), "BAD_NUMBER");
    EXPECT_FALSE(response.problems(0).skipped());
    EXPECT_EQ(response.records_size(), Feed(kPerformance, {}).records_size());
  }
}

TEST(Performance, RefusesWhatItIsNot) {
  EXPECT_THAT(Reasons(Feed("{\"accountStatuses\":[", {})), ElementsAre("BAD_JSON"));
  const ParseReportResponse error =
      Feed(R"({"errors":[{"code":"Unauthorized","message":"no"}]})", {});
  ASSERT_THAT(Reasons(error), ElementsAre("WRONG_REPORT"));
  EXPECT_THAT(error.problems(0).message(), HasSubstr("error answer"));
  EXPECT_THAT(Reasons(Feed("[1]", {})), ElementsAre("WRONG_REPORT"));
  EXPECT_THAT(Reasons(Feed("{" + std::string(3 << 20, ' '), {})), ElementsAre("REPORT_TOO_LARGE"));
  // Neither is depth.
  for (const auto& [open, close] : {std::pair("[", "]"), std::pair("{\"a\":", "}"),
                                    std::pair("{\"performanceMetrics\":[", "]}")}) {
    std::string deep;
    for (int i = 0; i < 80'000; ++i) deep += open;
    deep += "1";
    for (int i = 0; i < 80'000; ++i) deep += close;
    EXPECT_THAT(Reasons(Feed(deep, {})), ElementsAre("BAD_JSON"));
  }
  std::string quoted = R"({"accountStatuses":[{"marketplaceId":"X","status":"NORMAL","note":")";
  EXPECT_THAT(Reasons(Feed(quoted + std::string(1000, '[') + R"(\""}]})", {})), IsEmpty());
  // Wrong types everywhere are no crash.
  EXPECT_THAT(Reasons(Feed(R"({"accountStatuses":[1,null,{"status":5}],"performanceMetrics":
      [7,{"orderDefectRate":[]},{"orderDefectRate":{"mfn":{"rate":1e300,"targetValue":-1,
      "orderCount":1.5,"reportingDateRange":"x"}}}]})",
                           {})),
              ElementsAre("BAD_NUMBER"));
}

// A file with most of what files have.
std::string MixedFile() {
  std::string file = "\xEF\xBB\xBF\r\n" + HeaderOf(ReportKind::kMfnReturns);
  for (int i = 0; i < 40; ++i) {
    file += MfnRow({{"Merchant SKU", "SKU-" + std::to_string(i)},
                    {"Item Name", i % 3 == 0 ? "caf\xE9" : "caf\xC3\xA9"}});
    if (i % 7 == 0) file += MfnRow({{"Return quantity", "many"}});
    if (i % 11 == 0) file += "\r\n113-1\t \n";
  }
  return file + "\r\n\r\n";
}

TEST(Pieces, OfAnySizeGiveTheSameRecords) {
  const std::string file = MixedFile();
  const std::string whole = Feed(file, {}).SerializeAsString();
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{8}, size_t{1000}, size_t{64} << 10}) {
    EXPECT_EQ(Feed(file, {.piece = piece}).SerializeAsString(), whole) << piece;
  }
}

TEST(Pieces, CarryASmallState) {
  std::string file = HeaderOf(ReportKind::kMfnReturns);
  while (file.size() < (1 << 20)) file += MfnRow({});
  ParseReportRequest request;
  request.set_marketplace_id(kUs);
  request.set_currency_code("USD");
  request.set_chunk(file);
  ParseReportResponse response;
  ASSERT_TRUE(ReadPiece(request, &response));
  EXPECT_LT(response.state().size(), 1000U);
}

TEST(Pieces, WithAStateOfSomebodyElseAreRefused) {
  for (const std::string& state :
       {std::string("x"), std::string("AR1"), std::string(200, 'x'),
        "AR1" + std::string(64, '\xFF'), "AR1" + std::string(64, '\0')}) {
    ParseReportRequest request;
    request.set_chunk("x");
    request.set_state(state);
    ParseReportResponse response;
    EXPECT_FALSE(ReadPiece(request, &response));
  }
}

TEST(LongLines, AreSkippedWithoutBeingKept) {
  // 100 MB without a line end, in pieces, between two good rows.
  std::string state;
  int records = 0;
  std::vector<std::string> reasons;
  size_t largest = 0;
  const auto feed = [&](std::string chunk, bool last) {
    ParseReportRequest request;
    request.set_marketplace_id(kUs);
    request.set_currency_code("USD");
    request.set_chunk(std::move(chunk));
    request.set_final(last);
    request.set_state(state);
    ParseReportResponse response;
    ASSERT_TRUE(ReadPiece(request, &response));
    state = response.state();
    largest = std::max(largest, state.size());
    records += response.records_size();
    for (const auto& problem : response.problems()) {
      reasons.push_back(problem.reason());
      EXPECT_EQ(problem.line(), 3);
      EXPECT_TRUE(problem.skipped());
    }
  };
  feed(MfnFile({}), false);
  for (int i = 0; i < 100; ++i) feed(std::string(1'000'000, 'x'), false);
  EXPECT_LT(state.size(), 1000U);
  feed("\n" + MfnRow({}), true);
  EXPECT_THAT(reasons, ElementsAre("LINE_TOO_LONG"));
  EXPECT_EQ(records, 2);
  EXPECT_LT(largest, kMaxLineBytes + 1000);
}

TEST(LongLines, AtTheStartAreNoReport) {
  EXPECT_THAT(Reasons(Feed(std::string(3 << 20, 'x'), {})), ElementsAre("UNKNOWN_REPORT_TYPE"));
}

// Whatever comes, the answer is well-formed and rows are accounted for.
TEST(Property, RandomBytesNeverBreakIt) {
  std::mt19937 random(20260310);
  const std::string seeds[] = {MixedFile(), std::string(kPerformance),
                               HeaderOf(ReportKind::kOrders) + OrderRow({}) + OrderRow({}),
                               JapaneseHeader(32) + MfnRow({})};
  for (int round = 0; round < 3000; ++round) {
    std::string file;
    if (round % 4 == 0) {
      file.resize(random() % 400);
      for (char& c : file) c = static_cast<char>(random());
    } else {
      file = seeds[random() % std::size(seeds)];
      for (unsigned i = random() % 20; i > 0 && !file.empty(); --i) {
        const size_t at = random() % file.size();
        switch (random() % 4) {
          case 0:
            file[at] = static_cast<char>(random());
            break;
          case 1:
            file.erase(at, random() % 50);
            break;
          case 2:
            file.insert(at, 1, "\t\n\r\0,.-9\xFF"[random() % 10]);
            break;
          default:
            file.insert(at, file.substr(random() % file.size(), random() % 100));
        }
      }
    }
    const Options options{.type = random() % 2 == 0 ? "" : kMfnType,
                          .marketplace = random() % 2 == 0 ? kUs : kJapan};
    const ParseReportResponse whole = Feed(file, options);
    int skipped = 0;
    for (const auto& problem : whole.problems())
      skipped += problem.skipped() && problem.line() > 0 ? 1 : 0;
    if (whole.report_type() != "GET_V2_SELLER_PERFORMANCE_REPORT") {
      EXPECT_LE(whole.records_size() + skipped, whole.row_count());
    }
    ParseReportResponse parsed;
    EXPECT_TRUE(parsed.ParseFromString(whole.SerializeAsString()));
    EXPECT_TRUE(std::ranges::all_of(whole.records(), [](const auto& record) {
      return record.record_case() != plugin::v1::ReportRecord::RECORD_NOT_SET && record.line() > 0;
    }));
    EXPECT_TRUE(std::ranges::all_of(whole.records(), [](const auto& record) {
      return IsUtf8(record.order().external_id()) &&
             IsUtf8(record.return_record().snapshot().external_id()) &&
             (record.order().lines_size() == 0 || IsUtf8(record.order().lines(0).title()));
    }));
    Options small = options;
    small.piece = 1 + random() % 50;
    EXPECT_EQ(Feed(file, small).SerializeAsString(), whole.SerializeAsString());
  }
}

}  // namespace
}  // namespace aftersales::amazon_reports
