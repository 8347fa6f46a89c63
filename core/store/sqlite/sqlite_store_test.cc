#include "core/store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <set>

#include "core/domain/calendar.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::store::sqlite {
namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/aftersales_store_XXXXXX";
    directory_ = mkdtemp(name);
    Reopen();
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  void Reopen(Options options = {}) {
    store_.reset();
    options.path = directory_ / "aftersales.db";
    auto store = Open(std::move(options));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::Status Write(std::function<bool(Transaction&)> work) {
    std::promise<absl::Status> done;
    const absl::Status queued =
        store_->Submit(std::move(work), [&](const absl::Status& s) { done.set_value(s); });
    return queued.ok() ? done.get_future().get() : queued;
  }
  std::vector<v1::Event> Events() {
    std::vector<v1::Event> events;
    store_->ReadHere([&](Reader& r) { events = r.EventsAfter("acme", 0, 1000); });
    return events;
  }
  static void Append(Transaction& t, std::string_view subject) {
    v1::Event event;
    event.set_subject(std::string(subject));
    t.AppendEvent("acme", &event);
  }
  static v1::Order OrderOf(std::string_view id, absl::Time placed) {
    v1::Order order;
    order.set_name(Cat("sellers/acme/orders/", id));
    order.set_channel("sellers/acme/channels/us");
    order.set_external_id(std::string(id));
    order.set_fulfillment(v1::FULFILLMENT_MFN);
    *order.mutable_placed_at() = calendar::ToProto(placed);
    return order;
  }

  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, WhatWasAcknowledgedIsThereAfterReopening) {
  ASSERT_TRUE(Write([](Transaction& t) {
                Append(t, "sellers/acme/returns/a");
                return true;
              }).ok());
  Reopen();
  ASSERT_EQ(Events().size(), 1u);
  EXPECT_EQ(Events()[0].name(), "sellers/acme/events/0000000000000001");
  ASSERT_TRUE(Write([](Transaction& t) {
                Append(t, "sellers/acme/returns/b");
                return true;
              }).ok());
  EXPECT_EQ(Events()[1].name(), "sellers/acme/events/0000000000000002");
}

TEST_F(SqliteStoreTest, AWorkThatAnswersFalseIsUndoneAndTheOthersAreNot) {
  std::vector<std::future<absl::Status>> results;
  for (int i = 0; i < 200; ++i) {
    auto done = std::make_shared<std::promise<absl::Status>>();
    results.push_back(done->get_future());
    ASSERT_TRUE(store_
                    ->Submit(
                        [i](Transaction& t) {
                          Append(t, Cat("sellers/acme/returns/", i));
                          t.AddCounter(
                              "acme", {"us", v1::FULFILLMENT_MFN, metrics::Counter::kOrders, 1, ""},
                              1);
                          if (i % 7 == 0) throw std::runtime_error("a defect");
                          return i % 2 == 0;
                        },
                        [done](const absl::Status& s) { done->set_value(s); })
                    .ok());
  }
  int kept = 0;
  for (int i = 0; i < 200; ++i) {
    const absl::Status status = results[i].get();
    EXPECT_EQ(status.ok(), i % 7 != 0) << status;
    if (i % 7 != 0 && i % 2 == 0) ++kept;
  }
  const std::vector<v1::Event> events = Events();
  ASSERT_EQ(events.size(), static_cast<size_t>(kept));
  // Numbered without gaps: a watcher may take the last number for how far it is.
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].name(), Cat("sellers/acme/events/", absl::Dec(i + 1, absl::kZeroPad16)));
  }
  store_->ReadHere([&](Reader& r) {
    EXPECT_EQ(r.SumCounter("acme", "us", v1::FULFILLMENT_MFN, metrics::Counter::kOrders, 0, 2),
              kept);
  });
}

TEST_F(SqliteStoreTest, RefusesWhatItCannotQueue) {
  Options small;
  small.queue_limit = 2;
  Reopen(small);
  std::promise<void> gate;
  std::shared_future<void> open = gate.get_future().share();
  std::promise<void> began;
  ASSERT_TRUE(store_
                  ->Submit(
                      [&](Transaction&) {
                        began.set_value();
                        open.wait();
                        return true;
                      },
                      [](const absl::Status&) {})
                  .ok());
  began.get_future().wait();
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    const absl::Status s =
        store_->Submit([](Transaction&) { return true; }, [](const absl::Status&) {});
    if (!s.ok()) {
      EXPECT_EQ(ReasonOf(s), "BUSY");
      ++refused;
    }
  }
  EXPECT_EQ(refused, 3);
  gate.set_value();
  store_->Stop();  // its first work looks at variables of this test
}

TEST_F(SqliteStoreTest, StopRunsWhatIsQueuedAndRefusesTheRest) {
  std::atomic<int> done = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store_
                    ->Submit(
                        [](Transaction& t) {
                          Append(t, "x");
                          return true;
                        },
                        [&](const absl::Status& s) { done += s.ok() ? 1 : 0; })
                    .ok());
  }
  store_->Stop();
  EXPECT_EQ(done, 100);
  EXPECT_EQ(ReasonOf(store_->Submit([](Transaction&) { return true; }, [](const absl::Status&) {})),
            "STOPPING");
}

