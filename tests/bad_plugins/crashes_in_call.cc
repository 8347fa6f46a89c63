// Crashes when it is to buy a label.
#include "tests/bad_plugins/good_carrier.h"

#include <cstdlib>

namespace aftersales::bad_plugins {
namespace {

class CrashesInCall : public GoodCarrier {
 public:
  CrashesInCall() : GoodCarrier("crashes-in-call") {}

  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    if (bad()) std::abort();
    return GoodCarrier::IssueLabel(call, request, response);
  }
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::CrashesInCall);
