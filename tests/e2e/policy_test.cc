// The rules in force: explained, checked, and changed by two people, never for the past.
#include "core/domain/reasons.h"
#include "tests/e2e/test_host.h"

namespace aftersales::e2e {
namespace {

class PolicyTest : public HostTest {
 protected:
  v1::ProposePolicyRequest Proposal(v1::PolicyLayer layer, std::string_view key,
                                    std::string_view path) {
    v1::ProposePolicyRequest request;
    request.set_parent(kSeller);
    v1::PolicyVersion* version = request.mutable_policy_version();
    version->set_layer(layer);
    version->set_key(std::string(key));
    version->set_source("decision of the board, 2026-03-02");
    version->add_paths(std::string(path));
    return request;
  }
  Reply<v1::PolicyVersion> Propose(const v1::ProposePolicyRequest& request) {
    return ApiAs("operator:olga").Call(&Policies::ProposePolicy, request);
  }
  Reply<v1::PolicyVersion> Publish(const v1::PolicyVersion& version,
                                   std::string_view actor = "manager:mia") {
    v1::PublishPolicyRequest request;
    request.set_name(version.name());
    return ApiAs(actor).Call(&Policies::PublishPolicy, request);
  }
  std::string ValueOf(std::string_view name, std::string_view path, std::string_view line = "") {
    v1::ExplainPolicyRequest request;
    request.set_name(std::string(name));
    request.set_path(std::string(path));
    request.set_line_id(std::string(line));
    const auto explained = api().Call(&Policies::ExplainPolicy, request);
    if (!explained.ok() || explained->values_size() != 1) return "?";
    return explained->values(0).value();
  }
  v1::ReturnOptions Options(const v1::Return& state) {
    v1::GetReturnOptionsRequest request;
    request.set_name(state.name());
    const auto options = api().Call(&Returns::GetReturnOptions, request);
    EXPECT_TRUE(options.ok()) << options.status.error_message();
    return *options;
  }
};

TEST_F(PolicyTest, ChangeTakesTwoPeopleAndSaysWhatItChanges) {
  v1::ProposePolicyRequest request = Proposal(v1::POLICY_LAYER_GLOBAL, "", "return_by_days");
  request.mutable_policy_version()->mutable_values()->set_return_by_days(14);
  request.set_validate_only(true);
  const auto tried = Propose(request);
  ASSERT_TRUE(tried.ok()) << tried.status.error_message();
  ASSERT_EQ(tried->changes_size(), 1);
  EXPECT_EQ(tried->changes(0).before(), "30");
  EXPECT_EQ(tried->changes(0).after(), "14");
  v1::ListPolicyVersionsRequest list;
  list.set_parent(kSeller);
  EXPECT_EQ(api().Call(&Policies::ListPolicyVersions, list)->policy_versions_size(), 0);

  request.set_validate_only(false);
  request.set_request_id("propose-1");
  const auto proposed = Propose(request);
  ASSERT_TRUE(proposed.ok()) << proposed.status.error_message();
  EXPECT_TRUE(Propose(request).replayed);
  EXPECT_EQ(proposed->state(), v1::PolicyVersion::STATE_PROPOSED);
  EXPECT_EQ(ValueOf("sellers/acme/channels/us", "return_by_days"), "30");
  EXPECT_EQ(Publish(*proposed, "operator:otto").reason(), "ROLE_REQUIRED");
  EXPECT_EQ(Publish(*proposed, "manager:olga").reason(), "FOUR_EYES");
  EXPECT_EQ(Publish(*proposed, "manager").reason(), "FOUR_EYES");
  const auto published = Publish(*proposed);
  ASSERT_TRUE(published.ok()) << published.status.error_message();
  EXPECT_EQ(published->decided_by().id(), "mia");
  EXPECT_EQ(Publish(*proposed).reason(), "INVALID_STATE");
  EXPECT_EQ(ValueOf("sellers/acme/channels/us", "return_by_days"), "14");
  RestartHost();
  EXPECT_EQ(ValueOf("sellers/acme/channels/us", "return_by_days"), "14");
  // Both acts are in the audit, with who and why.
  v1::ListAuditEntriesRequest audit;
  audit.set_parent(kSeller);
  audit.set_page_size(1000);
  std::vector<v1::Event> acts;
  const auto entries = api().Call(&Audits::ListAuditEntries, audit);
  for (const v1::AuditEntry& entry : entries->entries()) {
    if (entry.event().subject() == proposed->name()) acts.push_back(entry.event());
  }
  ASSERT_EQ(acts.size(), 2u);
  EXPECT_EQ(acts[0].actor().id(), "olga");
  EXPECT_EQ(acts[1].actor().id(), "mia");
  EXPECT_FALSE(acts[1].explanation().sentence().empty());
}

TEST_F(PolicyTest, RejectedOneIsNeverInForce) {
  v1::ProposePolicyRequest request = Proposal(v1::POLICY_LAYER_GLOBAL, "", "return_by_days");
  request.mutable_policy_version()->mutable_values()->set_return_by_days(1);
  const auto proposed = Propose(request);
  v1::RejectPolicyRequest reject;
  reject.set_name(proposed->name());
  EXPECT_EQ(api().Call(&Policies::RejectPolicy, reject).reason(), "REASON_REQUIRED");
  reject.set_reason("too strict");
  EXPECT_EQ(ApiAs("operator:otto").Call(&Policies::RejectPolicy, reject).reason(), "ROLE_REQUIRED");
  const auto rejected = ApiAs("operator:olga").Call(&Policies::RejectPolicy, reject);
  ASSERT_TRUE(rejected.ok()) << rejected.status.error_message();
  EXPECT_EQ(Publish(*proposed).reason(), "INVALID_STATE");
  EXPECT_EQ(ValueOf("sellers/acme/channels/us", "return_by_days"), "30");
}

TEST_F(PolicyTest, NeverChangesWhatWasAskedForBefore) {
  const v1::Order order = Put(OrderOf("us", "113-8300001-0000001", {{"LAMP", 2, 20000, 0}}));
  v1::Return before = Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED);
  Advance(absl::Hours(1));
  v1::ProposePolicyRequest request =
      Proposal(v1::POLICY_LAYER_SKU, "LAMP", "restocking.original_bp");
  request.mutable_policy_version()->mutable_values()->mutable_restocking()->set_original_bp(1500);
  request.mutable_policy_version()->add_paths("return_window_days");
  request.mutable_policy_version()->mutable_values()->set_return_window_days(2);
  *request.mutable_policy_version()->mutable_effective_from() =
      Stamp(clock().Now() - absl::Seconds(1));
  EXPECT_EQ(Propose(request).reason(), "IN_THE_PAST");
  request.mutable_policy_version()->clear_effective_from();
  ASSERT_TRUE(Publish(*Propose(request)).ok());
  EXPECT_EQ(ValueOf(order.name(), "restocking.original_bp", "LAMP"), "1500");
  EXPECT_EQ(ValueOf(order.name(), "restocking.original_bp"), "0");

