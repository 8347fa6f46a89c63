// An ERP over HTTP, as examples/plugins/credit_notes_python is in Python: returns and paid refunds
// go there as they are recorded, what its warehouse received comes back. The requests are made by
// the host, which keeps its limits and puts nothing secret into a log.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "aftersales/sdk/erp.h"

namespace credit_notes {

namespace sdk = aftersales::sdk;
namespace contract = aftersales::plugin::v1;

class CreditNotes : public sdk::ErpPlugin {
 public:
  contract::DescribeResponse Describe() override;
  sdk::Status ValidateConfig(const contract::ValidateConfigRequest& request,
                             contract::ValidateConfigResponse* response) override;
  sdk::Status Configure(const contract::ConfigureRequest& request) override;
  sdk::Status CheckHealth(contract::CheckHealthResponse* response) override;
  sdk::Status PushChanges(const sdk::Call& call, const contract::PushChangesRequest& request,
                          contract::PushChangesResponse* response) override;
  sdk::Status PullFacts(const sdk::Call& call, const contract::PullFactsRequest& request,
                        contract::PullFactsResponse* response) override;

 private:
  // What the ERP answered, or why nothing that it answered counts.
  struct Answer {
    nlohmann::json body;
    std::string problem;  // empty when it took the request
    int64_t retry_seconds = 0;
  };

  void Remember(const std::string& problem);
  // The token as it is now: a new one is used without a restart.
  std::string Token() const;
  // An answer counts when it is a success with JSON. `key` is the idempotency key; a GET has none.
  Answer Send(const sdk::Call& call, const char* method, const std::string& path,
              const std::string& body, const std::string& key) const;

  std::string url_;
  std::string token_;
  std::mutex mutex_;
  std::string problem_;
};

}  // namespace credit_notes
