#include "tests/crash/check.h"

#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tests/e2e/test_host.h"

namespace aftersales::crash {
namespace {

namespace fs = std::filesystem;
using e2e::kSeller;
using e2e::Refunds;
using e2e::Returns;

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

// All pages of a list.
template <typename Stub, typename Request, typename Response, typename Items>
auto All(Client& client,
         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
         Items items) {
  std::vector<std::decay_t<decltype(items(Response())[0])>> all;
  Request request;
  request.set_parent(kSeller);
  request.set_page_size(1000);
  do {
    const Response page = client.Read(method, request);
    const auto& more = items(page);
    all.insert(all.end(), more.begin(), more.end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

std::vector<v1::Event> AllEvents(Client& client) {
  return All(
      client, &e2e::Events::ListEvents,
      [](const v1::ListEventsResponse& page) -> const auto& { return page.events(); });
}

bool IsOf(const std::string& name, const std::string& collection) {
  return absl::StrContains(name, absl::StrCat("/", collection, "/"));
}

// What is stored, by name.
struct Stored {
  std::map<std::string, v1::Return> returns;
  std::map<std::string, v1::Refund> refunds;
  std::map<std::string, v1::Order> orders;
  std::vector<v1::Event> events;
};

Stored Read(Client& client) {
  Stored stored;
  for (v1::Return& state : All(
           client, &Returns::ListReturns,
           [](const auto& p) -> const auto& { return p.returns(); })) {
    stored.returns[state.name()] = std::move(state);
  }
  for (v1::Refund& refund : All(
           client, &Refunds::ListRefunds,
           [](const auto& p) -> const auto& { return p.refunds(); })) {
    stored.refunds[refund.name()] = std::move(refund);
  }
  for (v1::Order& order : All(
           client, &e2e::Orders::ListOrders,
           [](const auto& p) -> const auto& { return p.orders(); })) {
    stored.orders[order.name()] = std::move(order);
  }
  stored.events = AllEvents(client);
  return stored;
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
  std::set<std::string> labels;
  for (const Effect& effect : EffectsOf(data)) {
    if (!ids.insert(effect.id).second) {
      verdict.Doubled(effect.method + " " + effect.id + " for " + effect.subject);
    }
    if (effect.method == "IssueRefund") refunded[effect.subject].push_back(effect);
    if (effect.method == "DecideReturn") ++decided[effect.subject];
    if (effect.method == "IssueLabel") labels.insert(effect.id);
  }
  std::map<std::string, int64_t> paid;  // by order
  for (const auto& [name, refund] : stored.refunds) {
    const std::vector<Effect>& done = refunded[name];
    if (refund.status() != v1::Refund::STATUS_SUCCEEDED) {
      verdict.Wrong(name + " is " + v1::Refund::Status_Name(refund.status()));
    }
    if (done.empty()) verdict.Lost("nobody paid " + name);
    if (done.size() > 1) verdict.Doubled(absl::StrCat(name, " was paid ", done.size(), " times"));
    for (const Effect& effect : done) {
      paid[refund.order()] += effect.minor_units;
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
    int own = 0;
    for (const v1::ReturnLabel& label : state.labels()) {
      if (label.kind() != v1::ReturnLabel::KIND_CARRIER) continue;
      ++own;
      // The fake makes the number from the id: this label is the one that it made.
      if (!labels.contains(label.label_id())) verdict.Lost("nobody made the label of " + name);
    }
    if (own > 1) verdict.Doubled(absl::StrCat(name, " has ", own, " labels"));
  }
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

// Whether the log of facts is whole and says what the states say.
bool VerifyAudit(const Stored& stored, Verdict& verdict) {
  bool intact = true;
  int64_t before = 0;
  std::map<std::string, std::string> last;  // status after the last fact, by subject
  for (const v1::Event& event : stored.events) {
    int64_t number = 0;
    const size_t slash = event.name().rfind('/');
    if (!absl::SimpleAtoi(event.name().substr(slash + 1), &number) || number <= before) {
      verdict.Wrong(event.name() + " is out of order");
      intact = false;
    }
    before = number;
    last[event.subject()] = event.status_after();
  }
  const auto check = [&](const std::string& name, std::string status) {
    status.erase(0, std::string_view("STATUS_").size());
    if (last[name] == status) return;
    verdict.Wrong(name + " is " + status + ", and its last fact says " + last[name]);
    intact = false;
  };
  for (const auto& [name, state] : stored.returns) {
    check(name, v1::Return::Status_Name(state.status()));
    for (const v1::ReturnItem& item : state.items()) {
      if (item.quantity_approved() > item.quantity_requested() ||
          item.quantity_refunded() > item.quantity_approved()) {
        verdict.Wrong(name + " has units that cannot be");
        intact = false;
      }
    }
  }
  for (const auto& [name, refund] : stored.refunds) {
    check(name, v1::Refund::Status_Name(refund.status()));
  }
  return intact;
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
              const std::map<int, std::string>& wanted, const fs::path& data) {
  Verdict verdict;
  const Ledger& ledger = client.ledger();
  for (const std::string& what : ledger.wrong()) verdict.Wrong(what);
  const Stored stored = Read(client);
  CheckAcknowledged(stored, ledger, verdict);
  CheckEffects(stored, walks, data, verdict);
  verdict.audit_ok = VerifyAudit(stored, verdict);
  for (const Walked& walked : walks) {
    if (!walked.refused.empty()) continue;  // said above
    const std::string end = EndOf(client, walked);
    const std::string& expected = wanted.at(walked.variant);
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
