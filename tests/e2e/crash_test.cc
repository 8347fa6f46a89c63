// kill -9 at every write and at every call of a plugin: a host in a child process is killed before
// its n-th write statement, for every n of a walked return, or in the middle of what a plugin does,
// before and after it was done. It is started again and driven on by a client that repeats its
// calls blindly. Whatever the moment, the return ends as if nothing had happened, and each effect
// was done once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/e2e/host_process.h"
#include "tests/e2e/moved_clock.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kWorkers = 3;
constexpr int kWritesMax = 2000;  // a walk has far fewer; beyond it the test would not end

// What is left of a walk.
struct Outcome {
  std::string state;                   // of the return, refund and order, scrubbed
  std::multiset<std::string> effects;  // method of each effect done
  std::set<std::string> effect_ids;
  std::set<std::string> events;                       // that the ERP must hear of
  std::map<std::string, std::set<std::string>> told;  // what it heard, by effect id
  bool killed = false;
};

// What happens to the first host of a walk; the second one is left alone.
struct Harm {
  int kill_at_write = 0;                          // none if 0
  std::map<std::string, std::string> modes = {};  // by fake plugin; their CRASH kills the host
  // What the mode files say from the second host on.
  std::map<std::string, std::string> modes_after = {};

  std::string Text() const {
    if (kill_at_write > 0) return "kill at write " + std::to_string(kill_at_write);
    std::string text;
    for (const auto& [plugin, words] : modes) text += plugin + ": " + words + " ";
    return text.empty() ? "unharmed" : text;
  }
};

// The walk of a return, by a client that repeats every call until it is answered.
class Walk {
 public:
  Walk(fs::path directory, const fs::path& plugins, Harm harm)
      : directory_(std::move(directory)), plugins_(plugins), harm_(std::move(harm)) {
    fs::create_directories(directory_);
    // A plugin whose outcome is not known is asked only after some minutes.
    if (!harm_.modes.empty()) {
      clock_file_ = directory_ / "clock";
      clock_ = std::make_unique<MovedClock>(clock_file_);
    }
    Restart();
  }
  ~Walk() { EndHost(); }

  Outcome Run() {
    const absl::Time start = absl::Now();
    v1::BindChannelRequest bind;
    bind.set_parent(kSeller);
    bind.set_channel_id("us");
    bind.mutable_channel()->set_marketplace_id("ATVPDKIKX0DER");
    bind.mutable_channel()->set_marketplace_plugin("fake-market");
    bind.mutable_channel()->add_erp_plugins("fake-erp");
    bind.mutable_channel()->set_label_plugin("fake-carrier");
    v1::ReturnAddress* address = bind.mutable_channel()->add_return_addresses();
    address->set_address_id("local");
    address->set_state(v1::ReturnAddress::STATE_APPROVED);
    bind.set_request_id("bind");
    Do(&Channels::BindChannel, bind);

    v1::UpsertOrderRequest upsert;
    upsert.set_parent(kSeller);
    *upsert.mutable_order() = OrderOf("us", "113-0000001-0000001", {{"LAMP", 1, 2999, 247}});
    upsert.mutable_order()->mutable_lines(0)->set_referral_bp(1500);
    *upsert.mutable_order()->mutable_delivered_at() = Stamp(start - absl::Hours(72));
    *upsert.mutable_order()->mutable_shipping_total() = MoneyOf(599, "USD");
    *upsert.mutable_order()->mutable_shipping_tax() = MoneyOf(49, "USD");
    upsert.set_request_id("upsert");
    const v1::Order order = Do(&Orders::UpsertOrder, upsert);

    v1::CreateReturnRequest create;
    create.set_parent(kSeller);
    create.mutable_return_resource()->set_order(order.name());
    v1::ReturnItem* item = create.mutable_return_resource()->add_items();
    item->set_line_id("LAMP");
    item->set_quantity_requested(1);
    item->set_buyer_reason(v1::RETURN_REASON_ARRIVED_DAMAGED);
    create.set_request_id("create");
    name_ = Do(&Returns::CreateReturn, create).name();

    v1::ApproveReturnRequest approve;
    approve.set_name(name_);
    approve.set_request_id("approve");
    Do(&Returns::ApproveReturn, approve);

    v1::IssueReturnLabelRequest label;
    label.set_name(name_);
    label.set_request_id("label");
    Do(&Returns::IssueReturnLabel, label);
    Until([](const v1::Return& now) {
      return now.labels_size() == 1 && now.labels(0).state() == v1::ReturnLabel::STATE_ISSUED;
    });

    for (const auto milestone :
         {v1::TrackingEvent::MILESTONE_IN_TRANSIT, v1::TrackingEvent::MILESTONE_DELIVERED}) {
      v1::RecordFactsRequest facts;
      facts.set_parent(kSeller);
      v1::Event* fact = facts.add_facts();
      fact->set_subject(name_);
      *fact->mutable_occurred_at() = Stamp(absl::Now());
      fact->set_external_id("scan-" + std::to_string(milestone));
      fact->mutable_return_scanned()->set_milestone(milestone);
      facts.set_request_id(fact->external_id());
      Do(&Facts::RecordFacts, facts);
    }

    v1::RecordReceiptRequest receive;
    receive.set_name(name_);
    receive.mutable_receipt()->set_receipt_id("receipt-1");
    receive.set_request_id("receive");
    Do(&Returns::RecordReceipt, receive);

    v1::InspectReturnRequest inspect;
    inspect.set_name(name_);
    inspect.add_inspections()->set_inspection_id("inspection-1");
    inspect.mutable_inspections(0)->set_quantity(1);
    inspect.mutable_inspections(0)->set_condition(v1::CONDITION_CARRIER_DAMAGED);
    inspect.set_request_id("inspect");
    Do(&Returns::InspectReturn, inspect);

    v1::IssueRefundRequest issue;
    issue.set_parent(kSeller);
    issue.mutable_spec()->set_return_name(name_);
    *issue.mutable_expected_total() = MoneyOf(3894, "USD");
    issue.set_request_id("refund");
    const std::string refund = Do(&Refunds::IssueRefund, issue).name();
    Until([](const v1::Return& now) { return now.status() == v1::Return::STATUS_RESOLVED; });

    v1::CloseReturnRequest close;
    close.set_name(name_);
    close.set_reason("done");
    close.set_request_id("close");
    Do(&Returns::CloseReturn, close);
    return Look(order.name(), refund);
  }

