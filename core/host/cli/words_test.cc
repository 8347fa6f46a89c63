#include "core/host/cli/words.h"

#include <gtest/gtest.h>

#include "aftersales/v1/return.pb.h"
#include "aftersales/v1/shipment.pb.h"

namespace aftersales::cli {
namespace {

using google::protobuf::Duration;
using google::protobuf::Timestamp;

Duration Seconds(int64_t seconds) {
  Duration duration;
  duration.set_seconds(seconds);
  return duration;
}

v1::Ratio RatioOf(int64_t numerator, int64_t denominator) {
  v1::Ratio ratio;
  ratio.set_numerator(numerator);
  ratio.set_denominator(denominator);
  return ratio;
}

TEST(WordTest, StripsThePrefixOfTheEnum) {
  EXPECT_EQ(Word(v1::RETURN_REASON_ARRIVED_DAMAGED), "ARRIVED_DAMAGED");
  EXPECT_EQ(Word(v1::Return::STATUS_REQUESTED), "REQUESTED");
  EXPECT_EQ(Phrase(v1::RETURN_REASON_ARRIVED_DAMAGED), "arrived damaged");
  EXPECT_EQ(Word(v1::RETURN_REASON_UNSPECIFIED), "");
  // A host that is newer than this program may answer values that it does not know.
  EXPECT_EQ(Word(static_cast<v1::ReturnReason>(999)), "999");
}

TEST(ParseWordTest, TakesWhatPeopleType) {
  EXPECT_EQ(*ParseWord<v1::Condition>("carrier-damaged", "--condition"),
            v1::CONDITION_CARRIER_DAMAGED);
  EXPECT_EQ(*ParseWord<v1::Condition>("Wrong Item", "--condition"), v1::CONDITION_WRONG_ITEM);
  EXPECT_EQ(*ParseWord<v1::Return::Status>("REQUESTED", "--status"), v1::Return::STATUS_REQUESTED);
}

TEST(ParseWordTest, NamesTheWordsThatThereAre) {
  for (const char* text : {"broken", "", "unspecified", "0"}) {
    const auto parsed = ParseWord<v1::Condition>(text, "--condition");
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status()));
    EXPECT_EQ(ReasonOf(parsed.status()), "UNKNOWN_WORD");
    google::rpc::BadRequest fields;
    ASSERT_TRUE(
        fields.ParseFromString(std::string(*parsed.status().GetPayload(View(kBadRequestUrl)))));
    EXPECT_EQ(fields.field_violations(0).field(), "--condition");
    EXPECT_NE(fields.field_violations(0).description().find("carrier-damaged"), std::string::npos);
  }
}

TEST(TimeTextTest, IsUtcToTheMinute) {
  Timestamp time;
  EXPECT_EQ(TimeText(time), "");
  time.set_seconds(1773162000);
  EXPECT_EQ(TimeText(time), "2026-03-10 17:00");
  EXPECT_EQ(DayText(time), "2026-03-10");
}

TEST(DurationTextTest, ShowsTheTwoLargestUnits) {
  EXPECT_EQ(DurationText(Seconds(0)), "0m");
  EXPECT_EQ(DurationText(Seconds(59 * 60 + 59)), "59m");
  EXPECT_EQ(DurationText(Seconds(3600)), "1h 00m");
  EXPECT_EQ(DurationText(Seconds(86400 + 7 * 3600)), "1d 07h");
  EXPECT_EQ(DurationText(Seconds(-(86400 + 7 * 3600))), "-1d 07h");
}

TEST(PercentTextTest, IsExactAndRoundsHalfUp) {
  EXPECT_EQ(PercentText(RatioOf(1, 8)), "12.50%");
  EXPECT_EQ(PercentText(RatioOf(2, 3)), "66.67%");
  EXPECT_EQ(PercentText(RatioOf(1, 20000)), "0.01%");  // 0.005% goes up
  EXPECT_EQ(PercentText(RatioOf(0, 7)), "0.00%");
  EXPECT_EQ(PercentText(RatioOf(0, 0)), "n/a");
  EXPECT_EQ(PercentText(RatioOf(INT64_MAX, INT64_MAX)), "100.00%");
}

TEST(ThresholdTextTest, ShowsOperatorAndLimit) {
  v1::Threshold threshold;
  EXPECT_EQ(ThresholdText(threshold), "");
  threshold.set_operator_(v1::Threshold::OPERATOR_LESS_THAN);
  *threshold.mutable_limit() = RatioOf(1, 100);
  EXPECT_EQ(ThresholdText(threshold), "< 1%");
  threshold.set_operator_(v1::Threshold::OPERATOR_AT_LEAST);
  *threshold.mutable_limit() = RatioOf(995, 1000);
  EXPECT_EQ(ThresholdText(threshold), ">= 99.50%");
}

TEST(IdOfTest, TakesTheLastPart) {
  EXPECT_EQ(IdOf("sellers/acme/returns/ret_1"), "ret_1");
  EXPECT_EQ(IdOf("plain"), "plain");
  EXPECT_EQ(IdOf(""), "");
}

TEST(ParseMoneyTest, TakesTheCurrencyBeforeOrAfter) {
  for (const char* text : {"38.94USD", "38.94 USD", "USD 38.94", "usd38.94"}) {
    const auto money = ParseMoney(text, "--cost");
    ASSERT_TRUE(money.ok()) << text;
    EXPECT_EQ(money->minor_units(), 3894);
    EXPECT_EQ(money->currency_code(), "USD");
  }
  EXPECT_EQ(ParseMoney("3980JPY", "--cost")->minor_units(), 3980);
}

TEST(ParseMoneyTest, RefusesWhatIsNotAnAmount) {
  for (const char* text : {"", "USD", "5.99", "5,99USD", "5.999USD", "3980.5JPY", "5U.9SD9",
                           "99999999999999999999USD", "5.99USDX"}) {
    const auto money = ParseMoney(text, "--cost");
    ASSERT_FALSE(money.ok()) << text;
    EXPECT_EQ(ReasonOf(money.status()), "BAD_AMOUNT") << text;
  }
}

TEST(ParseTimeTest, TakesTimesAndDates) {
  EXPECT_EQ(ParseTime("2026-03-10T17:00:00Z", "--at")->seconds(), 1773162000);
  EXPECT_EQ(ParseTime("2026-03-10T18:00:00+01:00", "--at")->seconds(), 1773162000);
  EXPECT_EQ(ParseTime("2026-03-10", "--at")->seconds(), 1773100800);
  EXPECT_EQ(ReasonOf(ParseTime("yesterday", "--at").status()), "BAD_TIME");
}

}  // namespace
}  // namespace aftersales::cli
