// All services of the public API on one engine.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "core/engine/engine.h"

namespace aftersales::api {

// How long an import may wait for its caller's next message, and take in all.
struct ImportLimits {
  absl::Duration idle = absl::Seconds(60);
  absl::Duration total = absl::Hours(1);
};

class Services {
 public:
  explicit Services(engine::Engine& engine, const ImportLimits& imports = {});
  ~Services();
  // To be registered with the server.
  const std::vector<std::unique_ptr<grpc::Service>>& list() const { return services_; }
  // Ends the live streams with UNAVAILABLE, so that the server can shut down.
  void Drain();

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::vector<std::function<void()>> drain_;
};

// Each service, one file each.
std::unique_ptr<grpc::Service> MakeChannelService(engine::Engine& engine,
                                                  const ImportLimits& imports);
std::unique_ptr<grpc::Service> MakeOrderService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeReturnService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeRefundService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeExchangeService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeShipmentService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeQueueService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeMetricsService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakePluginService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeFactService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeAuditService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeReconcileService(engine::Engine& engine,
                                                    const ImportLimits& imports);
std::unique_ptr<grpc::Service> MakePolicyService(engine::Engine& engine);
std::unique_ptr<grpc::Service> MakeCostService(engine::Engine& engine);
// `drain` is set to what ends its streams.
std::unique_ptr<grpc::Service> MakeEventService(engine::Engine& engine,
                                                std::function<void()>* drain);

}  // namespace aftersales::api
