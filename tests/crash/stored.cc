#include "tests/crash/stored.h"

#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "core/domain/calendar.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/exchange_units.h"
#include "core/domain/metrics.h"
#include "core/domain/policy.h"
#include "core/domain/refund_fold.h"
#include "core/domain/refund_quote.h"
#include "core/domain/resource_names.h"
#include "core/domain/return_fold.h"
#include "core/status/text.h"
#include "core/store/sqlite/connection.h"
#include "tests/e2e/test_host.h"

namespace aftersales::crash {
namespace {

using e2e::kSeller;

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

template <typename Resource>
std::map<std::string, Resource> ByName(std::vector<Resource> resources) {
  std::map<std::string, Resource> by_name;
  for (Resource& resource : resources) by_name[resource.name()] = std::move(resource);
  return by_name;
}

// ---- invariants ---------------------------------------------------------------------------------

void CheckMoney(const Stored& stored, const Complain& complain) {
  std::map<std::string, std::vector<v1::Refund>> by_order;
  std::map<std::string, std::string> by_effect;
  for (const auto& [name, refund] : stored.refunds) {
    by_order[refund.order()].push_back(refund);
    if (const auto [other, fresh] = by_effect.emplace(refund.effect_id(), name);
        !fresh && !refund.effect_id().empty()) {
      complain(name + " and " + other->second + " have one effect id");
    }
    int64_t sum = 0;
    bool fees = false;
    for (const v1::BreakdownLine& line : refund.breakdown()) {
      if (line.informational()) continue;
      sum += line.amount().minor_units();
      fees = fees || line.amount().minor_units() < 0;
    }
    // Fees beyond the refund are waived.
    const int64_t total = refund.total().minor_units();
    if (refund.breakdown_size() > 0 && sum != total && !(fees && sum < 0 && total == 0)) {
      complain(absl::StrCat("the lines of ", name, " add up to ", sum, ", not to ", total));
    }
  }
  for (const auto& [name, refunds] : by_order) {
    const auto order = stored.orders.find(name);
    if (order == stored.orders.end()) {
      complain("refunds of " + name + ", which is not there");
      continue;
    }
    int64_t held = 0;
    for (const v1::Refund& refund : refunds) held += HeldUnits(refund);
    const int64_t captured = Refundable(order->second, {}).minor_units();
    if (held > captured) {
      complain(absl::StrCat(name, " gives back ", held, " of ", captured));
    }
    for (const v1::OrderLine& line : order->second.lines()) {
      int32_t units = UnitsRefundedOrReserved(refunds, line.line_id());
      for (const auto& [other, exchange] : stored.exchanges) {
        if (exchange.order() != name || !HoldsUnits(exchange)) continue;
        for (const v1::ExchangeItem& item : exchange.items()) {
          if (item.line_id() == line.line_id()) units += item.quantity();
        }
      }
      if (units > line.quantity()) {
        complain(absl::StrCat(units, " of ", line.quantity(), " units of ", line.line_id(), " of ",
                              name, " are refunded or exchanged"));
      }
    }
  }
}

// Whether time has run out is shown and not stored.
template <typename Resource>
Resource AsStored(Resource state) {
  for (v1::Deadline& deadline : *state.mutable_deadlines()) {
    if (deadline.state() == v1::Deadline::STATE_BREACHED) {
      deadline.set_state(v1::Deadline::STATE_RUNNING);
    }
  }
  state.clear_etag();
  state.clear_create_time();
  state.clear_update_time();
  return state;
}

void CheckFolds(const Stored& stored, const Complain& complain) {
  std::map<std::string, std::vector<const v1::Event*>> facts;
  for (const v1::Event& event : stored.events) facts[event.subject()].push_back(&event);
  std::map<std::string, std::vector<v1::Return>> of_order;
  for (const auto& [name, state] : stored.returns) of_order[state.order()].push_back(state);
  for (const auto& [name, state] : stored.returns) {
    const v1::Channel& channel = stored.channels.at(state.channel());
    const auto order = stored.orders.find(state.order());
    const FoldContext context{channel, *FindPolicy(channel.policy_profile()),
                              order == stored.orders.end() ? nullptr : &order->second,
                              of_order[state.order()]};
    const v1::Return folded = AsStored(FoldReturn(name, facts[name], context));
    if (folded.SerializeAsString() != AsStored(state).SerializeAsString()) {
      complain(name + " is not what its facts say: " + state.ShortDebugString() + " and not " +
               folded.ShortDebugString());
    }
    for (const v1::Deadline& deadline : state.deadlines()) {
      const bool over = state.status() == v1::Return::STATUS_CLOSED ||
                        state.status() == v1::Return::STATUS_CANCELLED;
      const bool runs = deadline.state() == v1::Deadline::STATE_RUNNING ||
                        deadline.state() == v1::Deadline::STATE_BREACHED;
      if (over && runs) complain("a clock runs on " + name + ", which is over");
    }
    for (const v1::ReturnItem& item : state.items()) {
      if (item.quantity_approved() > item.quantity_requested() ||
          item.quantity_refunded() > item.quantity_approved()) {
        complain(name + " has units that cannot be");
      }
    }
  }
  for (const auto& [name, exchange] : stored.exchanges) {
    const v1::Channel& channel = stored.channels.at(exchange.channel());
    v1::Exchange folded;
    folded.set_name(name);
    for (const v1::Event* fact : facts[name]) {
      ApplyExchangeFact(*fact, *FindPolicy(channel.policy_profile()), &folded);
    }
    if (folded.SerializeAsString() != AsStored(exchange).SerializeAsString()) {
      complain(name + " is not what its facts say: " + exchange.ShortDebugString() + " and not " +
               folded.ShortDebugString());
    }
  }
  for (const auto& [name, refund] : stored.refunds) {
    v1::Refund folded;
    folded.set_name(name);
    for (const v1::Event* fact : facts[name]) ApplyRefundFact(*fact, &folded);
    v1::Refund stands = refund;
    for (v1::Refund* side : {&folded, &stands}) {
      side->clear_etag();
      side->clear_create_time();
      side->clear_update_time();
    }
    if (folded.SerializeAsString() != stands.SerializeAsString()) {
      complain(name + " is not what its facts say: " + stands.ShortDebugString() + " and not " +
               folded.ShortDebugString());
    }
  }
}

// ---- the database -------------------------------------------------------------------------------

using Counted = std::map<std::tuple<std::string, int64_t, int64_t, int64_t>, int64_t>;

Counted Recount(const Stored& stored) {
  Counted counted;
  const auto add = [&](const std::string& channel, const auto& contributions) {
    for (const metrics::Contribution& c : contributions) {
      counted[{std::string(names::Split(channel).id), c.fulfillment,
               static_cast<int64_t>(c.counter), c.day}] += c.amount;
    }
  };
  for (const auto& [name, order] : stored.orders) {
    const v1::Channel& channel = stored.channels.at(order.channel());
    add(order.channel(), metrics::Of(order, calendar::Zone(channel.time_zone()).value()));
  }
  for (const auto& [name, state] : stored.returns) add(state.channel(), metrics::Of(state));
  return counted;
}

}  // namespace

std::vector<v1::Event> AllEvents(Client& client) {
  return All(
      client, &e2e::Events::ListEvents,
      [](const v1::ListEventsResponse& page) -> const auto& { return page.events(); });
}

Stored ReadAll(Client& client) {
  Stored stored;
  v1::ListChannelsRequest channels;
  channels.set_parent(kSeller);
  const v1::ListChannelsResponse all = client.Read(&e2e::Channels::ListChannels, channels);
  stored.channels = ByName(std::vector<v1::Channel>(all.channels().begin(), all.channels().end()));
  stored.orders = ByName(All(
      client, &e2e::Orders::ListOrders, [](const auto& p) -> const auto& { return p.orders(); }));
  stored.returns = ByName(All(
      client, &e2e::Returns::ListReturns,
      [](const auto& p) -> const auto& { return p.returns(); }));
  stored.refunds = ByName(All(
      client, &e2e::Refunds::ListRefunds,
      [](const auto& p) -> const auto& { return p.refunds(); }));
  stored.exchanges = ByName(All(
      client, &e2e::Exchanges::ListExchanges,
      [](const auto& p) -> const auto& { return p.exchanges(); }));
  stored.events = AllEvents(client);
  return stored;
}

void CheckInvariants(const Stored& stored, const Complain& complain) {
  CheckMoney(stored, complain);
  CheckFolds(stored, complain);
}

void CheckDatabase(const Stored& stored, const std::filesystem::path& database,
                   const Complain& complain) {
  store::sqlite::Connection connection(database, store::sqlite::Connection::Mode::kReadOnly);
  {
    auto check = connection.Prepare("PRAGMA integrity_check");
    while (check.Next()) {
      if (check.Text(0) != "ok") complain("the database is damaged: " + check.Text(0));
    }
  }
  {
    auto outbox = connection.Prepare("SELECT method, subject, last_error FROM effects");
    while (outbox.Next()) {
      complain("left in the outbox: " + outbox.Text(0) + " of " + outbox.Text(1) + ", " +
               outbox.Text(2));
    }
  }
  {
    auto feed = connection.Prepare("SELECT plugin, seq FROM feed_cursors");
    while (feed.Next()) {
      if (feed.Int(1) < static_cast<int64_t>(stored.events.size())) {
        complain(feed.Text(0) + " was fed up to " + std::to_string(feed.Int(1)));
      }
    }
  }
  Counted kept;
  {
    auto counters = connection.Prepare(
        "SELECT channel, fulfillment, counter, day, value FROM counters WHERE value <> 0");
    while (counters.Next()) {
      kept[{counters.Text(0), counters.Int(1), counters.Int(2), counters.Int(3)}] = counters.Int(4);
    }
  }
  if (kept == Recount(stored)) return;
  for (const auto& [key, value] : Recount(stored)) {
    if (kept[key] == value) continue;
    complain(absl::StrCat("counter ", std::get<2>(key), " of day ", std::get<3>(key), " is ",
                          kept[key], ", recounted ", value));
    return;
  }
  complain("a counter counts what is not there");
}

void CheckAudit(Client& client, const Stored& stored, const std::vector<std::string>& kept,
                const Complain& complain) {
  v1::VerifyAuditRequest request;
  request.set_parent(kSeller);
  const v1::VerifyAuditResponse whole = client.Read(&e2e::Audits::VerifyAudit, request);
  if (!whole.intact()) complain("the audit chain is broken: " + whole.message());
  if (whole.checked() != static_cast<int64_t>(stored.events.size())) {
    complain(absl::StrCat("the audit has ", whole.checked(), " entries for ", stored.events.size(),
                          " events"));
  }
  for (const std::string& hash : kept) {
    request.set_known_hash(hash);
    if (const auto answer = client.Read(&e2e::Audits::VerifyAudit, request); !answer.intact()) {
      complain("a hash that was in the audit chain before is not: " + answer.message());
    }
  }
  // What the events themselves say of the end.
  std::map<std::string, std::string> last;
  int64_t before = 0;
  for (const v1::Event& event : stored.events) {
    last[event.subject()] = event.status_after();
    int64_t number = 0;
    if (!absl::SimpleAtoi(View(names::Split(event.name()).id), &number) || number <= before) {
      complain(event.name() + " is out of order");
    }
    before = number;
  }
  const auto check = [&](const std::string& name, std::string status) {
    status.erase(0, std::string_view("STATUS_").size());
    if (last[name] != status) {
      complain(name + " is " + status + ", and its last fact says " + last[name]);
    }
  };
  for (const auto& [name, state] : stored.returns) {
    check(name, v1::Return::Status_Name(state.status()));
  }
  for (const auto& [name, refund] : stored.refunds) {
    check(name, v1::Refund::Status_Name(refund.status()));
  }
}

}  // namespace aftersales::crash
