#include "aftersales/v1/event_service.grpc.pb.h"

#include <grpcpp/alarm.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>

#include "absl/strings/numbers.h"
#include "core/api/call.h"
#include "core/api/filter.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

constexpr int kWatchPage = 100;
constexpr int kWatchersMax = 1000;
constexpr auto kHeartbeat = std::chrono::seconds(15);

int64_t SequenceOf(const v1::Event& event) {
  int64_t seq = 0;
  (void)absl::SimpleAtoi(View(names::Split(event.name()).id), &seq);
  return seq;
}

// Where a page of events ends: instant in micros, where they are ordered by it, and sequence.
using Position = std::pair<int64_t, int64_t>;

// The facts of a return or refund, which it knows itself; nothing else is filtered by subject.
absl::StatusOr<std::vector<v1::Event>> HistoryOf(store::Reader& reader, std::string_view seller,
                                                 std::string_view subject) {
  const names::Name name = names::Split(subject);
  const auto facts_of = [&](const auto& record) {
    const std::vector<int64_t> facts =
        record ? std::vector<int64_t>(record->facts().begin(), record->facts().end())
               : std::vector<int64_t>();
    return reader.EventsBySequence(seller, facts);
  };
  if (name.seller == seller && name.collection == "returns") {
    return facts_of(reader.FindReturn(seller, name.id));
  }
  if (name.seller == seller && name.collection == "refunds") {
    return facts_of(reader.FindRefund(seller, name.id));
  }
  return InvalidField("filter", "BAD_FILTER",
                      "`subject` is the name of a return or refund of the parent");
}

// A resume token is the seller's last sequence, signed like a page token.
PageTokens ResumeTokens(engine::Engine& engine, std::string_view seller) {
  return PageTokens(engine.store().Secret(), Cat("watch\n", seller));
}

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

class Watch;

// The live watches, to be ended when the host stops.
struct Watches {
  std::mutex mutex;
  std::set<Watch*> live;
  bool draining = false;
};

// One watch. It holds at most one page: the next one is read from the log when the last message of
// this one was taken, so that a slow watcher costs no memory.
class Watch final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  Watch(engine::Engine& engine, std::shared_ptr<Watches> watches, std::string seller,
        std::string token)
      : engine_(engine),
        watches_(std::move(watches)),
        seller_(std::move(seller)),
        tokens_(ResumeTokens(engine, seller_)) {
    {
      std::lock_guard lock(watches_->mutex);
      if (watches_->draining || watches_->live.size() >= kWatchersMax) {
        finished_ = true;
      } else {
        watches_->live.insert(this);
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
    // The headers go out at once, so that the client knows that it is watching.
    StartSendInitialMetadata();
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
      std::lock_guard lock(watches_->mutex);
      watches_->live.erase(this);
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
    if (from_now_) {
      after_ = reader.LastSequence(seller_);
      from_now_ = false;
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
  std::shared_ptr<Watches> watches_;
  const std::string seller_;
  const PageTokens tokens_;
  std::shared_ptr<Alive> alive_;
  std::shared_ptr<engine::Engine::Subscription> subscription_;
  std::shared_ptr<grpc::Alarm> alarm_;

  std::recursive_mutex mutex_;
  int64_t after_ = 0;
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

// A watch that is refused before it begins.
class Refused final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  explicit Refused(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

class EventService final : public v1::EventService::CallbackService {
 public:
  EventService(engine::Engine& engine, std::shared_ptr<Watches> watches)
      : engine_(engine), watches_(std::move(watches)) {}

  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return FinishNow(context, seller.status());
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    auto filter = Filter::Parse(request->filter(), {"subject"});
    if (!filter.ok()) return FinishNow(context, filter.status());
    const std::string subject = filter->Text("subject");
    const bool by_time = request->order_by() == "occurred_at";
    if (!by_time && !request->order_by().empty()) {
      return FinishNow(context, InvalidField("order_by", "BAD_ORDER",
                                             "give `occurred_at`, or nothing for the order of "
                                             "recording"));
    }
    if (by_time && subject.empty()) {
      return FinishNow(context, InvalidField("order_by", "BAD_ORDER",
                                             "only the events of one return or refund are ordered "
                                             "by time; name it with `subject = ` in the filter"));
    }
    const PageTokens tokens(
        engine_.store().Secret(),
        Cat("events\n", request->parent(), "\n", request->filter(), "\n", request->order_by()));
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    Position after;
    if (position->size() == 2) {
      (void)absl::SimpleAtoi((*position)[0], &after.first);
      (void)absl::SimpleAtoi((*position)[1], &after.second);
    }
    return RunQuery(
        context, engine_, response,
        [=, this, seller = std::string(*seller), size = static_cast<size_t>(*size)](
            store::Reader& reader) -> absl::StatusOr<v1::ListEventsResponse> {
          const auto position_of = [by_time](const v1::Event& event) {
            return Position(by_time ? calendar::ToMicros(event.occurred_at()) : 0,
                            SequenceOf(event));
          };
          absl::StatusOr<std::vector<v1::Event>> events;
          if (subject.empty()) {
            events = reader.EventsAfter(seller, after.second, static_cast<int>(size) + 1);
          } else {
            events = HistoryOf(reader, seller, subject);
            if (!events.ok()) return events.status();
            std::sort(events->begin(), events->end(), [&](const v1::Event& a, const v1::Event& b) {
              return position_of(a) < position_of(b);
            });
            std::erase_if(*events,
                          [&](const v1::Event& event) { return position_of(event) <= after; });
          }
          const bool more = events->size() > size;
          if (more) events->resize(size);
          const PageTokens resume = ResumeTokens(engine_, seller);
          v1::ListEventsResponse page;
          Position reached = after;
          for (v1::Event& event : *events) {
            reached = position_of(event);
            event.set_resume_token(resume.Make({Cat(reached.second)}));
            *page.add_events() = std::move(event);
          }
          if (more)
            page.set_next_page_token(tokens.Make({Cat(reached.first), Cat(reached.second)}));
          if (!by_time) page.set_resume_token(resume.Make({Cat(reached.second)}));
          return page;
        });
  }

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext*,
                                                     const v1::WatchRequest* request) override {
    auto seller = names::ParseSeller(request->parent(), "parent");
    if (!seller.ok()) return new Refused(seller.status());
    return new api::Watch(engine_, watches_, std::string(*seller), request->resume_token());
  }

 private:
  engine::Engine& engine_;
  std::shared_ptr<Watches> watches_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEventService(engine::Engine& engine,
                                                std::function<void()>* drain) {
  auto watches = std::make_shared<Watches>();
  *drain = [watches] {
    std::lock_guard lock(watches->mutex);
    watches->draining = true;
    // A watch cannot be deleted while the lock is held: OnDone takes it first.
    for (api::Watch* watch : watches->live) watch->Stop();
  };
  return std::make_unique<EventService>(engine, std::move(watches));
}

}  // namespace aftersales::api
