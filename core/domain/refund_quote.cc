#include "core/domain/refund_quote.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/numeric/int128.h"
#include "core/domain/costs.h"
#include "core/domain/exchange_units.h"
#include "core/domain/money.h"
#include "core/domain/reasons.h"
#include "core/domain/refund_fold.h"
#include "core/domain/return_items.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

constexpr int64_t kWholeBp = 10000;

const v1::ReturnItem* ItemOfLine(const v1::Return* state, std::string_view line_id) {
  if (state == nullptr) return nullptr;
  for (const v1::ReturnItem& item : state->items()) {
    if (item.line_id() == line_id) return &item;
  }
  return nullptr;
}

v1::ReturnReason ReasonOfItem(const v1::ReturnItem& item) {
  return item.inspected_reason() != v1::RETURN_REASON_UNSPECIFIED ? item.inspected_reason()
                                                                  : item.buyer_reason();
}

// Whether the units are due although they do not come back.
bool DueWithoutGoods(const v1::Return& state) {
  return state.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS ||
         (state.status() == v1::Return::STATUS_LOST && LostAtSellersRisk(state));
}

// Captured total of an order; what its parts add up to when the channel does not say it.
int64_t CapturedUnits(const v1::Order& order) {
  if (order.has_captured_total()) return order.captured_total().minor_units();
  absl::int128 sum = 0;
  const bool on_top = order.tax_mode() == v1::TAX_MODE_EXCLUSIVE;
  bool by_line = false;
  for (const v1::OrderLine& line : order.lines()) {
    sum += line.item_total().minor_units();
    if (on_top) sum += line.tax_total().minor_units();
    by_line = by_line || line.has_shipping_total();
  }
  if (by_line && !order.has_shipping_total()) {
    for (const v1::OrderLine& line : order.lines()) {
      sum += line.shipping_total().minor_units();
      if (on_top) sum += line.shipping_tax().minor_units();
    }
  } else {
    sum += order.shipping_total().minor_units();
    if (on_top) sum += order.shipping_tax().minor_units();
  }
  return static_cast<int64_t>(std::min<absl::int128>(sum, std::numeric_limits<int64_t>::max()));
}

// In the order's currency: an amount in another one is a finding, and never added.
int64_t HeldByAll(std::span<const v1::Refund> refunds, std::string_view currency) {
  absl::int128 held = 0;
  for (const v1::Refund& refund : refunds) {
    if (refund.total().currency_code() == currency) held += HeldUnits(refund);
  }
  return static_cast<int64_t>(std::min<absl::int128>(held, std::numeric_limits<int64_t>::max()));
}

// What the buyer got through exchanges without a refund, less what they paid for replacements.
int64_t GivenInExchanges(std::span<const v1::Exchange> exchanges, std::string_view currency) {
  absl::int128 given = 0;
  for (const v1::Exchange& exchange : exchanges) {
    absl::int128 paid = 0;
    for (const v1::ExchangePayment& payment : exchange.payments()) {
      // One that a refund made counts as that refund.
      if (!payment.refund().empty() || payment.amount().currency_code() != currency) continue;
      const bool to_buyer = payment.direction() == v1::ExchangePayment::DIRECTION_TO_BUYER;
      paid += to_buyer ? payment.amount().minor_units() : -payment.amount().minor_units();
    }
    given += std::max<absl::int128>(0, paid);
  }
  return static_cast<int64_t>(std::min<absl::int128>(given, std::numeric_limits<int64_t>::max()));
}

// Units that are alike: one line of the sum each.
struct Group {
  int line = 0;
  int32_t quantity = 0;
  v1::Condition condition = v1::CONDITION_NEW;
  v1::ReturnReason reason = v1::RETURN_REASON_UNSPECIFIED;
  bool evidence = false;      // whether photos of such units are on file
  std::string inspection_id;  // the inspection that photos of them would belong to
  std::string exchange;       // whose replacement the seller could not send
};

// Whether the policy keeps the shipping of such units from the buyer.
bool KeepsShipping(const v1::Policy& policy, const Group& group) {
  if (!group.exchange.empty()) return false;
  return IsWrong(group.condition) ||
         (policy.shipping_refund_by_fault() && !SellerAnswers(MeaningOf(group.reason).fault));
}

