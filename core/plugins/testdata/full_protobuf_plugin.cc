// What must never be loaded: an otherwise right plugin with messages of full protobuf. Its static
// constructors would abort the host.
#include "aftersales/plugin.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"

extern "C" const aftersales_plugin_api* aftersales_plugin_entry(const aftersales_host_api*) {
  static aftersales::plugin::v1::DescribeResponse description;
  description.set_plugin_id("full");
  return nullptr;
}
