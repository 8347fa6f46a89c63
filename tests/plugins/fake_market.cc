#include "tests/plugins/fake_market.h"

AFTERSALES_PLUGIN(aftersales::testing::FakeMarket);
