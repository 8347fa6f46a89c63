// The system's clock and as much more as another process says, through a file that both map. So a
// test moves the time of a host that it can kill.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "absl/time/clock.h"
#include "core/engine/clock.h"

namespace aftersales::e2e {

class MovedClock final : public Clock {
 public:
  // The file is made if it is not there; a new one moves nothing.
  explicit MovedClock(const std::filesystem::path& file) {
    const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(std::atomic<int64_t>)) != 0) std::abort();
    void* mapped =
        mmap(nullptr, sizeof(std::atomic<int64_t>), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED) std::abort();
    ahead_ = static_cast<std::atomic<int64_t>*>(mapped);
    static_assert(std::atomic<int64_t>::is_always_lock_free);
  }
  MovedClock(const MovedClock&) = delete;
  MovedClock& operator=(const MovedClock&) = delete;
  ~MovedClock() override { munmap(ahead_, sizeof(std::atomic<int64_t>)); }

  absl::Time Now() const override { return absl::Now() + absl::Microseconds(ahead_->load()); }
  void Advance(absl::Duration by) { ahead_->fetch_add(absl::ToInt64Microseconds(by)); }

 private:
  std::atomic<int64_t>* ahead_;
};

}  // namespace aftersales::e2e
