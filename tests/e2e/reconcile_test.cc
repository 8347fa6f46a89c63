// Statements against refunds and payouts.
#include <atomic>
#include <thread>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReconcileTest : public HostTest {
 protected:
  template <typename Request>
  Reply<v1::ImportStatementResponse> Send(std::unique_ptr<grpc::ClientWriter<Request>> (
                                              Reconciles::*open)(grpc::ClientContext*,
                                                                 v1::ImportStatementResponse*),
                                          const std::string& file, v1::ImportStatementHeader header,
                                          size_t piece) {
    if (header.parent().empty()) header.set_parent(kSeller);
    Reply<v1::ImportStatementResponse> reply;
    grpc::ClientContext context;
    api().Prepare(context);
    const auto stream = (api().stub<Reconciles>().*open)(&context, &reply.value);
    Request message;
    *message.mutable_header() = header;
    bool ok = stream->Write(message);
    for (size_t at = 0; ok && at < file.size(); at += piece) {
      message.set_chunk(file.substr(at, piece));
      ok = stream->Write(message);
    }
    stream->WritesDone();
    reply.status = stream->Finish();
    return reply;
  }
  Reply<v1::ImportStatementResponse> Bank(const std::string& file,
                                          const v1::ImportStatementHeader& header = {},
                                          size_t piece = 64 * 1024) {
    return Send<v1::ImportBankStatementRequest>(&Reconciles::ImportBankStatement, file, header,
                                                piece);
  }
  Reply<v1::ImportStatementResponse> Settlement(const std::string& file,
                                                const v1::ImportStatementHeader& header = {}) {
    return Send<v1::ImportSettlementRequest>(&Reconciles::ImportSettlement, file, header,
                                             64 * 1024);
  }
  // A refund of so much, paid.
  v1::Refund Paid(std::string_view order, int64_t amount) {
    return Issue(Concession(Put(OrderOf("us", order, {{"MUG", 1, amount, 0}})), "MUG", 1),
                 v1::Refund::STATUS_SUCCEEDED);
  }
  static std::string Row(std::string_view day, std::string_view amount,
                         std::string_view reference) {
    return std::string(day) + "," + std::string(amount) + ",USD," + std::string(reference) + "\n";
  }
  static constexpr char kHeader[] = "Date,Amount,Currency,Reference\n";
  v1::ReconcileRequest March() {
    v1::ReconcileRequest request;
    request.set_parent(kSeller);
    request.set_first_on("2026-03-01");
    request.set_last_on("2026-03-31");
    return request;
  }
  v1::ReconcileResponse Run() {
    const auto run = api().Call(&Reconciles::Reconcile, March());
    EXPECT_TRUE(run.ok()) << run.status.error_message();
    return *run;
  }
  std::vector<v1::BankLine> Lines(const std::string& filter = "", int page_size = 1000) {
    std::vector<v1::BankLine> lines;
    v1::ListBankLinesRequest request;
    request.set_parent(kSeller);
    request.set_filter(filter);
    request.set_page_size(page_size);
    do {
      const auto page = api().Call(&Reconciles::ListBankLines, request);
      EXPECT_TRUE(page.ok()) << page.status.error_message();
      if (!page.ok()) break;
      lines.insert(lines.end(), page->bank_lines().begin(), page->bank_lines().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return lines;
  }
  v1::BankLine Line(const std::string& reference) {
    const std::vector<v1::BankLine> lines = Lines("reference = \"" + reference + "\"");
    EXPECT_EQ(lines.size(), 1u) << reference;
    return lines.empty() ? v1::BankLine() : lines.front();
  }
  Reply<v1::BankLine> Match(const v1::BankLine& line, const std::vector<std::string>& matches) {
    v1::MatchLineRequest request;
    request.set_name(line.name());
    for (const std::string& match : matches) request.add_matches(match);
    return api().Call(&Reconciles::MatchLine, request);
  }
  Reply<v1::BankLine> Unmatch(const v1::BankLine& line, std::string_view reason = "a mistake") {
    v1::UnmatchLineRequest request;
    request.set_name(line.name());
    request.set_reason(std::string(reason));
    return api().Call(&Reconciles::UnmatchLine, request);
  }
  Reply<v1::BankLine> Ignore(const v1::BankLine& line, std::string_view reason = "bank fee") {
    v1::IgnoreLineRequest request;
    request.set_name(line.name());
    request.set_reason(std::string(reason));
    return api().Call(&Reconciles::IgnoreLine, request);
  }
  static std::vector<std::string> References(
      const google::protobuf::RepeatedPtrField<v1::Movement>& movements) {
    std::vector<std::string> references;
    for (const v1::Movement& movement : movements) references.push_back(movement.reference());
    return references;
  }
  std::vector<v1::Payout> Payouts() {
    v1::ListPayoutsRequest request;
    request.set_parent(kSeller);
    const auto page = api().Call(&Reconciles::ListPayouts, request);
    EXPECT_TRUE(page.ok());
    return {page->payouts().begin(), page->payouts().end()};
  }
};

// What the settlement of the example adds up to.
constexpr char kSettlement[] =
    "settlement-id,posted-date,amount-type,amount,currency\n"
    "REF-1,2026-03-09,Sales,2500.00,USD\n"
    "REF-1,2026-03-09,Referral,-375.00,USD\n"
    "REF-1,2026-03-10,FBA,-412.50,USD\n"
    "REF-1,2026-03-10,Refunds,-184.00,USD\n"
    "REF-1,2026-03-10,Referral credit,22.08,USD\n"
    "REF-1,2026-03-10,Reimbursement,30.77,USD\n"
    "REF-1,2026-03-11,Reserve,-100.00,USD\n";

TEST_F(ReconcileTest, BankAgainstLedger) {
  ASSERT_TRUE(Settlement(kSettlement).ok());
  ASSERT_EQ(Payouts().size(), 1u);
  EXPECT_EQ(Payouts()[0].expected().minor_units(), 148135);
  EXPECT_EQ(Payouts()[0].line_count(), 7);
  EXPECT_EQ(Payouts()[0].latest_on(), "2026-03-11");
  const v1::Refund shown = Paid("113-9200001-0000001", 2156);
  const v1::Refund missing = Paid("113-9200002-0000002", 1081);
  const std::string file = std::string(kHeader) + Row("2026-03-12", "1481.35", "REF-1") +
                           Row("2026-03-03", "-21.56", shown.external_refund_id()) +
                           Row("2026-03-31", "-1.50", "FEE");
  const auto imported = Bank(file);
  ASSERT_TRUE(imported.ok()) << imported.status.error_message();
  EXPECT_EQ(imported->created_count(), 3);

  // Only asked, it changes nothing.
  v1::ReconcileRequest try_it = March();
  try_it.set_validate_only(true);
  const auto tried = api().Call(&Reconciles::Reconcile, try_it);
  EXPECT_EQ(tried->newly_matched_count(), 2);
  EXPECT_EQ(Get(shown).status(), v1::Refund::STATUS_SUCCEEDED);

  for (const int newly : {2, 0}) {
    const v1::ReconcileResponse result = Run();
    EXPECT_EQ(result.newly_matched_count(), newly);
    ASSERT_EQ(result.matched_size(), 2);
    EXPECT_THAT(References(result.missing_in_bank()), ElementsAre(missing.external_refund_id()));
    EXPECT_EQ(result.missing_in_bank(0).subject(), missing.name());
    EXPECT_EQ(result.missing_in_bank(0).amount().minor_units(), -1081);
    EXPECT_THAT(References(result.unexplained_in_bank()), ElementsAre("FEE"));
    EXPECT_TRUE(result.mismatched().empty());
    ASSERT_EQ(result.differences_size(), 1);
    EXPECT_EQ(result.differences(0).minor_units(), 931);
    EXPECT_EQ(result.differences(0).currency_code(), "USD");
  }
  const v1::Refund reconciled = Get(shown);
  EXPECT_EQ(reconciled.status(), v1::Refund::STATUS_RECONCILED);
  EXPECT_EQ(reconciled.bank_line(), Line(shown.external_refund_id()).name());
  EXPECT_TRUE(reconciled.has_reconciled_at());
  EXPECT_EQ(Get(missing).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(Payouts()[0].bank_line(), Line("REF-1").name());
  // It still takes from what the order can give back.
  v1::IssueRefundRequest again;
  again.set_parent(kSeller);
  again.mutable_spec()->set_order(shown.order());
  again.mutable_spec()->add_items()->set_line_id("MUG");
  again.mutable_spec()->mutable_items(0)->set_quantity(1);
  EXPECT_EQ(api().Call(&Refunds::IssueRefund, again).reason(), "QUANTITY_EXCEEDS_REFUNDABLE");
  // The fee is no matter of after-sales, and the other refund shows up in April.
  ASSERT_TRUE(Ignore(Line("FEE")).ok());
  ASSERT_TRUE(Bank(kHeader + Row("2026-04-02", "-10.81", missing.external_refund_id())).ok());
  const v1::ReconcileResponse clean = Run();
  EXPECT_EQ(clean.matched_size(), 3);
  EXPECT_TRUE(clean.missing_in_bank().empty());
  EXPECT_TRUE(clean.unexplained_in_bank().empty());
  EXPECT_EQ(clean.differences(0).minor_units(), 0);
  EXPECT_EQ(Get(missing).status(), v1::Refund::STATUS_RECONCILED);
}

TEST_F(ReconcileTest, SameFileAgainIsNoChange) {
  const std::string file = std::string(kHeader) + Row("2026-03-12", "5.00", "A") +
                           Row("2026-03-12", "5.00", "A") + Row("2026-03-12", "5.00", "B");
  v1::ImportStatementHeader check;
  check.set_validate_only(true);
  EXPECT_EQ(Bank(file, check)->created_count(), 3);
  EXPECT_TRUE(Lines().empty());
  const auto first = Bank(file);
  EXPECT_EQ(first->created_count(), 3);
  EXPECT_EQ(first->row_count(), 3);
  ASSERT_EQ(first->sums_size(), 1);
  EXPECT_EQ(first->sums(0).minor_units(), 1500);
  const size_t events = AllEvents().size();
  // Whole, in pieces of a byte, with other line ends, and with a row more: what is known is known.
  EXPECT_EQ(Bank(file)->unchanged_count(), 3);
  EXPECT_EQ(Bank(file, {}, 1)->created_count(), 0);
  std::string crlf;
  for (const char c : file) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(Bank("\xEF\xBB\xBF" + crlf)->created_count(), 0);
  EXPECT_EQ(AllEvents().size(), events);
  EXPECT_EQ(Bank(file + Row("2026-03-13", "1.00", "C"))->created_count(), 1);
  EXPECT_EQ(Lines().size(), 4u);
  for (const int size : {1, 3}) EXPECT_EQ(Lines("", size).size(), 4u);
  EXPECT_EQ(Lines("state = UNMATCHED AND source = BANK").size(), 4u);
  EXPECT_EQ(Lines("reference = \"A\"").size(), 2u);
  // A settlement's payout grows by new lines alone.
  ASSERT_EQ(Settlement(kSettlement)->created_count(), 7);
  ASSERT_EQ(Settlement(kSettlement)->created_count(), 0);
  EXPECT_EQ(Payouts()[0].expected().minor_units(), 148135);
}

TEST_F(ReconcileTest, RowsThatCannotBeReadAreListedAndTheOthersStored) {
  const auto imported = Bank(
      "Exported on 31.03.2026\n\n"
      "Buchungstag;Verwendungszweck;Betrag;W\xC3\xA4hrung;Auftraggeber\n"
      "12.03.2026;\"A; \"\"quoted\"\"\";1.481,35;USD;Jane Doe\n"
      "99.03.2026;B;1,00;USD;x\n"
      "13.03.2026;C;1.234;USD;x\n"
      "13.03.2026;D;-2,50;USD;Jane Doe\n");
  ASSERT_TRUE(imported.ok()) << imported.status.error_message();
  EXPECT_EQ(imported->row_count(), 4);
  EXPECT_EQ(imported->skipped_count(), 2);
  ASSERT_EQ(imported->problems_size(), 2);
  EXPECT_EQ(imported->problems(0).line(), 5);
  EXPECT_EQ(imported->problems(0).column(), "Buchungstag");
  EXPECT_EQ(imported->problems(0).reason(), "BAD_DATE");
  EXPECT_EQ(imported->problems(1).line(), 6);
  EXPECT_EQ(imported->problems(1).column(), "Betrag");
  EXPECT_EQ(imported->problems(1).reason(), "AMBIGUOUS_AMOUNT");
  const std::vector<v1::BankLine> lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].reference(), "A; \"quoted\"");
  EXPECT_EQ(lines[1].amount().minor_units(), 148135);
  // Who it was is a hash, and the same one for the same.
  EXPECT_EQ(lines[0].counterparty_hash().size(), 64u);
  EXPECT_EQ(lines[0].counterparty_hash(), lines[1].counterparty_hash());
  for (const v1::BankLine& line : lines) {
    EXPECT_EQ(line.SerializeAsString().find("Jane"), std::string::npos);
  }
  // Nor is the number of a card kept.
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-14", "1.00", "card 4111111111111111")).ok());
  EXPECT_EQ(Lines()[0].reference(), "card xxxxxxxxxxxx1111");
}

