#include "plugins/carriers/epacket/epacket_rules.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::carriers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Verdict Judge(std::string_view number, std::string_view carrier = "", int scans = 3) {
  return JudgeEpacket({number, carrier, ResolveStatedCarrier(carrier), scans});
}

TEST(EpacketRulesTest, GoodNumbers) {
  for (const char* carrier : {"", "EUB", "ePacket", "e邮宝", "China Post", "USPS", "Royal Mail"}) {
    const Verdict verdict = Judge("LK123456785CN", carrier);
    EXPECT_EQ(verdict.validity, Validity::kValid) << carrier;
    EXPECT_EQ(verdict.carrier, "epacket") << carrier;
    EXPECT_EQ(verdict.failed_rule, "") << carrier;
    EXPECT_THAT(std::vector(verdict.candidates.begin(), verdict.candidates.end()),
                ElementsAre("epacket", "tracked-packet"));
  }
}

TEST(EpacketRulesTest, WithoutScanItIsUnscanned) {
  const Verdict verdict = Judge("LK123456785CN", "EUB", 0);
  EXPECT_EQ(verdict.validity, Validity::kUnscanned);
  EXPECT_THAT(verdict.text(), HasSubstr("not scanned"));
  EXPECT_EQ(Judge("LK123456785CN", "EUB", -1).validity, Validity::kUnscanned);
}

TEST(EpacketRulesTest, FailedCheckDigitHasItsEvidence) {
  const Verdict verdict = Judge("lk 1234 5678 4 cn", "EUB", 0);
  EXPECT_EQ(verdict.validity, Validity::kInvalid);
  EXPECT_EQ(verdict.number.text(), "LK123456784CN");
  EXPECT_EQ(verdict.failed_rule, "s10-check-digit");
  EXPECT_EQ(verdict.expected, "5");
  EXPECT_EQ(verdict.found, "4");
  EXPECT_EQ(verdict.text(),
            "The check digit is 4, but by the UPU S10 rule it must be 5; at least one character is "
            "mistyped.");
}

TEST(EpacketRulesTest, CountryMustHaveAPost) {
  const Verdict verdict = Judge("RB123456785XX");
  EXPECT_EQ(verdict.validity, Validity::kInvalid);
  EXPECT_EQ(verdict.failed_rule, "s10-country");
  EXPECT_EQ(verdict.found, "XX");
}

TEST(EpacketRulesTest, ServiceMustBeInUseAndTracked) {
  EXPECT_EQ(Judge("XA123456785CN").failed_rule, "s10-service");
  const Verdict untracked = Judge("UA123456785CN", "China Post");
  EXPECT_EQ(untracked.validity, Validity::kInvalid);
  EXPECT_EQ(untracked.failed_rule, "s10-untracked");
  EXPECT_EQ(untracked.found, "UA");
  EXPECT_THAT(untracked.text(), HasSubstr("without tracking"));
}

TEST(EpacketRulesTest, OtherServicesAreNamed) {
  EXPECT_EQ(Judge("RB123456785GB").carrier, "registered");
  EXPECT_EQ(Judge("RB123456785GB").validity, Validity::kValid);
  EXPECT_EQ(Judge("EA473124829JP", "EMS").carrier, "ems");
  EXPECT_EQ(Judge("LX473124829DE", "DHL").carrier, "tracked-packet");
}

TEST(EpacketRulesTest, StatedEpacketMustBeOne) {
  const Verdict registered = Judge("RB123456785CN", "EUB");
  EXPECT_EQ(registered.validity, Validity::kInvalid);
  EXPECT_EQ(registered.failed_rule, "epacket-service");
  EXPECT_EQ(registered.found, "RB…CN");
  EXPECT_EQ(Judge("LK123456785HK", "EUB").failed_rule, "epacket-service");  // EUB is China's.
  EXPECT_EQ(Judge("LK123456785HK", "ePacket").validity, Validity::kValid);
}

TEST(EpacketRulesTest, AnotherStatedCarrierIsInvalid) {
  for (const char* carrier : {"UPS", "FedEx", "DHL", "DHL Express", "Acme Courier"}) {
    const Verdict verdict = Judge("LK123456785CN", carrier);
    EXPECT_EQ(verdict.validity, Validity::kInvalid) << carrier;
    EXPECT_EQ(verdict.failed_rule, "stated-carrier") << carrier;
    EXPECT_EQ(verdict.found, carrier);
    EXPECT_THAT(verdict.expected, HasSubstr("China"));
  }
  EXPECT_EQ(Judge("LK123456785CN", "EMS").failed_rule, "stated-carrier");
}

