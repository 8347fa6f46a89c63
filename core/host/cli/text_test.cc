#include "core/host/cli/text.h"

#include <gtest/gtest.h>

namespace aftersales::cli {
namespace {

TEST(DisplayWidthTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Größe"), 5);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);  // e with a combining accent
  EXPECT_EQ(DisplayWidth("日本語"), 6);
  EXPECT_EQ(DisplayWidth("ﾃｽﾄ"), 3);   // half-width katakana
  EXPECT_EQ(DisplayWidth("Ａ１"), 4);  // full-width latin
  EXPECT_EQ(DisplayWidth("한국"), 4);
  EXPECT_EQ(DisplayWidth("📦"), 2);
  EXPECT_EQ(DisplayWidth("…→€"), 3);
}

TEST(TruncateTest, MarksTheCutAndNeverSplitsACharacter) {
  EXPECT_EQ(Truncate("abcdef", 6), "abcdef");
  EXPECT_EQ(Truncate("abcdef", 5), "abcd…");
  EXPECT_EQ(Truncate("日本語の本", 10), "日本語の本");
  // A wide character that would straddle the edge is left out.
  EXPECT_EQ(Truncate("日本語の本", 6), "日本…");
  EXPECT_EQ(Truncate("日本", 1), "…");
}

TEST(WrapTest, BreaksAtSpacesAndInsideLongWords) {
  EXPECT_EQ(Wrap("answer the return request", 12),
            (std::vector<std::string>{"answer the", "return", "request"}));
  EXPECT_EQ(Wrap("", 10), (std::vector<std::string>{""}));
  EXPECT_EQ(Wrap("abcdefghij", 4), (std::vector<std::string>{"abcd", "efgh", "ij"}));
  EXPECT_EQ(Wrap("日本語", 4), (std::vector<std::string>{"日本", "語"}));
  for (const std::string& line : Wrap("a very long 長い長い長い文章 with words in it", 9)) {
    EXPECT_LE(DisplayWidth(line), 9) << line;
  }
}

TEST(PadTest, PadsByColumns) {
  EXPECT_EQ(Pad("日本", 6), "日本  ");
  EXPECT_EQ(Pad("7", 3, true), "  7");
  EXPECT_EQ(Pad("toolong", 3), "toolong");
}

TEST(PrintableTest, KeepsDataFromDrivingTheTerminal) {
  EXPECT_EQ(Printable("a\tb\r\nc"), "a b  c");
  EXPECT_EQ(Printable("\x1b[31mred"), " [31mred");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            " 31m");  // the one-byte CSI of C1
  EXPECT_EQ(Printable("a\xE2\x80\xAE"
                      "b"),
            "a b");                                                      // right-to-left override
  EXPECT_EQ(Printable("caf\xE9"), "caf\xEF\xBF\xBD");                    // cp1252 is not UTF-8
  EXPECT_EQ(Printable("\xED\xA0\x80").find('\xED'), std::string::npos);  // a surrogate
  EXPECT_EQ(Printable("\xF0\x9F"), "\xEF\xBF\xBD\xEF\xBF\xBD");          // cut off
  EXPECT_EQ(Printable("日本"), "日本");
}

}  // namespace
}  // namespace aftersales::cli
