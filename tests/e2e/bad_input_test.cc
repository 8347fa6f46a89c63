// What nobody should send: each gets an error that names the field, and the host goes on.
#include <grpcpp/generic/generic_stub.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <sstream>

#include "core/status/refusal.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using grpc::StatusCode;
using testing::Contains;
using testing::StartsWith;

class BadInputTest : public HostTest {
 protected:
  // Whatever a test sent, the host still answers.
  void TearDown() override {
    v1::ListChannelsRequest request;
    request.set_parent(kSeller);
    const auto channels = api().Call(&Channels::ListChannels, request);
    EXPECT_TRUE(channels.ok()) << channels.status.error_message();
    EXPECT_EQ(channels->channels_size(), 3);
  }
  v1::Order Lamp() { return Put(OrderOf("us", "113-6000000-0000001", {{"LAMP", 2, 5998, 494}})); }
};

#define EXPECT_REFUSED(reply, wanted_code, wanted_reason, wanted_field)                      \
  do {                                                                                       \
    const auto& refused = (reply);                                                           \
    EXPECT_EQ(refused.code(), StatusCode::wanted_code) << refused.status.error_message();    \
    EXPECT_EQ(refused.reason(), wanted_reason);                                              \
    EXPECT_THAT(refused.fields(), Contains(wanted_field)) << refused.status.error_message(); \
  } while (false)

TEST_F(BadInputTest, OrdersOfOthersAreNotFound) {
  Lamp();
  v1::Order order = Lamp();
  order.set_name("sellers/other/orders/113-6000000-0000001");
  const auto foreign =
      api().Call(&Returns::CreateReturn, ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE));
  EXPECT_EQ(foreign.code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(foreign.reason(), "NOT_FOUND");

  // The other seller has a channel and asks for acme's order by its name and by its id.
  v1::BindChannelRequest bind;
  bind.set_parent("sellers/other");
  bind.set_channel_id("us");
  bind.mutable_channel()->set_marketplace_id("ATVPDKIKX0DER");
  bind.mutable_channel()->set_marketplace_plugin("fake-market");
  ASSERT_TRUE(api().Call(&Channels::BindChannel, bind).ok());
  v1::CreateReturnRequest request = ReturnRequest(Lamp(), v1::RETURN_REASON_DEFECTIVE);
  request.set_parent("sellers/other");
  EXPECT_EQ(api().Call(&Returns::CreateReturn, request).code(), StatusCode::NOT_FOUND);
  request.mutable_return_resource()->set_order(order.name());
  EXPECT_EQ(api().Call(&Returns::CreateReturn, request).code(), StatusCode::NOT_FOUND);
  v1::GetOrderRequest get;
  get.set_name(order.name());
  EXPECT_EQ(api().Call(&Orders::GetOrder, get).code(), StatusCode::NOT_FOUND);
  v1::IssueRefundRequest refund = Concession(Lamp(), "LAMP", 1);
  refund.set_parent("sellers/other");
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, refund).code(), StatusCode::NOT_FOUND);
  // An order may not be put into another seller's channel either.
  v1::UpsertOrderRequest upsert;
  upsert.set_parent("sellers/other");
  *upsert.mutable_order() = OrderOf("us", "113-6000000-0000002", {{"A", 1, 100, 0}});
  EXPECT_EQ(api().Call(&Orders::UpsertOrder, upsert).code(), StatusCode::NOT_FOUND);
}

TEST_F(BadInputTest, ReturnsOfWhatWasNotShippedOrIsNotLeft) {
  v1::Order given = OrderOf("us", "113-6000000-0000003", {{"A", 2, 2000, 0}, {"B", 1, 500, 0}});
  given.mutable_lines(0)->set_quantity_shipped(0);
  const v1::Order order = Put(given);
  const auto create = [&](std::string_view sku, int quantity) {
    return api().Call(&Returns::CreateReturn,
                      ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE, quantity, sku));
  };
  EXPECT_REFUSED(create("A", 1), FAILED_PRECONDITION, "NOT_SHIPPED",
                 "return_resource.items[0].line_id");
  EXPECT_REFUSED(create("B", 2), FAILED_PRECONDITION, "QUANTITY_EXCEEDS_RETURNABLE",
                 "return_resource.items[0].quantity_requested");
  EXPECT_EQ(create("B", 2).metadata("returnable"), "1");
  EXPECT_REFUSED(create("B", 0), INVALID_ARGUMENT, "BAD_QUANTITY",
                 "return_resource.items[0].quantity_requested");
  EXPECT_REFUSED(create("B", -2147483647), INVALID_ARGUMENT, "BAD_QUANTITY",
                 "return_resource.items[0].quantity_requested");
  EXPECT_REFUSED(create("C", 1), INVALID_ARGUMENT, "LINE_UNKNOWN",
                 "return_resource.items[0].line_id");
  ASSERT_TRUE(create("B", 1).ok());
  EXPECT_EQ(create("B", 1).metadata("returnable"), "0");
}

