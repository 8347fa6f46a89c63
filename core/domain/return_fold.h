// The life cycle of a return as a fold: facts in, state out.
//
// Facts come late, twice and out of order; the state must not depend on it. So the facts of one
// return are sorted by when they happened (the request itself first; ties by rank of their kind,
// then by their bytes), duplicates are dropped, and each is applied in turn. A fact that the state
// does not allow is kept as a Finding and never refused. Facts that come in order may be applied
// one by one: the result is the same as folding all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// What a fold needs besides the facts. `order` is null while it has not been imported;
// `returns_of_order` may contain the return itself.
struct FoldContext {
  const v1::Channel& channel;
  const v1::Policy& policy;
  const v1::Order* order = nullptr;
  std::span<const v1::Return> returns_of_order = {};
  // Whether ledger entries get the inputs of their formulas, to be shown; they are not stored.
  bool with_inputs = false;
};

struct FactPlace {
  // Where a fact stands in the order of its return: compare as strings.
  std::string key;
  // What makes two facts the same: their external id, else occurred_at and body.
  std::string identity;
};
FactPlace PlaceOf(const v1::Event& fact);
std::string FactOrderKey(const v1::Event& fact);
std::string FactIdentity(const v1::Event& fact);

// Folds all facts of one return, in any order and with duplicates. `name` is the resource name.
// Output fields (status, counters, deadlines, findings, decision, ledger ...) are all set here,
// except etag, create_time and update_time, which are the store's.
v1::Return FoldReturn(std::string_view name, std::vector<const v1::Event*> facts,
                      const FoldContext& context);

// Applies one fact that is later in the order than all that were applied before.
void ApplyFact(const v1::Event& fact, const FoldContext& context, v1::Return* state);

// Units of a line that are due for a refund and neither refunded nor exchanged: inspected (accepted
// + damaged) if any were inspected, else received, else (returnless, or lost at the seller's risk)
// approved; at most the approved
// ones (surplus is a finding, not money); less refunded and exchanged, at least 0.
int32_t UnitsDue(const v1::Return& state, const v1::ReturnItem& item);
// Units of a line that a payment without items pays for: those due, else all that were agreed on
// and neither refunded nor exchanged.
int32_t UnitsPaidWithout(const v1::Return& state, const v1::ReturnItem& item);
// Whether the return waits for nothing any more as far as goods and money are concerned.
bool NothingOwed(const v1::Return& state);

// The published state machine, as data.
struct Transition {
  v1::Return::Status from;
  v1::Return::Status to;
  std::string_view trigger;
};
const std::vector<Transition>& ReturnTransitions();

}  // namespace aftersales
