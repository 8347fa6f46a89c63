#include "core/domain/return_guards.h"

#include <functional>
#include <utility>
#include <vector>

#include "core/domain/calendar.h"
#include "core/domain/money.h"
#include "core/domain/policy.h"
#include "core/domain/test_facts.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using testing_util::At;

class Guards : public testing::Test {
 protected:
  v1::Return Asked(int units = 1) {
    v1::Return asked;
    v1::ReturnItem* item = asked.add_items();
    item->set_sku("SKU-1");
    item->set_quantity_requested(units);
    item->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
    return asked;
  }
  v1::Return InState(v1::Return::Status status, int units = 1) {
    v1::Return state = Asked(units);
    state.set_name("sellers/acme/returns/ret_1");
    state.set_status(status);
    state.mutable_items(0)->set_line_id("L1");
    state.mutable_items(0)->set_quantity_approved(status == v1::Return::STATUS_REQUESTED ? 0
                                                                                         : units);
    state.mutable_decision()->set_verdict(status == v1::Return::STATUS_REQUESTED
                                              ? v1::Decision::VERDICT_UNSPECIFIED
                                              : v1::Decision::VERDICT_APPROVED);
    return state;
  }
  Deciding By(v1::Role role) { return {channel_, policy_, role, now_, &order_, others_}; }
  std::string Create(v1::Return asked, std::vector<v1::Return> others = {}) {
    return ReasonOf(CheckCreate(order_, policy_, now_, others, &asked));
  }

  absl::Time now_ = At("2026-03-02T09:00:00Z");
  v1::Channel channel_ = testing_util::UsChannel();
  v1::Order order_ = testing_util::UsOrder(3);
  v1::Policy policy_ = *FindPolicy("seed");
  std::vector<v1::Return> others_;
};

TEST_F(Guards, CreateFillsInWhatFollowsFromTheOrder) {
  v1::Return asked = Asked();
  ASSERT_TRUE(CheckCreate(order_, policy_, now_, {}, &asked).ok());
  EXPECT_EQ(asked.items(0).line_id(), "L1");
  EXPECT_EQ(asked.items(0).fault(), v1::FAULT_SELLER);
  EXPECT_EQ(asked.order(), order_.name());
  EXPECT_EQ(asked.fulfillment(), v1::FULFILLMENT_MFN);
  EXPECT_EQ(calendar::FromProto(asked.requested_at()), now_);
  EXPECT_TRUE(asked.validity().in_policy());
}

TEST_F(Guards, CreateCountsTheWindowInTheMarketplacesDays) {
  // Delivered on the evening of 31 January in Los Angeles; the window ends with 2 March.
  *order_.mutable_delivered_at() = calendar::ToProto(At("2026-02-01T05:00:00Z"));
  const absl::TimeZone zone = calendar::Zone("America/Los_Angeles").value();
  v1::Return inside = Asked();
  *inside.mutable_requested_at() = calendar::ToProto(At("2026-03-03T07:59:59Z"));
  ASSERT_TRUE(CheckCreate(order_, policy_, At("2026-03-04T00:00:00Z"), {}, &inside, zone).ok());
  EXPECT_TRUE(inside.validity().in_policy());
  v1::Return outside = Asked();
  *outside.mutable_requested_at() = calendar::ToProto(At("2026-03-03T08:00:00Z"));
  ASSERT_TRUE(CheckCreate(order_, policy_, At("2026-03-04T00:00:00Z"), {}, &outside, zone).ok());
  EXPECT_FALSE(outside.validity().in_policy());
  EXPECT_EQ(outside.validity().reasons(0), "OUT_OF_WINDOW");
}

