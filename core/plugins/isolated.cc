#include "core/plugins/isolated.h"

#include <grpcpp/grpcpp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/plugins/runner.h"
#include "core/plugins/unary_calls.h"
#include "core/plugins/unix_address.h"
#include "core/plugins/utf8.h"
#include "google/rpc/status.pb.h"

namespace aftersales::plugins {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kDescribe[] = "/aftersales.plugin.v1.PluginLifecycle/Describe";
constexpr char kConfigure[] = "/aftersales.plugin.v1.PluginLifecycle/Configure";
constexpr char kCheckHealth[] = "/aftersales.plugin.v1.PluginLifecycle/CheckHealth";
constexpr absl::Duration kStopGrace = absl::Seconds(4);
// How often it is seen whether a file that has changed is as it was.
constexpr absl::Duration kFileCheckTime = absl::Seconds(5);
constexpr int kOverrunsToAsk = 3;
constexpr int kOverrunsToEnd = 6;
constexpr auto kPingTime = std::chrono::seconds(1);
// In which one that keeps to its deadline can say that it did.
constexpr auto kAnswerGrace = std::chrono::milliseconds(100);

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status converted(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message());
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) {
      converted.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
    RemoveMarks(&converted);
  }
  return converted;
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& socket) {
  grpc::ChannelArguments arguments;
  // Each child has its own; and a call that may have arrived is not made again behind our back.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(kMessageBytesMax));
  return grpc::CreateCustomChannel(UnixAddress(socket), grpc::InsecureChannelCredentials(),
                                   arguments);
}

// A line of a plugin as it is logged. What more it may have is no help to anybody.
constexpr size_t kLoggedBytesMax = 8 << 10;
constexpr size_t kLevelBytes = 3;  // `<4>`

bool SameMethods(const plugin::v1::DescribeResponse& a, const plugin::v1::DescribeResponse& b) {
  return std::equal(a.methods().begin(), a.methods().end(), b.methods().begin(), b.methods().end(),
                    [](const auto& x, const auto& y) {
                      return x.method() == y.method() && x.capability() == y.capability();
                    });
}

// Whether nobody answered, but the connection was lost. A runner says which it was; of a program
// that does not, the channel knows, if a moment later than the call.
bool LostConnection(const grpc::ClientContext& client, grpc::Channel& channel) {
  if (client.GetServerTrailingMetadata().count(kAnsweredMetadata) > 0) return false;
  return channel.GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY ||
         channel.WaitForStateChange(GRPC_CHANNEL_READY,
                                    std::chrono::system_clock::now() + kAnswerGrace);
}

// `/aftersales.plugin.v1.ErpPlugin/PushChanges` as people know it.
std::string ShortPath(const std::string& path) { return path.substr(path.rfind('.') + 1); }

CallContext Within(absl::Duration time) {
  CallContext context;
  context.deadline = SteadyClock::now() + absl::ToChronoNanoseconds(time);
  return context;
}

}  // namespace

struct IsolatedTransport::Up {
  pid_t pid;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<UnaryCalls> calls;
  // With the child it loses what the host offers.
  ServicesServer::Admission admission;
};

absl::StatusOr<std::unique_ptr<IsolatedTransport>> IsolatedTransport::Start(Options options,
                                                                            NowFn now, LogFn log) {
  std::unique_ptr<IsolatedTransport> transport(
      new IsolatedTransport(std::move(options), std::move(now), std::move(log)));
  if (transport->wake_fd_ < 0) return absl::UnavailableError("no event descriptor is left");
  transport->supervisor_ = std::thread([t = transport.get()] { t->Supervise(); });
  absl::MutexLock lock(&transport->mu_);
  transport->mu_.Await(absl::Condition(&transport->first_try_over_));
  if (transport->up_ == nullptr) return absl::UnavailableError(transport->problem_);
  return transport;
}

IsolatedTransport::IsolatedTransport(Options options, NowFn now, LogFn log)
    : options_(std::move(options)),
      now_(std::move(now)),
      log_(std::move(log)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      name_(options_.name) {}

IsolatedTransport::~IsolatedTransport() {
  Stop();
  if (wake_fd_ >= 0) close(wake_fd_);
}

void IsolatedTransport::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (problem_.empty()) problem_ = "it was ended";
  }
  Wake();
  absl::MutexLock lock(&join_mu_);
  if (supervisor_.joinable()) supervisor_.join();
}

void IsolatedTransport::Abort() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  if (problem_.empty()) problem_ = "it was ended";
  kill_reason_ = problem_;
  Wake();
}

void IsolatedTransport::Wake() { eventfd_write(wake_fd_, 1); }

