// From a kill -9 under load to the first answer again, with many returns in the store.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "aftersales/v1/order_service.grpc.pb.h"
#include "aftersales/v1/queue_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/status/text.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/child_host.h"
#include "tests/bench/import_bench.h"
#include "tests/bench/report_file.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int64_t kPending = 1000;  // returns that wait for an answer
constexpr int kWriters = 16;

// Takes a file out of the system's cache, as after a restart of the machine.
void Forget(const fs::path& file) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  fdatasync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// A page of the queue, and a write: it serves.
absl::Status Ask(const std::shared_ptr<grpc::Channel>& connection, int64_t order) {
  const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(60);
  v1::ListWorkItemsRequest list;
  list.set_parent(kSeller);
  v1::ListWorkItemsResponse page;
  grpc::ClientContext read;
  read.set_deadline(deadline);
  read.set_wait_for_ready(true);
  if (const grpc::Status s =
          v1::QueueService::NewStub(connection)->ListWorkItems(&read, list, &page);
      !s.ok()) {
    return ToStatus(s);
  }
  if (page.work_items().empty()) return absl::InternalError("the queue is empty");
  v1::UpsertOrderRequest upsert;
  upsert.set_parent(kSeller);
  *upsert.mutable_order() = MakeOrder(order, "us", absl::Now() - absl::Hours(100));
  v1::Order stored;
  grpc::ClientContext write;
  write.set_deadline(deadline);
  return ToStatus(v1::OrderService::NewStub(connection)->UpsertOrder(&write, upsert, &stored));
}

}  // namespace

absl::Status BenchRestart(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const fs::path data = workspace.path() / "host";
  const int64_t returns = options.quick ? 3'000 : 1'000'000;
  auto host = std::make_unique<ChildHost>(data);
  auto address = host->AwaitAddress();
  if (!address.ok()) return address.status();
  auto connection = Connect(*address, 1).front();
  if (absl::Status s = BindChannel(connection, "us", "amazon-reports"); !s.ok()) return s;
  ReportShape shape;
  shape.rows = returns;
  shape.now = absl::Now();
  shape.pending = std::min(kPending, returns / 10);
  const fs::path file = workspace.path() / "returns.txt";
  WriteReturnsReport(file, shape);
  auto imported = ImportFile(connection, "us", file);
  if (!imported.ok()) return imported.status();
  fs::remove(file);

  std::vector<double> cold, warm;
  const int rounds = options.quick ? 1 : 5;
  int64_t order = 0;
  for (int round = 0; round < 2 * rounds; ++round) {
    // Dies in the middle of writing, with all that it has not yet put into the database itself.
    std::atomic<bool> enough{false};
    std::vector<std::thread> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&, i] {
        const auto stub = v1::OrderService::NewStub(connection);
        for (int64_t n = 0; !enough; ++n) {
          v1::UpsertOrderRequest upsert;
          upsert.set_parent(kSeller);
          *upsert.mutable_order() = MakeOrder(5'000'000 + (round * kWriters + i) * 100'000 + n,
                                              "us", absl::Now() - absl::Hours(100));
          v1::Order stored;
          grpc::ClientContext context;
          if (!stub->UpsertOrder(&context, upsert, &stored).ok()) return;
        }
      });
    }
    absl::SleepFor(absl::Milliseconds(options.quick ? 50 : 700));
    host->Kill();
    enough = true;
    for (std::thread& writer : writers) writer.join();
    const bool from_disk = round % 2 == 0;
    if (from_disk) {
      for (const char* name : {"aftersales.db", "aftersales.db-wal"}) Forget(data / name);
    }
    const auto begin = Clock::now();
    host = std::make_unique<ChildHost>(data);
    address = host->AwaitAddress();
    if (!address.ok()) return address.status();
    connection = Connect(*address, 1).front();
    if (absl::Status s = Ask(connection, 4'000'000 + order++); !s.ok()) return s;
    (from_disk ? cold : warm)
        .push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  if (auto stopped = host->Stop(); !stopped.ok()) return stopped.status();
  const double size = static_cast<double>(fs::file_size(data / "aftersales.db")) / 1e6;
  absl::PrintF(
      "\nFrom kill -9 under load to a page of the queue and a durable write, with %d returns, %.0f "
      "MB\n  %.3f s from disk, %.3f s with the files in memory; medians of %d kills\n",
      returns, size, Median(cold), Median(warm), rounds);
  figures->Set("restart_s_1e6", Median(cold));
  figures->Set("restart_warm_s_1e6", Median(warm));
  return absl::OkStatus();
}

}  // namespace aftersales::bench
