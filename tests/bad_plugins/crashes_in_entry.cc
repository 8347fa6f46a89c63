// Crashes when the host asks for its functions.
#include <cstdlib>

#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class Carrier : public GoodCarrier {
 public:
  Carrier() : GoodCarrier("crashes-in-entry") {}
};

using Entry = sdk::internal::Entry<Carrier>;

}  // namespace
}  // namespace aftersales::bad_plugins

extern "C" __attribute__((visibility("default"))) const aftersales_plugin_api*
aftersales_plugin_entry(const aftersales_host_api* host) {
  if (host != nullptr) std::abort();
  return aftersales::bad_plugins::Entry::Get(host);
}
