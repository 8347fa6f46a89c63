// `aftersales reconcile`: statements in, what is missing on either side out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/str_join.h"
#include "aftersales/v1/reconcile_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::ReconcileService::Stub;

constexpr size_t kChunkBytes = 256 << 10;
constexpr double kTimeoutSeconds = 3600;

struct ImportOptions : Connection {
  std::string file;
  std::string currency;
  std::string date_order;
  std::string decimal_mark;
  std::string settlement;
  bool validate_only = false;
};

struct RunOptions : Connection {
  std::string first_on;
  std::string last_on;
  bool validate_only = false;
};

struct LinesOptions : Connection {
  std::string state;
  std::string source;
  std::string reference;
  int limit = 50;
};

struct LimitOptions : Connection {
  int limit = 50;
};

struct LineOptions : Connection {
  std::string line;
  std::vector<std::string> matches;
  std::string reason;
  std::string etag;
  bool validate_only = false;
};

absl::StatusOr<v1::ImportStatementHeader> HeaderOf(const Session& session,
                                                   const ImportOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ImportStatementHeader header;
  header.set_parent(*seller);
  header.set_currency_code(options.currency);
  header.set_decimal_mark(options.decimal_mark);
  header.set_settlement(options.settlement);
  header.set_validate_only(options.validate_only);
  header.set_file_name(
      options.file == "-" ? "stdin" : std::filesystem::path(options.file).filename().string());
  if (!options.date_order.empty()) {
    const auto order =
        ParseWord<v1::ImportStatementHeader::DateOrder>(options.date_order, "--date-order");
    if (!order.ok()) return order.status();
    header.set_date_order(*order);
  }
  return header;
}

// Streams the file; never holds more than one chunk of it.
template <typename Request>
absl::StatusOr<int> Import(const Session& session, const ImportOptions& options,
                           std::unique_ptr<grpc::ClientWriter<Request>> (Stub::*open)(
                               grpc::ClientContext*, v1::ImportStatementResponse*)) {
  const auto header = HeaderOf(session, options);
  if (!header.ok()) return header.status();
  std::ifstream file;
  if (options.file != "-") {
    std::error_code ignored;
    if (!std::filesystem::is_directory(options.file, ignored)) {
      file.open(options.file, std::ios::binary);
    }
    if (!file.is_open()) {
      return Refuse(absl::StatusCode::kInvalidArgument, "UNREADABLE_FILE",
                    Cat("cannot read ", options.file));
    }
  }
  std::istream& input = options.file == "-" ? std::cin : file;
  v1::ImportStatementResponse response;
  const std::unique_ptr<grpc::ClientContext> context = session.client.NewContext();
  Stub stub(session.client.channel());
  const auto writer = (stub.*open)(context.get(), &response);
  Request request;
  *request.mutable_header() = *header;
  bool open_stream = writer->Write(request);
  std::string chunk;
  while (open_stream) {
    chunk.resize(kChunkBytes);
    input.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    chunk.resize(static_cast<size_t>(input.gcount()));
    if (chunk.empty()) break;
    *request.mutable_chunk() = chunk;
    open_stream = writer->Write(request);
  }
  if (open_stream) writer->WritesDone();
  if (absl::Status status = session.client.ToStatus(writer->Finish()); !status.ok()) return status;

  const int code = response.skipped_count() > 0 ? kExitSkippedRows : kExitOk;
  if (options.json) {
    session.PrintJson(response);
    return code;
  }
  const Terminal& terminal = session.terminal;
  std::vector<std::string> sums;
  for (const v1::Money& sum : response.sums()) sums.push_back(FormatMoney(sum));
  terminal.out << response.row_count() << " rows: " << response.created_count() << " new, "
               << response.unchanged_count() << " known, " << response.skipped_count()
               << " skipped; they add up to "
               << (sums.empty() ? "nothing" : absl::StrJoin(sums, ", "))
               << (options.validate_only ? "; checked only, nothing stored" : "") << '\n';
  Table table({{"LINE", Table::Align::kRight},
               {"COLUMN", {}, Table::Fit::kTruncate},
               {"REASON"},
               {"WHAT IS WRONG", {}, Table::Fit::kWrap}},
              2);
  for (const v1::ImportProblem& problem : response.problems()) {
    table.Add({Cat(problem.line()),
               problem.column(),
               {problem.reason(), Style::kWarn},
               problem.message()});
  }
  if (!table.empty()) table.Print(terminal);
  return code;
}

