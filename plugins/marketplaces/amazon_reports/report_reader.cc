#include "plugins/marketplaces/amazon_reports/report_reader.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/marketplaces/amazon_reports/performance_report.h"
#include "plugins/marketplaces/amazon_reports/reader_state.h"
#include "plugins/marketplaces/amazon_reports/rows.h"
#include "plugins/marketplaces/amazon_reports/values.h"

namespace aftersales::amazon_reports {
namespace {

constexpr size_t kLongestMark = 8;

// First bytes of files that are no text, and what to do about them.
struct FileMark {
  std::string_view bytes;
  std::string_view reason;
  std::string_view message;
};
using namespace std::string_view_literals;
constexpr FileMark kFileMarks[] = {
    {"\x1F\x8B"sv, "BINARY_FILE", "The file is compressed by gzip: unpack it first."},
    {"PK\x03\x04"sv, "BINARY_FILE",
     "The file is a ZIP archive or an Excel workbook: give the text file as Amazon made it, or "
     "save the sheet as tab-delimited text."},
    {"\xD0\xCF\x11\xE0"sv, "BINARY_FILE",
     "The file is an old Excel workbook: give the text file as Amazon made it, or save the sheet "
     "as tab-delimited text."},
    {"%PDF"sv, "BINARY_FILE", "The file is a PDF document: give the report as a text file."},
    {"\x89PNG"sv, "BINARY_FILE", "The file is a picture: give the report as a text file."},
    {"\x7F"
     "ELF"sv,
     "BINARY_FILE", "The file is a program: give the report as a text file."},
    {"\xFF\xFE"sv, "UNSUPPORTED_CHARSET",
     "The file is UTF-16, which Excel makes of `Unicode text`: save it as UTF-8 or as "
     "tab-delimited text."},
    {"\xFE\xFF"sv, "UNSUPPORTED_CHARSET",
     "The file is UTF-16: save it as UTF-8 or as tab-delimited text."},
};
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

bool IsBlank(std::string_view line) { return Trim(line).empty(); }

// Whether there is a byte that no text has.
bool HasControlBytes(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return (c >= 0 && c < ' ' && (c < '\t' || c > '\r')) || c == '\x7F'; });
}

// Cells are short, so looking for the tabs eight bytes at a time beats a search for each.
void SplitCells(std::string_view line, std::vector<std::string_view>* cells) {
  static_assert(std::endian::native == std::endian::little);
  cells->clear();
  const char* const data = line.data();
  size_t start = 0;
  const auto cut = [&](size_t end) {
    cells->emplace_back(data + start, end - start);
    start = end + 1;
  };
  size_t at = 0;
  for (; at + 8 <= line.size(); at += 8) {
    constexpr uint64_t kLow = 0x7F7F7F7F7F7F7F7FU;
    uint64_t word = 0;
    std::memcpy(&word, data + at, sizeof word);
    word ^= 0x0909090909090909U;
    // The top bit of every byte that is now 0, which was a tab, and of no other.
    uint64_t tabs = ~(((word & kLow) + kLow) | word | kLow);
    for (; tabs != 0; tabs &= tabs - 1) {
      cut(at + static_cast<size_t>(std::countr_zero(tabs)) / 8);
    }
  }
  for (; at < line.size(); ++at) {
    if (data[at] == '\t') cut(at);
  }
  cut(line.size());
}

// One call: the state, the piece, and the answer that is filled.
class Reader {
 public:
  Reader(const plugin::v1::ParseReportRequest& request, plugin::v1::ParseReportResponse* response,
         ReaderState* state)
      : request_(request),
        response_(response),
        state_(*state),
        // A byte order mark is no promise of the caller's: lines may still be something else.
        decoder_(request.charset().empty() ? Charset::kGuess : state->charset,
                 FallbackCharset(request.marketplace_id())) {}

  void Run() {
    std::string_view bytes = request_.chunk();
    if (state_.phase == Phase::kStart && !Start(&bytes)) return;
    if (state_.phase == Phase::kLeadingBlanks) SkipBlanks(&bytes);
    if (state_.phase == Phase::kJson) {
      TakeJson(bytes);
    } else {
      TakeLines(bytes);
    }
    if (request_.final()) Finish();
  }

