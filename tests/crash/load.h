// The load of a crash run, and the remote sides that fail under it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/walks.h"
#include "tests/e2e/api.h"
#include "tests/e2e/host_process.h"

namespace aftersales::crash {

inline constexpr int kClients = 64;
inline constexpr int kConnections = 8;

struct Options {
  int kills = 200;
  uint64_t seed = 0;
  std::string json;
  bool keep = false;
};

// A port that the host can have at every start. Below those that the system gives to clients: one
// that tries to connect while nobody listens might otherwise get the very port.
std::string FreeAddress(std::mt19937_64& random);

std::vector<std::unique_ptr<e2e::Api>> Connect(const std::string& address, int count);

// How every variant ends where nothing happens.
std::map<int, std::string> WalkUninterrupted(const std::filesystem::path& directory,
                                             const std::filesystem::path& plugins, uint64_t seed);

// What the remote sides do wrong for a while.
class Troublemaker {
 public:
  Troublemaker(std::filesystem::path data, uint64_t seed) : data_(std::move(data)), random_(seed) {}

  void Trouble() {
    e2e::WriteModes(data_, "fake-market",
                    absl::StrCat("DecideReturn=", Effect(), " IssueRefund=", Refund(),
                                 " QueryEffect=", Query()));
    e2e::WriteModes(
        data_, "fake-carrier",
        absl::StrCat("IssueLabel=", Effect(), " VoidLabel=", Effect(), " QueryEffect=", Query()));
    e2e::WriteModes(data_, "fake-erp",
                    absl::StrCat("PushChanges=", Pick({"OK", "OK", "OK", "OK", "TIMEOUT_DONE",
                                                       "TIMEOUT_NOT_DONE", "RETRY"})));
  }
  void Stop() {
    for (const char* plugin : {"fake-market", "fake-carrier", "fake-erp"}) {
      e2e::WriteModes(data_, plugin, "");
    }
  }

 private:
  std::string Pick(const std::vector<std::string>& of) { return of[random_() % of.size()]; }
  std::string Effect() {
    if (random_() % 100 < 3) return Pick({"CRASH_BEFORE", "CRASH_AFTER"});
    if (random_() % 100 < 65) return "OK";
    return Pick({"TIMEOUT_DONE", "TIMEOUT_NOT_DONE", "RETRY", "ERROR", "GARBAGE", "NONSENSE"});
  }
  // A refund that is refused is tried again; what else is refused would end otherwise.
  std::string Refund() { return random_() % 100 < 8 ? "FAIL" : Effect(); }
  std::string Query() {
    return random_() % 100 < 75 ? "OK" : Pick({"TIMEOUT_DONE", "ERROR", "GARBAGE", "NONSENSE"});
  }

  const std::filesystem::path data_;
  std::mt19937_64 random_;
};

// Kills the processes of plugins of a host that goes on, and counts besides what was left of them.
int RunPluginKills(const Options& options);

}  // namespace aftersales::crash
