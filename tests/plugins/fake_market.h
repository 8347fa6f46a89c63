// A marketplace with an API for everything, obeying its mode file; see fake_remote.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "aftersales/sdk/marketplace.h"
#include "tests/plugins/fake_remote.h"

namespace aftersales::testing {

class FakeMarket : public sdk::MarketplacePlugin {
 public:
  FakeMarket() : FakeMarket("fake-market", true) {}

  plugin::v1::DescribeResponse Describe() override {
    plugin::v1::DescribeResponse description;
    description.set_plugin_id(plugin_id_);
    description.set_display_name("Fake marketplace");
    description.set_kind(v1::Plugin::KIND_MARKETPLACE);
    for (const char* method : {"DecideReturn", "IssueRefund", "QueryEffect"}) {
      if (!keeps_ids_ && std::string_view(method) == "QueryEffect") continue;
      plugin::v1::MethodDescription& added = *description.add_methods();
      added.set_method(method);
      added.set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
      added.set_idempotent(keeps_ids_);
    }
    FakeRemote::Describe(description);
    return description;
  }
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    return remote_.Configure(request);
  }
  sdk::Status DecideReturn(const sdk::Call& call, const plugin::v1::DecideReturnRequest& request,
                           plugin::v1::EffectResponse* response) override {
    return remote_.Perform(call,
                           {.method = "DecideReturn",
                            .effect_id = request.effect_id(),
                            .subject = request.return_resource().name()},
                           *response->mutable_result());
  }
  sdk::Status IssueRefund(const sdk::Call& call, const plugin::v1::IssueRefundRequest& request,
                          plugin::v1::EffectResponse* response) override {
    const v1::Refund& refund = request.refund();
    return remote_.Perform(call,
                           {.method = "IssueRefund",
                            .effect_id = request.effect_id(),
                            .minor_units = refund.total().minor_units(),
                            .currency_code = refund.total().currency_code(),
                            .subject = refund.name()},
                           *response->mutable_result());
  }
  sdk::Status QueryEffect(const sdk::Call& call, const plugin::v1::QueryEffectRequest& request,
                          plugin::v1::EffectResponse* response) override {
    return remote_.Query(call, request.effect_id(), *response->mutable_result());
  }

 protected:
  // One that keeps no effect ids can be asked nothing, and repeats what it is told again.
  FakeMarket(std::string plugin_id, bool keeps_ids)
      : plugin_id_(std::move(plugin_id)), keeps_ids_(keeps_ids), remote_(plugin_id_) {}

 private:
  const std::string plugin_id_;
  const bool keeps_ids_;
  FakeRemote remote_;
};

}  // namespace aftersales::testing
