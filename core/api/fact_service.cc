#include "aftersales/v1/fact_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/services.h"
#include "core/engine/commands.h"

namespace aftersales::api {
namespace {

class FactService final : public v1::FactService::CallbackService {
 public:
  explicit FactService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* RecordFacts(grpc::CallbackServerContext* context,
                                        const v1::RecordFactsRequest* request,
                                        v1::RecordFactsResponse* response) override {
    return RunCommand(context, engine_, "FactService/RecordFacts", request->parent(), "", request,
                      response, &engine::RecordFacts);
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeFactService(engine::Engine& engine) {
  return std::make_unique<FactService>(engine);
}

}  // namespace aftersales::api
