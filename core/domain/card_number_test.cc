#include "core/domain/card_number.h"

#include <gtest/gtest.h>

namespace aftersales {
namespace {

TEST(HoldsCardNumber, FindsCardsInAnySpelling) {
  // Numbers that the schemes publish for tests.
  EXPECT_TRUE(HoldsCardNumber("4111111111111111"));
  EXPECT_TRUE(HoldsCardNumber("paid to 4111 1111 1111 1111, ok"));
  EXPECT_TRUE(HoldsCardNumber("5555-5555-5555-4444"));
  EXPECT_TRUE(HoldsCardNumber("card:378282246310005"));
  EXPECT_TRUE(HoldsCardNumber("2223003122003222"));
}

TEST(HoldsCardNumber, LetsReferencesPass) {
  EXPECT_FALSE(HoldsCardNumber(""));
  EXPECT_FALSE(HoldsCardNumber("4111111111111112"));     // wrong check digit
  EXPECT_FALSE(HoldsCardNumber("404-0000000-0000002"));  // an Amazon order id, Luhn by chance
  EXPECT_FALSE(HoldsCardNumber("Seller Central, refund 2026-03-05"));
  EXPECT_FALSE(HoldsCardNumber("41111111111111110000000"));  // too long to be one
  EXPECT_FALSE(HoldsCardNumber("411111111111"));
}

}  // namespace
}  // namespace aftersales
