// What comes with a call besides its request.
#pragma once

#include <algorithm>
#include <chrono>
#include <string_view>

#include "aftersales/sdk/host.h"

namespace aftersales::sdk {

// One call. Lives, with all that its views point at, until the method returns. One made by default
// is a first try without a deadline, never cancelled, as unit tests need it.
struct Call {
  // Id of the effect: the same one means the same effect, which must happen once. Empty for calls
  // that change nothing.
  std::string_view idempotency_key;
  // The tenant, such as `sellers/acme`. Empty when the call is for no seller.
  std::string_view seller;
  // 1 for the first try of this effect, 2 for the second ...
  int attempt = 1;
  // When the caller stops waiting, on the steady clock. time_point::max() when it never does.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // What the host offers.
  Host host;
  // The C struct that this was made from. Null in unit tests.
  const aftersales_call* raw = nullptr;

  // Whether the caller has stopped waiting. Ask in long loops and before anything that has an
  // effect; once an effect is under way, finish it.
  bool cancelled() const {
    if (raw != nullptr && raw->is_cancelled != nullptr && raw->is_cancelled(raw->ctx) != 0) {
      return true;
    }
    return deadline != std::chrono::steady_clock::time_point::max() &&
           std::chrono::steady_clock::now() >= deadline;
  }
  // Time that is left, not negative; nanoseconds::max() without a deadline.
  std::chrono::nanoseconds TimeLeft() const {
    if (deadline == std::chrono::steady_clock::time_point::max()) {
      return std::chrono::nanoseconds::max();
    }
    return std::max(std::chrono::nanoseconds(0),
                    std::chrono::nanoseconds(deadline - std::chrono::steady_clock::now()));
  }
  // For HTTP requests that are made for this call: they end when its caller no longer waits.
  sdk::Http Http() const { return host.Http(raw); }
  // Writes a line to the host's log. No secrets, no buyer data.
  void Log(Level level, std::string_view text) const { host.Log(level, text); }
};

}  // namespace aftersales::sdk
