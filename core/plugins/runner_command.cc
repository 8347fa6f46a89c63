#include "core/plugins/runner_command.h"

#include <unistd.h>

#include <system_error>

namespace aftersales::plugins {

std::vector<std::string> RunnerCommand(const std::filesystem::path& program,
                                       const std::filesystem::path& file) {
  std::error_code error;
  // It may be given as /proc/self/exe.
  const std::filesystem::path small =
      std::filesystem::canonical(program, error).parent_path() / kRunnerProgram;
  if (!error && access(small.c_str(), X_OK) == 0) return {small.string(), file.string()};
  return {program.string(), "plugin-runner", file.string()};
}

}  // namespace aftersales::plugins
