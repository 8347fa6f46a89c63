// Unary calls of many threads over one channel, each of which waits for its answer.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace aftersales::plugins {

// One of the threads that wait takes the events for all: a call that is alone costs no change of
// threads, many at once cost one each. A blocking stub has a queue for each call, and they contend
// for who polls.
//
// Thread-safe.
class UnaryCalls {
 public:
  explicit UnaryCalls(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  // No call may be running.
  ~UnaryCalls();
  UnaryCalls(const UnaryCalls&) = delete;
  UnaryCalls& operator=(const UnaryCalls&) = delete;

  grpc::Status Call(grpc::ClientContext* context, const std::string& path,
                    const grpc::ByteBuffer& request, grpc::ByteBuffer* response);

 private:
  struct Waiting {
    grpc::Status status;
    bool done = false;
    bool leads = false;
    absl::CondVar changed;
  };

  // Takes events until that of `own`.
  void Lead(Waiting* own);

  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  absl::Mutex mu_;
  bool led_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Waiting*> waiting_ ABSL_GUARDED_BY(mu_);  // those that do not lead, oldest first
};

}  // namespace aftersales::plugins
