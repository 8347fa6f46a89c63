#include "core/status/wellformed.h"

#include <gtest/gtest.h>

#include <functional>

#include "aftersales/v1/order_service.pb.h"
#include "aftersales/v1/queue_service.pb.h"
#include "aftersales/v1/return_service.pb.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/rpc/error_details.pb.h"

namespace aftersales {
namespace {

std::string FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload(View(kBadRequestUrl));
  google::rpc::BadRequest details;
  if (!payload || !details.ParseFromString(std::string(*payload))) return "";
  return details.field_violations(0).field();
}

v1::UpsertOrderRequest Good() {
  v1::UpsertOrderRequest request;
  request.set_parent("sellers/acme");
  v1::Order& order = *request.mutable_order();
  order.set_fulfillment(v1::FULFILLMENT_MFN);
  order.mutable_placed_at()->set_seconds(1'772'000'000);
  order.mutable_placed_at()->set_nanos(999'999'999);
  for (int i = 0; i < 4; ++i) order.add_lines()->set_title(std::string(kTextBytesMax, 'x'));
  order.add_defects()->set_kind(v1::Defect::KIND_CLAIM);
  return request;
}

TEST(WellFormed, TakesWhatTheProtosKnow) {
  EXPECT_EQ(CheckWellFormed(Good()), absl::OkStatus());
  EXPECT_EQ(CheckWellFormed(v1::UpsertOrderRequest()), absl::OkStatus());
}

TEST(WellFormed, NamesTheFieldByItsWholePath) {
  const auto check = [](const std::function<void(v1::Order&)>& spoil, std::string_view reason,
                        std::string_view field) {
    v1::UpsertOrderRequest request = Good();
    spoil(*request.mutable_order());
    const absl::Status status = CheckWellFormed(request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), reason) << status;
    EXPECT_EQ(FieldOf(status), field) << status;
  };
  const auto placed = [&](int64_t seconds, int32_t nanos) {
    check(
        [&](v1::Order& order) {
          order.mutable_placed_at()->set_seconds(seconds);
          order.mutable_placed_at()->set_nanos(nanos);
        },
        "BAD_TIME", "order.placed_at");
  };
  placed(1'000'000'000'000'000, 0);
  placed(-100'000'000'000'000'000, 0);
  placed(kFirstSecond - 1, 0);
  placed(kEndSecond, 0);
  placed(1'772'000'000, -5);
  placed(1'772'000'000, 1'000'000'000);
  check([](v1::Order& order) { order.set_fulfillment(static_cast<v1::Fulfillment>(77)); },
        "UNKNOWN_VALUE", "order.fulfillment");
  check([](v1::Order& order) { order.set_tax_mode(static_cast<v1::TaxMode>(-1)); }, "UNKNOWN_VALUE",
        "order.tax_mode");
  check(
      [](v1::Order& order) {
        order.mutable_defects(0)->set_outcome(static_cast<v1::Defect::Outcome>(99));
      },
      "UNKNOWN_VALUE", "order.defects[0].outcome");
  check([](v1::Order& order) { order.mutable_lines(3)->mutable_title()->push_back('x'); },
        "TOO_LONG", "order.lines[3].title");
}

TEST(WellFormed, LooksIntoRepeatedMessagesOfRepeatedMessages) {
  v1::CreateReturnRequest request;
  request.mutable_return_resource()->add_items();
  request.mutable_return_resource()->add_items()->set_buyer_reason(
      static_cast<v1::ReturnReason>(999));
  EXPECT_EQ(FieldOf(CheckWellFormed(request)), "return_resource.items[1].buyer_reason");
}

TEST(WellFormed, TakesDurationsOfOneSign) {
  v1::ListWorkItemsResponse page;
  auto* left = page.add_work_items()->mutable_time_left();
  left->set_seconds(-5);
  left->set_nanos(-1);
  EXPECT_EQ(CheckWellFormed(page), absl::OkStatus());
  left->set_nanos(1);
  EXPECT_EQ(ReasonOf(CheckWellFormed(page)), "BAD_DURATION");
  EXPECT_EQ(FieldOf(CheckWellFormed(page)), "work_items[0].time_left");
  left->set_nanos(0);
  left->set_seconds(kDurationSecondsMax + 1);
  EXPECT_EQ(ReasonOf(CheckWellFormed(page)), "BAD_DURATION");
}

}  // namespace
}  // namespace aftersales
