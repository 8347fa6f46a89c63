#include "core/plugins/runner.h"

#include <fcntl.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/plugins/call_threads.h"
#include "core/plugins/child_process.h"
#include "core/plugins/in_process.h"
#include "core/plugins/remote_services.h"
#include "core/plugins/unix_address.h"
#include "google/rpc/status.pb.h"

namespace aftersales::plugins {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kLifecycle[] = "/aftersales.plugin.v1.PluginLifecycle/";
constexpr int kThreadsMax = 64;
constexpr size_t kMethodsMax = 256;  // far more than any contract has
constexpr auto kDrainTime = std::chrono::seconds(2);

// The host's clock as of the last call.
class HostClock {
 public:
  void Set(int64_t unix_ns) {
    host_.store(unix_ns, std::memory_order_relaxed);
    set_at_.store(SteadyClock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }
  void Enter() { running_.fetch_add(1, std::memory_order_relaxed); }
  void Leave() { running_.fetch_sub(1, std::memory_order_relaxed); }
  absl::Time Now() const {
    const int64_t host = host_.load(std::memory_order_relaxed);
    if (host == 0) return absl::Now();
    if (running_.load(std::memory_order_relaxed) > 0) return absl::FromUnixNanos(host);
    const int64_t since =
        SteadyClock::now().time_since_epoch().count() - set_at_.load(std::memory_order_relaxed);
    return absl::FromUnixNanos(host + since);
  }

 private:
  std::atomic<int64_t> host_{0};
  std::atomic<int64_t> set_at_{0};
  std::atomic<int> running_{0};
};

// One line with the level in front, as for the journal of systemd: `<6>text`.
void LogLine(LogLevel level, std::string_view text) {
  const int priority = level == LogLevel::kError     ? 3
                       : level == LogLevel::kWarning ? 4
                       : level == LogLevel::kInfo    ? 6
                                                     : 7;
  const std::string line = absl::StrCat(
      "<", priority, ">", absl::StrReplaceAll(std::string(text), {{"\n", " "}, {"\r", " "}}), "\n");
  // In one piece: threads of the plugin log at once.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
}

std::string_view Text(grpc::string_ref text) { return {text.data(), text.size()}; }

int64_t Number(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    auto* detail = details.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return {static_cast<grpc::StatusCode>(status.code()), details.message(),
          details.details_size() == 0 ? std::string() : details.SerializeAsString()};
}

// Bytes of a request, flat.
class Flat {
 public:
  explicit Flat(const grpc::ByteBuffer& buffer) {
    if (buffer.TrySingleSlice(&slice_).ok()) return;
    if (!buffer.DumpToSingleSlice(&slice_).ok()) slice_ = grpc::Slice();
  }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }

 private:
  grpc::Slice slice_;
};

// Bytes of a response, of a large one without a copy.
grpc::Slice ToSlice(CallBuffer& response) {
  const std::string_view bytes = response.bytes();
  uint8_t* heap = response.ReleaseHeap();
  if (heap == nullptr) return {bytes.data(), bytes.size()};
  return {heap, bytes.size(), [](void* data) { delete[] static_cast<uint8_t*>(data); }};
}

class Runner {
 public:
  Runner(InProcessTransport& transport, HostClock& clock) : transport_(transport), clock_(clock) {}

