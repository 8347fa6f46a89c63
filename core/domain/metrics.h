// Account-health metrics from integer counters per day.
//
// Each object contributes to a few counters; when it changes, the engine takes away what it
// contributed before and adds what it contributes now. So a figure costs the sum of at most 60 rows
// however many orders there are, and the objects behind it are those that contribute.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/metric.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/return.pb.h"
#include "aftersales/v1/shipment.pb.h"

namespace aftersales::metrics {

// What a counter counts. Values are stored: never renumber.
enum class Counter : int {
  kOrders = 1,           // ODR denominator; day of placed_at
  kDefectiveOrders = 2,  // ODR numerator; day of placed_at
  kConfirmedOrders = 3,  // LSR denominator: MFN orders confirmed; day of placed_at
  kLateOrders = 4,       // LSR numerator; day of placed_at
  kParcels = 5,          // VTR denominator: MFN parcels confirmed; day of confirmed_at
  kValidParcels = 6,     // VTR numerator; day of confirmed_at
  kAnsweredInTime = 7,   // RESP numerator; day of the response due
  kAnsweredLate = 8,     // RESP denominator, with the numerator and what is open past due
  kUnanswered = 9,       // open requests; day of the response due
};

struct Contribution {
  Counter counter;
  v1::Fulfillment fulfillment;
  int32_t day;  // calendar::DayNumber in the marketplace's zone; kAnswered*/kUnanswered: UTC day
  int64_t amount = 1;
  std::string category = {};  // of those that are counted by category as well; empty: all
  friend bool operator==(const Contribution&, const Contribution&) = default;
};

// Whether the defects of an order make it count in the ODR: feedback of at most 2 stars that is not
// removed; claims granted at seller's fault, refunded by the seller after filing, or whose order
// was cancelled after filing; service chargebacks.
bool CountsAsDefect(const v1::Defect& defect);
bool IsDefective(const v1::Order& order);
// Confirmed after its ship-by instant. A confirmation known only by day is late from the day after.
bool IsLate(const v1::Order& order);

std::vector<Contribution> Of(const v1::Order& order, absl::TimeZone zone);
// A parcel counts among all of them, and among those of its category if that is known.
std::vector<Contribution> Of(const v1::Shipment& shipment, v1::Fulfillment fulfillment,
                             absl::TimeZone zone);
std::vector<Contribution> Of(const v1::Return& state);

// How a return counts in the response rate.
struct Response {
  Counter counter;  // kAnsweredInTime, kAnsweredLate or kUnanswered
  absl::Time due;
};
// A request of the buyer that the seller has to answer, whether or not it is within the policy,
// counts once, by its latest clock: one that was opened again by the answer after that. None for
// one that was withdrawn, or answered at an unknown time.
std::optional<Response> ResponseOf(const v1::Return& state);

// First and last day of a window of `days` that ends `lag` days before `today`, both included.
std::pair<absl::CivilDay, absl::CivilDay> Window(absl::CivilDay today, int days, int lag);

// Exact comparison by cross-multiplication. An empty denominator is neither good nor bad.
bool Passes(const v1::Ratio& value, const v1::Threshold& threshold);
v1::Metric::Status StatusOf(const v1::Ratio& value, const v1::Threshold& threshold);
// `0.60%`, two decimals, half up; `n/a` with an empty denominator.
std::string Percent(const v1::Ratio& value);
// How many more bad cases (defects, late orders, invalid parcels, unanswered) keep the threshold
// with the denominator as it is; negative when it is missed.
int64_t Headroom(const v1::Ratio& value, const v1::Threshold& threshold);
// `< 1.00%`, `>= 95.00%`.
std::string ThresholdText(const v1::Threshold& threshold);

}  // namespace aftersales::metrics
