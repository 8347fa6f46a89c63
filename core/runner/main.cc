// Serves one plugin file in a process of its own; see core/plugins/runner.h.
#include <malloc.h>

#include <cstdio>
#include <string>

#include "core/plugins/runner.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("<3>usage: aftersales-plugin-runner FILE, started by `aftersales serve`\n", stderr);
    return 2;
  }
  // Threads seldom allocate at once here, and an arena for each would keep what it once took.
  mallopt(M_ARENA_MAX, 1);
  const absl::Status status = aftersales::plugins::RunPlugin(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "<3>%s\n", std::string(status.message()).c_str());
  return 1;
}