TEST_F(ReconcileTest, RefusesFilesThatAreNoStatements) {
  EXPECT_EQ(Bank("").reason(), "EMPTY_REPORT");
  EXPECT_EQ(Bank("sku,quantity\nLAMP,1\n").reason(), "WRONG_REPORT");
  EXPECT_EQ(Bank(std::string(100'000, '\0')).reason(), "WRONG_REPORT");
  v1::ImportStatementHeader header;
  header.set_parent("sellers/nobody");
  EXPECT_EQ(Bank(kHeader, header).reason(), "NOT_FOUND");
  header.set_parent("acme");
  EXPECT_EQ(Bank(kHeader, header).reason(), "BAD_NAME");
  header.set_parent(kSeller);
  header.set_decimal_mark(";");
  EXPECT_EQ(Bank(kHeader, header).reason(), "UNKNOWN_VALUE");
  EXPECT_TRUE(Bank(kHeader).ok());
  EXPECT_TRUE(Lines().empty());
}

TEST_F(ReconcileTest, LineIsMatchedOnceAndSoIsARefund) {
  const v1::Refund one = Paid("113-9200003-0000003", 1000);
  const v1::Refund two = Paid("113-9200004-0000004", 500);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-05", "-10.00", "X") + Row("2026-03-05", "-10.00", "Y") +
                   Row("2026-03-05", "-15.00", "Z"))
                  .ok());
  EXPECT_EQ(Match(Line("X"), {two.name()}).reason(), "AMOUNT_MISMATCH");
  const auto matched = Match(Line("X"), {one.name()});
  ASSERT_TRUE(matched.ok()) << matched.status.error_message();
  EXPECT_EQ(matched->state(), v1::BankLine::STATE_MATCHED);
  EXPECT_EQ(matched->decided_by().id(), "mia");
  EXPECT_EQ(Get(one).status(), v1::Refund::STATUS_RECONCILED);
  // The line again, and the refund again.
  EXPECT_EQ(Match(Line("X"), {one.name()}).reason(), "ALREADY_MATCHED");
  const auto again = Match(Line("Y"), {one.name()});
  EXPECT_EQ(again.reason(), "ALREADY_MATCHED");
  EXPECT_EQ(again.metadata("line"), Line("X").name());
  EXPECT_EQ(Match(Line("Z"), {one.name(), two.name()}).reason(), "ALREADY_MATCHED");
  EXPECT_EQ(Ignore(Line("X")).reason(), "ALREADY_MATCHED");
  // Taken back, both are free, and one line may be two refunds.
  EXPECT_EQ(Unmatch(Line("X"), "").reason(), "REASON_REQUIRED");
  const auto taken_back = Unmatch(Line("X"));
  ASSERT_TRUE(taken_back.ok()) << taken_back.status.error_message();
  EXPECT_EQ(taken_back->state(), v1::BankLine::STATE_UNMATCHED);
  EXPECT_EQ(taken_back->reason(), "a mistake");
  EXPECT_EQ(Get(one).status(), v1::Refund::STATUS_SUCCEEDED);
  EXPECT_TRUE(Get(one).bank_line().empty());
  EXPECT_EQ(Unmatch(Line("X")).reason(), "INVALID_STATE");
  EXPECT_EQ(Match(Line("Z"), {one.name(), one.name()}).reason(), "ALREADY_MATCHED");
  const auto split = Match(Line("Z"), {one.name(), two.name()});
  ASSERT_TRUE(split.ok()) << split.status.error_message();
  EXPECT_EQ(split->state(), v1::BankLine::STATE_SPLIT);
  EXPECT_EQ(Get(two).status(), v1::Refund::STATUS_RECONCILED);
  // All of it is in the audit.
  std::vector<int> facts;
  const std::string line = Line("X").name();
  for (const v1::Event& event : AllEvents()) {
    if (event.subject() != line) continue;
    facts.push_back(event.body_case());
    EXPECT_EQ(event.actor().id(), "mia");
  }
  std::sort(facts.begin(), facts.end());
  EXPECT_EQ(facts, (std::vector<int>{v1::Event::kBankLineMatched, v1::Event::kBankLineUnmatched}));
  EXPECT_EQ(Run().missing_in_bank_size(), 0);
}

TEST_F(ReconcileTest, OfTwoAtOnceOneMatches) {
  const v1::Refund refund = Paid("113-9200005-0000005", 1000);
  ASSERT_TRUE(
      Bank(kHeader + Row("2026-03-05", "-10.00", "X") + Row("2026-03-05", "-10.00", "Y")).ok());
  const v1::BankLine lines[] = {Line("X"), Line("Y")};
  std::atomic<int> won{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { won += Match(lines[i % 2], {refund.name()}).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
}

TEST_F(ReconcileTest, OtherAmountIsAFindingAndNoMatch) {
  const v1::Refund refund = Paid("113-9200006-0000006", 2156);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-05", "-21.55", refund.external_refund_id())).ok());
  for (int i = 0; i < 2; ++i) {
    const v1::ReconcileResponse result = Run();
    ASSERT_EQ(result.mismatched_size(), 1);
    EXPECT_EQ(result.mismatched(0).expected().amount().minor_units(), -2156);
    EXPECT_EQ(result.mismatched(0).line().amount().minor_units(), -2155);
    EXPECT_EQ(result.missing_in_bank_size(), 1);
    EXPECT_EQ(result.unexplained_in_bank_size(), 1);
    EXPECT_EQ(result.differences(0).minor_units(), 1);
  }
  const v1::Refund found = Get(refund);
  EXPECT_EQ(found.status(), v1::Refund::STATUS_SUCCEEDED);
  ASSERT_EQ(found.findings_size(), 1);
  EXPECT_EQ(found.findings(0).kind(), v1::Finding::KIND_AMOUNT_MISMATCH);
  const auto forced = Match(Line(refund.external_refund_id()), {refund.name()});
  EXPECT_EQ(forced.reason(), "AMOUNT_MISMATCH");
  EXPECT_EQ(forced.metadata("expected"), "-2156");
}

TEST_F(ReconcileTest, PaymentThatTheBankShowsTwiceIsSeenTo) {
  const v1::Refund refund = Paid("113-9200016-0000016", 2156);
  const std::string& reference = refund.external_refund_id();
  const auto work = [&] {
    const std::vector<v1::WorkItem> items = WorkItems("kind = MANUAL_ACTION");
    return std::count_if(items.begin(), items.end(),
                         [&](const v1::WorkItem& item) { return item.subject() == refund.name(); });
  };
  std::string file = kHeader + Row("2026-03-05", "-21.56", reference);
  ASSERT_TRUE(Bank(file).ok());
  Run();
  EXPECT_EQ(Get(refund).findings_size(), 0);
  for (int lines = 2; lines <= 3; ++lines) {
    file += Row("2026-03-05", "-21.56", reference);
    ASSERT_TRUE(Bank(file).ok());
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(Run().unexplained_in_bank_size(), lines - 1);
      const v1::Refund found = Get(refund);
      EXPECT_EQ(found.status(), v1::Refund::STATUS_RECONCILED);
      ASSERT_EQ(found.findings_size(), lines - 1);
      EXPECT_EQ(found.findings(lines - 2).kind(), v1::Finding::KIND_OVER_REFUNDED);
      EXPECT_EQ(work(), 1);
    }
    v1::SettleRefundRequest settle;
    settle.set_name(refund.name());
    settle.set_paid(true);
    settle.set_proof("claimed back, case 17");
    ASSERT_TRUE(api().Call(&Refunds::SettleRefund, settle).ok());
    Run();
    EXPECT_EQ(work(), 0) << "it was seen to";
  }
}

TEST_F(ReconcileTest, MoneyThatIsOnlyShownToComeBackIsSaidSo) {
  const v1::Refund refund = Paid("113-9200017-0000017", 1000);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-05", "10.00", refund.external_refund_id())).ok());
  Run();
  ASSERT_EQ(Get(refund).findings_size(), 1);
  EXPECT_THAT(Get(refund).findings(0).message(),
              testing::HasSubstr("the statement shows that 10.00 USD came back"));
}

TEST_F(ReconcileTest, SuggestsTheOnlyOneOfItsAmount) {
  const v1::Refund refund = Paid("113-9200007-0000007", 1234);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-05", "-12.34", "refund to buyer")).ok());
  EXPECT_EQ(Run().newly_matched_count(), 0);
  const v1::BankLine line = Line("refund to buyer");
  EXPECT_EQ(line.state(), v1::BankLine::STATE_SUGGESTED);
  EXPECT_EQ(line.suggestion(), refund.name());
  const auto taken = Match(line, {});
  ASSERT_TRUE(taken.ok()) << taken.status.error_message();
  EXPECT_TRUE(taken->suggestion().empty());
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_RECONCILED);
}

TEST_F(ReconcileTest, SettlementShowsRefundsAndTheBankItsPayout) {
  const v1::Refund refund = Paid("113-9200008-0000008", 1000);
  ASSERT_TRUE(Settlement("settlement,date,description,reference,amount,currency\n"
                         "S-9,2026-03-10,Order,,50.00,USD\n"
                         "S-9,2026-03-10,Refund," +
                         refund.external_refund_id() + ",-10.00,USD\n")
                  .ok());
  v1::ReconcileResponse result = Run();
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_RECONCILED);
  EXPECT_THAT(References(result.missing_in_bank()), ElementsAre("S-9"));
  EXPECT_EQ(result.differences(0).minor_units(), -4000);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-15", "40.00", "S-9")).ok());
  result = Run();
  EXPECT_THAT(References(result.missing_in_bank()), IsEmpty());
  EXPECT_EQ(result.differences(0).minor_units(), 0);
  // A line that comes later makes the payout another than the bank shows.
  ASSERT_TRUE(Settlement("settlement,date,description,reference,amount,currency\n"
                         "S-9,2026-03-11,Fee,,-1.00,USD\n")
                  .ok());
  result = Run();
  ASSERT_EQ(result.mismatched_size(), 1);
  EXPECT_EQ(result.differences(0).minor_units(), 100);
}

