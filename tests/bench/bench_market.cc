// A marketplace that does every decision and pays every refund at once: what is measured with it is
// the host, the C ABI and the messages, and nothing behind them.
#include "aftersales/sdk/marketplace.h"

namespace {

using aftersales::sdk::Call;
using aftersales::sdk::Status;
namespace pb = aftersales::plugin::v1;
namespace v1 = aftersales::v1;

class BenchMarket : public aftersales::sdk::MarketplacePlugin {
 public:
  pb::DescribeResponse Describe() override {
    pb::DescribeResponse d;
    d.set_plugin_id(BENCH_MARKET_ID);
    d.set_display_name("Benchmark marketplace");
    d.set_vendor("Aftersales");
    d.set_version("1.0.0");
    d.set_max_concurrency(BENCH_MARKET_CONCURRENCY);
#ifdef BENCH_MARKET_DECIDES
    for (const char* name : {"DecideReturn", "IssueRefund"}) {
      auto* method = d.add_methods();
      method->set_method(name);
      method->set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
      method->set_idempotent(true);
    }
#endif
    return d;
  }

  Status DecideReturn(const Call&, const pb::DecideReturnRequest& request,
                      pb::EffectResponse* response) override {
    response->mutable_result()->set_outcome(pb::EffectResult::OUTCOME_DONE);
    response->mutable_result()->set_external_id(request.effect_id());
    return Status::Ok();
  }
  Status IssueRefund(const Call&, const pb::IssueRefundRequest& request,
                     pb::EffectResponse* response) override {
    response->mutable_result()->set_outcome(pb::EffectResult::OUTCOME_DONE);
    response->mutable_result()->set_external_id(request.effect_id());
    return Status::Ok();
  }
};

}  // namespace

AFTERSALES_PLUGIN(BenchMarket);
