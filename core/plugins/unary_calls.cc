#include "core/plugins/unary_calls.h"

#include <algorithm>

namespace aftersales::plugins {

UnaryCalls::~UnaryCalls() {
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

grpc::Status UnaryCalls::Call(grpc::ClientContext* context, const std::string& path,
                              const grpc::ByteBuffer& request, grpc::ByteBuffer* response) {
  Waiting own;
  const auto reader = stub_.PrepareUnaryCall(context, path, request, &queue_);
  reader->StartCall();
  reader->Finish(response, &own.status, &own);
  {
    absl::MutexLock lock(&mu_);
    // The one that leads may have its event by now.
    if (!own.done && led_) {
      waiting_.push_back(&own);
      while (!own.done && !own.leads) own.changed.Wait(&mu_);
    }
    if (own.done) return own.status;
    led_ = true;
  }
  Lead(&own);
  absl::MutexLock lock(&mu_);
  led_ = !waiting_.empty();
  if (led_) {
    // The youngest call will be the last to end, so it can lead the longest.
    waiting_.back()->leads = true;
    waiting_.back()->changed.Signal();
    waiting_.pop_back();
  }
  return own.status;
}

void UnaryCalls::Lead(Waiting* own) {
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
    if (tag == own) return;
    auto* other = static_cast<Waiting*>(tag);
    absl::MutexLock lock(&mu_);
    other->done = true;
    // It may not have got to wait yet.
    const auto place = std::find(waiting_.begin(), waiting_.end(), other);
    if (place == waiting_.end()) continue;
    waiting_.erase(place);
    other->changed.Signal();
  }
}

}  // namespace aftersales::plugins
