// What an import says that ends before its file does.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"

namespace aftersales::engine {

struct ImportProgress {
  int64_t rows_read = 0;
  std::map<std::string, int64_t> stored;  // by kind, such as `returns`; what was known counts too
};

// The refusal with how far the import came, and that the whole file may be sent again.
absl::Status WithProgress(const absl::Status& refusal, const ImportProgress& progress);

}  // namespace aftersales::engine