absl::StatusOr<int> RunImportBank(const Session& session, const ImportOptions& options) {
  return Import<v1::ImportBankStatementRequest>(session, options, &Stub::ImportBankStatement);
}
absl::StatusOr<int> RunImportSettlement(const Session& session, const ImportOptions& options) {
  return Import<v1::ImportSettlementRequest>(session, options, &Stub::ImportSettlement);
}

// `refunds/rfd_1`: what a movement is, short enough for a table and good to be typed again.
std::string ShortName(const std::string& subject) {
  const size_t cut = subject.find('/', sizeof("sellers/") - 1);
  return cut == std::string::npos ? subject : subject.substr(cut + 1);
}

void PrintMovements(const Terminal& terminal, const std::string& heading,
                    const google::protobuf::RepeatedPtrField<v1::Movement>& movements) {
  if (movements.empty()) return;
  terminal.out << '\n' << terminal.Paint(heading, Style::kWarn) << '\n';
  Table table({{"DAY"}, {"REFERENCE"}, {"AMOUNT", Table::Align::kRight}, {"WHAT"}}, 2);
  for (const v1::Movement& movement : movements) {
    table.Add({movement.day(), movement.reference(), FormatMoney(movement.amount()),
               ShortName(movement.subject())});
  }
  table.Print(terminal);
}

absl::StatusOr<int> RunReconcile(const Session& session, const RunOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ReconcileRequest request;
  request.set_parent(*seller);
  request.set_first_on(options.first_on);
  request.set_last_on(options.last_on);
  request.set_validate_only(options.validate_only);
  v1::ReconcileResponse response;
  if (absl::Status status = session.client.Mutate(&Stub::Reconcile, request, &response);
      !status.ok()) {
    return status;
  }
  const bool clean = response.missing_in_bank().empty() && response.unexplained_in_bank().empty() &&
                     response.mismatched().empty();
  const int code = clean ? kExitOk : kExitRefused;
  if (options.json) {
    session.PrintJson(response);
    return code;
  }
  const Terminal& terminal = session.terminal;
  terminal.out << response.matched_size() << " matched, " << response.newly_matched_count()
               << (options.validate_only ? " of them would be new; nothing was changed\n"
                                         : " of them now\n");
  PrintMovements(terminal, "Missing in the bank", response.missing_in_bank());
  PrintMovements(terminal, "Unexplained in the bank", response.unexplained_in_bank());
  if (!response.mismatched().empty()) {
    terminal.out << '\n' << terminal.Paint("Other amounts", Style::kBad) << '\n';
    Table table({{"REFERENCE"},
                 {"EXPECTED", Table::Align::kRight},
                 {"SHOWN", Table::Align::kRight},
                 {"WHAT"},
                 {"LINE"}},
                2);
    for (const v1::MovementPair& pair : response.mismatched()) {
      table.Add({pair.line().reference(), FormatMoney(pair.expected().amount()),
                 FormatMoney(pair.line().amount()), ShortName(pair.expected().subject()),
                 std::string(IdOf(pair.line().subject()))});
    }
    table.Print(terminal);
  }
  for (const v1::Money& difference : response.differences()) {
    terminal.out << "\ndifference "
                 << terminal.Paint(FormatMoney(difference),
                                   difference.minor_units() == 0 ? Style::kGood : Style::kBad);
  }
  terminal.out << '\n';
  return code;
}

