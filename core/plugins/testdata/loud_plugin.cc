// A plugin that exports more than its entry.
#include "aftersales/plugin.h"

__attribute__((visibility("default"))) int FirstExtra() { return 1; }
__attribute__((visibility("default"))) int SecondExtra() { return 2; }

extern "C" const aftersales_plugin_api* aftersales_plugin_entry(const aftersales_host_api*) {
  return nullptr;
}
