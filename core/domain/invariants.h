// What always holds, whatever was done: checked on every change before it is committed.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// A rule that a change would break.
struct Violation {
  std::string invariant;  // `refunds_within_captured`
  std::string subject;    // resource name
  std::string message;    // what would be, for people
};

// At most one label that can still be used; no count below zero; no clock runs on what is closed or
// cancelled.
std::vector<Violation> CheckInvariants(const v1::Return& state);

// A refund as a change leaves it. `before` is its status before the change; `refunds_of_order` may
// contain it in either state. Of refunds that the marketplace reports only the form is checked:
// facts are never refused.
//
//   breakdown_sums_to_total   the lines that are not only information add up to the total
//   legal_refund_move         the status follows from the one before
//   no_clock_on_closed        nobody has to act on one that is paid, cancelled or came back
//   one_refund_per_effect     no other refund has its effect id
//   refunds_within_captured   with it, what the order's refunds hold is within what was captured
//   units_refunded_once       with it, no line has more units refunded than it has
//
// The last two where the change makes it hold money that it did not hold before.
std::vector<Violation> CheckInvariants(const v1::Refund& state, v1::Refund::Status before,
                                       const v1::Order& order,
                                       std::span<const v1::Refund> refunds_of_order);

// An exchange as a change leaves it. `before` is its status before the change; the refunds and
// exchanges are those of its order, the exchange itself among them as it is now.
//
//   legal_exchange_move   the status follows from the one before, through those between
//   stock_kept_in_time    stock is kept while it waits to be shipped, and only then
//   no_clock_on_closed    no clock runs on one that is over
//   unit_used_once        no line has more units refunded and exchanged than it has; where the
//                         change makes the exchange hold units that it did not hold before
std::vector<Violation> CheckInvariants(const v1::Exchange& state, v1::Exchange::Status before,
                                       const v1::Order& order,
                                       std::span<const v1::Refund> refunds_of_order,
                                       std::span<const v1::Exchange> exchanges_of_order);

// The lines that have more units refunded and exchanged than they have, as violations of
// `unit_used_once` by the subject.
std::vector<Violation> CheckUnitsUsedOnce(const v1::Refund& state, const v1::Order& order,
                                          std::span<const v1::Refund> refunds_of_order,
                                          std::span<const v1::Exchange> exchanges_of_order);

// What of a stored resource does not follow from its facts, in words; empty where all of it does.
// Of a return without what also depends on its order and the order's other returns: findings, fees.
std::string DifferenceFromFacts(const v1::Return& stored, const v1::Return& folded);
std::string DifferenceFromFacts(v1::Refund stored, v1::Refund folded);
std::string DifferenceFromFacts(v1::Exchange stored, v1::Exchange folded);

// Whether a refund may go from one status to the other.
bool IsLegalMove(v1::Refund::Status from, v1::Refund::Status to);

}  // namespace aftersales