TEST_F(ReconcileTest, MoneyThatCameBackIsALineOfItsOwn) {
  const v1::Refund refund = Paid("113-9200009-0000009", 1000);
  const std::string& reference = refund.external_refund_id();
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-03", "-10.00", reference)).ok());
  Run();
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_RECONCILED);
  v1::ReverseRefundRequest reverse;
  reverse.set_name(refund.name());
  reverse.set_reason("bounced");
  reverse.set_proof("statement 3");
  const auto reversed = api().Call(&Refunds::ReverseRefund, reverse);
  ASSERT_TRUE(reversed.ok()) << reversed.status.error_message();
  EXPECT_EQ(reversed->status(), v1::Refund::STATUS_REVERSED);
  EXPECT_EQ(Run().differences(0).minor_units(), -1000);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-20", "10.00", reference)).ok());
  const v1::ReconcileResponse result = Run();
  EXPECT_EQ(result.matched_size(), 2);
  EXPECT_EQ(result.differences(0).minor_units(), 0);
  EXPECT_EQ(Get(refund).status(), v1::Refund::STATUS_REVERSED);
}

TEST_F(ReconcileTest, RefusesPeriodsAndMatchesThatCannotBe) {
  v1::ReconcileRequest request = March();
  request.set_last_on("2026-02-01");
  EXPECT_EQ(api().Call(&Reconciles::Reconcile, request).reason(), "BAD_PERIOD");
  request.set_last_on("2026-12-31");
  EXPECT_EQ(api().Call(&Reconciles::Reconcile, request).reason(), "BAD_PERIOD");
  request.set_last_on("soon");
  EXPECT_EQ(api().Call(&Reconciles::Reconcile, request).reason(), "BAD_PERIOD");
  SetMode("fake-market", "IssueRefund=FAIL");
  const v1::Refund failed =
      Issue(Concession(Put(OrderOf("us", "113-9200010-0000010", {{"MUG", 1, 1000, 0}})), "MUG", 1),
            v1::Refund::STATUS_FAILED);
  ASSERT_TRUE(Bank(kHeader + Row("2026-03-05", "-10.00", "X")).ok());
  EXPECT_EQ(Match(Line("X"), {failed.name()}).reason(), "INVALID_STATE");
  EXPECT_EQ(Match(Line("X"), {failed.name() + "#reversal"}).reason(), "INVALID_STATE");
  EXPECT_EQ(Match(Line("X"), {}).reason(), "MISSING_FIELD");
  EXPECT_EQ(Match(Line("X"), {"sellers/acme/orders/1"}).reason(), "BAD_NAME");
  EXPECT_EQ(Match(Line("X"), {"sellers/acme/refunds/none"}).reason(), "NOT_FOUND");
  EXPECT_EQ(Match(Line("X"), {"sellers/other/refunds/none"}).reason(), "NOT_FOUND");
  v1::BankLine none;
  none.set_name("sellers/acme/bankLines/none");
  EXPECT_EQ(Match(none, {failed.name()}).reason(), "NOT_FOUND");
  const auto ignored = Ignore(Line("X"));
  ASSERT_TRUE(ignored.ok());
  EXPECT_EQ(Match(Line("X"), {failed.name()}).reason(), "INVALID_STATE");
  v1::UnmatchLineRequest stale;
  stale.set_name(ignored->name());
  stale.set_reason("x");
  stale.set_etag("\"1\"");
  EXPECT_EQ(api().Call(&Reconciles::UnmatchLine, stale).reason(), "VERSION_CONFLICT");
  EXPECT_TRUE(Unmatch(*ignored).ok());
}