 private:
  template <typename Stub, typename Request, typename Response>
  Response Do(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) {
    const absl::Time until = absl::Now() + absl::Seconds(30);
    while (true) {
      const Reply<Response> reply = api_->Call(method, request, absl::Seconds(5));
      if (reply.ok()) return *reply;
      const bool again = reply.code() == grpc::StatusCode::UNAVAILABLE ||
                         reply.code() == grpc::StatusCode::DEADLINE_EXCEEDED ||
                         reply.code() == grpc::StatusCode::UNKNOWN ||  // broken off in the answer
                         reply.reason() == "IN_PROGRESS";
      if (!again || absl::Now() > until) {
        ADD_FAILURE() << harm_.Text() << ": " << request.GetTypeName() << ": "
                      << reply.status.error_message();
        return *reply;
      }
      // The call may break off a moment before the process is gone.
      if (host_->Dead()) Restart();
      absl::SleepFor(absl::Milliseconds(2));
    }
  }

  void Until(const std::function<bool(const v1::Return&)>& holds) {
    v1::GetReturnRequest get;
    get.set_name(name_);
    v1::Return now;
    const absl::Time until = absl::Now() + absl::Seconds(20);
    int rounds = 0;
    while (!holds(now = Do(&Returns::GetReturn, get))) {
      if (absl::Now() > until) {
        ADD_FAILURE() << harm_.Text() << ": it stays " << now.DebugString();
        return;
      }
      absl::SleepFor(absl::Milliseconds(3));
      if (clock_ != nullptr && ++rounds % 50 == 0) clock_->Advance(absl::Minutes(16));
    }
  }

  void Restart() {
    const bool first = host_ == nullptr;
    if (!first) killed_ = true;
    EndHost();
    for (const auto& [plugin, words] : first ? harm_.modes : harm_.modes_after) {
      WriteModes(directory_ / "data", plugin, words);
    }
    host_ = std::make_unique<HostProcess>(
        HostProcess::Options{.data = directory_ / "data",
                             .plugins = plugins_,
                             .kill_at_write = first ? harm_.kill_at_write : 0,
                             .clock = clock_file_});
    if (host_->AwaitAddress().empty()) {
      EXPECT_TRUE(Eventually([&] { return host_->Dead(); }));
      if (first) return Restart();
      ADD_FAILURE() << harm_.Text() << ": the host does not start again";
      std::abort();
    }
    api_ = std::make_unique<Api>(host_->AwaitAddress());
  }

