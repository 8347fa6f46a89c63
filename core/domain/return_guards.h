// Guards of the commands on a return: what may be done now, by whom. A guard answers OK or a
// refusal that says what to do; it never changes anything. Facts know no guards.
#pragma once

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"
#include "aftersales/v1/return_service.pb.h"
#include "core/domain/policy_book.h"

namespace aftersales {

// What only the marketplace knows (what it shows as refunded, its status, a claim, whether it
// manages the return, whether the request is in policy) is nobody's to say but PLATFORM's, or a
// MANAGER's who has seen it: PERMISSION_DENIED `ROLE_REQUIRED` with the field in `base`. A report
// that is imported is the marketplace's own and is not asked.
absl::Status CheckTellsOwn(const v1::Return& told, v1::Role role, std::string_view base);
// The same for a fact, in which moreover whatever decides or moves the return is the marketplace's.
absl::Status CheckTellsOwn(const v1::ReturnRequested& told, v1::Role role, std::string_view base);
absl::Status CheckTellsOwn(const v1::ReturnReported& told, v1::Role role, std::string_view base);

// Checks a new return against its order and the order's other returns, and fills in what the
// caller may leave out (line ids and SKUs from each other, fault, fulfillment, order_external_id,
// channel, validity). FAILED_PRECONDITION `NOT_SHIPPED`, `QUANTITY_EXCEEDS_RETURNABLE` (with
// `returnable`); INVALID_ARGUMENT `REASON_REQUIRED`, `LINE_UNKNOWN`, `BAD_QUANTITY`,
// `DUPLICATE_LINE`, `IN_THE_FUTURE`, `BEFORE_ORDER`, `BAD_NAME` (another channel than the order's).
// Returns that are rejected, cancelled or expired give their units back. `zone` is the
// marketplace's: the return window is counted in its days. A request for which no delivery date is
// known counts as inside the policy.
absl::Status CheckCreate(const v1::Order& order, const PolicyInForce& policy, absl::Time now,
                         std::span<const v1::Return> returns_of_order, v1::Return* request,
                         absl::TimeZone zone = absl::UTCTimeZone());

// Who approves a request, and what it is seen against. `order` is null while it is not imported;
// `returns_of_order` may contain the return itself.
struct Deciding {
  const v1::Channel& channel;
  PolicyInForce policy;
  v1::Role role;
  absl::Time now;
  const v1::Order* order = nullptr;
  std::span<const v1::Return> returns_of_order = {};
};
// Fills in the address and the return_by instant and checks; answers the fact to record. The
// units are checked as in CheckCreate, which a request of a report has not been through.
absl::StatusOr<v1::ReturnApproved> CheckApprove(const v1::Return& state, const Deciding& deciding,
                                                const v1::ApproveReturnRequest& request);
absl::StatusOr<v1::ReturnApproved> CheckApproveReturnless(
    const v1::Return& state, const Deciding& deciding, const v1::ApproveReturnlessRequest& request);
absl::StatusOr<v1::ReturnRejected> CheckReject(const v1::Return& state, v1::Role role,
                                               const v1::RejectReturnRequest& request);
// FAILED_PRECONDITION `INVALID_STATE`, `PLATFORM_MANAGED`; INVALID_ARGUMENT `REASON_REQUIRED`,
// `TOO_LONG`.
absl::Status CheckRequestInfo(const v1::Return& state, std::string_view text);
// FAILED_PRECONDITION `INVALID_STATE`, `PLATFORM_MANAGED`.
absl::Status CheckRemindBuyer(const v1::Return& state);
absl::Status CheckCancel(const v1::Return& state);
// The units of an EXPIRED one, which others may have taken since, as for CheckApprove.
absl::Status CheckReopen(const v1::Return& state, const Deciding& deciding,
                         std::string_view reason);
// Answers the label to record: ISSUED with the caller's number, or REQUESTED without one. The cost
// is in `currency`, the channel's. INVALID_ARGUMENT `MISSING_FIELD`, `TOO_LONG`, `NEGATIVE_AMOUNT`,
// `BAD_COST`, `CURRENCY_MISMATCH`; FAILED_PRECONDITION `INVALID_STATE`, `LABEL_EXISTS`,
// `PLATFORM_MANAGED`; PERMISSION_DENIED `ROLE_REQUIRED` (a buyer who is not at fault is to pay).
absl::StatusOr<v1::ReturnLabel> CheckIssueLabel(const v1::Return& state,
                                                const v1::IssueReturnLabelRequest& request,
                                                std::string_view currency, v1::Role role);
// Answers the label as it is to be recorded: VOIDING where a carrier has to confirm, else VOIDED.
// FAILED_PRECONDITION `NO_LABEL`, `LABEL_USED`, `LABEL_PENDING`.
absl::StatusOr<v1::ReturnLabel> CheckVoidLabel(const v1::Return& state, std::string_view reason);
// Fills in the lines (all approved units not yet received) and checks their form. The same receipt
// again is answered as it is known; ALREADY_EXISTS `RECEIPT_EXISTS` for another one under its id.
// INVALID_ARGUMENT `IN_THE_FUTURE` for one more than a day ahead of `now`.
absl::StatusOr<v1::Receipt> CheckReceipt(const v1::Return& state, const v1::Receipt& receipt,
                                         absl::Time now);
absl::Status CheckCloseShort(const v1::Return& state, std::string_view reason);
// Fills in the disposition and checks against what was received and already inspected. One that is
// known is answered with the evidence that is new, if any; ALREADY_EXISTS `INSPECTION_EXISTS` for
// another one under its id; INVALID_ARGUMENT `IN_THE_FUTURE` for one more than a day ahead of
// `now`.
absl::StatusOr<v1::Inspection> CheckInspection(const v1::Return& state,
                                               const v1::Inspection& inspection, absl::Time now,
                                               std::string_view field);
// `refunds` are those of the return. That units were accepted and are not paid for is a person's
// decision: PERMISSION_DENIED `ROLE_REQUIRED`.
absl::Status CheckClose(const v1::Return& state, std::span<const v1::Refund> refunds, v1::Role role,
                        const v1::CloseReturnRequest& request);

}  // namespace aftersales
