// Tracking verdicts: which carrier's judgement counts, and what scans add to it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aftersales/v1/shipment.pb.h"

namespace aftersales {

// Capitals, without spaces and hyphens.
std::string NormalizeTrackingNumber(std::string_view number);
// How many events of a parcel are carrier scans (a printed label is none).
int ScanCount(const v1::Shipment& shipment);
// The best of the verdicts of all carrier plugins on one number: VALID, then UNSCANNED, then
// INVALID, then UNKNOWN; candidates are put together. With no plugin's opinion: UNKNOWN, with a
// message that names the stated carrier. An empty number is INVALID, rule `present`.
v1::TrackingVerdict BestVerdict(const v1::TrackingQuery& query,
                                std::span<const v1::TrackingVerdict> verdicts);

}  // namespace aftersales
