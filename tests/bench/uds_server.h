// A bare gRPC server on a unix socket in a process of its own: what a call into an isolated plugin
// is compared with. It parses the same request, does the same and serializes the same answer.
#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "core/plugins/child_process.h"

namespace aftersales::bench {

// Not thread-safe; the thread that starts it must live as long as it does.
class UdsServer {
 public:
  // Runs this program again, to listen in `directory`.
  static absl::StatusOr<std::unique_ptr<UdsServer>> Start(const std::filesystem::path& directory);
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  explicit UdsServer(std::unique_ptr<plugins::ChildProcess> child) : child_(std::move(child)) {}

  std::unique_ptr<plugins::ChildProcess> child_;
  std::shared_ptr<grpc::Channel> channel_;
};

// What the child does: serves until its standard input ends. Returns the exit code.
int ServeUdsAsChild();

}  // namespace aftersales::bench
