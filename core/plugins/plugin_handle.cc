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
#include "core/plugins/answer_limits.h"
#include "core/plugins/utf8.h"

namespace aftersales::plugins {
namespace {

constexpr char kPathPrefix[] = "/aftersales.plugin.v1.";
constexpr char kCheckHealth[] = "PluginLifecycle/CheckHealth";
constexpr int kWaitingMax = 1024;
constexpr int kFailuresToDegrade = 3;
// Of what a plugin says of a failure or of its health: more fills logs and lists and helps nobody.
constexpr size_t kSaidBytesMax = 1024;
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

// Failures that say that the remote side, or the way to it, is down.
bool IsDown(absl::StatusCode code) {
  return code == absl::StatusCode::kDeadlineExceeded || code == absl::StatusCode::kUnavailable ||
         code == absl::StatusCode::kUnauthenticated;
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

struct PluginHandle::Behind {
  LoadedPlugin plugin;
  absl::Time load_time;
  std::vector<Method> methods;  // Those of the kind, then CheckHealth; set once.

  // The bulkhead.
  absl::Mutex mu;
  int free_places ABSL_GUARDED_BY(mu) = 0;
  int running ABSL_GUARDED_BY(mu) = 0;
  int waiting ABSL_GUARDED_BY(mu) = 0;
  bool closed ABSL_GUARDED_BY(mu) = false;  // calls go to another one

  const Method* Find(std::string_view name) const {
    const auto found = std::find_if(methods.begin(), methods.end(),
                                    [name](const Method& method) { return method.name == name; });
    return found == methods.end() ? nullptr : &*found;
  }
  const Method* FindOfKind(std::string_view short_name) const {
    for (const Method& method : methods) {
      const std::string_view name = method.name;
      if (name != kCheckHealth && name.substr(name.find('/') + 1) == short_name) return &method;
    }
    return nullptr;
  }
};

std::shared_ptr<PluginHandle::Behind> PluginHandle::Made(LoadedPlugin plugin, absl::Time now) {
  auto behind = std::make_shared<Behind>();
  behind->load_time = now;
  const auto resolve = [&](const std::string& path) {
    return plugin.transport == nullptr ? -1 : plugin.transport->Resolve(path);
  };
  for (const std::string& contract_path : ContractMethods(plugin.description.kind())) {
    Method method{std::string(absl::StripPrefix(contract_path, kPathPrefix)),
                  resolve(contract_path), v1::Plugin::CAPABILITY_UNSUPPORTED, false};
    const std::string short_name = method.name.substr(method.name.find('/') + 1);
    for (const auto& described : plugin.description.methods()) {
      if (described.method() != short_name) continue;
      if (described.capability() != v1::Plugin::CAPABILITY_UNSPECIFIED) {
        method.capability = described.capability();
      }
      method.idempotent = described.idempotent();
    }
    behind->methods.push_back(std::move(method));
  }
  behind->methods.push_back({kCheckHealth, resolve(absl::StrCat(kPathPrefix, kCheckHealth)),
                             v1::Plugin::CAPABILITY_SUPPORTED, true});
  {
    absl::MutexLock lock(&behind->mu);
    behind->free_places = std::max(1, plugin.description.max_concurrency());
  }
  behind->plugin = std::move(plugin);
  return behind;
}

PluginHandle::PluginHandle(LoadedPlugin plugin, NowFn now)
    : id_(plugin.description.plugin_id()),
      kind_(plugin.description.kind()),
      now_(std::move(now)),
      enabled_(plugin.transport != nullptr) {
  absl::MutexLock lock(&behind_mu_);
  behind_ = Made(std::move(plugin), now_());
}

PluginHandle::~PluginHandle() = default;

std::shared_ptr<PluginHandle::Behind> PluginHandle::Current() const {
  absl::ReaderMutexLock lock(&behind_mu_);
  return behind_;
}

plugin::v1::DescribeResponse PluginHandle::description() const {
  return Current()->plugin.description;
}

std::string PluginHandle::path() const { return Current()->plugin.path; }

bool PluginHandle::enabled() const {
  absl::ReaderMutexLock lock(&behind_mu_);
  return enabled_;
}

bool PluginHandle::isolated() const {
  const std::shared_ptr<Behind> behind = Current();
  return behind->plugin.transport != nullptr && behind->plugin.transport->Process().has_value();
}

bool PluginHandle::in_process() const {
  const std::shared_ptr<Behind> behind = Current();
  return behind->plugin.transport != nullptr && !behind->plugin.transport->Process().has_value();
}

v1::Plugin::Capability PluginHandle::CapabilityOf(std::string_view method) const {
  const std::shared_ptr<Behind> behind = Current();
  const Method* found = behind->FindOfKind(method);
  return found == nullptr ? v1::Plugin::CAPABILITY_UNSUPPORTED : found->capability;
}

bool PluginHandle::IdempotentAt(std::string_view method) const {
  const std::shared_ptr<Behind> behind = Current();
  const Method* found = behind->FindOfKind(method);
  return found != nullptr && found->idempotent;
}

void PluginHandle::Replace(LoadedPlugin plugin, absl::Duration drain) {
  std::shared_ptr<Behind> next = Made(std::move(plugin), now_());
  {
    absl::MutexLock lock(&behind_mu_);
    behind_.swap(next);
    enabled_ = true;
  }
  circuit_.Reset();
  failures_in_a_row_.store(0);
  {
    absl::MutexLock lock(&problem_mu_);
    health_problem_.clear();
  }
  Drain(*next, drain);
}

void PluginHandle::Disable(absl::Duration drain) {
  std::shared_ptr<Behind> behind;
  {
    absl::MutexLock lock(&behind_mu_);
    if (!enabled_) return;
    enabled_ = false;
    draining_ = true;
    behind = behind_;
  }
  Drain(*behind, drain);
  absl::MutexLock lock(&behind_mu_);
  draining_ = false;
}

bool PluginHandle::Enable() {
  absl::MutexLock lock(&behind_mu_);
  if (enabled_) return true;
  Transport* transport = behind_->plugin.transport.get();
  // The code of one in this process stays, whatever is said.
  if (transport == nullptr || transport->Process().has_value()) return false;
  absl::MutexLock open(&behind_->mu);
  behind_->closed = false;
  enabled_ = true;
  return true;
}

void PluginHandle::AbortCalls() {
  const std::shared_ptr<Behind> behind = Current();
  {
    absl::MutexLock lock(&behind->mu);
    if (behind->running == 0 || behind->plugin.transport == nullptr) return;
  }
  behind->plugin.transport->Abort();
}

void PluginHandle::Drain(Behind& behind, absl::Duration drain) {
  {
    absl::MutexLock lock(&behind.mu);
    behind.closed = true;
    behind.mu.AwaitWithTimeout(absl::Condition(
                                   +[](Behind* b) ABSL_EXCLUSIVE_LOCKS_REQUIRED(b->mu) {
                                     return b->running == 0 && b->waiting == 0;
                                   },
                                   &behind),
                               drain);
  }
  if (behind.plugin.transport != nullptr) behind.plugin.transport->Stop();
}

absl::StatusOr<PluginHandle::Entered> PluginHandle::Enter(Behind& behind,
                                                          absl::Duration wait) const {
  absl::MutexLock lock(&behind.mu);
  if (behind.closed) return Entered::kReplaced;
  if (behind.free_places == 0) {
    if (behind.waiting >= kWaitingMax) {
      return NotMade(absl::ResourceExhaustedError(absl::StrCat(
          Who(behind), ": ", kWaitingMax, " calls wait for it already; try again later")));
    }
    ++behind.waiting;
    const bool entered =
        behind.mu.AwaitWithTimeout(absl::Condition(
                                       +[](Behind* b) ABSL_EXCLUSIVE_LOCKS_REQUIRED(b->mu) {
                                         return b->closed || b->free_places > 0;
                                       },
                                       &behind),
                                   wait);
    --behind.waiting;
    if (behind.closed) return Entered::kReplaced;
    if (!entered) {
      return NotMade(absl::DeadlineExceededError(
          absl::StrCat(Who(behind), ": no place came free before the deadline (it takes ",
                       std::max(1, behind.plugin.description.max_concurrency()),
                       " calls at once); try again later")));
    }
  }
  --behind.free_places;
  ++behind.running;
  return Entered::kYes;
}

std::string PluginHandle::Who() const { return Who(*Current()); }

std::string PluginHandle::Who(const Behind& behind) const {
  return absl::StrCat("plugin ", id_, " ", behind.plugin.description.version(), " at ",
                      Utf8(behind.plugin.path));
}

absl::Status PluginHandle::Named(const Behind& behind, const absl::Status& status) const {
  // First without its secrets: half of one would not be found.
  const std::string said = behind.plugin.redactor.Apply(std::string(status.message()));
  absl::Status named(status.code(),
                     absl::StrCat(Who(behind), ": ", Shortened(said, kSaidBytesMax)));
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
  std::shared_ptr<Behind> behind = Current();
  const Method* target = behind->Find(method);
  const auto unsupported = [&] {
    return absl::UnimplementedError(absl::StrCat("plugin ", id_, " ",
                                                 behind->plugin.description.version(),
                                                 " does not support ", std::string(method)));
  };
  if (target == nullptr || target->capability == v1::Plugin::CAPABILITY_UNSUPPORTED) {
    return unsupported();
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
  const auto began = SteadyClock::now();
  CallContext context{options.idempotency_key, options.seller, options.attempt};
  if (options.deadline != absl::InfiniteFuture()) {
    const absl::Duration left = options.deadline - now_();
    if (left <= absl::ZeroDuration()) {
      return NotMade(absl::DeadlineExceededError(absl::StrCat(
          Who(*behind), ": the deadline of ", std::string(method), " was over before the call")));
    }
    context.deadline = SteadyDeadline(left);
  }
  while (true) {
    if (!enabled()) return IsDisabled();
    const absl::Duration wait = context.deadline == SteadyClock::time_point::max()
                                    ? absl::InfiniteDuration()
                                    : absl::FromChrono(context.deadline - SteadyClock::now());
    const auto entered = Enter(*behind, wait);
    if (!entered.ok()) return entered.status();
    if (*entered == Entered::kYes) break;
    behind = Current();
    target = behind->Find(method);
    if (target == nullptr) return unsupported();
  }
  absl::Status status;
  CallBuffer response_bytes;
  {
    absl::Cleanup leave = [&behind] {
      absl::MutexLock lock(&behind->mu);
      ++behind->free_places;
      --behind->running;
    };
    if (target->index < 0 || target->capability == v1::Plugin::CAPABILITY_UNSUPPORTED) {
      return unsupported();
    }
    const bool counts = method != kCheckHealth;
    if (counts && !circuit_.Allows(SteadyClock::now())) return IsOpen();
    status = behind->plugin.transport->Call(target->index, context, request_bytes.bytes(),
                                            &response_bytes);
    const auto ended = SteadyClock::now();
    if (counts && (WasNotMade(status) || WasLostProcess(status))) {
      circuit_.SaidNothing();  // that is for its supervisor
    } else if (counts) {
      circuit_.Report(IsDown(status.code()), ended);
    }
    if (counts) times_.Add(absl::FromChrono(ended - began));
  }
  if (status.ok()) {
    const std::string_view bytes = response_bytes.bytes();
    const absl::Status fits = CheckAnswerFields(bytes, response->GetTypeName());
    if (!fits.ok()) {
      status = absl::InternalError(
          absl::StrCat("its answer to ", std::string(method), " ", fits.message()));
    } else if (!response->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      response->Clear();
      status = absl::InternalError(absl::StrCat(
          "its answer to ", std::string(method), " (", bytes.size(), " bytes) is not a valid ",
          response->GetTypeName(), "; most often a text field that is not UTF-8"));
    }
  }
  if (!status.ok()) status = Named(*behind, status);
  Count(status);
  return status;
}

absl::Status PluginHandle::IsDisabled() const {
  const std::shared_ptr<Behind> behind = Current();
  return NotMade(absl::ResourceExhaustedError(
      absl::StrCat(Who(*behind), " was not called: it is disabled; `aftersales plugins enable ",
                   id_, "` puts it in use again")));
}

absl::Status PluginHandle::IsOpen() const {
  absl::MutexLock lock(&problem_mu_);
  return NotMade(absl::ResourceExhaustedError(
      absl::StrCat("plugin ", id_,
                   " was not called: its last calls failed, so it has a moment's rest and is "
                   "tried again then; the last one said: ",
                   last_failure_)));
}

absl::Status PluginHandle::Ready() const {
  if (!enabled()) return IsDisabled();
  if (circuit_.OpenFor(SteadyClock::now()).value_or(SteadyClock::duration::zero()) >
      SteadyClock::duration::zero()) {
    return IsOpen();
  }
  const std::shared_ptr<Behind> behind = Current();
  const std::optional<ProcessInfo> process = behind->plugin.transport->Process();
  if (process && process->quarantined) {
    return NotMade(absl::ResourceExhaustedError(absl::StrCat(
        Who(*behind), " was not called: ", behind->plugin.redactor.Apply(process->problem))));
  }
  return absl::OkStatus();
}

absl::Status PluginHandle::CheckHealth(absl::Time deadline) {
  // One that has nothing to check need not have the method.
  if (Current()->Find(kCheckHealth)->index < 0) return absl::OkStatus();
  plugin::v1::CheckHealthResponse response;
  CallOptions options;
  options.deadline = deadline;
  absl::Status status = Call(kCheckHealth, plugin::v1::CheckHealthRequest(), &response, options);
  // A process of its own says so only when it is asked.
  if (status.code() == absl::StatusCode::kUnimplemented) return absl::OkStatus();
  if (status.ok() && !response.healthy()) {
    status = Named(*Current(),
                   absl::UnavailableError(response.message().empty()
                                              ? "says that it is not healthy, and not why; its "
                                                "lines in the host's log may"
                                              : response.message()));
  }
  absl::MutexLock lock(&problem_mu_);
  health_problem_ = std::string(status.message());
  return status;
}

v1::Plugin PluginHandle::Snapshot() const {
  std::shared_ptr<Behind> behind;
  bool enabled, draining;
  {
    absl::ReaderMutexLock lock(&behind_mu_);
    behind = behind_;
    enabled = enabled_;
    draining = draining_;
  }
  const plugin::v1::DescribeResponse& description = behind->plugin.description;
  v1::Plugin plugin;
  plugin.set_name(absl::StrCat("plugins/", id_));
  plugin.set_display_name(description.display_name());
  plugin.set_vendor(description.vendor());
  plugin.set_version(description.version());
  plugin.set_kind(description.kind());
  plugin.set_path(behind->plugin.path);
  plugin.set_sha256(behind->plugin.sha256);
  for (const Method& method : behind->methods) {
    if (method.name == kCheckHealth) continue;
    auto* shown = plugin.add_methods();
    shown->set_method(method.name.substr(method.name.find('/') + 1));
    shown->set_capability(method.capability);
  }
  plugin.set_call_count(call_count_.load(std::memory_order_relaxed));
  plugin.set_error_count(error_count_.load(std::memory_order_relaxed));
  const auto set = [](absl::Duration from, google::protobuf::Duration* to) {
    to->set_seconds(absl::IDivDuration(from, absl::Seconds(1), &from));
    to->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(from)));
  };
  if (const auto times = times_.Last()) {
    set(times->p50, plugin.mutable_latency_p50());
    set(times->p99, plugin.mutable_latency_p99());
  }
  plugin.mutable_load_time()->set_seconds(absl::ToUnixSeconds(behind->load_time));
  if (!enabled) {
    plugin.set_state(draining ? v1::Plugin::STATE_DRAINING : v1::Plugin::STATE_DISABLED);
    plugin.set_problem(
        absl::StrCat(Who(*behind),
                     " was disabled; what is to be done there waits until `aftersales plugins "
                     "enable ",
                     id_, "`"));
    return plugin;
  }
  plugin.set_state(v1::Plugin::STATE_HEALTHY);
  const std::optional<ProcessInfo> process = behind->plugin.transport->Process();
  plugin.set_transport(process ? v1::Plugin::TRANSPORT_ISOLATED : v1::Plugin::TRANSPORT_IN_PROCESS);
  const Redactor& redactor = behind->plugin.redactor;
  if (process) {
    plugin.set_pid(process->pid);
    plugin.set_restart_count(process->restarts);
    if (process->pid == 0) {
      plugin.set_state(process->quarantined ? v1::Plugin::STATE_QUARANTINED
                                            : v1::Plugin::STATE_RESTARTING);
      plugin.set_problem(absl::StrCat(
          Who(*behind), ": ", Shortened(redactor.Apply(process->problem), kSaidBytesMax),
          process->quarantined
              ? ""
              : "; it is started anew by itself, and its lines in the host's log say more"));
      return plugin;
    }
  }
  const auto open = circuit_.OpenFor(SteadyClock::now());
  if (open) {
    const absl::Time until = now_() + absl::FromChrono(*open);
    plugin.mutable_circuit_open_until()->set_seconds(absl::ToUnixSeconds(until));
  }
  absl::MutexLock lock(&problem_mu_);
  const int failures = failures_in_a_row_.load();
  if (!health_problem_.empty()) {
    plugin.set_state(v1::Plugin::STATE_DEGRADED);
    plugin.set_problem(health_problem_);
  } else if (open || failures >= kFailuresToDegrade) {
    plugin.set_state(v1::Plugin::STATE_DEGRADED);
    plugin.set_problem(absl::StrCat(
        "the last ", failures, " calls failed: ", last_failure_,
        "; see that its remote side is well and its settings are right",
        process ? absl::StrCat(", or start its process anew with `aftersales plugins restart ", id_,
                               "`")
                : "",
        "; its lines in the host's log say more"));
  } else if (!held_up_.empty()) {
    plugin.set_state(v1::Plugin::STATE_DEGRADED);
    plugin.set_problem(absl::StrCat(Who(*behind), ": ", held_up_));
  }
  return plugin;
}

void PluginHandle::SetHeldUp(std::string_view why) {
  std::string text = Shortened(Current()->plugin.redactor.Apply(why), kSaidBytesMax);
  absl::MutexLock lock(&problem_mu_);
  held_up_ = std::move(text);
}

}  // namespace aftersales::plugins
