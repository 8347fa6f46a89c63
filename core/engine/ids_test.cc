#include "core/engine/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace aftersales {
namespace {

TEST(Ids, SortInTheOrderInWhichTheyWereMade) {
  IdSource ids;
  std::string before;
  absl::Time now = absl::FromUnixMillis(1'772'000'000'000);
  for (int i = 0; i < 20000; ++i) {
    if (i % 100 == 0) now += absl::Milliseconds(1);
    if (i % 777 == 0) now -= absl::Milliseconds(5);  // a clock that is set back
    const std::string id = ids.Make("ret_", now);
    EXPECT_LT(before, id);
    before = id;
  }
}

TEST(Ids, HaveTheFormOfUlids) {
  IdSource ids;
  const std::string id = ids.Make("rfd_", absl::FromUnixMillis(0));
  EXPECT_EQ(id.size(), 30u);
  EXPECT_EQ(id.substr(0, 14), "rfd_0000000000");  // 48 bits of milliseconds, most significant first
  EXPECT_EQ(id.find_first_of("ilouILOU"), std::string::npos);
}

TEST(Ids, AreTheSameAgainWithASeedAndDifferWithout) {
  IdSource a(7), b(7), c;
  const absl::Time now = absl::FromUnixMillis(1'772'000'000'000);
  EXPECT_EQ(a.Make("", now), b.Make("", now));
  EXPECT_NE(a.Make("", now), c.Make("", now));
}

}  // namespace
}  // namespace aftersales
