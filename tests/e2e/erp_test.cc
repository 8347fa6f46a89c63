// ERPs that tell what happened, and ERPs that hang.
#include <fstream>

#include "aftersales/plugin/v1/erp.pb.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

using plugin::v1::PullFactsResponse;

class ErpTest : public HostTest {
 protected:
  ErpTest() {
    adjust_options_ = [](host::HostOptions& options) {
      options.erp_pull_every = absl::Milliseconds(50);
      options.erp_call_max = absl::Seconds(3);
    };
    AddPlugin("fake_second_erp.so");
  }

  v1::Return ApprovedReturn(std::string_view channel, std::string_view order_id) {
    const v1::Order order = Put(OrderOf(channel, order_id, {{"LAMP", 3, 8997, 741}}));
    return Approve(Create(order, v1::RETURN_REASON_ARRIVED_DAMAGED, 3));
  }
  static v1::Event Received(const v1::Return& state, std::string_view id, int quantity) {
    v1::Event fact;
    fact.set_subject(state.name());
    fact.set_external_id(std::string(id));
    *fact.mutable_occurred_at() = Stamp(At("2026-03-02T08:59:00Z"));
    v1::Receipt* receipt = fact.mutable_units_received()->mutable_receipt();
    receipt->set_receipt_id(std::string(id));
    receipt->set_location("reno");
    v1::Receipt::Line* line = receipt->add_lines();
    line->set_line_id("LAMP");
    line->set_quantity(quantity);
    return fact;
  }
  // What the ERP has to tell at a cursor.
  void Tell(std::string_view cursor, const PullFactsResponse& page,
            std::string_view plugin = "fake-erp") {
    const auto folder = directory() / "data/plugins" / plugin;
    const auto name = folder / ("facts." + std::string(cursor));
    const std::string draft = name.string() + ".draft";
    std::ofstream(draft, std::ios::binary) << page.SerializeAsString();
    std::filesystem::rename(draft, name);
  }
  int ReceivedOf(const v1::Return& state) { return Get(state).items(0).quantity_received(); }
  size_t Pulls(std::string_view cursor) { return Log("fake-erp", "pulls.log", cursor).size(); }
};

TEST_F(ErpTest, TellsWhatTheWarehouseReceivedPageByPageAndOnce) {
  const v1::Return state = ApprovedReturn("us", "113-3100000-0000001");
  PullFactsResponse second;
  *second.add_facts() = Received(state, "grn-2", 1);
  *second.add_facts() = Received(state, "grn-1", 1);  // again
  second.set_next_cursor("end");
  Tell("two", second);
  PullFactsResponse first;
  *first.add_facts() = Received(state, "grn-1", 1);
  v1::Actor* reno = first.mutable_facts(0)->mutable_actor();
  reno->set_role(v1::ROLE_WAREHOUSE);
  reno->set_id("reno");
  first.set_next_cursor("two");
  first.set_has_more(true);
  Tell("first", first);
  ASSERT_TRUE(Eventually([&] { return ReceivedOf(state) == 2; }));
  EXPECT_EQ(Get(state).status(), v1::Return::STATUS_PARTIALLY_RECEIVED);
  const auto events = AllEvents("subject=\"" + state.name() + "\"");
  std::vector<std::string> actors;
  for (const v1::Event& event : events) {
    if (!event.has_units_received()) continue;
    actors.push_back(v1::Role_Name(event.actor().role()) + " " + event.actor().id());
    EXPECT_EQ(event.source(), "fake-erp");
  }
  EXPECT_THAT(actors, testing::ElementsAre("ROLE_WAREHOUSE reno", "ROLE_ERP fake-erp"));
  // And the ERP is told of it, as of every change.
  EXPECT_TRUE(Eventually([&] {
    return Log("fake-erp", "erp.log", state.name() + " PARTIALLY_RECEIVED").size() == 2;
  }));

  // After a restart it goes on where it was.
  RestartHost();
  const size_t before = Pulls("first") + Pulls("two");
  PullFactsResponse third;
  *third.add_facts() = Received(state, "grn-3", 1);
  third.set_next_cursor("really the end");
  Tell("end", third);
  ASSERT_TRUE(Eventually([&] { return ReceivedOf(state) == 3; }));
  EXPECT_EQ(Pulls("first") + Pulls("two"), before);
  EXPECT_EQ(Pulls(kSeller), Pulls("")) << "every question is for a seller";
}

