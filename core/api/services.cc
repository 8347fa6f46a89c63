#include "core/api/services.h"

namespace aftersales::api {

Services::Services(engine::Engine& engine, const ImportLimits& imports) {
  services_.push_back(MakeChannelService(engine, imports));
  services_.push_back(MakeOrderService(engine));
  services_.push_back(MakeReturnService(engine));
  services_.push_back(MakeRefundService(engine));
  services_.push_back(MakeExchangeService(engine));
  services_.push_back(MakeShipmentService(engine));
  services_.push_back(MakeQueueService(engine));
  services_.push_back(MakeMetricsService(engine));
  services_.push_back(MakePluginService(engine));
  services_.push_back(MakeFactService(engine));
  services_.push_back(MakeAuditService(engine));
  services_.push_back(MakeReconcileService(engine, imports));
  services_.push_back(MakePolicyService(engine));
  services_.push_back(MakeCostService(engine));
  std::function<void()> drain;
  services_.push_back(MakeEventService(engine, &drain));
  drain_.push_back(std::move(drain));
}

Services::~Services() = default;

void Services::Drain() {
  for (const auto& drain : drain_) drain();
}

}  // namespace aftersales::api
