#include "core/domain/return_guards.h"

#include <algorithm>
#include <set>
#include <string>

#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/money.h"
#include "core/domain/reasons.h"
#include "core/domain/refund_quote.h"
#include "core/domain/return_fold.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

constexpr int kMaxItems = 100;
constexpr int32_t kMaxUnits = 1'000'000;
constexpr size_t kMaxReasonCode = 64;
constexpr size_t kMaxReason = 500;
constexpr size_t kMaxText = 2000;
// How far a caller's clock may run ahead of the host's.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

std::string StatusText(v1::Return::Status status) {
  std::string text = v1::Return::Status_Name(status);
  constexpr std::string_view kPrefix = "STATUS_";
  return text.substr(text.rfind(kPrefix, 0) == 0 ? kPrefix.size() : 0);
}

absl::Status InvalidState(const v1::Return& state, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                Cat("the return is ", StatusText(state.status()), "; ", what))
      .With("status", StatusText(state.status()));
}

absl::Status PlatformManaged() {
  return Refuse(absl::StatusCode::kFailedPrecondition, "PLATFORM_MANAGED",
                "the marketplace fulfils this order and decides on its returns; nothing is to be "
                "done here");
}

absl::Status CheckText(std::string_view text, std::string_view field, size_t limit) {
  if (text.size() <= limit) return absl::OkStatus();
  return InvalidField(field, "TOO_LONG",
                      Cat(field, " has ", text.size(), " bytes; at most ", limit, " are kept"));
}

absl::Status CheckReason(std::string_view reason, std::string_view field, size_t limit) {
  if (reason.empty()) {
    return InvalidField(field, "REASON_REQUIRED", Cat("say why in ", field));
  }
  return CheckText(reason, field, limit);
}

absl::Status BadQuantity(std::string_view field, int32_t quantity, int64_t most) {
  return InvalidField(field, "BAD_QUANTITY", Cat(field, " is ", quantity, "; give 1 to ", most));
}

absl::Status LineUnknown(std::string_view field, std::string_view line, std::string_view of) {
  return InvalidField(field, "LINE_UNKNOWN", Cat(of, " has no line `", line.substr(0, 128), "`"));
}

// The item that a line id names; the only one when it names none.
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

const v1::OrderLine* ResolveLine(const v1::Order& order, const v1::ReturnItem& item) {
  const v1::OrderLine* found = nullptr;
  for (const v1::OrderLine& line : order.lines()) {
    bool same = false;
    if (!item.line_id().empty()) {
      same = line.line_id() == item.line_id();
    } else if (!item.external_item_id().empty()) {
      same = line.external_item_id() == item.external_item_id();
    } else {
      same = line.sku() == item.sku();
    }
    if (!same) continue;
    if (found != nullptr) return nullptr;  // a SKU that stands on two lines names neither
    found = &line;
  }
  if (found != nullptr && !item.sku().empty() && item.sku() != found->sku()) return nullptr;
  return found;
}

bool GivesUnitsBack(v1::Return::Status status) {
  return status == v1::Return::STATUS_REJECTED || status == v1::Return::STATUS_CANCELLED ||
         status == v1::Return::STATUS_EXPIRED;
}

int64_t UnitsInReturns(std::span<const v1::Return> returns, const v1::OrderLine& line,
                       std::string_view except) {
  int64_t units = 0;
  for (const v1::Return& other : returns) {
    if (GivesUnitsBack(other.status()) || (!except.empty() && other.name() == except)) continue;
    for (const v1::ReturnItem& item : other.items()) {
      if (item.line_id() != line.line_id()) continue;
      const int32_t live = other.decision().verdict() == v1::Decision::VERDICT_UNSPECIFIED
                               ? item.quantity_requested()
                               : item.quantity_approved();
      units += std::max(0, live - item.quantity_missing());
    }
  }
  return units;
}

absl::Status CheckDecidable(const v1::Return& state, v1::Role role) {
  if (state.platform_managed() && role != v1::ROLE_PLATFORM) return PlatformManaged();
  if (state.status() != v1::Return::STATUS_REQUESTED) {
    return InvalidState(state, "only a return that is REQUESTED can be decided");
  }
  return absl::OkStatus();
}

