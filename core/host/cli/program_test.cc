// Runs the program's commands in process against a host made of canned answers.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "aftersales/v1/event_service.grpc.pb.h"
#include "aftersales/v1/metrics_service.grpc.pb.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "aftersales/v1/refund_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/serve_options.h"
#include "core/host/cli/text.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/rpc/status.pb.h"

namespace aftersales::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// What a host answers on the wire for a refusal.
grpc::Status Rich(const absl::Status& status) {
  google::rpc::Status rich;
  rich.set_code(static_cast<int>(status.code()));
  rich.set_message(std::string(View(status.message())));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& bytes) {
    auto* detail = rich.add_details();
    detail->set_type_url(std::string(View(url)));
    detail->set_value(std::string(bytes));
  });
  return {static_cast<grpc::StatusCode>(status.code()), std::string(View(status.message())),
          rich.SerializeAsString()};
}

class FakeReturns : public v1::ReturnService::Service {
 public:
  grpc::Status GetReturn(grpc::ServerContext*, const v1::GetReturnRequest* request,
                         v1::Return* response) override {
    for (const v1::Return& value : stored) {
      if (value.name() == request->name()) {
        *response = value;
        return grpc::Status::OK;
      }
    }
    return Rich(NotFound(request->name()));
  }

  grpc::Status ListReturns(grpc::ServerContext*, const v1::ListReturnsRequest* request,
                           v1::ListReturnsResponse* response) override {
    lists.push_back(*request);
    size_t first = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (size_t i = first; i < stored.size(); ++i) {
      const v1::Return& value = stored[i];
      const std::string& filter = request->filter();
      if (filter.starts_with("external_rma_id") &&
          filter != Cat("external_rma_id = \"", value.external_rma_id(), "\"")) {
        continue;
      }
      if (filter.starts_with("order") && filter != Cat("order = \"", value.order(), "\"")) continue;
      if (response->returns_size() == request->page_size()) {
        response->set_next_page_token(std::to_string(i));
        break;
      }
      *response->add_returns() = value;
    }
    return grpc::Status::OK;
  }

  grpc::Status ApproveReturn(grpc::ServerContext* context, const v1::ApproveReturnRequest* request,
                             v1::Return* response) override {
    approvals.push_back(*request);
    actors.clear();
    for (auto [first, last] = context->client_metadata().equal_range("aftersales-actor");
         first != last; ++first) {
      actors.emplace_back(first->second.data(), first->second.size());
    }
    if (static_cast<int>(approvals.size()) <= failures) {
      return {grpc::StatusCode::UNAVAILABLE, "connection reset"};
    }
    if (!refusal.ok()) return Rich(refusal);
    *response = stored.front();
    response->set_status(v1::Return::STATUS_APPROVED);
    return grpc::Status::OK;
  }

  grpc::Status InspectReturn(grpc::ServerContext*, const v1::InspectReturnRequest* request,
                             v1::Return* response) override {
    inspections.push_back(*request);
    *response = stored.front();
    return grpc::Status::OK;
  }

  std::vector<v1::Return> stored;
  std::vector<v1::ListReturnsRequest> lists;
  std::vector<v1::ApproveReturnRequest> approvals;
  std::vector<v1::InspectReturnRequest> inspections;
  std::vector<std::string> actors;
  absl::Status refusal;
  int failures = 0;  // calls of ApproveReturn that are lost first
};

class FakeRefunds : public v1::RefundService::Service {
 public:
  grpc::Status IssueRefund(grpc::ServerContext*, const v1::IssueRefundRequest* request,
                           v1::Refund* response) override {
    issued.push_back(*request);
    response->set_name("sellers/acme/refunds/ref_1");
    response->set_status(v1::Refund::STATUS_APPROVED);
    response->set_order_external_id("113-1");
    response->mutable_total()->set_minor_units(3894);
    response->mutable_total()->set_currency_code("USD");
    auto* line = response->add_breakdown();
    line->set_kind(v1::BreakdownLine::KIND_ITEM);
    line->set_line_id("SKU-1");
    line->set_quantity(1);
    *line->mutable_amount() = response->total();
    response->mutable_manual_action()->set_title("Refund it in Seller Central");
    response->mutable_manual_action()->add_steps("Open Manage Returns");
    return grpc::Status::OK;
  }
  grpc::Status GetRefund(grpc::ServerContext*, const v1::GetRefundRequest* request,
                         v1::Refund* response) override {
    *response = stored;
    response->set_name(request->name());
    return grpc::Status::OK;
  }
  std::vector<v1::IssueRefundRequest> issued;
  v1::Refund stored;
};

