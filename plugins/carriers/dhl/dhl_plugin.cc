#include "plugins/carriers/dhl/dhl_plugin.h"

#include "plugins/carriers/dhl/dhl_rules.h"
#include "plugins/carriers/rules/plugin_adapter.h"

namespace aftersales::carriers {
namespace {

v1::ManualAction LabelAction() {
  v1::ManualAction action;
  action.set_title("Buy a DHL return label and record its number");
  action.add_steps(
      "Sign in to MyDHL+ (Express) or to the portal of your DHL eCommerce or Paket "
      "account.");
  action.add_steps("Create a return shipment from the buyer to the return address.");
  action.add_steps("Send the label to the buyer through the marketplace's messages.");
  action.add_steps("Record the carrier, the number and the cost of the label on the return.");
  action.set_url("https://mydhl.express.dhl/");
  return action;
}

}  // namespace

plugin::v1::DescribeResponse DhlPlugin::Describe() {
  plugin::v1::DescribeResponse description;
  description.set_plugin_id("dhl");
  description.set_display_name("DHL Express, eCommerce (Global Mail) and Paket");
  description.set_vendor("Aftersales");
  description.set_version("0.1.0");
  description.set_kind(v1::Plugin::KIND_CARRIER);
  description.set_max_concurrency(64);
  DescribeValidatorMethods(LabelAction(), description);
  for (const char* name : {"DHL", "DHL Express", "DHL Worldwide Express", "DHL Global Mail",
                           "DHL GM", "DHL eCommerce", "DHL eCommerce Solutions", "DHL SmartMail",
                           "DHL Paket", "DHL Parcel", "DHL Germany", "Deutsche Post"}) {
    description.add_carrier_names(name);
  }
  return description;
}

sdk::Status DhlPlugin::ValidateTrackingNumbers(
    const sdk::Call& /*call*/, const plugin::v1::ValidateTrackingNumbersRequest& request,
    plugin::v1::ValidateTrackingNumbersResponse* response) {
  return ValidateWith<JudgeDhl>(request, response);
}

sdk::Status DhlPlugin::IssueLabel(const sdk::Call& /*call*/,
                                  const plugin::v1::IssueLabelRequest& /*request*/,
                                  plugin::v1::IssueLabelResponse* response) {
  plugin::v1::EffectResult& result = *response->mutable_result();
  result.set_outcome(plugin::v1::EffectResult::OUTCOME_MANUAL);
  *result.mutable_manual_action() = LabelAction();
  return sdk::Status::Ok();
}

}  // namespace aftersales::carriers

AFTERSALES_PLUGIN(aftersales::carriers::DhlPlugin);