// The amounts of each line that its units share, and how much of them is gone with those that
// earlier refunds or exchanges took.
class LineShares {
 public:
  LineShares(const v1::Order& order, std::span<const v1::Refund> refunds,
             std::span<const v1::Exchange> exchanges)
      : done_(static_cast<size_t>(order.lines_size())) {
    const std::vector<int64_t> shipping = ShippingByLine(order);
    const std::vector<int64_t> shipping_tax = ShippingTaxByLine(order);
    std::vector<int64_t> weights;
    for (const v1::OrderLine& line : order.lines()) {
      weights.push_back(line.item_total().minor_units());
    }
    const std::vector<int64_t> free_shipping =
        money::Allocate(order.free_shipping_notional().minor_units(), weights);
    for (size_t i = 0; i < done_.size(); ++i) {
      const v1::OrderLine& line = order.lines(static_cast<int>(i));
      done_[i].quantity = line.quantity();
      done_[i].pools = {Pool{line.item_total().minor_units()}, Pool{line.tax_total().minor_units()},
                        Pool{shipping[i]}, Pool{shipping_tax[i]}, Pool{free_shipping[i]}};
      for (const v1::Refund& refund : refunds) {
        if (HoldsMoney(refund.status())) Account(refund, line.line_id(), &done_[i]);
      }
      for (const v1::Exchange& exchange : exchanges) {
        if (HoldsUnits(exchange)) Account(exchange, line.line_id(), &done_[i]);
      }
    }
  }

  enum Kind { kItem, kTax, kShipping, kShippingTax, kFreeShipping };
  // The share of the next units, which are gone with it even if the buyer does not get it.
  int64_t Take(Kind kind, const Group& group) {
    return done_[static_cast<size_t>(group.line)].Take(kind, group.quantity);
  }
  void Advance(const Group& group) {
    done_[static_cast<size_t>(group.line)].units += group.quantity;
  }
  int32_t UnitsDone(int line) const {
    return static_cast<int32_t>(std::min<int64_t>(done_[static_cast<size_t>(line)].units,
                                                  std::numeric_limits<int32_t>::max()));
  }

 private:
  struct Pool {
    int64_t total = 0;
    int64_t gone = 0;
  };
  struct Done {
    int64_t quantity = 0;
    int64_t units = 0;
    bool known = true;  // whether the refunds say what they paid for these units
    std::array<Pool, kFreeShipping + 1> pools = {};

    // The next units' share of what is left. The same as the cumulative share as long as refunds
    // succeed in the order in which they were quoted, and still exact in sum when one in between
    // failed and gave its units back.
    // `skipped` of them were accounted for already.
    int64_t Take(Kind kind, int64_t count, int64_t skipped = 0) {
      Pool& pool = pools[kind];
      if (!known) return money::NextUnits(pool.total, quantity, units, count);
      const int64_t left = std::max<int64_t>(0, pool.total - pool.gone);
      const int64_t open = quantity - units - skipped;
      const int64_t share = open < count ? left : money::NextUnits(left, open, 0, count);
      pool.gone += share;
      return share;
    }
  };

  static std::optional<Kind> KindOf(v1::BreakdownLine::Kind kind) {
    switch (kind) {
      case v1::BreakdownLine::KIND_ITEM:
        return kItem;
      case v1::BreakdownLine::KIND_ITEM_TAX:
        return kTax;
      case v1::BreakdownLine::KIND_SHIPPING:
        return kShipping;
      case v1::BreakdownLine::KIND_SHIPPING_TAX:
        return kShippingTax;
      case v1::BreakdownLine::KIND_FREE_SHIPPING_SHARE:
        return kFreeShipping;
      default:
        return std::nullopt;
    }
  }

  static void Account(const v1::Refund& refund, std::string_view line_id, Done* done) {
    int64_t units = 0;
    int64_t without_shipping = 0;
    int64_t wrong = 0;
    for (const v1::RefundItem& item : refund.items()) {
      if (item.line_id() != line_id) continue;
      units += item.quantity();
      if (IsWrong(item.condition())) wrong += item.quantity();
      if (item.shipping_kept()) without_shipping += item.quantity();
    }
    if (units == 0) return;
    // A share of nothing has no line; a refund without any was not quoted here.
    done->known = done->known && refund.breakdown_size() > 0;
    std::array<bool, kFreeShipping + 1> given = {};
    for (const v1::BreakdownLine& line : refund.breakdown()) {
      const std::optional<Kind> kind = KindOf(line.kind());
      if (!kind || line.line_id() != line_id) continue;
      done->pools[*kind].gone += line.amount().minor_units();
      given[*kind] = true;
    }
    // What the buyer did not get of the shipping is gone all the same.
    const auto keep = [&](Kind kind, int64_t count) {
      if (count > 0 && (count < units || !given[kind])) done->Take(kind, count, units - count);
    };
    if (done->known) {
      keep(kShipping, without_shipping);
      keep(kShippingTax, without_shipping);
      keep(kFreeShipping, wrong);
    }
    done->units += units;
  }

  // Other goods were given for what these units cost, and nothing for their shipping.
  static void Account(const v1::Exchange& exchange, std::string_view line_id, Done* done) {
    for (const v1::ExchangeItem& item : exchange.items()) {
      if (item.line_id() != line_id) continue;
      for (const Kind kind : {kShipping, kShippingTax, kFreeShipping}) {
        done->Take(kind, item.quantity());
      }
      done->pools[kItem].gone += item.item_value().minor_units();
      done->pools[kTax].gone += item.tax_value().minor_units();
      done->units += item.quantity();
    }
  }

