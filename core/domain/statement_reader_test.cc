#include "core/domain/statement_reader.h"

#include <random>

#include "core/domain/money.h"
#include "core/status/refusal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct ReadBack {
  absl::Status status;
  std::vector<std::string> rows;      // `line day amount reference`
  std::vector<std::string> problems;  // `line column reason`
};

ReadBack Read(std::string_view file, v1::ImportStatementHeader header = {},
              v1::BankLine::Source source = v1::BankLine::SOURCE_BANK, size_t piece = 1 << 20) {
  StatementReader reader(source, header);
  ReadBack out;
  for (size_t at = 0; out.status.ok() && at < file.size(); at += piece) {
    out.status = reader.Feed(file.substr(at, piece));
  }
  if (out.status.ok()) out.status = reader.Finish();
  for (const StatementRow& row : reader.TakeRows()) {
    out.rows.push_back(std::to_string(row.line_number) + " " + row.line.booked_on() + " " +
                       money::Format(row.line.amount()) + " " + row.line.reference() +
                       (row.line.settlement().empty() ? "" : " of " + row.line.settlement()));
  }
  for (const v1::ImportProblem& problem : reader.TakeProblems()) {
    out.problems.push_back(std::to_string(problem.line()) + " " + problem.column() + " " +
                           problem.reason());
  }
  return out;
}

TEST(StatementReader, TakesAnyFormOfTheSameRows) {
  const std::vector<std::string> expected = {"2 2026-03-12 1481.35 USD REF-1",
                                             "3 2026-03-13 -21.56 USD REF-2"};
  for (const std::string_view file :
       {"date,amount,currency,reference\n2026-03-12,1481.35,USD,REF-1\n2026-03-13,-21.56,USD,"
        "REF-2\n",
        "\xEF\xBB\xBF"
        "Date;Amount;Currency;Reference\r\n12.03.2026;1.481,35;USD; REF-1 \r\n13.03.2026;-21,56;"
        "usd;REF-2",
        "Reference\tBooking Date\tCurrency\tAmount\rREF-1\t2026/03/12\tUSD\t\"1,481.35\"\rREF-2"
        "\t20260313\tUSD\t(21.56)\r",
        "\"Buchungstag\";\"Betrag\";\"W\xC3\xA4hrung\";\"Verwendungszweck\"\n"
        "\"12.03.26\";\"1.481,35\";\"USD\";\"REF-1\"\n\"13.03.26\";\"21,56-\";\"USD\";\"REF-2\"",
        "\xE6\x97\xA5\xE6\x9C\x9F,\xE9\x87\x91\xE9\xA2\x9D,\xE5\xB8\x81\xE7\xA7\x8D,"
        "\xE6\xB5\x81\xE6\xB0\xB4\xE5\x8F\xB7\n2026-03-12,1481.35,USD,REF-1\n"
        "2026-03-13 10:11:12,\xE2\x88\x92"
        "21.56,USD,REF-2\n",
        "Posting Date,Debit,Credit,Currency,Ref\n2026-03-12,,1481.35,USD,REF-1\n"
        "2026-03-13,21.56,,USD,REF-2\n"}) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{1} << 20}) {
      const ReadBack back = Read(file, {}, v1::BankLine::SOURCE_BANK, piece);
      EXPECT_TRUE(back.status.ok()) << back.status << file;
      EXPECT_EQ(back.rows, expected) << file;
      EXPECT_THAT(back.problems, IsEmpty()) << file;
    }
  }
}

TEST(StatementReader, SkipsRowsBeforeTheHeaderAndBlankOnes) {
  v1::ImportStatementHeader header;
  header.set_currency_code("EUR");
  const ReadBack back =
      Read("Account;DE12\nFrom;01.03.2026\n\n;;\nDatum;Betrag\n12.03.2026;5,00\n", header);
  EXPECT_THAT(back.rows, ElementsAre("6 2026-03-12 5.00 EUR "));
}

TEST(StatementReader, QuotesHoldSeparatorsQuotesAndLineEnds) {
  const ReadBack back = Read(
      "date,amount,currency,reference\n2026-03-12,1.00,USD,\"a, "
      "\"\"b\"\"\nc\"\n2026-03-13,2.00,USD,"
      "5\" screen\n");
  EXPECT_THAT(back.rows,
              ElementsAre("2 2026-03-12 1.00 USD a, \"b\"\nc", "4 2026-03-13 2.00 USD 5\" screen"));
}

