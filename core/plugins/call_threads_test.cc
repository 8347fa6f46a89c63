#include "core/plugins/call_threads.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <deque>
#include <set>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace aftersales::plugins {
namespace {

// Events are pieces of work.
class Queue {
 public:
  void Put(std::function<void(CallThreads&)> event) {
    absl::MutexLock lock(&mu_);
    events_.push_back(std::move(event));
  }
  void End() {
    absl::MutexLock lock(&mu_);
    ended_ = true;
  }
  bool Take(CallThreads& threads) {
    std::function<void(CallThreads&)> event;
    {
      absl::MutexLock lock(&mu_);
      EXPECT_FALSE(taking_) << "two lead";
      taking_ = true;
      const auto ready = [this] { return ended_ || !events_.empty(); };
      mu_.Await(absl::Condition(&ready));
      taking_ = false;
      if (events_.empty()) return false;
      event = std::move(events_.front());
      events_.pop_front();
    }
    event(threads);
    return true;
  }

 private:
  absl::Mutex mu_;
  std::deque<std::function<void(CallThreads&)>> events_;
  bool ended_ = false;
  bool taking_ = false;
};

void MakeShort(UsualTime& usual) {
  while (!usual.IsShort()) usual.Add(1000);
}

TEST(UsualTimeTest, IsLongWhenOnePieceInSixteenIsAndNotForOneAlone) {
  UsualTime usual;
  EXPECT_FALSE(usual.IsShort()) << "unknown";
  usual.Add(1000);
  usual.Add(1000);
  EXPECT_TRUE(usual.IsShort());
  for (int i = 0; i < 100; ++i) usual.Add(1000);
  usual.Add(10'000'000);
  EXPECT_TRUE(usual.IsShort());
  usual.Add(10'000'000);
  EXPECT_FALSE(usual.IsShort());
  for (int i = 0; i < 100; ++i) usual.Add(1000);
  EXPECT_TRUE(usual.IsShort());
  for (int i = 0; i < 100; ++i) usual.Add(i % 10 == 0 ? 200'000 : 1000);
  EXPECT_FALSE(usual.IsShort());
}

class CallThreadsTest : public ::testing::Test {
 protected:
  // Its threads take events before it has been made.
  CallThreadsTest()
      : threads_(3, [this] {
          made_.WaitForNotification();
          return queue_.Take(threads_);
        }) {
    made_.Notify();
  }
  ~CallThreadsTest() override {
    if (!ended_) End();
  }
  void End() {
    ended_ = true;
    queue_.End();
    threads_.Join();
  }
  // Puts work and waits for its end.
  void Do(
      UsualTime& usual, const std::function<void()>& work = [] {}) {
    absl::Notification done;
    queue_.Put([&](CallThreads& threads) {
      threads.Work(usual, [&] { work(); });
      done.Notify();
    });
    done.WaitForNotification();
  }

  absl::Notification made_;
  Queue queue_;
  bool ended_ = false;
  CallThreads threads_;
};

TEST_F(CallThreadsTest, ShortWorkStaysOnOneThread) {
  UsualTime usual;
  MakeShort(usual);
  std::set<std::thread::id> ids;
  for (int i = 0; i < 1000; ++i) Do(usual, [&] { ids.insert(std::this_thread::get_id()); });
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(threads_.threads(), 1);
}

TEST_F(CallThreadsTest, LongWorkKeepsNothingWaitingUntilAllThreadsWork) {
  UsualTime slow, quick;
  MakeShort(quick);
  slow.Add(1'000'000);
  absl::Notification go;
  absl::BlockingCounter begun(2), ended(2);
  for (int i = 0; i < 2; ++i) {
    queue_.Put([&](CallThreads& threads) {
      threads.Work(slow, [&] {
        begun.DecrementCount();
        go.WaitForNotification();
      });
      ended.DecrementCount();
    });
  }
  begun.Wait();
  Do(quick);  // by the third
  EXPECT_EQ(threads_.threads(), 3);
  absl::Notification fourth_begun, fourth_ended;
  queue_.Put([&](CallThreads& threads) {
    threads.Work(slow, [&] {
      fourth_begun.Notify();
      go.WaitForNotification();
    });
    fourth_ended.Notify();
  });
  fourth_begun.WaitForNotification();
  absl::Notification fifth;
  queue_.Put([&](CallThreads&) { fifth.Notify(); });
  EXPECT_FALSE(fifth.WaitForNotificationWithTimeout(absl::Milliseconds(30)));
  go.Notify();
  fifth.WaitForNotification();
  ended.Wait();
  fourth_ended.WaitForNotification();
  EXPECT_EQ(threads_.threads(), 3);
}

TEST_F(CallThreadsTest, TheLeadIsTakenFromWorkThatIsLongForOnce) {
  UsualTime quick;
  MakeShort(quick);
  Do(quick);
  pollfd wake = {threads_.wake_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&wake, 1, 10'000), 1);
  absl::Notification begun, go, other, ended;
  queue_.Put([&](CallThreads& threads) {
    threads.Work(quick, [&] {
      begun.Notify();
      go.WaitForNotification();
    });
    ended.Notify();
  });
  queue_.Put([&](CallThreads&) { other.Notify(); });
  begun.WaitForNotification();
  EXPECT_TRUE(threads_.Watch());
  EXPECT_FALSE(other.WaitForNotificationWithTimeout(absl::Milliseconds(20)));
  EXPECT_TRUE(threads_.Watch());
  other.WaitForNotification();
  go.Notify();
  ended.WaitForNotification();
  // It rests when there is nothing to watch, and is woken when there is.
  while (threads_.Watch()) {
  }
  EXPECT_EQ(poll(&wake, 1, 0), 0);
  UsualTime again;
  MakeShort(again);
  Do(again);
  EXPECT_EQ(poll(&wake, 1, 10'000), 1);
}

TEST_F(CallThreadsTest, ManyPiecesOfAllKindsAreEachDoneOnce) {
  UsualTime quick, slow;
  MakeShort(quick);
  slow.Add(1'000'000);
  std::atomic<int> done{0};
  std::atomic<bool> watching{true};
  std::thread watch([&] {
    while (watching.load()) {
      threads_.Watch();
      absl::SleepFor(absl::Microseconds(100));
    }
  });
  for (int i = 0; i < 5000; ++i) {
    queue_.Put([&, i](CallThreads& threads) {
      threads.Work(i % 7 == 0 ? slow : quick, [&] {
        if (i % 11 == 0) absl::SleepFor(absl::Microseconds(200));
        done.fetch_add(1);
      });
    });
  }
  End();
  watching = false;
  watch.join();
  EXPECT_EQ(done.load(), 5000);
}

}  // namespace
}  // namespace aftersales::plugins
