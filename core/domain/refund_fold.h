// The life of a refund as a fold over its facts, in the order in which they were recorded.
#pragma once

#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/refund.pb.h"

namespace aftersales {

// Applies one fact. SUCCEEDED and CANCELLED are final; FAILED can still be overturned by a proof
// that it was paid; UNKNOWN by either.
void ApplyRefundFact(const v1::Event& fact, v1::Refund* state);

// Whether its amount is spent or reserved: APPROVED, SUBMITTED, UNKNOWN, SUCCEEDED.
bool HoldsMoney(v1::Refund::Status status);

}  // namespace aftersales