  // Fills in what every answer has.
  void Answer() {
    // The host takes up what the state says, so nothing of it is kept in a refused file.
    if (state_.phase == Phase::kRefused) state_.partial.clear();
    state_.fell_back = state_.fell_back || decoder_.fell_back();
    const ReportSpec* spec = FindReport(state_.kind);
    const std::string_view type =
        spec != nullptr && state_.other_type ? spec->other_type : TypeOf(state_.kind);
    response_->set_report_type(type.data(), type.size());
    const Charset charset = state_.charset == Charset::kGuess && state_.fell_back
                                ? FallbackCharset(request_.marketplace_id())
                                : state_.charset;
    const std::string_view name = CharsetName(charset);
    response_->set_charset(name.data(), name.size());
    if (unlisted_ > 0) {
      auto* problem = response_->add_problems();
      problem->set_reason("TOO_MANY_PROBLEMS");
      problem->set_message(std::to_string(unlisted_) + " more problems up to line " +
                           std::to_string(state_.line) + " are not listed.");
    }
    if (!request_.final()) response_->set_state(state_.Encode());
  }

 private:
  void Problem(int64_t line, std::string_view column, std::string_view reason, std::string message,
               bool skipped) {
    if (response_->problems_size() >= kMaxProblems) {
      ++unlisted_;
      return;
    }
    auto* problem = response_->add_problems();
    problem->set_line(line);
    problem->set_column(column.data(), column.size());
    problem->set_reason(reason.data(), reason.size());
    problem->set_message(std::move(message));
    problem->set_skipped(skipped);
  }

  // The file cannot be read: one problem, as good as if all its rows were skipped, and nothing of
  // the rest.
  void Refuse(std::string_view reason, std::string message, std::string_view column = {}) {
    Problem(0, column, reason, std::move(message), true);
    state_.phase = Phase::kRefused;
  }

  // Warns once in a file.
  void Warn(WarningKind kind, std::string_view column, std::string_view reason,
            std::string message) {
    const auto bit = static_cast<uint8_t>(1U << static_cast<unsigned>(kind));
    if ((state_.warned & bit) != 0) return;
    state_.warned |= bit;
    Problem(state_.line, column, reason, std::move(message), false);
  }

  // Looks at the request and at the first bytes. False while there are too few of them.
  bool Start(std::string_view* bytes) {
    if (state_.charset == Charset::kUnsupported) {
      state_.charset = Charset::kGuess;
      Refuse("UNSUPPORTED_CHARSET", "The charset `" + request_.charset() +
                                        "` is not read here: use UTF-8, windows-1252, ISO-8859-1 "
                                        "or Shift_JIS, or leave it empty.");
      return false;
    }
    state_.partial.append(*bytes);
    if (state_.partial.size() < kLongestMark && !request_.final()) return false;
    const std::string_view head = state_.partial;

    if (!request_.report_type().empty()) {
      state_.kind = KindByType(request_.report_type());
      if (state_.kind == ReportKind::kUnknown) {
        Refuse("UNKNOWN_REPORT_TYPE", "`" + request_.report_type() +
                                          "` is not a report type that is read here: use one of " +
                                          SupportedTypes() + ", or leave it empty.");
      } else if (const ReportSpec* spec = FindReport(state_.kind)) {
        state_.other_type = !spec->other_type.empty() &&
                            request_.report_type().find("LAST_UPDATE") != std::string::npos;
      }
    }
    if (state_.phase == Phase::kStart) {
      for (const FileMark& mark : kFileMarks) {
        if (!head.starts_with(mark.bytes)) continue;
        Refuse(mark.reason, std::string(mark.message));
        break;
      }
    }
    if (state_.phase == Phase::kRefused) return false;
    if (head.starts_with(kUtf8Mark)) {
      state_.partial.erase(0, kUtf8Mark.size());
      if (state_.charset == Charset::kGuess) state_.charset = Charset::kUtf8;
    }
    // From here on the pieces are joined, so that the rest is read as if it came at once.
    joined_ = std::move(state_.partial);
    state_.partial.clear();
    *bytes = joined_;
    state_.phase = Phase::kLeadingBlanks;
    return true;
  }