v1::Validity ValidityOf(const v1::Order& order, const v1::Policy& policy, absl::Time requested_at,
                        absl::TimeZone zone) {
  v1::Validity validity;
  validity.set_in_policy(true);
  if (!order.has_delivered_at()) {
    // Unproven, so it has to be answered.
    validity.add_reasons("DELIVERY_DATE_UNKNOWN");
    return validity;
  }
  const ReturnWindow window =
      ReturnWindowOf(calendar::FromProto(order.delivered_at()), zone, policy.return_window_days());
  if (requested_at >= window.closes_at) {
    validity.set_in_policy(false);
    validity.add_reasons("OUT_OF_WINDOW");
  }
  return validity;
}

int64_t InspectedUnits(const v1::Return& state, std::string_view line_id) {
  int64_t units = 0;
  for (const v1::Inspection& inspection : state.inspections()) {
    if (inspection.line_id() == line_id) units += inspection.quantity();
  }
  return units;
}

v1::Disposition DefaultDisposition(v1::Condition condition) {
  switch (condition) {
    case v1::CONDITION_NEW:
    case v1::CONDITION_OPENED:
      return v1::DISPOSITION_RESTOCK;
    case v1::CONDITION_WRONG_ITEM:
    case v1::CONDITION_EMPTY_BOX:
      return v1::DISPOSITION_QUARANTINE;
    case v1::CONDITION_OPENED_SOFTWARE_OR_MEDIA:
      return v1::DISPOSITION_LIQUIDATE;
    default:
      return v1::DISPOSITION_REFURBISH;
  }
}

bool IsLive(v1::ReturnLabel::State state) {
  return state != v1::ReturnLabel::STATE_FAILED && state != v1::ReturnLabel::STATE_VOIDED &&
         state != v1::ReturnLabel::STATE_UNSPECIFIED;
}

v1::ReturnLabel::Payer PayerByFault(const v1::Return& state) {
  const bool buyer =
      state.items_size() > 0 &&
      std::all_of(state.items().begin(), state.items().end(),
                  [](const v1::ReturnItem& item) { return item.fault() == v1::FAULT_BUYER; });
  return buyer ? v1::ReturnLabel::PAYER_BUYER : v1::ReturnLabel::PAYER_SELLER;
}

}  // namespace

