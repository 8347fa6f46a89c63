#include "plugins/carriers/rules/s10.h"

#include <string>

#include "gtest/gtest.h"

namespace aftersales::carriers {
namespace {

TEST(S10Test, TakesNumbersApart) {
  S10 number;
  ASSERT_TRUE(ParseS10("LK123456785CN", number));
  EXPECT_EQ(number.service_letters, "LK");
  EXPECT_EQ(number.serial, "12345678");
  EXPECT_EQ(number.check_digit, 5);
  EXPECT_EQ(number.country, "CN");
  ASSERT_NE(number.service, nullptr);
  EXPECT_EQ(number.service->name, "tracked-packet");
  ASSERT_NE(number.issuer, nullptr);
  EXPECT_EQ(number.issuer->country, "China");
  EXPECT_TRUE(number.check_digit_holds());
  EXPECT_TRUE(IsEpacketSeries(number));
}

TEST(S10Test, RefusesOtherForms) {
  S10 number;
  for (const char* text : {"", "LK12345678CN", "LK1234567855CN", "L1123456785CN", "LK12345678ACN",
                           "LK123456785C1", "lk123456785cn", "1K123456785CN"}) {
    EXPECT_FALSE(ParseS10(text, number)) << text;
  }
}

TEST(S10Test, IssuersAreCountriesWithAPost) {
  S10 number;
  for (const char* country : {"GB", "US", "CV", "CF", "DE", "JP", "HK", "TW", "VA", "SS", "GG"}) {
    ASSERT_TRUE(ParseS10("RB123456785" + std::string(country), number));
    EXPECT_NE(number.issuer, nullptr) << country;
  }
  for (const char* country : {"XX", "UT", "YP", "ZZ", "AA", "EU", "AD", "FM"}) {
    ASSERT_TRUE(ParseS10("RB123456785" + std::string(country), number));
    EXPECT_EQ(number.issuer, nullptr) << country;
  }
}

TEST(S10Test, ServicesByLetters) {
  struct Case {
    const char* letters;
    const char* service;  // Empty: reserved.
  };
  for (const Case& test : {Case{"EE", "ems"},
                           {"CP", "postal-parcel"},
                           {"HA", "ecommerce-parcel"},
                           {"MA", "m-bag"},
                           {"QM", "business-reply"},
                           {"QN", ""},
                           {"RR", "registered"},
                           {"UA", "untracked-packet"},
                           {"VV", "insured"},
                           {"AV", "domestic-post"},
                           {"AU", "recorded"},
                           {"GA", "domestic-post"},
                           {"GB", ""},
                           {"GD", "domestic-post"},
                           {"JA", ""},
                           {"ZZ", "domestic-post"},
                           {"XX", ""}}) {
    S10 number;
    const std::string text = std::string(test.letters) + "123456785CN";
    ASSERT_TRUE(ParseS10(text, number));
    EXPECT_EQ(number.service == nullptr ? "" : number.service->name, test.service) << test.letters;
  }
}

TEST(S10Test, EpacketSeriesAreOfAFewPosts) {
  const auto is_epacket = [](std::string text) {
    S10 number;
    EXPECT_TRUE(ParseS10(text, number));
    return IsEpacketSeries(number);
  };
  EXPECT_TRUE(is_epacket("LX123456785CN"));
  EXPECT_TRUE(is_epacket("LM123456785HK"));
  EXPECT_TRUE(is_epacket("LS123456785SG"));
  EXPECT_TRUE(is_epacket("LK123456785KR"));
  EXPECT_TRUE(is_epacket("LX123456785JP"));
  EXPECT_TRUE(is_epacket("RX123456785JP"));
  EXPECT_FALSE(is_epacket("LZ123456785JP"));
  EXPECT_FALSE(is_epacket("RX123456785CN"));
  EXPECT_FALSE(is_epacket("LX123456785DE"));
}

TEST(S10Test, PostsAreKnownByTheirCountry) {
  EXPECT_EQ(PostNamedByCountry("ethiopiapost"), LetterPair('E', 'T'));
  EXPECT_EQ(PostNamedByCountry("nigeriapost"), LetterPair('N', 'G'));
  EXPECT_EQ(PostNamedByCountry("correosdecostarica"), LetterPair('C', 'R'));
  EXPECT_EQ(PostNamedByCountry("japanlogistics"), 0);
  EXPECT_EQ(PostNamedByCountry("atlantispost"), 0);
}

}  // namespace
}  // namespace aftersales::carriers
