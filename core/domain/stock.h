// Stock: what is there of a SKU, and what of it is kept for exchanges.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "aftersales/v1/exchange.pb.h"

namespace aftersales {

// Sets what is available: on hand less reserved.
void SetAvailable(v1::StockLevel* level);

// The level to take so many units from: the named place, or else where most is available. Null
// where that is not enough.
const v1::StockLevel* ChooseStock(std::span<const v1::StockLevel> levels, int32_t quantity,
                                  std::string_view location);
// The most that is available at the named place, or else at one place; at least 0.
int32_t MostAvailable(std::span<const v1::StockLevel> levels, std::string_view location);

// Keeps units, gives them back, or takes off what was kept and is shipped.
void ReserveStock(int32_t quantity, v1::StockLevel* level);
void ReleaseStock(int32_t quantity, v1::StockLevel* level);
void ShipStock(int32_t quantity, v1::StockLevel* level);

}  // namespace aftersales
