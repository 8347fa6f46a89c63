// The services of the host for plugins in processes of their own: a gRPC server on a unix socket.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/plugins/plugin_services.h"
#include "core/plugins/token_bucket.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace aftersales::net {
class Listener;
}  // namespace aftersales::net

namespace aftersales::plugins {

// The services of one plugin, which are known only once it has described itself. Its processes, one
// after the other or two at an upgrade, share it.
//
// It makes 1,000 calls a second in the long run and 1,000 at once after a pause; what is beyond
// that waits for its turn, or the calls of one plugin would take the machine from everybody else.
class ServicesSlot {
 public:
  ServicesSlot();
  void Set(std::shared_ptr<PluginServices> services);
  std::shared_ptr<PluginServices> Get() const;
  // Waits for the turn of one call, then takes a place for it, of 64. False when there is none, or
  // 128 wait already, or the caller does not wait any more.
  bool Enter(const CancelledFn& cancelled);
  void Leave();

 private:
  mutable absl::Mutex mu_;
  std::shared_ptr<PluginServices> services_ ABSL_GUARDED_BY(mu_);
  TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
  std::atomic<int> waiting_{0};
  std::atomic<int> calls_{0};
};

// Serves aftersales.plugin.v1.PluginHost, each process under its own token. Thread-safe.
class ServicesServer {
 public:
  // FAILED_PRECONDITION when it cannot listen at `socket`, which is in a folder of the host alone.
  static absl::StatusOr<std::unique_ptr<ServicesServer>> Start(const std::string& socket);
  // Ends running calls and takes the socket away.
  ~ServicesServer();
  ServicesServer(const ServicesServer&) = delete;
  ServicesServer& operator=(const ServicesServer&) = delete;

  // Of one process: its token is good for as long as this lives, which the server must outlive.
  class Admission {
   public:
    Admission() = default;
    Admission(ServicesServer* server, std::string token)
        : server_(server), token_(std::move(token)) {}
    Admission(Admission&& other) noexcept
        : server_(std::exchange(other.server_, nullptr)), token_(std::move(other.token_)) {}
    Admission& operator=(Admission&&) = delete;
    ~Admission() {
      if (server_ != nullptr) server_->Revoke(token_);
    }
    const std::string& token() const { return token_; }

   private:
    ServicesServer* server_ = nullptr;
    std::string token_;
  };

  const std::string& socket() const { return socket_; }
  // A new token. It is empty, and admits nobody, when the system has no randomness.
  Admission Admit(std::shared_ptr<ServicesSlot> slot);

 private:
  class Service;
  explicit ServicesServer(std::string socket);
  std::shared_ptr<ServicesSlot> Find(const std::string& token) const;
  void Revoke(const std::string& token);

  const std::string socket_;
  mutable absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<ServicesSlot>> slots_ ABSL_GUARDED_BY(mu_);  // by token
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<net::Listener> listener_;
};

}  // namespace aftersales::plugins
