#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_guards.h"
#include "core/domain/return_items.h"
#include "core/domain/roles.h"
#include "core/engine/commands.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"
#include "core/status/wellformed.h"

namespace aftersales::engine {
namespace {

// Who may tell a fact is who may make it: the method whose roles those are. Empty for a fact that
// does not come from outside.
std::string_view MethodOf(v1::Event::BodyCase body) {
  switch (body) {
    case v1::Event::kReturnReported:
    case v1::Event::kReturnRequested:
      // What the marketplace shows of a return that is there; a buyer makes new ones.
      return "OrderService/UpsertOrder";
    case v1::Event::kReturnCancelled:
      return "ReturnService/CancelReturn";
    case v1::Event::kReturnScanned:
      return "ShipmentService/UpsertShipment";
    case v1::Event::kUnitsReceived:
      return "ReturnService/RecordReceipt";
    case v1::Event::kUnitsInspected:
      return "ReturnService/InspectReturn";
    case v1::Event::kReturnRefunded:
      return "RefundService/SettleRefund";
    case v1::Event::kReturnClosedShort:
      return "ReturnService/CloseShort";
    case v1::Event::kBuyerReminded:
      return "ReturnService/RecordBuyerReminder";
    default:
      return {};
  }
}

// Besides, what only the marketplace knows is for few, whoever may tell the rest.
absl::Status CheckToldByOwner(const v1::Event& fact, v1::Role role) {
  if (fact.has_return_requested()) {
    return CheckTellsOwn(fact.return_requested(), role, "return_requested");
  }
  if (fact.has_return_reported()) {
    return CheckTellsOwn(fact.return_reported(), role, "return_reported");
  }
  return absl::OkStatus();
}

// A fact may be told for somebody else, such as a carrier's scan by an ERP. Nobody speaks for a
// person of the seller but that person, and what only the host does is nobody's to tell.
absl::Status CheckTeller(const Command& c, const v1::Event& fact) {
  const std::string_view method = MethodOf(fact.body_case());
  if (absl::Status s = CheckRole(method, c.actor.role()); !s.ok()) return s;
  if (absl::Status s = CheckToldByOwner(fact, c.actor.role()); !s.ok()) return s;
  const v1::Actor& named = fact.actor();
  if (named.role() == v1::ROLE_UNSPECIFIED ||
      (named.role() == c.actor.role() && SamePerson(named, c.actor))) {
    return absl::OkStatus();
  }
  if (absl::Status s = CheckRole(method, named.role()); !s.ok()) return s;
  if (absl::Status s = CheckToldByOwner(fact, named.role()); !s.ok()) return s;
  if (named.role() != v1::ROLE_OPERATOR && named.role() != v1::ROLE_MANAGER) {
    return absl::OkStatus();
  }
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                "a person tells what they did themselves: leave the actor out, and say who you are "
                "in the metadata aftersales-actor")
      .Field("actor", "leave it out");
}

absl::Status CheckUnits(int32_t quantity, std::string_view field) {
  if (quantity >= 1 && quantity <= kMaxUnits) return absl::OkStatus();
  return InvalidField(field, "BAD_QUANTITY", Cat(quantity, " units; give 1 to ", kMaxUnits));
}

// The times in a body besides its own.
absl::Status CheckTimes(const Command& c, const v1::Event& fact) {
  const v1::ReturnReported& reported = fact.return_reported();
  for (const auto& [when, field] :
       {std::pair(&fact.units_received().receipt().received_at(),
                  "units_received.receipt.received_at"),
        std::pair(&fact.units_inspected().inspection().inspected_at(),
                  "units_inspected.inspection.inspected_at"),
        std::pair(&reported.delivered_at(), "return_reported.delivered_at"),
        std::pair(&reported.snapshot().requested_at(), "return_reported.snapshot.requested_at")}) {
    if (absl::Status s = calendar::CheckNotAhead(*when, c.now, field); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckForm(const Command& c, const v1::Event& fact) {
  if (MethodOf(fact.body_case()).empty()) {
    return InvalidField("body", "FACT_NOT_TAKEN",
                        "not a fact that may come from outside; decisions are commands");
  }
  if (!fact.has_occurred_at()) {
    return InvalidField("occurred_at", "MISSING_FIELD", "say when it happened");
  }
  if (absl::Status s = calendar::CheckNotAhead(fact.occurred_at(), c.now, "occurred_at"); !s.ok())
    return s;
  if (absl::Status s = CheckTimes(c, fact); !s.ok()) return s;
  if (fact.external_id().empty() || fact.external_id().size() > names::kMaxExternalId) {
    return InvalidField("external_id", "MISSING_FIELD",
                        "the source's own id of the fact, 1 to 200 bytes, makes it unique");
  }
  if (fact.actor().id().size() > 100) {
    return InvalidField("actor.id", "TOO_LONG", "at most 100 bytes");
  }
  if (!fact.return_refunded().refund().empty()) {
    return InvalidField("return_refunded.refund", "FACT_NOT_TAKEN",
                        "a refund of this host is settled with SettleRefund; leave it out for one "
                        "that was paid elsewhere");
  }
  if (absl::Status s = CheckTeller(c, fact); !s.ok()) return s;
  if (fact.return_requested().request().labels_size() > 0) {
    return InvalidField("return_requested.request.labels", "NOT_SETTABLE",
                        "a request has no label yet; send IssueReturnLabel");
  }
  for (const auto& line : fact.units_received().receipt().lines()) {
    if (absl::Status s = CheckUnits(line.quantity(), "units_received.receipt.lines.quantity");
        !s.ok()) {
      return s;
    }
  }
  if (fact.has_units_received() && fact.units_received().receipt().lines().empty()) {
    return InvalidField("units_received.receipt.lines", "MISSING_FIELD", "say what arrived");
  }
  for (const v1::RefundItem& item : fact.return_refunded().items()) {
    if (absl::Status s = CheckUnits(item.quantity(), "return_refunded.items.quantity"); !s.ok()) {
      return s;
    }
  }
  if (!fact.has_units_inspected()) return absl::OkStatus();
  return CheckUnits(fact.units_inspected().inspection().quantity(),
                    "units_inspected.inspection.quantity");
}

absl::StatusOr<v1::FactResult> RecordOne(Command& c, const v1::Event& given) {
  if (absl::Status s = CheckForm(c, given); !s.ok()) return s;
  v1::FactResult result;
  auto editor = ReturnEditor::Open(c, given.subject());
  if (!editor.ok()) return editor.status();
  if (given.has_return_refunded()) {
    auto stored = StoreReportedRefund(c, given.subject(), given);
    if (!stored.ok()) return stored.status();
    result.set_outcome(*stored ? v1::FactResult::OUTCOME_RECORDED
                               : v1::FactResult::OUTCOME_DUPLICATE);
    return result;
  }
  // The marketplace shows what became of it. Who withdraws it themselves is asked as by the
  // command.
  if (given.has_return_cancelled() && c.actor.role() != v1::ROLE_PLATFORM &&
      editor->state().status() != v1::Return::STATUS_CANCELLED) {
    if (absl::Status s = CheckNoRefundOnItsWay(c, editor->state()); !s.ok()) return s;
  }
  v1::Event fact = editor->NewFact();
  *fact.mutable_occurred_at() = given.occurred_at();
  fact.set_external_id(given.external_id());
  if (given.actor().role() != v1::ROLE_UNSPECIFIED) *fact.mutable_actor() = given.actor();
  // The body alone is the caller's; everything else is the host's.
  v1::Event body = given;
  body.clear_name();
  body.clear_subject();
  body.clear_occurred_at();
  body.clear_recorded_at();
  body.clear_actor();
  body.clear_source();
  body.clear_external_id();
  body.clear_channel();
  body.clear_status_after();
  body.clear_resume_token();
  fact.MergeFrom(body);
  const int64_t shown_before = editor->state().platform_refunded().minor_units();
  if (editor->Add(std::move(fact)) == ReturnEditor::Outcome::kDuplicate) {
    result.set_outcome(v1::FactResult::OUTCOME_DUPLICATE);
    return result;
  }
  editor->Save();
  if (absl::Status s = FollowPlatformRefund(c, v1::Return(editor->state()), shown_before);
      !s.ok()) {
    return s;
  }
  result.set_outcome(v1::FactResult::OUTCOME_RECORDED);
  result.set_event(editor->last_event());
  return result;
}

void AddResult(absl::StatusOr<v1::FactResult> result, v1::RecordFactsResponse* response) {
  if (result.ok()) {
    *response->add_results() = *std::move(result);
    return;
  }
  v1::FactResult* invalid = response->add_results();
  invalid->set_outcome(v1::FactResult::OUTCOME_INVALID);
  invalid->set_message(std::string(result.status().message()));
  invalid->set_reason(ReasonOf(result.status()));
  invalid->set_field(FieldOf(result.status()));
}

// One fact of an ERP, in its own name where it says no other.
absl::StatusOr<v1::FactResult> RecordErpFact(Command& c, const std::set<std::string>& channels,
                                             v1::Event fact) {
  // What the API asks of every request.
  if (absl::Status s = CheckWellFormed(fact); !s.ok()) return s;
  switch (fact.actor().role()) {
    case v1::ROLE_WAREHOUSE:
      break;
    case v1::ROLE_ERP:
    case v1::ROLE_UNSPECIFIED:
      *fact.mutable_actor() = c.actor;
      break;
    default:
      return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED",
                    "an ERP tells what it or a warehouse did: leave the actor out, or give the "
                    "role WAREHOUSE")
          .Field("actor", "leave it out");
  }
  auto id = IdIn(c, fact.subject(), "returns", "subject");
  if (!id.ok()) return id.status();
  const auto record = c.store.FindReturn(c.seller, *id);
  if (record && !channels.contains(record->state().channel())) {
    return Refuse(absl::StatusCode::kPermissionDenied, "CHANNEL_NOT_BOUND",
                  Cat("the return is of ", record->state().channel(),
                      ", which this ERP is not bound to; add it to the channel's erp_plugins"))
        .Field("subject", "a return of a channel that the ERP is bound to");
  }
  return RecordOne(c, fact);
}

}  // namespace

absl::StatusOr<v1::RecordFactsResponse> RecordFacts(Command& c,
                                                    const v1::RecordFactsRequest& request) {
  if (request.facts_size() < 1 || request.facts_size() > 500) {
    return InvalidField("facts", "BAD_BATCH", "send 1 to 500 facts");
  }
  v1::RecordFactsResponse response;
  for (const v1::Event& fact : request.facts()) AddResult(RecordOne(c, fact), &response);
  return response;
}

v1::RecordFactsResponse RecordErpFacts(Command& c, std::string_view plugin,
                                       const google::protobuf::RepeatedPtrField<v1::Event>& facts) {
  const std::set<std::string> channels = ErpChannels(c.store, c.seller, plugin);
  v1::RecordFactsResponse response;
  for (const v1::Event& fact : facts) AddResult(RecordErpFact(c, channels, fact), &response);
  return response;
}

std::set<std::string> ErpChannels(store::Reader& store, std::string_view seller,
                                  std::string_view plugin) {
  std::set<std::string> channels;
  for (const v1::Channel& channel : store.ListChannels(seller)) {
    if (std::find(channel.erp_plugins().begin(), channel.erp_plugins().end(), plugin) !=
        channel.erp_plugins().end()) {
      channels.insert(channel.name());
    }
  }
  return channels;
}

absl::Status RecordViolation(Command& c, const Violation& violation) {
  const names::Name name = names::Split(violation.subject);
  v1::InvariantBroken broken;
  broken.set_invariant(violation.invariant);
  broken.set_message(Cat("A change was undone, because ", violation.message, "."));
  if (name.collection == "refunds") {
    auto record = c.store.FindRefund(c.seller, name.id);
    if (!record) return absl::OkStatus();
    v1::Event fact = c.NewEvent(record->state().name(), record->state().channel());
    *fact.mutable_invariant_broken() = std::move(broken);
    return RecordRefundFact(c, *std::move(record), std::move(fact)).status();
  }
  // A new one that was undone is not there.
  if (!c.store.FindReturn(c.seller, name.id)) return absl::OkStatus();
  auto editor = ReturnEditor::Open(c, violation.subject);
  if (!editor.ok()) return editor.status();
  v1::Event fact = editor->NewFact();
  *fact.mutable_invariant_broken() = std::move(broken);
  editor->Add(std::move(fact));
  editor->Save();
  return absl::OkStatus();
}

}  // namespace aftersales::engine
