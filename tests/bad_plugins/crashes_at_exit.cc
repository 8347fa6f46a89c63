// Crashes when its process ends, in the destructor of a static object.
#include "tests/bad_plugins/good_carrier.h"

#include <cstdlib>

namespace aftersales::bad_plugins {
namespace {

class CrashesAtExit : public GoodCarrier {
 public:
  CrashesAtExit() : GoodCarrier("crashes-at-exit") {}

  sdk::Status Configure(const plugin::v1::ConfigureRequest& request) override {
    const sdk::Status status = GoodCarrier::Configure(request);
    static const AtExit at_exit;
    is_bad_at_exit = bad();
    return status;
  }

 private:
  static inline bool is_bad_at_exit = false;
  struct AtExit {
    ~AtExit() {
      if (is_bad_at_exit) std::abort();
    }
  };
};

}  // namespace
}  // namespace aftersales::bad_plugins

AFTERSALES_PLUGIN(aftersales::bad_plugins::CrashesAtExit);
