// A program that serves a plugin on a unix socket, started by this process and never outliving it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace aftersales::plugins {

// What a program is told by its environment, and what it answers: one line on its standard output,
// `1|1|unix|PATH|grpc` (version of this handshake, major of the contract, where it listens), once
// it can take calls. Its standard input is open for as long as its host lives.
inline constexpr char kCookieVariable[] = "AFTERSALES_PLUGIN";
inline constexpr char kCookie[] = "b7c2f0d4-this-is-started-by-aftersales";
inline constexpr char kSocketVariable[] = "AFTERSALES_PLUGIN_SOCKET";
inline constexpr char kHostVariable[] = "AFTERSALES_PLUGIN_HOST";  // version of the host
// Where the host serves PluginHost, and what says which plugin calls it.
inline constexpr char kHostSocketVariable[] = "AFTERSALES_PLUGIN_HOST_SOCKET";
inline constexpr char kTokenVariable[] = "AFTERSALES_PLUGIN_TOKEN";
inline constexpr char kTokenMetadata[] = "aftersales-plugin-token";

// The longest line that is passed on whole. Of a longer one the rest is left out.
inline constexpr size_t kPluginLineBytesMax = 64 << 10;

// Not thread-safe. The thread that starts a child must live as long as the child may: the system
// ends it with that thread.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // program and arguments, by path
    std::string socket;                // where it is to listen; at most 107 bytes
    std::string host_version;
    std::string host_socket;  // of PluginHost; empty where it is not served
    std::string token;
    absl::Duration start_timeout = absl::Seconds(10);
    int64_t memory_bytes_max = int64_t{1} << 30;  // of its data; what it takes beyond fails
    int nice = 5;  // added to this process's: where processors are scarce, others go first
  };
  // Takes a line of its output, or one about it.
  using LineFn = std::function<void(std::string_view line)>;

  // Starts it and waits for its handshake. UNAVAILABLE says what happened instead; the child is
  // gone then.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const Options& options, LineFn line);
  // Kills it, and takes its socket away.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Passes on what it says until it has ended or `wake_fd` can be read; whether it has ended.
  bool Watch(int wake_fd);
  // Whether it has ended by itself by now.
  bool HasEnded();
  // Asks it to end, and kills it when it has not after `grace`.
  void Stop(absl::Duration grace);
  void Kill();
  // How it ended, such as `was killed by signal 9`. Empty while it runs.
  const std::string& end() const { return end_; }

 private:
  // What it writes, cut into lines.
  struct Stream {
    int fd;
    std::string pending = {};
    bool leaving_out = false;  // the rest of a line that is too long
  };

  ChildProcess(pid_t pid, int pid_fd, int input, int output, int errors, std::string socket,
               LineFn line);
  // Waits for output or the end, at most so long, and handles it; false once it has ended.
  bool Step(int wake_fd, absl::Duration wait, bool* woken);
  void Read();
  void Read(Stream& stream);
  // Gives on the line that was read last, unless there are too many.
  void TakeLine();
  void Reap();

  const pid_t pid_;
  const int pid_fd_;
  int input_;
  Stream output_;
  Stream errors_;
  const std::string socket_;
  const LineFn line_;
  std::string handshake_;
  bool wants_handshake_ = true;
  std::string last_line_;
  absl::Time second_began_;  // of the lines that are counted
  int lines_ = 0;
  int64_t lines_left_out_ = 0;
  std::string end_;
};

}  // namespace aftersales::plugins
