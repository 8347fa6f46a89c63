#include "core/plugins/kept_settings.h"

#include <fcntl.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/plugins/plugin_file.h"
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

// Why others than root and the user of this process could have written a file or a folder; empty
// when they could not. The group may write a folder: with a umask of 002 it may nearly everywhere.
std::string NotOurs(const fs::path& path, const struct stat& info) {
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return absl::StrCat("is not to be trusted, since ", path.string(), " belongs to user ",
                        info.st_uid, " (run: chown root ", path.string(), ")");
  }
  const bool folder = S_ISDIR(info.st_mode);
  const mode_t others = folder ? S_IWOTH : S_IWGRP | S_IWOTH;
  if ((info.st_mode & others) == 0 || (folder && (info.st_mode & S_ISVTX) != 0)) return {};
  return absl::StrCat("is not to be trusted, since others can change ", path.string(),
                      folder ? " (run: chmod o-w " : " (run: chmod go-w ", path.string(), ")");
}

// What is wrong with what a file says; empty when nothing is.
std::string ProblemOf(const KeptSettings& settings) {
  for (const KeptPlugin& plugin : settings.plugins()) {
    if (!IsPluginId(plugin.id())) {
      return absl::StrCat("has `", plugin.id().substr(0, 2 * kIdBytesMax),
                          "` for the id of a plugin, which is 1 to 40 of a-z, 0-9 and `-`, "
                          "beginning with a letter");
    }
    if (plugin.pinned() && !fs::path(plugin.path()).is_absolute()) {
      return absl::StrCat("has no absolute path for the plugin ", plugin.id());
    }
    if (!plugin.sha256().empty() && !IsSha256(plugin.sha256())) {
      return absl::StrCat("has a sha256 for the plugin ", plugin.id(),
                          " that is not 64 hexadecimal digits");
    }
  }
  return {};
}

}  // namespace

bool IsPluginId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && absl::ascii_islower(id[0]) &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

absl::StatusOr<KeptSettings> ReadKeptSettings(const fs::path& file) {
  KeptSettings settings;
  struct stat info, folder;
  const absl::StatusOr<std::string> text = ReadRegularFile(file, kFileBytesMax, &info);
  if (absl::IsNotFound(text.status())) return settings;
  std::string problem(text.status().message());
  if (text.ok()) problem = NotOurs(file, info);
  if (problem.empty() && stat(file.parent_path().c_str(), &folder) == 0) {
    problem = NotOurs(file.parent_path(), folder);
  }
  if (problem.empty()) {
    json::JsonParseOptions options;
    options.ignore_unknown_fields = true;  // of a newer host
    const auto parsed = json::JsonStringToMessage(*text, &settings, options);
    problem = parsed.ok() ? ProblemOf(settings)
                          : absl::StrCat("cannot be read: ", std::string(parsed.message()));
    if (problem.empty()) return settings;
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
