// Reads a report file piece by piece, in memory that does not grow with it.
#pragma once

#include "aftersales/plugin/v1/marketplace.pb.h"

namespace aftersales::amazon_reports {

// Longest line that is taken; a longer one is skipped without being kept.
inline constexpr size_t kMaxLineBytes = 1 << 20;
// Largest JSON document; the real ones have a few KiB.
inline constexpr size_t kMaxJsonBytes = (2 << 20) - 4096;
// Problems that are listed for one piece; a last one says how many more there were. No real file
// has as many rows in a piece of 1 MiB.
inline constexpr int kMaxProblems = 10'000;

// Takes the next piece. Everything that is wrong with the file is a problem in the answer; false
// only if `state` is none that this plugin gave out.
//
// Reasons of problems. Of the file, on line 0 and with `skipped` set, after which nothing more
// comes: EMPTY_REPORT, BINARY_FILE, UNSUPPORTED_CHARSET, UNKNOWN_REPORT_TYPE, WRONG_REPORT,
// MISSING_COLUMN, BAD_JSON, REPORT_TOO_LARGE. Of a row that is skipped: LINE_TOO_LONG, BAD_TEXT,
// TOO_MANY_COLUMNS, MISSING_VALUE, BAD_DATE, BAD_NUMBER, NUMBER_OVERFLOW, BAD_CURRENCY, BAD_VALUE,
// BAD_ORDER_ID, VALUE_TOO_LONG. Warnings, of which nothing is skipped: CHARSET_GUESSED,
// LOCALIZED_HEADER, UNKNOWN_STATUS, UNKNOWN_DISPOSITION, DAY_ONLY, TOO_MANY_PROBLEMS.
bool ReadPiece(const plugin::v1::ParseReportRequest& request,
               plugin::v1::ParseReportResponse* response);

}  // namespace aftersales::amazon_reports
