#include "documents.h"

#include "gtest/gtest.h"
#include "receipts.h"

namespace credit_notes {
namespace {

aftersales::plugin::v1::Change Refunded(int64_t minor_units) {
  aftersales::plugin::v1::Change change;
  change.mutable_refund()->set_name("sellers/acme/refunds/f1");
  auto* amount = change.mutable_event()->mutable_refund_succeeded()->mutable_amount();
  amount->set_minor_units(minor_units);
  amount->set_currency_code("JPY");
  return change;
}

TEST(Documents, AmountIsExact) {
  const auto document = DocumentOf(Refunded(9007199254740993));  // no double holds it
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->path, "/credit_notes");
  EXPECT_NE(document->body.dump().find("\"amount_minor\":9007199254740993"), std::string::npos);
}

TEST(Documents, MoneyThatCameBackIsNegativeAndNoOtherChangeIsANote) {
  aftersales::plugin::v1::Change change = Refunded(1);
  change.mutable_refund()->mutable_paid_amount()->set_minor_units(1999);
  change.mutable_event()->mutable_refund_reversed();
  EXPECT_EQ(DocumentOf(change)->body["amount_minor"], -1999);
  change.mutable_event()->mutable_refund_submitted();
  EXPECT_FALSE(DocumentOf(change).has_value());
}

TEST(Receipts, TimesOfAnyZoneAreInstants) {
  int64_t seconds = 0;
  EXPECT_TRUE(ReadTime("1970-01-01T00:00:00Z", &seconds));
  EXPECT_EQ(seconds, 0);
  EXPECT_TRUE(ReadTime("2026-03-02T09:00:00+01:00", &seconds));
  EXPECT_EQ(seconds, 1772438400);
  EXPECT_TRUE(ReadTime("2024-02-29T23:59:59-08:00", &seconds));
  EXPECT_EQ(seconds, 1709279999);
  for (const char* wrong :
       {"", "yesterday", "2026-03-02", "2026-03-02T09:00:00", "2025-02-29T00:00:00Z",
        "2026-03-02T24:00:00Z", "2026-03-02T09:00:00+1:00", "2026-03-02T09:00:00Zx"}) {
    EXPECT_FALSE(ReadTime(wrong, &seconds)) << wrong;
  }
}

}  // namespace
}  // namespace credit_notes