TEST_F(BadInputTest, OrdersThatDoNotAddUp) {
  const auto put = [&](const std::function<void(v1::Order&)>& spoil) {
    v1::UpsertOrderRequest request;
    request.set_parent(kSeller);
    *request.mutable_order() = OrderOf("us", "113-6000000-0000004", {{"A", 1, 1000, 80}});
    spoil(*request.mutable_order());
    return api().Call(&Orders::UpsertOrder, request);
  };
  EXPECT_EQ(put([](v1::Order& o) {
              *o.mutable_lines(0)->mutable_tax_total() = MoneyOf(80, "EUR");
            }).reason(),
            "MIXED_CURRENCIES");
  EXPECT_EQ(put([](v1::Order& o) { *o.mutable_shipping_total() = MoneyOf(80, "JPY"); }).reason(),
            "MIXED_CURRENCIES");
  EXPECT_EQ(put([](v1::Order& o) { o.mutable_lines(0)->set_quantity(0); }).reason(),
            "BAD_QUANTITY");
  EXPECT_EQ(put([](v1::Order& o) { o.mutable_lines(0)->set_quantity_shipped(2); }).reason(),
            "BAD_QUANTITY");
  EXPECT_EQ(put([](v1::Order& o) {
              o.mutable_lines(0)->mutable_item_total()->set_minor_units(-1);
            }).reason(),
            "NEGATIVE_AMOUNT");
  EXPECT_EQ(put([](v1::Order& o) {
              o.mutable_lines(0)->mutable_item_total()->set_minor_units(
                  std::numeric_limits<int64_t>::max());
            }).reason(),
            "AMOUNT_OVERFLOW");
  EXPECT_EQ(put([](v1::Order& o) { *o.add_lines() = o.lines(0); }).reason(), "DUPLICATE_LINE");
  EXPECT_EQ(put([](v1::Order& o) { o.clear_lines(); }).code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(put([](v1::Order& o) { o.clear_external_id(); }).reason(), "MISSING_FIELD");
  EXPECT_EQ(put([](v1::Order& o) { o.clear_channel(); }).reason(), "MISSING_FIELD");
  EXPECT_EQ(put([](v1::Order& o) { o.set_channel("sellers/acme/channels/uk"); }).code(),
            StatusCode::NOT_FOUND);
  v1::ListOrdersRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Orders::ListOrders, list)->orders_size(), 0);
}

