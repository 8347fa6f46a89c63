// Tracking numbers as people and files write them, brought into one spelling.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aftersales::carriers {

// Longest raw number that is judged, in bytes; the contract of the carrier plugins says so.
inline constexpr std::size_t kMaxNumberBytes = 100;

// A number with spaces, hyphens and invisible characters removed, in capitals. Full-width letters
// and digits, as Chinese and Japanese input methods write them, become plain ones. Held in place,
// so that making one allocates nothing.
class Number {
 public:
  explicit Number(std::string_view raw);

  // The normal spelling; always ASCII. A character that no number has is `?`.
  std::string_view text() const { return {text_.data(), size_}; }
  // Whether the raw number had more than kMaxNumberBytes bytes; `text()` is then its beginning.
  bool too_long() const { return too_long_; }
  // Whether the raw number had a character outside of ASCII that has no plain spelling.
  bool has_foreign_characters() const { return foreign_; }

 private:
  std::array<char, kMaxNumberBytes> text_;  // Only the first size_ are written.
  std::uint8_t size_ = 0;
  bool too_long_ = false;
  bool foreign_ = false;
};

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }

// Whether there are only digits; true for none.
constexpr bool AllDigits(std::string_view text) {
  for (const char c : text) {
    if (!IsDigit(c)) return false;
  }
  return true;
}

// How a number is built, for messages: "2 letters, 9 digits, 2 letters", "nothing".
std::string DescribeShape(const Number& number);

}  // namespace aftersales::carriers
