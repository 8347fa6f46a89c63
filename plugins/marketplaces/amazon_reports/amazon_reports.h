// The Amazon plugin for sellers who work with files: it reads the reports that Seller Central
// offers for download, and where Amazon has no API it tells a person what to do there.
#pragma once

#include "aftersales/sdk/marketplace.h"

namespace aftersales::amazon_reports {

// Stateless and thread-safe.
class AmazonReports : public sdk::MarketplacePlugin {
 public:
  plugin::v1::DescribeResponse Describe() override;
  // INVALID_ARGUMENT for a piece of more than 1 MiB and for a `state` of somebody else's. What is
  // wrong with the file itself is in the answer, see report_reader.h.
  sdk::Status ParseReport(const sdk::Call& call, const plugin::v1::ParseReportRequest& request,
                          plugin::v1::ParseReportResponse* response) override;
  // Always MANUAL: the Selling Partner API has no operation for it.
  sdk::Status DecideReturn(const sdk::Call& call, const plugin::v1::DecideReturnRequest& request,
                           plugin::v1::EffectResponse* response) override;
  // Always MANUAL: this plugin has no access to the API.
  sdk::Status IssueRefund(const sdk::Call& call, const plugin::v1::IssueRefundRequest& request,
                          plugin::v1::EffectResponse* response) override;
};

}  // namespace aftersales::amazon_reports