TEST(StatementReader, SaysWhatIsWrongWithARowAndGoesOn) {
  const ReadBack back = Read(
      "Day,Amount,Ccy,Currency,Reference\n"
      "2026-02-30,1.00,,USD,a\n"
      "03/04/2026,1.00,,USD,b\n"
      "2026-03-12,,,USD,c\n"
      "2026-03-12,1.234,,USD,d\n"
      "2026-03-12,one,,USD,e\n"
      "2026-03-12,1.00,,,f\n"
      "2026-03-12,1.00,,dollars,g\n"
      "2026-03-12,0.00,,USD,h\n"
      "2026-03-12,1.00,,USD,\xFF\n"
      ",1.00,,USD,i\n"
      "2026-03-12,99999999999999999999,,USD,j\n"
      "2026-03-12,7,,USD,k\n");
  EXPECT_THAT(
      back.problems,
      ElementsAre("2 Day BAD_DATE", "3 Day AMBIGUOUS_DATE", "4 Amount MISSING_VALUE",
                  "5 Amount AMBIGUOUS_AMOUNT", "6 Amount BAD_AMOUNT", "7 Currency MISSING_VALUE",
                  "8 Currency BAD_CURRENCY", "9 Amount ZERO_AMOUNT", "10 Reference BAD_TEXT",
                  "11 Day MISSING_VALUE", "12 Amount BAD_AMOUNT"));
  EXPECT_THAT(back.rows, ElementsAre("13 2026-03-12 7.00 USD k"));
}

TEST(StatementReader, QuoteThatIsNeverClosedCostsOneRow) {
  const ReadBack back =
      Read("date,amount,currency,reference\n2026-03-12,1.00,USD,\"open\n2026-03-13,2.00,USD,b\n");
  EXPECT_THAT(back.problems, ElementsAre("2  UNCLOSED_QUOTE"));
  EXPECT_THAT(back.rows, ElementsAre("3 2026-03-13 2.00 USD b"));
}

