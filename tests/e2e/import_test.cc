// Report files over the stream of ImportReport, with the plugin that reads Amazon's.
#include <grpcpp/generic/generic_stub.h>
#include <zlib.h>

#include <thread>

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

// It takes no request_id: whatever of a file comes again, in whatever order, changes nothing.
TEST_F(ImportTest, RowSeenBeforeChangesNothingAndTellsNobody) {
  const std::string file = ReturnsFile(1200);
  // All at once, as after a lost answer: one of them stores a row.
  std::vector<Reply<v1::ImportReportResponse>> replies(3);
  std::vector<std::thread> callers;
  for (auto& reply : replies) {
    callers.emplace_back([&] { reply = api().Import(header_, file); });
  }
  for (std::thread& caller : callers) caller.join();
  int64_t created = 0;
  for (const auto& reply : replies) {
    ASSERT_TRUE(reply.ok()) << reply.status.error_message();
    created += reply->counts(0).created();
    EXPECT_EQ(reply->counts(0).created() + reply->counts(0).unchanged(), 1200);
  }
  EXPECT_EQ(created, 1200);
  EXPECT_EQ(ReturnCount(), 1200);

  // The next report has the decision; the one before, sent once more, does not take it back.
  std::string decided = file;
  for (size_t at = 0; (at = decided.find("\tPending\t", at)) != std::string::npos;) {
    decided.replace(at, 9, "\tApproved\t");
  }
  const auto next = api().Import(header_, decided);
  ASSERT_TRUE(next.ok()) << next.status.error_message();
  EXPECT_EQ(next->counts(0).updated(), 1200);
  const auto state = [&] {
    std::vector<std::string> bodies;
    v1::ListReturnsRequest request;
    request.set_parent(kSeller);
    request.set_page_size(1000);
    const auto page = api().Call(&Returns::ListReturns, request);
    for (const v1::Return& each : page->returns()) {
      bodies.push_back(each.SerializeAsString());
    }
    return bodies;
  };
  const std::vector<std::string> before = state();
  const size_t events = AllEvents().size();
  const auto half = [](const std::string& of) {
    return of.substr(0, of.find('\n', of.size() / 2) + 1);
  };
  for (const std::string& again : {decided, file, half(file), half(decided)}) {
    const auto reply = api().Import(header_, again);
    ASSERT_TRUE(reply.ok()) << reply.status.error_message();
    ASSERT_EQ(reply->counts_size(), 1);
    EXPECT_EQ(reply->counts(0).created(), 0);
    EXPECT_EQ(reply->counts(0).updated(), 0);
    EXPECT_EQ(reply->counts(0).unchanged(), reply->row_count());
  }
  EXPECT_EQ(state(), before);
  EXPECT_EQ(AllEvents().size(), events);
}

