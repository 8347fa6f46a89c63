#include "core/api/status_grpc.h"

#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/rpc/status.pb.h"

namespace aftersales::api {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status rich;
  rich.set_code(static_cast<int>(status.code()));
  rich.set_message(std::string(status.message()));
  for (const std::string_view url : {kErrorInfoUrl, kBadRequestUrl, kRetryInfoUrl}) {
    if (const auto payload = status.GetPayload(View(url))) {
      google::protobuf::Any* detail = rich.add_details();
      detail->set_type_url(std::string(url));
      detail->set_value(std::string(*payload));
    }
  }
  if (!status.GetPayload(View(kErrorInfoUrl))) {
    google::rpc::ErrorInfo info;
    info.set_reason(absl::StatusCodeToString(status.code()));
    info.set_domain("aftersales");
    rich.add_details()->PackFrom(info);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), rich.message(),
                      rich.SerializeAsString());
}

}  // namespace aftersales::api
