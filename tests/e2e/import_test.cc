// Report files over the stream of ImportReport, with the plugin that reads Amazon's.
#include <zlib.h>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using grpc::StatusCode;

constexpr char kReturnsType[] = "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE";

std::string Gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// A report of seller-fulfilled returns with so many rows.
std::string ReturnsFile(int rows) {
  std::string file =
      "Order ID\tOrder date\tReturn request date\tReturn request status\tAmazon RMA ID\t"
      "Merchant RMA ID\tLabel type\tLabel cost\tCurrency code\tReturn carrier\tTracking ID\t"
      "Label to be paid by\tA-to-Z Claim\tIs prime\tASIN\tMerchant SKU\tItem Name\t"
      "Return quantity\tReturn Reason\tIn policy\tReturn type\tResolution\tInvoice number\t"
      "Return delivery date\tOrder Amount\tOrder quantity\tSafeT Action reason\tSafeT claim id\t"
      "SafeT claim state\tSafeT claim creation time\tSafeT claim reimbursement amount\t"
      "Refunded Amount\n";
  for (int i = 0; i < rows; ++i) {
    char row[512];
    std::snprintf(row, sizeof row,
                  "113-%07d-6280000\t18-Feb-2026\t01-Mar-2026\tPending\tDRMA%07d\t \t\t\tUSD\t\t\t"
                  "\tN\tN\tB0ACME0001\tLAMP\tLamp\t1\tCR-DAMAGED_BY_CARRIER\tY\tC-Returns\t \t \t"
                  " \t29.99\t1\t\t\t\t\t\t\n",
                  i, i);
    file += row;
  }
  return file;
}

class ImportTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    Bind("amz", "ATVPDKIKX0DER", "amazon-2026", "amazon-reports");
    header_.set_channel("sellers/acme/channels/amz");
    header_.set_file_name("returns.txt");
  }
  void TearDown() override {
    // Whatever a test sent, a good file goes in afterwards.
    v1::ImportReportHeader header;
    header.set_channel("sellers/acme/channels/amz");
    Reply<v1::ImportReportResponse> good;
    // An import that was broken off may need a moment to notice.
    ASSERT_TRUE(Eventually([&] {
      good = api().Import(header, ReturnsFile(3));
      return good.ok() || good.reason() != "BUSY";
    }));
    ASSERT_TRUE(good.ok()) << good.status.error_message();
    EXPECT_EQ(good->row_count(), 3);
    EXPECT_EQ(good->skipped_count(), 0);
  }
  int ReturnCount() {
    v1::ListReturnsRequest request;
    request.set_parent(kSeller);
    request.set_page_size(1000);
    int count = 0;
    do {
      const auto page = api().Call(&Returns::ListReturns, request);
      EXPECT_TRUE(page.ok()) << page.status.error_message();
      count += page->returns_size();
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return count;
  }
  v1::ImportReportHeader header_;
};

TEST_F(ImportTest, FileIsStoredOnceHoweverOftenItComes) {
  const auto first = api().Import(header_, ReturnsFile(1200), 1000);
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  EXPECT_EQ(first->report_type(), kReturnsType);
  EXPECT_EQ(first->row_count(), 1200);
  ASSERT_EQ(first->counts_size(), 1);
  EXPECT_EQ(first->counts(0).kind(), "returns");
  EXPECT_EQ(first->counts(0).created(), 1200);
  EXPECT_EQ(ReturnCount(), 1200);
  EXPECT_EQ(WorkItems("kind = RETURN_RESPONSE").size(), 1000u);  // a full page
  const auto again = api().Import(header_, Gzip(ReturnsFile(1200)), 777);
  ASSERT_TRUE(again.ok()) << again.status.error_message();
  EXPECT_EQ(again->counts(0).unchanged(), 1200);
  EXPECT_EQ(again->counts(0).created(), 0);
  EXPECT_EQ(ReturnCount(), 1200);
}