TEST_F(Guards, CreateRefusesWhatCannotBeReturned) {
  EXPECT_EQ(Create(v1::Return()), "MISSING_FIELD");
  v1::Return asked = Asked();
  asked.mutable_items(0)->set_sku("OTHER");
  EXPECT_EQ(Create(asked), "LINE_UNKNOWN");
  EXPECT_EQ(Create(Asked(0)), "BAD_QUANTITY");
  EXPECT_EQ(Create(Asked(-1)), "BAD_QUANTITY");
  EXPECT_EQ(Create(Asked(4)), "QUANTITY_EXCEEDS_RETURNABLE");
  asked = Asked();
  asked.mutable_items(0)->clear_buyer_reason();
  EXPECT_EQ(Create(asked), "REASON_REQUIRED");
  asked = Asked();
  *asked.add_items() = asked.items(0);
  EXPECT_EQ(Create(asked), "DUPLICATE_LINE");
  asked = Asked();
  *asked.mutable_requested_at() = calendar::ToProto(now_ + absl::Hours(24));
  EXPECT_EQ(Create(asked), "");
  *asked.mutable_requested_at() = calendar::ToProto(now_ + absl::Hours(24) + absl::Seconds(1));
  EXPECT_EQ(Create(asked), "IN_THE_FUTURE");
  *asked.mutable_requested_at() =
      calendar::ToProto(calendar::FromProto(order_.placed_at()) - absl::Seconds(1));
  EXPECT_EQ(Create(asked), "BEFORE_ORDER");
  asked = Asked();
  asked.set_channel("sellers/acme/channels/de");
  EXPECT_EQ(Create(asked), "BAD_NAME");
  order_.mutable_lines(0)->set_quantity_shipped(0);
  EXPECT_EQ(Create(Asked()), "NOT_SHIPPED");
}

TEST_F(Guards, CreateCountsWhatOtherReturnsTook) {
  v1::Return other = InState(v1::Return::STATUS_REQUESTED, 2);
  EXPECT_EQ(Create(Asked(2), {other}), "QUANTITY_EXCEEDS_RETURNABLE");
  EXPECT_EQ(Create(Asked(1), {other}), "");
  for (v1::Return::Status status :
       {v1::Return::STATUS_REJECTED, v1::Return::STATUS_CANCELLED, v1::Return::STATUS_EXPIRED}) {
    other.set_status(status);
    EXPECT_EQ(Create(Asked(3), {other}), "");
  }
}

TEST_F(Guards, ApproveNeedsAnOpenReturnAndAnApprovedAddress) {
  const v1::Return open = InState(v1::Return::STATUS_REQUESTED);
  v1::ApproveReturnRequest request;
  const auto fact = CheckApprove(open, By(v1::ROLE_OPERATOR), request);
  ASSERT_TRUE(fact.ok());
  EXPECT_EQ(fact->return_method(), v1::RETURN_METHOD_MERCHANT_LABEL);
  EXPECT_EQ(fact->return_address_id(), "dallas");
  EXPECT_EQ(calendar::FromProto(fact->return_by()), now_ + absl::Hours(24 * 30));

  const auto reason = [&](const v1::Return& state, v1::Role role = v1::ROLE_OPERATOR) {
    return ReasonOf(CheckApprove(state, By(role), request).status());
  };
  EXPECT_EQ(reason(InState(v1::Return::STATUS_APPROVED)), "INVALID_STATE");
  v1::Return fba = open;
  fba.set_platform_managed(true);
  EXPECT_EQ(reason(fba), "PLATFORM_MANAGED");
  EXPECT_EQ(reason(fba, v1::ROLE_PLATFORM), "");
  request.add_lines()->set_line_id("L1");
  request.mutable_lines(0)->set_quantity(2);
  EXPECT_EQ(reason(open), "BAD_QUANTITY");
  request.mutable_lines(0)->set_line_id("L9");
  EXPECT_EQ(reason(open), "LINE_UNKNOWN");
  request.clear_lines();
  request.set_return_method(v1::RETURN_METHOD_NONE);
  EXPECT_EQ(reason(open), "BAD_RETURN_METHOD");
  request.clear_return_method();
  request.set_return_address_id("paris");
  EXPECT_EQ(reason(open), "RETURN_ADDRESS_REQUIRED");
  request.clear_return_address_id();
  channel_.mutable_return_addresses(0)->set_state(v1::ReturnAddress::STATE_PENDING);
  EXPECT_EQ(reason(open), "RETURN_ADDRESS_REQUIRED");
}

