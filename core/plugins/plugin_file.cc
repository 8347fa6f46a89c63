#include "core/plugins/plugin_file.h"

#include <elf.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "aftersales/plugin.h"
#include "core/plugins/read_file.h"
#include "core/plugins/utf8.h"
#include "core/status/text.h"

namespace aftersales::plugins {
namespace {

// Plugins with debug information have some 10 MB. More is a mistake, and the file is read whole.
constexpr size_t kFileBytesMax = 512u << 20;
constexpr size_t kManifestBytesMax = 64u << 10;

#if defined(__x86_64__)
constexpr uint16_t kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kMachine = EM_AARCH64;
#else
#error "add the ELF machine number of this processor"
#endif
static_assert(sizeof(void*) == 8 && std::endian::native == std::endian::little);

absl::Status Broken(std::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("is not a usable shared object: ", std::string(what), "; build it again with ",
                   "aftersales_add_plugin, or copy it again"));
}

// Struct at an offset, if all of it lies in the file.
template <typename T>
std::optional<T> At(std::string_view bytes, uint64_t offset) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Content of a section, if all of it lies in the file.
std::optional<std::string_view> Content(std::string_view bytes, const Elf64_Shdr& section) {
  if (section.sh_offset > bytes.size() || bytes.size() - section.sh_offset < section.sh_size) {
    return std::nullopt;
  }
  return bytes.substr(section.sh_offset, section.sh_size);
}

// NUL-terminated name in a string table, if it ends within it.
std::optional<std::string> Name(std::string_view table, uint64_t offset) {
  if (offset >= table.size()) return std::nullopt;
  const size_t end = table.find('\0', offset);
  if (end == std::string_view::npos) return std::nullopt;
  return std::string(table.substr(offset, end - offset));
}

bool AddSymbols(std::string_view symbols, std::string_view names, SharedObject* object) {
  // Marks that the linker itself sets in every object, not exports of anybody.
  static constexpr std::string_view kLinkerMarks[] = {"_init", "_fini", "_edata", "_end",
                                                      "__bss_start"};
  for (uint64_t offset = 0; offset + sizeof(Elf64_Sym) <= symbols.size();
       offset += sizeof(Elf64_Sym)) {
    const Elf64_Sym symbol = *At<Elf64_Sym>(symbols, offset);
    const int visibility = ELF64_ST_VISIBILITY(symbol.st_other);
    if (ELF64_ST_BIND(symbol.st_info) == STB_LOCAL || visibility == STV_HIDDEN ||
        visibility == STV_INTERNAL) {
      continue;
    }
    std::optional<std::string> name = Name(names, symbol.st_name);
    if (!name.has_value()) return false;
    if (name->empty()) continue;
    if (symbol.st_shndx == SHN_UNDEF) {
      object->undefined.push_back(*std::move(name));
    } else if (std::find(std::begin(kLinkerMarks), std::end(kLinkerMarks), *name) ==
               std::end(kLinkerMarks)) {
      if (ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE) object->unique.push_back(*name);
      object->exported.push_back(*std::move(name));
    }
  }
  return true;
}

bool AddNeeded(std::string_view entries, std::string_view names, SharedObject* object) {
  for (uint64_t offset = 0; offset + sizeof(Elf64_Dyn) <= entries.size();
       offset += sizeof(Elf64_Dyn)) {
    const Elf64_Dyn entry = *At<Elf64_Dyn>(entries, offset);
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag != DT_NEEDED) continue;
    std::optional<std::string> name = Name(names, entry.d_un.d_val);
    if (!name.has_value()) return false;
    object->needed.push_back(*std::move(name));
  }
  return true;
}

bool IsOurs(const struct stat& info) { return info.st_uid == 0 || info.st_uid == geteuid(); }

// In a folder with the sticky bit, such as /tmp, others can add files but replace none.
bool IsSticky(const struct stat& info) {
  return S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
}

