// Streaming a report file into a host, as any client does.
#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aftersales/v1/channel_service.pb.h"

namespace aftersales::bench {

absl::StatusOr<v1::ImportReportResponse> ImportFile(
    const std::shared_ptr<grpc::Channel>& connection, const std::string& channel_id,
    const std::filesystem::path& file);

}  // namespace aftersales::bench
