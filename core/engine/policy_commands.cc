// The seller's own rules: proposed by one person, put in force by another, never for the past.
#include <algorithm>

#include "core/domain/calendar.h"
#include "core/domain/policy.h"
#include "core/domain/policy_book.h"
#include "core/domain/resource_names.h"
#include "core/domain/roles.h"
#include "core/engine/commands.h"
#include "core/engine/explain.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

absl::Status RoleRequired(std::string_view what) {
  return Refuse(absl::StatusCode::kPermissionDenied, "ROLE_REQUIRED", what);
}

absl::Status InThePast(absl::Time from, absl::Time now) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "IN_THE_PAST",
                Cat("it would be in force from ", calendar::InstantText(from), ", and it is ",
                    calendar::InstantText(now),
                    "; a rule never changes what was decided before it: propose it anew, from now "
                    "or later"))
      .Field("policy_version.effective_from", "leave it out, or give a later instant");
}

// What is in force where the version reaches, as it is or will be when it starts. Where it reaches
// several channels, the first of them stands for all.
v1::Policy BasisOf(Command& c, const v1::PolicyVersion& version) {
  const std::vector<v1::PolicyVersion> others = c.store.ListPolicies(c.seller);
  v1::OrderLine line;
  if (version.layer() == v1::POLICY_LAYER_CATEGORY) line.set_category(version.key());
  if (version.layer() == v1::POLICY_LAYER_SKU) line.set_sku(version.key());
  for (const v1::Channel& channel : c.store.ListChannels(c.seller)) {
    v1::PolicyVersion reaching = version;
    reaching.set_state(v1::PolicyVersion::STATE_PUBLISHED);
    const v1::Policy* profile = FindPolicy(channel.policy_profile());
    if (profile == nullptr) continue;
    if (!version.paths().empty() && PolicyBook(*profile, channel.marketplace_id(), {&reaching, 1})
                                        .At(absl::InfiniteFuture(), &line)
                                        .versions()
                                        .empty()) {
      continue;
    }
    return PolicyBook(*profile, channel.marketplace_id(), others)
        .At(calendar::FromProto(version.effective_from()), &line);
  }
  return *FindPolicy(kDefaultPolicyProfile);
}

absl::StatusOr<v1::PolicyVersion> OpenProposed(Command& c, std::string_view name,
                                               std::string_view etag) {
  auto id = IdIn(c, name, "policies", "name");
  if (!id.ok()) return id.status();
  for (v1::PolicyVersion& version : c.store.ListPolicies(c.seller)) {
    if (version.name() != name) continue;
    const std::string state(Cat(v1::PolicyVersion::State_Name(version.state()).substr(6)));
    if (absl::Status s = CheckEtag(etag, version.etag(), state); !s.ok()) return s;
    if (version.state() != v1::PolicyVersion::STATE_PROPOSED) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "INVALID_STATE",
                    Cat("the version is ", state, "; only one that is PROPOSED can be decided"))
          .With("state", state);
    }
    return std::move(version);
  }
  return NotFound(name);
}

v1::PolicyVersion Store(Command& c, v1::PolicyVersion version, v1::Event fact) {
  version.set_etag(NextEtag(version.etag()));
  fact.set_status_after(Cat(v1::PolicyVersion::State_Name(version.state()).substr(6)));
  c.store.AppendEvent(c.seller, &fact);
  c.store.PutPolicy(version);
  c.services.channels.Forget();
  return version;
}

}  // namespace