class SlowReconcileTest : public ReconcileTest {
 protected:
  SlowReconcileTest() {
    adjust_options_ = [](host::HostOptions& options) {
      options.import_idle_max = absl::Milliseconds(1500);
    };
  }
};

TEST_F(SlowReconcileTest, CallersWhoSendNothingLoseTheirPlaces) {
  // As many as there are places, one with rows enough to be stored before it falls silent.
  struct Open {
    grpc::ClientContext context;
    v1::ImportStatementResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::ImportBankStatementRequest>> stream;
  };
  std::vector<std::unique_ptr<Open>> idle;
  for (int i = 0; i < 4; ++i) {
    idle.push_back(std::make_unique<Open>());
    api().Prepare(idle.back()->context);
    idle.back()->stream =
        api().stub<Reconciles>().ImportBankStatement(&idle.back()->context, &idle.back()->response);
  }
  v1::ImportBankStatementRequest message;
  message.mutable_header()->set_parent(kSeller);
  idle[0]->stream->Write(message);
  std::string file(kHeader);
  for (int i = 0; i < 700; ++i) file += Row("2026-03-12", "5.00", std::to_string(i));
  message.set_chunk(file);
  idle[0]->stream->Write(message);
  ASSERT_TRUE(Eventually([&] { return Bank(std::string(kHeader)).reason() == "BUSY"; }));
  for (const auto& open : idle) {
    const grpc::Status status = open->stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
    const Refusal refusal = RefusalOf(status);
    EXPECT_EQ(refusal.reason, "IMPORT_IDLE");
    if (open == idle[0]) {
      EXPECT_EQ(refusal.metadata.at("rows_read"), "700");
      EXPECT_EQ(refusal.metadata.at("lines_stored"), "500");
    }
  }
  EXPECT_EQ(Lines().size(), 500u);
  const auto whole = Bank(file);
  ASSERT_TRUE(whole.ok()) << whole.status.error_message();
  EXPECT_EQ(whole->created_count(), 200);
  EXPECT_EQ(whole->unchanged_count(), 500);
}

}  // namespace
}  // namespace aftersales::e2e
