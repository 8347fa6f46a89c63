#include "core/api/paging.h"

#include <gtest/gtest.h>

#include "core/status/refusal.h"

namespace aftersales::api {
namespace {

TEST(PageSize, DefaultsAndCaps) {
  EXPECT_EQ(PageSize(0).value(), 50);
  EXPECT_EQ(PageSize(1).value(), 1);
  EXPECT_EQ(PageSize(5000).value(), 1000);
  EXPECT_EQ(ReasonOf(PageSize(-1).status()), "BAD_PAGE_SIZE");
}

TEST(PageTokens, ReadBackWhatTheyWereMadeOf) {
  const PageTokens tokens("secret", "orders\nsellers/acme\n");
  const std::string token = tokens.Make({"12", "113-1"});
  EXPECT_EQ(tokens.Read(token).value(), (std::vector<std::string>{"12", "113-1"}));
  EXPECT_TRUE(tokens.Read("").value().empty());
}

TEST(PageTokens, BelongToOneListAndOneHost) {
  const PageTokens tokens("secret", "orders\nsellers/acme\n");
  const std::string token = tokens.Make({"12"});
  EXPECT_EQ(ReasonOf(PageTokens("secret", "orders\nsellers/other\n").Read(token).status()),
            "BAD_PAGE_TOKEN");
  EXPECT_EQ(ReasonOf(PageTokens("other", "orders\nsellers/acme\n").Read(token).status()),
            "BAD_PAGE_TOKEN");
}

TEST(PageTokens, CannotBeEdited) {
  const PageTokens tokens("secret", "scope");
  const std::string token = tokens.Make({"12", "abc"});
  for (size_t i = 0; i < token.size(); ++i) {
    std::string edited = token;
    edited[i] = edited[i] == 'A' ? 'B' : 'A';
    // The last character may carry bits that are not used.
    if (auto read = tokens.Read(edited); read.ok()) {
      EXPECT_EQ(*read, (std::vector<std::string>{"12", "abc"})) << i;
    }
  }
  EXPECT_EQ(ReasonOf(tokens.Read("not a token").status()), "BAD_PAGE_TOKEN");
  EXPECT_EQ(ReasonOf(tokens.Read(std::string(100000, 'A')).status()), "BAD_PAGE_TOKEN");
}

}  // namespace
}  // namespace aftersales::api
