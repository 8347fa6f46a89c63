#include "core/domain/stock.h"

#include <vector>

#include "gtest/gtest.h"

namespace aftersales {
namespace {

v1::StockLevel Level(const char* location, int on_hand, int reserved = 0) {
  v1::StockLevel level;
  level.set_sku("SKU-2");
  level.set_location(location);
  level.set_quantity_on_hand(on_hand);
  level.set_quantity_reserved(reserved);
  SetAvailable(&level);
  return level;
}

TEST(Stock, IsTakenWhereMostIsAvailableOrWhereItIsSaid) {
  const std::vector<v1::StockLevel> levels = {Level("dallas", 5, 3), Level("reno", 3),
                                              Level("york", 9, 9)};
  ASSERT_NE(ChooseStock(levels, 1, ""), nullptr);
  EXPECT_EQ(ChooseStock(levels, 1, "")->location(), "reno");
  EXPECT_EQ(ChooseStock(levels, 2, "dallas")->location(), "dallas");
  EXPECT_EQ(ChooseStock(levels, 3, "dallas"), nullptr);
  EXPECT_EQ(ChooseStock(levels, 4, ""), nullptr) << "one parcel comes from one place";
  EXPECT_EQ(ChooseStock(levels, 1, "york"), nullptr);
  EXPECT_EQ(ChooseStock(levels, 1, "nowhere"), nullptr);
  EXPECT_EQ(MostAvailable(levels, ""), 3);
  EXPECT_EQ(MostAvailable(levels, "dallas"), 2);
  EXPECT_EQ(MostAvailable(levels, "york"), 0);
}

TEST(Stock, ReservingReleasingAndShippingKeepTheCounts) {
  v1::StockLevel level = Level("reno", 2);
  ReserveStock(2, &level);
  EXPECT_EQ(level.quantity_available(), 0);
  ReleaseStock(1, &level);
  EXPECT_EQ(level.quantity_available(), 1);
  ShipStock(1, &level);
  EXPECT_EQ(level.quantity_on_hand(), 1);
  EXPECT_EQ(level.quantity_reserved(), 0);
  EXPECT_EQ(level.quantity_available(), 1);
  // Counted anew, there may be less than is kept.
  ReserveStock(1, &level);
  level.set_quantity_on_hand(0);
  SetAvailable(&level);
  EXPECT_EQ(level.quantity_available(), -1);
  ShipStock(1, &level);
  EXPECT_EQ(level.quantity_on_hand(), 0);
  EXPECT_EQ(level.quantity_available(), 0);
}

}  // namespace
}  // namespace aftersales
