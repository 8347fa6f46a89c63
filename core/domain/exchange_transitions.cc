// The published state machine of an exchange: what the fold does, as data.
#include "core/domain/exchange_fold.h"

namespace aftersales {

const std::vector<ExchangeTransition>& ExchangeTransitions() {
  using X = v1::Exchange;
  static const auto* const transitions = new std::vector<ExchangeTransition>{
      {X::STATUS_UNSPECIFIED, X::STATUS_OFFERED, "offer"},
      {X::STATUS_OFFERED, X::STATUS_ACCEPTED, "accept"},
      {X::STATUS_OFFERED, X::STATUS_DECLINED, "decline"},
      {X::STATUS_OFFERED, X::STATUS_EXPIRED, "the offers' time passed"},
      {X::STATUS_OFFERED, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_REOFFERED, X::STATUS_ACCEPTED, "accept"},
      {X::STATUS_REOFFERED, X::STATUS_DECLINED, "decline"},
      {X::STATUS_REOFFERED, X::STATUS_EXPIRED, "the offers' time passed"},
      {X::STATUS_REOFFERED, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_ACCEPTED, X::STATUS_RESERVED, "reserve with nothing missing"},
      {X::STATUS_ACCEPTED, X::STATUS_AWAITING_RETURN, "reserve before the goods are back"},
      {X::STATUS_ACCEPTED, X::STATUS_AWAITING_PAYMENT, "reserve before the buyer paid"},
      {X::STATUS_ACCEPTED, X::STATUS_OUT_OF_STOCK, "reserve without stock"},
      {X::STATUS_ACCEPTED, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_OUT_OF_STOCK, X::STATUS_CONVERTED_TO_REFUND, "no alternative"},
      {X::STATUS_OUT_OF_STOCK, X::STATUS_REOFFERED, "alternatives"},
      {X::STATUS_AWAITING_PAYMENT, X::STATUS_RESERVED, "the buyer paid"},
      {X::STATUS_AWAITING_PAYMENT, X::STATUS_AWAITING_RETURN,
       "the buyer paid before the goods are back"},
      {X::STATUS_AWAITING_RETURN, X::STATUS_RESERVED, "the goods are back"},
      {X::STATUS_RESERVED, X::STATUS_AWAITING_RETURN, "the goods were something else"},
      {X::STATUS_RESERVED, X::STATUS_ACCEPTED, "stock is not kept any longer"},
      {X::STATUS_AWAITING_RETURN, X::STATUS_ACCEPTED, "stock is not kept any longer"},
      {X::STATUS_AWAITING_PAYMENT, X::STATUS_ACCEPTED, "stock is not kept any longer"},
      {X::STATUS_RESERVED, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_AWAITING_RETURN, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_AWAITING_PAYMENT, X::STATUS_CANCELLED, "cancel"},
      {X::STATUS_RESERVED, X::STATUS_SHIPPED, "ship"},
      {X::STATUS_SHIPPED, X::STATUS_DELIVERED, "deliver"},
      {X::STATUS_SHIPPED, X::STATUS_COMPLETED, "deliver with nothing open, or complete"},
      {X::STATUS_SHIPPED, X::STATUS_RETURN_OVERDUE, "the goods are not back in time"},
      {X::STATUS_DELIVERED, X::STATUS_RETURN_OVERDUE, "the goods are not back in time"},
      {X::STATUS_DELIVERED, X::STATUS_COMPLETED, "goods accepted, nothing open; or complete"},
      {X::STATUS_RETURN_OVERDUE, X::STATUS_SHIPPED, "the goods are back after all"},
      {X::STATUS_RETURN_OVERDUE, X::STATUS_DELIVERED, "the goods are back after all"},
      {X::STATUS_RETURN_OVERDUE, X::STATUS_COMPLETED, "goods accepted; charged, or waived"},
  };
  return *transitions;
}

}  // namespace aftersales
