// From the host's statuses to gRPC's, with google.rpc details.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace aftersales::api {

// Canonical code, sentence, and ErrorInfo, BadRequest, RetryInfo as far as the status carries them.
// A status without a reason, which only a defect makes, gets the reason INTERNAL.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace aftersales::api
