// Text as a terminal shows it: display width, cutting and wrapping of UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aftersales::cli {

// Text safe to print: malformed UTF-8 becomes U+FFFD, and control characters (line breaks, tabs,
// escape sequences out of a report file) become spaces, so that data never drives the terminal.
std::string Printable(std::string_view text);

// Display columns of valid UTF-8: 2 for East Asian wide characters and emoji, 0 for combining
// marks, 1 for the rest (Unicode 15, UAX #11 classes W and F).
int DisplayWidth(std::string_view text);

// At most `width` columns; what is cut off is marked with `…`. `width` is at least 1.
std::string Truncate(std::string_view text, int width);

// Breaks at spaces into lines of at most `width` columns; a longer word is broken inside.
// At least one line. `width` is at least 2.
std::vector<std::string> Wrap(std::string_view text, int width);

// `text` with `pad` spaces up to `width` columns, after it or before it.
std::string Pad(std::string_view text, int width, bool right_aligned = false);

}  // namespace aftersales::cli