TEST_F(ImportTest, FilesThatAreNotWhatTheyShouldBe) {
  struct Case {
    const char* type;
    std::string file;
    std::vector<std::string> reasons;
  };
  std::string binary(
      "\x7F"
      "ELF\x02\x01\x01\0\0\0",
      10);
  binary += std::string(5000, '\0');
  for (const Case& c : {
           Case{"GET_MY_REPORT", ReturnsFile(1), {"UNKNOWN_REPORT_TYPE"}},
           Case{"", "name\tage\nx\t1\n", {"UNKNOWN_REPORT_TYPE"}},
           Case{"", "", {"EMPTY_REPORT"}},
           Case{kReturnsType, "", {"EMPTY_REPORT"}},
           Case{"", "\n\n  \n", {"EMPTY_REPORT"}},
           Case{kReturnsType, binary, {"BINARY_FILE"}},
           Case{"", binary, {"BINARY_FILE", "UNKNOWN_REPORT_TYPE"}},
           Case{kReturnsType, "{\"a\": 1}", {"WRONG_REPORT"}},
           Case{"GET_V2_SELLER_PERFORMANCE_REPORT", ReturnsFile(2), {"WRONG_REPORT"}},
           Case{kReturnsType, Gzip(ReturnsFile(3)).substr(0, 60), {}},
           Case{"", std::string(3 << 20, 'x'), {"UNKNOWN_REPORT_TYPE"}},
       }) {
    header_.set_report_type(c.type);
    const auto reply = api().Import(header_, c.file);
    EXPECT_EQ(reply.code(), StatusCode::INVALID_ARGUMENT)
        << c.type << ": " << reply.status.error_message();
    if (!c.reasons.empty()) {
      EXPECT_THAT(c.reasons, testing::Contains(reply.reason())) << c.type;
    }
    EXPECT_NE(reply.reason(), "");
    EXPECT_NE(reply.status.error_message(), "");
  }
  EXPECT_EQ(ReturnCount(), 0);
}

TEST_F(ImportTest, BadRowIsNamedAndTheRestIsStored) {
  std::string file = ReturnsFile(3);
  const size_t second = file.find("01-Mar-2026", file.find("113-0000001"));
  file.replace(second, 11, "31-Foo-2026");
  const auto reply = api().Import(header_, file);
  ASSERT_TRUE(reply.ok()) << reply.status.error_message();
  EXPECT_EQ(reply->row_count(), 3);
  EXPECT_EQ(reply->skipped_count(), 1);
  ASSERT_EQ(reply->problems_size(), 1);
  EXPECT_EQ(reply->problems(0).line(), 3);
  EXPECT_EQ(reply->problems(0).column(), "Return request date");
  EXPECT_EQ(reply->problems(0).reason(), "BAD_DATE");
  EXPECT_EQ(ReturnCount(), 2);
}

TEST_F(ImportTest, StreamThatBeginsWrong) {
  const auto stream_of = [&](const std::vector<v1::ImportReportRequest>& messages) {
    grpc::ClientContext context;
    api().Prepare(context);
    v1::ImportReportResponse response;
    auto stream = api().stub<Channels>().ImportReport(&context, &response);
    for (const auto& message : messages) {
      if (!stream->Write(message)) break;
    }
    stream->WritesDone();
    return stream->Finish();
  };
  v1::ImportReportRequest header, chunk, large;
  *header.mutable_header() = header_;
  chunk.set_chunk(ReturnsFile(1));
  large.set_chunk(std::string(1024 * 1024 + 1, 'x'));
  for (const auto& [messages, reason] :
       std::vector<std::pair<std::vector<v1::ImportReportRequest>, std::string>>{
           {{chunk}, "MISSING_FIELD"},
           {{}, "MISSING_FIELD"},
           {{{}}, "MISSING_FIELD"},
           {{header, header}, "BAD_STREAM"},
           {{header, chunk, header}, "BAD_STREAM"},
           {{header, large}, "TOO_LONG"}}) {
    const grpc::Status status = stream_of(messages);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(RefusalOf(status).reason, reason);
  }
  header_.set_channel("sellers/acme/channels/none");
  EXPECT_EQ(api().Import(header_, ReturnsFile(1)).code(), StatusCode::NOT_FOUND);
  header_.set_channel("sellers/acme");
  EXPECT_EQ(api().Import(header_, ReturnsFile(1)).reason(), "BAD_NAME");
  header_.set_channel("sellers/acme/channels/us");
  EXPECT_EQ(api().Import(header_, ReturnsFile(1)).reason(), "NO_REPORTS");
}

