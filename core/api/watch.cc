#include "core/api/watch.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {

namespace {

constexpr int kWatchPage = 100;
constexpr int kWatchersMax = 1000;
constexpr auto kHeartbeat = std::chrono::seconds(15);

absl::StatusOr<int64_t> SequenceIn(const PageTokens& tokens, std::string_view token) {
  auto position = tokens.Read(token);
  int64_t seq = 0;
  if (!position.ok() || position->size() != 1 || !absl::SimpleAtoi(position->front(), &seq)) {
    return InvalidField("resume_token", "BAD_RESUME_TOKEN",
                        "send the resume_token of the last event of this seller that you handled, "
                        "`start` for the beginning, or none for what comes from now on");
  }
  return seq;
}

// A watch that is refused before it begins.
class Refused final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  explicit Refused(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

int64_t SequenceOf(const v1::Event& event) {
  int64_t seq = 0;
  (void)absl::SimpleAtoi(View(names::Split(event.name()).id), &seq);
  return seq;
}

PageTokens ResumeTokens(engine::Engine& engine, std::string_view seller) {
  return PageTokens(engine.store().Secret(), Cat("watch\n", seller));
}

// The live watches, to be ended when the host stops.
struct Watches::Live {
  std::mutex mutex;
  std::set<Watch*> watches;
  bool draining = false;
};

// One watch. It holds at most one page: the next one is read from the log when the last message of
// this one was taken, so that a slow watcher costs no memory.
class Watches::Watch final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  Watch(engine::Engine& engine, std::shared_ptr<Live> live, std::string seller, std::string token)
      : engine_(engine),
        live_(std::move(live)),
        seller_(std::move(seller)),
        tokens_(ResumeTokens(engine, seller_)) {
    {
      std::lock_guard lock(live_->mutex);
      if (live_->draining || live_->watches.size() >= kWatchersMax) {
        finished_ = true;
      } else {
        live_->watches.insert(this);
      }
    }
    if (finished_) {
      Finish(ToGrpc(Refuse(absl::StatusCode::kUnavailable, "BUSY",
                           "the host is stopping or has too many watchers; try again")
                        .RetryAfter(absl::Seconds(2))));
      return;
    }
    if (!token.empty() && token != "start") {
      auto seq = SequenceIn(tokens_, token);
      if (!seq.ok()) {
        std::lock_guard lock(mutex_);
        EndLocked(seq.status());
        return;
      }
      after_ = *seq;
    }
    from_now_ = token.empty();
    alive_ = std::make_shared<Alive>();
    alive_->watch = this;
    subscription_ = engine_.Subscribe([alive = alive_] {
      std::lock_guard lock(alive->mutex);
      if (alive->watch != nullptr) alive->watch->News();
    });
    std::lock_guard lock(mutex_);
    ReadLocked();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    writing_ = false;
    if (!ok) return EndLocked(absl::CancelledError("the caller went away"));
    if (ending_) return EndLocked(*ending_);
    NextLocked();
  }

  void OnCancel() override {
    std::lock_guard lock(mutex_);
    EndLocked(absl::CancelledError("the caller went away"));
  }

  void OnDone() override {
    if (alive_ != nullptr) {
      std::lock_guard lock(alive_->mutex);
      alive_->watch = nullptr;
    }
    subscription_.reset();
    {
      std::lock_guard lock(live_->mutex);
      live_->watches.erase(this);
    }
    delete this;
  }

  // Ends it for the host's reasons.
  void Stop() {
    std::lock_guard lock(mutex_);
    EndLocked(Refuse(absl::StatusCode::kUnavailable, "STOPPING",
                     "the host is stopping; resume with the last token")
                  .RetryAfter(absl::Seconds(1)));
  }

 private:
  // Outlives the watch: callbacks that come late find nobody.
  struct Alive {
    std::recursive_mutex mutex;
    Watch* watch = nullptr;
  };

  // There are new events. From the writer's thread.
  void News() {
    std::lock_guard lock(mutex_);
    news_ = true;
    if (!writing_ && !reading_) ReadLocked();
  }

  void ReadLocked() {
    if (finished_ || ending_) return;
    reading_ = true;
    news_ = false;
    const absl::Status queued = engine_.store().Read(
        [alive = alive_](store::Reader& reader) {
          std::lock_guard guard(alive->mutex);
          if (alive->watch != nullptr) alive->watch->Page(reader);
        },
        [alive = alive_](const absl::Status& status) {
          std::lock_guard guard(alive->mutex);
          if (alive->watch == nullptr) return;
          std::lock_guard lock(alive->watch->mutex_);
          alive->watch->EndLocked(status);
        });
    if (!queued.ok()) {
      reading_ = false;
      EndLocked(queued);
    }
  }

  // On a reading thread.
  void Page(store::Reader& reader) {
    std::lock_guard lock(mutex_);
    reading_ = false;
    if (finished_ || ending_) return;
    if (!known_) {
      if (absl::Status s = CheckScope(reader, seller_); !s.ok()) return EndLocked(s);
      known_ = true;
      if (from_now_) after_ = reader.LastSequence(seller_);
      // The headers say that it is watching: what happens from here on comes.
      StartSendInitialMetadata();
    }
    page_ = reader.EventsAfter(seller_, after_, kWatchPage);
    at_ = 0;
    NextLocked();
  }

  void NextLocked() {
    if (finished_ || writing_ || reading_) return;
    message_.Clear();
    if (at_ < page_.size()) {
      *message_.mutable_event() = std::move(page_[at_++]);
      after_ = SequenceOf(message_.event());
      message_.mutable_event()->set_resume_token(tokens_.Make({Cat(after_)}));
      message_.set_resume_token(message_.event().resume_token());
      WriteLocked();
    } else if (page_.size() == kWatchPage || news_) {
      page_.clear();
      at_ = 0;
      ReadLocked();
    } else {
      page_.clear();
      at_ = 0;
      ArmHeartbeat();
    }
  }

  void WriteLocked() {
    writing_ = true;
    StartWrite(&message_);
  }

  // One timer at a time; it finds nobody if the watch is gone.
  void ArmHeartbeat() {
    if (beating_) return;
    beating_ = true;
    auto alarm = std::make_shared<grpc::Alarm>();
    alarm_ = alarm;
    alarm->Set(std::chrono::system_clock::now() + kHeartbeat, [alive = alive_](bool) {
      std::lock_guard guard(alive->mutex);
      if (alive->watch != nullptr) alive->watch->Beat();
    });
  }

  void Beat() {
    std::lock_guard lock(mutex_);
    beating_ = false;
    if (finished_ || ending_ || writing_ || reading_) return;
    message_.Clear();
    message_.set_resume_token(tokens_.Make({Cat(after_)}));
    WriteLocked();
  }

  void EndLocked(const absl::Status& status) {
    if (finished_) return;
    if (writing_) {
      ending_ = status;
      return;
    }
    finished_ = true;
    Finish(ToGrpc(status));
  }

  engine::Engine& engine_;
  std::shared_ptr<Live> live_;
  const std::string seller_;
  const PageTokens tokens_;
  std::shared_ptr<Alive> alive_;
  std::shared_ptr<engine::Engine::Subscription> subscription_;
  std::shared_ptr<grpc::Alarm> alarm_;

  std::recursive_mutex mutex_;
  int64_t after_ = 0;
  bool known_ = false;  // that there is such a seller
  bool from_now_ = false;
  bool news_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool finished_ = false;
  bool beating_ = false;
  std::optional<absl::Status> ending_;
  std::vector<v1::Event> page_;
  size_t at_ = 0;
  v1::WatchResponse message_;
};

Watches::Watches(engine::Engine& engine) : engine_(engine), live_(std::make_shared<Live>()) {}

grpc::ServerWriteReactor<v1::WatchResponse>* Watches::Start(const v1::WatchRequest& request) {
  if (absl::Status s = CheckWellFormed(request); !s.ok()) return new Refused(s);
  auto seller = names::ParseSeller(request.parent(), "parent");
  if (!seller.ok()) return new Refused(seller.status());
  return new Watch(engine_, live_, std::string(*seller), request.resume_token());
}

void Watches::Drain() {
  std::lock_guard lock(live_->mutex);
  live_->draining = true;
  // A watch cannot be deleted while the lock is held: OnDone takes it first.
  for (Watch* watch : live_->watches) watch->Stop();
}

}  // namespace aftersales::api
