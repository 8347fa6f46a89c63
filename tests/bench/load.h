// Keeps a number of unary calls in flight until all requests are answered.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aftersales::bench {

struct LoadResult {
  double seconds = 0;
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Calls one method with each request once. The requests are made beforehand and the answers kept,
// so that the client does the same for every method that is compared.
template <typename Request, typename Response>
class Load {
 public:
  // Starts a call on the index-th connection.
  using Start = std::function<void(size_t connection, grpc::ClientContext*, const Request*,
                                   Response*, std::function<void(grpc::Status)>)>;

  Load(size_t connections, Start start) : connections_(connections), start_(std::move(start)) {}

  // Fails with the first call that fails; the others are waited for.
  absl::StatusOr<LoadResult> Run(int in_flight, const std::vector<Request>& requests,
                                 std::vector<Response>* responses) {
    requests_ = &requests;
    responses->clear();
    responses->resize(requests.size());
    responses_ = responses;
    micros_.assign(requests.size(), 0);
    next_ = 0;
    failed_ = absl::OkStatus();
    const size_t slots = std::min(static_cast<size_t>(in_flight), requests.size());
    running_ = slots;
    std::vector<Slot> places(slots);
    const auto begin = Clock::now();
    for (size_t i = 0; i < slots; ++i) Next(&places[i], i);
    {
      std::unique_lock lock(mutex_);
      done_.wait(lock, [this] { return running_ == 0; });
    }
    LoadResult result;
    result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (!failed_.ok()) return failed_;
    result.per_second = static_cast<double>(requests.size()) / result.seconds;
    std::sort(micros_.begin(), micros_.end());
    result.p50_us = micros_[micros_.size() / 2];
    result.p99_us = micros_[micros_.size() * 99 / 100];
    return result;
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Slot {
    std::optional<grpc::ClientContext> context;
    Clock::time_point began;
  };

  // Takes the next request, or ends the slot.
  void Next(Slot* slot, size_t slot_index) {
    size_t index = 0;
    {
      std::lock_guard lock(mutex_);
      if (next_ >= requests_->size() || !failed_.ok()) {
        if (--running_ == 0) done_.notify_one();
        return;
      }
      index = next_++;
    }
    slot->context.emplace();
    slot->began = Clock::now();
    start_(slot_index % connections_, &*slot->context, &(*requests_)[index], &(*responses_)[index],
           [this, slot, slot_index, index](const grpc::Status& status) {
             micros_[index] =
                 std::chrono::duration<double, std::micro>(Clock::now() - slot->began).count();
             if (!status.ok()) {
               std::lock_guard lock(mutex_);
               if (failed_.ok()) {
                 failed_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                                        status.error_message());
               }
             }
             Next(slot, slot_index);
           });
  }

  const size_t connections_;
  const Start start_;
  const std::vector<Request>* requests_ = nullptr;
  std::vector<Response>* responses_ = nullptr;
  std::vector<double> micros_;
  std::mutex mutex_;
  std::condition_variable done_;
  size_t next_ = 0;
  size_t running_ = 0;
  absl::Status failed_;
};

}  // namespace aftersales::bench