absl::Status CheckCreate(const v1::Order& order, const v1::Policy& policy, absl::Time now,
                         std::span<const v1::Return> returns_of_order, v1::Return* request,
                         absl::TimeZone zone) {
  const std::string base = "return_resource.items";
  if (request->items_size() == 0) {
    return InvalidField(base, "MISSING_FIELD", "name at least one line to return");
  }
  if (request->items_size() > kMaxItems) {
    return InvalidField(base, "TOO_MANY_LINES", Cat("a return has at most ", kMaxItems, " lines"));
  }
  std::set<std::string_view> seen;
  for (int i = 0; i < request->items_size(); ++i) {
    v1::ReturnItem* item = request->mutable_items(i);
    const std::string field = Cat(base, "[", i, "]");
    const v1::OrderLine* line = ResolveLine(order, *item);
    if (line == nullptr) {
      return LineUnknown(Cat(field, ".line_id"),
                         item->line_id().empty() ? item->sku() : item->line_id(),
                         Cat("order ", order.external_id()));
    }
    if (item->quantity_requested() < 1 || item->quantity_requested() > kMaxUnits) {
      return BadQuantity(Cat(field, ".quantity_requested"), item->quantity_requested(),
                         std::max(1, line->quantity_shipped()));
    }
    if (item->buyer_reason() == v1::RETURN_REASON_UNSPECIFIED) {
      return InvalidField(Cat(field, ".buyer_reason"), "REASON_REQUIRED",
                          "say why the buyer returns it");
    }
    if (!seen.insert(line->line_id()).second) {
      return InvalidField(Cat(field, ".line_id"), "DUPLICATE_LINE",
                          Cat("line `", line->line_id(), "` is named twice; give its units once"));
    }
    if (line->quantity_shipped() == 0) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_SHIPPED",
                    Cat("line ", line->line_id(), " of order ", order.external_id(),
                        " has not been shipped; only shipped units can be returned"))
          .Field(Cat(field, ".line_id"), "name a shipped line")
          .With("shipped", 0);
    }
    const int64_t returnable = std::max<int64_t>(
        0, line->quantity_shipped() - UnitsInReturns(returns_of_order, *line, request->name()));
    if (item->quantity_requested() > returnable) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "QUANTITY_EXCEEDS_RETURNABLE",
                    Cat("line ", line->line_id(), " has ", returnable,
                        " units left to return, not ", item->quantity_requested()))
          .Field(Cat(field, ".quantity_requested"), Cat("give at most ", returnable))
          .With("returnable", returnable);
    }
    item->set_line_id(line->line_id());
    item->set_sku(line->sku());
    if (item->external_item_id().empty()) item->set_external_item_id(line->external_item_id());
    if (item->asin().empty()) item->set_asin(line->asin());
    item->set_fault(MeaningOf(item->buyer_reason()).fault);
  }

  if (!request->has_requested_at()) *request->mutable_requested_at() = calendar::ToProto(now);
  const absl::Time requested_at = calendar::FromProto(request->requested_at());
  if (requested_at > now + kClockSkew) {
    return InvalidField("return_resource.requested_at", "BAD_TIME",
                        Cat("requested_at ", calendar::InstantText(requested_at),
                            " lies in the future; it is ", calendar::InstantText(now)));
  }
  request->set_order(order.name());
  request->set_order_external_id(order.external_id());
  request->set_channel(order.channel());
  request->set_fulfillment(order.fulfillment());
  request->set_platform_managed(order.fulfillment() == v1::FULFILLMENT_AFN);
  if (!request->has_validity()) {
    *request->mutable_validity() = ValidityOf(order, policy, requested_at, zone);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ReturnApproved> CheckApprove(const v1::Return& state, const v1::Channel& channel,
                                                const v1::Policy& policy, v1::Role role,
                                                const v1::ApproveReturnRequest& request,
                                                absl::Time now) {
  absl::Status decidable = CheckDecidable(state, role);
  if (!decidable.ok()) return decidable;
  v1::ReturnApproved fact;
  fact.set_return_method(request.return_method() == v1::RETURN_METHOD_UNSPECIFIED
                             ? v1::RETURN_METHOD_MERCHANT_LABEL
                             : request.return_method());
  if (fact.return_method() == v1::RETURN_METHOD_NONE) {
    return InvalidField("return_method", "BAD_RETURN_METHOD",
                        "with this method nothing comes back; use ApproveReturnless");
  }
  for (const v1::ReturnAddress& address : channel.return_addresses()) {
    const bool wanted =
        request.return_address_id().empty() || request.return_address_id() == address.address_id();
    if (wanted && address.state() == v1::ReturnAddress::STATE_APPROVED) {
      fact.set_return_address_id(address.address_id());
      break;
    }
  }
  if (fact.return_address_id().empty()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "RETURN_ADDRESS_REQUIRED",
                  request.return_address_id().empty()
                      ? std::string("the channel has no approved return address; add one first")
                      : Cat("return address `", request.return_address_id(),
                            "` is not an approved one of the channel"))
        .Field("return_address_id", "name an approved return address of the channel");
  }
  std::set<std::string_view> seen;
  for (int i = 0; i < request.lines_size(); ++i) {
    const v1::Receipt::Line& line = request.lines(i);
    const v1::ReturnItem* item = FindItem(state, line.line_id());
    if (item == nullptr) {
      return LineUnknown(Cat("lines[", i, "].line_id"), line.line_id(), "the return");
    }
    if (line.quantity() < 1 || line.quantity() > item->quantity_requested()) {
      return BadQuantity(Cat("lines[", i, "].quantity"), line.quantity(),
                         item->quantity_requested());
    }
    if (!seen.insert(item->line_id()).second) {
      return InvalidField(Cat("lines[", i, "].line_id"), "DUPLICATE_LINE",
                          Cat("line `", item->line_id(), "` is named twice"));
    }
    v1::Receipt::Line* approved = fact.add_lines();
    approved->set_line_id(item->line_id());
    approved->set_quantity(line.quantity());
  }
  *fact.mutable_return_by() = calendar::ToProto(now + absl::Hours(24) * policy.return_by_days());
  return fact;
}

