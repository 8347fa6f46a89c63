#include "absl/strings/numbers.h"
#include "aftersales/v1/order_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

class OrderService final : public v1::OrderService::CallbackService {
 public:
  explicit OrderService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* UpsertOrder(grpc::CallbackServerContext* context,
                                        const v1::UpsertOrderRequest* request,
                                        v1::Order* response) override {
    return RunCommand(context, engine_, "OrderService/UpsertOrder", request->parent(), "", request,
                      response, &engine::UpsertOrder);
  }
  grpc::ServerUnaryReactor* BatchUpsertOrders(grpc::CallbackServerContext* context,
                                              const v1::BatchUpsertOrdersRequest* request,
                                              v1::BatchUpsertOrdersResponse* response) override {
    return RunCommand(context, engine_, "OrderService/BatchUpsertOrders", request->parent(), "",
                      request, response, &engine::BatchUpsertOrders);
  }
  grpc::ServerUnaryReactor* GetOrder(grpc::CallbackServerContext* context,
                                     const v1::GetOrderRequest* request,
                                     v1::Order* response) override {
    auto name = names::Parse(request->name(), "orders", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request,
                     now = engine_.Now()](store::Reader& reader) -> absl::StatusOr<v1::Order> {
                      (void)now;
                      auto order = reader.FindOrder(name.seller, name.id);
                      if (!order) return NotFound(request->name());
                      return *std::move(order);
                    });
  }
  grpc::ServerUnaryReactor* ListOrders(grpc::CallbackServerContext* context,
                                       const v1::ListOrdersRequest* request,
                                       v1::ListOrdersResponse* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter =
        Filter::Parse(request->filter(), {"channel", "external_id", "fulfillment", "defective"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("orders\n", request->parent(), "\n", request->filter()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    store::OrderFilter wanted;
    wanted.external_id = filter->Text("external_id");
    auto channel = filter->Id("channel", *seller, "channels");
    if (!channel.ok()) return FinishNow(context, channel.status());
    wanted.channel = *channel;
    auto fulfillment = filter->Enum("fulfillment", v1::Fulfillment_descriptor(), "FULFILLMENT_");
    if (!fulfillment.ok()) return FinishNow(context, fulfillment.status());
    if (*fulfillment) wanted.fulfillment = static_cast<v1::Fulfillment>(**fulfillment);
    auto defective = filter->Bool("defective");
    if (!defective.ok()) return FinishNow(context, defective.status());
    wanted.defective = *defective;
    return RunQuery(context, engine_, response,
                    [=, seller = *seller, size = *size, position = *std::move(position)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListOrdersResponse> {
                      std::optional<std::pair<int64_t, std::string>> after;
                      if (position.size() == 2) {
                        int64_t placed_at = 0;
                        (void)absl::SimpleAtoi(position[0], &placed_at);
                        after.emplace(placed_at, position[1]);
                      }
                      auto rows = reader.ListOrders(seller, wanted, after, size + 1);
                      v1::ListOrdersResponse page;
                      if (static_cast<int>(rows.size()) > size) {
                        rows.resize(size);
                        page.set_next_page_token(
                            tokens.Make({Cat(calendar::ToMicros(rows.back().placed_at())),
                                         std::string(names::Split(rows.back().name()).id)}));
                      }
                      for (v1::Order& row : rows) {
                        *page.add_orders() = std::move(row);
                      }
                      return page;
                    });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeOrderService(engine::Engine& engine) {
  return std::make_unique<OrderService>(engine);
}

}  // namespace aftersales::api
