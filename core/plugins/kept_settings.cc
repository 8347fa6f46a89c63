#include "core/plugins/kept_settings.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/plugins/read_file.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
namespace json = google::protobuf::util;

// Descriptions of all plugins have some 100 KB.
constexpr size_t kFileBytesMax = 64u << 20;

absl::Status CannotWrite(const fs::path& file) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return absl::UnavailableError(
      absl::StrCat(file.string(), " cannot be written: ", std::generic_category().message(errno),
                   "; nothing was changed, ",
                   full ? "make room there" : "make the folder writable for the user of the host"));
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return fsync(fd) == 0;
}

}  // namespace

absl::StatusOr<KeptSettings> ReadKeptSettings(const fs::path& file) {
  KeptSettings settings;
  const absl::StatusOr<std::string> text = ReadRegularFile(file, kFileBytesMax);
  if (absl::IsNotFound(text.status())) return settings;
  std::string problem(text.status().message());
  if (text.ok()) {
    json::JsonParseOptions options;
    options.ignore_unknown_fields = true;  // of a newer host
    const auto parsed = json::JsonStringToMessage(*text, &settings, options);
    if (parsed.ok()) return settings;
    problem = absl::StrCat("cannot be read: ", std::string(parsed.message()));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(file.string(), ", in which is kept what was set about plugins, ", problem,
                   "; mend it, or remove it to go on with what the options of the host say"));
}

absl::Status WriteKeptSettings(const fs::path& file, const KeptSettings& settings) {
  std::string text;
  json::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  const auto printed = json::MessageToJsonString(settings, &text, options);
  if (!printed.ok()) return absl::InternalError(std::string(printed.message()));
  const fs::path next = file.string() + ".next";
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return CannotWrite(next);
  const bool written = WriteAll(fd, text);
  if (close(fd) != 0 || !written) return CannotWrite(next);
  if (rename(next.c_str(), file.c_str()) != 0) return CannotWrite(file);
  const int folder = open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return CannotWrite(file);
  const absl::Cleanup closed = [folder] { close(folder); };
  return fsync(folder) == 0 ? absl::OkStatus() : CannotWrite(file);
}

}  // namespace aftersales::plugins
