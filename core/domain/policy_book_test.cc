#include "core/domain/policy_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/domain/calendar.h"
#include "core/domain/policy.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/text_format.h"

namespace aftersales {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kUs[] = "ATVPDKIKX0DER";
constexpr char kDe[] = "A1PA6795UKMFR9";
const absl::Time kStart = absl::FromUnixSeconds(1'772'442'000);  // 2026-03-02T09:00:00Z

v1::PolicyVersion Version(const char* text) {
  v1::PolicyVersion version;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &version)) << text;
  version.set_state(v1::PolicyVersion::STATE_PUBLISHED);
  if (version.source().empty()) version.set_source("the seller, 2026-03");
  if (!version.has_effective_from()) *version.mutable_effective_from() = calendar::ToProto(kStart);
  return version;
}

v1::OrderLine Line(std::string_view sku, std::string_view category) {
  v1::OrderLine line;
  line.set_sku(std::string(sku));
  line.set_category(std::string(category));
  return line;
}

class PolicyBookTest : public testing::Test {
 protected:
  const v1::Policy& profile_ = *FindPolicy("seed");
  const absl::Time now_ = kStart + absl::Hours(1);
};

TEST_F(PolicyBookTest, WithoutVersionsItIsTheProfileItself) {
  const PolicyBook book(profile_, kUs, {});
  EXPECT_EQ(&book.At(now_), &profile_);
}

TEST_F(PolicyBookTest, NarrowerLayerWinsPathByPath) {
  const std::vector<v1::PolicyVersion> versions = {
      Version(R"(name: "sellers/a/policies/sku" layer: POLICY_LAYER_SKU key: "LAMP"
                 values { restocking { late_bp: 500 } } paths: "restocking.late_bp")"),
      Version(R"(name: "sellers/a/policies/global" layer: POLICY_LAYER_GLOBAL
                 values { return_by_days: 20 restocking { late_bp: 1000 buyer_damaged_bp: 4000 } }
                 paths: "return_by_days" paths: "restocking.late_bp"
                 paths: "restocking.buyer_damaged_bp")"),
      Version(R"(name: "sellers/a/policies/us" layer: POLICY_LAYER_MARKETPLACE
                 key: "ATVPDKIKX0DER" values { return_by_days: 14 } paths: "return_by_days")"),
      Version(R"(name: "sellers/a/policies/na" layer: POLICY_LAYER_REGION key: "NA"
                 values { return_by_days: 15 } paths: "return_by_days")"),
      Version(R"(name: "sellers/a/policies/cat" layer: POLICY_LAYER_CATEGORY key: "Home"
                 values { restocking { late_bp: 700 } } paths: "restocking.late_bp")"),
  };
  const PolicyBook us(profile_, kUs, versions);
  const PolicyBook de(profile_, kDe, versions);
  const v1::OrderLine lamp = Line("LAMP", "Home");
  const v1::OrderLine chair = Line("CHAIR", "Home");
  EXPECT_EQ(us.At(now_).return_by_days(), 14);
  EXPECT_EQ(de.At(now_).return_by_days(), 20);
  EXPECT_EQ(us.At(now_).restocking().late_bp(), 1000);
  EXPECT_EQ(us.At(now_, &chair).restocking().late_bp(), 700);
  EXPECT_EQ(us.At(now_, &lamp).restocking().late_bp(), 500);
  EXPECT_EQ(us.At(now_, &lamp).restocking().buyer_damaged_bp(), 4000);
  // What no layer names stays.
  EXPECT_EQ(us.At(now_, &lamp).restocking().opened_media_bp(),
            profile_.restocking().opened_media_bp());
  EXPECT_EQ(PolicyTag(us.At(now_)), "seed.1+global+na+us");
  // Asked again it is the same object, and a copy stands on its own.
  EXPECT_EQ(&us.At(now_, &lamp), &us.At(now_, &lamp));
  const PolicyBook copy = us;
  EXPECT_NE(&copy.At(now_, &lamp), &us.At(now_, &lamp));
  EXPECT_EQ(copy.At(now_, &lamp).restocking().late_bp(), 500);
}