  std::vector<Done> done_;
};

absl::Status CheckAmount(const v1::Money& amount, std::string_view currency,
                         std::string_view field) {
  if (amount.minor_units() < 0) {
    return InvalidField(field, "NEGATIVE_AMOUNT",
                        Cat(field, " is ", money::Format(amount), "; give at least 0"));
  }
  if (amount.minor_units() != 0 && amount.currency_code() != currency) {
    return InvalidField(
        field, "CURRENCY_MISMATCH",
        Cat(field, " is in `", amount.currency_code(), "`; the order is in ", currency));
  }
  return absl::OkStatus();
}

// Takes units out of groups, from the front; answers how many there were not.
int32_t TakeAway(int32_t units, std::optional<v1::Condition> condition,
                 std::vector<Group>* groups) {
  for (Group& group : *groups) {
    if (condition && group.condition != *condition) continue;
    const int32_t taken = std::min(group.quantity, units);
    group.quantity -= taken;
    units -= taken;
  }
  return units;
}

// The units of one item of a return that may be refunded.
struct Units {
  std::vector<Group> known;  // inspected by condition, else received or (returnless) approved ones
  int32_t others = 0;        // approved, and not in the return's hands yet
};

// Less what refunds of the return hold: first those of the same condition, then from the front; and
// less what its exchanges have taken, which is what was sold as far as there is any.
Units UnitsOf(const v1::Return& state, const v1::ReturnItem& item, int line,
              std::span<const v1::Refund> refunds, std::span<const v1::Exchange> exchanges) {
  Units units;
  std::vector<Group>& known = units.known;
  const int32_t approved = UnitsPayable(state, item);
  for (const v1::Inspection& inspection : state.inspections()) {
    if (inspection.line_id() != item.line_id() || IsSentBack(inspection)) continue;
    const bool evidence = inspection.evidence_size() > 0;
    auto alike = std::find_if(known.begin(), known.end(), [&](const Group& group) {
      return group.condition == inspection.condition() && group.evidence == evidence;
    });
    if (alike == known.end()) {
      known.push_back({line, 0, inspection.condition(), ReasonOfItem(item), evidence,
                       inspection.inspection_id(), ""});
      alike = known.end() - 1;
    }
    alike->quantity += inspection.quantity();
  }
  // Whichever was looked at first, the same units are exchanged, promised or refunded.
  std::stable_sort(known.begin(), known.end(), [](const Group& one, const Group& other) {
    return one.condition < other.condition;
  });
  if (known.empty()) {
    const int32_t received =
        std::max(0, item.quantity_received() - UnitsSentBack(state, item.line_id()));
    const int32_t there = item.quantity_received() > 0 ? std::min(received, approved)
                          : DueWithoutGoods(state)     ? approved
                                                       : 0;
    known.push_back({line, there, v1::CONDITION_NEW, ReasonOfItem(item), false, "", ""});
  }
  // Surplus units are a finding, never money: no more than were approved.
  int32_t total = 0;
  for (Group& group : known) {
    group.quantity = std::min(group.quantity, approved - total);
    total += group.quantity;
  }
  units.others = approved - total;

  int32_t held = 0;
  const auto take = [&](int32_t taken, std::optional<v1::Condition> condition) {
    if (condition) taken = TakeAway(taken, condition, &known);
    taken = TakeAway(taken, std::nullopt, &known);
    units.others = std::max(0, units.others - taken);
  };
  for (const v1::Refund& refund : refunds) {
    if (refund.return_name() != state.name() || !HoldsMoney(refund.status())) continue;
    for (const v1::RefundItem& refunded : refund.items()) {
      if (refunded.line_id() != item.line_id()) continue;
      held += refunded.quantity();
      take(refunded.quantity(), refunded.condition());
    }
  }
  take(std::max(0, item.quantity_refunded() - held), std::nullopt);
  int32_t exchanged = UnitsInExchanges(exchanges, item.line_id(), state.name());
  // Those that the buyer keeps are none of those that are there.
  const int32_t kept = std::min({exchanged, units.others, UnitsKept(state, item.line_id())});
  units.others -= kept;
  exchanged -= kept;
  for (Group& group : known) {
    if (IsWrong(group.condition)) continue;
    const int32_t taken = std::min(group.quantity, exchanged);
    group.quantity -= taken;
    exchanged -= taken;
  }
  take(exchanged, std::nullopt);
  std::erase_if(known, [](const Group& group) { return group.quantity == 0; });
  return units;
}

int64_t Count(const Units& units) {
  return std::accumulate(units.known.begin(), units.known.end(), int64_t{units.others},
                         [](int64_t sum, const Group& group) { return sum + group.quantity; });
}

