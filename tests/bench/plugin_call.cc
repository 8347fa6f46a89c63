#include "tests/bench/plugin_call.h"

#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"

namespace aftersales::bench {

namespace fs = std::filesystem;

namespace {

v1::Return MakeReturn() {
  v1::Return r;
  r.set_name("sellers/bench/returns/ret_01jq8z5k3v9x7c2m4n6p8r0t1w");
  r.set_channel("sellers/bench/channels/us");
  r.set_order(OrderName(1));
  r.set_order_external_id(OrderId(1));
  r.set_external_id("DfqXXXXBRRMA:SKU-1");
  r.set_external_rma_id("DfqXXXXBRRMA");
  r.set_fulfillment(v1::FULFILLMENT_MFN);
  r.set_status(v1::Return::STATUS_APPROVED);
  r.set_return_address_id("dallas");
  r.mutable_requested_at()->set_seconds(1773000000);
  r.mutable_create_time()->set_seconds(1773000001);
  r.mutable_update_time()->set_seconds(1773000002);
  r.set_etag("\"2\"");
  v1::ReturnItem* item = r.add_items();
  item->set_line_id(kSku);
  item->set_sku(kSku);
  item->set_quantity_requested(1);
  item->set_quantity_approved(1);
  item->set_buyer_reason(v1::RETURN_REASON_SIZE_TOO_SMALL);
  item->set_external_reason("AMZ-PG-WJ-TOO-SMALL");
  item->set_fault(v1::FAULT_BUYER);
  item->set_asin("B0ACME0001");
  v1::ReturnLabel* label = r.add_labels();
  label->set_carrier("USPS");
  label->set_tracking_number("9202090339598363800001");
  label->mutable_cost()->set_minor_units(414);
  label->mutable_cost()->set_currency_code("USD");
  v1::Deadline* deadline = r.add_deadlines();
  deadline->set_kind(v1::Deadline::KIND_RETURN_RESPONSE);
  deadline->set_state(v1::Deadline::STATE_MET);
  deadline->mutable_due_at()->set_seconds(1773172800);
  r.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
  r.mutable_decision()->mutable_decided_at()->set_seconds(1773000002);
  return r;
}

}  // namespace

plugin::v1::DecideReturnRequest MakeDecideReturn() {
  plugin::v1::DecideReturnRequest request;
  request.set_effect_id("eff_01jq8z5k3v9x7c2m4n6p8r0t1w");
  request.set_marketplace_id("ATVPDKIKX0DER");
  *request.mutable_return_resource() = MakeReturn();
  return request;
}

void AnswerDecideReturn(const plugin::v1::DecideReturnRequest& request,
                        plugin::v1::EffectResponse* response) {
  response->mutable_result()->set_outcome(plugin::v1::EffectResult::OUTCOME_DONE);
  response->mutable_result()->set_external_id(request.effect_id());
}

std::unique_ptr<plugins::PluginRegistry> LoadPlugins(const Workspace& workspace,
                                                     std::vector<fs::path> files, bool isolated) {
  plugins::PluginRegistry::Options options;
  options.files = std::move(files);
  (isolated ? options.isolate : options.in_process) = {"all"};
  options.runner = BENCH_HOST_PROGRAM;
  options.data_directory = workspace.path();
  options.host_version = "0.1.0";
  auto registry = std::make_unique<plugins::PluginRegistry>(
      options, [] { return absl::Now(); },
      [](plugins::LogLevel, std::string_view, std::string_view) {});
  if (!registry->LoadAll().ok()) std::abort();
  return registry;
}

}  // namespace aftersales::bench
