#include "core/plugins/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

// Debian 12's does not say so itself.
extern "C" {
#include <sys/pidfd.h>
}

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/plugins/utf8.h"

namespace aftersales::plugins {
namespace {

// More than a pipe holds.
constexpr int kReadsMax = 17;
// Enough for any trace; what one says beyond it would fill the disk.
constexpr int kLinesPerSecond = 1000;

absl::Status SystemError(std::string_view what) {
  return absl::UnavailableError(absl::StrCat(std::string(what), ": ", std::strerror(errno)));
}

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    if (read >= 0) close(read);
    if (write >= 0) close(write);
  }
  bool Open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
};

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void Become(const Pipe& input, const Pipe& output, const Pipe& errors, pid_t parent,
                         [[maybe_unused]] rlim_t memory, int nice_by, char* const* argv,
                         char* const* environment) {
  // Whatever becomes of the host, its children end with it; one that ended before this is gone.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(input.read, STDIN_FILENO);
  dup2(output.write, STDOUT_FILENO);
  dup2(errors.write, STDERR_FILENO);
  // gRPC and others open theirs without CLOEXEC.
  close_range(3, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  setpgid(0, 0);              // Ctrl-C in the host's terminal is the host's to pass on
#ifndef AFTERSALES_SANITIZED  // sanitizers keep books that are larger than any limit
  const rlimit data = {memory, memory};
  setrlimit(RLIMIT_DATA, &data);
#endif
  [[maybe_unused]] const int nicer = nice(nice_by);
  const rlimit core = {0, 0};
  setrlimit(RLIMIT_CORE, &core);
  execve(argv[0], argv, environment);
  // For a script it may be its interpreter that is not there.
  constexpr char kFailed[] = "<3>cannot be executed: ";
  const char* why = strerrordesc_np(errno);
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kFailed, sizeof(kFailed) - 1);
  if (why != nullptr) written = write(STDERR_FILENO, why, std::strlen(why));
  written = write(STDERR_FILENO, "\n", 1);
  _exit(127);
}

std::vector<std::string> EnvironmentFor(const ChildProcess::Options& options) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    // The host's own settings are none of a plugin's.
    if (!absl::StartsWith(*variable, "AFTERSALES_")) variables.emplace_back(*variable);
  }
  variables.push_back(absl::StrCat(kCookieVariable, "=", kCookie));
  variables.push_back(absl::StrCat(kSocketVariable, "=", options.socket));
  variables.push_back(absl::StrCat(kHostVariable, "=", options.host_version));
  if (!options.host_socket.empty()) {
    variables.push_back(absl::StrCat(kHostSocketVariable, "=", options.host_socket));
    variables.push_back(absl::StrCat(kTokenVariable, "=", options.token));
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status CheckHandshake(std::string_view line, const std::string& socket) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(line), '|');
  const std::string wanted = absl::StrCat("1|1|unix|", socket, "|grpc");
  if (line == wanted) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "said `", std::string(line.substr(0, 200)), "` in place of its handshake `", wanted, "`; ",
      parts.size() >= 2 && parts[0] == "1" && parts[1] != "1"
          ? "it speaks another major of the contract"
          : "print nothing before it, and listen where " + std::string(kSocketVariable) + " says"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const Options& options,
                                                                  LineFn line) {
  Pipe input, output, errors;
  if (!input.Open() || !output.Open() || !errors.Open()) return SystemError("no pipe for a plugin");
  std::vector<std::string> command = options.command;
  std::vector<std::string> variables = EnvironmentFor(options);
  const std::vector<char*> argv = Pointers(command);
  const std::vector<char*> environment = Pointers(variables);
  unlink(options.socket.c_str());
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return SystemError("no process for a plugin");
  if (pid == 0) {
    Become(input, output, errors, parent, static_cast<rlim_t>(options.memory_bytes_max),
           options.nice, argv.data(), environment.data());
  }
  const int pid_fd = pidfd_open(pid, 0);
  if (pid_fd < 0) {
    const absl::Status status = SystemError("cannot watch a plugin's process");
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  fcntl(output.read, F_SETFL, O_NONBLOCK);
  fcntl(errors.read, F_SETFL, O_NONBLOCK);
  std::unique_ptr<ChildProcess> child(
      new ChildProcess(pid, pid_fd, std::exchange(input.write, -1), std::exchange(output.read, -1),
                       std::exchange(errors.read, -1), options.socket, std::move(line)));
  // The child has its own ends; ours would keep it from being seen to close them.
  close(std::exchange(input.read, -1));
  close(std::exchange(output.write, -1));
  close(std::exchange(errors.write, -1));

  const absl::Time until = absl::Now() + options.start_timeout;
  bool woken = false;
  while (child->wants_handshake_) {
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::UnavailableError(absl::StrCat("has not made its handshake within ",
                                                 absl::FormatDuration(options.start_timeout)));
    }
    if (!child->Step(-1, left, &woken) && child->wants_handshake_) {
      // What it said last is why, most often; `<3>` is its level.
      const std::string& said = child->last_line_;
      return absl::UnavailableError(absl::StrCat(
          absl::StartsWith(said, "<") ? said.substr(std::min<size_t>(3, said.size())) : said,
          said.empty() ? "its process " : " (its process ", child->end(),
          said.empty() ? " before it could take calls" : ")"));
    }
  }
  if (absl::Status s = CheckHandshake(child->handshake_, options.socket); !s.ok()) return s;
  return child;
}

