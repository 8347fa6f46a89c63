// The queue's first page and the dashboard with few and with many orders behind them.
//
// Both hosts are filled through the public API and asked in turn. They hold the same open work;
// what differs is the number of orders, and of closed returns, a tenth of them.
#include <chrono>

#include "absl/strings/str_format.h"
#include "aftersales/v1/metrics_service.grpc.pb.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "core/status/text.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/import_bench.h"
#include "tests/bench/report_file.h"

namespace aftersales::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPendingReturns = 200;  // returns that wait for an answer
constexpr int64_t kUnshipped = 50;        // orders that wait to be shipped

absl::Time Now() { return absl::FromCivil(absl::CivilSecond(2026, 3, 10, 8), absl::UTCTimeZone()); }

class Size {
 public:
  static absl::StatusOr<std::unique_ptr<Size>> Fill(const Options& options, int64_t orders) {
    auto size = std::unique_ptr<Size>(new Size(options, orders));
    auto host = StartHost(size->workspace_.path() / "host", Now());
    if (!host.ok()) return host.status();
    size->host_ = *std::move(host);
    const auto connection = Connect(size->host_->address(), 1).front();
    if (absl::Status s = BindChannel(connection, "us", "amazon-reports"); !s.ok()) return s;
    if (absl::Status s = StoreOrders(connection, "us", 0, orders, Now(), 365, kUnshipped);
        !s.ok()) {
      return s;
    }
    ReportShape shape;
    shape.rows = orders / 10;
    shape.now = Now();
    shape.first_order = kUnshipped;
    shape.pending = kPendingReturns;
    const std::filesystem::path file = size->workspace_.path() / "returns.txt";
    WriteReturnsReport(file, shape);
    auto imported = ImportFile(connection, "us", file);
    if (!imported.ok()) return imported.status();
    if (imported->skipped_count() > 0) return absl::InternalError(imported->problems(0).message());
    size->queue_ = v1::QueueService::NewStub(connection);
    size->metrics_ = v1::MetricsService::NewStub(connection);
    return size;
  }

  absl::Status AskQueue() {
    v1::ListWorkItemsRequest request;
    request.set_parent(kSeller);
    request.set_page_size(50);
    v1::ListWorkItemsResponse response;
    grpc::ClientContext context;
    const auto begin = Clock::now();
    const grpc::Status status = queue_->ListWorkItems(&context, request, &response);
    queue_micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    if (!status.ok()) return absl::InternalError(status.error_message());
    if (response.work_items_size() != 50) {
      return absl::InternalError(Cat("a page of ", response.work_items_size(), " items, not 50"));
    }
    return absl::OkStatus();
  }

  absl::Status AskDashboard() {
    v1::GetDashboardRequest request;
    request.set_parent(kSeller);
    v1::Dashboard response;
    grpc::ClientContext context;
    const auto begin = Clock::now();
    const grpc::Status status = metrics_->GetDashboard(&context, request, &response);
    dashboard_micros.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    if (!status.ok()) return absl::InternalError(status.error_message());
    if (response.metrics().empty()) return absl::InternalError("the dashboard is empty");
    return absl::OkStatus();
  }

  std::vector<double> queue_micros, dashboard_micros;

 private:
  Size(const Options& options, int64_t) : workspace_(options.directory) {}

  const Workspace workspace_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<v1::QueueService::Stub> queue_;
  std::unique_ptr<v1::MetricsService::Stub> metrics_;
};

}  // namespace

absl::Status BenchScale(const Options& options, Figures* figures) {
  const int64_t small_size = options.quick ? 3'000 : 10'000;
  const int64_t large_size = options.quick ? 6'000 : 1'000'000;
  auto small = Size::Fill(options, small_size);
  if (!small.ok()) return small.status();
  const auto begin = Clock::now();
  auto large = Size::Fill(options, large_size);
  if (!large.ok()) return large.status();
  const double fill = std::chrono::duration<double>(Clock::now() - begin).count();
  const int calls = options.quick ? 20 : 1500;
  for (int i = 0; i < calls + calls / 10; ++i) {
    if (i == calls / 10) {  // what came before was to warm up
      for (Size* size : {small->get(), large->get()}) {
        size->queue_micros.clear();
        size->dashboard_micros.clear();
      }
    }
    for (Size* size : {small->get(), large->get()}) {
      if (absl::Status s = size->AskQueue(); !s.ok()) return s;
      if (absl::Status s = size->AskDashboard(); !s.ok()) return s;
    }
  }
  const double queue[] = {Median((*small)->queue_micros), Median((*large)->queue_micros)};
  const double dashboard[] = {Median((*small)->dashboard_micros),
                              Median((*large)->dashboard_micros)};
  absl::PrintF(
      "\nA page of 50 of the queue and the dashboard, one call at a time, median us\n"
      "%10s %12s %12s %8s\n%10s %12.0f %12.0f %8.3f\n%10s %12.0f %12.0f %8.3f\n"
      "Both with %d returns and %d orders that wait; the larger was filled in %.0f s.\n",
      "", Cat(small_size, " ord."), Cat(large_size, " ord."), "ratio", "queue", queue[0], queue[1],
      queue[1] / queue[0], "dashboard", dashboard[0], dashboard[1], dashboard[1] / dashboard[0],
      kPendingReturns, kUnshipped, fill);
  figures->Set("queue_1e6_vs_1e4", queue[1] / queue[0]);
  figures->Set("dashboard_1e6_vs_1e4", dashboard[1] / dashboard[0]);
  figures->Set("queue_1e6_us", queue[1]);
  figures->Set("dashboard_1e6_us", dashboard[1]);
  return absl::OkStatus();
}

}  // namespace aftersales::bench
