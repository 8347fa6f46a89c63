#include "core/domain/exchange_units.h"

#include <algorithm>
#include <limits>

#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/return_items.h"

namespace aftersales {
namespace {

int32_t Clamp(int64_t units) {
  return static_cast<int32_t>(std::clamp<int64_t>(units, 0, std::numeric_limits<int32_t>::max()));
}

bool IsTaken(v1::ExchangedUnits::State state) {
  return state == v1::ExchangedUnits::STATE_HELD || state == v1::ExchangedUnits::STATE_EXCHANGED;
}

int32_t UnitsOfLine(const v1::ExchangedUnits& units, std::string_view line_id) {
  int64_t count = 0;
  for (const v1::ExchangedUnits::Line& line : units.lines()) {
    if (line.line_id() == line_id) count += line.quantity();
  }
  return Clamp(count);
}

}  // namespace

std::string StatusName(v1::Exchange::Status status) {
  constexpr std::string_view kPrefix = "STATUS_";
  const std::string& name = v1::Exchange::Status_Name(status);
  return name.substr(name.starts_with(kPrefix) ? kPrefix.size() : 0);
}

v1::ExchangedUnits::State UnitsStateOf(v1::Exchange::Status status) {
  switch (status) {
    case v1::Exchange::STATUS_OFFERED:
    case v1::Exchange::STATUS_REOFFERED:
    case v1::Exchange::STATUS_ACCEPTED:
    case v1::Exchange::STATUS_OUT_OF_STOCK:
    case v1::Exchange::STATUS_RESERVED:
    case v1::Exchange::STATUS_AWAITING_RETURN:
    case v1::Exchange::STATUS_AWAITING_PAYMENT:
      return v1::ExchangedUnits::STATE_HELD;
    case v1::Exchange::STATUS_SHIPPED:
    case v1::Exchange::STATUS_DELIVERED:
    case v1::Exchange::STATUS_RETURN_OVERDUE:
    case v1::Exchange::STATUS_COMPLETED:
      return v1::ExchangedUnits::STATE_EXCHANGED;
    case v1::Exchange::STATUS_DECLINED:
    case v1::Exchange::STATUS_EXPIRED:
    case v1::Exchange::STATUS_CONVERTED_TO_REFUND:
    case v1::Exchange::STATUS_CANCELLED:
      return v1::ExchangedUnits::STATE_FREED;
    default:
      return v1::ExchangedUnits::STATE_UNSPECIFIED;
  }
}

bool HoldsUnits(const v1::Exchange& exchange) { return IsTaken(UnitsStateOf(exchange.status())); }

int32_t UnitsOfExchange(const v1::Exchange& exchange) {
  int64_t units = 0;
  for (const v1::ExchangeItem& item : exchange.items()) units += item.quantity();
  return Clamp(units);
}

int32_t UnitsOfExchange(const v1::Exchange& exchange, std::string_view line_id) {
  int64_t units = 0;
  for (const v1::ExchangeItem& item : exchange.items()) {
    if (item.line_id() == line_id) units += item.quantity();
  }
  return Clamp(units);
}

int32_t UnitsInExchanges(std::span<const v1::Exchange> exchanges, std::string_view line_id,
                         std::string_view return_name) {
  int64_t units = 0;
  for (const v1::Exchange& exchange : exchanges) {
    if (!HoldsUnits(exchange)) continue;
    if (!return_name.empty() && exchange.return_name() != return_name) continue;
    units += UnitsOfExchange(exchange, line_id);
  }
  return Clamp(units);
}

int32_t UnitsPromised(const v1::Exchange& exchange, std::string_view line_id,
                      std::span<const v1::Refund> refunds) {
  if (exchange.status() != v1::Exchange::STATUS_CONVERTED_TO_REFUND) return 0;
  int64_t units = UnitsOfExchange(exchange, line_id);
  for (const v1::Refund& refund : refunds) {
    if (!HoldsMoney(refund.status())) continue;
    for (const v1::RefundItem& item : refund.items()) {
      if (item.exchange() == exchange.name() && item.line_id() == line_id) units -= item.quantity();
    }
  }
  return Clamp(units);
}

int32_t UnitsRefunded(const v1::Return& state, const v1::ReturnItem& item,
                      std::span<const v1::Refund> refunds) {
  int64_t held = 0;
  for (const v1::Refund& refund : refunds) {
    if (refund.return_name() != state.name() || !HoldsMoney(refund.status())) continue;
    for (const v1::RefundItem& units : refund.items()) {
      if (units.line_id() == item.line_id()) held += units.quantity();
    }
  }
  return Clamp(std::max<int64_t>(held, item.quantity_refunded()));
}

bool IsPaidInstead(const v1::Exchange& exchange, const v1::Return& state,
                   std::span<const v1::Refund> refunds) {
  return std::all_of(exchange.items().begin(), exchange.items().end(),
                     [&](const v1::ExchangeItem& of) {
                       if (UnitsPromised(exchange, of.line_id(), refunds) == 0) return true;
                       const v1::ReturnItem* item = FindItem(state, of.line_id());
                       return item == nullptr || int64_t{UnitsRefunded(state, *item, refunds)} +
                                                         item->quantity_exchanged() +
                                                         item->quantity_in_exchange() >=
                                                     UnitsAgreed(*item);
                     });
}

absl::StatusOr<v1::Money> PriceDifference(const v1::Money& returned, const v1::Money& replacement) {
  return money::Add(replacement, money::Make(-returned.minor_units(), returned.currency_code()));
}

const v1::ExchangeOffer* ChosenOffer(const v1::Exchange& exchange) {
  for (const v1::ExchangeOffer& offer : exchange.offers()) {
    if (offer.offer_id() == exchange.chosen_offer_id()) return &offer;
  }
  return nullptr;
}

GoodsCount GoodsFor(const v1::Return& state, std::string_view exchange_name) {
  GoodsCount count;
  for (const v1::ExchangedUnits& own : state.exchanges()) {
    if (own.exchange() != exchange_name) continue;
    for (const v1::ExchangedUnits::Line& line : own.lines()) {
      const v1::ReturnItem* item = FindItem(state, line.line_id());
      if (item == nullptr) continue;
      int64_t taken = item->quantity_refunded();
      for (const v1::ExchangedUnits& earlier : state.exchanges()) {
        if (earlier.exchange() == exchange_name) break;
        if (IsTaken(earlier.state())) taken += UnitsOfLine(earlier, line.line_id());
      }
      // Surplus units are a finding, and count for nobody.
      const auto left = [&](int64_t units) {
        return static_cast<int32_t>(std::clamp<int64_t>(
            std::min<int64_t>(units, item->quantity_approved()) - taken, 0, line.quantity()));
      };
      const int64_t sent_back = UnitsSentBack(state, line.line_id());
      count.returned +=
          left(int64_t{item->quantity_received()} - item->quantity_wrong() - sent_back);
      count.accepted +=
          left(int64_t{item->quantity_accepted()} + item->quantity_damaged() - sent_back);
    }
  }
  return count;
}

bool GoodsAreBack(const v1::Exchange& exchange) {
  return exchange.returnless() || !exchange.waiver_reason().empty() ||
         exchange.quantity_returned() >= UnitsOfExchange(exchange);
}

bool GoodsAreAccepted(const v1::Exchange& exchange) {
  return exchange.returnless() || exchange.quantity_accepted() >= UnitsOfExchange(exchange);
}

bool AllReplaced(const v1::Return& state, std::span<const v1::Exchange> exchanges) {
  return !state.items().empty() &&
         std::all_of(state.items().begin(), state.items().end(), [&](const v1::ReturnItem& item) {
           int64_t replaced = 0;
           for (const v1::Exchange& exchange : exchanges) {
             if (exchange.return_name() == state.name() &&
                 exchange.status() == v1::Exchange::STATUS_COMPLETED) {
               replaced += UnitsOfExchange(exchange, item.line_id());
             }
           }
           return replaced >= item.quantity_approved();
         });
}

v1::Money ValueNotBack(const v1::Exchange& exchange) {
  const int32_t units = UnitsOfExchange(exchange);
  const int32_t back = std::clamp(exchange.quantity_returned(), 0, units);
  const v1::Money& value = exchange.returned_value();
  return money::Make(
      units == 0 ? 0 : money::NextUnits(value.minor_units(), units, back, units - back),
      value.currency_code());
}

}  // namespace aftersales
