// `./dev crash --plugins`: the plugins run in processes of their own, which are killed at random
// moments under the load; the host has to go on as if nothing had happened.
#include <signal.h>

#include <fstream>
#include <iostream>
#include <limits>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "aftersales/v1/plugin_service.pb.h"
#include "nlohmann/json.hpp"
#include "tests/crash/check.h"
#include "tests/crash/load.h"
#include "tests/e2e/host_process.h"
#include "tests/e2e/moved_clock.h"
#include "tests/e2e/test_host.h"

namespace aftersales::crash {
namespace {

namespace fs = std::filesystem;

constexpr int kPlugins = 3;
constexpr int kWarmKills = 10;

std::string ReadAllOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Processes that run a plugin of this run, whoever their parent is by now.
std::vector<pid_t> RunnersOf(const fs::path& plugins) {
  std::vector<pid_t> pids;
  std::error_code error;
  fs::directory_iterator entry("/proc", error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid)) continue;
    const std::string command = ReadAllOf(entry->path() / "cmdline");
    if (absl::StrContains(command, "plugin-runner") &&
        absl::StrContains(command, plugins.string())) {
      pids.push_back(pid);
    }
  }
  return pids;
}

int64_t EntriesOf(const fs::path& folder) {
  std::error_code error;
  int64_t count = 0;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) ++count;
  return count;
}

// The least of a few looks: what comes and goes is no leak.
int64_t DescriptorsOf(pid_t pid) {
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < 20; ++i) {
    least = std::min(least, EntriesOf(absl::StrCat("/proc/", pid, "/fd")));
    absl::SleepFor(absl::Milliseconds(50));
  }
  return least;
}

// Chooses whom to kill: any, at any moment, but not again and again before they have answered
// anything, which would put them to rest for minutes.
class Killer {
 public:
  explicit Killer(uint64_t seed) : random_(seed) {}

  // Whether one was killed.
  bool KillOne(const e2e::Api& api) {
    const auto listed =
        api.Call(&e2e::Plugins::ListPlugins, v1::ListPluginsRequest(), absl::Seconds(1));
    if (!listed.ok()) return false;
    std::vector<const v1::Plugin*> choice;
    for (const v1::Plugin& plugin : listed->plugins()) {
      if (plugin.pid() == 0) continue;
      Known& known = known_[plugin.name()];
      const int64_t good = plugin.call_count() - plugin.error_count();
      if (!known.raw || good > known.good_at_kill + 1) choice.push_back(&plugin);
    }
    if (choice.empty()) return false;
    const v1::Plugin& plugin = *choice[random_() % choice.size()];
    if (kill(static_cast<pid_t>(plugin.pid()), SIGKILL) != 0) return false;
    Known& known = known_[plugin.name()];
    const int64_t good = plugin.call_count() - plugin.error_count();
    // One in a row without an answer is let through.
    known.raw = good <= known.good_at_kill + 1 || random_() % 4 != 0;
    known.good_at_kill = good;
    return true;
  }

 private:
  struct Known {
    bool raw = false;
    int64_t good_at_kill = 0;
  };
  std::mt19937_64 random_;
  std::map<std::string, Known> known_;
};

}  // namespace

