#include "aftersales/v1/refund_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
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
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    return RunQuery(context, engine_, response, [seller = *seller, request](store::Reader& reader) {
      return engine::QuoteRefund(reader, seller, request->spec());
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
  grpc::ServerUnaryReactor* GetRefund(grpc::CallbackServerContext* context,
                                      const v1::GetRefundRequest* request,
                                      v1::Refund* response) override {
    auto name = names::Parse(request->name(), "refunds", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request,
                     now = engine_.Now()](store::Reader& reader) -> absl::StatusOr<v1::Refund> {
                      (void)now;
                      auto record = reader.FindRefund(name.seller, name.id);
                      if (!record) return NotFound(request->name());
                      return std::move(*record->mutable_state());
                    });
  }
  grpc::ServerUnaryReactor* ListRefunds(grpc::CallbackServerContext* context,
                                        const v1::ListRefundsRequest* request,
                                        v1::ListRefundsResponse* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter = Filter::Parse(request->filter(), {"status", "channel", "order", "return_name"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("refunds\n", request->parent(), "\n", request->filter()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    store::RefundFilter wanted;
    auto channel = filter->Id("channel", *seller, "channels");
    if (!channel.ok()) return FinishNow(context, channel.status());
    wanted.channel = *channel;
    auto order = filter->Id("order", *seller, "orders");
    if (!order.ok()) return FinishNow(context, order.status());
    wanted.order = *order;
    auto return_id = filter->Id("return_name", *seller, "returns");
    if (!return_id.ok()) return FinishNow(context, return_id.status());
    wanted.return_id = *return_id;
    auto status = filter->Enum("status", v1::Refund::Status_descriptor(), "STATUS_");
    if (!status.ok()) return FinishNow(context, status.status());
    if (*status) wanted.status = static_cast<v1::Refund::Status>(**status);
    return RunQuery(context, engine_, response,
                    [=, seller = *seller, size = *size, position = *std::move(position)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListRefundsResponse> {
                      auto rows = reader.ListRefunds(seller, wanted,
                                                     position.empty() ? "" : position[0], size + 1);
                      v1::ListRefundsResponse page;
                      if (static_cast<int>(rows.size()) > size) {
                        rows.resize(size);
                        page.set_next_page_token(
                            tokens.Make({std::string(names::Split(rows.back().name()).id)}));
                      }
                      for (v1::Refund& row : rows) {
                        *page.add_refunds() = std::move(row);
                      }
                      return page;
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