// Refuses what somebody else than root or the user of this process could have put there.
absl::Status CheckOwnership(const std::filesystem::path& path, const struct stat& info) {
  const std::string name = Utf8(path.string());
  if (!IsOurs(info)) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " belongs to user ", info.st_uid,
                     ", who could change it at any time; run: chown root ", name));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !IsSticky(info)) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s can be changed by %s (mode %04o); run: chmod go-w %s", name,
        (info.st_mode & S_IWOTH) != 0 ? "everyone" : "its group", info.st_mode & 07777u, name));
  }
  return absl::OkStatus();
}

absl::Status CannotLookAt(const std::filesystem::path& path) {
  return absl::FailedPreconditionError(
      absl::StrCat("cannot look at ", Utf8(path.string()), ": ", std::strerror(errno)));
}

// Refuses a folder that lies in one which others could rename away and put another in its place.
// Groups are let be: with a umask of 002 they may write nearly everywhere.
absl::Status CheckFoldersAbove(const std::filesystem::path& folder) {
  for (std::filesystem::path above = folder; above != above.parent_path();) {
    above = above.parent_path();
    if (above.empty()) break;
    struct stat info;
    if (stat(above.c_str(), &info) != 0) return CannotLookAt(above);
    const std::string name = Utf8(above.string());
    if (!IsOurs(info)) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, " belongs to user ", info.st_uid, ", who could put another ",
                       Utf8(folder.string()), " there; run: chown root ", name));
    }
    if ((info.st_mode & S_IWOTH) != 0 && !IsSticky(info)) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "%s can be changed by everyone (mode %04o), and so they could put another %s there; "
          "run: chmod o-w %s",
          name, info.st_mode & 07777u, Utf8(folder.string()), name));
    }
  }
  return absl::OkStatus();
}

std::string Sha256(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

bool BeginsAsProgram(std::string_view bytes) {
  return bytes.substr(0, SELFMAG) == std::string_view(ELFMAG, SELFMAG) ||
         bytes.substr(0, 2) == "#!";
}

absl::Status CheckIsProgram(std::string_view bytes) {
  if (BeginsAsProgram(bytes)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "is no program: it begins neither with ELF nor with `#!` and the name of its interpreter; "
      "name the plugin's .so file, or its program");
}

// The bytes of a file that only root and the user of this process could have put there. What it is
// goes first, if that is asked: how to own what is no plugin helps nobody.
absl::StatusOr<std::string> ReadTrusted(const std::filesystem::path& path, size_t max,
                                        absl::Status (*is)(std::string_view bytes) = nullptr) {
  struct stat info;
  absl::StatusOr<std::string> bytes = ReadRegularFile(path, max, &info);
  if (!bytes.ok()) return bytes;
  if (is != nullptr) {
    if (absl::Status status = is(*bytes); !status.ok()) return status;
  }
  if (absl::Status status = CheckOwnership(path, info); !status.ok()) return status;
  if (absl::Status status = CheckPluginFolder(path.parent_path()); !status.ok()) return status;
  // Of a link both folders count: that of the link, and where the file is.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error) return absl::FailedPreconditionError(Cat("cannot be read: ", error.message()));
  if (real == path) return bytes;
  if (absl::Status status = CheckPluginFolder(real.parent_path()); !status.ok()) return status;
  return bytes;
}

absl::StatusOr<std::string> ReadPlugin(const std::filesystem::path& path,
                                       absl::Status (*is)(std::string_view bytes) = nullptr) {
  absl::StatusOr<std::string> bytes = ReadTrusted(path, kFileBytesMax, is);
  if (absl::IsInvalidArgument(bytes.status())) {
    return absl::FailedPreconditionError("is not a file; name the plugin's file itself");
  }
  if (absl::IsOutOfRange(bytes.status())) return Broken(View(bytes.status().message()));
  if (!bytes.ok()) return absl::FailedPreconditionError(bytes.status().message());
  return bytes;
}

// What the manifest beside a plugin says of its checksum. Empty when there is none.
absl::StatusOr<std::string> ManifestSha256(const std::filesystem::path& plugin) {
  std::filesystem::path file = plugin;
  file.replace_extension(".plugin.json");
  const auto bad = [&](std::string_view why) {
    return absl::FailedPreconditionError(
        Cat("has a manifest, ", Utf8(file.string()), ", that ", why));
  };
  const absl::StatusOr<std::string> text = ReadTrusted(file, kManifestBytesMax);
  if (absl::IsNotFound(text.status())) {
    // A link to nothing says that there should be one.
    struct stat link;
    if (lstat(file.c_str(), &link) != 0) return std::string();
    return bad("is a link to a file that is not there; put that file there, or remove the link");
  }
  if (absl::IsFailedPrecondition(text.status())) {
    return bad(Cat("is not to be trusted: ", View(text.status().message())));
  }
  const auto manifest = nlohmann::json::parse(text.ok() ? *text : std::string(), nullptr,
                                              /*allow_exceptions=*/false);
  const auto found = manifest.is_object() ? manifest.find("sha256") : manifest.end();
  if (!manifest.is_object() || found == manifest.end() || !found->is_string() ||
      !IsSha256(found->get<std::string>())) {
    return bad("cannot be read; it is JSON with `sha256`, as aftersales_add_plugin writes it");
  }
  return found->get<std::string>();
}

}  // namespace

