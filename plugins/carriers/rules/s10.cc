#include "plugins/carriers/rules/s10.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <string>

namespace aftersales::carriers {
namespace {

// Service indicators of UPU S10. Letters that are not here are reserved by the UPU.
constexpr S10Service kServices[] = {
    {'A', 'A', 'U', "recorded", "recorded item", true},
    {'A', 'V', 'Z', "domestic-post", "item of domestic or bilateral use", true},
    {'B', 'A', 'Z', "domestic-post", "item of domestic or bilateral use", true},
    {'C', 'A', 'Z', "postal-parcel", "postal parcel", true},
    {'D', 'A', 'Z', "domestic-post", "item of domestic or bilateral use", true},
    {'E', 'A', 'Z', "ems", "EMS item", true},
    {'G', 'A', 'A', "domestic-post", "item of domestic or bilateral use", true},
    {'G', 'D', 'D', "domestic-post", "item of domestic or bilateral use", true},
    {'H', 'A', 'Z', "ecommerce-parcel", "e-commerce parcel", true},
    {'L', 'A', 'Z', "tracked-packet", "tracked or express letter-post item", true},
    {'M', 'A', 'Z', "m-bag", "M-bag of printed matter", true},
    {'N', 'A', 'Z', "domestic-post", "item of domestic or bilateral use", true},
    {'P', 'A', 'Z', "domestic-post", "item of domestic or bilateral use", true},
    {'Q', 'A', 'M', "business-reply", "international business reply", true},
    {'R', 'A', 'Z', "registered", "registered letter-post item", true},
    {'U', 'A', 'Z', "untracked-packet", "packet without tracking", false},
    {'V', 'A', 'Z', "insured", "insured letter-post item", true},
    {'Z', 'A', 'Z', "domestic-post", "item of domestic or bilateral use", true},
};

// Countries whose posts issue numbers: the members of the UPU, and below them the territories
// whose posts issue under a code of their own. Not here, on purpose: XX (private use), UT (issued
// by nobody) and the states that are served by another country's post (AD, FM, MH, PW).
constexpr S10Issuer kIssuers[] = {
    {"AF", "Afghanistan"},
    {"AL", "Albania"},
    {"DZ", "Algeria"},
    {"AO", "Angola"},
    {"AG", "Antigua and Barbuda"},
    {"AR", "Argentina"},
    {"AM", "Armenia"},
    {"AU", "Australia"},
    {"AT", "Austria"},
    {"AZ", "Azerbaijan"},
    {"BS", "Bahamas"},
    {"BH", "Bahrain"},
    {"BD", "Bangladesh"},
    {"BB", "Barbados"},
    {"BY", "Belarus"},
    {"BE", "Belgium"},
    {"BZ", "Belize"},
    {"BJ", "Benin"},
    {"BT", "Bhutan"},
    {"BO", "Bolivia"},
    {"BA", "Bosnia and Herzegovina"},
    {"BW", "Botswana"},
    {"BR", "Brazil"},
    {"BN", "Brunei"},
    {"BG", "Bulgaria"},
    {"BF", "Burkina Faso"},
    {"BI", "Burundi"},
    {"KH", "Cambodia"},
    {"CM", "Cameroon"},
    {"CA", "Canada"},
    {"CV", "Cape Verde"},
    {"CF", "Central African Republic"},
    {"TD", "Chad"},
    {"CL", "Chile"},
    {"CN", "China"},
    {"CO", "Colombia"},
    {"KM", "Comoros"},
    {"CG", "Congo"},
    {"CD", "Democratic Republic of the Congo"},
    {"CR", "Costa Rica"},
    {"CI", "Ivory Coast"},
    {"HR", "Croatia"},
    {"CU", "Cuba"},
    {"CY", "Cyprus"},
    {"CZ", "Czechia"},
    {"DK", "Denmark"},
    {"DJ", "Djibouti"},
    {"DM", "Dominica"},
    {"DO", "Dominican Republic"},
    {"EC", "Ecuador"},
    {"EG", "Egypt"},
    {"SV", "El Salvador"},
    {"GQ", "Equatorial Guinea"},
    {"ER", "Eritrea"},
    {"EE", "Estonia"},
    {"SZ", "Eswatini"},
    {"ET", "Ethiopia"},
    {"FJ", "Fiji"},
    {"FI", "Finland"},
    {"FR", "France"},
    {"GA", "Gabon"},
    {"GM", "Gambia"},
    {"GE", "Georgia"},
    {"DE", "Germany"},
    {"GH", "Ghana"},
    {"GR", "Greece"},
    {"GD", "Grenada"},
    {"GT", "Guatemala"},
    {"GN", "Guinea"},
    {"GW", "Guinea-Bissau"},
    {"GY", "Guyana"},
    {"HT", "Haiti"},
    {"HN", "Honduras"},
    {"HU", "Hungary"},
    {"IS", "Iceland"},
    {"IN", "India"},
    {"ID", "Indonesia"},
    {"IR", "Iran"},
    {"IQ", "Iraq"},
    {"IE", "Ireland"},
    {"IL", "Israel"},
    {"IT", "Italy"},
    {"JM", "Jamaica"},
    {"JP", "Japan"},
    {"JO", "Jordan"},
    {"KZ", "Kazakhstan"},
    {"KE", "Kenya"},
    {"KI", "Kiribati"},
    {"KP", "North Korea"},
    {"KR", "Korea"},
    {"KW", "Kuwait"},
    {"KG", "Kyrgyzstan"},
    {"LA", "Laos"},
    {"LV", "Latvia"},
    {"LB", "Lebanon"},
    {"LS", "Lesotho"},
    {"LR", "Liberia"},
    {"LY", "Libya"},
    {"LI", "Liechtenstein"},
    {"LT", "Lithuania"},
    {"LU", "Luxembourg"},
    {"MG", "Madagascar"},
    {"MW", "Malawi"},
    {"MY", "Malaysia"},
    {"MV", "Maldives"},
    {"ML", "Mali"},
    {"MT", "Malta"},
    {"MR", "Mauritania"},
    {"MU", "Mauritius"},
    {"MX", "Mexico"},
    {"MD", "Moldova"},
    {"MC", "Monaco"},
    {"MN", "Mongolia"},
    {"ME", "Montenegro"},
    {"MA", "Morocco"},
    {"MZ", "Mozambique"},
    {"MM", "Myanmar"},
    {"NA", "Namibia"},
    {"NR", "Nauru"},
    {"NP", "Nepal"},
    {"NL", "Netherlands"},
    {"NZ", "New Zealand"},
    {"NI", "Nicaragua"},
    {"NE", "Niger"},
    {"NG", "Nigeria"},
    {"MK", "North Macedonia"},
    {"NO", "Norway"},
    {"OM", "Oman"},
    {"PK", "Pakistan"},
    {"PA", "Panama"},
    {"PG", "Papua New Guinea"},
    {"PY", "Paraguay"},
    {"PE", "Peru"},
    {"PH", "Philippines"},
    {"PL", "Poland"},
    {"PT", "Portugal"},
    {"QA", "Qatar"},
    {"RO", "Romania"},
    {"RU", "Russia"},
    {"RW", "Rwanda"},
    {"KN", "Saint Kitts and Nevis"},
    {"LC", "Saint Lucia"},
    {"VC", "Saint Vincent"},
    {"WS", "Samoa"},
    {"SM", "San Marino"},
    {"ST", "Sao Tome and Principe"},
    {"SA", "Saudi Arabia"},
    {"SN", "Senegal"},
    {"RS", "Serbia"},
    {"SC", "Seychelles"},
    {"SL", "Sierra Leone"},
    {"SG", "Singapore"},
    {"SK", "Slovakia"},
    {"SI", "Slovenia"},
    {"SB", "Solomon Islands"},
    {"SO", "Somalia"},
    {"ZA", "South Africa"},
    {"SS", "South Sudan"},
    {"ES", "Spain"},
    {"LK", "Sri Lanka"},
    {"SD", "Sudan"},
    {"SR", "Suriname"},
    {"SE", "Sweden"},
    {"CH", "Switzerland"},
    {"SY", "Syria"},
    {"TJ", "Tajikistan"},
    {"TZ", "Tanzania"},
    {"TH", "Thailand"},
    {"TL", "Timor-Leste"},
    {"TG", "Togo"},
    {"TO", "Tonga"},
    {"TT", "Trinidad and Tobago"},
    {"TN", "Tunisia"},
    {"TR", "Turkey"},
    {"TM", "Turkmenistan"},
    {"TV", "Tuvalu"},
    {"UG", "Uganda"},
    {"UA", "Ukraine"},
    {"AE", "United Arab Emirates"},
    {"GB", "United Kingdom"},
    {"US", "United States"},
    {"UY", "Uruguay"},
    {"UZ", "Uzbekistan"},
    {"VU", "Vanuatu"},
    {"VA", "Vatican"},
    {"VE", "Venezuela"},
    {"VN", "Vietnam"},
    {"YE", "Yemen"},
    {"ZM", "Zambia"},
    {"ZW", "Zimbabwe"},
    {"AI", "Anguilla"},
    {"AW", "Aruba"},
    {"AX", "Aland"},
    {"BM", "Bermuda"},
    {"CK", "Cook Islands"},
    {"CW", "Curacao"},
    {"FK", "Falkland Islands"},
    {"FO", "Faroe Islands"},
    {"GG", "Guernsey"},
    {"GI", "Gibraltar"},
    {"GL", "Greenland"},
    {"HK", "Hong Kong"},
    {"IM", "Isle of Man"},
    {"JE", "Jersey"},
    {"KY", "Cayman Islands"},
    {"MO", "Macau"},
    {"MS", "Montserrat"},
    {"NC", "New Caledonia"},
    {"PF", "French Polynesia"},
    {"PS", "Palestine"},
    {"SH", "Saint Helena"},
    {"SX", "Sint Maarten"},
    {"TC", "Turks and Caicos Islands"},
    {"TW", "Taiwan"},
    {"VG", "British Virgin Islands"},
};

// Series that are ePackets or their equivalents, as seen in use.
struct Series {
  char first;
  char second_from;
  char second_to;
  std::string_view country;
};
constexpr Series kEpacketSeries[] = {
    {'L', 'A', 'Z', "CN"},  // e邮宝 (EUB).
    {'L', 'A', 'Z', "HK"},  // Hongkong Post ePacket.
    {'L', 'A', 'Z', "SG"},  // Singapore Post ePacket.
    {'L', 'A', 'Z', "KR"},  // K-Packet.
    {'L', 'A', 'X', "JP"},  // ePacket and ePacket light.
    {'R', 'X', 'X', "JP"},  // The same, as registered items.
};

struct Lookalike {
  std::string_view ending;
  std::string_view carrier;
};
constexpr Lookalike kLookalikes[] = {{"YP", "yanwen"}};

constexpr std::size_t kPairs = 26 * 26 + 1;  // Index 0 stays free: LetterPair never gives it.
using PairTable = std::array<std::uint8_t, kPairs>;  // 1 + row; 0 for none.
static_assert(std::size(kIssuers) < 255 && std::size(kServices) < 255);

constexpr PairTable MakeServiceTable() {
  PairTable table{};
  for (std::size_t row = 0; row < std::size(kServices); ++row) {
    for (char second = kServices[row].second_from; second <= kServices[row].second_to; ++second) {
      table[LetterPair(kServices[row].first, second)] = static_cast<std::uint8_t>(row + 1);
    }
  }
  return table;
}
constexpr PairTable kServiceOf = MakeServiceTable();

constexpr PairTable MakeIssuerTable() {
  PairTable table{};
  for (std::size_t row = 0; row < std::size(kIssuers); ++row) {
    table[LetterPair(kIssuers[row].code[0], kIssuers[row].code[1])] =
        static_cast<std::uint8_t>(row + 1);
  }
  return table;
}
constexpr PairTable kIssuerOf = MakeIssuerTable();

}  // namespace

bool ParseS10(std::string_view text, S10& out) {
  if (text.size() != 13 || !IsCapital(text[0]) || !IsCapital(text[1]) || !IsCapital(text[11]) ||
      !IsCapital(text[12]) || !AllDigits(text.substr(2, 9))) {
    return false;
  }
  out.service_letters = text.substr(0, 2);
  out.serial = text.substr(2, 8);
  out.check_digit = text[10] - '0';
  out.country = text.substr(11, 2);
  const std::size_t service = kServiceOf[LetterPair(text[0], text[1])];
  out.service = service == 0 ? nullptr : &kServices[service - 1];
  const std::size_t issuer = kIssuerOf[LetterPair(text[11], text[12])];
  out.issuer = issuer == 0 ? nullptr : &kIssuers[issuer - 1];
  return true;
}

bool IsEpacketSeries(const S10& number) {
  for (const Series& series : kEpacketSeries) {
    if (number.service_letters[0] == series.first &&
        number.service_letters[1] >= series.second_from &&
        number.service_letters[1] <= series.second_to && number.country == series.country) {
      return true;
    }
  }
  return false;
}

std::string_view S10Lookalike(const S10& number) {
  for (const Lookalike& lookalike : kLookalikes) {
    if (number.country == lookalike.ending) return lookalike.carrier;
  }
  return {};
}

std::uint16_t PostNamedByCountry(std::string_view name) {
  constexpr std::string_view kPostWords[] = {"post", "pos", "mail", "corre"};
  const bool is_post =
      std::any_of(std::begin(kPostWords), std::end(kPostWords),
                  [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
  if (!is_post) return 0;
  const S10Issuer* best = nullptr;
  for (const S10Issuer& issuer : kIssuers) {
    // The longest one: Niger is a part of Nigeria, Guinea of three countries.
    if (best != nullptr && issuer.country.size() <= best->country.size()) continue;
    std::string key;
    for (const char c : issuer.country) {
      if (c == ' ' || c == '-') continue;
      key += IsCapital(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (name.find(key) != std::string_view::npos) best = &issuer;
  }
  return best == nullptr ? std::uint16_t{0} : LetterPair(best->code[0], best->code[1]);
}

}  // namespace aftersales::carriers