class FakeMetrics : public v1::MetricsService::Service {
 public:
  grpc::Status GetDashboard(grpc::ServerContext*, const v1::GetDashboardRequest* request,
                            v1::Dashboard* response) override {
    week = request->week();
    *response = dashboard;
    return grpc::Status::OK;
  }
  std::string week;
  v1::Dashboard dashboard;
};

class FakeQueue : public v1::QueueService::Service {
 public:
  grpc::Status ListWorkItems(grpc::ServerContext*, const v1::ListWorkItemsRequest* request,
                             v1::ListWorkItemsResponse* response) override {
    requests.push_back(*request);
    for (const v1::WorkItem& item : items) *response->add_work_items() = item;
    response->mutable_as_of()->set_seconds(1773162000);
    return grpc::Status::OK;
  }
  std::vector<v1::ListWorkItemsRequest> requests;
  std::vector<v1::WorkItem> items;
};

class FakeChannels : public v1::ChannelService::Service {
 public:
  grpc::Status ImportReport(grpc::ServerContext*,
                            grpc::ServerReader<v1::ImportReportRequest>* reader,
                            v1::ImportReportResponse* response) override {
    v1::ImportReportRequest part;
    while (reader->Read(&part)) {
      if (part.has_header()) header = part.header();
      largest_chunk = std::max(largest_chunk, part.chunk().size());
      bytes += part.chunk();
      if (!refusal.ok()) return Rich(refusal);
    }
    *response = answer;
    return grpc::Status::OK;
  }
  v1::ImportReportHeader header;
  std::string bytes;
  size_t largest_chunk = 0;
  v1::ImportReportResponse answer;
  absl::Status refusal;
};

class FakeEvents : public v1::EventService::Service {
 public:
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     grpc::ServerWriter<v1::WatchResponse>* writer) override {
    asked = request->resume_token();
    if (!refusal.ok()) return Rich(refusal);
    for (int i = 1; i <= 3; ++i) {
      v1::WatchResponse response;
      response.set_resume_token(std::to_string(i));
      if (i != 2) {  // the second is a heartbeat
        response.mutable_event()->set_subject("sellers/acme/returns/ret_1");
        response.mutable_event()->set_status_after("APPROVED");
        response.mutable_event()->mutable_return_approved();
      }
      if (context->IsCancelled() || !writer->Write(response)) break;
    }
    return {grpc::StatusCode::UNAVAILABLE, "the host stops"};
  }
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    EXPECT_EQ(request->filter(), "subject = \"sellers/acme/returns/ret_1\"");
    EXPECT_EQ(request->order_by(), "occurred_at");
    response->add_events()->mutable_return_approved();
    return grpc::Status::OK;
  }
  std::string asked;
  absl::Status refusal;
};

class FakePlugins : public v1::PluginService::Service {
 public:
  grpc::Status IsolatePlugin(grpc::ServerContext*, const v1::IsolatePluginRequest* request,
                             v1::Plugin* response) override {
    response->set_name(request->name());
    response->set_transport(v1::Plugin::TRANSPORT_ISOLATED);
    response->set_pid(4711);
    return grpc::Status::OK;
  }
};

