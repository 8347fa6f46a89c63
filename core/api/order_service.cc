#include "absl/strings/numbers.h"
#include "aftersales/v1/order_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/list.h"
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
    return RunGet(context, engine_, request, response, "orders",
                  [](store::Reader& reader, std::string_view seller, std::string_view id) {
                    return reader.FindOrder(seller, id);
                  });
  }
  grpc::ServerUnaryReactor* ListOrders(grpc::CallbackServerContext* context,
                                       const v1::ListOrdersRequest* request,
                                       v1::ListOrdersResponse* response) override {
    return RunList(
        context, engine_, request, response, "orders",
        {"channel", "external_id", "fulfillment", "defective"},
        [](const Filter& filter, std::string_view seller) -> absl::StatusOr<store::OrderFilter> {
          absl::Status status;
          store::OrderFilter wanted;
          wanted.external_id = filter.Text("external_id");
          Take(filter.Id("channel", seller, "channels"), &wanted.channel, &status);
          Take(filter.Enum<v1::Fulfillment>("fulfillment", "FULFILLMENT_"), &wanted.fulfillment,
               &status);
          Take(filter.Bool("defective"), &wanted.defective, &status);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::OrderFilter& wanted,
           const std::vector<std::string>& position, int limit) {
          std::optional<std::pair<int64_t, std::string>> after;
          if (position.size() == 2) {
            int64_t placed_at = 0;
            (void)absl::SimpleAtoi(position[0], &placed_at);
            after.emplace(placed_at, position[1]);
          }
          return reader.ListOrders(seller, wanted, after, limit);
        },
        [](const v1::Order& row) -> std::vector<std::string> {
          return {Cat(calendar::ToMicros(row.placed_at())),
                  std::string(names::Split(row.name()).id)};
        },
        [](v1::Order&& row, v1::ListOrdersResponse* page) {
          *page->add_orders() = std::move(row);
          return absl::OkStatus();
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
