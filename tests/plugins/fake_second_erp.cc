// Another of the same kind, so that one can be bad and the other not suffer from it.
#include "tests/plugins/fake_erp.h"

namespace aftersales::testing {
namespace {

class FakeSecondErp : public FakeErp {
 public:
  FakeSecondErp() : FakeErp("fake-second-erp") {}
};

}  // namespace
}  // namespace aftersales::testing

AFTERSALES_PLUGIN(aftersales::testing::FakeSecondErp);
