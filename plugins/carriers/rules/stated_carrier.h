// The carrier that a seller states for a number, in the many spellings of sellers and marketplaces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aftersales::carriers {

// Who is meant.
enum class Brand : std::uint8_t {
  kNone,     // Nothing was stated.
  kEpacket,  // ePacket under one of its names (EUB, e邮宝, K-Packet).
  kEms,      // EMS, of any post.
  kPost,     // The post of `country`.
  kAnyPost,  // "Post", "registered mail", "S10": some post.
  kDhl,      // DHL, without saying which.
  kDhlExpress,
  kDhlEcommerce,
  kDhlPaket,
  kFedex,
  kUps,
  kDpd,
  kGls,
  kPurolator,
  kSfExpress,
  kHermes,
  kCainiao,
  kYanwen,
  kOther,  // A name that these rules do not know.
};

// What was stated.
struct StatedCarrier {
  Brand brand = Brand::kNone;
  // LetterPair of the country whose post or ePacket is meant; 0 for none or any.
  std::uint16_t country = 0;
  // Whether DHL is meant, whichever of its services.
  bool is_dhl() const {
    return brand == Brand::kDhl || brand == Brand::kDhlExpress || brand == Brand::kDhlEcommerce ||
           brand == Brand::kDhlPaket;
  }
};

// Resolves a stated name. Case, spaces and punctuation do not matter; a longer name is known by the
// known name inside of it ("USPS First Class"). Empty gives kNone, an unknown name kOther. Only
// the first 64 letters and digits count.
StatedCarrier ResolveStatedCarrier(std::string_view name);

// Remembers the last name, as the numbers of one seller mostly state the same one.
class StatedCarrierCache {
 public:
  const StatedCarrier& Resolve(std::string_view name);

 private:
  static constexpr std::size_t kMaxName = 64;
  char name_[kMaxName] = {};
  std::size_t size_ = 0;
  StatedCarrier stated_;
  StatedCarrier uncached_;
};

// Whether plain digits of that length and beginning are numbers of the stated carrier too, though
// these rules cannot judge them: 12 digits are FedEx's as well as DHL's. True for carriers about
// which nothing is known.
bool MayOwnDigits(const StatedCarrier& stated, std::string_view digits);

}  // namespace aftersales::carriers
