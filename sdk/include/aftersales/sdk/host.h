// What the host offers to a plugin: its log and its clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "aftersales/plugin.h"

namespace aftersales::sdk {

// Level of a line in the host's log.
enum class Level {
  kDebug = AFTERSALES_LOG_DEBUG,
  kInfo = AFTERSALES_LOG_INFO,
  kWarning = AFTERSALES_LOG_WARNING,
  kError = AFTERSALES_LOG_ERROR,
};

// Instant in UTC with nanoseconds.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

// The host's log and clock. Thread-safe, cheap to copy. One made by default belongs to no host, as
// in a unit test: what it logs is dropped, and its clock is the system's.
class Host {
 public:
  Host() = default;
  explicit Host(const aftersales_host_api* api) {
    if (api == nullptr || !AFTERSALES_HAS(api, aftersales_host_api, get_extension)) return;
    log_ = Extension<aftersales_log_1>(*api, AFTERSALES_EXT_LOG_1);
    clock_ = Extension<aftersales_clock_1>(*api, AFTERSALES_EXT_CLOCK_1);
  }

  // Writes a line under the name of the plugin. No secrets, no buyer data; cut at 8 KiB.
  void Log(Level level, std::string_view text) const {
    if (log_ == nullptr) return;
    log_->log(log_->ctx, static_cast<int32_t>(level),
              {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }

  // The time as the host has it. Never ask the system: tests and demos move the host's clock.
  Time Now() const {
    if (clock_ == nullptr) {
      return std::chrono::time_point_cast<std::chrono::nanoseconds>(
          std::chrono::system_clock::now());
    }
    return Time(std::chrono::nanoseconds(clock_->now_unix_ns(clock_->ctx)));
  }

 private:
  template <typename T>
  static const T* Extension(const aftersales_host_api& api, const char* id) {
    const auto* extension = static_cast<const T*>(api.get_extension(api.ctx, id));
    // Both extensions known here are whole in their first release, so a shorter one is broken.
    return extension != nullptr && extension->struct_size >= sizeof(T) ? extension : nullptr;
  }

  const aftersales_log_1* log_ = nullptr;
  const aftersales_clock_1* clock_ = nullptr;
};

}  // namespace aftersales::sdk