int RunPluginKills(const Options& options) {
  const absl::Time began = absl::Now();
  const fs::path root = e2e::MakeTemporaryDirectory("aftersales-crash");
  const fs::path plugins = root / "plugins";
  const fs::path data = root / "data";
  e2e::CopyFakePlugins(plugins);
  absl::PrintF("%d kills of plugins under the load of %d clients, seed %d, in %s\n", options.kills,
               kClients, options.seed, root.string());
  const std::map<int, std::string> wanted =
      WalkUninterrupted(root / "uninterrupted", plugins, options.seed);

  std::mt19937_64 random(options.seed);
  e2e::MovedClock clock(root / "clock");
  Ledger ledger(random());
  Troublemaker trouble(data, random());
  Killer killer(random());
  const std::string address = FreeAddress(random);
  e2e::HostProcess host({.data = data,
                         .plugins = plugins,
                         .listen = address,
                         .clock = root / "clock",
                         .isolated = true});
  if (host.AwaitAddress().empty()) throw std::runtime_error("the host does not start");
  auto apis = Connect(address, kConnections);
  Client client(*apis[0], clock, ledger, random());
  Bind(client);

  std::vector<Walked> walks;
  int walk_number = 0;
  int kills = 0;
  absl::Time next_jump = absl::Now();
  absl::Time next_word = absl::Now();
  const auto tend = [&] {
    const absl::Time now = absl::Now();
    if (now >= next_jump) {
      clock.Advance(absl::Minutes(16));
      next_jump = now + absl::Milliseconds(400 + random() % 600);
    }
    if (now >= next_word) {
      absl::PrintF("%6.0f s  %5d kills  %7d writes acknowledged\n",
                   absl::ToDoubleSeconds(now - began), kills, ledger.acknowledged());
      const auto listed =
          apis[0]->Call(&e2e::Plugins::ListPlugins, v1::ListPluginsRequest(), absl::Seconds(1));
      for (const v1::Plugin& plugin : (*listed).plugins()) {  // none where it failed
        if (plugin.state() == v1::Plugin::STATE_HEALTHY) continue;
        absl::PrintF("          %s is %s: %s\n", plugin.name(),
                     v1::Plugin::State_Name(plugin.state()), plugin.problem());
      }
      std::fflush(stdout);
      next_word = now + absl::Seconds(5);
    }
    if (host.Dead()) throw std::runtime_error("the host ended with one of its plugins");
  };
  // All clients walk until so many more were killed.
  const auto kill_under_load = [&](int count) {
    std::atomic<bool> enough{false};
    std::atomic<int> walking{kClients};
    std::mutex mutex;
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([&, i, seed = random()] {
        std::mt19937_64 own(seed);
        Client walker(*apis[i % apis.size()], clock, ledger, own());
        while (!enough) {
          int number = 0;
          {
            const std::lock_guard lock(mutex);
            number = walk_number++;
          }
          Walked walked = Walk(walker, static_cast<int>(own() % kVariants),
                               absl::StrFormat("113-%07d-%07d", i, number),
                               data / "plugins" / "fake-market" / "effects.log");
          const std::lock_guard lock(mutex);
          walks.push_back(std::move(walked));
        }
        --walking;
      });
    }
    std::string fault;
    try {
      absl::Time next_trouble = absl::Now();
      const int until = kills + count;
      while (kills < until) {
        tend();
        if (absl::Now() >= next_trouble) {
          trouble.Trouble();
          next_trouble = absl::Now() + absl::Milliseconds(100 + random() % 400);
        }
        if (killer.KillOne(*apis[0])) ++kills;
        absl::SleepFor(absl::Milliseconds(random() % 60));
      }
      trouble.Stop();
      enough = true;
      while (walking > 0) {
        tend();
        absl::SleepFor(absl::Milliseconds(5));
      }
    } catch (const std::exception& e) {
      fault = e.what();
    }
    trouble.Stop();
    enough = true;
    for (std::thread& thread : clients) thread.join();
    if (!fault.empty()) throw std::runtime_error(fault);
  };
  const auto await_quiet = [&] {
    const std::string missing = AwaitQuiet(client, walks, data, [&clock, &tend] {
      clock.Advance(absl::Minutes(16));
      tend();
    });
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (RunnersOf(plugins).size() != kPlugins && absl::Now() < until) {
      absl::SleepFor(absl::Milliseconds(50));
    }
    return missing;
  };

  // Once before, for what is opened once.
  kill_under_load(std::min(kWarmKills, options.kills));
  std::string missing = await_quiet();
  const int64_t descriptors = DescriptorsOf(host.pid());
  kill_under_load(options.kills - kills);
  if (missing.empty()) missing = await_quiet();
  int64_t leaked = std::max<int64_t>(0, DescriptorsOf(host.pid()) - descriptors);
  const fs::path sockets = data / "plugins" / ".run";
  leaked += std::max<int64_t>(0, EntriesOf(sockets) - kPlugins - 1);  // and the host's own
  int64_t orphans = static_cast<int64_t>(RunnersOf(plugins).size()) - kPlugins;

  Verdict verdict = Check(*apis[0], client, walks, wanted, data, {});
  if (!missing.empty()) verdict.Lost(missing);
  if (orphans < 0) verdict.Wrong("a plugin did not come back");
  apis.clear();
  host.Stop();
  if (!host.ended_well()) {
    verdict.Wrong(absl::StrCat("the host did not stop cleanly, status ", host.status()));
  }
  orphans = std::max<int64_t>(0, orphans) + static_cast<int64_t>(RunnersOf(plugins).size());
  leaked += EntriesOf(sockets);

  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  for (const std::string& detail : verdict.details) std::cout << detail << "\n";
  absl::PrintF(
      "%d kills, %d writes acknowledged in %d lifecycles\n"
      "lost %d, doubled %d, wrong %d, audit %s, orphans %d, leaked descriptors and sockets %d; "
      "%.0f s, seed %d\n",
      kills, ledger.acknowledged(), walks.size(), verdict.lost, verdict.doubled, verdict.wrong,
      verdict.audit_ok ? "ok" : "BROKEN", orphans, leaked, seconds, options.seed);
  if (!options.json.empty()) {
    const nlohmann::ordered_json result = {{"kills", kills},
                                           {"lost", verdict.lost},
                                           {"doubled", verdict.doubled},
                                           {"orphans", orphans},
                                           {"leaked_fds", leaked},
                                           {"wrong", verdict.wrong},
                                           {"audit_ok", verdict.audit_ok},
                                           {"acknowledged", ledger.acknowledged()},
                                           {"lifecycles", walks.size()},
                                           {"seed", options.seed},
                                           {"seconds", seconds}};
    std::ofstream file(options.json);
    file << result.dump(2) << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + options.json);
  }
  const bool good = verdict.good() && orphans == 0 && leaked == 0;
  if (!good || options.keep) {
    std::cout << "the data is kept in " << root.string() << std::endl;
  } else {
    fs::remove_all(root);
  }
  return good ? 0 : 1;
}

}  // namespace aftersales::crash