TEST_F(ImportTest, FileThatBreaksOffSaysWhatIsStored) {
  const std::string file = ReturnsFile(20000);
  const std::string packed = Gzip(file);
  const auto cut = api().Import(header_, packed.substr(0, packed.size() * 3 / 4));
  EXPECT_EQ(cut.code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(cut.reason(), "BAD_GZIP");
  const int stored = ReturnCount();
  EXPECT_GT(stored, 0);
  EXPECT_LT(stored, 20000);
  EXPECT_EQ(cut.metadata("returns_stored"), std::to_string(stored));
  EXPECT_EQ(cut.metadata("rows_read"), std::to_string(stored));
  EXPECT_THAT(cut.status.error_message(), testing::HasSubstr(std::to_string(stored)));
  EXPECT_THAT(cut.status.error_message(), testing::HasSubstr("safe"));
  // What a damaged one says is true of what it stored, too, when it was only tried.
  header_.set_validate_only(true);
  const auto tried = api().Import(header_, packed.substr(0, packed.size() * 3 / 4));
  EXPECT_THAT(tried.status.error_message(), testing::HasSubstr("nothing of them stored"));
  header_.set_validate_only(false);
  // Nothing was read yet.
  const auto early = api().Import(header_, packed.substr(0, 100));
  EXPECT_EQ(early.reason(), "BAD_GZIP");
  EXPECT_THAT(early.status.error_message(), testing::HasSubstr("nothing was stored"));

  const auto whole = api().Import(header_, packed);
  ASSERT_TRUE(whole.ok()) << whole.status.error_message();
  EXPECT_EQ(whole->counts(0).created(), 20000 - stored);
  EXPECT_EQ(whole->counts(0).unchanged(), stored);
}

// Bytes that are no message are not the end of the file, which would be half of it then.
TEST_F(ImportTest, BytesThatAreNoMessageAreNotTheEnd) {
  v1::ImportReportRequest header, chunk;
  *header.mutable_header() = header_;
  chunk.set_chunk(ReturnsFile(3));
  grpc::GenericStub stub(api().channel());
  for (const bool first : {false, true}) {
    grpc::ClientContext context;
    api().Prepare(context);
    grpc::CompletionQueue queue;
    const auto done = [&] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      return ok;
    };
    auto call = stub.PrepareCall(&context, "/aftersales.v1.ChannelService/ImportReport", &queue);
    call->StartCall(nullptr);
    done();
    std::vector<std::string> messages = {header.SerializeAsString(), chunk.SerializeAsString()};
    if (first) messages.clear();
    messages.push_back("\xFF\xFF\xFF");
    bool open = true;
    for (const std::string& message : messages) {
      const grpc::Slice slice(message);
      if (!open) break;
      call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
      open = done();
    }
    if (open) {
      call->WritesDone(nullptr);
      done();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    done();
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(RefusalOf(status).reason, "BAD_STREAM");
  }
}

class SlowImportTest : public ImportTest {
 protected:
  SlowImportTest() {
    adjust_options_ = [](host::HostOptions& options) {
      options.import_idle_max = absl::Milliseconds(1500);
      options.import_time_max = absl::Seconds(4);
    };
  }
  // One import that is begun and not ended.
  struct Open {
    grpc::ClientContext context;
    v1::ImportReportResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::ImportReportRequest>> stream;
  };
  std::unique_ptr<Open> Begin(const std::vector<v1::ImportReportRequest>& messages) {
    auto open = std::make_unique<Open>();
    api().Prepare(open->context);
    open->stream = api().stub<Channels>().ImportReport(&open->context, &open->response);
    for (const auto& message : messages) open->stream->Write(message);
    return open;
  }
  v1::ImportReportRequest Header() const {
    v1::ImportReportRequest message;
    *message.mutable_header() = header_;
    return message;
  }
  static v1::ImportReportRequest Chunk(std::string_view bytes) {
    v1::ImportReportRequest message;
    message.set_chunk(std::string(bytes));
    return message;
  }
};

TEST_F(SlowImportTest, CallersWhoSendNothingLoseTheirPlaces) {
  const std::string file = ReturnsFile(20000);
  const std::string large = file.substr(0, 1000 * 1000);
  std::vector<std::unique_ptr<Open>> idle;
  for (const auto& messages : std::vector<std::vector<v1::ImportReportRequest>>{
           {}, {}, {Header()}, {Header(), Chunk(large)}}) {
    idle.push_back(Begin(messages));
  }
  // All places are taken, once the host has seen the four.
  ASSERT_TRUE(Eventually([&] { return api().Import(header_, ReturnsFile(1)).reason() == "BUSY"; }));
  for (const auto& open : idle) {
    const grpc::Status status = open->stream->Finish();
    EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED) << status.error_message();
    EXPECT_EQ(RefusalOf(status).reason, "IMPORT_IDLE");
  }
  // And four may begin again.
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto reply = api().Import(header_, ReturnsFile(2));
      EXPECT_TRUE(reply.ok()) << reply.status.error_message();
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(SlowImportTest, WhatWasStoredBeforeThePauseIsSaid) {
  const auto open = Begin({Header(), Chunk(ReturnsFile(20000).substr(0, 1000 * 1000))});
  const grpc::Status status = open->stream->Finish();
  const Refusal refusal = RefusalOf(status);
  EXPECT_EQ(refusal.reason, "IMPORT_IDLE");
  EXPECT_GT(ReturnCount(), 0);
  EXPECT_EQ(refusal.metadata.at("returns_stored"), std::to_string(ReturnCount()));
}

TEST_F(SlowImportTest, CallersWhoSendALittleNowAndThenLoseThemToo) {
  const std::string file = ReturnsFile(100);
  const auto open = Begin({Header()});
  bool more = true;
  for (size_t at = 0; more && at < 100; ++at) {
    more = open->stream->Write(Chunk(file.substr(at, 1)));
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_FALSE(more);
  const grpc::Status status = open->stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  EXPECT_EQ(RefusalOf(status).reason, "IMPORT_TOO_LONG");
}

}  // namespace
}  // namespace aftersales::e2e