TEST_F(ImportTest, ValidateOnlyStoresNothing) {
  header_.set_validate_only(true);
  const auto reply = api().Import(header_, ReturnsFile(700));
  ASSERT_TRUE(reply.ok()) << reply.status.error_message();
  EXPECT_EQ(reply->counts(0).created(), 700);
  EXPECT_EQ(ReturnCount(), 0);
}

TEST_F(ImportTest, DecisionIsMadeBySellerCentralAndSeenInTheNextReport) {
  ASSERT_TRUE(api().Import(header_, ReturnsFile(1)).ok());
  v1::ListReturnsRequest list;
  list.set_parent(kSeller);
  list.set_filter("external_rma_id = \"DRMA0000000\"");
  const auto found = api().Call(&Returns::ListReturns, list);
  ASSERT_EQ(found->returns_size(), 1);
  v1::Return state = found->returns(0);
  EXPECT_EQ(state.status(), v1::Return::STATUS_REQUESTED);
  EXPECT_EQ(state.items(0).buyer_reason(), v1::RETURN_REASON_ARRIVED_DAMAGED);
  EXPECT_EQ(state.items(0).external_reason(), "CR-DAMAGED_BY_CARRIER");
  // The day of the request begins in Los Angeles.
  EXPECT_EQ(state.requested_at().seconds(), absl::ToUnixSeconds(At("2026-03-01T08:00:00Z")));

  // Amazon has no API for it, so a person is told what to do, and where.
  Approve(state);
  state = AwaitThat(state, [](const v1::Return& now) { return now.has_manual_action(); });
  EXPECT_EQ(state.status(), v1::Return::STATUS_APPROVED);
  const std::vector<v1::WorkItem> work = WorkItems("kind = MANUAL_ACTION");
  ASSERT_EQ(work.size(), 1u);
  EXPECT_EQ(work[0].subject(), state.name());
  EXPECT_EQ(work[0].manual_action().url().substr(0, 8), "https://");
  EXPECT_GT(work[0].manual_action().steps_size(), 0);

  Advance(absl::Hours(4));
  std::string next = ReturnsFile(1);
  next.replace(next.find("Pending"), 7, "Approved");
  const auto again = api().Import(header_, next);
  ASSERT_TRUE(again.ok()) << again.status.error_message();
  EXPECT_EQ(again->counts(0).updated(), 1);
  state = Get(state);
  EXPECT_EQ(FindDeadline(state, v1::Deadline::KIND_MANUAL_ACTION)->state(),
            v1::Deadline::STATE_MET);
  EXPECT_TRUE(WorkItems("kind = MANUAL_ACTION").empty());
  EXPECT_EQ(state.platform_status(), "Approved");
}

constexpr char kOrdersHeader[] =
    "amazon-order-id\tmerchant-order-id\tpurchase-date\tlast-updated-date\torder-status\t"
    "fulfillment-channel\tsales-channel\torder-channel\turl\tship-service-level\tproduct-name\t"
    "sku\tasin\titem-status\tquantity\tcurrency\titem-price\titem-tax\tshipping-price\t"
    "shipping-tax\n";

std::string OrderRow(std::string_view order, std::string_view sku, std::string_view price,
                     std::string_view placed = "2026-02-20", std::string_view by = "Merchant") {
  std::string row(order);
  row += "\tm\t" + std::string(placed) + "T18:04:11+00:00\t" + std::string(placed) +
         "T19:00:00+00:00\tShipped\t" + std::string(by) + "\tAmazon.com\t\t\tStd\tA lamp\t";
  row += std::string(sku) + "\tB0\tShipped\t1\tUSD\t" + std::string(price) + "\t0\t1.00\t0\n";
  return row;
}

TEST_F(ImportTest, LinesOfOneSkuAddUpAndKeepTheirPlace) {
  const std::string file = kOrdersHeader + OrderRow("113-5000000-0000001", "LAMP", "29.99") +
                           OrderRow("113-5000000-0000001", "LAMP", "19.99") +
                           OrderRow("113-5000000-0000001", "CUP", "5.00");
  for (int round = 0; round < 2; ++round) {
    const auto imported = api().Import(header_, file, 50);
    ASSERT_TRUE(imported.ok()) << imported.status.error_message();
    EXPECT_EQ(imported->skipped_count(), 0);
    v1::ListOrdersRequest list;
    list.set_parent(kSeller);
    list.set_filter("external_id = \"113-5000000-0000001\"");
    const auto found = api().Call(&Orders::ListOrders, list);
    ASSERT_EQ(found->orders_size(), 1);
    ASSERT_EQ(found->orders(0).lines_size(), 3);
    // Shipping is of each line too.
    EXPECT_EQ(found->orders(0).captured_total().minor_units(), 2999 + 1999 + 500 + 300);
  }
}