void IsolatedTransport::Log(LogLevel level, std::string_view text) const {
  std::string name, said;
  {
    absl::MutexLock lock(&mu_);
    name = name_;
    said = redactor_.Apply(text);
  }
  // Only then, or a secret would be cut in two that nobody knows. Of one that was cut already the
  // end may be such a half.
  if (text.size() + kLevelBytes >= kPluginLineBytesMax) {
    said.resize(said.size() - std::min(said.size(), kLoggedBytesMax));
  }
  if (said.size() > kLoggedBytesMax) {
    said.resize(kLoggedBytesMax);
    said = Utf8(said);
    said += " [the rest of the line is left out]";
  }
  log_(level, name, said);
}

void IsolatedTransport::TakeLine(std::string_view line) const {
  // `<4>text`, as for the journal of systemd; anything else is a program that just talks.
  LogLevel level = LogLevel::kInfo;
  if (line.size() >= 3 && line[0] == '<' && line[2] == '>' && line[1] >= '0' && line[1] <= '7') {
    level = line[1] <= '3'   ? LogLevel::kError
            : line[1] == '4' ? LogLevel::kWarning
            : line[1] == '7' ? LogLevel::kDebug
                             : LogLevel::kInfo;
    line.remove_prefix(3);
  }
  Log(level, line);
}

std::string IsolatedTransport::ItsProcess() const {
  absl::MutexLock lock(&mu_);
  if (described_.plugin_id().empty()) return "its process ";
  return absl::StrCat("the process of ", name_, " ", described_.version(), " at ", options_.path,
                      " ");
}

bool IsolatedTransport::AwaitSameFile() {
  if (options_.check == nullptr) return true;
  std::string told;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      if (starts_ == 0) return true;  // who starts it has looked
    }
    const absl::Status same = options_.check();
    if (same.ok()) return true;
    std::string problem;
    {
      absl::MutexLock lock(&mu_);
      problem = absl::StrCat(
          same.message(), "; no process is started from it before it is as it was, or `aftersales ",
          "plugins upgrade ", name_, " ", options_.path, "` has it used as it is");
    }
    if (problem != told) Log(LogLevel::kError, problem);
    told = problem;
    absl::MutexLock lock(&mu_);
    problem_ = problem;
    quarantined_ = true;  // no call is to wait for it
    mu_.AwaitWithTimeout(absl::Condition(&stopping_),
                         std::min(options_.quarantine, kFileCheckTime));
    if (stopping_) return false;
  }
}

void IsolatedTransport::Supervise() {
  absl::BitGen random;
  int ends_in_a_row = 0;
  while (AwaitSameFile()) {
    std::shared_ptr<Up> up;
    std::string problem;
    std::unique_ptr<ChildProcess> child = StartChild(&up, &problem);
    {
      absl::MutexLock lock(&mu_);
      first_try_over_ = true;
      answered_ = false;
      overruns_ = 0;
      kill_reason_.clear();
      problem_ = problem;
      quarantined_ = false;
      up_ = up;
      if (child == nullptr && starts_ == 0) return;  // Start says why
      ++starts_;
    }
    bool ended = child == nullptr;
    bool stop = false;
    while (!ended && !stop) {
      ended = child->Watch(wake_fd_);
      eventfd_t woken;
      eventfd_read(wake_fd_, &woken);
      absl::MutexLock lock(&mu_);
      stop = stopping_;
      if (!kill_reason_.empty()) break;
    }
    bool answered;
    {
      absl::MutexLock lock(&mu_);
      up_ = nullptr;
      answered = answered_;
      if (!kill_reason_.empty()) problem = std::exchange(kill_reason_, std::string());
    }
    const bool abort = stop && !problem.empty();
    if (stop && up != nullptr && !ended && !abort) TellShutdown(*up);
    up.reset();  // with the last call on it, its connection goes
    if (stop) {
      abort ? child->Kill() : child->Stop(kStopGrace);
      return;
    }
    if (child != nullptr) {
      ended = ended || child->HasEnded();
      child->Kill();
      // One that ended by itself lost its connection by that.
      problem = ended || problem.empty() ? child->end() : absl::StrCat(problem, ", and was killed");
    } else {
      problem = absl::StrCat("could not be started anew: ", problem);
    }
    ends_in_a_row = answered ? 1 : ends_in_a_row + 1;
    const bool quarantined = ends_in_a_row >= options_.crash_loop;
    absl::Duration wait =
        std::min(options_.backoff_max,
                 options_.backoff_min * static_cast<double>(1 << std::min(20, ends_in_a_row - 1)));
    // Spread, so that what broke many at once is not met by all of them at once.
    wait = quarantined ? options_.quarantine : wait * absl::Uniform(random, 0.5, 1.0);
    Log(quarantined ? LogLevel::kError : LogLevel::kWarning,
        absl::StrCat(ItsProcess(), problem,
                     quarantined
                         ? absl::StrCat("; that was ", ends_in_a_row,
                                        " times in a row without an answer, so mend what its lines "
                                        "before this one tell of; it rests for ")
                         : "; it is started anew in ",
                     absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(1)))));
    absl::MutexLock lock(&mu_);
    problem_ = absl::StrCat("its process ", problem);
    if (quarantined) {
      absl::StrAppend(&problem_, ", ", ends_in_a_row,
                      " times in a row without an answer; it is tried again at ",
                      absl::FormatTime("%H:%M:%S", absl::Now() + wait, absl::UTCTimeZone()),
                      " UTC, or at once with `aftersales plugins restart ", name_, "`");
    }
    quarantined_ = quarantined;
    mu_.AwaitWithTimeout(absl::Condition(&stopping_), wait);
    if (stopping_) return;
  }
}