TEST(StatementReader, LineThatIsTooLongCostsOneRowHoweverLongItIs) {
  for (const size_t length : {size_t{200'000}, size_t{5'000'000}}) {
    for (const char filler : {'z', ','}) {
      std::string file = "date,amount,currency,reference\n2026-03-12,1.00,USD,a";
      file += std::string(length, filler);
      // A quotation mark in the rest of it opens nothing.
      file += "\"\n2026-03-13,2.00,USD,b\n";
      const ReadBack back = Read(file);
      EXPECT_THAT(back.problems, ElementsAre("2  TOO_LONG")) << length << filler;
      EXPECT_THAT(back.rows, ElementsAre("3 2026-03-13 2.00 USD b"));
    }
  }
}

TEST(StatementReader, AmountsThatNoStatementShows) {
  const ReadBack back = Read(
      "date,amount,currency,reference\n2026-03-12,10000000000000.00,USD,most\n"
      "2026-03-12,10000000000000.01,USD,more\n2026-03-12,-10000000000000.01,USD,less\n");
  EXPECT_THAT(back.problems, ElementsAre("3 amount BAD_AMOUNT", "4 amount BAD_AMOUNT"));
  EXPECT_EQ(back.rows.size(), 1u);
}

TEST(StatementReader, ColumnsThatCannotBeTold) {
  const auto refusal = [](std::string_view file) {
    StatementReader reader(v1::BankLine::SOURCE_BANK, v1::ImportStatementHeader());
    absl::Status status = reader.Feed(file);
    if (status.ok()) status = reader.Finish();
    return ReasonOf(status);
  };
  EXPECT_EQ(refusal("date,amount,Amount,currency\n2026-03-12,1.00,2.00,USD\n"), "AMBIGUOUS_COLUMN");
  EXPECT_EQ(refusal("date,amount,Betrag,currency\n2026-03-12,1.00,2.00,USD\n"), "AMBIGUOUS_COLUMN");
  EXPECT_EQ(refusal("Buchungstag;Valuta;Betrag;currency\n12.03.2026;13.03.2026;1,00;EUR\n"), "");
  EXPECT_EQ(refusal("Datum;Betrag;W\xE4hrung\n12.03.2026;1,00;EUR\n"), "BAD_TEXT");
  // Twice what is not read is nobody's trouble.
  EXPECT_EQ(refusal("date,amount,currency,note,note\n2026-03-12,1.00,USD,a,b\n"), "");
}

TEST(StatementReader, SaysWhatAFileIsThatIsNoText) {
  for (const auto& [begins, hint] :
       std::vector<std::pair<std::string, std::string>>{{"PK\x03\x04", "CSV"},
                                                        {"\xD0\xCF\x11\xE0", "CSV"},
                                                        {"%PDF-1.7", "CSV"},
                                                        {"\x1F\x8B\x08\x00", "unpack"},
                                                        {"\xFF\xFE"
                                                         "D",
                                                         "UTF-8"},
                                                        {"\xFE\xFF"
                                                         "D",
                                                         "UTF-8"}}) {
    for (const std::string& file : {begins, begins + std::string(1000, 'x')}) {
      const absl::Status status = Read(file).status;
      EXPECT_EQ(ReasonOf(status), "WRONG_REPORT");
      EXPECT_THAT(std::string(status.message()), testing::HasSubstr(hint));
    }
  }
  EXPECT_THAT(
      Read(std::string("date,amount,currency,reference\n2026-03-12,1,USD,a\0b\n", 52)).problems,
      ElementsAre("2 reference BAD_TEXT"));
}

TEST(StatementReader, HeaderSettlesWhatCouldBeReadInTwoWays) {
  v1::ImportStatementHeader header;
  header.set_date_order(v1::ImportStatementHeader::DATE_ORDER_DMY);
  header.set_decimal_mark(",");
  const std::string_view file = "date;amount;currency\n03/04/2026;1.234;USD\n";
  EXPECT_THAT(Read(file, header).rows, ElementsAre("2 2026-04-03 1234.00 USD "));
  header.set_date_order(v1::ImportStatementHeader::DATE_ORDER_MDY);
  EXPECT_THAT(Read(file, header).rows, ElementsAre("2 2026-03-04 1234.00 USD "));
}

TEST(StatementReader, SettlementLinesNameTheirSettlement) {
  const std::string_view file = "settlement-id,posted-date,amount,currency\nS1,2026-03-12,5,USD\n";
  EXPECT_THAT(Read(file, {}, v1::BankLine::SOURCE_SETTLEMENT).rows,
              ElementsAre("2 2026-03-12 5.00 USD  of S1"));
  const std::string_view without = "posted-date,amount,currency\n2026-03-12,5,USD\n";
  EXPECT_THAT(Read(without, {}, v1::BankLine::SOURCE_SETTLEMENT).problems,
              ElementsAre("2 settlement MISSING_VALUE"));
  v1::ImportStatementHeader header;
  header.set_settlement("S2");
  EXPECT_THAT(Read(without, header, v1::BankLine::SOURCE_SETTLEMENT).rows,
              ElementsAre("2 2026-03-12 5.00 USD  of S2"));
}

TEST(StatementReader, RefusesWhatIsNoStatement) {
  EXPECT_EQ(ReasonOf(Read("").status), "EMPTY_REPORT");
  EXPECT_EQ(ReasonOf(Read("\n\n").status), "EMPTY_REPORT");
  EXPECT_EQ(ReasonOf(Read("sku,quantity\na,1\n").status), "WRONG_REPORT");
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += "x,y\n";
  EXPECT_EQ(ReasonOf(Read(rows).status), "WRONG_REPORT");
}

TEST(StatementReader, Amounts) {
  const auto parse = [](std::string_view text, std::string_view currency = "USD",
                        std::string_view mark = "") -> std::string {
    const auto units = ParseStatementAmount(text, currency, mark);
    return units.ok() ? std::to_string(*units) : ReasonOf(units.status());
  };
  EXPECT_EQ(parse("1,234,567.89"), "123456789");
  EXPECT_EQ(parse("1.234.567,8"), "123456780");
  EXPECT_EQ(parse("1 234,50"), "123450");
  EXPECT_EQ(parse("1'234.50"), "123450");
  EXPECT_EQ(parse("+12"), "1200");
  EXPECT_EQ(parse("1,234", "JPY"), "1234");
  EXPECT_EQ(parse("1234.5", "JPY"), "BAD_AMOUNT");
  EXPECT_EQ(parse("1.234", "KWD"), "AMBIGUOUS_AMOUNT");
  EXPECT_EQ(parse("1.234", "KWD", "."), "1234");
  EXPECT_EQ(parse("1,23,456.00"), "BAD_AMOUNT");
  EXPECT_EQ(parse("1.23.4,5"), "BAD_AMOUNT");
  EXPECT_EQ(parse("1,,234"), "BAD_AMOUNT");
  EXPECT_EQ(parse("12345,678.00"), "BAD_AMOUNT");
  EXPECT_EQ(parse("1.005"), "AMBIGUOUS_AMOUNT");
  EXPECT_EQ(parse("1.0051"), "BAD_AMOUNT");
  EXPECT_EQ(parse("--1"), "BAD_AMOUNT");
  EXPECT_EQ(parse("$5"), "BAD_AMOUNT");
  EXPECT_EQ(parse("."), "BAD_AMOUNT");
  EXPECT_EQ(parse("-"), "BAD_AMOUNT");
}

// Noise of the bytes that matter to it, in pieces of any size: the same rows, and no fault.
TEST(StatementReader, PiecesOfAnySizeGiveTheSameRows) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  constexpr std::string_view kBytes = "date,amount;\t\"\"\r\n\n0123.-/ \xC3\xA4\xFF";
  for (int round = 0; round < 3000; ++round) {
    std::string file = "date,amount,currency,reference\n";
    for (int i = 0; i < 200; ++i) file += kBytes[random() % kBytes.size()];
    file += "\n2026-03-12,1.00,USD,x\n";
    const ReadBack whole = Read(file);
    const ReadBack pieces = Read(file, {}, v1::BankLine::SOURCE_BANK, 1 + random() % 20);
    ASSERT_EQ(whole.rows, pieces.rows) << file;
    ASSERT_EQ(whole.problems, pieces.problems) << file;
  }
}

}  // namespace
}  // namespace aftersales
