// A client that knows nothing: it sends every call three times with one request id, whatever it was
// answered, the host is started anew in between, and at times it sends something else under the
// same id. It is never told anything wrong, and nothing is done twice.

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class BlindRetryTest : public HostTest {
 protected:
  // Sends a call three times, and once more with another body. Answers what all three were told.
  // With `restart` the host is started anew after the first.
  template <typename Stub, typename Request, typename Response, typename Change>
  Response Thrice(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  Request request, bool restart, Change change, const std::string& actor = "") {
    const std::string what = request.GetTypeName() + " " + std::to_string(++calls_) +
                             (restart ? ", with a restart" : "");
    SCOPED_TRACE(what);
    request.set_request_id("blind-" + std::to_string(calls_));
    const auto call = [&](const Request& sent) {
      return api().Call(method, sent, absl::Seconds(20), actor);
    };
    const Reply<Response> first = call(request);
    EXPECT_TRUE(first.ok()) << first.reason() << " " << first.status.error_message();
    EXPECT_FALSE(first.replayed);
    if (restart) RestartHost();
    for (int again = 0; again < 2; ++again) {
      const Reply<Response> reply = call(request);
      EXPECT_TRUE(reply.ok()) << reply.reason() << " " << reply.status.error_message();
      EXPECT_TRUE(reply.replayed);
      EXPECT_EQ(reply->SerializeAsString(), first->SerializeAsString());
      // What has happened meanwhile changes no answer.
      Advance(absl::Seconds(1));
    }
    Request other = request;
    change(&other);
    const Reply<Response> refused = call(other);
    EXPECT_EQ(refused.code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_EQ(refused.reason(), "IDEMPOTENCY_KEY_REUSED");
    EXPECT_EQ(refused.fields(), std::vector<std::string>{"request_id"});
    EXPECT_FALSE(refused.replayed);
    told_.push_back([this, method, request, actor, bytes = first->SerializeAsString(), what] {
      const Reply<Response> reply = api().Call(method, request, absl::Seconds(20), actor);
      EXPECT_TRUE(reply.ok() && reply.replayed) << what << ": " << reply.status.error_message();
      EXPECT_EQ(reply->SerializeAsString(), bytes) << what;
    });
    return *first;
  }

  void Walk(bool restart) {
    const auto with_reason = [](auto* request) { request->set_reason("another one"); };
    const auto with_etag = [](auto* request) { request->set_etag("\"77\""); };

    v1::UpsertOrderRequest upsert;
    upsert.set_parent(kSeller);
    *upsert.mutable_order() = OrderOf("us", "113-3900000-0000001", {{"TV", 2, 120000, 9900}});
    const v1::Order order = Thrice(&Orders::UpsertOrder, upsert, restart, [](auto* other) {
      other->mutable_order()->mutable_lines(0)->mutable_item_total()->set_minor_units(1);
    });

    const v1::Return state =
        Thrice(&Returns::CreateReturn, ReturnRequest(order, v1::RETURN_REASON_DEFECTIVE, 2),
               restart, [](auto* other) {
                 other->mutable_return_resource()->mutable_items(0)->set_quantity_requested(1);
               });
    name_ = state.name();
    Thrice(&Returns::RejectReturn, Rejection(), restart,
           [](auto* other) { other->set_reason_code("OTHER"); });
    v1::ReopenReturnRequest reopen = Named<v1::ReopenReturnRequest>();
    reopen.set_reason("the buyer has the receipt");
    Thrice(&Returns::ReopenReturn, reopen, restart, with_reason);
    Thrice(&Returns::ApproveReturn, Named<v1::ApproveReturnRequest>(), restart, with_etag);

    Thrice(&Returns::IssueReturnLabel, Named<v1::IssueReturnLabelRequest>(), restart, with_etag);
    AwaitLabels(state, {v1::ReturnLabel::STATE_ISSUED});
    v1::IssueReturnLabelRequest replace = Named<v1::IssueReturnLabelRequest>();
    replace.set_replace(true);
    Thrice(&Returns::IssueReturnLabel, replace, restart,
           [](auto* other) { other->set_replace(false); });
    AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_ISSUED});
    v1::VoidReturnLabelRequest take_back = Named<v1::VoidReturnLabelRequest>();
    take_back.set_reason("the buyer brings it");
    Thrice(&Returns::VoidReturnLabel, take_back, restart, with_reason);
    AwaitLabels(state, {v1::ReturnLabel::STATE_VOIDED, v1::ReturnLabel::STATE_VOIDED});

    v1::RecordFactsRequest scan;
    scan.set_parent(kSeller);
    v1::Event* fact = scan.add_facts();
    fact->set_subject(name_);
    fact->set_external_id("scan-1");
    *fact->mutable_occurred_at() = Stamp(clock().Now());
    fact->mutable_return_scanned()->set_milestone(v1::TrackingEvent::MILESTONE_DELIVERED);
    Thrice(&Facts::RecordFacts, scan, restart,
           [](auto* other) { other->mutable_facts(0)->set_external_id("scan-2"); });

    // Without ids of their own: a receipt and an inspection sent again are the first ones.
    v1::RecordReceiptRequest receive = Named<v1::RecordReceiptRequest>();
    receive.mutable_receipt()->add_lines()->set_quantity(1);
    Thrice(&Returns::RecordReceipt, receive, restart,
           [](auto* other) { other->mutable_receipt()->mutable_lines(0)->set_quantity(2); });
    v1::CloseShortRequest close_short = Named<v1::CloseShortRequest>();
    close_short.set_reason("ONE_NOT_RETURNED");
    Thrice(&Returns::CloseShort, close_short, restart, with_reason);
    v1::InspectReturnRequest inspect = Named<v1::InspectReturnRequest>();
    inspect.add_inspections()->set_quantity(1);
    inspect.mutable_inspections(0)->set_condition(v1::CONDITION_DEFECTIVE);
    Thrice(&Returns::InspectReturn, inspect, restart,
           [](auto* other) { other->mutable_inspections(0)->set_condition(v1::CONDITION_NEW); });

    v1::IssueRefundRequest issue;
    issue.set_parent(kSeller);
    issue.mutable_spec()->set_return_name(name_);
    const v1::RefundQuote quote = Quote(issue.spec());
    EXPECT_EQ(quote.total().minor_units(), 60000 + 4950);
    const auto with_deduction = [](auto* other) {
      *other->mutable_spec()->mutable_deduction() = MoneyOf(1, "USD");
    };
    *issue.mutable_expected_total() = quote.total();
    const v1::Refund taken_back =
        Thrice(&Refunds::IssueRefund, issue, restart, with_deduction, "operator:olga");
    EXPECT_EQ(taken_back.status(), v1::Refund::STATUS_PENDING_APPROVAL);
    v1::CancelRefundRequest cancel;
    cancel.set_name(taken_back.name());
    cancel.set_reason("asked too early");
    Thrice(&Refunds::CancelRefund, cancel, restart, with_reason);

    const v1::Refund refund =
        Thrice(&Refunds::IssueRefund, issue, restart, with_deduction, "operator:olga");
    SetMode("fake-market", "IssueRefund=FAIL");
    v1::ApproveRefundRequest approve;
    approve.set_name(refund.name());
    Thrice(&Refunds::ApproveRefund, approve, restart, with_etag);
    // Interrupted by the restart it may have been done, and is asked for first.
    EXPECT_TRUE(Eventually([&] {
      Advance(absl::Minutes(1));
      return Get(refund).status() == v1::Refund::STATUS_FAILED;
    }));
    SetMode("fake-market", "");
    v1::RetryRefundRequest retry;
    retry.set_name(refund.name());
    Thrice(&Refunds::RetryRefund, retry, restart, with_etag);
    Await(refund, v1::Refund::STATUS_SUCCEEDED);
    v1::ReverseRefundRequest reverse;
    reverse.set_name(refund.name());
    reverse.set_reason("the card was closed");
    reverse.set_proof("statement, line 7");
    Thrice(&Refunds::ReverseRefund, reverse, restart, with_reason);

    // The marketplace does it and says nothing; a person has the proof.
    SetMode("fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=ERROR");
    const v1::Refund again =
        Thrice(&Refunds::IssueRefund, issue, restart, with_deduction, "manager:mia");
    Await(again, v1::Refund::STATUS_UNKNOWN);
    v1::SettleRefundRequest settle;
    settle.set_name(again.name());
    settle.set_paid(true);
    settle.set_proof("seen in the list of payments");
    Thrice(&Refunds::SettleRefund, settle, restart, [](auto* other) { other->set_paid(false); });
    SetMode("fake-market", "");
    Await(state, v1::Return::STATUS_RESOLVED);
    v1::CloseReturnRequest close = Named<v1::CloseReturnRequest>();
    close.set_reason("done");
    Thrice(&Returns::CloseReturn, close, restart, with_reason);

    // Long after, and after one more restart, every first answer is still the answer.
    Advance(absl::Hours(24) * 400);
    RestartHost();
    for (const auto& ask : told_) ask();

    // Everything is there once.
    const v1::Return now = Get(state);
    EXPECT_EQ(now.status(), v1::Return::STATUS_CLOSED) << now.DebugString();
    EXPECT_EQ(now.labels_size(), 2);
    EXPECT_EQ(now.receipts_size(), 1);
    EXPECT_EQ(now.inspections_size(), 1);
    EXPECT_EQ(now.items(0).quantity_received(), 1);
    EXPECT_EQ(now.items(0).quantity_missing(), 1);
    EXPECT_EQ(now.items(0).quantity_refunded(), 1);
    v1::ListReturnsRequest list_returns;
    list_returns.set_parent(kSeller);
    EXPECT_EQ(api().Call(&Returns::ListReturns, list_returns)->returns_size(), 1);
    v1::ListRefundsRequest list_refunds;
    list_refunds.set_parent(kSeller);
    EXPECT_EQ(api().Call(&Refunds::ListRefunds, list_refunds)->refunds_size(), 3);
    EXPECT_EQ(EffectCount("IssueRefund", taken_back.name()), 0);
    EXPECT_EQ(EffectCount("IssueRefund", refund.name()), 1);
    EXPECT_EQ(EffectCount("IssueRefund", again.name()), 1);
    EXPECT_EQ(EffectCount("IssueLabel", name_, "fake-carrier"), 2);
    EXPECT_EQ(EffectCount("VoidLabel", name_, "fake-carrier"), 2);
    // A decision that was overturned before it was told need not be.
    const int decisions = EffectCount("DecideReturn", name_);
    EXPECT_TRUE(decisions == 1 || decisions == 2) << decisions;
    v1::VerifyAuditRequest verify;
    verify.set_parent(kSeller);
    EXPECT_TRUE(api().Call(&Audits::VerifyAudit, verify)->intact());
    EXPECT_TRUE(WorkItems().empty());
  }

  template <typename Request>
  Request Named() const {
    Request request;
    request.set_name(name_);
    return request;
  }
  v1::RejectReturnRequest Rejection() const {
    v1::RejectReturnRequest request = Named<v1::RejectReturnRequest>();
    request.set_reason_code("USED");
    request.set_override_reason("seen on the photos");
    return request;
  }
  void AwaitLabels(const v1::Return& state, const std::vector<int>& states) {
    AwaitThat(state, [&](const v1::Return& now) {
      std::vector<int> are;
      for (const v1::ReturnLabel& label : now.labels()) are.push_back(label.state());
      return are == states;
    });
  }

 private:
  int calls_ = 0;
  std::string name_;
  std::vector<std::function<void()>> told_;
};

TEST_F(BlindRetryTest, EveryAnswerIsTheFirstOne) { Walk(/*restart=*/false); }

TEST_F(BlindRetryTest, SoItIsWhenTheHostIsStartedAnewBetweenTheCalls) { Walk(/*restart=*/true); }

}  // namespace
}  // namespace aftersales::e2e
