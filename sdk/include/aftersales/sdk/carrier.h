// A carrier plugin. Example:
//
//   class Acme : public aftersales::sdk::CarrierPlugin { ... };
//   AFTERSALES_PLUGIN(Acme);
#pragma once

#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/sdk/plugin.h"

namespace aftersales::sdk {

// Base of carriers: knows their numbers, makes labels. What each method has to do is told in
// protos/aftersales/plugin/v1/carrier.proto; those that are not overridden answer UNIMPLEMENTED.
class CarrierPlugin : public Plugin {
 public:
  // Judges tracking numbers, one verdict for each query, in their order. No I/O.
  virtual Status ValidateTrackingNumbers(const Call& call,
                                         const plugin::v1::ValidateTrackingNumbersRequest& request,
                                         plugin::v1::ValidateTrackingNumbersResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("ValidateTrackingNumbers");
  }
  // Buys a return label, once per effect id.
  virtual Status IssueLabel(const Call& call, const plugin::v1::IssueLabelRequest& request,
                            plugin::v1::IssueLabelResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("IssueLabel");
  }
  // Takes back a label that was not used, once per effect id.
  virtual Status VoidLabel(const Call& call, const plugin::v1::VoidLabelRequest& request,
                           plugin::v1::EffectResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("VoidLabel");
  }
  // How an effect ended that was asked for before.
  virtual Status QueryEffect(const Call& call, const plugin::v1::QueryEffectRequest& request,
                             plugin::v1::IssueLabelResponse* response) {
    static_cast<void>(call), static_cast<void>(request), static_cast<void>(response);
    return internal::Unimplemented("QueryEffect");
  }

  static constexpr auto kKind = v1::Plugin::KIND_CARRIER;
  static const internal::Method kMethods[4];
};

inline constexpr internal::Method CarrierPlugin::kMethods[4] = {
    {"/aftersales.plugin.v1.CarrierPlugin/ValidateTrackingNumbers",
     &internal::Typed<&CarrierPlugin::ValidateTrackingNumbers>::Invoke},
    {"/aftersales.plugin.v1.CarrierPlugin/IssueLabel",
     &internal::Typed<&CarrierPlugin::IssueLabel>::Invoke},
    {"/aftersales.plugin.v1.CarrierPlugin/VoidLabel",
     &internal::Typed<&CarrierPlugin::VoidLabel>::Invoke},
    {"/aftersales.plugin.v1.CarrierPlugin/QueryEffect",
     &internal::Typed<&CarrierPlugin::QueryEffect>::Invoke},
};

}  // namespace aftersales::sdk