// The units that a caller names of a return, as its inspection found them: wrong ones last, for
// nobody may call them anything else.
absl::StatusOr<std::vector<Group>> Name(const v1::RefundItem& wanted, Units units,
                                        const Group& form, std::string_view field,
                                        const absl::Status& in_exchange) {
  const int64_t there = Count(units);
  if (wanted.quantity() > there) {
    if (!in_exchange.ok()) return in_exchange;
    return Refuse(absl::StatusCode::kFailedPrecondition, "QUANTITY_EXCEEDS_REFUNDABLE",
                  Cat("the return approved ", there, " units of line ", wanted.line_id(),
                      " that are not refunded or reserved yet, not ", wanted.quantity()))
        .Field(Cat(field, ".quantity"), Cat("give at most ", there))
        .With("line_id", wanted.line_id())
        .With("refundable_units", there);
  }
  if (units.others > 0) {
    units.known.push_back({form.line, units.others, v1::CONDITION_NEW, form.reason, false, "", ""});
  }
  const bool wrong_first = IsWrong(wanted.condition());
  std::stable_partition(units.known.begin(), units.known.end(), [&](const Group& group) {
    return IsWrong(group.condition) == wrong_first;
  });
  std::vector<Group> groups;
  int32_t left = wanted.quantity();
  for (Group group : units.known) {
    group.quantity = std::min(group.quantity, left);
    left -= group.quantity;
    if (group.quantity == 0) continue;
    group.reason = form.reason;
    if (wanted.condition() != v1::CONDITION_UNSPECIFIED && !IsWrong(group.condition)) {
      group.condition = wanted.condition();
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

// The refusal where an exchange has taken units of a line, of one return if it is named; OK where
// none has. It is the answer where there would be enough units without exchanges.
absl::Status InExchange(std::span<const v1::Exchange> exchanges, std::string_view line_id,
                        std::string_view return_name) {
  for (const v1::Exchange& exchange : exchanges) {
    if (!HoldsUnits(exchange) || UnitsOfExchange(exchange, line_id) == 0) continue;
    if (!return_name.empty() && exchange.return_name() != return_name) continue;
    const bool gone = UnitsStateOf(exchange.status()) == v1::ExchangedUnits::STATE_EXCHANGED;
    return Refuse(absl::StatusCode::kFailedPrecondition, "UNIT_ALREADY_EXCHANGED",
                  Cat("units of line ", line_id, " are in ", exchange.name(),
                      gone ? ", whose replacement was shipped; they are not refunded too"
                           : "; cancel it before you refund them"))
        .With("line_id", line_id)
        .With("exchange", exchange.name())
        .With("exchange_state", StatusName(exchange.status()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Group>> GroupsOfSpec(const v1::Order& order, const v1::RefundSpec& spec,
                                                const v1::Return* state,
                                                std::span<const v1::Refund> refunds,
                                                std::span<const v1::Exchange> exchanges) {
  std::vector<Group> groups;
  std::set<std::string_view> seen;
  for (int i = 0; i < spec.items_size(); ++i) {
    const v1::RefundItem& item = spec.items(i);
    const std::string field = Cat("spec.items[", i, "]");
    Group group;
    group.line = LineIndex(order, item.line_id());
    const v1::ReturnItem* returned = ItemOfLine(state, item.line_id());
    if (group.line < 0 || (state != nullptr && returned == nullptr)) {
      return InvalidField(Cat(field, ".line_id"), "LINE_UNKNOWN",
                          Cat(group.line < 0 ? Cat("order ", order.external_id()) : "the return",
                              " has no line `", item.line_id().substr(0, 128), "`"));
    }
    if (item.quantity() < 1) {
      return InvalidField(Cat(field, ".quantity"), "BAD_QUANTITY", "give at least 1 unit");
    }
    group.quantity = item.quantity();
    group.condition =
        item.condition() == v1::CONDITION_UNSPECIFIED ? v1::CONDITION_NEW : item.condition();
    group.reason = item.reason();
    if (returned == nullptr) {
      groups.push_back(std::move(group));
      continue;
    }
    if (!seen.insert(item.line_id()).second) {
      return InvalidField(Cat(field, ".line_id"), "DUPLICATE_LINE",
                          Cat("line `", item.line_id(), "` is named twice; give its units once"));
    }
    if (group.reason == v1::RETURN_REASON_UNSPECIFIED) group.reason = ReasonOfItem(*returned);
    // Too many units are too many whoever has them.
    const bool without_exchanges =
        InExchange(exchanges, item.line_id(), state->name()).ok() ||
        item.quantity() > Count(UnitsOf(*state, *returned, group.line, refunds, {}));
    auto named =
        Name(item, UnitsOf(*state, *returned, group.line, refunds, exchanges), group, field,
             without_exchanges ? absl::OkStatus()
                               : InExchange(exchanges, item.line_id(), state->name()));
    if (!named.ok()) return named.status();
    std::move(named->begin(), named->end(), std::back_inserter(groups));
  }
  return groups;
}

// Everything that the return still owes.
absl::StatusOr<std::vector<Group>> GroupsOfReturn(const v1::Order& order, const v1::Return& state,
                                                  std::span<const v1::Refund> refunds,
                                                  std::span<const v1::Exchange> exchanges) {
  std::vector<Group> groups;
  for (const v1::ReturnItem& item : state.items()) {
    const int line = LineIndex(order, item.line_id());
    if (line < 0) {
      return InvalidField("spec.return_name", "LINE_UNKNOWN",
                          Cat("order ", order.external_id(), " has no line for item `", item.sku(),
                              "` of the return"));
    }
    Units units = UnitsOf(state, item, line, refunds, exchanges);
    std::move(units.known.begin(), units.known.end(), std::back_inserter(groups));
  }
  if (groups.empty()) {
    for (const v1::ReturnItem& item : state.items()) {
      if (UnitsOf(state, item, 0, refunds, {}).known.empty()) continue;
      if (absl::Status s = InExchange(exchanges, item.line_id(), state.name()); !s.ok()) return s;
    }
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_REFUND",
                  "the return owes nothing: no units were received, or all are refunded; record "
                  "the receipt first, or name the items to refund");
  }
  return groups;
}

// The units in whose place exchanges that were out of stock had promised others, as groups of their
// own. What came back as something else was promised nothing.
std::vector<Group> Promised(const v1::Order& order, const v1::Return& state,
                            std::vector<Group> groups, std::span<const v1::Refund> refunds,
                            std::span<const v1::Exchange> exchanges) {
  for (const v1::Exchange& exchange : exchanges) {
    if (exchange.return_name() != state.name()) continue;
    for (int line = 0; line < order.lines_size(); ++line) {
      int32_t left = UnitsPromised(exchange, order.lines(line).line_id(), refunds);
      std::vector<Group> split;
      for (Group& group : groups) {
        const bool open = group.line == line && group.exchange.empty() && !IsWrong(group.condition);
        const int32_t taken = open ? std::min(group.quantity, left) : 0;
        left -= taken;
        if (taken > 0) {
          Group& promised = split.emplace_back(group);
          promised.quantity = taken;
          promised.exchange = exchange.name();
        }
        group.quantity -= taken;
        if (group.quantity > 0) split.push_back(std::move(group));
      }
      groups = std::move(split);
    }
  }
  return groups;
}

int64_t RestockingBp(const v1::RestockingPolicy& policy, const Group& group, v1::Fault fault,
                     bool late) {
  // Another item than was sold is no return at all, whoever is at fault for the original.
  if (IsWrong(group.condition)) return policy.wrong_item_bp();
  if (SellerAnswers(fault)) return policy.seller_fault_bp();
  int64_t bp = late ? policy.late_bp() : policy.original_bp();
  switch (group.condition) {
    case v1::CONDITION_USED:
    case v1::CONDITION_BUYER_DAMAGED:
      return std::max<int64_t>(bp, policy.buyer_damaged_bp());
    case v1::CONDITION_OPENED_SOFTWARE_OR_MEDIA:
      return std::max<int64_t>(bp, policy.opened_media_bp());
    default:
      return bp;
  }
}

// Builds the lines of the sum.
class Sum {
 public:
  Sum(std::string_view currency, v1::RefundQuote* quote) : currency_(currency), quote_(quote) {}

  void Line(v1::BreakdownLine::Kind kind, const std::string& line_id, int32_t quantity,
            int64_t amount, bool informational = false) {
    if (amount == 0) return;
    v1::BreakdownLine* line = quote_->add_breakdown();
    line->set_kind(kind);
    line->set_line_id(line_id);
    line->set_quantity(quantity);
    *line->mutable_amount() = money::Make(amount, currency_);
    line->set_informational(informational);
    if (!informational) total_ += amount;
  }
  void Whole(v1::BreakdownLine::Kind kind, int64_t amount) { Line(kind, "", 0, amount); }
  absl::int128 total() const { return total_; }

 private:
  std::string currency_;
  v1::RefundQuote* quote_;
  absl::int128 total_ = 0;
};

void QuoteGroup(const v1::Order& order, const v1::Policy& policy, const Group& group, bool late,
                LineShares* shares, Sum* sum) {
  const std::string& line_id = order.lines(group.line).line_id();
  const bool inside = order.tax_mode() == v1::TAX_MODE_INCLUSIVE;
  const v1::Fault fault = group.exchange.empty() ? MeaningOf(group.reason).fault : v1::FAULT_SELLER;
  const int64_t item = shares->Take(LineShares::kItem, group);
  const int64_t tax = shares->Take(LineShares::kTax, group);
  const int64_t shipping = shares->Take(LineShares::kShipping, group);
  const int64_t shipping_tax = shares->Take(LineShares::kShippingTax, group);
  const int64_t free_share = shares->Take(LineShares::kFreeShipping, group);
  const int64_t fee_bp = RestockingBp(policy.restocking(), group, fault, late);
  auto line = [&](v1::BreakdownLine::Kind kind, int64_t amount, bool informational = false) {
    sum->Line(kind, line_id, group.quantity, amount, informational);
  };

  line(v1::BreakdownLine::KIND_ITEM, item);
  line(v1::BreakdownLine::KIND_ITEM_TAX, tax, inside);
  if (!KeepsShipping(policy, group)) {
    line(v1::BreakdownLine::KIND_SHIPPING, shipping);
    line(v1::BreakdownLine::KIND_SHIPPING_TAX, shipping_tax, inside);
  }
  if (!IsWrong(group.condition)) {
    line(v1::BreakdownLine::KIND_FREE_SHIPPING_SHARE, free_share, true);
    if (policy.retain_free_shipping() && !SellerAnswers(fault)) {
      line(v1::BreakdownLine::KIND_FREE_SHIPPING_RETAINED, -free_share);
    }
  }
  line(v1::BreakdownLine::KIND_RESTOCKING_FEE, -money::ApplyBasisPoints(item, fee_bp));
  // For another item or an empty box nothing was given back, so its tax stays too.
  if (!inside && (policy.tax_follows_fee() || IsWrong(group.condition))) {
    line(v1::BreakdownLine::KIND_TAX_WITHHELD, -money::ApplyBasisPoints(tax, fee_bp));
  }
  shares->Advance(group);
}

// The label that the buyer pays out of the refund, unless an earlier refund took it already.
absl::StatusOr<int64_t> LabelFee(const v1::Order& order, const v1::RefundSpec& spec,
                                 const v1::Return* state, std::span<const v1::Refund> refunds) {
  if (spec.has_label_fee()) return spec.label_fee().minor_units();
  if (state == nullptr) return 0;
  for (const v1::Refund& refund : refunds) {
    if (refund.return_name() != state->name() || !HoldsMoney(refund.status())) continue;
    for (const v1::BreakdownLine& line : refund.breakdown()) {
      if (line.kind() == v1::BreakdownLine::KIND_LABEL_FEE) return 0;
    }
  }
  for (const v1::ReturnLabel& label : state->labels()) {
    if (!IsLive(label.state()) || label.paid_by() != v1::ReturnLabel::PAYER_BUYER) continue;
    if (label.state() == v1::ReturnLabel::STATE_REQUESTED ||
        label.state() == v1::ReturnLabel::STATE_UNKNOWN) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "LABEL_PENDING",
                    Cat("the buyer pays label ", label.label_id(),
                        ", whose cost is not known while it is ",
                        label.state() == v1::ReturnLabel::STATE_UNKNOWN ? "UNKNOWN" : "REQUESTED",
                        "; wait for the carrier, void it, or give what comes off the refund"))
          .Field("spec.label_fee", "what comes off the refund for it")
          .With("label_id", label.label_id());
    }
    if (label.cost().minor_units() != 0 && label.cost().currency_code() != order.currency_code()) {
      return InvalidField("spec.label_fee", "CURRENCY_MISMATCH",
                          Cat("the buyer pays label ", label.tracking_number(), ", which cost ",
                              money::Format(label.cost()), ", and the order is in ",
                              order.currency_code(), "; give what comes off the refund for it"));
    }
    return label.cost().minor_units();
  }
  return 0;
}

// The item of a spec with which the units of a line are more than that.
std::string FieldOfUnits(const v1::RefundSpec& spec, std::string_view line_id, int64_t most) {
  int64_t units = 0;
  for (int i = 0; i < spec.items_size(); ++i) {
    if (spec.items(i).line_id() != line_id) continue;
    units += spec.items(i).quantity();
    if (units > most) return Cat("spec.items[", i, "].quantity");
  }
  return "spec.return_name";
}

absl::Status CheckUnits(const v1::Order& order, const v1::RefundSpec& spec,
                        const std::vector<Group>& groups, const LineShares& shares,
                        std::span<const v1::Exchange> exchanges) {
  std::vector<int64_t> wanted(static_cast<size_t>(order.lines_size()));
  for (const Group& group : groups) wanted[static_cast<size_t>(group.line)] += group.quantity;
  for (int i = 0; i < order.lines_size(); ++i) {
    const int64_t left = std::max(0, order.lines(i).quantity() - shares.UnitsDone(i));
    if (wanted[static_cast<size_t>(i)] <= left) continue;
    const std::string& line_id = order.lines(i).line_id();
    if (wanted[static_cast<size_t>(i)] <= left + UnitsInExchanges(exchanges, line_id)) {
      if (absl::Status s = InExchange(exchanges, line_id, ""); !s.ok()) return s;
    }
    return Refuse(absl::StatusCode::kFailedPrecondition, "QUANTITY_EXCEEDS_REFUNDABLE",
                  Cat("line ", order.lines(i).line_id(), " has ", left,
                      " units that are not refunded or reserved yet, not ",
                      wanted[static_cast<size_t>(i)]))
        .Field(FieldOfUnits(spec, line_id, left), Cat("give at most ", left, " of the line"))
        .With("line_id", order.lines(i).line_id())
        .With("refundable_units", left);
  }
  return absl::OkStatus();
}

}  // namespace

v1::Money Refundable(const v1::Order& order, std::span<const v1::Refund> refunds_of_order,
                     std::span<const v1::Exchange> exchanges_of_order) {
  const std::string& currency = order.currency_code();
  const absl::int128 left = absl::int128(CapturedUnits(order)) -
                            HeldByAll(refunds_of_order, currency) -
                            GivenInExchanges(exchanges_of_order, currency);
  return money::Make(static_cast<int64_t>(std::max<absl::int128>(0, left)), currency);
}

int32_t UnitsRefundedOrReserved(std::span<const v1::Refund> refunds_of_order,
                                std::string_view line_id) {
  int64_t units = 0;
  for (const v1::Refund& refund : refunds_of_order) {
    if (!HoldsMoney(refund.status())) continue;
    for (const v1::RefundItem& item : refund.items()) {
      if (item.line_id() == line_id) units += item.quantity();
    }
  }
  return static_cast<int32_t>(std::min<int64_t>(units, std::numeric_limits<int32_t>::max()));
}

absl::StatusOr<v1::RefundQuote> QuoteRefund(const v1::Order& order, const PolicyInForce& policy,
                                            const v1::RefundSpec& spec,
                                            const v1::Return* return_state,
                                            std::span<const v1::Refund> refunds_of_order,
                                            std::span<const v1::Exchange> exchanges_of_order) {
  const std::string& currency = order.currency_code();
  if (return_state != nullptr && !return_state->platform_managed() &&
      (!IsApproved(*return_state) || return_state->status() == v1::Return::STATUS_CANCELLED)) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                  Cat("the return is ", StatusName(return_state->status()),
                      "; only one that was approved is refunded: approve it first, or refund items "
                      "of the order without naming the return, which takes a second person"))
        .Field("spec.return_name", "a return that was approved")
        .With("status", StatusName(return_state->status()));
  }
  for (auto [amount, field] : {std::pair{&spec.goodwill(), "spec.goodwill"},
                               std::pair{&spec.label_fee(), "spec.label_fee"},
                               std::pair{&spec.deduction(), "spec.deduction"}}) {
    absl::Status status = CheckAmount(*amount, currency, field);
    if (!status.ok()) return status;
  }

  absl::StatusOr<std::vector<Group>> groups =
      spec.items_size() > 0 || return_state == nullptr
          ? GroupsOfSpec(order, spec, return_state, refunds_of_order, exchanges_of_order)
          : GroupsOfReturn(order, *return_state, refunds_of_order, exchanges_of_order);
  if (!groups.ok()) return groups.status();
  if (groups->empty() && spec.goodwill().minor_units() == 0) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_REFUND",
                  "name the items to refund, or a return, or a goodwill amount")
        .Field("spec.items", "units of the order that are not refunded yet");
  }
  for (const Group& group : *groups) {
    if (IsWrong(group.condition) && !group.evidence) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "EVIDENCE_REQUIRED",
                    Cat("refusing the refund of line ", order.lines(group.line).line_id(),
                        " for a wrong item or empty box needs photos; add them as "
                        "evidence to the inspection"))
          .With("line_id", order.lines(group.line).line_id())
          .With("inspection_id", group.inspection_id);
    }
  }

  LineShares shares(order, refunds_of_order, exchanges_of_order);
  absl::Status units = CheckUnits(order, spec, *groups, shares, exchanges_of_order);
  if (!units.ok()) return units;

  v1::RefundQuote quote;
  Sum sum(currency, &quote);
  const bool late = return_state != nullptr ? return_state->late() || spec.late() : spec.late();
  if (return_state != nullptr) {
    groups =
        Promised(order, *return_state, *std::move(groups), refunds_of_order, exchanges_of_order);
  }
  for (const Group& group : *groups) {
    QuoteGroup(order, policy.Of(order.lines(group.line)), group, late, &shares, &sum);
    v1::RefundItem* item = quote.add_items();
    item->set_line_id(order.lines(group.line).line_id());
    item->set_quantity(group.quantity);
    item->set_condition(group.condition);
    item->set_reason(group.reason);
    item->set_exchange(group.exchange);
    item->set_shipping_kept(KeepsShipping(policy.Of(order.lines(group.line)), group));
  }
  absl::StatusOr<int64_t> label_fee = LabelFee(order, spec, return_state, refunds_of_order);
  if (!label_fee.ok()) return label_fee.status();
  sum.Whole(v1::BreakdownLine::KIND_GOODWILL, spec.goodwill().minor_units());
  sum.Whole(v1::BreakdownLine::KIND_LABEL_FEE, -*label_fee);
  sum.Whole(v1::BreakdownLine::KIND_DEDUCTION, -spec.deduction().minor_units());

  const absl::int128 total = sum.total();
  const absl::int128 magnitude = total < 0 ? -total : total;
  if (magnitude > std::numeric_limits<int64_t>::max()) {
    return Refuse(absl::StatusCode::kOutOfRange, "AMOUNT_OVERFLOW",
                  "the refund is too large to be an amount")
        .Field(total > 0 ? FieldOfAmount(spec)
               : spec.deduction().minor_units() >= spec.label_fee().minor_units()
                   ? "spec.deduction"
                   : "spec.label_fee",
               "give an amount that the order can have");
  }
  *quote.mutable_total() = money::Make(total > 0 ? static_cast<int64_t>(total) : 0, currency);
  *quote.mutable_fees_waived() =
      money::Make(total < 0 ? static_cast<int64_t>(-total) : 0, currency);
  *quote.mutable_refundable() = Refundable(order, refunds_of_order, exchanges_of_order);
  quote.set_policy_profile(policy.Whole().profile());
  return quote;
}

