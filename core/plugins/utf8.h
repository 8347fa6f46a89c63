// Text from plugins and of file names, fit for messages, whose text is UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace aftersales::plugins {

// `bytes` with `?` for each byte that is not part of UTF-8.
std::string Utf8(std::string_view bytes);

// `text`, of which no more than `max` bytes are kept, and a word that there was more.
std::string Shortened(std::string_view text, size_t max);

}  // namespace aftersales::plugins