TEST_F(PolicyBookTest, ZeroIsAValueWhereItIsNamed) {
  const PolicyBook book(profile_, kUs, std::vector{Version(R"(name: "z" layer: POLICY_LAYER_GLOBAL
                        paths: "restocking.late_bp" paths: "shipping_refund_by_fault")")});
  ASSERT_NE(profile_.restocking().late_bp(), 0);
  EXPECT_EQ(book.At(now_).restocking().late_bp(), 0);
  EXPECT_FALSE(book.At(now_).shipping_refund_by_fault());
  EXPECT_EQ(book.At(now_).restocking().buyer_damaged_bp(),
            profile_.restocking().buyer_damaged_bp());
}

TEST_F(PolicyBookTest, NewVersionNeverChangesThePast) {
  std::vector<v1::PolicyVersion> versions = {
      Version(R"(name: "one" version: 1 layer: POLICY_LAYER_GLOBAL
                 values { return_by_days: 20 close_after_days: 9 }
                 paths: "return_by_days" paths: "close_after_days")"),
      Version(R"(name: "two" version: 2 layer: POLICY_LAYER_GLOBAL
                 values { return_by_days: 10 } paths: "return_by_days"
                 effective_from { seconds: 1772528400 })"),
      Version(R"(name: "three" version: 3 layer: POLICY_LAYER_GLOBAL
                 effective_from { seconds: 1772614800 })"),
  };
  const PolicyBook book(profile_, kUs, versions);
  EXPECT_EQ(&book.At(kStart - absl::Microseconds(1)), &profile_);
  EXPECT_EQ(book.At(kStart).return_by_days(), 20);
  EXPECT_EQ(book.At(kStart).close_after_days(), 9);
  // A version replaces the one before it as a whole.
  EXPECT_EQ(book.At(kStart + absl::Hours(24)).return_by_days(), 10);
  EXPECT_EQ(book.At(kStart + absl::Hours(24)).close_after_days(), profile_.close_after_days());
  // And one without paths takes it back.
  EXPECT_EQ(&book.At(kStart + absl::Hours(48)), &profile_);
  // What is only proposed counts for nothing.
  versions[0].set_state(v1::PolicyVersion::STATE_PROPOSED);
  EXPECT_EQ(&PolicyBook(profile_, kUs, versions).At(kStart), &profile_);
}

TEST_F(PolicyBookTest, ExplainsWhereEachValueCameFrom) {
  const PolicyBook book(profile_, kUs,
                        std::vector{Version(R"(name: "sellers/a/policies/x" version: 3
                        layer: POLICY_LAYER_CATEGORY key: "Home"
                        values { returnless { cap_minor_units { key: "USD" value: 900 }
                                              cap_minor_units { key: "CAD" value: 1200 } } }
                        paths: "returnless.cap_minor_units" source: "the buyer's guild")")});
  const v1::OrderLine line = Line("LAMP", "Home");
  const auto one = book.Explain(now_, &line, "returnless.cap_minor_units");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].value(), R"("CAD": 1200, "USD": 900)");
  EXPECT_EQ(one[0].layer(), v1::POLICY_LAYER_CATEGORY);
  EXPECT_EQ(one[0].key(), "Home");
  EXPECT_EQ(one[0].version(), 3);
  EXPECT_EQ(one[0].source(), "the buyer's guild");
  const auto late = book.Explain(now_, &line, "restocking.late_bp");
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].layer(), v1::POLICY_LAYER_UNSPECIFIED);
  EXPECT_EQ(late[0].key(), "seed");
  EXPECT_EQ(late[0].source(), profile_.restocking().source());
  // Every rule has a value's place and a source, and nothing is said twice.
  const auto all = book.Explain(now_, &line);
  std::set<std::string> paths;
  for (const v1::PolicyValue& value : all) {
    EXPECT_TRUE(paths.insert(value.path()).second) << value.path();
    EXPECT_FALSE(value.source().empty()) << value.path();
  }
  EXPECT_GT(all.size(), 30u);
}

TEST_F(PolicyBookTest, SaysWhatAVersionChanges) {
  const auto changes = PolicyChanges(profile_, Version(R"(layer: POLICY_LAYER_GLOBAL
      values { return_by_days: 10 close_after_days: 30 }
      paths: "return_by_days" paths: "close_after_days")"));
  ASSERT_EQ(profile_.close_after_days(), 30);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].path(), "return_by_days");
  EXPECT_EQ(changes[0].before(), "30");
  EXPECT_EQ(changes[0].after(), "10");
}

