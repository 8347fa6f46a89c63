#include "core/engine/erp_worker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "core/domain/resource_names.h"
#include "core/engine/commands.h"
#include "core/engine/engine.h"
#include "core/status/refusal.h"
#include "spdlog/spdlog.h"

namespace aftersales::engine {
namespace {

constexpr int kPage = 500;  // events read, changes told, facts asked for: the contract allows 500
constexpr size_t kCursorBytesMax = 4 << 10;
constexpr int kPullsInARow = 20;  // then changes have their turn
constexpr int kRefusalsLogged = 10;
constexpr char kBroken[] = "INVARIANT_BROKEN";

v1::Actor ErpActor(const std::string& plugin_id) {
  v1::Actor actor;
  actor.set_role(v1::ROLE_ERP);
  actor.set_id(plugin_id);
  return actor;
}

// Text of a plugin in a log line: short, and in one line.
std::string Shown(std::string_view text) {
  return absl::Utf8SafeCEscape(std::string(text.substr(0, 100)));
}

void LogRefused(const std::string& plugin, const v1::Event& fact, std::string_view why) {
  spdlog::warn("plugin={} fact not taken: external id `{}` of `{}`: {}", plugin,
               Shown(fact.external_id()), Shown(fact.subject()), why);
}

}  // namespace

ErpWorker::ErpWorker(Engine& engine, std::string plugin_id, ErpTimes times)
    : engine_(engine),
      plugin_id_(std::move(plugin_id)),
      times_(times),
      thread_([this] { Loop(); }) {}

ErpWorker::~ErpWorker() {
  Stop();
  thread_.join();
}

void ErpWorker::Wake(std::set<std::string> sellers) {
  {
    std::lock_guard lock(mutex_);
    sellers_ = std::move(sellers);
    woken_ = true;
  }
  wake_.notify_one();
}

void ErpWorker::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

bool ErpWorker::stopping() {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void ErpWorker::Loop() {
  bool more = false;
  while (true) {
    std::set<std::string> sellers;
    bool told;
    {
      std::unique_lock lock(mutex_);
      if (!more) {
        wake_.wait_for(lock, absl::ToChronoMilliseconds(times_.poll),
                       [this] { return woken_ || stopping_; });
      }
      if (stopping_) return;
      told = std::exchange(woken_, false);
      sellers = sellers_;
    }
    more = false;
    for (const std::string& seller : sellers) {
      Turn& turn = turns_[seller];
      turn.behind = turn.behind || told;
      try {
        while (turn.behind && absl::Now() >= turn.push_after) {
          if (stopping()) return;
          turn.behind = Push(seller, turn);
        }
        for (int pulls = 0; absl::Now() >= turn.pull_after; ++pulls) {
          if (stopping()) return;
          if (pulls == kPullsInARow) {
            more = true;
            break;
          }
          if (!Pull(seller, turn)) break;
        }
      } catch (const store::Error&) {
        // The writer meets the same trouble and says so; here it is tried again at the next look.
        turn.behind = true;
      }
    }
  }
}

bool ErpWorker::Push(const std::string& seller, Turn& turn) {
  std::vector<v1::Event> events;
  int64_t cursor = 0;
  plugin::v1::PushChangesRequest request;
  std::vector<int64_t> sequences;  // of the changes in the request
  int64_t last = 0;
  engine_.store().ReadHere([&](store::Reader& reader) {
    const std::set<std::string> channels = ErpChannels(reader, seller, plugin_id_);
    cursor = reader.FeedCursor(seller, plugin_id_);
    events = reader.EventsAfter(seller, cursor, kPage);
    for (v1::Event& event : events) {
      const names::Name subject = names::Split(event.subject());
      int64_t seq = 0;
      (void)absl::SimpleAtoi(View(names::Split(event.name()).id), &seq);
      last = seq;
      if (!channels.contains(event.channel())) continue;
      plugin::v1::Change change;
      if (subject.collection == "returns") {
        auto record = reader.FindReturn(seller, subject.id);
        if (!record) continue;
        *change.mutable_return_resource() = std::move(*record->mutable_state());
      } else if (subject.collection == "refunds") {
        auto record = reader.FindRefund(seller, subject.id);
        if (!record) continue;
        *change.mutable_refund() = std::move(*record->mutable_state());
      } else if (subject.collection == "exchanges") {
        auto record = reader.FindExchange(seller, subject.id);
        if (!record) continue;
        *change.mutable_exchange() = std::move(*record->mutable_state());
      } else {
        continue;
      }
      change.set_effect_id(event.name());
      *change.mutable_event() = std::move(event);
      *request.add_changes() = std::move(change);
      sequences.push_back(seq);
    }
  });
  if (events.empty()) {
    turn.push_failures = 0;
    return false;
  }

  int accepted = request.changes_size();
  if (accepted > 0) {
    plugins::PluginHandle* plugin = engine_.plugins().Find(plugin_id_);
    plugin::v1::PushChangesResponse response;
    absl::Status status = absl::UnavailableError("the plugin is not loaded");
    if (plugin != nullptr) {
      plugins::PluginHandle::CallOptions options;
      options.deadline = engine_.Now() + times_.call;
      options.seller = names::Seller(seller);
      status = plugin->Call("ErpPlugin/PushChanges", request, &response, options);
    }
    accepted = status.ok() ? std::clamp(response.accepted_count(), 0, request.changes_size()) : 0;
    if (accepted < request.changes_size()) {
      // What the plugin never saw, or ended under, says nothing of the remote side: soon it may be
      // back, and its supervisor sees to that.
      const bool not_made = plugins::WasNotMade(status) || plugins::WasLostProcess(status);
      if (!not_made) turn.push_failures = accepted > 0 ? 1 : turn.push_failures + 1;
      absl::Duration wait =
          not_made ? absl::Seconds(1)
                   : std::min(absl::Minutes(5),
                              absl::Milliseconds(100) * (1 << std::min(turn.push_failures, 12)));
      if (response.has_retry_after()) {
        wait = std::max(wait,
                        absl::Seconds(std::min<int64_t>(response.retry_after().seconds(), 3600)));
      }
      turn.push_after = absl::Now() + wait;
      if (!not_made && plugin != nullptr) {
        SayHeldUp(*plugin, status.ok() ? response.message() : View(status.message()), turn);
      }
    } else {
      turn.push_failures = 0;
      plugin->SetHeldUp("");
    }
  }
  const bool all = accepted == request.changes_size();
  // Behind the last change that was taken; events that are nobody's business are passed over.
  const int64_t reached = all ? last : accepted > 0 ? sequences[accepted - 1] : cursor;
  if (reached > cursor) {
    const absl::Status moved = engine_.RunInternalAndWait(seller, {}, "erp", [&](Command& c) {
      c.store.PutFeedCursor(seller, plugin_id_, reached);
      return absl::OkStatus();
    });
    if (!moved.ok()) {
      turn.push_after = absl::Now() + times_.poll;
      return true;
    }
  }
  return !all || events.size() == kPage;
}

void ErpWorker::SayHeldUp(plugins::PluginHandle& plugin, std::string_view why, const Turn& turn) {
  const std::string text = Cat("its ERP does not take the next change, and those behind it wait: ",
                               why.empty() ? std::string_view("it does not say why") : why);
  plugin.SetHeldUp(text);
  // At first, and then ever more seldom.
  if ((turn.push_failures & (turn.push_failures - 1)) != 0) return;
  spdlog::warn("plugin={} {}", plugin_id_, plugin.Snapshot().problem());
}

bool ErpWorker::Pull(const std::string& seller, Turn& turn) {
  turn.pull_after = absl::Now() + times_.pull;
  plugins::PluginHandle* plugin = engine_.plugins().Find(plugin_id_);
  if (plugin == nullptr || plugin->CapabilityOf("PullFacts") != v1::Plugin::CAPABILITY_SUPPORTED) {
    return false;
  }
  std::string cursor;
  engine_.store().ReadHere(
      [&](store::Reader& reader) { cursor = reader.PullCursor(seller, plugin_id_); });
  plugin::v1::PullFactsRequest request;
  request.set_cursor(cursor);
  request.set_max_facts(kPage);
  plugin::v1::PullFactsResponse page;
  plugins::PluginHandle::CallOptions options;
  options.deadline = engine_.Now() + times_.call;
  options.seller = names::Seller(seller);
  if (absl::Status s = plugin->Call("ErpPlugin/PullFacts", request, &page, options); !s.ok()) {
    return PullFailed(turn, std::string(s.message()));
  }
  if (page.facts_size() > kPage) {
    return PullFailed(turn, Cat("answered ", page.facts_size(), " facts where at most ", kPage,
                                " were asked for; none was taken"));
  }
  if (page.next_cursor().size() > kCursorBytesMax) {
    return PullFailed(turn, Cat("answered a cursor of ", page.next_cursor().size(),
                                " bytes; at most ", kCursorBytesMax, " are kept"));
  }
  if (page.next_cursor().empty()) page.set_next_cursor(cursor);
  const bool moves = page.next_cursor() != cursor;
  if (moves || page.facts_size() > 0) {
    if (absl::Status s = Record(seller, page); !s.ok()) {
      return PullFailed(turn, Cat("its facts could not be stored: ", std::string(s.message())));
    }
  }
  turn.pull_failures = 0;
  // One that says that there is more, and stays where it is, would be asked without end.
  if (!page.has_more() || !moves) return false;
  turn.pull_after = absl::InfinitePast();
  return true;
}

bool ErpWorker::PullFailed(Turn& turn, std::string_view why) {
  // The first of a row; the others are in the plugin's figures.
  if (turn.pull_failures++ == 0) {
    spdlog::warn("plugin={} facts were not pulled, the next try is in {}: {}", plugin_id_,
                 absl::FormatDuration(times_.pull), why);
  }
  return false;
}

absl::Status ErpWorker::Record(const std::string& seller,
                               const plugin::v1::PullFactsResponse& page) {
  v1::RecordFactsResponse outcome;
  const absl::Status status = engine_.RunInternalAndWait(
      seller, ErpActor(plugin_id_), plugin_id_, [&](Command& c) -> absl::Status {
        outcome = RecordErpFacts(c, plugin_id_, page.facts());
        c.store.PutPullCursor(seller, plugin_id_, page.next_cursor());
        return absl::OkStatus();
      });
  if (ReasonOf(status) == kBroken) return RecordOneByOne(seller, page);
  if (!status.ok()) return status;
  int refused = 0;
  for (int i = 0; i < outcome.results_size(); ++i) {
    const v1::FactResult& result = outcome.results(i);
    if (result.outcome() != v1::FactResult::OUTCOME_INVALID) continue;
    if (++refused <= kRefusalsLogged) LogRefused(plugin_id_, page.facts(i), result.message());
  }
  if (refused > kRefusalsLogged) {
    spdlog::warn("plugin={} {} more facts of this page were not taken", plugin_id_,
                 refused - kRefusalsLogged);
  }
  return absl::OkStatus();
}

absl::Status ErpWorker::RecordOneByOne(const std::string& seller,
                                       const plugin::v1::PullFactsResponse& page) {
  const auto run = [&](std::function<absl::Status(Command&)> work) {
    return engine_.RunInternalAndWait(seller, ErpActor(plugin_id_), plugin_id_, std::move(work));
  };
  // A page that is asked for again after a crash in here is one of duplicates.
  for (const v1::Event& fact : page.facts()) {
    google::protobuf::RepeatedPtrField<v1::Event> one;
    *one.Add() = fact;
    v1::RecordFactsResponse outcome;
    const absl::Status status = run([&](Command& c) -> absl::Status {
      outcome = RecordErpFacts(c, plugin_id_, one);
      return absl::OkStatus();
    });
    if (!status.ok() && ReasonOf(status) != kBroken) return status;
    if (!status.ok()) {
      LogRefused(plugin_id_, fact, std::string(status.message()));
    } else if (outcome.results(0).outcome() == v1::FactResult::OUTCOME_INVALID) {
      LogRefused(plugin_id_, fact, outcome.results(0).message());
    }
  }
  return run([&](Command& c) -> absl::Status {
    c.store.PutPullCursor(seller, plugin_id_, page.next_cursor());
    return absl::OkStatus();
  });
}

}  // namespace aftersales::engine
