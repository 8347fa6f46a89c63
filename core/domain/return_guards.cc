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
#include "core/domain/return_items.h"
#include "core/domain/return_options.h"
#include "core/domain/stated_reason.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

constexpr int kMaxItems = 100;
constexpr size_t kMaxReasonCode = 64;
constexpr size_t kMaxText = 2000;

absl::Status InvalidState(const v1::Return& state, std::string_view what) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                Cat("the return is ", StatusName(state.status()), "; ", what))
      .With("status", StatusName(state.status()));
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

// `OUT_OF_WINDOW`, not a sentence.
bool IsCode(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

absl::Status BadQuantity(std::string_view field, int32_t quantity, int64_t most) {
  return InvalidField(field, "BAD_QUANTITY", Cat(field, " is ", quantity, "; give 1 to ", most));
}

absl::Status LineUnknown(std::string_view field, std::string_view line, std::string_view of) {
  return InvalidField(field, "LINE_UNKNOWN", Cat(of, " has no line `", line.substr(0, 128), "`"));
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

absl::Status CheckDecidable(const v1::Return& state, v1::Role role) {
  if (state.platform_managed() && role != v1::ROLE_PLATFORM) return PlatformManaged();
  if (state.status() != v1::Return::STATUS_REQUESTED) {
    return InvalidState(state, "only a return that is REQUESTED can be decided");
  }
  return absl::OkStatus();
}

v1::Validity ValidityOf(const v1::Order& order, const v1::Return& request,
                        const PolicyInForce& policy, absl::Time requested_at, absl::TimeZone zone) {
  v1::Validity validity;
  validity.set_in_policy(true);
  if (!order.has_delivered_at()) {
    // Unproven, so it has to be answered.
    validity.add_reasons("DELIVERY_DATE_UNKNOWN");
    return validity;
  }
  for (const v1::ReturnItem& item : request.items()) {
    const v1::OrderLine* line = OrderLineOf(order, item);
    const v1::Policy& rules = line == nullptr ? policy.Whole() : policy.Of(*line);
    const ReturnWindow window =
        ReturnWindowOf(calendar::FromProto(order.delivered_at()), zone, rules.return_window_days());
    if (requested_at < window.closes_at) continue;
    validity.set_in_policy(false);
    validity.add_reasons("OUT_OF_WINDOW");
    break;
  }
  return validity;
}

// Units of a line that were shipped, less those that the order's other returns have a claim to.
int64_t Returnable(const v1::OrderLine& line, std::span<const v1::Return> returns_of_order,
                   std::string_view own) {
  return std::max<int64_t>(
      0, line.quantity_shipped() - UnitsInOtherReturns(returns_of_order, own, line.line_id()));
}

absl::Status NotShipped(const v1::Order& order, const v1::OrderLine& line, std::string_view field) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_SHIPPED",
                Cat("line ", line.line_id(), " of order ", order.external_id(),
                    " has not been shipped; only shipped units can be returned"))
      .Field(field, "name a shipped line, or import the report that says that it was shipped")
      .With("shipped", 0);
}

absl::Status ExceedsReturnable(const v1::OrderLine& line, std::string_view field, int64_t wanted,
                               int64_t returnable) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "QUANTITY_EXCEEDS_RETURNABLE",
                Cat("line ", line.line_id(), " has ", returnable, " units left to return, not ",
                    wanted))
      .Field(field, Cat("give at most ", returnable))
      .With("returnable", returnable);
}

absl::Status OnlyMarketplaceKnows(std::string_view base, std::string_view name) {
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                Cat(name,
                    " is what the marketplace shows, which is for the roles MANAGER and PLATFORM "
                    "to tell, or for its report to be imported"))
      .Field(Cat(base, ".", name), "leave it out")
      .With("roles", "MANAGER, PLATFORM");
}

bool SpeaksForMarketplace(v1::Role role) {
  return role == v1::ROLE_PLATFORM || role == v1::ROLE_MANAGER;
}

