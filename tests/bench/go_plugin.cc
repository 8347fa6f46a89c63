#include "tests/bench/go_plugin.h"

#include <cstdio>
#include <fstream>

#include "core/status/text.h"
#include "nlohmann/json.hpp"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;

// What a shell command says on its standard output, and whether it ended well.
bool Output(const std::string& command, std::string* output) {
  output->clear();
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return false;
  char bytes[4096];
  for (size_t size; (size = fread(bytes, 1, sizeof bytes, pipe)) > 0;) output->append(bytes, size);
  return pclose(pipe) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GoPlugin>> GoPlugin::Build(const fs::path& directory,
                                                          const std::string& request_bytes) {
  const fs::path program = directory / "goplugin";
  std::string said;
  if (!Output(Cat("sh '", AFTERSALES_SOURCE_DIR, "/tests/bench/goplugin/build.sh' '",
                  AFTERSALES_SOURCE_DIR, "/protos' '", directory.string(), "' 2>&1"),
              &said)) {
    return absl::NotFoundError(said.substr(0, said.find('\n')));
  }
  const fs::path request = directory / "request";
  std::ofstream(request, std::ios::binary) << request_bytes;
  return std::unique_ptr<GoPlugin>(new GoPlugin(program, request));
}

absl::StatusOr<LoadResult> GoPlugin::Run(int in_flight, int count) const {
  std::string said;
  if (!Output(Cat("'", program_.string(), "' '", request_.string(), "' ", in_flight, " ", count,
                  " 2>&1"),
              &said)) {
    return absl::InternalError(Cat("go-plugin: ", said.substr(0, 500)));
  }
  const nlohmann::json figures = nlohmann::json::parse(said, nullptr, /*allow_exceptions=*/false);
  if (!figures.is_object())
    return absl::InternalError(Cat("go-plugin says: ", said.substr(0, 500)));
  LoadResult result;
  result.seconds = figures.at("seconds");
  result.per_second = count / result.seconds;
  result.p50_us = figures.at("p50_us");
  result.p99_us = figures.at("p99_us");
  return result;
}

}  // namespace aftersales::bench
