// A client that repeats every call blindly, with its request id, until it is answered.
#pragma once

#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/engine/clock.h"
#include "tests/crash/ledger.h"
#include "tests/e2e/api.h"

namespace aftersales::crash {

// The walk cannot go on; the ledger says why.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Client {
 public:
  Client(const e2e::Api& api, const Clock& clock, Ledger& ledger, uint64_t seed)
      : api_(api), clock_(clock), ledger_(ledger), random_(seed) {}

  // A read: repeated, and nobody is told.
  template <typename Stub, typename Request, typename Response>
  Response Read(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request) {
    e2e::Reply<Response> reply = Answer(method, request);
    if (!reply.ok()) Break(request, reply.status);
    return std::move(reply.value);
  }

  // A write, under a new request id. Broken when it is refused. `actor` is who asks, where it is
  // not the client's own.
  template <typename Stub, typename Request, typename Response>
  Response Write(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 Request request, const std::string& actor = "") {
    request.set_request_id(NewId());
    e2e::Reply<Response> reply = Answer(method, request, actor);
    if (!reply.ok()) Break(request, reply.status);
    std::string name;
    std::string etag;
    if constexpr (requires { reply->etag(); }) {
      name = reply->name();
      etag = reply->etag();
    }
    std::string bytes = reply->SerializeAsString();
    ledger_.Acknowledge(
        name, etag, [method, request, actor, bytes = std::move(bytes)](const e2e::Api& api) {
          const e2e::Reply<Response> again = api.Call(method, request, absl::Seconds(20), actor);
          const std::string what =
              absl::StrCat(request.GetTypeName(), " ", request.request_id(), ": ");
          if (!again.ok()) return what + again.status.error_message();
          if (!again.replayed) return what + "was done again";
          if (again->SerializeAsString() != bytes) return what + "is answered otherwise now";
          return std::string();
        });
    return std::move(reply.value);
  }

  // A write that has to be refused with this reason, however often it is repeated.
  template <typename Stub, typename Request, typename Response>
  void Refused(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
               Request request, const std::string& reason, const std::string& actor = "") {
    request.set_request_id(NewId());
    const e2e::Reply<Response> reply = Answer(method, request, actor);
    if (reply.ok() || reply.reason() != reason) {
      Break(request, grpc::Status(grpc::StatusCode::INTERNAL, "not refused with " + reason +
                                                                  " but: " + reply.reason() + " " +
                                                                  reply.status.error_message()));
    }
  }

  absl::Time Now() const { return clock_.Now(); }
  Ledger& ledger() { return ledger_; }
  // As long as a UUID.
  std::string NewId() {
    return absl::StrCat(absl::Hex(random_(), absl::kZeroPad16), "-",
                        absl::Hex(random_(), absl::kZeroPad16));
  }
  [[noreturn]] void Break(const google::protobuf::Message& request, const grpc::Status& status) {
    const std::string what = absl::StrCat(request.GetTypeName(), " {", request.ShortDebugString(),
                                          "}: ", status.error_message());
    ledger_.Wrong(what);
    throw Broken(what);
  }

 private:
  template <typename Stub, typename Request, typename Response>
  e2e::Reply<Response> Answer(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, const std::string& actor = "") {
    const absl::Time until = absl::Now() + absl::Minutes(2);
    while (true) {
      e2e::Reply<Response> reply = api_.Call(method, request, absl::Seconds(5), actor);
      switch (reply.code()) {
        case grpc::StatusCode::UNAVAILABLE:
        case grpc::StatusCode::DEADLINE_EXCEEDED:
        case grpc::StatusCode::RESOURCE_EXHAUSTED:
        case grpc::StatusCode::CANCELLED:  // with the connection
        case grpc::StatusCode::UNKNOWN:    // broken off in the answer
          break;
        case grpc::StatusCode::ABORTED:
          if (reply.reason() != "IN_PROGRESS") return reply;
          break;
        default:
          return reply;
      }
      if (absl::Now() > until) return reply;
      absl::SleepFor(absl::Milliseconds(5 + random_() % 15));
    }
  }

  const e2e::Api& api_;
  const Clock& clock_;
  Ledger& ledger_;
  std::mt19937_64 random_;
};

}  // namespace aftersales::crash
