// Nothing is wrong with this one.
#include "tests/bad_plugins/good_carrier.h"

namespace aftersales::bad_plugins {
namespace {

class Good : public GoodCarrier {
 public:
  Good() : GoodCarrier("good") {}
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::Good);
