#include <set>

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
                v1::Fulfillment fulfillment, const MetricWindow& window, absl::Time now,
                std::string_view category) {
  const int32_t first = calendar::DayNumber(window.first);
  const int32_t last = calendar::DayNumber(window.last);
  const auto sum = [&](Counter counter, int32_t from, int32_t to) {
    return store.SumCounter(seller, channel.id, fulfillment, counter, from, to, category);
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

// All of it that follows from its value.
void Judge(const v1::Ratio& value, v1::Metric* metric) {
  *metric->mutable_value() = value;
  metric->set_status(metrics::StatusOf(value, metric->threshold()));
  metric->set_percent(metrics::Percent(value));
  metric->set_headroom(metrics::Headroom(value, metric->threshold()));
}

v1::Metric Figure(store::Reader& store, std::string_view seller, const ChannelInfo& channel,
                  v1::Fulfillment fulfillment, const MetricWindow& window, absl::Time now,
                  std::string_view category) {
  v1::Metric metric;
  metric.set_channel(channel.channel.name());
  metric.set_fulfillment(fulfillment);
  metric.set_kind(window.policy->kind());
  metric.set_window_start(calendar::DateText(window.first));
  metric.set_window_end(calendar::DateText(window.last));
  *metric.mutable_threshold() = window.policy->threshold();
  metric.set_source(v1::Metric::SOURCE_COMPUTED);
  metric.set_category(std::string(category));
  Judge(Value(store, seller, channel, fulfillment, window, now, category), &metric);
  return metric;
}

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
        const auto add = [&](std::string_view category) {
          figures.push_back(Figure(store, seller, channel, fulfillment, window, now, category));
          if (!week) return;
          // No marketplace judges a week.
          figures.back().clear_threshold();
          figures.back().clear_status();
          figures.back().clear_headroom();
        };
        add("");
        any = any || figures.back().value().denominator() > 0;
        if (policy.kind() != v1::Metric::KIND_VTR) continue;
        for (const std::string& category : store.CounterCategories(
                 seller, channel.id, fulfillment, Counter::kParcels,
                 calendar::DayNumber(window.first), calendar::DayNumber(window.last))) {
          add(category);
        }
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

void RecordMetricChanges(Command& c, const ChannelInfo& channel, std::string_view cause,
                         const std::vector<metrics::Contribution>& before,
                         const std::vector<metrics::Contribution>& after, bool correction) {
  if (before == after) return;
  std::set<std::string> categories;
  for (const auto& counted : before) categories.insert(counted.category);
  for (const auto& counted : after) categories.insert(counted.category);
  for (const v1::MetricPolicy& policy : channel.policies.At(c.now).metrics()) {
    if (policy.kind() != v1::Metric::KIND_VTR) continue;
    const MetricWindow window = WindowOf(channel, policy.kind(), policy.window_days(), c.now);
    const auto part = [&](const std::vector<metrics::Contribution>& contributions, Counter counter,
                          const std::string& category) {
      int64_t sum = 0;
      for (const metrics::Contribution& counted : contributions) {
        if (counted.counter == counter && counted.category == category &&
            counted.day >= calendar::DayNumber(window.first) &&
            counted.day <= calendar::DayNumber(window.last)) {
          sum += counted.amount;
        }
      }
      return sum;
    };
    for (const std::string& category : categories) {
      const int64_t valid = part(after, Counter::kValidParcels, category) -
                            part(before, Counter::kValidParcels, category);
      const int64_t parcels =
          part(after, Counter::kParcels, category) - part(before, Counter::kParcels, category);
      if (valid == 0 && parcels == 0) continue;
      v1::Event event = c.NewEvent(channel.channel.name(), channel.channel.name());
      v1::MetricChange* change = event.mutable_metric_changed()->mutable_change();
      *change->mutable_after() =
          Figure(c.store, c.seller, channel, v1::FULFILLMENT_MFN, window, c.now, category);
      *change->mutable_before() = change->after();
      v1::Ratio value = change->after().value();
      value.set_numerator(value.numerator() - valid);
      value.set_denominator(value.denominator() - parcels);
      Judge(value, change->mutable_before());
      if (!correction && change->before().status() == change->after().status()) continue;
      change->set_cause(std::string(cause));
      *change->mutable_change_time() = calendar::ToProto(c.now);
      c.store.AppendEvent(c.seller, &event);
    }
  }
}

}  // namespace aftersales::engine
