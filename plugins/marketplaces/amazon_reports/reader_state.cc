#include "plugins/marketplaces/amazon_reports/reader_state.h"

#include <cstring>
#include <functional>

namespace aftersales::amazon_reports {
namespace {

// Name and version of the layout. A state never outlives the reading of one file, but the plugin
// may be replaced meanwhile.
constexpr std::string_view kMark = "AR2";

// The fixed part, as it is copied to and from bytes: host and plugin share one machine.
struct Fixed {
  int64_t line;
  int16_t cell[kMaxColumns];
  uint16_t column_count;
  uint8_t phase;
  uint8_t kind;
  uint8_t charset;
  uint8_t flags;
  uint8_t warned;
  uint8_t zero[1];
};
static_assert(sizeof(Fixed) == 64 && sizeof(Fixed::cell) == 2 * kMaxColumns);

enum Flag : uint8_t { kFellBack = 1, kSkipping = 2, kOtherType = 4, kByPosition = 8 };

}  // namespace

int32_t OrderRun::Count(std::string_view order, std::string_view sku, std::string_view row) {
  constexpr std::hash<std::string_view> kHash;
  if (const uint64_t hash = kHash(order); hash != order_) {
    order_ = hash;
    lines_.clear();
  }
  const Line line{kHash(sku), kHash(row)};
  int32_t before = 0;
  for (const Line& known : lines_) {
    if (known.sku != line.sku) continue;
    if (known.row == line.row) return before;
    ++before;
  }
  if (lines_.size() < kMaxLines) lines_.push_back(line);
  return before;
}

void OrderRun::Encode(std::string* out) const {
  const auto count = static_cast<uint32_t>(lines_.size());
  out->append(reinterpret_cast<const char*>(&count), sizeof count);
  out->append(reinterpret_cast<const char*>(&order_), sizeof order_);
  out->append(reinterpret_cast<const char*>(lines_.data()), lines_.size() * sizeof(Line));
}

bool OrderRun::Decode(std::string_view* bytes) {
  uint32_t count = 0;
  constexpr size_t kHead = sizeof count + sizeof order_;
  if (bytes->size() < kHead) return false;
  std::memcpy(&count, bytes->data(), sizeof count);
  std::memcpy(&order_, bytes->data() + sizeof count, sizeof order_);
  bytes->remove_prefix(kHead);
  if (count > kMaxLines || bytes->size() < count * sizeof(Line)) return false;
  lines_.resize(count);
  if (count > 0) std::memcpy(lines_.data(), bytes->data(), count * sizeof(Line));
  bytes->remove_prefix(count * sizeof(Line));
  return true;
}

std::string ReaderState::Encode() const {
  Fixed fixed{};
  fixed.line = line;
  std::memcpy(fixed.cell, map.cell.data(), sizeof fixed.cell);
  fixed.column_count = map.column_count;
  fixed.phase = static_cast<uint8_t>(phase);
  fixed.kind = static_cast<uint8_t>(kind);
  fixed.charset = static_cast<uint8_t>(charset);
  fixed.flags =
      static_cast<uint8_t>((fell_back ? kFellBack : 0) | (skipping ? kSkipping : 0) |
                           (other_type ? kOtherType : 0) | (map.by_position ? kByPosition : 0));
  fixed.warned = warned;
  std::string out;
  out.reserve(kMark.size() + sizeof fixed + partial.size());
  out.append(kMark);
  out.append(reinterpret_cast<const char*>(&fixed), sizeof fixed);
  order_run.Encode(&out);
  out.append(partial);
  return out;
}

bool ReaderState::Decode(std::string_view bytes) {
  Fixed fixed;
  if (!bytes.starts_with(kMark) || bytes.size() < kMark.size() + sizeof fixed) return false;
  bytes.remove_prefix(kMark.size());
  std::memcpy(&fixed, bytes.data(), sizeof fixed);
  bytes.remove_prefix(sizeof fixed);
  if (fixed.phase > static_cast<uint8_t>(Phase::kRefused) ||
      fixed.kind > static_cast<uint8_t>(ReportKind::kPerformance) ||
      fixed.charset > static_cast<uint8_t>(Charset::kCp932) || fixed.line < 1) {
    return false;
  }
  phase = static_cast<Phase>(fixed.phase);
  kind = static_cast<ReportKind>(fixed.kind);
  if (phase == Phase::kRows && FindReport(kind) == nullptr) return false;
  charset = static_cast<Charset>(fixed.charset);
  fell_back = (fixed.flags & kFellBack) != 0;
  skipping = (fixed.flags & kSkipping) != 0;
  other_type = (fixed.flags & kOtherType) != 0;
  warned = fixed.warned;
  line = fixed.line;
  std::memcpy(map.cell.data(), fixed.cell, sizeof fixed.cell);
  map.column_count = fixed.column_count;
  map.by_position = (fixed.flags & kByPosition) != 0;
  if (!order_run.Decode(&bytes)) return false;
  partial.assign(bytes);
  return true;
}

}  // namespace aftersales::amazon_reports
