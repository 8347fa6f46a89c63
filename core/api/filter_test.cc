#include "core/api/filter.h"

#include <gtest/gtest.h>

#include "aftersales/v1/return.pb.h"
#include "core/status/refusal.h"

namespace aftersales::api {
namespace {

const std::vector<std::string_view> kFields = {"status", "channel", "overdue"};

TEST(Filter, ReadsConditionsJoinedByAnd) {
  auto filter = Filter::Parse(
      R"(status = REQUESTED AND channel="sellers/acme/channels/us" AND overdue = true)", kFields);
  ASSERT_TRUE(filter.ok()) << filter.status();
  EXPECT_EQ(filter->Enum("status", v1::Return::Status_descriptor(), "STATUS_").value(),
            v1::Return::STATUS_REQUESTED);
  EXPECT_EQ(filter->Id("channel", "acme", "channels").value(), "us");
  EXPECT_EQ(filter->Bool("overdue").value(), true);
}

TEST(Filter, EmptyRestrictsNothing) {
  auto filter = Filter::Parse("  ", kFields);
  ASSERT_TRUE(filter.ok());
  EXPECT_FALSE(filter->Has("status"));
  EXPECT_EQ(filter->Id("channel", "acme", "channels").value(), "");
  EXPECT_EQ(filter->Bool("overdue").value(), std::nullopt);
}

TEST(Filter, KeepsQuotesAndEscapes) {
  auto filter = Filter::Parse(R"(channel = "a \"b\" AND = c")", kFields);
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->Text("channel"), R"(a "b" AND = c)");
}

TEST(Filter, RefusesWhatItCannotRead) {
  for (const std::string_view bad :
       {"status", "status =", "= x", "unknown = 1", "status = A OR channel = b", "status = A AND",
        "status = A AND status = B", "status == A", "channel = \"open", "status > 1"}) {
    EXPECT_EQ(ReasonOf(Filter::Parse(bad, kFields).status()), "BAD_FILTER") << bad;
  }
  EXPECT_EQ(ReasonOf(Filter::Parse(std::string(3000, ' '), kFields).status()), "BAD_FILTER");
}

TEST(Filter, NamesTheValuesOfAnEnum) {
  auto filter = Filter::Parse("status = LOUD", kFields);
  ASSERT_TRUE(filter.ok());
  const auto status = filter->Enum("status", v1::Return::Status_descriptor(), "STATUS_").status();
  EXPECT_EQ(ReasonOf(status), "BAD_FILTER");
  EXPECT_NE(status.message().find("REQUESTED"), absl::string_view::npos);
}

TEST(Filter, AnotherSellersNameMatchesNothing) {
  auto filter = Filter::Parse("channel = \"sellers/other/channels/us\"", kFields);
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->Id("channel", "acme", "channels").value(), "/");
}

}  // namespace
}  // namespace aftersales::api
