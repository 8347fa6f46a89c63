#include "core/plugins/circuit.h"

#include <algorithm>

namespace aftersales::plugins {
namespace {

constexpr int kOutagesToOpen = 5;
constexpr std::chrono::seconds kOpenMin(1);
constexpr std::chrono::seconds kOpenMax(300);

}  // namespace

bool Circuit::Allows(Clock::time_point now) {
  if (!open_.load(std::memory_order_acquire)) return true;
  absl::MutexLock lock(&mu_);
  if (!open_.load()) return true;
  if (probing_ || now < until_) return false;
  probing_ = true;
  return true;
}

void Circuit::Report(bool outage, Clock::time_point now) {
  if (!outage) {
    // Read before they are written: the lines stay shared among the threads of a healthy plugin.
    if (outages_.load(std::memory_order_relaxed) != 0) outages_.store(0);
    if (!open_.load(std::memory_order_relaxed)) return;
    Reset();
    return;
  }
  const int outages = outages_.fetch_add(1) + 1;
  absl::MutexLock lock(&mu_);
  // One that was under way when it opened says nothing new.
  const bool probe = probing_;
  if (outages < kOutagesToOpen || (open_.load() && !probe)) return;
  probing_ = false;
  until_ = now + std::min<Clock::duration>(kOpenMax, kOpenMin * (1 << std::min(opened_, 10)));
  ++opened_;
  open_.store(true, std::memory_order_release);
}

void Circuit::SaidNothing() {
  if (!open_.load(std::memory_order_relaxed)) return;
  absl::MutexLock lock(&mu_);
  probing_ = false;
}

void Circuit::Reset() {
  absl::MutexLock lock(&mu_);
  outages_.store(0);
  opened_ = 0;
  probing_ = false;
  open_.store(false);
}

std::optional<Circuit::Clock::duration> Circuit::OpenFor(Clock::time_point now) const {
  if (!open_.load()) return std::nullopt;
  absl::MutexLock lock(&mu_);
  return std::max(Clock::duration::zero(), until_ - now);
}

}  // namespace aftersales::plugins