Style StyleOf(v1::BankLine::State state) {
  switch (state) {
    case v1::BankLine::STATE_MATCHED:
    case v1::BankLine::STATE_SPLIT:
      return Style::kGood;
    case v1::BankLine::STATE_IGNORED:
      return Style::kFaint;
    default:
      return Style::kWarn;
  }
}

std::string About(const v1::BankLine& line) {
  std::vector<std::string> names;
  for (const std::string& match : line.matches()) names.push_back(ShortName(match));
  if (!names.empty()) return absl::StrJoin(names, " ");
  if (!line.suggestion().empty()) return Cat("perhaps ", ShortName(line.suggestion()));
  return line.reason();
}

absl::StatusOr<int> RunLines(const Session& session, const LinesOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  std::vector<std::string> filter;
  if (!options.state.empty()) {
    const auto state = ParseWord<v1::BankLine::State>(options.state, "--state");
    if (!state.ok()) return state.status();
    filter.push_back(Cat("state = ", Word(*state)));
  }
  if (!options.source.empty()) {
    const auto source = ParseWord<v1::BankLine::Source>(options.source, "--source");
    if (!source.ok()) return source.status();
    filter.push_back(Cat("source = ", Word(*source)));
  }
  if (!options.reference.empty()) filter.push_back(Cat("reference = \"", options.reference, "\""));
  v1::ListBankLinesRequest request;
  request.set_parent(*seller);
  request.set_filter(absl::StrJoin(filter, " AND "));
  Table table({{"LINE"},
               {"DAY"},
               {"AMOUNT", Table::Align::kRight},
               {"REFERENCE", {}, Table::Fit::kTruncate},
               {"STATE"},
               {"WHAT", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListBankLines, request, options.limit,
      [&](const v1::ListBankLinesResponse& page) {
        for (const v1::BankLine& line : page.bank_lines()) {
          if (options.json) {
            session.PrintJson(line);
            continue;
          }
          table.Add({std::string(IdOf(line.name())),
                     line.booked_on(),
                     FormatMoney(line.amount()),
                     line.reference(),
                     {Phrase(line.state()), StyleOf(line.state())},
                     About(line)});
        }
        return page.bank_lines_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  table.Print(session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

absl::StatusOr<int> RunPayouts(const Session& session, const LimitOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListPayoutsRequest request;
  request.set_parent(*seller);
  Table table({{"PAYOUT"},
               {"SETTLEMENT"},
               {"LATEST"},
               {"EXPECTED", Table::Align::kRight},
               {"LINES", Table::Align::kRight},
               {"IN THE BANK"}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListPayouts, request, options.limit,
      [&](const v1::ListPayoutsResponse& page) {
        for (const v1::Payout& payout : page.payouts()) {
          if (options.json) {
            session.PrintJson(payout);
            continue;
          }
          table.Add({std::string(IdOf(payout.name())), payout.settlement(), payout.latest_on(),
                     FormatMoney(payout.expected()), Cat(payout.line_count()),
                     payout.bank_line().empty()
                         ? Table::Cell("not yet", Style::kWarn)
                         : Table::Cell(std::string(IdOf(payout.bank_line())), Style::kGood)});
        }
        return page.payouts_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  table.Print(session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// What a person types for a match: `refunds/ID`, `payouts/ID`, an id by its prefix, or a name.
absl::StatusOr<std::string> MatchName(const Session& session, const std::string& text) {
  constexpr std::string_view kMark = "#reversal";
  std::string name = text;
  std::string mark;
  if (name.size() > kMark.size() && name.substr(name.size() - kMark.size()) == kMark) {
    mark = std::string(kMark);
    name.resize(name.size() - kMark.size());
  }
  const bool payout = name.rfind("pay_", 0) == 0 || name.rfind("payouts/", 0) == 0 ||
                      name.find("/payouts/") != std::string::npos;
  for (const std::string_view prefix : {"refunds/", "payouts/"}) {
    if (name.rfind(prefix, 0) == 0) name = name.substr(prefix.size());
  }
  const absl::StatusOr<std::string> whole = session.Name(payout ? "payouts" : "refunds", name);
  if (!whole.ok()) return whole.status();
  return *whole + mark;
}

template <typename Request>
absl::StatusOr<int> ChangeLine(const Session& session, const LineOptions& options,
                               grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            v1::BankLine*)) {
  const absl::StatusOr<std::string> name = session.Name("bankLines", options.line);
  if (!name.ok()) return name.status();
  Request request;
  request.set_name(*name);
  request.set_etag(options.etag);
  request.set_validate_only(options.validate_only);
  if constexpr (requires { request.reason(); }) request.set_reason(options.reason);
  if constexpr (requires { request.matches(); }) {
    for (const std::string& text : options.matches) {
      const absl::StatusOr<std::string> match = MatchName(session, text);
      if (!match.ok()) return match.status();
      request.add_matches(*match);
    }
  }
  v1::BankLine line;
  if (absl::Status status = session.client.Mutate(method, request, &line); !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(line);
    return kExitOk;
  }
  session.terminal.out << FormatMoney(line.amount()) << " of " << line.booked_on()
                       << (options.validate_only ? " would be " : " is ")
                       << session.terminal.Paint(Word(line.state()), StyleOf(line.state())) << "  "
                       << Printable(About(line)) << '\n';
  return kExitOk;
}

absl::StatusOr<int> RunMatch(const Session& session, const LineOptions& options) {
  return ChangeLine(session, options, &Stub::MatchLine);
}
absl::StatusOr<int> RunUnmatch(const Session& session, const LineOptions& options) {
  return ChangeLine(session, options, &Stub::UnmatchLine);
}
absl::StatusOr<int> RunIgnore(const Session& session, const LineOptions& options) {
  return ChangeLine(session, options, &Stub::IgnoreLine);
}

void AddImportOptions(CLI::App* command, ImportOptions* options) {
  options->timeout_seconds = kTimeoutSeconds;
  command->add_option("file", options->file, "CSV file; `-` reads stdin")
      ->option_text("FILE")
      ->required();
  command->add_option("--currency", options->currency, "Currency of rows without one")
      ->option_text("CODE");
  command->add_option("--date-order", options->date_order, "How to read 03/04/2026")
      ->option_text("dmy|mdy");
  command->add_option("--decimal-mark", options->decimal_mark, "How to read 1.234")
      ->option_text(".|,");
  command->add_flag("--dry-run", options->validate_only, "Read and check, store nothing");
  AddConnectionOptions(command, options);
}

void AddLineOptions(CLI::App* command, LineOptions* options, bool with_reason) {
  command->add_option("line", options->line, "Line, as `reconcile lines` shows it")
      ->option_text("LINE")
      ->required();
  if (with_reason) {
    command->add_option("--reason", options->reason, "Why")
        ->option_text("TEXT REQUIRED")
        ->required();
  }
  command->add_option("--etag", options->etag, "Only if it is still this version")
      ->option_text("ETAG");
  command->add_flag("--dry-run", options->validate_only, "Say what would happen");
  AddConnectionOptions(command, options);
}

}  // namespace

void AddReconcile(CLI::App& app, Commands& commands) {
  CLI::App* reconcile =
      app.add_subcommand("reconcile", "Compare bank statements and settlements with what was paid");
  reconcile->require_subcommand(1);

  auto bank = std::make_shared<ImportOptions>();
  CLI::App* bank_command =
      commands.Add(*reconcile, "import-bank", "Import a bank statement (CSV)",
                   R"(  aftersales reconcile import-bank march.csv --currency USD
Columns are told by their names. Rows that cannot be read are listed and skipped, and the exit code
is 5. Importing a file again changes nothing.)");
  AddImportOptions(bank_command, bank.get());
  commands.RunWith(bank_command, bank, &RunImportBank);

  auto settlement = std::make_shared<ImportOptions>();
  CLI::App* settlement_command =
      commands.Add(*reconcile, "import-settlement", "Import a settlement report (CSV)",
                   "  aftersales reconcile import-settlement settlement.csv --settlement 11223344");
  settlement_command
      ->add_option("--settlement", settlement->settlement, "Its id, where no column has it")
      ->option_text("ID");
  AddImportOptions(settlement_command, settlement.get());
  commands.RunWith(settlement_command, settlement, &RunImportSettlement);

  auto run = std::make_shared<RunOptions>();
  CLI::App* run_command = commands.Add(*reconcile, "run", "Match a period, and show what is left",
                                       R"(  aftersales reconcile run 2026-03-01 2026-03-31
Exit code 1 where something is left.)");
  run_command->add_option("first", run->first_on, "First day")->option_text("DAY")->required();
  run_command->add_option("last", run->last_on, "Last day, included")
      ->option_text("DAY")
      ->required();
  run_command->add_flag("--dry-run", run->validate_only, "Show what would be matched");
  AddConnectionOptions(run_command, run.get());
  commands.RunWith(run_command, run, &RunReconcile);

  auto lines = std::make_shared<LinesOptions>();
  CLI::App* lines_command =
      commands.Add(*reconcile, "lines", "List lines of statements, newest booking first",
                   "  aftersales reconcile lines --state unmatched --source bank");
  lines_command->add_option("--state", lines->state, "Only in this state")
      ->option_text("unmatched|suggested|matched|split|ignored");
  lines_command->add_option("--source", lines->source, "Only of these statements")
      ->option_text("bank|settlement");
  lines_command->add_option("--reference", lines->reference, "Only with this reference")
      ->option_text("TEXT");
  AddLimitOption(lines_command, &lines->limit);
  AddConnectionOptions(lines_command, lines.get());
  commands.RunWith(lines_command, lines, &RunLines);

  auto payouts = std::make_shared<LimitOptions>();
  CLI::App* payouts_command =
      commands.Add(*reconcile, "payouts", "List what settlements should bring",
                   "  aftersales reconcile payouts");
  AddLimitOption(payouts_command, &payouts->limit);
  AddConnectionOptions(payouts_command, payouts.get());
  commands.RunWith(payouts_command, payouts, &RunPayouts);

  auto match = std::make_shared<LineOptions>();
  CLI::App* match_command =
      commands.Add(*reconcile, "match", "Say what a line is; the amounts must be equal",
                   R"(  aftersales reconcile match LINE refunds/rfd_01k
  aftersales reconcile match LINE rfd_01k rfd_02k
  aftersales reconcile match LINE             takes the suggestion)");
  AddLineOptions(match_command, match.get(), false);
  match_command->add_option("what", match->matches, "Refunds and payouts that add up to it")
      ->option_text("WHAT...");
  commands.RunWith(match_command, match, &RunMatch);

  auto unmatch = std::make_shared<LineOptions>();
  CLI::App* unmatch_command =
      commands.Add(*reconcile, "unmatch", "Take a match back, or stop ignoring a line",
                   "  aftersales reconcile unmatch LINE --reason \"the other refund\"");
  AddLineOptions(unmatch_command, unmatch.get(), true);
  commands.RunWith(unmatch_command, unmatch, &RunUnmatch);

  auto ignore = std::make_shared<LineOptions>();
  CLI::App* ignore_command =
      commands.Add(*reconcile, "ignore", "Say that a line is none of after-sales",
                   "  aftersales reconcile ignore LINE --reason \"bank fee\"");
  AddLineOptions(ignore_command, ignore.get(), true);
  commands.RunWith(ignore_command, ignore, &RunIgnore);
}

}  // namespace aftersales::cli
