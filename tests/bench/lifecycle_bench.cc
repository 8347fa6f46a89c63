// Whole lifecycles of returns: request, approval, label, receipt, inspection, refund, close. Seven
// durable calls, each with a request id; the marketplace is told of the decision and pays the
// refund through the outbox in between, and only then can the return be closed. The client is
// another process on the same machine, which keeps 64 returns on their way.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "aftersales/v1/refund_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/status/text.h"
#include "core/store/sqlite/connection.h"
#include "core/store/store.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/child_host.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kReturnsInFlight = 64;
constexpr int kLifecycleConnections = 2;

// Walks returns, so many at a time.
class Walkers {
 public:
  explicit Walkers(const std::vector<std::shared_ptr<grpc::Channel>>& connections) {
    for (const auto& connection : connections) {
      returns_.push_back(v1::ReturnService::NewStub(connection));
      refunds_.push_back(v1::RefundService::NewStub(connection));
    }
    waiter_ = std::thread([this] { CloseLater(); });
  }
  ~Walkers() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    waiter_.join();
  }

  // Seconds that the lifecycles on the orders `first` and following take.
  absl::StatusOr<double> Run(int64_t first, int64_t count) {
    const auto begin = Clock::now();
    {
      std::lock_guard lock(mutex_);
      next_ = first;
      end_ = first + count;
      walking_ = kReturnsInFlight;
    }
    for (int i = 0; i < kReturnsInFlight; ++i) Begin(static_cast<size_t>(i) % returns_.size());
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return walking_ == 0; });
    if (!failed_.ok()) return failed_;
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }
  // Closes that came before the refund was paid, and were asked for again.
  int64_t early() const { return early_; }

 private:
  // Of one return.
  struct Walk {
    size_t connection;
    int64_t number;
    std::string name;
    Clock::time_point not_before;
  };

  template <typename Request, typename Response>
  struct InFlight {
    grpc::ClientContext context;
    Request request;
    Response response;
  };

  // `then` gets the status and the answer; false ends the run.
  template <typename Response, typename Request, typename Start, typename Then>
  void Send(const Walk& walk, int step, Request request, Start start, Then then) {
    auto call = std::make_shared<InFlight<Request, Response>>();
    call->request = std::move(request);
    call->request.set_request_id(
        absl::StrFormat("00000000-0000-4000-%04d-%012d", 9000 + step, walk.number));
    start(&call->context, &call->request, &call->response,
          [this, call, walk, then](const grpc::Status& status) {
            if (!then(status, call->response)) Fail(status, call->request);
          });
  }

  template <typename Request, typename Start, typename Next>
  void OnReturn(const Walk& walk, int step, Request request, Start start, Next next) {
    request.set_name(walk.name);
    Send<v1::Return>(walk, step, std::move(request), start,
                     [walk, next](const grpc::Status& status, const v1::Return&) {
                       if (status.ok()) next(walk);
                       return status.ok();
                     });
  }

  void Begin(size_t connection) {
    Walk walk{.connection = connection, .number = 0, .name = "", .not_before = {}};
    {
      std::lock_guard lock(mutex_);
      if (next_ == end_ || !failed_.ok()) {
        if (--walking_ == 0) changed_.notify_all();
        return;
      }
      walk.number = next_++;
    }
    v1::CreateReturnRequest request;
    request.set_parent(kSeller);
    request.mutable_return_resource()->set_order(OrderName(walk.number));
    v1::ReturnItem* item = request.mutable_return_resource()->add_items();
    item->set_line_id(kSku);
    item->set_quantity_requested(1);
    item->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
    auto* stub = returns_[connection]->async();
    Send<v1::Return>(
        walk, 1, std::move(request), [stub](auto... a) { stub->CreateReturn(a...); },
        [this, walk](const grpc::Status& status, const v1::Return& made) {
          if (!status.ok()) return false;
          Walk named = walk;
          named.name = made.name();
          Approve(named);
          return true;
        });
  }
  void Approve(const Walk& walk) {
    auto* stub = returns_[walk.connection]->async();
    OnReturn(
        walk, 2, v1::ApproveReturnRequest(), [stub](auto... a) { stub->ApproveReturn(a...); },
        [this](const Walk& w) { Label(w); });
  }
  void Label(const Walk& walk) {
    v1::IssueReturnLabelRequest request;
    request.set_carrier("USPS");
    request.set_tracking_number(absl::StrFormat("9400%018d", walk.number));
    request.mutable_cost()->set_minor_units(610);
    request.mutable_cost()->set_currency_code("USD");
    auto* stub = returns_[walk.connection]->async();
    OnReturn(
        walk, 3, std::move(request), [stub](auto... a) { stub->IssueReturnLabel(a...); },
        [this](const Walk& w) { Receive(w); });
  }
  void Receive(const Walk& walk) {
    auto* stub = returns_[walk.connection]->async();
    OnReturn(
        walk, 4, v1::RecordReceiptRequest(), [stub](auto... a) { stub->RecordReceipt(a...); },
        [this](const Walk& w) { Inspect(w); });
  }
  void Inspect(const Walk& walk) {
    v1::InspectReturnRequest request;
    v1::Inspection* inspection = request.add_inspections();
    inspection->set_quantity(1);
    inspection->set_condition(v1::CONDITION_DEFECTIVE);
    auto* stub = returns_[walk.connection]->async();
    OnReturn(
        walk, 5, std::move(request), [stub](auto... a) { stub->InspectReturn(a...); },
        [this](const Walk& w) { Refund(w); });
  }
  void Refund(const Walk& walk) {
    v1::IssueRefundRequest request;
    request.set_parent(kSeller);
    request.mutable_spec()->set_return_name(walk.name);
    auto* stub = refunds_[walk.connection]->async();
    Send<v1::Refund>(
        walk, 6, std::move(request), [stub](auto... a) { stub->IssueRefund(a...); },
        [this, walk](const grpc::Status& status, const v1::Refund&) {
          if (status.ok()) Later(walk, kPatience);
          return status.ok();
        });
  }
  void Close(const Walk& walk) {
    v1::CloseReturnRequest request;
    request.set_name(walk.name);
    request.set_reason("done");
    auto* stub = returns_[walk.connection]->async();
    Send<v1::Return>(
        walk, 7, std::move(request), [stub](auto... a) { stub->CloseReturn(a...); },
        [this, walk](const grpc::Status& status, const v1::Return&) {
          if (status.error_code() == grpc::StatusCode::FAILED_PRECONDITION) {
            // Not paid yet.
            ++early_;
            Later(walk, kPatience / 4);
            return true;
          }
          if (status.ok()) Begin(walk.connection);
          return status.ok();
        });
  }

  void Later(Walk walk, Clock::duration wait) {
    walk.not_before = Clock::now() + wait;
    {
      std::lock_guard lock(mutex_);
      later_.push_back(std::move(walk));
    }
    changed_.notify_all();
  }
  void CloseLater() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (later_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto first = std::min_element(
          later_.begin(), later_.end(),
          [](const Walk& a, const Walk& b) { return a.not_before < b.not_before; });
      if (first->not_before > Clock::now()) {
        changed_.wait_until(lock, first->not_before);
        continue;
      }
      const Walk walk = std::move(*first);
      later_.erase(first);
      lock.unlock();
      Close(walk);
      lock.lock();
    }
  }

  void Fail(const grpc::Status& status, const google::protobuf::Message& request) {
    std::lock_guard lock(mutex_);
    if (failed_.ok()) {
      failed_ = absl::InternalError(Cat(request.GetTypeName(), ": ", status.error_message()));
    }
    if (--walking_ == 0) changed_.notify_all();
  }

  // How long a client leaves the host to pay a refund before it asks for the close.
  static constexpr Clock::duration kPatience = std::chrono::milliseconds(12);

  std::vector<std::unique_ptr<v1::ReturnService::Stub>> returns_;
  std::vector<std::unique_ptr<v1::RefundService::Stub>> refunds_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Walk> later_;
  int64_t next_ = 0;
  int64_t end_ = 0;
  int walking_ = 0;
  bool stopping_ = false;
  absl::Status failed_;
  std::atomic<int64_t> early_{0};
  std::thread waiter_;
};

