// Whether the same effect twice is one effect.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {
namespace {

namespace p1 = plugin::v1;

constexpr char kAdvice[] =
    "pass the effect id on as the remote side's idempotency key, or look the effect up before it "
    "is made; or describe the method without `idempotent`";

bool HasEffect(std::string_view path) {
  const std::string name = ShortName(path);
  return name == "IssueLabel" || name == "VoidLabel" || name == "DecideReturn" ||
         name == "IssueRefund";
}

// What an answer tells of an effect: its result and what was made.
struct Effect {
  p1::EffectResult result;
  std::string made;  // number of a label
};

absl::StatusOr<Effect> ReadEffect(const std::string& path, const Answer& answer) {
  if (!answer.status.ok()) return answer.status;
  Effect effect;
  p1::IssueLabelResponse label;
  p1::EffectResponse other;
  const bool is_label = NewResponse(path)->GetTypeName() == label.GetTypeName();
  const bool read =
      is_label ? label.ParseFromString(answer.bytes) : other.ParseFromString(answer.bytes);
  if (!read) return absl::InternalError("its answer cannot be read");
  effect.result = is_label ? label.result() : other.result();
  if (is_label) effect.made = label.label().tracking_number();
  return effect;
}

Session::Options OptionsOf(const Request& request) {
  Session::Options options;
  options.idempotency_key = request.idempotency_key;
  return options;
}

Outcome DoesEffectsOnce(Subject& subject) {
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  Session& session = **opened;
  std::string not_done = "it promises idempotency of no method with an effect";
  bool tried = false;
  for (const std::string& path : MethodsOf(session.description().kind())) {
    if (!HasEffect(path) || !PromisesIdempotency(session.description(), path) ||
        CapabilityOf(session.description(), path) != v1::Plugin::CAPABILITY_SUPPORTED) {
      continue;
    }
    const Request request = std::move(RequestsFor(path, subject.random()).front());
    const auto first = ReadEffect(path, session.Call(path, request.bytes, OptionsOf(request)));
    if (!first.ok() || first->result.outcome() != p1::EffectResult::OUTCOME_DONE) {
      not_done = absl::StrCat(
          ShortName(path), " was not done here: ",
          !first.ok() ? Text(first.status())
                      : absl::StrCat(p1::EffectResult::Outcome_Name(first->result.outcome()), " ",
                                     first->result.message()),
          "; give settings of a test account with --config");
      continue;
    }
    tried = true;
    for (int again = 2; again <= 3; ++again) {
      const auto next = ReadEffect(path, session.Call(path, request.bytes, OptionsOf(request)));
      if (!next.ok() || next->result.outcome() != p1::EffectResult::OUTCOME_DONE ||
          next->result.external_id() != first->result.external_id() || next->made != first->made) {
        return Fail(absl::StrCat(ShortName(path), " with the same effect id to answer DONE with `",
                                 first->result.external_id(), "` each time"),
                    !next.ok()
                        ? Text(next.status())
                        : absl::StrCat(p1::EffectResult::Outcome_Name(next->result.outcome()),
                                       " with `", next->result.external_id(), "` at try ", again,
                                       next->made != first->made
                                           ? absl::StrCat(", made `", next->made, "` and not `",
                                                          first->made, "`")
                                           : ""),
                    kAdvice);
      }
    }
    const Request other = std::move(RequestsFor(path, subject.random()).front());
    const auto separate = ReadEffect(path, session.Call(path, other.bytes, OptionsOf(other)));
    if (separate.ok() && separate->result.outcome() == p1::EffectResult::OUTCOME_DONE &&
        !first->result.external_id().empty() &&
        separate->result.external_id() == first->result.external_id()) {
      return Fail(absl::StrCat(ShortName(path), " with another effect id to be another effect"),
                  absl::StrCat("the same external id `", first->result.external_id(), "`"),
                  "tell effects apart by their whole id");
    }
    const std::string query = absl::StrCat(path.substr(0, path.rfind('/')), "/QueryEffect");
    if (CapabilityOf(session.description(), query) != v1::Plugin::CAPABILITY_SUPPORTED) continue;
    p1::QueryEffectRequest ask;
    ask.set_effect_id(request.idempotency_key);
    ask.set_method(ShortName(path));
    const auto found = ReadEffect(query, session.Call(query, ask.SerializeAsString()));
    if (!found.ok() || found->result.outcome() != p1::EffectResult::OUTCOME_DONE ||
        found->result.external_id() != first->result.external_id()) {
      return Fail(absl::StrCat("QueryEffect to find the effect of ", ShortName(path),
                               " DONE, with `", first->result.external_id(), "`"),
                  !found.ok()
                      ? Text(found.status())
                      : absl::StrCat(p1::EffectResult::Outcome_Name(found->result.outcome()),
                                     " with `", found->result.external_id(), "`"),
                  "look the effect up at the remote side by its id");
    }
  }
  return tried ? Pass() : Skip(not_done);
}

Outcome KnowsNoEffectThatNeverWas(Subject& subject) {
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  Session& session = **opened;
  for (const std::string& path : MethodsOf(session.description().kind())) {
    if (ShortName(path) != "QueryEffect") continue;
    if (CapabilityOf(session.description(), path) != v1::Plugin::CAPABILITY_SUPPORTED) break;
    const Request request = std::move(RequestsFor(path, subject.random()).front());
    const auto effect = ReadEffect(path, session.Call(path, request.bytes));
    if (!effect.ok()) return Skip(absl::StrCat("QueryEffect answered ", Text(effect.status())));
    const auto outcome = effect->result.outcome();
    if (outcome == p1::EffectResult::OUTCOME_NOT_FOUND ||
        outcome == p1::EffectResult::OUTCOME_UNKNOWN) {
      return Pass();
    }
    return Fail("NOT_FOUND for an effect that never was, or UNKNOWN when unsure",
                p1::EffectResult::Outcome_Name(outcome),
                "say DONE only of what the remote side has under this very id");
  }
  return Skip("the plugin does not describe QueryEffect as SUPPORTED");
}

Outcome TakesChangesAgain(Subject& subject) {
  constexpr char kPath[] = "/aftersales.plugin.v1.ErpPlugin/PushChanges";
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  if (CapabilityOf((*opened)->description(), kPath) != v1::Plugin::CAPABILITY_SUPPORTED) {
    return Skip("the plugin does not describe PushChanges as SUPPORTED");
  }
  const Request request = std::move(RequestsFor(kPath, subject.random()).back());
  int taken = -1;
  for (int time = 1; time <= 2; ++time) {
    const Answer answer = (*opened)->Call(kPath, request.bytes, OptionsOf(request));
    p1::PushChangesResponse response;
    if (!answer.status.ok() || !response.ParseFromString(answer.bytes)) {
      if (time == 1) return Skip(absl::StrCat("PushChanges answered ", Text(answer.status)));
      return Fail("changes that come again to be taken again", Text(answer.status),
                  "a change that is there already counts as accepted");
    }
    if (time == 1 && response.accepted_count() == 0) {
      return Skip(absl::StrCat("no change was taken here: ", response.message()));
    }
    if (time == 2 && response.accepted_count() < taken) {
      return Fail(absl::StrCat("the ", taken, " changes that were taken to be taken again"),
                  absl::StrCat(response.accepted_count(), ": ", response.message()),
                  "a change that is there already counts as accepted, or the host never gets on");
    }
    taken = response.accepted_count();
  }
  return Pass();
}

}  // namespace

std::vector<TestCase> IdempotencyTests() {
  std::vector<TestCase> tests;
  const auto add = [&](const char* id, const char* description, Outcome (*run)(Subject&)) {
    TestCase test;
    test.id = id;
    test.description = description;
    test.run = run;
    tests.push_back(std::move(test));
  };
  add("idempotency.once", "The same effect id twice is one effect, also for QueryEffect.",
      DoesEffectsOnce);
  add("idempotency.never_was", "An effect that never was is not found.", KnowsNoEffectThatNeverWas);
  add("idempotency.changes_again", "Changes that come again are taken again.", TakesChangesAgain);
  tests.back().kind = v1::Plugin::KIND_ERP;
  return tests;
}

}  // namespace aftersales::conformance
