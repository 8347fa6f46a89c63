// The life of a refund as a fold over its facts, in the order in which they were recorded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/refund.pb.h"

namespace aftersales {

// The invariant that an order breaks which turns out to have captured less than its refunds hold;
// its InvariantBroken is a fact of one of them.
inline constexpr std::string_view kCapturedCoversRefunds = "captured_covers_refunds";

// Applies one fact. CANCELLED and REVERSED are final, SUCCEEDED but for its reversal and for the
// statement that shows it (RECONCILED); FAILED can
// still be overturned by a proof that it was paid, or tried again; UNKNOWN is settled either way.
void ApplyRefundFact(const v1::Event& fact, v1::Refund* state);

// Whether its amount is spent or reserved: PENDING_APPROVAL, APPROVED, SUBMITTED, UNKNOWN,
// SUCCEEDED, RECONCILED.
bool HoldsMoney(v1::Refund::Status status);

// Whether the buyer has the money: SUCCEEDED, RECONCILED.
bool IsPaid(v1::Refund::Status status);

// Whether a person has to act: to pay it where there is no API, or to see to how it was paid.
bool AwaitsPerson(const v1::Refund& refund);
// Whether it failed and only a person can see to it that the buyer gets the money: by another try,
// or another refund in its place.
bool AwaitsRetry(const v1::Refund& refund);

// Whether it was paid, but otherwise than asked or twice, and a person has yet to see to that.
bool AwaitsSettlement(const v1::Refund& refund);

// Whether what was paid, if anything was, is the total.
bool PaidAsAsked(const v1::Refund& refund);

// What a finding says of a payment that is not what was asked for.
std::string PaidOtherwise(const v1::Money& asked, const v1::Money& paid);

// What it takes from what its order can give back, in minor units: what was paid, or the total
// while that is not known; 0 where it holds no money.
int64_t HeldUnits(const v1::Refund& refund);

}  // namespace aftersales
