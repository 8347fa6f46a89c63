#include "core/domain/roles.h"

#include "aftersales/v1/channel_service.pb.h"
#include "aftersales/v1/cost_service.pb.h"
#include "aftersales/v1/exchange_service.pb.h"
#include "aftersales/v1/fact_service.pb.h"
#include "aftersales/v1/order_service.pb.h"
#include "aftersales/v1/policy_service.pb.h"
#include "aftersales/v1/reconcile_service.pb.h"
#include "aftersales/v1/refund_service.pb.h"
#include "aftersales/v1/return_service.pb.h"
#include "aftersales/v1/shipment_service.pb.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

// Every method that changes something takes a request id; each says whose it is.
TEST(Roles, AreSaidForEveryChange) {
  int methods = 0;
  for (const google::protobuf::FileDescriptor* file :
       {v1::BindChannelRequest::descriptor()->file(), v1::RecordCostRequest::descriptor()->file(),
        v1::OfferExchangeRequest::descriptor()->file(),
        v1::RecordFactsRequest::descriptor()->file(), v1::UpsertOrderRequest::descriptor()->file(),
        v1::ProposePolicyRequest::descriptor()->file(), v1::ReconcileRequest::descriptor()->file(),
        v1::IssueRefundRequest::descriptor()->file(),
        v1::ApproveReturnRequest::descriptor()->file(),
        v1::UpsertShipmentRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k) {
        const google::protobuf::MethodDescriptor& method = *file->service(i)->method(k);
        if (method.input_type()->FindFieldByName("request_id") == nullptr) continue;
        EXPECT_TRUE(HasRoles(Cat(file->service(i)->name(), "/", method.name())))
            << method.full_name();
        ++methods;
      }
    }
  }
  EXPECT_GT(methods, 40);
}

TEST(Roles, EachMayDoWhatIsTheirs) {
  const auto may = [](const char* method, v1::Role role) { return CheckRole(method, role).ok(); };
  for (const v1::Role role : {v1::ROLE_OPERATOR, v1::ROLE_MANAGER, v1::ROLE_RULE}) {
    EXPECT_TRUE(may("ReturnService/ApproveReturn", role));
    EXPECT_TRUE(may("RefundService/IssueRefund", role));
  }
  for (const v1::Role role :
       {v1::ROLE_BUYER, v1::ROLE_CARRIER, v1::ROLE_WAREHOUSE, v1::ROLE_CLOCK, v1::ROLE_ERP}) {
    EXPECT_FALSE(may("ReturnService/ApproveReturn", role)) << role;
    EXPECT_FALSE(may("RefundService/IssueRefund", role)) << role;
    EXPECT_FALSE(may("PolicyService/PublishPolicy", role)) << role;
  }
  EXPECT_TRUE(may("ReturnService/CancelReturn", v1::ROLE_BUYER));
  EXPECT_TRUE(may("ReturnService/InspectReturn", v1::ROLE_WAREHOUSE));
  EXPECT_FALSE(may("ReturnService/InspectReturn", v1::ROLE_CARRIER));
  EXPECT_TRUE(may("FactService/RecordFacts", v1::ROLE_CARRIER));
  // One that nobody thought of is for people.
  EXPECT_TRUE(may("NewService/DoIt", v1::ROLE_OPERATOR));
  EXPECT_FALSE(may("NewService/DoIt", v1::ROLE_RULE));
  const absl::Status refused = CheckRole("RefundService/IssueRefund", v1::ROLE_CARRIER);
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ReasonOf(refused), "ROLE_REQUIRED");
  EXPECT_NE(refused.message().find("--as "), absl::string_view::npos) << refused;
}

TEST(Roles, NobodyIsTwoByHowTheyWriteThemselves) {
  const auto same = [](const char* one, const char* other) {
    v1::Actor a, b;
    a.set_id(one);
    b.set_id(other);
    return SamePerson(a, b);
  };
  EXPECT_TRUE(same("olga", "OLGA"));
  EXPECT_TRUE(same("olga", " Olga "));
  EXPECT_FALSE(same("olga", "otto"));
}

}  // namespace
}  // namespace aftersales
