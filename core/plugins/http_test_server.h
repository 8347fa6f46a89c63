// An HTTP server for tests, on a free port of 127.0.0.1: it gives what the test tells it to, also
// what no real one would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace aftersales::plugins {

class HttpTestServer {
 public:
  // A request as it came: everything up to the empty line, then the body.
  struct Request {
    std::string head;
    std::string body;
  };
  // Returns the bytes of the answer. Each connection is closed after one.
  using Handler = std::function<std::string(const Request&)>;

  explicit HttpTestServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || bind(listener_, raw, size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, raw, &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~HttpTestServer() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : connections_) thread.join();
    close(listener_);
  }
  HttpTestServer(const HttpTestServer&) = delete;
  HttpTestServer& operator=(const HttpTestServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  std::vector<Request> requests() const {
    std::lock_guard lock(mu_);
    return requests_;
  }

  static std::string Answer(const std::string& status, const std::string& body,
                            const std::string& headers = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nConnection: close\r\n" + headers + "\r\n" + body;
  }

 private:
  void Accept() {
    while (!stopping_) {
      pollfd waits{listener_, POLLIN, 0};
      if (poll(&waits, 1, 20) <= 0) continue;
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection >= 0) connections_.emplace_back([this, connection] { Serve(connection); });
    }
  }

  void Serve(int connection) {
    Request request;
    std::string bytes;
    char piece[65536];
    size_t end = std::string::npos;
    size_t length = 0;
    while (!stopping_) {
      if (end == std::string::npos && (end = bytes.find("\r\n\r\n")) != std::string::npos) {
        request.head = bytes.substr(0, end);
        bytes.erase(0, end + 4);
        const size_t at = request.head.find("Content-Length: ");
        if (at != std::string::npos) length = std::stoul(request.head.substr(at + 16));
      }
      if (end != std::string::npos && bytes.size() >= length) break;
      pollfd waits{connection, POLLIN, 0};
      if (poll(&waits, 1, 20) <= 0) continue;
      const ssize_t count = read(connection, piece, sizeof(piece));
      if (count <= 0) break;
      bytes.append(piece, static_cast<size_t>(count));
    }
    if (end != std::string::npos && bytes.size() >= length) {
      request.body = bytes;
      {
        std::lock_guard lock(mu_);
        requests_.push_back(request);
      }
      const std::string answer = handler_(request);
      for (size_t done = 0; done < answer.size();) {
        const ssize_t count =
            send(connection, answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
        if (count <= 0) break;
        done += static_cast<size_t>(count);
      }
    }
    close(connection);
  }

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mu_;
  std::vector<Request> requests_;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
};

}  // namespace aftersales::plugins
