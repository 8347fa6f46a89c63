#include "core/plugins/remote_services.h"

#include <google/protobuf/stubs/common.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/plugins/child_process.h"
#include "core/plugins/http_sender.h"
#include "core/plugins/unix_address.h"
#include "core/plugins/value_store.h"

namespace aftersales::plugins {
namespace {

// A disk that is busy takes no longer; nothing else is waited for.
constexpr auto kStoreTime = std::chrono::seconds(30);
// The host keeps to the time of a request itself; this is for one that does not.
constexpr auto kHttpTime = std::chrono::seconds(330);
constexpr absl::Duration kPoll = absl::Milliseconds(20);

absl::Status ToAbsl(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

// Whether it is text at all: gRPC would fail to send anything else, in words of its own.
bool IsText(std::string_view text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

}  // namespace

RemoteServices::RemoteServices(std::string socket, std::string token)
    : socket_(std::move(socket)), token_(std::move(token)) {}

RemoteServices::Stub& RemoteServices::stub() {
  absl::MutexLock lock(&mu_);
  if (stub_ == nullptr) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // A body at once rather than in pieces that each wait for the other side.
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kServiceMessageBytes);
    arguments.SetMaxReceiveMessageSize(kServiceMessageBytes);
    arguments.SetMaxSendMessageSize(kServiceMessageBytes);
    stub_ = plugin::v1::PluginHost::NewStub(grpc::CreateCustomChannel(
        UnixAddress(socket_), grpc::InsecureChannelCredentials(), arguments));
  }
  return *stub_;
}

void RemoteServices::Prepare(grpc::ClientContext* context, std::chrono::nanoseconds time) const {
  context->AddMetadata(kTokenMetadata, token_);
  context->set_deadline(std::chrono::system_clock::now() + time);
}

absl::Status RemoteServices::SendHttpRequest(const plugin::v1::SendHttpRequestRequest& request,
                                             const CancelledFn& cancelled,
                                             plugin::v1::SendHttpRequestResponse* response) {
  response->Clear();
  // What gRPC would refuse for its size is too large by the contract as well.
  if (request.ByteSizeLong() >= kServiceMessageBytes) {
    if (const auto checked = CheckHttpRequest(request); !checked.ok()) return checked.status();
  }
  grpc::ClientContext context;
  Prepare(&context, kHttpTime);
  grpc::Status status;
  absl::Notification done;
  stub().async()->SendHttpRequest(&context, &request, response, [&](grpc::Status ended) {
    status = std::move(ended);
    done.Notify();
  });
  bool gone = false;
  while (!done.WaitForNotificationWithTimeout(kPoll)) {
    if (gone || !cancelled || !cancelled()) continue;
    gone = true;
    context.TryCancel();
  }
  if (status.ok()) return absl::OkStatus();
  response->Clear();
  if (status.error_code() == grpc::StatusCode::CANCELLED && gone) {
    return absl::DeadlineExceededError("may have been done: its caller no longer waits");
  }
  // The host's own words begin with the method; others are of the way to it.
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE &&
      !absl::StartsWith(status.error_message(), request.method())) {
    return absl::UnknownError(
        absl::StrCat("may have been done: the host does not answer: ", status.error_message()));
  }
  return ToAbsl(status);
}

absl::StatusOr<std::string> RemoteServices::GetSecret(std::string_view key) {
  if (!IsText(key)) return absl::NotFoundError("there is no such setting");
  grpc::ClientContext context;
  Prepare(&context, kStoreTime);
  plugin::v1::GetSecretRequest request;
  request.set_key(std::string(key));
  plugin::v1::GetSecretResponse response;
  const grpc::Status status = stub().GetSecret(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  return std::move(*response.mutable_value());
}

absl::StatusOr<std::string> RemoteServices::GetValue(std::string_view key) {
  if (absl::Status status = ValueStore::CheckKey(key); !status.ok()) return status;
  grpc::ClientContext context;
  Prepare(&context, kStoreTime);
  plugin::v1::GetValueRequest request;
  request.set_key(std::string(key));
  plugin::v1::GetValueResponse response;
  const grpc::Status status = stub().GetValue(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  return std::move(*response.mutable_value());
}

absl::Status RemoteServices::PutValue(std::string_view key, std::string_view value) {
  if (absl::Status status = ValueStore::CheckKey(key); !status.ok()) return status;
  if (absl::Status status = ValueStore::CheckValue(value); !status.ok()) return status;
  grpc::ClientContext context;
  Prepare(&context, kStoreTime);
  plugin::v1::PutValueRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  plugin::v1::PutValueResponse response;
  return ToAbsl(stub().PutValue(&context, request, &response));
}

absl::Status RemoteServices::DeleteValue(std::string_view key) {
  if (absl::Status status = ValueStore::CheckKey(key); !status.ok()) return status;
  grpc::ClientContext context;
  Prepare(&context, kStoreTime);
  plugin::v1::DeleteValueRequest request;
  request.set_key(std::string(key));
  plugin::v1::DeleteValueResponse response;
  return ToAbsl(stub().DeleteValue(&context, request, &response));
}

}  // namespace aftersales::plugins
