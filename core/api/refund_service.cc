#include "aftersales/v1/refund_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

class RefundService final : public v1::RefundService::CallbackService {
 public:
  explicit RefundService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* QuoteRefund(grpc::CallbackServerContext* context,
                                        const v1::QuoteRefundRequest* request,
                                        v1::RefundQuote* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    return RunQuery(context, engine_, response,
                    [seller = *seller, request, now = engine_.Now()](store::Reader& reader) {
                      return engine::QuoteRefund(reader, seller, request->spec(), now);
                    });
  }
  grpc::ServerUnaryReactor* IssueRefund(grpc::CallbackServerContext* context,
                                        const v1::IssueRefundRequest* request,
                                        v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/IssueRefund", request->parent(), "", request,
                      response, &engine::IssueRefund);
  }
  grpc::ServerUnaryReactor* SettleRefund(grpc::CallbackServerContext* context,
                                         const v1::SettleRefundRequest* request,
                                         v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/SettleRefund", request->name(), "refunds",
                      request, response, &engine::SettleRefund);
  }
  grpc::ServerUnaryReactor* ApproveRefund(grpc::CallbackServerContext* context,
                                          const v1::ApproveRefundRequest* request,
                                          v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/ApproveRefund", request->name(), "refunds",
                      request, response, &engine::ApproveRefund);
  }
  grpc::ServerUnaryReactor* CancelRefund(grpc::CallbackServerContext* context,
                                         const v1::CancelRefundRequest* request,
                                         v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/CancelRefund", request->name(), "refunds",
                      request, response, &engine::CancelRefund);
  }
  grpc::ServerUnaryReactor* RetryRefund(grpc::CallbackServerContext* context,
                                        const v1::RetryRefundRequest* request,
                                        v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/RetryRefund", request->name(), "refunds",
                      request, response, &engine::RetryRefund);
  }
  grpc::ServerUnaryReactor* ReverseRefund(grpc::CallbackServerContext* context,
                                          const v1::ReverseRefundRequest* request,
                                          v1::Refund* response) override {
    return RunCommand(context, engine_, "RefundService/ReverseRefund", request->name(), "refunds",
                      request, response, &engine::ReverseRefund);
  }
  grpc::ServerUnaryReactor* GetRefund(grpc::CallbackServerContext* context,
                                      const v1::GetRefundRequest* request,
                                      v1::Refund* response) override {
    return RunGet(context, engine_, request, response, "refunds",
                  [](store::Reader& reader, std::string_view seller,
                     std::string_view id) -> std::optional<v1::Refund> {
                    auto record = reader.FindRefund(seller, id);
                    if (!record) return std::nullopt;
                    return std::move(*record->mutable_state());
                  });
  }
  grpc::ServerUnaryReactor* ListRefunds(grpc::CallbackServerContext* context,
                                        const v1::ListRefundsRequest* request,
                                        v1::ListRefundsResponse* response) override {
    return RunList(
        context, engine_, request, response, "refunds",
        {"status", "channel", "order", "return_name"},
        [](const Filter& filter, std::string_view seller) -> absl::StatusOr<store::RefundFilter> {
          absl::Status status;
          store::RefundFilter wanted;
          Take(filter.Id("channel", seller, "channels"), &wanted.channel, &status);
          Take(filter.Id("order", seller, "orders"), &wanted.order, &status);
          Take(filter.Id("return_name", seller, "returns"), &wanted.return_id, &status);
          Take(filter.Enum<v1::Refund::Status>("status", "STATUS_"), &wanted.status, &status);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::RefundFilter& wanted,
           const std::vector<std::string>& position,
           int limit) { return reader.ListRefunds(seller, wanted, AfterId(position), limit); },
        &PlaceById<v1::Refund>,
        [](v1::Refund&& row, v1::ListRefundsResponse* page) {
          *page->add_refunds() = std::move(row);
          return absl::OkStatus();
        });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeRefundService(engine::Engine& engine) {
  return std::make_unique<RefundService>(engine);
}

}  // namespace aftersales::api
