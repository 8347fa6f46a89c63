#include "core/engine/delivery.h"

#include <algorithm>
#include <random>

#include "absl/synchronization/blocking_counter.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/engine/engine.h"
#include "core/engine/return_editor.h"
#include "spdlog/spdlog.h"

namespace aftersales::engine {
namespace {

using plugin::v1::EffectResult;

// What came back from a plugin, with the label if there is one.
struct Result {
  EffectResult result;
  v1::ReturnLabel label;
  bool never_seen = false;  // the remote side was asked, and knows of no attempt
};

// Codes that say that nothing was done and that trying again does not help.
bool IsDefinite(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

Result FromStatus(const absl::Status& status) {
  Result out;
  // The plugin never saw the call when its waiting room was full.
  out.result.set_outcome(status.code() == absl::StatusCode::kResourceExhausted
                             ? EffectResult::OUTCOME_RETRY
                         : IsDefinite(status.code()) ? EffectResult::OUTCOME_FAILED
                                                     : EffectResult::OUTCOME_UNKNOWN);
  out.result.set_message(std::string(status.message()));
  return out;
}

// How long what a refund was decided on by is taken for true still.
constexpr absl::Duration kFresh = absl::Milliseconds(500);

EffectResult UnknownBecause(const absl::Status& status) {
  EffectResult result;
  result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
  result.set_message(std::string(status.message()));
  return result;
}

// Exponential with full jitter, capped; never earlier than the plugin asks for.
absl::Duration Backoff(int attempt, const EffectResult& result) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const double cap = std::min(3600.0, 0.5 * static_cast<double>(1ull << std::min(attempt, 20)));
  const double seconds = std::uniform_real_distribution<double>(0, cap)(random);
  absl::Duration wait = absl::Seconds(seconds);
  if (result.has_retry_after()) {
    wait = std::max(wait, absl::Seconds(std::min<int64_t>(result.retry_after().seconds(), 86400)));
  }
  return wait;
}

// Until an effect whose plugin takes no calls is looked at again: soon enough for one that comes
// back, rarely enough for thousands that wait for one that is disabled.
absl::Duration WaitFor(const plugins::PluginHandle* plugin) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const bool away = plugin == nullptr || !plugin->enabled();
  return absl::Seconds(std::uniform_real_distribution<double>(away ? 5 : 1, away ? 30 : 3)(random));
}

// Whether the remote side can be asked how an effect ended.
bool CanQuery(const plugins::PluginHandle* plugin) {
  return plugin != nullptr &&
         plugin->CapabilityOf("QueryEffect") == v1::Plugin::CAPABILITY_SUPPORTED;
}

std::string NotLoaded(const std::string& plugin) {
  return Cat("plugin ", plugin,
             " is not loaded; see `aftersales plugins list`, and put it back or enable it");
}

// Whether what an effect was queued for is so still. What may have been done already is: there the
// remote side has to tell first.
bool StillWanted(Command& c, const store::Effect& effect) {
  if (effect.unknown) return true;
  const auto record = c.store.FindReturn(effect.seller, names::Split(effect.subject).id);
  if (!record) return false;
  if (effect.method == "DecideReturn") {
    return effect.premise == PremiseOf(record->state().decision());
  }
  if (effect.method == "VoidLabel") {
    return std::any_of(record->state().labels().begin(), record->state().labels().end(),
                       [&](const v1::ReturnLabel& label) {
                         return label.label_id() == effect.premise &&
                                label.state() == v1::ReturnLabel::STATE_VOIDING;
                       });
  }
  return std::any_of(record->state().labels().begin(), record->state().labels().end(),
                     [&](const v1::ReturnLabel& label) {
                       return label.label_id() == effect.effect_id && IsLive(label.state());
                     });
}

// Takes a refund out of the outbox that is not due any more: not to be paid, or, where it may have
// been, a person's to find out.
absl::Status DropUndue(Command& c, const store::Effect& effect, store::RefundRecord record,
                       const absl::Status& due) {
  c.store.RemoveEffect(effect.seq);
  v1::Event fact = c.NewEvent(effect.subject, record.state().channel());
  const std::string why(due.message());
  if (effect.unknown) {
    fact.mutable_refund_outcome_unknown()->set_reason(
        Cat("it may have been paid, is not handed over again, and nobody can be asked: ", why));
    *fact.mutable_refund_outcome_unknown()->mutable_due_at() = calendar::ToProto(c.now);
  } else {
    fact.mutable_refund_failed()->set_reason(Cat("not handed over: ", why));
  }
  return RecordRefundFact(c, std::move(record), std::move(fact)).status();
}

v1::ManualAction CheckByHand(const v1::Return& state, std::string_view why) {
  v1::ManualAction action;
  action.set_title(
      Cat("Make sure that the marketplace has the decision on ",
          state.external_rma_id().empty() ? state.order_external_id() : state.external_rma_id()));
  action.add_steps(Cat("The plugin could not tell it: ", why));
  action.add_steps("Look the return up at the marketplace and decide it there");
  return action;
}

}  // namespace

