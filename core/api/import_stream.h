// Files that callers stream to the host.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "core/api/call.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {

// Imports run on threads of their own, because parsing takes the plugin's time and storing waits
// for commits. Few at once: they would only wait for the one writer.
inline constexpr int kImportsMax = 4;

// The stream of one import: the header once, then chunks. `Import` takes the bytes (Feed) and says
// what became of them (Finish); `begin` makes it of the actor and the header. The reactor takes one
// chunk at a time and asks for the next when that is stored, which is the back-pressure that keeps
// memory flat.
template <typename Request, typename Response, typename Import>
class ImportReactor final : public grpc::ServerReadReactor<Request> {
 public:
  using Begin = std::function<absl::StatusOr<std::unique_ptr<Import>>(
      v1::Actor, const std::decay_t<decltype(std::declval<Request>().header())>&)>;

  ImportReactor(std::atomic<int>& running, grpc::CallbackServerContext* context, Response* response,
                Begin begin)
      : running_(running), context_(context), response_(response), begin_(std::move(begin)) {
    if (running_.fetch_add(1) >= kImportsMax) {
      running_.fetch_sub(1);
      this->Finish(
          ToGrpc(Refuse(absl::StatusCode::kResourceExhausted, "BUSY",
                        Cat(kImportsMax, " imports are running; try again when one is done"))
                     .RetryAfter(absl::Seconds(2))));
      return;
    }
    worker_ = std::thread([this] { Work(); });
    this->StartRead(&message_);
  }

  void OnReadDone(bool ok) override { Tell(ok ? Step::kMessage : Step::kEnd); }
  void OnCancel() override { Tell(Step::kCancelled); }
  void OnDone() override {
    if (worker_.joinable()) worker_.detach();  // it has nothing left to do but return
    delete this;
  }

 private:
  enum class Step { kMessage, kEnd, kCancelled };

  void Tell(Step step) {
    std::lock_guard lock(mutex_);
    steps_.push_back(step);
    wake_.notify_one();
  }

  Step Await() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !steps_.empty(); });
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
    import_.reset();
    // Before the caller hears of it, who may send the next file at once.
    running_.fetch_sub(1);
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
          *response_ = *std::move(result);
          return absl::OkStatus();
        }
        case Step::kMessage:
          if (absl::Status s = Take(); !s.ok()) return s;
          this->StartRead(&message_);
      }
    }
  }

  absl::Status Take() {
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

  std::atomic<int>& running_;
  grpc::CallbackServerContext* context_;
  Response* response_;
  const Begin begin_;
  Request message_;
  std::unique_ptr<Import> import_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Step> steps_;
  std::thread worker_;
};

}  // namespace aftersales::api
