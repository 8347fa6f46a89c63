#include "core/domain/return_options.h"

#include <gtest/gtest.h>

#include "core/domain/costs.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/reasons.h"

namespace aftersales {
namespace {

using Label = v1::ReturnOptions::Label;

class ReturnOptionsTest : public testing::Test {
 protected:
  ReturnOptionsTest() {
    channel_.set_marketplace_id("ATVPDKIKX0DER");
    channel_.set_country_code("US");
    channel_.set_currency_code("USD");
    channel_.set_brand_registered(true);
    Address("us-warehouse", "US");
    order_.set_currency_code("USD");
    Line("A", 999);
    state_.mutable_validity()->set_in_policy(true);
    Item("A", v1::RETURN_REASON_DEFECTIVE);
  }
  void Address(std::string_view id, std::string_view country) {
    v1::ReturnAddress* address = channel_.add_return_addresses();
    address->set_address_id(std::string(id));
    address->set_country_code(std::string(country));
    address->set_state(v1::ReturnAddress::STATE_APPROVED);
  }
  void Line(std::string_view id, int64_t total) {
    v1::OrderLine* line = order_.add_lines();
    line->set_line_id(std::string(id));
    line->set_sku(std::string(id));
    line->set_quantity(1);
    line->set_quantity_shipped(1);
    *line->mutable_item_total() = money::Make(total, "USD");
  }
  void Item(std::string_view id, v1::ReturnReason reason) {
    v1::ReturnItem* item = state_.add_items();
    item->set_line_id(std::string(id));
    item->set_quantity_requested(1);
    item->set_buyer_reason(reason);
    item->set_fault(MeaningOf(reason).fault);
  }
  v1::ReturnOptions Options(bool with_order = true) {
    return ReturnOptionsOf(state_, {channel_,
                                    policy_,
                                    v1::ROLE_OPERATOR,
                                    absl::UnixEpoch(),
                                    with_order ? &order_ : nullptr,
                                    {}});
  }
  static const Label& Of(const v1::ReturnOptions& options, Label::Kind kind) {
    return options.labels(kind - 1);
  }
  static const v1::ReturnOptions::Route& Of(const v1::ReturnOptions& options,
                                            v1::ReturnRoute route) {
    return options.routes(route - 1);
  }

