#include "aftersales/v1/policy_service.grpc.pb.h"

#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/domain/policy_book.h"
#include "core/domain/return_items.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

const v1::OrderLine* LineOf(const v1::Order& order, std::string_view line_id) {
  for (const v1::OrderLine& line : order.lines()) {
    if (line.line_id() == line_id) return &line;
  }
  return nullptr;
}

absl::StatusOr<v1::ExplainPolicyResponse> ExplainFor(store::Reader& reader,
                                                     const v1::ExplainPolicyRequest& request,
                                                     absl::Time now) {
  const names::Name name = names::Split(request.name());
  std::string channel_name = request.name();
  std::optional<v1::Order> order;
  if (name.collection == "orders") {
    order = reader.FindOrder(name.seller, name.id);
    if (!order) return NotFound(request.name());
    channel_name = order->channel();
  }
  const v1::OrderLine* line = nullptr;
  if (!request.line_id().empty()) {
    if (order) line = LineOf(*order, request.line_id());
    if (line == nullptr) {
      return InvalidField("line_id", "LINE_UNKNOWN",
                          order ? "the order has no such line" : "only an order has lines");
    }
  }
  engine::ChannelCache channels;
  const engine::ChannelInfo* channel = channels.Find(reader, channel_name);
  if (channel == nullptr) return NotFound(channel_name);
  const absl::Time at = request.has_at() ? calendar::FromProto(request.at()) : now;
  v1::ExplainPolicyResponse response;
  for (v1::PolicyValue& value : channel->policies.Explain(at, line, request.path())) {
    *response.add_values() = std::move(value);
  }
  return response;
}

void AddClauses(const engine::ChannelInfo& channel, absl::Time at, const v1::OrderLine* line,
                std::string_view path, v1::CheckPolicyResponse* response) {
  for (v1::PolicyValue& value : channel.policies.Explain(at, line, path)) {
    *response->add_clauses() = std::move(value);
  }
}

absl::StatusOr<v1::CheckPolicyResponse> CheckOne(store::Reader& reader, std::string_view seller,
                                                 std::string_view id, std::string_view full_name) {
  auto record = reader.FindReturn(seller, id);
  if (!record) return NotFound(full_name);
  const v1::Return& state = record->state();
  engine::ChannelCache channels;
  const engine::ChannelInfo* channel = channels.Find(reader, state.channel());
  if (channel == nullptr) return NotFound(state.channel());
  const absl::Time asked = calendar::FromProto(state.requested_at());
  std::optional<v1::Order> order;
  if (!state.order().empty()) order = reader.FindOrder(seller, names::Split(state.order()).id);

  v1::CheckPolicyResponse response;
  response.set_in_policy(state.validity().in_policy());
  response.set_rejection_counts(state.validity().in_policy() && !state.platform_managed());
  v1::Explanation* why = response.mutable_explanation();
  why->set_verdict(response.in_policy() ? "IN_POLICY" : "OUT_OF_POLICY");
  why->set_sentence(
      !response.in_policy() ? "The request is outside the return window; it may be rejected."
      : state.validity().reasons().empty()
          ? "The request is inside the return window; rejecting it counts against the account."
          : "No delivery date is known, so the request counts as inside the return window.");
  const auto input = [why](std::string_view name, std::string value) {
    v1::Explanation::Input* added = why->add_inputs();
    added->set_name(std::string(name));
    added->set_value(std::move(value));
  };
  input("requested_at", calendar::InstantText(asked));
  if (order && order->has_delivered_at()) {
    input("delivered_at", calendar::InstantText(calendar::FromProto(order->delivered_at())));
  }
  for (const std::string& reason : state.validity().reasons()) input("reason", reason);
  AddClauses(*channel, asked, nullptr, "return_response_hours", &response);
  bool window = false;
  for (const v1::ReturnItem& item : state.items()) {
    const v1::OrderLine* line = order ? OrderLineOf(*order, item) : nullptr;
    if (line == nullptr) continue;
    window = true;
    why->add_rules(Cat("return_window_days@", PolicyTag(channel->policies.At(asked, line))));
    AddClauses(*channel, asked, line, "return_window_days", &response);
  }
  if (!window) {
    why->add_rules(Cat("return_window_days@", PolicyTag(channel->policies.At(asked))));
    AddClauses(*channel, asked, nullptr, "return_window_days", &response);
  }
  return response;
}