  Advance(absl::Hours(1));
  v1::Return after = Create(order, v1::RETURN_REASON_NO_LONGER_NEEDED);
  EXPECT_TRUE(before.validity().in_policy());
  EXPECT_FALSE(after.validity().in_policy());  // delivered three days ago
  v1::RefundSpec spec;
  spec.set_return_name(Receive(Approve(before)).name());
  EXPECT_EQ(Quote(spec).total().minor_units(), 10000);
  spec.set_return_name(Receive(Approve(after)).name());
  EXPECT_EQ(Quote(spec).total().minor_units(), 8500);

  v1::CheckPolicyRequest check;
  check.set_name(after.name());
  const auto checked = api().Call(&Policies::CheckPolicy, check);
  ASSERT_TRUE(checked.ok()) << checked.status.error_message();
  EXPECT_FALSE(checked->in_policy());
  EXPECT_FALSE(checked->rejection_counts());
  ASSERT_EQ(checked->clauses_size(), 2);
  EXPECT_EQ(checked->clauses(1).value(), "2");
  EXPECT_EQ(checked->clauses(1).source(), "decision of the board, 2026-03-02");
  check.set_name(before.name());
  EXPECT_TRUE(api().Call(&Policies::CheckPolicy, check)->in_policy());
}

TEST_F(PolicyTest, AsksInAWayThatCanBeAnswered) {
  v1::ProposePolicyRequest request = Proposal(v1::POLICY_LAYER_SKU, "A", "return_by_days");
  EXPECT_EQ(Propose(request).reason(), "BAD_POLICY_PATH");
  request.mutable_policy_version()->clear_source();
  EXPECT_EQ(Propose(request).reason(), "SOURCE_REQUIRED");
  EXPECT_EQ(ApiAs("rule:r1").Call(&Policies::ProposePolicy, request).reason(), "ROLE_REQUIRED");
  v1::ExplainPolicyRequest explain;
  explain.set_name("sellers/acme/channels/nowhere");
  EXPECT_EQ(api().Call(&Policies::ExplainPolicy, explain).code(), grpc::StatusCode::NOT_FOUND);
  explain.set_name("sellers/acme");
  EXPECT_EQ(api().Call(&Policies::ExplainPolicy, explain).code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  explain.set_name("sellers/acme/channels/us");
  explain.set_line_id("A");
  EXPECT_EQ(api().Call(&Policies::ExplainPolicy, explain).reason(), "LINE_UNKNOWN");
}

// The worked case: 9.99 of a brand's own channel, 4.00 to be had for it, 6.69 to fetch it.
TEST_F(PolicyTest, BuyerKeepsWhatIsNotWorthFetching) {
  v1::Channel channel = Bind("brand", "ATVPDKIKX0DER", "seed");
  v1::BindChannelRequest bind;
  bind.set_parent(kSeller);
  bind.set_channel_id("brand");
  *bind.mutable_channel() = channel;
  bind.mutable_channel()->set_brand_registered(true);
  const auto bound = api().Call(&Channels::BindChannel, bind);
  ASSERT_TRUE(bound.ok()) << bound.status.error_message();
  v1::Return state = Create(Put(OrderOf("brand", "113-8300002-0000002", {{"CUP", 1, 999, 82}})),
                            v1::RETURN_REASON_DEFECTIVE);
  const v1::ReturnOptions options = Options(state);
  EXPECT_TRUE(options.returnless().suggested());
  EXPECT_EQ(options.returnless().net_saving().minor_units(), 269);
  v1::ApproveReturnlessRequest approve;
  approve.set_name(state.name());
  const auto approved = ApiAs("operator:olga").Call(&Returns::ApproveReturnless, approve);
  ASSERT_TRUE(approved.ok()) << approved.status.error_message();
  EXPECT_EQ(approved->route(), v1::RETURN_ROUTE_NONE);
  v1::RefundSpec spec;
  spec.set_return_name(state.name());
  EXPECT_EQ(Quote(spec).total().minor_units(), 1081);

  // The same on a channel without a brand is not offered; an operator cannot force it.
  v1::Return other = Create(Put(OrderOf("us", "113-8300003-0000003", {{"CUP", 1, 999, 82}})),
                            v1::RETURN_REASON_DEFECTIVE);
  EXPECT_FALSE(Options(other).returnless().allowed());
  approve.set_name(other.name());
  approve.set_override_reason("not worth it");
  const auto forced = ApiAs("operator:olga").Call(&Returns::ApproveReturnless, approve);
  EXPECT_EQ(forced.code(), grpc::StatusCode::PERMISSION_DENIED);
  const auto overridden = ApiAs("manager:mia").Call(&Returns::ApproveReturnless, approve);
  ASSERT_TRUE(overridden.ok()) << overridden.status.error_message();
}

TEST_F(PolicyTest, RouteFollowsTheAddress) {
  v1::Return state = Create(Put(OrderOf("us", "113-8300004-0000004", {{"LAMP", 1, 9999, 0}})),
                            v1::RETURN_REASON_DEFECTIVE);
  v1::ApproveReturnRequest approve;
  approve.set_name(state.name());
  approve.set_route(v1::RETURN_ROUTE_ORIGIN);
  EXPECT_EQ(api().Call(&Returns::ApproveReturn, approve).reason(), "BAD_ROUTE");
  approve.set_route(v1::RETURN_ROUTE_NONE);
  EXPECT_EQ(api().Call(&Returns::ApproveReturn, approve).reason(), "BAD_ROUTE");
  approve.set_route(v1::RETURN_ROUTE_DISPOSE);
  const auto approved = api().Call(&Returns::ApproveReturn, approve);
  ASSERT_TRUE(approved.ok()) << approved.status.error_message();
  EXPECT_EQ(approved->route(), v1::RETURN_ROUTE_DISPOSE);
}

// A seller abroad with an address at home and one in the buyer's country: what each way is expected
// to cost, and which one is advised.
TEST_F(PolicyTest, RouteThatCostsLeastIsAdvised) {
  v1::BindChannelRequest bind;
  bind.set_parent(kSeller);
  bind.set_channel_id("abroad");
  *bind.mutable_channel() = Bind("abroad", "ATVPDKIKX0DER", "seed");
  bind.mutable_channel()->set_brand_registered(true);
  v1::ReturnAddress* home = bind.mutable_channel()->add_return_addresses();
  home->set_address_id("shenzhen");
  home->set_country_code("CN");
  home->set_state(v1::ReturnAddress::STATE_APPROVED);
  ASSERT_TRUE(api().Call(&Channels::BindChannel, bind).ok());
  const auto cost = [](const v1::ReturnOptions& options, v1::ReturnRoute of) {
    for (const auto& route : options.routes()) {
      if (route.route() == of) return route.expected_cost().minor_units();
    }
    return int64_t{-1};
  };
  const auto advised = [](const v1::ReturnOptions& options) {
    for (const auto& route : options.routes()) {
      if (route.suggested()) return route.route();
    }
    return v1::RETURN_ROUTE_UNSPECIFIED;
  };
  // Goods of 42.00 that bring in 16.80: home through customs 18.50 less three quarters of it.
  const v1::Return state =
      Create(Put(OrderOf("abroad", "113-8300010-0000010", {{"LAMP", 1, 4200, 0}})),
             v1::RETURN_REASON_DEFECTIVE);
  v1::ReturnOptions options = Options(state);
  EXPECT_EQ(cost(options, v1::RETURN_ROUTE_ORIGIN), 590);
  EXPECT_EQ(cost(options, v1::RETURN_ROUTE_DISPOSE), 300);
  EXPECT_EQ(cost(options, v1::RETURN_ROUTE_NONE), 0);
  EXPECT_EQ(cost(options, v1::RETURN_ROUTE_LOCAL), 610 - 1680);
  EXPECT_EQ(advised(options), v1::RETURN_ROUTE_LOCAL);
  // Without an address in the country, and worth less than fetching, the buyer keeps them.
  bind.mutable_channel()->mutable_return_addresses(0)->set_country_code("CN");
  ASSERT_TRUE(api().Call(&Channels::BindChannel, bind).ok());
  const v1::Return cheap =
      Create(Put(OrderOf("abroad", "113-8300011-0000011", {{"CUP", 1, 999, 0}})),
             v1::RETURN_REASON_DEFECTIVE);
  options = Options(cheap);
  EXPECT_EQ(advised(options), v1::RETURN_ROUTE_NONE);
  EXPECT_TRUE(options.returnless().suggested());
}

TEST_F(PolicyTest, LifeCycleIsData) {
  const auto machine = api().Call(&Returns::GetStateMachine, v1::GetStateMachineRequest());
  ASSERT_TRUE(machine.ok());
  EXPECT_EQ(machine->states_size(), 13);
  EXPECT_EQ(machine->states(0), "REQUESTED");
  for (const auto& move : machine->transitions()) {
    EXPECT_THAT(machine->states(), testing::Contains(move.to()));
    EXPECT_FALSE(move.trigger().empty());
  }
}

}  // namespace
}  // namespace aftersales::e2e
