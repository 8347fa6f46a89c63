// Files that callers stream to the host.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/api/call.h"
#include "core/api/services.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {

// Imports run on threads of their own, because parsing takes the plugin's time and storing waits
// for commits. Few at once: they would only wait for the one writer.
inline constexpr int kImportsMax = 4;

// The imports of one service: how many are running, and how long each may take. A caller that opens
// a stream and sends nothing, or a little now and then, would keep its place for ever.
struct Imports {
  explicit Imports(const ImportLimits& given) : limits(given) {}
  const ImportLimits limits;
  std::atomic<int> running{0};
};

// The stream of one import: the header once, then chunks. `Import` takes the bytes (Feed), says
// what became of them (Finish), and how far it came when it ends before (Ended); `begin` makes it
// of the actor and the header. The reactor takes one chunk at a time and asks for the next when
// that is stored, which is the back-pressure that keeps memory flat.
//
// It reads bytes and parses them here: a reader of messages takes bytes that are no message for the
// end of the stream, and the import would end well with half of the file.
template <typename Request, typename Response, typename Import>
class ImportReactor final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  using Begin = std::function<absl::StatusOr<std::unique_ptr<Import>>(
      v1::Actor, const std::decay_t<decltype(std::declval<Request>().header())>&)>;

  ImportReactor(Imports& imports, grpc::CallbackServerContext* context, grpc::ByteBuffer* response,
                Begin begin)
      : imports_(imports),
        context_(context),
        response_(response),
        begin_(std::move(begin)),
        until_(After(imports.limits.total)) {
    if (imports_.running.fetch_add(1) >= kImportsMax) {
      imports_.running.fetch_sub(1);
      this->Finish(
          ToGrpc(Refuse(absl::StatusCode::kResourceExhausted, "BUSY",
                        Cat(kImportsMax, " imports are running; try again when one is done"))
                     .RetryAfter(absl::Seconds(2))));
      return;
    }
    worker_ = std::thread([this] { Work(); });
    this->StartRead(&bytes_);
  }

  void OnReadDone(bool ok) override { Tell(ok ? Step::kMessage : Step::kEnd); }
  void OnCancel() override { Tell(Step::kCancelled); }
  void OnDone() override {
    if (worker_.joinable()) worker_.detach();  // it has nothing left to do but return
    delete this;
  }

 private:
  using SteadyClock = std::chrono::steady_clock;  // of the connection, not of the trade
  enum class Step { kMessage, kEnd, kCancelled, kIdle, kTooLong };

  static SteadyClock::time_point After(absl::Duration limit) {
    return SteadyClock::now() + absl::ToChronoMilliseconds(limit);
  }

  void Tell(Step step) {
    std::lock_guard lock(mutex_);
    steps_.push_back(step);
    wake_.notify_one();
  }

  Step Await() {
    const SteadyClock::time_point idle = After(imports_.limits.idle);
    std::unique_lock lock(mutex_);
    if (!wake_.wait_until(lock, std::min(idle, until_), [this] { return !steps_.empty(); })) {
      return idle < until_ ? Step::kIdle : Step::kTooLong;
    }
    const Step step = steps_.front();
    steps_.pop_front();
    return step;
  }

  void Work() {
    absl::Status status;
    try {
      status = Run();
    } catch (const std::exception& e) {
      status = FromException(e.what());
    }
    if (!status.ok() && import_ != nullptr) status = import_->Ended(status);
    import_.reset();
    // Before the caller hears of it, who may send the next file at once.
    imports_.running.fetch_sub(1);
    // The last touch: OnDone deletes this object.
    this->Finish(ToGrpc(status));
  }

  absl::Status Run() {
    while (true) {
      switch (Await()) {
        case Step::kCancelled:
          return absl::CancelledError("the caller ended the import; what was stored stays");
        case Step::kEnd: {
          if (context_->IsCancelled()) return absl::CancelledError("the caller went away");
          if (import_ == nullptr) {
            return InvalidField("header", "MISSING_FIELD", "send the header first, then the bytes");
          }
          auto result = import_->Finish();
          if (!result.ok()) return result.status();
          return Answer(*result);
        }
        case Step::kIdle:
          return Refuse(
              absl::StatusCode::kDeadlineExceeded, "IMPORT_IDLE",
              Cat("the caller sent nothing for ", absl::FormatDuration(imports_.limits.idle),
                  ", and others wait for the place; send the file without a pause"));
        case Step::kTooLong:
          return TooLong();
        case Step::kMessage:
          if (absl::Status s = Take(); !s.ok()) return s;
          if (SteadyClock::now() >= until_) return TooLong();
          this->StartRead(&bytes_);
      }
    }
  }

  absl::Status TooLong() const {
    return Refuse(absl::StatusCode::kDeadlineExceeded, "IMPORT_TOO_LONG",
                  Cat("an import ends after ", absl::FormatDuration(imports_.limits.total),
                      "; send the file faster, or split it"));
  }

  absl::Status Answer(const Response& result) {
    bool own = false;
    if (!grpc::SerializationTraits<Response>::Serialize(result, response_, &own).ok()) {
      return absl::InternalError("the answer cannot be written");
    }
    return absl::OkStatus();
  }

  absl::Status Take() {
    if (!grpc::SerializationTraits<Request>::Deserialize(&bytes_, &message_).ok()) {
      return Refuse(absl::StatusCode::kInvalidArgument, "BAD_STREAM",
                    Cat("the stream holds bytes that are no ", Request::descriptor()->name(),
                        "; send that message, with texts in UTF-8"));
    }
    if (absl::Status s = CheckWellFormed(message_); !s.ok()) return s;
    if (message_.has_header()) {
      if (import_ != nullptr) {
        return InvalidField("header", "BAD_STREAM", "the header comes once, before the bytes");
      }
      auto actor = ActorOf(*context_);
      if (!actor.ok()) return actor.status();
      auto import = begin_(*std::move(actor), message_.header());
      if (!import.ok()) return import.status();
      import_ = *std::move(import);
      return absl::OkStatus();
    }
    if (import_ == nullptr) {
      return InvalidField("header", "MISSING_FIELD", "send the header first, then the bytes");
    }
    if (message_.chunk().size() > 1024 * 1024) {
      return InvalidField("chunk", "TOO_LONG", "at most 1 MiB");
    }
    return import_->Feed(message_.chunk());
  }

  Imports& imports_;
  grpc::CallbackServerContext* context_;
  grpc::ByteBuffer* response_;
  const Begin begin_;
  const SteadyClock::time_point until_;
  grpc::ByteBuffer bytes_;
  Request message_;
  std::unique_ptr<Import> import_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Step> steps_;
  std::thread worker_;
};

}  // namespace aftersales::api
