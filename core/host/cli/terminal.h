// Where a command writes, and what that place can show.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace aftersales::cli {

// Meaning of a piece of text; becomes colour where there is colour.
enum class Style { kPlain, kHeading, kGood, kWarn, kBad, kFaint };

// The two streams of a program and what the person behind them sees. Commands never touch
// std::cout, so that tests and the demo can read what they print.
struct Terminal {
  std::ostream& out;
  std::ostream& err;
  bool color = false;     // `out` is a terminal and NO_COLOR is not set
  bool progress = false;  // `err` is a terminal: moving bars are welcome
  int width = 100;        // display columns; tables keep within them

  // The process's own streams. Colour and progress only on a terminal; the NO_COLOR convention
  // (https://no-color.org) and TERM=dumb are kept. A pipe gets 100 columns.
  static Terminal Standard();

  // `text` in the colour of `style`, or as it is.
  std::string Paint(std::string_view text, Style style) const;
};

}  // namespace aftersales::cli
