#include "core/net/listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace aftersales::net {
namespace {

constexpr int kBacklog = 1024;
// Until descriptors may be free again.
constexpr int kPauseMilliseconds = 50;

absl::Status SystemError() {
  const std::string why = std::generic_category().message(errno);
  return errno == EADDRINUSE ? absl::AlreadyExistsError(why) : absl::FailedPreconditionError(why);
}

// A socket that listens, or -1 and errno.
int ListenAt(const sockaddr* address, socklen_t size) {
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (address->sa_family != AF_UNIX) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // its connections have it from it
  }
  if (address->sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (bind(fd, address, size) == 0 && listen(fd, kBacklog) == 0) return fd;
  const int problem = errno;
  close(fd);
  errno = problem;
  return -1;
}

int PortOf(int fd) {
  sockaddr_storage own{};
  socklen_t size = sizeof(own);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) != 0) return 0;
  return ntohs(own.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&own)->sin6_port
                                         : reinterpret_cast<const sockaddr_in*>(&own)->sin_port);
}

void SetPort(sockaddr* address, int port) {
  const auto in_order = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = in_order;
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = in_order;
  }
}

}  // namespace

Listener::Listener(Limits limits)
    : limits_(limits), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Listener::~Listener() {
  Stop();
  for (const Held& held : held_) close(held.fd);
  if (wake_fd_ >= 0) close(wake_fd_);
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::AtAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return absl::FailedPreconditionError("it has no port");
  std::string host(address.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string port(address.substr(colon + 1));
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int problem = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); problem != 0) {
    return absl::FailedPreconditionError(gai_strerror(problem));
  }
  std::unique_ptr<Listener> listener(new Listener({}));
  absl::Status status = listener->wake_fd_ < 0 ? SystemError() : absl::OkStatus();
  // A name may stand for an address of each kind, of which the machine need not have both.
  for (const addrinfo* at = found; at != nullptr && status.ok(); at = at->ai_next) {
    if (listener->port_ != 0) SetPort(at->ai_addr, listener->port_);
    const int fd = ListenAt(at->ai_addr, at->ai_addrlen);
    if (fd >= 0) {
      listener->sockets_.push_back(fd);
      listener->port_ = PortOf(fd);
    } else if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
      status = SystemError();
    } else if (at->ai_next == nullptr && listener->sockets_.empty()) {
      status = SystemError();
    }
  }
  freeaddrinfo(found);
  if (!status.ok()) return status;
  return listener;
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::AtSocket(const std::filesystem::path& socket,
                                                             Limits limits) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = socket.string();
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::FailedPreconditionError("its path is too long for a socket");
  }
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  std::unique_ptr<Listener> listener(new Listener(limits));
  const int fd = listener->wake_fd_ < 0
                     ? -1
                     : ListenAt(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (fd < 0) return SystemError();
  listener->sockets_.push_back(fd);
  return listener;
}

void Listener::AddTo(grpc::ServerBuilder* builder) {
  using Type = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  acceptor_ = builder->experimental().AddExternalConnectionAcceptor(
      Type::FROM_FD, grpc::InsecureServerCredentials());
}

void Listener::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  if (thread_.joinable()) {
    eventfd_write(wake_fd_, 1);
    thread_.join();
  }
  for (const int socket : sockets_) close(socket);
  sockets_.clear();
}

void Listener::Run() {
  while (true) {
    std::vector<pollfd> watched = {{wake_fd_, POLLIN, 0}};
    for (const int socket : sockets_) watched.push_back({socket, POLLIN, 0});
    for (const Held& held : held_) watched.push_back({held.fd, 0, 0});  // its end is always told
    if (poll(watched.data(), watched.size(), -1) < 0) continue;         // EINTR
    if (watched[0].revents != 0) return;
    for (size_t i = held_.size(); i-- > 0;) {
      if (watched[1 + sockets_.size() + i].revents != 0) LetGo(i);
    }
    bool taken = true;
    for (size_t i = 0; i < sockets_.size(); ++i) {
      if (watched[1 + i].revents != 0) taken = Take(sockets_[i]) && taken;
    }
    if (taken) continue;
    pollfd wake = {wake_fd_, POLLIN, 0};
    poll(&wake, 1, kPauseMilliseconds);
  }
}

bool Listener::Take(int socket) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = socket;
  connection.fd = accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection.fd < 0) {
    // That of one that went away again is no reason to pause.
    return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
  }
  if (limits_.in_all > 0 && !Hold(connection.fd)) {
    close(connection.fd);
    return true;
  }
  acceptor_->HandleNewConnection(&connection);
  return true;
}

bool Listener::Hold(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (held_.size() >= static_cast<size_t>(limits_.in_all)) return false;
  const auto of_peer = of_a_peer_.find(peer.pid);
  if (of_peer != of_a_peer_.end() && of_peer->second >= limits_.of_a_process) return false;
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return false;
  held_.push_back({copy, peer.pid});
  ++of_a_peer_[peer.pid];
  return true;
}

void Listener::LetGo(size_t at) {
  const Held held = held_[at];
  close(held.fd);
  held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
  if (--of_a_peer_[held.peer] == 0) of_a_peer_.erase(held.peer);
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace aftersales::net
