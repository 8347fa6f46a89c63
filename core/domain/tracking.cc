#include "core/domain/tracking.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

int Rank(v1::TrackingVerdict::Validity validity) {
  switch (validity) {
    case v1::TrackingVerdict::VALIDITY_VALID:
      return 4;
    case v1::TrackingVerdict::VALIDITY_UNSCANNED:
      return 3;
    case v1::TrackingVerdict::VALIDITY_INVALID:
      return 2;
    case v1::TrackingVerdict::VALIDITY_UNKNOWN:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::string NormalizeTrackingNumber(std::string_view number) {
  std::string normal;
  normal.reserve(number.size());
  for (char c : number) {
    if (c == '-' || absl::ascii_isspace(static_cast<unsigned char>(c))) continue;
    normal.push_back(absl::ascii_toupper(static_cast<unsigned char>(c)));
  }
  return normal;
}

int ScanCount(const v1::Shipment& shipment) {
  return static_cast<int>(std::count_if(
      shipment.events().begin(), shipment.events().end(), [](const v1::TrackingEvent& event) {
        return event.milestone() != v1::TrackingEvent::MILESTONE_UNSPECIFIED &&
               event.milestone() != v1::TrackingEvent::MILESTONE_LABEL_CREATED;
      }));
}

v1::TrackingVerdict BestVerdict(const v1::TrackingQuery& query,
                                std::span<const v1::TrackingVerdict> verdicts) {
  const std::string number = NormalizeTrackingNumber(query.tracking_number());
  v1::TrackingVerdict best;
  if (number.empty()) {
    best.set_validity(v1::TrackingVerdict::VALIDITY_INVALID);
    best.set_failed_rule("present");
    best.set_expected("a tracking number");
    best.set_found("none");
    best.set_message("There is no tracking number.");
    return best;
  }
  for (const v1::TrackingVerdict& verdict : verdicts) {
    if (Rank(verdict.validity()) > Rank(best.validity())) best = verdict;
  }
  best.clear_candidates();
  // Those of the chosen verdict first: it is the one that the reader sees.
  std::vector<const v1::TrackingVerdict*> sources;
  for (const v1::TrackingVerdict& verdict : verdicts) sources.push_back(&verdict);
  std::stable_sort(sources.begin(), sources.end(),
                   [](const v1::TrackingVerdict* a, const v1::TrackingVerdict* b) {
                     return Rank(a->validity()) > Rank(b->validity());
                   });
  for (const v1::TrackingVerdict* verdict : sources) {
    for (const std::string& candidate : verdict->candidates()) {
      if (std::find(best.candidates().begin(), best.candidates().end(), candidate) ==
          best.candidates().end()) {
        best.add_candidates(candidate);
      }
    }
  }
  best.set_tracking_number(number);
  if (Rank(best.validity()) <= 1) {
    best.set_validity(v1::TrackingVerdict::VALIDITY_UNKNOWN);
    if (best.message().empty()) {
      best.set_message(
          query.carrier().empty()
              ? "No carrier plugin knows this number and no carrier is stated."
              : Cat("No carrier plugin knows the stated carrier `", query.carrier(), "`."));
    }
  }
  return best;
}

}  // namespace aftersales