TEST_F(PolicyBookTest, RefusesWhatIsNoRule) {
  const auto reason = [](const char* text) {
    const absl::Status s = CheckPolicyVersion(Version(text));
    return s.ok() ? std::string("OK") : Cat(ReasonOf(s), " ", FieldOf(s));
  };
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL values { return_by_days: 9 }
                      paths: "return_by_days")"),
            "OK");
  EXPECT_EQ(reason(R"(key: "NA")"), "BAD_POLICY_LAYER policy_version.layer");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL key: "x")"),
            "BAD_POLICY_LAYER policy_version.key");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_REGION key: "Asia")"),
            "BAD_POLICY_LAYER policy_version.key");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_MARKETPLACE key: "US")"),
            "BAD_POLICY_LAYER policy_version.key");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_SKU)"), "BAD_POLICY_LAYER policy_version.key");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL marketplace_id: "ATVPDKIKX0DER")"),
            "BAD_POLICY_LAYER policy_version.marketplace_id");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "profile")"),
            "BAD_POLICY_PATH policy_version.paths[0]");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "restocking.colour")"),
            "BAD_POLICY_PATH policy_version.paths[0]");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_SKU key: "A" values { return_by_days: 9 }
                      paths: "return_by_days")"),
            "BAD_POLICY_PATH policy_version.paths[0]");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL values { return_by_days: 9 })"),
            "BAD_POLICY_PATH policy_version.paths");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL values { return_by_days: -1 }
                      paths: "return_by_days")"),
            "BAD_POLICY_VALUE policy_version.values.return_by_days");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL values { restocking { late_bp: 10001 } }
                      paths: "restocking.late_bp")"),
            "BAD_POLICY_VALUE policy_version.values.restocking.late_bp");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "return_response_hours")"),
            "BAD_POLICY_VALUE policy_version.values.return_response_hours");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "returnless"
                      values { returnless { cap_minor_units { key: "usd" value: 1 } } })"),
            "BAD_POLICY_VALUE policy_version.values.returnless.cap_minor_units");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "holidays"
                      values { holidays { key: "US" value: "2026-12-25,christmas" } })"),
            "BAD_POLICY_VALUE policy_version.values.holidays");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "metrics" values { metrics {} })"),
            "BAD_POLICY_VALUE policy_version.values.metrics");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "")"),
            "BAD_POLICY_PATH policy_version.paths[0]");
  EXPECT_EQ(reason(R"(layer: POLICY_LAYER_GLOBAL paths: "holidays"
                      values { holidays { key: "Spain" value: "2026-12-25" } })"),
            "BAD_POLICY_VALUE policy_version.values.holidays");
  for (const char* countries : {"us", "USA", ""}) {
    v1::PolicyVersion version =
        Version(R"(layer: POLICY_LAYER_GLOBAL paths: "prepaid_label_countries")");
    version.mutable_values()->add_prepaid_label_countries(countries);
    EXPECT_EQ(FieldOf(CheckPolicyVersion(version)),
              "policy_version.values.prepaid_label_countries");
  }
  for (const char* recoveries :
       {"recovery_bp: 1", "disposition: DISPOSITION_DISPOSE recovery_bp: -1",
        "disposition: DISPOSITION_DISPOSE recovery_bp: 10001",
        "disposition: DISPOSITION_DISPOSE } recoveries { disposition: DISPOSITION_DISPOSE"}) {
    EXPECT_EQ(reason(Cat(R"(layer: POLICY_LAYER_GLOBAL paths: "recoveries" values { recoveries { )",
                         recoveries, " } }")
                         .c_str()),
              "BAD_POLICY_VALUE policy_version.values.recoveries");
  }
  for (const char* limit :
       {"key: 'usd' value: 1", "key: 'USD' value: -1", "key: 'USD' value: 9223372036854775807"}) {
    EXPECT_EQ(
        reason(Cat(R"(layer: POLICY_LAYER_GLOBAL paths: "refund_limits" values { refund_limits {
                            role: ROLE_OPERATOR max_minor_units { )",
                   limit, " } } }")
                   .c_str()),
        "BAD_POLICY_VALUE policy_version.values.refund_limits");
  }
  // The sentence stands alone.
  EXPECT_EQ(CheckPolicyVersion(Version(R"(layer: POLICY_LAYER_GLOBAL paths: "return_by_days"
                                          values { return_by_days: -1 })"))
                .message(),
            "return_by_days: -1 is below 0; give 0 or more");
  v1::PolicyVersion without = Version("layer: POLICY_LAYER_GLOBAL");
  without.clear_source();
  EXPECT_EQ(ReasonOf(CheckPolicyVersion(without)), "SOURCE_REQUIRED");
}

}  // namespace
}  // namespace aftersales
