#include "plugins/marketplaces/amazon_reports/amazon_reports.h"

#include "plugins/marketplaces/amazon_reports/manual_actions.h"
#include "plugins/marketplaces/amazon_reports/report_reader.h"

namespace aftersales::amazon_reports {
namespace {

constexpr size_t kMaxPieceBytes = 1 << 20;

plugin::v1::MethodDescription* AddMethod(const char* name, v1::Plugin::Capability capability,
                                         bool idempotent, plugin::v1::DescribeResponse* out) {
  plugin::v1::MethodDescription* method = out->add_methods();
  method->set_method(name);
  method->set_capability(capability);
  method->set_idempotent(idempotent);
  return method;
}

}  // namespace

plugin::v1::DescribeResponse AmazonReports::Describe() {
  plugin::v1::DescribeResponse out;
  out.set_plugin_id("amazon-reports");
  out.set_display_name("Amazon report files");
  out.set_vendor("Aftersales");
  out.set_version("0.1.0");
  out.set_kind(v1::Plugin::KIND_MARKETPLACE);
  AddMethod("ParseReport", v1::Plugin::CAPABILITY_SUPPORTED, true, &out);
  *AddMethod("DecideReturn", v1::Plugin::CAPABILITY_MANUAL, true, &out)->mutable_manual_action() =
      GeneralDecideReturnAction();
  *AddMethod("IssueRefund", v1::Plugin::CAPABILITY_MANUAL, true, &out)->mutable_manual_action() =
      GeneralIssueRefundAction();
  AddMethod("QueryEffect", v1::Plugin::CAPABILITY_UNSUPPORTED, true, &out);
  // Nothing is shared between calls; the number only has to be above what a host runs at once.
  out.set_max_concurrency(64);
  return out;
}

sdk::Status AmazonReports::ParseReport(const sdk::Call&,
                                       const plugin::v1::ParseReportRequest& request,
                                       plugin::v1::ParseReportResponse* response) {
  if (request.chunk().size() > kMaxPieceBytes) {
    return sdk::Status(sdk::Code::kInvalidArgument,
                       "`chunk` has " + std::to_string(request.chunk().size()) +
                           " bytes, at most 1048576 are taken: cut the file into smaller pieces");
  }
  if (!ReadPiece(request, response)) {
    return sdk::Status(sdk::Code::kInvalidArgument,
                       "`state` is not from the answer before: start the file again");
  }
  return sdk::Status::Ok();
}

sdk::Status AmazonReports::DecideReturn(const sdk::Call&,
                                        const plugin::v1::DecideReturnRequest& request,
                                        plugin::v1::EffectResponse* response) {
  plugin::v1::EffectResult* result = response->mutable_result();
  result->set_outcome(plugin::v1::EffectResult::OUTCOME_MANUAL);
  *result->mutable_manual_action() =
      DecideReturnAction(request.marketplace_id(), request.return_resource());
  return sdk::Status::Ok();
}

sdk::Status AmazonReports::IssueRefund(const sdk::Call&,
                                       const plugin::v1::IssueRefundRequest& request,
                                       plugin::v1::EffectResponse* response) {
  plugin::v1::EffectResult* result = response->mutable_result();
  result->set_outcome(plugin::v1::EffectResult::OUTCOME_MANUAL);
  *result->mutable_manual_action() = IssueRefundAction(request.marketplace_id(), request.refund());
  return sdk::Status::Ok();
}

}  // namespace aftersales::amazon_reports

AFTERSALES_PLUGIN(aftersales::amazon_reports::AmazonReports);
