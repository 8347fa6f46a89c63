#include "plugins/carriers/rules/check_digits.h"

#include <array>
#include <string>

#include "gtest/gtest.h"

namespace aftersales::carriers {
namespace {

TEST(CheckDigitsTest, S10OfPublicNumbers) {
  EXPECT_EQ(S10CheckDigit("47312482"), 9);  // The example of the UPU text.
  EXPECT_EQ(S10CheckDigit("12345678"), 5);
  EXPECT_EQ(S10CheckDigit("00000000"), 5);  // 11 becomes 5.
}

TEST(CheckDigitsTest, S10TenBecomesZero) {
  int zeros = 0;
  for (int n = 0; n < 100000; ++n) {
    std::string serial = std::to_string(10000000 + n * 97);
    constexpr std::array kWeights = {8, 6, 4, 2, 3, 5, 9, 7};
    int sum = 0;
    for (std::size_t i = 0; i < 8; ++i) sum += kWeights[i] * (serial[i] - '0');
    if (sum % 11 == 1) {
      EXPECT_EQ(S10CheckDigit(serial), 0);
      ++zeros;
    }
  }
  EXPECT_GT(zeros, 1000);
}

TEST(CheckDigitsTest, Mod7OfPublicWaybills) {
  for (const std::string number : {"3318810025", "8487135506", "1099255990", "3821724944",
                                   "3318810036", "3318810014", "73891051146"}) {
    EXPECT_EQ(Mod7CheckDigit(number.substr(0, number.size() - 1)), number.back() - '0') << number;
  }
}

TEST(CheckDigitsTest, Mod10WithWeights3And1OfPublicNumbers) {
  for (const std::string number : {"9400111202555842332669", "00340434292135100186"}) {
    EXPECT_EQ(Mod10CheckDigit(number.substr(0, number.size() - 1), 3, 1), number.back() - '0')
        << number;
  }
}

TEST(CheckDigitsTest, Mod10WithWeights4And9OfPublicNumbers) {
  // The Identcode and the Leitcode that Deutsche Post prints as examples.
  for (const std::string number : {"563102430313", "21348075016401"}) {
    EXPECT_EQ(Mod10CheckDigit(number.substr(0, number.size() - 1), 4, 9), number.back() - '0')
        << number;
  }
}

}  // namespace
}  // namespace aftersales::carriers
