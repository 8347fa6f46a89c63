// Check digits of postal and carrier numbers. Callers pass digits only.
#pragma once

#include <cstddef>
#include <string_view>

namespace aftersales::carriers {

// UPU S10, over the 8 digits of the serial number: weights 8 6 4 2 3 5 9 7, 11 - sum mod 11, where
// 10 becomes 0 and 11 becomes 5. Source: UPU standard S10. (Some pages give the weights 3, 4, 5 …
// 10 instead; no real number agrees with those.)
constexpr int S10CheckDigit(std::string_view serial) {
  constexpr int kWeights[] = {8, 6, 4, 2, 3, 5, 9, 7};
  int sum = 0;
  for (std::size_t i = 0; i < 8; ++i) sum += kWeights[i] * (serial[i] - '0');
  const int check = 11 - sum % 11;
  return check == 10 ? 0 : check == 11 ? 5 : check;
}

// DHL Express waybills: the number before the check digit, modulo 7.
constexpr int Mod7CheckDigit(std::string_view serial) {
  int rest = 0;
  for (const char c : serial) rest = (rest * 10 + (c - '0')) % 7;
  return rest;
}

// Modulo 10 with two alternating weights, the first of them for the digit left of the check digit.
// 3 and 1: GS1 (SSCC) and USPS IMpb. 4 and 9: Deutsche Post Identcode and Leitcode.
constexpr int Mod10CheckDigit(std::string_view serial, int weight, int next_weight) {
  int sum = 0;
  bool odd = true;
  for (std::size_t i = serial.size(); i-- > 0; odd = !odd) {
    sum += (odd ? weight : next_weight) * (serial[i] - '0');
  }
  return (10 - sum % 10) % 10;
}

}  // namespace aftersales::carriers
