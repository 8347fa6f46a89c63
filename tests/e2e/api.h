// A client of every service, for tests: one call is one line, and its answer keeps what the server
// said about a refusal.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "aftersales/v1/audit_service.grpc.pb.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "aftersales/v1/cost_service.grpc.pb.h"
#include "aftersales/v1/event_service.grpc.pb.h"
#include "aftersales/v1/exchange_service.grpc.pb.h"
#include "aftersales/v1/fact_service.grpc.pb.h"
#include "aftersales/v1/metrics_service.grpc.pb.h"
#include "aftersales/v1/order_service.grpc.pb.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "aftersales/v1/policy_service.grpc.pb.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "aftersales/v1/reconcile_service.grpc.pb.h"
#include "aftersales/v1/refund_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "aftersales/v1/shipment_service.grpc.pb.h"

namespace aftersales::e2e {

using Audits = v1::AuditService::Stub;
using Channels = v1::ChannelService::Stub;
using Costs = v1::CostService::Stub;
using Events = v1::EventService::Stub;
using Exchanges = v1::ExchangeService::Stub;
using Facts = v1::FactService::Stub;
using Metrics = v1::MetricsService::Stub;
using Orders = v1::OrderService::Stub;
using Plugins = v1::PluginService::Stub;
using Policies = v1::PolicyService::Stub;
using Queue = v1::QueueService::Stub;
using Reconciles = v1::ReconcileService::Stub;
using Refunds = v1::RefundService::Stub;
using Returns = v1::ReturnService::Stub;
using Shipments = v1::ShipmentService::Stub;

// What a refusal says to programs: the google.rpc details of its status.
struct Refusal {
  std::string reason;                           // ErrorInfo
  std::map<std::string, std::string> metadata;  // ErrorInfo
  std::vector<std::string> fields;              // BadRequest
};
Refusal RefusalOf(const grpc::Status& status);

template <typename T>
struct Reply {
  grpc::Status status;
  T value;
  bool replayed = false;  // trailing metadata `aftersales-replayed`

  bool ok() const { return status.ok(); }
  const T* operator->() const { return &value; }
  const T& operator*() const { return value; }
  grpc::StatusCode code() const { return status.error_code(); }
  std::string reason() const { return RefusalOf(status).reason; }
  std::string metadata(const std::string& key) const {
    const Refusal refusal = RefusalOf(status);
    const auto found = refusal.metadata.find(key);
    return found == refusal.metadata.end() ? "" : found->second;
  }
  std::vector<std::string> fields() const { return RefusalOf(status).fields; }
};

class Api {
 public:
  explicit Api(const std::string& address, std::string actor = "manager:mia");
  // Calls wait for a connection, as long as their time lasts, instead of failing without one.
  void WaitForConnection() { wait_for_connection_ = true; }

  // As the stub's method, with the actor's metadata and a deadline. `actor` is another one for this
  // call.
  template <typename Stub, typename Request, typename Response>
  Reply<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       const Request& request, absl::Duration timeout = absl::Seconds(20),
                       std::string_view actor = {}) const {
    Reply<Response> reply;
    grpc::ClientContext context;
    Prepare(context, timeout, actor);
    reply.status = (stub<Stub>().*method)(&context, request, &reply.value);
    const auto& trailing = context.GetServerTrailingMetadata();
    const auto replayed = trailing.find("aftersales-replayed");
    reply.replayed = replayed != trailing.end() && replayed->second == "true";
    return reply;
  }

  template <typename Stub>
  Stub& stub() const {
    return *std::get<std::unique_ptr<Stub>>(stubs_);
  }
  void Prepare(grpc::ClientContext& context, absl::Duration timeout = absl::Seconds(20),
               std::string_view actor = {}) const;
  // Sends a file as ImportReport wants it, in pieces of `piece` bytes.
  Reply<v1::ImportReportResponse> Import(const v1::ImportReportHeader& header,
                                         std::string_view file, size_t piece = 64 * 1024) const;
  // The channel itself, for calls that no stub can make.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::string actor_;
  bool wait_for_connection_ = false;
  std::shared_ptr<grpc::Channel> channel_;
  std::tuple<std::unique_ptr<Audits>, std::unique_ptr<Channels>, std::unique_ptr<Costs>,
             std::unique_ptr<Events>, std::unique_ptr<Exchanges>, std::unique_ptr<Facts>,
             std::unique_ptr<Reconciles>, std::unique_ptr<Metrics>, std::unique_ptr<Orders>,
             std::unique_ptr<Plugins>, std::unique_ptr<Policies>, std::unique_ptr<Queue>,
             std::unique_ptr<Refunds>, std::unique_ptr<Returns>, std::unique_ptr<Shipments>>
      stubs_;
};

}  // namespace aftersales::e2e
