// An ERP plugin. Example:
//
//   class Acme : public aftersales::sdk::ErpPlugin { ... };
//   AFTERSALES_PLUGIN(Acme);
#pragma once

#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/sdk/plugin.h"

namespace aftersales::sdk {

// Base of ERPs: told of every change of a return or refund, tells what happened at the warehouse.
// What each method has to do is told in protos/aftersales/plugin/v1/erp.proto; those that are not
// overridden answer UNIMPLEMENTED.
class ErpPlugin : public Plugin {
 public:
  // Takes changes in order, each effect id once, and says how many are durably taken.
  virtual Status PushChanges(const Call& call, const plugin::v1::PushChangesRequest& request,
                             plugin::v1::PushChangesResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("PushChanges");
  }

  // What happened at the ERP or warehouse since the cursor. Name the feature `facts` in Describe.
  virtual Status PullFacts(const Call& call, const plugin::v1::PullFactsRequest& request,
                           plugin::v1::PullFactsResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("PullFacts");
  }

  static constexpr auto kKind = v1::Plugin::KIND_ERP;
  static const internal::Method kMethods[2];
};

inline constexpr internal::Method ErpPlugin::kMethods[2] = {
    {"/aftersales.plugin.v1.ErpPlugin/PushChanges",
     &internal::Typed<&ErpPlugin::PushChanges>::Invoke},
    {"/aftersales.plugin.v1.ErpPlugin/PullFacts", &internal::Typed<&ErpPlugin::PullFacts>::Invoke},
};

}  // namespace aftersales::sdk
