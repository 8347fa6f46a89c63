#include "plugins/erps/files/files_plugin.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace aftersales::erps {

using sdk::Code;
using sdk::Status;

plugin::v1::DescribeResponse FilesPlugin::Describe() {
  plugin::v1::DescribeResponse description;
  description.set_plugin_id("files");
  description.set_display_name("Files (JSON lines and CSV)");
  description.set_vendor("Aftersales");
  description.set_version("0.1.0");
  description.set_kind(v1::Plugin::KIND_ERP);
  description.set_max_concurrency(1);
  plugin::v1::MethodDescription& push = *description.add_methods();
  push.set_method("PushChanges");
  push.set_capability(v1::Plugin::CAPABILITY_SUPPORTED);
  push.set_idempotent(true);
  plugin::v1::ConfigField& directory = *description.add_config_fields();
  directory.set_key("directory");
  directory.set_description(
      "Directory for changes.jsonl and changes.csv; made if it is not there. A relative one is "
      "inside the plugin's data directory, which is also the default. Move both files away "
      "together.");
  return description;
}

Status FilesPlugin::Configure(const plugin::v1::ConfigureRequest& request) {
  std::filesystem::path directory = request.data_directory();
  if (const auto given = request.config().find("directory"); given != request.config().end()) {
    directory /= given->second;
  }
  if (directory.empty()) {
    return {Code::kInvalidArgument,
            "directory: not given, and the host has no data directory; give one"};
  }
  auto log = std::make_unique<ChangeLog>(std::move(directory));
  if (Status status = log->Open(); !status.ok()) {
    return {Code::kInvalidArgument, status.message()};
  }
  const std::lock_guard lock(mutex_);
  log_ = std::move(log);
  problem_.clear();
  return Status::Ok();
}

Status FilesPlugin::CheckHealth(plugin::v1::CheckHealthResponse* response) {
  const std::lock_guard lock(mutex_);
  std::string problem = log_ == nullptr ? "not configured" : problem_;
  if (problem.empty()) problem = log_->csv_problem();
  response->set_healthy(problem.empty());
  response->set_message(problem);
  return Status::Ok();
}

Status FilesPlugin::PushChanges(const sdk::Call& call,
                                const plugin::v1::PushChangesRequest& request,
                                plugin::v1::PushChangesResponse* response) {
  constexpr int kMaxChanges = 500;
  constexpr int kRetrySeconds = 10;
  if (request.changes_size() > kMaxChanges) {
    return {Code::kInvalidArgument, "changes: " + std::to_string(request.changes_size()) +
                                        " given, at most " + std::to_string(kMaxChanges) +
                                        " in one call; split them"};
  }
  std::vector<Json> records;
  records.reserve(static_cast<std::size_t>(request.changes_size()));
  for (const plugin::v1::Change& change : request.changes()) {
    if (change.effect_id().empty()) {
      return {Code::kInvalidArgument, "changes[" + std::to_string(records.size()) +
                                          "].effect_id: empty; every change needs its id"};
    }
    records.push_back(ToJson(change));
  }
  const std::lock_guard lock(mutex_);
  if (log_ == nullptr) return {Code::kFailedPrecondition, "the plugin is not configured"};
  if (const Status status = log_->Append(records); !status.ok()) {
    problem_ = status.message();
    call.Log(sdk::Level::kError, problem_);
    response->set_accepted_count(0);
    response->set_message(problem_);
    response->mutable_retry_after()->set_seconds(kRetrySeconds);
    return Status::Ok();
  }
  problem_.clear();
  if (!log_->csv_problem().empty()) call.Log(sdk::Level::kWarning, log_->csv_problem());
  response->set_accepted_count(request.changes_size());
  return Status::Ok();
}

}  // namespace aftersales::erps

AFTERSALES_PLUGIN(aftersales::erps::FilesPlugin);
