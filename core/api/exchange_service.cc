#include "aftersales/v1/exchange_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/exchange_fold.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

class ExchangeService final : public v1::ExchangeService::CallbackService {
 public:
  explicit ExchangeService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* OfferExchange(grpc::CallbackServerContext* context,
                                          const v1::OfferExchangeRequest* request,
                                          v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/OfferExchange", request->parent(), "",
                      request, response, &engine::OfferExchange);
  }
  grpc::ServerUnaryReactor* AcceptExchange(grpc::CallbackServerContext* context,
                                           const v1::AcceptExchangeRequest* request,
                                           v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/AcceptExchange", request->name(),
                      "exchanges", request, response, &engine::AcceptExchange);
  }
  grpc::ServerUnaryReactor* DeclineExchange(grpc::CallbackServerContext* context,
                                            const v1::DeclineExchangeRequest* request,
                                            v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/DeclineExchange", request->name(),
                      "exchanges", request, response, &engine::DeclineExchange);
  }
  grpc::ServerUnaryReactor* ReserveExchange(grpc::CallbackServerContext* context,
                                            const v1::ReserveExchangeRequest* request,
                                            v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/ReserveExchange", request->name(),
                      "exchanges", request, response, &engine::ReserveExchange);
  }
  grpc::ServerUnaryReactor* RecordExchangePayment(grpc::CallbackServerContext* context,
                                                  const v1::RecordExchangePaymentRequest* request,
                                                  v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/RecordExchangePayment", request->name(),
                      "exchanges", request, response, &engine::RecordExchangePayment);
  }
  grpc::ServerUnaryReactor* ShipExchange(grpc::CallbackServerContext* context,
                                         const v1::ShipExchangeRequest* request,
                                         v1::Exchange* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto actor = ActorOf(*context);
    if (!actor.ok()) return FinishNow(context, actor.status());
    auto seller = SellerOf(request->name(), "exchanges");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto* reactor = context->DefaultReactor();
    // The carriers judge the number on the read pool first: a transaction must not wait for them.
    const absl::Status queued = engine_.store().Read(
        [this, reactor, context, request, response, seller = *seller,
         actor = *std::move(actor)](store::Reader&) {
          v1::TrackingQuery query;
          query.set_tracking_number(request->shipment().tracking_number());
          query.set_carrier(request->shipment().carrier());
          const v1::TrackingVerdict verdict =
              engine::JudgeTracking(engine_.plugins(), engine_.Now(), {query}).front();
          engine_.Run<v1::ShipExchangeRequest, v1::Exchange>(
              "ExchangeService/ShipExchange", seller, actor, *request,
              [verdict](engine::Command& c, const v1::ShipExchangeRequest& r) {
                v1::ShipExchangeRequest judged = r;
                *judged.mutable_shipment()->mutable_verdict() = verdict;
                return engine::ShipExchange(c, judged);
              },
              [reactor, context, response](absl::StatusOr<v1::Exchange> answer, bool replayed) {
                if (replayed) context->AddTrailingMetadata("aftersales-replayed", "true");
                if (answer.ok()) *response = std::move(*answer);
                reactor->Finish(ToGrpc(answer.status()));
              });
        },
        [reactor](const absl::Status& failed) { reactor->Finish(ToGrpc(failed)); });
    if (!queued.ok()) reactor->Finish(ToGrpc(queued));
    return reactor;
  }
  grpc::ServerUnaryReactor* DeliverExchange(grpc::CallbackServerContext* context,
                                            const v1::DeliverExchangeRequest* request,
                                            v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/DeliverExchange", request->name(),
                      "exchanges", request, response, &engine::DeliverExchange);
  }
  grpc::ServerUnaryReactor* CompleteExchange(grpc::CallbackServerContext* context,
                                             const v1::CompleteExchangeRequest* request,
                                             v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/CompleteExchange", request->name(),
                      "exchanges", request, response, &engine::CompleteExchange);
  }
  grpc::ServerUnaryReactor* CancelExchange(grpc::CallbackServerContext* context,
                                           const v1::CancelExchangeRequest* request,
                                           v1::Exchange* response) override {
    return RunCommand(context, engine_, "ExchangeService/CancelExchange", request->name(),
                      "exchanges", request, response, &engine::CancelExchange);
  }
  grpc::ServerUnaryReactor* GetExchange(grpc::CallbackServerContext* context,
                                        const v1::GetExchangeRequest* request,
                                        v1::Exchange* response) override {
    return RunGet(context, engine_, request, response, "exchanges",
                  [now = engine_.Now()](store::Reader& reader, std::string_view seller,
                                        std::string_view id) -> std::optional<v1::Exchange> {
                    auto record = reader.FindExchange(seller, id);
                    if (!record) return std::nullopt;
                    PresentDeadlines(now, record->mutable_state());
                    return std::move(*record->mutable_state());
                  });
  }
  grpc::ServerUnaryReactor* ListExchanges(grpc::CallbackServerContext* context,
                                          const v1::ListExchangesRequest* request,
                                          v1::ListExchangesResponse* response) override {
    return RunList(
        context, engine_, request, response, "exchanges",
        {"status", "channel", "order", "replacement_order", "return_name"},
        [](const Filter& filter, std::string_view seller) -> absl::StatusOr<store::ExchangeFilter> {
          absl::Status status;
          store::ExchangeFilter wanted;
          Take(filter.Id("channel", seller, "channels"), &wanted.channel, &status);
          Take(filter.Id("order", seller, "orders"), &wanted.order, &status);
          Take(filter.Id("replacement_order", seller, "orders"), &wanted.replacement_order,
               &status);
          Take(filter.Id("return_name", seller, "returns"), &wanted.return_id, &status);
          Take(filter.Enum<v1::Exchange::Status>("status", "STATUS_"), &wanted.status, &status);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::ExchangeFilter& wanted,
           const std::vector<std::string>& position,
           int limit) { return reader.ListExchanges(seller, wanted, AfterId(position), limit); },
        &PlaceById<v1::Exchange>,
        [now = engine_.Now()](v1::Exchange&& row, v1::ListExchangesResponse* page) {
          PresentDeadlines(now, &row);
          *page->add_exchanges() = std::move(row);
          return absl::OkStatus();
        });
  }
  grpc::ServerUnaryReactor* RecordStock(grpc::CallbackServerContext* context,
                                        const v1::RecordStockRequest* request,
                                        v1::RecordStockResponse* response) override {
    return RunCommand(context, engine_, "ExchangeService/RecordStock", request->parent(), "",
                      request, response, &engine::RecordStock);
  }
  grpc::ServerUnaryReactor* ListStockLevels(grpc::CallbackServerContext* context,
                                            const v1::ListStockLevelsRequest* request,
                                            v1::ListStockLevelsResponse* response) override {
    return RunList(
        context, engine_, request, response, "stockLevels", {"sku"},
        [](const Filter& filter, std::string_view) -> absl::StatusOr<std::string> {
          return filter.Text("sku");
        },
        [](store::Reader& reader, std::string_view seller, const std::string& sku,
           const std::vector<std::string>& position, int limit) {
          std::optional<std::pair<std::string, std::string>> after;
          if (position.size() == 2) after.emplace(position[0], position[1]);
          return reader.ListStockLevels(seller, sku, after, limit);
        },
        [](const v1::StockLevel& row) -> std::vector<std::string> {
          return {row.sku(), row.location()};
        },
        [](v1::StockLevel&& row, v1::ListStockLevelsResponse* page) {
          *page->add_stock_levels() = std::move(row);
          return absl::OkStatus();
        });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeExchangeService(engine::Engine& engine) {
  return std::make_unique<ExchangeService>(engine);
}

}  // namespace aftersales::api
