// Calls to a running host: stubs, deadlines, one careful retry, errors with their details.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/host/cli/terminal.h"

namespace aftersales::cli {

// How a program ends; documented in `aftersales --help`.
enum ExitCode : int {
  kExitOk = 0,
  kExitRefused = 1,      // a rule of the host or the state of the object forbids it
  kExitUsage = 2,        // the command line or an argument is wrong
  kExitNotFound = 3,     // no such resource
  kExitUnavailable = 4,  // no host answers, or not in time
  kExitSkippedRows = 5,  // an import finished, but rows were skipped
  kExitInternal = 70,    // a fault of the program (EX_SOFTWARE)
};

ExitCode ExitCodeOf(const absl::Status& status);

// Writes the sentence, the reason, each field with its fix and the figures, to `terminal.err`; as
// one JSON object when `json`.
void PrintError(const Terminal& terminal, const absl::Status& status, bool json);

// A random UUID (RFC 9562, version 4) for `request_id`.
std::string NewRequestId();

// A connection to one host. Calls may be made from any thread.
class Client {
 public:
  // `address` is `host:port`; `actor` says in what capacity the caller acts, such as
  // `manager:alice`, or is empty. Nothing is sent before the first call.
  Client(std::string address, absl::Duration timeout, std::string actor = "");

  const std::string& address() const { return address_; }

  // A unary call that reads, such as
  //   client.Call(&v1::ReturnService::Stub::GetReturn, request, &response)
  // UNAVAILABLE says in plain words that no host answers.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response* response) const {
    Stub stub(channel_);
    const std::unique_ptr<grpc::ClientContext> context = NewContext();
    return ToStatus((stub.*method)(context.get(), request, response));
  }

  // A unary call that changes something. It carries a request id, so that the one retry after a
  // lost connection cannot do the thing twice.
  template <typename Stub, typename Request, typename Response>
  absl::Status Mutate(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      Request request, Response* response) const {
    if (request.request_id().empty()) request.set_request_id(NewRequestId());
    absl::Status status = Call(method, request, response);
    if (!absl::IsUnavailable(status) || !Reconnect()) return status;
    return Call(method, request, response);
  }

  // Reads pages until `limit` items (0: all of them). `take` gets each page and says how many
  // items it held. `*more` tells whether there was more than was taken.
  template <typename Stub, typename Request, typename Response, typename Take>
  absl::Status Pages(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     Request request, int limit, Take take, bool* more) const {
    constexpr int kPageMax = 1000;  // the services' own limit
    int taken = 0;
    do {
      request.set_page_size(limit > 0 ? std::min(limit - taken, kPageMax) : kPageMax);
      Response page;
      if (absl::Status status = Call(method, request, &page); !status.ok()) return status;
      taken += take(page);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty() && (limit <= 0 || taken < limit));
    *more = !request.page_token().empty();
    return absl::OkStatus();
  }

  // For streams: the channel, a context with this client's deadline (none when `endless`), and
  // the translation of their final status.
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  std::unique_ptr<grpc::ClientContext> NewContext(bool endless = false) const;
  absl::Status ToStatus(const grpc::Status& status) const;

 private:
  // Whether a connection came back within a moment.
  bool Reconnect() const;

  std::string address_;
  absl::Duration timeout_;
  std::string actor_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace aftersales::cli
