#include "core/domain/resource_names.h"

#include "core/status/refusal.h"
#include "gtest/gtest.h"

namespace aftersales::names {
namespace {

TEST(Names, AreTakenApartAndPutTogether) {
  const std::string text = Make("acme", "returns", "ret_01");
  EXPECT_EQ(text, "sellers/acme/returns/ret_01");
  const absl::StatusOr<Name> name = Parse(text, "returns", "name");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->seller, "acme");
  EXPECT_EQ(name->id, "ret_01");
  EXPECT_EQ(*ParseSeller("sellers/acme", "parent"), "acme");
  EXPECT_EQ(Seller("acme"), "sellers/acme");
}

TEST(Names, RefuseWhatTheyAreNot) {
  for (const char* bad :
       {"", "sellers/", "sellers/acme", "sellers/acme/returns", "sellers/acme/returns/",
        "sellers/acme/orders/1", "sellers/Acme/returns/1", "sellers//returns/1",
        "sellers/acme/returns/a/b", "acme/returns/1", "sellers/acme/returns/a b"}) {
    const absl::StatusOr<Name> name = Parse(bad, "returns", "name");
    EXPECT_EQ(ReasonOf(name.status()), "BAD_NAME") << bad;
  }
  for (const char* bad :
       {"", "sellers/", "sellers/a/b", "seller/acme", "sellers/-x", "sellers/1x"}) {
    EXPECT_EQ(ReasonOf(ParseSeller(bad, "parent").status()), "BAD_NAME") << bad;
  }
  EXPECT_TRUE(Split("sellers/acme/returns").id.empty());
}

TEST(Ids, OfPeopleAreShortAndLower) {
  EXPECT_TRUE(IsChosenId("amazon-us"));
  EXPECT_TRUE(IsChosenId(std::string(40, 'a')));
  EXPECT_FALSE(IsChosenId(std::string(41, 'a')));
  EXPECT_FALSE(IsChosenId("9a"));
  EXPECT_FALSE(IsResourceId(""));
  EXPECT_TRUE(IsResourceId("113-6270000-6280000"));
}

TEST(Ids, FromOutsideAlwaysFitAndStayApartWhenLong) {
  EXPECT_EQ(IdFromExternal("113-6270000-6280000"), "113-6270000-6280000");
  EXPECT_EQ(IdFromExternal("a/b c"), "a_b_c");
  const std::string a(300, 'x');
  EXPECT_NE(IdFromExternal(a + "1"), IdFromExternal(a + "2"));
  for (const std::string& external : {std::string(), std::string("\xff\x00/", 3), a}) {
    EXPECT_TRUE(IsResourceId(IdFromExternal(external)));
  }
}

}  // namespace
}  // namespace aftersales::names