absl::StatusOr<v1::ReturnApproved> CheckApproveReturnless(
    const v1::Return& state, const v1::Order* order, const v1::Channel& channel,
    const v1::Policy& policy, v1::Role role, const v1::ApproveReturnlessRequest& request) {
  absl::Status decidable = CheckDecidable(state, role);
  if (!decidable.ok()) return decidable;
  absl::Status text = CheckText(request.override_reason(), "override_reason", kMaxReason);
  if (!text.ok()) return text;

  ReturnlessCase the_case;
  the_case.brand_registered = channel.brand_registered();
  the_case.currency_code = order == nullptr ? channel.currency_code() : order->currency_code();
  bool known = order != nullptr;
  for (const v1::ReturnItem& item : state.items()) {
    const v1::OrderLine* line = order == nullptr ? nullptr : ResolveLine(*order, item);
    if (line == nullptr || line->quantity() < 1) {
      known = false;
      continue;
    }
    the_case.item_value +=
        money::CumulativeUnits(line->item_total().minor_units(), line->quantity(),
                               std::min(item.quantity_requested(), line->quantity()));
  }
  v1::ReturnApproved fact;
  fact.set_return_method(v1::RETURN_METHOD_NONE);
  if (known && ReturnlessAllowed(policy, the_case)) return fact;

  if (!request.override_reason().empty() && role == v1::ROLE_MANAGER) {
    fact.set_override_reason(request.override_reason());
    return fact;
  }
  const std::string why =
      known ? Cat("letting the buyer keep goods worth ",
                  money::Format(money::Make(the_case.item_value, the_case.currency_code)),
                  the_case.brand_registered || !policy.returnless().brand_registered_only()
                      ? " is above the cap of the policy"
                      : " takes a brand-registered channel")
            : std::string("the order is not imported, so the value of the goods is unknown");
  return Refuse(request.override_reason().empty() ? absl::StatusCode::kFailedPrecondition
                                                  : absl::StatusCode::kPermissionDenied,
                "RETURNLESS_NOT_ALLOWED",
                Cat(why, "; a manager may override it with override_reason"))
      .Field("override_reason", "only with role MANAGER");
}

absl::StatusOr<v1::ReturnRejected> CheckReject(const v1::Return& state, v1::Role role,
                                               const v1::RejectReturnRequest& request) {
  absl::Status decidable = CheckDecidable(state, role);
  if (!decidable.ok()) return decidable;
  absl::Status reason = CheckReason(request.reason_code(), "reason_code", kMaxReasonCode);
  if (!reason.ok()) return reason;
  absl::Status text = CheckText(request.text(), "text", kMaxText);
  if (!text.ok()) return text;
  absl::Status override_text = CheckText(request.override_reason(), "override_reason", kMaxReason);
  if (!override_text.ok()) return override_text;
  const bool overrides =
      role == v1::ROLE_PLATFORM || (role == v1::ROLE_MANAGER && !request.override_reason().empty());
  if (state.validity().in_policy() && !overrides) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_REJECTION_RISK",
                  "the request is inside the return policy; rejecting it counts against the "
                  "account, so it takes a manager and an override_reason")
        .Field("override_reason", "say why, with role MANAGER");
  }
  v1::ReturnRejected fact;
  fact.set_reason_code(request.reason_code());
  fact.set_text(request.text().empty() ? request.override_reason() : request.text());
  return fact;
}

