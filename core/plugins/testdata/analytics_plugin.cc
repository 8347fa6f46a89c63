// A tool that watches the market, with one alert.
#include "aftersales/sdk/analytics.h"

namespace {

using aftersales::sdk::Call;
using aftersales::sdk::Status;
namespace pb = aftersales::plugin::v1;
namespace v1 = aftersales::v1;

class AnalyticsPlugin : public aftersales::sdk::AnalyticsPlugin {
 public:
  pb::DescribeResponse Describe() override {
    pb::DescribeResponse d;
    d.set_plugin_id("analytics");
    d.set_display_name("Analytics");
    d.set_vendor("Aftersales");
    d.set_version("1.0.0");
    auto* alerts = d.add_methods();
    alerts->set_method("PullAlerts");
    alerts->set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
    auto* benchmarks = d.add_methods();
    benchmarks->set_method("GetBenchmarks");
    benchmarks->set_capability(v1::Plugin::CAPABILITY_MANUAL);  // and says nothing of how
    return d;
  }

  Status PullAlerts(const Call& call, const pb::PullAlertsRequest& request,
                    pb::PullAlertsResponse* response) override {
    if (!request.cursor().empty()) return Status::Ok();
    auto* alert = response->add_alerts();
    alert->set_external_id("a1");
    alert->set_message("for " + std::string(call.seller));
    alert->mutable_source()->set_name("Market Tool");
    response->set_next_cursor("a1");
    return Status::Ok();
  }
};

}  // namespace

AFTERSALES_PLUGIN(AnalyticsPlugin);
