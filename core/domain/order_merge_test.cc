#include "core/domain/order_merge.h"

#include <limits>

#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/domain/test_facts.h"
#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::At;
using testing_util::UsChannel;
using testing_util::UsOrder;

v1::Order Row(std::string_view sku, int64_t item, int64_t shipping, std::string_view updated) {
  v1::Order row;
  row.set_external_id("113-1");
  row.set_fulfillment(v1::FULFILLMENT_MFN);
  row.set_status(v1::Order::STATUS_SHIPPED);
  row.set_currency_code("USD");
  *row.mutable_placed_at() = calendar::ToProto(At("2026-02-20T10:00:00Z"));
  *row.mutable_last_updated_at() = calendar::ToProto(At(updated));
  v1::OrderLine* line = row.add_lines();
  line->set_sku(std::string(sku));
  line->set_quantity(1);
  line->set_quantity_shipped(1);
  *line->mutable_item_total() = money::Make(item, "USD");
  *line->mutable_tax_total() = money::Make(100, "USD");
  *line->mutable_shipping_total() = money::Make(shipping, "USD");
  return row;
}

TEST(Normalize, FillsInWhatFollows) {
  v1::Order order = UsOrder();
  order.clear_currency_code();
  order.set_tax_mode(v1::TAX_MODE_UNSPECIFIED);
  order.mutable_lines(0)->clear_line_id();
  ASSERT_TRUE(NormalizeOrder(UsChannel(), "order", &order).ok());
  EXPECT_EQ(order.currency_code(), "USD");
  EXPECT_EQ(order.tax_mode(), v1::TAX_MODE_EXCLUSIVE);
  EXPECT_EQ(order.lines(0).line_id(), "SKU-1");
  EXPECT_EQ(order.captured_total().minor_units(), 2999 + 247 + 599 + 49);
  EXPECT_EQ(order.channel(), "sellers/acme/channels/us");
}

TEST(Normalize, OfTaxInsideAddsNoTax) {
  v1::Order order = UsOrder();
  order.set_tax_mode(v1::TAX_MODE_INCLUSIVE);
  ASSERT_TRUE(NormalizeOrder(UsChannel(), "order", &order).ok());
  EXPECT_EQ(order.captured_total().minor_units(), 2999 + 599);
}

TEST(Normalize, NamesTheFieldThatIsWrong) {
  const auto reason = [](auto change) {
    v1::Order order = UsOrder();
    change(&order);
    const absl::Status status = NormalizeOrder(UsChannel(), "order", &order);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return ReasonOf(status);
  };
  EXPECT_EQ(reason([](v1::Order* o) { o->clear_external_id(); }), "MISSING_FIELD");
  EXPECT_EQ(reason([](v1::Order* o) { o->clear_placed_at(); }), "MISSING_FIELD");
  EXPECT_EQ(reason([](v1::Order* o) { o->clear_lines(); }), "MISSING_FIELD");
  EXPECT_EQ(reason([](v1::Order* o) { o->mutable_lines(0)->clear_sku(); }), "MISSING_FIELD");
  EXPECT_EQ(reason([](v1::Order* o) { o->mutable_lines(0)->set_quantity(0); }), "BAD_QUANTITY");
  EXPECT_EQ(reason([](v1::Order* o) { o->mutable_lines(0)->set_quantity_shipped(2); }),
            "BAD_QUANTITY");
  EXPECT_EQ(reason([](v1::Order* o) { *o->add_lines() = o->lines(0); }), "DUPLICATE_LINE");
  EXPECT_EQ(reason([](v1::Order* o) {
              *o->mutable_lines(0)->mutable_tax_total() = money::Make(1, "EUR");
            }),
            "MIXED_CURRENCIES");
  EXPECT_EQ(reason([](v1::Order* o) { *o->mutable_shipping_total() = money::Make(-1, "USD"); }),
            "NEGATIVE_AMOUNT");
  EXPECT_EQ(reason([](v1::Order* o) {
              *o->mutable_lines(0)->mutable_item_total() =
                  money::Make(std::numeric_limits<int64_t>::max(), "USD");
            }),
            "AMOUNT_OVERFLOW");
  EXPECT_EQ(reason([](v1::Order* o) {
              for (int i = 0; i < 1001; ++i) o->add_lines()->set_sku("S" + std::to_string(i));
            }),
            "TOO_MANY_LINES");
  EXPECT_EQ(reason([](v1::Order* o) { o->set_currency_code("dollars"); }), "BAD_CURRENCY");
  for (const char* id : {" ", "113-1\n", " 113-1", "113\n1", "113\x7F"}) {
    EXPECT_EQ(reason([id](v1::Order* o) { o->set_external_id(id); }), "BAD_ID") << id;
  }
  EXPECT_EQ(reason([](v1::Order* o) { o->set_external_id(std::string(129, '1')); }), "BAD_ID");
  v1::Order spelled = UsOrder();
  spelled.set_external_id("订单 113/1 #2");
  EXPECT_TRUE(NormalizeOrder(UsChannel(), "order", &spelled).ok());
}

