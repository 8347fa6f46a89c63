#include "core/domain/tracking.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aftersales {
namespace {

using V = v1::TrackingVerdict;

V Verdict(V::Validity validity, std::vector<std::string> candidates) {
  V verdict;
  verdict.set_validity(validity);
  verdict.set_carrier(candidates.empty() ? "" : candidates[0]);
  for (const std::string& candidate : candidates) verdict.add_candidates(candidate);
  return verdict;
}

v1::TrackingQuery Query(std::string number, std::string carrier = "") {
  v1::TrackingQuery query;
  query.set_tracking_number(std::move(number));
  query.set_carrier(std::move(carrier));
  return query;
}

TEST(Tracking, NumbersAreComparedInCapitalsWithoutGaps) {
  EXPECT_EQ(NormalizeTrackingNumber(" rb 123-456-785 gb\t"), "RB123456785GB");
  EXPECT_EQ(NormalizeTrackingNumber(" - "), "");
}

TEST(Tracking, APrintedLabelIsNoScan) {
  v1::Shipment shipment;
  shipment.add_events()->set_milestone(v1::TrackingEvent::MILESTONE_LABEL_CREATED);
  shipment.add_events()->set_milestone(v1::TrackingEvent::MILESTONE_UNSPECIFIED);
  EXPECT_EQ(ScanCount(shipment), 0);
  shipment.add_events()->set_milestone(v1::TrackingEvent::MILESTONE_CUSTOMS);
  EXPECT_EQ(ScanCount(shipment), 1);
}

TEST(Tracking, TheBestVerdictCountsAndCandidatesAreTogether) {
  const std::vector<V> verdicts = {Verdict(V::VALIDITY_UNKNOWN, {"x"}),
                                   Verdict(V::VALIDITY_INVALID, {"dhl-express"}),
                                   Verdict(V::VALIDITY_UNSCANNED, {"epacket", "x"})};
  const V best = BestVerdict(Query("rb123456785gb"), verdicts);
  EXPECT_EQ(best.validity(), V::VALIDITY_UNSCANNED);
  EXPECT_EQ(best.carrier(), "epacket");
  EXPECT_EQ(best.tracking_number(), "RB123456785GB");
  EXPECT_THAT(best.candidates(), testing::ElementsAre("epacket", "x", "dhl-express"));
}

TEST(Tracking, WithoutAnOpinionItIsUnknown) {
  const V unknown = BestVerdict(Query("123", "PonyExpress"), {});
  EXPECT_EQ(unknown.validity(), V::VALIDITY_UNKNOWN);
  EXPECT_THAT(unknown.message(), testing::HasSubstr("PonyExpress"));
  const V none = BestVerdict(Query(" - ", "DHL"), {});
  EXPECT_EQ(none.validity(), V::VALIDITY_INVALID);
  EXPECT_EQ(none.failed_rule(), "present");
}

}  // namespace
}  // namespace aftersales
