#include "core/domain/stated_reason.h"

#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales {

absl::Status CheckReason(std::string_view reason) {
  if (reason.empty()) return InvalidField("reason", "REASON_REQUIRED", "say why");
  if (reason.size() <= kMaxReason) return absl::OkStatus();
  return InvalidField("reason", "TOO_LONG", Cat("at most ", kMaxReason, " bytes"));
}

}  // namespace aftersales