TEST(Merge, PutsRowsOfOneOrderTogether) {
  v1::Order stored;
  const v1::Channel channel = UsChannel();
  EXPECT_TRUE(
      *MergeReportedOrder(channel, Row("A", 1000, 300, "2026-03-01T00:00:00Z"), 0, &stored));
  EXPECT_TRUE(
      *MergeReportedOrder(channel, Row("B", 2000, 500, "2026-03-01T00:00:00Z"), 0, &stored));
  ASSERT_EQ(stored.lines_size(), 2);
  EXPECT_EQ(stored.shipping_total().minor_units(), 800);
  EXPECT_EQ(stored.captured_total().minor_units(), 1000 + 2000 + 200 + 800);
  // The same row again changes nothing.
  EXPECT_FALSE(
      *MergeReportedOrder(channel, Row("A", 1000, 300, "2026-03-01T00:00:00Z"), 0, &stored));
  // An older one neither.
  EXPECT_FALSE(
      *MergeReportedOrder(channel, Row("A", 9999, 300, "2026-02-01T00:00:00Z"), 0, &stored));
  // A newer one corrects its line.
  EXPECT_TRUE(*MergeReportedOrder(channel, Row("A", 1000, 0, "2026-03-02T00:00:00Z"), 0, &stored));
  EXPECT_EQ(stored.shipping_total().minor_units(), 500);
  EXPECT_EQ(stored.captured_total().minor_units(), 1000 + 2000 + 200 + 500);
}

TEST(Merge, MatchesLinesByItemIdFirstAndKeepsTheirIds) {
  const v1::Channel channel = UsChannel();
  v1::Order stored;
  ASSERT_TRUE(
      MergeReportedOrder(channel, Row("A", 1000, 0, "2026-03-01T00:00:00Z"), 0, &stored).ok());
  v1::Order row = Row("A", 1000, 0, "2026-03-01T00:00:00Z");
  row.mutable_lines(0)->set_external_item_id("item-1");
  row.mutable_lines(0)->clear_item_total();
  EXPECT_TRUE(*MergeReportedOrder(channel, row, 0, &stored));
  ASSERT_EQ(stored.lines_size(), 1);
  EXPECT_EQ(stored.lines(0).line_id(), "A");
  EXPECT_EQ(stored.lines(0).external_item_id(), "item-1");
  EXPECT_EQ(stored.lines(0).item_total().minor_units(), 1000);
  row.mutable_lines(0)->set_external_item_id("item-2");
  EXPECT_TRUE(*MergeReportedOrder(channel, row, 0, &stored));
  EXPECT_EQ(stored.lines_size(), 2);
}

TEST(Merge, TellsLinesOfOneSkuApartByTheirPlace) {
  const v1::Channel channel = UsChannel();
  v1::Order stored;
  const v1::Order first = Row("A", 1000, 0, "2026-03-01T00:00:00Z");
  const v1::Order second = Row("A", 700, 0, "2026-03-01T00:00:00Z");
  EXPECT_TRUE(*MergeReportedOrder(channel, first, 0, &stored));
  EXPECT_TRUE(*MergeReportedOrder(channel, second, 1, &stored));
  ASSERT_EQ(stored.lines_size(), 2);
  EXPECT_EQ(stored.lines(0).line_id(), "A");
  EXPECT_EQ(stored.lines(1).line_id(), "A#2");
  EXPECT_EQ(stored.captured_total().minor_units(), 1700 + 200);
  // The same file again changes nothing.
  EXPECT_FALSE(*MergeReportedOrder(channel, first, 0, &stored));
  EXPECT_FALSE(*MergeReportedOrder(channel, second, 1, &stored));
  // A row that is older brings only a line that is not known yet.
  EXPECT_FALSE(*MergeReportedOrder(channel, Row("A", 1, 0, "2026-02-01T00:00:00Z"), 1, &stored));
  EXPECT_TRUE(*MergeReportedOrder(channel, Row("A", 300, 0, "2026-02-01T00:00:00Z"), 2, &stored));
  EXPECT_EQ(stored.captured_total().minor_units(), 2000 + 300);
}

