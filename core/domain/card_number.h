// Whether a text holds the number of a payment card, which must never be stored.
#pragma once

#include <string_view>

namespace aftersales {

// True if 13 to 19 digits, together or in the groups of a card (4-4-4-4, 4-6-5; by single spaces or
// hyphens), begin like a card's number and end in its Luhn check digit (ISO/IEC 7812-1): Visa,
// Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro. An Amazon order id
// (3-7-7) never is one. Of other numbers of such a form one in ten is taken for a card by chance.
bool HoldsCardNumber(std::string_view text);

}  // namespace aftersales
