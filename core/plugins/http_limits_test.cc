#include "core/plugins/http_limits.h"

#include <atomic>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

using End = HttpLimits::End;
using ::testing::HasSubstr;

constexpr char kServer[] = "https://erp:443";
constexpr absl::Duration kNoWait = absl::ZeroDuration();

class HttpLimitsTest : public ::testing::Test {
 protected:
  HttpLimits& Limits() {
    options_.ticks = [this] { return now_; };
    if (limits_ == nullptr) limits_ = std::make_unique<HttpLimits>(options_);
    return *limits_;
  }
  absl::Status Send(End end, const std::string& server = kServer) {
    auto ticket = Limits().Admit(server, kNoWait, nullptr);
    if (!ticket.ok()) return ticket.status();
    ticket->Close(end, "it said 503");
    return absl::OkStatus();
  }
  HttpLimits::Options options_;
  absl::Duration now_ = absl::Hours(1);
  std::unique_ptr<HttpLimits> limits_;
};

TEST_F(HttpLimitsTest, ABurstThenTheRate) {
  options_.requests_per_second = 2;
  options_.burst = 3;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Send(End::kGood).ok());
  const absl::Status refused = Send(End::kGood);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("more than 2 requests a second; try again in 500ms"));
  EXPECT_TRUE(Send(End::kGood, "https://other:443").ok()) << "each server has its own";
  now_ += absl::Milliseconds(500);
  EXPECT_TRUE(Send(End::kGood).ok());
  EXPECT_FALSE(Send(End::kGood).ok());
  now_ += absl::Hours(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Send(End::kGood).ok());
  EXPECT_FALSE(Send(End::kGood).ok()) << "a pause is worth no more than a burst";
}

TEST_F(HttpLimitsTest, WaitsForItsTurn) {
  options_.requests_per_second = 20;
  options_.burst = 1;
  ASSERT_TRUE(Send(End::kGood).ok());
  const absl::Time start = absl::Now();
  ASSERT_TRUE(Limits().Admit(kServer, absl::Seconds(1), nullptr).ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(49));
  // Those that wait stand in line: the next one would have to wait for two.
  EXPECT_FALSE(Limits().Admit(kServer, absl::Milliseconds(80), nullptr).ok());
  const auto gone = Limits().Admit(kServer, absl::Seconds(1), [] { return true; });
  EXPECT_EQ(gone.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(HttpLimitsTest, OnlySoManyAtOnce) {
  options_.running_max = 2;
  auto one = Limits().Admit(kServer, kNoWait, nullptr);
  auto two = Limits().Admit("http://b:80", kNoWait, nullptr);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(Send(End::kGood).code(), absl::StatusCode::kResourceExhausted);
  one->Close(End::kGood, "");
  EXPECT_TRUE(Send(End::kGood).ok());
}

TEST_F(HttpLimitsTest, TheCircuitOpensAndATryClosesIt) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(Send(End::kFailed).ok());
  ASSERT_TRUE(Send(End::kGood).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Send(End::kFailed).ok()) << "a success starts anew";
  absl::Status refused = Send(End::kGood);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("5 requests to https://erp:443 failed in a row, the last: it said 503; it "
                        "is tried again in 5s"));
  EXPECT_TRUE(Send(End::kGood, "https://other:443").ok());

  now_ += absl::Seconds(5);
  {
    auto trial = Limits().Admit(kServer, kNoWait, nullptr);
    ASSERT_TRUE(trial.ok());
    refused = Send(End::kGood);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("one is under way to see"));
    trial->Close(End::kFailed, "it said 502");
  }
  EXPECT_THAT(std::string(Send(End::kGood).message()), HasSubstr("6 requests"));
  now_ += absl::Seconds(9);
  EXPECT_FALSE(Send(End::kGood).ok()) << "twice as long";
  now_ += absl::Seconds(1);
  { ASSERT_TRUE(Limits().Admit(kServer, kNoWait, nullptr).ok()) << "a try of which nobody tells"; }
  ASSERT_TRUE(Send(End::kGood).ok()) << "so the next one is";
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Send(End::kFailed).ok());
}

TEST_F(HttpLimitsTest, WhatBeganBeforeTheCircuitOpenedIsNoTry) {
  auto old = Limits().Admit(kServer, kNoWait, nullptr);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Send(End::kFailed).ok());
  now_ += absl::Seconds(5);
  auto trial = Limits().Admit(kServer, kNoWait, nullptr);
  ASSERT_TRUE(trial.ok());
  old->Close(End::kFailed, "late");
  EXPECT_FALSE(Send(End::kGood).ok()) << "the try is still under way";
  trial->Close(End::kGood, "");
  EXPECT_TRUE(Send(End::kGood).ok());
}

TEST_F(HttpLimitsTest, RemembersSoManyServersAndForgetsIdleOnes) {
  options_.servers_max = 2;
  options_.burst = 1;
  ASSERT_TRUE(Send(End::kGood, "http://a:80").ok());
  ASSERT_TRUE(Send(End::kFailed, "http://b:80").ok());
  EXPECT_EQ(Send(End::kGood, "http://c:80").code(), absl::StatusCode::kResourceExhausted);
  now_ += absl::Seconds(1);
  EXPECT_TRUE(Send(End::kGood, "http://c:80").ok()) << "in the place of a";
  EXPECT_FALSE(Send(End::kGood, "http://a:80").ok()) << "b has failed, c was just used";
}

TEST_F(HttpLimitsTest, ManyThreadsLoseNoPlace) {
  options_.running_max = 4;
  options_.burst = 1e9;
  Limits();
  std::atomic<int> running{0}, most{0}, sent{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        auto ticket = limits_->Admit(kServer, kNoWait, nullptr);
        if (!ticket.ok()) continue;
        const int now = ++running;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --running;
        ++sent;
        ticket->Close(End::kGood, "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 4);
  EXPECT_GT(sent, 200);
  std::vector<HttpLimits::Ticket> tickets;
  for (int i = 0; i < 4; ++i) {
    auto ticket = Limits().Admit(kServer, kNoWait, nullptr);
    ASSERT_TRUE(ticket.ok());
    tickets.push_back(*std::move(ticket));
  }
}

}  // namespace
}  // namespace aftersales::plugins
