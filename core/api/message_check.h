// What a caller hears whose bytes are no message.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>

namespace aftersales::api {

// gRPC answers bytes that it cannot parse with UNIMPLEMENTED and no text, before any handler runs.
// With this they are INVALID_ARGUMENT `BAD_MESSAGE` and a sentence. For methods that take one
// message; streams of messages are read as bytes (import_stream.h).
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeMessageCheck();

}  // namespace aftersales::api