// A request that only a report made was checked by nobody before it is decided.
absl::Status CheckUnits(const v1::Return& state, const Deciding& deciding,
                        const v1::ReturnItem& item, int64_t units, std::string_view field) {
  if (deciding.order == nullptr || deciding.role == v1::ROLE_PLATFORM) return absl::OkStatus();
  const v1::OrderLine* line = OrderLineOf(*deciding.order, item);
  if (line == nullptr) return absl::OkStatus();
  if (line->quantity_shipped() == 0) return NotShipped(*deciding.order, *line, field);
  const int64_t returnable = Returnable(*line, deciding.returns_of_order, state.name());
  if (units > returnable) return ExceedsReturnable(*line, field, units, returnable);
  return absl::OkStatus();
}

absl::Status CheckAllUnits(const v1::Return& state, const Deciding& deciding,
                           std::string_view field) {
  for (const v1::ReturnItem& item : state.items()) {
    absl::Status s = CheckUnits(state, deciding, item, item.quantity_requested(), field);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Exists(std::string_view reason, std::string_view what, std::string_view field,
                    std::string_view id) {
  return Refuse(absl::StatusCode::kAlreadyExists, reason,
                Cat("the return has another ", what, " `", id.substr(0, 128),
                    "`; give a new one an id of its own, or none"))
      .Field(field, "an id that is not taken");
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

absl::Status CheckVoidable(const v1::ReturnLabel& label) {
  switch (label.state()) {
    case v1::ReturnLabel::STATE_ISSUED:
      return absl::OkStatus();
    case v1::ReturnLabel::STATE_USED:
    case v1::ReturnLabel::STATE_DELIVERED:
      return Refuse(absl::StatusCode::kFailedPrecondition, "LABEL_USED",
                    Cat("label ", label.tracking_number(),
                        " was scanned already; only one that was not used can be void"))
          .With("label_id", label.label_id());
    default:
      return Refuse(absl::StatusCode::kFailedPrecondition, "LABEL_PENDING",
                    "the carrier has not said yet whether it made the label; try again when it has")
          .With("label_id", label.label_id());
  }
}

v1::ReturnLabel::Payer PayerByFault(const v1::Return& state) {
  const bool buyer =
      state.items_size() > 0 &&
      std::all_of(state.items().begin(), state.items().end(),
                  [](const v1::ReturnItem& item) { return item.fault() == v1::FAULT_BUYER; });
  return buyer ? v1::ReturnLabel::PAYER_BUYER : v1::ReturnLabel::PAYER_SELLER;
}

// The route that the caller wants, where the address that was chosen has it.
absl::Status SetRoute(const v1::ApproveReturnRequest& request, v1::ReturnApproved* fact) {
  if (request.route() == v1::RETURN_ROUTE_UNSPECIFIED || request.route() == fact->route()) {
    return absl::OkStatus();
  }
  if (request.route() == v1::RETURN_ROUTE_DISPOSE && fact->route() == v1::RETURN_ROUTE_LOCAL) {
    fact->set_route(v1::RETURN_ROUTE_DISPOSE);
    return absl::OkStatus();
  }
  return InvalidField("route", "BAD_ROUTE",
                      Cat("the address `", fact->return_address_id(),
                          "` is not on that route; "
                          "name one that is in return_address_id, or leave the route out"));
}

}  // namespace

absl::Status CheckTellsOwn(const v1::Return& told, v1::Role role, std::string_view base) {
  if (SpeaksForMarketplace(role)) return absl::OkStatus();
  for (const auto& [given, name] : {
           std::pair(told.has_platform_refunded(), "platform_refunded"),
           std::pair(told.a_to_z_claim(), "a_to_z_claim"),
           std::pair(told.platform_managed(), "platform_managed"),
           std::pair(!told.platform_status().empty(), "platform_status"),
           std::pair(!told.platform_resolution().empty(), "platform_resolution"),
           std::pair(told.is_prime(), "is_prime"),
           std::pair(told.has_validity(), "validity"),
       }) {
    if (given) return OnlyMarketplaceKnows(base, name);
  }
  return absl::OkStatus();
}

absl::Status CheckTellsOwn(const v1::ReturnRequested& told, v1::Role role, std::string_view base) {
  if (SpeaksForMarketplace(role)) return absl::OkStatus();
  const v1::Return& request = told.request();
  const std::string field = Cat(base, ".request");
  // Who fulfils is who decides; how the goods come back is a decision.
  if (request.fulfillment() == v1::FULFILLMENT_AFN) {
    return OnlyMarketplaceKnows(field, "fulfillment");
  }
  if (request.return_method() != v1::RETURN_METHOD_UNSPECIFIED) {
    return OnlyMarketplaceKnows(field, "return_method");
  }
  return CheckTellsOwn(request, role, field);
}

absl::Status CheckTellsOwn(const v1::ReturnReported& told, v1::Role role, std::string_view base) {
  if (SpeaksForMarketplace(role)) return absl::OkStatus();
  if (told.status() != v1::Return::STATUS_UNSPECIFIED) return OnlyMarketplaceKnows(base, "status");
  // Goods that are shown as there show that they were let come.
  if (told.has_delivered_at()) return OnlyMarketplaceKnows(base, "delivered_at");
  const v1::Return& snapshot = told.snapshot();
  const std::string field = Cat(base, ".snapshot");
  for (const auto& [given, name] : {
           std::pair(snapshot.receipts_size() > 0, "receipts"),
           std::pair(snapshot.inspections_size() > 0, "inspections"),
           std::pair(snapshot.labels_size() > 0, "labels"),
           std::pair(snapshot.has_return_by(), "return_by"),
           std::pair(snapshot.return_method() != v1::RETURN_METHOD_UNSPECIFIED, "return_method"),
           std::pair(snapshot.fulfillment() == v1::FULFILLMENT_AFN, "fulfillment"),
       }) {
    if (given) return OnlyMarketplaceKnows(field, name);
  }
  return CheckTellsOwn(snapshot, role, field);
}

absl::Status CheckCreate(const v1::Order& order, const PolicyInForce& policy, absl::Time now,
                         std::span<const v1::Return> returns_of_order, v1::Return* request,
                         absl::TimeZone zone) {
  const std::string base = "return_resource.items";
  if (request->items_size() == 0) {
    return InvalidField(base, "MISSING_FIELD", "name at least one line to return");
  }
  if (request->items_size() > kMaxItems) {
    return InvalidField(base, "TOO_MANY_LINES", Cat("a return has at most ", kMaxItems, " lines"));
  }
  if (request->labels_size() > 0) {
    return InvalidField("return_resource.labels", "NOT_SETTABLE",
                        "a request has no label yet; approve it and send IssueReturnLabel");
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
    if (line->quantity_shipped() == 0) return NotShipped(order, *line, Cat(field, ".line_id"));
    const int64_t returnable = Returnable(*line, returns_of_order, request->name());
    if (item->quantity_requested() > returnable) {
      return ExceedsReturnable(*line, Cat(field, ".quantity_requested"), item->quantity_requested(),
                               returnable);
    }
    item->set_line_id(line->line_id());
    item->set_sku(line->sku());
    if (item->external_item_id().empty()) item->set_external_item_id(line->external_item_id());
    if (item->asin().empty()) item->set_asin(line->asin());
    item->set_fault(MeaningOf(item->buyer_reason()).fault);
  }

  if (!request->has_requested_at()) *request->mutable_requested_at() = calendar::ToProto(now);
  const absl::Time requested_at = calendar::FromProto(request->requested_at());
  if (absl::Status s =
          calendar::CheckNotAhead(request->requested_at(), now, "return_resource.requested_at");
      !s.ok()) {
    return s;
  }
  if (order.has_placed_at() && requested_at < calendar::FromProto(order.placed_at())) {
    return InvalidField("return_resource.requested_at", "BEFORE_ORDER",
                        Cat("requested_at ", calendar::InstantText(requested_at),
                            " is before the order was placed, ",
                            calendar::InstantText(calendar::FromProto(order.placed_at()))));
  }
  if (!request->channel().empty() && request->channel() != order.channel()) {
    return InvalidField("return_resource.channel", "BAD_NAME",
                        Cat("the order is of ", order.channel(), "; leave the channel out"));
  }
  request->set_order(order.name());
  request->set_order_external_id(order.external_id());
  request->set_channel(order.channel());
  request->set_fulfillment(order.fulfillment());
  request->set_platform_managed(order.fulfillment() == v1::FULFILLMENT_AFN);
  if (!request->has_validity()) {
    *request->mutable_validity() = ValidityOf(order, *request, policy, requested_at, zone);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::ReturnApproved> CheckApprove(const v1::Return& state, const Deciding& deciding,
                                                const v1::ApproveReturnRequest& request) {
  absl::Status decidable = CheckDecidable(state, deciding.role);
  if (!decidable.ok()) return decidable;
  v1::ReturnApproved fact;
  fact.set_return_method(request.return_method() == v1::RETURN_METHOD_UNSPECIFIED
                             ? v1::RETURN_METHOD_MERCHANT_LABEL
                             : request.return_method());
  if (fact.return_method() == v1::RETURN_METHOD_NONE) {
    return InvalidField("return_method", "BAD_RETURN_METHOD",
                        "with this method nothing comes back; use ApproveReturnless");
  }
  if (request.route() == v1::RETURN_ROUTE_NONE) {
    return InvalidField("route", "BAD_ROUTE",
                        "on this route nothing comes back; use ApproveReturnless");
  }
  for (const v1::ReturnAddress& address : deciding.channel.return_addresses()) {
    const bool wanted =
        request.return_address_id().empty() || request.return_address_id() == address.address_id();
    if (wanted && address.state() == v1::ReturnAddress::STATE_APPROVED) {
      fact.set_return_address_id(address.address_id());
      fact.set_route(RouteTo(deciding.channel, address));
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
  if (absl::Status s = SetRoute(request, &fact); !s.ok()) return s;
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
    if (absl::Status s =
            CheckUnits(state, deciding, *item, line.quantity(), Cat("lines[", i, "].quantity"));
        !s.ok()) {
      return s;
    }
  }
  if (request.lines().empty()) {
    absl::Status units = CheckAllUnits(state, deciding, "lines");
    if (!units.ok()) return units;
  }
  *fact.mutable_return_by() =
      calendar::ToProto(deciding.now + absl::Hours(24) * deciding.policy.Whole().return_by_days());
  return fact;
}

absl::StatusOr<v1::ReturnApproved> CheckApproveReturnless(
    const v1::Return& state, const Deciding& deciding,
    const v1::ApproveReturnlessRequest& request) {
  absl::Status decidable = CheckDecidable(state, deciding.role);
  if (!decidable.ok()) return decidable;
  absl::Status text = CheckText(request.override_reason(), "override_reason", kMaxReason);
  if (!text.ok()) return text;
  absl::Status units = CheckAllUnits(state, deciding, "name");
  if (!units.ok()) return units;

  v1::ReturnApproved fact;
  fact.set_return_method(v1::RETURN_METHOD_NONE);
  fact.set_route(v1::RETURN_ROUTE_NONE);
  const v1::ReturnOptions::Returnless option = ReturnlessOption(state, deciding);
  if (option.allowed()) return fact;
  if (!request.override_reason().empty() && deciding.role == v1::ROLE_MANAGER) {
    fact.set_override_reason(request.override_reason());
    return fact;
  }
  return Refuse(request.override_reason().empty() ? absl::StatusCode::kFailedPrecondition
                                                  : absl::StatusCode::kPermissionDenied,
                "RETURNLESS_NOT_ALLOWED",
                Cat(option.reason(), "; a manager may override it with override_reason"))
      .Field("override_reason", "only with role MANAGER");
}

absl::StatusOr<v1::ReturnRejected> CheckReject(const v1::Return& state, v1::Role role,
                                               const v1::RejectReturnRequest& request) {
  absl::Status decidable = CheckDecidable(state, role);
  if (!decidable.ok()) return decidable;
  absl::Status reason = CheckReason(request.reason_code(), "reason_code", kMaxReasonCode);
  if (!reason.ok()) return reason;
  if (!IsCode(request.reason_code())) {
    return InvalidField("reason_code", "BAD_CODE",
                        "a code has capitals, digits and underscores, such as OUT_OF_WINDOW; what "
                        "the buyer is told goes into text");
  }
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

absl::Status CheckRequestInfo(const v1::Return& state, std::string_view text) {
  if (state.platform_managed()) return PlatformManaged();
  if (absl::Status s = CheckReason(text, "text", kMaxText); !s.ok()) return s;
  if (state.status() == v1::Return::STATUS_REQUESTED) return absl::OkStatus();
  return InvalidState(state, "only about one that is REQUESTED can the buyer be asked for more");
}

absl::Status CheckRemindBuyer(const v1::Return& state) {
  if (state.platform_managed()) return PlatformManaged();
  if (state.status() == v1::Return::STATUS_APPROVED) return absl::OkStatus();
  return InvalidState(state, "only the buyer of one that is APPROVED has goods to send");
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
    if (item.quantity_received() > 0 || item.quantity_refunded() > 0 ||
        item.quantity_exchanged() > 0) {
      return InvalidState(state, "units of it were already received, refunded or exchanged");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReopen(const v1::Return& state, const Deciding& deciding,
                         std::string_view reason) {
  absl::Status status = CheckReason(reason, "reason", kMaxReason);
  if (!status.ok()) return status;
  // A rejected one is decided on anew, and asked for its units then.
  if (state.status() == v1::Return::STATUS_REJECTED) return absl::OkStatus();
  if (state.status() == v1::Return::STATUS_EXPIRED) return CheckAllUnits(state, deciding, "name");
  return InvalidState(state, "only one that is REJECTED or EXPIRED can be opened again");
}

absl::StatusOr<v1::ReturnLabel> CheckIssueLabel(const v1::Return& state,
                                                const v1::IssueReturnLabelRequest& request,
                                                std::string_view currency, v1::Role role) {
  if (state.platform_managed()) return PlatformManaged();
  if (state.status() != v1::Return::STATUS_APPROVED) {
    return InvalidState(state, "a label goes to a return that is APPROVED");
  }
  for (const v1::ReturnLabel& label : state.labels()) {
    if (!IsLive(label.state())) continue;
    if (request.replace()) {
      if (absl::Status s = CheckVoidable(label); !s.ok()) return s;
      continue;
    }
    return Refuse(
               absl::StatusCode::kFailedPrecondition, "LABEL_EXISTS",
               Cat("the return has a label already", label.tracking_number().empty() ? "" : ", ",
                   label.tracking_number(), "; there is one at a time: void it, or send replace"))
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
  if (request.cost().minor_units() > money::kMaxMinorUnits) {
    return InvalidField("cost.minor_units", "BAD_COST",
                        Cat("no label costs ", money::Format(request.cost())));
  }
  if (request.cost().minor_units() != 0 && request.cost().currency_code() != currency) {
    return InvalidField("cost.currency_code", "CURRENCY_MISMATCH",
                        Cat("the channel sells in ", currency,
                            "; convert the cost, or leave it out and record it with RecordCost"));
  }
  const v1::ReturnLabel::Payer by_fault = PayerByFault(state);
  if (request.paid_by() == v1::ReturnLabel::PAYER_BUYER && by_fault != request.paid_by() &&
      role != v1::ROLE_MANAGER) {
    return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                  "the buyer is not at fault, so it takes a manager to take the label off their "
                  "refund")
        .Field("paid_by", "leave it out, or ask a manager");
  }
  v1::ReturnLabel label;
  label.set_label_id(Cat("label-", state.labels_size() + 1));
  label.set_carrier(request.carrier());
  label.set_tracking_number(request.tracking_number());
  const bool own = !request.tracking_number().empty();
  label.set_kind(own ? v1::ReturnLabel::KIND_MERCHANT : v1::ReturnLabel::KIND_CARRIER);
  label.set_state(own ? v1::ReturnLabel::STATE_ISSUED : v1::ReturnLabel::STATE_REQUESTED);
  if (request.has_cost()) *label.mutable_cost() = request.cost();
  label.set_paid_by(request.paid_by() == v1::ReturnLabel::PAYER_UNSPECIFIED ? by_fault
                                                                            : request.paid_by());
  return label;
}

absl::StatusOr<v1::ReturnLabel> CheckVoidLabel(const v1::Return& state, std::string_view reason) {
  absl::Status why = CheckReason(reason, "reason", kMaxReason);
  if (!why.ok()) return why;
  const bool came =
      std::any_of(state.items().begin(), state.items().end(),
                  [](const v1::ReturnItem& item) { return item.quantity_received() > 0; });
  for (const v1::ReturnLabel& label : state.labels()) {
    if (!IsLive(label.state())) continue;
    if (absl::Status s = CheckVoidable(label); !s.ok()) return s;
    if (came) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "LABEL_USED",
                    Cat("units of the return came, so label ", label.tracking_number(),
                        " is taken for used; only one that was not used can be void"))
          .With("label_id", label.label_id());
    }
    v1::ReturnLabel voided = label;
    voided.set_state(label.kind() == v1::ReturnLabel::KIND_CARRIER ? v1::ReturnLabel::STATE_VOIDING
                                                                   : v1::ReturnLabel::STATE_VOIDED);
    return voided;
  }
  return Refuse(absl::StatusCode::kFailedPrecondition, "NO_LABEL",
                "the return has no label that could be void");
}

absl::StatusOr<v1::Receipt> CheckReceipt(const v1::Return& state, const v1::Receipt& receipt,
                                         absl::Time now) {
  if (absl::Status s = calendar::CheckNotAhead(receipt.received_at(), now, "receipt.received_at");
      !s.ok()) {
    return s;
  }
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
      const int32_t expected = UnitsExpected(state, item);
      if (expected <= item.quantity_received()) continue;
      v1::Receipt::Line* added = checked.add_lines();
      added->set_line_id(item.line_id());
      added->set_quantity(expected - item.quantity_received());
    }
  }
  if (const v1::Receipt* known = FindReceipt(state, receipt.receipt_id()); known != nullptr) {
    // Sent again, it changes nothing; what the caller left out was filled in the first time.
    if (receipt.lines_size() == 0) *checked.mutable_lines() = known->lines();
    if (!receipt.has_received_at()) *checked.mutable_received_at() = known->received_at();
    if (checked.SerializeAsString() == known->SerializeAsString()) return checked;
    return Exists("RECEIPT_EXISTS", "receipt", "receipt.receipt_id", receipt.receipt_id());
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
      std::any_of(state.items().begin(), state.items().end(), [&](const v1::ReturnItem& item) {
        return item.quantity_approved() > 0 &&
               item.quantity_received() < UnitsExpected(state, item);
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
                                               const v1::Inspection& inspection, absl::Time now,
                                               std::string_view field) {
  if (absl::Status s =
          calendar::CheckNotAhead(inspection.inspected_at(), now, Cat(field, ".inspected_at"));
      !s.ok()) {
    return s;
  }
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
  if (const v1::Inspection* known = FindInspection(state, inspection.inspection_id());
      known != nullptr) {
    // Sent again, it only brings more photos; what the caller leaves out stays as it is.
    v1::Inspection again = *known;
    again.MergeFrom(inspection);
    again.set_line_id(item->line_id());
    *again.mutable_evidence() = known->evidence();
    if (again.SerializeAsString() != known->SerializeAsString()) {
      return Exists("INSPECTION_EXISTS", "inspection", Cat(field, ".inspection_id"),
                    inspection.inspection_id());
    }
    again.clear_evidence();
    for (const std::string& photo : inspection.evidence()) {
      const auto& there = known->evidence();
      if (std::find(there.begin(), there.end(), photo) == there.end()) again.add_evidence(photo);
    }
    return again;
  }
  if (checked.disposition() == v1::DISPOSITION_UNSPECIFIED) {
    checked.set_disposition(DefaultDisposition(inspection.condition()));
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

absl::Status CheckClose(const v1::Return& state, std::span<const v1::Refund> refunds, v1::Role role,
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
      case v1::Refund::STATUS_PENDING_APPROVAL:
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
  for (const v1::ExchangedUnits& units : state.exchanges()) {
    if (units.state() != v1::ExchangedUnits::STATE_HELD) continue;
    return Refuse(absl::StatusCode::kFailedPrecondition, "EXCHANGE_PENDING",
                  Cat(units.exchange(), " holds units of it; ship or cancel that first"))
        .With("exchange", units.exchange());
  }
  if (!NothingOwed(state) && !request.without_refund()) {
    return InvalidState(state,
                        "units were accepted and not refunded: refund them, or close with "
                        "without_refund");
  }
  if (!NothingOwed(state) && role != v1::ROLE_OPERATOR && role != v1::ROLE_MANAGER) {
    return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                  "units were accepted and not refunded; that nothing is paid for them is for a "
                  "person to decide, with role OPERATOR or MANAGER")
        .Field("without_refund", "leave it out, and refund them")
        .With("roles", "OPERATOR, MANAGER");
  }
  return absl::OkStatus();
}

}  // namespace aftersales
