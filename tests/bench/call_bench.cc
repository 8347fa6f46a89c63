// Durable calls against a call that does nothing, on the same server settings.
//
// The two are measured in turn, round after round, and the ratio is the median of the rounds'
// ratios: the machine may slow down between rounds, but not between one kind of call and the other.
// CreateReturn makes a return on an order of its own, with a request id. ApproveReturn approves it,
// on a channel whose marketplace plugin is then told the decision through the outbox: that is the
// headline, and the deliveries share the machine with the calls. Without the outbox effect it is
// measured on a channel whose plugin takes no decisions.
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/host/server_settings.h"
#include "core/status/text.h"
#include "echo.grpc.pb.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/load.h"

namespace aftersales::bench {
namespace {

constexpr int kConnections = 2;

class EchoService final : public Echo::CallbackService {
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const EchoMessage*,
                                 EchoMessage*) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

struct EchoServer {
  EchoServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    host::ApplyServerSettings(builder);
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
  }
  ~EchoServer() { server->Shutdown(); }
  EchoService service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

// All calls that are measured, against one host and one echo server.
class Calls {
 public:
  Calls(const std::string& host, const std::string& echo)
      : host_(Connect(host, kConnections)), echo_(Connect(echo, kConnections)) {
    for (const auto& connection : host_) returns_.push_back(v1::ReturnService::NewStub(connection));
    for (const auto& connection : echo_) echoes_.push_back(Echo::NewStub(connection));
  }
  const std::shared_ptr<grpc::Channel>& connection() const { return host_[0]; }

  absl::StatusOr<LoadResult> Echoes(int in_flight, int count) {
    Load<EchoMessage, EchoMessage> load(
        kConnections,
        [this](size_t i, auto* context, const auto* request, auto* response, auto done) {
          echoes_[i]->async()->Call(context, request, response, std::move(done));
        });
    std::vector<EchoMessage> responses;
    return load.Run(in_flight, std::vector<EchoMessage>(count), &responses);
  }

  // One return for each of `count` orders from `first` on.
  absl::StatusOr<LoadResult> Creates(int in_flight, int64_t first, int count,
                                     std::vector<v1::Return>* returns) {
    std::vector<v1::CreateReturnRequest> requests(count);
    for (int i = 0; i < count; ++i) {
      v1::CreateReturnRequest& request = requests[i];
      request.set_parent(kSeller);
      // As long as a UUID.
      request.set_request_id(absl::StrFormat("00000000-0000-4000-8000-%012d", first + i));
      v1::Return* wanted = request.mutable_return_resource();
      wanted->set_order(OrderName(first + i));
      wanted->set_external_rma_id(absl::StrFormat("D%07dRRMA", first + i));
      v1::ReturnItem* item = wanted->add_items();
      item->set_line_id(kSku);
      item->set_quantity_requested(1);
      item->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
    }
    Load<v1::CreateReturnRequest, v1::Return> load(
        kConnections,
        [this](size_t i, auto* context, const auto* request, auto* response, auto done) {
          returns_[i]->async()->CreateReturn(context, request, response, std::move(done));
        });
    return load.Run(in_flight, requests, returns);
  }

  absl::StatusOr<LoadResult> Approvals(int in_flight, const std::vector<v1::Return>& returns) {
    std::vector<v1::ApproveReturnRequest> requests(returns.size());
    for (size_t i = 0; i < returns.size(); ++i) {
      requests[i].set_name(returns[i].name());
      requests[i].set_etag(returns[i].etag());
      requests[i].set_request_id(absl::StrFormat("00000000-0000-4000-9000-%012d", ++approvals_));
    }
    Load<v1::ApproveReturnRequest, v1::Return> load(
        kConnections,
        [this](size_t i, auto* context, const auto* request, auto* response, auto done) {
          returns_[i]->async()->ApproveReturn(context, request, response, std::move(done));
        });
    std::vector<v1::Return> responses;
    return load.Run(in_flight, requests, &responses);
  }

