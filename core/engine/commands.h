// The command functions, one for each mutation of the public API. Each checks its guards, records
// facts and answers the resource as it is afterwards; a refusal undoes everything.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "aftersales/v1/audit_service.pb.h"
#include "aftersales/v1/channel_service.pb.h"
#include "aftersales/v1/cost_service.pb.h"
#include "aftersales/v1/exchange_service.pb.h"
#include "aftersales/v1/fact_service.pb.h"
#include "aftersales/v1/order_service.pb.h"
#include "aftersales/v1/policy_service.pb.h"
#include "aftersales/v1/reconcile_service.pb.h"
#include "aftersales/v1/refund_service.pb.h"
#include "aftersales/v1/return_service.pb.h"
#include "aftersales/v1/shipment_service.pb.h"
#include "core/engine/command.h"

namespace aftersales::engine {

class ReturnEditor;

// channel_commands.cc
absl::StatusOr<v1::Channel> BindChannel(Command& c, const v1::BindChannelRequest& request);

enum class Change { kCreated, kUpdated, kUnchanged };
// The account's health, as a report shows it.
absl::StatusOr<Change> StoreAccountHealth(Command& c, const ChannelInfo& channel,
                                          const plugin::v1::AccountHealth& health);

// cost_commands.cc
// Of a return, or of a refund that belongs to none.
absl::StatusOr<v1::CostExplanation> ExplainCosts(store::Reader& store, std::string_view seller,
                                                 std::string_view return_name, absl::Time now);
absl::StatusOr<v1::Return> RecordCost(Command& c, const v1::RecordCostRequest& request);

// fact_commands.cc: leaves a finding on a return or refund, if there is such a one.
absl::Status RecordViolation(Command& c, const Violation& violation);

// verify.cc: folds every return, refund and exchange of a seller anew, adds up every payout, and
// names those whose stored state does not follow from it.
void VerifyStates(store::Reader& reader, std::string_view seller,
                  v1::VerifyAuditResponse* response);

// policy_commands.cc
absl::StatusOr<v1::PolicyVersion> ProposePolicy(Command& c,
                                                const v1::ProposePolicyRequest& request);
absl::StatusOr<v1::PolicyVersion> PublishPolicy(Command& c,
                                                const v1::PublishPolicyRequest& request);
absl::StatusOr<v1::PolicyVersion> RejectPolicy(Command& c, const v1::RejectPolicyRequest& request);

// order_commands.cc
absl::StatusOr<v1::Order> UpsertOrder(Command& c, const v1::UpsertOrderRequest& request);
absl::StatusOr<v1::BatchUpsertOrdersResponse> BatchUpsertOrders(
    Command& c, const v1::BatchUpsertOrdersRequest& request);
// A row of a report: an order with one line, which has `same_line_count` lines of its SKU before
// it.
absl::StatusOr<Change> StoreReportedOrder(Command& c, const ChannelInfo& channel,
                                          const v1::Order& reported, int same_line_count);

// shipment_commands.cc
// `shipment.verdict` must be filled in by the caller: judging calls plugins, which a transaction
// must not wait for.
// `replaces` names the same parcel under a number that was wrong, if it is one.
absl::StatusOr<v1::Shipment> StoreShipment(Command& c, const v1::Shipment& shipment,
                                           std::string_view etag, Change* change,
                                           std::string_view replaces = {});
// Parcels may be stored before their order, as if the seller had shipped it. Puts them right once
// the order says who did: their order, and the metrics that they count in. To be called after an
// order was stored; `before` is null for a new one.
void AdoptShipments(Command& c, const ChannelInfo& channel, const v1::Order* before,
                    const v1::Order& order);
// What a stored parcel says that its order contradicts, as a sentence for people; empty if nothing.
std::string ContradictionOf(Command& c, const ChannelInfo& channel, const v1::Shipment& shipment);

// return_commands.cc
absl::StatusOr<v1::Return> CreateReturn(Command& c, const v1::CreateReturnRequest& request);
// In which ways the goods of a return may come back.
absl::StatusOr<v1::ReturnOptions> GetReturnOptions(store::Reader& store, std::string_view seller,
                                                   std::string_view return_name, absl::Time now);
absl::StatusOr<v1::Return> ApproveReturn(Command& c, const v1::ApproveReturnRequest& request);
absl::StatusOr<v1::Return> ApproveReturnless(Command& c,
                                             const v1::ApproveReturnlessRequest& request);
absl::StatusOr<v1::Return> RejectReturn(Command& c, const v1::RejectReturnRequest& request);
absl::StatusOr<v1::Return> RequestInfo(Command& c, const v1::RequestInfoRequest& request);
absl::StatusOr<v1::Return> RecordBuyerReminder(Command& c,
                                               const v1::RecordBuyerReminderRequest& request);
absl::StatusOr<v1::BatchApproveReturnsResponse> BatchApproveReturns(
    Command& c, const v1::BatchApproveReturnsRequest& request);
absl::StatusOr<v1::BatchCloseReturnsResponse> BatchCloseReturns(
    Command& c, const v1::BatchCloseReturnsRequest& request);
absl::StatusOr<v1::Return> CancelReturn(Command& c, const v1::CancelReturnRequest& request);
// FAILED_PRECONDITION `REFUND_PENDING` while money of the return is on its way: it cannot be
// withdrawn then.
absl::Status CheckNoRefundOnItsWay(Command& c, const v1::Return& state);
absl::StatusOr<v1::Return> ReopenReturn(Command& c, const v1::ReopenReturnRequest& request);
absl::StatusOr<v1::Return> IssueReturnLabel(Command& c, const v1::IssueReturnLabelRequest& request);
absl::StatusOr<v1::Return> VoidReturnLabel(Command& c, const v1::VoidReturnLabelRequest& request);
absl::StatusOr<v1::Return> RecordReceipt(Command& c, const v1::RecordReceiptRequest& request);
absl::StatusOr<v1::Return> CloseShort(Command& c, const v1::CloseShortRequest& request);
absl::StatusOr<v1::Return> InspectReturn(Command& c, const v1::InspectReturnRequest& request);
absl::StatusOr<v1::Return> CloseReturn(Command& c, const v1::CloseReturnRequest& request);
// A row of a report.
absl::StatusOr<Change> StoreReportedReturn(Command& c, const ChannelInfo& channel,
                                           const v1::Return& snapshot, v1::Return::Status status,
                                           const google::protobuf::Timestamp* delivered_at);
// What tells one decision on a return from another: the premise of the effect that repeats it at
// the marketplace.
std::string PremiseOf(const v1::Decision& decision);
// What the clock does on a return of which an alert or an end has come.
absl::Status RunClockOnReturn(Command& c, std::string_view id);

// refund_commands.cc
// A query: changes nothing and needs no transaction.
absl::StatusOr<v1::RefundQuote> QuoteRefund(store::Reader& store, std::string_view seller,
                                            const v1::RefundSpec& spec, absl::Time now);
absl::StatusOr<v1::Refund> IssueRefund(Command& c, const v1::IssueRefundRequest& request);
absl::StatusOr<v1::Refund> SettleRefund(Command& c, const v1::SettleRefundRequest& request);
absl::StatusOr<v1::Refund> ApproveRefund(Command& c, const v1::ApproveRefundRequest& request);
absl::StatusOr<v1::Refund> CancelRefund(Command& c, const v1::CancelRefundRequest& request);
absl::StatusOr<v1::Refund> RetryRefund(Command& c, const v1::RetryRefundRequest& request);
absl::StatusOr<v1::Refund> ReverseRefund(Command& c, const v1::ReverseRefundRequest& request);
// Records a fact on a refund and what follows from it: money counters, the return's units.
absl::StatusOr<v1::Refund> RecordRefundFact(Command& c, store::RefundRecord record, v1::Event fact);
// Another refund of the channel that has this external id, by its name.
std::optional<std::string> OtherWithExternalId(Command& c, const v1::Refund& state,
                                               std::string_view external_id);
// Whether a refund that was decided on is due still: its units, its money, and what the marketplace
// says that it has paid itself.
absl::Status CheckStillDue(Command& c, const v1::Refund& state);
// What a report of the marketplace says of the money of a return: refunds that wait for their
// payment, and that it shows as paid, are; those of which it shows that they are not due any more
// fail, so that nobody pays them. `shown_before`, in minor units, is what was shown until then.
absl::Status FollowPlatformRefund(Command& c, const v1::Return& state, int64_t shown_before);
// A refund that was paid elsewhere and is reported to us. Answers false if it is known already.
absl::StatusOr<bool> StoreReportedRefund(Command& c, std::string_view return_name,
                                         const v1::Event& fact);

// reconcile_commands.cc
absl::StatusOr<v1::ReconcileResponse> Reconcile(Command& c, const v1::ReconcileRequest& request);
absl::StatusOr<v1::BankLine> MatchLine(Command& c, const v1::MatchLineRequest& request);
absl::StatusOr<v1::BankLine> UnmatchLine(Command& c, const v1::UnmatchLineRequest& request);
absl::StatusOr<v1::BankLine> IgnoreLine(Command& c, const v1::IgnoreLineRequest& request);

// What the units of an exchange that is about to become a refund would give back, as if it was one.
absl::StatusOr<v1::RefundQuote> QuoteInsteadOf(store::Reader& store, const v1::Exchange& exchange,
                                               const v1::RefundSpec& spec, absl::Time now);
// Whether what a cheaper replacement leaves over can be paid as a refund of the order.
absl::Status CheckExchangeDifference(Command& c, const v1::Exchange& exchange,
                                     const v1::Money& amount);
// Pays it. To be asked only where it can be.
absl::StatusOr<v1::Refund> IssueExchangeDifference(Command& c, const v1::Exchange& exchange,
                                                   const v1::Money& amount);

// exchange_commands.cc
absl::StatusOr<v1::Exchange> OfferExchange(Command& c, const v1::OfferExchangeRequest& request);
absl::StatusOr<v1::Exchange> AcceptExchange(Command& c, const v1::AcceptExchangeRequest& request);
absl::StatusOr<v1::Exchange> DeclineExchange(Command& c, const v1::DeclineExchangeRequest& request);
absl::StatusOr<v1::Exchange> ReserveExchange(Command& c, const v1::ReserveExchangeRequest& request);
absl::StatusOr<v1::Exchange> RecordExchangePayment(Command& c,
                                                   const v1::RecordExchangePaymentRequest& request);
// `shipment.verdict` must be filled in by the caller: judging calls plugins, which a transaction
// must not wait for.
absl::StatusOr<v1::Exchange> ShipExchange(Command& c, const v1::ShipExchangeRequest& request);
absl::StatusOr<v1::Exchange> DeliverExchange(Command& c, const v1::DeliverExchangeRequest& request);
absl::StatusOr<v1::Exchange> CompleteExchange(Command& c,
                                              const v1::CompleteExchangeRequest& request);
absl::StatusOr<v1::Exchange> CancelExchange(Command& c, const v1::CancelExchangeRequest& request);
absl::StatusOr<v1::RecordStockResponse> RecordStock(Command& c,
                                                    const v1::RecordStockRequest& request);
// What the clock does on an exchange whose clock deadline has come.
absl::Status RunClockOnExchange(Command& c, std::string_view id);
// Tells the exchanges of a return what became of its goods, and ends those whose return is over.
// To be called before the return is stored, which may gain facts by it.
void FollowReturn(Command& c, ReturnEditor& editor);
// Tells the exchanges that a refund of their return pays for, as they were out of stock, whether
// all that they had promised is paid for.
absl::Status FollowRefundOfReturn(Command& c, const v1::Refund& refund);
// Tells the exchange whose difference a refund pays what became of it.
absl::Status FollowDifference(Command& c, const v1::Refund& refund, v1::Refund::Status before);

// fact_commands.cc
absl::StatusOr<v1::RecordFactsResponse> RecordFacts(Command& c,
                                                    const v1::RecordFactsRequest& request);
// Facts that an ERP tells of itself or of a warehouse. It speaks of returns of channels alone that
// are bound to it. One result for each fact; what is wrong with one leaves the others.
v1::RecordFactsResponse RecordErpFacts(Command& c, std::string_view plugin,
                                       const google::protobuf::RepeatedPtrField<v1::Event>& facts);
// Names of the seller's channels that an ERP is bound to.
std::set<std::string> ErpChannels(store::Reader& store, std::string_view seller,
                                  std::string_view plugin);

}  // namespace aftersales::engine
