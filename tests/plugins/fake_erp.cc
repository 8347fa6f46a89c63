#include "tests/plugins/fake_erp.h"

AFTERSALES_PLUGIN(aftersales::testing::FakeErp);
