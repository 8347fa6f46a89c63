#include "core/domain/calendar.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/engine/return_editor.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

bool TakesFromOutside(v1::Event::BodyCase body) {
  switch (body) {
    case v1::Event::kReturnReported:
    case v1::Event::kReturnRequested:
    case v1::Event::kReturnCancelled:
    case v1::Event::kReturnScanned:
    case v1::Event::kUnitsReceived:
    case v1::Event::kUnitsInspected:
    case v1::Event::kReturnRefunded:
    case v1::Event::kReturnClosedShort:
    case v1::Event::kBuyerReminded:
      return true;
    default:
      return false;
  }
}

absl::Status CheckForm(const Command& c, const v1::Event& fact) {
  if (!TakesFromOutside(fact.body_case())) {
    return InvalidField("body", "FACT_NOT_TAKEN",
                        "not a fact that may come from outside; decisions are commands");
  }
  if (!fact.has_occurred_at()) {
    return InvalidField("occurred_at", "MISSING_FIELD", "say when it happened");
  }
  if (calendar::FromProto(fact.occurred_at()) > c.now + absl::Hours(24)) {
    return InvalidField("occurred_at", "IN_THE_FUTURE", "is more than a day ahead of the host");
  }
  if (fact.external_id().empty() || fact.external_id().size() > 200) {
    return InvalidField("external_id", "MISSING_FIELD",
                        "the source's own id of the fact, 1 to 200 bytes, makes it unique");
  }
  if (!fact.return_refunded().refund().empty()) {
    return InvalidField("return_refunded.refund", "FACT_NOT_TAKEN",
                        "a refund of this host is settled with SettleRefund; leave it out for one "
                        "that was paid elsewhere");
  }
  for (const auto& line : fact.units_received().receipt().lines()) {
    if (line.quantity() < 1)
      return InvalidField("units_received", "BAD_QUANTITY", "at least 1 unit");
  }
  if (fact.has_units_received() && fact.units_received().receipt().lines().empty()) {
    return InvalidField("units_received.receipt.lines", "MISSING_FIELD", "say what arrived");
  }
  if (fact.has_units_inspected() && fact.units_inspected().inspection().quantity() < 1) {
    return InvalidField("units_inspected.inspection.quantity", "BAD_QUANTITY", "at least 1 unit");
  }
  return absl::OkStatus();
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
  if (editor->Add(std::move(fact)) == ReturnEditor::Outcome::kDuplicate) {
    result.set_outcome(v1::FactResult::OUTCOME_DUPLICATE);
    return result;
  }
  editor->Save();
  result.set_outcome(v1::FactResult::OUTCOME_RECORDED);
  result.set_event(editor->last_event());
  return result;
}

}  // namespace

absl::StatusOr<v1::RecordFactsResponse> RecordFacts(Command& c,
                                                    const v1::RecordFactsRequest& request) {
  if (request.facts_size() < 1 || request.facts_size() > 500) {
    return InvalidField("facts", "BAD_BATCH", "send 1 to 500 facts");
  }
  v1::RecordFactsResponse response;
  for (const v1::Event& fact : request.facts()) {
    auto result = RecordOne(c, fact);
    if (result.ok()) {
      *response.add_results() = *std::move(result);
      continue;
    }
    v1::FactResult* invalid = response.add_results();
    invalid->set_outcome(v1::FactResult::OUTCOME_INVALID);
    invalid->set_message(std::string(result.status().message()));
    invalid->set_reason(ReasonOf(result.status()));
    invalid->set_field(FieldOf(result.status()));
  }
  return response;
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
