// Refund quotes in this process: of a return with two lines and an inspection, on an order that has
// given back a unit already.
#include <chrono>

#include "absl/strings/str_format.h"
#include "core/domain/policy.h"
#include "core/domain/refund_quote.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"

namespace aftersales::bench {
namespace {

v1::Money Dollars(int64_t cents) {
  v1::Money money;
  money.set_minor_units(cents);
  money.set_currency_code("USD");
  return money;
}

}  // namespace

absl::Status BenchQuotes(const Options& options, Figures* figures) {
  v1::Order order = MakeOrder(1, "us", absl::FromUnixSeconds(1'773'000'000));
  order.set_name(OrderName(1));
  order.set_currency_code("USD");
  order.set_tax_mode(v1::TAX_MODE_EXCLUSIVE);
  *order.mutable_shipping_total() = Dollars(599);
  *order.mutable_shipping_tax() = Dollars(49);
  order.mutable_lines(0)->set_quantity(3);
  *order.add_lines() = order.lines(0);
  order.mutable_lines(1)->set_line_id("SKU-2");
  v1::Return state;
  state.set_name("sellers/bench/returns/ret_1");
  state.set_status(v1::Return::STATUS_INSPECTED);
  state.mutable_decision()->set_verdict(v1::Decision::VERDICT_APPROVED);
  for (const v1::OrderLine& line : order.lines()) {
    v1::ReturnItem* item = state.add_items();
    item->set_line_id(line.line_id());
    item->set_quantity_requested(2);
    item->set_quantity_approved(2);
    item->set_quantity_received(2);
    item->set_buyer_reason(v1::RETURN_REASON_DEFECTIVE);
    v1::Inspection* inspection = state.add_inspections();
    inspection->set_line_id(line.line_id());
    inspection->set_quantity(2);
    inspection->set_condition(v1::CONDITION_USED);
  }
  const v1::Policy& policy = *FindPolicy("seed");
  v1::RefundSpec concession;
  concession.add_items()->set_line_id(order.lines(0).line_id());
  concession.mutable_items(0)->set_quantity(1);
  concession.mutable_items(0)->set_reason(v1::RETURN_REASON_NO_LONGER_NEEDED);
  const auto before = QuoteRefund(order, policy, concession, nullptr, {});
  if (!before.ok()) return before.status();
  v1::Refund refund;
  refund.set_status(v1::Refund::STATUS_SUCCEEDED);
  *refund.mutable_total() = before->total();
  *refund.mutable_items() = before->items();
  *refund.mutable_breakdown() = before->breakdown();
  v1::RefundSpec spec;
  spec.set_return_name(state.name());

  using Clock = std::chrono::steady_clock;
  std::vector<double> rates;
  int64_t total = 0;
  for (int round = 0; round < (options.quick ? 1 : 5); ++round) {
    const int quotes = options.quick ? 2'000 : 200'000;
    const auto begin = Clock::now();
    for (int i = 0; i < quotes; ++i) {
      const auto quote = QuoteRefund(order, policy, spec, &state, {&refund, 1});
      if (!quote.ok()) return quote.status();
      total += quote->total().minor_units();
    }
    rates.push_back(quotes / std::chrono::duration<double>(Clock::now() - begin).count());
  }
  if (total <= 0) return absl::InternalError("a quote of nothing");
  absl::PrintF(
      "\nRefund quotes of a return with two lines, in process: %.0f per second, one thread\n",
      Median(rates));
  figures->Set("quotes_per_s", Median(rates));
  return absl::OkStatus();
}

}  // namespace aftersales::bench
