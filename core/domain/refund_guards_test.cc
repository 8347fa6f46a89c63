#include "core/domain/refund_guards.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "core/status/refusal.h"

namespace aftersales {
namespace {

class RefundGuards : public testing::Test {
 protected:
  v1::Refund InState(v1::Refund::Status status, int64_t total = 60000) {
    v1::Refund refund;
    refund.set_status(status);
    *refund.mutable_total() = money::Make(total, "USD");
    refund.mutable_requested_by()->set_role(v1::ROLE_OPERATOR);
    refund.mutable_requested_by()->set_id("olga");
    return refund;
  }
  static v1::Actor By(v1::Role role, const char* id) {
    v1::Actor actor;
    actor.set_role(role);
    actor.set_id(id);
    return actor;
  }
  const v1::Policy& policy_ = *FindPolicy("amazon-2026");
};

TEST_F(RefundGuards, LimitsAreByRoleAndCurrency) {
  EXPECT_TRUE(WithinLimit(policy_, v1::ROLE_OPERATOR, money::Make(50000, "USD")));
  EXPECT_FALSE(WithinLimit(policy_, v1::ROLE_OPERATOR, money::Make(50001, "USD")));
  EXPECT_FALSE(WithinLimit(policy_, v1::ROLE_RULE, money::Make(10001, "USD")));
  EXPECT_TRUE(WithinLimit(policy_, v1::ROLE_MANAGER, money::Make(99999999, "USD")));
  EXPECT_TRUE(WithinLimit(policy_, v1::ROLE_OPERATOR, money::Make(75000, "JPY")));
  EXPECT_FALSE(WithinLimit(policy_, v1::ROLE_OPERATOR, money::Make(1, "BRL")))
      << "a currency without a limit always takes a second person";
}

TEST_F(RefundGuards, ApprovalTakesAnotherPersonWhoMay) {
  const v1::Refund waiting = InState(v1::Refund::STATUS_PENDING_APPROVAL);
  const auto reason = [&](const v1::Refund& refund, const v1::Actor& actor) {
    if (const absl::Status s = CheckApprover(refund, actor); !s.ok()) return ReasonOf(s);
    return ReasonOf(CheckApprovalLimit(refund, policy_, actor, {}));
  };
  EXPECT_EQ(reason(waiting, By(v1::ROLE_MANAGER, "mia")), "");
  EXPECT_EQ(reason(waiting, By(v1::ROLE_MANAGER, "")), "FOUR_EYES");
  EXPECT_EQ(reason(waiting, By(v1::ROLE_MANAGER, "olga")), "FOUR_EYES") << "in whatever role";
  EXPECT_EQ(reason(waiting, By(v1::ROLE_OPERATOR, "otto")), "LIMIT_EXCEEDED");
  EXPECT_EQ(reason(InState(v1::Refund::STATUS_APPROVED), By(v1::ROLE_MANAGER, "mia")),
            "INVALID_STATE");
}

TEST_F(RefundGuards, OnlyWhatWasNotHandedOverIsTakenBack) {
  using R = v1::Refund;
  for (const auto status : {R::STATUS_PENDING_APPROVAL, R::STATUS_APPROVED, R::STATUS_FAILED}) {
    EXPECT_EQ(ReasonOf(CheckCancelRefund(InState(status), "twice")), "");
    EXPECT_EQ(ReasonOf(CheckCancelRefund(InState(status), "")), "REASON_REQUIRED");
    EXPECT_EQ(ReasonOf(CheckCancelRefund(InState(status), std::string(501, 'x'))), "TOO_LONG");
  }
  for (const auto status : {R::STATUS_SUBMITTED, R::STATUS_UNKNOWN, R::STATUS_SUCCEEDED,
                            R::STATUS_CANCELLED, R::STATUS_REVERSED}) {
    EXPECT_EQ(ReasonOf(CheckCancelRefund(InState(status), "twice")), "INVALID_STATE");
    EXPECT_EQ(ReasonOf(CheckRetryRefund(InState(status))), "INVALID_STATE");
  }
  EXPECT_TRUE(CheckRetryRefund(InState(R::STATUS_FAILED)).ok());
}

TEST_F(RefundGuards, ThatMoneyCameBackTakesAManagerAndProof) {
  const v1::Refund paid = InState(v1::Refund::STATUS_SUCCEEDED);
  const auto reason = [&](v1::Role role, const char* why, const char* proof) {
    return ReasonOf(CheckReverseRefund(paid, role, why, proof));
  };
  EXPECT_EQ(reason(v1::ROLE_MANAGER, "bounced", "statement 4"), "");
  EXPECT_EQ(reason(v1::ROLE_PLATFORM, "bounced", "statement 4"), "");
  EXPECT_EQ(reason(v1::ROLE_OPERATOR, "bounced", "statement 4"), "ROLE_REQUIRED");
  EXPECT_EQ(reason(v1::ROLE_MANAGER, "", "statement 4"), "REASON_REQUIRED");
  EXPECT_EQ(reason(v1::ROLE_MANAGER, "bounced", ""), "PROOF_REQUIRED");
  EXPECT_EQ(reason(v1::ROLE_MANAGER, "bounced", "4111 1111 1111 1111"), "CARD_NUMBER");
  EXPECT_EQ(ReasonOf(CheckReverseRefund(InState(v1::Refund::STATUS_FAILED), v1::ROLE_MANAGER,
                                        "bounced", "statement 4")),
            "INVALID_STATE");
}

TEST(ReturnPaidBeside, IsTheOneWhoseUnitsAreWanted) {
  using R = v1::Return;
  v1::Order order = testing_util::UsOrder(2);
  std::vector<v1::Return> returns(1);
  v1::Return& state = returns[0];
  state.set_name("sellers/acme/returns/ret_1");
  v1::ReturnItem* of = state.add_items();
  of->set_line_id("L1");
  of->set_quantity_requested(1);
  std::vector<v1::Refund> refunds;
  const auto beside = [&](int units) {
    google::protobuf::RepeatedPtrField<v1::RefundItem> items;
    v1::RefundItem* item = items.Add();
    item->set_line_id("L1");
    item->set_quantity(units);
    return ReturnPaidBeside(order, returns, refunds, items) != nullptr;
  };
  for (const auto status : {R::STATUS_REQUESTED, R::STATUS_APPROVED, R::STATUS_REJECTED,
                            R::STATUS_IN_TRANSIT, R::STATUS_INSPECTED, R::STATUS_CLOSED}) {
    state.set_status(status);
    EXPECT_FALSE(beside(1)) << "the other unit is in no return";
    EXPECT_TRUE(beside(2));
  }
  for (const auto status : {R::STATUS_CANCELLED, R::STATUS_EXPIRED}) {
    state.set_status(status);
    EXPECT_FALSE(beside(2));
  }
  state.set_status(R::STATUS_INSPECTED);
  // The other one is paid for.
  refunds.emplace_back().set_status(v1::Refund::STATUS_SUCCEEDED);
  refunds[0].add_items()->set_line_id("L1");
  refunds[0].mutable_items(0)->set_quantity(1);
  EXPECT_TRUE(beside(1));
  // That of the return is.
  refunds[0].set_return_name(state.name());
  EXPECT_FALSE(beside(1));
  of->set_quantity_refunded(1);
  EXPECT_FALSE(beside(1));
  refunds.clear();
  of->set_quantity_refunded(0);
  of->set_quantity_exchanged(1);
  EXPECT_FALSE(beside(1));
  EXPECT_FALSE(beside(0)) << "goodwill pays for no units";
}

}  // namespace
}  // namespace aftersales
