#include "tests/bench/bench_host.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "absl/strings/str_format.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "aftersales/v1/order_service.grpc.pb.h"
#include "core/domain/calendar.h"
#include "core/status/text.h"
#include "tests/bench/load.h"

namespace aftersales::bench {

namespace fs = std::filesystem;

Workspace::Workspace(const fs::path& parent) {
  std::string name = (parent / "aftersales-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error(
        Cat("cannot make a directory in ", parent.string(), "; name another place with --dir"));
  }
  path_ = name;
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

absl::StatusOr<std::unique_ptr<host::Host>> StartHost(const fs::path& data_directory,
                                                      std::optional<absl::Time> now) {
  host::HostOptions options;
  options.data_directory = data_directory;
  options.listen = "127.0.0.1:0";
  options.plugin_directories = {BENCH_PLUGIN_DIR};
  options.enable_plugins = {"all"};
  options.in_process = {"all"};
  options.plugin_files = {fs::path(BUNDLED_PLUGIN_DIR) / "amazon_reports.so"};
  if (now) options.clock = std::make_shared<ManualClock>(*now);
  return host::Host::Start(std::move(options));
}

std::vector<std::shared_ptr<grpc::Channel>> Connect(const std::string& address, int count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    // Channels to one address would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channels.push_back(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

absl::Status BindChannel(const std::shared_ptr<grpc::Channel>& connection, const std::string& id,
                         const std::string& plugin) {
  v1::BindChannelRequest request;
  request.set_parent(kSeller);
  request.set_channel_id(id);
  v1::Channel* channel = request.mutable_channel();
  channel->set_marketplace_id("ATVPDKIKX0DER");
  channel->set_marketplace_plugin(plugin);
  v1::ReturnAddress* address = channel->add_return_addresses();
  address->set_address_id("dallas");
  address->set_country_code("US");
  address->set_state(v1::ReturnAddress::STATE_APPROVED);
  grpc::ClientContext context;
  v1::Channel response;
  const grpc::Status status =
      v1::ChannelService::NewStub(connection)->BindChannel(&context, request, &response);
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::string OrderId(int64_t number) {
  return absl::StrFormat("%03d-%07d-%07d", 100 + number % 15, 6'000'000 + number / 100'000 % 1'000,
                         number % 100'000 * 97);
}

std::string OrderName(int64_t number) { return Cat(kSeller, "/orders/", OrderId(number)); }

v1::Order MakeOrder(int64_t number, const std::string& channel_id, absl::Time placed_at) {
  v1::Order order;
  order.set_channel(Cat(kSeller, "/channels/", channel_id));
  order.set_external_id(OrderId(number));
  order.set_fulfillment(v1::FULFILLMENT_MFN);
  order.set_status(v1::Order::STATUS_SHIPPED);
  *order.mutable_placed_at() = calendar::ToProto(placed_at);
  *order.mutable_expected_ship_by() = calendar::ToProto(placed_at + absl::Hours(48));
  *order.mutable_ship_confirmed_at() =
      calendar::ToProto(placed_at + absl::Hours(number % 40 == 0 ? 60 : 24));
  order.set_ship_country("US");
  v1::OrderLine* line = order.add_lines();
  line->set_line_id(kSku);
  line->set_sku(kSku);
  line->set_title("Clip lamp, white");
  line->set_quantity(1);
  line->set_quantity_shipped(1);
  line->mutable_item_total()->set_minor_units(2138);
  line->mutable_item_total()->set_currency_code("USD");
  line->mutable_tax_total()->set_minor_units(176);
  line->mutable_tax_total()->set_currency_code("USD");
  return order;
}

absl::Status StoreOrders(const std::shared_ptr<grpc::Channel>& connection,
                         const std::string& channel_id, int64_t first, int64_t count,
                         absl::Time now, int days, int64_t unshipped) {
  constexpr int64_t kBatch = 500;           // the most that one call takes
  constexpr int64_t kSlice = 100 * kBatch;  // requests held at once
  const auto stub = v1::OrderService::NewStub(connection);
  Load<v1::BatchUpsertOrdersRequest, v1::BatchUpsertOrdersResponse> load(
      1, [&stub](size_t, auto* context, const auto* request, auto* response, auto done) {
        stub->async()->BatchUpsertOrders(context, request, response, std::move(done));
      });
  for (int64_t slice = 0; slice < count; slice += kSlice) {
    std::vector<v1::BatchUpsertOrdersRequest> requests;
    for (int64_t batch = slice; batch < std::min(count, slice + kSlice); batch += kBatch) {
      v1::BatchUpsertOrdersRequest& request = requests.emplace_back();
      request.set_parent(kSeller);
      for (int64_t i = batch; i < std::min(count, batch + kBatch); ++i) {
        const absl::Time placed = now - absl::Hours(72) - absl::Hours(24) * (days * i / count);
        v1::Order* order = request.add_orders();
        *order = MakeOrder(first + i, channel_id, placed);
        if (i >= unshipped) continue;
        order->set_status(v1::Order::STATUS_UNSHIPPED);
        order->clear_ship_confirmed_at();
        order->mutable_lines(0)->set_quantity_shipped(0);
      }
    }
    std::vector<v1::BatchUpsertOrdersResponse> responses;
    if (auto result = load.Run(3, requests, &responses); !result.ok()) return result.status();
    for (const auto& response : responses) {
      for (const v1::OrderResult& result : response.results()) {
        if (!result.reason().empty()) return absl::InternalError(result.message());
      }
    }
  }
  return absl::OkStatus();
}

std::map<std::string, double> CpuByThread(pid_t process) {
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::map<std::string, double> spent;
  std::error_code error;
  for (const auto& task : fs::directory_iterator(
           Cat("/proc/", process == 0 ? std::string("self") : std::to_string(process), "/task"),
           error)) {
    std::ifstream file(task.path() / "stat");
    std::string text;
    std::getline(file, text);
    const size_t open = text.find('(');
    const size_t close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;  // ended meanwhile
    // Fields 14 and 15, counted from the state, which is field 3 and follows the name.
    std::istringstream fields(text.substr(close + 1));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    spent[text.substr(open + 1, close - open - 1)] += (user + system) / ticks;
  }
  return spent;
}

std::map<std::string, double> CpuClock::Spent() const {
  std::map<std::string, double> now = Read();
  for (auto& [name, seconds] : now) {
    const auto before = start_.find(name);
    if (before != start_.end()) seconds = std::max(0.0, seconds - before->second);
  }
  return now;
}

double CpuClock::SpentBy(std::string_view name) const {
  const auto spent = Spent();
  const auto found = spent.find(std::string(name));
  return found == spent.end() ? 0 : found->second;
}

double CpuClock::Total() const {
  double total = 0;
  for (const auto& [name, seconds] : Spent()) total += seconds;
  return total;
}

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace aftersales::bench
