// Listens for a gRPC server in its place: the library's own listener ends for good, and the server
// with it, once a connection comes while no descriptor is free.
#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace aftersales::net {

// A thread that takes connections and hands them to a server. While no descriptor is free they
// wait. Give it to the builder, start the server, then Start; destroy it, or Stop, before the
// server ends.
class Listener {
 public:
  // How many connections are held at once; more are closed at once. 0 is no limit.
  struct Limits {
    int in_all = 0;
    int of_a_process = 0;  // of one peer, on unix sockets
  };

  // At `HOST:PORT`, a name, an IPv4 address or an IPv6 address in brackets; port 0 is a free one.
  // The status has the system's message alone: ALREADY_EXISTS where somebody else listens, else
  // FAILED_PRECONDITION.
  static absl::StatusOr<std::unique_ptr<Listener>> AtAddress(std::string_view address);
  // At a unix socket, which is made anew.
  static absl::StatusOr<std::unique_ptr<Listener>> AtSocket(const std::filesystem::path& socket,
                                                            Limits limits);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Where it listens; 0 for a unix socket.
  int port() const { return port_; }
  void AddTo(grpc::ServerBuilder* builder);
  void Start();
  // Takes no more connections.
  void Stop();

 private:
  // One that is held, where they are counted.
  struct Held {
    int fd;  // a copy, which shows when the connection ends
    pid_t peer;
  };

  explicit Listener(Limits limits);
  void Run();
  // Takes one connection that waits; false if none can be taken now.
  bool Take(int socket);
  // Whether it may be held; it is counted then.
  bool Hold(int fd);
  void LetGo(size_t at);

  const Limits limits_;
  int port_ = 0;
  std::vector<int> sockets_;
  int wake_fd_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::vector<Held> held_;          // of the thread
  std::map<pid_t, int> of_a_peer_;  // of the thread
  std::thread thread_;
};

// Lets this process have as many descriptors as the system allows it: each connection is one, and
// what is given by default is for programs that have few.
void RaiseDescriptorLimit();

}  // namespace aftersales::net
