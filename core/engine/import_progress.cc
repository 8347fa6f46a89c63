#include "core/engine/import_progress.h"

#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::engine {

absl::Status WithProgress(const absl::Status& refusal, const ImportProgress& progress) {
  if (progress.rows_read == 0) return Extended(refusal, "; nothing was stored", {});
  std::map<std::string, std::string> figures = {{"rows_read", Cat(progress.rows_read)}};
  std::string stored;
  for (const auto& [kind, count] : progress.stored) {
    figures[Cat(kind, "_stored")] = Cat(count);
    if (count > 0) stored += Cat(stored.empty() ? "" : " and ", count, " ", kind);
  }
  if (stored.empty()) stored = "nothing";
  return Extended(refusal,
                  Cat("; ", progress.rows_read, " rows were read before that, and ", stored,
                      " of them stored; to import the whole file again is safe, what is stored "
                      "does not change by it"),
                  figures);
}

}  // namespace aftersales::engine
