// HashiCorp's go-plugin, the peer that a plugin platform would otherwise take: its gRPC call with
// the same message, from a host in Go into a plugin in Go.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/bench/load.h"

namespace aftersales::bench {

class GoPlugin {
 public:
  // Builds it with Go and protoc; NOT_FOUND says what of that is not here. Modules come from the
  // Go proxy that is configured.
  static absl::StatusOr<std::unique_ptr<GoPlugin>> Build(const std::filesystem::path& directory,
                                                         const std::string& request_bytes);
  // Starts host and plugin, warms them up and makes `count` calls.
  absl::StatusOr<LoadResult> Run(int in_flight, int count) const;

 private:
  GoPlugin(std::filesystem::path program, std::filesystem::path request)
      : program_(std::move(program)), request_(std::move(request)) {}

  const std::filesystem::path program_;
  const std::filesystem::path request_;
};

}  // namespace aftersales::bench