  void EndHost() {
    if (host_ == nullptr) return;
    const bool by_itself = host_->Dead();
    api_.reset();  // a connection that nobody reads from would hold up the end
    host_->Stop();
    // Its write may come when it stops.
    EXPECT_TRUE(host_->ended_by_kill() || (!by_itself && host_->ended_well()))
        << harm_.Text() << ": it ended with status " << host_->status();
  }

  std::vector<std::string> Log(std::string_view plugin, std::string_view file) const {
    std::ifstream log(directory_ / "data" / "plugins" / plugin / file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) lines.push_back(line);
    return lines;
  }

  Outcome Look(const std::string& order_name, const std::string& refund_name) {
    Outcome outcome;
    v1::ListEventsRequest list;
    list.set_parent(kSeller);
    list.set_page_size(1000);
    const absl::Time until = absl::Now() + absl::Seconds(20);
    bool all_told = false;
    while (!all_told && absl::Now() < until) {
      outcome.events.clear();
      outcome.told.clear();
      outcome.effects.clear();
      const v1::ListEventsResponse page = Do(&Events::ListEvents, list);
      for (const v1::Event& event : page.events()) {
        if (event.subject().find("/returns/") != std::string::npos ||
            event.subject().find("/refunds/") != std::string::npos) {
          outcome.events.insert(event.name());
        }
      }
      for (const std::string& line : Log("fake-erp", "erp.log")) {
        const size_t space = line.find(' ');
        outcome.told[line.substr(0, space)].insert(line.substr(space));
      }
      for (const char* plugin : {"fake-market", "fake-carrier"}) {
        for (const std::string& line : Log(plugin, "effects.log")) {
          std::istringstream words(line);
          std::string method, id;
          words >> method >> id;
          outcome.effects.insert(method);
          outcome.effect_ids.insert(id);
        }
      }
      all_told = outcome.effects.size() >= 3;
      for (const std::string& event : outcome.events) all_told &= outcome.told.contains(event);
      if (!all_told) absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_TRUE(all_told) << harm_.Text() << ": the ERP was not told of all";
    v1::GetReturnRequest get;
    get.set_name(name_);
    v1::Return state = Do(&Returns::GetReturn, get);
    v1::GetRefundRequest get_refund;
    get_refund.set_name(refund_name);
    v1::Refund refund = Do(&Refunds::GetRefund, get_refund);
    v1::GetOrderRequest get_order;
    get_order.set_name(order_name);
    v1::Order order = Do(&Orders::GetOrder, get_order);
    v1::ListReturnsRequest returns;
    returns.set_parent(kSeller);
    v1::ListRefundsRequest refunds;
    refunds.set_parent(kSeller);
    EXPECT_EQ(Do(&Returns::ListReturns, returns).returns_size(), 1);
    EXPECT_EQ(Do(&Refunds::ListRefunds, refunds).refunds_size(), 1);
    for (google::protobuf::Message* message :
         std::initializer_list<google::protobuf::Message*>{&state, &refund, &order}) {
      Scrub(message);
      outcome.state += message->DebugString();
    }
    // It may have died of what came after the last answer.
    if (host_->Dead()) Restart();
    outcome.killed = killed_;
    return outcome;
  }

  const fs::path directory_;
  const fs::path plugins_;
  const Harm harm_;
  fs::path clock_file_;
  std::unique_ptr<MovedClock> clock_;
  bool killed_ = false;
  std::string name_;
  std::unique_ptr<HostProcess> host_;
  std::unique_ptr<Api> api_;
};

// A directory with the plugins, and what a walk leaves that nothing happens to.
class CrashTest : public testing::Test {
 protected:
  void SetUp() override {
    CopyFakePlugins(plugins_);
    wanted_ = Walk(root_ / "uninterrupted", plugins_, {}).Run();
    ASSERT_FALSE(wanted_.killed);
    ASSERT_THAT(wanted_.effects, testing::ElementsAre("DecideReturn", "IssueLabel", "IssueRefund"));
    ASSERT_NE(wanted_.state.find("STATUS_CLOSED"), std::string::npos) << wanted_.state;
    ASSERT_NE(wanted_.state.find("minor_units: 3894"), std::string::npos) << wanted_.state;
  }
  ~CrashTest() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  // Walks with a harm and compares; answers whether the host was killed.
  bool EndsTheSame(std::string_view name, const Harm& harm) const {
    SCOPED_TRACE(harm.Text());
    const fs::path directory = root_ / name;
    const Outcome outcome = Walk(directory, plugins_, harm).Run();
    EXPECT_EQ(outcome.state, wanted_.state);
    EXPECT_EQ(outcome.effects, wanted_.effects);
    EXPECT_EQ(outcome.effect_ids.size(), outcome.effects.size());
    for (const auto& [effect_id, said] : outcome.told) {
      // A change may be told again, but never as another one, and never one that is not.
      EXPECT_EQ(said.size(), 1u) << effect_id;
      EXPECT_TRUE(outcome.events.contains(effect_id)) << effect_id;
    }
    std::error_code ignored;
    fs::remove_all(directory, ignored);
    return outcome.killed;
  }

