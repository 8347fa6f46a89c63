#include "plugins/carriers/dhl/dhl_rules.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "plugins/carriers/rules/check_digits.h"

namespace aftersales::carriers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Verdict Judge(std::string_view number, std::string_view carrier = "", int scans = 3) {
  return JudgeDhl({number, carrier, ResolveStatedCarrier(carrier), scans});
}

std::vector<std::string_view> CandidatesOf(const Verdict& verdict) {
  return {verdict.candidates.begin(), verdict.candidates.end()};
}

std::string WithMod10(std::string serial, int weight, int next_weight) {
  return serial + std::to_string(Mod10CheckDigit(serial, weight, next_weight));
}

TEST(DhlRulesTest, PublicNumbers) {
  struct Case {
    const char* number;
    const char* service;
  };
  for (const Case& test : {Case{"3318810025", "dhl-express"},
                           {"73891051146", "dhl-express"},
                           {"8487135506", "dhl-express"},
                           {"1099255990", "dhl-express"},
                           {"3821724944", "dhl-express"},
                           {"3318810036", "dhl-express"},
                           {"3318810014", "dhl-express"},
                           {"JJD0099999999", "dhl-express"},
                           {"JVGL0999999990", "dhl-express"},
                           {"JD014600006281230704", "dhl-express"},
                           {"JJD000390007925432164", "dhl-paket"},
                           {"GM2951173225174494", "dhl-ecommerce"},
                           {"GM 2 9 5 117 32 25 1 7 44 9 4", "dhl-ecommerce"},
                           {"GM295117494011169042", "dhl-ecommerce"},
                           {"60120172242323", "dhl-ecommerce"},
                           {"00340434292135100186", "dhl-paket"}}) {
    const Verdict verdict = Judge(test.number);
    EXPECT_EQ(verdict.validity, Validity::kValid) << test.number << ": " << verdict.text();
    EXPECT_EQ(verdict.carrier, test.service) << test.number;
    EXPECT_EQ(Judge(test.number, "DHL", 0).validity, Validity::kUnscanned) << test.number;
  }
}

TEST(DhlRulesTest, ExpressCheckDigit) {
  for (const char* number : {"3318810010", "3318810034", "3318810011", "73891051149"}) {
    const Verdict verdict = Judge(number);
    EXPECT_EQ(verdict.validity, Validity::kInvalid) << number;
    EXPECT_EQ(verdict.failed_rule, "express-check-digit") << number;
  }
  const Verdict verdict = Judge("3318810010", "DHL Express");
  EXPECT_EQ(verdict.expected, "4");
  EXPECT_EQ(verdict.found, "0");
  EXPECT_EQ(verdict.text(),
            "The check digit is 0, but by the DHL Express rule (modulo 7) it must be 4; at least "
            "one character is mistyped.");
}

TEST(DhlRulesTest, NotDhl) {
  for (const char* number :
       {"GS295117494011169041", "GR295117494011169045", "AAAAAAAAAAAAAAAAAA", "GMAAAAAAAAAAAAAAAA",
        "XJD0099999998", "1Z12345E6605272234", "", "123456789", "é"}) {
    EXPECT_EQ(Judge(number).validity, Validity::kUnknown) << number;
    const Verdict stated = Judge(number, "DHL Global Mail");
    EXPECT_EQ(stated.validity, Validity::kInvalid) << number;
    EXPECT_EQ(stated.failed_rule, "form") << number;
    EXPECT_THAT(stated.text(), HasSubstr("DHL")) << number;
  }
  EXPECT_EQ(Judge("GS295117494011169041", "DHL").found, "2 letters, 18 digits");
}

TEST(DhlRulesTest, MixedGlobalMail) {
  EXPECT_EQ(Judge("GM2951173225AB4494").carrier, "dhl-ecommerce");
  EXPECT_EQ(Judge("GM295117322ABCD").validity, Validity::kUnknown);  // Too short.
}

