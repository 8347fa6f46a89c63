// A host for unit tests of plugins: its clock stands still, its remote servers are a function of
// the test, and what the plugin said and stored can be looked at. Example:
//
//   FakeHost fake;
//   fake.secrets["token"] = "abc";
//   fake.on_http = [](const contract::SendHttpRequestRequest& request) {
//     contract::SendHttpRequestResponse response;
//     response.set_status(request.method() == "POST" ? 201 : 404);
//     return response;
//   };
//   Acme acme;
//   acme.set_host(fake.host());
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aftersales/plugin.h"
#include "aftersales/sdk/call.h"
#include "aftersales/sdk/host.h"
#include "aftersales/sdk/plugin.h"

namespace aftersales::sdk {

// Must outlive the plugins that it was given to. The plugin may use it by any thread; the test
// looks at its members while no method runs. Limits and durability of the real one are not here.
class FakeHost {
 public:
  using Request = plugin::v1::SendHttpRequestRequest;
  using Response = plugin::v1::SendHttpRequestResponse;

  FakeHost() = default;
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // For Plugin::set_host. Through the C ABI, as the real one.
  Host host() { return Host(&api_); }
  // A call as the host makes it: a first try for `seller` without a deadline.
  Call NewCall(std::string_view idempotency_key, std::string_view seller = "sellers/test") {
    Call call;
    call.idempotency_key = idempotency_key;
    call.seller = seller;
    call.host = host();
    return call;
  }

  // Answers each request; without it UNAVAILABLE. One call at a time.
  std::function<StatusOr<Response>(const Request&)> on_http;
  // All requests, in their order.
  std::vector<Request> requests;
  // Settings that are marked secret, with their current values.
  std::map<std::string, std::string, std::less<>> secrets;
  // What the plugin has stored.
  std::map<std::string, std::string, std::less<>> values;
  // What the plugin has logged.
  std::vector<std::pair<Level, std::string>> lines;
  // What time it is.
  Time now = Time(std::chrono::hours(24) * 20'000);

 private:
  using Map = std::map<std::string, std::string, std::less<>>;

  static FakeHost& Self(void* ctx) { return *static_cast<FakeHost*>(ctx); }

  static const void* GetExtension(void* ctx, const char* id) {
    const FakeHost& fake = Self(ctx);
    const std::string_view wanted(id);
    if (wanted == AFTERSALES_EXT_LOG_1) return &fake.log_;
    if (wanted == AFTERSALES_EXT_CLOCK_1) return &fake.clock_;
    if (wanted == AFTERSALES_EXT_HTTP_1) return &fake.http_;
    if (wanted == AFTERSALES_EXT_SECRETS_1) return &fake.secrets_;
    if (wanted == AFTERSALES_EXT_KV_1) return &fake.kv_;
    return nullptr;
  }

  static int32_t Answer(const std::string& bytes, const aftersales_sink* sink) {
    uint8_t* out = sink->reserve(sink->ctx, bytes.size());
    if (out == nullptr) return static_cast<int32_t>(Code::kResourceExhausted);
    std::copy(bytes.begin(), bytes.end(), out);
    return 0;
  }
  static int32_t Find(const Map& map, std::string_view key, const aftersales_sink* value,
                      const aftersales_sink* status) {
    const auto found = map.find(key);
    if (found != map.end()) return Answer(found->second, value);
    return internal::WriteStatus(status, Code::kNotFound, "there is no ", key);
  }

  static void Log(void* ctx, int32_t level, aftersales_bytes text) {
    std::lock_guard lock(Self(ctx).mu_);
    Self(ctx).lines.emplace_back(static_cast<Level>(level), internal::View(text));
  }
  static int64_t NowUnixNs(void* ctx) {
    std::lock_guard lock(Self(ctx).mu_);
    return Self(ctx).now.time_since_epoch().count();
  }
  static int32_t Send(void* ctx, const aftersales_call*, aftersales_bytes bytes,
                      const aftersales_sink* response, const aftersales_sink* status) {
    FakeHost& fake = Self(ctx);
    std::lock_guard lock(fake.mu_);
    Request request;
    if (!internal::Parse(bytes, &request)) {
      return internal::WriteStatus(status, Code::kInvalidArgument, "not a SendHttpRequestRequest");
    }
    fake.requests.push_back(request);
    if (fake.on_http == nullptr) {
      return internal::WriteStatus(status, Code::kUnavailable, "FakeHost::on_http is not set");
    }
    const StatusOr<Response> answer = fake.on_http(request);
    if (!answer.ok()) return internal::WriteStatus(status, answer.status());
    return Answer(answer->SerializeAsString(), response);
  }
  static int32_t GetSecret(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                           const aftersales_sink* status) {
    std::lock_guard lock(Self(ctx).mu_);
    return Find(Self(ctx).secrets, internal::View(key), value, status);
  }
  static int32_t GetValue(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                          const aftersales_sink* status) {
    std::lock_guard lock(Self(ctx).mu_);
    return Find(Self(ctx).values, internal::View(key), value, status);
  }
  static int32_t PutValue(void* ctx, aftersales_bytes key, aftersales_bytes value,
                          const aftersales_sink*) {
    std::lock_guard lock(Self(ctx).mu_);
    Self(ctx).values[std::string(internal::View(key))] = internal::View(value);
    return 0;
  }
  static int32_t EraseValue(void* ctx, aftersales_bytes key, const aftersales_sink*) {
    std::lock_guard lock(Self(ctx).mu_);
    Self(ctx).values.erase(std::string(internal::View(key)));
    return 0;
  }

  static inline const aftersales_bytes kName = internal::ToBytes("fake");

  std::mutex mu_;
  const aftersales_host_api api_ = {sizeof(api_), AFTERSALES_ABI_MAJOR, this, kName,
                                    kName,        &GetExtension};
  const aftersales_log_1 log_ = {sizeof(log_), AFTERSALES_ABI_MAJOR, this, &Log};
  const aftersales_clock_1 clock_ = {sizeof(clock_), AFTERSALES_ABI_MAJOR, this, &NowUnixNs};
  const aftersales_http_1 http_ = {sizeof(http_), AFTERSALES_ABI_MAJOR, this, &Send};
  const aftersales_secrets_1 secrets_ = {sizeof(secrets_), AFTERSALES_ABI_MAJOR, this, &GetSecret};
  const aftersales_kv_1 kv_ = {sizeof(kv_), AFTERSALES_ABI_MAJOR, this, &GetValue,
                               &PutValue,   &EraseValue};
};

}  // namespace aftersales::sdk
