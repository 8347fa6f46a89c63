// The fixture of the end-to-end tests: a host in this process with the fake plugins.
//
// The seller is `acme`, its channels `us`, `de` and `jp` at the Amazon marketplaces of those
// countries, all with fake-market, fake-carrier for labels and fake-erp, and an approved return
// address. The clock starts at 2026-03-02T09:00:00Z and stands until a test moves it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "core/engine/clock.h"
#include "core/host/host.h"
#include "tests/e2e/api.h"

namespace aftersales::e2e {

inline constexpr char kSeller[] = "sellers/acme";

// `2026-03-02T09:00:00Z`. Ends the test program if it is none.
absl::Time At(std::string_view text);
google::protobuf::Timestamp Stamp(absl::Time time);
v1::Money MoneyOf(int64_t minor_units, std::string_view currency);
// Tries until it holds, for ten seconds at most of real time.
bool Eventually(const std::function<bool()>& holds);

// A message without what two runs cannot have alike: names, ids, etags, times of recording, and
// which alerts the clock has got round to.
v1::Return Bare(v1::Return state);

struct Line {
  std::string sku;
  int quantity = 1;
  int64_t item_total = 0;
  int64_t tax_total = 0;
};
// A shipped order of ten days ago, delivered three days ago.
v1::Order OrderOf(std::string_view channel, std::string_view external_id,
                  const std::vector<Line>& lines);

class HostTest : public testing::Test {
 protected:
  HostTest();
  ~HostTest() override;
  void SetUp() override;

  // Loads one more of the test plugins, such as `fake_blind_market.so`; before SetUp.
  void AddPlugin(std::string file) { more_plugins_.push_back(std::move(file)); }
  // What the host is started with besides, such as shorter limits; before SetUp.
  std::function<void(host::HostOptions&)> adjust_options_;
  void StartHost();
  void StopHost();
  // The same data in a new host, as after a restart of the program.
  void RestartHost();
  host::Host& host() { return *host_; }

  ManualClock& clock() { return *clock_; }
  void Advance(absl::Duration by) { clock_->Advance(by); }
  const Api& api() const { return *api_; }
  // Of another actor, such as `operator:olga`.
  Api ApiAs(std::string_view actor) const;
  const std::filesystem::path& directory() const { return directory_; }

  v1::Channel Bind(std::string_view channel_id, std::string_view marketplace_id,
                   std::string_view profile, std::string_view plugin = "fake-market");

  v1::Order Put(const v1::Order& order);
  // A request to return units of one line of an order.
  v1::CreateReturnRequest ReturnRequest(const v1::Order& order, v1::ReturnReason reason,
                                        int quantity = 1, std::string_view sku = "");
  v1::Return Create(const v1::Order& order, v1::ReturnReason reason, int quantity = 1);
  v1::Return Approve(const v1::Return& state);
  v1::Return Receive(const v1::Return& state, int quantity = 0);
  v1::Return Inspect(const v1::Return& state, int quantity, v1::Condition condition);
  v1::Return Get(const v1::Return& state);
  v1::Refund Get(const v1::Refund& refund);
  // Records one scan of the return's parcel at the present time.
  void Scan(const v1::Return& state, v1::TrackingEvent::Milestone milestone);

  // A refund of units of an order without a return.
  v1::IssueRefundRequest Concession(const v1::Order& order, std::string_view sku, int quantity);
  v1::RefundQuote Quote(const v1::RefundSpec& spec);
  // Issues a refund and waits until it has that status.
  v1::Refund Issue(const v1::IssueRefundRequest& request, v1::Refund::Status status);
  v1::Refund Await(const v1::Refund& refund, v1::Refund::Status status);
  v1::Return Await(const v1::Return& state, v1::Return::Status status);
  v1::Return AwaitThat(const v1::Return& state,
                       const std::function<bool(const v1::Return&)>& holds);

  // Tells a fake plugin what to do; see tests/plugins/fake_remote.h.
  void SetMode(std::string_view plugin, std::string_view modes);
  // Lines of a log of a fake plugin that contain a text.
  std::vector<std::string> Log(std::string_view plugin, std::string_view file,
                               std::string_view containing = "") const;
  // How often the marketplace did an effect for a subject: `IssueRefund`, `DecideReturn`.
  int EffectCount(std::string_view method, std::string_view subject,
                  std::string_view plugin = "fake-market") const;

  std::vector<v1::WorkItem> WorkItems(std::string_view filter = "");
  std::vector<v1::Event> AllEvents(std::string_view filter = "", std::string_view order_by = "");

 private:
  std::filesystem::path directory_;
  std::vector<std::string> more_plugins_;
  std::shared_ptr<ManualClock> clock_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<Api> api_;
};

const v1::Deadline* FindDeadline(const v1::Return& state, v1::Deadline::Kind kind);

}  // namespace aftersales::e2e
