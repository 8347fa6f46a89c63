// What the fold, the guards and the quote of a return all ask of it: which line is meant, how many
// units are taken, what a state or condition amounts to.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// Units of a line, at most.
inline constexpr int32_t kMaxUnits = 1'000'000;

// `REQUESTED` for STATUS_REQUESTED.
std::string StatusName(v1::Return::Status status);
std::string StatusName(v1::Refund::Status status);

// The item that a line id, else a SKU or item id, names; the only item when it names none.
const v1::ReturnItem* FindItem(const v1::Return& state, std::string_view line_id);
v1::ReturnItem* FindItem(v1::Return* state, std::string_view line_id);

// Units of a line that the buyer keeps although they were approved: replaced, and their goods
// waived.
int32_t UnitsKept(const v1::Return& state, std::string_view line_id);
// Units that a return is about: those that were approved, or requested as long as none was.
int32_t UnitsAgreed(const v1::ReturnItem& item);
// Whether the units of an inspection went back to the buyer, so that nothing is due for them. What
// was never sold here is no unit of the return.
bool IsSentBack(const v1::Inspection& inspection);
// Units of a line that did.
int32_t UnitsSentBack(const v1::Return& state, std::string_view line_id);
// Units of an item that something may be given for: those agreed on less those that went back to
// the buyer, of which surplus ones count first.
int32_t UnitsPayable(const v1::Return& state, const v1::ReturnItem& item);
// Of these, without those that turned out to be something else.
int64_t UnitsAsSold(const v1::Return& state, const v1::ReturnItem& item);
// Units of an item that were to come back: those that it is about, less those that the buyer keeps.
int32_t UnitsExpected(const v1::Return& state, const v1::ReturnItem& item);

// The receipt or inspection of that id; null for an empty id, and when there is none.
const v1::Receipt* FindReceipt(const v1::Return& state, std::string_view receipt_id);
const v1::Inspection* FindInspection(const v1::Return& state, std::string_view inspection_id);

// Index of a line of an order, -1 when there is none.
int LineIndex(const v1::Order& order, std::string_view line_id);
// The line of an order that an item is of: by line id, else item id, else SKU.
const v1::OrderLine* OrderLineOf(const v1::Order& order, const v1::ReturnItem& item);

// Units of a line that the order's other returns have a claim to: all that were asked for before
// the return called `own` (empty: a new one), and those asked for later that are approved already.
// Returns that are rejected, cancelled or expired give their units back.
int64_t UnitsInOtherReturns(std::span<const v1::Return> returns_of_order, std::string_view own,
                            std::string_view line_id);

// Whether the return was approved, returnless or not.
bool IsApproved(const v1::Return& state);
// Whether a label may still be used, or was.
bool IsLive(v1::ReturnLabel::State state);
// Whether a parcel that does not arrive is the seller's loss towards the buyer: it travels, or was
// to travel, under a label that the buyer does not pay for.
bool LostAtSellersRisk(const v1::Return& state);
// Whether units in this condition are not what was sold.
bool IsWrong(v1::Condition condition);

}  // namespace aftersales
