// What is remembered between two pieces of a report. It travels through the host as bytes, so that
// the plugin itself remembers nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/marketplaces/amazon_reports/report_types.h"
#include "plugins/marketplaces/amazon_reports/text_decoder.h"

namespace aftersales::amazon_reports {

// How far the reading has come.
enum class Phase : uint8_t {
  // Nothing is known: the first bytes may be a byte-order mark or the mark of another format.
  kStart = 0,
  // Before the first character that is not blank.
  kLeadingBlanks = 1,
  // In the header line.
  kHeader = 2,
  // The header is in another language and fits several reports; the first row decides.
  kUndecided = 3,
  // In the rows.
  kRows = 4,
  // In a JSON document.
  kJson = 5,
  // The file was refused; the rest of it is not looked at.
  kRefused = 6,
};

// The rows of the order that is being read, for reports that have no order item ids. Only rows that
// follow each other are known to be of one order: a report lists the lines of an order together,
// and the memory must not grow with the file.
class OrderRun {
 public:
  // How many lines of the same order and SKU were before this row. A row that is the same to the
  // letter is the same line again.
  int32_t Count(std::string_view order, std::string_view sku, std::string_view row);

  void Encode(std::string* out) const;
  // Takes what Encode made off the front. False if that is not there.
  bool Decode(std::string_view* bytes);

 private:
  // An order has a few lines; of a longer one the later rows are taken for lines of their own SKU.
  static constexpr uint32_t kMaxLines = 500;
  struct Line {
    uint64_t sku, row;  // hashes
  };
  uint64_t order_ = 0;
  std::vector<Line> lines_;
};

struct ReaderState {
  Phase phase = Phase::kStart;
  ReportKind kind = ReportKind::kUnknown;
  Charset charset = Charset::kGuess;
  // Whether lines were read in the fallback charset.
  bool fell_back = false;
  // Whether the line that is being read is too long and thrown away.
  bool skipping = false;
  // Whether the name of the type is the second of its form (by last update).
  bool other_type = false;
  // One bit for each WarningKind that was told about.
  uint8_t warned = 0;
  // Line that `partial` starts, from 1.
  int64_t line = 1;
  ColumnMap map{};
  // Start of a line that has not ended yet, or the JSON document so far.
  std::string partial;

  OrderRun order_run;

  // As bytes, at most 100 more than `partial` and 16 for each line of the order that is being read.
  std::string Encode() const;
  // False if the bytes are none that Encode made.
  bool Decode(std::string_view bytes);
};

}  // namespace aftersales::amazon_reports
