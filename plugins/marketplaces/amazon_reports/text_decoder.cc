#include "plugins/marketplaces/amazon_reports/text_decoder.h"

#include <iconv.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace aftersales::amazon_reports {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 character that `text` starts with, 0 if it does not start with one.
size_t Utf8Length(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return continues(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (first > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return 4;
}

}  // namespace

Charset CharsetByName(std::string_view name) {
  std::string key;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') key += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) key += c;
  }
  struct Alias {
    std::string_view name;
    Charset charset;
  };
  constexpr Alias kAliases[] = {
      {"", Charset::kGuess},          {"utf8", Charset::kUtf8},
      {"cp1252", Charset::kCp1252},   {"windows1252", Charset::kCp1252},
      {"iso88591", Charset::kCp1252}, {"latin1", Charset::kCp1252},
      {"usascii", Charset::kCp1252},  {"ascii", Charset::kCp1252},
      {"cp932", Charset::kCp932},     {"windows31j", Charset::kCp932},
      {"ms932", Charset::kCp932},     {"shiftjis", Charset::kCp932},
      {"sjis", Charset::kCp932},
  };
  for (const Alias& alias : kAliases) {
    if (alias.name == key) return alias.charset;
  }
  return Charset::kUnsupported;
}

std::string_view CharsetName(Charset charset) {
  switch (charset) {
    case Charset::kCp1252:
      return "windows-1252";
    case Charset::kCp932:
      return "Shift_JIS";
    default:
      return "UTF-8";
  }
}

Charset FallbackCharset(std::string_view marketplace_id) {
  return marketplace_id == "A1VC38T7YXB528" ? Charset::kCp932 : Charset::kCp1252;
}

bool IsAscii(std::string_view text) {
  const char* at = text.data();
  size_t left = text.size();
  for (; left >= 32; left -= 32, at += 32) {
    uint64_t words[4];
    std::memcpy(words, at, sizeof words);
    if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080U) != 0) return false;
  }
  for (; left > 0; --left, ++at) {
    if ((static_cast<unsigned char>(*at) & 0x80) != 0) return false;
  }
  return true;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view Utf8Prefix(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

TextDecoder::~TextDecoder() {
  if (handle_ != nullptr) iconv_close(static_cast<iconv_t>(handle_));
}

std::string_view TextDecoder::Decode(std::string_view line) {
  if (IsAscii(line)) return line;
  switch (charset_) {
    case Charset::kCp1252:
    case Charset::kCp932:
      return Convert(charset_, line);
    default:
      break;
  }
  if (IsUtf8(line)) return line;
  if (charset_ == Charset::kUtf8) {
    damaged_ = true;
    return Convert(Charset::kUtf8, line);
  }
  // Each line is judged by itself, so that one bad byte does not spoil the rest of a UTF-8 file.
  fell_back_ = true;
  return Convert(fallback_, line);
}

std::string_view TextDecoder::Convert(Charset from, std::string_view line) {
  if (handle_ == nullptr || opened_ != from) {
    if (handle_ != nullptr) iconv_close(static_cast<iconv_t>(handle_));
    handle_ = iconv_open("UTF-8", from == Charset::kCp932    ? "CP932"
                                  : from == Charset::kCp1252 ? "CP1252"
                                                             : "UTF-8");
    if (handle_ == reinterpret_cast<void*>(-1)) handle_ = nullptr;
    opened_ = from;
  }
  // Neither charset gives more than three bytes of UTF-8 for one of its own.
  buffer_.resize(line.size() * kReplacement.size());
  char* out = buffer_.data();
  size_t room = buffer_.size();
  char* in = const_cast<char*>(line.data());  // iconv does not write to its input.
  size_t left = line.size();
  if (handle_ != nullptr) iconv(static_cast<iconv_t>(handle_), nullptr, nullptr, nullptr, nullptr);
  while (left > 0) {
    if (handle_ != nullptr &&
        iconv(static_cast<iconv_t>(handle_), &in, &left, &out, &room) != static_cast<size_t>(-1)) {
      break;
    }
    if (handle_ == nullptr) {
      // A system without the charset's table: what is ASCII is still right.
      while (left > 0 && (static_cast<unsigned char>(*in) & 0x80) == 0 && room > 0) {
        *out++ = *in++;
        --left, --room;
      }
    }
    if (left == 0 || room < kReplacement.size()) break;
    // A byte that the charset does not define.
    std::memcpy(out, kReplacement.data(), kReplacement.size());
    out += kReplacement.size();
    room -= kReplacement.size();
    ++in, --left;
  }
  buffer_.resize(static_cast<size_t>(out - buffer_.data()));
  return buffer_;
}

}  // namespace aftersales::amazon_reports
