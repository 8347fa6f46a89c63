// Has messages of full protobuf in it, which are registered a second time in the host.
#include "aftersales/plugin.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"

extern "C" const aftersales_plugin_api* aftersales_plugin_entry(const aftersales_host_api*) {
  static aftersales::plugin::v1::DescribeResponse description;
  description.set_plugin_id("full-protobuf");
  return nullptr;
}
