// ePacket (EUB, e邮宝) and the posts whose numbers are UPU S10. Judges numbers; a label is bought
// by a person, because the posts sell them through their own portals.
#pragma once

#include "aftersales/sdk/carrier.h"

namespace aftersales::carriers {

class EpacketPlugin : public sdk::CarrierPlugin {
 public:
  plugin::v1::DescribeResponse Describe() override;
  sdk::Status ValidateTrackingNumbers(
      const sdk::Call& call, const plugin::v1::ValidateTrackingNumbersRequest& request,
      plugin::v1::ValidateTrackingNumbersResponse* response) override;
  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override;
};

}  // namespace aftersales::carriers
