#include "core/plugins/utf8.h"

#include <google/protobuf/stubs/common.h>

#include <algorithm>

namespace aftersales::plugins {

std::string Utf8(std::string_view bytes) {
  const auto valid = [](std::string_view text) {
    return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                               static_cast<int>(text.size()));
  };
  if (valid(bytes)) return std::string(bytes);
  std::string text;
  while (!bytes.empty()) {
    size_t size = 0;
    for (size_t wanted = 1; wanted <= std::min<size_t>(4, bytes.size()) && size == 0; ++wanted) {
      if (valid(bytes.substr(0, wanted))) size = wanted;
    }
    text += size == 0 ? "?" : bytes.substr(0, size);
    bytes.remove_prefix(std::max<size_t>(1, size));
  }
  return text;
}

std::string Shortened(std::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  // Not in the middle of a letter.
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return std::string(text.substr(0, max)) + " [cut]";
}

}  // namespace aftersales::plugins
