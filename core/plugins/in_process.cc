#include "core/plugins/in_process.h"

// Boost 1.74 uses std::vector and std::string without including them.
#include <string>
#include <vector>

#define BOOST_DLL_USE_STD_FS
#include <dlfcn.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "google/rpc/status.pb.h"

namespace aftersales::plugins {
namespace {

constexpr size_t kLogBytesMax = 8 << 10;
constexpr std::string_view kHostName = "aftersales";

std::string_view View(aftersales_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

aftersales_bytes Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

aftersales_sink SinkInto(CallBuffer* buffer) {
  return {sizeof(aftersales_sink), AFTERSALES_ABI_MAJOR, buffer,
          [](void* ctx, size_t size) { return static_cast<CallBuffer*>(ctx)->Reserve(size); }};
}

// The status that a function of the plugin returned, with what it wrote about it.
absl::Status ToStatus(int32_t code, std::string_view details) {
  if (code == 0) return absl::OkStatus();
  google::rpc::Status written;
  const bool readable = written.ParseFromArray(details.data(), static_cast<int>(details.size()));
  if (code < 0 || code > static_cast<int32_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::UnknownError(absl::StrCat("answered code ", code,
                                           ", which is none: ", readable ? written.message() : ""));
  }
  absl::Status status(static_cast<absl::StatusCode>(code),
                      !readable                   ? "(its message is not readable)"
                      : written.message().empty() ? "(it gave no message)"
                                                  : written.message());
  if (readable) {
    for (const auto& detail : written.details()) {
      status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
    RemoveMarks(&status);
  }
  return status;
}

}  // namespace

namespace {

int32_t WriteBytes(const std::string& bytes, const aftersales_sink* sink) {
  if (bytes.empty() || sink == nullptr) return 0;
  uint8_t* out = sink->reserve(sink->ctx, bytes.size());
  if (out == nullptr) return static_cast<int32_t>(absl::StatusCode::kResourceExhausted);
  std::copy(bytes.begin(), bytes.end(), out);
  return 0;
}

int32_t WriteStatus(const absl::Status& status, const aftersales_sink* sink) {
  if (status.ok()) return 0;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  WriteBytes(details.SerializeAsString(), sink);
  return static_cast<int32_t>(status.code());
}

int32_t WriteValue(const absl::StatusOr<std::string>& value, const aftersales_sink* sink,
                   const aftersales_sink* status_sink) {
  return value.ok() ? WriteBytes(*value, sink) : WriteStatus(value.status(), status_sink);
}

}  // namespace

// What one loaded plugin sees of the host.
class PluginHost {
 public:
  PluginHost(std::string name, std::string version, NowFn now, LogFn log)
      : version_(std::move(version)),
        name_(std::move(name)),
        now_(std::move(now)),
        log_(std::move(log)),
        api_{sizeof(aftersales_host_api),
             AFTERSALES_ABI_MAJOR,
             this,
             Bytes(kHostName),
             Bytes(version_),
             &GetExtension},
        log_extension_{sizeof(aftersales_log_1), AFTERSALES_ABI_MAJOR, this, &Log},
        clock_extension_{sizeof(aftersales_clock_1), AFTERSALES_ABI_MAJOR, this, &NowUnixNs},
        http_extension_{sizeof(aftersales_http_1), AFTERSALES_ABI_MAJOR, this, &Send},
        secrets_extension_{sizeof(aftersales_secrets_1), AFTERSALES_ABI_MAJOR, this, &GetSecret},
        kv_extension_{sizeof(aftersales_kv_1),
                      AFTERSALES_ABI_MAJOR,
                      this,
                      &GetValue,
                      &PutValue,
                      &EraseValue} {}
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  const aftersales_host_api* api() const { return &api_; }

  void SetIdentity(const std::string& name, Redactor redactor) {
    absl::MutexLock lock(&mu_);
    name_ = name;
    redactor_ = std::move(redactor);
  }

  void SetServices(std::shared_ptr<PluginServices> services) {
    absl::MutexLock lock(&mu_);
    services_ = std::move(services);
  }

  // The host's functions are not called any more from here on.
  void Close() {
    absl::MutexLock lock(&mu_);
    last_now_ = now_();
    now_ = nullptr;
    log_ = nullptr;
    services_ = nullptr;
  }

  // The last that the plugin logged, for why it refused to load.
  std::string last_text() const {
    absl::MutexLock lock(&mu_);
    return last_text_;
  }
  void KeepLastText(bool keep) {
    absl::MutexLock lock(&mu_);
    keep_last_text_ = keep;
  }

 private:
  static const void* GetExtension(void* ctx, const char* id) {
    auto* host = static_cast<PluginHost*>(ctx);
    const std::string_view wanted(id);
    if (wanted == AFTERSALES_EXT_LOG_1) return &host->log_extension_;
    if (wanted == AFTERSALES_EXT_CLOCK_1) return &host->clock_extension_;
    if (wanted == AFTERSALES_EXT_HTTP_1) return &host->http_extension_;
    if (wanted == AFTERSALES_EXT_SECRETS_1) return &host->secrets_extension_;
    if (wanted == AFTERSALES_EXT_KV_1) return &host->kv_extension_;
    return nullptr;
  }

  // No exception may get into the plugin, so one of the host's own functions ends here.
  static void Log(void* ctx, int32_t level, aftersales_bytes bytes) try {
    auto* host = static_cast<PluginHost*>(ctx);
    LogFn log;
    std::string name, text;
    {
      absl::MutexLock lock(&host->mu_);
      if (host->log_ == nullptr) return;
      text = host->redactor_.Apply(View(bytes).substr(0, kLogBytesMax));
      if (host->keep_last_text_) host->last_text_ = text;
      log = host->log_;
      name = host->name_;
    }
    const auto known = level < AFTERSALES_LOG_DEBUG || level > AFTERSALES_LOG_ERROR
                           ? LogLevel::kInfo
                           : static_cast<LogLevel>(level);
    log(known, name, text);
  } catch (...) {
  }

  static int64_t NowUnixNs(void* ctx) {
    auto* host = static_cast<PluginHost*>(ctx);
    absl::ReaderMutexLock lock(&host->mu_);
    return absl::ToUnixNanos(host->now_ == nullptr ? host->last_now_ : host->now_());
  }

  // Runs `body` with the services. As with Log, no exception gets out.
  template <typename Body>
  static int32_t With(void* ctx, const aftersales_sink* status_sink, Body body) try {
    auto* host = static_cast<PluginHost*>(ctx);
    std::shared_ptr<PluginServices> services;
    {
      absl::ReaderMutexLock lock(&host->mu_);
      services = host->services_;
    }
    if (services == nullptr) {
      return WriteStatus(absl::FailedPreconditionError(
                             "the host does not know the plugin before Configure; ask then"),
                         status_sink);
    }
    return body(*services);
  } catch (...) {
    return static_cast<int32_t>(absl::StatusCode::kInternal);
  }

  static int32_t Send(void* ctx, const aftersales_call* call, aftersales_bytes bytes,
                      const aftersales_sink* response_sink, const aftersales_sink* status_sink) {
    return With(ctx, status_sink, [&](PluginServices& services) {
      plugin::v1::SendHttpRequestRequest request;
      plugin::v1::SendHttpRequestResponse response;
      if (bytes.size > kMessageBytesMax ||
          !request.ParseFromArray(bytes.data, static_cast<int>(bytes.size))) {
        return WriteStatus(
            absl::InvalidArgumentError("the request is not a valid SendHttpRequestRequest"),
            status_sink);
      }
      const auto cancelled = [call] {
        return call != nullptr && call->is_cancelled != nullptr && call->is_cancelled(call->ctx);
      };
      const absl::Status status = services.SendHttpRequest(request, cancelled, &response);
      if (!status.ok()) return WriteStatus(status, status_sink);
      return WriteBytes(response.SerializeAsString(), response_sink);
    });
  }
  static int32_t GetSecret(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                           const aftersales_sink* status) {
    return With(ctx, status, [&](PluginServices& services) {
      return WriteValue(services.GetSecret(View(key)), value, status);
    });
  }
  static int32_t GetValue(void* ctx, aftersales_bytes key, const aftersales_sink* value,
                          const aftersales_sink* status) {
    return With(ctx, status, [&](PluginServices& services) {
      return WriteValue(services.GetValue(View(key)), value, status);
    });
  }
  static int32_t PutValue(void* ctx, aftersales_bytes key, aftersales_bytes value,
                          const aftersales_sink* status) {
    return With(ctx, status, [&](PluginServices& services) {
      return WriteStatus(services.PutValue(View(key), View(value)), status);
    });
  }
  static int32_t EraseValue(void* ctx, aftersales_bytes key, const aftersales_sink* status) {
    return With(ctx, status, [&](PluginServices& services) {
      return WriteStatus(services.DeleteValue(View(key)), status);
    });
  }

  const std::string version_;
  mutable absl::Mutex mu_;
  std::string name_ ABSL_GUARDED_BY(mu_);
  Redactor redactor_ ABSL_GUARDED_BY(mu_);
  NowFn now_ ABSL_GUARDED_BY(mu_);
  LogFn log_ ABSL_GUARDED_BY(mu_);
  absl::Time last_now_ ABSL_GUARDED_BY(mu_);
  std::string last_text_ ABSL_GUARDED_BY(mu_);
  bool keep_last_text_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<PluginServices> services_ ABSL_GUARDED_BY(mu_);
  const aftersales_host_api api_;
  const aftersales_log_1 log_extension_;
  const aftersales_clock_1 clock_extension_;
  const aftersales_http_1 http_extension_;
  const aftersales_secrets_1 secrets_extension_;
  const aftersales_kv_1 kv_extension_;
};

namespace {

// What must outlive every transport. Reached from here so that leak checkers know it is meant.
struct KeptForever {
  std::vector<boost::dll::shared_library> libraries;
  std::vector<std::unique_ptr<PluginHost>> hosts;
};

absl::Mutex kept_mu(absl::kConstInit);

KeptForever& Kept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(kept_mu) {
  static KeptForever* const kept = new KeptForever;
  return *kept;
}

absl::Status CheckApi(const aftersales_plugin_api* api, const std::string& host_version,
                      const std::string& said) {
  const std::string why = said.empty() ? "" : absl::StrCat(" (it says: ", said, ")");
  if (api == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("refuses to work with aftersales ", host_version, ", plugin ABI ",
                     AFTERSALES_ABI_MAJOR, why, "; use a plugin that is built for this ABI"));
  }
  if (api->abi_major != AFTERSALES_ABI_MAJOR) {
    return absl::FailedPreconditionError(
        absl::StrCat("speaks plugin ABI ", api->abi_major, ", but aftersales ", host_version,
                     " speaks ABI ", AFTERSALES_ABI_MAJOR, "; use a plugin that is built for ABI ",
                     AFTERSALES_ABI_MAJOR, ", or a host that speaks ABI ", api->abi_major));
  }
  // Every field is of the first release of this major.
  if (api->struct_size < sizeof(aftersales_plugin_api) || api->made_with == nullptr ||
      api->describe == nullptr || api->create == nullptr || api->destroy == nullptr ||
      api->resolve_method == nullptr || api->call == nullptr || api->get_extension == nullptr) {
    return absl::FailedPreconditionError(
        "lacks functions of its ABI; build it again with the SDK, or fill in every function");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<InProcessTransport>> InProcessTransport::Load(
    const std::filesystem::path& path, const std::string& host_version, NowFn now, LogFn log) {
  aftersales_plugin_entry_fn entry = nullptr;
  PluginHost* host = nullptr;
  try {
    // NODELETE besides: a plugin that is unmapped while one of its threads or thread-locals is left
    // crashes the host, and reloading would only pretend to work.
    boost::dll::shared_library library(
        path, static_cast<boost::dll::load_mode::type>(RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
    entry =
        &library.get<std::remove_pointer_t<aftersales_plugin_entry_fn>>(AFTERSALES_ENTRY_SYMBOL);
    auto owned = std::make_unique<PluginHost>(path.stem().string(), host_version, std::move(now),
                                              std::move(log));
    host = owned.get();
    absl::MutexLock lock(&kept_mu);
    Kept().libraries.push_back(std::move(library));
    Kept().hosts.push_back(std::move(owned));
  } catch (const std::exception& e) {
    // Its text is that of dlerror: which symbol or library is missing.
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot be loaded: ", e.what(), "; install what is missing, or build it on this system"));
  }
  host->KeepLastText(true);
  const aftersales_plugin_api* api = entry(host->api());
  host->KeepLastText(false);
  if (absl::Status status = CheckApi(api, host_version, host->last_text()); !status.ok()) {
    host->Close();
    return status;
  }
  return std::unique_ptr<InProcessTransport>(new InProcessTransport(host, api));
}

InProcessTransport::~InProcessTransport() {
  Shutdown().IgnoreError();
  if (instance_ != nullptr) api_->destroy(instance_);
  host_->Close();
}

absl::Status InProcessTransport::Shutdown() {
  if (instance_ == nullptr || shut_down_.exchange(true)) return absl::OkStatus();
  const int method = Resolve(kShutdownPath);
  if (method < 0) return absl::OkStatus();
  CallContext context;
  context.deadline = std::chrono::steady_clock::now() + kShutdownTime;
  CallBuffer response;
  return Call(method, context, {}, &response);
}

absl::StatusOr<plugin::v1::ValidateConfigResponse> InProcessTransport::ValidateConfig(
    const plugin::v1::ValidateConfigRequest& request) {
  const int method = Resolve(kValidateConfigPath);
  if (method < 0) return absl::UnimplementedError("has no ValidateConfig");
  CallContext context;
  context.deadline = std::chrono::steady_clock::now() + kValidateConfigTime;
  CallBuffer buffer;
  const absl::Status status = Call(method, context, request.SerializeAsString(), &buffer);
  if (!status.ok()) return status;
  plugin::v1::ValidateConfigResponse response;
  if (!response.ParseFromArray(buffer.bytes().data(), static_cast<int>(buffer.bytes().size()))) {
    return absl::InternalError("its answer is not a valid ValidateConfigResponse");
  }
  return response;
}

void InProcessTransport::SetServices(std::shared_ptr<PluginServices> services) {
  host_->SetServices(std::move(services));
}

void InProcessTransport::SetIdentity(const std::string& plugin_id, Redactor redactor) {
  host_->SetIdentity(plugin_id, std::move(redactor));
}

absl::StatusOr<plugin::v1::DescribeResponse> InProcessTransport::Describe() {
  CallBuffer response, details;
  const aftersales_sink response_sink = SinkInto(&response);
  const aftersales_sink status_sink = SinkInto(&details);
  const int32_t code = api_->describe(&response_sink, &status_sink);
  if (absl::Status status = ToStatus(code, details.bytes()); !status.ok()) return status;
  plugin::v1::DescribeResponse description;
  if (!description.ParseFromArray(response.bytes().data(),
                                  static_cast<int>(response.bytes().size()))) {
    return absl::InternalError("its description is not a valid DescribeResponse");
  }
  return description;
}

absl::Status InProcessTransport::Configure(const plugin::v1::ConfigureRequest& request) {
  CallBuffer details;
  const aftersales_sink status_sink = SinkInto(&details);
  const std::string bytes = request.SerializeAsString();
  const int32_t code = api_->create(Bytes(bytes), &instance_, &status_sink);
  if (absl::Status status = ToStatus(code, details.bytes()); !status.ok()) {
    instance_ = nullptr;
    return status;
  }
  if (instance_ == nullptr) return absl::InternalError("said OK but made no instance");
  return absl::OkStatus();
}

int InProcessTransport::Resolve(std::string_view path) {
  return std::max(-1, api_->resolve_method(Bytes(path)));
}

absl::Status InProcessTransport::Call(int method, const CallContext& context,
                                      std::string_view request, CallBuffer* response) {
  using SteadyClock = std::chrono::steady_clock;
  aftersales_call call{};
  call.struct_size = sizeof(call);
  call.abi_major = AFTERSALES_ABI_MAJOR;
  call.idempotency_key = Bytes(context.idempotency_key);
  call.seller = Bytes(context.seller);
  call.attempt = context.attempt;
  call.timeout_ns = AFTERSALES_NO_TIMEOUT;
  SteadyClock::time_point deadline = context.deadline;
  if (deadline != SteadyClock::time_point::max()) {
    call.timeout_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - SteadyClock::now()).count();
    if (call.timeout_ns < 0) call.timeout_ns = 0;
  }
  call.ctx = &deadline;
  call.is_cancelled = [](void* ctx) -> int32_t {
    const auto until = *static_cast<const SteadyClock::time_point*>(ctx);
    return until != SteadyClock::time_point::max() && SteadyClock::now() >= until ? 1 : 0;
  };
  const aftersales_sink response_sink = SinkInto(response);
  CallBuffer details;
  const aftersales_sink status_sink = SinkInto(&details);
  int32_t code = 0;
  try {
    code = api_->call(instance_, method, &call, Bytes(request), &response_sink, &status_sink);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("let an exception out of its code: ", e.what()));
  } catch (...) {
    return absl::InternalError("let an exception of unknown type out of its code");
  }
  if (code == 0) return absl::OkStatus();
  return ToStatus(code, details.bytes());
}

}  // namespace aftersales::plugins