TEST_F(Guards, ApproveChecksTheUnitsOfAReportedRequest) {
  const v1::Return open = InState(v1::Return::STATUS_REQUESTED, 2);
  v1::ApproveReturnRequest request;
  const auto reason = [&](v1::Role role = v1::ROLE_OPERATOR) {
    return ReasonOf(CheckApprove(open, By(role), request).status());
  };
  const auto returnless = [&] {
    return ReasonOf(CheckApproveReturnless(open, By(v1::ROLE_MANAGER), {}).status());
  };
  v1::Return other = InState(v1::Return::STATUS_APPROVED, 2);
  other.set_name("sellers/acme/returns/ret_0");
  others_ = {other, open};
  EXPECT_EQ(reason(), "QUANTITY_EXCEEDS_RETURNABLE");
  EXPECT_EQ(returnless(), "QUANTITY_EXCEEDS_RETURNABLE");
  // One of the two may still be approved, and what the marketplace decided stands.
  request.add_lines()->set_line_id("L1");
  request.mutable_lines(0)->set_quantity(1);
  EXPECT_EQ(reason(), "");
  request.clear_lines();
  EXPECT_EQ(reason(v1::ROLE_PLATFORM), "");
  // A request that was made later waits for this one, unless it is approved already.
  others_[0].set_name("sellers/acme/returns/ret_2");
  EXPECT_EQ(reason(), "QUANTITY_EXCEEDS_RETURNABLE");
  others_[0].mutable_decision()->clear_verdict();
  EXPECT_EQ(reason(), "");
  others_.clear();
  order_.mutable_lines(0)->set_quantity_shipped(0);
  EXPECT_EQ(reason(), "NOT_SHIPPED");
  EXPECT_EQ(returnless(), "NOT_SHIPPED");
}

TEST_F(Guards, ReturnlessGoesByThePolicyAndAManagerMayOverride) {
  *order_.mutable_lines(0)->mutable_item_total() = money::Make(3 * 999, "USD");
  const v1::Return open = InState(v1::Return::STATUS_REQUESTED);
  v1::ApproveReturnlessRequest request;
  const auto check = [&](v1::Role role) { return CheckApproveReturnless(open, By(role), request); };
  EXPECT_EQ(ReasonOf(check(v1::ROLE_OPERATOR).status()), "RETURNLESS_NOT_ALLOWED");
  channel_.set_brand_registered(true);
  EXPECT_TRUE(check(v1::ROLE_OPERATOR).ok());
  *order_.mutable_lines(0)->mutable_item_total() = money::Make(3 * 1501, "USD");
  EXPECT_EQ(check(v1::ROLE_OPERATOR).status().code(), absl::StatusCode::kFailedPrecondition);
  request.set_override_reason("angry buyer");
  EXPECT_EQ(check(v1::ROLE_OPERATOR).status().code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(check(v1::ROLE_MANAGER).ok());
  EXPECT_EQ(check(v1::ROLE_MANAGER)->override_reason(), "angry buyer");
}

TEST_F(Guards, RejectingInsideThePolicyTakesAManager) {
  v1::Return open = InState(v1::Return::STATUS_REQUESTED);
  v1::RejectReturnRequest request;
  const auto reason = [&](v1::Role role) {
    return ReasonOf(CheckReject(open, role, request).status());
  };
  EXPECT_EQ(reason(v1::ROLE_OPERATOR), "REASON_REQUIRED");
  for (const char* sentence : {"too late", "out_of_window", "ZU_SP\xC3\x84T"}) {
    request.set_reason_code(sentence);
    EXPECT_EQ(reason(v1::ROLE_OPERATOR), "BAD_CODE") << sentence;
  }
  request.set_reason_code("OUT_OF_WINDOW");
  EXPECT_EQ(reason(v1::ROLE_OPERATOR), "");
  open.mutable_validity()->set_in_policy(true);
  EXPECT_EQ(reason(v1::ROLE_OPERATOR), "INVALID_REJECTION_RISK");
  EXPECT_EQ(reason(v1::ROLE_MANAGER), "INVALID_REJECTION_RISK");
  request.set_override_reason("fraud ring");
  EXPECT_EQ(reason(v1::ROLE_RULE), "INVALID_REJECTION_RISK");
  EXPECT_EQ(reason(v1::ROLE_MANAGER), "");
  request.set_text(std::string(2001, 'x'));
  EXPECT_EQ(reason(v1::ROLE_MANAGER), "TOO_LONG");
}

TEST_F(Guards, CancelAndReopenGoByTheState) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED);
  EXPECT_TRUE(CheckCancel(state).ok());
  state.mutable_items(0)->set_quantity_refunded(1);
  EXPECT_EQ(ReasonOf(CheckCancel(state)), "INVALID_STATE");
  EXPECT_EQ(ReasonOf(CheckCancel(InState(v1::Return::STATUS_RECEIVED))), "INVALID_STATE");
  const auto reopen = [this](const v1::Return& of, std::string_view why = "why") {
    return ReasonOf(CheckReopen(of, By(v1::ROLE_OPERATOR), why));
  };
  EXPECT_EQ(reopen(state), "INVALID_STATE");
  EXPECT_EQ(reopen(InState(v1::Return::STATUS_REJECTED)), "");
  EXPECT_EQ(reopen(InState(v1::Return::STATUS_REJECTED), ""), "REASON_REQUIRED");
}

