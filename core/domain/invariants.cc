#include "core/domain/invariants.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/return_items.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

using R = v1::Refund;

constexpr std::pair<R::Status, R::Status> kRefundMoves[] = {
    {R::STATUS_UNSPECIFIED, R::STATUS_PENDING_APPROVAL},
    {R::STATUS_UNSPECIFIED, R::STATUS_APPROVED},
    {R::STATUS_PENDING_APPROVAL, R::STATUS_APPROVED},
    {R::STATUS_PENDING_APPROVAL, R::STATUS_CANCELLED},
    {R::STATUS_APPROVED, R::STATUS_SUBMITTED},
    {R::STATUS_APPROVED, R::STATUS_SUCCEEDED},
    {R::STATUS_APPROVED, R::STATUS_FAILED},
    {R::STATUS_APPROVED, R::STATUS_CANCELLED},
    {R::STATUS_SUBMITTED, R::STATUS_APPROVED},  // the marketplace leaves it to a person
    {R::STATUS_SUBMITTED, R::STATUS_SUCCEEDED},
    {R::STATUS_SUBMITTED, R::STATUS_FAILED},
    {R::STATUS_SUBMITTED, R::STATUS_UNKNOWN},
    {R::STATUS_SUBMITTED, R::STATUS_CANCELLED},
    {R::STATUS_UNKNOWN, R::STATUS_APPROVED},
    {R::STATUS_UNKNOWN, R::STATUS_SUBMITTED},
    {R::STATUS_UNKNOWN, R::STATUS_SUCCEEDED},
    {R::STATUS_UNKNOWN, R::STATUS_FAILED},
    {R::STATUS_FAILED, R::STATUS_APPROVED},
    {R::STATUS_FAILED, R::STATUS_SUBMITTED},
    {R::STATUS_FAILED, R::STATUS_SUCCEEDED},
    {R::STATUS_FAILED, R::STATUS_CANCELLED},
    {R::STATUS_SUCCEEDED, R::STATUS_RECONCILED},
    {R::STATUS_SUCCEEDED, R::STATUS_REVERSED},
    {R::STATUS_RECONCILED, R::STATUS_SUCCEEDED},  // it was another line
    {R::STATUS_RECONCILED, R::STATUS_REVERSED},
};

class Broken {
 public:
  explicit Broken(std::string_view subject) : subject_(subject) {}
  void Add(std::string_view invariant, std::string message) {
    found_.push_back({std::string(invariant), subject_, std::move(message)});
  }
  std::vector<Violation> Take() { return std::move(found_); }

 private:
  std::string subject_;
  std::vector<Violation> found_;
};

void CheckMoney(const v1::Refund& state, const v1::Order& order,
                std::span<const v1::Refund> refunds_of_order, Broken* broken) {
  int64_t held = HeldUnits(state);
  std::map<std::string, int64_t> units;
  const auto count = [&units](const v1::Refund& refund) {
    for (const v1::RefundItem& item : refund.items()) units[item.line_id()] += item.quantity();
  };
  count(state);
  for (const v1::Refund& other : refunds_of_order) {
    if (other.name() == state.name() || !HoldsMoney(other.status())) continue;
    held += HeldUnits(other);
    count(other);
  }
  const int64_t captured = order.captured_total().minor_units();
  if (order.has_captured_total() && held > captured) {
    broken->Add("refunds_within_captured", Cat("the refunds of the order would be ", held,
                                               " minor units of ", captured, " captured"));
  }
  for (const v1::OrderLine& line : order.lines()) {
    const auto of_line = units.find(line.line_id());
    if (of_line == units.end() || of_line->second <= line.quantity()) continue;
    broken->Add("units_refunded_once", Cat("line ", line.line_id(), " would have ", of_line->second,
                                           " units refunded of ", line.quantity()));
  }
}

}  // namespace

bool IsLegalMove(v1::Refund::Status from, v1::Refund::Status to) {
  return from == to ||
         std::any_of(std::begin(kRefundMoves), std::end(kRefundMoves),
                     [&](const auto& move) { return move.first == from && move.second == to; });
}

