// What the ERP's warehouse tells.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "aftersales/plugin/v1/erp.pb.h"

namespace credit_notes {

// `2026-03-02T09:00:00Z` or with an offset such as `+01:00`, as seconds since 1970.
bool ReadTime(const std::string& text, int64_t* seconds);

// The fact that a receipt tells. False when it tells none.
bool ReadReceipt(const nlohmann::json& receipt, aftersales::v1::Event* fact);

}  // namespace credit_notes
