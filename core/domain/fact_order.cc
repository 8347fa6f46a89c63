// In what order the facts of a return count, and which of them are the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "core/domain/return_fold.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

// Rank of a kind in the life cycle: orders facts of one instant. Snapshots come last, because they
// show the state after whatever else happened at that instant.
int RankOf(const v1::Event& fact) {
  switch (fact.body_case()) {
    case v1::Event::kReturnRequested:
      return 1;
    case v1::Event::kReturnReopened:
      return 2;
    case v1::Event::kReturnApproved:
      return 3;
    case v1::Event::kReturnRejected:
      return 4;
    case v1::Event::kManualActionChanged:
    case v1::Event::kReturnInfoRequested:
      return 5;
    case v1::Event::kReturnLabelRecorded:
      return 6;
    case v1::Event::kReturnScanned:
      return 7;
    case v1::Event::kUnitsReceived:
      return 8;
    case v1::Event::kReturnClosedShort:
      return 9;
    case v1::Event::kUnitsInspected:
      return 10;
    case v1::Event::kCostRecorded:
      return 10;
    case v1::Event::kReturnRefunded:
      return 11;
    case v1::Event::kReturnRefundReversed:
    case v1::Event::kReturnUnitsExchanged:
      return 12;
    case v1::Event::kReturnSettledWithoutRefund:
      return 13;
    case v1::Event::kReturnCancelled:
      return 14;
    case v1::Event::kBuyerReminded:
    case v1::Event::kDeadlineAlerted:
      return 14;
    case v1::Event::kReturnExpired:
    case v1::Event::kReturnParcelLost:
      return 15;
    case v1::Event::kReturnClosed:
      return 16;
    case v1::Event::kReturnReported:
      return 17;
    default:
      return 18;
  }
}

// Of two that say something else of one label at one instant, the later step of its life counts.
int StepOf(const v1::ReturnLabel& label) {
  switch (label.state()) {
    case v1::ReturnLabel::STATE_REQUESTED:
      return 1;
    case v1::ReturnLabel::STATE_UNKNOWN:
      return 2;
    case v1::ReturnLabel::STATE_FAILED:
      return 3;
    case v1::ReturnLabel::STATE_ISSUED:
      return 4;
    case v1::ReturnLabel::STATE_VOIDING:
      return 5;
    case v1::ReturnLabel::STATE_EXPIRED:
      return 6;
    case v1::ReturnLabel::STATE_VOIDED:
      return 7;
    default:
      return 8;
  }
}

// The body alone, without what recording added to it: names, tokens and times of the store differ
// between two records of one fact.
std::string BodyBytes(const v1::Event& fact) {
  v1::Event bare = fact;
  bare.clear_name();
  bare.clear_subject();
  bare.clear_recorded_at();
  bare.clear_source();
  bare.clear_channel();
  bare.clear_status_after();
  bare.clear_resume_token();
  bare.clear_explanation();
  return bare.SerializeAsString();
}

}  // namespace

FactPlace PlaceOf(const v1::Event& fact) {
  // The request opens the return whatever the clocks of other sources say. Seconds are shifted to
  // be positive, so that their hexadecimal text sorts like the numbers.
  const bool opens = fact.body_case() == v1::Event::kReturnRequested;
  const uint64_t seconds =
      static_cast<uint64_t>(fact.occurred_at().seconds()) + (uint64_t{1} << 63);
  std::string key =
      absl::StrFormat("%d%016x%08x%02d", opens ? 0 : 1, seconds,
                      static_cast<uint32_t>(fact.occurred_at().nanos()), RankOf(fact));
  if (fact.has_return_label_recorded()) {
    // Ids of labels are made in the order of time.
    const v1::ReturnLabel& label = fact.return_label_recorded().label();
    key += Cat("l", label.label_id(), std::string_view("\0", 1), StepOf(label));
  }
  if (!fact.external_id().empty()) {
    key += Cat("x", fact.external_id(), std::string_view("\0", 1));
  }
  std::string body = BodyBytes(fact);
  key += body;
  std::string identity = fact.external_id().empty() ? Cat("b", body) : Cat("x", fact.external_id());
  return {std::move(key), std::move(identity)};
}

std::string FactOrderKey(const v1::Event& fact) { return PlaceOf(fact).key; }

std::string FactIdentity(const v1::Event& fact) { return PlaceOf(fact).identity; }

}  // namespace aftersales