TEST_F(Guards, AnExpiredOneIsOpenedAgainOnlyWhereItsUnitsAreStillThere) {
  order_ = testing_util::UsOrder(1);
  const v1::Return expired = InState(v1::Return::STATUS_EXPIRED);
  const auto reopen = [&] {
    return ReasonOf(CheckReopen(expired, By(v1::ROLE_OPERATOR), "the parcel is on its way"));
  };
  EXPECT_EQ(reopen(), "");
  others_ = {expired, InState(v1::Return::STATUS_APPROVED)};
  others_[1].set_name("sellers/acme/returns/ret_2");
  EXPECT_EQ(reopen(), "QUANTITY_EXCEEDS_RETURNABLE");
  others_[1].set_status(v1::Return::STATUS_EXPIRED);
  EXPECT_EQ(reopen(), "") << "that one gave its unit back";
  others_[1].mutable_items(0)->set_quantity_refunded(1);
  EXPECT_EQ(reopen(), "QUANTITY_EXCEEDS_RETURNABLE") << "the buyer has the money for it";
}

absl::StatusOr<v1::ReturnLabel> LabelOf(const v1::Return& state,
                                        const v1::IssueReturnLabelRequest& request,
                                        v1::Role role = v1::ROLE_OPERATOR) {
  return CheckIssueLabel(state, request, "USD", role);
}

TEST_F(Guards, ALabelCostsWhatTheChannelCanAddUp) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED);
  v1::IssueReturnLabelRequest request;
  *request.mutable_cost() = money::Make(500, "EUR");
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "CURRENCY_MISMATCH");
  EXPECT_EQ(FieldOf(LabelOf(state, request).status()), "cost.currency_code");
  *request.mutable_cost() = money::Make(money::kMaxMinorUnits + 1, "USD");
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "BAD_COST");
  *request.mutable_cost() = money::Make(money::kMaxMinorUnits, "USD");
  EXPECT_TRUE(LabelOf(state, request).ok());
}

TEST_F(Guards, WhoIsNotAtFaultPaysTheLabelOnlyIfAManagerSaysSo) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED);
  state.mutable_items(0)->set_fault(v1::FAULT_SELLER);
  v1::IssueReturnLabelRequest request;
  request.set_paid_by(v1::ReturnLabel::PAYER_BUYER);
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "ROLE_REQUIRED");
  EXPECT_EQ(ReasonOf(LabelOf(state, request, v1::ROLE_RULE).status()), "ROLE_REQUIRED");
  EXPECT_EQ(LabelOf(state, request, v1::ROLE_MANAGER)->paid_by(), v1::ReturnLabel::PAYER_BUYER);
  state.mutable_items(0)->set_fault(v1::FAULT_BUYER);
  EXPECT_TRUE(LabelOf(state, request).ok());
  // The other way round nobody is wronged.
  request.set_paid_by(v1::ReturnLabel::PAYER_SELLER);
  EXPECT_EQ(LabelOf(state, request)->paid_by(), v1::ReturnLabel::PAYER_SELLER);
}

