// What check digits are for: they hold of a number that was read rightly, and of one with a wrong
// digit they do not.
#include <array>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/epacket/epacket_rules.h"
#include "plugins/carriers/rules/check_digits.h"
#include "tests/support/for_all.h"

namespace aftersales::carriers {
namespace {

using testing_util::ForAll;
using testing_util::Random;

constexpr int kCases = 200'000;

std::string Digits(Random& random, int count) {
  std::string digits(static_cast<size_t>(count), '0');
  for (char& digit : digits) digit = static_cast<char>('0' + random.Int(0, 9));
  return digits;
}

char Other(Random& random, char digit) {
  return static_cast<char>('0' + (digit - '0' + random.Int(1, 9)) % 10);
}

// The rule as the UPU writes it, computed in another way: the weighted sum with the check number,
// before 10 and 11 are replaced, is divisible by 11.
int S10ByDefinition(const std::string& serial) {
  constexpr std::array kWeights = {8, 6, 4, 2, 3, 5, 9, 7};
  for (int check = 1; check <= 11; ++check) {
    int sum = check;
    for (size_t i = 0; i < 8; ++i) sum += kWeights[i] * (serial[i] - '0');
    if (sum % 11 == 0) return check == 10 ? 0 : check == 11 ? 5 : check;
  }
  return -1;
}

TEST(CheckDigitProperty, S10IsTheDefinitionAndOneDigitHolds) {
  ForAll(kCases, [](Random& random) {
    const std::string serial = Digits(random, 8);
    const int check = S10CheckDigit(serial);
    ASSERT_EQ(check, S10ByDefinition(serial)) << serial;
    const std::string good = "LK" + serial + std::to_string(check) + "CN";
    std::string bad = good;
    bad[10] = Other(random, bad[10]);
    ASSERT_EQ(JudgeEpacket({good, "", {}, 1}).validity, Validity::kValid) << good;
    ASSERT_EQ(JudgeEpacket({good, "", {}, 0}).validity, Validity::kUnscanned) << good;
    const Verdict verdict = JudgeEpacket({bad, "", {}, 1});
    ASSERT_EQ(verdict.validity, Validity::kInvalid) << bad;
    ASSERT_EQ(verdict.failed_rule, kRuleS10CheckDigit) << bad;
    ASSERT_EQ(verdict.expected, std::to_string(check)) << bad;
  });
}

TEST(CheckDigitProperty, S10FindsAWrongDigitUnlessTheStandardCannot) {
  ForAll(kCases, [](Random& random) {
    const std::string serial = Digits(random, 8);
    std::string misread = serial;
    const size_t at = static_cast<size_t>(random.Int(0, 7));
    misread[at] = Other(random, misread[at]);
    const int check = S10CheckDigit(serial);
    // 5 stands for two remainders, 0 and 6; every other digit for one.
    if (check == 5) return;
    ASSERT_NE(S10CheckDigit(misread), check) << serial << " read as " << misread;
  });
}

TEST(CheckDigitProperty, Mod7IsTheRemainder) {
  ForAll(kCases, [](Random& random) {
    const std::string serial = Digits(random, random.Int(9, 10));
    const int check = Mod7CheckDigit(serial);
    ASSERT_EQ(static_cast<uint64_t>(check), std::stoull(serial) % 7) << serial;
    // A wrong digit is found, unless it is 7 away from the right one.
    std::string misread = serial;
    const size_t at = static_cast<size_t>(random()) % misread.size();
    misread[at] = Other(random, misread[at]);
    const bool seven_apart = std::abs(misread[at] - serial[at]) == 7;
    ASSERT_EQ(Mod7CheckDigit(misread) == check, seven_apart) << serial << " read as " << misread;
  });
}

TEST(CheckDigitProperty, Mod10FindsEveryWrongDigit) {
  ForAll(kCases, [](Random& random) {
    const std::string serial = Digits(random, random.Int(10, 21));
    std::string misread = serial;
    const size_t at = static_cast<size_t>(random()) % misread.size();
    misread[at] = Other(random, misread[at]);
    ASSERT_NE(Mod10CheckDigit(misread, 3, 1), Mod10CheckDigit(serial, 3, 1))
        << serial << " read as " << misread;
    // The weight 4 is even, so digits that are 5 apart weigh the same there.
    const bool even_weight = (serial.size() - 1 - at) % 2 == 0;
    const bool five_apart = std::abs(misread[at] - serial[at]) == 5;
    ASSERT_EQ(Mod10CheckDigit(misread, 4, 9) == Mod10CheckDigit(serial, 4, 9),
              even_weight && five_apart)
        << serial << " read as " << misread;
  });
}

TEST(CheckDigitProperty, AnyBytesAreJudgedAndNeverValidByChance) {
  ForAll(kCases, [](Random& random) {
    std::string text(static_cast<size_t>(random.Int(0, 40)), '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    const Verdict dhl = JudgeDhl({text, "", {}, 1});
    const Verdict post = JudgeEpacket({text, "", {}, 1});
    // Of bytes that are no letters and digits nothing is a number.
    for (const char byte : text) {
      if (byte > 0x20 && byte < 0x7f) return;
    }
    ASSERT_NE(dhl.validity, Validity::kValid) << ::testing::PrintToString(text);
    ASSERT_NE(post.validity, Validity::kValid) << ::testing::PrintToString(text);
  });
}

}  // namespace
}  // namespace aftersales::carriers
