// What gRPC and protobuf have to say goes into the host's own log.
#pragma once

namespace aftersales::host {

// Both libraries write plain lines to stderr otherwise, between the lines of a log that may be
// JSON. At most one line a second from each place in their code, which says how many were left out:
// what callers send must not fill the disk. Of the whole process, plugins included: their
// libprotobuf-lite finds the host's functions first. More than once does nothing more.
void TakeLibraryLogs();

}  // namespace aftersales::host