TEST_F(BadInputTest, RefundsBeyondTheOrder) {
  const v1::Order order = Lamp();
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, Concession(order, "LAMP", 3)).reason(),
            "QUANTITY_EXCEEDS_REFUNDABLE");
  v1::IssueRefundRequest request = Concession(order, "LAMP", 2);
  *request.mutable_spec()->mutable_goodwill() = MoneyOf(1, "USD");
  const auto beyond = api().Call(&Refunds::IssueRefund, request);
  EXPECT_EQ(beyond.reason(), "EXCEEDS_REFUNDABLE");
  EXPECT_EQ(beyond.metadata("remaining"), std::to_string(5998 + 494));
  *request.mutable_spec()->mutable_goodwill() = MoneyOf(1, "EUR");
  EXPECT_REFUSED(api().Call(&Refunds::IssueRefund, request), INVALID_ARGUMENT, "CURRENCY_MISMATCH",
                 "spec.goodwill");
  *request.mutable_spec()->mutable_goodwill() = MoneyOf(-1, "USD");
  EXPECT_REFUSED(api().Call(&Refunds::IssueRefund, request), INVALID_ARGUMENT, "NEGATIVE_AMOUNT",
                 "spec.goodwill");
  *request.mutable_spec()->mutable_goodwill() = MoneyOf(std::numeric_limits<int64_t>::max(), "USD");
  EXPECT_FALSE(api().Call(&Refunds::IssueRefund, request).ok());
  request.clear_spec();
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, request).code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(BadInputTest, NamesPagesAndFilters) {
  for (const std::string& name :
       {std::string(), std::string("returns/1"), std::string("sellers/acme/returns/"),
        std::string("sellers/acme/returns/a/b"), std::string("sellers//returns/1"),
        std::string("sellers/acme/orders/1"), std::string("sellers/acme/returns/\xC3\xA9"),
        std::string("sellers/acme/returns/..%2f"), "sellers/acme/returns/" + std::string(5000, 'x'),
        std::string("/"), std::string("sellers/ACME!/returns/1")}) {
    v1::GetReturnRequest get;
    get.set_name(name);
    EXPECT_REFUSED(api().Call(&Returns::GetReturn, get), INVALID_ARGUMENT, "BAD_NAME", "name");
    v1::ApproveReturnRequest approve;
    approve.set_name(name);
    EXPECT_EQ(api().Call(&Returns::ApproveReturn, approve).reason(), "BAD_NAME") << name;
  }
  v1::GetReturnRequest get;
  get.set_name("sellers/acme/returns/ret_none");
  EXPECT_EQ(api().Call(&Returns::GetReturn, get).code(), StatusCode::NOT_FOUND);

  Lamp();
  Put(OrderOf("us", "113-6000000-0000009", {{"A", 1, 100, 0}}));
  v1::ListOrdersRequest list;
  EXPECT_EQ(api().Call(&Orders::ListOrders, list).reason(), "BAD_NAME");
  list.set_parent(kSeller);
  list.set_page_size(-1);
  EXPECT_REFUSED(api().Call(&Orders::ListOrders, list), INVALID_ARGUMENT, "BAD_PAGE_SIZE",
                 "page_size");
  list.set_page_size(1);
  const auto page = api().Call(&Orders::ListOrders, list);
  ASSERT_NE(page->next_page_token(), "");
  list.set_page_token(page->next_page_token());
  EXPECT_TRUE(api().Call(&Orders::ListOrders, list).ok());
  // The token of one list is none of another.
  v1::ListReturnsRequest returns;
  returns.set_parent(kSeller);
  returns.set_page_token(page->next_page_token());
  EXPECT_REFUSED(api().Call(&Returns::ListReturns, returns), INVALID_ARGUMENT, "BAD_PAGE_TOKEN",
                 "page_token");
  list.set_filter("defective = true");
  EXPECT_EQ(api().Call(&Orders::ListOrders, list).reason(), "BAD_PAGE_TOKEN");
  list.clear_page_token();
  for (const std::string& filter :
       {std::string("defective"), std::string("defective = "), std::string("defective > true"),
        std::string("color = red"), std::string("defective = true OR defective = false"),
        std::string("defective = \"true"), std::string("defective = 2"), std::string("= = ="),
        std::string("fulfillment = DRONE"), std::string("AND"), std::string(60000, '"')}) {
    list.set_filter(filter);
    EXPECT_REFUSED(api().Call(&Orders::ListOrders, list), INVALID_ARGUMENT, "BAD_FILTER", "filter");
  }
  list.set_filter("channel = \"' OR 1=1 --\"");
  const auto quoted = api().Call(&Orders::ListOrders, list);
  EXPECT_TRUE(!quoted.ok() || quoted->orders_size() == 0);
}

TEST_F(BadInputTest, TextsThatAreTooLong) {
  const v1::Return state = Create(Lamp(), v1::RETURN_REASON_NO_LONGER_NEEDED);
  const std::string huge(1'000'000, 'x');
  v1::RejectReturnRequest reject;
  reject.set_name(state.name());
  reject.set_reason_code(huge);
  EXPECT_REFUSED(api().Call(&Returns::RejectReturn, reject), INVALID_ARGUMENT, "TOO_LONG",
                 "reason_code");
  reject.set_reason_code("USED");
  reject.set_text(huge);
  EXPECT_REFUSED(api().Call(&Returns::RejectReturn, reject), INVALID_ARGUMENT, "TOO_LONG", "text");
  v1::CancelReturnRequest cancel;
  cancel.set_name(state.name());
  cancel.set_reason(huge);
  EXPECT_REFUSED(api().Call(&Returns::CancelReturn, cancel), INVALID_ARGUMENT, "TOO_LONG",
                 "reason");
  cancel.clear_reason();
  cancel.set_request_id(huge);
  EXPECT_REFUSED(api().Call(&Returns::CancelReturn, cancel), INVALID_ARGUMENT, "TOO_LONG",
                 "request_id");
  v1::CreateReturnRequest create = ReturnRequest(Lamp(), v1::RETURN_REASON_DEFECTIVE);
  create.mutable_return_resource()->set_external_id(huge);
  EXPECT_REFUSED(api().Call(&Returns::CreateReturn, create), INVALID_ARGUMENT, "TOO_LONG",
                 "return_resource.external_id");
  // More than a message may have at all.
  cancel.set_request_id(std::string(8'000'000, 'x'));
  EXPECT_EQ(api().Call(&Returns::CancelReturn, cancel).code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Get(state).etag(), state.etag());
}

