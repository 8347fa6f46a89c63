#include "core/conformance/test_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

// Debian 12's does not say so itself.
extern "C" {
#include <sys/pidfd.h>
}

#include "absl/strings/str_cat.h"

namespace aftersales::conformance {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kTestTime = std::chrono::seconds(60);
constexpr rlim_t kCpuSeconds = 120;
constexpr rlim_t kFileBytes = rlim_t{1} << 30;
// More than a plugin in a process of its own has: the threads of the test are in it too.
constexpr rlim_t kMemoryBytes = rlim_t{1536} << 20;
constexpr size_t kShownOutput = 400;

void Limit(__rlimit_resource what, rlim_t value) {
  const rlimit limit = {value, value};
  setrlimit(what, &limit);
}

Json ToJson(const TestResult& result) {
  return {{"state", static_cast<int>(result.outcome.state)},
          {"expected", result.outcome.expected},
          {"found", result.outcome.found},
          {"advice", result.outcome.advice},
          {"kind", result.kind},
          {"who", result.who}};
}

std::string Dumped(const Json& json) {
  // What plugins say may be no UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Leave(const fs::path& folder, const TestResult& result) {
  std::ofstream(folder / "result.next") << Dumped(ToJson(result));
  std::error_code ignored;
  fs::rename(folder / "result.next", folder / "result.json", ignored);
}

TestResult Run(const TestCase& test, const Subject::Options& options, Watchdog* watchdog) {
  TestResult result;
  result.id = test.id;
  result.description = test.description;
  const auto start = SteadyClock::now();
  try {
    Subject subject(options, watchdog);
    result.outcome = test.run(subject);
    if (test.id == kStarts && result.outcome.state == Outcome::State::kPassed) {
      if (const auto session = subject.OpenUnconfigured(); session.ok()) {
        const auto& d = (*session)->description();
        result.kind = static_cast<int>(d.kind());
        result.who = absl::StrCat(d.display_name(), " ", d.version());
      }
    }
  } catch (const std::exception& error) {
    result.outcome = Fail("the test to come to its end", error.what(),
                          "look whether an exception leaves a function of the plugin");
  }
  result.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return result;
}

std::string LastOutput(const fs::path& folder) {
  std::ifstream file(folder / "output", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (text.size() > kShownOutput) text = text.substr(text.size() - kShownOutput);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? "" : absl::StrCat("; it printed: ", text);
}

// Waits for a process; whether it ended in time, and before somebody wants the check to end.
bool Await(int pid_fd, std::chrono::milliseconds time, const std::function<bool()>& interrupted) {
  constexpr std::chrono::milliseconds kTick{50};
  const auto until = SteadyClock::now() + time;
  while (interrupted == nullptr || !interrupted()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - SteadyClock::now());
    if (left.count() <= 0) return false;
    pollfd watched = {pid_fd, POLLIN, 0};
    const int ready = poll(&watched, 1, static_cast<int>(std::min(left, kTick).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

std::string EndOf(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return absl::StrCat("exit code ", info.si_status);
  return absl::StrCat("signal ", info.si_status, " (", strsignal(info.si_status), ")");
}

}  // namespace

TestResult RunHere(const TestCase& test, const Subject::Options& options) {
  return Run(test, options, nullptr);
}

int RunTestChild(const fs::path& folder) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Json asked;
  try {
    std::ifstream file(folder / "request.json");
    asked = Json::parse(file);
  } catch (const Json::exception&) {
    std::fprintf(stderr, "a test of a plugin is started by `aftersales plugin check`\n");
    return EXIT_FAILURE;
  }
  Limit(RLIMIT_CORE, 0);
  Limit(RLIMIT_CPU, kCpuSeconds);
  Limit(RLIMIT_FSIZE, kFileBytes);
#ifndef AFTERSALES_SANITIZED  // sanitizers keep books that are larger than any limit
  Limit(RLIMIT_DATA, kMemoryBytes);
#endif
  Subject::Options options;
  options.path = asked.at("path").get<std::string>();
  options.config = asked.at("config").get<std::map<std::string, std::string>>();
  options.seed = asked.at("seed").get<uint64_t>();
  options.scratch = folder;
  options.program = asked.at("program").get<std::string>();
  options.host_version = asked.at("host_version").get<std::string>();
  const std::string id = asked.at("test").get<std::string>();
  for (const TestCase& test : AllTests()) {
    if (test.id != id) continue;
    Watchdog watchdog([&](const std::string& what) {
      TestResult late;
      late.outcome = Fail(absl::StrCat(what, " to end"), "it did not come back",
                          "never wait without a limit; the caller's deadline is the longest");
      Leave(folder, late);
      _exit(0);
    });
    const TestResult result = Run(test, options, &watchdog);
    Leave(folder, result);
    if (test.ends_like_a_host) std::exit(0);  // with what the plugin has left for the end
    _exit(0);
  }
  return EXIT_FAILURE;
}

TestResult RunInChild(const TestCase& test, const Subject::Options& options,
                      const std::function<bool()>& interrupted) {
  TestResult result;
  result.id = test.id;
  result.description = test.description;
  const auto start = SteadyClock::now();
  const auto failed = [&](std::string found, std::string advice) {
    result.outcome = Fail("the process of the test to end by itself, with a result",
                          absl::StrCat(found, LastOutput(options.scratch)), std::move(advice));
    result.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
    return result;
  };
  // Not on the command line, where everybody could read the settings.
  const fs::path request = options.scratch / "request.json";
  std::ofstream(request) << Dumped({{"path", options.path.string()},
                                    {"config", options.config},
                                    {"seed", options.seed},
                                    {"program", options.program.string()},
                                    {"host_version", options.host_version},
                                    {"test", test.id}});
  const std::string output = (options.scratch / "output").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Signals that this process keeps for a thread of its own are not kept from the child.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string program = options.program.string(), command = kTestCommand,
              folder = options.scratch.string();
  char* const arguments[] = {program.data(), command.data(), folder.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return failed(std::strerror(error), "see whether there are free processes");
  const int pid_fd = pidfd_open(pid, 0);
  const bool in_time = pid_fd >= 0 && Await(pid_fd, kTestTime, interrupted);
  kill(-pid, SIGKILL);  // with whatever the plugin has started
  siginfo_t info{};
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED);
  if (pid_fd >= 0) close(pid_fd);
  if (!in_time) {
    return failed(absl::StrCat("it had not ended after ", kTestTime.count(), " seconds"),
                  "never wait without a limit");
  }
  Json left;
  std::ifstream file(options.scratch / "result.json");
  left = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  const bool ended_well = info.si_code == CLD_EXITED && info.si_status == 0;
  if (!left.is_object() || !ended_well) {
    return failed(
        absl::StrCat(left.is_object() ? "after the test it ended with " : "it ended with ",
                     EndOf(info)),
        test.ends_like_a_host
            ? "let nothing fail in destructors of static objects and at the exit"
            : absl::StrCat("run it with --in-process under a debugger, with the same "
                           "seed and --group ",
                           std::string(test.group())));
  }
  result.outcome = {static_cast<Outcome::State>(left.value("state", 1)), left.value("expected", ""),
                    left.value("found", ""), left.value("advice", "")};
  result.kind = left.value("kind", 0);
  result.who = left.value("who", "");
  result.seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  return result;
}

}  // namespace aftersales::conformance