TEST_F(SqliteStoreTest, OrdersAreListedNewestFirstPageByPage) {
  const absl::Time start = absl::FromUnixSeconds(1'772'000'000);
  ASSERT_TRUE(Write([&](Transaction& t) {
                for (int i = 0; i < 25; ++i) {
                  t.PutOrder(OrderOf(Cat("o", i), start + absl::Minutes(i / 2)), true);
                }
                return true;
              }).ok());
  std::vector<std::string> seen;
  std::optional<std::pair<int64_t, std::string>> after;
  while (true) {
    std::vector<v1::Order> page;
    store_->ReadHere([&](Reader& r) { page = r.ListOrders("acme", {}, after, 4); });
    if (page.empty()) break;
    for (const v1::Order& order : page) seen.push_back(order.external_id());
    after.emplace(calendar::ToMicros(page.back().placed_at()), page.back().external_id());
  }
  EXPECT_EQ(seen.size(), 25u);
  EXPECT_EQ(seen.front(), "o24");
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 25u);
  store_->ReadHere([&](Reader& r) {
    EXPECT_TRUE(r.ListOrders("other", {}, std::nullopt, 10).empty());
    EXPECT_FALSE(r.FindOrder("other", "o1").has_value());
    EXPECT_TRUE(r.FindOrderByExternalId("acme", "us", "o1").has_value());
    EXPECT_FALSE(r.FindOrderByExternalId("acme", "de", "o1").has_value());
  });
}

TEST_F(SqliteStoreTest, EffectsOnOneSubjectAreDeliveredInOrder) {
  ASSERT_TRUE(Write([](Transaction& t) {
                for (const std::string_view subject : {"a", "a", "b"}) {
                  Effect effect;
                  effect.seller = "acme";
                  effect.effect_id = "e";
                  effect.subject = std::string(subject);
                  t.PutEffect(&effect);
                }
                return true;
              }).ok());
  store_->ReadHere([](Reader& r) {
    const std::vector<Effect> due = r.DueEffects(0, 10);
    ASSERT_EQ(due.size(), 2u);
    EXPECT_EQ(due[0].seq, 1);
    EXPECT_EQ(due[1].seq, 3);
  });
  ASSERT_TRUE(Write([](Transaction& t) {
                t.RemoveEffect(1);
                return true;
              }).ok());
  store_->ReadHere([](Reader& r) { EXPECT_EQ(r.DueEffects(0, 10).size(), 2u); });
}

TEST_F(SqliteStoreTest, FindsStatementLinesAndWhatTheyAreMatchedTo) {
  const auto line_of = [](std::string_view id, std::string_view day, std::string_view reference) {
    v1::BankLine line;
    line.set_name(Cat("sellers/acme/bankLines/", id));
    line.set_source(v1::BankLine::SOURCE_BANK);
    line.set_state(v1::BankLine::STATE_UNMATCHED);
    line.set_booked_on(std::string(day));
    line.set_reference(std::string(reference));
    return line;
  };
  ASSERT_TRUE(Write([&](Transaction& t) {
                t.PutBankLine(line_of("a", "2026-03-01", "R1"), true);
                t.PutBankLine(line_of("b", "2026-03-02", ""), true);
                v1::BankLine ignored = line_of("c", "2026-03-02", "R1");
                t.PutBankLine(ignored, true);
                ignored.set_state(v1::BankLine::STATE_IGNORED);
                t.PutBankLine(ignored, false);
                t.PutMatch("acme", "sellers/acme/refunds/r", "a");
                return true;
              }).ok());
  store_->ReadHere([](Reader& r) {
    const int32_t second = calendar::DayNumber(absl::CivilDay(2026, 3, 2));
    EXPECT_EQ(r.BankLinesOn("acme", second, second, 10).size(), 2u);
    EXPECT_EQ(r.BankLinesOn("acme", second - 1, second, 2).size(), 2u);
    EXPECT_EQ(r.BankLinesByReference("acme", "R1").size(), 2u);
    EXPECT_TRUE(r.BankLinesByReference("acme", "").empty());
    EXPECT_EQ(r.LineMatchedTo("acme", "sellers/acme/refunds/r"), "a");
    EXPECT_EQ(r.LineMatchedTo("other", "sellers/acme/refunds/r"), "");
    BankLineFilter filter;
    filter.state = v1::BankLine::STATE_IGNORED;
    ASSERT_EQ(r.ListBankLines("acme", filter, std::nullopt, 10).size(), 1u);
    const auto newest = r.ListBankLines("acme", {}, std::nullopt, 2);
    ASSERT_EQ(newest.size(), 2u);
    EXPECT_EQ(newest[0].name(), "sellers/acme/bankLines/c");
    EXPECT_EQ(r.ListBankLines("acme", {}, std::pair<int64_t, std::string>(second, "b"), 10).size(),
              1u);
  });
  // A refund that is matched cannot be matched again.
  EXPECT_FALSE(Write([](Transaction& t) {
                 t.PutMatch("acme", "sellers/acme/refunds/r", "b");
                 return true;
               }).ok());
  ASSERT_TRUE(Write([](Transaction& t) {
                t.RemoveMatch("acme", "sellers/acme/refunds/r");
                t.PutMatch("acme", "sellers/acme/refunds/r", "b");
                return true;
              }).ok());
}

TEST_F(SqliteStoreTest, RefusesTheDatabaseOfANewerProgram) {
  store_.reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "aftersales.db").c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "PRAGMA user_version = 999", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  Options options;
  options.path = directory_ / "aftersales.db";
  const auto store = Open(options);
  EXPECT_EQ(ReasonOf(store.status()), "STORE_UNUSABLE");
  EXPECT_NE(store.status().message().find("newer"), absl::string_view::npos);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
  Options options;
  options.path = directory_ / "junk.db";
  FILE* file = fopen(options.path.c_str(), "w");
  fputs("this is not a database, it is a text of more than a few bytes", file);
  fclose(file);
  EXPECT_EQ(ReasonOf(Open(options).status()), "STORE_UNUSABLE");
}

}  // namespace
}  // namespace aftersales::store::sqlite
