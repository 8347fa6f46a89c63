#include <string>
#include <vector>

#include "core/host/cli/command.h"

int main(int argc, char** argv) {
  return aftersales::cli::RunProgram(std::vector<std::string>(argv + 1, argv + argc),
                                     aftersales::cli::Terminal::Standard());
}
