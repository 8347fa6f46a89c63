// A plugin that does all that the loader's tests ask for, steered by the requests.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "aftersales/sdk/carrier.h"

#ifndef ID
#define ID "good"
#endif
#ifndef VERSION
#define VERSION "1.2.3"
#endif

namespace {

using aftersales::sdk::Call;
using aftersales::sdk::Code;
using aftersales::sdk::Level;
using aftersales::sdk::Status;
namespace pb = aftersales::plugin::v1;
namespace v1 = aftersales::v1;

class GoodPlugin : public aftersales::sdk::CarrierPlugin {
 public:
  pb::DescribeResponse Describe() override {
    pb::DescribeResponse d;
    d.set_plugin_id(ID);
    d.set_display_name("Good");
    d.set_vendor("Aftersales");
    d.set_version(VERSION);
    d.set_max_concurrency(4);
    Declare(&d, "ValidateTrackingNumbers", v1::Plugin::CAPABILITY_SUPPORTED, false);
    Declare(&d, "IssueLabel", v1::Plugin::CAPABILITY_MANUAL, true);
    auto* mode = d.add_config_fields();
    mode->set_key("mode");
    mode->set_default_value("plain");
    auto* token = d.add_config_fields();
    token->set_key("token");
    token->set_secret(true);
    return d;
  }

  Status Configure(const pb::ConfigureRequest& request) override {
    mode_ = request.config().at("mode");
    if (request.config().count("token") > 0) token_ = request.config().at("token");
    data_directory_ = request.data_directory();
    if (mode_ == "refuse") {
      return Status(Code::kInvalidArgument, "`mode` must not be refuse; token was " + token_);
    }
    host().Log(Level::kInfo, "configured with token " + token_);
    return Status::Ok();
  }

  Status CheckHealth(pb::CheckHealthResponse* response) override {
    response->set_healthy(mode_ != "sick" && mode_ != "wordy");
    if (mode_ == "wordy") response->set_message(std::string(100'000, 'w'));
    if (mode_ == "sick") response->set_message("the remote side refuses " + token_);
    return Status::Ok();
  }

  // Echoes what the tests look at; counts how many calls run at once.
  Status ValidateTrackingNumbers(const Call& call,
                                 const pb::ValidateTrackingNumbersRequest& request,
                                 pb::ValidateTrackingNumbersResponse* response) override {
    const int running = running_.fetch_add(1) + 1;
    int seen = most_running_.load();
    while (seen < running && !most_running_.compare_exchange_weak(seen, running)) {
    }
    Status status = Answer(call, request, response);
    running_.fetch_sub(1);
    return status;
  }

 private:
  static void Declare(pb::DescribeResponse* d, const char* method,
                      v1::Plugin::Capability capability, bool idempotent) {
    auto* m = d->add_methods();
    m->set_method(method);
    m->set_capability(capability);
    m->set_idempotent(idempotent);
  }

  Status Answer(const Call& call, const pb::ValidateTrackingNumbersRequest& request,
                pb::ValidateTrackingNumbersResponse* response) {
    for (const auto& query : request.queries()) {
      const std::string& n = query.tracking_number();
      if (n == "throw") throw std::runtime_error("thrown on purpose with " + token_);
      if (n == "throw-int") throw 7;  // NOLINT: what a careless plugin may do
      if (n == "busy") return Status(Code::kUnavailable, "busy with " + token_);
      if (n == "long") {
        std::string text = "x";
        for (int i = 0; i < 1000; ++i) text += "\u00fc";
        return Status(Code::kUnavailable, text);
      }
      if (n == "invalid") return Status(Code::kInvalidArgument, "queries[0] is not a number");
      if (n == "sleep") std::this_thread::sleep_for(std::chrono::milliseconds(20));
      if (n == "crash") std::abort();
      while (n == "hang") std::this_thread::sleep_for(std::chrono::seconds(1));
      if (n == "pid") {
        response->add_verdicts()->set_expected(std::to_string(getpid()));
        continue;
      }
      if (n == "until-cancelled") {
        while (!call.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return Status(Code::kDeadlineExceeded, "stopped");
      }
      auto* verdict = response->add_verdicts();
      if (n == "call") {
        verdict->set_expected(std::string(call.idempotency_key) + "|" + std::string(call.seller) +
                              "|" + std::to_string(call.attempt) + "|" + data_directory_);
      } else if (n == "now") {
        verdict->set_expected(std::to_string(call.host.Now().time_since_epoch().count()));
      } else if (n == "most-running") {
        verdict->set_expected(std::to_string(most_running_.load()));
      } else if (n == "bad-utf8") {
        verdict->set_expected("\xff\xfe");
      } else {
        verdict->set_expected(n);
      }
    }
    return Status::Ok();
  }

  std::string mode_;
  std::string token_;
  std::string data_directory_;
  std::atomic<int> running_{0};
  std::atomic<int> most_running_{0};
};

}  // namespace

AFTERSALES_PLUGIN(GoodPlugin);
