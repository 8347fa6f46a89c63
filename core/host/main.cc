#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "core/conformance/test_child.h"
#include "core/host/cli/command.h"
#include "core/plugins/runner.h"
#include "core/plugins/runner_command.h"

int main(int argc, char** argv) {
  // Started by a host for a plugin: it is to be quick and small, and knows none of what follows.
  if (argc == 3 && std::string_view(argv[1]) == "plugin-runner") {
    std::vector<std::string> command =
        aftersales::plugins::RunnerCommand("/proc/self/exe", argv[2]);
    if (command.size() == 2) {  // the small program
      char* const arguments[] = {command[0].data(), command[1].data(), nullptr};
      execv(arguments[0], arguments);
    }
    const absl::Status status = aftersales::plugins::RunPlugin(argv[2]);
    if (status.ok()) return 0;
    std::fprintf(stderr, "<3>%s\n", std::string(status.message()).c_str());
    return 1;
  }
  // Started by `plugin check` for one test, which is to be quick as well.
  if (argc == 3 && std::string_view(argv[1]) == aftersales::conformance::kTestCommand) {
    return aftersales::conformance::RunTestChild(argv[2]);
  }
  return aftersales::cli::RunProgram(std::vector<std::string>(argv + 1, argv + argc),
                                     aftersales::cli::Terminal::Standard());
}