  // Goes to the first character that is not blank; it tells JSON and markup from columns.
  void SkipBlanks(std::string_view* bytes) {
    while (!bytes->empty()) {
      const char c = bytes->front();
      if (c == '\n') ++state_.line;
      if (c != ' ' && c != '\r' && c != '\n') break;
      bytes->remove_prefix(1);
    }
    if (bytes->empty()) return;
    const char first = bytes->front();
    const bool told = state_.kind != ReportKind::kUnknown;
    if (first == '{' || first == '[') {
      if (told && state_.kind != ReportKind::kPerformance) {
        return Refuse("WRONG_REPORT", "This is a JSON document, such as " +
                                          std::string(TypeOf(ReportKind::kPerformance)) +
                                          ", not the tab-delimited " +
                                          std::string(TypeOf(state_.kind)) + ".");
      }
      state_.kind = ReportKind::kPerformance;
      state_.phase = Phase::kJson;
    } else if (first == '<') {
      Refuse(told ? "WRONG_REPORT" : "UNKNOWN_REPORT_TYPE",
             "This is an XML or HTML document: request the flat file, such as "
             "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE, instead.");
    } else {
      state_.phase = Phase::kHeader;
    }
  }

  void TakeJson(std::string_view bytes) {
    if (state_.partial.size() + bytes.size() <= kMaxJsonBytes) {
      state_.partial.append(bytes);
      return;
    }
    Refuse("REPORT_TOO_LARGE", "The JSON document is longer than " +
                                   std::to_string(kMaxJsonBytes >> 10) +
                                   " KiB; a performance report has a few KiB.");
  }

  void TakeLines(std::string_view bytes) {
    while (!bytes.empty() && state_.phase != Phase::kRefused) {
      const size_t end = bytes.find('\n');
      if (end == std::string_view::npos) return TakePartial(bytes);
      const std::string_view rest = bytes.substr(0, end);
      bytes.remove_prefix(end + 1);
      if (state_.skipping) {
        state_.skipping = false;
      } else if (state_.partial.size() + rest.size() > kMaxLineBytes) {
        TooLong();
        state_.partial.clear();
      } else if (state_.partial.empty()) {
        TakeLine(rest);
      } else {
        state_.partial.append(rest);
        const std::string line = std::exchange(state_.partial, {});
        TakeLine(line);
      }
      ++state_.line;
    }
  }

  // A line that has not ended.
  void TakePartial(std::string_view bytes) {
    if (state_.skipping) return;
    if (state_.partial.size() + bytes.size() <= kMaxLineBytes) {
      state_.partial.append(bytes);
      return;
    }
    TooLong();
    state_.partial.clear();
    state_.skipping = true;
  }

  void TooLong() {
    if (state_.phase == Phase::kHeader) {
      return Refuse("UNKNOWN_REPORT_TYPE",
                    "The first line is longer than 1 MiB: this is not a report with columns.");
    }
    response_->set_row_count(response_->row_count() + 1);
    Problem(state_.line, {}, "LINE_TOO_LONG",
            "The line is longer than 1 MiB and was skipped; a quotation mark or line end seems to "
            "be lost.",
            true);
  }

  void TakeLine(std::string_view line) {
    if (IsBlank(line)) return;
    if (line.back() == '\r') line.remove_suffix(1);
    if (state_.phase == Phase::kHeader) return TakeHeader(line);
    response_->set_row_count(response_->row_count() + 1);
    if (std::memchr(line.data(), 0, line.size()) != nullptr) {
      return Problem(state_.line, {}, "BAD_TEXT", "The row holds a NUL byte and was skipped.",
                     true);
    }
    line = Decode(line);
    SplitCells(line, &cells_);
    if (state_.phase == Phase::kUndecided && !Decide()) return;
    if (TooManyCells()) return;
    const ReportSpec& spec = *FindReport(state_.kind);
    auto* record = response_->add_records();
    warning_.kind = WarningKind::kNone;
    if (ReadRow(MakeRow(spec, state_.map), record, &error_, &warning_)) {
      record->set_line(state_.line);
      CountSameLines(line, record);
      if (warning_.kind != WarningKind::kNone) {
        Warn(warning_.kind, warning_.column, warning_.reason, warning_.message);
      }
      return;
    }
    response_->mutable_records()->RemoveLast();
    Problem(state_.line, error_.column, error_.reason, error_.message, true);
  }

