// Whatever is done to a chain afterwards shows.
#include "core/domain/audit_chain.h"
#include "gtest/gtest.h"
#include "tests/support/for_all.h"

namespace aftersales {
namespace {

using testing_util::ForAll;
using testing_util::Random;

struct ChainEntry {
  int64_t sequence;
  std::string body, hash;
};

bool Whole(const std::vector<ChainEntry>& chain, const std::string& known = "") {
  ChainCheck check(known);
  for (const ChainEntry& entry : chain) {
    if (!check.Take(entry.sequence, entry.body, entry.hash)) return false;
  }
  return check.met_known();
}

std::string AnyBytes(Random& random) {
  std::string bytes(static_cast<size_t>(random.Int(0, 24)), '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(AuditChainProperty, EveryForgeryShows) {
  ForAll(100'000, [](Random& random) {
    std::vector<ChainEntry> chain;
    std::string hash = ChainStart();
    for (int n = random.Int(1, 6); n > 0; --n) {
      const std::string body = AnyBytes(random);
      hash = ChainHash(hash, body);
      chain.push_back({static_cast<int64_t>(chain.size()) + 1, body, hash});
    }
    ASSERT_TRUE(Whole(chain));
    ASSERT_TRUE(Whole(chain, hash));
    std::vector<ChainEntry> forged = chain;
    const size_t at = static_cast<size_t>(random.Int(0, static_cast<int>(chain.size()) - 1));
    const int kind = random.Int(0, 6);
    bool by_known_only = false;
    switch (kind) {
      case 0:  // a bit of an entry
        if (forged[at].body.empty()) return;
        forged[at].body[static_cast<size_t>(random()) % forged[at].body.size()] ^=
            static_cast<char>(1 << random.Int(0, 7));
        break;
      case 1:  // a bit of a hash
        forged[at].hash[static_cast<size_t>(random()) % forged[at].hash.size()] ^=
            static_cast<char>(1 << random.Int(0, 7));
        break;
      case 2:  // taken out; at the end only the hash that was kept tells
        forged.erase(forged.begin() + static_cast<std::ptrdiff_t>(at));
        by_known_only = at == forged.size();
        break;
      case 3:  // taken out, and the rest numbered anew
        forged.erase(forged.begin() + static_cast<std::ptrdiff_t>(at));
        for (size_t i = at; i < forged.size(); ++i) forged[i].sequence -= 1;
        by_known_only = at == forged.size();
        break;
      case 4:  // put in twice
        forged.insert(forged.begin() + static_cast<std::ptrdiff_t>(at), forged[at]);
        for (size_t i = at + 1; i < forged.size(); ++i) forged[i].sequence += 1;
        break;
      case 5:  // two in the other order
        if (at + 1 == forged.size() || forged[at].body == forged[at + 1].body) return;
        std::swap(forged[at].body, forged[at + 1].body);
        break;
      default:  // changed, and every hash from there on computed anew
        forged[at].body += '!';
        for (size_t i = at; i < forged.size(); ++i) {
          forged[i].hash = ChainHash(i == 0 ? ChainStart() : forged[i - 1].hash, forged[i].body);
        }
        by_known_only = true;
    }
    ASSERT_EQ(Whole(forged), by_known_only) << "forgery " << kind << " at " << at;
    ASSERT_FALSE(Whole(forged, hash)) << "forgery " << kind << " at " << at;
  });
}

}  // namespace
}  // namespace aftersales