std::unique_ptr<ChildProcess> IsolatedTransport::StartChild(std::shared_ptr<Up>* up,
                                                            std::string* problem) {
  ChildProcess::Options child_options;
  child_options.command = options_.command;
  child_options.host_version = options_.host_version;
  child_options.start_timeout = options_.start_timeout;
  child_options.memory_bytes_max = options_.memory_bytes_max;
  std::string configuration;
  bool configured;
  {
    absl::MutexLock lock(&mu_);
    child_options.socket =
        absl::StrCat(options_.socket_directory, "/", options_.socket_name, ".", starts_);
    configuration = configuration_;
    configured = configured_;
  }
  ServicesServer::Admission admission =
      options_.services == nullptr ? ServicesServer::Admission() : options_.services->Admit(slot_);
  if (options_.services != nullptr) child_options.host_socket = options_.services->socket();
  child_options.token = admission.token();
  auto child =
      ChildProcess::Start(child_options, [this](std::string_view line) { TakeLine(line); });
  if (!child.ok()) {
    *problem = std::string(child.status().message());
    return nullptr;
  }
  auto channel = ChannelTo(child_options.socket);
  auto calls = std::make_unique<UnaryCalls>(channel);
  auto started = std::make_shared<Up>(
      Up{(*child)->pid(), std::move(channel), std::move(calls), std::move(admission)});
  if (configured) {
    absl::Status status = absl::OkStatus();
    // What it says meanwhile is taken, or a pipe that is full would hold it up.
    const int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (done < 0) {
      *problem = "cannot be set up again: no event descriptor is left";
      return nullptr;
    }
    std::thread set_up([&] {
      status = SetUp(*started, configuration);
      eventfd_write(done, 1);
    });
    (*child)->Watch(done);
    set_up.join();
    close(done);
    if (!status.ok()) {
      *problem = absl::StrCat("cannot be set up again: ", status.message());
      return nullptr;
    }
  }
  *up = std::move(started);
  return *std::move(child);
}

absl::Status IsolatedTransport::SetUp(const Up& up, const std::string& configuration) const {
  const auto description = DescribeOn(up);
  if (!description.ok()) return description.status();
  {
    absl::MutexLock lock(&mu_);
    if (description->plugin_id() != described_.plugin_id() ||
        description->version() != described_.version() || !SameMethods(*description, described_)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "it was loaded as `", described_.plugin_id(), "` ", described_.version(), " and is now `",
          description->plugin_id(), "` ", description->version(),
          description->version() == described_.version() ? ", with other methods" : "",
          "; put the old files back, or take the new ones with `aftersales plugins upgrade ", name_,
          " FILE`"));
    }
  }
  CallBuffer response;
  return CallOn(up, kConfigure, Within(options_.start_timeout), configuration, &response);
}

void IsolatedTransport::SetIdentity(const std::string& plugin_id, Redactor redactor) {
  absl::MutexLock lock(&mu_);
  name_ = plugin_id;
  redactor_ = std::move(redactor);
}

std::shared_ptr<IsolatedTransport::Up> IsolatedTransport::AwaitUp(SteadyClock::time_point deadline,
                                                                  std::string* problem) {
  const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return up_ != nullptr || quarantined_ || stopping_;
  };
  absl::MutexLock lock(&mu_);
  if (deadline == SteadyClock::time_point::max()) {
    mu_.Await(absl::Condition(&settled));
  } else {
    mu_.AwaitWithTimeout(absl::Condition(&settled),
                         absl::FromChrono(deadline - SteadyClock::now()));
  }
  *problem = problem_;
  return up_;
}

