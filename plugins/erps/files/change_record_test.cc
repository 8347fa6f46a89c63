#include "plugins/erps/files/change_record.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales::erps {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

plugin::v1::Change RefundChange() {
  plugin::v1::Change change;
  change.set_effect_id("sellers/acme/events/01J");
  v1::Event& event = *change.mutable_event();
  event.set_name("sellers/acme/events/01J");
  event.set_subject("sellers/acme/refunds/7");
  event.set_channel("sellers/acme/channels/jp");
  event.set_status_after("SUCCEEDED");
  event.set_source("amazon-reports");
  event.mutable_recorded_at()->set_seconds(1'780'000'000);
  event.mutable_occurred_at()->set_seconds(1'779'999'999);
  event.mutable_occurred_at()->set_nanos(250'000'000);
  event.mutable_actor()->set_role(v1::ROLE_OPERATOR);
  event.mutable_refund_succeeded()->mutable_amount()->set_minor_units(3980);
  event.mutable_refund_succeeded()->mutable_amount()->set_currency_code("JPY");
  v1::Refund& refund = *change.mutable_refund();
  refund.set_name("sellers/acme/refunds/7");
  refund.set_return_name("sellers/acme/returns/3");
  refund.set_order_external_id("249-0000000-0000001");
  refund.set_status(v1::Refund::STATUS_SUCCEEDED);
  refund.set_external_refund_id("R-1");
  refund.mutable_total()->set_minor_units(3980);
  refund.mutable_total()->set_currency_code("JPY");
  v1::RefundItem& item = *refund.add_items();
  item.set_line_id("1");
  item.set_quantity(2);
  return change;
}

TEST(ChangeRecordTest, RefundInMinorUnits) {
  EXPECT_EQ(ToLine(ToJson(RefundChange())),
            R"({"effect_id":"sellers/acme/events/01J","recorded_at":"2026-05-28T20:26:40Z",)"
            R"("occurred_at":"2026-05-28T20:26:39.250Z","event":"refund_succeeded",)"
            R"("event_name":"sellers/acme/events/01J","seller":"sellers/acme",)"
            R"("channel":"sellers/acme/channels/jp","subject":"sellers/acme/refunds/7",)"
            R"("status":"SUCCEEDED","refund":"sellers/acme/refunds/7",)"
            R"("return":"sellers/acme/returns/3","order":"","order_id":"249-0000000-0000001",)"
            R"("external_refund_id":"R-1","current_status":"SUCCEEDED",)"
            R"("items":[{"line_id":"1","quantity_refunded":2}],)"
            R"("amount":{"minor_units":3980,"currency_code":"JPY"},)"
            R"("actor_role":"OPERATOR","source":"amazon-reports"})");
  EXPECT_EQ(ToCsvRow(ToJson(RefundChange())),
            "sellers/acme/events/01J,2026-05-28T20:26:40Z,2026-05-28T20:26:39.250Z,"
            "refund_succeeded,sellers/acme,sellers/acme/channels/jp,sellers/acme/returns/3,"
            "sellers/acme/refunds/7,249-0000000-0000001,,SUCCEEDED,SUCCEEDED,1,,,2,3980,,JPY,R-1,"
            "OPERATOR\r\n");
}

// The tax column of the refunds of a line adds up to the tax of the line.
TEST(ChangeRecordTest, CreditNotesShowTheTaxInThem) {
  int64_t sum = 0;
  for (const int64_t vat : {957, 956}) {
    plugin::v1::Change change = RefundChange();
    change.mutable_event()->mutable_refund_succeeded()->mutable_amount()->set_minor_units(5990);
    v1::Refund& refund = *change.mutable_refund();
    v1::BreakdownLine* line = refund.add_breakdown();
    line->set_kind(v1::BreakdownLine::KIND_ITEM);
    line->mutable_amount()->set_minor_units(5990);
    line = refund.add_breakdown();
    line->set_kind(v1::BreakdownLine::KIND_ITEM_TAX);
    line->set_informational(true);
    line->mutable_amount()->set_minor_units(vat);
    const Json record = ToJson(change);
    EXPECT_THAT(ToCsvRow(record), HasSubstr(",5990," + std::to_string(vat) + ",JPY,"));
    sum += record["tax"]["minor_units"].get<int64_t>();
  }
  EXPECT_EQ(sum, 1913);
}

TEST(ChangeRecordTest, ReturnWithItemsAndWithoutBuyerData) {
  plugin::v1::Change change;
  change.set_effect_id("e1");
  v1::Event& event = *change.mutable_event();
  event.set_subject("sellers/acme/returns/3");
  event.mutable_units_received();
  event.mutable_actor()->set_id("somebody@example.com");
  v1::Return& source = *change.mutable_return_resource();
  source.set_name("sellers/acme/returns/3");
  source.set_status(v1::Return::STATUS_RECEIVED);
  source.set_external_rma_id("DRma1");
  source.mutable_decision()->set_text("Dear Jane Doe");
  for (int i = 1; i <= 2; ++i) {
    v1::ReturnItem& item = *source.add_items();
    item.set_sku("SKU-" + std::to_string(i));
    item.set_quantity_requested(i);
    item.set_quantity_received(1);
    item.set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
  }
  const Json record = ToJson(change);
  EXPECT_EQ(record["event"], "units_received");
  EXPECT_EQ(record["status"], "RECEIVED");  // The event names none: the subject's.
  EXPECT_EQ(record["rma"], "DRma1");
  EXPECT_EQ(record["items"][1]["sku"], "SKU-2");
  EXPECT_EQ(record["items"][1]["quantity_requested"], 2);
  EXPECT_EQ(record["items"][1]["quantity_received"], 1);
  EXPECT_EQ(record["items"][1]["reason"], "DEFECTIVE");
  EXPECT_FALSE(record.contains("amount"));
  EXPECT_THAT(ToLine(record), Not(HasSubstr("Jane")));
  EXPECT_THAT(ToLine(record), Not(HasSubstr("somebody")));
  EXPECT_THAT(ToCsvRow(record), HasSubstr(",SKU-1; SKU-2,3,2,0,,,,"));
}

TEST(ChangeRecordTest, EveryFactHasItsKind) {
  const auto kind = [](void (*set)(v1::Event&)) {
    plugin::v1::Change change;
    set(*change.mutable_event());
    return ToJson(change)["event"].get<std::string>();
  };
  EXPECT_EQ(kind([](v1::Event& e) { e.mutable_return_approved(); }), "return_approved");
  EXPECT_EQ(kind([](v1::Event& e) { e.mutable_manual_action_changed(); }), "manual_action_changed");
  EXPECT_EQ(kind([](v1::Event&) {}), "other");
}

TEST(ChangeRecordTest, CellsAreQuotedByTheRules) {
  EXPECT_EQ(CsvCell(""), "");
  EXPECT_EQ(CsvCell("plain text"), "plain text");
  EXPECT_EQ(CsvCell("a,b"), "\"a,b\"");
  EXPECT_EQ(CsvCell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(CsvCell("two\nlines"), "\"two\nlines\"");
}

TEST(ChangeRecordTest, FormulasAreMadeHarmless) {
  EXPECT_EQ(CsvCell("=1+1"), "'=1+1");
  EXPECT_EQ(CsvCell("+31"), "'+31");
  EXPECT_EQ(CsvCell("-SKU"), "'-SKU");
  EXPECT_EQ(CsvCell("@SUM(A1)"), "'@SUM(A1)");
  EXPECT_EQ(CsvCell("\tx"), "'\tx");
  EXPECT_EQ(CsvCell("=HYPERLINK(\"http://x\",\"y\")"),
            "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
  EXPECT_EQ(CsvCell("a=b"), "a=b");
}

TEST(ChangeRecordTest, NegativeAmountsStayNumbers) {
  Json record = ToJson(RefundChange());
  record["amount"]["minor_units"] = -500;
  EXPECT_THAT(ToCsvRow(record), HasSubstr(",-500,,JPY,"));
}

TEST(ChangeRecordTest, ForeignObjectsGiveARowToo) {
  for (const char* text : {"{}", R"({"items":5,"amount":"x","seller":7})",
                           R"({"items":[{"quantity_refunded":"x"}],"amount":{}})"}) {
    EXPECT_THAT(ToCsvRow(Json::parse(text)), ::testing::EndsWith("\r\n")) << text;
  }
}

TEST(ChangeRecordTest, HeaderMatchesRows) {
  const auto commas = [](const std::string& text) {
    return std::count(text.begin(), text.end(), ',');
  };
  EXPECT_THAT(CsvHeader(), StartsWith("effect_id,"));
  EXPECT_EQ(commas(CsvHeader()), commas(ToCsvRow(Json::object())));
}

TEST(ChangeRecordTest, TimesBeforeTheEpochAndLeapDays) {
  plugin::v1::Change change;
  change.mutable_event()->mutable_recorded_at()->set_seconds(-1);
  change.mutable_event()->mutable_occurred_at()->set_seconds(1'709'164'800);
  const Json record = ToJson(change);
  EXPECT_EQ(record["recorded_at"], "1969-12-31T23:59:59Z");
  EXPECT_EQ(record["occurred_at"], "2024-02-29T00:00:00Z");
}

}  // namespace
}  // namespace aftersales::erps
