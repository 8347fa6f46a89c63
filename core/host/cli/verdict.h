// A tracking verdict in a table.
#pragma once

#include "aftersales/v1/shipment.pb.h"
#include "core/host/cli/table.h"

namespace aftersales::cli {

// `valid`, `no scan yet`, `invalid`, `unknown`.
inline Table::Cell VerdictCell(const v1::TrackingVerdict& verdict) {
  switch (verdict.validity()) {
    case v1::TrackingVerdict::VALIDITY_VALID:
      return {"valid", Style::kGood};
    case v1::TrackingVerdict::VALIDITY_UNSCANNED:
      return {"no scan yet", Style::kWarn};
    case v1::TrackingVerdict::VALIDITY_INVALID:
      return {"invalid", Style::kBad};
    case v1::TrackingVerdict::VALIDITY_UNKNOWN:
      return {"unknown", Style::kFaint};
    default:
      return {"untracked", Style::kFaint};
  }
}

}  // namespace aftersales::cli
