// From the first look to the end.
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "core/conformance/answer_rules.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"
#include "core/plugins/child_process.h"
#include "core/plugins/unix_address.h"

namespace aftersales::conformance {
namespace {

using plugin::v1::ConfigField;

constexpr char kLifecycle[] = "/aftersales.plugin.v1.PluginLifecycle/";

Outcome DidNotStart(const absl::Status& status) {
  return Fail("to load, describe itself and take its settings", Text(status),
              "mend what it says; settings of your own are given by --config KEY=VALUE");
}

Outcome Starts(Subject& subject) {
  const auto session = subject.Open();
  return session.ok() ? Pass() : DidNotStart(session.status());
}

Outcome Describes(Subject& subject) {
  const auto session = subject.OpenUnconfigured();
  if (!session.ok()) return DidNotStart(session.status());
  if (auto problem = CheckDescription((*session)->description())) return *problem;
  const auto again = (*session)->transport().Describe();
  if (!again.ok()) {
    return Fail("the same description again", Text(again.status()), "keep no state in Describe");
  }
  if (again->SerializeAsString() != (*session)->description().SerializeAsString()) {
    return Fail("the same description each time", "another one the second time",
                "answer from constants, not from the time, counters or files");
  }
  return Pass();
}

Outcome HasNoOtherMethods(Subject& subject) {
  const auto session = subject.Open();
  if (!session.ok()) return DidNotStart(session.status());
  std::vector<std::string> paths = {absl::StrCat(kLifecycle, "NoSuchMethod"),
                                    "/aftersales.plugin.v1.NoSuchPlugin/IssueLabel", "/x/y"};
  for (const std::string& path : MethodsOf((*session)->description().kind())) {
    paths.push_back(absl::StrCat(path, "X"));
  }
  for (const std::string& path : paths) {
    const Answer answer = (*session)->Call(path, "");
    if (answer.status.code() != absl::StatusCode::kUnimplemented) {
      return Fail(absl::StrCat("UNIMPLEMENTED for `", path, "`, which no contract has"),
                  Text(answer.status), "compare the whole path");
    }
  }
  if ((*session)->transport().Process().has_value()) return Pass();
  // A number that it never gave out.
  for (const int number : {-1, 9999, 0x7fffffff}) {
    plugins::CallBuffer response;
    const absl::Status status = (*session)->transport().Call(number, {}, "", &response);
    if (status.code() != absl::StatusCode::kUnimplemented) {
      return Fail(absl::StrCat("UNIMPLEMENTED for the method number ", number), Text(status),
                  "check the number before it is used as an index");
    }
  }
  return Pass();
}

// How a refusal of settings has to look; nothing when it does.
std::optional<Outcome> CheckRefusal(const absl::Status& status, const std::string& key) {
  if (status.code() == absl::StatusCode::kInvalidArgument &&
      absl::StrContains(status.message(), key)) {
    return std::nullopt;
  }
  return Fail(absl::StrCat("INVALID_ARGUMENT that names `", key, "`"), Text(status),
              "look settings up without assuming that they are there or right, and name the key");
}

// The host looks at what the description says before the plugin does; but it is not the only one
// that calls, and a newer one may say less. So a plugin may take such settings, but not fall.
Outcome RefusesBadSettings(Subject& subject) {
  const auto described = subject.OpenUnconfigured();
  if (!described.ok()) return DidNotStart(described.status());
  const plugin::v1::DescribeResponse description = (*described)->description();
  const std::map<std::string, std::string> good = subject.Settings(description);
  bool tried = false;
  for (const ConfigField& field : description.config_fields()) {
    std::vector<std::optional<std::string>> values;
    if (field.required()) values.emplace_back(std::nullopt);
    if (field.type() != ConfigField::TYPE_UNSPECIFIED && field.type() != ConfigField::TYPE_STRING) {
      values.emplace_back("no such thing");
    }
    if (field.allowed_values_size() > 0) values.emplace_back("none of the allowed values");
    for (const auto& value : values) {
      tried = true;
      std::map<std::string, std::string> settings = good;
      settings.erase(field.key());
      if (value.has_value()) settings[field.key()] = *value;
      const auto session = subject.OpenUnconfigured();
      if (!session.ok()) return DidNotStart(session.status());
      const absl::Status status = subject.Configure(**session, settings);
      if (status.ok()) continue;
      if (auto problem = CheckRefusal(status, field.key())) return *problem;
    }
  }
  return tried ? Pass() : Skip("it has no setting that could be missing or of a wrong type");
}

Outcome IsHealthyInASecond(Subject& subject) {
  const auto session = subject.Open();
  if (!session.ok()) return DidNotStart(session.status());
  const Answer answer = (*session)->Call(absl::StrCat(kLifecycle, "CheckHealth"), "");
  if (answer.took > absl::Seconds(1)) {
    return Fail("an answer within a second", absl::FormatDuration(answer.took),
                "answer from what is known, not from a new call to the remote side");
  }
  if (answer.status.code() == absl::StatusCode::kUnimplemented) return Pass();
  plugin::v1::CheckHealthResponse health;
  if (!answer.status.ok() || !health.ParseFromString(answer.bytes)) {
    return Fail("a CheckHealthResponse, or UNIMPLEMENTED", Text(answer.status),
                "say healthy = false, with a message, when something is wrong");
  }
  if (!health.healthy() && health.message().empty()) {
    return Fail("a message that says what is wrong", "healthy = false without one",
                "say what is wrong and what to do");
  }
  return Pass();
}

Outcome ValidatesSettings(Subject& subject) {
  const auto session = subject.Open();
  if (!session.ok()) return DidNotStart(session.status());
  plugin::v1::ValidateConfigRequest request;
  for (const auto& [key, value] : subject.Settings((*session)->description())) {
    (*request.mutable_config())[key] = value;
  }
  const Answer answer =
      (*session)->Call(absl::StrCat(kLifecycle, "ValidateConfig"), request.SerializeAsString());
  if (answer.status.code() == absl::StatusCode::kUnimplemented) return Pass();
  plugin::v1::ValidateConfigResponse response;
  if (!answer.status.ok() || !response.ParseFromString(answer.bytes)) {
    return Fail("a ValidateConfigResponse, or UNIMPLEMENTED", Text(answer.status),
                "answer problems, not an error, for settings that would not do");
  }
  if (response.problems_size() > 0) {
    return Fail("no problem with the settings that Configure takes",
                absl::StrCat(response.problems(0).key(), ": ", response.problems(0).message()),
                "find the same wrong as Configure, or less");
  }
  if (answer.took > absl::Seconds(1)) {
    return Fail("an answer within a second", absl::FormatDuration(answer.took),
                "look at the form of settings; do not use them");
  }
  return Pass();
}

Outcome EndsInProcess(Subject& subject) {
  // The rest happens when the process of this test ends, as that of a host does.
  const auto session = subject.Open();
  return session.ok() ? Pass() : DidNotStart(session.status());
}

// Sets a process up that no transport holds. Without the host's services some may refuse, and are
// then asked to end as they are.
void ConfigureAt(const std::string& socket, const plugin::v1::ConfigureRequest& request) {
  const auto channel =
      grpc::CreateChannel(plugins::UnixAddress(socket), grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const std::string path = absl::StrCat(kLifecycle, "Configure");
  const grpc::internal::RpcMethod method(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  plugin::v1::ConfigureResponse response;
  // What the stubs that protoc makes call.
  static_cast<void>(
      grpc::internal::BlockingUnaryCall(channel.get(), method, &context, request, &response));
}

// As a process of its own it is asked to end, and does so in time and well.
Outcome EndsAsAProcess(Subject& subject) {
  plugin::v1::ConfigureRequest request;
  {
    const auto described = subject.OpenUnconfigured();
    if (!described.ok()) return DidNotStart(described.status());
    for (const auto& [key, value] : subject.Settings((*described)->description())) {
      (*request.mutable_config())[key] = value;
    }
  }
  request.set_data_directory(subject.NewDataDirectory());
  std::string said;
  plugins::ChildProcess::Options options;
  options.command = subject.ChildCommand();
  options.socket = (subject.options().scratch / "end").string();
  options.host_version = subject.options().host_version;
  auto child = plugins::ChildProcess::Start(
      options, [&](std::string_view line) { said = std::string(line); });
  if (!child.ok()) return DidNotStart(child.status());
  ConfigureAt(options.socket, request);
  (*child)->Stop(absl::Seconds(5));
  if ((*child)->end() == "ended with exit code 0") return Pass();
  return Fail("to end with exit code 0 when its input is closed and SIGTERM comes",
              absl::StrCat("it ", (*child)->end().empty() ? "had to be killed" : (*child)->end(),
                           said.empty() ? "" : "; it said last: ", said),
              "end within five seconds, with nothing that fails in destructors or at the exit");
}

}  // namespace

std::vector<TestCase> LifecycleTests() {
  std::vector<TestCase> tests;
  const auto add = [&](const char* id, const char* description, Outcome (*run)(Subject&)) {
    tests.push_back({id, description, run});
  };
  add(kStarts, "It loads, describes itself and takes its settings.", Starts);
  tests.back().without_start = true;
  add("lifecycle.describes_itself", "Its description is complete, right and always the same.",
      Describes);
  add("lifecycle.no_other_methods", "What no contract has answers UNIMPLEMENTED.",
      HasNoOtherMethods);
  add("lifecycle.refuses_bad_settings",
      "Missing and wrong settings are taken, or refused with INVALID_ARGUMENT and the key.",
      RefusesBadSettings);
  add("lifecycle.validates_settings", "ValidateConfig agrees with Configure.", ValidatesSettings);
  add("lifecycle.health_in_a_second", "CheckHealth answers within a second.", IsHealthyInASecond);
  add("lifecycle.ends_with_the_host", "A host that ends with it ends well.", EndsInProcess);
  tests.back().shared_object_only = true;
  tests.back().ends_like_a_host = true;
  add("lifecycle.ends_as_a_process", "As a process of its own it ends well when it is asked to.",
      EndsAsAProcess);
  return tests;
}

}  // namespace aftersales::conformance