absl::Status CheckCancel(const v1::Return& state) {
  switch (state.status()) {
    case v1::Return::STATUS_REQUESTED:
    case v1::Return::STATUS_APPROVED:
    case v1::Return::STATUS_IN_TRANSIT:
      break;
    default:
      return InvalidState(state,
                          "only one that is REQUESTED, APPROVED or IN_TRANSIT can be "
                          "cancelled");
  }
  for (const v1::ReturnItem& item : state.items()) {
    if (item.quantity_received() > 0 || item.quantity_refunded() > 0) {
      return InvalidState(state, "units of it were already received or refunded");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReopen(const v1::Return& state, std::string_view reason) {
  absl::Status status = CheckReason(reason, "reason", kMaxReason);
  if (!status.ok()) return status;
  if (state.status() == v1::Return::STATUS_REJECTED ||
      state.status() == v1::Return::STATUS_EXPIRED) {
    return absl::OkStatus();
  }
  return InvalidState(state, "only one that is REJECTED or EXPIRED can be opened again");
}

absl::StatusOr<v1::ReturnLabel> CheckIssueLabel(const v1::Return& state,
                                                const v1::IssueReturnLabelRequest& request) {
  if (state.platform_managed()) return PlatformManaged();
  if (state.status() != v1::Return::STATUS_APPROVED) {
    return InvalidState(state, "a label goes to a return that is APPROVED");
  }
  for (const v1::ReturnLabel& label : state.labels()) {
    if (!IsLive(label.state())) continue;
    return Refuse(absl::StatusCode::kFailedPrecondition, "LABEL_EXISTS",
                  Cat("the return has a label already", label.tracking_number().empty() ? "" : ", ",
                      label.tracking_number(), "; there is one at a time"))
        .With("label_id", label.label_id());
  }
  if (!request.tracking_number().empty() && request.carrier().empty()) {
    return InvalidField("carrier", "MISSING_FIELD",
                        "name the carrier of the tracking number, such as dhl");
  }
  if (request.tracking_number().size() > 100) {
    return InvalidField("tracking_number", "TOO_LONG", "a tracking number has at most 100 bytes");
  }
  if (request.cost().minor_units() < 0) {
    return InvalidField("cost", "NEGATIVE_AMOUNT", "give a cost of at least 0");
  }
  if (request.cost().minor_units() != 0 && !money::IsCurrencyCode(request.cost().currency_code())) {
    return InvalidField("cost.currency_code", "BAD_CURRENCY",
                        "give the cost an ISO 4217 currency such as USD");
  }
  v1::ReturnLabel label;
  label.set_label_id(Cat("label-", state.labels_size() + 1));
  label.set_carrier(request.carrier());
  label.set_tracking_number(request.tracking_number());
  const bool own = !request.tracking_number().empty();
  label.set_kind(own ? v1::ReturnLabel::KIND_MERCHANT : v1::ReturnLabel::KIND_CARRIER);
  label.set_state(own ? v1::ReturnLabel::STATE_ISSUED : v1::ReturnLabel::STATE_REQUESTED);
  if (request.has_cost()) *label.mutable_cost() = request.cost();
  label.set_paid_by(request.paid_by() == v1::ReturnLabel::PAYER_UNSPECIFIED ? PayerByFault(state)
                                                                            : request.paid_by());
  return label;
}

absl::StatusOr<v1::Receipt> CheckReceipt(const v1::Return& state, const v1::Receipt& receipt) {
  v1::Receipt checked = receipt;
  checked.clear_lines();
  for (int i = 0; i < receipt.lines_size(); ++i) {
    const v1::Receipt::Line& line = receipt.lines(i);
    const v1::ReturnItem* item = FindItem(state, line.line_id());
    if (item == nullptr) {
      return LineUnknown(Cat("receipt.lines[", i, "].line_id"), line.line_id(), "the return");
    }
    if (line.quantity() < 1 || line.quantity() > kMaxUnits) {
      return BadQuantity(Cat("receipt.lines[", i, "].quantity"), line.quantity(), kMaxUnits);
    }
    v1::Receipt::Line* added = checked.add_lines();
    added->set_line_id(item->line_id());
    added->set_quantity(line.quantity());
  }
  if (receipt.lines_size() == 0) {
    for (const v1::ReturnItem& item : state.items()) {
      const int32_t expected =
          item.quantity_approved() > 0 ? item.quantity_approved() : item.quantity_requested();
      if (expected <= item.quantity_received()) continue;
      v1::Receipt::Line* added = checked.add_lines();
      added->set_line_id(item.line_id());
      added->set_quantity(expected - item.quantity_received());
    }
  }
  if (checked.lines_size() == 0) {
    return InvalidField("receipt.lines", "MISSING_FIELD",
                        "all approved units were received; name the lines that came on top");
  }
  return checked;
}

absl::Status CheckCloseShort(const v1::Return& state, std::string_view reason) {
  absl::Status status = CheckReason(reason, "reason", kMaxReason);
  if (!status.ok()) return status;
  const bool waiting = state.status() == v1::Return::STATUS_PARTIALLY_RECEIVED ||
                       state.status() == v1::Return::STATUS_INSPECTED ||
                       state.status() == v1::Return::STATUS_RESOLVED;
  const bool outstanding =
      state.short_reason().empty() &&
      std::any_of(state.items().begin(), state.items().end(), [](const v1::ReturnItem& item) {
        return item.quantity_received() < item.quantity_approved();
      });
  const bool received =
      std::any_of(state.items().begin(), state.items().end(),
                  [](const v1::ReturnItem& item) { return item.quantity_received() > 0; });
  if (waiting && outstanding && received) return absl::OkStatus();
  return InvalidState(state,
                      "only one of which some units came and some did not can be closed "
                      "short");
}

absl::StatusOr<v1::Inspection> CheckInspection(const v1::Return& state,
                                               const v1::Inspection& inspection,
                                               std::string_view field) {
  const v1::ReturnItem* item = FindItem(state, inspection.line_id());
  if (item == nullptr) {
    return LineUnknown(Cat(field, ".line_id"), inspection.line_id(), "the return");
  }
  v1::Inspection checked = inspection;
  checked.set_line_id(item->line_id());
  if (inspection.condition() == v1::CONDITION_UNSPECIFIED) {
    return InvalidField(Cat(field, ".condition"), "MISSING_FIELD",
                        "say in what condition the units are");
  }
  if (inspection.quantity() < 1 || inspection.quantity() > kMaxUnits) {
    return BadQuantity(Cat(field, ".quantity"), inspection.quantity(), kMaxUnits);
  }
  if (checked.disposition() == v1::DISPOSITION_UNSPECIFIED) {
    checked.set_disposition(DefaultDisposition(inspection.condition()));
  }
  // The same inspection sent again changes nothing.
  for (const v1::Inspection& known : state.inspections()) {
    if (!inspection.inspection_id().empty() &&
        known.inspection_id() == inspection.inspection_id()) {
      return checked;
    }
  }
  const int64_t left = item->quantity_received() - InspectedUnits(state, item->line_id());
  if (inspection.quantity() > left) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_RECEIVED",
                  Cat("line ", item->line_id(), " has ", std::max<int64_t>(0, left),
                      " received units that are not inspected yet, not ", inspection.quantity(),
                      "; record the receipt first"))
        .Field(Cat(field, ".quantity"), Cat("give at most ", std::max<int64_t>(0, left)))
        .With("uninspected", std::max<int64_t>(0, left));
  }
  return checked;
}

absl::Status CheckClose(const v1::Return& state, std::span<const v1::Refund> refunds,
                        const v1::CloseReturnRequest& request) {
  absl::Status reason = CheckReason(request.reason(), "reason", kMaxReason);
  if (!reason.ok()) return reason;
  switch (state.status()) {
    case v1::Return::STATUS_RECEIVED:
    case v1::Return::STATUS_INSPECTED:
    case v1::Return::STATUS_RESOLVED:
    case v1::Return::STATUS_LOST:
      break;
    default:
      return InvalidState(state, "only one whose goods came, or that is resolved, can be closed");
  }
  for (const v1::Refund& refund : refunds) {
    switch (refund.status()) {
      case v1::Refund::STATUS_APPROVED:
      case v1::Refund::STATUS_SUBMITTED:
      case v1::Refund::STATUS_UNKNOWN:
        return Refuse(absl::StatusCode::kFailedPrecondition, "REFUND_PENDING",
                      Cat("refund ", refund.name(), " is not settled yet; settle it first"))
            .With("refund", refund.name());
      default:
        break;
    }
  }
  if (!NothingOwed(state) && !request.without_refund()) {
    return InvalidState(state,
                        "units were accepted and not refunded: refund them, or close with "
                        "without_refund");
  }
  return absl::OkStatus();
}

}  // namespace aftersales