UnitsValue ValueOfUnits(const v1::Order& order, int line, int32_t quantity,
                        std::span<const v1::Refund> refunds_of_order,
                        std::span<const v1::Exchange> exchanges_of_order) {
  LineShares shares(order, refunds_of_order, exchanges_of_order);
  Group group;
  group.line = line;
  group.quantity = quantity;
  return {shares.Take(LineShares::kItem, group), shares.Take(LineShares::kTax, group)};
}

absl::Status CheckNotPaidByPlatform(const v1::Return& state,
                                    std::span<const v1::Refund> refunds_of_order) {
  const v1::Money& reported = state.platform_refunded();
  int64_t known = 0;
  for (const v1::Refund& refund : refunds_of_order) {
    // One that names no return may be what the marketplace shows with this one.
    const bool may_be_it = refund.return_name() == state.name() || refund.return_name().empty();
    if (may_be_it && refund.total().currency_code() == reported.currency_code()) {
      known += HeldUnits(refund);
    }
  }
  if (reported.minor_units() <= known) return absl::OkStatus();
  return Refuse(absl::StatusCode::kFailedPrecondition, "ALREADY_REFUNDED_BY_PLATFORM",
                Cat("the marketplace reports a refund of ", money::Format(reported),
                    " of the return, of which ",
                    money::Format(money::Make(known, reported.currency_code())),
                    " is known here; look there, and pay only what is still owed: a manager may do "
                    "so with override_reason"))
      .Field("spec.override_reason", "say why it is owed all the same, with role MANAGER")
      .With("reported", reported.minor_units())
      .With("known", known)
      .With("currency_code", reported.currency_code());
}

