// Text helpers at the border to abseil. Debian builds abseil with a string_view of its own, which
// does not convert from std::string_view; these two do it, so that nothing else has to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace aftersales {

// The same text as abseil's view.
inline absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }
// The same text as the standard's view.
inline std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

namespace internal {
template <typename T>
const T& ToAlpha(const T& value) {
  return value;
}
inline absl::string_view ToAlpha(const std::string_view& text) { return View(text); }
}  // namespace internal

// absl::StrCat that takes std::string_view too.
template <typename... Parts>
std::string Cat(const Parts&... parts) {
  return absl::StrCat(internal::ToAlpha(parts)...);
}

// FNV-1a: the same in every run and on every machine, so that it may be stored.
inline uint64_t Fingerprint(std::string_view text) {
  uint64_t hash = 14695981039346656037ull;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

// Hash for unordered containers that are looked up by view.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace aftersales
