// `aftersales plugin check`: the conformance kit.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/conformance/check.h"
#include "core/conformance/report.h"
#include "core/host/cli/command.h"
#include "core/host/cli/signals.h"
#include "core/host/cli/text.h"

namespace aftersales::cli {
namespace {

using conformance::Outcome;
using conformance::TestResult;
using State = conformance::Outcome::State;

struct CheckFlags {
  std::string path;
  std::vector<std::string> config;
  uint64_t seed = 1;
  std::string group;
  std::string junit;
  std::string json;
  bool only_failed = false;
  bool in_process = false;
  bool list = false;
};

void ListTests(const Terminal& terminal) {
  for (const conformance::TestCase& test : conformance::AllTests()) {
    terminal.out << Pad(test.id, 44) << test.description << "\n";
  }
}

void Explain(const Terminal& terminal, const char* what, std::string_view text) {
  constexpr int kIndent = 18;
  const int width = std::max(30, terminal.width - kIndent);
  bool first = true;
  for (const std::string& line : Wrap(Printable(text), width)) {
    terminal.out << "      " << Pad(first ? what : "", kIndent - 6) << line << "\n";
    first = false;
  }
}

void Print(const Terminal& terminal, const TestResult& result, bool only_failed,
           std::string_view again) {
  const State state = result.outcome.state;
  if (only_failed && state != State::kFailed) return;
  const char* word = state == State::kPassed ? "passed" : state == State::kFailed ? "FAILED" : "-";
  const Style style = state == State::kPassed   ? Style::kGood
                      : state == State::kFailed ? Style::kBad
                                                : Style::kFaint;
  terminal.out << terminal.Paint(Pad(word, 8), style) << Pad(result.id, 44) << result.description
               << "\n";
  if (state == State::kFailed) {
    Explain(terminal, "expected", result.outcome.expected);
    Explain(terminal, "found", result.outcome.found);
    Explain(terminal, "to do", result.outcome.advice);
    Explain(terminal, "again", again);
  } else if (state == State::kSkipped) {
    Explain(terminal, "not run", result.outcome.found);
  }
  terminal.out.flush();
}

absl::Status WriteTo(const std::string& path, const char* flag, const conformance::Report& report,
                     void (*write)(const conformance::Report&, std::ostream&)) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path, std::ios::trunc);
  write(report, file);
  file.close();
  if (!file.fail()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": ", path, " cannot be written; name a file in a folder that can be"));
}

absl::StatusOr<int> Run(const Terminal& terminal, const CheckFlags& flags) {
  if (flags.list) {
    ListTests(terminal);
    return kExitOk;
  }
  if (flags.path.empty()) {
    return absl::InvalidArgumentError(
        "PATH is missing; name the plugin's .so file, or its program");
  }
  conformance::CheckOptions options;
  options.path = flags.path;
  options.seed = flags.seed;
  options.group = flags.group;
  options.in_process = flags.in_process;
  options.host_version = AFTERSALES_VERSION;
  std::error_code error;
  options.program = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const std::string& setting : flags.config) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--config must be KEY=VALUE, such as directory=/tmp/out");
    }
    options.config[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  // Taken, so that no folder with the settings and no process is left behind. Not from a debugger.
  std::optional<SignalWait> signals;
  if (!flags.in_process) {
    signals.emplace();
    options.interrupted = [&signals] { return signals->raised(); };
  }
  conformance::Report named;
  named.path = flags.path;
  named.seed = flags.seed;
  const auto report = conformance::Check(options, [&](const TestResult& result) {
    Print(terminal, result, flags.only_failed, conformance::Again(named, result.id));
  });
  if (!report.ok()) return report.status();
  if (const auto s = WriteTo(flags.junit, "--junit", *report, conformance::WriteJUnit); !s.ok()) {
    return s;
  }
  if (const auto s = WriteTo(flags.json, "--json", *report, conformance::WriteJson); !s.ok()) {
    return s;
  }
  terminal.out << "\n"
               << (report->who.empty() ? flags.path : Printable(report->who)) << ": "
               << report->CountOf(State::kPassed) << " passed, " << report->CountOf(State::kFailed)
               << " failed, " << report->CountOf(State::kSkipped) << " not run (seed "
               << report->seed << ")\n";
  return report->passed() ? kExitOk : kExitRefused;
}

}  // namespace

void AddPluginCheck(CLI::App& app, Commands& commands) {
  const auto there =
      app.get_subcommands([](const CLI::App* command) { return command->get_name() == "plugin"; });
  CLI::App* plugin = there.empty() ? nullptr : there.front();
  if (plugin == nullptr) {
    plugin = app.add_subcommand("plugin", "Write and check plugins");
    plugin->require_subcommand(1);
  }
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* command =
      commands.Add(*plugin, "check", "Check a plugin against the contract, without a host",
                   R"(  aftersales plugin check build/plugins/acme_books.so
  aftersales plugin check acme.so --config base_url=http://localhost:8080 --only-failed
  aftersales plugin check ./acme.plugin --group robustness --seed 7
Every test runs in a process of its own, at most 60 seconds: a crash or hang is a result. What a
test does is done for real, so give it settings of a test account. Exit code 0 when none failed,
1 when one did.)");
  command->add_option("path", flags->path, "The plugin: a .so file, or a program")
      ->option_text("PATH");
  command
      ->add_option("--config", flags->config,
                   "A setting of the plugin; may be given again. What is required and not given "
                   "gets a value of its type")
      ->option_text("KEY=VALUE")
      ->allow_extra_args(false);
  command->add_option("--seed", flags->seed, "Seed of all that is random, 0 to 2^64-1; default 1")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const bool digits = absl::c_all_of(text, absl::ascii_isdigit);
            return digits ? std::string() : "must be a number from 0 to 2^64-1, not " + text;
          },
          ""))
      ->option_text("N");
  command
      ->add_option("--group", flags->group,
                   absl::StrCat("Only one group: ", absl::StrJoin(conformance::Groups(), ", ")))
      ->option_text("GROUP");
  command->add_flag("--only-failed", flags->only_failed, "Print nothing of tests that passed");
  command->add_flag("--in-process", flags->in_process,
                    "Run the tests in this process, for a debugger; a crash ends the check");
  command->add_option("--junit", flags->junit, "Write the report as JUnit XML to a file")
      ->option_text("FILE");
  command->add_option("--json", flags->json, "Write the report as JSON to a file")
      ->option_text("FILE");
  command->add_flag("--list", flags->list, "List all tests, and run none");
  command->callback([&commands, flags] {
    commands.chosen = [&commands, flags] { return Run(commands.terminal, *flags); };
  });
}

}  // namespace aftersales::cli