absl::Status CheckRefundable(const v1::Order& order, const v1::Money& total,
                             std::span<const v1::Refund> refunds_of_order,
                             std::span<const v1::Exchange> exchanges_of_order,
                             std::string_view field) {
  const v1::Money remaining = Refundable(order, refunds_of_order, exchanges_of_order);
  if (total.minor_units() != 0 && total.currency_code() != remaining.currency_code()) {
    return Refuse(absl::StatusCode::kInvalidArgument, "CURRENCY_MISMATCH",
                  Cat("the refund is ", money::Format(total), " but the order is in ",
                      remaining.currency_code()));
  }
  if (total.minor_units() <= remaining.minor_units()) return absl::OkStatus();
  auto refusal =
      Refuse(
          absl::StatusCode::kFailedPrecondition, "EXCEEDS_REFUNDABLE",
          Cat("a refund of ", money::Format(total), " goes beyond the ", money::Format(remaining),
              " that the order can still give back; unsettled refunds are reserved. If the "
              "rest was given in another way, such as goodwill, take it off as `deduction`"))
          .With("remaining", remaining.minor_units())
          .With("currency_code", remaining.currency_code());
  if (!field.empty()) {
    refusal.Field(field, Cat("what comes to at most ", money::Format(remaining)));
  }
  return refusal;
}

std::string_view FieldOfAmount(const v1::RefundSpec& spec) {
  return spec.goodwill().minor_units() > 0 ? "spec.goodwill"
         : spec.items_size() > 0           ? "spec.items"
                                           : "spec.return_name";
}

bool ReturnlessAllowed(const v1::Policy& policy, const ReturnlessCase& c) {
  const v1::ReturnlessPolicy& rule = policy.returnless();
  if (rule.brand_registered_only() && !c.brand_registered) return false;
  auto cap = rule.cap_minor_units().find(std::string(c.currency_code));
  if (cap == rule.cap_minor_units().end() || c.item_value > cap->second) return false;
  return c.reverse_cost == 0 || c.expected_recovery < c.reverse_cost;
}

}  // namespace aftersales