TEST_F(BadInputTest, ActorsThatAreNone) {
  const v1::Return state = Create(Lamp(), v1::RETURN_REASON_DEFECTIVE);
  v1::ApproveReturnRequest approve;
  approve.set_name(state.name());
  for (const std::string& actor : {std::string("god"), std::string("clock"),
                                   std::string("plugin:x"), "manager:" + std::string(200, 'm')}) {
    EXPECT_EQ(ApiAs(actor).Call(&Returns::ApproveReturn, approve).reason(), "BAD_ACTOR") << actor;
  }
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_REQUESTED);
}

// Bytes as they are, past the checks of the client's own messages.
grpc::Status CallRaw(const Api& api, const std::string& method, const std::string& bytes) {
  grpc::GenericStub stub(api.channel());
  grpc::ClientContext context;
  api.Prepare(context);
  grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1);
  grpc::CompletionQueue queue;
  auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

TEST_F(BadInputTest, BytesThatAreNoMessage) {
  // One message in, one or many out.
  // Field 1 with a text that is no UTF-8; a length beyond the end; a field of a wrong kind.
  for (const std::string& bytes :
       {std::string("\x0A\x02\xC3\x28"),
        std::string("\x0A\x7F"
                    "abc"),
        std::string("\xFF\xFF\xFF"), std::string("\x0B"), std::string(100000, '\x0A')}) {
    for (const char* method :
         {"/aftersales.v1.ReturnService/GetReturn", "/aftersales.v1.RefundService/IssueRefund",
          "/aftersales.v1.EventService/Watch"}) {
      const grpc::Status status = CallRaw(api(), method, bytes);
      EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT) << status.error_message();
      EXPECT_EQ(RefusalOf(status).reason, "BAD_MESSAGE");
      EXPECT_THAT(status.error_message(), testing::HasSubstr(method));
    }
  }
  EXPECT_EQ(CallRaw(api(), "/aftersales.v1.ReturnService/NoSuchMethod", "").error_code(),
            StatusCode::UNIMPLEMENTED);
}

