#include "tests/e2e/test_host.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/domain/calendar.h"
#include "tests/e2e/host_process.h"

namespace aftersales::e2e {

absl::Time At(std::string_view text) {
  const absl::StatusOr<absl::Time> time = calendar::ParseInstant(text);
  if (!time.ok()) {
    ADD_FAILURE() << "not an instant: " << text;
    std::abort();
  }
  return *time;
}

google::protobuf::Timestamp Stamp(absl::Time time) { return calendar::ToProto(time); }

v1::Money MoneyOf(int64_t minor_units, std::string_view currency) {
  v1::Money money;
  money.set_minor_units(minor_units);
  money.set_currency_code(std::string(currency));
  return money;
}

bool Eventually(const std::function<bool()>& holds) {
  const absl::Time until = absl::Now() + absl::Seconds(10);
  while (!holds()) {
    if (absl::Now() > until) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

v1::Return Bare(v1::Return state) {
  state.clear_name();
  state.clear_order();
  state.clear_order_external_id();
  state.clear_external_id();
  state.clear_external_rma_id();
  state.clear_etag();
  state.clear_create_time();
  state.clear_update_time();
  // The clock goes its own pace.
  for (v1::Deadline& deadline : *state.mutable_deadlines()) {
    deadline.clear_alert();
    deadline.clear_alert_at();
  }
  return state;
}

v1::Order OrderOf(std::string_view channel, std::string_view external_id,
                  const std::vector<Line>& lines) {
  const std::string currency = channel == "jp" ? "JPY" : channel == "de" ? "EUR" : "USD";
  v1::Order order;
  order.set_channel(std::string(kSeller) + "/channels/" + std::string(channel));
  order.set_external_id(std::string(external_id));
  order.set_fulfillment(v1::FULFILLMENT_MFN);
  order.set_status(v1::Order::STATUS_SHIPPED);
  *order.mutable_placed_at() = Stamp(At("2026-02-20T10:00:00Z"));
  *order.mutable_expected_ship_by() = Stamp(At("2026-02-22T07:59:59Z"));
  *order.mutable_ship_confirmed_at() = Stamp(At("2026-02-21T10:00:00Z"));
  *order.mutable_delivered_at() = Stamp(At("2026-02-27T18:00:00Z"));
  for (const Line& given : lines) {
    v1::OrderLine* line = order.add_lines();
    line->set_line_id(given.sku);
    line->set_sku(given.sku);
    line->set_quantity(given.quantity);
    line->set_quantity_shipped(given.quantity);
    *line->mutable_item_total() = MoneyOf(given.item_total, currency);
    *line->mutable_tax_total() = MoneyOf(given.tax_total, currency);
  }
  return order;
}

const v1::Deadline* FindDeadline(const v1::Return& state, v1::Deadline::Kind kind) {
  for (const v1::Deadline& deadline : state.deadlines()) {
    if (deadline.kind() == kind) return &deadline;
  }
  return nullptr;
}

HostTest::HostTest() : clock_(std::make_shared<ManualClock>(At("2026-03-02T09:00:00Z"))) {
  spdlog::set_level(spdlog::level::err);
  std::string pattern = (std::filesystem::temp_directory_path() / "aftersales-e2e-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  directory_ = pattern;
}

HostTest::~HostTest() {
  api_.reset();
  host_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void HostTest::SetUp() {
  StartHost();
  Bind("us", "ATVPDKIKX0DER", "seed");
  Bind("de", "A1PA6795UKMFR9", "seed");
  Bind("jp", "A1VC38T7YXB528", "seed");
}

void HostTest::StartHost() {
  host::HostOptions options;
  options.data_directory = directory_ / "data";
  options.listen = "127.0.0.1:0";
  // The folder holds broken plugins as well.
  for (const char* fake : {"fake_market.so", "fake_carrier.so", "fake_erp.so"}) {
    options.plugin_files.push_back(std::filesystem::path(AFTERSALES_TEST_PLUGIN_DIR) / fake);
  }
  for (const std::string& more : more_plugins_) {
    options.plugin_files.push_back(std::filesystem::path(AFTERSALES_TEST_PLUGIN_DIR) / more);
  }
  options.plugin_files.push_back(std::filesystem::path(AFTERSALES_PLUGIN_DIR) /
                                 "amazon_reports.so");
  options.plugin_runner = AFTERSALES_PROGRAM;
  // The whole suite runs a second time with every plugin in a process of its own.
  (std::getenv("AFTERSALES_TEST_ISOLATED") != nullptr ? options.isolate
                                                      : options.in_process) = {"all"};
  options.clock = clock_;
  if (adjust_options_) adjust_options_(options);
  absl::StatusOr<std::unique_ptr<host::Host>> started = host::Host::Start(std::move(options));
  ASSERT_TRUE(started.ok()) << started.status();
  host_ = *std::move(started);
  api_ = std::make_unique<Api>(host_->address());
}

void HostTest::StopHost() {
  if (host_ != nullptr) host_->Shutdown(absl::Seconds(5));
  host_.reset();
  api_.reset();
}

void HostTest::RestartHost() {
  StopHost();
  StartHost();
}

Api HostTest::ApiAs(std::string_view actor) const {
  return Api(host_->address(), std::string(actor));
}

v1::Channel HostTest::Bind(std::string_view channel_id, std::string_view marketplace_id,
                           std::string_view profile, std::string_view plugin) {
  v1::BindChannelRequest request;
  request.set_parent(kSeller);
  request.set_channel_id(std::string(channel_id));
  v1::Channel* channel = request.mutable_channel();
  channel->set_marketplace_id(std::string(marketplace_id));
  channel->set_marketplace_plugin(std::string(plugin));
  channel->add_erp_plugins("fake-erp");
  channel->set_label_plugin("fake-carrier");
  channel->set_policy_profile(std::string(profile));
  v1::ReturnAddress* address = channel->add_return_addresses();
  address->set_address_id("local");
  address->set_country_code("US");
  address->set_state(v1::ReturnAddress::STATE_APPROVED);
  const auto bound = api().Call(&Channels::BindChannel, request);
  EXPECT_TRUE(bound.ok()) << bound.status.error_message();
  return *bound;
}

v1::Order HostTest::Put(const v1::Order& order) {
  v1::UpsertOrderRequest request;
  request.set_parent(kSeller);
  *request.mutable_order() = order;
  const auto stored = api().Call(&Orders::UpsertOrder, request);
  EXPECT_TRUE(stored.ok()) << stored.status.error_message();
  return *stored;
}

v1::CreateReturnRequest HostTest::ReturnRequest(const v1::Order& order, v1::ReturnReason reason,
                                                int quantity, std::string_view sku) {
  v1::CreateReturnRequest request;
  request.set_parent(kSeller);
  request.mutable_return_resource()->set_order(order.name());
  v1::ReturnItem* item = request.mutable_return_resource()->add_items();
  item->set_line_id(sku.empty() && order.lines_size() > 0 ? order.lines(0).line_id()
                                                          : std::string(sku));
  item->set_quantity_requested(quantity);
  item->set_buyer_reason(reason);
  return request;
}

v1::Return HostTest::Create(const v1::Order& order, v1::ReturnReason reason, int quantity) {
  const auto created = api().Call(&Returns::CreateReturn, ReturnRequest(order, reason, quantity));
  EXPECT_TRUE(created.ok()) << created.status.error_message();
  return *created;
}

v1::Return HostTest::Approve(const v1::Return& state) {
  v1::ApproveReturnRequest request;
  request.set_name(state.name());
  const auto approved = api().Call(&Returns::ApproveReturn, request);
  EXPECT_TRUE(approved.ok()) << approved.status.error_message();
  return *approved;
}

v1::Return HostTest::Receive(const v1::Return& state, int quantity) {
  v1::RecordReceiptRequest request;
  request.set_name(state.name());
  if (quantity > 0) {
    v1::Receipt::Line* line = request.mutable_receipt()->add_lines();
    line->set_line_id(state.items(0).line_id());
    line->set_quantity(quantity);
  }
  const auto received = api().Call(&Returns::RecordReceipt, request);
  EXPECT_TRUE(received.ok()) << received.status.error_message();
  return *received;
}

v1::Return HostTest::Inspect(const v1::Return& state, int quantity, v1::Condition condition) {
  v1::InspectReturnRequest request;
  request.set_name(state.name());
  v1::Inspection* inspection = request.add_inspections();
  inspection->set_line_id(state.items(0).line_id());
  inspection->set_quantity(quantity);
  inspection->set_condition(condition);
  const auto inspected = api().Call(&Returns::InspectReturn, request);
  EXPECT_TRUE(inspected.ok()) << inspected.status.error_message();
  return *inspected;
}

v1::Return HostTest::Get(const v1::Return& state) {
  v1::GetReturnRequest request;
  request.set_name(state.name());
  const auto found = api().Call(&Returns::GetReturn, request);
  EXPECT_TRUE(found.ok()) << found.status.error_message();
  return *found;
}

v1::Refund HostTest::Get(const v1::Refund& refund) {
  v1::GetRefundRequest request;
  request.set_name(refund.name());
  const auto found = api().Call(&Refunds::GetRefund, request);
  EXPECT_TRUE(found.ok()) << found.status.error_message();
  return *found;
}

void HostTest::Scan(const v1::Return& state, v1::TrackingEvent::Milestone milestone) {
  v1::RecordFactsRequest request;
  request.set_parent(kSeller);
  v1::Event* fact = request.add_facts();
  fact->set_subject(state.name());
  *fact->mutable_occurred_at() = Stamp(clock_->Now());
  fact->set_external_id("scan-" + std::to_string(milestone));
  fact->mutable_return_scanned()->set_milestone(milestone);
  const auto recorded = api().Call(&Facts::RecordFacts, request);
  ASSERT_TRUE(recorded.ok()) << recorded.status.error_message();
  ASSERT_EQ(recorded->results(0).outcome(), v1::FactResult::OUTCOME_RECORDED)
      << recorded->results(0).message();
}

v1::IssueRefundRequest HostTest::Concession(const v1::Order& order, std::string_view sku,
                                            int quantity) {
  v1::IssueRefundRequest request;
  request.set_parent(kSeller);
  request.mutable_spec()->set_order(order.name());
  v1::RefundItem* item = request.mutable_spec()->add_items();
  item->set_line_id(std::string(sku));
  item->set_quantity(quantity);
  item->set_reason(v1::RETURN_REASON_NO_LONGER_NEEDED);
  return request;
}

v1::RefundQuote HostTest::Quote(const v1::RefundSpec& spec) {
  v1::QuoteRefundRequest request;
  request.set_parent(kSeller);
  *request.mutable_spec() = spec;
  const auto quote = api().Call(&Refunds::QuoteRefund, request);
  EXPECT_TRUE(quote.ok()) << quote.status.error_message();
  return *quote;
}

v1::Refund HostTest::Issue(const v1::IssueRefundRequest& request, v1::Refund::Status status) {
  const auto issued = api().Call(&Refunds::IssueRefund, request);
  EXPECT_TRUE(issued.ok()) << issued.status.error_message();
  if (!issued.ok()) return {};
  return Await(*issued, status);
}

v1::Refund HostTest::Await(const v1::Refund& refund, v1::Refund::Status status) {
  v1::Refund now;
  Eventually([&] { return (now = Get(refund)).status() == status; });
  EXPECT_EQ(v1::Refund::Status_Name(now.status()), v1::Refund::Status_Name(status));
  return now;
}

v1::Return HostTest::Await(const v1::Return& state, v1::Return::Status status) {
  v1::Return now;
  Eventually([&] { return (now = Get(state)).status() == status; });
  EXPECT_EQ(v1::Return::Status_Name(now.status()), v1::Return::Status_Name(status));
  return now;
}

v1::Return HostTest::AwaitThat(const v1::Return& state,
                               const std::function<bool(const v1::Return&)>& holds) {
  v1::Return now;
  EXPECT_TRUE(Eventually([&] { return holds(now = Get(state)); })) << now.DebugString();
  return now;
}

void HostTest::SetMode(std::string_view plugin, std::string_view modes) {
  WriteModes(directory_ / "data", plugin, modes);
}

std::vector<std::string> HostTest::Log(std::string_view plugin, std::string_view file,
                                       std::string_view containing) const {
  std::ifstream log(directory_ / "data" / "plugins" / plugin / file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    if (line.find(containing) != std::string::npos) lines.push_back(line);
  }
  return lines;
}

int HostTest::EffectCount(std::string_view method, std::string_view subject,
                          std::string_view plugin) const {
  int count = 0;
  for (const std::string& line : Log(plugin, "effects.log", subject)) {
    std::istringstream words(line);
    std::string first, effect_id, amount, currency, of;
    words >> first >> effect_id >> amount >> currency >> of;
    if (first == method && of == subject) ++count;
  }
  return count;
}

std::vector<v1::WorkItem> HostTest::WorkItems(std::string_view filter) {
  v1::ListWorkItemsRequest request;
  request.set_parent(kSeller);
  request.set_page_size(1000);
  request.set_filter(std::string(filter));
  const auto page = api().Call(&Queue::ListWorkItems, request);
  EXPECT_TRUE(page.ok()) << page.status.error_message();
  return {page->work_items().begin(), page->work_items().end()};
}

std::vector<v1::Event> HostTest::AllEvents(std::string_view filter, std::string_view order_by) {
  std::vector<v1::Event> events;
  v1::ListEventsRequest request;
  request.set_parent(kSeller);
  request.set_page_size(1000);
  request.set_filter(std::string(filter));
  request.set_order_by(std::string(order_by));
  do {
    const auto page = api().Call(&Events::ListEvents, request);
    EXPECT_TRUE(page.ok()) << page.status.error_message();
    if (!page.ok()) break;
    events.insert(events.end(), page->events().begin(), page->events().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return events;
}

}  // namespace aftersales::e2e
