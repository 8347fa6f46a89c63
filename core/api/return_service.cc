#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/deadlines.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

class ReturnService final : public v1::ReturnService::CallbackService {
 public:
  explicit ReturnService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* CreateReturn(grpc::CallbackServerContext* context,
                                         const v1::CreateReturnRequest* request,
                                         v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/CreateReturn", request->parent(), "",
                      request, response, &engine::CreateReturn);
  }
  grpc::ServerUnaryReactor* GetReturn(grpc::CallbackServerContext* context,
                                      const v1::GetReturnRequest* request,
                                      v1::Return* response) override {
    auto name = names::Parse(request->name(), "returns", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request,
                     now = engine_.Now()](store::Reader& reader) -> absl::StatusOr<v1::Return> {
                      auto record = reader.FindReturn(name.seller, name.id);
                      if (!record) return NotFound(request->name());
                      PresentDeadlines(now, record->mutable_state());
                      return std::move(*record->mutable_state());
                    });
  }
  grpc::ServerUnaryReactor* ListReturns(grpc::CallbackServerContext* context,
                                        const v1::ListReturnsRequest* request,
                                        v1::ListReturnsResponse* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter = Filter::Parse(request->filter(),
                                {"status", "channel", "order", "external_rma_id", "overdue"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("returns\n", request->parent(), "\n", request->filter()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    store::ReturnFilter wanted;
    wanted.external_rma_id = filter->Text("external_rma_id");
    auto channel = filter->Id("channel", *seller, "channels");
    if (!channel.ok()) return FinishNow(context, channel.status());
    wanted.channel = *channel;
    auto order = filter->Id("order", *seller, "orders");
    if (!order.ok()) return FinishNow(context, order.status());
    wanted.order = *order;
    auto status = filter->Enum("status", v1::Return::Status_descriptor(), "STATUS_");
    if (!status.ok()) return FinishNow(context, status.status());
    if (*status) wanted.status = static_cast<v1::Return::Status>(**status);
    auto overdue = filter->Bool("overdue");
    if (!overdue.ok()) return FinishNow(context, overdue.status());
    const absl::Time now = engine_.Now();
    if (*overdue == true) wanted.overdue_at = absl::ToUnixMicros(now);
    return RunQuery(context, engine_, response,
                    [=, seller = *seller, size = *size, position = *std::move(position)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListReturnsResponse> {
                      auto rows = reader.ListReturns(seller, wanted,
                                                     position.empty() ? "" : position[0], size + 1);
                      v1::ListReturnsResponse page;
                      if (static_cast<int>(rows.size()) > size) {
                        rows.resize(size);
                        page.set_next_page_token(
                            tokens.Make({std::string(names::Split(rows.back().name()).id)}));
                      }
                      for (v1::Return& row : rows) {
                        PresentDeadlines(now, &row);
                        *page.add_returns() = std::move(row);
                      }
                      return page;
                    });
  }
  grpc::ServerUnaryReactor* ApproveReturn(grpc::CallbackServerContext* context,
                                          const v1::ApproveReturnRequest* request,
                                          v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/ApproveReturn", request->name(), "returns",
                      request, response, &engine::ApproveReturn);
  }
  grpc::ServerUnaryReactor* ApproveReturnless(grpc::CallbackServerContext* context,
                                              const v1::ApproveReturnlessRequest* request,
                                              v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/ApproveReturnless", request->name(),
                      "returns", request, response, &engine::ApproveReturnless);
  }
  grpc::ServerUnaryReactor* RejectReturn(grpc::CallbackServerContext* context,
                                         const v1::RejectReturnRequest* request,
                                         v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/RejectReturn", request->name(), "returns",
                      request, response, &engine::RejectReturn);
  }
  grpc::ServerUnaryReactor* CancelReturn(grpc::CallbackServerContext* context,
                                         const v1::CancelReturnRequest* request,
                                         v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/CancelReturn", request->name(), "returns",
                      request, response, &engine::CancelReturn);
  }
  grpc::ServerUnaryReactor* ReopenReturn(grpc::CallbackServerContext* context,
                                         const v1::ReopenReturnRequest* request,
                                         v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/ReopenReturn", request->name(), "returns",
                      request, response, &engine::ReopenReturn);
  }
  grpc::ServerUnaryReactor* IssueReturnLabel(grpc::CallbackServerContext* context,
                                             const v1::IssueReturnLabelRequest* request,
                                             v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/IssueReturnLabel", request->name(),
                      "returns", request, response, &engine::IssueReturnLabel);
  }
  grpc::ServerUnaryReactor* RecordReceipt(grpc::CallbackServerContext* context,
                                          const v1::RecordReceiptRequest* request,
                                          v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/RecordReceipt", request->name(), "returns",
                      request, response, &engine::RecordReceipt);
  }
  grpc::ServerUnaryReactor* CloseShort(grpc::CallbackServerContext* context,
                                       const v1::CloseShortRequest* request,
                                       v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/CloseShort", request->name(), "returns",
                      request, response, &engine::CloseShort);
  }
  grpc::ServerUnaryReactor* InspectReturn(grpc::CallbackServerContext* context,
                                          const v1::InspectReturnRequest* request,
                                          v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/InspectReturn", request->name(), "returns",
                      request, response, &engine::InspectReturn);
  }
  grpc::ServerUnaryReactor* CloseReturn(grpc::CallbackServerContext* context,
                                        const v1::CloseReturnRequest* request,
                                        v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/CloseReturn", request->name(), "returns",
                      request, response, &engine::CloseReturn);
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeReturnService(engine::Engine& engine) {
  return std::make_unique<ReturnService>(engine);
}

}  // namespace aftersales::api
