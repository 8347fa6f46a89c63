// What a person does in Seller Central, since Amazon has no API for it.
#pragma once

#include <string_view>

#include "aftersales/v1/common.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales::amazon_reports {

// Host of Seller Central for a marketplace id; without one, for a currency; else that of the US.
std::string_view SellerCentralHost(std::string_view marketplace_id, std::string_view currency_code);

// What there is to do in general: for a decision on a return, and for a refund.
v1::ManualAction GeneralDecisionAction();
v1::ManualAction GeneralRefundAction();
// How to tell the buyer the decision on a return.
v1::ManualAction DecideReturnAction(std::string_view marketplace_id, const v1::Return& subject);
// How to pay a refund.
v1::ManualAction IssueRefundAction(std::string_view marketplace_id, const v1::Refund& refund);

}  // namespace aftersales::amazon_reports
