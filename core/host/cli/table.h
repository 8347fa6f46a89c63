// Tables and sheets that fit the terminal, the same on a screen and in a pipe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/host/cli/terminal.h"

namespace aftersales::cli {

// Rows of aligned columns, two spaces apart, no tabs and no lines.
//
// Example:
//   Table table({{"ORDER"}, {"AMOUNT", Table::Align::kRight}, {"WHAT", {}, Table::Fit::kWrap}});
//   table.Add({"113-1", "29.99 USD", {"overdue", Style::kBad}});
//   table.Print(terminal);
class Table {
 public:
  enum class Align { kLeft, kRight };
  // What happens to a column when the table is wider than the terminal.
  enum class Fit {
    kKeep,      // shortened last of all: ids, numbers, dates
    kTruncate,  // cut with `…`
    kWrap,      // goes on in the next line
  };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    Fit fit = Fit::kKeep;
    int least = 0;  // never narrower while a later kind of column can give way; 0: by `fit`
  };
  struct Cell {
    std::string text;
    Style style = Style::kPlain;
    Cell(std::string t, Style s = Style::kPlain) : text(std::move(t)), style(s) {}  // NOLINT
    Cell(const char* t, Style s = Style::kPlain) : text(t), style(s) {}             // NOLINT
  };

  explicit Table(std::vector<Column> columns, int indent = 0);

  // One cell for each column, shown through Printable().
  void Add(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }
  // Writes headings and rows to `terminal.out`, within `terminal.width` columns.
  void Print(const Terminal& terminal) const;
  // The same; a line that says so where there are no rows.
  void PrintOr(std::string_view nothing, const Terminal& terminal) const;

 private:
  std::vector<int> FittedWidths(int available) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  int indent_;
};

// One line `label   value` of a sheet; a long value goes on under itself. Empty values are left
// out.
void PrintField(const Terminal& terminal, std::string_view label, std::string_view value,
                Style style = Style::kPlain);

// A paragraph within the terminal's width, the first line behind `indent` and the others behind as
// much space.
void PrintParagraph(const Terminal& terminal, std::string_view text, std::string_view indent = "");

}  // namespace aftersales::cli
