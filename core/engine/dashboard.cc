#include "core/domain/calendar.h"
#include "core/domain/metrics.h"
#include "core/domain/policy.h"
#include "core/domain/resource_names.h"
#include "core/engine/engine.h"

namespace aftersales::engine {
namespace {

using metrics::Counter;

// The day a metric's window ends at, before the policy's lag.
absl::CivilDay Today(const ChannelInfo& channel, v1::Metric::Kind kind, absl::Time now) {
  // Response times are counted by the UTC day of the due instant.
  return calendar::LocalDay(now,
                            kind == v1::Metric::KIND_RESP ? absl::UTCTimeZone() : channel.zone);
}

v1::Ratio Value(store::Reader& store, std::string_view seller, const ChannelInfo& channel,
                v1::Fulfillment fulfillment, const MetricWindow& window, absl::Time now) {
  const int32_t first = calendar::DayNumber(window.first);
  const int32_t last = calendar::DayNumber(window.last);
  const auto sum = [&](Counter counter, int32_t from, int32_t to) {
    return store.SumCounter(seller, channel.id, fulfillment, counter, from, to);
  };
  v1::Ratio value;
  switch (window.policy->kind()) {
    case v1::Metric::KIND_ODR:
      value.set_numerator(sum(Counter::kDefectiveOrders, first, last));
      value.set_denominator(sum(Counter::kOrders, first, last));
      break;
    case v1::Metric::KIND_LSR:
      value.set_numerator(sum(Counter::kLateOrders, first, last));
      value.set_denominator(sum(Counter::kConfirmedOrders, first, last));
      break;
    case v1::Metric::KIND_VTR:
      value.set_numerator(sum(Counter::kValidParcels, first, last));
      value.set_denominator(sum(Counter::kParcels, first, last));
      break;
    case v1::Metric::KIND_RESP: {
      const int32_t answered = calendar::DayNumber(window.last_answered);
      const int64_t in_time = sum(Counter::kAnsweredInTime, first, answered);
      const int64_t late = sum(Counter::kAnsweredLate, first, answered);
      // What is open and past due: whole days from the counters, today's part by count.
      const int32_t today = calendar::DayNumber(calendar::LocalDay(now, absl::UTCTimeZone()));
      int64_t open = sum(Counter::kUnanswered, first, std::min(last, today - 1));
      if (last >= today) {
        open += store.CountUnansweredBefore(seller, channel.id, today, absl::ToUnixMicros(now));
      }
      value.set_numerator(in_time);
      value.set_denominator(in_time + late + open);
      break;
    }
    default:
      break;
  }
  return value;
}

bool SellerFulfilledOnly(v1::Metric::Kind kind) { return kind != v1::Metric::KIND_ODR; }

}  // namespace

MetricWindow WindowOf(const ChannelInfo& channel, v1::Metric::Kind kind, int window_days,
                      absl::Time now) {
  for (const v1::MetricPolicy& policy : channel.policies.At(now).metrics()) {
    if (policy.kind() != kind || (window_days != 0 && policy.window_days() != window_days))
      continue;
    const auto [first, last] =
        metrics::Window(Today(channel, kind, now), policy.window_days(), policy.lag_days());
    // Answers may come before they are due, at most the response time ahead.
    const int ahead = kind == v1::Metric::KIND_RESP
                          ? (channel.policies.At(now).return_response_hours() + 23) / 24
                          : 0;
    return {&policy, first, last, last + ahead};
  }
  return {};
}

MetricWindow WeekOf(const ChannelInfo& channel, v1::Metric::Kind kind, absl::CivilDay monday,
                    absl::Time now) {
  const MetricWindow window = WindowOf(channel, kind, 0, now);
  if (window.policy == nullptr) return {};
  return {window.policy, monday, monday + 6, monday + 6};
}

v1::Dashboard MakeDashboard(store::Reader& store, std::string_view seller, absl::Time now,
                            std::optional<absl::CivilDay> week) {
  v1::Dashboard dashboard;
  *dashboard.mutable_as_of() = calendar::ToProto(now);
  ChannelCache channels;
  for (const v1::Channel& listed : store.ListChannels(seller)) {
    const ChannelInfo& channel = *channels.Find(store, listed.name());
    for (const v1::Fulfillment fulfillment : {v1::FULFILLMENT_MFN, v1::FULFILLMENT_AFN}) {
      std::vector<v1::Metric> figures;
      bool any = fulfillment == v1::FULFILLMENT_MFN;
      for (const v1::MetricPolicy& policy : channel.policies.At(now).metrics()) {
        if (fulfillment == v1::FULFILLMENT_AFN && SellerFulfilledOnly(policy.kind())) continue;
        const MetricWindow window =
            week ? WeekOf(channel, policy.kind(), *week, now)
                 : WindowOf(channel, policy.kind(), policy.window_days(), now);
        // A metric may have several windows in the policy, and has one in a week.
        if (week && window.policy != &policy) continue;
        v1::Metric metric;
        metric.set_channel(listed.name());
        metric.set_fulfillment(fulfillment);
        metric.set_kind(policy.kind());
        metric.set_window_start(calendar::DateText(window.first));
        metric.set_window_end(calendar::DateText(window.last));
        *metric.mutable_value() = Value(store, seller, channel, fulfillment, window, now);
        metric.set_percent(metrics::Percent(metric.value()));
        metric.set_source(v1::Metric::SOURCE_COMPUTED);
        if (!week) {
          *metric.mutable_threshold() = policy.threshold();
          metric.set_status(metrics::StatusOf(metric.value(), policy.threshold()));
          metric.set_headroom(metrics::Headroom(metric.value(), policy.threshold()));
        }
        any = any || metric.value().denominator() > 0;
        figures.push_back(std::move(metric));
      }
      for (const v1::Metric& reported : listed.reported_metrics()) {
        if (week || reported.fulfillment() != fulfillment) continue;
        figures.push_back(reported);
        figures.back().set_channel(listed.name());
        any = true;
      }
      if (!any) continue;
      for (v1::Metric& metric : figures) *dashboard.add_metrics() = std::move(metric);
    }
  }
  return dashboard;
}

}  // namespace aftersales::engine