// The log of the host while one lives, instead of stderr.
class KeptLog {
 public:
  KeptLog() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "kept", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%l %v");
    logger->set_level(spdlog::level::warn);
    spdlog::set_default_logger(std::move(logger));
    testing::internal::CaptureStderr();
  }
  ~KeptLog() {
    if (!ended_) (void)testing::internal::GetCapturedStderr();
    spdlog::set_default_logger(before_);
  }
  std::string Stderr() {
    ended_ = true;
    return testing::internal::GetCapturedStderr();
  }
  std::vector<std::string> Lines(std::string_view with) const {
    std::vector<std::string> lines;
    std::istringstream all(text_.str());
    for (std::string line; std::getline(all, line);) {
      if (line.find(with) != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
  bool ended_ = false;
};

TEST_F(BadInputTest, LibrariesWriteIntoTheHostsLogAndDoNotFillIt) {
  KeptLog log;
  const std::string no_utf8("\x0A\x02\xC3\x28");
  const auto send = [&](int times) {
    for (int i = 0; i < times; ++i) {
      CallRaw(api(), "/aftersales.v1.ReturnService/GetReturn", no_utf8);
    }
  };
  const absl::Time start = absl::Now();
  send(50);
  if (absl::Now() - start < absl::Seconds(1)) {
    EXPECT_EQ(log.Lines("library=protobuf").size(), 1u);
  }
  absl::SleepFor(absl::Milliseconds(1100));
  send(1);
  const std::vector<std::string> lines = log.Lines("library=protobuf");
  ASSERT_GE(lines.size(), 2u);
  EXPECT_THAT(lines[0], testing::StartsWith("warning library=protobuf place="));
  EXPECT_THAT(lines[0], testing::HasSubstr("left_out=0 String field"));
  EXPECT_THAT(lines[0], testing::HasSubstr("GetReturnRequest.name"));
  int written = 0;
  for (const std::string& line : lines) {
    int left_out = -1;
    ASSERT_EQ(std::sscanf(line.c_str() + line.find("left_out="), "left_out=%d", &left_out), 1);
    written += 1 + left_out;
  }
  EXPECT_EQ(written, 51);
  EXPECT_EQ(log.Stderr(), "");
}

TEST_F(BadInputTest, PortThatIsTakenIsSaidOnce) {
  KeptLog log;
  host::HostOptions options;
  options.data_directory = directory() / "other";
  options.listen = host().address();
  const auto second = host::Host::Start(std::move(options));
  EXPECT_EQ(ReasonOf(second.status()), "ADDRESS_IN_USE");
  EXPECT_THAT(std::string(second.status().message()), testing::HasSubstr("--listen"));
  EXPECT_EQ(log.Lines("").size(), 0u);
  EXPECT_EQ(log.Stderr(), "");
}

TEST_F(BadInputTest, RecordedHttpThatIsNotThereIsSaidAtTheStart) {
  host::HostOptions options;
  options.data_directory = directory() / "other";
  options.listen = "127.0.0.1:0";
  options.replay_plugin_http = directory() / "absent";
  const auto replaying = host::Host::Start(std::move(options));
  EXPECT_EQ(replaying.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(replaying.status().message()),
              testing::HasSubstr((directory() / "absent").string()));
}

TEST_F(BadInputTest, ValidateOnlyChangesNothing) {
  const v1::Order order = Lamp();
  const size_t events = AllEvents().size();
  v1::CreateReturnRequest create = ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE);
  create.set_validate_only(true);
  create.set_request_id("validated");
  const auto would = api().Call(&Returns::CreateReturn, create);
  ASSERT_TRUE(would.ok()) << would.status.error_message();
  EXPECT_EQ(would->status(), v1::Return::STATUS_REQUESTED);
  v1::GetReturnRequest get;
  get.set_name(would->name());
  EXPECT_EQ(api().Call(&Returns::GetReturn, get).code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(AllEvents().size(), events);
  // The id was not used up by it.
  create.set_validate_only(false);
  const auto created = api().Call(&Returns::CreateReturn, create);
  ASSERT_TRUE(created.ok()) << created.status.error_message();
  EXPECT_FALSE(created.replayed);

  v1::ApproveReturnRequest approve;
  approve.set_name(created->name());
  approve.set_validate_only(true);
  EXPECT_EQ(api().Call(&Returns::ApproveReturn, approve)->status(), v1::Return::STATUS_APPROVED);
  EXPECT_EQ(Get(*created).status(), v1::Return::STATUS_REQUESTED);
  v1::BindChannelRequest bind;
  bind.set_parent(kSeller);
  bind.set_channel_id("uk");
  bind.mutable_channel()->set_marketplace_id("A1F83G8C2ARO7P");
  bind.mutable_channel()->set_marketplace_plugin("fake-market");
  bind.set_validate_only(true);
  EXPECT_TRUE(api().Call(&Channels::BindChannel, bind).ok());
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_TRUE(Log("fake-market", "effects.log").empty());
}

TEST_F(BadInputTest, ChannelsThatCannotBeBound) {
  const auto bind = [&](const std::function<void(v1::BindChannelRequest&)>& spoil) {
    v1::BindChannelRequest request;
    request.set_parent(kSeller);
    request.set_channel_id("fr");
    request.mutable_channel()->set_marketplace_id("A13V1IB3VIYZZH");
    request.mutable_channel()->set_marketplace_plugin("fake-market");
    spoil(request);
    return api().Call(&Channels::BindChannel, request);
  };
  EXPECT_REFUSED(bind([](auto& r) { r.set_channel_id("F R"); }), INVALID_ARGUMENT, "BAD_NAME",
                 "channel_id");
  EXPECT_REFUSED(bind([](auto& r) { r.mutable_channel()->set_marketplace_id("X"); }),
                 INVALID_ARGUMENT, "UNKNOWN_MARKETPLACE", "channel.marketplace_id");
  EXPECT_REFUSED(bind([](auto& r) { r.mutable_channel()->set_marketplace_plugin("none"); }),
                 INVALID_ARGUMENT, "UNKNOWN_PLUGIN", "channel.marketplace_plugin");
  // A carrier is no marketplace.
  EXPECT_EQ(
      bind([](auto& r) { r.mutable_channel()->set_marketplace_plugin("fake-carrier"); }).reason(),
      "UNKNOWN_PLUGIN");
  EXPECT_REFUSED(bind([](auto& r) { r.mutable_channel()->set_policy_profile("mine"); }),
                 INVALID_ARGUMENT, "UNKNOWN_POLICY", "channel.policy_profile");
  EXPECT_REFUSED(bind([](auto& r) { r.mutable_channel()->add_erp_plugins("sap"); }),
                 INVALID_ARGUMENT, "UNKNOWN_PLUGIN", "channel.erp_plugins[0]");
}

}  // namespace
}  // namespace aftersales::e2e
