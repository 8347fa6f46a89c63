// `aftersales import`: report files of a marketplace, streamed to the host.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

constexpr size_t kChunkBytes = 256 << 10;  // a quarter of what the service takes at once
constexpr double kTimeoutSeconds = 3600;   // a file of millions of rows takes its time

struct ImportOptions : Connection {
  std::vector<std::string> files;
  std::string channel;
  std::string report_type;
  std::string charset;
  bool validate_only = false;
  int problems_shown = 20;
};

// A moving bar on stderr, at most ten times a second, gone when the import is done.
class Progress {
 public:
  Progress(const Terminal& terminal, std::string_view file_name, int64_t total_bytes)
      : terminal_(terminal), name_(Truncate(Printable(file_name), 30)), total_(total_bytes) {}
  ~Progress() {
    if (shown_) terminal_.err << "\r\x1b[K" << std::flush;
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Sent(int64_t bytes) {
    sent_ += bytes;
    const absl::Time now = absl::Now();
    if (!terminal_.progress || now - last_ < absl::Milliseconds(100)) return;
    last_ = now;
    shown_ = true;
    constexpr int kBar = 30;
    const double mebibytes = static_cast<double>(sent_) / (1 << 20);
    if (total_ <= 0) {
      terminal_.err << absl::StreamFormat("\r%s  %.1f MiB", name_, mebibytes) << std::flush;
      return;
    }
    const int done = static_cast<int>(std::min<int64_t>(kBar, sent_ * kBar / total_));
    terminal_.err << absl::StreamFormat("\r%s  [%s%s] %3d%%  %.1f MiB", name_,
                                        std::string(done, '#'), std::string(kBar - done, '.'),
                                        std::min<int64_t>(100, sent_ * 100 / total_), mebibytes)
                  << std::flush;
  }

 private:
  const Terminal& terminal_;
  std::string name_;
  int64_t total_;
  int64_t sent_ = 0;
  absl::Time last_ = absl::Now();  // a short import shows no bar at all
  bool shown_ = false;
};

absl::Status ReadError(const std::string& file) {
  return Refuse(absl::StatusCode::kInvalidArgument, "UNREADABLE_FILE",
                Cat("cannot read ", file, ": ", std::strerror(errno)));
}

// Streams one file; never holds more than one chunk of it.
absl::StatusOr<v1::ImportReportResponse> Send(const Session& session, const ImportOptions& options,
                                              const std::string& channel, const std::string& file) {
  std::ifstream opened;
  const bool from_stdin = file == "-";
  int64_t size = 0;
  if (!from_stdin) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) return ReadError(file);
    if (S_ISDIR(info.st_mode)) {
      errno = EISDIR;
      return ReadError(file);
    }
    size = info.st_size;
    opened.open(file, std::ios::binary);
    if (!opened) return ReadError(file);
  }
  std::istream& input = from_stdin ? std::cin : opened;

  v1::ImportReportResponse response;
  const std::unique_ptr<grpc::ClientContext> context = session.client.NewContext();
  const auto stub = v1::ChannelService::NewStub(session.client.channel());
  const auto writer = stub->ImportReport(context.get(), &response);
  v1::ImportReportRequest request;
  request.mutable_header()->set_channel(channel);
  request.mutable_header()->set_report_type(options.report_type);
  request.mutable_header()->set_charset(options.charset);
  request.mutable_header()->set_validate_only(options.validate_only);
  request.mutable_header()->set_file_name(
      from_stdin ? "stdin" : std::filesystem::path(file).filename().string());

  Progress progress(session.terminal, request.header().file_name(), size);
  bool open = writer->Write(request);
  std::string chunk;
  while (open) {
    chunk.resize(kChunkBytes);
    input.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (input.bad()) {
      context->TryCancel();
      (void)writer->Finish();
      return ReadError(file);
    }
    chunk.resize(static_cast<size_t>(input.gcount()));
    if (chunk.empty()) break;
    request.mutable_chunk()->swap(chunk);
    open = writer->Write(request);
    request.mutable_chunk()->swap(chunk);
    progress.Sent(static_cast<int64_t>(chunk.size()));
  }
  // A refused import closes the stream early; its reason comes with Finish().
  if (open) writer->WritesDone();
  if (absl::Status status = session.client.ToStatus(writer->Finish()); !status.ok()) return status;
  return response;
}

std::string Rows(int64_t count) { return Cat(count, count == 1 ? " row" : " rows"); }

