#include "core/plugins/host_services.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace aftersales::plugins {
namespace {

TEST(RedactorTest, ALongerSecretGoesFirst) {
  const Redactor redactor({"abc", "abcdef", ""});
  EXPECT_EQ(redactor.Apply("abcdef abc x"), "[secret] [secret] x");
  EXPECT_EQ(Redactor().Apply("abc"), "abc");
}

TEST(RedactorTest, LinesAndCutPiecesOfASecretAreSecretToo) {
  const Redactor redactor({"-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\n"});
  EXPECT_EQ(redactor.Apply("key -----BEGIN KEY----- MIIEvQIBADAN ab"), "key [secret] [secret] ab");
  std::string random;
  for (int i = 0; i < 20'000; ++i) random += static_cast<char>('a' + i * i % 23);
  const std::string seen = Redactor({random}).Apply("token " + random.substr(0, 8100));
  EXPECT_LT(seen.size(), size_t{3000});
  EXPECT_EQ(seen.find(random.substr(1000, 64)), std::string::npos);
}

TEST(RedactorTest, CopiesLearnTogether) {
  const Redactor redactor({"old"});
  const Redactor copy = redactor;  // NOLINT(performance-unnecessary-copy-initialization)
  redactor.Add("new");
  redactor.Add("new");
  redactor.Add("");
  EXPECT_EQ(copy.Apply("old new"), "[secret] [secret]");
  Redactor().Add("nothing to learn by");
}

TEST(RedactorTest, TheLast256AreKnown) {
  const Redactor redactor({"first"});
  for (int i = 1000; i < 1256; ++i) redactor.Add("s" + std::to_string(i));
  EXPECT_EQ(redactor.Apply("first s1000 s1255"), "first [secret] [secret]");
}

TEST(RedactorTest, ManyThreads) {
  const Redactor redactor({"common"});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 50; ++round) {
        redactor.Add("s" + std::to_string(i) + "-" + std::to_string(round % 10) + ".");
        EXPECT_EQ(redactor.Apply("a common thing"), "a [secret] thing");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(redactor.Apply("s3-9."), "[secret]");
}

}  // namespace
}  // namespace aftersales::plugins
