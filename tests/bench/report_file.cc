#include "tests/bench/report_file.h"

#include <fstream>
#include <random>
#include <string>

#include "absl/strings/str_format.h"
#include "tests/bench/bench_host.h"

namespace aftersales::bench {
namespace {

constexpr std::string_view kHeader =
    "Order ID\tOrder date\tReturn request date\tReturn request status\tAmazon RMA ID\t"
    "Merchant RMA ID\tLabel type\tLabel cost\tCurrency code\tReturn carrier\tTracking ID\t"
    "Label to be paid by\tA-to-Z Claim\tIs prime\tASIN\tMerchant SKU\tItem Name\tReturn quantity\t"
    "Return Reason\tIn policy\tReturn type\tResolution\tInvoice number\tReturn delivery date\t"
    "Order Amount\tOrder quantity\tSafeT Action reason\tSafeT claim id\tSafeT claim state\t"
    "SafeT claim creation time\tSafeT claim reimbursement amount\tRefunded Amount\tOrder Item "
    "ID\r\n";

constexpr std::string_view kReasons[] = {
    "CR-DEFECTIVE",  "CR-UNWANTED_ITEM",        "AMZ-PG-WJ-TOO-SMALL",   "AMZ-PG-WJ-TOO-LARGE",
    "CR-SWITCHEROO", "CR-QUALITY_UNACCEPTABLE", "CR-DAMAGED_BY_CARRIER", "CR-ORDERED_WRONG_ITEM"};
constexpr std::string_view kTitles[] = {"Clip lamp, white", "Desk fan 20 cm, black",
                                        "Torch, creme brulee", "Bamboo cutting board, 3 sizes"};

std::string Day(absl::Time time) { return absl::FormatTime("%d-%b-%Y", time, absl::UTCTimeZone()); }

}  // namespace

int64_t WriteReturnsReport(const std::filesystem::path& path, const ReportShape& shape) {
  std::ofstream out(path, std::ios::binary);
  std::mt19937 random(7);
  const auto chance = [&random](unsigned percent) { return random() % 100 < percent; };
  // Days as text, newest first: formatting a date a row would cost more than the row.
  std::string days[121];
  for (int i = 0; i < 121; ++i) days[i] = Day(shape.now - absl::Hours(24) * i);

  std::string text(kHeader);
  int64_t bytes = 0;
  int64_t order = shape.first_order - 1;
  bool second_item = false;
  for (int64_t row = 0; row < shape.rows; ++row) {
    const bool pending = row < shape.pending;
    const bool mixed = shape.pending < 0;
    second_item = mixed && !second_item && row > 0 && chance(10);
    if (!second_item) ++order;
    const int age = pending ? static_cast<int>(random() % 2) : 2 + static_cast<int>(random() % 57);
    const unsigned dice = random() % 100;
    std::string_view status = "Completed";
    if (pending) {
      status = "Pending";
    } else if (mixed) {
      // What is older than the time to send it back has ended, one way or the other.
      status = dice < 4                ? "Denied"
               : dice < 6              ? "Cancelled"
               : age < 25 && dice < 70 ? "Approved"
                                       : "Completed";
    }
    const bool no_rma = mixed && chance(2);
    const bool label = status != "Pending" && status != "Denied" && !no_rma;
    const int cents = 999 + static_cast<int>(random() % 9000);
    const int title = static_cast<int>(random() % 4);
    absl::StrAppendFormat(&text, "%s\t%s\t%s\t%s\t", OrderId(order), days[age + 4], days[age],
                          status);
    if (no_rma) {
      text += " \t \t";
    } else {
      absl::StrAppendFormat(&text, "D%07xRRMA\t \t", row * 2654435761u & 0xfffffff);
    }
    if (label) {
      absl::StrAppendFormat(&text,
                            "AmazonPrePaidLabel\t%d.%02d\tUSD\tUSPS\t9202090339%012d\tSeller\t",
                            3 + dice % 4, dice, row);
    } else {
      text += " \t \tUSD\t \t \t \t";
    }
    absl::StrAppendFormat(&text, "%s\tN\tB0ACME%04d\tSKU-%d\t%s\t1\t%s\tY\tC-Returns\t%s\t \t",
                          chance(1) ? "Y" : "N", row % 500, second_item ? 2 : 1, kTitles[title],
                          kReasons[random() % 8], status == "Completed" ? "StandardRefund" : " ");
    const bool arrived = label && status == "Approved" && chance(30);
    absl::StrAppendFormat(&text, "%s\t%d.%02d\t1", arrived ? days[age / 2] : " ", cents / 100,
                          cents % 100);
    // One row in three ends here, as files have it; the others go on to the order item id.
    if (!chance(33)) {
      const bool refunded = status == "Completed" && !chance(30);
      text += "\t\t\t\t\t\t";
      if (refunded) absl::StrAppendFormat(&text, "%d.%02d", cents / 100, cents % 100);
      absl::StrAppendFormat(&text, "\t%014d", 20000000000000 + order * 3 + (second_item ? 1 : 0));
    }
    text += "\r\n";
    if (text.size() > 1 << 20) {
      out << text;
      bytes += static_cast<int64_t>(text.size());
      text.clear();
    }
  }
  out << text;
  out.close();
  if (!out) throw std::runtime_error("cannot write " + path.string());
  return bytes + static_cast<int64_t>(text.size());
}

}  // namespace aftersales::bench
