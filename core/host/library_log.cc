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

// gRPC's lines while it is paused.
struct Pause {
  std::mutex mutex;
  int depth = 0;
  std::string text;
};
Pause& ThePause() {
  static Pause& pause = *new Pause;
  return pause;
}

bool Kept(const char* text) {
  Pause& pause = ThePause();
  std::lock_guard lock(pause.mutex);
  if (pause.depth == 0) return false;
  pause.text += text;
  return true;
}

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
  if (Kept(args->message)) return;
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

GrpcLogPause::GrpcLogPause() {
  Pause& pause = ThePause();
  std::lock_guard lock(pause.mutex);
  if (++pause.depth == 1) pause.text.clear();
}

GrpcLogPause::~GrpcLogPause() {
  Pause& pause = ThePause();
  std::lock_guard lock(pause.mutex);
  --pause.depth;
}

std::string GrpcLogPause::SystemError() const {
  constexpr std::string_view kKey = "os_error:\"";
  Pause& pause = ThePause();
  std::lock_guard lock(pause.mutex);
  const size_t key = pause.text.rfind(kKey);
  if (key == std::string::npos) return "";
  const size_t begin = key + kKey.size();
  const size_t end = pause.text.find('"', begin);
  return end == std::string::npos ? "" : pause.text.substr(begin, end - begin);
}

}  // namespace aftersales::host
