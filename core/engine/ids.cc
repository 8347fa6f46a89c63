#include "core/engine/ids.h"

#include "core/status/text.h"

namespace aftersales {

IdSource::IdSource(std::optional<uint64_t> seed) {
  if (seed) {
    random_.seed(*seed);
  } else {
    std::random_device device;
    std::seed_seq entropy{device(), device(), device(), device()};
    random_.seed(entropy);
  }
}

std::string IdSource::Make(std::string_view prefix, absl::Time now) {
  static constexpr char kDigits[] = "0123456789abcdefghjkmnpqrstvwxyz";
  int64_t millis = absl::ToUnixMillis(now);
  uint16_t high;
  uint64_t low;
  {
    std::lock_guard lock(mutex_);
    if (millis <= last_millis_) {
      // Same millisecond, or the clock went back: count on, so that the order is kept.
      millis = last_millis_;
      low_ += 1 + (random_() >> 44);
    } else {
      last_millis_ = millis;
      high_ = static_cast<uint16_t>(random_());
      low_ = random_() >> 1;
    }
    high = high_;
    low = low_;
  }
  std::string id(prefix);
  id.reserve(prefix.size() + 26);
  for (int shift = 45; shift >= 0; shift -= 5) id += kDigits[(millis >> shift) & 31];
  // 80 bits: the 16 of `high`, then the 64 of `low`, five at a time.
  for (int shift = 75; shift >= 0; shift -= 5) {
    uint64_t digit;
    if (shift >= 64) {
      digit = static_cast<uint64_t>(high) >> (shift - 64);
    } else {
      digit = low >> shift;
      if (shift > 59) digit |= static_cast<uint64_t>(high) << (64 - shift);
    }
    id += kDigits[digit & 31];
  }
  return id;
}

}  // namespace aftersales
