// The life of an exchange as a fold over its facts, in the order in which they were recorded.
#pragma once

#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/policy.pb.h"

namespace aftersales {

// Applies one fact by the rules in force when it happened. One that the state does not allow
// changes nothing.
void ApplyExchangeFact(const v1::Event& fact, const v1::Policy& policy, v1::Exchange* state);

// Whether stock may be kept for it: RESERVED, AWAITING_RETURN, AWAITING_PAYMENT.
bool KeepsStock(v1::Exchange::Status status);
// Whether it waits for the buyer's choice: OFFERED, REOFFERED.
bool AwaitsChoice(v1::Exchange::Status status);
// Whether the replacement is out: SHIPPED, DELIVERED, RETURN_OVERDUE.
bool IsOut(v1::Exchange::Status status);

// The earliest open deadline, null when nothing waits; a person sees all of them.
const v1::Deadline* NextForPerson(const v1::Exchange& state);
// The earliest open deadline at which the clock acts: EXCHANGE_OFFER, EXCHANGE_RESERVATION,
// EXCHANGE_RETURN.
const v1::Deadline* NextForClock(const v1::Exchange& state);
// As stored, with RUNNING shown as BREACHED where it is past due.
void PresentDeadlines(absl::Time now, v1::Exchange* state);

// The published state machine, as data.
struct ExchangeTransition {
  v1::Exchange::Status from;
  v1::Exchange::Status to;
  std::string_view trigger;
};
const std::vector<ExchangeTransition>& ExchangeTransitions();

}  // namespace aftersales