bool MayBeDone(v1::Plugin::Capability capability) {
  return capability != v1::Plugin::CAPABILITY_MANUAL;
}

EffectResult::Outcome Conclude(EffectResult::Outcome answered, bool asked, bool never_seen,
                               bool exhausted, bool* unknown) {
  if (never_seen) *unknown = false;
  if (answered == EffectResult::OUTCOME_RETRY) {
    if (!exhausted) return answered;
    answered = EffectResult::OUTCOME_FAILED;
  }
  // That an attempt did nothing says nothing about one before it.
  if (*unknown && !asked && answered != EffectResult::OUTCOME_DONE) {
    answered = EffectResult::OUTCOME_UNKNOWN;
  }
  if (answered == EffectResult::OUTCOME_UNKNOWN) *unknown = true;
  return answered;
}

absl::Duration WaitToRepeat(bool lost, bool harmless, int attempt, absl::Duration usual) {
  return lost && harmless ? std::min(usual, Backoff(attempt, EffectResult())) : usual;
}

Delivery::Delivery(Engine& engine, absl::Duration effect_timeout, absl::Duration poll)
    : engine_(engine), timeout_(effect_timeout), poll_(poll) {}

Delivery::~Delivery() { Stop(); }

void Delivery::Start() {
  Recover();
  threads_.emplace_back([this] { Dispatch(); });
  for (int i = 0; i < kWorkers; ++i) threads_.emplace_back([this] { Work(); });
}

void Delivery::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    woken_ = true;
  }
  wake_.notify_all();
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Delivery::Wake() {
  {
    std::lock_guard lock(mutex_);
    if (woken_) return;
    woken_ = true;
  }
  wake_.notify_one();
}

void Delivery::Recover() {
  std::vector<store::Effect> interrupted;
  engine_.store().ReadHere([&](store::Reader& reader) { interrupted = reader.EffectsInFlight(); });
  // All at once, so that they share their commits: a start must not wait for the disk as often as
  // there were effects in flight.
  absl::BlockingCounter running(static_cast<int>(interrupted.size()));
  for (store::Effect& effect : interrupted) {
    // It may have been done. Ask, if the remote side can tell; repeat only where that is safe.
    engine_.RunInternal(
        effect.seller, {}, "recovery",
        [effect](Command& c) mutable {
          const plugins::PluginHandle* plugin = c.services.plugins.Find(effect.plugin);
          const bool repeatable = plugin != nullptr && plugin->IdempotentAt(effect.method);
          effect.unknown = MayBeDone(plugin == nullptr ? v1::Plugin::CAPABILITY_UNSPECIFIED
                                                       : plugin->CapabilityOf(effect.method));
          effect.state = repeatable || !effect.unknown ? store::Effect::State::kPending
                                                       : store::Effect::State::kQuery;
          effect.due_at = absl::ToUnixMicros(c.now);
          effect.last_error = "the host stopped while it was being done";
          c.store.PutEffect(&effect);
          return absl::OkStatus();
        },
        [&running](const absl::Status&) { running.DecrementCount(); });
  }
  running.Wait();
}

