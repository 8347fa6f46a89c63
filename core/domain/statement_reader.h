// Reads statements of banks and marketplaces: CSV as it comes, told by the names of its columns.
//
// Tolerant of form (separator, quotes, line ends, byte order mark, rows before the header, order
// and language of the columns, marks in numbers), and of nothing that could change an amount: what
// can be read in two ways is a problem of its row.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aftersales/v1/channel_service.pb.h"
#include "aftersales/v1/reconcile_service.pb.h"

namespace aftersales {

// One row.
struct StatementRow {
  int64_t line_number = 0;
  v1::BankLine line;         // source, booked_on, amount, reference as it stands, settlement, order
  std::string counterparty;  // never to be stored
};

class StatementReader {
 public:
  StatementReader(v1::BankLine::Source source, const v1::ImportStatementHeader& header);

  // The next bytes. INVALID_ARGUMENT `WRONG_REPORT` (also from Finish), `AMBIGUOUS_COLUMN`,
  // `BAD_TEXT` (a header that is not UTF-8).
  absl::Status Feed(std::string_view bytes);
  // The end. INVALID_ARGUMENT `EMPTY_REPORT`.
  absl::Status Finish();
  // What was read since the last call.
  std::vector<StatementRow> TakeRows();
  std::vector<v1::ImportProblem> TakeProblems();
  // Rows so far, without header and blank ones.
  int64_t row_count() const { return row_count_; }

 private:
  absl::Status Drain(bool final);
  absl::Status Row(std::string_view record);
  absl::StatusOr<bool> FindHeader(std::string_view record);
  void Read(const std::vector<std::string>& fields);
  void Problem(std::string_view column, std::string_view reason, std::string_view message);

  const v1::BankLine::Source source_;
  const v1::ImportStatementHeader header_;
  std::string pending_;
  bool began_ = false;
  bool cut_ = false;    // in the rest of a line that is too long
  char separator_ = 0;  // 0 until the header is found
  int rows_before_header_ = 0;
  int64_t line_number_ = 0;  // of the record in hand
  int64_t next_line_ = 1;
  int64_t row_count_ = 0;
  struct Column {
    size_t index;
    std::string name;  // as the file has it
  };
  std::map<std::string_view, Column> columns_;
  std::vector<StatementRow> rows_;
  std::vector<v1::ImportProblem> problems_;
};

// An amount in minor units. `decimal_mark` is `.`, `,` or empty. INVALID_ARGUMENT `BAD_AMOUNT`,
// `AMBIGUOUS_AMOUNT`.
absl::StatusOr<int64_t> ParseStatementAmount(std::string_view text, std::string_view currency_code,
                                             std::string_view decimal_mark);
// A day as `YYYY-MM-DD`. INVALID_ARGUMENT `BAD_DATE`, `AMBIGUOUS_DATE`.
absl::StatusOr<std::string> ParseStatementDay(std::string_view text,
                                              v1::ImportStatementHeader::DateOrder order);

}  // namespace aftersales
