#include "core/domain/metrics.h"

#include <algorithm>

#include "absl/numeric/int128.h"
#include "absl/strings/str_format.h"
#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/status/text.h"

namespace aftersales::metrics {
namespace {

// Rounds down and up also for negative quotients, which thresholds never give but tests may.
int64_t FloorDiv(absl::int128 a, int64_t b) {
  absl::int128 quotient = a / absl::int128(b);
  if (quotient * absl::int128(b) > a) quotient -= 1;
  return static_cast<int64_t>(quotient);
}
int64_t CeilDiv(absl::int128 a, int64_t b) {
  absl::int128 quotient = a / absl::int128(b);
  if (quotient * absl::int128(b) < a) quotient += 1;
  return static_cast<int64_t>(quotient);
}

}  // namespace

bool CountsAsDefect(const v1::Defect& defect) {
  switch (defect.kind()) {
    case v1::Defect::KIND_FEEDBACK:
      return defect.rating() >= 1 && defect.rating() <= 2 && !defect.removed();
    case v1::Defect::KIND_CLAIM:
      return defect.outcome() == v1::Defect::OUTCOME_GRANTED_SELLER_FAULT ||
             defect.outcome() == v1::Defect::OUTCOME_REFUNDED_BY_SELLER_AFTER_FILING ||
             defect.outcome() == v1::Defect::OUTCOME_ORDER_CANCELLED_AFTER_FILING;
    case v1::Defect::KIND_CHARGEBACK:
      return defect.outcome() == v1::Defect::OUTCOME_SERVICE;
    default:
      return false;
  }
}

bool IsDefective(const v1::Order& order) {
  return std::any_of(order.defects().begin(), order.defects().end(), CountsAsDefect);
}

bool IsLate(const v1::Order& order) {
  // A confirmation known only by day is stored as the first instant of that day: it is past the
  // ship-by instant only when the day itself is.
  return order.has_ship_confirmed_at() && order.has_expected_ship_by() &&
         calendar::FromProto(order.ship_confirmed_at()) >
             calendar::FromProto(order.expected_ship_by());
}

std::vector<Contribution> Of(const v1::Order& order, absl::TimeZone zone) {
  std::vector<Contribution> contributions;
  if (!order.has_placed_at()) return contributions;
  const int32_t day =
      calendar::DayNumber(calendar::LocalDay(calendar::FromProto(order.placed_at()), zone));
  auto add = [&](Counter counter) {
    contributions.push_back({.counter = counter, .fulfillment = order.fulfillment(), .day = day});
  };
  add(Counter::kOrders);
  if (IsDefective(order)) add(Counter::kDefectiveOrders);
  if (order.fulfillment() == v1::FULFILLMENT_MFN && order.has_ship_confirmed_at()) {
    add(Counter::kConfirmedOrders);
    if (IsLate(order)) add(Counter::kLateOrders);
  }
  return contributions;
}

std::vector<Contribution> Of(const v1::Shipment& shipment, v1::Fulfillment fulfillment,
                             absl::TimeZone zone) {
  std::vector<Contribution> contributions;
  if (fulfillment != v1::FULFILLMENT_MFN || !shipment.replaced_by().empty()) return contributions;
  if (!shipment.has_confirmed_at() && !shipment.has_shipped_at()) return contributions;
  const absl::Time confirmed = calendar::FromProto(
      shipment.has_confirmed_at() ? shipment.confirmed_at() : shipment.shipped_at());
  const int32_t day = calendar::DayNumber(calendar::LocalDay(confirmed, zone));
  auto add = [&](Counter counter, const std::string& category) {
    Contribution& added = contributions.emplace_back();
    added.counter = counter;
    added.fulfillment = fulfillment;
    added.day = day;
    added.category = category;
  };
  const bool valid = shipment.verdict().validity() == v1::TrackingVerdict::VALIDITY_VALID;
  add(Counter::kParcels, "");
  if (valid) add(Counter::kValidParcels, "");
  if (shipment.category().empty()) return contributions;
  add(Counter::kParcels, shipment.category());
  if (valid) add(Counter::kValidParcels, shipment.category());
  return contributions;
}

std::optional<Response> ResponseOf(const v1::Return& state) {
  if (state.fulfillment() != v1::FULFILLMENT_MFN || state.platform_managed()) return std::nullopt;
  const auto latest = std::find_if(
      state.deadlines().rbegin(), state.deadlines().rend(),
      [](const auto& deadline) { return deadline.kind() == v1::Deadline::KIND_RETURN_RESPONSE; });
  if (latest == state.deadlines().rend()) return std::nullopt;
  const absl::Time due = calendar::FromProto(latest->due_at());
  switch (latest->state()) {
    case v1::Deadline::STATE_MET:
      return Response{Counter::kAnsweredInTime, due};
    case v1::Deadline::STATE_MET_LATE:
      return Response{Counter::kAnsweredLate, due};
    case v1::Deadline::STATE_RUNNING:
    case v1::Deadline::STATE_BREACHED:
      return Response{Counter::kUnanswered, due};
    default:
      return std::nullopt;
  }
}

std::vector<Contribution> Of(const v1::Return& state) {
  const std::optional<Response> response = ResponseOf(state);
  if (!response) return {};
  return {{.counter = response->counter,
           .fulfillment = state.fulfillment(),
           .day = calendar::DayNumber(calendar::LocalDay(response->due, absl::UTCTimeZone()))}};
}

std::pair<absl::CivilDay, absl::CivilDay> Window(absl::CivilDay today, int days, int lag) {
  const absl::CivilDay last = today - lag;
  return {last - (days - 1), last};
}

bool Passes(const v1::Ratio& value, const v1::Threshold& threshold) {
  if (value.denominator() <= 0) return false;
  const absl::int128 left = absl::int128(value.numerator()) * threshold.limit().denominator();
  const absl::int128 right = absl::int128(threshold.limit().numerator()) * value.denominator();
  switch (threshold.operator_()) {
    case v1::Threshold::OPERATOR_LESS_THAN:
      return left < right;
    case v1::Threshold::OPERATOR_AT_MOST:
      return left <= right;
    case v1::Threshold::OPERATOR_AT_LEAST:
      return left >= right;
    case v1::Threshold::OPERATOR_GREATER_THAN:
      return left > right;
    default:
      return false;
  }
}

v1::Metric::Status StatusOf(const v1::Ratio& value, const v1::Threshold& threshold) {
  if (value.denominator() <= 0) return v1::Metric::STATUS_NONE;
  return Passes(value, threshold) ? v1::Metric::STATUS_GOOD : v1::Metric::STATUS_BAD;
}

std::string Percent(const v1::Ratio& value) {
  if (value.denominator() <= 0) return "n/a";
  const int64_t hundredths =
      money::RoundHalfAway(absl::int128(value.numerator()) * 10000, value.denominator());
  const int64_t magnitude = hundredths < 0 ? -hundredths : hundredths;
  return absl::StrFormat("%s%d.%02d%%", hundredths < 0 ? "-" : "", magnitude / 100,
                         magnitude % 100);
}

int64_t Headroom(const v1::Ratio& value, const v1::Threshold& threshold) {
  const int64_t limit_denominator = threshold.limit().denominator();
  if (value.denominator() <= 0 || limit_denominator <= 0) return 0;
  // limit * denominator, the count at which the value equals the limit.
  const absl::int128 at_limit = absl::int128(threshold.limit().numerator()) * value.denominator();
  switch (threshold.operator_()) {
    case v1::Threshold::OPERATOR_LESS_THAN:
      return CeilDiv(at_limit, limit_denominator) - 1 - value.numerator();
    case v1::Threshold::OPERATOR_AT_MOST:
      return FloorDiv(at_limit, limit_denominator) - value.numerator();
    case v1::Threshold::OPERATOR_AT_LEAST:
      return value.numerator() - CeilDiv(at_limit, limit_denominator);
    case v1::Threshold::OPERATOR_GREATER_THAN:
      return value.numerator() - FloorDiv(at_limit, limit_denominator) - 1;
    default:
      return 0;
  }
}

std::string ThresholdText(const v1::Threshold& threshold) {
  std::string_view sign;
  switch (threshold.operator_()) {
    case v1::Threshold::OPERATOR_LESS_THAN:
      sign = "<";
      break;
    case v1::Threshold::OPERATOR_AT_MOST:
      sign = "<=";
      break;
    case v1::Threshold::OPERATOR_AT_LEAST:
      sign = ">=";
      break;
    case v1::Threshold::OPERATOR_GREATER_THAN:
      sign = ">";
      break;
    default:
      return "";
  }
  return Cat(sign, " ", Percent(threshold.limit()));
}

}  // namespace aftersales::metrics
