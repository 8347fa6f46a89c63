// What a person does in Seller Central, since Amazon has no API for it.
#pragma once

#include <string_view>

#include "aftersales/v1/common.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales::amazon_reports {

// Host of Seller Central for a marketplace id; without one, for a currency; else that of the US.
std::string_view SellerCentralHost(std::string_view marketplace_id, std::string_view currency_code);

// How to tell the buyer the decision on a return.
v1::ManualAction DecideReturnAction(std::string_view marketplace_id, const v1::Return& subject);
// How to pay a refund.
v1::ManualAction IssueRefundAction(std::string_view marketplace_id, const v1::Refund& refund);

// The same in general, without a case.
v1::ManualAction GeneralDecideReturnAction();
v1::ManualAction GeneralIssueRefundAction();

}  // namespace aftersales::amazon_reports
