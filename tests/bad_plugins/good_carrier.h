// A carrier that does all that the contract asks for, as small as it can be. The bad plugins are
// this one with one thing wrong, which they leave off once the file `well` is in their data
// directory, so that tests see a host recover.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

#include "aftersales/sdk/carrier.h"

namespace aftersales::bad_plugins {

class GoodCarrier : public sdk::CarrierPlugin {
 public:
  explicit GoodCarrier(std::string id) : id_(std::move(id)) {}

  plugin::v1::DescribeResponse Describe() override {
    plugin::v1::DescribeResponse d;
    d.set_plugin_id(id_);
    d.set_display_name("Carrier of tests");
    d.set_vendor("Aftersales");
    d.set_version("1.0.0");
    d.set_max_concurrency(8);
    for (const char* name : {"ValidateTrackingNumbers", "IssueLabel", "QueryEffect"}) {
      auto* method = d.add_methods();
      method->set_method(name);
      method->set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
      method->set_idempotent(true);
    }
    auto* token = d.add_config_fields();
    token->set_key("token");
    token->set_description("Token of the account. Default: none.");
    token->set_secret(true);
    return d;
  }

  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    directory_ = request.data_directory();
    if (const auto token = request.config().find("token"); token != request.config().end()) {
      token_ = token->second;
    }
    // What was bought is kept as a carrier keeps it: beyond the end of this process.
    std::ifstream file(directory_ / "labels");
    for (std::string effect, number; file >> effect >> number;) labels_[effect] = number;
    return sdk::Status::Ok();
  }

  sdk::Status ValidateTrackingNumbers(
      const sdk::Call&, const plugin::v1::ValidateTrackingNumbersRequest& request,
      plugin::v1::ValidateTrackingNumbersResponse* response) override {
    for (const auto& query : request.queries()) {
      auto* verdict = response->add_verdicts();
      verdict->set_tracking_number(query.tracking_number());
      verdict->set_validity(v1::TrackingVerdict::VALIDITY_UNKNOWN);
    }
    return sdk::Status::Ok();
  }

  sdk::Status IssueLabel(const sdk::Call&, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    if (request.effect_id().empty() ||
        request.effect_id().find_first_of(" \n") != std::string::npos) {
      return {sdk::Code::kInvalidArgument, "effect_id: must be given, without spaces"};
    }
    const std::lock_guard lock(mutex_);
    auto label = labels_.find(request.effect_id());
    if (label == labels_.end()) {
      const std::string number = "GOOD" + std::to_string(100'000 + labels_.size());
      label = labels_.emplace(request.effect_id(), number).first;
      std::ofstream(directory_ / "labels", std::ios::app)
          << request.effect_id() << " " << number << std::endl;
    }
    Fill(label->second, response);
    return sdk::Status::Ok();
  }

  sdk::Status QueryEffect(const sdk::Call&, const plugin::v1::QueryEffectRequest& request,
                          plugin::v1::IssueLabelResponse* response) override {
    const std::lock_guard lock(mutex_);
    const auto label = labels_.find(request.effect_id());
    if (label == labels_.end()) {
      response->mutable_result()->set_outcome(plugin::v1::EffectResult::OUTCOME_NOT_FOUND);
    } else {
      Fill(label->second, response);
    }
    return sdk::Status::Ok();
  }

 protected:
  // Whether it is to do what it is bad for.
  bool bad() const { return !std::filesystem::exists(directory_ / "well"); }
  const std::string& token() const { return token_; }

  static void Fill(const std::string& number, plugin::v1::IssueLabelResponse* response) {
    auto* result = response->mutable_result();
    result->set_outcome(plugin::v1::EffectResult::OUTCOME_DONE);
    result->set_external_id(number);
    auto* label = response->mutable_label();
    label->set_carrier("good");
    label->set_tracking_number(number);
    label->mutable_cost()->set_minor_units(640);
    label->mutable_cost()->set_currency_code("USD");
  }

 private:
  const std::string id_;
  std::filesystem::path directory_;
  std::string token_;
  std::mutex mutex_;
  std::map<std::string, std::string> labels_;
};

}  // namespace aftersales::bad_plugins