  // Says which of the order's lines of one SKU the row is, where no item id does.
  void CountSameLines(std::string_view line, plugin::v1::ReportRecord* record) {
    if (!record->has_order()) return;
    const v1::Order& order = record->order();
    if (!order.lines(0).external_item_id().empty()) return;
    record->set_same_line_count(
        state_.order_run.Count(order.external_id(), order.lines(0).sku(), line));
  }

  Row MakeRow(const ReportSpec& spec, const ColumnMap& map) {
    return Row{spec, map, cells_, request_.currency_code(), reasons_};
  }

  std::string_view Decode(std::string_view line) {
    const std::string_view text = decoder_.Decode(line);
    if (decoder_.damaged()) {
      Warn(
          WarningKind::kCharset, {}, "BAD_UTF8",
          "The line is not UTF-8, which the file is told to be; its other bytes, here and in lines "
          "like it, are read as U+FFFD. Give another charset, or none to have it guessed.");
    }
    if (decoder_.fell_back() && !state_.fell_back) {
      state_.fell_back = true;
      // Japanese files are in Shift_JIS as a rule, and other bytes hardly pass for it; Windows-1252
      // is whatever else a file may be.
      if (FallbackCharset(request_.marketplace_id()) == Charset::kCp1252) {
        Warn(WarningKind::kCharset, {}, "CHARSET_GUESSED",
             "The line is not UTF-8; this and others like it are read as windows-1252. Give the "
             "charset if that is wrong.");
      }
    }
    return text;
  }

  // A cell beyond the header means that a tab got into a text and the cells after it are not what
  // their columns say.
  bool TooManyCells() {
    for (size_t i = state_.map.column_count; i < cells_.size(); ++i) {
      if (Trim(cells_[i]).empty()) continue;
      Problem(state_.line, {}, "TOO_MANY_COLUMNS",
              "The row has " + std::to_string(i + 1) + " cells or more, the header " +
                  std::to_string(state_.map.column_count) +
                  ": a tab seems to have got into a text.",
              true);
      return true;
    }
    return false;
  }

  void TakeHeader(std::string_view line) {
    if (HasControlBytes(line)) {
      return Refuse("BINARY_FILE",
                    "The first line holds bytes that no text has: give the report as a text file, "
                    "in UTF-8, windows-1252 or Shift_JIS.");
    }
    if (line.find('\r') != std::string_view::npos) {
      return Refuse("UNKNOWN_REPORT_TYPE",
                    "The lines end with a carriage return alone, as old Macintosh programs write "
                    "them: save the file with ordinary line ends.");
    }
    SplitCells(line, &cells_);
    while (cells_.size() > 1 && Trim(cells_.back()).empty()) cells_.pop_back();
    if (cells_.size() > UINT16_MAX) {
      return Refuse("UNKNOWN_REPORT_TYPE", "The first line has more than 65535 columns.");
    }
    const HeaderMatch found = Recognize(cells_);
    if (state_.kind == ReportKind::kUnknown) {
      if (found.kind != ReportKind::kUnknown) return Accept(found);
      return GuessByCount();
    }
    const ReportSpec* told = FindReport(state_.kind);
    if (told == nullptr) {
      return Refuse("WRONG_REPORT", "This is tab-delimited text" + LooksLike(found) +
                                        ", not the JSON of " + std::string(TypeOf(state_.kind)) +
                                        ".");
    }
    const HeaderMatch match = MatchByName(*told, cells_);
    if (match.missing.empty()) return Accept(match);
    if (found.kind != ReportKind::kUnknown || !RecognizeForeign(cells_).empty()) {
      return Refuse("WRONG_REPORT",
                    "This is not " + std::string(told->type) + LooksLike(found) + ".");
    }
    if (const HeaderMatch by_position = MatchByPosition(*told, cells_);
        by_position.kind != ReportKind::kUnknown) {
      WarnLocalized();
      return Accept(by_position);
    }
    if (match.named * 2 > static_cast<int>(told->columns.size())) {
      return Refuse("MISSING_COLUMN",
                    "The header has no column `" + std::string(match.missing) +
                        "`, without which the report cannot be read.",
                    match.missing);
    }
    Refuse("WRONG_REPORT", "The header names no columns of " + std::string(told->type) +
                               ", and with " + std::to_string(cells_.size()) +
                               " columns it cannot be that report in another language" +
                               LooksLike(found) + ".");
  }

