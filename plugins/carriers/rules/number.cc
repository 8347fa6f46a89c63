#include "plugins/carriers/rules/number.h"

namespace aftersales::carriers {
namespace {

// What a byte becomes; kDrop and kForeign are no characters of a number.
constexpr char kDrop = 0;
constexpr char kForeign = 1;

constexpr std::array<char, 256> MakeByteMap() {
  std::array<char, 256> map{};
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    if (i >= 0x80) {
      map[static_cast<std::size_t>(i)] = kForeign;
    } else if (i <= ' ' || i == 0x7f || c == '-') {
      map[static_cast<std::size_t>(i)] = kDrop;
    } else if (c >= 'a' && c <= 'z') {
      map[static_cast<std::size_t>(i)] = static_cast<char>(c - 'a' + 'A');
    } else {
      map[static_cast<std::size_t>(i)] = c;
    }
  }
  return map;
}
constexpr std::array<char, 256> kByteMap = MakeByteMap();

// UTF-8 sequences that have a plain spelling: all bytes but the last are `head`, the last one lies
// in [first, last]. `base` is the plain character of `first`, or kDrop.
struct Sequence {
  std::string_view head;
  unsigned char first;
  unsigned char last;
  char base;
};
constexpr Sequence kSequences[] = {
    {"\xC2", 0xA0, 0xA0, kDrop},      // No-break space.
    {"\xC2", 0xAD, 0xAD, kDrop},      // Soft hyphen.
    {"\xE2\x80", 0x80, 0x95, kDrop},  // Spaces of all widths, direction marks, hyphens, dashes.
    {"\xE2\x80", 0xAF, 0xAF, kDrop},  // Narrow no-break space.
    {"\xE2\x81", 0xA0, 0xA0, kDrop},  // Word joiner.
    {"\xE2\x88", 0x92, 0x92, kDrop},  // Minus sign.
    {"\xE3\x80", 0x80, 0x80, kDrop},  // Ideographic space.
    {"\xEF\xBB", 0xBF, 0xBF, kDrop},  // Byte order mark.
    {"\xEF\xBC", 0x8D, 0x8D, kDrop},  // Full-width hyphen.
    {"\xEF\xBC", 0x90, 0x99, '0'},    // Full-width digits.
    {"\xEF\xBC", 0xA1, 0xBA, 'A'},    // Full-width capitals.
    {"\xEF\xBD", 0x81, 0x9A, 'A'},    // Full-width small letters.
};

const Sequence* FindSequence(std::string_view rest) {
  for (const Sequence& sequence : kSequences) {
    const std::size_t n = sequence.head.size();
    if (rest.size() > n && rest.substr(0, n) == sequence.head) {
      const auto last = static_cast<unsigned char>(rest[n]);
      if (last >= sequence.first && last <= sequence.last) return &sequence;
    }
  }
  return nullptr;
}

}  // namespace

Number::Number(std::string_view raw) {
  if (raw.size() > kMaxNumberBytes) {
    too_long_ = true;
    raw = raw.substr(0, kMaxNumberBytes);
  }
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char c = kByteMap[static_cast<unsigned char>(raw[i])];
    if (c == kDrop) continue;
    if (c != kForeign) {
      text_[size_++] = c;
      continue;
    }
    if (const Sequence* sequence = FindSequence(raw.substr(i))) {
      i += sequence->head.size();
      if (sequence->base != kDrop) {
        const int offset = static_cast<unsigned char>(raw[i]) - sequence->first;
        text_[size_++] = static_cast<char>(sequence->base + offset);
      }
      continue;
    }
    foreign_ = true;
    text_[size_++] = '?';
    // The rest of the character is the same mistake.
    while (i + 1 < raw.size() && (static_cast<unsigned char>(raw[i + 1]) & 0xC0) == 0x80) ++i;
  }
}

std::string DescribeShape(const Number& number) {
  if (number.too_long()) return "more than " + std::to_string(kMaxNumberBytes) + " bytes";
  const std::string_view text = number.text();
  if (text.empty()) return "nothing";
  constexpr int kMaxRuns = 6;
  const auto kind = [](char c) { return IsDigit(c) ? 0 : IsCapital(c) ? 1 : 2; };
  constexpr std::string_view kOne[] = {" digit", " letter", " other character"};
  std::string shape;
  int runs = 0;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    while (end < text.size() && kind(text[end]) == kind(text[i])) ++end;
    if (++runs > kMaxRuns) return shape + " and more";
    if (!shape.empty()) shape += ", ";
    shape += std::to_string(end - i);
    shape += kOne[kind(text[i])];
    if (end - i > 1) shape += 's';
    i = end;
  }
  return shape;
}

}  // namespace aftersales::carriers
