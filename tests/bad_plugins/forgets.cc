// Promises idempotency and buys another label each time.
#include "tests/bad_plugins/good_carrier.h"

#include <atomic>

namespace aftersales::bad_plugins {
namespace {

class Forgets : public GoodCarrier {
 public:
  Forgets() : GoodCarrier("forgets") {}

  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    if (!bad()) return GoodCarrier::IssueLabel(call, request, response);
    Fill("NEW" + std::to_string(++count_), response);
    return sdk::Status::Ok();
  }

 private:
  std::atomic<int> count_{0};
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::Forgets);
