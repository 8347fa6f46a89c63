#include "tests/bench/child_host.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/status/text.h"
#include "tests/bench/bench_host.h"

extern char** environ;

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;

double PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

}  // namespace

ChildHost::ChildHost(const fs::path& data_directory, std::optional<absl::Time> now) {
  int to_child[2];
  int from_child[2];
  if (pipe(to_child) != 0 || pipe(from_child) != 0) throw std::runtime_error("pipe failed");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to_child[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from_child[1], STDOUT_FILENO);
  // The child must see the end of its input when this process closes it.
  posix_spawn_file_actions_addclose(&actions, to_child[1]);
  posix_spawn_file_actions_addclose(&actions, from_child[0]);
  std::string self = fs::read_symlink("/proc/self/exe").string();
  std::string mode = "--serve";
  std::string data = data_directory.string();
  std::string clock = now ? Cat(absl::ToUnixSeconds(*now)) : "system";
  char* arguments[] = {self.data(), mode.data(), data.data(), clock.data(), nullptr};
  const int failed = posix_spawn(&pid_, self.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to_child[0]);
  close(from_child[1]);
  if (failed != 0) throw std::runtime_error("cannot start the host's process");
  in_ = to_child[1];
  out_ = fdopen(from_child[0], "r");
}

ChildHost::~ChildHost() {
  if (in_ >= 0) close(in_);
  fclose(out_);
  Wait();
}

void ChildHost::Wait() {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::vector<double> ChildHost::ReadLine() {
  char line[256];
  std::vector<double> numbers;
  if (fgets(line, sizeof line, out_) == nullptr) return numbers;
  std::istringstream text(line);
  for (double number = 0; text >> number;) numbers.push_back(number);
  return numbers;
}

absl::StatusOr<std::string> ChildHost::AwaitAddress() {
  const std::vector<double> port = ReadLine();
  if (port.empty()) return absl::InternalError("the host did not start");
  return Cat("127.0.0.1:", static_cast<int>(port[0]));
}

absl::StatusOr<ChildHost::Spent> ChildHost::Stop() {
  close(in_);
  in_ = -1;
  const std::vector<double> spent = ReadLine();
  if (spent.size() < 3) return absl::InternalError("the host died");
  Wait();
  return Spent{spent[0], spent[1], spent[2]};
}

void ChildHost::Kill() {
  kill(pid_, SIGKILL);
  Wait();
}

std::string ChildHost::Threads() const {
  std::string text;
  for (const auto& [name, seconds] : CpuByThread(pid_)) {
    if (seconds >= 0.01)
      text += absl::StrFormat("%s%s %.2f s", text.empty() ? "" : ", ", name, seconds);
  }
  return text;
}

int ServeAsChild(const fs::path& data_directory, const std::string& now) {
  std::optional<absl::Time> clock;
  int64_t seconds = 0;
  if (absl::SimpleAtoi(now, &seconds)) clock = absl::FromUnixSeconds(seconds);
  auto server = StartHost(data_directory, clock);
  if (!server.ok()) {
    std::cerr << server.status().ToString() << "\n";
    return 1;
  }
  const CpuClock cpu;
  std::cout << (*server)->port() << std::endl;
  std::cin.get();  // the end of the input
  std::cout << PeakMegabytes() << " " << cpu.Total() << " " << cpu.SpentBy("store-writer")
            << std::endl;
  (*server)->Shutdown(absl::Seconds(2));
  return 0;
}

}  // namespace aftersales::bench
