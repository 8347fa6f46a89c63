// UPU S10 numbers: two letters for the service, 8 digits, a check digit, and the country whose
// post issued the number (which is neither the sender's country nor the last carrier's).
// Source: UPU standard S10, "Identification of postal items - 13-character identifier".
#pragma once

#include <cstdint>
#include <string_view>

#include "plugins/carriers/rules/check_digits.h"
#include "plugins/carriers/rules/number.h"

namespace aftersales::carriers {

// Two capital letters as one number, for tables and comparisons; 0 stands for none.
constexpr std::uint16_t LetterPair(char first, char second) {
  return static_cast<std::uint16_t>((first - 'A') * 26 + (second - 'A') + 1);
}

// A service that the two letters stand for.
struct S10Service {
  char first;
  char second_from;
  char second_to;
  // Name among the candidates of a verdict, such as `registered`.
  std::string_view name;
  // For messages, such as "registered letter-post item".
  std::string_view description;
  // Whether such items are scanned on their way.
  bool tracked;
};

// A country whose post may issue numbers.
struct S10Issuer {
  std::string_view code;
  std::string_view country;
};

// An S10 number taken apart. Nothing is judged yet.
struct S10 {
  std::string_view service_letters;
  std::string_view serial;
  int check_digit = 0;
  std::string_view country;
  // Null where the letters are reserved by the UPU.
  const S10Service* service = nullptr;
  // Null where no post issues numbers under that code, such as XX and UT.
  const S10Issuer* issuer = nullptr;

  int expected_check_digit() const { return S10CheckDigit(serial); }
  bool check_digit_holds() const { return check_digit == expected_check_digit(); }
  std::uint16_t country_pair() const { return LetterPair(country[0], country[1]); }
};

// Takes `text`, in normal spelling, apart into `out`. False if it has not the form; `out` points
// into `text`.
bool ParseS10(std::string_view text, S10& out);

// Whether the number belongs to a series that a post uses for ePacket or its equivalent (China's
// e邮宝/EUB, Korea's K-Packet, Japan's ePacket light). A candidate only: no post publishes its
// prefixes, and the shipping method of the order decides.
bool IsEpacketSeries(const S10& number);

// Name of another carrier that uses 13 characters of this form with an ending that is no country,
// such as Yanwen's YP. Empty if none does.
std::string_view S10Lookalike(const S10& number);

// LetterPair of the country that a post is named by ("ethiopiapost", "posteitaly"); 0 if none.
// `name` is in small letters without spaces.
std::uint16_t PostNamedByCountry(std::string_view name);

}  // namespace aftersales::carriers