TEST_F(Guards, ALabelGoesToAnApprovedReturnOnce) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED);
  state.mutable_items(0)->set_fault(v1::FAULT_SELLER);
  v1::IssueReturnLabelRequest request;
  const auto bought = LabelOf(state, request);
  ASSERT_TRUE(bought.ok());
  EXPECT_EQ(bought->state(), v1::ReturnLabel::STATE_REQUESTED);
  EXPECT_EQ(bought->paid_by(), v1::ReturnLabel::PAYER_SELLER);
  request.set_tracking_number("9400");
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "MISSING_FIELD");
  request.set_carrier("usps");
  state.mutable_items(0)->set_fault(v1::FAULT_BUYER);
  const auto own = LabelOf(state, request);
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(own->state(), v1::ReturnLabel::STATE_ISSUED);
  EXPECT_EQ(own->paid_by(), v1::ReturnLabel::PAYER_BUYER);
  *request.mutable_cost() = money::Make(-1, "USD");
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "NEGATIVE_AMOUNT");
  request.clear_cost();
  *state.add_labels() = *own;
  EXPECT_EQ(ReasonOf(LabelOf(state, request).status()), "LABEL_EXISTS");
  state.mutable_labels(0)->set_state(v1::ReturnLabel::STATE_VOIDED);
  EXPECT_EQ(LabelOf(state, request)->label_id(), "label-2");
  EXPECT_EQ(ReasonOf(LabelOf(InState(v1::Return::STATUS_REQUESTED), request).status()),
            "INVALID_STATE");
}

TEST_F(Guards, AReceiptDefaultsToWhatIsStillToCome) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED, 3);
  state.mutable_items(0)->set_quantity_received(1);
  EXPECT_EQ(CheckReceipt(state, v1::Receipt(), now_)->lines(0).quantity(), 2);
  v1::Receipt receipt;
  receipt.add_lines()->set_quantity(5);  // a surplus is a finding, not a refusal
  EXPECT_EQ(CheckReceipt(state, receipt, now_)->lines(0).line_id(), "L1");
  receipt.mutable_lines(0)->set_quantity(0);
  EXPECT_EQ(ReasonOf(CheckReceipt(state, receipt, now_).status()), "BAD_QUANTITY");
  receipt.mutable_lines(0)->set_line_id("L9");
  EXPECT_EQ(ReasonOf(CheckReceipt(state, receipt, now_).status()), "LINE_UNKNOWN");
  state.mutable_items(0)->set_quantity_received(3);
  EXPECT_EQ(ReasonOf(CheckReceipt(state, v1::Receipt(), now_).status()), "MISSING_FIELD");
}

TEST_F(Guards, AReceiptComesTwiceButNeverAsAnotherOne) {
  v1::Return state = InState(v1::Return::STATUS_APPROVED, 3);
  v1::Receipt receipt;
  receipt.set_receipt_id("r1");
  receipt.add_lines()->set_quantity(2);
  v1::Receipt known = *CheckReceipt(state, receipt, now_);
  *known.mutable_received_at() = calendar::ToProto(now_);
  *state.add_receipts() = known;
  state.mutable_items(0)->set_quantity_received(2);
  EXPECT_EQ(CheckReceipt(state, receipt, now_)->SerializeAsString(), known.SerializeAsString());
  receipt.clear_lines();
  EXPECT_EQ(CheckReceipt(state, receipt, now_)->SerializeAsString(), known.SerializeAsString());
  receipt.add_lines()->set_quantity(1);
  EXPECT_EQ(ReasonOf(CheckReceipt(state, receipt, now_).status()), "RECEIPT_EXISTS");
  receipt.set_receipt_id("r2");
  EXPECT_TRUE(CheckReceipt(state, receipt, now_).ok());
}

