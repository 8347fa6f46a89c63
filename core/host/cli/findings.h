// The findings of a resource, for people.
#pragma once

#include "aftersales/v1/finding.pb.h"
#include "core/host/cli/table.h"
#include "core/host/cli/terminal.h"
#include "core/host/cli/words.h"

namespace aftersales::cli {

// A table after an empty line; nothing where nothing was found.
inline void PrintFindings(const Terminal& terminal,
                          const google::protobuf::RepeatedPtrField<v1::Finding>& findings) {
  if (findings.empty()) return;
  terminal.out << '\n';
  Table table({{"FINDING"}, {"WHAT AND WHAT TO DO", {}, Table::Fit::kWrap}});
  for (const v1::Finding& finding : findings) {
    table.Add({{Phrase(finding.kind()), Style::kWarn}, finding.message()});
  }
  table.Print(terminal);
}

}  // namespace aftersales::cli
