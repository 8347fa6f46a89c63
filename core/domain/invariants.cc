#include "core/domain/invariants.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
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

template <typename Resource>
std::set<std::string_view> LinesOf(const Resource& state) {
  std::set<std::string_view> lines;
  for (const auto& item : state.items()) lines.insert(item.line_id());
  return lines;
}

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
  // What the marketplace did to other lines is a finding, and holds up none but theirs.
  const std::set<std::string_view> own = LinesOf(state);
  for (const v1::OrderLine& line : order.lines()) {
    const auto of_line = units.find(line.line_id());
    if (of_line == units.end() || of_line->second <= line.quantity()) continue;
    if (!own.contains(line.line_id())) continue;
    broken->Add("units_refunded_once", Cat("line ", line.line_id(), " would have ", of_line->second,
                                           " units refunded of ", line.quantity()));
  }
}

std::vector<Violation> UsedOnce(std::string_view subject, const std::set<std::string_view>& lines,
                                const v1::Order& order,
                                std::span<const v1::Refund> refunds_of_order,
                                std::span<const v1::Exchange> exchanges_of_order) {
  Broken broken(subject);
  for (const v1::OrderLine& line : order.lines()) {
    if (!lines.contains(line.line_id())) continue;
    const int64_t refunded = UnitsRefundedOrReserved(refunds_of_order, line.line_id());
    const int64_t exchanged = UnitsInExchanges(exchanges_of_order, line.line_id());
    if (refunded + exchanged <= line.quantity()) continue;
    broken.Add("unit_used_once",
               Cat("line ", line.line_id(), " would have ", refunded, " units refunded and ",
                   exchanged, " exchanged of ", line.quantity()));
  }
  return broken.Take();
}

bool IsOver(v1::Exchange::Status status) {
  return status == v1::Exchange::STATUS_DECLINED || status == v1::Exchange::STATUS_EXPIRED ||
         status == v1::Exchange::STATUS_CANCELLED || status == v1::Exchange::STATUS_COMPLETED;
}

// Whether nobody has to do anything about it any more.
bool IsOver(v1::Refund::Status status) {
  return IsPaid(status) || status == v1::Refund::STATUS_CANCELLED ||
         status == v1::Refund::STATUS_REVERSED;
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
      if (deadline.state() != v1::Deadline::STATE_RUNNING) continue;
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
  // What was paid otherwise than asked is seen to until then.
  if (IsOver(state.status()) && (state.has_due_at() || state.has_manual_action()) &&
      !(AwaitsSettlement(state) && state.has_due_at())) {
    broken.Add("no_clock_on_closed",
               Cat("somebody would have to act on it although it is ", StatusName(state.status())));
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
  if (IsOver(state.status())) {
    for (const v1::Deadline& deadline : state.deadlines()) {
      // What the buyer is owed, or owes, outlives it.
      if (deadline.state() != v1::Deadline::STATE_RUNNING ||
          deadline.kind() == v1::Deadline::KIND_EXCHANGE_PAYMENT) {
        continue;
      }
      broken.Add("no_clock_on_closed", Cat("the clock ", v1::Deadline::Kind_Name(deadline.kind()),
                                           " would run on an exchange that is over"));
    }
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
         UsedOnce(state.name(), LinesOf(state), order, refunds_of_order, exchanges_of_order)) {
      found.push_back(std::move(violation));
    }
  }
  return found;
}

std::vector<Violation> CheckUnitsUsedOnce(const v1::Refund& state, const v1::Order& order,
                                          std::span<const v1::Refund> refunds_of_order,
                                          std::span<const v1::Exchange> exchanges_of_order) {
  return UsedOnce(state.name(), LinesOf(state), order, refunds_of_order, exchanges_of_order);
}

namespace {

v1::Return Core(const v1::Return& state) {
  v1::Return core;
  core.set_status(state.status());
  core.set_return_method(state.return_method());
  core.set_late(state.late());
  core.set_short_reason(state.short_reason());
  *core.mutable_decision() = state.decision();
  *core.mutable_deadlines() = state.deadlines();
  *core.mutable_receipts() = state.receipts();
  *core.mutable_inspections() = state.inspections();
  *core.mutable_exchanges() = state.exchanges();
  for (const v1::ReturnLabel& label : state.labels()) {
    v1::ReturnLabel* kept = core.add_labels();
    kept->set_label_id(label.label_id());
    kept->set_state(label.state());
  }
  for (const v1::ReturnItem& item : state.items()) {
    v1::ReturnItem* kept = core.add_items();
    kept->set_quantity_requested(item.quantity_requested());
    kept->set_quantity_approved(item.quantity_approved());
    kept->set_quantity_received(item.quantity_received());
    kept->set_quantity_accepted(item.quantity_accepted());
    kept->set_quantity_damaged(item.quantity_damaged());
    kept->set_quantity_wrong(item.quantity_wrong());
    kept->set_quantity_missing(item.quantity_missing());
    kept->set_quantity_refunded(item.quantity_refunded());
    kept->set_quantity_in_exchange(item.quantity_in_exchange());
    kept->set_quantity_exchanged(item.quantity_exchanged());
  }
  return core;
}

// What the store adds to a fold.
template <typename Resource>
void Strip(Resource* resource) {
  resource->clear_etag();
  resource->clear_create_time();
  resource->clear_update_time();
}

template <typename Resource>
std::string Difference(Resource stored, Resource folded) {
  if (stored.SerializeAsString() == folded.SerializeAsString()) return {};
  const google::protobuf::Descriptor& type = *Resource::descriptor();
  std::string fields;
  for (int i = 0; i < type.field_count(); ++i) {
    Resource a, b;
    const std::vector<const google::protobuf::FieldDescriptor*> one = {type.field(i)};
    stored.GetReflection()->SwapFields(&stored, &a, one);
    folded.GetReflection()->SwapFields(&folded, &b, one);
    if (a.SerializeAsString() != b.SerializeAsString()) {
      fields += Cat(fields.empty() ? "" : ", ", type.field(i)->name());
    }
  }
  return Cat("what is stored does not follow from its facts: ", fields);
}

}  // namespace

std::string DifferenceFromFacts(const v1::Return& stored, const v1::Return& folded) {
  return Difference(Core(stored), Core(folded));
}

std::string DifferenceFromFacts(v1::Refund stored, v1::Refund folded) {
  Strip(&stored);
  Strip(&folded);
  return Difference(stored, folded);
}

std::string DifferenceFromFacts(v1::Exchange stored, v1::Exchange folded) {
  Strip(&stored);
  Strip(&folded);
  return Difference(stored, folded);
}

}  // namespace aftersales
