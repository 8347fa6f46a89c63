#include "core/plugins/plugin_handle.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"

namespace aftersales::plugins {
namespace {

constexpr char kPathPrefix[] = "/aftersales.plugin.v1.";
constexpr char kCheckHealth[] = "PluginLifecycle/CheckHealth";
constexpr int kWaitingMax = 1024;
constexpr int kFailuresToDegrade = 3;
using SteadyClock = std::chrono::steady_clock;

// Failures that say something about the plugin or its remote side rather than about the request.
bool IsOutage(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

// `left` from now on; the end of time when that is beyond what the steady clock counts.
SteadyClock::time_point SteadyDeadline(absl::Duration left) {
  const auto now = SteadyClock::now();
  if (left >= absl::FromChrono(SteadyClock::time_point::max() - now)) {
    return SteadyClock::time_point::max();
  }
  return now + absl::ToChronoNanoseconds(left);
}

}  // namespace

std::vector<std::string> ContractMethods(v1::Plugin::Kind kind) {
  const google::protobuf::FileDescriptor* file = nullptr;
  switch (kind) {
    case v1::Plugin::KIND_CARRIER:
      file = plugin::v1::IssueLabelRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_MARKETPLACE:
      file = plugin::v1::ParseReportRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_ERP:
      file = plugin::v1::PushChangesRequest::descriptor()->file();
      break;
    case v1::Plugin::KIND_ANALYTICS:
      file = plugin::v1::PullAlertsRequest::descriptor()->file();
      break;
    default:
      return {};
  }
  std::vector<std::string> paths;
  const google::protobuf::ServiceDescriptor* service = file->service(0);
  for (int i = 0; i < service->method_count(); ++i) {
    paths.push_back(absl::StrCat("/", service->full_name(), "/", service->method(i)->name()));
  }
  return paths;
}

PluginHandle::PluginHandle(std::unique_ptr<Transport> transport,
                           plugin::v1::DescribeResponse description, std::string path, NowFn now,
                           Redactor redactor)
    : description_(std::move(description)),
      path_(std::move(path)),
      now_(std::move(now)),
      redactor_(std::move(redactor)),
      load_time_(now_()),
      transport_(std::move(transport)),
      free_places_(std::max(1, description_.max_concurrency())) {
  for (const std::string& contract_path : ContractMethods(description_.kind())) {
    Method method{std::string(absl::StripPrefix(contract_path, kPathPrefix)),
                  transport_->Resolve(contract_path), v1::Plugin::CAPABILITY_UNSUPPORTED, false};
    const std::string short_name = method.name.substr(method.name.find('/') + 1);
    for (const auto& described : description_.methods()) {
      if (described.method() != short_name) continue;
      if (described.capability() != v1::Plugin::CAPABILITY_UNSPECIFIED) {
        method.capability = described.capability();
      }
      method.idempotent = described.idempotent();
    }
    methods_.push_back(std::move(method));
  }
  methods_.push_back({kCheckHealth, transport_->Resolve(absl::StrCat(kPathPrefix, kCheckHealth)),
                      v1::Plugin::CAPABILITY_SUPPORTED, true});
}

const PluginHandle::Method* PluginHandle::FindMethod(std::string_view name) const {
  for (const Method& method : methods_) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

const PluginHandle::Method* PluginHandle::FindKindMethod(std::string_view short_name) const {
  for (const Method& method : methods_) {
    const std::string_view name = method.name;
    if (name != kCheckHealth && name.substr(name.find('/') + 1) == short_name) return &method;
  }
  return nullptr;
}

v1::Plugin::Capability PluginHandle::CapabilityOf(std::string_view method) const {
  const Method* found = FindKindMethod(method);
  return found == nullptr ? v1::Plugin::CAPABILITY_UNSUPPORTED : found->capability;
}

bool PluginHandle::IdempotentAt(std::string_view method) const {
  const Method* found = FindKindMethod(method);
  return found != nullptr && found->idempotent;
}

absl::Status PluginHandle::Enter(absl::Duration wait) {
  absl::MutexLock lock(&places_mu_);
  if (free_places_ > 0) {
    --free_places_;
    return absl::OkStatus();
  }
  if (waiting_ >= kWaitingMax) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "plugin ", id(), ": ", kWaitingMax, " calls wait for it already; try again later"));
  }
  ++waiting_;
  const bool entered =
      places_mu_.AwaitWithTimeout(absl::Condition(
                                      +[](int* free) { return *free > 0; }, &free_places_),
                                  wait);
  --waiting_;
  if (!entered) {
    return absl::DeadlineExceededError(
        absl::StrCat("plugin ", id(), ": no place came free before the deadline (it takes ",
                     std::max(1, description_.max_concurrency()), " calls at once)"));
  }
  --free_places_;
  return absl::OkStatus();
}

void PluginHandle::Leave() {
  absl::MutexLock lock(&places_mu_);
  ++free_places_;
}

absl::Status PluginHandle::Named(const absl::Status& status) const {
  absl::Status named(status.code(), absl::StrCat("plugin ", id(), ": ",
                                                 redactor_.Apply(std::string(status.message()))));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    named.SetPayload(type_url, payload);
  });
  return named;
}

