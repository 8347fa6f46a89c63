// A host to measure, clients for it, and what it costs.
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/v1/order.pb.h"
#include "core/engine/clock.h"
#include "core/host/host.h"

namespace aftersales::bench {

inline constexpr char kSeller[] = "sellers/bench";
inline constexpr char kSku[] = "SKU-1";

// A directory of its own, gone at the end.
class Workspace {
 public:
  explicit Workspace(const std::filesystem::path& parent);
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A host with the bundled plugins and those of the benchmark. The clock stands at `now`, or is the
// system's where that is not given.
absl::StatusOr<std::unique_ptr<host::Host>> StartHost(const std::filesystem::path& data_directory,
                                                      std::optional<absl::Time> now = std::nullopt);

// Channels to one address, each a connection of its own.
std::vector<std::shared_ptr<grpc::Channel>> Connect(const std::string& address, int count);

// Binds `sellers/bench/channels/{id}` at Amazon US, with an address for returned goods.
absl::Status BindChannel(const std::shared_ptr<grpc::Channel>& connection, const std::string& id,
                         const std::string& plugin);

// The number-th order id, in Amazon's form.
std::string OrderId(int64_t number);
std::string OrderName(int64_t number);
// A shipped order of one line with one unit of kSku.
v1::Order MakeOrder(int64_t number, const std::string& channel_id, absl::Time placed_at);
// Stores `count` of them from `first` on, placed over the `days` before `now`. The first
// `unshipped` wait to be shipped.
absl::Status StoreOrders(const std::shared_ptr<grpc::Channel>& connection,
                         const std::string& channel_id, int64_t first, int64_t count,
                         absl::Time now, int days, int64_t unshipped = 0);

// CPU time of the threads of a process by name, in seconds since its start; 0 is this one.
std::map<std::string, double> CpuByThread(pid_t process);

// CPU time of the threads of this process by name, in seconds; threads that have ended are gone.
class CpuClock {
 public:
  CpuClock() : start_(Read()) {}
  // Since the clock was made.
  std::map<std::string, double> Spent() const;
  double SpentBy(std::string_view name) const;
  double Total() const;

 private:
  static std::map<std::string, double> Read() { return CpuByThread(0); }
  std::map<std::string, double> start_;
};

double Median(std::vector<double> values);

}  // namespace aftersales::bench
