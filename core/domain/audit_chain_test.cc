#include "core/domain/audit_chain.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/escaping.h"

namespace aftersales {
namespace {

struct Entry {
  int64_t sequence;
  std::string body, hash;
};

std::vector<Entry> Chain(int length) {
  std::vector<Entry> chain;
  std::string last = ChainStart();
  for (int i = 1; i <= length; ++i) {
    const std::string body = "entry " + std::to_string(i);
    last = ChainHash(last, body);
    chain.push_back({i, body, last});
  }
  return chain;
}

int64_t BrokenAt(const std::vector<Entry>& chain) {
  ChainCheck check;
  for (const Entry& entry : chain) check.Take(entry.sequence, entry.body, entry.hash);
  return check.broken_at();
}

TEST(AuditChain, IsSha256OfTheHashBeforeAndTheEntry) {
  // head -c 32 /dev/zero | sha256sum
  EXPECT_EQ(absl::BytesToHexString(ChainHash(ChainStart(), "")),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
}

TEST(AuditChain, ShowsEveryKindOfChange) {
  const std::vector<Entry> whole = Chain(5);
  EXPECT_EQ(BrokenAt(whole), 0);
  EXPECT_EQ(BrokenAt({}), 0);
  for (size_t i = 0; i < whole.size(); ++i) {
    const auto at = static_cast<int64_t>(i) + 1;
    std::vector<Entry> changed = whole;
    changed[i].body += ".";
    EXPECT_EQ(BrokenAt(changed), at);
    changed = whole;
    changed[i].hash[0] = static_cast<char>(changed[i].hash[0] ^ 1);
    EXPECT_EQ(BrokenAt(changed), at);
    changed = whole;
    changed.insert(changed.begin() + static_cast<long>(i), whole[i]);
    EXPECT_EQ(BrokenAt(changed), at + 1) << "an entry that is there twice";
    if (i + 1 == whole.size()) continue;
    changed = whole;
    changed.erase(changed.begin() + static_cast<long>(i));
    EXPECT_EQ(BrokenAt(changed), at);
    changed = whole;
    std::swap(changed[i], changed[i + 1]);
    EXPECT_EQ(BrokenAt(changed), at);
  }
}

TEST(AuditChain, ACutEndShowsAgainstAHashThatWasKept) {
  const std::vector<Entry> whole = Chain(5);
  for (const size_t kept : {size_t{5}, size_t{4}}) {
    ChainCheck check(whole[4].hash);
    for (size_t i = 0; i < kept; ++i) {
      EXPECT_TRUE(check.Take(whole[i].sequence, whole[i].body, whole[i].hash));
    }
    EXPECT_EQ(check.broken_at(), 0);
    EXPECT_EQ(check.met_known(), kept == 5);
    EXPECT_EQ(check.last(), whole[kept - 1].hash);
  }
}

}  // namespace
}  // namespace aftersales
