// Lets an exception out of a function of the C ABI when it is to buy a label.
#include <stdexcept>

#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class Carrier : public GoodCarrier {
 public:
  Carrier() : GoodCarrier("throws") {}
  bool is_bad() const { return bad(); }
};

const aftersales_plugin_api* good = nullptr;

bool IsToBeBad(aftersales_instance* instance, int32_t method) {
  static constexpr std::string_view kPath = "/aftersales.plugin.v1.CarrierPlugin/IssueLabel";
  static const int32_t issue_label =
      good->resolve_method({reinterpret_cast<const uint8_t*>(kPath.data()), kPath.size()});
  return method == issue_label &&
         static_cast<Carrier*>(reinterpret_cast<sdk::Plugin*>(instance))->is_bad();
}

int32_t Call(aftersales_instance* instance, int32_t method, const aftersales_call* call,
             aftersales_bytes request, const aftersales_sink* response,
             const aftersales_sink* status) {
  if (IsToBeBad(instance, method)) {
    throw std::runtime_error("thrown through the C ABI");
  }
  return good->call(instance, method, call, request, response, status);
}

}  // namespace
}  // namespace aftersales::bad_plugins

extern "C" __attribute__((visibility("default"))) const aftersales_plugin_api*
aftersales_plugin_entry(const aftersales_host_api* host) {
  namespace bad = aftersales::bad_plugins;
  bad::good = aftersales::sdk::internal::Entry<bad::Carrier>::Get(host);
  static aftersales_plugin_api api;
  api = *bad::good;
  api.call = &bad::Call;
  return &api;
}
