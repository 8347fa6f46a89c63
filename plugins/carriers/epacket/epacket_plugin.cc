#include "plugins/carriers/epacket/epacket_plugin.h"

#include "plugins/carriers/epacket/epacket_rules.h"
#include "plugins/carriers/rules/plugin_adapter.h"

namespace aftersales::carriers {
namespace {

v1::ManualAction LabelAction() {
  v1::ManualAction action;
  action.set_title("Buy a return label from the buyer's post and record its number");
  action.add_steps(
      "ePacket goes from China to the buyer only; it has no return service. Use the "
      "post of the buyer's country or another carrier.");
  action.add_steps(
      "Buy a tracked label to the return address, on the post's website or at Click-N-"
      "Ship for the United States.");
  action.add_steps("Send the label to the buyer through the marketplace's messages.");
  action.add_steps("Record the carrier, the number and the cost of the label on the return.");
  action.set_url("https://www.usps.com/ship/online-shipping.htm");
  return action;
}

}  // namespace

plugin::v1::DescribeResponse EpacketPlugin::Describe() {
  plugin::v1::DescribeResponse description;
  description.set_plugin_id("epacket");
  description.set_display_name("ePacket and postal numbers (UPU S10)");
  description.set_vendor("Aftersales");
  description.set_version("0.1.0");
  description.set_kind(v1::Plugin::KIND_CARRIER);
  description.set_max_concurrency(64);
  DescribeValidatorMethods(LabelAction(), description);
  for (const char* name : {"ePacket",
                           "EUB",
                           "e邮宝",
                           "国际e邮宝",
                           "China Post ePacket",
                           "China EUB",
                           "K-Packet",
                           "Hongkong Post ePacket",
                           "SingPost ePacket",
                           "国際eパケット",
                           "国際eパケットライト",
                           "EMS",
                           "China Post",
                           "中国邮政",
                           "Hongkong Post",
                           "SingPost",
                           "Singapore Post",
                           "Korea Post",
                           "Japan Post",
                           "日本郵便",
                           "USPS",
                           "Royal Mail",
                           "Parcelforce",
                           "Canada Post",
                           "Australia Post",
                           "La Poste",
                           "PostNL",
                           "bpost",
                           "Swiss Post",
                           "Correos",
                           "Poste Italiane"}) {
    description.add_carrier_names(name);
  }
  return description;
}

sdk::Status EpacketPlugin::ValidateTrackingNumbers(
    const sdk::Call& /*call*/, const plugin::v1::ValidateTrackingNumbersRequest& request,
    plugin::v1::ValidateTrackingNumbersResponse* response) {
  return ValidateWith<JudgeEpacket>(request, response);
}

sdk::Status EpacketPlugin::IssueLabel(const sdk::Call& /*call*/,
                                      const plugin::v1::IssueLabelRequest& /*request*/,
                                      plugin::v1::IssueLabelResponse* response) {
  plugin::v1::EffectResult& result = *response->mutable_result();
  result.set_outcome(plugin::v1::EffectResult::OUTCOME_MANUAL);
  *result.mutable_manual_action() = LabelAction();
  return sdk::Status::Ok();
}

}  // namespace aftersales::carriers

AFTERSALES_PLUGIN(aftersales::carriers::EpacketPlugin);
