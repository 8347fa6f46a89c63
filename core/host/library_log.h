// What gRPC and protobuf have to say goes into the host's own log.
#pragma once

#include <string>

namespace aftersales::host {

// Both libraries write plain lines to stderr otherwise, between the lines of a log that may be
// JSON. At most one line a second from each place in their code, which says how many were left out:
// what callers send must not fill the disk. Of the whole process, plugins included: their
// libprotobuf-lite finds the host's functions first. More than once does nothing more.
void TakeLibraryLogs();

// While one lives, gRPC's lines are kept instead of logged: who starts a server says in one
// sentence why it did not start.
class GrpcLogPause {
 public:
  GrpcLogPause();
  ~GrpcLogPause();
  GrpcLogPause(const GrpcLogPause&) = delete;
  GrpcLogPause& operator=(const GrpcLogPause&) = delete;

  // What the system said, such as `Address already in use`; empty if it said nothing.
  std::string SystemError() const;
};

}  // namespace aftersales::host
