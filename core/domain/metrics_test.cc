#include "core/domain/metrics.h"

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/test_facts.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::metrics {
namespace {

using testing_util::At;

v1::Ratio Rate(int64_t numerator, int64_t denominator) {
  v1::Ratio ratio;
  ratio.set_numerator(numerator);
  ratio.set_denominator(denominator);
  return ratio;
}

v1::Threshold Limit(v1::Threshold::Operator op, int64_t numerator, int64_t denominator) {
  v1::Threshold threshold;
  threshold.set_operator_(op);
  *threshold.mutable_limit() = Rate(numerator, denominator);
  return threshold;
}

std::vector<Counter> Counters(const std::vector<Contribution>& contributions) {
  std::vector<Counter> counters;
  for (const Contribution& c : contributions) counters.push_back(c.counter);
  return counters;
}

TEST(Headroom, KeepsTheThresholdAndOneMoreMissesIt) {
  for (int64_t denominator = 1; denominator <= 250; ++denominator) {
    for (int64_t numerator = 0; numerator <= denominator; ++numerator) {
      for (auto op : {v1::Threshold::OPERATOR_LESS_THAN, v1::Threshold::OPERATOR_AT_MOST}) {
        const v1::Threshold t = Limit(op, 4, 100);
        const int64_t h = Headroom(Rate(numerator, denominator), t);
        ASSERT_TRUE(Passes(Rate(numerator + h, denominator), t));
        ASSERT_FALSE(Passes(Rate(numerator + h + 1, denominator), t));
      }
      for (auto op : {v1::Threshold::OPERATOR_AT_LEAST, v1::Threshold::OPERATOR_GREATER_THAN}) {
        const v1::Threshold t = Limit(op, 95, 100);
        const int64_t h = Headroom(Rate(numerator, denominator), t);
        ASSERT_TRUE(Passes(Rate(numerator - h, denominator), t));
        ASSERT_FALSE(Passes(Rate(numerator - h - 1, denominator), t));
      }
    }
  }
  EXPECT_EQ(Headroom(Rate(0, 0), Limit(v1::Threshold::OPERATOR_LESS_THAN, 1, 100)), 0);
}

TEST(Status, OfNothingIsNone) {
  const v1::Threshold t = Limit(v1::Threshold::OPERATOR_LESS_THAN, 1, 100);
  EXPECT_EQ(StatusOf(Rate(0, 0), t), v1::Metric::STATUS_NONE);
  EXPECT_EQ(Percent(Rate(0, 0)), "n/a");
  EXPECT_EQ(StatusOf(Rate(0, 1), t), v1::Metric::STATUS_GOOD);
  EXPECT_EQ(StatusOf(Rate(1, 100), t), v1::Metric::STATUS_BAD);
}

TEST(Text, IsForPeople) {
  EXPECT_EQ(Percent(Rate(1, 3)), "33.33%");
  EXPECT_EQ(Percent(Rate(1, 1)), "100.00%");
  EXPECT_EQ(Percent(Rate(5, 100000)), "0.01%");
  EXPECT_EQ(ThresholdText(Limit(v1::Threshold::OPERATOR_LESS_THAN, 1, 100)), "< 1.00%");
  EXPECT_EQ(ThresholdText(Limit(v1::Threshold::OPERATOR_AT_LEAST, 95, 100)), ">= 95.00%");
}

TEST(Orders, CountOnceHoweverManyDefectsTheyHave) {
  v1::Order order = testing_util::UsOrder();
  const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
  EXPECT_THAT(Counters(Of(order, zone)), testing::ElementsAre(Counter::kOrders));
  for (int i = 0; i < 3; ++i) {
    v1::Defect* defect = order.add_defects();
    defect->set_kind(v1::Defect::KIND_FEEDBACK);
    defect->set_rating(1);
  }
  const auto contributions = Of(order, zone);
  EXPECT_THAT(Counters(contributions),
              testing::ElementsAre(Counter::kOrders, Counter::kDefectiveOrders));
  EXPECT_EQ(contributions[1].amount, 1);
  EXPECT_EQ(contributions[0].day, calendar::DayNumber(absl::CivilDay(2026, 2, 20)));
  order.mutable_defects(0)->set_removed(true);
  EXPECT_TRUE(IsDefective(order));
  order.mutable_defects(1)->set_rating(3);
  order.mutable_defects(2)->set_rating(0);
  EXPECT_FALSE(IsDefective(order));
}

TEST(Orders, AreLateByInstantAndOnlyIfTheSellerShips) {
  const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
  v1::Order order = testing_util::UsOrder();
  *order.mutable_expected_ship_by() = calendar::ToProto(At("2026-02-23T07:59:59Z"));
  *order.mutable_ship_confirmed_at() = calendar::ToProto(At("2026-02-23T08:00:00Z"));
  EXPECT_THAT(
      Counters(Of(order, zone)),
      testing::ElementsAre(Counter::kOrders, Counter::kConfirmedOrders, Counter::kLateOrders));
  order.set_fulfillment(v1::FULFILLMENT_AFN);
  EXPECT_THAT(Counters(Of(order, zone)), testing::ElementsAre(Counter::kOrders));
}

TEST(Parcels, CountOnceConfirmed) {
  const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
  v1::Shipment shipment;
  EXPECT_TRUE(Of(shipment, v1::FULFILLMENT_MFN, zone).empty());
  *shipment.mutable_shipped_at() = calendar::ToProto(At("2026-03-02T09:00:00Z"));
  EXPECT_THAT(Counters(Of(shipment, v1::FULFILLMENT_MFN, zone)),
              testing::ElementsAre(Counter::kParcels));
  shipment.mutable_verdict()->set_validity(v1::TrackingVerdict::VALIDITY_UNSCANNED);
  EXPECT_EQ(Of(shipment, v1::FULFILLMENT_MFN, zone).size(), 1u);
  shipment.mutable_verdict()->set_validity(v1::TrackingVerdict::VALIDITY_VALID);
  EXPECT_THAT(Counters(Of(shipment, v1::FULFILLMENT_MFN, zone)),
              testing::ElementsAre(Counter::kParcels, Counter::kValidParcels));
  EXPECT_TRUE(Of(shipment, v1::FULFILLMENT_AFN, zone).empty());
}

TEST(Returns, CountByTheirResponseClock) {
  v1::Return state;
  state.set_fulfillment(v1::FULFILLMENT_MFN);
  state.mutable_validity()->set_in_policy(true);
  const absl::Time asked = At("2026-03-02T23:00:00Z");
  StartDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, asked, asked + absl::Hours(48));
  ASSERT_THAT(Counters(Of(state)), testing::ElementsAre(Counter::kUnanswered));
  EXPECT_EQ(Of(state)[0].day, calendar::DayNumber(absl::CivilDay(2026, 3, 4)));
  v1::Return late = state;
  MeetDeadline(&late, v1::Deadline::KIND_RETURN_RESPONSE, asked + absl::Hours(49));
  EXPECT_THAT(Counters(Of(late)), testing::ElementsAre(Counter::kAnsweredLate));
  v1::Return unknown = state;
  CancelDeadline(&unknown, v1::Deadline::KIND_RETURN_RESPONSE);
  EXPECT_TRUE(Of(unknown).empty());
  MeetDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, asked + absl::Hours(48));
  EXPECT_THAT(Counters(Of(state)), testing::ElementsAre(Counter::kAnsweredInTime));
  // The buyer waits for an answer outside the policy too.
  state.mutable_validity()->set_in_policy(false);
  EXPECT_THAT(Counters(Of(state)), testing::ElementsAre(Counter::kAnsweredInTime));
  // Opened again it counts by the new clock alone.
  StartDeadline(&state, v1::Deadline::KIND_RETURN_RESPONSE, asked + absl::Hours(96),
                asked + absl::Hours(144));
  EXPECT_THAT(Counters(Of(state)), testing::ElementsAre(Counter::kUnanswered));
  v1::Return fba = state;
  fba.set_platform_managed(true);
  EXPECT_TRUE(Of(fba).empty());
}

TEST(Windows, HaveTheirDaysWhateverTheClockDoes) {
  const auto [from, to] = Window(absl::CivilDay(2026, 3, 20), 60, 0);
  EXPECT_EQ(to - from, 59);
  const auto [lagged_from, lagged_to] = Window(absl::CivilDay(2026, 3, 20), 10, 3);
  EXPECT_EQ(lagged_to, absl::CivilDay(2026, 3, 17));
  EXPECT_EQ(lagged_from, absl::CivilDay(2026, 3, 8));
}

}  // namespace
}  // namespace aftersales::metrics
