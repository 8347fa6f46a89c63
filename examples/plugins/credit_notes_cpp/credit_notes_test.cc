// The plugin against an ERP that is a function.
#include "credit_notes.h"

#include <chrono>
#include <map>
#include <string>

#include "aftersales/sdk/testing/fake_host.h"
#include "gtest/gtest.h"

namespace credit_notes {
namespace {

using sdk::Code;

class CreditNotesTest : public ::testing::Test {
 protected:
  CreditNotesTest() {
    host_.secrets["token"] = "s3cr3t";
    host_.on_http = [this](const auto& request) { return Answer(request); };
    plugin_.set_host(host_.host());
    contract::ConfigureRequest configure;
    (*configure.mutable_config())["url"] = "http://erp.test/api/";
    (*configure.mutable_config())["token"] = "an older one";
    EXPECT_TRUE(plugin_.Configure(configure).ok());
  }
  ~CreditNotesTest() override {
    for (const auto& [level, line] : host_.lines) {
      EXPECT_EQ(line.find("s3cr3t"), std::string::npos) << line;
    }
  }

  // The ERP: keeps a document once for each key.
  sdk::StatusOr<contract::SendHttpRequestResponse> Answer(
      const contract::SendHttpRequestRequest& request) {
    contract::SendHttpRequestResponse response;
    std::string key, token;
    for (const auto& header : request.headers()) {
      if (header.name() == "Idempotency-Key") key = header.value();
      if (header.name() == "Authorization") token = header.value();
    }
    if (token != "Bearer s3cr3t") {
      response.set_status(401);
      return response;
    }
    if (status_ == 200 && request.method() == "POST") documents_[key] = request.body();
    if (loses_answers_) return sdk::Status(Code::kUnknown, "it may have been sent");
    response.set_status(status_);
    response.set_body(request.method() == "POST" ? "{}" : page_);
    auto* wait = response.add_headers();
    wait->set_name("retry-after");
    wait->set_value("7");
    return response;
  }
  contract::PushChangesResponse Push(int from, int to) {
    contract::PushChangesRequest request;
    for (int i = from; i <= to; ++i) {
      auto* change = request.add_changes();
      change->set_effect_id("sellers/acme/events/" + std::to_string(i));
      change->mutable_refund()->set_name("sellers/acme/refunds/f" + std::to_string(i));
      auto* amount = change->mutable_event()->mutable_refund_succeeded()->mutable_amount();
      amount->set_minor_units(i);
      amount->set_currency_code("USD");
    }
    contract::PushChangesResponse response;
    EXPECT_TRUE(plugin_.PushChanges(host_.NewCall("", "sellers/acme"), request, &response).ok());
    return response;
  }
  bool Healthy() {
    contract::CheckHealthResponse health;
    EXPECT_TRUE(plugin_.CheckHealth(&health).ok());
    return health.healthy();
  }

  sdk::FakeHost host_;
  CreditNotes plugin_;
  int status_ = 200;
  bool loses_answers_ = false;
  std::string page_;
  std::map<std::string, std::string> documents_;
};

TEST_F(CreditNotesTest, WhatTheErpDoesNotTakeComesAgainAndIsKeptOnce) {
  EXPECT_EQ(Push(1, 2).accepted_count(), 2);
  for (const int status : {503, 429, 422, 302}) {
    status_ = status;
    const auto answer = Push(3, 5);
    EXPECT_EQ(answer.accepted_count(), 0) << status;
    EXPECT_EQ(answer.retry_after().seconds(), status == 503 || status == 429 ? 7 : 60) << status;
    EXPECT_NE(answer.message().find("events/3"), std::string::npos) << answer.message();
    EXPECT_FALSE(Healthy());
  }
  status_ = 200;
  loses_answers_ = true;
  EXPECT_EQ(Push(3, 5).accepted_count(), 0);
  EXPECT_EQ(documents_.size(), 3u);
  loses_answers_ = false;
  EXPECT_EQ(Push(3, 5).accepted_count(), 3);
  EXPECT_EQ(documents_.size(), 5u);
  EXPECT_TRUE(Healthy());
}

TEST_F(CreditNotesTest, NewTokenIsTakenWithoutARestart) {
  host_.secrets["token"] = "withdrawn";
  EXPECT_EQ(Push(1, 1).accepted_count(), 0);
  host_.secrets["token"] = "s3cr3t";
  EXPECT_EQ(Push(1, 1).accepted_count(), 1);
}

TEST_F(CreditNotesTest, NothingIsSentWithoutTime) {
  sdk::Call late = host_.NewCall("", "sellers/acme");
  late.deadline = std::chrono::steady_clock::now();
  contract::PushChangesRequest request;
  request.add_changes()->mutable_return_resource()->set_name("sellers/acme/returns/r1");
  contract::PushChangesResponse response;
  ASSERT_TRUE(plugin_.PushChanges(late, request, &response).ok());
  EXPECT_EQ(response.accepted_count(), 0);
  EXPECT_TRUE(host_.requests.empty());
}

TEST_F(CreditNotesTest, ReceiptsAreFactsAndTheRestIsSaid) {
  page_ = R"({"receipts": [
    {"id": "g1", "return": "sellers/acme/returns/r1", "received_at": "2026-03-02T09:00:00Z",
     "lines": [{"line_id": "1", "quantity": 2}]},
    {"id": "g2", "return": "sellers/acme/returns/r1", "received_at": "2026-03-02T09:00:00Z",
     "lines": [{"line_id": "1", "quantity": 1.5}]},
    17], "next": "a b&c", "more": true})";
  contract::PullFactsRequest request;
  request.set_cursor("a b&c");
  request.set_max_facts(3);
  contract::PullFactsResponse response;
  const sdk::Call call = host_.NewCall("", "sellers/acme");
  ASSERT_TRUE(plugin_.PullFacts(call, request, &response).ok());
  ASSERT_EQ(response.facts_size(), 1);
  EXPECT_EQ(response.facts(0).external_id(), "receipt-g1");
  EXPECT_EQ(response.next_cursor(), "a b&c");
  EXPECT_TRUE(response.has_more());
  EXPECT_EQ(host_.requests.back().url(),
            "http://erp.test/api/receipts?seller=acme&after=a%20b%26c&limit=3");
  EXPECT_EQ(host_.lines.size(), 2u);
  for (const char* wrong : {"", "[]", "{\"receipts\": {}}", "{\"receipts\": [], \"next\": 1}"}) {
    page_ = wrong;
    response.Clear();
    EXPECT_FALSE(plugin_.PullFacts(call, request, &response).ok()) << wrong;
  }
}

}  // namespace
}  // namespace credit_notes
