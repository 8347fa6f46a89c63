// A host in a process of its own, so that its memory, its processor time and its death are its own.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace aftersales::bench {

class ChildHost {
 public:
  // Starts it and does not wait. Its clock stands at `now`, or is the system's.
  explicit ChildHost(const std::filesystem::path& data_directory,
                     std::optional<absl::Time> now = std::nullopt);
  ChildHost(const ChildHost&) = delete;
  ChildHost& operator=(const ChildHost&) = delete;
  ~ChildHost();

  // Where it listens, once it does.
  absl::StatusOr<std::string> AwaitAddress();
  // What it has used since it listens; seconds of processor time.
  struct Spent {
    double peak_megabytes = 0;
    double cpu = 0;
    double writer = 0;  // of the store's writing thread
  };
  // Stops it cleanly.
  absl::StatusOr<Spent> Stop();
  // kill -9, and waits until it is gone.
  void Kill();
  // Processor time since its start, by name of thread.
  std::string Threads() const;

 private:
  std::vector<double> ReadLine();
  void Wait();

  pid_t pid_ = -1;
  int in_ = -1;
  FILE* out_ = nullptr;
};

// The other side: serves until its input ends. `now` in seconds since 1970, or `system`.
int ServeAsChild(const std::filesystem::path& data_directory, const std::string& now);

}  // namespace aftersales::bench