absl::Status CheckPluginFolder(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(folder, error);
  struct stat info;
  if (stat(whole.c_str(), &info) != 0) return CannotLookAt(whole);
  if (absl::Status status = CheckOwnership(whole, info); !status.ok()) return status;
  return CheckFoldersAbove(whole);
}

absl::Status CheckBeginsAsProgram(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(SELFMAG, '\0');
  file.read(bytes.data(), SELFMAG);
  bytes.resize(static_cast<size_t>(file.gcount()));
  return CheckIsProgram(bytes);
}

bool IsSha256(std::string_view text) {
  return text.size() == 2 * SHA256_DIGEST_LENGTH &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isxdigit(c); });
}

absl::StatusOr<SharedObject> ReadSharedObject(std::string_view bytes) {
  const std::optional<Elf64_Ehdr> header = At<Elf64_Ehdr>(bytes, 0);
  if (!header.has_value() || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return Broken("it does not start as an ELF file");
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != kMachine) {
    return Broken(absl::StrCat("it is for another machine (ELF machine ", header->e_machine,
                               ", this host is ", kMachine, ")"));
  }
  if (header->e_type != ET_DYN) return Broken("it is not of the type that can be loaded");
  if (header->e_shentsize != sizeof(Elf64_Shdr)) return Broken("it has no section headers");

  std::vector<Elf64_Shdr> sections;
  for (uint64_t i = 0; i < header->e_shnum; ++i) {
    // Both factors are 16 bit wide; e_shoff alone can be anything.
    if (header->e_shoff > bytes.size()) return Broken("it is cut off");
    const auto section = At<Elf64_Shdr>(bytes, header->e_shoff + i * sizeof(Elf64_Shdr));
    if (!section.has_value()) return Broken("it is cut off");
    sections.push_back(*section);
  }
  SharedObject object;
  // One that says nothing of the stack is taken by the system to want it so.
  object.executable_stack = true;
  for (uint64_t i = 0; i < header->e_phnum; ++i) {
    if (header->e_phoff > bytes.size()) return Broken("it is cut off");
    const auto segment = At<Elf64_Phdr>(bytes, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment.has_value()) return Broken("it is cut off");
    if (segment->p_type == PT_GNU_STACK) object.executable_stack = (segment->p_flags & PF_X) != 0;
  }
  bool has_symbols = false;
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_DYNSYM && section.sh_type != SHT_DYNAMIC) continue;
    if (section.sh_link >= sections.size()) return Broken("a section names no string table");
    const auto content = Content(bytes, section);
    const auto names = Content(bytes, sections[section.sh_link]);
    if (!content.has_value() || !names.has_value()) return Broken("it is cut off");
    const bool read = section.sh_type == SHT_DYNSYM ? AddSymbols(*content, *names, &object)
                                                    : AddNeeded(*content, *names, &object);
    if (!read) return Broken("a name lies outside of its string table");
    has_symbols = has_symbols || section.sh_type == SHT_DYNSYM;
  }
  if (!has_symbols) return Broken("it has no table of dynamic symbols");
  return object;
}

