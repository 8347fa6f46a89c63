// A carrier whose numbers begin with FAKE, obeying its mode file; see fake_remote.h.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "aftersales/sdk/carrier.h"
#include "tests/plugins/fake_remote.h"

namespace aftersales::testing {

class FakeCarrier : public sdk::CarrierPlugin {
 public:
  plugin::v1::DescribeResponse Describe() override {
    plugin::v1::DescribeResponse description;
    description.set_plugin_id("fake-carrier");
    description.set_display_name("Fake carrier");
    description.set_kind(v1::Plugin::KIND_CARRIER);
    for (const char* method :
         {"ValidateTrackingNumbers", "IssueLabel", "VoidLabel", "QueryEffect"}) {
      plugin::v1::MethodDescription& added = *description.add_methods();
      added.set_method(method);
      added.set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
      added.set_idempotent(true);
    }
    description.add_carrier_names("Fake");
    description.add_carrier_names("fake-carrier");
    FakeRemote::Describe(description);
    return description;
  }
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    return remote_.Configure(request);
  }

  sdk::Status ValidateTrackingNumbers(
      const sdk::Call& call, const plugin::v1::ValidateTrackingNumbersRequest& request,
      plugin::v1::ValidateTrackingNumbersResponse* response) override {
    Mode mode;
    if (sdk::Status status = remote_.ReadMode("ValidateTrackingNumbers", mode); !status.ok()) {
      return status;
    }
    if (mode == Mode::kCrashBefore || mode == Mode::kCrashAfter) FakeRemote::Crash();
    if (mode == Mode::kHang) FakeRemote::Hang(call);
    if (mode != Mode::kOk) return {sdk::Code::kUnavailable, "told to be unavailable"};
    for (const v1::TrackingQuery& query : request.queries()) {
      v1::TrackingVerdict& verdict = *response->add_verdicts();
      verdict.set_tracking_number(query.tracking_number());
      const bool stated = query.carrier() == "Fake" || query.carrier() == "fake-carrier";
      if (query.tracking_number().rfind("FAKE", 0) != 0) {
        verdict.set_validity(stated ? v1::TrackingVerdict::VALIDITY_INVALID
                                    : v1::TrackingVerdict::VALIDITY_UNKNOWN);
        if (stated) {
          verdict.set_failed_rule("form");
          verdict.set_expected("FAKE and digits");
          verdict.set_found(query.tracking_number());
        }
        continue;
      }
      verdict.set_carrier("fake");
      verdict.add_candidates("fake");
      verdict.set_validity(query.scan_count() > 0 ? v1::TrackingVerdict::VALIDITY_VALID
                                                  : v1::TrackingVerdict::VALIDITY_UNSCANNED);
    }
    return sdk::Status::Ok();
  }

  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    const v1::ReturnLabel label = LabelFor(request.effect_id(), request.return_resource());
    sdk::Status status = remote_.Perform(call,
                                         {.method = "IssueLabel",
                                          .effect_id = request.effect_id(),
                                          .minor_units = label.cost().minor_units(),
                                          .currency_code = label.cost().currency_code(),
                                          .subject = request.return_resource().name()},
                                         *response->mutable_result());
    if (status.ok() && IsDone(*response)) *response->mutable_label() = label;
    if (status.ok() && response->result().outcome() == kNonsense) {
      *response->mutable_label() = label;
      response->mutable_label()->mutable_cost()->set_minor_units(-1'000'000'000'000);
    }
    return status;
  }

  sdk::Status VoidLabel(const sdk::Call& call, const plugin::v1::VoidLabelRequest& request,
                        plugin::v1::EffectResponse* response) override {
    return remote_.Perform(call,
                           {.method = "VoidLabel",
                            .effect_id = request.effect_id(),
                            .subject = request.return_resource().name()},
                           *response->mutable_result());
  }

  sdk::Status QueryEffect(const sdk::Call& call, const plugin::v1::QueryEffectRequest& request,
                          plugin::v1::IssueLabelResponse* response) override {
    sdk::Status status = remote_.Query(call, request.effect_id(), *response->mutable_result());
    if (status.ok() && IsDone(*response)) {
      *response->mutable_label() = LabelFor(request.effect_id(), {});
    }
    return status;
  }

 private:
  static constexpr auto kNonsense = static_cast<plugin::v1::EffectResult::Outcome>(99);

  static bool IsDone(const plugin::v1::IssueLabelResponse& response) {
    return response.result().outcome() == plugin::v1::EffectResult::OUTCOME_DONE;
  }

  // The same label for the same effect, as from a carrier that keeps idempotency keys.
  static v1::ReturnLabel LabelFor(std::string_view effect_id, const v1::Return& source) {
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a.
    for (const char c : effect_id) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    char number[24];
    std::snprintf(number, sizeof number, "FAKE%010llu",
                  static_cast<unsigned long long>(hash % 10'000'000'000ULL));
    v1::ReturnLabel label;
    label.set_kind(v1::ReturnLabel::KIND_CARRIER);
    label.set_state(v1::ReturnLabel::STATE_ISSUED);
    label.set_carrier("Fake");
    label.set_tracking_number(number);
    label.set_paid_by(v1::ReturnLabel::PAYER_SELLER);
    label.mutable_cost()->set_minor_units(610);
    const std::string& currency = source.platform_refunded().currency_code();
    label.mutable_cost()->set_currency_code(currency.empty() ? "USD" : currency);
    return label;
  }

  FakeRemote remote_{"fake-carrier"};
};

}  // namespace aftersales::testing
