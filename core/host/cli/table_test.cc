#include "core/host/cli/table.h"

#include <gtest/gtest.h>

#include <sstream>

#include "core/host/cli/text.h"

namespace aftersales::cli {
namespace {

class TableTest : public testing::Test {
 protected:
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    std::istringstream in(out_.str());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  std::ostringstream out_;
  Terminal terminal_{out_, out_};
};

TEST_F(TableTest, AlignsByDisplayWidth) {
  Table table({{"NAME"}, {"QTY", Table::Align::kRight}, {"END"}});
  table.Add({"日本語", "5", "x"});
  table.Add({"abc", "1200", "y"});
  table.Print(terminal_);
  EXPECT_EQ(out_.str(),
            "NAME     QTY  END\n"
            "日本語     5  x\n"
            "abc     1200  y\n");
}

TEST_F(TableTest, FitsTheWidthByCuttingTheSoftColumns) {
  terminal_.width = 40;
  Table table({{"ID"}, {"TITLE", {}, Table::Fit::kTruncate}, {"LAST"}});
  table.Add({"113-6270000-6280000", std::string(60, 'x'), "done"});
  table.Print(terminal_);
  EXPECT_EQ(Lines()[1], "113-6270000-6280000  xxxxxxxxxxxx…  done");
  for (const std::string& line : Lines()) EXPECT_LE(DisplayWidth(line), 40) << line;
}

TEST_F(TableTest, WrapsOntoFurtherLines) {
  terminal_.width = 30;
  Table table({{"ID"}, {"WHAT TO DO", {}, Table::Fit::kWrap}});
  table.Add({"113-1", "answer the return request before it is late"});
  table.Print(terminal_);
  EXPECT_EQ(out_.str(),
            "ID     WHAT TO DO\n"
            "113-1  answer the return\n"
            "       request before it is\n"
            "       late\n");
}

TEST_F(TableTest, NeverWritesControlCharactersOfTheData) {
  Table table({{"A"}, {"B"}});
  table.Add({"x\ny\tz", "\x1b[2J"});
  table.Print(terminal_);
  EXPECT_EQ(Lines().size(), 2u);
  EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
  EXPECT_EQ(out_.str().find('\t'), std::string::npos);
}

TEST_F(TableTest, ColoursOnlyWhereAsked) {
  Table table({{"S"}, {"T"}});
  table.Add({{"BAD", Style::kBad}, "x"});
  table.Print(terminal_);
  EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
  out_.str("");
  terminal_.color = true;
  table.Print(terminal_);
  // The colour ends before the padding, so that columns stay where they are.
  EXPECT_NE(out_.str().find("\x1b[31mBAD\x1b[0m  x"), std::string::npos) << out_.str();
}

TEST_F(TableTest, ShortRowsAreFilledUp) {
  Table table({{"A"}, {"B"}});
  table.Add({"only"});
  table.Print(terminal_);
  EXPECT_EQ(out_.str(), "A     B\nonly\n");
}

TEST_F(TableTest, FieldsGoOnUnderThemselvesAndEmptyOnesAreLeftOut) {
  terminal_.width = 38;
  PrintField(terminal_, "Note", "one two three four five six");
  PrintField(terminal_, "Nothing", "");
  EXPECT_EQ(out_.str(),
            "Note              one two three four\n"
            "                  five six\n");
}

}  // namespace
}  // namespace aftersales::cli
