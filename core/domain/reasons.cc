#include "core/domain/reasons.h"

#include <array>

namespace aftersales {
namespace {

// In the order of the enum: the value is the index.
constexpr std::array kMeanings = {
    ReasonMeaning{v1::RETURN_REASON_UNSPECIFIED, v1::FAULT_UNSPECIFIED, CauseGroup::kNone,
                  "no reason given"},
    ReasonMeaning{v1::RETURN_REASON_NO_LONGER_NEEDED, v1::FAULT_BUYER, CauseGroup::kBuyer,
                  "no longer needed"},
    ReasonMeaning{v1::RETURN_REASON_ORDERED_BY_MISTAKE, v1::FAULT_BUYER, CauseGroup::kBuyer,
                  "ordered by mistake"},
    ReasonMeaning{v1::RETURN_REASON_BETTER_PRICE, v1::FAULT_BUYER, CauseGroup::kBuyer,
                  "found it cheaper"},
    ReasonMeaning{v1::RETURN_REASON_UNWANTED_GIFT, v1::FAULT_BUYER, CauseGroup::kBuyer,
                  "unwanted gift"},
    ReasonMeaning{v1::RETURN_REASON_SIZE_TOO_SMALL, v1::FAULT_BUYER, CauseGroup::kListing,
                  "too small"},
    ReasonMeaning{v1::RETURN_REASON_SIZE_TOO_LARGE, v1::FAULT_BUYER, CauseGroup::kListing,
                  "too large"},
    ReasonMeaning{v1::RETURN_REASON_STYLE_OR_COLOR, v1::FAULT_BUYER, CauseGroup::kListing,
                  "style or colour disliked"},
    ReasonMeaning{v1::RETURN_REASON_FUNCTION_MISUNDERSTOOD, v1::FAULT_BUYER, CauseGroup::kListing,
                  "does not fit the use"},
    ReasonMeaning{v1::RETURN_REASON_NOT_AS_DESCRIBED, v1::FAULT_SELLER, CauseGroup::kListing,
                  "not as described"},
    ReasonMeaning{v1::RETURN_REASON_DEFECTIVE, v1::FAULT_SELLER, CauseGroup::kQuality, "defective"},
    ReasonMeaning{v1::RETURN_REASON_ARRIVED_DAMAGED, v1::FAULT_SELLER, CauseGroup::kPackaging,
                  "arrived damaged"},
    ReasonMeaning{v1::RETURN_REASON_MISSING_PARTS, v1::FAULT_SELLER, CauseGroup::kWarehouse,
                  "parts missing"},
    ReasonMeaning{v1::RETURN_REASON_WRONG_ITEM_SENT, v1::FAULT_SELLER, CauseGroup::kWarehouse,
                  "wrong item sent"},
    ReasonMeaning{v1::RETURN_REASON_ARRIVED_LATE, v1::FAULT_CARRIER, CauseGroup::kCarrier,
                  "arrived late"},
    ReasonMeaning{v1::RETURN_REASON_NOT_RECEIVED, v1::FAULT_CARRIER, CauseGroup::kCarrier,
                  "never arrived"},
    ReasonMeaning{v1::RETURN_REASON_REFUSED, v1::FAULT_UNSPECIFIED, CauseGroup::kCarrier,
                  "refused or undeliverable"},
    ReasonMeaning{v1::RETURN_REASON_OTHER, v1::FAULT_UNSPECIFIED, CauseGroup::kNone, "other"},
};
static_assert(kMeanings.size() == v1::ReturnReason_MAX + 1);

}  // namespace

const ReasonMeaning& MeaningOf(v1::ReturnReason reason) {
  const int index = static_cast<int>(reason);
  if (index < 0 || index >= static_cast<int>(kMeanings.size())) {
    return kMeanings[v1::RETURN_REASON_OTHER];
  }
  return kMeanings[static_cast<size_t>(index)];
}

bool SellerAnswers(v1::Fault fault) {
  return fault == v1::FAULT_SELLER || fault == v1::FAULT_CARRIER || fault == v1::FAULT_PLATFORM;
}

}  // namespace aftersales
