#include "core/plugins/answer_limits.h"

#include <gtest/gtest.h>

#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"

namespace aftersales::plugins {
namespace {

absl::Status Check(const google::protobuf::Message& answer, const std::string& more = "") {
  return CheckAnswerFields(answer.SerializeAsString() + more, answer.GetTypeName());
}

TEST(AnswerLimitsTest, TakesAPageOfManyEntries) {
  plugin::v1::ValidateTrackingNumbersResponse answer;
  for (int i = 0; i < 20'000; ++i) {
    auto* verdict = answer.add_verdicts();
    verdict->set_tracking_number("LX123456789CN");
    verdict->set_expected(std::string(100, 'x'));
  }
  ASSERT_GT(answer.ByteSizeLong(), 1u << 20);
  EXPECT_TRUE(Check(answer).ok()) << Check(answer);
}

TEST(AnswerLimitsTest, RefusesMoreMessagesThanMemoryHas) {
  plugin::v1::ValidateTrackingNumbersResponse answer;
  for (int i = 0; i < 500'000; ++i) answer.add_verdicts();
  EXPECT_TRUE(Check(answer).ok());
  answer.add_verdicts();
  EXPECT_TRUE(absl::IsResourceExhausted(Check(answer))) << Check(answer);
}

// Where they are, and whether they are known, is all one.
TEST(AnswerLimitsTest, CountsWhatLiesDeeperAndWhatIsUnknown) {
  plugin::v1::DescribeResponse answer;
  auto* method = answer.add_methods();
  for (int i = 0; i < 4'100'000; ++i) {
    method->mutable_manual_action()->add_steps("");
  }
  EXPECT_TRUE(absl::IsResourceExhausted(Check(answer))) << Check(answer);
  answer.Clear();
  std::string unknown;
  for (int i = 0; i < 4'100'000; ++i) unknown += "\xf8\x07\x01";  // field 127, the number 1
  EXPECT_TRUE(absl::IsResourceExhausted(Check(answer, unknown)));
}

// To say so is for who reads them.
TEST(AnswerLimitsTest, LeavesBytesThatCannotBeReadAlone) {
  const plugin::v1::DescribeResponse answer;
  EXPECT_TRUE(Check(answer, std::string(1 << 20, '\xff')).ok());
  EXPECT_TRUE(Check(answer, "\x32\xff\xff\xff\x7f" + std::string(1 << 20, '\x32')).ok());
}

}  // namespace
}  // namespace aftersales::plugins
