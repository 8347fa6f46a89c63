// A marketplace plugin. Example:
//
//   class Acme : public aftersales::sdk::MarketplacePlugin { ... };
//   AFTERSALES_PLUGIN(Acme);
#pragma once

#include "aftersales/plugin/v1/marketplace.pb.h"
#include "aftersales/sdk/plugin.h"

namespace aftersales::sdk {

// Base of marketplaces: facts come from their reports, effects go to them. What each method has to
// do is told in protos/aftersales/plugin/v1/marketplace.proto; those that are not overridden answer
// UNIMPLEMENTED.
class MarketplacePlugin : public Plugin {
 public:
  // Reads the next piece of a report file; what must be remembered travels in `state`.
  virtual Status ParseReport(const Call& call, const plugin::v1::ParseReportRequest& request,
                             plugin::v1::ParseReportResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("ParseReport");
  }
  // Tells the marketplace the seller's decision on a return.
  virtual Status DecideReturn(const Call& call, const plugin::v1::DecideReturnRequest& request,
                              plugin::v1::EffectResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("DecideReturn");
  }
  // Pays a refund, once per effect id.
  virtual Status IssueRefund(const Call& call, const plugin::v1::IssueRefundRequest& request,
                             plugin::v1::EffectResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("IssueRefund");
  }
  // How an effect ended that was asked for before.
  virtual Status QueryEffect(const Call& call, const plugin::v1::QueryEffectRequest& request,
                             plugin::v1::EffectResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("QueryEffect");
  }

  static constexpr auto kKind = v1::Plugin::KIND_MARKETPLACE;
  static const internal::Method kMethods[4];
};

inline constexpr internal::Method MarketplacePlugin::kMethods[4] = {
    {"/aftersales.plugin.v1.MarketplacePlugin/ParseReport",
     &internal::Typed<&MarketplacePlugin::ParseReport>::Invoke},
    {"/aftersales.plugin.v1.MarketplacePlugin/DecideReturn",
     &internal::Typed<&MarketplacePlugin::DecideReturn>::Invoke},
    {"/aftersales.plugin.v1.MarketplacePlugin/IssueRefund",
     &internal::Typed<&MarketplacePlugin::IssueRefund>::Invoke},
    {"/aftersales.plugin.v1.MarketplacePlugin/QueryEffect",
     &internal::Typed<&MarketplacePlugin::QueryEffect>::Invoke},
};

}  // namespace aftersales::sdk
