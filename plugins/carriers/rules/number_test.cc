#include "plugins/carriers/rules/number.h"

#include <random>
#include <string>

#include "gtest/gtest.h"

namespace aftersales::carriers {
namespace {

TEST(NumberTest, SpacesHyphensAndCaseDoNotMatter) {
  EXPECT_EQ(Number(" lk 1234-5678 5 cn\r\n").text(), "LK123456785CN");
  EXPECT_EQ(Number("GM 2 9 5 117 32 25 1 7 44 9 4").text(), "GM2951173225174494");
}

TEST(NumberTest, FullWidthAndInvisibleCharactersBecomePlain) {
  EXPECT_EQ(Number("ＬＫ１２３４５６７８５ｃｎ").text(), "LK123456785CN");
  EXPECT_EQ(Number("\xEF\xBB\xBF"
                   "3318\xC2\xA0"
                   "81\xE2\x80\x8B"
                   "0025\xE3\x80\x80")
                .text(),
            "3318810025");
  EXPECT_EQ(Number("331‐881–0025").text(), "3318810025");
  EXPECT_FALSE(Number("ＬＫ").has_foreign_characters());
}

TEST(NumberTest, OtherCharactersAreMarkedNotKept) {
  const Number number("LK1234é5CN");
  EXPECT_TRUE(number.has_foreign_characters());
  EXPECT_EQ(number.text(), "LK1234?5CN");
  EXPECT_EQ(Number("快递").text(), "??");
  EXPECT_EQ(Number("A\xFF\xFE"
                   "B")
                .text(),
            "A??B");                            // Invalid UTF-8.
  EXPECT_EQ(Number("A\xEF\xBC").text(), "A?");  // Cut off inside of a character.
}

TEST(NumberTest, LongOnesAreCutAndSaidToBe) {
  const Number just_fits(std::string(kMaxNumberBytes, '7'));
  EXPECT_FALSE(just_fits.too_long());
  EXPECT_EQ(just_fits.text().size(), kMaxNumberBytes);
  const Number too_long(std::string(kMaxNumberBytes + 1, '7'));
  EXPECT_TRUE(too_long.too_long());
  EXPECT_EQ(too_long.text().size(), kMaxNumberBytes);
  EXPECT_TRUE(Number(std::string(1 << 20, ' ')).too_long());
}

TEST(NumberTest, ShapesAreDescribed) {
  EXPECT_EQ(DescribeShape(Number("")), "nothing");
  EXPECT_EQ(DescribeShape(Number("LK123456785CN")), "2 letters, 9 digits, 2 letters");
  EXPECT_EQ(DescribeShape(Number("1Z")), "1 digit, 1 letter");
  EXPECT_EQ(DescribeShape(Number("3.31881E+09")),
            "1 digit, 1 other character, 5 digits, 1 letter, 1 other character, 2 digits");
  EXPECT_EQ(DescribeShape(Number("A1A1A1A1")),
            "1 letter, 1 digit, 1 letter, 1 digit, 1 letter, 1 digit and more");
  EXPECT_EQ(DescribeShape(Number(std::string(200, '1'))), "more than 100 bytes");
}

TEST(NumberTest, RandomBytesGiveAscii) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    std::string raw(random() % 130, '\0');
    for (char& c : raw) c = static_cast<char>(random());
    const Number number(raw);
    for (const char c : number.text()) {
      ASSERT_GT(c, ' ');
      ASSERT_LT(c, 0x7f);
    }
  }
}

}  // namespace
}  // namespace aftersales::carriers
