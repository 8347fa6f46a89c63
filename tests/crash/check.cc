#include "tests/crash/check.h"

#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "tests/crash/stored.h"

namespace aftersales::crash {
namespace {

namespace fs = std::filesystem;
// A line of a fake's log of what it did.
struct Effect {
  std::string method, id, subject;
  int64_t minor_units = 0;
};

std::vector<Effect> EffectsOf(const fs::path& data) {
  std::vector<Effect> effects;
  for (const char* plugin : {"fake-market", "fake-carrier"}) {
    std::ifstream log(data / "plugins" / plugin / "effects.log");
    for (std::string line; std::getline(log, line);) {
      std::istringstream words(line);
      std::string currency;
      Effect effect;
      words >> effect.method >> effect.id >> effect.minor_units >> currency >> effect.subject;
      effects.push_back(std::move(effect));
    }
  }
  return effects;
}

std::set<std::string> ToldToErp(const fs::path& data) {
  std::set<std::string> told;
  std::ifstream log(data / "plugins" / "fake-erp" / "erp.log");
  for (std::string line; std::getline(log, line);) told.insert(line.substr(0, line.find(' ')));
  return told;
}

bool IsOf(const std::string& name, const std::string& collection) {
  return absl::StrContains(name, absl::StrCat("/", collection, "/"));
}

// Everything that was acknowledged is there, at least as far as it was told, and nothing besides.
void CheckAcknowledged(const Stored& stored, const Ledger& ledger, Verdict& verdict) {
  const auto& told = ledger.versions();
  const auto check = [&](const auto& resources, const std::string& collection) {
    for (const auto& [name, version] : told) {
      if (!IsOf(name, collection)) continue;
      const auto found = resources.find(name);
      if (found == resources.end()) {
        verdict.Lost(name);
      } else if (VersionOf(found->second.etag()) < version) {
        verdict.Lost(
            absl::StrCat(name, " has etag ", found->second.etag(), ", told was ", version));
      }
    }
    for (const auto& [name, resource] : resources) {
      if (!told.contains(name)) verdict.Doubled(name + " was made and nobody was told");
    }
  };
  check(stored.returns, "returns");
  check(stored.refunds, "refunds");
  check(stored.exchanges, "exchanges");
  check(stored.orders, "orders");
  std::set<std::string> events;
  for (const v1::Event& event : stored.events) {
    if (!events.insert(event.name()).second) verdict.Doubled(event.name());
  }
  for (const std::string& name : ledger.events()) {
    if (!events.contains(name)) verdict.Lost(name);
  }
}

// Every effect was done once: refunds with their amount, labels, and decisions.
void CheckEffects(const Stored& stored, const std::vector<Walked>& walks, const fs::path& data,
                  Verdict& verdict) {
  std::set<std::string> ids;
  std::map<std::string, std::vector<Effect>> refunded;
  std::map<std::string, int> decided;
  std::map<std::string, int> voided;
  std::set<std::string> labels;
  for (const Effect& effect : EffectsOf(data)) {
    if (!ids.insert(effect.id).second) {
      verdict.Doubled(effect.method + " " + effect.id + " for " + effect.subject);
    }
    if (effect.method == "IssueRefund") refunded[effect.subject].push_back(effect);
    if (effect.method == "DecideReturn") ++decided[effect.subject];
    if (effect.method == "IssueLabel") labels.insert(effect.id);
    if (effect.method == "VoidLabel") ++voided[effect.subject];
  }
  std::set<std::string> reversed;
  for (const Walked& walked : walks) {
    reversed.insert(walked.reversed.begin(), walked.reversed.end());
  }
  std::map<std::string, int64_t> paid;  // by order
  for (const auto& [name, refund] : stored.refunds) {
    const std::vector<Effect>& done = refunded[name];
    if (refund.status() == v1::Refund::STATUS_CANCELLED) {
      if (!done.empty()) verdict.Doubled(name + " was paid and had been taken back");
      continue;
    }
    const bool came_back = reversed.contains(name);
    if (refund.status() !=
        (came_back ? v1::Refund::STATUS_REVERSED : v1::Refund::STATUS_SUCCEEDED)) {
      verdict.Wrong(name + " is " + v1::Refund::Status_Name(refund.status()));
    }
    if (done.empty()) verdict.Lost("nobody paid " + name);
    if (done.size() > 1) verdict.Doubled(absl::StrCat(name, " was paid ", done.size(), " times"));
    for (const Effect& effect : done) {
      if (!came_back) paid[refund.order()] += effect.minor_units;
      if (effect.minor_units != refund.total().minor_units()) {
        verdict.Wrong(absl::StrCat(name, " was paid ", effect.minor_units));
      }
    }
  }
  for (const auto& [subject, effects] : refunded) {
    if (!stored.refunds.contains(subject)) verdict.Doubled("paid what is not there: " + subject);
  }
  for (const auto& [order, sum] : paid) {
    const auto found = stored.orders.find(order);
    if (found != stored.orders.end() && sum > found->second.captured_total().minor_units()) {
      verdict.Doubled(absl::StrCat(order, " got back ", sum, ", more than was captured"));
    }
  }
  for (const auto& [name, state] : stored.returns) {
    int good = 0;
    int taken_back = 0;
    for (const v1::ReturnLabel& label : state.labels()) {
      if (label.kind() != v1::ReturnLabel::KIND_CARRIER) continue;
      ++(label.state() == v1::ReturnLabel::STATE_VOIDED ? taken_back : good);
      // The fake makes the number from the id: this label is the one that it made.
      if (labels.erase(label.label_id()) == 0) verdict.Lost("nobody made the label of " + name);
    }
    if (good > 1) verdict.Doubled(absl::StrCat(name, " has ", good, " labels"));
    if (voided[name] != taken_back) {
      verdict.Doubled(absl::StrCat("the carrier was told ", voided[name], " of ", taken_back,
                                   " labels of ", name, " that were taken back"));
    }
  }
  for (const std::string& id : labels) verdict.Doubled("a label that nobody has: " + id);
  for (const Walked& walked : walks) {
    for (const std::string& name :
         std::set<std::string>(walked.decided.begin(), walked.decided.end())) {
      const auto times = std::count(walked.decided.begin(), walked.decided.end(), name);
      if (decided[name] == 0) verdict.Lost("the marketplace knows no decision on " + name);
      if (decided[name] > times) {
        verdict.Doubled(absl::StrCat("the marketplace was told ", decided[name], " of ", times,
                                     " decisions on ", name));
      }
    }
  }
}

// A carrier that was away when a parcel was recorded is named in its place, which is true and moves
// no money. Who it is changes from run to run.
std::string WithAllCarriers(const std::string& end) {
  constexpr std::string_view kAway = "    message: \"Carrier plugins that might know it did not";
  std::istringstream lines(end);
  std::string all, line;
  while (std::getline(lines, line)) {
    if (line.starts_with(kAway)) {
      line = "    message: \"No carrier plugin knows the stated carrier `Some Carrier`.\"";
    }
    all += line + "\n";
  }
  return all;
}

}  // namespace

std::string AwaitQuiet(Client& client, const std::vector<Walked>& walks, const fs::path& data,
                       const std::function<void()>& step) {
  std::set<std::string> wanted;  // that the ERP has to hear of
  for (const v1::Event& event : AllEvents(client)) {
    if (IsOf(event.subject(), "returns") || IsOf(event.subject(), "refunds")) {
      wanted.insert(event.name());
    }
  }
  std::string missing;
  for (const absl::Time until = absl::Now() + absl::Minutes(2); absl::Now() < until;
       absl::SleepFor(absl::Milliseconds(200))) {
    missing.clear();
    const std::set<std::string> told = ToldToErp(data);
    for (const std::string& name : wanted) {
      if (!told.contains(name)) missing = "the ERP was not told of " + name;
    }
    std::set<std::string> decided;
    for (const Effect& effect : EffectsOf(data)) {
      if (effect.method == "DecideReturn") decided.insert(effect.subject);
    }
    for (const Walked& walked : walks) {
      for (const std::string& name : walked.decided) {
        if (!decided.contains(name)) missing = "the marketplace knows no decision on " + name;
      }
    }
    if (missing.empty()) break;
    step();
  }
  // What is not to come would come now.
  step();
  absl::SleepFor(absl::Milliseconds(500));
  return missing;
}

Verdict Check(const e2e::Api& api, Client& client, const std::vector<Walked>& walks,
              const std::map<int, std::string>& wanted, const fs::path& data,
              const std::vector<std::string>& audit_hashes) {
  Verdict verdict;
  const Ledger& ledger = client.ledger();
  for (const std::string& what : ledger.wrong()) verdict.Wrong(what);
  const Stored stored = ReadAll(client);
  CheckAcknowledged(stored, ledger, verdict);
  CheckEffects(stored, walks, data, verdict);
  verdict.audit_ok = true;
  const auto complain = [&verdict](const std::string& what) {
    verdict.audit_ok = false;
    verdict.Wrong(what);
  };
  CheckAudit(client, stored, audit_hashes, complain);
  CheckInvariants(stored, complain);
  CheckDatabase(stored, data / "aftersales.db", complain);
  for (const Walked& walked : walks) {
    if (!walked.refused.empty()) continue;  // said above
    const std::string end = WithAllCarriers(EndOf(client, walked));
    const std::string expected = WithAllCarriers(wanted.at(walked.variant));
    if (end == expected) continue;
    // The first line that differs is enough.
    std::istringstream is(end), should(expected);
    std::string a, b;
    while (std::getline(is, a) && std::getline(should, b) && a == b) {
    }
    verdict.Wrong(absl::StrCat("variant ", walked.variant, " on order ", walked.external_id,
                               " ended otherwise: `", a, "`, not `", b, "`"));
  }
  for (const Ledger::Replay& replay : ledger.replays()) {
    if (const std::string what = replay(api); !what.empty()) verdict.Wrong(what);
  }
  return verdict;
}

}  // namespace aftersales::crash
