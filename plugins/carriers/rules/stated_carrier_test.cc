#include "plugins/carriers/rules/stated_carrier.h"

#include <string>

#include "gtest/gtest.h"
#include "plugins/carriers/rules/s10.h"

namespace aftersales::carriers {
namespace {

void ExpectStated(const char* name, Brand brand, const char* country) {
  const StatedCarrier stated = ResolveStatedCarrier(name);
  EXPECT_EQ(static_cast<int>(stated.brand), static_cast<int>(brand)) << name;
  const int expected = *country == '\0' ? 0 : LetterPair(country[0], country[1]);
  EXPECT_EQ(stated.country, expected) << name;
}

TEST(StatedCarrierTest, NamesOfSellers) {
  ExpectStated("", Brand::kNone, "");
  ExpectStated(" - ", Brand::kNone, "");
  ExpectStated("EUB", Brand::kEpacket, "CN");
  ExpectStated("e邮宝", Brand::kEpacket, "CN");
  ExpectStated("E-Packet", Brand::kEpacket, "");
  ExpectStated("China Post ePacket", Brand::kEpacket, "CN");
  ExpectStated("CHINA POST", Brand::kPost, "CN");
  ExpectStated("U.S.P.S.", Brand::kPost, "US");
  ExpectStated("USPS First Class Mail", Brand::kPost, "US");
  ExpectStated("China Post Registered Air Mail", Brand::kPost, "CN");
  ExpectStated("DHL", Brand::kDhl, "");
  ExpectStated("dhl_express", Brand::kDhlExpress, "");
  ExpectStated("DHL Express (Worldwide)", Brand::kDhlExpress, "");
  ExpectStated("DHL Global Mail", Brand::kDhlEcommerce, "");
  ExpectStated("dhl-ecommerce", Brand::kDhlEcommerce, "");
  ExpectStated("DHL Paket", Brand::kDhlPaket, "");
  ExpectStated("UPS Mail Innovations", Brand::kUps, "");
  ExpectStated("Groups Parcel", Brand::kOther, "");
  ExpectStated("Swiss Post", Brand::kPost, "CH");
  ExpectStated("Ethiopia Post", Brand::kPost, "ET");
  ExpectStated("Some Courier", Brand::kOther, "");
  ExpectStated("\xFF\xFE", Brand::kOther, "");
  ExpectStated(std::string(5000, 'x').c_str(), Brand::kOther, "");
}

TEST(StatedCarrierTest, CacheGivesWhatResolvingGives) {
  StatedCarrierCache cache;
  const std::string long_name = "DHL Express " + std::string(100, 'x');
  for (const std::string& name :
       {std::string(), std::string("DHL"), std::string("DHL"), std::string("EUB"), long_name,
        std::string("EUB"), std::string(64, 'y'), std::string(65, 'y'), std::string()}) {
    const StatedCarrier& cached = cache.Resolve(name);
    const StatedCarrier resolved = ResolveStatedCarrier(name);
    EXPECT_EQ(static_cast<int>(cached.brand), static_cast<int>(resolved.brand)) << name;
    EXPECT_EQ(cached.country, resolved.country) << name;
  }
}

TEST(StatedCarrierTest, DigitsOfOthers) {
  const auto may_own = [](const char* name, const char* digits) {
    return MayOwnDigits(ResolveStatedCarrier(name), digits);
  };
  EXPECT_TRUE(may_own("FedEx", "449044304137"));
  EXPECT_FALSE(may_own("FedEx", "3318810025"));
  EXPECT_FALSE(may_own("UPS", "3318810025"));
  EXPECT_TRUE(may_own("USPS", "8212345678"));
  EXPECT_FALSE(may_own("USPS", "3318810025"));
  EXPECT_FALSE(may_own("EUB", "3318810025"));
  EXPECT_TRUE(may_own("Correos", "3318810025"));
  EXPECT_TRUE(may_own("Some Courier", "3318810025"));
}

}  // namespace
}  // namespace aftersales::carriers
