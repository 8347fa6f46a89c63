#include "core/plugins/services_server.h"

#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "aftersales/plugin/v1/plugin_host_service.grpc.pb.h"
#include "core/net/listener.h"
#include "core/plugins/child_process.h"
#include "core/plugins/unix_address.h"
#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

constexpr int kCallsMax = 64;
// A process has one connection for all its calls, or one for each of its threads.
constexpr int kConnectionsOfAProcessMax = 64;
constexpr int kConnectionsMax = 512;
// Of one connection all may wait: one that is refused at once would come back at once.
constexpr int kWaitingCallsMax = 2 * kCallsMax;
constexpr double kCallsPerSecond = 1000;
constexpr double kCallsBurst = 1000;
// How often it is seen whether the caller still waits.
constexpr absl::Duration kWaitSlice = absl::Milliseconds(20);
constexpr size_t kTokenBytes = 32;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

ServicesSlot::ServicesSlot() : bucket_(kCallsPerSecond, kCallsBurst, SteadyNow()) {}

void ServicesSlot::Set(std::shared_ptr<PluginServices> services) {
  absl::MutexLock lock(&mu_);
  services_ = std::move(services);
}

std::shared_ptr<PluginServices> ServicesSlot::Get() const {
  absl::ReaderMutexLock lock(&mu_);
  return services_;
}

bool ServicesSlot::Enter(const CancelledFn& cancelled) {
  if (waiting_.fetch_add(1) >= kWaitingCallsMax) {
    waiting_.fetch_sub(1);
    return false;
  }
  const absl::Cleanup waits = [this] { waiting_.fetch_sub(1); };
  absl::Duration until = SteadyNow();
  {
    absl::MutexLock lock(&mu_);
    until += bucket_.Wait(until);
    bucket_.Take();
  }
  for (absl::Duration now = SteadyNow(); now < until; now = SteadyNow()) {
    if (cancelled && cancelled()) return false;
    absl::SleepFor(std::min(kWaitSlice, until - now));
  }
  if (calls_.fetch_add(1) < kCallsMax) return true;
  calls_.fetch_sub(1);
  return false;
}

void ServicesSlot::Leave() { calls_.fetch_sub(1); }

class ServicesServer::Service : public plugin::v1::PluginHost::Service {
 public:
  explicit Service(const ServicesServer& server) : server_(server) {}

 private:
  using Context = grpc::ServerContext;

  grpc::Status SendHttpRequest(Context* context, const plugin::v1::SendHttpRequestRequest* request,
                               plugin::v1::SendHttpRequestResponse* response) override {
    return With(context, [&](PluginServices& services) {
      return services.SendHttpRequest(
          *request, [context] { return context->IsCancelled(); }, response);
    });
  }
  grpc::Status GetSecret(Context* context, const plugin::v1::GetSecretRequest* request,
                         plugin::v1::GetSecretResponse* response) override {
    return With(context, [&](PluginServices& services) {
      const auto value = services.GetSecret(request->key());
      if (value.ok()) response->set_value(*value);
      return value.status();
    });
  }
  grpc::Status GetValue(Context* context, const plugin::v1::GetValueRequest* request,
                        plugin::v1::GetValueResponse* response) override {
    return With(context, [&](PluginServices& services) {
      const auto value = services.GetValue(request->key());
      if (value.ok()) response->set_value(*value);
      return value.status();
    });
  }
  grpc::Status PutValue(Context* context, const plugin::v1::PutValueRequest* request,
                        plugin::v1::PutValueResponse*) override {
    return With(context, [&](PluginServices& services) {
      return services.PutValue(request->key(), request->value());
    });
  }
  grpc::Status DeleteValue(Context* context, const plugin::v1::DeleteValueRequest* request,
                           plugin::v1::DeleteValueResponse*) override {
    return With(context,
                [&](PluginServices& services) { return services.DeleteValue(request->key()); });
  }

  // `body` with the services of the plugin that calls.
  template <typename Body>
  grpc::Status With(Context* context, Body body) {
    const auto& metadata = context->client_metadata();
    const auto token = metadata.find(kTokenMetadata);
    std::shared_ptr<ServicesSlot> slot;
    if (token != metadata.end() && metadata.count(kTokenMetadata) == 1) {
      slot = server_.Find({token->second.data(), token->second.size()});
    }
    if (slot == nullptr) {
      return {grpc::StatusCode::UNAUTHENTICATED,
              absl::StrCat("send the metadata `", kTokenMetadata, "` with the value of ",
                           kTokenVariable, ", as this process got it")};
    }
    if (!slot->Enter([context] { return context->IsCancelled(); })) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED,
              absl::StrCat(kCallsMax,
                           " calls of the plugin to the host are under way; try again "
                           "later")};
    }
    absl::Cleanup leave = [&] { slot->Leave(); };
    const std::shared_ptr<PluginServices> services = slot->Get();
    if (services == nullptr) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "the host does not know the plugin before Configure; ask then"};
    }
    return ToGrpc(body(*services));
  }

  const ServicesServer& server_;
};

absl::StatusOr<std::unique_ptr<ServicesServer>> ServicesServer::Start(const std::string& socket) {
  std::unique_ptr<ServicesServer> server(new ServicesServer(socket));
  const auto cannot_listen = [&](std::string_view why) {
    return absl::FailedPreconditionError(
        Cat("the host cannot listen at ", socket, " for its plugins: ", why,
            "; use a shorter --data-dir, or one that can be written"));
  };
  auto listener = net::Listener::AtSocket(socket, {kConnectionsMax, kConnectionsOfAProcessMax});
  if (!listener.ok()) return cannot_listen(View(listener.status().message()));
  grpc::ServerBuilder builder;
  (*listener)->AddTo(&builder);
  builder.RegisterService(server->service_.get());
  builder.SetMaxReceiveMessageSize(kServiceMessageBytes);
  builder.SetMaxSendMessageSize(kServiceMessageBytes);
  // A body at once rather than in pieces that each wait for the other side.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kServiceMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kWaitingCallsMax);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return cannot_listen("gRPC did not start");
  server->listener_ = *std::move(listener);
  server->listener_->Start();
  return server;
}

ServicesServer::ServicesServer(std::string socket)
    : socket_(std::move(socket)), service_(std::make_unique<Service>(*this)) {}

ServicesServer::~ServicesServer() {
  if (listener_ != nullptr) listener_->Stop();
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  unlink(socket_.c_str());
}

ServicesServer::Admission ServicesServer::Admit(std::shared_ptr<ServicesSlot> slot) {
  char bytes[kTokenBytes];
  if (getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) return {};
  std::string token = absl::BytesToHexString({bytes, sizeof(bytes)});
  absl::MutexLock lock(&mu_);
  slots_[token] = std::move(slot);
  return {this, std::move(token)};
}

void ServicesServer::Revoke(const std::string& token) {
  absl::MutexLock lock(&mu_);
  slots_.erase(token);
}

std::shared_ptr<ServicesSlot> ServicesServer::Find(const std::string& token) const {
  absl::ReaderMutexLock lock(&mu_);
  std::shared_ptr<ServicesSlot> found;
  // All of them, each in constant time: how long it takes tells nothing about a token.
  for (const auto& [known, slot] : slots_) {
    if (known.size() == token.size() &&
        CRYPTO_memcmp(known.data(), token.data(), token.size()) == 0) {
      found = slot;
    }
  }
  return found;
}

}  // namespace aftersales::plugins
