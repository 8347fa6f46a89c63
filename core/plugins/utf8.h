// Text from plugins and of file names, fit for messages, whose text is UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace aftersales::plugins {

// `bytes` with `?` for each byte that is not part of UTF-8.
std::string Utf8(std::string_view bytes);

}  // namespace aftersales::plugins