  const fs::path root_ = MakeTemporaryDirectory("aftersales-crash");
  const fs::path plugins_ = root_ / "plugins";
  Outcome wanted_;
};

TEST_F(CrashTest, KilledAtAnyWriteItEndsTheSame) {
  std::atomic<int> next{1};
  std::atomic<int> unharmed{0};  // walks that ended before their write came
  std::atomic<int> last_kill{0};
  const auto work = [&] {
    // Two walks with a write that never comes: the number of writes differs a little by timing.
    while (unharmed < 2 && !testing::Test::HasFailure()) {
      const int n = next++;
      if (n > kWritesMax) return;
      if (EndsTheSame(std::to_string(n), {.kill_at_write = n})) {
        int known = last_kill;
        while (known < n && !last_kill.compare_exchange_weak(known, n)) {
        }
      } else {
        ++unharmed;
      }
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  EXPECT_GE(unharmed, 2) << "no walk came to its end";
  EXPECT_GT(last_kill, 50) << "the kill switch does not work";
  std::cout << "killed at each of " << last_kill << " writes" << std::endl;
}

TEST_F(CrashTest, KilledInAPluginItEndsTheSame) {
  const std::vector<Harm> harms = {
      {.modes = {{"fake-market", "DecideReturn=CRASH_BEFORE"}},
       .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-market", "DecideReturn=CRASH_AFTER"}},
       .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-market", "IssueRefund=CRASH_BEFORE"}},
       .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-market", "IssueRefund=CRASH_AFTER"}}, .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-carrier", "IssueLabel=CRASH_BEFORE"}},
       .modes_after = {{"fake-carrier", ""}}},
      {.modes = {{"fake-carrier", "IssueLabel=CRASH_AFTER"}},
       .modes_after = {{"fake-carrier", ""}}},
      {.modes = {{"fake-erp", "PushChanges=CRASH_BEFORE"}}, .modes_after = {{"fake-erp", ""}}},
      {.modes = {{"fake-erp", "PushChanges=CRASH_AFTER"}}, .modes_after = {{"fake-erp", ""}}},
      // Asked for what nobody knows, whether it was done or not; and again for what it died of.
      {.modes = {{"fake-market", "IssueRefund=TIMEOUT_DONE QueryEffect=CRASH_BEFORE"}},
       .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-market", "IssueRefund=TIMEOUT_NOT_DONE QueryEffect=CRASH_AFTER"}},
       .modes_after = {{"fake-market", ""}}},
      {.modes = {{"fake-carrier", "IssueLabel=TIMEOUT_DONE QueryEffect=CRASH_BEFORE"}},
       .modes_after = {{"fake-carrier", ""}}},
      {.modes = {{"fake-carrier", "IssueLabel=TIMEOUT_NOT_DONE QueryEffect=CRASH_AFTER"}},
       .modes_after = {{"fake-carrier", ""}}},
      {.modes = {{"fake-market", "IssueRefund=CRASH_AFTER"}},
       .modes_after = {{"fake-market", "IssueRefund=TIMEOUT_NOT_DONE"}}},
  };
  for (size_t i = 0; i < harms.size(); ++i) {
    EXPECT_TRUE(EndsTheSame("plugin-" + std::to_string(i), harms[i]))
        << harms[i].Text() << "did not kill it";
  }
}

}  // namespace
}  // namespace aftersales::e2e
