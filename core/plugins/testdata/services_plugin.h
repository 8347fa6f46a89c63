// A plugin that uses what the host offers, one service for each tracking number, and answers what
// came of it: a canonical code and a text.
#pragma once

#include <string>

#include "aftersales/sdk/carrier.h"

namespace aftersales::testing {

class ServicesPlugin : public sdk::CarrierPlugin {
 public:
  plugin::v1::DescribeResponse Describe() override;
  sdk::Status ValidateConfig(const plugin::v1::ValidateConfigRequest& request,
                             plugin::v1::ValidateConfigResponse* response) override;
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override;
  sdk::Status Shutdown() override;
  // `secret KEY`, `get KEY`, `put KEY VALUE`, `delete KEY`, `setting KEY`, or
  // `http METHOD URL TIMEOUT_MS`, then lines `NAME: VALUE` of headers, an empty one and the body.
  sdk::Status ValidateTrackingNumbers(
      const sdk::Call& call, const plugin::v1::ValidateTrackingNumbersRequest& request,
      plugin::v1::ValidateTrackingNumbersResponse* response) override;

 private:
  plugin::v1::ConfigureRequest configuration_;
};

}  // namespace aftersales::testing