absl::Status IsolatedTransport::CallOn(const Up& up, const std::string& path,
                                       const CallContext& context, std::string_view request,
                                       CallBuffer* response) const {
  grpc::ClientContext client;
  if (context.deadline != SteadyClock::time_point::max()) {
    const auto left = context.deadline - SteadyClock::now();
    client.set_deadline(std::chrono::system_clock::now() + left + kAnswerGrace);
    client.AddMetadata(kTimeoutMetadata,
                       absl::StrCat(std::max<int64_t>(
                           0, std::chrono::duration_cast<std::chrono::nanoseconds>(left).count())));
  }
  if (!context.idempotency_key.empty()) {
    client.AddMetadata(kIdempotencyKeyMetadata, std::string(context.idempotency_key));
  }
  if (!context.seller.empty()) client.AddMetadata(kSellerMetadata, std::string(context.seller));
  client.AddMetadata(kAttemptMetadata, absl::StrCat(context.attempt));
  client.AddMetadata(kNowMetadata, absl::StrCat(absl::ToUnixNanos(now_())));

  const grpc::Slice slice(request.data(), request.size());
  grpc::ByteBuffer received;
  const grpc::Status status = up.calls->Call(&client, path, grpc::ByteBuffer(&slice, 1), &received);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && LostConnection(client, *up.channel)) {
    return LostProcess(absl::UnavailableError(
        absl::StrCat("the connection to its process was lost during ", ShortPath(path), " (",
                     status.error_message(), "), so it is not known whether that was done")));
  }
  // gRPC's own words, so nobody has answered.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED &&
      status.error_message() == "Deadline Exceeded") {
    return absl::DeadlineExceededError(
        absl::StrCat("it did not answer ", ShortPath(path), " by the deadline of the call"));
  }
  if (!status.ok()) return FromGrpc(status);
  std::vector<grpc::Slice> slices;
  if (!received.Dump(&slices).ok()) return absl::InternalError("its answer cannot be read");
  uint8_t* out = response->Reserve(received.Length());
  if (out == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("its answer of ", received.Length(), " bytes is too large"));
  }
  for (const grpc::Slice& part : slices) out = std::copy(part.begin(), part.end(), out);
  return absl::OkStatus();
}

absl::StatusOr<plugin::v1::DescribeResponse> IsolatedTransport::Describe() {
  std::string problem;
  const std::shared_ptr<Up> up = AwaitUp(Within(options_.start_timeout).deadline, &problem);
  if (up == nullptr) return absl::UnavailableError(problem);
  auto description = DescribeOn(*up);
  if (description.ok()) {
    absl::MutexLock lock(&mu_);
    described_ = *description;
  }
  return description;
}

absl::StatusOr<plugin::v1::DescribeResponse> IsolatedTransport::DescribeOn(const Up& up) const {
  CallBuffer response;
  const absl::Status status = CallOn(up, kDescribe, Within(options_.start_timeout), {}, &response);
  if (!status.ok()) return status;
  plugin::v1::DescribeResponse description;
  if (!description.ParseFromArray(response.bytes().data(),
                                  static_cast<int>(response.bytes().size()))) {
    return absl::InternalError("its description is not a valid DescribeResponse");
  }
  return description;
}

absl::StatusOr<plugin::v1::ValidateConfigResponse> IsolatedTransport::ValidateConfig(
    const plugin::v1::ValidateConfigRequest& request) {
  CallContext context;
  context.deadline = SteadyClock::now() + kValidateConfigTime;
  std::string problem;
  const std::shared_ptr<Up> up = AwaitUp(context.deadline, &problem);
  if (up == nullptr) return absl::UnavailableError(problem);
  CallBuffer buffer;
  const absl::Status status =
      CallOn(*up, kValidateConfigPath, context, request.SerializeAsString(), &buffer);
  if (!status.ok()) return status;
  plugin::v1::ValidateConfigResponse response;
  if (!response.ParseFromArray(buffer.bytes().data(), static_cast<int>(buffer.bytes().size()))) {
    return absl::InternalError("its answer is not a valid ValidateConfigResponse");
  }
  return response;
}

void IsolatedTransport::SetServices(std::shared_ptr<PluginServices> services) {
  slot_->Set(std::move(services));
}

void IsolatedTransport::TellShutdown(const Up& up) const {
  {
    absl::MutexLock lock(&mu_);
    if (!configured_) return;
  }
  CallContext context;
  context.deadline = SteadyClock::now() + kShutdownTime;
  CallBuffer response;
  const absl::Status status = CallOn(up, kShutdownPath, context, {}, &response);
  if (!status.ok() && status.code() != absl::StatusCode::kUnimplemented) {
    Log(LogLevel::kWarning, absl::StrCat("did not take its end well: ", status.message()));
  }
}

