#include "core/plugins/http_limits.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace aftersales::plugins {
namespace {

constexpr absl::Duration kSlice = absl::Milliseconds(20);

absl::Duration SteadyTicks() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

std::string Rounded(absl::Duration duration) {
  return absl::FormatDuration(absl::Ceil(duration, absl::Milliseconds(100)));
}

}  // namespace

HttpLimits::HttpLimits(Options options)
    : options_([&] {
        if (options.ticks == nullptr) options.ticks = &SteadyTicks;
        return std::move(options);
      }()) {}

absl::StatusOr<HttpLimits::Server*> HttpLimits::Find(const std::string& server,
                                                     absl::Duration now) {
  if (const auto found = servers_.find(server); found != servers_.end()) return &found->second;
  if (servers_.size() >= options_.servers_max) {
    // One that has nothing to remember is like a new one.
    const auto idle = std::find_if(servers_.begin(), servers_.end(), [&](const auto& entry) {
      const Server& known = entry.second;
      return known.running == 0 && !known.open && known.failures == 0 && known.bucket.IsFull(now);
    });
    if (idle == servers_.end()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "was not sent: ", servers_.size(), " servers are in use already; try again later"));
    }
    servers_.erase(idle);
  }
  const TokenBucket full(options_.requests_per_second, options_.burst, now);
  return &servers_.emplace(server, Server(full)).first->second;
}

absl::StatusOr<HttpLimits::Ticket> HttpLimits::Admit(const std::string& server,
                                                     absl::Duration wait_max,
                                                     const CancelledFn& cancelled) {
  absl::Duration wait;
  bool trial = false;
  {
    absl::MutexLock lock(&mu_);
    const absl::Duration now = options_.ticks();
    if (running_ >= options_.running_max) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "was not sent: ", running_, " requests of the plugin are under way; try again later"));
    }
    const absl::StatusOr<Server*> found = Find(server, now);
    if (!found.ok()) return found.status();
    Server& known = **found;
    if (known.open && (now < known.open_until || known.trying)) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "was not sent: ", known.failures, " requests to ", server,
          " failed in a row, the last: ", known.problem, "; ",
          known.trying ? std::string("one is under way to see whether it is back")
                       : absl::StrCat("it is tried again in ", Rounded(known.open_until - now))));
    }
    wait = known.bucket.Wait(now);
    if (wait >= wait_max && wait > absl::ZeroDuration()) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "was not sent: the plugin sends ", server, " more than ", options_.requests_per_second,
          " requests a second; try again in ", Rounded(wait)));
    }
    known.bucket.Take();
    trial = known.open;
    known.trying = trial;
    ++known.running;
    ++running_;
  }
  Ticket ticket(this, server, trial);
  const absl::Time until = absl::Now() + wait;
  while (wait > absl::ZeroDuration() && absl::Now() < until) {
    if (cancelled && cancelled()) {
      return absl::ResourceExhaustedError(
          "was not sent: its caller did not wait until it was its turn");
    }
    absl::SleepFor(std::min(kSlice, until - absl::Now()));
  }
  return ticket;
}

void HttpLimits::Ticket::Close(End end, const std::string& problem) {
  if (limits_ != nullptr) std::exchange(limits_, nullptr)->Leave(server_, trial_, end, problem);
}

void HttpLimits::Leave(const std::string& server, bool trial, End end, const std::string& problem) {
  absl::MutexLock lock(&mu_);
  --running_;
  Server& known = servers_.at(server);  // not forgotten while one runs
  --known.running;
  if (trial) known.trying = false;
  switch (end) {
    case End::kUnknown:
      return;
    case End::kGood:
      known.failures = 0;
      known.open = false;
      known.open_for = absl::ZeroDuration();
      return;
    case End::kFailed:
      ++known.failures;
      known.problem = problem;
      if (known.open ? !trial : known.failures < options_.failures_to_open) return;
      known.open = true;
      known.open_for = std::clamp(known.open_for * 2, options_.open_min, options_.open_max);
      known.open_until = options_.ticks() + known.open_for;
      return;
  }
}

}  // namespace aftersales::plugins
