// Bytes of a line to UTF-8. The charset of a flat file is not fixed: UTF-8 is promised,
// Windows-1252 is what many North American and European files really are, and Shift_JIS (cp932) the
// Japanese ones.
#pragma once

#include <string>
#include <string_view>

namespace aftersales::amazon_reports {

// What the bytes of a file mean.
enum class Charset : unsigned char {
  // UTF-8 as long as a line is valid UTF-8, else the fallback of the marketplace.
  kGuess = 0,
  // And nothing else, whatever the bytes look like.
  kUtf8 = 1,
  kCp1252 = 2,
  kCp932 = 3,
  // One that this plugin does not read.
  kUnsupported = 255,
};

// By the name that a Content-Type may carry, in any case. ISO-8859-1 and US-ASCII are read as
// Windows-1252, which contains them. Empty is kGuess.
Charset CharsetByName(std::string_view name);
// `UTF-8`, `windows-1252`, `Shift_JIS`.
std::string_view CharsetName(Charset charset);
// cp932 for Amazon Japan, cp1252 for every other marketplace.
Charset FallbackCharset(std::string_view marketplace_id);

// Whether no byte is above 127.
bool IsAscii(std::string_view text);
// Whether it is UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF.
bool IsUtf8(std::string_view text);
// The longest prefix of valid UTF-8 of at most `limit` bytes that ends between two characters.
std::string_view Utf8Prefix(std::string_view text, size_t limit);

// Not thread-safe; make one for each call.
class TextDecoder {
 public:
  TextDecoder(Charset charset, Charset fallback) : charset_(charset), fallback_(fallback) {}
  ~TextDecoder();
  TextDecoder(const TextDecoder&) = delete;
  TextDecoder& operator=(const TextDecoder&) = delete;

  // The line as UTF-8, valid until the next call. What the charset does not define becomes U+FFFD.
  std::string_view Decode(std::string_view line);

  // Whether a line was not the UTF-8 that the file is told to be since the start.
  bool damaged() const { return damaged_; }
  // Whether a line was not UTF-8 and was read in the fallback charset since the start.
  bool fell_back() const { return fell_back_; }

 private:
  std::string_view Convert(Charset from, std::string_view line);

  Charset charset_;
  Charset fallback_;
  bool fell_back_ = false;
  bool damaged_ = false;
  // iconv_t of `opened_`.
  void* handle_ = nullptr;
  Charset opened_ = Charset::kGuess;
  std::string buffer_;
};

}  // namespace aftersales::amazon_reports
