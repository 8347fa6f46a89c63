// kill -9 at every write: a host in a child process is killed before its n-th write statement, for
// every n of a walked return, started again, and driven on by a client that repeats its calls
// blindly. Whatever the n, the return ends as if nothing had happened, and each effect was done
// once.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/e2e/test_host.h"

extern char** environ;

namespace aftersales::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kWorkers = 3;
constexpr int kWritesMax = 2000;  // a walk has far fewer; beyond it the test would not end

// A host in a process of its own.
class Child {
 public:
  // `kill_at` 0: nothing happens to it. Waits until it listens or has died.
  Child(const fs::path& data, const fs::path& plugins, int kill_at) : kill_at_(kill_at) {
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    const std::string data_text = data.string();
    const std::string plugins_text = plugins.string();
    std::vector<const char*> arguments = {
        AFTERSALES_PROGRAM, "serve",       "--data-dir",   data_text.c_str(),
        "--listen",         "127.0.0.1:0", "--plugin-dir", plugins_text.c_str(),
        "--log-level",      "error",       nullptr};
    std::vector<std::string> own;
    for (char** entry = environ; *entry != nullptr; ++entry) own.emplace_back(*entry);
    if (kill_at > 0) {
      own.push_back("AFTERSALES_FAULT_KILL_AT_WRITE=" + std::to_string(kill_at));
    }
    std::vector<char*> environment;
    for (std::string& entry : own) environment.push_back(entry.data());
    environment.push_back(nullptr);
    const int failed = posix_spawn(&pid_, AFTERSALES_PROGRAM, &actions, nullptr,
                                   const_cast<char* const*>(arguments.data()), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    out_ = out[0];
    if (failed != 0) {
      ADD_FAILURE() << "cannot start " << AFTERSALES_PROGRAM;
      std::abort();
    }
    // `aftersales 0.1.0 listens at 127.0.0.1:40123, data in ...`
    std::string text;
    for (char c = 0; text.find('\n') == std::string::npos && read(out_, &c, 1) == 1;) text += c;
    const size_t at = text.find("127.0.0.1:");
    if (at != std::string::npos) address_ = text.substr(at, text.find(',', at) - at);
  }
  ~Child() {
    if (!Dead()) {
      kill(pid_, SIGTERM);
      int status = 0;
      waitpid(pid_, &status, 0);
      // Its write may come when it stops.
      const bool killed = kill_at_ > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      EXPECT_TRUE(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
          << "it did not stop cleanly, status " << status;
    }
    close(out_);
  }

  bool Dead() {
    if (dead_) return true;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
    dead_ = true;
    by_kill_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    EXPECT_TRUE(by_kill_) << "the host ended by itself, status " << status;
    return true;
  }
  const std::string& address() const { return address_; }

 private:
  const int kill_at_;
  pid_t pid_ = -1;
  int out_ = -1;
  std::string address_;
  bool dead_ = false;
  bool by_kill_ = false;
};

// Clears what two walks cannot have alike: times, ids, and what is made from ids.
void Scrub(google::protobuf::Message* message) {
  const auto* reflection = message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      if (field->message_type()->full_name() == "google.protobuf.Timestamp") {
        reflection->ClearField(message, field);
      } else if (field->is_repeated()) {
        for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
          Scrub(reflection->MutableRepeatedMessage(message, field, i));
        }
      } else {
        Scrub(reflection->MutableMessage(message, field));
      }
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_STRING &&
               !field->is_repeated()) {
      const std::string value = reflection->GetString(*message, field);
      for (const char* made : {"ret_", "rfd_", "eff_", "FAKE"}) {
        if (value.find(made) != std::string::npos || field->name() == "etag") {
          reflection->SetString(message, field, "*");
        }
      }
    }
  }
}

// What is left of a walk.
struct Outcome {
  std::string state;                   // of the return, refund and order, scrubbed
  std::multiset<std::string> effects;  // method of each effect done
  std::set<std::string> effect_ids;
  std::set<std::string> events;                       // that the ERP must hear of
  std::map<std::string, std::set<std::string>> told;  // what it heard, by effect id
  bool killed = false;
};