  // `; it looks like …`, or nothing.
  std::string LooksLike(const HeaderMatch& found) const {
    const std::string_view foreign = RecognizeForeign(cells_);
    const std::string_view type = found.kind != ReportKind::kUnknown ? TypeOf(found.kind) : foreign;
    return type.empty() ? std::string() : "; it looks like " + std::string(type);
  }

  void Accept(const HeaderMatch& match) {
    state_.kind = match.kind;
    state_.map = match.map;
    state_.phase = Phase::kRows;
  }

  void WarnLocalized() {
    Problem(state_.line, {}, "LOCALIZED_HEADER",
            "The column names are not the English ones; the columns were matched by their "
            "position. Set the language of feed processing reports in Seller Central to English "
            "to be sure.",
            false);
  }

  // No type was told and no name is known: the reports that have a layout of so many columns.
  void GuessByCount() {
    std::string_view foreign = RecognizeForeign(cells_);
    int candidates = 0;
    for (const ReportSpec& spec : Reports()) {
      if (MatchByPosition(spec, cells_).kind != ReportKind::kUnknown) ++candidates;
    }
    if (candidates > 0 && foreign.empty()) {
      state_.map.column_count = static_cast<uint16_t>(cells_.size());
      state_.phase = Phase::kUndecided;
      return WarnLocalized();
    }
    std::string message = "The columns are of no report that is read here";
    if (!foreign.empty()) message.append("; they look like ").append(foreign);
    Refuse("UNKNOWN_REPORT_TYPE", message + ". Read here are " + SupportedTypes() + ".");
  }

  // The first row under a header in an unknown language: the report whose columns its cells fit.
  bool Decide() {
    HeaderMatch fitting;
    int count = 0;
    plugin::v1::ReportRecord scratch;
    for (const ReportSpec& spec : Reports()) {
      const HeaderMatch match = MatchByPosition(spec, state_.map.column_count);
      if (match.kind == ReportKind::kUnknown) continue;
      scratch.Clear();
      if (!ReadRow(MakeRow(spec, match.map), &scratch, &error_, &warning_)) continue;
      fitting = match;
      ++count;
    }
    if (count == 1) {
      Accept(fitting);
      return true;
    }
    Refuse("UNKNOWN_REPORT_TYPE",
           "The column names are not known, and the first row does not tell which report it is: "
           "give the report type.");
    return false;
  }

  void Finish() {
    if (state_.phase == Phase::kJson) {
      const std::string text = std::exchange(state_.partial, {});
      std::string error;
      std::string_view reason;
      const int count = ReadPerformanceReport(text, response_, &reason, &error);
      if (!reason.empty()) return Refuse(reason, error);
      response_->set_row_count(count);
      return;
    }
    if (!state_.partial.empty()) {
      const std::string line = std::exchange(state_.partial, {});
      TakeLine(line);
    }
    if (state_.phase == Phase::kLeadingBlanks || state_.phase == Phase::kStart ||
        state_.phase == Phase::kHeader) {
      Refuse("EMPTY_REPORT",
             "The file is empty. Where Amazon has nothing to report it says CANCELLED instead of "
             "sending a file.");
    }
  }

  const plugin::v1::ParseReportRequest& request_;
  plugin::v1::ParseReportResponse* response_;
  ReaderState& state_;
  TextDecoder decoder_;
  std::string joined_;
  std::vector<std::string_view> cells_;
  ReturnReasonCache reasons_;
  RowNote error_;
  RowNote warning_;
  int64_t unlisted_ = 0;
};

}  // namespace

bool ReadPiece(const plugin::v1::ParseReportRequest& request,
               plugin::v1::ParseReportResponse* response) {
  ReaderState state;
  if (request.state().empty()) {
    state.charset = CharsetByName(request.charset());
  } else if (!state.Decode(request.state())) {
    return false;
  }
  Reader reader(request, response, &state);
  reader.Run();
  reader.Answer();
  return true;
}

}  // namespace aftersales::amazon_reports
