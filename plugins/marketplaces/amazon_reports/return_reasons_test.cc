#include "plugins/marketplaces/amazon_reports/return_reasons.h"

#include <gtest/gtest.h>

#include <string>

namespace aftersales::amazon_reports {
namespace {

TEST(MapReturnReason, KnowsTheFamilies) {
  struct Case {
    const char* raw;
    v1::ReturnReason reason;
  };
  for (const Case& c : {
           Case{"", v1::RETURN_REASON_UNSPECIFIED},
           Case{"CR-DEFECTIVE", v1::RETURN_REASON_DEFECTIVE},
           Case{"AMZ-PG-BAD-ITEM", v1::RETURN_REASON_DEFECTIVE},
           Case{"CR-QUALITY_UNACCEPTABLE", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
           Case{"NOT_AS_DESCRIBED", v1::RETURN_REASON_NOT_AS_DESCRIBED},
           Case{"AMZ-PG-BAD-DESC", v1::RETURN_REASON_NOT_AS_DESCRIBED},
           Case{"DIFFERENT_PRODUCT", v1::RETURN_REASON_NOT_AS_DESCRIBED},
           Case{"NOT_AS_PHOTO", v1::RETURN_REASON_NOT_AS_DESCRIBED},
           Case{"PRODUCT_NOT_ITALIAN", v1::RETURN_REASON_NOT_AS_DESCRIBED},
           Case{"CR-SWITCHEROO", v1::RETURN_REASON_WRONG_ITEM_SENT},
           Case{"Wrong item was sent", v1::RETURN_REASON_WRONG_ITEM_SENT},
           Case{"CR-EXTRA_ITEM", v1::RETURN_REASON_WRONG_ITEM_SENT},
           Case{"CR-MISSING_PARTS", v1::RETURN_REASON_MISSING_PARTS},
           Case{"DAMAGED_BY_FC", v1::RETURN_REASON_ARRIVED_DAMAGED},
           Case{"CR-DAMAGED_BY_CARRIER", v1::RETURN_REASON_ARRIVED_DAMAGED},
           Case{"Damaged during shipping", v1::RETURN_REASON_ARRIVED_DAMAGED},
           Case{"MISSED_ESTIMATED_DELIVERY", v1::RETURN_REASON_ARRIVED_LATE},
           Case{"NEVER_ARRIVED", v1::RETURN_REASON_NOT_RECEIVED},
           Case{"UNDELIVERABLE_REFUSED", v1::RETURN_REASON_REFUSED},
           Case{"UND_UNKNOWN", v1::RETURN_REASON_REFUSED},
           Case{"CR-UNWANTED_ITEM", v1::RETURN_REASON_NO_LONGER_NEEDED},
           Case{"No longer needed", v1::RETURN_REASON_NO_LONGER_NEEDED},
           Case{"CR-ORDERED_WRONG_ITEM", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
           Case{"MISORDERED", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
           Case{"ACCIDENTAL_ORDER", v1::RETURN_REASON_ORDERED_BY_MISTAKE},
           Case{"CR-FOUND_BETTER_PRICE", v1::RETURN_REASON_BETTER_PRICE},
           Case{"PART_NOT_COMPATIBLE", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
           Case{"EXCESSIVE_INSTALLATION", v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD},
           Case{"UNAUTHORIZED_PURCHASE", v1::RETURN_REASON_OTHER},
           Case{"AMZ-PG-WJ-TOO-SMALL", v1::RETURN_REASON_SIZE_TOO_SMALL},
           Case{"AMZ-PG-APP-TOO-LARGE", v1::RETURN_REASON_SIZE_TOO_LARGE},
           Case{"APPAREL_TOO_SMALL", v1::RETURN_REASON_SIZE_TOO_SMALL},
           Case{"APPAREL_STYLE", v1::RETURN_REASON_STYLE_OR_COLOR},
           Case{"DID_NOT_LIKE_FABRIC", v1::RETURN_REASON_STYLE_OR_COLOR},
           Case{"CR-NO_REASON_GIVEN", v1::RETURN_REASON_OTHER},
           Case{"SOMETHING_NEW_IN_2027", v1::RETURN_REASON_OTHER},
           Case{"\xE5\x95\x86", v1::RETURN_REASON_OTHER},
       }) {
    EXPECT_EQ(MapReturnReason(c.raw), c.reason) << c.raw;
  }
}

TEST(MapReturnReason, TakesACellOfAnyLength) {
  EXPECT_EQ(MapReturnReason(std::string(100'000, 'x')), v1::RETURN_REASON_OTHER);
}

TEST(ReturnReasonCache, AnswersAsTheMapDoes) {
  ReturnReasonCache cache;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 500; ++i) {
      const std::string raw = (i % 3 == 0 ? "CR-DEFECTIVE" : "TOO_SMALL_") + std::to_string(i);
      EXPECT_EQ(cache.Map(raw), MapReturnReason(raw)) << raw;
    }
    EXPECT_EQ(cache.Map(""), v1::RETURN_REASON_UNSPECIFIED);
    EXPECT_EQ(cache.Map("x"), v1::RETURN_REASON_OTHER);
  }
}

}  // namespace
}  // namespace aftersales::amazon_reports
