// DHL Express, DHL eCommerce (Global Mail) and DHL Paket. Judges numbers; a label is bought by a
// person, in the portal of the DHL account.
#pragma once

#include "aftersales/sdk/carrier.h"

namespace aftersales::carriers {

class DhlPlugin : public sdk::CarrierPlugin {
 public:
  plugin::v1::DescribeResponse Describe() override;
  sdk::Status ValidateTrackingNumbers(
      const sdk::Call& call, const plugin::v1::ValidateTrackingNumbersRequest& request,
      plugin::v1::ValidateTrackingNumbersResponse* response) override;
  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override;
};

}  // namespace aftersales::carriers