absl::Status IsolatedTransport::Configure(const plugin::v1::ConfigureRequest& request) {
  CallContext context = Within(options_.start_timeout);
  std::string problem;
  const std::shared_ptr<Up> up = AwaitUp(context.deadline, &problem);
  if (up == nullptr) return absl::UnavailableError(problem);
  const std::string bytes = request.SerializeAsString();
  CallBuffer response;
  const absl::Status status = CallOn(*up, kConfigure, context, bytes, &response);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mu_);
  configuration_ = bytes;
  configured_ = true;
  return absl::OkStatus();
}

int IsolatedTransport::Resolve(std::string_view path) {
  absl::MutexLock lock(&mu_);
  const auto known = std::find(paths_.begin(), paths_.end(), path);
  if (known != paths_.end()) return static_cast<int>(known - paths_.begin());
  paths_.emplace_back(path);
  return static_cast<int>(paths_.size()) - 1;
}

absl::Status IsolatedTransport::Call(int method, const CallContext& context,
                                     std::string_view request, CallBuffer* response) {
  std::string path;
  {
    absl::ReaderMutexLock lock(&mu_);
    path = paths_.at(static_cast<size_t>(method));
  }
  std::string problem;
  const std::shared_ptr<Up> up = AwaitUp(context.deadline, &problem);
  if (up == nullptr) {
    return NotMade(absl::ResourceExhaustedError(
        absl::StrCat("was not called: ", problem.empty() ? "it is being started" : problem)));
  }
  const absl::Status status = CallOn(*up, path, context, request, response);
  if (WasLostProcess(status)) {
    // Seen here before its supervisor does.
    GiveUp(up, "closed its connection to the host");
    return status;
  }
  if (status.code() == absl::StatusCode::kInternal ||
      status.code() == absl::StatusCode::kResourceExhausted) {
    CheckMemory(up);
  }
  CheckHang(up, status.code() == absl::StatusCode::kDeadlineExceeded &&
                    SteadyClock::now() >= context.deadline + kAnswerGrace);
  return status;
}

void IsolatedTransport::CheckMemory(const std::shared_ptr<Up>& up) {
  // Total, resident, shared, code, libraries, data; in pages.
  std::ifstream file(absl::StrCat("/proc/", up->pid, "/statm"));
  int64_t pages = 0;
  for (int field = 0; field < 6; ++field) file >> pages;
  if (!file || pages * sysconf(_SC_PAGESIZE) < options_.memory_bytes_max / 10 * 9) return;
  GiveUp(up, absl::StrCat("has used up its memory of ", options_.memory_bytes_max >> 20, " MB"));
}

void IsolatedTransport::CheckHang(const std::shared_ptr<Up>& up, bool overran) {
  int overruns = 0;
  {
    // Read before it is written: nearly every call finds nothing to do.
    absl::ReaderMutexLock lock(&mu_);
    if (!overran && answered_ && overruns_ == 0) return;
  }
  {
    absl::MutexLock lock(&mu_);
    if (up_ != up) return;
    if (!overran) {
      answered_ = true;
      overruns_ = 0;
      return;
    }
    if (++overruns_ % kOverrunsToAsk != 0) return;
    overruns = overruns_;
  }
  CallBuffer response;
  CallContext ping;
  ping.deadline = SteadyClock::now() + kPingTime;
  const absl::Status status = CallOn(*up, kCheckHealth, ping, {}, &response);
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    GiveUp(up, "did not end its calls by their deadline and does not answer");
  } else if (overruns >= kOverrunsToEnd) {
    // Each call that hangs costs it a thread, however well it says that it is.
    GiveUp(up, absl::StrCat("did not end any of its last ", overruns, " calls by their deadline"));
  }
}

void IsolatedTransport::GiveUp(const std::shared_ptr<Up>& up, std::string_view reason) {
  absl::MutexLock lock(&mu_);
  if (up_ != up) return;
  up_ = nullptr;  // whoever comes now waits for the next
  kill_reason_ = std::string(reason);
  Wake();
}

std::optional<ProcessInfo> IsolatedTransport::Process() const {
  absl::MutexLock lock(&mu_);
  ProcessInfo info;
  info.pid = up_ == nullptr ? 0 : up_->pid;
  info.restarts = std::max<int64_t>(0, starts_ - 1);
  info.quarantined = quarantined_;
  info.problem = up_ == nullptr ? problem_ : "";
  return info;
}

}  // namespace aftersales::plugins