TEST(Merge, ALineThatWasCancelledUnshippedIsNotPaid) {
  const v1::Channel channel = UsChannel();
  v1::Order stored;
  v1::Order a = Row("A", 1000, 300, "2026-03-01T00:00:00Z");
  v1::Order b = Row("B", 2000, 500, "2026-03-01T00:00:00Z");
  b.mutable_lines(0)->set_quantity_shipped(0);
  EXPECT_TRUE(*MergeReportedOrder(channel, a, 0, &stored));
  EXPECT_TRUE(*MergeReportedOrder(channel, b, 0, &stored));
  *b.mutable_last_updated_at() = calendar::ToProto(At("2026-03-02T00:00:00Z"));
  b.mutable_lines(0)->set_external_status("Cancelled");
  b.mutable_lines(0)->set_quantity(0);
  EXPECT_TRUE(*MergeReportedOrder(channel, b, 0, &stored));
  ASSERT_EQ(stored.lines_size(), 2);
  EXPECT_EQ(stored.lines(1).quantity(), 0);
  EXPECT_EQ(stored.captured_total().minor_units(), 1000 + 100 + 300);
  EXPECT_EQ(stored.status(), v1::Order::STATUS_SHIPPED);
  // What was shipped stays shipped, and paid, whatever a later row says.
  *a.mutable_last_updated_at() = calendar::ToProto(At("2026-03-03T00:00:00Z"));
  a.mutable_lines(0)->set_external_status("Cancelled");
  a.mutable_lines(0)->set_quantity(0);
  a.mutable_lines(0)->set_quantity_shipped(0);
  ASSERT_TRUE(MergeReportedOrder(channel, a, 0, &stored).ok());
  EXPECT_EQ(stored.lines(0).quantity(), 1);
  EXPECT_EQ(stored.lines(0).quantity_shipped(), 1);
  EXPECT_EQ(stored.captured_total().minor_units(), 1000 + 100 + 300);
}

TEST(Normalize, AnOrderIsInTheCurrencyOfItsChannel) {
  v1::Channel channel = UsChannel();
  channel.set_currency_code("EUR");
  v1::Order order = UsOrder();
  EXPECT_EQ(ReasonOf(NormalizeOrder(channel, "order", &order)), "CURRENCY_MISMATCH");
}

TEST(Merge, LeavesTheStoredOrderAloneWhenARowIsWrong) {
  const v1::Channel channel = UsChannel();
  v1::Order stored;
  ASSERT_TRUE(
      MergeReportedOrder(channel, Row("A", 1000, 0, "2026-03-01T00:00:00Z"), 0, &stored).ok());
  const std::string before = stored.SerializeAsString();
  v1::Order row = Row("A", 1000, 0, "2026-03-02T00:00:00Z");
  *row.mutable_lines(0)->mutable_tax_total() = money::Make(1, "EUR");
  EXPECT_EQ(ReasonOf(MergeReportedOrder(channel, row, 0, &stored).status()), "MIXED_CURRENCIES");
  EXPECT_EQ(stored.SerializeAsString(), before);
}

TEST(Merge, AReportWithoutATimeTakesNothingBack) {
  const v1::Channel channel = UsChannel();
  v1::Order stored;
  ASSERT_TRUE(
      MergeReportedOrder(channel, Row("A", 1000, 0, "2026-03-01T00:00:00Z"), 0, &stored).ok());
  v1::Order row = Row("A", 1000, 0, "2026-03-01T00:00:00Z");
  row.clear_last_updated_at();
  row.set_status(v1::Order::STATUS_UNSHIPPED);
  row.mutable_lines(0)->set_quantity_shipped(0);
  *row.mutable_expected_ship_by() = calendar::ToProto(At("2026-02-22T00:00:00Z"));
  EXPECT_TRUE(*MergeReportedOrder(channel, row, 0, &stored));
  EXPECT_EQ(stored.status(), v1::Order::STATUS_SHIPPED);
  EXPECT_EQ(stored.lines(0).quantity_shipped(), 1);
  EXPECT_TRUE(stored.has_expected_ship_by());
}

TEST(Merge, AParcelShipsItsUnits) {
  const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
  v1::Order order = UsOrder(3);
  order.set_status(v1::Order::STATUS_UNSHIPPED);
  order.mutable_lines(0)->set_quantity_shipped(0);
  v1::Shipment parcel;
  parcel.set_quantity(2);
  *parcel.mutable_shipped_at() = calendar::ToProto(At("2026-02-21T20:00:00Z"));
  EXPECT_TRUE(MergeShipments({&parcel, 1}, zone, &order));
  EXPECT_EQ(order.status(), v1::Order::STATUS_PARTIALLY_SHIPPED);
  EXPECT_EQ(order.lines(0).quantity_shipped(), 2);
  EXPECT_FALSE(MergeShipments({&parcel, 1}, zone, &order));
  parcel.set_quantity(0);
  parcel.set_shipped_at_day_only(true);
  EXPECT_TRUE(MergeShipments({&parcel, 1}, zone, &order));
  EXPECT_EQ(order.status(), v1::Order::STATUS_SHIPPED);
  EXPECT_EQ(calendar::FromProto(order.ship_confirmed_at()), At("2026-02-21T08:00:00Z"));
}

TEST(Merge, SeveralParcelsShipTheirSum) {
  v1::Order order = UsOrder(3);
  order.mutable_lines(0)->set_quantity_shipped(0);
  v1::Shipment parcels[2];
  parcels[0].set_quantity(2);
  parcels[1].set_quantity(1);
  EXPECT_TRUE(MergeShipments(parcels, absl::UTCTimeZone(), &order));
  EXPECT_EQ(order.lines(0).quantity_shipped(), 3);
  EXPECT_EQ(order.status(), v1::Order::STATUS_SHIPPED);
  EXPECT_FALSE(MergeShipments(parcels, absl::UTCTimeZone(), &order));
}

}  // namespace
}  // namespace aftersales