absl::Status CheckSha256(std::string_view sha256, std::string_view wanted,
                         std::string_view source) {
  if (wanted.empty() || absl::EqualsIgnoreCase(absl::string_view(wanted.data(), wanted.size()),
                                               absl::string_view(sha256.data(), sha256.size()))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("has the SHA-256 ", std::string(sha256), ", but ", std::string(source), " says ",
                   std::string(wanted.substr(0, 64)),
                   "; it is another file than the one that was meant, so get it again, or correct "
                   "what says so"));
}

namespace {

// The checksum of a file, if its manifest agrees.
absl::StatusOr<std::string> CheckedSha256(const std::filesystem::path& path,
                                          std::string_view bytes) {
  const auto manifest = ManifestSha256(path);
  if (!manifest.ok()) return manifest.status();
  std::string sha256 = Sha256(bytes);
  if (absl::Status status = CheckSha256(sha256, *manifest, "its manifest"); !status.ok()) {
    return status;
  }
  return sha256;
}

}  // namespace

bool IsPluginProgram(const std::filesystem::path& path) { return path.extension() != ".so"; }

absl::StatusOr<std::string> CheckPluginProgram(const std::filesystem::path& path) {
  const auto bytes = ReadPlugin(path, CheckIsProgram);
  if (!bytes.ok()) return bytes.status();
  if (const auto object = ReadSharedObject(*bytes);
      object.ok() && std::find(object->exported.begin(), object->exported.end(),
                               AFTERSALES_ENTRY_SYMBOL) != object->exported.end()) {
    return absl::FailedPreconditionError(
        "is a shared object under the name of a program; give it a name that ends in .so");
  }
  if (access(path.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("is no shared object by its name, and cannot be executed as a program: ",
                     std::strerror(errno), "; run: chmod +x ", Utf8(path.string()),
                     ", or give a shared object a name that ends in .so"));
  }
  return CheckedSha256(path, *bytes);
}

absl::StatusOr<std::string> CheckPluginFile(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> bytes = ReadPlugin(path);
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<SharedObject> object = ReadSharedObject(*bytes);
  if (!object.ok()) return object.status();

  for (const std::string& name : object->needed) {
    // libprotobuf-lite is the one that plugins use.
    if (absl::StartsWith(name, "libprotobuf.so") || absl::StartsWith(name, "libgrpc") ||
        absl::StartsWith(name, "libgpr.so") || absl::StartsWith(name, "libspdlog")) {
      return absl::FailedPreconditionError(absl::StrCat(
          "is linked against ", name, ", which the host has too, and two of them in one process ",
          "abort it; build the plugin with aftersales_add_plugin, which uses protobuf lite, and ",
          "leave that library out"));
    }
  }
  for (const std::string& name : object->undefined) {
    if (absl::StrContains(name, "protobuf8internal") && absl::StrContains(name, "AddDescriptors")) {
      return absl::FailedPreconditionError(
          "has messages of full protobuf, which would be registered a second time in the host and "
          "abort it; generate them with `protoc --cpp_out=lite:` or use aftersales_add_plugin");
    }
  }
  std::vector<std::string> extra = object->exported;
  const auto entry = std::find(extra.begin(), extra.end(), AFTERSALES_ENTRY_SYMBOL);
  if (entry == extra.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "does not export ", AFTERSALES_ENTRY_SYMBOL,
        ", so it is not a plugin; register the class with AFTERSALES_PLUGIN(Class) in one .cc"));
  }
  extra.erase(entry);
  if (!extra.empty()) {
    constexpr size_t kShown = 3;
    const size_t count = extra.size();
    extra.resize(std::min(count, kShown));
    return absl::FailedPreconditionError(absl::StrCat(
        "exports ", count, " symbols besides ", AFTERSALES_ENTRY_SYMBOL, " (",
        absl::StrJoin(extra, ", "), count > kShown ? ", ..." : "",
        "), which could be mixed up with the host's; build it with aftersales_add_plugin, which ",
        "hides them"));
  }
  return CheckedSha256(path, *bytes);
}

}  // namespace aftersales::plugins
