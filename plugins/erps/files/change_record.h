// A change as it stands in the files: one JSON object, and the CSV row that follows from it.
#pragma once

#include <string>
#include <string_view>

#include "aftersales/plugin/v1/erp.pb.h"
#include "nlohmann/json.hpp"

namespace aftersales::erps {

// Keys keep the order in which they were written.
using Json = nlohmann::ordered_json;

// The object of a change. `effect_id` is its first key. Amounts are integers in minor units with
// their currency; times are UTC in RFC 3339. Ids, SKUs, counts, amounts and codes only: nothing
// that the buyer wrote or that tells who the buyer is.
Json ToJson(const plugin::v1::Change& change);

// The object as one line without its line break. Text that is not UTF-8 is repaired.
std::string ToLine(const Json& record);

// Names of the CSV columns, ending in CR LF.
std::string CsvHeader();

// The CSV row of an object, ending in CR LF (RFC 4180). Text that a spreadsheet would take for a
// formula gets an apostrophe in front. Depends on nothing but the object, so that the CSV file can
// be made again from the JSON lines at any time. Keys that are missing give empty cells.
std::string ToCsvRow(const Json& record);

// One cell of text, quoted where it must be and made harmless where it looks like a formula.
std::string CsvCell(std::string_view text);

}  // namespace aftersales::erps