TEST(DhlRulesTest, FourteenDigitsAreGlobalMailOrLeitcode) {
  const std::string leitcode = WithMod10("2134807501640", 4, 9);
  EXPECT_THAT(CandidatesOf(Judge(leitcode)), ElementsAre("dhl-paket", "dhl-ecommerce"));
  EXPECT_EQ(Judge(leitcode).carrier, "dhl-paket");
  // The stated service goes before the check digit.
  EXPECT_THAT(CandidatesOf(Judge(leitcode, "DHL Global Mail")),
              ElementsAre("dhl-ecommerce", "dhl-paket"));
  EXPECT_EQ(Judge(leitcode, "DHL Global Mail").carrier, "dhl-ecommerce");

  std::string other = leitcode;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_EQ(Judge(other).carrier, "dhl-ecommerce");
  EXPECT_EQ(Judge(other, "DHL").validity, Validity::kValid);
  const Verdict paket = Judge(other, "DHL Paket");
  EXPECT_EQ(paket.validity, Validity::kInvalid);
  EXPECT_EQ(paket.failed_rule, "leitcode-check-digit");
}

TEST(DhlRulesTest, Identcode) {
  const std::string identcode = WithMod10("56310243031", 4, 9);
  EXPECT_EQ(Judge(identcode).carrier, "dhl-paket");
  EXPECT_EQ(Judge(identcode, "DHL Paket").validity, Validity::kValid);
  // 12 digits are FedEx's as well: not judged where FedEx is stated.
  EXPECT_EQ(Judge(identcode, "FedEx").validity, Validity::kUnknown);
  EXPECT_EQ(Judge(identcode, "EUB").failed_rule, "stated-carrier");

  std::string broken = identcode;
  broken[3] = broken[3] == '9' ? '8' : '9';
  EXPECT_EQ(Judge(broken).validity, Validity::kUnknown);  // Could be anybody's.
  EXPECT_EQ(Judge(broken, "DHL").failed_rule, "identcode-check-digit");
  EXPECT_EQ(Judge(broken, "DHL").validity, Validity::kInvalid);
}

TEST(DhlRulesTest, UspsNumbersOfDhl) {
  const std::string impb = WithMod10("936126990350012345678", 3, 1);
  ASSERT_EQ(impb.size(), 22u);
  for (const std::string& number : {impb, "42090210" + impb, "420902101234" + impb}) {
    EXPECT_EQ(Judge(number).carrier, "dhl-ecommerce") << number;
    EXPECT_EQ(Judge(number, "DHL eCommerce").validity, Validity::kValid) << number;
    EXPECT_EQ(Judge(number, "USPS").validity, Validity::kValid) << number;
    EXPECT_EQ(Judge(number, "UPS").failed_rule, "stated-carrier") << number;
    std::string broken = number;
    broken.back() = broken.back() == '0' ? '1' : '0';
    EXPECT_EQ(Judge(broken, "DHL").failed_rule, "impb-check-digit") << broken;
  }
  // Other mailers' numbers are DHL's only if DHL is stated.
  const std::string other = "9400111202555842332669";
  EXPECT_EQ(Judge(other).validity, Validity::kUnknown);
  EXPECT_EQ(Judge(other, "USPS").validity, Validity::kUnknown);
  EXPECT_EQ(Judge(other, "DHL eCommerce").validity, Validity::kValid);
  EXPECT_EQ(Judge("42090210" + other).validity, Validity::kUnknown);
}

TEST(DhlRulesTest, Sscc) {
  const Verdict broken = Judge("00340434292135100187", "DHL Paket");
  EXPECT_EQ(broken.failed_rule, "sscc-check-digit");
  EXPECT_EQ(broken.expected, "6");
  EXPECT_EQ(broken.found, "7");
  const std::string own_prefix = WithMod10("0034012345678901234", 3, 1);
  EXPECT_EQ(Judge(own_prefix).validity, Validity::kUnknown);
  EXPECT_EQ(Judge(own_prefix, "DHL").carrier, "dhl-paket");
}

