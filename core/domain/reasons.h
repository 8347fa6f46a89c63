// What each return reason means: who is answerable by default and where operations should look.
#pragma once

#include <string_view>

#include "aftersales/v1/common.pb.h"

namespace aftersales {

// Where the cause is to be looked for.
enum class CauseGroup { kNone, kListing, kPackaging, kQuality, kCarrier, kWarehouse, kBuyer };

struct ReasonMeaning {
  v1::ReturnReason reason;
  v1::Fault fault;
  CauseGroup cause;
  std::string_view label;  // for people, such as `arrived damaged`
};

// The meaning of a reason; OTHER's for one that the table does not know.
const ReasonMeaning& MeaningOf(v1::ReturnReason reason);

// Whether the seller answers for it towards the buyer: fault SELLER, CARRIER or PLATFORM.
bool SellerAnswers(v1::Fault fault);

}  // namespace aftersales