class PolicyService final : public v1::PolicyService::CallbackService {
 public:
  explicit PolicyService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ExplainPolicy(grpc::CallbackServerContext* context,
                                          const v1::ExplainPolicyRequest* request,
                                          v1::ExplainPolicyResponse* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    const bool order = names::Parse(request->name(), "orders", "name").ok();
    if (!order) {
      auto name = names::Parse(request->name(), "channels", "name");
      if (!name.ok()) return FinishNow(context, name.status());
    }
    return RunQuery(context, engine_, response,
                    [request, now = engine_.Now()](store::Reader& reader) {
                      return ExplainFor(reader, *request, now);
                    });
  }
  grpc::ServerUnaryReactor* CheckPolicy(grpc::CallbackServerContext* context,
                                        const v1::CheckPolicyRequest* request,
                                        v1::CheckPolicyResponse* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
    auto name = names::Parse(request->name(), "returns", "name");
    if (!name.ok()) return FinishNow(context, name.status());
    return RunQuery(context, engine_, response, [name = *name, request](store::Reader& reader) {
      return CheckOne(reader, name.seller, name.id, request->name());
    });
  }
  grpc::ServerUnaryReactor* ProposePolicy(grpc::CallbackServerContext* context,
                                          const v1::ProposePolicyRequest* request,
                                          v1::PolicyVersion* response) override {
    return RunCommand(context, engine_, "PolicyService/ProposePolicy", request->parent(), "",
                      request, response, &engine::ProposePolicy);
  }
  grpc::ServerUnaryReactor* PublishPolicy(grpc::CallbackServerContext* context,
                                          const v1::PublishPolicyRequest* request,
                                          v1::PolicyVersion* response) override {
    return RunCommand(context, engine_, "PolicyService/PublishPolicy", request->name(), "policies",
                      request, response, &engine::PublishPolicy);
  }
  grpc::ServerUnaryReactor* RejectPolicy(grpc::CallbackServerContext* context,
                                         const v1::RejectPolicyRequest* request,
                                         v1::PolicyVersion* response) override {
    return RunCommand(context, engine_, "PolicyService/RejectPolicy", request->name(), "policies",
                      request, response, &engine::RejectPolicy);
  }
  grpc::ServerUnaryReactor* GetPolicyVersion(grpc::CallbackServerContext* context,
                                             const v1::GetPolicyVersionRequest* request,
                                             v1::PolicyVersion* response) override {
    return RunGet(context, engine_, request, response, "policies",
                  [request](store::Reader& reader, std::string_view seller,
                            std::string_view) -> std::optional<v1::PolicyVersion> {
                    for (v1::PolicyVersion& version : reader.ListPolicies(seller)) {
                      if (version.name() == request->name()) return std::move(version);
                    }
                    return std::nullopt;
                  });
  }
  grpc::ServerUnaryReactor* ListPolicyVersions(grpc::CallbackServerContext* context,
                                               const v1::ListPolicyVersionsRequest* request,
                                               v1::ListPolicyVersionsResponse* response) override {
    struct Wanted {
      std::optional<v1::PolicyVersion::State> state;
      std::optional<v1::PolicyLayer> layer;
      std::optional<std::string> key;
    };
    return RunList(
        context, engine_, request, response, "policies", {"state", "layer", "key"},
        [](const Filter& filter, std::string_view) -> absl::StatusOr<Wanted> {
          absl::Status status;
          Wanted wanted;
          Take(filter.Enum<v1::PolicyVersion::State>("state", "STATE_"), &wanted.state, &status);
          Take(filter.Enum<v1::PolicyLayer>("layer", "POLICY_LAYER_"), &wanted.layer, &status);
          if (filter.Has("key")) wanted.key = filter.Text("key");
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const Wanted& wanted,
           const std::vector<std::string>& position, int) {
          std::vector<v1::PolicyVersion> versions = reader.ListPolicies(seller);
          std::erase_if(versions, [&](const v1::PolicyVersion& version) {
            return (!position.empty() && version.name() <= position.front()) ||
                   (wanted.state && version.state() != *wanted.state) ||
                   (wanted.layer && version.layer() != *wanted.layer) ||
                   (wanted.key && version.key() != *wanted.key);
          });
          return versions;
        },
        [](const v1::PolicyVersion& row) -> std::vector<std::string> { return {row.name()}; },
        [](v1::PolicyVersion&& row, v1::ListPolicyVersionsResponse* page) {
          *page->add_policy_versions() = std::move(row);
          return absl::OkStatus();
        });
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePolicyService(engine::Engine& engine) {
  return std::make_unique<PolicyService>(engine);
}

}  // namespace aftersales::api
