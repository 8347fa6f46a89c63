#include "core/domain/return_items.h"

#include <algorithm>
#include <limits>

namespace aftersales {
namespace {

std::string WithoutPrefix(const std::string& name) {
  constexpr std::string_view kPrefix = "STATUS_";
  return name.substr(name.starts_with(kPrefix) ? kPrefix.size() : 0);
}

bool GivesUnitsBack(v1::Return::Status status) {
  return status == v1::Return::STATUS_REJECTED || status == v1::Return::STATUS_CANCELLED ||
         status == v1::Return::STATUS_EXPIRED;
}

}  // namespace

std::string StatusName(v1::Return::Status status) {
  return WithoutPrefix(v1::Return::Status_Name(status));
}

std::string StatusName(v1::Refund::Status status) {
  return WithoutPrefix(v1::Refund::Status_Name(status));
}

const v1::ReturnItem* FindItem(const v1::Return& state, std::string_view line_id) {
  if (line_id.empty()) return state.items_size() == 1 ? &state.items(0) : nullptr;
  for (const v1::ReturnItem& item : state.items()) {
    if (item.line_id() == line_id) return &item;
  }
  for (const v1::ReturnItem& item : state.items()) {
    if (item.sku() == line_id || item.external_item_id() == line_id) return &item;
  }
  return nullptr;
}

v1::ReturnItem* FindItem(v1::Return* state, std::string_view line_id) {
  return const_cast<v1::ReturnItem*>(FindItem(*state, line_id));
}

int32_t UnitsKept(const v1::Return& state, std::string_view line_id) {
  int64_t units = 0;
  for (const v1::ExchangedUnits& exchange : state.exchanges()) {
    if (!exchange.goods_waived()) continue;
    for (const v1::ExchangedUnits::Line& line : exchange.lines()) {
      if (line.line_id() == line_id) units += line.quantity();
    }
  }
  return static_cast<int32_t>(std::min<int64_t>(units, std::numeric_limits<int32_t>::max()));
}

int32_t UnitsAgreed(const v1::ReturnItem& item) {
  return item.quantity_approved() > 0 ? item.quantity_approved() : item.quantity_requested();
}

bool IsSentBack(const v1::Inspection& inspection) {
  return inspection.disposition() == v1::DISPOSITION_RETURN_TO_BUYER &&
         !IsWrong(inspection.condition());
}

int32_t UnitsSentBack(const v1::Return& state, std::string_view line_id) {
  int64_t units = 0;
  for (const v1::Inspection& inspection : state.inspections()) {
    if (inspection.line_id() == line_id && IsSentBack(inspection)) units += inspection.quantity();
  }
  return static_cast<int32_t>(std::min<int64_t>(units, std::numeric_limits<int32_t>::max()));
}

int32_t UnitsPayable(const v1::Return& state, const v1::ReturnItem& item) {
  const int64_t agreed = UnitsAgreed(item);
  const int64_t surplus = std::max<int64_t>(0, item.quantity_received() - agreed);
  const int64_t gone = std::max<int64_t>(0, UnitsSentBack(state, item.line_id()) - surplus);
  return static_cast<int32_t>(std::max<int64_t>(0, agreed - gone));
}

int64_t UnitsAsSold(const v1::Return& state, const v1::ReturnItem& item) {
  const int64_t surplus =
      std::max<int64_t>(0, int64_t{item.quantity_received()} - item.quantity_approved());
  return UnitsPayable(state, item) - std::max<int64_t>(0, item.quantity_wrong() - surplus);
}

int32_t UnitsExpected(const v1::Return& state, const v1::ReturnItem& item) {
  return std::max(0, UnitsAgreed(item) - UnitsKept(state, item.line_id()));
}

const v1::Receipt* FindReceipt(const v1::Return& state, std::string_view receipt_id) {
  if (receipt_id.empty()) return nullptr;
  for (const v1::Receipt& receipt : state.receipts()) {
    if (receipt.receipt_id() == receipt_id) return &receipt;
  }
  return nullptr;
}

const v1::Inspection* FindInspection(const v1::Return& state, std::string_view inspection_id) {
  if (inspection_id.empty()) return nullptr;
  for (const v1::Inspection& inspection : state.inspections()) {
    if (inspection.inspection_id() == inspection_id) return &inspection;
  }
  return nullptr;
}

int LineIndex(const v1::Order& order, std::string_view line_id) {
  for (int i = 0; i < order.lines_size(); ++i) {
    if (order.lines(i).line_id() == line_id) return i;
  }
  return -1;
}

const v1::OrderLine* OrderLineOf(const v1::Order& order, const v1::ReturnItem& item) {
  const auto first = [&](const std::string& wanted, auto id_of) -> const v1::OrderLine* {
    if (wanted.empty()) return nullptr;
    const auto found =
        std::find_if(order.lines().begin(), order.lines().end(),
                     [&](const v1::OrderLine& line) { return id_of(line) == wanted; });
    return found == order.lines().end() ? nullptr : &*found;
  };
  const v1::OrderLine* line =
      first(item.line_id(), [](const v1::OrderLine& l) { return l.line_id(); });
  if (line == nullptr) {
    line =
        first(item.external_item_id(), [](const v1::OrderLine& l) { return l.external_item_id(); });
  }
  if (line == nullptr) line = first(item.sku(), [](const v1::OrderLine& l) { return l.sku(); });
  return line;
}

int64_t UnitsInOtherReturns(std::span<const v1::Return> returns_of_order, std::string_view own,
                            std::string_view line_id) {
  int64_t units = 0;
  for (const v1::Return& other : returns_of_order) {
    // Names grow with time.
    const bool later = !own.empty() && other.name() > own;
    if (other.name() == own) continue;
    const bool over = GivesUnitsBack(other.status()) || (later && !IsApproved(other));
    for (const v1::ReturnItem& item : other.items()) {
      if (item.line_id() != line_id) continue;
      // What the buyer was given for a unit stays given, however its return ended.
      const int64_t settled = int64_t{item.quantity_refunded()} + item.quantity_exchanged();
      const int64_t live =
          over ? 0
               : int64_t{IsApproved(other) ? item.quantity_approved() : item.quantity_requested()} -
                     item.quantity_missing();
      units += std::max(settled, live);
    }
  }
  return units;
}

bool IsApproved(const v1::Return& state) {
  return state.decision().verdict() == v1::Decision::VERDICT_APPROVED ||
         state.decision().verdict() == v1::Decision::VERDICT_APPROVED_RETURNLESS;
}

bool IsLive(v1::ReturnLabel::State state) {
  return state != v1::ReturnLabel::STATE_UNSPECIFIED && state != v1::ReturnLabel::STATE_FAILED &&
         state != v1::ReturnLabel::STATE_VOIDED && state != v1::ReturnLabel::STATE_VOIDING &&
         state != v1::ReturnLabel::STATE_EXPIRED;
}

bool LostAtSellersRisk(const v1::Return& state) {
  for (auto label = state.labels().rbegin(); label != state.labels().rend(); ++label) {
    if (IsLive(label->state())) return label->paid_by() != v1::ReturnLabel::PAYER_BUYER;
  }
  return state.return_method() == v1::RETURN_METHOD_PREPAID;
}

bool IsWrong(v1::Condition condition) {
  return condition == v1::CONDITION_WRONG_ITEM || condition == v1::CONDITION_EMPTY_BOX;
}

}  // namespace aftersales
