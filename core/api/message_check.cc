#include "core/api/message_check.h"

#include "core/api/status_grpc.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

class MessageCheck final : public grpc::experimental::Interceptor {
 public:
  explicit MessageCheck(const char* method) : method_(method) {}

  void Intercept(InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_MESSAGE)) {
      bad_ = batch->GetRecvMessage() == nullptr;
    }
    if (bad_ && batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      batch->ModifySendStatus(
          ToGrpc(Refuse(absl::StatusCode::kInvalidArgument, "BAD_MESSAGE",
                        Cat("the bytes of this call are no request of ", method_,
                            "; send the message that its proto declares, with all texts in "
                            "UTF-8"))));
    }
    batch->Proceed();
  }

 private:
  const char* const method_;  // `/aftersales.v1.ReturnService/GetReturn`; outlives the call
  bool bad_ = false;
};

class Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    // None, where the end of the messages looks the same.
    if (info->type() != ServerRpcInfo::Type::UNARY &&
        info->type() != ServerRpcInfo::Type::SERVER_STREAMING) {
      return nullptr;
    }
    return new MessageCheck(info->method());
  }
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeMessageCheck() {
  return std::make_unique<Factory>();
}

}  // namespace aftersales::api
