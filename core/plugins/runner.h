// What `aftersales plugin-runner FILE` does: serves a plugin file over gRPC on a unix socket, byte
// for byte as it answers in the host's process.
#pragma once

#include <filesystem>
#include "absl/status/status.h"

namespace aftersales::plugins {

// Metadata of a call, beside the deadline that gRPC carries.
inline constexpr char kIdempotencyKeyMetadata[] = "aftersales-idempotency-key";
inline constexpr char kSellerMetadata[] = "aftersales-seller";
inline constexpr char kAttemptMetadata[] = "aftersales-attempt";
// The host's time at the call, nanoseconds since 1970. It stands during a call, as does the clock
// of a test; between calls the child counts on from it.
inline constexpr char kNowMetadata[] = "aftersales-now-unix-ns";
// Nanoseconds that are left at the start of the call. The deadline that gRPC carries is a little
// later, so that a plugin that keeps to its time can still say so.
inline constexpr char kTimeoutMetadata[] = "aftersales-timeout-ns";
// Behind an answer of UNAVAILABLE, which gRPC says by itself where the connection was lost.
inline constexpr char kAnsweredMetadata[] = "aftersales-answered";

// Serves until standard input ends or SIGTERM comes. FAILED_PRECONDITION where it was not started
// by a host, or the file cannot be loaded.
absl::Status RunPlugin(const std::filesystem::path& file);

}  // namespace aftersales::plugins
