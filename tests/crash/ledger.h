// What the clients of a crash run were told, and what they were told wrong.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/e2e/api.h"

namespace aftersales::crash {

// The number in an etag such as `"7"`.
int64_t VersionOf(const std::string& etag);

class Ledger {
 public:
  // Answers the empty text, or what is wrong.
  using Replay = std::function<std::string(const e2e::Api&)>;

  explicit Ledger(uint64_t seed) : random_(seed) {}

  // A write was answered. The resource, if it answers one, has at least this version from then on.
  void Acknowledge(const std::string& name, const std::string& etag, Replay replay);
  // The same of what was read.
  void Acknowledge(const std::string& name, const std::string& etag);
  void AcknowledgeEvent(const std::string& name);
  // An answer that there may not be.
  void Wrong(const std::string& what);

  int64_t acknowledged() const { return acknowledged_; }
  std::vector<std::string> wrong() const;
  // Highest version told of each resource.
  const std::map<std::string, int64_t>& versions() const { return versions_; }
  const std::set<std::string>& events() const { return events_; }
  const std::vector<Replay>& replays() const { return replays_; }

 private:
  void Told(const std::string& name, const std::string& etag);

  static constexpr size_t kReplays = 1000;  // kept: any of all calls, each as likely

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::atomic<int64_t> acknowledged_{0};
  std::map<std::string, int64_t> versions_;
  std::set<std::string> events_;
  std::vector<Replay> replays_;
  std::vector<std::string> wrong_;
};

}  // namespace aftersales::crash
