#include "aftersales/v1/cost_service.grpc.pb.h"

#include "core/api/call.h"
#include "core/api/services.h"
#include "core/engine/commands.h"

namespace aftersales::api {
namespace {

class CostService final : public v1::CostService::CallbackService {
 public:
  explicit CostService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ExplainCosts(grpc::CallbackServerContext* context,
                                         const v1::ExplainCostsRequest* request,
                                         v1::CostExplanation* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    const bool refund = names::Split(request->name()).collection == "refunds";
    auto name = names::Parse(request->name(), refund ? "refunds" : "returns", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request, now = engine_.Now()](store::Reader& reader) {
                      return engine::ExplainCosts(reader, name.seller, request->name(), now);
                    });
  }
  grpc::ServerUnaryReactor* RecordCost(grpc::CallbackServerContext* context,
                                       const v1::RecordCostRequest* request,
                                       v1::Return* response) override {
    return RunCommand(context, engine_, "CostService/RecordCost", request->name(), "returns",
                      request, response, &engine::RecordCost);
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCostService(engine::Engine& engine) {
  return std::make_unique<CostService>(engine);
}

}  // namespace aftersales::api