TEST_F(ImportTest, RowsOfTheFutureAreSkippedWithTheirReason) {
  const auto imported = api().Import(
      header_, kOrdersHeader + OrderRow("113-5000000-0000002", "LAMP", "29.99", "2026-03-04") +
                   OrderRow("113-5000000-0000003", "LAMP", "29.99", "2026-03-02"));
  ASSERT_TRUE(imported.ok()) << imported.status.error_message();
  EXPECT_EQ(imported->skipped_count(), 1);
  ASSERT_EQ(imported->problems_size(), 1);
  EXPECT_EQ(imported->problems(0).line(), 2);
  EXPECT_EQ(imported->problems(0).reason(), "IN_THE_FUTURE");
  EXPECT_EQ(imported->counts(0).created(), 1);
}

TEST_F(ImportTest, ParcelsThatCameBeforeTheirOrderCountAsItSays) {
  const std::string parcels =
      "order-id\torder-item-id\tquantity\tship-date\tcarrier-code\tcarrier-name\t"
      "tracking-number\tship-method\n"
      "113-5000000-0000004\t\t1\t2026-02-21\tUSPS\t\t9400100000000000000000\t\n"
      "113-5000000-0000005\t\t1\t2026-02-21\tUSPS\t\t9400100000000000000001\t\n";
  const auto counted = [&] {
    v1::GetDashboardRequest get;
    get.set_parent(kSeller);
    const auto dashboard = api().Call(&Metrics::GetDashboard, get);
    for (const v1::Metric& metric : dashboard->metrics()) {
      if (metric.kind() == v1::Metric::KIND_VTR && metric.channel() == header_.channel()) {
        return metric.value().denominator();
      }
    }
    return int64_t{-1};
  };
  const auto imported = api().Import(header_, parcels);
  ASSERT_TRUE(imported.ok()) << imported.status.error_message();
  EXPECT_EQ(counted(), 2);
  // One of them turns out to have been shipped by Amazon.
  ASSERT_TRUE(
      api()
          .Import(header_,
                  kOrdersHeader + OrderRow("113-5000000-0000004", "LAMP", "29.99") +
                      OrderRow("113-5000000-0000005", "LAMP", "29.99", "2026-02-20", "Amazon"))
          .ok());
  EXPECT_EQ(counted(), 1);
}

TEST_F(ImportTest, CallerThatGoesAwayMidway) {
  const std::string file = ReturnsFile(20000);
  for (int round = 0; round < 8; ++round) {
    grpc::ClientContext context;
    api().Prepare(context);
    v1::ImportReportResponse response;
    auto stream = api().stub<Channels>().ImportReport(&context, &response);
    v1::ImportReportRequest message;
    *message.mutable_header() = header_;
    bool open = stream->Write(message);
    for (int i = 0; open && i < round; ++i) {
      message.set_chunk(file.substr(static_cast<size_t>(i) * 400 * 1024, 400 * 1024));
      open = stream->Write(message);
    }
    context.TryCancel();
    // Refused if the host has not noticed yet that those before went away.
    const grpc::Status status = stream->Finish();
    if (status.error_code() != StatusCode::CANCELLED) {
      EXPECT_EQ(RefusalOf(status).reason, "BUSY") << status.error_message();
    }
  }
  // What was stored of it stays; the file goes in afterwards, because no import is still running.
  Reply<v1::ImportReportResponse> reply;
  ASSERT_TRUE(Eventually([&] { return (reply = api().Import(header_, file)).reason() != "BUSY"; }));
  ASSERT_TRUE(reply.ok()) << reply.status.error_message();
  EXPECT_EQ(reply->counts(0).created() + reply->counts(0).unchanged(), 20000);
  EXPECT_EQ(reply->counts(0).updated(), 0);
  EXPECT_EQ(ReturnCount(), 20000);
}

}  // namespace
}  // namespace aftersales::e2e
