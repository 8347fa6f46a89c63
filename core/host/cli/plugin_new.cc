#include "core/host/cli/plugin_new.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kNameBytesMax = 40;
// They would be targets of the build, or are words of the language.
constexpr const char* kTakenNames[] = {"all",  "clean",    "help",   "install",    "package",
                                       "test", "tests",    "plugin", "aftersales", "std",
                                       "sdk",  "contract", "build",  "lib"};

absl::Status CheckName(const std::string& name) {
  const auto refuse = [&](std::string why, const char* fix) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_NAME", std::move(why))
        .Field("name", fix);
  };
  const bool spelled = !name.empty() && name.size() <= kNameBytesMax &&
                       absl::ascii_islower(name[0]) && name.back() != '-' &&
                       !absl::StrContains(name, "--") &&
                       std::all_of(name.begin(), name.end(), [](unsigned char c) {
                         return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
                       });
  if (!spelled) {
    return refuse(Cat("`", name, "` cannot be the id of a plugin"),
                  "1 to 40 of a-z, 0-9 and `-`, beginning with a letter, not ending in `-` and "
                  "without `--`, such as acme-books");
  }
  if (std::find(std::begin(kTakenNames), std::end(kTakenNames), name) != std::end(kTakenNames)) {
    return refuse(Cat("`", name, "` means something else to the build"),
                  "another name, such as acme-books");
  }
  return absl::OkStatus();
}

// `acme-books` as `AcmeBooks`, or with a gap as `Acme Books`.
std::string Titled(const std::string& name, const char* gap) {
  std::vector<std::string> words = absl::StrSplit(name, '-');
  for (std::string& word : words) word[0] = absl::ascii_toupper(word[0]);
  return absl::StrJoin(words, gap);
}

// The templates that there are, for a message.
std::string Offered(const fs::path& templates) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(templates, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const size_t dash = name.rfind('-');
    if (dash == std::string::npos) continue;
    names.push_back(Cat("--kind ", name.substr(0, dash), " --lang ", name.substr(dash + 1)));
  }
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

absl::Status WriteError(const fs::path& path, const std::string& why) {
  return Refuse(absl::StatusCode::kFailedPrecondition, "CANNOT_WRITE",
                Cat(path.string(), " cannot be written: ", why));
}

using Words = std::vector<std::pair<std::string, std::string>>;

absl::Status WriteFile(const fs::path& from, const fs::path& to, const Words& words) {
  std::ifstream in(from, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NO_TEMPLATE",
                  Cat(from.string(), " cannot be read; install the SDK again"));
  }
  std::ofstream out(to, std::ios::binary);
  out << absl::StrReplaceAll(text, words);
  out.close();
  if (!out) return WriteError(to, std::strerror(errno));
  // The host refuses plugins that others may write, whatever the umask is.
  const bool program = (fs::status(from).permissions() & fs::perms::owner_exec) != fs::perms::none;
  std::error_code error;
  fs::permissions(to, static_cast<fs::perms>(program ? 0755 : 0644), error);
  return error ? WriteError(to, error.message()) : absl::OkStatus();
}

absl::Status WriteFiles(const fs::path& from, const fs::path& to, const Words& words) {
  std::error_code error;
  fs::permissions(to, static_cast<fs::perms>(0755), error);
  for (fs::directory_iterator entry(from, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const fs::path path = entry->path();
    const std::string name = path.extension() == ".in" ? path.stem() : path.filename();
    if (absl::Status s = WriteFile(path, to / absl::StrReplaceAll(name, words), words); !s.ok()) {
      return s;
    }
  }
  return error ? WriteError(to, error.message()) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<fs::path> WriteNewPlugin(const NewPlugin& wanted) {
  if (absl::Status s = CheckName(wanted.name); !s.ok()) return s;
  const fs::path from = wanted.templates / Cat(wanted.kind, "-", wanted.language);
  if (!fs::is_directory(from)) {
    const std::string offered = Offered(wanted.templates);
    if (offered.empty()) {
      return Refuse(absl::StatusCode::kFailedPrecondition, "NO_TEMPLATE",
                    Cat("no templates in ", wanted.templates.string(),
                        "; install Aftersales with its SDK, and run the program from there"));
    }
    return Refuse(absl::StatusCode::kInvalidArgument, "NO_TEMPLATE",
                  Cat("there is no template of that kind in that language; there are ", offered))
        .Field("kind", "one that there is a template of");
  }
  std::error_code error;
  if (!fs::is_directory(wanted.directory, error)) {
    const std::string folder = wanted.directory.string();
    return Refuse(absl::StatusCode::kFailedPrecondition, "CANNOT_WRITE",
                  Cat("the folder ", folder, ", in which ", wanted.name, " would be made, ",
                      fs::exists(wanted.directory, error) ? "is a file" : "is not there"))
        .Field("dir", Cat("a folder that is there; mkdir -p ", folder, " makes it"));
  }
  const fs::path to = wanted.directory / wanted.name;
  if (!fs::create_directory(to, error)) {
    if (error) return WriteError(to, error.message());
    return Refuse(absl::StatusCode::kAlreadyExists, "FOLDER_EXISTS",
                  Cat(to.string(), " is there already, and nothing in it was changed"))
        .Field("name", "another name, or another folder with --dir");
  }
  const std::string snake = absl::StrReplaceAll(wanted.name, {{"-", "_"}});
  const Words words = {{"@NAME@", wanted.name},
                       {"@SNAKE@", snake},
                       {"__snake__", snake},
                       {"@CLASS@", Titled(wanted.name, "")},
                       {"@DISPLAY@", Titled(wanted.name, " ")},
                       {"@PREFIX@", wanted.prefix.string()}};
  if (absl::Status s = WriteFiles(from, to, words); !s.ok()) {
    fs::remove_all(to, error);
    return s;
  }
  return to;
}

}  // namespace aftersales::cli