  v1::Policy policy_ = *FindPolicy("seed");
  v1::Channel channel_;
  v1::Order order_;
  v1::Return state_;
};

TEST_F(ReturnOptionsTest, EveryWayIsListedWithItsReason) {
  const v1::ReturnOptions options = Options();
  ASSERT_EQ(options.labels_size(), 4);
  ASSERT_EQ(options.routes_size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(options.labels(i).kind(), i + 1);
    EXPECT_EQ(options.routes(i).route(), i + 1);
    EXPECT_FALSE(options.labels(i).reason().empty());
    EXPECT_FALSE(options.routes(i).reason().empty());
  }
}

// The worked example: 9.99 of which 40 % come in, against 6.69 to fetch it.
TEST_F(ReturnOptionsTest, BuyerKeepsWhatCostsMoreToFetchThanItBringsIn) {
  const v1::ReturnOptions options = Options();
  EXPECT_TRUE(options.returnless().allowed());
  EXPECT_EQ(options.returnless().expected_recovery().minor_units(), 400);
  EXPECT_EQ(options.returnless().reverse_cost().minor_units(), 669);
  EXPECT_EQ(options.returnless().net_saving().minor_units(), 269);
  EXPECT_TRUE(options.returnless().suggested());
  EXPECT_TRUE(Of(options, v1::RETURN_ROUTE_NONE).suggested());
  EXPECT_TRUE(Of(options, Label::KIND_NONE).suggested());
}

TEST_F(ReturnOptionsTest, WhatBringsInMoreIsAskedBack) {
  order_.mutable_lines(0)->mutable_item_total()->set_minor_units(1499);
  policy_.mutable_returnless()->set_expected_recovery_bp(6000);
  const v1::ReturnOptions options = Options();
  EXPECT_FALSE(options.returnless().allowed());
  EXPECT_EQ(options.returnless().expected_recovery().minor_units(), 899);
  EXPECT_FALSE(Of(options, Label::KIND_NONE).available());
}

TEST_F(ReturnOptionsTest, KeepingTakesABrandACapAndAKnownOrder) {
  channel_.set_brand_registered(false);
  EXPECT_FALSE(Options().returnless().allowed());
  channel_.set_brand_registered(true);
  order_.mutable_lines(0)->mutable_item_total()->set_minor_units(1501);
  EXPECT_FALSE(Options().returnless().allowed());
  order_.mutable_lines(0)->mutable_item_total()->set_minor_units(1500);
  EXPECT_TRUE(Options().returnless().allowed());
  EXPECT_FALSE(Options(/*with_order=*/false).returnless().allowed());
  // Two lines count together.
  Line("B", 100);
  Item("B", v1::RETURN_REASON_DEFECTIVE);
  EXPECT_FALSE(Options().returnless().allowed());
}

TEST_F(ReturnOptionsTest, LabelsGoByCountryFaultAndAddress) {
  order_.mutable_lines(0)->mutable_item_total()->set_minor_units(9999);
  EXPECT_TRUE(Of(Options(), Label::KIND_AMAZON_PREPAID).suggested());
  EXPECT_TRUE(Of(Options(), Label::KIND_MERCHANT_PREPAID).available());
  EXPECT_FALSE(Of(Options(), Label::KIND_UNPAID).available());  // a defect is the seller's
  state_.mutable_validity()->set_in_policy(false);
  EXPECT_FALSE(Of(Options(), Label::KIND_AMAZON_PREPAID).available());
  EXPECT_TRUE(Of(Options(), Label::KIND_MERCHANT_PREPAID).suggested());
  state_.mutable_items(0)->set_fault(v1::FAULT_BUYER);
  EXPECT_TRUE(Of(Options(), Label::KIND_UNPAID).suggested());
  // A seller abroad without a local address cannot let the buyer pay.
  channel_.mutable_return_addresses(0)->set_country_code("CN");
  EXPECT_FALSE(Of(Options(), Label::KIND_UNPAID).available());
  EXPECT_TRUE(Of(Options(), Label::KIND_MERCHANT_PREPAID).suggested());
  channel_.mutable_return_addresses(0)->set_state(v1::ReturnAddress::STATE_REVOKED);
  EXPECT_FALSE(Of(Options(), Label::KIND_MERCHANT_PREPAID).available());
}

TEST_F(ReturnOptionsTest, FulfilledByTheMarketplaceItIsTheMarketplacesToHandle) {
  state_.set_platform_managed(true);
  const v1::ReturnOptions options = Options();
  EXPECT_TRUE(Of(options, Label::KIND_AMAZON_PREPAID).available());
  EXPECT_FALSE(Of(options, Label::KIND_MERCHANT_PREPAID).available());
  for (const auto& route : options.routes()) EXPECT_FALSE(route.available());
}

// The worked example of a parcel abroad: 18.50 freight, 16.80 if it comes through, every fourth
// lost.
TEST_F(ReturnOptionsTest, RouteCostsCountWhatCustomsKeeps) {
  EXPECT_EQ(RouteCost(1850, 1680, 2500), 590);
  EXPECT_EQ(RouteCost(300, 0, 0), 300);
  EXPECT_EQ(RouteCost(0, 0, 0), 0);
  order_.mutable_lines(0)->mutable_item_total()->set_minor_units(4200);
  channel_.mutable_return_addresses(0)->set_country_code("CN");
  const v1::ReturnOptions options = Options();
  EXPECT_EQ(Of(options, v1::RETURN_ROUTE_ORIGIN).expected_cost().minor_units(), 590);
  EXPECT_TRUE(Of(options, v1::RETURN_ROUTE_ORIGIN).suggested());
  EXPECT_FALSE(Of(options, v1::RETURN_ROUTE_LOCAL).available());
}

}  // namespace
}  // namespace aftersales