// The walk of a return, by a client that repeats every call until it is answered.
class Walk {
 public:
  Walk(fs::path directory, const fs::path& plugins, int kill_at)
      : directory_(std::move(directory)), plugins_(plugins), kill_at_(kill_at) {
    fs::create_directories(directory_);
    Restart();
  }

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
        ADD_FAILURE() << "kill at write " << kill_at_ << ": " << request.GetTypeName() << ": "
                      << reply.status.error_message();
        return *reply;
      }
      // The call may break off a moment before the process is gone.
      if (child_->Dead()) Restart();
      absl::SleepFor(absl::Milliseconds(2));
    }
  }

  void Until(const std::function<bool(const v1::Return&)>& holds) {
    v1::GetReturnRequest get;
    get.set_name(name_);
    v1::Return now;
    const absl::Time until = absl::Now() + absl::Seconds(20);
    while (!holds(now = Do(&Returns::GetReturn, get))) {
      if (absl::Now() > until) {
        ADD_FAILURE() << "kill at write " << kill_at_ << ": it stays " << now.DebugString();
        return;
      }
      absl::SleepFor(absl::Milliseconds(3));
    }
  }

  void Restart() {
    // Only the first process is to die.
    const int kill_at = child_ == nullptr ? kill_at_ : 0;
    if (child_ != nullptr) killed_ = true;
    child_.reset();
    child_ = std::make_unique<Child>(directory_ / "data", plugins_, kill_at);
    if (child_->address().empty()) {
      EXPECT_TRUE(Eventually([&] { return child_->Dead(); }));
      if (kill_at != 0) return Restart();
      ADD_FAILURE() << "kill at write " << kill_at_ << ": the host does not start again";
      std::abort();
    }
    api_ = std::make_unique<Api>(child_->address());
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
    EXPECT_TRUE(all_told) << "kill at write " << kill_at_ << ": the ERP was not told of all";
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
    if (child_->Dead()) Restart();
    outcome.killed = killed_;
    return outcome;
  }

  const fs::path directory_;
  const fs::path plugins_;
  const int kill_at_;
  bool killed_ = false;
  std::string name_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<Api> api_;
};

TEST(CrashTest, KilledAtAnyWriteItEndsTheSame) {
  std::string pattern = (fs::temp_directory_path() / "aftersales-crash-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const fs::path root = pattern;
  const fs::path plugins = root / "plugins";
  fs::create_directory(plugins);
  for (const char* fake : {"fake_market.so", "fake_carrier.so", "fake_erp.so"}) {
    fs::copy_file(fs::path(AFTERSALES_TEST_PLUGIN_DIR) / fake, plugins / fake);
  }

  const Outcome wanted = Walk(root / "uninterrupted", plugins, 0).Run();
  ASSERT_FALSE(wanted.killed);
  ASSERT_THAT(wanted.effects, testing::ElementsAre("DecideReturn", "IssueLabel", "IssueRefund"));
  ASSERT_NE(wanted.state.find("STATUS_CLOSED"), std::string::npos) << wanted.state;
  ASSERT_NE(wanted.state.find("minor_units: 3894"), std::string::npos) << wanted.state;

  std::atomic<int> next{1};
  std::atomic<int> unharmed{0};  // walks that ended before their write came
  std::atomic<int> last_kill{0};
  const auto work = [&] {
    // Two walks with a write that never comes: the number of writes differs a little by timing.
    while (unharmed < 2 && !testing::Test::HasFailure()) {
      const int n = next++;
      if (n > kWritesMax) return;
      const fs::path directory = root / std::to_string(n);
      const Outcome outcome = Walk(directory, plugins, n).Run();
      SCOPED_TRACE("kill at write " + std::to_string(n));
      EXPECT_EQ(outcome.state, wanted.state);
      EXPECT_EQ(outcome.effects, wanted.effects);
      EXPECT_EQ(outcome.effect_ids.size(), outcome.effects.size());
      for (const auto& [effect_id, said] : outcome.told) {
        // A change may be told again, but never as another one, and never one that is not.
        EXPECT_EQ(said.size(), 1u) << effect_id;
        EXPECT_TRUE(outcome.events.contains(effect_id)) << effect_id;
      }
      if (outcome.killed) {
        int known = last_kill;
        while (known < n && !last_kill.compare_exchange_weak(known, n)) {
        }
      } else {
        ++unharmed;
      }
      std::error_code ignored;
      fs::remove_all(directory, ignored);
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < kWorkers; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  EXPECT_GE(unharmed, 2) << "no walk came to its end";
  EXPECT_GT(last_kill, 50) << "the kill switch does not work";
  std::cout << "killed at each of " << last_kill << " writes" << std::endl;
  std::error_code ignored;
  fs::remove_all(root, ignored);
}

}  // namespace
}  // namespace aftersales::e2e
