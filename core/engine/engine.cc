#include "core/engine/engine.h"

#include <openssl/sha.h>

#include <algorithm>
#include <future>

#include "aftersales/plugin/v1/carrier.pb.h"
#include "core/domain/resource_names.h"
#include "core/domain/tracking.h"
#include "core/engine/commands.h"
#include "core/plugins/transport.h"
#include "core/status/refusal.h"
#include "spdlog/spdlog.h"

namespace aftersales::engine {

namespace {

constexpr std::string_view kInvariantsSource = "invariants";
constexpr int kJudgeAttempts = 5;

}  // namespace

// Who is told of commits. Shared, so that a subscription may outlive the engine.
struct Engine::Listeners {
  std::mutex mutex;
  std::vector<std::pair<int64_t, std::function<void()>>> list;
  int64_t next = 0;
};

class Engine::Subscription {
 public:
  Subscription(std::shared_ptr<Listeners> listeners, int64_t id)
      : listeners_(std::move(listeners)), id_(id) {}
  ~Subscription() {
    std::lock_guard lock(listeners_->mutex);
    std::erase_if(listeners_->list, [this](const auto& entry) { return entry.first == id_; });
  }

 private:
  std::shared_ptr<Listeners> listeners_;
  int64_t id_;
};

Engine::Engine(store::Store& store, plugins::PluginRegistry& plugins, const Clock& clock,
               IdSource& ids, EngineOptions options)
    : store_(store),
      clock_(clock),
      options_(options),
      services_{plugins, ids, {}},
      listeners_(std::make_shared<Listeners>()),
      delivery_(std::make_unique<Delivery>(*this, options.effect_timeout, options.poll)),
      feed_(std::make_unique<ErpFeed>(*this,
                                      ErpTimes{options.poll, options.erp.pull, options.erp.call})) {
  store_.OnCommit([this, listeners = listeners_] {
    delivery_->Wake();
    feed_->Wake();
    std::lock_guard lock(listeners->mutex);
    for (const auto& [id, listener] : listeners->list) listener();
  });
}

Engine::~Engine() { Stop(); }

void Engine::Start() {
  delivery_->Start();
  feed_->Start();
  clock_thread_ = std::thread([this] { ClockLoop(); });
}

void Engine::Stop() {
  if (stopping_.exchange(true)) return;
  if (clock_thread_.joinable()) clock_thread_.join();
  delivery_->Stop();
  feed_->Stop();
}

std::shared_ptr<Engine::Subscription> Engine::Subscribe(std::function<void()> listener) {
  std::lock_guard lock(listeners_->mutex);
  const int64_t id = listeners_->next++;
  listeners_->list.emplace_back(id, std::move(listener));
  return std::make_shared<Subscription>(listeners_, id);
}

std::string Engine::HashOf(std::string_view method, const google::protobuf::MessageLite& request) {
  std::string text = Cat(method, "\n");
  request.AppendToString(&text);
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

void Engine::RunRaw(std::string_view seller, v1::Actor actor, std::string request_id,
                    std::string hash, bool validate_only, RawCommand command,
                    std::function<bool()> keep, std::function<void(const absl::Status&)> done) {
  if (request_id.size() > 128) {
    done(InvalidField("request_id", "TOO_LONG", "at most 128 bytes; a UUID has 36"));
    return;
  }
  std::string running_key;
  if (!request_id.empty() && !validate_only) {
    running_key = Cat(seller, "/", request_id);
    std::lock_guard lock(running_mutex_);
    if (!running_.insert(running_key).second) {
      done(Refuse(absl::StatusCode::kAborted, "IN_PROGRESS",
                  "the first call with this request_id is still running; ask again in a moment")
               .RetryAfter(absl::Milliseconds(50)));
      return;
    }
  }
  auto release = [this, running_key] {
    if (running_key.empty()) return;
    std::lock_guard lock(running_mutex_);
    running_.erase(running_key);
  };
  auto outcome = std::make_shared<absl::Status>();
  auto broken = std::make_shared<std::vector<Violation>>();
  const absl::Status queued = store_.Submit(
      [this, seller = std::string(seller), actor = std::move(actor),
       request_id = std::move(request_id), hash = std::move(hash), command = std::move(command),
       keep = std::move(keep), outcome, broken](store::Transaction& transaction) {
        RefreshChannels();
        Command c{transaction, services_, seller, actor, "api", clock_.Now()};
        if (request_id.empty()) {
          *outcome = command(c, nullptr, nullptr);
          HoldToInvariants(c, outcome.get(), broken.get());
          return outcome->ok() && keep();
        }
        if (const auto stored = transaction.FindAnswer(seller, request_id)) {
          if (stored->request_hash != hash) {
            *outcome = Refuse(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                              "this request_id came before with another request; make a new one")
                           .Field("request_id", "a fresh UUID for every new request");
            return false;
          }
          *outcome = command(c, &stored->response, nullptr);
          return false;
        }
        store::StoredAnswer answer{hash, {}};
        *outcome = command(c, nullptr, &answer.response);
        HoldToInvariants(c, outcome.get(), broken.get());
        if (!outcome->ok() || !keep()) return false;
        transaction.PutAnswer(seller, request_id, answer, absl::ToUnixMicros(c.now));
        return true;
      },
      [this, outcome, broken, seller = std::string(seller), done,
       release](const absl::Status& committed) {
        if (!committed.ok()) channels_stale_ = true;
        release();
        Report(seller, *broken);
        done(committed.ok() ? *outcome : committed);
      });
  if (!queued.ok()) {
    release();
    done(queued);
  }
}

// A change that would break what always holds is a defect: nothing of it stays, and it is said.
void Engine::HoldToInvariants(const Command& c, absl::Status* outcome,
                              std::vector<Violation>* broken) {
  // The finding itself is kept on what is broken already.
  if (!outcome->ok() || c.violations.empty() || c.source == kInvariantsSource) return;
  *broken = c.violations;
  const Violation& first = c.violations.front();
  *outcome = Refuse(absl::StatusCode::kInternal, "INVARIANT_BROKEN",
                    Cat("this would break the rule ", first.invariant, " (", first.message,
                        "), so nothing was changed; it is a defect, please report it"))
                 .With("invariant", first.invariant)
                 .With("subject", first.subject);
}

void Engine::Report(const std::string& seller, const std::vector<Violation>& broken) {
  for (const Violation& violation : broken) {
    spdlog::error("invariant broken, change undone: {} of {}: {}", violation.invariant,
                  violation.subject, violation.message);
    v1::Actor actor;
    actor.set_role(v1::ROLE_RULE);
    actor.set_id(std::string(kInvariantsSource));
    RunInternal(
        seller, std::move(actor), kInvariantsSource,
        [violation](Command& c) { return RecordViolation(c, violation); },
        [](const absl::Status&) {});
  }
}

void Engine::RefreshChannels() {
  if (channels_stale_.exchange(false)) services_.channels.Forget();
}

void Engine::RunInternal(std::string_view seller, v1::Actor actor, std::string_view source,
                         std::function<absl::Status(Command&)> work,
                         std::function<void(const absl::Status&)> done) {
  auto outcome = std::make_shared<absl::Status>();
  auto broken = std::make_shared<std::vector<Violation>>();
  const absl::Status queued = store_.Submit(
      [this, seller = std::string(seller), actor = std::move(actor), source = std::string(source),
       work = std::move(work), outcome, broken](store::Transaction& transaction) {
        RefreshChannels();
        Command c{transaction, services_, seller, actor, source, clock_.Now()};
        *outcome = work(c);
        HoldToInvariants(c, outcome.get(), broken.get());
        return outcome->ok();
      },
      [this, outcome, broken, seller = std::string(seller), done](const absl::Status& committed) {
        if (!committed.ok()) channels_stale_ = true;
        Report(seller, *broken);
        done(committed.ok() ? *outcome : committed);
      });
  if (!queued.ok()) done(queued);
}

absl::Status Engine::RunInternalAndWait(std::string_view seller, v1::Actor actor,
                                        std::string_view source,
                                        std::function<absl::Status(Command&)> work) {
  std::promise<absl::Status> promise;
  RunInternal(seller, std::move(actor), source, std::move(work),
              [&promise](const absl::Status& status) { promise.set_value(status); });
  return promise.get_future().get();
}

void Engine::ClockLoop() {
  v1::Actor actor;
  actor.set_role(v1::ROLE_CLOCK);
  while (!stopping_) {
    std::vector<std::pair<std::string, std::string>> due, exchanges;
    try {
      store_.ReadHere([&](store::Reader& reader) {
        due = reader.ReturnsForClock(absl::ToUnixMicros(clock_.Now()), 100);
        exchanges = reader.ExchangesForClock(absl::ToUnixMicros(clock_.Now()), 100);
      });
    } catch (const store::Error&) {
      // The writer meets the same trouble and says so; here it is tried again.
    }
    bool progress = false;
    const auto run = [&](const auto& ids, absl::Status (*one)(Command&, std::string_view id)) {
      for (const auto& [seller, id] : ids) {
        if (stopping_) return;
        progress |= RunInternalAndWait(seller, actor, "clock", [one, id = id](Command& c) {
                      return one(c, id);
                    }).ok();
      }
    };
    run(due, &RunClockOnReturn);
    run(exchanges, &RunClockOnExchange);
    // A full page that moved: there is more. Otherwise wait, also when nothing could be moved.
    if ((due.size() == 100 || exchanges.size() == 100) && progress) continue;
    for (absl::Duration slept; slept < options_.poll && !stopping_;
         slept += absl::Milliseconds(20)) {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
}

std::vector<v1::TrackingVerdict> JudgeTracking(plugins::PluginRegistry& plugins, absl::Time now,
                                               const std::vector<v1::TrackingQuery>& queries) {
  plugin::v1::ValidateTrackingNumbersRequest request;
  for (const v1::TrackingQuery& query : queries) *request.add_queries() = query;
  std::vector<plugin::v1::ValidateTrackingNumbersResponse> answers;
  std::string silent;
  for (plugins::PluginHandle* carrier : plugins.OfKind(v1::Plugin::KIND_CARRIER)) {
    plugin::v1::ValidateTrackingNumbersResponse response;
    plugins::PluginHandle::CallOptions options;
    options.deadline = now + absl::Seconds(5);
    absl::Status status;
    // It is a question: one whose process ended under it is asked again in the next.
    for (int attempt = 0; attempt < kJudgeAttempts; ++attempt) {
      status = carrier->Call("CarrierPlugin/ValidateTrackingNumbers", request, &response, options);
      if (!plugins::WasLostProcess(status)) break;
    }
    // A plugin that fails or answers nonsense has no opinion.
    if (status.ok() && response.verdicts_size() == request.queries_size()) {
      answers.push_back(std::move(response));
    } else {
      silent += Cat(silent.empty() ? "" : ", ", carrier->id());
    }
  }
  std::vector<v1::TrackingVerdict> verdicts;
  verdicts.reserve(queries.size());
  std::vector<v1::TrackingVerdict> opinions;
  for (size_t i = 0; i < queries.size(); ++i) {
    opinions.clear();
    for (const auto& answer : answers) opinions.push_back(answer.verdicts(static_cast<int>(i)));
    verdicts.push_back(BestVerdict(queries[i], opinions));
    v1::TrackingVerdict& verdict = verdicts.back();
    if (verdict.validity() != v1::TrackingVerdict::VALIDITY_UNKNOWN || silent.empty()) continue;
    verdict.set_message(Cat(
        "Carrier plugins that might know it did not answer: ", silent,
        "; once they do, record the shipment or import the file again, and it is judged anew."));
  }
  return verdicts;
}

}  // namespace aftersales::engine
