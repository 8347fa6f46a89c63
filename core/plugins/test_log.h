#pragma once

#include <string>
#include <string_view>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace aftersales::plugins {

// What the plugins of a test said, a line each.
class TestLog {
 public:
  void Add(std::string_view line) {
    absl::MutexLock lock(&mu_);
    text_.append(line).append("\n");
  }
  std::string Text() const {
    absl::MutexLock lock(&mu_);
    return text_;
  }
  // Whether `part` was said. What a process says comes over a pipe of its own, perhaps after the
  // answer of the call that said it, so this waits for it, ten seconds at most.
  bool Says(const std::string& part) const {
    absl::MutexLock lock(&mu_);
    const auto said = [&] { return text_.find(part) != std::string::npos; };
    return mu_.AwaitWithTimeout(absl::Condition(&said), absl::Seconds(10));
  }

 private:
  mutable absl::Mutex mu_;
  std::string text_;
};

}  // namespace aftersales::plugins