TEST_F(ErpTest, WhatIsNotInOrderIsSkippedAndTheRestIsTaken) {
  const v1::Return ours = ApprovedReturn("us", "113-3100000-0000002");
  // A channel that this ERP is not bound to.
  v1::BindChannelRequest rebind;
  rebind.set_parent(kSeller);
  rebind.set_channel_id("de");
  v1::GetChannelRequest get;
  get.set_name(std::string(kSeller) + "/channels/de");
  *rebind.mutable_channel() = *api().Call(&Channels::GetChannel, get);
  rebind.mutable_channel()->clear_erp_plugins();
  ASSERT_TRUE(api().Call(&Channels::BindChannel, rebind).ok());
  const v1::Return theirs = ApprovedReturn("de", "113-3100000-0000003");

  PullFactsResponse page;
  *page.add_facts() = Received(theirs, "not-bound", 1);
  *page.add_facts() = Received(ours, "nobody", 1);
  page.mutable_facts(1)->set_subject("sellers/acme/returns/nobody");
  *page.add_facts() = Received(ours, "other-seller", 1);
  page.mutable_facts(2)->set_subject("sellers/other/returns/nobody");
  *page.add_facts() = Received(ours, "no-time", 1);
  page.mutable_facts(3)->clear_occurred_at();
  *page.add_facts() = Received(ours, "person", 1);
  page.mutable_facts(4)->mutable_actor()->set_role(v1::ROLE_MANAGER);
  *page.add_facts() = Received(ours, "buyer", 1);
  page.mutable_facts(5)->mutable_actor()->set_role(v1::ROLE_PLATFORM);
  *page.add_facts() = Received(ours, "absurd", 2'000'000'000);
  *page.add_facts() = Received(ours, "no-year", 1);
  page.mutable_facts(7)->mutable_occurred_at()->set_seconds(-62'000'000'000);
  *page.add_facts() = Received(ours, "decision", 1);
  page.mutable_facts(8)->mutable_return_approved();
  page.add_facts();
  *page.add_facts() = Received(ours, "good", 2);
  page.set_next_cursor("end");
  Tell("first", page);
  ASSERT_TRUE(Eventually([&] { return Pulls("end") > 0; }));
  EXPECT_EQ(ReceivedOf(ours), 2);
  EXPECT_EQ(ReceivedOf(theirs), 0);
}

TEST_F(ErpTest, BadPagesAreNotTakenAndDoNotEndIt) {
  const v1::Return state = ApprovedReturn("us", "113-3100000-0000004");
  SetMode("fake-erp", "PullFacts=NONSENSE");
  const auto asked = [&](size_t more) {
    const size_t before = Pulls("first");
    return Eventually([&] { return Pulls("first") >= before + more; });
  };
  EXPECT_TRUE(asked(2)) << "none is under way that has not seen the mode";
  PullFactsResponse page;
  *page.add_facts() = Received(state, "grn-1", 1);
  page.set_next_cursor("end");
  Tell("first", page);
  EXPECT_TRUE(asked(3));
  SetMode("fake-erp", "PullFacts=GARBAGE");
  EXPECT_TRUE(asked(3));
  EXPECT_EQ(ReceivedOf(state), 0);
  // One that says that there is more, and stays where it is, is not asked without end.
  PullFactsResponse endless;
  endless.set_has_more(true);
  Tell("first", endless);
  SetMode("fake-erp", "");
  EXPECT_TRUE(asked(2));
  const size_t before = Pulls("first");
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_LE(Pulls("first"), before + 12);
  page.set_next_cursor(std::string(5000, 'x'));
  Tell("first", page);
  EXPECT_TRUE(asked(3));
  EXPECT_EQ(ReceivedOf(state), 0);
  page.set_next_cursor("end");
  Tell("first", page);
  EXPECT_TRUE(Eventually([&] { return ReceivedOf(state) == 1; }));
}

TEST_F(ErpTest, OneThatTakesNothingIsSeenInTheListOfPlugins) {
  const auto now = [&] {
    v1::GetPluginRequest get;
    get.set_name("plugins/fake-erp");
    return *api().Call(&Plugins::GetPlugin, get);
  };
  SetMode("fake-erp", "PushChanges=NONSENSE");
  ApprovedReturn("us", "113-3100000-0000009");
  EXPECT_TRUE(Eventually([&] { return now().state() == v1::Plugin::STATE_DEGRADED; }));
  EXPECT_THAT(now().problem(), testing::HasSubstr("does not take the next change"));
  SetMode("fake-erp", "");
  EXPECT_TRUE(Eventually([&] { return now().state() == v1::Plugin::STATE_HEALTHY; }));
  EXPECT_EQ(now().problem(), "");
}

TEST_F(ErpTest, OneThatHangsDelaysNoOther) {
  v1::BindChannelRequest rebind;
  rebind.set_parent(kSeller);
  rebind.set_channel_id("us");
  v1::GetChannelRequest get;
  get.set_name(std::string(kSeller) + "/channels/us");
  *rebind.mutable_channel() = *api().Call(&Channels::GetChannel, get);
  rebind.mutable_channel()->clear_erp_plugins();
  rebind.mutable_channel()->add_erp_plugins("fake-erp");
  rebind.mutable_channel()->add_erp_plugins("fake-second-erp");
  ASSERT_TRUE(api().Call(&Channels::BindChannel, rebind).ok());
  const auto hangs = [&](std::string_view plugin) { return Log(plugin, "hangs.log").size(); };
  for (const auto& [bad, good] :
       {std::pair("fake-erp", "fake-second-erp"), std::pair("fake-second-erp", "fake-erp")}) {
    SetMode(bad, "PushChanges=HANG PullFacts=HANG");
    const v1::Return state = ApprovedReturn(
        "us", std::string("113-3100000-") + (bad < std::string_view(good) ? "11" : "22"));
    ASSERT_TRUE(Eventually([&] { return hangs(bad) > 0; }));
    const auto told = [&](std::string_view plugin) {
      return Log(plugin, "erp.log", state.name()).size();
    };
    // Each of its calls takes 3 seconds; three changes one after the other must wait for none.
    for (int i = 0; i < 3; ++i) {
      const size_t before = hangs(bad);
      const size_t known = told(good);
      const absl::Time changed = absl::Now();
      Receive(state, 1);
      ASSERT_TRUE(Eventually([&] { return told(good) > known; }));
      EXPECT_LT(absl::Now() - changed, absl::Seconds(1)) << bad << " hung " << before << " times";
    }
    SetMode(bad, "");
    // It gets everything, once it is well again.
    EXPECT_TRUE(Eventually([&] { return told(bad) == told(good); })) << bad;
  }
}

}  // namespace
}  // namespace aftersales::e2e
