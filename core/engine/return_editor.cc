#include "core/engine/return_editor.h"

#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_fold.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

// Folding all facts again at each change costs about as much as the change itself, so that only
// debug builds, and with them all tests, do it; VerifyAudit does it at any time.
#ifdef NDEBUG
constexpr bool kFoldAnew = false;
#else
constexpr bool kFoldAnew = true;
#endif

}  // namespace

absl::StatusOr<ReturnEditor> ReturnEditor::Open(Command& command, std::string_view name) {
  auto id = IdIn(command, name, "returns", "name");
  if (!id.ok()) return id.status();
  auto record = command.store.FindReturn(command.seller, *id);
  if (!record) return NotFound(name);
  return Edit(command, std::move(*record));
}

absl::StatusOr<ReturnEditor> ReturnEditor::Edit(Command& command, store::ReturnRecord record) {
  auto channel = command.Channel(record.state().channel());
  if (!channel.ok()) return channel.status();
  ReturnEditor editor(command, **channel);
  editor.order_external_id_ = record.state().order_external_id();
  editor.record_ = std::move(record);
  editor.FindOrder();
  editor.before_ = metrics::Of(editor.state());
  for (const v1::ReturnLabel& label : editor.state().labels()) {
    if (label.state() == v1::ReturnLabel::STATE_VOIDING) editor.voiding_.insert(label.label_id());
  }
  return editor;
}

ReturnEditor ReturnEditor::Create(Command& command, const ChannelInfo& channel,
                                  std::string_view order_external_id,
                                  std::optional<v1::Order> order) {
  ReturnEditor editor(command, channel);
  editor.order_external_id_ = std::string(order_external_id);
  editor.created_ = true;
  v1::Return* state = editor.record_.mutable_state();
  state->set_name(names::Make(command.seller, "returns", command.NewId("ret_")));
  state->set_channel(channel.channel.name());
  editor.order_ = std::move(order);
  if (!editor.order_) editor.FindOrder();
  return editor;
}

void ReturnEditor::FindOrder() {
  if (order_external_id_.empty()) return;
  order_ =
      command_->store.FindOrderByExternalId(command_->seller, channel_->id, order_external_id_);
}

const std::vector<v1::Return>& ReturnEditor::returns_of_order() {
  if (!returns_of_order_) {
    returns_of_order_.emplace();
    for (store::ReturnRecord& record :
         command_->store.ReturnsOfOrder(command_->seller, channel_->id, order_external_id_)) {
      returns_of_order_->push_back(std::move(*record.mutable_state()));
    }
  }
  return *returns_of_order_;
}

absl::Time ReturnEditor::asked_at() const {
  return state().has_requested_at() ? calendar::FromProto(state().requested_at()) : command_->now;
}

FoldContext ReturnEditor::Context(bool with_returns) {
  FoldContext context{channel_->channel, policy(), order()};
  if (with_returns && order_) context.returns_of_order = returns_of_order();
  return context;
}

ReturnEditor::Outcome ReturnEditor::Add(v1::Event fact) {
  fact.set_subject(state().name());
  fact.set_channel(channel_->channel.name());
  const FactPlace place = PlaceOf(fact);
  const uint64_t identity = Fingerprint(place.identity);
  if (std::find(record_.identities().begin(), record_.identities().end(), identity) !=
      record_.identities().end()) {
    return Outcome::kDuplicate;
  }
  const std::string& key = place.key;
  if (record_.facts_size() > 0 && key > record_.last_key()) {
    // Only these ask for units of the order.
    const FoldContext context = Context(fact.has_return_requested() || fact.has_return_reported());
    ApplyFact(fact, context, record_.mutable_state());
    record_.set_last_key(key);
  } else {
    // Late, or the first.
    FoldAll(&fact);
    if (key > record_.last_key()) record_.set_last_key(key);
  }
  fact.set_status_after(StatusName(state().status()));
  record_.add_facts(command_->store.AppendEvent(command_->seller, &fact));
  record_.add_identities(identity);
  last_event_ = fact.name();
  changed_ = true;
  return Outcome::kRecorded;
}

// Whatever made a label void that a carrier sold: a person, another label, or the end of the
// return.
void ReturnEditor::AskForVoids() {
  for (const v1::ReturnLabel& label : state().labels()) {
    if (label.state() != v1::ReturnLabel::STATE_VOIDING ||
        !voiding_.insert(label.label_id()).second) {
      continue;
    }
    store::Effect effect;
    effect.seller = command_->seller;
    effect.effect_id = command_->NewId("eff_");
    effect.plugin = channel_->channel.label_plugin();
    effect.method = "VoidLabel";
    effect.subject = state().name();
    effect.premise = label.label_id();
    effect.due_at = absl::ToUnixMicros(command_->now);
    command_->store.PutEffect(&effect);
  }
}

void ReturnEditor::FoldAll(const v1::Event* extra) {
  const std::vector<v1::Event> known = command_->store.EventsBySequence(
      command_->seller, {record_.facts().data(), static_cast<size_t>(record_.facts_size())});
  std::vector<const v1::Event*> facts;
  for (const v1::Event& event : known) facts.push_back(&event);
  if (extra != nullptr) facts.push_back(extra);
  const v1::Policy* rules = &policy();
  v1::Return folded = FoldReturn(state().name(), facts, Context(true));
  // The first fact, or an earlier one, says when the buyer asked.
  if (folded.has_requested_at()) {
    *record_.mutable_state()->mutable_requested_at() = folded.requested_at();
  }
  if (&policy() != rules) folded = FoldReturn(state().name(), std::move(facts), Context(true));
  folded.set_etag(state().etag());
  if (state().has_create_time()) *folded.mutable_create_time() = state().create_time();
  *record_.mutable_state() = std::move(folded);
}

// Whatever way it was brought up to date, the state is what its facts fold to.
void ReturnEditor::CheckFold() {
  const std::vector<v1::Event> known = command_->store.EventsBySequence(
      command_->seller, {record_.facts().data(), static_cast<size_t>(record_.facts_size())});
  std::vector<const v1::Event*> facts;
  for (const v1::Event& event : known) facts.push_back(&event);
  const std::string differs =
      DifferenceFromFacts(state(), FoldReturn(state().name(), std::move(facts), Context(true)));
  if (differs.empty()) return;
  command_->violations.push_back({"state_follows_from_facts", state().name(), differs});
}

void ReturnEditor::Refold() {
  FoldAll(nullptr);
  changed_ = true;
}

const v1::Return& ReturnEditor::Save() {
  if (!changed_) return state();
  if (state().exchanges_size() > 0) FollowReturn(*command_, *this);
  v1::Return* state = record_.mutable_state();
  state->set_etag(NextEtag(state->etag()));
  *state->mutable_update_time() = calendar::ToProto(command_->now);
  if (created_) *state->mutable_create_time() = state->update_time();
  command_->store.PutReturn(record_, created_);
  std::vector<metrics::Contribution> after = metrics::Of(*state);
  command_->Recount(channel_->id, before_, after);
  before_ = std::move(after);
  AskForVoids();
  for (Violation& violation : CheckInvariants(*state)) {
    command_->violations.push_back(std::move(violation));
  }
  if (kFoldAnew) CheckFold();
  created_ = changed_ = false;
  return *state;
}

}  // namespace aftersales::engine