std::vector<Violation> CheckInvariants(const v1::Return& state) {
  Broken broken(state.name());
  // One that was void and is scanned all the same is used, beside the one that replaced it.
  const auto usable =
      std::count_if(state.labels().begin(), state.labels().end(), [](const v1::ReturnLabel& label) {
        return label.state() == v1::ReturnLabel::STATE_REQUESTED ||
               label.state() == v1::ReturnLabel::STATE_UNKNOWN ||
               label.state() == v1::ReturnLabel::STATE_ISSUED;
      });
  if (usable > 1) broken.Add("one_usable_label", Cat("it would have ", usable, " labels to use"));
  for (const v1::ReturnItem& item : state.items()) {
    for (const int32_t quantity :
         {item.quantity_requested(), item.quantity_approved(), item.quantity_received(),
          item.quantity_accepted(), item.quantity_damaged(), item.quantity_wrong(),
          item.quantity_missing(), item.quantity_refunded()}) {
      if (quantity >= 0) continue;
      broken.Add("quantities_not_negative", Cat("line ", item.line_id(), " would have ", quantity));
    }
  }
  if (state.status() == v1::Return::STATUS_CLOSED ||
      state.status() == v1::Return::STATUS_CANCELLED) {
    for (const v1::Deadline& deadline : state.deadlines()) {
      if (deadline.state() != v1::Deadline::STATE_RUNNING ||
          deadline.kind() == v1::Deadline::KIND_MANUAL_ACTION) {
        continue;
      }
      broken.Add("no_clock_on_closed", Cat("the clock ", v1::Deadline::Kind_Name(deadline.kind()),
                                           " would run on a return that is over"));
    }
  }
  return broken.Take();
}

std::vector<Violation> CheckInvariants(const v1::Refund& state, v1::Refund::Status before,
                                       const v1::Order& order,
                                       std::span<const v1::Refund> refunds_of_order) {
  Broken broken(state.name());
  if (!IsLegalMove(before, state.status())) {
    broken.Add("legal_refund_move",
               Cat("it would go from ", StatusName(before), " to ", StatusName(state.status())));
  }
  if (state.kind() == v1::Refund::KIND_PLATFORM) return broken.Take();
  int64_t sum = 0;
  for (const v1::BreakdownLine& line : state.breakdown()) {
    if (!line.informational()) sum += line.amount().minor_units();
  }
  if (sum != state.total().minor_units()) {
    broken.Add("breakdown_sums_to_total", Cat("its breakdown adds up to ", sum, ", its total is ",
                                              state.total().minor_units()));
  }
  for (const v1::Refund& other : refunds_of_order) {
    if (other.name() == state.name() || state.effect_id().empty() ||
        other.effect_id() != state.effect_id()) {
      continue;
    }
    broken.Add("one_refund_per_effect",
               Cat(other.name(), " has the effect id ", state.effect_id(), " too"));
  }
  if (!HoldsMoney(before) && HoldsMoney(state.status()) &&
      state.status() != v1::Refund::STATUS_SUCCEEDED) {
    CheckMoney(state, order, refunds_of_order, &broken);
  }
  return broken.Take();
}

std::vector<Violation> CheckInvariants(const v1::Exchange& state, v1::Exchange::Status before,
                                       const v1::Order& order,
                                       std::span<const v1::Refund> refunds_of_order,
                                       std::span<const v1::Exchange> exchanges_of_order) {
  Broken broken(state.name());
  const bool legal = before == state.status() ||
                     std::any_of(ExchangeTransitions().begin(), ExchangeTransitions().end(),
                                 [&](const ExchangeTransition& move) {
                                   return move.from == before && move.to == state.status();
                                 });
  if (!legal) {
    broken.Add("legal_exchange_move",
               Cat("it would go from ", StatusName(before), " to ", StatusName(state.status())));
  }
  if (state.has_reservation() != KeepsStock(state.status())) {
    broken.Add("stock_kept_in_time",
               Cat(state.has_reservation() ? "stock" : "no stock", " would be kept while it is ",
                   StatusName(state.status())));
  }
  std::vector<Violation> found = broken.Take();
  const bool held = UnitsStateOf(before) == v1::ExchangedUnits::STATE_HELD ||
                    UnitsStateOf(before) == v1::ExchangedUnits::STATE_EXCHANGED;
  if (!held && HoldsUnits(state)) {
    for (Violation& violation :
         CheckUnitsUsedOnce(state.name(), order, refunds_of_order, exchanges_of_order)) {
      found.push_back(std::move(violation));
    }
  }
  return found;
}

std::vector<Violation> CheckUnitsUsedOnce(std::string_view subject, const v1::Order& order,
                                          std::span<const v1::Refund> refunds_of_order,
                                          std::span<const v1::Exchange> exchanges_of_order) {
  Broken broken(subject);
  for (const v1::OrderLine& line : order.lines()) {
    const int64_t refunded = UnitsRefundedOrReserved(refunds_of_order, line.line_id());
    const int64_t exchanged = UnitsInExchanges(exchanges_of_order, line.line_id());
    if (refunded + exchanged <= line.quantity()) continue;
    broken.Add("unit_used_once",
               Cat("line ", line.line_id(), " would have ", refunded, " units refunded and ",
                   exchanged, " exchanged of ", line.quantity()));
  }
  return broken.Take();
}

}  // namespace aftersales
