#include "core/domain/reconcile.h"

#include <map>
#include <utility>

namespace aftersales {

Reconciliation Reconcile(const std::vector<StatementLine>& bank,
                         const std::vector<StatementLine>& ledger) {
  Reconciliation result;
  std::map<std::pair<std::string, int64_t>, int> open;
  for (const StatementLine& line : bank) {
    ++open[{line.reference, line.amount}];
    result.difference += line.amount;
  }
  for (const StatementLine& line : ledger) {
    result.difference -= line.amount;
    const auto found = open.find({line.reference, line.amount});
    if (found == open.end() || found->second == 0) {
      result.missing_in_bank.push_back(line.reference);
      continue;
    }
    --found->second;
    result.matched.push_back(line.reference);
  }
  for (const StatementLine& line : bank) {
    int& left = open[{line.reference, line.amount}];
    if (left == 0) continue;
    --left;
    result.unexplained_in_bank.push_back(line.reference);
  }
  return result;
}

}  // namespace aftersales
