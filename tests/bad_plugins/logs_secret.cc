// Writes its token into the log.
#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class LogsSecret : public GoodCarrier {
 public:
  LogsSecret() : GoodCarrier("logs-secret") {}

  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    const sdk::Status status = GoodCarrier::Configure(request);
    host().Log(sdk::Level::kInfo, "signed in with " + token());
    return status;
  }
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::LogsSecret);
