// A row of a flat file in the terms of the common model.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aftersales/plugin/v1/marketplace.pb.h"
#include "plugins/marketplaces/amazon_reports/report_types.h"
#include "plugins/marketplaces/amazon_reports/return_reasons.h"

namespace aftersales::amazon_reports {

// One row as it stands in the file, in UTF-8. Cells are not trimmed.
struct Row {
  const ReportSpec& spec;
  const ColumnMap& map;
  std::span<const std::string_view> cells;
  // For rows that do not say theirs.
  std::string_view currency_code;
  // Of the file.
  ReturnReasonCache& reasons;

  // The trimmed cell of a column; empty where the file has no such column or the row ends before.
  std::string_view Cell(uint8_t column) const;
};

// What is told about only once in a file, since it would come with every row.
enum class WarningKind : uint8_t { kNone, kStatus, kDisposition, kPromiseDay, kCharset };

// What is wrong with a row.
struct RowNote {
  std::string_view column;
  std::string_view reason;
  std::string message;
  WarningKind kind = WarningKind::kNone;
};

// Fills in `record`, except its line. Answers whether the row can be taken; if not, `error` says
// why and `record` is in no particular state. `warning->kind` is set where something of the row is
// not understood but the row can be taken; the caller clears it.
bool ReadRow(const Row& row, plugin::v1::ReportRecord* record, RowNote* error, RowNote* warning);

}  // namespace aftersales::amazon_reports
