// Comparing what a bank shows with what was expected, by exact reference.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace aftersales {

// One line of a statement or a ledger, in minor units of one currency.
struct StatementLine {
  std::string reference;
  int64_t amount = 0;
};

struct Reconciliation {
  std::vector<std::string> matched;              // the same reference and amount on both sides
  std::vector<std::string> missing_in_bank;      // expected, not shown
  std::vector<std::string> unexplained_in_bank;  // shown, not expected
  int64_t difference = 0;  // bank less ledger; the aim is 0, without tolerance
};

// Matches each line at most once, in order.
Reconciliation Reconcile(const std::vector<StatementLine>& bank,
                         const std::vector<StatementLine>& ledger);

}  // namespace aftersales
