#include "tests/bench/uds_server.h"

#include <cstdlib>
#include <iostream>

#include "aftersales/plugin/v1/marketplace.grpc.pb.h"
#include "core/status/text.h"
#include "tests/bench/plugin_call.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;

class Market final : public plugin::v1::MarketplacePlugin::CallbackService {
  grpc::ServerUnaryReactor* DecideReturn(grpc::CallbackServerContext* context,
                                         const plugin::v1::DecideReturnRequest* request,
                                         plugin::v1::EffectResponse* response) override {
    AnswerDecideReturn(*request, response);
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<UdsServer>> UdsServer::Start(const fs::path& directory) {
  plugins::ChildProcess::Options options;
  options.command = {fs::read_symlink("/proc/self/exe").string(), "--serve-uds"};
  options.socket = (directory / "bare.sock").string();
  auto child = plugins::ChildProcess::Start(options, [](std::string_view) {});
  if (!child.ok()) return child.status();
  std::unique_ptr<UdsServer> server(new UdsServer(*std::move(child)));
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  server->channel_ = grpc::CreateCustomChannel(Cat("unix:", options.socket),
                                               grpc::InsecureChannelCredentials(), arguments);
  return server;
}

int ServeUdsAsChild() {
  const char* socket = std::getenv(plugins::kSocketVariable);
  if (socket == nullptr) return 2;
  Market market;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(Cat("unix:", socket), grpc::InsecureServerCredentials());
  builder.RegisterService(&market);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "1|1|unix|" << socket << "|grpc" << std::endl;
  std::cin.get();  // the end of the input
  server->Shutdown();
  return 0;
}

}  // namespace aftersales::bench