TEST_F(Guards, AnInspectionNeedsReceivedUnits) {
  v1::Return state = InState(v1::Return::STATUS_RECEIVED, 2);
  state.mutable_items(0)->set_quantity_received(2);
  v1::Inspection inspection;
  inspection.set_quantity(2);
  EXPECT_EQ(ReasonOf(CheckInspection(state, inspection, now_, "i").status()), "MISSING_FIELD");
  inspection.set_condition(v1::CONDITION_WRONG_ITEM);
  inspection.set_inspection_id("i1");
  const auto checked = CheckInspection(state, inspection, now_, "i");
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->disposition(), v1::DISPOSITION_QUARANTINE);
  *state.add_inspections() = *checked;
  EXPECT_EQ(CheckInspection(state, inspection, now_, "i")->evidence_size(), 0)
      << "the same one again";
  inspection.add_evidence("photo-1");
  state.mutable_inspections(0)->add_evidence("photo-0");
  EXPECT_EQ(CheckInspection(state, inspection, now_, "i")->evidence(0), "photo-1")
      << "only what is new";
  inspection.set_condition(v1::CONDITION_NEW);
  EXPECT_EQ(ReasonOf(CheckInspection(state, inspection, now_, "i").status()), "INSPECTION_EXISTS");
  inspection.set_condition(v1::CONDITION_WRONG_ITEM);
  inspection.set_inspection_id("i2");
  inspection.set_quantity(1);
  EXPECT_EQ(ReasonOf(CheckInspection(state, inspection, now_, "i").status()), "NOT_RECEIVED");
}

TEST_F(Guards, CloseShortNeedsAPartThatCame) {
  v1::Return state = InState(v1::Return::STATUS_PARTIALLY_RECEIVED, 3);
  EXPECT_EQ(ReasonOf(CheckCloseShort(state, "why")), "INVALID_STATE");
  state.mutable_items(0)->set_quantity_received(2);
  EXPECT_EQ(ReasonOf(CheckCloseShort(state, "")), "REASON_REQUIRED");
  EXPECT_TRUE(CheckCloseShort(state, "ONE_NOT_RETURNED").ok());
  state.set_short_reason("ONE_NOT_RETURNED");
  EXPECT_EQ(ReasonOf(CheckCloseShort(state, "again")), "INVALID_STATE");
}

TEST_F(Guards, WhatOnlyTheMarketplaceKnowsIsForItOrAManager) {
  v1::Return told;
  told.set_external_id("RMA-1");
  told.add_items()->set_sku("SKU-1");
  EXPECT_TRUE(CheckTellsOwn(told, v1::ROLE_BUYER, "return_resource").ok());
  const std::pair<const char*, std::function<void(v1::Return&)>> fields[] = {
      {"platform_refunded", [](v1::Return& r) { r.mutable_platform_refunded(); }},
      {"a_to_z_claim", [](v1::Return& r) { r.set_a_to_z_claim(true); }},
      {"platform_managed", [](v1::Return& r) { r.set_platform_managed(true); }},
      {"platform_status", [](v1::Return& r) { r.set_platform_status("Approved"); }},
      {"platform_resolution", [](v1::Return& r) { r.set_platform_resolution("StandardRefund"); }},
      {"is_prime", [](v1::Return& r) { r.set_is_prime(true); }},
      {"validity", [](v1::Return& r) { r.mutable_validity(); }},
  };
  for (const auto& [name, give] : fields) {
    v1::ReturnRequested requested;
    v1::ReturnReported reported;
    *requested.mutable_request() = *reported.mutable_snapshot() = told;
    give(*requested.mutable_request());
    give(*reported.mutable_snapshot());
    for (const v1::Role role :
         {v1::ROLE_BUYER, v1::ROLE_OPERATOR, v1::ROLE_RULE, v1::ROLE_ERP, v1::ROLE_WAREHOUSE}) {
      const absl::Status refused = CheckTellsOwn(requested.request(), role, "return_resource");
      EXPECT_EQ(ReasonOf(refused), "ROLE_REQUIRED") << name;
      EXPECT_EQ(FieldOf(refused), Cat("return_resource.", name));
      EXPECT_EQ(FieldOf(CheckTellsOwn(requested, role, "f")), Cat("f.request.", name));
      EXPECT_EQ(FieldOf(CheckTellsOwn(reported, role, "f")), Cat("f.snapshot.", name));
    }
    for (const v1::Role role : {v1::ROLE_PLATFORM, v1::ROLE_MANAGER}) {
      EXPECT_TRUE(CheckTellsOwn(requested, role, "f").ok()) << name;
      EXPECT_TRUE(CheckTellsOwn(reported, role, "f").ok()) << name;
    }
  }
}

