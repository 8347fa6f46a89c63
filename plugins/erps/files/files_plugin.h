// An ERP that is a directory: each change of a return or refund becomes a line of changes.jsonl and
// a row of changes.csv, once per effect id, for whatever reads them.
#pragma once

#include <memory>
#include <mutex>

#include "aftersales/sdk/erp.h"
#include "plugins/erps/files/change_log.h"

namespace aftersales::erps {

class FilesPlugin : public sdk::ErpPlugin {
 public:
  plugin::v1::DescribeResponse Describe() override;
  // INVALID_ARGUMENT where the directory cannot be used.
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override;
  sdk::Status CheckHealth(plugin::v1::CheckHealthResponse* response) override;
  sdk::Status PushChanges(const sdk::Call& call, const plugin::v1::PushChangesRequest& request,
                          plugin::v1::PushChangesResponse* response) override;

 private:
  std::mutex mutex_;
  std::unique_ptr<ChangeLog> log_;
  std::string problem_;  // Of the last push; empty when it went well.
};

}  // namespace aftersales::erps
