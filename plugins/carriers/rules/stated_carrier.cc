#include "plugins/carriers/rules/stated_carrier.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "plugins/carriers/rules/s10.h"

namespace aftersales::carriers {
namespace {

// A name, in small letters without spaces and punctuation.
struct Alias {
  std::string_view name;
  Brand brand;
  std::string_view country;
};

constexpr Alias kAliases[] = {
    {"epacket", Brand::kEpacket, ""},
    {"epacketlight", Brand::kEpacket, "JP"},
    {"eub", Brand::kEpacket, "CN"},
    {"e邮宝", Brand::kEpacket, "CN"},
    {"国际e邮宝", Brand::kEpacket, "CN"},
    {"eyoubao", Brand::kEpacket, "CN"},
    {"chinapostepacket", Brand::kEpacket, "CN"},
    {"chinaepacket", Brand::kEpacket, "CN"},
    {"chinaeub", Brand::kEpacket, "CN"},
    {"chinaposteub", Brand::kEpacket, "CN"},
    {"hongkongpostepacket", Brand::kEpacket, "HK"},
    {"hkpostepacket", Brand::kEpacket, "HK"},
    {"singaporepostepacket", Brand::kEpacket, "SG"},
    {"singpostepacket", Brand::kEpacket, "SG"},
    {"kpacket", Brand::kEpacket, "KR"},
    {"koreapostepacket", Brand::kEpacket, "KR"},
    {"japanpostepacket", Brand::kEpacket, "JP"},
    {"国際eパケット", Brand::kEpacket, "JP"},
    {"国際eパケットライト", Brand::kEpacket, "JP"},
    {"ems", Brand::kEms, ""},
    {"chinaems", Brand::kEms, "CN"},
    {"chinapostems", Brand::kEms, "CN"},
    {"japanpostems", Brand::kEms, "JP"},
    {"post", Brand::kAnyPost, ""},
    {"s10", Brand::kAnyPost, ""},
    {"upu", Brand::kAnyPost, ""},
    {"registeredmail", Brand::kAnyPost, ""},
    {"registeredairmail", Brand::kAnyPost, ""},
    {"airmail", Brand::kAnyPost, ""},
    {"internationalmail", Brand::kAnyPost, ""},
    {"chinapost", Brand::kPost, "CN"},
    {"中国邮政", Brand::kPost, "CN"},
    {"hongkongpost", Brand::kPost, "HK"},
    {"hkpost", Brand::kPost, "HK"},
    {"singpost", Brand::kPost, "SG"},
    {"speedpost", Brand::kPost, "SG"},
    {"koreapost", Brand::kPost, "KR"},
    {"epost", Brand::kPost, "KR"},
    {"japanpost", Brand::kPost, "JP"},
    {"jppost", Brand::kPost, "JP"},
    {"日本郵便", Brand::kPost, "JP"},
    {"ゆうパック", Brand::kPost, "JP"},
    {"chunghwapost", Brand::kPost, "TW"},
    {"usps", Brand::kPost, "US"},
    {"unitedstatespostalservice", Brand::kPost, "US"},
    {"uspostalservice", Brand::kPost, "US"},
    {"royalmail", Brand::kPost, "GB"},
    {"parcelforce", Brand::kPost, "GB"},
    {"canadapost", Brand::kPost, "CA"},
    {"postescanada", Brand::kPost, "CA"},
    {"australiapost", Brand::kPost, "AU"},
    {"auspost", Brand::kPost, "AU"},
    {"nzpost", Brand::kPost, "NZ"},
    {"laposte", Brand::kPost, "FR"},
    {"colissimo", Brand::kPost, "FR"},
    {"chronopost", Brand::kPost, "FR"},
    {"deutschepost", Brand::kPost, "DE"},
    {"postnl", Brand::kPost, "NL"},
    {"bpost", Brand::kPost, "BE"},
    {"swisspost", Brand::kPost, "CH"},
    {"austrianpost", Brand::kPost, "AT"},
    {"österreichischepost", Brand::kPost, "AT"},
    {"correos", Brand::kPost, "ES"},
    {"correios", Brand::kPost, "BR"},
    {"posteitaliane", Brand::kPost, "IT"},
    {"postnord", Brand::kPost, "SE"},
    {"postnordsweden", Brand::kPost, "SE"},
    {"postnorddenmark", Brand::kPost, "DK"},
    {"postenorge", Brand::kPost, "NO"},
    {"bring", Brand::kPost, "NO"},
    {"posti", Brand::kPost, "FI"},
    {"anpost", Brand::kPost, "IE"},
    {"pocztapolska", Brand::kPost, "PL"},
    {"ceskaposta", Brand::kPost, "CZ"},
    {"magyarposta", Brand::kPost, "HU"},
    {"omniva", Brand::kPost, "EE"},
    {"ctt", Brand::kPost, "PT"},
    {"elta", Brand::kPost, "GR"},
    {"russianpost", Brand::kPost, "RU"},
    {"ptt", Brand::kPost, "TR"},
    {"emiratespost", Brand::kPost, "AE"},
    {"posmalaysia", Brand::kPost, "MY"},
    {"thailandpost", Brand::kPost, "TH"},
    {"indiapost", Brand::kPost, "IN"},
    {"dhl", Brand::kDhl, ""},
    {"dhlexpress", Brand::kDhlExpress, ""},
    {"dhlworldwideexpress", Brand::kDhlExpress, ""},
    {"dhlglobalmail", Brand::kDhlEcommerce, ""},
    {"dhlgm", Brand::kDhlEcommerce, ""},
    {"globalmail", Brand::kDhlEcommerce, ""},
    {"dhlecommerce", Brand::kDhlEcommerce, ""},
    {"dhlecommercesolutions", Brand::kDhlEcommerce, ""},
    {"dhlecs", Brand::kDhlEcommerce, ""},
    {"dhlsmartmail", Brand::kDhlEcommerce, ""},
    {"dhlpaket", Brand::kDhlPaket, ""},
    {"dhlparcel", Brand::kDhlPaket, ""},
    {"dhlgermany", Brand::kDhlPaket, ""},
    {"dhlde", Brand::kDhlPaket, ""},
    {"fedex", Brand::kFedex, ""},
    {"federalexpress", Brand::kFedex, ""},
    {"ups", Brand::kUps, ""},
    {"unitedparcelservice", Brand::kUps, ""},
    {"dpd", Brand::kDpd, ""},
    {"gls", Brand::kGls, ""},
    {"purolator", Brand::kPurolator, ""},
    {"sfexpress", Brand::kSfExpress, ""},
    {"顺丰", Brand::kSfExpress, ""},
    {"hermes", Brand::kHermes, ""},
    {"evri", Brand::kHermes, ""},
    {"cainiao", Brand::kCainiao, ""},
    {"aliexpress", Brand::kCainiao, ""},
    {"yanwen", Brand::kYanwen, ""},
};

constexpr auto MakeSortedAliases() {
  std::array<Alias, std::size(kAliases)> sorted{};
  std::copy(std::begin(kAliases), std::end(kAliases), sorted.begin());
  std::sort(sorted.begin(), sorted.end(),
            [](const Alias& a, const Alias& b) { return a.name < b.name; });
  return sorted;
}
constexpr auto kSorted = MakeSortedAliases();

// Plain digits that other carriers use too. Source: the carriers' public number formats.
struct DigitForm {
  Brand brand;
  std::string_view country;  // For kPost.
  std::string_view prefix;
  std::size_t length;
};
constexpr DigitForm kDigitForms[] = {
    {Brand::kFedex, "", "", 12},     {Brand::kFedex, "", "", 15},
    {Brand::kFedex, "", "", 20},     {Brand::kFedex, "", "", 22},
    {Brand::kFedex, "", "", 34},     {Brand::kUps, "", "", 9},
    {Brand::kUps, "", "", 12},       {Brand::kUps, "", "9", 22},
    {Brand::kUps, "", "420", 30},    {Brand::kUps, "", "420", 34},
    {Brand::kPost, "US", "82", 10},  {Brand::kPost, "US", "", 20},
    {Brand::kPost, "US", "9", 22},   {Brand::kPost, "US", "9", 26},
    {Brand::kPost, "US", "420", 30}, {Brand::kPost, "US", "420", 34},
    {Brand::kPost, "CA", "", 16},    {Brand::kPost, "GB", "", 16},
    {Brand::kPost, "CN", "", 13},    {Brand::kPost, "JP", "", 11},
    {Brand::kPost, "JP", "", 12},    {Brand::kPost, "PL", "00", 20},
    {Brand::kDpd, "", "", 14},       {Brand::kGls, "", "", 11},
    {Brand::kGls, "", "", 12},       {Brand::kGls, "", "", 14},
    {Brand::kGls, "", "", 20},       {Brand::kPurolator, "", "", 12},
    {Brand::kSfExpress, "", "", 12}, {Brand::kHermes, "", "", 14},
    {Brand::kHermes, "", "", 16},    {Brand::kHermes, "", "", 20},
    {Brand::kYanwen, "", "", 10},    {Brand::kYanwen, "", "", 11},
};

constexpr std::uint16_t CountryPair(std::string_view code) {
  return code.empty() ? std::uint16_t{0} : LetterPair(code[0], code[1]);
}

StatedCarrier ToStated(const Alias& alias) { return {alias.brand, CountryPair(alias.country)}; }

}  // namespace

StatedCarrier ResolveStatedCarrier(std::string_view name) {
  std::array<char, 64> key_text;
  std::size_t size = 0;
  for (const char c : name) {
    if (size == key_text.size()) break;
    if (c >= 'A' && c <= 'Z') {
      key_text[size++] = static_cast<char>(c - 'A' + 'a');
    } else if (IsDigit(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80) {
      key_text[size++] = c;
    }
  }
  const std::string_view key(key_text.data(), size);
  if (key.empty()) return {};

  const auto exact =
      std::lower_bound(kSorted.begin(), kSorted.end(), key,
                       [](const Alias& alias, std::string_view text) { return alias.name < text; });
  if (exact != kSorted.end() && exact->name == key) return ToStated(*exact);

  // The longest known name inside; short ones only at the beginning, because "ups" is in "groups".
  constexpr std::size_t kShort = 5;
  const Alias* best = nullptr;
  for (const Alias& alias : kAliases) {
    if (best != nullptr && alias.name.size() <= best->name.size()) continue;
    const std::size_t at = key.find(alias.name);
    if (at == 0 || (at != std::string_view::npos && alias.name.size() >= kShort)) best = &alias;
  }
  if (best != nullptr && best->brand != Brand::kAnyPost) return ToStated(*best);
  // "Magyar Posta (Hungary)", "Ethiopia Post": a post known by its country.
  if (const std::uint16_t country = PostNamedByCountry(key); country != 0) {
    return {Brand::kPost, country};
  }
  return best != nullptr ? ToStated(*best) : StatedCarrier{Brand::kOther, 0};
}

const StatedCarrier& StatedCarrierCache::Resolve(std::string_view name) {
  if (name.size() > kMaxName) {
    uncached_ = ResolveStatedCarrier(name);
    return uncached_;
  }
  if (name.size() != size_ || std::memcmp(name.data(), name_, size_) != 0) {
    stated_ = ResolveStatedCarrier(name);
    std::copy(name.begin(), name.end(), name_);
    size_ = name.size();
  }
  return stated_;
}

bool MayOwnDigits(const StatedCarrier& stated, std::string_view digits) {
  if (stated.brand == Brand::kOther || stated.brand == Brand::kAnyPost) return true;
  bool known = stated.brand != Brand::kPost;
  for (const DigitForm& form : kDigitForms) {
    if (stated.brand == Brand::kPost && CountryPair(form.country) == stated.country) known = true;
    if (form.brand == stated.brand && digits.size() == form.length &&
        CountryPair(form.country) == stated.country &&
        digits.substr(0, form.prefix.size()) == form.prefix) {
      return true;
    }
  }
  // Nothing is known of the domestic numbers of a post that is not in the table.
  return !known;
}

}  // namespace aftersales::carriers