TEST(EpacketRulesTest, WrongFormIsInvalidOnlyWhereEpacketIsStated) {
  for (const char* number : {"", "GM2951173225174494", "LK12345678CN", "LK1234567855CN",
                             "LP00123456789012", "1Z12345E6605272234", "LK12345é785CN"}) {
    const Verdict stated = Judge(number, "ePacket");
    EXPECT_EQ(stated.validity, Validity::kInvalid) << number;
    EXPECT_EQ(stated.failed_rule, "form") << number;
    EXPECT_FALSE(stated.found.empty()) << number;
    EXPECT_EQ(Judge(number, "").validity, Validity::kUnknown) << number;
    EXPECT_EQ(Judge(number, "USPS").validity, Validity::kUnknown) << number;
  }
  EXPECT_EQ(Judge("GM2951173225174494", "EUB").found, "2 letters, 16 digits");
  EXPECT_EQ(Judge(std::string(101, '1'), "EUB").found, "more than 100 bytes");
}

TEST(EpacketRulesTest, LookalikesOfPrivateCarriersAreNotJudged) {
  const Verdict verdict = Judge("UM123456785YP", "Yanwen");
  EXPECT_EQ(verdict.validity, Validity::kUnknown);
  EXPECT_THAT(std::vector(verdict.candidates.begin(), verdict.candidates.end()),
              ElementsAre("yanwen"));
  EXPECT_EQ(Judge("UM123456785YP", "EUB").validity, Validity::kInvalid);
}

TEST(EpacketRulesTest, LongStatedNamesAreCutInMessages) {
  std::string name = "x";
  for (int i = 0; i < 100; ++i) name += "é";
  const Verdict verdict = Judge("LK123456785CN", name);
  EXPECT_EQ(verdict.failed_rule, "stated-carrier");
  EXPECT_LE(verdict.found.size(), 43u);
  EXPECT_EQ(verdict.found.substr(verdict.found.size() - 3), "…");
}

// Every weight of S10 is prime to 11, so each single wrong digit changes the sum modulo 11. Two
// sums share a check digit, though: 0 and 6 both end as 5. Exactly those changes go unseen.
TEST(EpacketRulesTest, SingleWrongDigitsAreCaughtExceptWhereTwoRestsShareADigit) {
  constexpr int kWeights[] = {8, 6, 4, 2, 3, 5, 9, 7};
  std::mt19937 random(7);
  int unseen = 0;
  for (int i = 0; i < 20000; ++i) {
    const std::string serial = std::to_string(10000000 + random() % 90000000);
    int sum = 0;
    for (std::size_t k = 0; k < 8; ++k) sum += kWeights[k] * (serial[k] - '0');
    const std::string good = "LK" + serial + std::to_string(S10CheckDigit(serial)) + "CN";
    ASSERT_EQ(Judge(good).validity, Validity::kValid) << good;
    for (std::size_t at = 2; at < 11; ++at) {
      for (char digit = '0'; digit <= '9'; ++digit) {
        if (digit == good[at]) continue;
        std::string bad = good;
        bad[at] = digit;
        bool may_pass = false;
        if (at < 10) {
          const int rest = (sum + kWeights[at - 2] * (digit - good[at]) + 11 * 9) % 11;
          may_pass = (rest == 0 && sum % 11 == 6) || (rest == 6 && sum % 11 == 0);
        }
        const Verdict verdict = Judge(bad);
        ASSERT_EQ(verdict.validity == Validity::kValid, may_pass) << good << " " << bad;
        if (may_pass) ++unseen;
      }
    }
  }
  EXPECT_GT(unseen, 0);
}

TEST(EpacketRulesTest, RandomBytesGetAVerdict) {
  std::mt19937 random(11);
  const std::string alphabet = "0123456789LKCNEUBR -\xEF\xBC\x91";
  for (int i = 0; i < 200000; ++i) {
    std::string number(random() % 20, '\0');
    for (char& c : number) {
      c = i % 2 == 0 ? static_cast<char>(random()) : alphabet[random() % alphabet.size()];
    }
    std::string carrier(random() % 8, '\0');
    for (char& c : carrier) c = static_cast<char>(random());
    const Verdict verdict = Judge(number, carrier, static_cast<int>(random() % 3));
    ASSERT_EQ(verdict.validity == Validity::kInvalid, !verdict.failed_rule.empty());
  }
}

}  // namespace
}  // namespace aftersales::carriers
