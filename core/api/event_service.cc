#include "aftersales/v1/event_service.grpc.pb.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/api/watch.h"
#include "core/domain/calendar.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

// Where a page of events ends: instant in micros, where they are ordered by it, and sequence.
using Position = std::pair<int64_t, int64_t>;

// The facts of a return, refund or exchange, which it knows itself; nothing else is filtered by
// subject.
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
  if (name.seller == seller && name.collection == "exchanges") {
    return facts_of(reader.FindExchange(seller, name.id));
  }
  return InvalidField("filter", "BAD_FILTER",
                      "`subject` is the name of a return, refund or exchange of the parent");
}

class EventService final : public v1::EventService::CallbackService {
 public:
  EventService(engine::Engine& engine, std::shared_ptr<Watches> watches)
      : engine_(engine), watches_(std::move(watches)) {}

  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override {
    if (absl::Status s = CheckWellFormed(*request); !s.ok()) return FinishNow(context, s);
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
      return FinishNow(context,
                       InvalidField("order_by", "BAD_ORDER",
                                    "only the events of one return, refund or exchange are ordered "
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
          if (absl::Status s = CheckScope(reader, seller); !s.ok()) return s;
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
    return watches_->Start(*request);
  }

 private:
  engine::Engine& engine_;
  std::shared_ptr<Watches> watches_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeEventService(engine::Engine& engine,
                                                std::function<void()>* drain) {
  auto watches = std::make_shared<Watches>(engine);
  *drain = [watches] { watches->Drain(); };
  return std::make_unique<EventService>(engine, std::move(watches));
}

}  // namespace aftersales::api