class ProgramTest : public testing::Test {
 protected:
  ProgramTest() {
    unsetenv("AFTERSALES_SELLER");
    unsetenv("AFTERSALES_ADDRESS");
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{
             &returns_, &refunds_, &queue_, &channels_, &events_, &metrics_, &plugins_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    address_ = Cat("127.0.0.1:", port);

    v1::Return value;
    value.set_name("sellers/acme/returns/ret_1");
    value.set_order("sellers/acme/orders/113-1");
    value.set_order_external_id("113-1");
    value.set_external_rma_id("RMA1");
    value.set_channel("sellers/acme/channels/amazon-us");
    value.set_status(v1::Return::STATUS_REQUESTED);
    auto* item = value.add_items();
    item->set_line_id("SKU-1");
    item->set_sku("SKU-1");
    item->set_quantity_requested(3);
    item->set_quantity_received(3);
    item->set_quantity_accepted(1);
    returns_.stored.push_back(value);
  }
  ~ProgramTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  // Runs with the fake host's address and the seller acme.
  int Run(std::vector<std::string> arguments) {
    if (arguments.front() != "track") arguments.push_back("--seller=acme");
    arguments.push_back("--address=" + address_);
    return RunAsGiven(std::move(arguments));
  }
  int RunAsGiven(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    return RunProgram(std::move(arguments), terminal_);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  // The text with line breaks and indents as single spaces, for sentences that may be wrapped.
  static std::string Flat(const std::string& text) {
    const std::vector<std::string> words =
        absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    return absl::StrJoin(words, " ");
  }

  std::ostringstream out_;
  std::ostringstream err_;
  Terminal terminal_{out_, err_};
  FakeReturns returns_;
  FakeRefunds refunds_;
  FakeQueue queue_;
  FakeChannels channels_;
  FakeEvents events_;
  FakeMetrics metrics_;
  FakePlugins plugins_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

TEST_F(ProgramTest, GoingBackIntoTheHostSaysWhen) {
  const std::string address = "--address=" + address_;
  EXPECT_EQ(RunAsGiven({"plugins", "isolate", "dhl", address}), 0);
  EXPECT_EQ(err(), "");
  EXPECT_EQ(RunAsGiven({"plugins", "isolate", "dhl", "--undo", address}), 0);
  EXPECT_THAT(out(), HasSubstr("pid 4711"));
  EXPECT_THAT(Flat(err()), HasSubstr("dhl runs in the host once that is started again"));
}

TEST_F(ProgramTest, APluginHasOnePlace) {
  EXPECT_TRUE(CheckPlaces({}, {"all"}).ok());
  EXPECT_TRUE(CheckPlaces({"dhl"}, {"files"}).ok());
  EXPECT_TRUE(CheckPlaces({"dhl"}, {"all"}).ok()) << "all but one";
  for (const auto& [isolate, in_process] :
       {std::pair("dhl", "dhl"), std::pair("all", "dhl"), std::pair("all", "all")}) {
    EXPECT_EQ(ReasonOf(CheckPlaces({isolate}, {in_process})), "BAD_PLACE") << isolate;
  }
  EXPECT_EQ(RunAsGiven({"serve", "--isolate", "dhl", "--in-process", "dhl", "--data-dir",
                        "/nonexistent/data"}),
            2);
  EXPECT_THAT(Flat(err()), HasSubstr("--isolate dhl and --in-process dhl"));
}

TEST_F(ProgramTest, HelpAndVersionEndWell) {
  EXPECT_EQ(RunAsGiven({"--version"}), 0);
  EXPECT_THAT(out(), HasSubstr("aftersales "));
  EXPECT_EQ(RunAsGiven({"--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("Exit codes: 0 done"));
  EXPECT_EQ(RunAsGiven({"returns", "approve", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("aftersales returns approve RMA --dry-run"));
}

TEST_F(ProgramTest, EveryCommandHasExamplesInItsHelp) {
  for (const char* command : {"serve",
                              "demo",
                              "import",
                              "queue",
                              "returns list",
                              "returns show",
                              "returns approve",
                              "returns reject",
                              "returns ask",
                              "returns remind",
                              "returns options",
                              "returns label",
                              "returns void-label",
                              "returns receive",
                              "returns inspect",
                              "returns close-short",
                              "returns cancel",
                              "returns reopen",
                              "returns close",
                              "refunds quote",
                              "refunds issue",
                              "refunds show",
                              "refunds list",
                              "refunds settle",
                              "orders list",
                              "orders show",
                              "shipments list",
                              "shipments scan",
                              "shipments correct",
                              "track",
                              "metrics",
                              "metrics orders",
                              "metrics changes",
                              "channels list",
                              "channels bind",
                              "plugins list",
                              "plugins get",
                              "plugins enable",
                              "plugins disable",
                              "plugins restart",
                              "plugins isolate",
                              "plugins upgrade",
                              "watch"}) {
    std::vector<std::string> arguments = absl::StrSplit(command, ' ');
    arguments.push_back("--help");
    EXPECT_EQ(RunAsGiven(arguments), 0) << command;
    EXPECT_THAT(out(), HasSubstr("Examples:")) << command;
    EXPECT_THAT(out(), HasSubstr(Cat("aftersales ", command))) << command;
  }
}

TEST_F(ProgramTest, WrongCommandLinesAreUsageErrors) {
  EXPECT_EQ(RunAsGiven({}), kExitUsage);
  EXPECT_EQ(RunAsGiven({"frobnicate"}), kExitUsage);
  EXPECT_EQ(RunAsGiven({"returns"}), kExitUsage);
  EXPECT_EQ(RunAsGiven({"returns", "approve"}), kExitUsage);
  EXPECT_EQ(RunAsGiven({"queue", "--limit", "-1"}), kExitUsage);
  EXPECT_EQ(RunAsGiven({"queue", "--nonsense"}), kExitUsage);
  EXPECT_EQ(Run({"refunds", "settle", "ref_1", "--proof", "x"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("--paid or --not-paid"));
  EXPECT_EQ(Run({"refunds", "quote"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("name a return"));
  EXPECT_EQ(Run({"queue", "--kind", "tea-break"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("return-response"));
}

TEST_F(ProgramTest, SellerComesFromTheFlagOrTheEnvironment) {
  EXPECT_EQ(RunAsGiven({"queue", "--address", address_}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("AFTERSALES_SELLER"));
  setenv("AFTERSALES_SELLER", "from-env", 1);
  setenv("AFTERSALES_ADDRESS", address_.c_str(), 1);
  EXPECT_EQ(RunAsGiven({"queue"}), 0) << err();
  EXPECT_EQ(queue_.requests.back().parent(), "sellers/from-env");
  EXPECT_EQ(RunAsGiven({"queue", "--seller", "acme"}), 0);
  EXPECT_EQ(queue_.requests.back().parent(), "sellers/acme");
  EXPECT_EQ(RunAsGiven({"queue", "--seller", "Not An Id"}), kExitUsage);
  unsetenv("AFTERSALES_SELLER");
  unsetenv("AFTERSALES_ADDRESS");
}

TEST_F(ProgramTest, SaysHowToStartAHostWhenNoneAnswers) {
  server_->Shutdown();
  EXPECT_EQ(Run({"queue"}), kExitUnavailable);
  EXPECT_THAT(Flat(err()), HasSubstr(Cat("no host answers at ", address_,
                                         "; start one with `aftersales serve`")));
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), kExitUnavailable);
  EXPECT_EQ(out(), "");
}

TEST_F(ProgramTest, QueueShowsTimeLeftAndWhatToDo) {
  v1::WorkItem item;
  item.set_channel("sellers/acme/channels/amazon-us");
  item.set_order_external_id("113-6270000-6280000");
  item.set_reason(v1::RETURN_REASON_ARRIVED_DAMAGED);
  item.mutable_due_at()->set_seconds(1773162000 - 31 * 3600);
  item.mutable_time_left()->set_seconds(-31 * 3600);
  item.set_overdue(true);
  item.set_action("Answer the return request");
  queue_.items.push_back(item);
  EXPECT_EQ(Run({"queue", "--channel", "amazon-us", "--kind", "return-response"}), 0);
  EXPECT_EQ(queue_.requests.back().filter(),
            "channel = \"sellers/acme/channels/amazon-us\" AND kind = RETURN_RESPONSE");
  for (const char* part :
       {"03-09 10:00", "-1d 07h", "amazon-us", "113-6270000-6280000", "arrived damaged",
        "Answer the return request", "1 item, 1 overdue", "2026-03-10 17:00"}) {
    EXPECT_THAT(Flat(out()), HasSubstr(part));
  }
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(out(), '\n'))) {
    EXPECT_LE(DisplayWidth(line), 100);
  }
}

TEST_F(ProgramTest, JsonIsOneObjectALineWithTheNamesOfTheProtos) {
  queue_.items.resize(2);
  queue_.items[0].set_order_external_id("113-1");
  queue_.items[1].set_order_external_id("113-2");
  EXPECT_EQ(Run({"queue", "--json"}), 0);
  const std::vector<std::string> lines = absl::StrSplit(out(), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(lines[1])["order_external_id"], "113-2");
}

TEST_F(ProgramTest, ReturnsAreFoundByIdNameRmaAndOrder) {
  for (const char* reference : {"ret_1", "sellers/acme/returns/ret_1", "RMA1", "113-1"}) {
    EXPECT_EQ(Run({"returns", "show", reference}), 0) << reference << err();
    EXPECT_THAT(out(), HasSubstr("ret_1")) << reference;
    EXPECT_THAT(out(), HasSubstr("return approved")) << reference;
  }
  // A whole name needs no seller.
  EXPECT_EQ(RunAsGiven({"returns", "show", "sellers/acme/returns/ret_1", "--address", address_}),
            0);
  EXPECT_EQ(Run({"returns", "show", "RMA2"}), kExitNotFound);
  EXPECT_THAT(err(), HasSubstr("RMA2"));
  EXPECT_EQ(Run({"returns", "show", "sellers/acme/orders/113-1"}), kExitUsage);
  // Nothing that could break out of a filter is sent.
  EXPECT_EQ(Run({"returns", "show", "x\" OR \"1"}), kExitUsage);
}

TEST_F(ProgramTest, SeveralReturnsOfAnOrderAreListedToChooseFrom) {
  v1::Return second = returns_.stored.front();
  second.set_name("sellers/acme/returns/ret_2");
  second.set_external_rma_id("RMA2");
  returns_.stored.push_back(second);
  EXPECT_EQ(Run({"returns", "approve", "113-1"}), kExitRefused);
  EXPECT_THAT(Flat(err()), HasSubstr("ret_1 (REQUESTED), ret_2 (REQUESTED)"));
  EXPECT_TRUE(returns_.approvals.empty());
}

TEST_F(ProgramTest, ApproveSendsWhatWasTyped) {
  EXPECT_EQ(Run({"returns", "approve", "RMA1", "--method", "buyer-pays", "--to", "dallas", "--line",
                 "SKU-1:2", "--etag", "e7", "--dry-run"}),
            0)
      << err();
  const v1::ApproveReturnRequest& sent = returns_.approvals.back();
  EXPECT_EQ(sent.name(), "sellers/acme/returns/ret_1");
  EXPECT_EQ(sent.return_method(), v1::RETURN_METHOD_BUYER_PAYS);
  EXPECT_EQ(sent.return_address_id(), "dallas");
  ASSERT_EQ(sent.lines_size(), 1);
  EXPECT_EQ(sent.lines(0).line_id(), "SKU-1");
  EXPECT_EQ(sent.lines(0).quantity(), 2);
  EXPECT_EQ(sent.etag(), "e7");
  EXPECT_TRUE(sent.validate_only());
  EXPECT_THAT(out(), HasSubstr("would be APPROVED; nothing was changed"));
  EXPECT_EQ(Run({"returns", "approve", "RMA1", "--line", "SKU-1:0"}), kExitUsage);
  EXPECT_TRUE(returns_.actors.empty());
  EXPECT_EQ(Run({"returns", "approve", "RMA1", "--as", "manager:alice"}), 0);
  EXPECT_EQ(returns_.actors, (std::vector<std::string>{"manager:alice"}));
  EXPECT_EQ(Run({"returns", "approve", "RMA1", "--as", "two words"}), kExitUsage);
}

TEST_F(ProgramTest, ALostMutationIsRepeatedOnceWithTheSameRequestId) {
  returns_.failures = 1;
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), 0) << err();
  ASSERT_EQ(returns_.approvals.size(), 2u);
  EXPECT_EQ(returns_.approvals[0].request_id().size(), 36u);
  EXPECT_EQ(returns_.approvals[0].request_id(), returns_.approvals[1].request_id());

  returns_.approvals.clear();
  returns_.failures = 5;
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), kExitUnavailable);
  EXPECT_EQ(returns_.approvals.size(), 2u);

  returns_.approvals.clear();
  returns_.failures = 0;
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), 0);
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), 0);
  EXPECT_NE(returns_.approvals[0].request_id(), returns_.approvals[1].request_id());
}

TEST_F(ProgramTest, ARefusalShowsSentenceReasonFieldsAndFigures) {
  returns_.refusal = Refuse(absl::StatusCode::kFailedPrecondition, "PLATFORM_MANAGED",
                            "Amazon decides returns of FBA orders")
                         .Field("name", "name a seller-fulfilled return")
                         .With("fulfillment", "AFN")
                         .RetryAfter(absl::Seconds(2));
  EXPECT_EQ(Run({"returns", "approve", "RMA1"}), kExitRefused);
  EXPECT_EQ(err(),
            "error: Amazon decides returns of FBA orders (PLATFORM_MANAGED)\n"
            "  at name: name a seller-fulfilled return\n"
            "  fulfillment = AFN\n"
            "  try again in 2 s\n");
  EXPECT_EQ(Run({"returns", "approve", "RMA1", "--json"}), kExitRefused);
  const auto error = nlohmann::json::parse(err())["error"];
  EXPECT_EQ(error["reason"], "PLATFORM_MANAGED");
  EXPECT_EQ(error["code"], "FAILED_PRECONDITION");
  EXPECT_EQ(error["fields"][0]["field"], "name");
  EXPECT_EQ(error["metadata"]["fulfillment"], "AFN");
}

TEST_F(ProgramTest, LongLineOfARefusalGoesOnUnderItself) {
  EXPECT_EQ(Run({"returns", "list", "--status", "foo"}), kExitUsage);
  const std::vector<std::string> lines = absl::StrSplit(err(), '\n', absl::SkipEmpty());
  ASSERT_GT(lines.size(), 2u);
  EXPECT_EQ(lines[0], "error: `foo` is not known (UNKNOWN_WORD)");
  EXPECT_EQ(lines[1].rfind("  at --status: one of ", 0), 0u) << lines[1];
  EXPECT_EQ(lines[2].rfind("     ", 0), 0u) << lines[2];
}

TEST_F(ProgramTest, RefundThatNobodyKnowsOfSaysWhatToDo) {
  refunds_.stored.set_status(v1::Refund::STATUS_UNKNOWN);
  refunds_.stored.set_order_external_id("113-1");
  refunds_.stored.mutable_total()->set_minor_units(2000);
  refunds_.stored.mutable_total()->set_currency_code("USD");
  EXPECT_EQ(Run({"refunds", "show", "ref_1"}), 0) << err();
  EXPECT_THAT(Flat(out()), HasSubstr("look there for 20.00 USD of order 113-1"));
  EXPECT_THAT(out(), HasSubstr("\n  aftersales refunds settle ref_1 --paid --proof REFERENCE\n"));
  EXPECT_THAT(out(), HasSubstr("\n  aftersales refunds settle ref_1 --not-paid --proof "));
  refunds_.stored.set_status(v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Run({"refunds", "show", "ref_1"}), 0) << err();
  EXPECT_THAT(out(), Not(HasSubstr("settle")));
}

TEST_F(ProgramTest, FigureThatWasNotReportedIsNotZero) {
  for (const bool counted : {true, false}) {
    v1::Metric* metric = metrics_.dashboard.add_metrics();
    metric->set_channel("sellers/acme/channels/amazon-us");
    metric->set_fulfillment(v1::FULFILLMENT_MFN);
    metric->set_kind(v1::Metric::KIND_ODR);
    metric->set_source(v1::Metric::SOURCE_REPORTED);
    if (counted) metric->mutable_value()->set_denominator(0);
  }
  EXPECT_EQ(Run({"metrics", "--week", "2026-W53"}), 0) << err();
  EXPECT_EQ(metrics_.week, "2026-W53");
  const std::vector<std::string> lines = absl::StrSplit(out(), '\n');
  ASSERT_GT(lines.size(), 2u);
  EXPECT_THAT(lines[1], HasSubstr(" 0  "));
  EXPECT_THAT(lines[2], Not(HasSubstr(" 0")));
  EXPECT_THAT(lines[2], HasSubstr("n/a"));
}

TEST_F(ProgramTest, ExitCodesFollowTheStatus) {
  const std::vector<std::pair<absl::StatusCode, int>> codes = {
      {absl::StatusCode::kFailedPrecondition, 1}, {absl::StatusCode::kAborted, 1},
      {absl::StatusCode::kAlreadyExists, 1},      {absl::StatusCode::kResourceExhausted, 1},
      {absl::StatusCode::kInvalidArgument, 2},    {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kUnavailable, 4},        {absl::StatusCode::kDeadlineExceeded, 4},
      {absl::StatusCode::kInternal, 70},          {absl::StatusCode::kUnimplemented, 70},
      {absl::StatusCode::kDataLoss, 70}};
  for (const auto& [code, expected] : codes) {
    returns_.refusal = Refuse(code, "REASON", "a sentence");
    EXPECT_EQ(Run({"returns", "approve", "RMA1"}), expected) << static_cast<int>(code);
    EXPECT_THAT(err(), HasSubstr("a sentence (REASON)"));
  }
}

TEST_F(ProgramTest, InspectTakesAllUninspectedUnitsByDefault) {
  EXPECT_EQ(Run({"returns", "inspect", "RMA1", "--condition", "new"}), 0) << err();
  ASSERT_EQ(returns_.inspections.back().inspections_size(), 1);
  EXPECT_EQ(returns_.inspections.back().inspections(0).quantity(), 2);
  EXPECT_EQ(returns_.inspections.back().inspections(0).condition(), v1::CONDITION_NEW);
  EXPECT_EQ(Run({"returns", "inspect", "RMA1", "--condition", "new", "--quantity", "1"}), 0);
  EXPECT_EQ(returns_.inspections.back().inspections(0).quantity(), 1);
}

TEST_F(ProgramTest, ListsReadPagesUpToTheLimit) {
  for (int i = 2; i <= 5; ++i) {
    v1::Return more = returns_.stored.front();
    more.set_name(Cat("sellers/acme/returns/ret_", i));
    more.set_external_rma_id(Cat("RMA", i));
    returns_.stored.push_back(more);
  }
  EXPECT_EQ(Run({"returns", "list", "--limit", "3"}), 0);
  EXPECT_THAT(out(), HasSubstr("RMA3"));
  EXPECT_THAT(out(), Not(HasSubstr("RMA4")));
  EXPECT_THAT(err(), HasSubstr("only the first 3"));
  EXPECT_EQ(Run({"returns", "list", "--limit", "0"}), 0);
  EXPECT_THAT(out(), HasSubstr("RMA5"));
  EXPECT_EQ(err(), "");
}

TEST_F(ProgramTest, IssueCarriesTheExpectedTotalAndShowsWhatAPersonHasToDo) {
  EXPECT_EQ(Run({"refunds", "issue", "RMA1", "--expect", "38.94USD", "--goodwill", "1.00 USD"}), 0)
      << err();
  const v1::IssueRefundRequest& sent = refunds_.issued.back();
  EXPECT_EQ(sent.spec().return_name(), "sellers/acme/returns/ret_1");
  EXPECT_EQ(sent.expected_total().minor_units(), 3894);
  EXPECT_EQ(sent.spec().goodwill().minor_units(), 100);
  EXPECT_FALSE(sent.spec().has_deduction());
  for (const char* part : {"38.94 USD", "Refund it in Seller Central", "1. Open Manage Returns",
                           "aftersales refunds settle ref_1 --paid"}) {
    EXPECT_THAT(out(), HasSubstr(part));
  }
}

class ImportTest : public ProgramTest {
 protected:
  ImportTest() : file_(std::filesystem::temp_directory_path() / Cat("import-test-", getpid())) {
    channels_.answer.set_report_type("GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE");
    channels_.answer.set_charset("utf-8");
    channels_.answer.set_row_count(3);
    auto* count = channels_.answer.add_counts();
    count->set_kind("returns");
    count->set_created(3);
  }
  ~ImportTest() override { std::filesystem::remove(file_); }

  void Fill(size_t bytes) {
    std::string content;
    while (content.size() < bytes) content += "row of a report\n";
    content.resize(bytes);
    std::ofstream(file_, std::ios::binary) << content;
    content_ = content;
  }

  std::filesystem::path file_;
  std::string content_;
};

TEST_F(ImportTest, StreamsTheFileInChunks) {
  Fill((1 << 20) + 7);
  EXPECT_EQ(Run({"import", file_.string(), "--channel", "amazon-us", "--charset", "cp932"}), 0)
      << err();
  EXPECT_EQ(channels_.header.channel(), "sellers/acme/channels/amazon-us");
  EXPECT_EQ(channels_.header.file_name(), file_.filename().string());
  EXPECT_EQ(channels_.header.charset(), "cp932");
  EXPECT_TRUE(channels_.bytes == content_);
  EXPECT_EQ(channels_.largest_chunk, 256u << 10);
  EXPECT_THAT(Flat(out()), HasSubstr("returns 3 new, 0 changed, 0 known"));
}

TEST_F(ImportTest, SkippedRowsAreListedAndChangeTheExitCode) {
  Fill(100);
  channels_.answer.set_skipped_count(1);
  channels_.answer.set_problem_count(2);
  auto* problem = channels_.answer.add_problems();
  problem->set_line(17);
  problem->set_column("Return request date");
  problem->set_reason("BAD_DATE");
  problem->set_message("`31-Feb-2026` is not a date");
  problem->set_skipped(true);
  auto* warning = channels_.answer.add_problems();
  warning->set_reason("LOCALISED_HEADER");
  EXPECT_EQ(Run({"import", file_.string(), "--channel", "amazon-us"}), kExitSkippedRows);
  for (const char* part : {"17", "Return request date", "BAD_DATE", "31-Feb-2026", "skipped",
                           "1 skipped, 1 taken with a warning", "LOCALISED_HEADER"}) {
    EXPECT_THAT(Flat(out()), HasSubstr(part));
  }
}

TEST_F(ImportTest, ARefusalInTheMiddleOfTheStreamIsShown) {
  Fill(8 << 20);
  channels_.refusal = Refuse(absl::StatusCode::kInvalidArgument, "WRONG_REPORT",
                             "the file is not a returns report");
  EXPECT_EQ(Run({"import", file_.string(), "--channel", "amazon-us"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("the file is not a returns report (WRONG_REPORT)"));
}

TEST_F(ImportTest, UnreadableFilesDoNotStopTheOthers) {
  Fill(10);
  EXPECT_EQ(Run({"import", "/nonexistent/file", "--channel", "amazon-us"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("cannot read /nonexistent/file: No such file"));
  EXPECT_EQ(Run({"import", "/tmp", file_.string(), "--channel", "amazon-us"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("Is a directory"));
  EXPECT_EQ(channels_.bytes, content_);
}

TEST_F(ProgramTest, WatchThatWasRefusedHasNowhereToGoOnFrom) {
  events_.refusal = Refuse(absl::StatusCode::kInvalidArgument, "BAD_RESUME_TOKEN", "no such token");
  EXPECT_EQ(Run({"watch", "--since", "garbage"}), kExitUsage);
  EXPECT_EQ(err(), "error: no such token (BAD_RESUME_TOKEN)\n");
}

TEST_F(ProgramTest, WatchPrintsEventsAndTellsHowToGoOn) {
  EXPECT_EQ(Run({"watch", "--since", "start"}), kExitUnavailable);
  EXPECT_EQ(events_.asked, "start");
  EXPECT_THAT(out(), HasSubstr("return approved"));
  EXPECT_THAT(err(), HasSubstr("aftersales watch --since 3"));
  EXPECT_EQ(Run({"watch", "--count", "1", "--json"}), 0) << err();
  EXPECT_EQ(std::vector<std::string>(absl::StrSplit(out(), '\n', absl::SkipEmpty())).size(), 1u);
}

TEST(ServeOptionsTest, OnlyLoopbackIsServed) {
  for (const char* good : {"127.0.0.1:50151", "127.0.0.2:0", "[::1]:50151", "localhost:1"}) {
    EXPECT_TRUE(CheckLoopback(good).ok()) << good;
  }
  for (const char* bad : {"0.0.0.0:50151", "[::]:50151", "192.168.1.7:50151", "example.com:80",
                          "127.evil.example:1", "127.0.0.1.evil.example:1", "127.0.0:1"}) {
    EXPECT_EQ(ReasonOf(CheckLoopback(bad)), "LOOPBACK_ONLY") << bad;
  }
  for (const char* bad :
       {"", "127.0.0.1", ":50151", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x"}) {
    EXPECT_EQ(ReasonOf(CheckLoopback(bad)), "BAD_ADDRESS") << bad;
  }
}

TEST(ServeOptionsTest, PluginSettingsAreSplitAtTheFirstDotAndEquals) {
  const auto config = ParsePluginConfig({"files.directory=/srv/a=b", "files.x.y=1"});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->at("files").at("directory"), "/srv/a=b");
  EXPECT_EQ(config->at("files").at("x.y"), "1");
  for (const char* bad : {"files", "files.directory", "=1", ".a=1", "files=1", "files.=1"}) {
    const auto parsed = ParsePluginConfig({bad});
    EXPECT_EQ(ReasonOf(parsed.status()), "BAD_PLUGIN_CONFIG") << bad;
  }
  // A value may be a secret and is never repeated.
  EXPECT_THAT(std::string(View(ParsePluginConfig({"files=hunter2"}).status().message())),
              Not(HasSubstr("hunter2")));
}

TEST(ServeOptionsTest, PluginHttpIsRecordedOrReplayed) {
  EXPECT_EQ(ParsePluginHttp("record=/srv/a=b")->record, "/srv/a=b");
  EXPECT_EQ(ParsePluginHttp("record=/srv/a")->replay, "");
  EXPECT_EQ(ParsePluginHttp("replay=x")->replay, "x");
  ASSERT_TRUE(ParsePluginHttp("").ok());
  for (const char* bad : {"record", "record=", "=x", "play=x", "/srv/a"}) {
    EXPECT_EQ(ReasonOf(ParsePluginHttp(bad).status()), "BAD_PLUGIN_HTTP") << bad;
    EXPECT_EQ(FieldOf(ParsePluginHttp(bad).status()), "--plugin-http") << bad;
  }
}

TEST(ServeOptionsTest, TheFileFillsWhatTheCommandLineLeavesOpen) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / Cat("serve-test-", getpid(), ".toml");
  ServeOptions options;
  CLI::App app;
  app.add_option("--listen", options.listen);
  app.add_option("--data-dir", options.data_directory);
  app.add_option("--plugin-config", options.plugin_config)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--log-level", options.log_level)->check(CLI::IsMember({"info", "warn"}));
  app.parse("--listen 127.0.0.1:1");
  std::ofstream(file) << "# a comment\nlisten = \"127.0.0.1:2\"\ndata-dir = \"/srv/data\"\n"
                         "plugin-config = [\"files.a=1\", \"files.b=2\"]\n";
  EXPECT_TRUE(ReadConfigFile(file.string(), &app).ok());
  EXPECT_EQ(options.listen, "127.0.0.1:1");
  EXPECT_EQ(options.data_directory, "/srv/data");
  EXPECT_EQ(options.plugin_config, (std::vector<std::string>{"files.a=1", "files.b=2"}));

  for (const char* bad :
       {"unknown = 1\n", "[section]\nlisten = \"127.0.0.1:2\"\n", "log-level = \"shout\"\n"}) {
    std::ofstream(file) << bad;
    EXPECT_EQ(ReasonOf(ReadConfigFile(file.string(), &app)), "BAD_CONFIG") << bad;
  }
  std::filesystem::remove(file);
  EXPECT_EQ(ReasonOf(ReadConfigFile(file.string(), &app)), "BAD_CONFIG");
}

}  // namespace
}  // namespace aftersales::cli
