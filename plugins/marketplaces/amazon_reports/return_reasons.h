// Amazon's codes for why a buyer returns, in the terms of the common taxonomy.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "aftersales/v1/common.pb.h"

namespace aftersales::amazon_reports {

// Takes the code of a seller-fulfilled return (`AMZ-PG-WJ-TOO-SMALL`, `CR-DEFECTIVE`), of an FBA
// return (`APPAREL_TOO_SMALL`) or the words of Seller Central in English (`No longer needed`). The
// list of codes grows, so they are matched by family; what belongs to none is OTHER. Empty is
// UNSPECIFIED. The raw code is kept beside it by the caller.
v1::ReturnReason MapReturnReason(std::string_view raw);

// The same, faster for many rows: a file has a handful of codes. Not thread-safe.
class ReturnReasonCache {
 public:
  v1::ReturnReason Map(std::string_view raw);

 private:
  struct Entry {
    std::string raw;
    v1::ReturnReason reason = v1::RETURN_REASON_UNSPECIFIED;
  };
  std::array<Entry, 32> entries_;
};

}  // namespace aftersales::amazon_reports
