#include "tests/plugins/fake_carrier.h"

AFTERSALES_PLUGIN(aftersales::testing::FakeCarrier);
