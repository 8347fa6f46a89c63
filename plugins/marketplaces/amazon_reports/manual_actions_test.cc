#include "plugins/marketplaces/amazon_reports/manual_actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace aftersales::amazon_reports {
namespace {

using testing::Contains;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

v1::Return Subject(v1::Decision::Verdict verdict) {
  v1::Return out;
  out.set_order_external_id("113-6270000-6280000");
  out.set_external_rma_id("D1RRMA");
  out.mutable_decision()->set_verdict(verdict);
  return out;
}

TEST(SellerCentralHost, IsByMarketplaceThenCurrency) {
  EXPECT_EQ(SellerCentralHost("ATVPDKIKX0DER", ""), "sellercentral.amazon.com");
  EXPECT_EQ(SellerCentralHost("A1VC38T7YXB528", "USD"), "sellercentral.amazon.co.jp");
  EXPECT_EQ(SellerCentralHost("A1F83G8C2ARO7P", ""), "sellercentral.amazon.co.uk");
  EXPECT_EQ(SellerCentralHost("", "JPY"), "sellercentral.amazon.co.jp");
  EXPECT_EQ(SellerCentralHost("", "EUR"), "sellercentral-europe.amazon.com");
  EXPECT_EQ(SellerCentralHost("elsewhere", "XXX"), "sellercentral.amazon.com");
}

TEST(DecideReturnAction, NamesOrderAndRma) {
  const v1::ManualAction action =
      DecideReturnAction("A1VC38T7YXB528", Subject(v1::Decision::VERDICT_APPROVED));
  EXPECT_EQ(action.title(), "Authorize the return of order 113-6270000-6280000");
  EXPECT_EQ(action.url(), "https://sellercentral.amazon.co.jp/gp/returns/list");
  EXPECT_THAT(action.steps(), Contains(HasSubstr("D1RRMA")));
  EXPECT_THAT(action.steps(), Each(Not(HasSubstr("{"))));
}

TEST(DecideReturnAction, LeavesOutWhatIsNotKnown) {
  v1::Return subject = Subject(v1::Decision::VERDICT_REJECTED);
  subject.mutable_decision()->set_reason_code("OUT_OF_WINDOW");
  subject.clear_external_rma_id();
  const v1::ManualAction action = DecideReturnAction("ATVPDKIKX0DER", subject);
  EXPECT_THAT(action.title(), HasSubstr("Decline"));
  EXPECT_THAT(action.steps(), Contains(HasSubstr("OUT_OF_WINDOW")));
  EXPECT_THAT(action.steps(), Each(Not(HasSubstr("RMA"))));
  EXPECT_THAT(action.steps(), Each(Not(HasSubstr("Write to the buyer"))));
  EXPECT_THAT(DecideReturnAction("", Subject(v1::Decision::VERDICT_APPROVED_RETURNLESS)).title(),
              HasSubstr("without a return"));
}

TEST(IssueRefundAction, SaysHowMuchOfWhat) {
  v1::Refund refund;
  refund.set_order_external_id("113-6270000-6280000");
  refund.mutable_total()->set_minor_units(3894);
  refund.mutable_total()->set_currency_code("USD");
  const auto add = [&](v1::BreakdownLine::Kind kind, int64_t units, bool informational) {
    v1::BreakdownLine* line = refund.add_breakdown();
    line->set_kind(kind);
    line->set_informational(informational);
    line->mutable_amount()->set_minor_units(units);
    line->mutable_amount()->set_currency_code("USD");
  };
  add(v1::BreakdownLine::KIND_ITEM, 2999, false);
  add(v1::BreakdownLine::KIND_SHIPPING_TAX, 49, false);
  add(v1::BreakdownLine::KIND_RESTOCKING_FEE, -5, false);
  add(v1::BreakdownLine::KIND_FREE_SHIPPING_SHARE, 77, true);
  const v1::ManualAction action = IssueRefundAction("ATVPDKIKX0DER", refund);
  EXPECT_EQ(action.title(), "Refund 38.94 USD for order 113-6270000-6280000");
  EXPECT_EQ(action.url(), "https://sellercentral.amazon.com/orders-v3/order/113-6270000-6280000");
  EXPECT_THAT(action.steps(), Contains("Enter Product refund: 29.99 USD"));
  EXPECT_THAT(action.steps(), Contains("Enter Shipping tax: 0.49 USD"));
  EXPECT_THAT(action.steps(), Contains("Enter Restocking fee: -0.05 USD"));
  EXPECT_THAT(action.steps(), Each(Not(HasSubstr("0.77"))));
}

TEST(IssueRefundAction, KnowsCurrenciesWithoutDecimals) {
  v1::Refund refund;
  refund.set_order_external_id("503-1");
  refund.mutable_total()->set_minor_units(3184);
  refund.mutable_total()->set_currency_code("JPY");
  const v1::ManualAction action = IssueRefundAction("", refund);
  EXPECT_EQ(action.title(), "Refund 3184 JPY for order 503-1");
  EXPECT_THAT(action.url(), HasSubstr("sellercentral.amazon.co.jp"));
}

TEST(IssueRefundAction, KeepsAStrangeOrderIdOutOfTheAddress) {
  v1::Refund refund;
  refund.set_order_external_id("../../evil?x={rma}");
  refund.mutable_total()->set_currency_code("USD");
  EXPECT_EQ(IssueRefundAction("ATVPDKIKX0DER", refund).url(),
            "https://sellercentral.amazon.com/orders-v3");
}

}  // namespace
}  // namespace aftersales::amazon_reports
