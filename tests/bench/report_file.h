// Report files as large as wanted, with rows as sellers have them.
#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/time/time.h"

namespace aftersales::bench {

struct ReportShape {
  int64_t rows = 0;
  absl::Time now;           // the day it was asked for: requests are of the 60 days before
  int64_t first_order = 0;  // number of the first order, as OrderId has it
  // The first rows wait for an answer, all others are completed. -1: a mix of all states.
  int64_t pending = -1;
};

// Writes a GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE file: 33 columns, CRLF, dates by day with
// English months, single-space empties, short rows, about one in ten orders with a second item, one
// in forty returns without RMA id. Answers its size in bytes. The same shape gives the same file.
int64_t WriteReturnsReport(const std::filesystem::path& path, const ReportShape& shape);

}  // namespace aftersales::bench
