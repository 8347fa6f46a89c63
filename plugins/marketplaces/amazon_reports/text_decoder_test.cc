#include "plugins/marketplaces/amazon_reports/text_decoder.h"

#include <gtest/gtest.h>

namespace aftersales::amazon_reports {
namespace {

TEST(CharsetByName, KnowsTheUsualNames) {
  EXPECT_EQ(CharsetByName(""), Charset::kGuess);
  EXPECT_EQ(CharsetByName("UTF-8"), Charset::kUtf8);
  EXPECT_EQ(CharsetByName("ISO-8859-1"), Charset::kCp1252);
  EXPECT_EQ(CharsetByName("Windows-1252"), Charset::kCp1252);
  EXPECT_EQ(CharsetByName("Shift_JIS"), Charset::kCp932);
  EXPECT_EQ(CharsetByName("windows-31j"), Charset::kCp932);
  EXPECT_EQ(CharsetByName("UTF-16"), Charset::kUnsupported);
  EXPECT_EQ(CharsetByName("klingon"), Charset::kUnsupported);
}

TEST(IsUtf8, FollowsTheStandard) {
  for (const char* text : {"", "abc", "\xC3\xA9", "\xE6\x97\xA5\xE6\x9C\xAC", "\xF0\x9F\x98\x80"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const char* text : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xFF", "caf\xE9", "\xE6\x97"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(IsAscii, LooksAtEveryByte) {
  for (size_t size = 0; size < 70; ++size) {
    std::string text(size, 'a');
    EXPECT_TRUE(IsAscii(text));
    for (size_t i = 0; i < size; ++i) {
      text[i] = '\x80';
      EXPECT_FALSE(IsAscii(text)) << size << " " << i;
      text[i] = 'a';
    }
  }
}

TEST(TextDecoder, KeepsUtf8AndFallsBackLineByLine) {
  TextDecoder decoder(Charset::kGuess, Charset::kCp1252);
  EXPECT_EQ(decoder.Decode("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_FALSE(decoder.fell_back());
  EXPECT_EQ(decoder.Decode("caf\xE9 \x80"), "caf\xC3\xA9 \xE2\x82\xAC");
  EXPECT_TRUE(decoder.fell_back());
  EXPECT_EQ(decoder.Decode("caf\xC3\xA9"), "caf\xC3\xA9");
}

TEST(TextDecoder, ReadsJapanese) {
  TextDecoder decoder(Charset::kGuess, FallbackCharset("A1VC38T7YXB528"));
  // Kanji, and half-width kana, which are one byte there and three in UTF-8.
  EXPECT_EQ(decoder.Decode("\x93\xFA\x96\x7B"), "\xE6\x97\xA5\xE6\x9C\xAC");
  EXPECT_EQ(decoder.Decode("\xB1\xB2"), "\xEF\xBD\xB1\xEF\xBD\xB2");
}

TEST(TextDecoder, ReplacesWhatTheCharsetDoesNotDefine) {
  TextDecoder western(Charset::kCp1252, Charset::kCp1252);
  EXPECT_EQ(western.Decode("a\x81"
                           "b\xE9"),
            "a\xEF\xBF\xBD"
            "b\xC3\xA9");
  TextDecoder japanese(Charset::kCp932, Charset::kCp1252);
  EXPECT_EQ(japanese.Decode("a\x93"), "a\xEF\xBF\xBD");
  // Told UTF-8 but is not: still text, and no guess.
  TextDecoder utf8(Charset::kUtf8, Charset::kCp1252);
  EXPECT_EQ(utf8.Decode("caf\xE9 cr\xC3\xA8me"), "caf\xEF\xBF\xBD cr\xC3\xA8me");
  EXPECT_FALSE(utf8.fell_back());
  EXPECT_TRUE(utf8.damaged());
}

TEST(TextDecoder, AlwaysGivesUtf8) {
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  for (const Charset charset :
       {Charset::kGuess, Charset::kUtf8, Charset::kCp1252, Charset::kCp932}) {
    for (const Charset fallback : {Charset::kCp1252, Charset::kCp932}) {
      TextDecoder decoder(charset, fallback);
      EXPECT_TRUE(IsUtf8(decoder.Decode(all)));
    }
  }
}

TEST(Utf8Prefix, DoesNotCutACharacter) {
  EXPECT_EQ(Utf8Prefix("abc", 5), "abc");
  EXPECT_EQ(Utf8Prefix("ab\xC3\xA9", 3), "ab");
  EXPECT_EQ(Utf8Prefix("ab\xC3\xA9", 4), "ab\xC3\xA9");
  EXPECT_EQ(Utf8Prefix("\xF0\x9F\x98\x80", 3), "");
}

}  // namespace
}  // namespace aftersales::amazon_reports