  // One call of the plugin, on the thread that took it.
  absl::Status Answer(const grpc::GenericServerContext& context, std::string_view request,
                      CallBuffer* response) {
    CallContext call;
    for (const auto& [key, value] : context.client_metadata()) {
      if (key == kIdempotencyKeyMetadata) {
        call.idempotency_key = Text(value);
      } else if (key == kSellerMetadata) {
        call.seller = Text(value);
      } else if (key == kAttemptMetadata) {
        call.attempt = static_cast<int>(Number(Text(value)));
      } else if (key == kNowMetadata) {
        clock_.Set(Number(Text(value)));
      } else if (key == kTimeoutMetadata) {
        call.deadline = SteadyClock::now() + std::chrono::nanoseconds(Number(Text(value)));
      }
    }
    const std::string& method = context.method();
    if (method.rfind(kLifecycle, 0) == 0) {
      const std::string_view name = std::string_view(method).substr(sizeof(kLifecycle) - 1);
      if (name == "Describe") return Describe(response);
      if (name == "Configure") return Configure(request);
      if (name == "Shutdown") return transport_.Shutdown();
    }
    if (!configured_.load() && method != kValidateConfigPath) {
      return absl::FailedPreconditionError("is not configured yet; call Configure first");
    }
    const int number = transport_.Resolve(method);
    if (number < 0) return absl::UnimplementedError(absl::StrCat("does not have ", method));
    clock_.Enter();
    absl::Status status = transport_.Call(number, call, request, response);
    clock_.Leave();
    return status;
  }

  // Takes calls from now on, on at most `threads`.
  void Serve(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue, int threads) {
    threads_ = std::make_unique<CallThreads>(threads, [queue] {
      void* tag;
      bool ok;
      if (!queue->Next(&tag, &ok)) return false;
      static_cast<Call*>(tag)->Proceed(ok);
      return true;
    });
    (new Call(*this, service, queue))->Wait();
  }
  CallThreads& threads() { return *threads_; }
  // After the queue has been shut down.
  void Join() { threads_->Join(); }

 private:
  // A call from its arrival to its answer; deletes itself.
  class Call {
   public:
    Call(Runner& runner, grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue)
        : runner_(runner), service_(service), queue_(queue), stream_(&context_) {}

    void Wait() { service_->RequestCall(&context_, &stream_, queue_, queue_, this); }

    void Proceed(bool ok) {
      if (!ok || step_ == Step::kAnswered) {
        delete this;
        return;
      }
      if (step_ == Step::kWaits) {
        (new Call(runner_, service_, queue_))->Wait();
        step_ = Step::kReads;
        stream_.Read(&request_, this);
        return;
      }
      step_ = Step::kAnswered;
      CallBuffer response;
      absl::Status status;
      runner_.threads_->Work(runner_.UsualOf(context_.method()), [&] {
        status = runner_.Answer(context_, Flat(request_).bytes(), &response);
      });
      if (!status.ok()) {
        if (absl::IsUnavailable(status)) context_.AddTrailingMetadata(kAnsweredMetadata, "1");
        stream_.Finish(ToGrpc(status), this);
        return;
      }
      const grpc::Slice slice = ToSlice(response);
      stream_.WriteAndFinish(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), grpc::Status::OK,
                             this);
    }

   private:
    enum class Step { kWaits, kReads, kAnswered };
    Runner& runner_;
    grpc::AsyncGenericService* service_;
    grpc::ServerCompletionQueue* queue_;
    grpc::GenericServerContext context_;
    grpc::GenericServerAsyncReaderWriter stream_;
    grpc::ByteBuffer request_;
    Step step_ = Step::kWaits;
  };

  // Only by the thread that leads.
  UsualTime& UsualOf(const std::string& method) {
    const auto known = usual_.find(method);
    if (known != usual_.end()) return known->second;
    return usual_.size() < kMethodsMax ? usual_[method] : usual_of_others_;
  }

  absl::Status Describe(CallBuffer* response) {
    const auto description = transport_.Describe();
    if (!description.ok()) return description.status();
    const std::string bytes = description->SerializeAsString();
    std::copy(bytes.begin(), bytes.end(), response->Reserve(bytes.size()));
    return absl::OkStatus();
  }

