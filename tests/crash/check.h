// What has to be true after all the kills.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/client.h"
#include "tests/crash/walks.h"

namespace aftersales::crash {

struct Verdict {
  int64_t lost = 0;       // acknowledged, or promised by it, and not there
  int64_t doubled = 0;    // there or done more often than it was asked for
  int64_t wrong = 0;      // answers and ends that are not as they have to be
  bool audit_ok = false;  // the audit chain and all invariants of the store hold
  std::vector<std::string> details;

  void Lost(const std::string& what) { Note(lost, "lost: " + what); }
  void Doubled(const std::string& what) { Note(doubled, "doubled: " + what); }
  void Wrong(const std::string& what) { Note(wrong, "wrong: " + what); }
  bool good() const { return lost == 0 && doubled == 0 && wrong == 0 && audit_ok; }

 private:
  void Note(int64_t& count, const std::string& what) {
    if (++count <= 20) details.push_back(what);
  }
};

// Waits until the outbox has nothing to do and the ERP knows everything; `step` is called in
// between, to move the time. Answers what is still missing.
std::string AwaitQuiet(Client& client, const std::vector<Walked>& walks,
                       const std::filesystem::path& data, const std::function<void()>& step);

// Looks at everything: `wanted` are the ends of uninterrupted walks by variant, `audit_hashes` what
// the audit chain ended with at times before.
Verdict Check(const e2e::Api& api, Client& client, const std::vector<Walked>& walks,
              const std::map<int, std::string>& wanted, const std::filesystem::path& data,
              const std::vector<std::string>& audit_hashes);

}  // namespace aftersales::crash
