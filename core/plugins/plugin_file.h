// Looks at a plugin file before any of its code runs.
//
// Loading runs static constructors, and one that registers protobuf descriptors a second time
// aborts the host inside dlopen without an error that could be caught. So what can be told from the
// file alone is told from the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aftersales::plugins {

// Dynamic symbols and dependencies of a shared object.
struct SharedObject {
  // Names that other objects can bind to.
  std::vector<std::string> exported;
  // Names that it takes from other objects.
  std::vector<std::string> undefined;
  // Names of the objects that it is linked against (DT_NEEDED).
  std::vector<std::string> needed;
  // Exported names of which a process has one only, whatever is loaded (STB_GNU_UNIQUE).
  std::vector<std::string> unique;
  // Whether it makes the stack of its process executable, which only broken code needs.
  bool executable_stack = false;
};

// Reads a shared object from the bytes of its file. FAILED_PRECONDITION says what is wrong with it:
// not ELF, of another machine, not a shared object, cut off. Never reads outside of `bytes`.
//
// Boost's library_info would list symbols, but Debian's 1.74 reads the table that `strip` removes,
// does not check offsets against the file, and knows nothing of DT_NEEDED.
absl::StatusOr<SharedObject> ReadSharedObject(std::string_view bytes);

// Whether a file may be loaded as a plugin. FAILED_PRECONDITION says in one text what is wrong and
// what to do. Asked are: the file and its folder are owned by root or by the user of this process,
// and cannot be changed by others; it is a shared object for this machine; it exports the entry and
// nothing else; it does not bring full protobuf, gRPC or spdlog; it has the checksum that its
// manifest, `<name>.plugin.json` beside it, says, if there is one, for which owners and modes count
// likewise. Answers the SHA-256 of its bytes, in hexadecimal.
absl::StatusOr<std::string> CheckPluginFile(const std::filesystem::path& path);

// Whether a folder is owned by root or by the user of this process, and cannot be changed by others
// (but for the sticky bit, as /tmp has it); and whether those above it, up to the root, have such
// an owner and cannot be changed by everyone. FAILED_PRECONDITION says which it is and what to do.
absl::Status CheckPluginFolder(const std::filesystem::path& folder);

// Whether `sha256` is that of a file: any is when none is `wanted`. FAILED_PRECONDITION.
absl::Status CheckSha256(std::string_view sha256, std::string_view wanted, std::string_view source);

// Whether a text is a SHA-256 in hexadecimal.
bool IsSha256(std::string_view text);

// Whether a file begins as a program does: with ELF or with `#!`. FAILED_PRECONDITION.
absl::Status CheckBeginsAsProgram(const std::filesystem::path& path);

// Whether a plugin is a program to be started, and not a shared object: whether its name ends in
// anything but `.so`.
bool IsPluginProgram(const std::filesystem::path& path);

// The same of a program. Asked are: that it begins as one; owners and modes, as of a shared object;
// and that this process may execute it. What it is built of is its own business, since it runs in a
// process of its own.
absl::StatusOr<std::string> CheckPluginProgram(const std::filesystem::path& path);

}  // namespace aftersales::plugins
