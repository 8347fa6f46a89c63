#include "tests/crash/load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/e2e/host_process.h"
#include "tests/e2e/moved_clock.h"

namespace aftersales::crash {

namespace fs = std::filesystem;

std::string FreeAddress(std::mt19937_64& random) {
  while (true) {
    const int port = 20000 + static_cast<int>(random() % 10000);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const bool taken = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
    close(fd);
    if (!taken) return absl::StrCat("127.0.0.1:", port);
  }
}

std::vector<std::unique_ptr<e2e::Api>> Connect(const std::string& address, int count) {
  std::vector<std::unique_ptr<e2e::Api>> apis;
  for (int i = 0; i < count; ++i) {
    apis.push_back(std::make_unique<e2e::Api>(address));
    apis.back()->WaitForConnection();
  }
  return apis;
}

std::map<int, std::string> WalkUninterrupted(const fs::path& directory, const fs::path& plugins,
                                             uint64_t seed) {
  fs::create_directories(directory);
  const fs::path data = directory / "data";
  const e2e::MovedClock clock(directory / "clock");
  e2e::HostProcess host({.data = data, .plugins = plugins, .clock = directory / "clock"});
  const auto apis = Connect(host.AwaitAddress(), 4);
  Ledger ledger(seed);
  Client binding(*apis[0], clock, ledger, seed);
  Bind(binding);
  std::map<int, std::string> ends;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Client client(*apis[t % apis.size()], clock, ledger, seed + 1000 + t);
      for (int variant = t; variant < kVariants; variant += 8) {
        const Walked walked = Walk(client, variant, absl::StrFormat("100-0000000-%07d", variant),
                                   data / "plugins" / "fake-market" / "effects.log");
        std::string end = walked.refused.empty() ? EndOf(client, walked) : "";
        const std::lock_guard lock(mutex);
        ends[variant] = std::move(end);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!ledger.wrong().empty()) throw std::runtime_error("not even undisturbed walks end well");
  return ends;
}

}  // namespace aftersales::crash
