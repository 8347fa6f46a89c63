// Which program runs a plugin file in a process of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace aftersales::plugins {

// Name of the small program that does nothing else.
inline constexpr char kRunnerProgram[] = "aftersales-plugin-runner";

// Program and arguments that run `file`: the small one where it is beside `program`, else `program`
// itself, the host's own, as `PROGRAM plugin-runner FILE`, which takes more time and memory.
std::vector<std::string> RunnerCommand(const std::filesystem::path& program,
                                       const std::filesystem::path& file);

}  // namespace aftersales::plugins
