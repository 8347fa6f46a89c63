// What both ends of a unix socket agree on.
#pragma once

#include <string>
#include <string_view>

namespace aftersales::plugins {

// The longest message between the host and its services for a process: a body of 8 MiB with its
// headers.
constexpr int kServiceMessageBytes = 16 << 20;

// `unix:PATH`. gRPC reads it as a URI, so what has a meaning there is written as %XX.
inline std::string UnixAddress(std::string_view path) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string address = "unix:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      const auto byte = static_cast<unsigned char>(c);
      address += {'%', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      address += c;
    }
  }
  return address;
}

}  // namespace aftersales::plugins
