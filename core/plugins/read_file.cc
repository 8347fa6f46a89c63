#include "core/plugins/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace aftersales::plugins {
namespace {

absl::Status CannotRead() {
  const std::string why = absl::StrCat("cannot be read: ", std::generic_category().message(errno));
  return errno == ENOENT ? absl::NotFoundError(why) : absl::UnavailableError(why);
}

absl::Status TooLong(size_t max) {
  return absl::OutOfRangeError(max % 1024 == 0 ? absl::StrCat("has more than ", max / 1024, " KiB")
                                               : absl::StrCat("has more than ", max, " bytes"));
}

}  // namespace

absl::StatusOr<std::string> ReadRegularFile(const std::filesystem::path& path, size_t max,
                                            struct stat* info) {
  const int fd = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  // That of a socket, and of a device that is not there.
  if (fd < 0 && errno == ENXIO) return absl::InvalidArgumentError("is not a file");
  if (fd < 0) return CannotRead();
  const absl::Cleanup closed = [fd] { close(fd); };
  struct stat own;
  struct stat& about = info != nullptr ? *info : own;
  if (fstat(fd, &about) != 0) return CannotRead();
  if (!S_ISREG(about.st_mode)) return absl::InvalidArgumentError("is not a file");
  if (static_cast<size_t>(about.st_size) > max) return TooLong(max);
  // Some that the system makes up say that they have no bytes; others grow while they are read.
  std::string bytes(std::max<size_t>(static_cast<size_t>(about.st_size), 4096), '\0');
  size_t have = 0;
  while (true) {
    const ssize_t got = read(fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead();
    if (got == 0) break;
    have += static_cast<size_t>(got);
    if (have > max) return TooLong(max);
    if (have == bytes.size()) bytes.resize(std::min(have * 2, max + 1));
  }
  bytes.resize(have);
  return bytes;
}

}  // namespace aftersales::plugins
