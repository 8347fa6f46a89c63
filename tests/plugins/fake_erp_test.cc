#include "tests/plugins/fake_erp.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/plugins/fake_test_directory.h"

namespace aftersales::testing {
namespace {

using FakeErpTest = FakeTest;

TEST_F(FakeErpTest, WritesWhatItIsSentRepeatsIncluded) {
  FakeErp erp;
  ASSERT_TRUE(erp.Configure(Config()).ok());
  plugin::v1::PushChangesRequest request;
  plugin::v1::Change& change = *request.add_changes();
  change.set_effect_id("e1");
  change.mutable_event()->set_subject("sellers/acme/returns/1");
  change.mutable_event()->set_status_after("APPROVED");
  change.mutable_event()->mutable_return_approved();
  const std::string line = "e1 sellers/acme/returns/1 APPROVED return_approved";
  plugin::v1::PushChangesResponse response;
  ASSERT_TRUE(erp.PushChanges({}, request, &response).ok());
  EXPECT_EQ(response.accepted_count(), 1);
  ASSERT_TRUE(erp.PushChanges({}, request, &response).ok());
  EXPECT_EQ(Lines("erp.log"), (std::vector<std::string>{line, line}));

  SetMode("fake-erp", "PushChanges=RETRY");
  response.Clear();
  ASSERT_TRUE(erp.PushChanges({}, request, &response).ok());
  EXPECT_EQ(response.accepted_count(), 0);
  EXPECT_EQ(response.retry_after().seconds(), 1);
  EXPECT_EQ(Lines("erp.log").size(), 2u);

  SetMode("fake-erp", "PushChanges=TIMEOUT_DONE");
  EXPECT_EQ(erp.PushChanges({}, request, &response).code(), sdk::Code::kUnavailable);
  EXPECT_EQ(Lines("erp.log").size(), 3u);
}

}  // namespace
}  // namespace aftersales::testing
