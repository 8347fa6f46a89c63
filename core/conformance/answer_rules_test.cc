#include "core/conformance/answer_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"

namespace aftersales::conformance {
namespace {

namespace p1 = plugin::v1;

constexpr char kCarrier[] = "/aftersales.plugin.v1.CarrierPlugin/";
constexpr char kErp[] = "/aftersales.plugin.v1.ErpPlugin/";

// A realistic request of a method.
Request RequestOf(const std::string& path) {
  std::mt19937_64 random(1);
  return std::move(RequestsFor(path, random).front());
}

// What is wrong with that answer; empty when nothing is.
std::string Problem(const Request& request, const google::protobuf::Message& message,
                    bool manual = false) {
  Answer answer;
  answer.bytes = message.SerializeAsString();
  const auto problem = CheckAnswer(request, answer, manual);
  return problem.has_value() ? problem->expected + " | " + problem->found : "";
}

TEST(AnswerRulesTest, OneVerdictForEachQueryInOrder) {
  const Request request = RequestOf(std::string(kCarrier) + "ValidateTrackingNumbers");
  const auto& asked = static_cast<const p1::ValidateTrackingNumbersRequest&>(*request.message);
  p1::ValidateTrackingNumbersResponse response;
  for (const auto& query : asked.queries()) {
    auto* verdict = response.add_verdicts();
    verdict->set_tracking_number(query.tracking_number());
    verdict->set_validity(v1::TrackingVerdict::VALIDITY_UNKNOWN);
  }
  EXPECT_EQ(Problem(request, response), "");
  auto swapped = response;
  swapped.mutable_verdicts()->SwapElements(0, 2);
  EXPECT_THAT(Problem(request, swapped), testing::HasSubstr("verdicts[0]"));
  auto unjudged = response;
  unjudged.mutable_verdicts(1)->clear_validity();
  EXPECT_THAT(Problem(request, unjudged), testing::HasSubstr("validity"));
  response.mutable_verdicts()->RemoveLast();
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("one verdict"));
}

TEST(AnswerRulesTest, EffectsHaveAnOutcomeAndWhatItNeeds) {
  const Request request = RequestOf(std::string(kCarrier) + "IssueLabel");
  p1::IssueLabelResponse response;
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("result.outcome"));
  response.mutable_result()->set_outcome(p1::EffectResult::OUTCOME_MANUAL);
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("manual_action"));
  response.mutable_result()->mutable_manual_action()->set_title("Buy it");
  response.mutable_result()->mutable_manual_action()->add_steps("Sign in.");
  EXPECT_EQ(Problem(request, response), "");
  EXPECT_EQ(Problem(request, response, true), "");
  response.mutable_result()->set_outcome(p1::EffectResult::OUTCOME_DONE);
  EXPECT_THAT(Problem(request, response, true), testing::HasSubstr("MANUAL"));
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("tracking_number"));
  response.mutable_label()->set_carrier("DHL");
  response.mutable_label()->set_tracking_number("LX123456785CN");
  EXPECT_EQ(Problem(request, response), "");
  response.mutable_label()->mutable_cost()->set_minor_units(640);
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("label.cost.currency_code"));
  response.mutable_label()->mutable_cost()->set_currency_code("USD");
  response.mutable_result()->set_outcome(p1::EffectResult::OUTCOME_NOT_FOUND);
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("QueryEffect"));
}

TEST(AnswerRulesTest, AnotherMessageIsSeenByItsWireTypes) {
  const Request request = RequestOf(std::string(kCarrier) + "IssueLabel");
  p1::ValidateTrackingNumbersResponse other;
  other.add_verdicts()->set_tracking_number("LX123456785CN");
  EXPECT_THAT(Problem(request, other), testing::HasSubstr("another wire type"));
}

TEST(AnswerRulesTest, AcceptedCountIsWithinTheRequest) {
  const Request request = RequestOf(std::string(kErp) + "PushChanges");
  p1::PushChangesResponse response;
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("message"));
  response.set_accepted_count(1);
  EXPECT_EQ(Problem(request, response), "");
  response.set_accepted_count(2);
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("accepted_count"));
}

TEST(AnswerRulesTest, CursorsMove) {
  const Request request = RequestOf(std::string(kErp) + "PullFacts");
  p1::PullFactsResponse response;
  EXPECT_EQ(Problem(request, response), "");
  response.set_has_more(true);
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("next_cursor"));
  response.set_next_cursor(std::string(5000, 'x'));
  EXPECT_THAT(Problem(request, response), testing::HasSubstr("4096"));
}

TEST(AnswerRulesTest, ErrorsSayWhatIsWrong) {
  const Request request = RequestOf(std::string(kErp) + "PushChanges");
  Answer answer;
  answer.status = absl::UnavailableError("nobody listens at http://127.0.0.1:9/");
  EXPECT_FALSE(CheckAnswer(request, answer, false).has_value());
  for (const auto& status :
       {absl::UnavailableError(""), absl::InternalError("exception in the plugin: map::at"),
        absl::UnimplementedError("the plugin does not implement PushChanges"),
        absl::UnknownError("answered code 99, which is none: ")}) {
    answer.status = status;
    EXPECT_TRUE(CheckAnswer(request, answer, false).has_value()) << status;
  }
  answer = Answer();
  answer.bytes = std::string(20, '\xff');
  EXPECT_TRUE(CheckAnswer(request, answer, false).has_value());
}

TEST(AnswerRulesTest, ManualMethodsAreDescribedWithSteps) {
  p1::DescribeResponse d;
  d.set_plugin_id("acme");
  d.set_display_name("Acme");
  d.set_vendor("Acme");
  d.set_version("1.0.0-rc.1");
  d.set_kind(v1::Plugin::KIND_CARRIER);
  EXPECT_TRUE(CheckDescription(d).has_value());
  auto* method = d.add_methods();
  method->set_method("IssueLabel");
  method->set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
  EXPECT_FALSE(CheckDescription(d).has_value());
  method->set_capability(v1::Plugin::CAPABILITY_MANUAL);
  EXPECT_TRUE(CheckDescription(d).has_value());
  method->mutable_manual_action()->set_title("Buy it");
  method->mutable_manual_action()->add_steps("Sign in.");
  EXPECT_FALSE(CheckDescription(d).has_value());
  for (const char* version : {"1", "1.0", "v1.0.0", "1.0.x", ""}) {
    d.set_version(version);
    EXPECT_TRUE(CheckDescription(d).has_value()) << version;
  }
}

TEST(CorpusTest, TheSameSeedGivesTheSameRequestsForEveryMethod) {
  for (const auto kind : {v1::Plugin::KIND_CARRIER, v1::Plugin::KIND_MARKETPLACE,
                          v1::Plugin::KIND_ERP, v1::Plugin::KIND_ANALYTICS}) {
    ASSERT_FALSE(MethodsOf(kind).empty());
    for (const std::string& path : MethodsOf(kind)) {
      std::mt19937_64 one(7), same(7);
      const auto a = RequestsFor(path, one);
      const auto b = RequestsFor(path, same);
      ASSERT_FALSE(a.empty()) << path;
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].bytes, b[i].bytes) << path;
    }
  }
}

TEST(CorpusTest, IdsOfTestsAreTheirOwn) {
  std::set<std::string> ids;
  for (const TestCase& test : AllTests()) {
    EXPECT_TRUE(ids.insert(test.id).second) << test.id;
    EXPECT_FALSE(test.description.empty()) << test.id;
  }
  EXPECT_TRUE(ids.contains(kStarts));
}

}  // namespace
}  // namespace aftersales::conformance
