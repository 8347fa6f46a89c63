// An analytics plugin. Example:
//
//   class Acme : public aftersales::sdk::AnalyticsPlugin { ... };
//   AFTERSALES_PLUGIN(Acme);
#pragma once

#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/sdk/plugin.h"

namespace aftersales::sdk {

// Base of tools that watch the market: asked what they saw, never told anything. What each method
// has to do is told in protos/aftersales/plugin/v1/analytics.proto; those that are not overridden
// answer UNIMPLEMENTED.
class AnalyticsPlugin : public Plugin {
 public:
  // Alerts since the cursor, the oldest first, each with its source.
  virtual Status PullAlerts(const Call& call, const plugin::v1::PullAlertsRequest& request,
                            plugin::v1::PullAlertsResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("PullAlerts");
  }
  // What is usual among comparable sellers, each figure with its source and date.
  virtual Status GetBenchmarks(const Call& call, const plugin::v1::GetBenchmarksRequest& request,
                               plugin::v1::GetBenchmarksResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("GetBenchmarks");
  }

  static constexpr auto kKind = v1::Plugin::KIND_ANALYTICS;
  static const internal::Method kMethods[2];
};

inline constexpr internal::Method AnalyticsPlugin::kMethods[2] = {
    {"/aftersales.plugin.v1.AnalyticsPlugin/PullAlerts",
     &internal::Typed<&AnalyticsPlugin::PullAlerts>::Invoke},
    {"/aftersales.plugin.v1.AnalyticsPlugin/GetBenchmarks",
     &internal::Typed<&AnalyticsPlugin::GetBenchmarks>::Invoke},
};

}  // namespace aftersales::sdk
