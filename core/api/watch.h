// The live watches of the change feed: EventService/Watch.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string_view>

#include "aftersales/v1/event_service.pb.h"
#include "core/api/paging.h"
#include "core/engine/engine.h"

namespace aftersales::api {

// Place of an event in the log of its seller.
int64_t SequenceOf(const v1::Event& event);
// A resume token is the seller's last sequence, signed like a page token.
PageTokens ResumeTokens(engine::Engine& engine, std::string_view seller);

class Watches {
 public:
  explicit Watches(engine::Engine& engine);

  // A watch of its own, or the refusal of one.
  grpc::ServerWriteReactor<v1::WatchResponse>* Start(const v1::WatchRequest& request);
  // Ends all of them and refuses new ones, because the host stops.
  void Drain();

 private:
  class Watch;
  struct Live;

  engine::Engine& engine_;
  std::shared_ptr<Live> live_;
};

}  // namespace aftersales::api
