#include "tests/crash/ledger.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/numbers.h"

namespace aftersales::crash {

int64_t VersionOf(const std::string& etag) {
  int64_t version = 0;
  if (etag.size() < 2 || !absl::SimpleAtoi(etag.substr(1, etag.size() - 2), &version)) return 0;
  return version;
}

void Ledger::Acknowledge(const std::string& name, const std::string& etag, Replay replay) {
  const std::lock_guard lock(mutex_);
  const auto seen = static_cast<uint64_t>(++acknowledged_);
  Told(name, etag);
  if (replays_.size() < kReplays) {
    replays_.push_back(std::move(replay));
  } else if (const uint64_t at = random_() % seen; at < kReplays) {
    replays_[at] = std::move(replay);
  }
}

void Ledger::Acknowledge(const std::string& name, const std::string& etag) {
  const std::lock_guard lock(mutex_);
  Told(name, etag);
}

void Ledger::Told(const std::string& name, const std::string& etag) {
  if (name.empty()) return;
  int64_t& version = versions_[name];
  version = std::max(version, VersionOf(etag));
}

void Ledger::AcknowledgeEvent(const std::string& name) {
  const std::lock_guard lock(mutex_);
  events_.insert(name);
}

void Ledger::Wrong(const std::string& what) {
  const std::lock_guard lock(mutex_);
  wrong_.push_back(what);
  std::cerr << "WRONG: " << what << std::endl;
}

std::vector<std::string> Ledger::wrong() const {
  const std::lock_guard lock(mutex_);
  return wrong_;
}

}  // namespace aftersales::crash
