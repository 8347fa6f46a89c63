#include "core/plugins/value_store.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ValueStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::path(::testing::TempDir()) / "values_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(ValueStoreTest, KeepsValuesBeyondItsOwnLife) {
  const std::string binary("\0\xff\n", 3);
  {
    ValueStore store(folder_);
    EXPECT_FALSE(fs::exists(folder_ / "kv.db")) << "made at the first use";
    EXPECT_EQ(store.Get("a").status().code(), absl::StatusCode::kNotFound);
    ASSERT_TRUE(store.Put("a", "first").ok());
    ASSERT_TRUE(store.Put("a", binary).ok());
    ASSERT_TRUE(store.Put("empty", {}).ok());
    ASSERT_TRUE(store.Put("gone", "x").ok());
    ASSERT_TRUE(store.Delete("gone").ok());
    ASSERT_TRUE(store.Delete("never").ok());
  }
  ValueStore store(folder_);
  EXPECT_EQ(store.Get("a").value(), binary);
  EXPECT_EQ(store.Get("empty").value(), "");
  EXPECT_EQ(store.Get("gone").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ValueStoreTest, RefusesWhatIsTooLargeOrNotText) {
  ValueStore store(folder_);
  const std::string longest(256, 'k');
  EXPECT_TRUE(store.Put(longest, std::string(64 << 10, 'v')).ok());
  for (const std::string& key : {std::string(), longest + "k", std::string("\xff")}) {
    EXPECT_EQ(store.Get(key).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store.Put(key, "v").code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(store.Delete(key).code(), absl::StatusCode::kInvalidArgument);
  }
  const absl::Status status = store.Put("k", std::string((64 << 10) + 1, 'v'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("`value` has 65537 bytes"));
}

TEST_F(ValueStoreTest, IsFullAt64MiB) {
  ValueStore store(folder_);
  const std::string value(64 << 10, 'v');
  // 1023 full values, and the keys fit beside them.
  for (int i = 0; i < 1023; ++i) ASSERT_TRUE(store.Put("k" + std::to_string(i), value).ok()) << i;
  ASSERT_TRUE(store.Put("last", value.substr(8192)).ok());
  const absl::Status full = store.Put("more", value);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("delete what is no longer needed"));
  EXPECT_EQ(store.Get("more").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store.Put("k0", value).ok()) << "in place of one of the same size";
  ASSERT_TRUE(store.Delete("k0").ok());
  EXPECT_TRUE(store.Put("more", value).ok());
  EXPECT_EQ(store.Put("k0", value).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ValueStoreTest, IsSharedByManyThreadsAndTwoStores) {
  ValueStore one(folder_), two(folder_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      ValueStore& store = i % 2 == 0 ? one : two;
      const std::string key = "k" + std::to_string(i);
      for (int round = 0; round < 10; ++round) {
        EXPECT_TRUE(store.Put(key, std::to_string(round)).ok());
        EXPECT_EQ(store.Get(key).value(), std::to_string(round));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(one.Get("k" + std::to_string(i)).value(), "9");
}

TEST_F(ValueStoreTest, ADamagedFileIsAnErrorUntilItIsPutAside) {
  std::ofstream(folder_ / "kv.db") << std::string(8192, 'x');
  ValueStore store(folder_);
  const absl::Status status = store.Put("a", "b");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr((folder_ / "kv.db").string()));
  EXPECT_EQ(store.Get("a").status().code(), absl::StatusCode::kDataLoss);
  fs::remove(folder_ / "kv.db");
  EXPECT_TRUE(store.Put("a", "b").ok());
}

TEST_F(ValueStoreTest, DoesNotFollowALinkOfThePlugin) {
  {
    ValueStore elsewhere(folder_);
    ASSERT_TRUE(elsewhere.Put("secret", "of another").ok());
  }
  const fs::path own = folder_ / "own";
  fs::create_directory(own);
  fs::create_symlink(folder_ / "kv.db", own / "kv.db");
  ValueStore store(own);
  EXPECT_EQ(store.Get("secret").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ValueStoreTest, OneOfANewerHostIsLeftAlone) {
  {
    ValueStore store(folder_);
    ASSERT_TRUE(store.Put("a", "b").ok());
  }
  // The version is in bytes 60 to 63 of the header.
  std::fstream file(folder_ / "kv.db", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(63);
  file.put(2);
  file.close();
  ValueStore store(folder_);
  EXPECT_EQ(store.Get("a").status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace aftersales::plugins