void PluginHandle::Count(const absl::Status& status) {
  call_count_.fetch_add(1, std::memory_order_relaxed);
  if (status.ok()) {
    // Read before it is written: the line stays shared among the threads of a healthy plugin.
    if (failures_in_a_row_.load(std::memory_order_relaxed) != 0) failures_in_a_row_.store(0);
    return;
  }
  error_count_.fetch_add(1, std::memory_order_relaxed);
  if (!IsOutage(status.code())) return;
  failures_in_a_row_.fetch_add(1);
  absl::MutexLock lock(&problem_mu_);
  last_failure_ = std::string(status.message());
}

absl::Status PluginHandle::Call(std::string_view method,
                                const google::protobuf::MessageLite& request,
                                google::protobuf::MessageLite* response,
                                const CallOptions& options) {
  response->Clear();
  const Method* target = FindMethod(method);
  if (target == nullptr || target->index < 0 ||
      target->capability == v1::Plugin::CAPABILITY_UNSUPPORTED) {
    return absl::UnimplementedError(absl::StrCat("plugin ", id(), " ", description_.version(),
                                                 " does not support ", std::string(method)));
  }
  CallBuffer request_bytes;
  const size_t request_size = request.ByteSizeLong();
  uint8_t* out = request_bytes.Reserve(request_size);
  if (out == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("the request of ", std::string(method),
                                                     " has ", request_size, " bytes; plugins take ",
                                                     kMessageBytesMax, "; send smaller pieces"));
  }
  request.SerializeWithCachedSizesToArray(out);

  // The host's clock may be moved or pinned; what is left is what counts, in real time.
  CallContext context{options.idempotency_key, options.seller, options.attempt};
  absl::Duration left = absl::InfiniteDuration();
  if (options.deadline != absl::InfiniteFuture()) {
    left = options.deadline - now_();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(absl::StrCat(
          "plugin ", id(), ": the deadline of ", std::string(method), " was over before the call"));
    }
    context.deadline = SteadyDeadline(left);
  }
  if (absl::Status entered = Enter(left); !entered.ok()) return entered;
  absl::Status status;
  CallBuffer response_bytes;
  {
    absl::Cleanup leave = [this] { Leave(); };
    status = transport_->Call(target->index, context, request_bytes.bytes(), &response_bytes);
  }
  if (status.ok()) {
    const std::string_view bytes = response_bytes.bytes();
    if (!response->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      response->Clear();
      status = absl::InternalError(absl::StrCat(
          "its answer to ", std::string(method), " (", bytes.size(), " bytes) is not a valid ",
          response->GetTypeName(), "; most often a text field that is not UTF-8"));
    }
  }
  if (!status.ok()) status = Named(status);
  Count(status);
  return status;
}

absl::Status PluginHandle::CheckHealth(absl::Time deadline) {
  // One that has nothing to check need not have the method.
  if (FindMethod(kCheckHealth)->index < 0) return absl::OkStatus();
  plugin::v1::CheckHealthResponse response;
  CallOptions options;
  options.deadline = deadline;
  absl::Status status = Call(kCheckHealth, plugin::v1::CheckHealthRequest(), &response, options);
  // A process of its own says so only when it is asked.
  if (status.code() == absl::StatusCode::kUnimplemented) return absl::OkStatus();
  if (status.ok() && !response.healthy()) {
    status = Named(absl::UnavailableError(response.message().empty() ? "says that it is not healthy"
                                                                     : response.message()));
  }
  absl::MutexLock lock(&problem_mu_);
  health_problem_ = std::string(status.message());
  return status;
}

v1::Plugin PluginHandle::Snapshot() const {
  v1::Plugin plugin;
  plugin.set_name(absl::StrCat("plugins/", id()));
  plugin.set_display_name(description_.display_name());
  plugin.set_vendor(description_.vendor());
  plugin.set_version(description_.version());
  plugin.set_kind(description_.kind());
  plugin.set_path(path_);
  for (const Method& method : methods_) {
    if (method.name == kCheckHealth) continue;
    auto* shown = plugin.add_methods();
    shown->set_method(method.name.substr(method.name.find('/') + 1));
    shown->set_capability(method.capability);
  }
  plugin.set_call_count(call_count_.load(std::memory_order_relaxed));
  plugin.set_error_count(error_count_.load(std::memory_order_relaxed));
  plugin.mutable_load_time()->set_seconds(absl::ToUnixSeconds(load_time_));
  plugin.set_state(v1::Plugin::STATE_HEALTHY);
  const std::optional<ProcessInfo> process = transport_->Process();
  plugin.set_transport(process ? v1::Plugin::TRANSPORT_ISOLATED : v1::Plugin::TRANSPORT_IN_PROCESS);
  if (process) {
    plugin.set_pid(process->pid);
    plugin.set_restart_count(process->restarts);
    if (process->pid == 0) {
      plugin.set_state(process->quarantined ? v1::Plugin::STATE_QUARANTINED
                                            : v1::Plugin::STATE_RESTARTING);
      plugin.set_problem(redactor_.Apply(process->problem));
      return plugin;
    }
  }
  absl::MutexLock lock(&problem_mu_);
  const int failures = failures_in_a_row_.load();
  if (!health_problem_.empty()) {
    plugin.set_state(v1::Plugin::STATE_DEGRADED);
    plugin.set_problem(health_problem_);
  } else if (failures >= kFailuresToDegrade) {
    plugin.set_state(v1::Plugin::STATE_DEGRADED);
    plugin.set_problem(absl::StrCat("the last ", failures, " calls failed: ", last_failure_));
  }
  return plugin;
}

}  // namespace aftersales::plugins
