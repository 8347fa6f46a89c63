// The change feed: every event once and in order, however slow the watcher and whenever it comes.
#include <mutex>
#include <thread>

#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

// A watch in a thread of its own that keeps what came.
class Watcher {
 public:
  // Reads until `enough` events came or the stream ended; sleeps `pause` after each.
  Watcher(const Api& api, std::string_view token, size_t enough,
          absl::Duration pause = absl::ZeroDuration()) {
    v1::WatchRequest request;
    request.set_parent(kSeller);
    request.set_resume_token(std::string(token));
    api.Prepare(context_, absl::Seconds(60));
    stream_ = api.stub<Events>().Watch(&context_, request);
    stream_->WaitForInitialMetadata();  // it watches from here on
    thread_ = std::thread([this, enough, pause] {
      v1::WatchResponse message;
      while (events_.size() < enough && stream_->Read(&message)) {
        {
          std::lock_guard lock(mutex_);
          token_ = message.resume_token();
        }
        if (!message.has_event()) continue;
        EXPECT_EQ(message.event().resume_token(), message.resume_token());
        events_.push_back(message.event());
        if (pause > absl::ZeroDuration()) absl::SleepFor(pause);
      }
      if (events_.size() >= enough) context_.TryCancel();
      while (stream_->Read(&message)) {
      }
      status_ = stream_->Finish();
    });
  }
  ~Watcher() {
    context_.TryCancel();
    if (thread_.joinable()) thread_.join();
  }
  const std::vector<v1::Event>& Join() {
    thread_.join();
    return events_;
  }
  std::string token() const {
    std::lock_guard lock(mutex_);
    return token_;
  }
  const grpc::Status& status() const { return status_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> stream_;
  std::vector<v1::Event> events_;
  mutable std::mutex mutex_;
  std::string token_;
  grpc::Status status_;
  std::thread thread_;
};

std::vector<std::string> Names(const std::vector<v1::Event>& events) {
  std::vector<std::string> names;
  for (const v1::Event& event : events) names.push_back(event.name());
  return names;
}

class WatchTest : public HostTest {
 protected:
  static constexpr int kReturns = 500;

  // Five hundred orders, then their returns by four callers at once.
  void CreateOrders() {
    v1::BatchUpsertOrdersRequest batch;
    batch.set_parent(kSeller);
    for (int i = 0; i < kReturns; ++i) {
      *batch.add_orders() =
          OrderOf("us", "113-5000000-" + std::to_string(1000000 + i), {{"A", 1, 1000, 0}});
    }
    const auto stored = api().Call(&Orders::BatchUpsertOrders, batch);
    ASSERT_TRUE(stored.ok()) << stored.status.error_message();
    for (const v1::OrderResult& result : stored->results()) orders_.push_back(result.order());
  }
  void CreateReturns() {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([this, t] {
        for (int i = t; i < kReturns; i += 4) Create(orders_[i], v1::RETURN_REASON_DEFECTIVE);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::vector<v1::Order> orders_;
};

TEST_F(WatchTest, EveryWatcherGetsEveryEventOnceAndInOrder) {
  CreateOrders();
  const size_t before = AllEvents().size();  // channels and orders
  Watcher from_now(api(), "", kReturns);
  Watcher from_start(api(), "start", before + kReturns);
  Watcher slow(api(), "", kReturns, absl::Milliseconds(2));
  CreateReturns();
  const std::vector<v1::Event> live = from_now.Join();
  const std::vector<v1::Event> all = from_start.Join();
  ASSERT_EQ(live.size(), static_cast<size_t>(kReturns));
  EXPECT_EQ(Names(slow.Join()), Names(live));
  std::vector<v1::Event> logged = AllEvents();
  EXPECT_EQ(Names(all), Names(logged));
  logged.erase(logged.begin(), logged.begin() + static_cast<long>(before));
  EXPECT_EQ(Names(live), Names(logged));
  EXPECT_TRUE(std::is_sorted(live.begin(), live.end(),
                             [](const auto& a, const auto& b) { return a.name() < b.name(); }));
  for (const v1::Event& event : live) {
    ASSERT_EQ(event.body_case(), v1::Event::kReturnRequested);
    ASSERT_EQ(event.status_after(), "REQUESTED");
  }
}

TEST_F(WatchTest, ResumesBehindTheLastEventThatWasHandled) {
  CreateOrders();
  Watcher first(api(), "", 200);
  std::thread creating([this] { CreateReturns(); });
  std::vector<std::string> seen = Names(first.Join());
  Watcher second(api(), first.token(), 150);
  for (const std::string& name : Names(second.Join())) seen.push_back(name);
  creating.join();
  // A token outlives the host.
  RestartHost();
  Watcher third(api(), second.token(), 150);
  for (const std::string& name : Names(third.Join())) seen.push_back(name);
  std::vector<std::string> logged = Names(AllEvents());
  logged.erase(logged.begin(), logged.end() - kReturns);
  EXPECT_EQ(seen, logged);
}

TEST_F(WatchTest, EndsWithUnavailableWhenTheHostStops) {
  const size_t known = AllEvents().size();
  Watcher idle(api(), "", 1);
  Watcher behind(api(), "start", 1000000);
  ASSERT_TRUE(Eventually([&] { return !behind.token().empty(); }));
  const absl::Time start = absl::Now();
  host().Shutdown(absl::Seconds(10));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_TRUE(idle.Join().empty());
  EXPECT_EQ(behind.Join().size(), known);
  for (const Watcher* watcher : {&idle, &behind}) {
    EXPECT_EQ(watcher->status().error_code(), grpc::StatusCode::UNAVAILABLE)
        << watcher->status().error_message();
    EXPECT_EQ(RefusalOf(watcher->status()).reason, "STOPPING");
  }
  // And what came while it was down and up again is there with the token.
  RestartHost();
  Create(Put(OrderOf("us", "113-5100000-0000001", {{"A", 1, 1000, 0}})),
         v1::RETURN_REASON_DEFECTIVE);
  Watcher resumed(api(), behind.token(), 2);
  EXPECT_EQ(resumed.Join().size(), 2u);
}

TEST_F(WatchTest, RefusesTokensThatAreNotItsOwn) {
  for (const char* token : {"nonsense", "AAAA", "\xF0\x9F\x98\x80"}) {
    Watcher watcher(api(), token, 1);
    watcher.Join();
    EXPECT_EQ(watcher.status().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << token;
    EXPECT_EQ(RefusalOf(watcher.status()).reason, "BAD_RESUME_TOKEN") << token;
  }
}

TEST_F(WatchTest, WatchersThatGoAwayAreForgotten) {
  CreateOrders();
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < 50; ++i) {
    watchers.push_back(std::make_unique<Watcher>(api(), i % 2 == 0 ? "" : "start", 1000000));
  }
  std::thread creating([this] { CreateReturns(); });
  watchers.clear();  // in the middle of it
  creating.join();
  Watcher last(api(), "start", AllEvents().size());
  EXPECT_EQ(Names(last.Join()), Names(AllEvents()));
}

}  // namespace
}  // namespace aftersales::e2e