  absl::Status Configure(std::string_view request) {
    plugin::v1::ConfigureRequest parsed;
    if (!parsed.ParseFromArray(request.data(), static_cast<int>(request.size()))) {
      return absl::InvalidArgumentError("is not a ConfigureRequest");
    }
    if (configured_.load()) return absl::FailedPreconditionError("is configured already");
    const char* host_socket = std::getenv(kHostSocketVariable);
    const char* token = std::getenv(kTokenVariable);
    if (host_socket != nullptr && token != nullptr) {
      transport_.SetServices(std::make_shared<RemoteServices>(host_socket, token));
    }
    const absl::Status status = transport_.Configure(parsed);
    if (status.ok()) configured_.store(true);
    return status;
  }

  InProcessTransport& transport_;
  HostClock& clock_;
  std::atomic<bool> configured_{false};
  std::map<std::string, UsualTime> usual_;  // by method
  UsualTime usual_of_others_;
  std::unique_ptr<CallThreads> threads_;
};

// Waits until the host is gone or wants this to end; keeps an eye on the calls meanwhile.
void WaitForTheEnd(int signals, CallThreads& threads) {
  pollfd watched[] = {
      {STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}, {threads.wake_fd(), POLLIN, 0}};
  const int interval = static_cast<int>(absl::ToInt64Milliseconds(CallThreads::kWatchInterval));
  bool watch = false;
  while (true) {
    const int ready = poll(watched, std::size(watched), watch ? interval : -1);
    if (ready < 0) continue;
    if (ready == 0 || watched[2].revents != 0) watch = threads.Watch();
    if (watched[1].revents != 0) return;
    if (watched[0].revents != 0) {
      char bytes[256];
      if (read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0) return;
    }
  }
}

}  // namespace

absl::Status RunPlugin(const std::filesystem::path& file) {
  const char* cookie = std::getenv(kCookieVariable);
  const char* socket = std::getenv(kSocketVariable);
  const char* version = std::getenv(kHostVariable);
  if (cookie == nullptr || socket == nullptr || version == nullptr ||
      std::string_view(cookie) != kCookie) {
    return absl::FailedPreconditionError(
        "a plugin runner is started by the host, not by a person; load the plugin with "
        "`aftersales serve --plugin FILE --isolate NAME`");
  }
  // Blocked before there are threads, so that every one of them leaves it to the descriptor.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int signals = signalfd(-1, &ends, SFD_CLOEXEC);

  HostClock clock;
  auto loaded = InProcessTransport::Load(
      file, version, [&clock] { return clock.Now(); },
      [](LogLevel level, std::string_view, std::string_view text) { LogLine(level, text); });
  if (!loaded.ok()) return loaded.status();
  const std::unique_ptr<InProcessTransport> transport = *std::move(loaded);
  int threads = 1;
  if (const auto description = transport->Describe(); description.ok()) {
    threads = std::clamp(description->max_concurrency(), 1, kThreadsMax);
  }

  Runner runner(*transport, clock);
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(UnixAddress(socket), grpc::InsecureServerCredentials());
  builder.RegisterAsyncGenericService(&service);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMessageBytesMax));
  builder.SetMaxSendMessageSize(static_cast<int>(kMessageBytesMax));
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("cannot listen at ", socket));
  }
  // One more than the plugin takes at once: for its health, and for those that wait to be refused.
  runner.Serve(&service, queue.get(), threads + 1);
  const std::string handshake = absl::StrCat("1|1|unix|", socket, "|grpc\n");
  const bool told = write(STDOUT_FILENO, handshake.data(), handshake.size()) ==
                    static_cast<ssize_t>(handshake.size());
  if (told) WaitForTheEnd(signals, runner.threads());
  // A call that hangs in the plugin does not keep this from ending.
  std::thread([] {
    std::this_thread::sleep_for(kDrainTime + std::chrono::seconds(1));
    _exit(1);
  }).detach();
  server->Shutdown(std::chrono::system_clock::now() + kDrainTime);
  queue->Shutdown();
  runner.Join();
  unlink(socket);
  close(signals);
  if (!told) return absl::UnavailableError("nobody takes the handshake");
  return absl::OkStatus();
}

}  // namespace aftersales::plugins
