// What the host offers to a plugin: log, clock, HTTP, secrets and a small store.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "aftersales/plugin.h"
#include "aftersales/plugin/v1/plugin_host_service.pb.h"
#include "aftersales/sdk/internal/host_call.h"
#include "aftersales/sdk/status.h"

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

// Makes HTTP requests through the host. Thread-safe, cheap to copy.
class Http {
 public:
  Http() = default;
  // `call` ends a request when its caller no longer waits; null when it is for none.
  Http(const aftersales_http_1* extension, const aftersales_call* call)
      : extension_(extension), call_(call) {}

  // Sends a request and waits for the answer; one of any HTTP status is OK here. The host keeps
  // limits of rate and size, and logs no secrets.
  // UNAVAILABLE: it was not sent. DEADLINE_EXCEEDED and UNKNOWN: it may have been.
  // RESOURCE_EXHAUSTED: not sent, because of a limit or of an open circuit; try again later.
  // INVALID_ARGUMENT names the field. UNIMPLEMENTED: the host has no http/1.
  StatusOr<plugin::v1::SendHttpRequestResponse> Send(
      const plugin::v1::SendHttpRequestRequest& request) const {
    if (extension_ == nullptr) return internal::NoExtension(AFTERSALES_EXT_HTTP_1);
    const std::string bytes = request.SerializeAsString();
    std::string answer;
    Status status = internal::CallHost(&answer, [&](auto* response_sink, auto* status_sink) {
      return extension_->send(extension_->ctx, call_, internal::ToBytes(bytes), response_sink,
                              status_sink);
    });
    if (!status.ok()) return status;
    plugin::v1::SendHttpRequestResponse response;
    if (!response.ParseFromString(answer)) {
      return Status(Code::kUnknown, "the host's answer is not a valid SendHttpRequestResponse");
    }
    return response;
  }

 private:
  const aftersales_http_1* extension_ = nullptr;
  const aftersales_call* call_ = nullptr;
};

// The host. Thread-safe, cheap to copy. One made by default belongs to no host, as in a unit test:
// what it logs is dropped, its clock is the system's, and the rest answers UNIMPLEMENTED; a
// FakeHost (aftersales/sdk/testing/fake_host.h) has all of it.
// Http, Secret, Get, Put and Delete answer FAILED_PRECONDITION before Configure.
class Host {
 public:
  Host() = default;
  explicit Host(const aftersales_host_api* api) {
    if (api == nullptr || !AFTERSALES_HAS(api, aftersales_host_api, get_extension)) return;
    log_ = Extension<aftersales_log_1>(*api, AFTERSALES_EXT_LOG_1);
    clock_ = Extension<aftersales_clock_1>(*api, AFTERSALES_EXT_CLOCK_1);
    http_ = Extension<aftersales_http_1>(*api, AFTERSALES_EXT_HTTP_1);
    secrets_ = Extension<aftersales_secrets_1>(*api, AFTERSALES_EXT_SECRETS_1);
    kv_ = Extension<aftersales_kv_1>(*api, AFTERSALES_EXT_KV_1);
  }

  // Writes a line under the name of the plugin. No secrets, no buyer data; cut at 8 KiB.
  void Log(Level level, std::string_view text) const {
    if (log_ == nullptr) return;
    log_->log(log_->ctx, static_cast<int32_t>(level), internal::ToBytes(text));
  }

  // The time as the host has it. Never ask the system: tests and demos move the host's clock.
  Time Now() const {
    if (clock_ == nullptr) {
      return std::chrono::time_point_cast<std::chrono::nanoseconds>(
          std::chrono::system_clock::now());
    }
    return Time(std::chrono::nanoseconds(clock_->now_unix_ns(clock_->ctx)));
  }

  // For requests that are for no call, such as in Configure. Within one, take Call::Http, whose
  // requests end with the call.
  sdk::Http Http() const { return Http(nullptr); }
  sdk::Http Http(const aftersales_call* call) const { return {http_, call}; }

  // The value of a setting that is marked secret, as it is now: it may be newer than what Configure
  // got, so ask at each use. NOT_FOUND when there is none or it is not marked secret.
  StatusOr<std::string> Secret(std::string_view key) const {
    if (secrets_ == nullptr) return internal::NoExtension(AFTERSALES_EXT_SECRETS_1);
    std::string value;
    Status status = internal::CallHost(&value, [&](auto* value_sink, auto* status_sink) {
      return secrets_->get(secrets_->ctx, internal::ToBytes(key), value_sink, status_sink);
    });
    if (!status.ok()) return status;
    return value;
  }

  // The stored value of a key, which is 1 to 256 bytes of UTF-8. NOT_FOUND.
  StatusOr<std::string> Get(std::string_view key) const {
    if (kv_ == nullptr) return internal::NoExtension(AFTERSALES_EXT_KV_1);
    std::string value;
    Status status = internal::CallHost(&value, [&](auto* value_sink, auto* status_sink) {
      return kv_->get(kv_->ctx, internal::ToBytes(key), value_sink, status_sink);
    });
    if (!status.ok()) return status;
    return value;
  }
  // Stores a value of at most 64 KiB; durable once OK is returned. RESOURCE_EXHAUSTED beyond 64 MiB
  // in all.
  Status Put(std::string_view key, std::string_view value) const {
    if (kv_ == nullptr) return internal::NoExtension(AFTERSALES_EXT_KV_1);
    return internal::CallHost(nullptr, [&](auto*, auto* status_sink) {
      return kv_->put(kv_->ctx, internal::ToBytes(key), internal::ToBytes(value), status_sink);
    });
  }
  // Forgets a key. OK also when there is none.
  Status Delete(std::string_view key) const {
    if (kv_ == nullptr) return internal::NoExtension(AFTERSALES_EXT_KV_1);
    return internal::CallHost(nullptr, [&](auto*, auto* status_sink) {
      return kv_->erase(kv_->ctx, internal::ToBytes(key), status_sink);
    });
  }

 private:
  template <typename T>
  static const T* Extension(const aftersales_host_api& api, const char* id) {
    const auto* extension = static_cast<const T*>(api.get_extension(api.ctx, id));
    // All extensions known here are whole in their first release, so a shorter one is broken.
    return extension != nullptr && extension->struct_size >= sizeof(T) ? extension : nullptr;
  }

  const aftersales_log_1* log_ = nullptr;
  const aftersales_clock_1* clock_ = nullptr;
  const aftersales_http_1* http_ = nullptr;
  const aftersales_secrets_1* secrets_ = nullptr;
  const aftersales_kv_1* kv_ = nullptr;
};

}  // namespace aftersales::sdk
