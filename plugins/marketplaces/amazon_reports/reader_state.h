// What is remembered between two pieces of a report. It travels through the host as bytes, so that
// the plugin itself remembers nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

  // As bytes, at most 100 more than `partial`.
  std::string Encode() const;
  // False if the bytes are none that Encode made.
  bool Decode(std::string_view bytes);
};

}  // namespace aftersales::amazon_reports
