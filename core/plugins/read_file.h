// Files that somebody else may have put there.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace aftersales::plugins {

// The bytes of a regular file, at most `max` of them; never waits for a pipe, and reads no device.
// `info`, if given, gets what the system says of the file. The message goes on from the file's
// name, as "cannot be read: Permission denied".
// NOT_FOUND: there is none. INVALID_ARGUMENT: it is something else than a file. OUT_OF_RANGE: it is
// longer. UNAVAILABLE: it cannot be read.
absl::StatusOr<std::string> ReadRegularFile(const std::filesystem::path& path, size_t max,
                                            struct stat* info = nullptr);

}  // namespace aftersales::plugins