void Delivery::Dispatch() {
  constexpr int kPage = 128;
  constexpr int kPageBehindSlow = 4096;
  constexpr absl::Duration kLookBehind = absl::Milliseconds(200);
  absl::Time look_behind = absl::InfinitePast();
  while (true) {
    int page = kPage;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, absl::ToChronoMilliseconds(poll_), [this] { return woken_; });
      if (stopping_) return;
      woken_ = false;
      // Behind those of a plugin that is slow there may be others; looked for now and then.
      if (std::any_of(queued_.begin(), queued_.end(),
                      [](const auto& queued) { return queued.second >= kQueuedOfPluginMax; })) {
        if (absl::Now() < look_behind) continue;
        look_behind = absl::Now() + kLookBehind;
        page = kPageBehindSlow;
      }
    }
    std::vector<store::Effect> due;
    try {
      engine_.store().ReadHere([&](store::Reader& reader) {
        due = reader.DueEffects(absl::ToUnixMicros(engine_.Now()), page);
      });
    } catch (const store::Error&) {
      continue;  // tried again at the next poll
    }
    {
      std::lock_guard lock(mutex_);
      std::map<std::string, size_t> queued = queued_;
      std::erase_if(due, [&](const store::Effect& e) {
        return busy_.contains(e.seq) || ++queued[e.plugin] > kQueuedOfPluginMax;
      });
      for (const store::Effect& effect : due) busy_.insert(effect.seq);
    }
    if (due.empty()) continue;
    std::vector<int64_t> asked;
    for (const store::Effect& effect : due) asked.push_back(effect.seq);
    std::vector<store::Effect> claimed = Claim(std::move(due));
    {
      std::lock_guard lock(mutex_);
      for (const int64_t seq : asked) {
        if (std::none_of(claimed.begin(), claimed.end(),
                         [&](const store::Effect& e) { return e.seq == seq; })) {
          busy_.erase(seq);
        }
      }
      for (store::Effect& effect : claimed) {
        ++queued_[effect.plugin];
        queue_.push_back(std::move(effect));
      }
      woken_ = true;  // there may be more than one page
    }
    work_.notify_all();
  }
}

std::vector<store::Effect> Delivery::Claim(std::vector<store::Effect> effects) {
  std::vector<store::Effect> claimed;
  // Effects of several sellers may be due at once; each seller has its own transaction.
  while (!effects.empty()) {
    const std::string seller = effects.front().seller;
    std::vector<store::Effect> mine;
    const absl::Status status = engine_.RunInternalAndWait(seller, {}, "outbox", [&](Command& c) {
      mine.clear();
      for (const store::Effect& listed : effects) {
        if (listed.seller != seller) continue;
        auto effect = c.store.FindEffect(listed.seq);
        if (!effect || (effect->state != store::Effect::State::kPending &&
                        effect->state != store::Effect::State::kQuery)) {
          continue;
        }
        store::Effect to_do = *effect;
        if (effect->method != "IssueRefund" && !StillWanted(c, *effect)) {
          c.store.RemoveEffect(effect->seq);
          continue;
        }
        const plugins::PluginHandle* plugin = c.services.plugins.Find(effect->plugin);
        const absl::Status ready =
            plugin == nullptr ? absl::UnavailableError(NotLoaded(effect->plugin)) : plugin->Ready();
        if (!ready.ok()) {
          // It waits without an attempt, of which there are only so many.
          effect->last_error = std::string(ready.message());
          effect->due_at = absl::ToUnixMicros(c.now + WaitFor(plugin));
          c.store.PutEffect(&*effect);
          continue;
        }
        if (effect->method == "IssueRefund") {
          auto record = c.store.FindRefund(seller, names::Split(effect->subject).id);
          const v1::Refund::Status refund =
              record ? record->state().status() : v1::Refund::STATUS_UNSPECIFIED;
          if (refund != v1::Refund::STATUS_APPROVED && refund != v1::Refund::STATUS_SUBMITTED &&
              refund != v1::Refund::STATUS_UNKNOWN) {
            c.store.RemoveEffect(effect->seq);  // settled in the meantime
            continue;
          }
          // What was asked for just now was looked into just then.
          const bool fresh = refund == v1::Refund::STATUS_APPROVED && effect->attempt == 0 &&
                             c.now - calendar::FromProto(record->state().update_time()) < kFresh;
          if (effect->state == store::Effect::State::kPending && !fresh) {
            if (const absl::Status due = CheckStillDue(c, record->state()); !due.ok()) {
              if (!effect->unknown || !CanQuery(plugin)) {
                auto dropped = DropUndue(c, *effect, *std::move(record), due);
                if (!dropped.ok()) return dropped;
                continue;
              }
              // It may have been done before: that comes first.
              effect->state = store::Effect::State::kQuery;
              to_do.state = effect->state;
            }
          }
          if (effect->state == store::Effect::State::kPending) {
            v1::Event fact = c.NewEvent(effect->subject, record->state().channel());
            fact.mutable_refund_submitted()->set_attempt(effect->attempt + 1);
            auto stored = RecordRefundFact(c, *std::move(record), std::move(fact));
            if (!stored.ok()) return stored.status();
          }
        }
        // `to_do` keeps the state that says whether to do or to ask.
        effect->state = store::Effect::State::kInFlight;
        effect->attempt += 1;
        to_do.attempt = effect->attempt;
        to_do.due_at = absl::ToUnixMicros(c.now);  // since when it waits for a worker
        c.store.PutEffect(&*effect);
        mine.push_back(std::move(to_do));
      }
      return absl::OkStatus();
    });
    if (status.ok()) std::move(mine.begin(), mine.end(), std::back_inserter(claimed));
    std::erase_if(effects, [&](const store::Effect& e) { return e.seller == seller; });
  }
  return claimed;
}