ChildProcess::ChildProcess(pid_t pid, int pid_fd, int input, int output, int errors,
                           std::string socket, LineFn line)
    : pid_(pid),
      pid_fd_(pid_fd),
      input_(input),
      output_{output},
      errors_{errors},
      socket_(std::move(socket)),
      line_(std::move(line)) {}

ChildProcess::~ChildProcess() {
  Kill();
  unlink(socket_.c_str());
  close(pid_fd_);
  if (input_ >= 0) close(input_);
  for (const Stream* stream : {&output_, &errors_}) {
    if (stream->fd >= 0) close(stream->fd);
  }
}

bool ChildProcess::Watch(int wake_fd) {
  bool woken = false;
  while (!woken) {
    if (!Step(wake_fd, absl::InfiniteDuration(), &woken)) return true;
  }
  return false;
}

bool ChildProcess::Step(int wake_fd, absl::Duration wait, bool* woken) {
  if (!end_.empty()) return false;
  pollfd watched[] = {
      {pid_fd_, POLLIN, 0}, {wake_fd, POLLIN, 0}, {output_.fd, POLLIN, 0}, {errors_.fd, POLLIN, 0}};
  const int milliseconds =
      wait == absl::InfiniteDuration()
          ? -1
          : static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(wait) + 1, 1 << 30));
  if (poll(watched, std::size(watched), milliseconds) < 0) return true;  // EINTR
  if (watched[2].revents != 0 || watched[3].revents != 0) Read();
  *woken = watched[1].revents != 0;
  if (watched[0].revents == 0) return true;
  // What it said last.
  Read();
  Reap();
  return false;
}

void ChildProcess::Read() {
  // Its reasons before its handshake, and before its end.
  Read(errors_);
  Read(output_);
}

void ChildProcess::Read(Stream& stream) {
  char bytes[4096];
  // One that writes without end must not keep us from looking at anything else.
  for (int i = 0; i < kReadsMax && stream.fd >= 0; ++i) {
    const ssize_t size = read(stream.fd, bytes, sizeof(bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size <= 0) {
      close(std::exchange(stream.fd, -1));
      break;
    }
    std::string& pending = stream.pending;
    pending.append(bytes, static_cast<size_t>(size));
    for (size_t end;
         (end = pending.find('\n')) != std::string::npos || pending.size() > kPluginLineBytesMax;) {
      const bool cut = end == std::string::npos;
      const std::string line = pending.substr(0, std::min(end, kPluginLineBytesMax));
      pending.erase(0, cut ? std::string::npos : end + 1);
      if (std::exchange(stream.leaving_out, cut)) continue;
      if (wants_handshake_ && &stream == &output_) {
        handshake_ = line;
        wants_handshake_ = false;
      } else {
        last_line_ = Utf8(line);
        TakeLine();
      }
    }
  }
}

void ChildProcess::TakeLine() {
  const absl::Time now = absl::Now();
  if (now - second_began_ >= absl::Seconds(1)) {
    if (lines_left_out_ > 0) {
      line_(absl::StrCat("<4>", lines_left_out_, " more lines within a second were left out"));
    }
    second_began_ = now;
    lines_ = lines_left_out_ = 0;
  }
  if (++lines_ > kLinesPerSecond) {
    ++lines_left_out_;
    return;
  }
  line_(last_line_);
}

void ChildProcess::Reap() {
  // With all that it started; its number is its own until it is waited for.
  kill(-pid_, SIGKILL);
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pid_fd_), &info, WEXITED) != 0) {
    end_ = absl::StrCat("is gone: ", std::strerror(errno));
  } else if (info.si_code == CLD_EXITED) {
    end_ = absl::StrCat("ended with exit code ", info.si_status);
  } else {
    end_ =
        absl::StrCat("was killed by signal ", info.si_status, " (", strsignal(info.si_status), ")");
  }
}

bool ChildProcess::HasEnded() {
  // The connection goes a moment before the process does.
  bool woken = false;
  const absl::Time until = absl::Now() + absl::Milliseconds(20);
  while (absl::Now() < until) {
    if (!Step(-1, absl::Milliseconds(5), &woken)) return true;
  }
  return false;
}

void ChildProcess::Stop(absl::Duration grace) {
  if (!end_.empty()) return;
  if (input_ >= 0) close(std::exchange(input_, -1));
  pidfd_send_signal(pid_fd_, SIGTERM, nullptr, 0);
  const absl::Time until = absl::Now() + grace;
  bool woken = false;
  for (absl::Duration left = grace; left > absl::ZeroDuration(); left = until - absl::Now()) {
    if (!Step(-1, left, &woken)) return;
  }
  Kill();
}

void ChildProcess::Kill() {
  if (!end_.empty()) return;
  // By its descriptor: a number that was given to somebody else would kill them.
  pidfd_send_signal(pid_fd_, SIGKILL, nullptr, 0);
  Reap();
}

}  // namespace aftersales::plugins
