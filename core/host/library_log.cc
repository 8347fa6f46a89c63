#include "core/host/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace aftersales::host {
namespace {

// Which lines may be written. Keyed by places in code, which are few.
class Sieve {
 public:
  // How many were left out since the last one; none if this one is to be left out as well.
  std::optional<int64_t> Take(std::string_view file, int line) {
    const auto now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    auto [found, first] = places_.try_emplace({std::string(file), line});
    Place& place = found->second;
    if (!first && now - place.last < std::chrono::seconds(1)) {
      ++place.left_out;
      return std::nullopt;
    }
    place.last = now;
    return std::exchange(place.left_out, 0);
  }

 private:
  struct Place {
    std::chrono::steady_clock::time_point last;
    int64_t left_out = 0;
  };
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, Place> places_;
};

void Log(spdlog::level::level_enum level, std::string_view library, std::string_view file, int line,
         std::string_view text) {
  if (!spdlog::should_log(level)) return;
  static Sieve& sieve = *new Sieve;  // libraries log until the very end of the process
  file = file.substr(file.rfind('/') + 1);
  const std::optional<int64_t> left_out = sieve.Take(file, line);
  if (left_out) {
    spdlog::log(level, "library={} place={}:{} left_out={} {}", library, file, line, *left_out,
                text);
  }
}

// Their errors are mostly a caller's, who is answered; the host goes on.
void FromProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                  const std::string& text) {
  Log(level == google::protobuf::LOGLEVEL_FATAL  ? spdlog::level::critical
      : level == google::protobuf::LOGLEVEL_INFO ? spdlog::level::info
                                                 : spdlog::level::warn,
      "protobuf", file, line, text);
}

void FromGrpc(gpr_log_func_args* args) {
  Log(args->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::warn
      : args->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                : spdlog::level::debug,
      "grpc", args->file, args->line, args->message);
}

}  // namespace

void TakeLibraryLogs() {
  static std::once_flag once;  // a library may be logging when the next host starts
  std::call_once(once, [] {
    google::protobuf::SetLogHandler(&FromProtobuf);
    gpr_set_log_function(&FromGrpc);
  });
}

}  // namespace aftersales::host
