// Exports a function that the host or another plugin may have too.
#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class ExportsTooMuch : public GoodCarrier {
 public:
  ExportsTooMuch() : GoodCarrier("exports-too-much") {}
};

}  // namespace
}  // namespace aftersales::bad_plugins

extern "C" __attribute__((visibility("default"))) int compress(int level) { return level; }

AFTERSALES_PLUGIN(aftersales::bad_plugins::ExportsTooMuch);
