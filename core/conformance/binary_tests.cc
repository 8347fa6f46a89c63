// What the file shows, and how it loads.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "aftersales/plugin.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"
#include "core/plugins/plugin_file.h"

namespace aftersales::conformance {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr char kBuild[] = "build it with aftersales_add_plugin";
constexpr absl::Duration kScanTime = absl::Milliseconds(100);

absl::StatusOr<plugins::SharedObject> Read(const Subject& subject) {
  std::ifstream file(subject.options().path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return plugins::ReadSharedObject(bytes);
}

Outcome Unreadable(const absl::Status& status) {
  return Fail("a shared object for this machine", Text(status), kBuild);
}

Outcome ExportsEntryOnly(Subject& subject) {
  const auto object = Read(subject);
  if (!object.ok()) return Unreadable(object.status());
  if (object->exported == std::vector<std::string>{AFTERSALES_ENTRY_SYMBOL}) return Pass();
  std::vector<std::string> shown = object->exported;
  shown.resize(std::min<size_t>(shown.size(), 5));
  return Fail(absl::StrCat("the one exported symbol ", AFTERSALES_ENTRY_SYMBOL),
              absl::StrCat(object->exported.size(), " symbols: ", absl::StrJoin(shown, ", ")),
              kBuild);
}

Outcome NeedsNoForeignRuntime(Subject& subject) {
  const auto object = Read(subject);
  if (!object.ok()) return Unreadable(object.status());
  for (const std::string& name : object->needed) {
    for (const char* prefix : {"libprotobuf.so", "libprotoc", "libgrpc", "libgpr.so", "libspdlog",
                               "libabsl_", "libopentelemetry", "libjvm", "libpython", "libmono"}) {
      if (!absl::StartsWith(name, prefix)) continue;
      return Fail("no library that the host has too, or that takes a process for itself",
                  absl::StrCat("it needs ", name),
                  absl::StrCat(kBuild, " without it, or make the plugin a program of its own"));
    }
  }
  for (const std::string& name : object->undefined) {
    if (absl::StrContains(name, "protobuf8internal") && absl::StrContains(name, "AddDescriptors")) {
      return Fail("messages of protobuf lite", "messages of full protobuf, which abort the host",
                  "generate them with `protoc --cpp_out=lite:`, or use aftersales_add_plugin");
    }
  }
  return Pass();
}

Outcome HasNoUniqueSymbols(Subject& subject) {
  const auto object = Read(subject);
  if (!object.ok()) return Unreadable(object.status());
  if (object->unique.empty()) return Pass();
  return Fail("no GNU_UNIQUE symbols, which are shared with every other plugin",
              absl::StrJoin(object->unique, ", "), "compile with -fno-gnu-unique");
}

Outcome HasNoExecutableStack(Subject& subject) {
  const auto object = Read(subject);
  if (!object.ok()) return Unreadable(object.status());
  if (!object->executable_stack) return Pass();
  return Fail("a stack that cannot be executed", "a PT_GNU_STACK that is executable, or none",
              "link with -Wl,-z,noexecstack; assembler files need a .note.GNU-stack section");
}

Outcome IsTakenByTheHost(Subject& subject) {
  const auto file = plugins::CheckPluginFile(subject.options().path);
  if (file.ok()) return Pass();
  return Fail("a file that the host loads", Text(file.status()), "do what the host says");
}

Outcome LoadsTwice(Subject& subject) {
  for (const char* time : {"first", "second"}) {
    const auto session = subject.OpenUnconfigured();
    if (!session.ok()) {
      return Fail(absl::StrCat("to load and to describe itself the ", time, " time"),
                  Text(session.status()),
                  "the entry may be called again, and must then give the same answer");
    }
  }
  return Pass();
}

Outcome ScansFast(Subject& subject) {
  // The best of some: the machine may be busy with other things.
  absl::Duration best = absl::InfiniteDuration();
  for (int i = 0; i < 20 && best > kScanTime; ++i) {
    const auto start = SteadyClock::now();
    const auto session = subject.OpenUnconfigured();
    best = std::min(best, absl::FromChrono(SteadyClock::now() - start));
    if (!session.ok()) {
      return Fail("to load and to describe itself", Text(session.status()), "see lifecycle.starts");
    }
  }
  if (best <= kScanTime) return Pass();
  return Fail(absl::StrCat("to be loaded and described within ", absl::FormatDuration(kScanTime)),
              absl::FormatDuration(best),
              "do no I/O and no long work in static constructors, the entry, the constructor of "
              "the plugin and Describe; Configure is the place for it");
}

}  // namespace

std::vector<TestCase> BinaryTests() {
  std::vector<TestCase> tests;
  const auto add = [&](const char* id, const char* description, Outcome (*run)(Subject&),
                       bool without_start) {
    TestCase test;
    test.id = id;
    test.description = description;
    test.run = run;
    test.shared_object_only = true;
    test.without_start = without_start;
    tests.push_back(std::move(test));
  };
  add("binary.exports_entry_only", "It exports the entry and nothing else.", ExportsEntryOnly,
      true);
  add("binary.needs_no_foreign_runtime", "It is linked against nothing that clashes with the host.",
      NeedsNoForeignRuntime, true);
  add("binary.no_unique_symbols", "It has no symbols that are shared in the whole process.",
      HasNoUniqueSymbols, true);
  add("binary.no_executable_stack", "It does not make the stack executable.", HasNoExecutableStack,
      true);
  add("binary.taken_by_the_host", "Its file, owner and mode are such that a host loads it.",
      IsTakenByTheHost, true);
  add("binary.loads_twice", "It can be loaded and asked for its functions again.", LoadsTwice,
      false);
  add("binary.scans_fast", "It is loaded and described within a tenth of a second.", ScansFast,
      false);
  return tests;
}

}  // namespace aftersales::conformance
