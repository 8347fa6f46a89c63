#include "aftersales/v1/shipment_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/tracking.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

class ShipmentService final : public v1::ShipmentService::CallbackService {
 public:
  explicit ShipmentService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* UpsertShipment(grpc::CallbackServerContext* context,
                                           const v1::UpsertShipmentRequest* request,
                                           v1::Shipment* response) override {
    auto actor = ActorOf(*context);
    if (!actor.ok()) return FinishNow(context, actor.status());
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto* reactor = context->DefaultReactor();
    // The carriers judge the number on the read pool first: a transaction must not wait for them.
    const absl::Status queued = engine_.store().Read(
        [this, reactor, context, request, response, seller = *seller,
         actor = *std::move(actor)](store::Reader&) {
          v1::TrackingQuery query;
          query.set_tracking_number(request->shipment().tracking_number());
          query.set_carrier(request->shipment().carrier());
          query.set_scan_count(ScanCount(request->shipment()));
          const v1::TrackingVerdict verdict =
              engine::JudgeTracking(engine_.plugins(), engine_.Now(), {query}).front();
          engine_.Run<v1::UpsertShipmentRequest, v1::Shipment>(
              "ShipmentService/UpsertShipment", seller, actor, *request,
              [verdict](engine::Command& c, const v1::UpsertShipmentRequest& r) {
                v1::Shipment shipment = r.shipment();
                *shipment.mutable_verdict() = verdict;
                engine::Change change;
                return engine::StoreShipment(c, shipment, r.etag(), &change, r.replaces());
              },
              [reactor, context, response](absl::StatusOr<v1::Shipment> answer, bool replayed) {
                if (replayed) context->AddTrailingMetadata("aftersales-replayed", "true");
                if (answer.ok()) *response = std::move(*answer);
                reactor->Finish(ToGrpc(answer.status()));
              });
        },
        [reactor](const absl::Status& failed) { reactor->Finish(ToGrpc(failed)); });
    if (!queued.ok()) reactor->Finish(ToGrpc(queued));
    return reactor;
  }
  grpc::ServerUnaryReactor* ValidateTrackingNumbers(
      grpc::CallbackServerContext* context, const v1::ValidateTrackingNumbersRequest* request,
      v1::ValidateTrackingNumbersResponse* response) override {
    if (request->queries_size() < 1 || request->queries_size() > 1000) {
      return FinishNow(context, InvalidField("queries", "BAD_BATCH", "send 1 to 1000 numbers"));
    }
    for (int i = 0; i < request->queries_size(); ++i) {
      const v1::TrackingQuery& query = request->queries(i);
      if (query.tracking_number().empty() || query.tracking_number().size() > 100) {
        return FinishNow(context, InvalidField(Cat("queries[", i, "].tracking_number"),
                                               "BAD_TRACKING_NUMBER", "1 to 100 bytes"));
      }
      if (query.scan_count() < 0) {
        return FinishNow(context, InvalidField(Cat("queries[", i, "].scan_count"), "BAD_QUANTITY",
                                               "at least 0"));
      }
    }
    return RunQuery(
        context, engine_, response,
        [this, request](store::Reader&) -> absl::StatusOr<v1::ValidateTrackingNumbersResponse> {
          v1::ValidateTrackingNumbersResponse answer;
          for (v1::TrackingVerdict& verdict :
               engine::JudgeTracking(engine_.plugins(), engine_.Now(),
                                     {request->queries().begin(), request->queries().end()})) {
            *answer.add_verdicts() = std::move(verdict);
          }
          return answer;
        });
  }
  grpc::ServerUnaryReactor* GetShipment(grpc::CallbackServerContext* context,
                                        const v1::GetShipmentRequest* request,
                                        v1::Shipment* response) override {
    auto name = names::Parse(request->name(), "shipments", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response,
                    [name = *name, request,
                     now = engine_.Now()](store::Reader& reader) -> absl::StatusOr<v1::Shipment> {
                      (void)now;
                      auto shipment = reader.FindShipment(name.seller, name.id);
                      if (!shipment) return NotFound(request->name());
                      return *std::move(shipment);
                    });
  }
  grpc::ServerUnaryReactor* ListShipments(grpc::CallbackServerContext* context,
                                          const v1::ListShipmentsRequest* request,
                                          v1::ListShipmentsResponse* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter = Filter::Parse(request->filter(),
                                {"channel", "order_external_id", "tracking_number", "validity"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    const PageTokens tokens(engine_.store().Secret(),
                            Cat("shipments\n", request->parent(), "\n", request->filter()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    store::ShipmentFilter wanted;
    auto channel = filter->Id("channel", *seller, "channels");
    if (!channel.ok()) return FinishNow(context, channel.status());
    wanted.channel = *channel;
    wanted.order_external_id = filter->Text("order_external_id");
    wanted.tracking_number = NormalizeTrackingNumber(filter->Text("tracking_number"));
    auto validity =
        filter->Enum("validity", v1::TrackingVerdict::Validity_descriptor(), "VALIDITY_");
    if (!validity.ok()) return FinishNow(context, validity.status());
    if (*validity) wanted.validity = static_cast<v1::TrackingVerdict::Validity>(**validity);
    return RunQuery(context, engine_, response,
                    [=, seller = *seller, size = *size, position = *std::move(position)](
                        store::Reader& reader) -> absl::StatusOr<v1::ListShipmentsResponse> {
                      auto rows = reader.ListShipments(
                          seller, wanted, position.empty() ? "" : position[0], size + 1);
                      v1::ListShipmentsResponse page;
                      if (static_cast<int>(rows.size()) > size) {
                        rows.resize(size);
                        page.set_next_page_token(
                            tokens.Make({std::string(names::Split(rows.back().name()).id)}));
                      }
                      for (v1::Shipment& row : rows) {
                        *page.add_shipments() = std::move(row);
                      }
                      return page;
                    });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeShipmentService(engine::Engine& engine) {
  return std::make_unique<ShipmentService>(engine);
}

}  // namespace aftersales::api
