// Units of an exchange: which they are, what they are worth, what an exchange has made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// `OFFERED` for STATUS_OFFERED.
std::string StatusName(v1::Exchange::Status status);

// What an exchange in this state has made of its units: HELD until it is shipped, EXCHANGED from
// then on, FREED where it ended before.
v1::ExchangedUnits::State UnitsStateOf(v1::Exchange::Status status);
// Whether its units are taken: held or exchanged. They can be neither refunded nor exchanged again.
bool HoldsUnits(const v1::Exchange& exchange);

// All its units.
int32_t UnitsOfExchange(const v1::Exchange& exchange);
// Its units of one line.
int32_t UnitsOfExchange(const v1::Exchange& exchange, std::string_view line_id);
// Units of a line that exchanges have taken; of one return alone where it is named.
int32_t UnitsInExchanges(std::span<const v1::Exchange> exchanges, std::string_view line_id,
                         std::string_view return_name = "");

// Units of a line for which a replacement was promised that was out of stock, and that no refund
// pays for yet. 0 for any exchange that was not converted.
int32_t UnitsPromised(const v1::Exchange& exchange, std::string_view line_id,
                      std::span<const v1::Refund> refunds);
// Units of an item that refunds of its return have paid or reserved; `refunds` are the order's. A
// payment that the marketplace reported may name no units, and counts as the item knows it.
int32_t UnitsRefunded(const v1::Return& state, const v1::ReturnItem& item,
                      std::span<const v1::Refund> refunds);
// Whether refunds pay for all that a converted exchange had promised, or its return has nothing
// left to pay for.
bool IsPaidInstead(const v1::Exchange& exchange, const v1::Return& state,
                   std::span<const v1::Refund> refunds);

// What the buyer owes for a replacement: its price less what the returned units are worth. Negative
// where the seller owes it. INVALID_ARGUMENT `CURRENCY_MISMATCH`.
absl::StatusOr<v1::Money> PriceDifference(const v1::Money& returned, const v1::Money& replacement);

// The chosen offer. Null while there is none.
const v1::ExchangeOffer* ChosenOffer(const v1::Exchange& exchange);

// Goods of a return that count for one of its exchanges. Units go to refunds first, then to the
// exchanges in the order in which they were offered.
struct GoodsCount {
  int32_t returned = 0;  // came back, and are not known to be something else
  int32_t accepted = 0;  // inspected and taken back
};
GoodsCount GoodsFor(const v1::Return& state, std::string_view exchange_name);

// Whether nothing has to come back any more: all units are there, or none has to.
bool GoodsAreBack(const v1::Exchange& exchange);
bool GoodsAreAccepted(const v1::Exchange& exchange);
// Whether nothing of a return comes back any more although it was approved: everything is replaced
// by exchanges that are completed.
bool AllReplaced(const v1::Return& state, std::span<const v1::Exchange> exchanges);
// What the units are worth that are not back.
v1::Money ValueNotBack(const v1::Exchange& exchange);

}  // namespace aftersales