  // Waits until the plugin has been told `count` decisions since it was loaded.
  absl::Status AwaitDeliveries(int64_t count) {
    const auto stub = v1::PluginService::NewStub(host_[0]);
    v1::GetPluginRequest request;
    request.set_name("plugins/bench-market");
    v1::Plugin plugin;
    for (const absl::Time end = absl::Now() + absl::Minutes(2); absl::Now() < end;) {
      grpc::ClientContext context;
      if (const grpc::Status s = stub->GetPlugin(&context, request, &plugin); !s.ok()) {
        return absl::InternalError(s.error_message());
      }
      if (plugin.call_count() >= count) return absl::OkStatus();
      absl::SleepFor(absl::Milliseconds(2));
    }
    return absl::DeadlineExceededError(Cat("of ", count, " decisions only ", plugin.call_count(),
                                           " were delivered to the plugin within 2 minutes"));
  }

 private:
  std::vector<std::shared_ptr<grpc::Channel>> host_;
  std::vector<std::shared_ptr<grpc::Channel>> echo_;
  std::vector<std::unique_ptr<v1::ReturnService::Stub>> returns_;
  std::vector<std::unique_ptr<Echo::Stub>> echoes_;
  int64_t approvals_ = 0;
};

struct Level {
  int in_flight;
  int calls;  // of each kind in one round
  int rounds;
};

// Rates and ratios of one level, one entry a round.
struct Measured {
  std::vector<double> echo, create, approve, mute, create_ratio, approve_ratio, mute_ratio;
  std::vector<double> create_p50, create_p99, approve_p50, approve_p99, echo_p50, delivered;
  double seconds = 0;
  double cpu = 0;
  double writer = 0;  // CPU of the writer's thread while returns were created
};

}  // namespace

absl::Status BenchCalls(const Options& options, Figures* figures) {
  const std::vector<Level> levels =
      options.quick
          ? std::vector<Level>{{1, 20, 1}, {512, 1000, 1}}
          : std::vector<Level>{{1, 600, 3}, {16, 4000, 3}, {128, 12000, 3}, {512, 16000, 5}};
  const Workspace workspace(options.directory);
  auto server = StartHost(workspace.path());
  if (!server.ok()) return server.status();
  EchoServer echo;
  Calls calls((*server)->address(), Cat("127.0.0.1:", echo.port));
  for (const auto& [id, plugin] :
       {std::pair("us", "bench-market"), std::pair("mute", "bench-mute")}) {
    if (absl::Status s = BindChannel(calls.connection(), id, plugin); !s.ok()) return s;
  }
  // A first run of everything, which is not counted: connections, caches, prepared statements.
  const int warm_up = options.quick ? 100 : 2000;
  int64_t needed = warm_up;
  for (const Level& level : levels) needed += int64_t{level.calls} * level.rounds;
  const int64_t mute_first = needed;
  const int64_t mute_needed = int64_t{levels.back().calls} * levels.back().rounds;
  absl::Time began = absl::Now();
  if (absl::Status s = StoreOrders(calls.connection(), "us", 0, needed, absl::Now(), 25); !s.ok()) {
    return s;
  }
  if (absl::Status s =
          StoreOrders(calls.connection(), "mute", mute_first, mute_needed, absl::Now(), 25);
      !s.ok()) {
    return s;
  }
  const double orders_per_s =
      static_cast<double>(needed + mute_needed) / absl::ToDoubleSeconds(absl::Now() - began);

  int64_t order = 0;
  int64_t mute_order = mute_first;
  int64_t decisions = 0;
  absl::PrintF(
      "\nDurable calls against an empty unary call, loopback TCP, client and host in one "
      "process\n%9s %9s | %9s %6s %8s %8s | %9s %6s %8s %8s | %9s %6s %9s\n",
      "in flight", "echo/s", "create/s", "ratio", "p50 us", "p99 us", "approve/s", "ratio",
      "p50 us", "p99 us", "no effect", "ratio", "deliver/s");
  std::vector<v1::Return> returns;
  if (auto r = calls.Echoes(64, warm_up); !r.ok()) return r.status();
  if (auto r = calls.Creates(64, order, warm_up, &returns); !r.ok()) return r.status();
  if (auto r = calls.Approvals(64, returns); !r.ok()) return r.status();
  order += warm_up;
  decisions += warm_up;
  if (absl::Status s = calls.AwaitDeliveries(decisions); !s.ok()) return s;

  for (const Level& level : levels) {
    Measured m;
    const bool headline = &level == &levels.back();
    for (int round = 0; round < level.rounds; ++round) {
      // An echo is quick: more of them, for a round as long as the others.
      auto empty = calls.Echoes(level.in_flight, level.calls * 3);
      if (!empty.ok()) return empty.status();
      const CpuClock cpu;
      auto created = calls.Creates(level.in_flight, order, level.calls, &returns);
      if (!created.ok()) return created.status();
      m.cpu += cpu.Total();
      m.writer += cpu.SpentBy("store-writer");
      m.seconds += created->seconds;
      began = absl::Now();
      auto approved = calls.Approvals(level.in_flight, returns);
      if (!approved.ok()) return approved.status();
      order += level.calls;
      decisions += level.calls;
      if (absl::Status s = calls.AwaitDeliveries(decisions); !s.ok()) return s;
      m.delivered.push_back(level.calls / absl::ToDoubleSeconds(absl::Now() - began));
      m.echo.push_back(empty->per_second);
      m.echo_p50.push_back(empty->p50_us);
      m.create.push_back(created->per_second);
      m.create_ratio.push_back(created->per_second / empty->per_second);
      m.create_p50.push_back(created->p50_us);
      m.create_p99.push_back(created->p99_us);
      m.approve.push_back(approved->per_second);
      m.approve_ratio.push_back(approved->per_second / empty->per_second);
      m.approve_p50.push_back(approved->p50_us);
      m.approve_p99.push_back(approved->p99_us);
      if (!headline) continue;
      if (auto r = calls.Creates(level.in_flight, mute_order, level.calls, &returns); !r.ok()) {
        return r.status();
      }
      auto mute = calls.Approvals(level.in_flight, returns);
      if (!mute.ok()) return mute.status();
      mute_order += level.calls;
      m.mute.push_back(mute->per_second);
      m.mute_ratio.push_back(mute->per_second / empty->per_second);
    }
    absl::PrintF("%9d %9.0f | %9.0f %6.3f %8.0f %8.0f | %9.0f %6.3f %8.0f %8.0f | ",
                 level.in_flight, Median(m.echo), Median(m.create), Median(m.create_ratio),
                 Median(m.create_p50), Median(m.create_p99), Median(m.approve),
                 Median(m.approve_ratio), Median(m.approve_p50), Median(m.approve_p99));
    if (headline) {
      absl::PrintF("%9.0f %6.3f ", Median(m.mute), Median(m.mute_ratio));
    } else {
      absl::PrintF("%9s %6s ", "", "");
    }
    absl::PrintF("%9.0f\n", Median(m.delivered));
    const std::string at = absl::StrFormat("_%d", level.in_flight);
    figures->Set(Cat("create_vs_echo", at), Median(m.create_ratio));
    figures->Set(Cat("approve_vs_echo", at), Median(m.approve_ratio));
    figures->Set(Cat("echo", at, "_per_s"), Median(m.echo));
    figures->Set(Cat("create", at, "_per_s"), Median(m.create));
    figures->Set(Cat("create", at, "_p99_us"), Median(m.create_p99));
    figures->Set(Cat("approve", at, "_per_s"), Median(m.approve));
    figures->Set(Cat("approve", at, "_p99_us"), Median(m.approve_p99));
    if (!headline) continue;
    figures->Set("approve_without_effect_vs_echo_512", Median(m.mute_ratio));
    figures->Set("approve_delivered_per_s", Median(m.delivered));
    figures->Set("create_512_writer_share", m.writer / m.seconds);
    figures->Set("create_512_cores", m.cpu / m.seconds);
    figures->Set("upsert_orders_per_s", orders_per_s);
    absl::PrintF(
        "Ratios are medians of %d rounds. approve: with the outbox effect, which the plugin "
        "is told meanwhile;\nno effect: the plugin takes no decisions. deliver/s: until the "
        "plugin knew the last decision of a round.\n"
        "CreateReturn at %d in flight keeps %.2f cores busy, client included; the writer's "
        "thread has %.0f%% of a core: %.1f us CPU a return.\n",
        level.rounds, level.in_flight, m.cpu / m.seconds, 100 * m.writer / m.seconds,
        1e6 * m.writer / (level.calls * level.rounds));
  }
  (*server)->Shutdown(absl::Seconds(2));
  return absl::OkStatus();
}

}  // namespace aftersales::bench
