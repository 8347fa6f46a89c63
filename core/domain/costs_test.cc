#include "core/domain/costs.h"

#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

TEST(Costs, AdminFeeIsAFifthOfTheReferralFeeUpToACap) {
  const v1::Policy& policy = *FindPolicy("amazon-2026");
  // Amazon's own example: 15 % of 345.00 is 51.75, a fifth of it 10.35, the cap 5.00.
  EXPECT_EQ(ReferralFee(34500, 1500), 5175);
  EXPECT_EQ(RefundAdminFee(policy, "USD", 34500, 1500), 500);
  EXPECT_EQ(RefundAdminFee(policy, "USD", 5000, 1500), 150);
  EXPECT_EQ(RefundAdminFee(policy, "SEK", 34500, 1500), 1035);
}

TEST(Costs, LabelHandlingStaysWithinItsLimits) {
  const v1::Policy& policy = *FindPolicy("seed");
  EXPECT_EQ(LabelHandlingFee(policy, "USD", 50), 99);
  EXPECT_EQ(LabelHandlingFee(policy, "USD", 325), 325);
  EXPECT_EQ(LabelHandlingFee(policy, "USD", 800), 599);
  EXPECT_EQ(LabelHandlingFee(policy, "JPY", 800), std::nullopt);
}

TEST(Costs, ShippingFallsToTheLinesByValueUnlessTheyCarryIt) {
  v1::Order order = testing_util::UsOrder();
  *order.add_lines() = order.lines(0);
  *order.mutable_lines(1)->mutable_item_total() = money::Make(1, "USD");
  EXPECT_THAT(ShippingByLine(order), testing::ElementsAre(599, 0));
  EXPECT_THAT(ShippingTaxByLine(order), testing::ElementsAre(49, 0));
  *order.mutable_lines(1)->mutable_shipping_total() = money::Make(250, "USD");
  EXPECT_THAT(ShippingByLine(order), testing::ElementsAre(0, 250));
}

}  // namespace
}  // namespace aftersales
