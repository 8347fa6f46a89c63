// Guards of the commands on an exchange: what may be done now, by whom. A guard answers OK, or what
// is to be recorded, or a refusal that says what to do; it never changes anything.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/exchange_service.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"

namespace aftersales {

// What an offer is seen against. Refunds and exchanges are those of the order.
struct Offering {
  const v1::Order& order;
  const v1::Return& state;
  const v1::Policy& policy;
  absl::Time now;
  std::span<const v1::Refund> refunds;
  std::span<const v1::Exchange> exchanges;
};

// Units of an item of the return that are neither refunded or about to be, nor in an exchange.
int32_t ExchangeableUnits(const Offering& offering, const v1::ReturnItem& item);

// Answers the exchange as it is to be offered, without name and actor.
absl::StatusOr<v1::Exchange> CheckOfferExchange(const Offering& offering,
                                                const v1::OfferExchangeRequest& request);
// Answers the offer that is accepted.
absl::StatusOr<v1::ExchangeOffer> CheckAcceptExchange(const v1::Exchange& state, absl::Time now,
                                                      std::string_view offer_id);
absl::Status CheckDeclineExchange(const v1::Exchange& state, std::string_view reason);

// Answers the stock to keep; none where there is not enough. `levels` are those of the chosen SKU.
absl::StatusOr<std::optional<v1::StockReservation>> CheckReserveExchange(
    const v1::Exchange& state, const v1::Policy& policy, absl::Time now,
    std::span<const v1::StockLevel> levels, std::string_view location);
// Answers other offers in place of what is out of stock.
absl::StatusOr<std::vector<v1::ExchangeOffer>> CheckAlternatives(
    const v1::Exchange& state, const v1::Return& return_state, const v1::Policy& policy,
    absl::Time now, std::span<const v1::ExchangeOffer> offers);

// Answers the payment to record. `refunds` are those of the order.
absl::StatusOr<v1::ExchangePayment> CheckExchangePayment(const v1::Exchange& state, absl::Time now,
                                                         std::span<const v1::Refund> refunds,
                                                         const v1::ExchangePayment& payment);

// Answers the parcel to record. `offering` is what its units are seen against.
absl::StatusOr<v1::ReplacementShipment> CheckShipExchange(const v1::Exchange& state,
                                                          const Offering& offering,
                                                          const v1::ReplacementShipment& shipment);
// When the returned goods of an exchange that ships now have to be back. None where they are.
std::optional<absl::Time> ReturnDueFor(const v1::Exchange& state, const v1::Return& return_state,
                                       const v1::Policy& policy, absl::Time shipped_at);

absl::Status CheckDeliverExchange(const v1::Exchange& state, absl::Time now,
                                  absl::Time delivered_at);
absl::Status CheckCompleteExchange(const v1::Exchange& state, v1::Role role,
                                   std::string_view waiver_reason);
absl::Status CheckCancelExchange(const v1::Exchange& state);

// A count of stock, filled in.
absl::StatusOr<v1::StockLevel> CheckStockLevel(const v1::StockLevel& given, absl::Time now,
                                               std::string_view field);

}  // namespace aftersales
