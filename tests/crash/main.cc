// `./dev crash`: kills a host again and again under the load of many clients, and counts what was
// lost and what was done twice.
//
// 64 clients walk lifecycles of returns and refunds against a host in a process of its own, with a
// fake marketplace, carrier and ERP that fail, hesitate, lose their answers and die at random.
// Every call has its own request id and is repeated blindly until it is answered. The host dies by
// kill -9 at random moments, also while it starts. Its clock jumps, so that what is asked for only
// after minutes comes in moments. With `--plugins` the host stays, and its plugins' processes die.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tests/crash/check.h"
#include "tests/crash/load.h"
#include "tests/crash/walks.h"
#include "tests/e2e/host_process.h"
#include "tests/e2e/moved_clock.h"
#include "tests/e2e/test_host.h"

namespace aftersales::crash {
namespace {

namespace fs = std::filesystem;

// Now and then the host dies while it starts; otherwise after it has served for a while, which
// nobody can foresee.
bool KilledAtStart(std::mt19937_64& random) { return random() % 6 == 0; }
absl::Duration StartingFor(std::mt19937_64& random) {
  return absl::Milliseconds(1 + random() % 60);
}
absl::Duration ServingFor(std::mt19937_64& random) {
  const double wait = 50 + std::exponential_distribution<double>(1.0 / 110)(random);
  return absl::Milliseconds(std::min(wait, 300.0));
}

int Run(const Options& options) {
  const absl::Time began = absl::Now();
  const fs::path root = e2e::MakeTemporaryDirectory("aftersales-crash");
  const fs::path plugins = root / "plugins";
  const fs::path data = root / "data";
  e2e::CopyFakePlugins(plugins);
  absl::PrintF("%d kills under the load of %d clients, seed %d, in %s\n", options.kills, kClients,
               options.seed, root.string());
  const std::map<int, std::string> wanted =
      WalkUninterrupted(root / "uninterrupted", plugins, options.seed);

  std::mt19937_64 random(options.seed);
  e2e::MovedClock clock(root / "clock");
  Ledger ledger(random());
  Troublemaker trouble(data, random());
  const std::string address = FreeAddress(random);
  const e2e::HostProcess::Options host_options{
      .data = data, .plugins = plugins, .listen = address, .clock = root / "clock"};
  auto host = std::make_unique<e2e::HostProcess>(host_options);
  if (host->AwaitAddress().empty()) throw std::runtime_error("the host does not start");
  auto apis = Connect(address, kConnections);
  {
    Client client(*apis[0], clock, ledger, random());
    Bind(client);
  }

  std::atomic<bool> enough{false};
  std::atomic<int> walking{kClients};
  std::atomic<int64_t> walks_done{0};
  std::mutex mutex;
  std::vector<Walked> walks;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i, seed = random()] {
      std::mt19937_64 own(seed);
      Client client(*apis[i % apis.size()], clock, ledger, own());
      for (int n = 0; !enough; ++n) {
        Walked walked = Walk(client, static_cast<int>(own() % kVariants),
                             absl::StrFormat("113-%07d-%07d", i, n),
                             data / "plugins" / "fake-market" / "effects.log");
        ++walks_done;
        const std::lock_guard lock(mutex);
        walks.push_back(std::move(walked));
      }
      --walking;
    });
  }

  int kills = 0;
  int by_plugin = 0;
  absl::Time next_trouble = absl::Now();
  absl::Time next_jump = absl::Now();
  absl::Time next_word = absl::Now();
  absl::Time next_audit = absl::Now();
  std::vector<std::string> audit_hashes;
  const auto tend = [&](bool troubled) {
    const absl::Time now = absl::Now();
    if (troubled && now >= next_trouble) {
      trouble.Trouble();
      next_trouble = now + absl::Milliseconds(100 + random() % 400);
    }
    if (now >= next_jump) {
      clock.Advance(absl::Minutes(16));
      next_jump = now + absl::Milliseconds(400 + random() % 600);
    }
    if (now >= next_audit) {
      // Kept where no kill reaches it.
      v1::VerifyAuditRequest verify;
      verify.set_parent(e2e::kSeller);
      const auto verified =
          apis[0]->Call(&e2e::Audits::VerifyAudit, verify, absl::Milliseconds(100));
      if (verified.ok()) {
        if (!verified->intact()) ledger.Wrong("the audit broke: " + verified->message());
        audit_hashes.push_back(verified->last_hash());
      }
      next_audit = now + absl::Milliseconds(audit_hashes.size() < 20 ? 500 : 5000);
    }
    if (now >= next_word) {
      absl::PrintF("%6.0f s  %5d kills  %7d writes acknowledged  %6d lifecycles\n",
                   absl::ToDoubleSeconds(now - began), kills, ledger.acknowledged(),
                   walks_done.load());
      std::fflush(stdout);
      next_word = now + absl::Seconds(5);
    }
  };
  while (kills < options.kills) {
    absl::Time at = absl::Now() + StartingFor(random);
    if (!KilledAtStart(random)) {
      host->AwaitAddress();
      at = absl::Now() + ServingFor(random);
    }
    while (absl::Now() < at && !host->Dead()) {
      tend(true);
      absl::SleepFor(absl::Milliseconds(2));
    }
    const bool by_itself = host->Dead();
    host->Kill();
    if (!host->ended_by_kill()) {
      ledger.Wrong(absl::StrCat("the host ended by itself, status ", host->status()));
    }
    ++kills;
    by_plugin += by_itself ? 1 : 0;
    host = std::make_unique<e2e::HostProcess>(host_options);
  }
  trouble.Stop();
  enough = true;
  while (walking > 0) {
    tend(false);
    // What a plugin was told before may still kill it.
    if (host->Dead()) host = std::make_unique<e2e::HostProcess>(host_options);
    absl::SleepFor(absl::Milliseconds(5));
  }
  for (std::thread& thread : clients) thread.join();

  // A clean restart, and all that is still to be done.
  apis.clear();
  host->Stop();
  if (!host->ended_well()) {
    ledger.Wrong(absl::StrCat("the host did not stop cleanly, status ", host->status()));
  }
  host = std::make_unique<e2e::HostProcess>(host_options);
  if (host->AwaitAddress().empty()) throw std::runtime_error("the host does not start again");
  apis = Connect(address, 1);
  Client client(*apis[0], clock, ledger, random());
  const std::string missing =
      AwaitQuiet(client, walks, data, [&clock] { clock.Advance(absl::Minutes(16)); });
  Verdict verdict = Check(*apis[0], client, walks, wanted, data, audit_hashes);
  if (!missing.empty()) verdict.Lost(missing);
  apis.clear();
  host->Stop();

  const double seconds = absl::ToDoubleSeconds(absl::Now() - began);
  for (const std::string& detail : verdict.details) std::cout << detail << "\n";
  absl::PrintF(
      "%d kills (%d in a plugin), %d writes acknowledged in %d lifecycles, %d replayed\n"
      "lost %d, doubled %d, wrong %d, audit %s; %.0f s, seed %d\n",
      kills, by_plugin, ledger.acknowledged(), walks.size(), ledger.replays().size(), verdict.lost,
      verdict.doubled, verdict.wrong, verdict.audit_ok ? "ok" : "BROKEN", seconds, options.seed);
  if (!options.json.empty()) {
    const nlohmann::ordered_json result = {{"kills", kills},
                                           {"acknowledged", ledger.acknowledged()},
                                           {"lost", verdict.lost},
                                           {"doubled", verdict.doubled},
                                           {"wrong", verdict.wrong},
                                           {"audit_ok", verdict.audit_ok},
                                           {"lifecycles", walks.size()},
                                           {"seed", options.seed},
                                           {"seconds", seconds}};
    std::ofstream file(options.json);
    file << result.dump(2) << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + options.json);
  }
  if (!verdict.good() || options.keep) {
    std::cout << "the data is kept in " << root.string() << std::endl;
  } else {
    fs::remove_all(root);
  }
  return verdict.good() ? 0 : 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Kills a host under load and counts what was lost and what was done twice.");
  Options options;
  options.seed = std::random_device{}();
  app.add_option("--kills", options.kills, "how often")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", options.seed, "of all that is random here; the moments stay their own");
  app.add_option("--json", options.json, "write the result to this file, as one flat object");
  bool plugins = false;
  app.add_flag("--plugins", plugins, "kill processes of plugins, and not the host");
  app.add_flag("--keep", options.keep, "keep the data, also of a run that ended well");
  CLI11_PARSE(app, argc, argv);
  return plugins ? RunPluginKills(options) : Run(options);
}

}  // namespace
}  // namespace aftersales::crash

int main(int argc, char** argv) {
  try {
    return aftersales::crash::Main(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << std::endl;
    return 1;
  }
}
