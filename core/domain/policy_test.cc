#include "core/domain/policy.h"

#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/marketplaces.h"
#include "core/domain/money.h"
#include "core/domain/reasons.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

TEST(Policies, AreAllThereAndComplete) {
  EXPECT_EQ(PolicyProfiles().size(), 2u);
  EXPECT_NE(FindPolicy(kDefaultPolicyProfile), nullptr);
  EXPECT_EQ(FindPolicy("none"), nullptr);
  for (std::string_view profile : PolicyProfiles()) {
    SCOPED_TRACE(profile);
    const v1::Policy& policy = *FindPolicy(profile);
    EXPECT_FALSE(policy.source().empty());
    EXPECT_FALSE(policy.restocking().source().empty());
    EXPECT_FALSE(policy.returnless().source().empty());
    EXPECT_TRUE(calendar::ParseDate(policy.effective_from()).ok());
    EXPECT_GT(policy.return_response_hours(), 0);
    EXPECT_GT(policy.return_by_days(), 0);
    EXPECT_GT(policy.close_after_days(), 0);
    EXPECT_GT(policy.receipt_business_days(), 0);
    EXPECT_NE(policy.refund_after_receipt_business_days() > 0,
              policy.refund_after_receipt_calendar_days() > 0);
    EXPECT_GE(policy.metrics_size(), 5);
    for (const v1::MetricPolicy& metric : policy.metrics()) {
      EXPECT_FALSE(metric.source().empty());
      EXPECT_GT(metric.window_days(), 0);
      EXPECT_GT(metric.threshold().limit().denominator(), 0);
    }
    for (const auto& [currency, cap] : policy.admin_fee_cap_minor_units()) {
      EXPECT_TRUE(money::IsCurrencyCode(currency));
      EXPECT_GT(cap, 0);
    }
  }
}

TEST(Policies, DisagreeWhereTheirSourcesDo) {
  const v1::Policy& seed = *FindPolicy("seed");
  const v1::Policy& amazon = *FindPolicy("amazon-2026");
  EXPECT_EQ(seed.refund_after_receipt_business_days(), 2);
  EXPECT_EQ(amazon.refund_after_receipt_calendar_days(), 4);
  for (const v1::MetricPolicy& metric : seed.metrics()) {
    if (metric.kind() != v1::Metric::KIND_LSR) continue;
    EXPECT_EQ(metric.threshold().operator_(), v1::Threshold::OPERATOR_AT_MOST);
    EXPECT_EQ(metric.threshold().limit().numerator(), 5);
  }
  for (const v1::MetricPolicy& metric : amazon.metrics()) {
    if (metric.kind() != v1::Metric::KIND_LSR) continue;
    EXPECT_EQ(metric.threshold().operator_(), v1::Threshold::OPERATOR_LESS_THAN);
    EXPECT_EQ(metric.threshold().limit().numerator(), 4);
  }
}

TEST(Policies, ListHolidaysThatAreDates) {
  for (std::string_view profile : PolicyProfiles()) {
    const v1::Policy& policy = *FindPolicy(profile);
    for (const auto& [country, list] : policy.holidays()) {
      // Every entry of the list must have been understood.
      const size_t commas = static_cast<size_t>(std::count(list.begin(), list.end(), ','));
      EXPECT_EQ(Holidays(policy, country).size(), commas + 1) << country;
    }
    EXPECT_TRUE(Holidays(policy, "US").contains(absl::CivilDay(2026, 5, 25)));
    EXPECT_TRUE(Holidays(policy, "XX").empty());
  }
}

TEST(Marketplaces, HaveAZoneAndACurrency) {
  for (const Marketplace& marketplace : Marketplaces()) {
    SCOPED_TRACE(marketplace.display_name);
    EXPECT_TRUE(calendar::Zone(marketplace.time_zone).ok());
    EXPECT_TRUE(money::IsCurrencyCode(marketplace.currency_code));
    EXPECT_EQ(FindMarketplace(marketplace.id), &marketplace);
  }
  EXPECT_EQ(FindMarketplace("A1F83G8C2ARO7P")->country_code, "GB");
  EXPECT_EQ(FindMarketplace("X"), nullptr);
}

TEST(Reasons, AreInTheOrderOfTheEnum) {
  for (int value = 0; value <= v1::ReturnReason_MAX; ++value) {
    EXPECT_EQ(MeaningOf(static_cast<v1::ReturnReason>(value)).reason, value);
  }
  EXPECT_EQ(MeaningOf(static_cast<v1::ReturnReason>(99)).reason, v1::RETURN_REASON_OTHER);
  EXPECT_TRUE(SellerAnswers(MeaningOf(v1::RETURN_REASON_ARRIVED_LATE).fault));
  EXPECT_FALSE(SellerAnswers(MeaningOf(v1::RETURN_REASON_BETTER_PRICE).fault));
  EXPECT_FALSE(SellerAnswers(v1::FAULT_UNSPECIFIED));
}

}  // namespace
}  // namespace aftersales