void Delivery::Work() {
  while (true) {
    store::Effect effect;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || NextToDo() != queue_.end(); });
      // What is claimed and not begun stays in flight and is taken up at the next start.
      if (stopping_) return;
      const auto next = NextToDo();
      effect = std::move(*next);
      queue_.erase(next);
      if (--queued_[effect.plugin] == 0) queued_.erase(effect.plugin);
      ++working_[effect.plugin];
    }
    Deliver(effect);
    {
      std::lock_guard lock(mutex_);
      if (--working_[effect.plugin] == 0) working_.erase(effect.plugin);
    }
    work_.notify_one();
  }
}

std::deque<store::Effect>::iterator Delivery::NextToDo() {
  return std::find_if(queue_.begin(), queue_.end(), [this](const store::Effect& effect) {
    const auto working = working_.find(effect.plugin);
    return working == working_.end() || working->second < kWorkersOfPlugin;
  });
}

void Delivery::Release(int64_t seq) {
  {
    std::lock_guard lock(mutex_);
    busy_.erase(seq);
  }
  Wake();
}

bool Delivery::IsStillToPay(const store::Effect& effect) {
  if (effect.method != "IssueRefund" || effect.state != store::Effect::State::kPending ||
      engine_.Now() - absl::FromUnixMicros(effect.due_at) < kFresh) {
    return true;
  }
  bool still = true;
  const absl::Status status =
      engine_.RunInternalAndWait(effect.seller, {}, "outbox", [&](Command& c) -> absl::Status {
        still = true;
        const auto stored = c.store.FindEffect(effect.seq);
        auto record = c.store.FindRefund(effect.seller, names::Split(effect.subject).id);
        if (!stored || !record) return absl::OkStatus();
        if (record->state().status() != v1::Refund::STATUS_SUBMITTED) {
          still = false;
          c.store.RemoveEffect(effect.seq);  // settled in the meantime
          return absl::OkStatus();
        }
        if (effect.unknown) return absl::OkStatus();
        const absl::Status due = CheckStillDue(c, record->state());
        if (due.ok()) return due;
        still = false;
        return DropUndue(c, *stored, *std::move(record), due);
      });
  return still || !status.ok();
}

