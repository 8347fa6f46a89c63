#include "core/net/listener.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace aftersales::net {
namespace {

namespace fs = std::filesystem;

// A server whose every answer is that it has no such method.
class ListenerTest : public testing::Test {
 protected:
  void Serve(absl::StatusOr<std::unique_ptr<Listener>> listener) {
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    grpc::ServerBuilder builder;
    service_ = std::make_unique<grpc::CallbackGenericService>();
    builder.RegisterCallbackGenericService(service_.get());
    listener_->AddTo(&builder);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    listener_->Start();
  }
  void TearDown() override {
    if (listener_ != nullptr) listener_->Stop();
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
    fs::remove(socket_);
  }
  // Whether a new connection is served within `time`.
  static bool Answers(const std::string& address,
                      std::chrono::milliseconds time = std::chrono::seconds(10)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    const auto until = std::chrono::system_clock::now() + time;
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(until);
    context.set_wait_for_ready(true);
    grpc::CompletionQueue queue;
    grpc::ByteBuffer request, response;
    grpc::Slice none;
    request = grpc::ByteBuffer(&none, 1);
    grpc::Status status;
    const auto call = stub.PrepareUnaryCall(&context, "/any.Service/Method", request, &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    void* tag;
    bool ok;
    queue.Next(&tag, &ok);
    return status.error_code() == grpc::StatusCode::UNIMPLEMENTED;
  }
  // Connections that say nothing, as many as come about.
  std::vector<int> Connect(int count) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.copy(address.sun_path, socket_.size());
    std::vector<int> connections;
    for (int i = 0; i < count; ++i) {
      const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd < 0) break;
      connections.push_back(fd);
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) break;
    }
    return connections;
  }
  static void CloseAll(const std::vector<int>& connections) {
    for (const int fd : connections) close(fd);
  }
  // Of the connections, those that the other side has not closed.
  static size_t Open(const std::vector<int>& connections) {
    size_t open = 0;
    for (const int fd : connections) {
      char byte;
      // The server's first frame, its silence, or its end.
      const ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (got != 0 && (got > 0 || errno == EAGAIN)) ++open;
    }
    return open;
  }

  const std::string socket_ =
      fs::path(testing::TempDir()) / ("listener_test_" + std::to_string(getpid()));
  std::unique_ptr<grpc::CallbackGenericService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Listener> listener_;
};

TEST_F(ListenerTest, ServesEachKindOfAddress) {
  for (const char* host : {"127.0.0.1", "localhost", "[::1]"}) {
    auto listener = Listener::AtAddress(std::string(host) + ":0");
    if (!listener.ok() && std::string(host) == "[::1]") continue;  // a machine without it
    Serve(std::move(listener));
    ASSERT_GT(listener_->port(), 0);
    const std::string address = std::string(host) + ":" + std::to_string(listener_->port());
    // What resolves names for gRPC leaks, so this names none.
    EXPECT_TRUE(Answers(std::string(host) == "localhost"
                            ? "127.0.0.1:" + std::to_string(listener_->port())
                            : address))
        << address;
    EXPECT_TRUE(absl::IsAlreadyExists(Listener::AtAddress(address).status())) << address;
    TearDown();
    EXPECT_TRUE(Listener::AtAddress(address).ok()) << address << " is not free again";
  }
}

TEST_F(ListenerTest, SaysWhyItCannotListen) {
  for (const char* address :
       {"127.0.0.1", "127.0.0.1:http-or-so", "no.such.host.invalid:0", "203.0.113.7:0"}) {
    const auto listener = Listener::AtAddress(address);
    EXPECT_TRUE(absl::IsFailedPrecondition(listener.status())) << address;
    EXPECT_FALSE(listener.status().message().empty()) << address;
  }
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Listener::AtSocket("/tmp/" + std::string(200, 'x'), {}).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Listener::AtSocket("/nonexistent/socket", {}).status()));
}

// The library's own listener would be gone for good.
TEST_F(ListenerTest, ServesOnAfterNoDescriptorWasFree) {
  Serve(Listener::AtSocket(socket_, {}));
  ASSERT_TRUE(Answers("unix:" + socket_));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few = {200, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const std::vector<int> connections = Connect(300);
  EXPECT_LT(connections.size(), 200u);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CloseAll(connections);
  EXPECT_TRUE(Answers("unix:" + socket_));
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(ListenerTest, HoldsSoManyOfOneProcessAndLetsThemGo) {
  Serve(Listener::AtSocket(socket_, {.in_all = 100, .of_a_process = 10}));
  for (int round = 0; round < 3; ++round) {
    const std::vector<int> connections = Connect(50);
    ASSERT_EQ(connections.size(), 50u);
    size_t open = 50;
    for (int i = 0; i < 500 && open > 10; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      open = Open(connections);
    }
    EXPECT_EQ(open, 10u);
    EXPECT_FALSE(Answers("unix:" + socket_, std::chrono::milliseconds(300)));
    CloseAll(connections);
    EXPECT_TRUE(Answers("unix:" + socket_)) << "round " << round;
  }
}

TEST_F(ListenerTest, DescriptorLimitIsTheSystems) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few = {100, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  RaiseDescriptorLimit();
  rlimit after{};
  getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace aftersales::net