TEST(DhlRulesTest, AnotherStatedCarrierIsInvalid) {
  for (const char* number : {"3318810025", "GM2951173225174494", "60120172242323",
                             "00340434292135100186", "JVGL0999999990"}) {
    for (const char* carrier : {"UPS", "ePacket"}) {
      const Verdict verdict = Judge(number, carrier);
      EXPECT_EQ(verdict.validity, Validity::kInvalid) << number;
      EXPECT_EQ(verdict.failed_rule, "stated-carrier") << number;
      EXPECT_THAT(verdict.expected, HasSubstr("DHL")) << number;
      EXPECT_EQ(verdict.found, carrier) << number;
    }
  }
  // Of a carrier that nobody knows, plain digits prove nothing; a prefix of DHL's own does.
  EXPECT_EQ(Judge("3318810025", "Acme Courier").validity, Validity::kUnknown);
  EXPECT_EQ(Judge("GM2951173225174494", "Acme Courier").validity, Validity::kInvalid);
  EXPECT_EQ(Judge("3318810010", "UPS").validity, Validity::kUnknown);
}

TEST(DhlRulesTest, AnotherServiceOfDhlIsInvalid) {
  const Verdict verdict = Judge("3318810025", "DHL Global Mail");
  EXPECT_EQ(verdict.validity, Validity::kInvalid);
  EXPECT_EQ(verdict.failed_rule, "stated-carrier");
  EXPECT_EQ(verdict.expected, "DHL Express");
  EXPECT_EQ(Judge("GM2951173225174494", "DHL Express").failed_rule, "stated-carrier");
}

TEST(DhlRulesTest, PostalNumbers) {
  EXPECT_EQ(Judge("LX473124829DE", "DHL").validity, Validity::kValid);
  EXPECT_EQ(Judge("LX473124829DE", "DHL Paket").carrier, "dhl-paket");
  EXPECT_EQ(Judge("LX473124829DE", "Deutsche Post").validity, Validity::kValid);
  EXPECT_EQ(Judge("LX473124829DE", "DHL Express").failed_rule, "stated-carrier");
  EXPECT_EQ(Judge("LX473124828DE", "DHL").failed_rule, "s10-check-digit");
  EXPECT_EQ(Judge("LX473124829DE", "UPS").failed_rule, "stated-carrier");
  const Verdict chinese = Judge("LK123456785CN", "DHL");
  EXPECT_EQ(chinese.failed_rule, "stated-carrier");
  EXPECT_EQ(chinese.found, "CN");
  EXPECT_EQ(Judge("LK123456785CN").validity, Validity::kUnknown);
  EXPECT_EQ(Judge("LK123456785XX", "DHL").validity, Validity::kInvalid);
}

TEST(DhlRulesTest, RandomBytesGetAVerdict) {
  std::mt19937 random(13);
  const std::string alphabet = "0123456789GMJDVL420 -";
  for (int i = 0; i < 200000; ++i) {
    std::string number(random() % 45, '\0');
    for (char& c : number) {
      c = i % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    const char* carrier = i % 3 == 0 ? "DHL" : i % 3 == 1 ? "" : "FedEx";
    const Verdict verdict = Judge(number, carrier, static_cast<int>(random() % 3));
    ASSERT_EQ(verdict.validity == Validity::kInvalid, !verdict.failed_rule.empty()) << number;
  }
}

// Modulo 7 catches a wrong digit unless the difference is a multiple of 7: 0 and 7, 1 and 8, 2 and
// 9 are the same to it.
TEST(DhlRulesTest, SingleWrongDigitsOfExpress) {
  const std::string good = "3318810025";
  for (std::size_t at = 0; at < 10; ++at) {
    for (char digit = '0'; digit <= '9'; ++digit) {
      if (digit == good[at]) continue;
      std::string bad = good;
      bad[at] = digit;
      const bool unseen = at < 9 && (digit - good[at]) % 7 == 0;
      EXPECT_EQ(Judge(bad).validity == Validity::kValid, unseen) << bad;
    }
  }
}

}  // namespace
}  // namespace aftersales::carriers
