// Settings of the gRPC server, apart from where it listens and what it serves. Benchmarks compare
// the host with a server that has the same.
#pragma once

#include <grpcpp/grpcpp.h>

namespace aftersales::host {

inline constexpr int kMessageBytesMax = 4 * 1024 * 1024;

inline void ApplyServerSettings(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  // Another process on the same port would take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A client may ping every 30 s; the limit must be lower than that, not equal.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace aftersales::host
