#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/deadlines.h"
#include "core/domain/return_fold.h"
#include "core/domain/return_items.h"
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
    return RunGet(context, engine_, request, response, "returns",
                  [now = engine_.Now()](store::Reader& reader, std::string_view seller,
                                        std::string_view id) -> std::optional<v1::Return> {
                    auto record = reader.FindReturn(seller, id);
                    if (!record) return std::nullopt;
                    PresentDeadlines(now, record->mutable_state());
                    return std::move(*record->mutable_state());
                  });
  }
  grpc::ServerUnaryReactor* ListReturns(grpc::CallbackServerContext* context,
                                        const v1::ListReturnsRequest* request,
                                        v1::ListReturnsResponse* response) override {
    const absl::Time now = engine_.Now();
    return RunList(
        context, engine_, request, response, "returns",
        {"status", "channel", "order", "external_rma_id", "overdue"},
        [now](const Filter& filter,
              std::string_view seller) -> absl::StatusOr<store::ReturnFilter> {
          absl::Status status;
          store::ReturnFilter wanted;
          wanted.external_rma_id = filter.Text("external_rma_id");
          Take(filter.Id("channel", seller, "channels"), &wanted.channel, &status);
          Take(filter.Id("order", seller, "orders"), &wanted.order, &status);
          Take(filter.Enum<v1::Return::Status>("status", "STATUS_"), &wanted.status, &status);
          std::optional<bool> overdue;
          Take(filter.Bool("overdue"), &overdue, &status);
          if (overdue == true) wanted.overdue_at = absl::ToUnixMicros(now);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::ReturnFilter& wanted,
           const std::vector<std::string>& position,
           int limit) { return reader.ListReturns(seller, wanted, AfterId(position), limit); },
        &PlaceById<v1::Return>,
        [now](v1::Return&& row, v1::ListReturnsResponse* page) {
          PresentDeadlines(now, &row);
          *page->add_returns() = std::move(row);
          return absl::OkStatus();
        });
  }
  grpc::ServerUnaryReactor* GetReturnOptions(grpc::CallbackServerContext* context,
                                             const v1::GetReturnOptionsRequest* request,
                                             v1::ReturnOptions* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto name = names::Parse(request->name(), "returns", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request, now = engine_.Now()](store::Reader& reader) {
                      return engine::GetReturnOptions(reader, name.seller, request->name(), now);
                    });
  }
  grpc::ServerUnaryReactor* GetStateMachine(grpc::CallbackServerContext* context,
                                            const v1::GetStateMachineRequest*,
                                            v1::StateMachine* response) override {
    const auto& states = *v1::Return::Status_descriptor();
    for (int i = 1; i < states.value_count(); ++i) {
      response->add_states(
          std::string(StatusName(static_cast<v1::Return::Status>(states.value(i)->number()))));
    }
    for (const Transition& move : ReturnTransitions()) {
      v1::StateMachine::Transition* added = response->add_transitions();
      if (move.from != v1::Return::STATUS_UNSPECIFIED) {
        added->set_from(std::string(StatusName(move.from)));
      }
      added->set_to(std::string(StatusName(move.to)));
      added->set_trigger(std::string(move.trigger));
    }
    return FinishNow(context, absl::OkStatus());
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
  grpc::ServerUnaryReactor* RequestInfo(grpc::CallbackServerContext* context,
                                        const v1::RequestInfoRequest* request,
                                        v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/RequestInfo", request->name(), "returns",
                      request, response, &engine::RequestInfo);
  }
  grpc::ServerUnaryReactor* RecordBuyerReminder(grpc::CallbackServerContext* context,
                                                const v1::RecordBuyerReminderRequest* request,
                                                v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/RecordBuyerReminder", request->name(),
                      "returns", request, response, &engine::RecordBuyerReminder);
  }
  grpc::ServerUnaryReactor* BatchApproveReturns(
      grpc::CallbackServerContext* context, const v1::BatchApproveReturnsRequest* request,
      v1::BatchApproveReturnsResponse* response) override {
    return RunCommand(context, engine_, "ReturnService/BatchApproveReturns", request->parent(), "",
                      request, response, &engine::BatchApproveReturns);
  }
  grpc::ServerUnaryReactor* BatchCloseReturns(grpc::CallbackServerContext* context,
                                              const v1::BatchCloseReturnsRequest* request,
                                              v1::BatchCloseReturnsResponse* response) override {
    return RunCommand(context, engine_, "ReturnService/BatchCloseReturns", request->parent(), "",
                      request, response, &engine::BatchCloseReturns);
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
  grpc::ServerUnaryReactor* VoidReturnLabel(grpc::CallbackServerContext* context,
                                            const v1::VoidReturnLabelRequest* request,
                                            v1::Return* response) override {
    return RunCommand(context, engine_, "ReturnService/VoidReturnLabel", request->name(), "returns",
                      request, response, &engine::VoidReturnLabel);
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
