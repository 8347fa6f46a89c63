// A host in a process of its own, that can be killed, and what is needed to compare what two of
// them have done.
#pragma once

#include <google/protobuf/message.h>
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace aftersales::e2e {

// A new directory under the system's one for temporary files.
std::filesystem::path MakeTemporaryDirectory(std::string_view name);
// Puts the fake plugins alone into a new folder: the one they are built in holds broken ones too.
void CopyFakePlugins(const std::filesystem::path& to);
// Renames the mode file of a fake plugin into place, so that it never reads half of it; see
// tests/plugins/fake_remote.h.
void WriteModes(const std::filesystem::path& data, std::string_view plugin, std::string_view modes);

class HostProcess {
 public:
  struct Options {
    std::filesystem::path data;
    std::filesystem::path plugins;
    std::string listen = "127.0.0.1:0";
    // Dies before this write, the first being 1. 0: never.
    int kill_at_write = 0;
    // File of a MovedClock. Empty: the real program, with the system's clock.
    std::filesystem::path clock;
    // Whether the plugins run in processes of their own.
    bool isolated = false;
  };

  // Starts it and does not wait.
  explicit HostProcess(const Options& options);
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;
  // Kills it if it still runs.
  ~HostProcess();

  // Where it listens; waits until it does. Empty when it has died before.
  const std::string& AwaitAddress();
  // Whether the process has ended, whoever ended it.
  bool Dead();
  // kill -9, and waits until it is gone.
  void Kill();
  // Tells it to stop and waits until it is gone.
  void Stop();
  // How it ended, once it is dead.
  bool ended_by_kill() const;
  bool ended_well() const;
  int status() const { return status_; }
  pid_t pid() const { return pid_; }

 private:
  void Wait();

  pid_t pid_ = -1;
  int out_ = -1;
  bool dead_ = false;
  int status_ = 0;
  std::string address_;
};

// Clears what two runs cannot have alike: times, etags, ids made by a host, and what is made from
// them.
void Scrub(google::protobuf::Message* message);

}  // namespace aftersales::e2e
