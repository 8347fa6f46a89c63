#include "services_plugin.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace aftersales::testing {
namespace {

namespace pb = plugin::v1;
using sdk::Call;
using sdk::Code;
using sdk::Status;

std::string Told(const Status& status, const std::string& text) {
  return std::to_string(static_cast<int>(status.code())) + " " +
         (status.ok() ? text : status.message());
}

std::string Send(const Call& call, std::istream& in) {
  pb::SendHttpRequestRequest request;
  int64_t timeout_ms = 0;
  in >> *request.mutable_method() >> *request.mutable_url() >> timeout_ms;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line) && !line.empty()) {
    auto* header = request.add_headers();
    const size_t colon = line.find(": ");
    header->set_name(line.substr(0, colon));
    header->set_value(line.substr(colon + 2));
  }
  request.set_body(std::string(std::istreambuf_iterator<char>(in), {}));
  if (timeout_ms != 0) {
    request.mutable_timeout()->set_seconds(timeout_ms / 1000);
    request.mutable_timeout()->set_nanos(static_cast<int32_t>(timeout_ms % 1000 * 1'000'000));
  }
  const auto response = call.Http().Send(request);
  if (!response.ok()) return Told(response.status(), "");
  std::string text = std::to_string(response->status()) + "\n";
  for (const auto& header : response->headers()) {
    text += header.name() + ": " + header.value() + "\n";
  }
  return Told(Status::Ok(), text + "\n" + response->body());
}

}  // namespace

pb::DescribeResponse ServicesPlugin::Describe() {
  pb::DescribeResponse d;
  d.set_plugin_id("services");
  d.set_display_name("Services");
  d.set_vendor("Aftersales");
  d.set_version("1.0.0");
  d.set_max_concurrency(16);
  auto* method = d.add_methods();
  method->set_method("ValidateTrackingNumbers");
  method->set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
  const auto add = [&](const char* key, pb::ConfigField::Type type) {
    auto* field = d.add_config_fields();
    field->set_key(key);
    field->set_type(type);
    return field;
  };
  add("token", pb::ConfigField::TYPE_STRING)->set_secret(true);
  add("pin", pb::ConfigField::TYPE_INTEGER)->set_secret(true);
  add("pages", pb::ConfigField::TYPE_INTEGER);
  add("strict", pb::ConfigField::TYPE_BOOLEAN);
  add("address", pb::ConfigField::TYPE_URL);
  add("every", pb::ConfigField::TYPE_DURATION);
  auto* mode = add("mode", pb::ConfigField::TYPE_UNSPECIFIED);
  mode->add_allowed_values("fast");
  mode->add_allowed_values("safe");
  mode->set_default_value("safe");
  add("form", pb::ConfigField::TYPE_STRING);
  add("note", pb::ConfigField::TYPE_STRING);
  return d;
}

Status ServicesPlugin::ValidateConfig(const pb::ValidateConfigRequest& request,
                                      pb::ValidateConfigResponse* response) {
  const auto& config = request.config();
  const auto form = config.find("form");
  if (form == config.end()) return Status::Ok();
  if (form->second == "throw") throw std::runtime_error("cannot look");
  if (form->second == "unimplemented") return Status(Code::kUnimplemented, "never did");
  const auto add = [&](const char* key, const std::string& message) {
    auto* problem = response->add_problems();
    problem->set_key(key);
    problem->set_message(message);
  };
  if (form->second == "bad") {
    add("form", "must not be bad");
    const auto token = config.find("token");
    add("token", "is not of this form: " + (token == config.end() ? "" : token->second));
    add("", "mode and form do not go together: " + config.at("mode"));
  }
  return Status::Ok();
}

Status ServicesPlugin::Configure(const pb::ConfigureRequest& request) {
  configuration_ = request;
  // The host offers its services from here on.
  if (Status put = host().Put("configured", "yes");
      !put.ok() && put.code() != Code::kUnimplemented) {
    return put;
  }
  return Status::Ok();
}

Status ServicesPlugin::Shutdown() {
  std::ofstream(configuration_.data_directory() + "/shutdowns", std::ios::app) << "shutdown\n";
  return host().Put("shut", "down");
}

Status ServicesPlugin::ValidateTrackingNumbers(const Call& call,
                                               const pb::ValidateTrackingNumbersRequest& request,
                                               pb::ValidateTrackingNumbersResponse* response) {
  for (const auto& query : request.queries()) {
    std::istringstream in(query.tracking_number());
    std::string command;
    std::string key;
    in >> command;
    std::string told;
    if (command == "http") {
      told = Send(call, in);
    } else {
      in >> key;
      if (command == "secret") {
        const auto value = call.host.Secret(key);
        told = Told(value.status(), value.ok() ? *value : "");
      } else if (command == "get") {
        const auto value = call.host.Get(key);
        told = Told(value.status(), value.ok() ? *value : "");
      } else if (command == "put") {
        in.ignore();
        told = Told(call.host.Put(key, std::string(std::istreambuf_iterator<char>(in), {})), "");
      } else if (command == "delete") {
        told = Told(call.host.Delete(key), "");
      } else if (command == "setting") {
        const auto found = configuration_.config().find(key);
        told = found == configuration_.config().end() ? "none" : found->second;
      } else {
        return Status(Code::kInvalidArgument, "no such command: " + command);
      }
    }
    response->add_verdicts()->set_expected(told);
  }
  return Status::Ok();
}

}  // namespace aftersales::testing

AFTERSALES_PLUGIN(aftersales::testing::ServicesPlugin);