double SizeOf(const fs::path& data) {
  double size = 0;
  for (const auto& file : fs::directory_iterator(data)) {
    if (file.is_regular_file()) size += static_cast<double>(file.file_size());
  }
  return size;
}

// What the tables and indices of a closed database take, the largest first, for each return.
void PrintTables(const fs::path& database, double returns) {
  try {
    store::sqlite::Connection connection(database.string(),
                                         store::sqlite::Connection::Mode::kReadOnly);
    auto sizes = connection.Prepare(
        "SELECT name, sum(pgsize), sum(payload), sum(ncell) FROM dbstat GROUP BY name "
        "ORDER BY 2 DESC LIMIT 12");
    while (sizes.Next()) {
      absl::PrintF("  %-28s %8.0f bytes a return\n", sizes.Text(0),
                   static_cast<double>(sizes.Int(1)) / returns);
    }
  } catch (const store::Error& e) {
    absl::PrintF("  (tables are not known: %s)\n", e.what());
  }
}

}  // namespace

absl::Status BenchLifecycles(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const fs::path data = workspace.path() / "host";
  const int64_t warm_up = options.quick ? 64 : 4'000;
  const int64_t count = options.quick ? 200 : 10'000;
  const int rounds = options.quick ? 1 : 3;
  const int64_t all = warm_up + count * rounds;
  double before = 0;
  {
    ChildHost host(data);
    auto address = host.AwaitAddress();
    if (!address.ok()) return address.status();
    const auto connection = Connect(*address, 1).front();
    if (absl::Status s = BindChannel(connection, "us", "bench-market"); !s.ok()) return s;
    if (absl::Status s = StoreOrders(connection, "us", 0, all, absl::Now(), 25); !s.ok()) return s;
    if (auto stopped = host.Stop(); !stopped.ok()) return stopped.status();
    before = SizeOf(data);
  }
  std::vector<double> rates;
  double seconds = 0;
  std::string threads;
  int64_t early = 0;
  ChildHost::Spent spent;
  double client = 0;
  {
    ChildHost host(data);
    auto address = host.AwaitAddress();
    if (!address.ok()) return address.status();
    Walkers walkers(Connect(*address, kLifecycleConnections));
    if (auto warm = walkers.Run(0, warm_up); !warm.ok()) return warm.status();
    const CpuClock cpu;
    for (int round = 0; round < rounds; ++round) {
      auto took = walkers.Run(warm_up + round * count, count);
      if (!took.ok()) return took.status();
      rates.push_back(static_cast<double>(count) / *took);
      seconds += *took;
    }
    client = cpu.Total();
    early = walkers.early();
    threads = host.Threads();
    auto stopped = host.Stop();
    if (!stopped.ok()) return stopped.status();
    spent = *stopped;
  }
  const double bytes = (SizeOf(data) - before) / static_cast<double>(all);
  const auto walked = static_cast<double>(all);
  absl::PrintF(
      "\nWhole lifecycles of returns: seven durable calls and two effects each, %d on their way\n"
      "  %.0f lifecycles/s, median of %d rounds; %.0f bytes on disk for each closed return\n"
      "  CPU a lifecycle: host %.0f us, of which its writer %.0f us; client %.0f us. %.2f closes a "
      "lifecycle came too early.\n"
      "  Host by thread: %s\n",
      kReturnsInFlight, Median(rates), rounds, bytes, 1e6 * spent.cpu / walked,
      1e6 * spent.writer / walked, 1e6 * client / static_cast<double>(count * rounds),
      static_cast<double>(early) / walked, threads);
  PrintTables(data / "aftersales.db", walked);
  figures->Set("lifecycles_per_s_64", Median(rates));
  figures->Set("bytes_per_return", bytes);
  figures->Set("lifecycle_host_cpu_us", 1e6 * spent.cpu / walked);
  figures->Set("lifecycle_writer_cpu_us", 1e6 * spent.writer / walked);
  return absl::OkStatus();
}

}  // namespace aftersales::bench