TEST_F(Guards, SnapshotThatDecidesIsForTheMarketplaceOrAManager) {
  const std::pair<const char*, std::function<void(v1::ReturnReported&)>> fields[] = {
      {"f.status", [](v1::ReturnReported& r) { r.set_status(v1::Return::STATUS_REJECTED); }},
      {"f.delivered_at", [](v1::ReturnReported& r) { r.mutable_delivered_at(); }},
      {"f.snapshot.receipts", [](v1::ReturnReported& r) { r.mutable_snapshot()->add_receipts(); }},
      {"f.snapshot.inspections",
       [](v1::ReturnReported& r) { r.mutable_snapshot()->add_inspections(); }},
      {"f.snapshot.labels", [](v1::ReturnReported& r) { r.mutable_snapshot()->add_labels(); }},
      {"f.snapshot.return_by",
       [](v1::ReturnReported& r) { r.mutable_snapshot()->mutable_return_by(); }},
      {"f.snapshot.return_method",
       [](v1::ReturnReported& r) {
         r.mutable_snapshot()->set_return_method(v1::RETURN_METHOD_NONE);
       }},
      {"f.snapshot.fulfillment",
       [](v1::ReturnReported& r) { r.mutable_snapshot()->set_fulfillment(v1::FULFILLMENT_AFN); }},
  };
  for (const auto& [name, give] : fields) {
    v1::ReturnReported told;
    EXPECT_TRUE(CheckTellsOwn(told, v1::ROLE_ERP, "f").ok());
    give(told);
    for (const v1::Role role : {v1::ROLE_OPERATOR, v1::ROLE_RULE, v1::ROLE_ERP}) {
      EXPECT_EQ(ReasonOf(CheckTellsOwn(told, role, "f")), "ROLE_REQUIRED") << name;
      EXPECT_EQ(FieldOf(CheckTellsOwn(told, role, "f")), name);
    }
    EXPECT_TRUE(CheckTellsOwn(told, v1::ROLE_PLATFORM, "f").ok()) << name;
    EXPECT_TRUE(CheckTellsOwn(told, v1::ROLE_MANAGER, "f").ok()) << name;
  }
  v1::ReturnRequested asked;
  asked.mutable_request()->set_fulfillment(v1::FULFILLMENT_AFN);
  EXPECT_EQ(FieldOf(CheckTellsOwn(asked, v1::ROLE_ERP, "f")), "f.request.fulfillment");
}

TEST_F(Guards, CloseNeedsEverythingSettled) {
  v1::Return state = InState(v1::Return::STATUS_RECEIVED);
  state.mutable_items(0)->set_quantity_received(1);
  v1::CloseReturnRequest request;
  std::vector<v1::Refund> refunds(1);
  v1::Role role = v1::ROLE_OPERATOR;
  const auto reason = [&] { return ReasonOf(CheckClose(state, refunds, role, request)); };
  EXPECT_EQ(reason(), "REASON_REQUIRED");
  request.set_reason("done");
  EXPECT_EQ(reason(), "INVALID_STATE");
  request.set_without_refund(true);
  EXPECT_EQ(reason(), "");
  role = v1::ROLE_RULE;
  const absl::Status denied = CheckClose(state, refunds, role, request);
  EXPECT_EQ(ReasonOf(denied), "ROLE_REQUIRED") << "money is denied by a person";
  EXPECT_EQ(FieldOf(denied), "without_refund");
  request.set_without_refund(false);
  state.mutable_items(0)->set_quantity_refunded(1);
  EXPECT_EQ(reason(), "");
  for (v1::Refund::Status status :
       {v1::Refund::STATUS_PENDING_APPROVAL, v1::Refund::STATUS_APPROVED,
        v1::Refund::STATUS_SUBMITTED, v1::Refund::STATUS_UNKNOWN}) {
    refunds[0].set_status(status);
    EXPECT_EQ(reason(), "REFUND_PENDING");
  }
  refunds[0].set_status(v1::Refund::STATUS_SUCCEEDED);
  EXPECT_EQ(reason(), "");
  state.set_status(v1::Return::STATUS_APPROVED);
  EXPECT_EQ(reason(), "INVALID_STATE");
}

}  // namespace
}  // namespace aftersales
