// The audit: every entry in one chain, and no change of it goes unseen.
#include <sqlite3.h>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class AuditTest : public HostTest {
 protected:
  void SetUp() override {
    HostTest::SetUp();
    const v1::Order order = Put(OrderOf("us", "113-8200001-0000001", {{"LAMP", 2, 2000, 0}}));
    Receive(Approve(Create(order, v1::RETURN_REASON_DEFECTIVE, 2)));
  }
  v1::VerifyAuditResponse Verify(std::string_view known = "") {
    v1::VerifyAuditRequest request;
    request.set_parent(kSeller);
    request.set_known_hash(std::string(known));
    const auto verified = api().Call(&Audits::VerifyAudit, request);
    EXPECT_TRUE(verified.ok()) << verified.status.error_message();
    return *verified;
  }
  // As somebody does who has the file.
  void Tamper(const char* sql) {
    StopHost();
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((directory() / "data" / "aftersales.db").c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, &error), SQLITE_OK)
        << (error == nullptr ? "" : error);
    EXPECT_GT(sqlite3_changes(db), 0);
    sqlite3_close(db);
    StartHost();
  }
};

TEST_F(AuditTest, EntriesAreChainedFromTheFirstOn) {
  const v1::VerifyAuditResponse whole = Verify();
  EXPECT_TRUE(whole.intact()) << whole.message();
  EXPECT_GT(whole.checked(), 3);

  v1::ListAuditEntriesRequest list;
  list.set_parent(kSeller);
  list.set_page_size(2);
  std::string previous(64, '0');
  int64_t sequence = 0;
  do {
    const auto page = api().Call(&Audits::ListAuditEntries, list);
    ASSERT_TRUE(page.ok()) << page.status.error_message();
    for (const v1::AuditEntry& entry : page->entries()) {
      EXPECT_EQ(entry.sequence(), ++sequence);
      EXPECT_EQ(entry.previous_hash(), previous);
      EXPECT_EQ(entry.hash().size(), 64u);
      EXPECT_NE(entry.event().actor().role(), v1::ROLE_UNSPECIFIED);
      previous = entry.hash();
    }
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  EXPECT_EQ(sequence, whole.checked());
  EXPECT_EQ(previous, whole.last_hash());
  RestartHost();
  EXPECT_EQ(Verify().last_hash(), whole.last_hash());
  // What comes after it goes on from it.
  Put(OrderOf("us", "113-8200002-0000002", {{"LAMP", 1, 1000, 0}}));
  EXPECT_TRUE(Verify(whole.last_hash()).intact());
}

TEST_F(AuditTest, ChangedEntryIsFound) {
  Tamper("UPDATE events SET body = CAST(body || x'00' AS BLOB) WHERE seq = 3");
  const v1::VerifyAuditResponse broken = Verify();
  EXPECT_FALSE(broken.intact());
  EXPECT_EQ(broken.broken_at(), 3);
  EXPECT_FALSE(broken.message().empty());
}

TEST_F(AuditTest, EntryThatWasTakenOutIsFound) {
  Tamper("DELETE FROM events WHERE seq = 2");
  EXPECT_FALSE(Verify().intact());
}

TEST_F(AuditTest, EndThatWasCutOffIsFoundByAHashThatWasKept) {
  const std::string kept = Verify().last_hash();
  Tamper("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)");
  EXPECT_TRUE(Verify().intact());
  EXPECT_FALSE(Verify(kept).intact());
}

TEST_F(AuditTest, StateThatDoesNotFollowFromItsFactsIsFound) {
  const v1::Order order = Put(OrderOf("us", "113-8200003-0000003", {{"LAMP", 1, 1000, 0}}));
  const v1::Refund refund = Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
  v1::VerifyAuditRequest request;
  request.set_parent(kSeller);
  request.set_states(true);
  auto verified = api().Call(&Audits::VerifyAudit, request);
  ASSERT_TRUE(verified.ok()) << verified.status.error_message();
  EXPECT_TRUE(verified->intact()) << verified->message();
  EXPECT_EQ(verified->states_checked(), 2);
  // The payment is cut off the end: what is left of the chain is whole, but the refund is paid.
  Tamper("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)");
  EXPECT_TRUE(Verify().intact());
  verified = api().Call(&Audits::VerifyAudit, request);
  ASSERT_TRUE(verified.ok()) << verified.status.error_message();
  EXPECT_FALSE(verified->intact());
  EXPECT_THAT(verified->states_differing(), testing::ElementsAre(refund.name()));
  EXPECT_THAT(verified->message(), testing::HasSubstr(refund.name()));
}

TEST_F(AuditTest, RefundsBeyondWhatTheirOrderCapturedAreFoundIfNothingSaysSo) {
  const v1::Order order = Put(OrderOf("us", "113-8200004-0000004", {{"LAMP", 1, 1000, 0}}));
  const v1::Refund refund = Issue(Concession(order, "LAMP", 1), v1::Refund::STATUS_SUCCEEDED);
  v1::Order less = OrderOf("us", "113-8200005-0000005", {{"LAMP", 1, 1000, 0}});
  *less.mutable_captured_total() = MoneyOf(500, "USD");
  Put(less);
  Tamper(
      "UPDATE orders SET body = (SELECT body FROM orders WHERE id = '113-8200005-0000005') "
      "WHERE id = '113-8200004-0000004'");
  v1::VerifyAuditRequest request;
  request.set_parent(kSeller);
  request.set_states(true);
  const auto verified = api().Call(&Audits::VerifyAudit, request);
  ASSERT_TRUE(verified.ok()) << verified.status.error_message();
  EXPECT_FALSE(verified->intact());
  EXPECT_THAT(verified->states_differing(), testing::ElementsAre(refund.name()));
  EXPECT_THAT(verified->message(), testing::HasSubstr("no finding says so"));
}

TEST_F(AuditTest, AsksInAWayThatCanBeAnswered) {
  v1::VerifyAuditRequest verify;
  verify.set_parent("sellers/nobody");
  EXPECT_EQ(api().Call(&Audits::VerifyAudit, verify)->checked(), 0);
  verify.set_parent("acme");
  EXPECT_EQ(api().Call(&Audits::VerifyAudit, verify).code(), grpc::StatusCode::INVALID_ARGUMENT);
  verify.set_parent(kSeller);
  verify.set_known_hash("xyz");
  EXPECT_EQ(api().Call(&Audits::VerifyAudit, verify).code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace aftersales::e2e
