// Speaks another major of the ABI.

#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class Carrier : public GoodCarrier {
 public:
  Carrier() : GoodCarrier("wrong-abi") {}
};

using Entry = sdk::internal::Entry<Carrier>;

}  // namespace
}  // namespace aftersales::bad_plugins

extern "C" __attribute__((visibility("default"))) const aftersales_plugin_api*
aftersales_plugin_entry(const aftersales_host_api* host) {
  static aftersales_plugin_api api = *aftersales::bad_plugins::Entry::Get(host);
  api.abi_major = AFTERSALES_ABI_MAJOR + 1;
  return &api;
}
