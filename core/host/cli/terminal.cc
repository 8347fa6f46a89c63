#include "core/host/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace aftersales::cli {
namespace {

constexpr int kWidthMax = 100;  // wider lines are harder to read than to wrap
constexpr int kWidthMin = 60;   // below this no table of ours makes sense

std::string_view Code(Style style) {
  switch (style) {
    case Style::kHeading:
      return "\x1b[1m";
    case Style::kGood:
      return "\x1b[32m";
    case Style::kWarn:
      return "\x1b[33m";
    case Style::kBad:
      return "\x1b[31m";
    case Style::kFaint:
      return "\x1b[2m";
    case Style::kPlain:
      break;
  }
  return "";
}

}  // namespace

Terminal Terminal::Standard() {
  Terminal terminal{std::cout, std::cerr};
  const bool out_is_terminal = isatty(STDOUT_FILENO) != 0;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  terminal.color = out_is_terminal && (no_color == nullptr || *no_color == '\0') &&
                   (term != nullptr && std::string_view(term) != "dumb");
  terminal.progress = isatty(STDERR_FILENO) != 0;
  winsize size{};
  if (out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = std::clamp<int>(size.ws_col, kWidthMin, kWidthMax);
  }
  return terminal;
}

std::string Terminal::Paint(std::string_view text, Style style) const {
  const std::string_view code = color ? Code(style) : "";
  if (code.empty() || text.empty()) return std::string(text);
  return std::string(code).append(text).append("\x1b[0m");
}

}  // namespace aftersales::cli
