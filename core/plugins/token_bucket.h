// So many a second in the long run, and some at once after a pause.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace aftersales::plugins {

// Times are since anything, as long as it is always the same. Not thread-safe.
class TokenBucket {
 public:
  // Full at first.
  TokenBucket(double per_second, double burst, absl::Duration now)
      : per_second_(per_second), burst_(burst), tokens_(burst), filled_at_(now) {}

  // How long it is until the next token is there.
  absl::Duration Wait(absl::Duration now) {
    tokens_ = TokensAt(now);
    filled_at_ = now;
    return tokens_ >= 1 ? absl::ZeroDuration() : absl::Seconds((1 - tokens_) / per_second_);
  }
  // Takes the next token. One that is not there yet is owed: who comes later waits longer.
  void Take() { tokens_ -= 1; }
  // Whether nothing was taken for so long that it is like a new one.
  bool IsFull(absl::Duration now) const { return TokensAt(now) >= burst_; }

 private:
  double TokensAt(absl::Duration now) const {
    return std::min(burst_, tokens_ + absl::ToDoubleSeconds(now - filled_at_) * per_second_);
  }

  double per_second_;
  double burst_;
  double tokens_;  // below 0: others wait already
  absl::Duration filled_at_;
};

}  // namespace aftersales::plugins
