// The host's log: one line an entry on stderr, for machines to read.
#pragma once

#include <string>

namespace aftersales::cli {

// Sets spdlog's default logger. `level` is trace, debug, info, warn, error or off; `format` is
// `text` (time=… level=… msg="…") or `json` (one object a line). Line breaks and quotes in a
// message are escaped, so that no value can forge a second entry.
void ConfigureLogging(const std::string& level, const std::string& format);

}  // namespace aftersales::cli
