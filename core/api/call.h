// The one way in which a method runs: check, hand over, finish, whatever happens.
//
// A reactor never blocks and never throws: every handler goes through here. It gets its actor from
// the metadata and its work on the writer or the read pool; an exception becomes INTERNAL instead
// of a call that never ends.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "core/api/status_grpc.h"
#include "core/domain/resource_names.h"
#include "core/engine/engine.h"
#include "core/status/refusal.h"
#include "core/status/wellformed.h"

namespace aftersales::api {

// The actor of a call: metadata `aftersales-actor`, as `operator:alice` or `manager`. OPERATOR when
// it is not given. INVALID_ARGUMENT `BAD_ACTOR`; only people and rules may call.
absl::StatusOr<v1::Actor> ActorOf(const grpc::ServerContextBase& context);

// Finishes at once.
inline grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context,
                                           const absl::Status& status) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

absl::Status FromException(std::string_view what);

// The seller in a parent (`sellers/{seller}`, with an empty collection) or in a resource name.
// INVALID_ARGUMENT `BAD_NAME` on `parent` or `name`.
absl::StatusOr<std::string_view> SellerOf(std::string_view name, std::string_view collection);

// A query: runs on the read pool and answers what it returns.
template <typename Response, typename Query>
grpc::ServerUnaryReactor* RunQuery(grpc::CallbackServerContext* context, engine::Engine& engine,
                                   Response* response, Query query) {
  auto* reactor = context->DefaultReactor();
  const absl::Status queued = engine.store().Read(
      [reactor, context, response, query = std::move(query)](store::Reader& reader) {
        // Nobody waits any more.
        if (context->IsCancelled()) {
          reactor->Finish(grpc::Status::CANCELLED);
          return;
        }
        absl::StatusOr<Response> answer = absl::InternalError("no answer");
        try {
          answer = query(reader);
        } catch (const store::Error&) {
          throw;  // the pool reports it
        } catch (const std::exception& e) {
          answer = FromException(e.what());
        }
        if (answer.ok()) *response = std::move(*answer);
        reactor->Finish(ToGrpc(answer.status()));
      },
      [reactor](const absl::Status& failed) { reactor->Finish(ToGrpc(failed)); });
  if (!queued.ok()) reactor->Finish(ToGrpc(queued));
  return reactor;
}

// Gets one resource by its name. `find` is (reader, seller, id) -> optional<Response>.
template <typename Request, typename Response, typename Find>
grpc::ServerUnaryReactor* RunGet(grpc::CallbackServerContext* context, engine::Engine& engine,
                                 const Request* request, Response* response,
                                 std::string_view collection, Find find) {
  if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
  auto name = names::Parse(request->name(), collection, "name");
  if (!name.ok()) return FinishNow(context, name.status());
  return RunQuery(context, engine, response,
                  [name = *name, request,
                   find = std::move(find)](store::Reader& reader) -> absl::StatusOr<Response> {
                    std::optional<Response> found = find(reader, name.seller, name.id);
                    if (!found) return NotFound(request->name());
                    return *std::move(found);
                  });
}

// A mutation: runs on the writer, and finishes when it is durable. `name` is the resource that it
// changes, of `collection`; or the parent, with an empty collection.
template <typename Request, typename Response>
grpc::ServerUnaryReactor* RunCommand(
    grpc::CallbackServerContext* context, engine::Engine& engine, std::string_view method,
    std::string_view name, std::string_view collection, const Request* request, Response* response,
    absl::StatusOr<Response> (*command)(engine::Command&, const Request&)) {
  if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
  auto actor = ActorOf(*context);
  if (!actor.ok()) return FinishNow(context, actor.status());
  auto seller = SellerOf(name, collection);
  if (!seller.ok()) return FinishNow(context, seller.status());
  auto* reactor = context->DefaultReactor();
  engine.Run<Request, Response>(
      method, *seller, *std::move(actor), *request, command,
      [reactor, context, response](absl::StatusOr<Response> answer, bool replayed) {
        if (replayed) context->AddTrailingMetadata("aftersales-replayed", "true");
        if (answer.ok()) *response = std::move(*answer);
        reactor->Finish(ToGrpc(answer.status()));
      });
  return reactor;
}

}  // namespace aftersales::api