void Delivery::Deliver(const store::Effect& effect) {
  if (!IsStillToPay(effect)) {
    Release(effect.seq);
    return;
  }
  plugins::PluginHandle* plugin = engine_.plugins().Find(effect.plugin);
  const std::string_view subject_id = names::Split(effect.subject).id;
  std::optional<store::ReturnRecord> return_record;
  std::optional<store::RefundRecord> refund_record;
  try {
    engine_.store().ReadHere([&](store::Reader& reader) {
      if (effect.method == "IssueRefund") {
        refund_record = reader.FindRefund(effect.seller, subject_id);
      } else {
        return_record = reader.FindReturn(effect.seller, subject_id);
      }
    });
  } catch (const store::Error&) {
    Release(effect.seq);
    return;
  }

  const bool query = effect.state == store::Effect::State::kQuery;
  Result out;
  plugins::PluginHandle::CallOptions options;
  options.idempotency_key = effect.effect_id;
  options.attempt = effect.attempt;
  options.deadline = engine_.Now() + timeout_;
  options.seller = names::Seller(effect.seller);
  const bool can_query = CanQuery(plugin);
  // The plugin never saw it, or there is none to see it: nothing has changed but the time.
  bool not_made = plugin == nullptr;
  // Its process ended under it: that is no answer, and its supervisor's to deal with.
  bool lost = false;
  const auto call = [&](std::string_view method, const google::protobuf::MessageLite& request,
                        google::protobuf::MessageLite* response) {
    const absl::Status status = plugin->Call(method, request, response, options);
    not_made = plugins::WasNotMade(status);
    lost = plugins::WasLostProcess(status);
    return status;
  };
  if (effect.attempt > kAttemptsMax) {
    not_made = false;
    out.result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
    out.result.set_message(Cat("plugin ", effect.plugin,
                               " or the host ended again and again while it was being done, ",
                               kAttemptsMax, " times in all; a person has to find out"));
  } else if (plugin == nullptr) {
    out.result.set_message(NotLoaded(effect.plugin));
  } else if (query && !can_query) {
    out.result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
    out.result.set_message("the plugin cannot ask how it ended; a person has to find out");
  } else if (query) {
    plugin::v1::QueryEffectRequest request;
    request.set_effect_id(effect.effect_id);
    request.set_method(effect.method);
    if (effect.method == "IssueLabel" || effect.method == "VoidLabel") {
      plugin::v1::IssueLabelResponse response;
      const absl::Status s = call("CarrierPlugin/QueryEffect", request, &response);
      out.result = s.ok() ? response.result() : UnknownBecause(s);
      out.label = response.label();
    } else {
      plugin::v1::EffectResponse response;
      const absl::Status s = call("MarketplacePlugin/QueryEffect", request, &response);
      out.result = s.ok() ? response.result() : UnknownBecause(s);
    }
    // Never seen there: it is safe to do it again under the same id.
    if (out.result.outcome() == EffectResult::OUTCOME_NOT_FOUND) {
      out.result.set_outcome(EffectResult::OUTCOME_RETRY);
      out.never_seen = true;
    }
  } else if (effect.method == "IssueLabel") {
    plugin::v1::IssueLabelRequest request;
    request.set_effect_id(effect.effect_id);
    *request.mutable_return_resource() = return_record->state();
    plugin::v1::IssueLabelResponse response;
    const absl::Status s = call("CarrierPlugin/IssueLabel", request, &response);
    out = s.ok() ? Result{response.result(), response.label(), false} : FromStatus(s);
  } else if (effect.method == "VoidLabel") {
    plugin::v1::VoidLabelRequest request;
    request.set_effect_id(effect.effect_id);
    for (const v1::ReturnLabel& label : return_record->state().labels()) {
      if (label.label_id() == effect.premise) *request.mutable_label() = label;
    }
    *request.mutable_return_resource() = return_record->state();
    plugin::v1::EffectResponse response;
    const absl::Status s = call("CarrierPlugin/VoidLabel", request, &response);
    out = s.ok() ? Result{response.result(), {}, false} : FromStatus(s);
  } else if (effect.method == "IssueRefund") {
    plugin::v1::IssueRefundRequest request;
    request.set_effect_id(effect.effect_id);
    *request.mutable_refund() = refund_record->state();
    plugin::v1::EffectResponse response;
    const absl::Status s = call("MarketplacePlugin/IssueRefund", request, &response);
    out = s.ok() ? Result{response.result(), {}, false} : FromStatus(s);
  } else {
    plugin::v1::DecideReturnRequest request;
    request.set_effect_id(effect.effect_id);
    *request.mutable_return_resource() = return_record->state();
    plugin::v1::EffectResponse response;
    const absl::Status s = call("MarketplacePlugin/DecideReturn", request, &response);
    out = s.ok() ? Result{response.result(), {}, false} : FromStatus(s);
  }
  // An outcome that this host does not know says nothing either.
  if (!EffectResult::Outcome_IsValid(out.result.outcome()) ||
      out.result.outcome() == EffectResult::OUTCOME_UNSPECIFIED ||
      out.result.outcome() == EffectResult::OUTCOME_NOT_FOUND) {
    out.result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
    if (out.result.message().empty()) out.result.set_message("it did not say what became of it");
  }
  const bool repeatable = plugin != nullptr && plugin->IdempotentAt(effect.method);

  v1::Actor actor;
  actor.set_role(v1::ROLE_PLUGIN);
  actor.set_id(effect.plugin);
  engine_.RunInternal(
      effect.seller, actor, effect.plugin,
      [effect, out, can_query, repeatable, query, not_made, lost](Command& c) mutable {
        EffectResult& result = out.result;
        auto stored = c.store.FindEffect(effect.seq);
        if (!stored) return absl::OkStatus();
        stored->last_error = result.message().substr(0, 500);
        auto again = [&](store::Effect::State state, absl::Duration wait) {
          stored->state = state;
          stored->due_at = absl::ToUnixMicros(c.now + wait);
          c.store.PutEffect(&*stored);
        };
        if (not_made) {
          // As it was when it was claimed, also what is to be done: to do it, or to ask.
          stored->attempt = effect.attempt - 1;
          again(effect.state, WaitFor(c.services.plugins.Find(effect.plugin)));
          return absl::OkStatus();
        }
        if (lost) {
          stored->answers = 0;
        } else if (!out.never_seen) {
          stored->answers += 1;
        }
        const auto again_after = [&](absl::Duration usual) {
          again(can_query ? store::Effect::State::kQuery : store::Effect::State::kPending,
                WaitToRepeat(lost, /*harmless=*/query || !can_query, effect.attempt, usual));
        };
        const bool exhausted = stored->answers >= kAnswersMax || stored->attempt > kAttemptsMax;
        result.set_outcome(
            Conclude(result.outcome(), query, out.never_seen, exhausted, &stored->unknown));
        if (result.outcome() == EffectResult::OUTCOME_RETRY) {
          again(store::Effect::State::kPending,
                query ? absl::ZeroDuration() : Backoff(effect.attempt, result));
          return absl::OkStatus();
        }
        const bool unknown = result.outcome() == EffectResult::OUTCOME_UNKNOWN;

        if (effect.method == "IssueRefund") {
          auto record = c.store.FindRefund(effect.seller, names::Split(effect.subject).id);
          if (!record) return absl::OkStatus();
          auto channel = c.Channel(record->state().channel());
          if (!channel.ok()) return channel.status();
          v1::Event fact = c.NewEvent(effect.subject, record->state().channel());
          if (unknown) {
            const absl::Duration wait =
                absl::Minutes(std::max(1, (*channel)->policies.At(c.now).refund_query_minutes()));
            const bool by_host = (can_query || repeatable) && !exhausted;
            if (by_host) {
              again_after(wait);
            } else {
              c.store.RemoveEffect(effect.seq);
            }
            if (record->state().status() == v1::Refund::STATUS_UNKNOWN && by_host) {
              return absl::OkStatus();
            }
            fact.mutable_refund_outcome_unknown()->set_reason(stored->last_error);
            *fact.mutable_refund_outcome_unknown()->mutable_due_at() =
                calendar::ToProto(c.now + (by_host ? wait : absl::ZeroDuration()));
          } else {
            c.store.RemoveEffect(effect.seq);
            if (result.outcome() == EffectResult::OUTCOME_DONE) {
              *fact.mutable_refund_succeeded()->mutable_amount() = record->state().total();
              v1::RefundSucceeded* paid = fact.mutable_refund_succeeded();
              if (const auto other =
                      OtherWithExternalId(c, record->state(), result.external_id())) {
                paid->set_proof(Cat("The plugin answered with the id ", result.external_id(),
                                    ", which ", *other, " has; look whether it was paid twice."));
              } else {
                paid->set_external_refund_id(result.external_id());
              }
            } else if (result.outcome() == EffectResult::OUTCOME_MANUAL) {
              *fact.mutable_refund_awaits_person()->mutable_action() = result.manual_action();
              *fact.mutable_refund_awaits_person()->mutable_due_at() = calendar::ToProto(
                  RefundDue(c.now, (*channel)->channel, (*channel)->policies.At(c.now)));
            } else {
              fact.mutable_refund_failed()->set_reason(stored->last_error);
            }
          }
          return RecordRefundFact(c, *std::move(record), std::move(fact)).status();
        }

        // The return knows its decision already.
        if (effect.method == "DecideReturn" && result.outcome() == EffectResult::OUTCOME_DONE) {
          c.store.RemoveEffect(effect.seq);
          return absl::OkStatus();
        }

        auto editor = ReturnEditor::Open(c, effect.subject);
        if (!editor.ok()) return editor.status();
        if (effect.method == "IssueLabel") {
          v1::Event fact = editor->NewFact();
          v1::ReturnLabel* label = fact.mutable_return_label_recorded()->mutable_label();
          for (const v1::ReturnLabel& known : editor->state().labels()) {
            if (known.label_id() == effect.effect_id) *label = known;
          }
          if (unknown && (can_query || repeatable) && !exhausted) {
            again_after(absl::Minutes(1));
          } else {
            c.store.RemoveEffect(effect.seq);
          }
          if (result.outcome() == EffectResult::OUTCOME_DONE) {
            const v1::ReturnLabel::Payer payer = label->paid_by();
            label->MergeFrom(out.label);
            if (payer != v1::ReturnLabel::PAYER_UNSPECIFIED) label->set_paid_by(payer);
            label->set_kind(v1::ReturnLabel::KIND_CARRIER);
            label->set_state(v1::ReturnLabel::STATE_ISSUED);
            *label->mutable_issued_at() = calendar::ToProto(c.now);
          } else {
            label->set_state(unknown ? v1::ReturnLabel::STATE_UNKNOWN
                                     : v1::ReturnLabel::STATE_FAILED);
          }
          label->set_label_id(effect.effect_id);
          editor->Add(std::move(fact));
          editor->Save();
          return absl::OkStatus();
        }

        if (effect.method == "VoidLabel") {
          if (unknown && (can_query || repeatable) && !exhausted) {
            again_after(absl::Minutes(1));
            return absl::OkStatus();
          }
          c.store.RemoveEffect(effect.seq);
          v1::Event fact = editor->NewFact();
          v1::ReturnLabel* label = fact.mutable_return_label_recorded()->mutable_label();
          const bool wanted = editor->state().status() == v1::Return::STATUS_APPROVED;
          bool replaced = false;
          for (const v1::ReturnLabel& known : editor->state().labels()) {
            if (known.label_id() == effect.premise) *label = known;
            replaced = replaced || IsLive(known.state());
          }
          if (label->state() != v1::ReturnLabel::STATE_VOIDING) return absl::OkStatus();
          // What the carrier did not take back is good again where the parcel is waited for.
          label->set_state(result.outcome() == EffectResult::OUTCOME_DONE
                               ? v1::ReturnLabel::STATE_VOIDED
                           : result.outcome() == EffectResult::OUTCOME_FAILED && wanted && !replaced
                               ? v1::ReturnLabel::STATE_ISSUED
                               : v1::ReturnLabel::STATE_EXPIRED);
          editor->Add(std::move(fact));
          editor->Save();
          return absl::OkStatus();
        }

        // DecideReturn: moves no money, so what is not known to have arrived is a person's to
        // check.
        if (unknown && (can_query || repeatable) && !exhausted) {
          again_after(absl::Minutes(1));
          return absl::OkStatus();
        }
        c.store.RemoveEffect(effect.seq);
        v1::Event fact = editor->NewFact();
        v1::ManualActionChanged* manual = fact.mutable_manual_action_changed();
        *manual->mutable_action() = result.outcome() == EffectResult::OUTCOME_MANUAL
                                        ? result.manual_action()
                                        : CheckByHand(editor->state(), stored->last_error);
        absl::Time due = c.now + absl::Hours(24);
        for (const v1::Deadline& deadline : editor->state().deadlines()) {
          if (deadline.kind() == v1::Deadline::KIND_RETURN_RESPONSE) {
            due = std::max(due, calendar::FromProto(deadline.due_at()));
          }
        }
        *manual->mutable_due_at() = calendar::ToProto(due);
        editor->Add(std::move(fact));
        editor->Save();
        return absl::OkStatus();
      },
      [this, seq = effect.seq, subject = effect.subject](const absl::Status& recorded) {
        // It is taken up again when the host starts.
        if (!recorded.ok()) {
          spdlog::error("the outcome of an effect for {} cannot be recorded: {}", subject,
                        std::string(recorded.message()));
        }
        Release(seq);
      });
}

}  // namespace aftersales::engine