absl::StatusOr<v1::PolicyVersion> ProposePolicy(Command& c,
                                                const v1::ProposePolicyRequest& request) {
  if (c.actor.role() != v1::ROLE_OPERATOR && c.actor.role() != v1::ROLE_MANAGER) {
    return RoleRequired("operators and managers propose rules");
  }
  if (!c.store.FindSeller(c.seller)) return NotFound(names::Seller(c.seller));
  v1::PolicyVersion version;
  const v1::PolicyVersion& given = request.policy_version();
  version.set_layer(given.layer());
  version.set_key(given.key());
  version.set_marketplace_id(given.marketplace_id());
  *version.mutable_values() = given.values();
  *version.mutable_paths() = given.paths();
  version.set_source(given.source());
  if (given.has_effective_from()) *version.mutable_effective_from() = given.effective_from();
  if (absl::Status s = CheckPolicyVersion(version); !s.ok()) return s;
  if (version.has_effective_from() && calendar::FromProto(version.effective_from()) < c.now) {
    return InThePast(calendar::FromProto(version.effective_from()), c.now);
  }
  version.set_name(names::Make(c.seller, "policies", c.NewId("pol_")));
  version.set_state(v1::PolicyVersion::STATE_PROPOSED);
  version.set_version(1);
  for (const v1::PolicyVersion& other : c.store.ListPolicies(c.seller)) {
    if (other.layer() == version.layer() && other.key() == version.key() &&
        other.marketplace_id() == version.marketplace_id()) {
      version.set_version(std::max(version.version(), other.version() + 1));
    }
  }
  v1::PolicyVersion from_now = version;
  if (!from_now.has_effective_from()) {
    *from_now.mutable_effective_from() = calendar::ToProto(c.now);
  }
  for (v1::PolicyChange& change : PolicyChanges(BasisOf(c, from_now), version)) {
    *version.add_changes() = std::move(change);
  }
  *version.mutable_proposed_by() = c.actor;
  *version.mutable_create_time() = calendar::ToProto(c.now);
  v1::Event fact = c.NewEvent(version.name(), "");
  *fact.mutable_policy_proposed()->mutable_policy_version() = version;
  return Store(c, std::move(version), std::move(fact));
}

absl::StatusOr<v1::PolicyVersion> PublishPolicy(Command& c,
                                                const v1::PublishPolicyRequest& request) {
  auto version = OpenProposed(c, request.name(), request.etag());
  if (!version.ok()) return version;
  if (c.actor.role() != v1::ROLE_MANAGER) return RoleRequired("a manager puts rules in force");
  if (c.actor.id().empty() || SamePerson(c.actor, version->proposed_by())) {
    return Refuse(absl::StatusCode::kPermissionDenied, "FOUR_EYES",
                  "a rule takes a second person, who says who they are: send the metadata "
                  "aftersales-actor as role and name, such as manager:mia, of somebody else than "
                  "who proposed it");
  }
  if (!version->has_effective_from()) {
    *version->mutable_effective_from() = calendar::ToProto(c.now);
  } else if (calendar::FromProto(version->effective_from()) < c.now) {
    return InThePast(calendar::FromProto(version->effective_from()), c.now);
  }
  version->set_state(v1::PolicyVersion::STATE_PUBLISHED);
  *version->mutable_decided_by() = c.actor;
  *version->mutable_decide_time() = calendar::ToProto(c.now);
  v1::Event fact = c.NewEvent(version->name(), "");
  Explain why(&fact, "PUBLISHED", "A second person put the rule in force.");
  why.Input("proposed_by", version->proposed_by().id()).Input("source", version->source());
  for (const v1::PolicyChange& change : version->changes()) {
    why.Input(change.path(), Cat(change.before(), " -> ", change.after()));
  }
  *fact.mutable_policy_published()->mutable_effective_from() = version->effective_from();
  return Store(c, *std::move(version), std::move(fact));
}

absl::StatusOr<v1::PolicyVersion> RejectPolicy(Command& c, const v1::RejectPolicyRequest& request) {
  auto version = OpenProposed(c, request.name(), request.etag());
  if (!version.ok()) return version;
  const bool own = !c.actor.id().empty() && SamePerson(c.actor, version->proposed_by());
  if (c.actor.role() != v1::ROLE_MANAGER && !own) {
    return RoleRequired("a manager, or who proposed it, turns a rule down");
  }
  if (request.reason().empty() || request.reason().size() > 500) {
    return InvalidField("reason", "REASON_REQUIRED", "say why, in at most 500 bytes");
  }
  version->set_state(v1::PolicyVersion::STATE_REJECTED);
  version->set_rejection_reason(request.reason());
  *version->mutable_decided_by() = c.actor;
  *version->mutable_decide_time() = calendar::ToProto(c.now);
  v1::Event fact = c.NewEvent(version->name(), "");
  fact.mutable_policy_rejected()->set_reason(request.reason());
  return Store(c, *std::move(version), std::move(fact));
}

}  // namespace aftersales::engine
