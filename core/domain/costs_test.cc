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

TEST(Costs, PriceGivenBackIsWithoutTaxAndWithoutWhatWasTakenOff) {
  using B = v1::BreakdownLine;
  v1::Order order = testing_util::UsOrder();
  *order.add_lines() = order.lines(0);
  order.mutable_lines(1)->set_line_id("L2");
  v1::Refund refund;
  const auto add = [&](B::Kind kind, std::string_view line, int64_t amount, bool inside = false) {
    B* part = refund.add_breakdown();
    part->set_kind(kind);
    part->set_line_id(std::string(line));
    part->set_informational(inside);
    *part->mutable_amount() = money::Make(amount, "USD");
    if (!inside) {
      *refund.mutable_total() = money::Make(refund.total().minor_units() + amount, "USD");
    }
  };
  add(B::KIND_ITEM, "L1", 2999);
  add(B::KIND_ITEM_TAX, "L1", 247);
  add(B::KIND_SHIPPING, "L1", 599);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(3598, 0));
  add(B::KIND_RESTOCKING_FEE, "L1", -1500);
  add(B::KIND_TAX_WITHHELD, "L1", -123);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(2098, 0));
  // What comes off the whole falls on the lines by what they give back.
  add(B::KIND_ITEM, "L2", 2098);
  add(B::KIND_LABEL_FEE, "", -549);
  add(B::KIND_DEDUCTION, "", -51);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(1798, 1798));
  // Goodwill makes up for it, and is no price.
  add(B::KIND_GOODWILL, "", 10000);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(2098, 2098));
  // Paid otherwise: a tenth of it, and no more than the price.
  *refund.mutable_paid_amount() = money::Make(refund.total().minor_units() / 10, "USD");
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(210, 210));
  *refund.mutable_paid_amount() = money::Make(999900, "USD");
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(2098, 2098));
  // Where the price contains the tax, it is taken out in proportion.
  refund.Clear();
  add(B::KIND_ITEM, "L1", 11900);
  add(B::KIND_ITEM_TAX, "L1", 1900, /*inside=*/true);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(10000, 0));
  add(B::KIND_RESTOCKING_FEE, "L1", -5950);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(5000, 0));
  add(B::KIND_RESTOCKING_FEE, "L1", -9000);
  EXPECT_THAT(PricesGivenBack(order, refund), testing::ElementsAre(0, 0));
}

}  // namespace
}  // namespace aftersales
