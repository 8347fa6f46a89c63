// What holds of metrics whatever happens to the orders, parcels and returns behind them.
#include "core/domain/metrics.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/test_facts.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales::metrics {
namespace {

using testing_util::ForAll;
using testing_util::Random;

constexpr int kCases = 100'000;

v1::Ratio RatioOf(int64_t numerator, int64_t denominator) {
  v1::Ratio ratio;
  ratio.set_numerator(numerator);
  ratio.set_denominator(denominator);
  return ratio;
}

v1::Threshold AnyThreshold(Random& random) {
  v1::Threshold threshold;
  threshold.set_operator_(static_cast<v1::Threshold::Operator>(random.Int(1, 4)));
  const int64_t denominator = random.Between(1, random.OneIn(4) ? 1'000'000'000 : 10'000);
  *threshold.mutable_limit() = RatioOf(random.Between(0, denominator), denominator);
  return threshold;
}

TEST(MetricProperty, HeadroomKeepsTheThresholdAndOneMoreMissesIt) {
  ForAll(kCases, [](Random& random) {
    const v1::Threshold threshold = AnyThreshold(random);
    const int64_t denominator = random.Between(1, random.OneIn(4) ? 1'000'000'000 : 2'000);
    const int64_t numerator = random.Between(0, denominator);
    const int64_t headroom = Headroom(RatioOf(numerator, denominator), threshold);
    // Bad cases add to what should be low and take from what should be high.
    const bool low = threshold.operator_() == v1::Threshold::OPERATOR_LESS_THAN ||
                     threshold.operator_() == v1::Threshold::OPERATOR_AT_MOST;
    const auto with = [&](int64_t bad) {
      return RatioOf(low ? numerator + bad : numerator - bad, denominator);
    };
    const std::string said = std::to_string(numerator) + "/" + std::to_string(denominator) + " " +
                             threshold.ShortDebugString();
    ASSERT_TRUE(Passes(with(headroom), threshold)) << headroom << " of " << said;
    ASSERT_FALSE(Passes(with(headroom + 1), threshold)) << headroom << " of " << said;
    ASSERT_EQ(headroom >= 0, Passes(with(0), threshold)) << headroom << " of " << said;
    ASSERT_EQ(StatusOf(with(0), threshold),
              headroom >= 0 ? v1::Metric::STATUS_GOOD : v1::Metric::STATUS_BAD);
  });
}

TEST(MetricProperty, PercentIsTheRateToTheNearestHundredth) {
  ForAll(kCases, [](Random& random) {
    const int64_t denominator = random.Between(1, 10'000'000);
    const int64_t numerator = random.Between(0, denominator);
    const std::string text = Percent(RatioOf(numerator, denominator));
    ASSERT_EQ(text.back(), '%');
    const size_t point = text.find('.');
    const int64_t hundredths =
        std::stoll(text.substr(0, point)) * 100 + std::stoll(text.substr(point + 1));
    // Half up: in [exact - 1/2, exact + 1/2).
    const int64_t twice = 2 * (numerator * 10'000 - hundredths * denominator);
    ASSERT_TRUE(twice >= -denominator && twice < denominator)
        << text << " of " << numerator << "/" << denominator;
  });
}

v1::Defect AnyDefect(Random& random) {
  v1::Defect defect;
  defect.set_kind(static_cast<v1::Defect::Kind>(random.Int(1, 3)));
  defect.set_rating(random.Int(0, 5));
  defect.set_removed(random.OneIn(4));
  defect.set_outcome(static_cast<v1::Defect::Outcome>(random.Int(0, v1::Defect::Outcome_MAX)));
  return defect;
}

google::protobuf::Timestamp AnyTime(Random& random) {
  // Few days, so that many share a counter, and around their ends.
  return calendar::ToProto(testing_util::At("2026-03-07T00:00:00Z") +
                           absl::Minutes(random.Between(0, 4 * 24 * 60)));
}

v1::Order AnyOrder(Random& random) {
  v1::Order order;
  if (!random.OneIn(20)) *order.mutable_placed_at() = AnyTime(random);
  order.set_fulfillment(random.OneIn(4) ? v1::FULFILLMENT_AFN : v1::FULFILLMENT_MFN);
  for (int n = random.Int(0, 3); n > 0; --n) *order.add_defects() = AnyDefect(random);
  if (random.OneIn(2)) *order.mutable_ship_confirmed_at() = AnyTime(random);
  if (random.OneIn(2)) *order.mutable_expected_ship_by() = AnyTime(random);
  return order;
}

TEST(MetricProperty, AnOrderIsDefectiveOnceHoweverOften) {
  ForAll(kCases, [](Random& random) {
    const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
    int64_t components = 0;
    int64_t defective = 0;
    int64_t all = 0;
    for (int n = random.Int(1, 6); n > 0; --n) {
      v1::Order order = AnyOrder(random);
      for (const v1::Defect& defect : order.defects()) components += CountsAsDefect(defect) ? 1 : 0;
      const auto counts = [&](Counter counter) {
        int64_t sum = 0;
        for (const Contribution& c : Of(order, zone)) sum += c.counter == counter ? c.amount : 0;
        return sum;
      };
      all += counts(Counter::kOrders);
      defective += counts(Counter::kDefectiveOrders);
      ASSERT_LE(counts(Counter::kDefectiveOrders), counts(Counter::kOrders));
      ASSERT_LE(counts(Counter::kLateOrders), counts(Counter::kConfirmedOrders));
      // One more of whatever kind adds at most one order, and none to one that counts already.
      const int64_t before = counts(Counter::kDefectiveOrders);
      const v1::Defect more = AnyDefect(random);
      *order.add_defects() = more;
      const int64_t expected = !order.has_placed_at()                ? 0
                               : before == 1 || CountsAsDefect(more) ? 1
                                                                     : 0;
      ASSERT_EQ(counts(Counter::kDefectiveOrders), expected) << order.ShortDebugString();
    }
    ASSERT_LE(defective, components);
    ASSERT_LE(defective, all);
  });
}

// The counters as the engine keeps them: what an object contributed is taken away when it changes,
// and what it contributes now is added.
class KeptCounters {
 public:
  void Change(const std::vector<Contribution>& before, const std::vector<Contribution>& after) {
    for (const Contribution& c : before) Add(c, -1);
    for (const Contribution& c : after) Add(c, 1);
  }
  void Add(const Contribution& c, int64_t sign) {
    int64_t& value = values_[{c.fulfillment, static_cast<int>(c.counter), c.day}];
    value += sign * c.amount;
    if (value == 0) values_.erase({c.fulfillment, static_cast<int>(c.counter), c.day});
  }
  bool operator==(const KeptCounters&) const = default;
  bool NeverNegative() const {
    return std::all_of(values_.begin(), values_.end(),
                       [](const auto& entry) { return entry.second > 0; });
  }

 private:
  std::map<std::tuple<int, int, int32_t>, int64_t> values_;
};

TEST(MetricProperty, CountersThatFollowEveryChangeAreThoseOfARecount) {
  ForAll(kCases, [](Random& random) {
    const absl::TimeZone zone =
        calendar::Zone(random.OneIn(2) ? "America/Los_Angeles" : "Asia/Tokyo").value();
    std::vector<v1::Order> orders(3);
    std::vector<v1::Shipment> shipments(3);
    std::vector<v1::Return> returns(3);
    std::string course;
    KeptCounters kept;
    for (int step = 0; step < 10; ++step) {
      const size_t at = static_cast<size_t>(random.Int(0, 2));
      switch (random.Int(0, 2)) {
        case 0: {
          const v1::Order after = AnyOrder(random);
          kept.Change(Of(orders[at], zone), Of(after, zone));
          orders[at] = after;
          course += after.ShortDebugString() + "; ";
          break;
        }
        case 1: {
          v1::Shipment after = shipments[at];
          if (random.OneIn(2)) *after.mutable_confirmed_at() = AnyTime(random);
          if (random.OneIn(2)) *after.mutable_shipped_at() = AnyTime(random);
          after.mutable_verdict()->set_validity(
              static_cast<v1::TrackingVerdict::Validity>(random.Int(0, 4)));
          kept.Change(Of(shipments[at], v1::FULFILLMENT_MFN, zone),
                      Of(after, v1::FULFILLMENT_MFN, zone));
          shipments[at] = after;
          course += after.ShortDebugString() + "; ";
          break;
        }
        default: {
          v1::Return after = returns[at];
          after.set_fulfillment(random.OneIn(6) ? v1::FULFILLMENT_AFN : v1::FULFILLMENT_MFN);
          const absl::Time when = calendar::FromProto(AnyTime(random));
          switch (random.Int(0, 2)) {
            case 0:
              StartDeadline(&after, v1::Deadline::KIND_RETURN_RESPONSE, when,
                            when + absl::Hours(48));
              break;
            case 1:
              MeetDeadline(&after, v1::Deadline::KIND_RETURN_RESPONSE, when);
              break;
            default:
              CancelDeadline(&after, v1::Deadline::KIND_RETURN_RESPONSE);
          }
          kept.Change(Of(returns[at]), Of(after));
          returns[at] = after;
          course += after.ShortDebugString() + "; ";
        }
      }
      KeptCounters recounted;
      for (const v1::Order& order : orders) recounted.Change({}, Of(order, zone));
      for (const v1::Shipment& shipment : shipments) {
        recounted.Change({}, Of(shipment, v1::FULFILLMENT_MFN, zone));
      }
      for (const v1::Return& state : returns) recounted.Change({}, Of(state));
      ASSERT_TRUE(kept == recounted) << course;
      ASSERT_TRUE(kept.NeverNegative()) << course;
    }
  });
}

TEST(MetricProperty, WindowsHaveTheirDaysAndFollowEachOther) {
  ForAll(kCases, [](Random& random) {
    const absl::CivilDay today = absl::CivilDay(2020, 1, 1) + random.Between(0, 20'000);
    const int days = random.Int(1, 90);
    const int lag = random.Int(0, 30);
    const auto [first, last] = Window(today, days, lag);
    ASSERT_EQ(last - first, days - 1);
    ASSERT_EQ(today - last, lag);
    const auto [next_first, next_last] = Window(today + 1, days, lag);
    ASSERT_EQ(next_first - first, 1);
    ASSERT_EQ(next_last - last, 1);
  });
}

}  // namespace
}  // namespace aftersales::metrics