void Print(const Session& session, const ImportOptions& options, const std::string& file,
           const v1::ImportReportResponse& response) {
  const Terminal& terminal = session.terminal;
  terminal.out << terminal.Paint(Printable(std::filesystem::path(file).filename().string()),
                                 Style::kHeading)
               << '\n';
  std::string summary =
      Cat(response.report_type(), ", ", Rows(response.row_count()), ", ", response.charset());
  if (options.validate_only) summary += Cat("; checked only, nothing stored");
  PrintParagraph(terminal, summary, "  ");
  for (const v1::ImportCount& count : response.counts()) {
    PrintParagraph(terminal,
                   Cat(Pad(count.kind(), 10), count.created(), " new, ", count.updated(),
                       " changed, ", count.unchanged(), " known"),
                   "  ");
  }
  if (response.problem_count() == 0) return;
  terminal.out << "  "
               << terminal.Paint(Cat(response.skipped_count(), " skipped, ",
                                     response.problem_count() - response.skipped_count(),
                                     " taken with a warning"),
                                 response.skipped_count() > 0 ? Style::kWarn : Style::kPlain)
               << '\n';
  Table table({{"LINE", Table::Align::kRight},
               {"COLUMN", {}, Table::Fit::kTruncate},
               {"ROW"},
               {"REASON"},
               {"WHAT IS WRONG", {}, Table::Fit::kWrap}},
              4);
  int shown = 0;
  for (const v1::ImportProblem& problem : response.problems()) {
    if (shown++ == options.problems_shown) break;
    table.Add({problem.line() > 0 ? Cat(problem.line()) : "file",
               problem.column(),
               {problem.skipped() ? "skipped" : "taken",
                problem.skipped() ? Style::kWarn : Style::kPlain},
               problem.reason(),
               problem.message()});
  }
  if (!table.empty()) table.Print(terminal);
  const int64_t rest = response.problem_count() - std::min(shown, options.problems_shown);
  if (rest > 0 && shown > 0) {
    terminal.out << "    and " << rest
                 << " more; --problems shows more of them, --json up to 1000\n";
  }
}

absl::StatusOr<int> RunImport(const Session& session, const ImportOptions& options) {
  const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
  if (!channel.ok()) return channel.status();
  bool skipped = false;
  int failed = kExitOk;
  for (const std::string& file : options.files) {
    const absl::StatusOr<v1::ImportReportResponse> response =
        Send(session, options, *channel, file);
    if (!response.ok()) {
      // One bad file does not stop the others, but without a host none will do better.
      if (options.files.size() == 1 || absl::IsUnavailable(response.status())) {
        return response.status();
      }
      session.terminal.out.flush();
      session.terminal.err << Printable(file) << ":\n";
      PrintError(session.terminal, response.status(), options.json);
      if (failed == kExitOk) failed = ExitCodeOf(response.status());
      continue;
    }
    skipped = skipped || response->skipped_count() > 0;
    if (options.json) {
      session.PrintJson(*response);
    } else {
      Print(session, options, file, *response);
    }
  }
  if (failed != kExitOk) return failed;
  return skipped ? kExitSkippedRows : kExitOk;
}

}  // namespace

void AddImport(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<ImportOptions>();
  options->timeout_seconds = kTimeoutSeconds;
  CLI::App* command =
      commands.Add(app, "import", "Import report files that were downloaded from the marketplace",
                   R"(  aftersales import all-orders.txt mfn-returns.txt --channel amazon-us
  aftersales import returns.txt.gz --channel amazon-jp --charset cp932
  curl -s https://intranet/report | aftersales import - --channel amazon-us
The report type and charset are told from the file. Rows that cannot be read are listed and
skipped, the others are stored, and the exit code is 5. Importing a file again changes nothing.)");
  command->add_option("files", options->files, "Report files, plain or gzip; `-` reads stdin")
      ->option_text("FILE...")
      ->required();
  command->add_option("--channel", options->channel, "Channel that the files belong to")
      ->option_text("ID")
      ->required();
  command->add_option("--type", options->report_type, "Report type, where it cannot be told")
      ->option_text("NAME");
  command->add_option("--charset", options->charset, "Charset, where it cannot be told")
      ->option_text("utf-8|cp1252|cp932");
  command->add_flag("--dry-run", options->validate_only, "Read and check, store nothing");
  command->add_option("--problems", options->problems_shown, "Show at most this many problems")
      ->option_text("N (default 20)")
      ->check(CLI::NonNegativeNumber);
  AddConnectionOptions(command, options.get());
  commands.RunWith(command, options, &RunImport);
}

}  // namespace aftersales::cli
