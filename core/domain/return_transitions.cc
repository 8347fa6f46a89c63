// The published state machine of a return: what the fold does, as data.
#include "core/domain/return_fold.h"

namespace aftersales {

const std::vector<Transition>& ReturnTransitions() {
  using R = v1::Return;
  static const auto* const transitions = new std::vector<Transition>{
      {R::STATUS_UNSPECIFIED, R::STATUS_REQUESTED, "the buyer asks"},
      {R::STATUS_REQUESTED, R::STATUS_APPROVED, "approve"},
      {R::STATUS_REQUESTED, R::STATUS_RESOLVED, "approve returnless"},
      {R::STATUS_REQUESTED, R::STATUS_REJECTED, "reject"},
      {R::STATUS_REQUESTED, R::STATUS_CANCELLED, "cancel"},
      {R::STATUS_APPROVED, R::STATUS_IN_TRANSIT, "carrier scan"},
      {R::STATUS_APPROVED, R::STATUS_DELIVERED, "delivery scan"},
      {R::STATUS_APPROVED, R::STATUS_EXPIRED, "return-by date passed without a scan"},
      {R::STATUS_APPROVED, R::STATUS_CANCELLED, "cancel"},
      {R::STATUS_APPROVED, R::STATUS_LOST, "lost scan"},
      {R::STATUS_EXPIRED, R::STATUS_APPROVED, "reopen"},
      {R::STATUS_EXPIRED, R::STATUS_IN_TRANSIT, "late scan"},
      {R::STATUS_EXPIRED, R::STATUS_DELIVERED, "late delivery scan"},
      {R::STATUS_EXPIRED, R::STATUS_LOST, "lost scan"},
      {R::STATUS_IN_TRANSIT, R::STATUS_DELIVERED, "delivery scan"},
      {R::STATUS_IN_TRANSIT, R::STATUS_LOST, "lost scan, or no scan for too long"},
      {R::STATUS_IN_TRANSIT, R::STATUS_CANCELLED, "cancel"},
      {R::STATUS_APPROVED, R::STATUS_RESOLVED, "lost, and refunded before"},
      {R::STATUS_IN_TRANSIT, R::STATUS_RESOLVED, "lost, and refunded before"},
      {R::STATUS_EXPIRED, R::STATUS_RESOLVED, "lost, and refunded before"},
      {R::STATUS_LOST, R::STATUS_IN_TRANSIT, "carrier scan"},
      {R::STATUS_LOST, R::STATUS_DELIVERED, "delivery scan"},
      {R::STATUS_APPROVED, R::STATUS_PARTIALLY_RECEIVED, "some units received"},
      {R::STATUS_IN_TRANSIT, R::STATUS_PARTIALLY_RECEIVED, "some units received"},
      {R::STATUS_DELIVERED, R::STATUS_PARTIALLY_RECEIVED, "some units received"},
      {R::STATUS_EXPIRED, R::STATUS_PARTIALLY_RECEIVED, "some units received"},
      {R::STATUS_LOST, R::STATUS_PARTIALLY_RECEIVED, "some units received"},
      {R::STATUS_APPROVED, R::STATUS_RECEIVED, "all units received"},
      {R::STATUS_IN_TRANSIT, R::STATUS_RECEIVED, "all units received"},
      {R::STATUS_DELIVERED, R::STATUS_RECEIVED, "all units received"},
      {R::STATUS_EXPIRED, R::STATUS_RECEIVED, "all units received"},
      {R::STATUS_LOST, R::STATUS_RECEIVED, "all units received"},
      {R::STATUS_PARTIALLY_RECEIVED, R::STATUS_RECEIVED, "the rest received, or closed short"},
      {R::STATUS_PARTIALLY_RECEIVED, R::STATUS_INSPECTED, "all received units inspected"},
      {R::STATUS_RECEIVED, R::STATUS_INSPECTED, "all received units inspected"},
      {R::STATUS_INSPECTED, R::STATUS_PARTIALLY_RECEIVED, "more units received"},
      {R::STATUS_INSPECTED, R::STATUS_RECEIVED, "more units received"},
      {R::STATUS_INSPECTED, R::STATUS_RESOLVED, "all accepted units refunded or exchanged"},
      {R::STATUS_DELIVERED, R::STATUS_RESOLVED, "settled without refund"},
      {R::STATUS_PARTIALLY_RECEIVED, R::STATUS_RESOLVED, "settled without refund"},
      {R::STATUS_RECEIVED, R::STATUS_RESOLVED, "settled without refund"},
      {R::STATUS_LOST, R::STATUS_RESOLVED, "refunded, or settled without refund"},
      {R::STATUS_RESOLVED, R::STATUS_PARTIALLY_RECEIVED, "more units received"},
      {R::STATUS_RESOLVED, R::STATUS_RECEIVED, "more units received"},
      {R::STATUS_RESOLVED, R::STATUS_CLOSED, "close, or the clock"},
      {R::STATUS_RECEIVED, R::STATUS_CLOSED, "close with nothing owed"},
      {R::STATUS_INSPECTED, R::STATUS_CLOSED, "close with nothing owed"},
      {R::STATUS_LOST, R::STATUS_CLOSED, "close with nothing owed"},
      {R::STATUS_PARTIALLY_RECEIVED, R::STATUS_CLOSED, "closed at the marketplace"},
      {R::STATUS_REJECTED, R::STATUS_CLOSED, "closed at the marketplace"},
      {R::STATUS_EXPIRED, R::STATUS_CLOSED, "closed at the marketplace"},
      {R::STATUS_CLOSED, R::STATUS_RESOLVED, "a late unit, or a refund without goods came back"},
      {R::STATUS_RESOLVED, R::STATUS_INSPECTED, "a refund came back"},
      {R::STATUS_CLOSED, R::STATUS_INSPECTED, "a refund came back"},
      {R::STATUS_REJECTED, R::STATUS_REQUESTED, "reopen"},
  };
  return *transitions;
}

}  // namespace aftersales
