#include "core/host/cli/table.h"

#include <algorithm>
#include <utility>

#include "core/host/cli/text.h"

namespace aftersales::cli {
namespace {

constexpr int kGap = 2;
constexpr int kLabelWidth = 18;

// Least width that a column of each kind is squeezed to.
int Least(const Table::Column& column) {
  if (column.least > 0) return column.least;
  switch (column.fit) {
    case Table::Fit::kWrap:
      return 18;
    case Table::Fit::kTruncate:
      return 8;
    case Table::Fit::kKeep:
      break;
  }
  return 4;
}

std::string TrimmedRight(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

Table::Table(std::vector<Column> columns, int indent)
    : columns_(std::move(columns)), indent_(indent) {}

void Table::Add(std::vector<Cell> cells) {
  cells.resize(columns_.size(), Cell(""));
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::FittedWidths(int available) const {
  std::vector<int> widths;
  int total = kGap * (static_cast<int>(columns_.size()) - 1);
  for (size_t c = 0; c < columns_.size(); ++c) {
    int width = DisplayWidth(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[c].text));
    widths.push_back(width);
    total += width;
  }
  // The softest columns give way first, the widest of them before the others.
  for (const Fit fit : {Fit::kWrap, Fit::kTruncate, Fit::kKeep}) {
    while (total > available) {
      int widest = -1;
      for (int c = 0; c < static_cast<int>(columns_.size()); ++c) {
        if (columns_[c].fit != fit || widths[c] <= Least(columns_[c])) continue;
        if (widest < 0 || widths[c] > widths[widest]) widest = c;
      }
      if (widest < 0) break;
      --widths[widest];
      --total;
    }
  }
  return widths;
}

void Table::PrintOr(std::string_view nothing, const Terminal& terminal) const {
  if (!empty()) return Print(terminal);
  terminal.out << nothing << "\n";
}

void Table::Print(const Terminal& terminal) const {
  const std::vector<int> widths = FittedWidths(terminal.width - indent_);
  const std::string indent(static_cast<size_t>(indent_), ' ');
  const std::string gap(kGap, ' ');

  const auto print_line = [&](const std::vector<Cell>& cells) {
    std::string line = indent;
    for (size_t c = 0; c < cells.size(); ++c) {
      if (c > 0) line += gap;
      const bool right = columns_[c].align == Align::kRight;
      const std::string text = Truncate(cells[c].text, widths[c]);
      const std::string spaces(static_cast<size_t>(widths[c] - DisplayWidth(text)), ' ');
      const std::string painted = terminal.Paint(text, cells[c].style);
      line += right ? spaces + painted : painted + spaces;
    }
    terminal.out << TrimmedRight(std::move(line)) << '\n';
  };

  std::vector<Cell> headings;
  for (const Column& column : columns_) headings.push_back({column.title, Style::kHeading});
  print_line(headings);
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> wrapped(row.size());
    size_t height = 1;
    for (size_t c = 0; c < row.size(); ++c) {
      wrapped[c] = columns_[c].fit == Fit::kWrap ? Wrap(row[c].text, std::max(2, widths[c]))
                                                 : std::vector<std::string>{row[c].text};
      height = std::max(height, wrapped[c].size());
    }
    for (size_t i = 0; i < height; ++i) {
      std::vector<Cell> line;
      for (size_t c = 0; c < row.size(); ++c) {
        line.push_back({i < wrapped[c].size() ? wrapped[c][i] : "", row[c].style});
      }
      print_line(line);
    }
  }
}

void PrintField(const Terminal& terminal, std::string_view label, std::string_view value,
                Style style) {
  if (value.empty()) return;
  std::string head = Pad(label, kLabelWidth);
  for (const std::string& line : Wrap(Printable(value), terminal.width - kLabelWidth)) {
    terminal.out << head << terminal.Paint(line, style) << '\n';
    head.assign(kLabelWidth, ' ');
  }
}

void PrintParagraph(const Terminal& terminal, std::string_view text, std::string_view indent) {
  const int width = std::max(2, terminal.width - DisplayWidth(indent));
  std::string lead(indent);
  for (const std::string& line : Wrap(Printable(text), width)) {
    terminal.out << lead << line << '\n';
    lead.assign(static_cast<size_t>(DisplayWidth(indent)), ' ');
  }
}

}  // namespace aftersales::cli
