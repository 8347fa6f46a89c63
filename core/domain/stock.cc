#include "core/domain/stock.h"

#include <algorithm>
#include <limits>

namespace aftersales {
namespace {

int32_t Clamp(int64_t units) {
  return static_cast<int32_t>(std::clamp<int64_t>(units, std::numeric_limits<int32_t>::min(),
                                                  std::numeric_limits<int32_t>::max()));
}

}  // namespace

void SetAvailable(v1::StockLevel* level) {
  level->set_quantity_available(
      Clamp(int64_t{level->quantity_on_hand()} - level->quantity_reserved()));
}

const v1::StockLevel* ChooseStock(std::span<const v1::StockLevel> levels, int32_t quantity,
                                  std::string_view location) {
  const v1::StockLevel* best = nullptr;
  for (const v1::StockLevel& level : levels) {
    if (!location.empty() && level.location() != location) continue;
    if (level.quantity_available() < quantity) continue;
    if (best == nullptr || level.quantity_available() > best->quantity_available()) best = &level;
  }
  return best;
}

int32_t MostAvailable(std::span<const v1::StockLevel> levels, std::string_view location) {
  int32_t most = 0;
  for (const v1::StockLevel& level : levels) {
    if (!location.empty() && level.location() != location) continue;
    most = std::max(most, level.quantity_available());
  }
  return most;
}

void ReserveStock(int32_t quantity, v1::StockLevel* level) {
  level->set_quantity_reserved(Clamp(int64_t{level->quantity_reserved()} + quantity));
  SetAvailable(level);
}

void ReleaseStock(int32_t quantity, v1::StockLevel* level) {
  level->set_quantity_reserved(std::max(0, level->quantity_reserved() - quantity));
  SetAvailable(level);
}

void ShipStock(int32_t quantity, v1::StockLevel* level) {
  level->set_quantity_on_hand(std::max(0, level->quantity_on_hand() - quantity));
  ReleaseStock(quantity, level);
}

}  // namespace aftersales
