// Never comes back from buying a label.
#include "tests/bad_plugins/good_carrier.h"

#include <chrono>
#include <thread>

namespace aftersales::bad_plugins {
namespace {

class Hangs : public GoodCarrier {
 public:
  Hangs() : GoodCarrier("hangs") {}

  sdk::Status IssueLabel(const sdk::Call& call, const plugin::v1::IssueLabelRequest& request,
                         plugin::v1::IssueLabelResponse* response) override {
    while (bad()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return GoodCarrier::IssueLabel(call, request, response);
  }
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::Hangs);
