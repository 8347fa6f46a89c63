// A marketplace as fake-market, that keeps no effect ids: it cannot tell what became of an effect,
// and does again what it is told again.
#include "tests/plugins/fake_market.h"

namespace aftersales::testing {

class FakeBlindMarket : public FakeMarket {
 public:
  FakeBlindMarket() : FakeMarket("fake-blind-market", false) {}
};

}  // namespace aftersales::testing

AFTERSALES_PLUGIN(aftersales::testing::FakeBlindMarket);
