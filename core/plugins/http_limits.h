// How much a plugin may ask of each server, and when it may not ask at all.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/plugins/plugin_services.h"
#include "core/plugins/token_bucket.h"

namespace aftersales::plugins {

// Of one plugin, so that none uses up what another needs. For each server: a bucket of tokens, of
// which each request takes one and waits for it; and a circuit that opens after failures in a row,
// refuses for a while, then lets one request try. Thread-safe.
class HttpLimits {
 public:
  struct Options {
    double requests_per_second = 20;             // to a server, in the long run
    double burst = 100;                          // at once after a pause
    int running_max = 32;                        // requests under way, to all servers together
    size_t servers_max = 256;                    // that are remembered
    int failures_to_open = 5;                    // in a row
    absl::Duration open_min = absl::Seconds(5);  // doubled each time that a try fails
    absl::Duration open_max = absl::Minutes(5);
    // Time that has passed since anything; the steady clock when null.
    std::function<absl::Duration()> ticks;
  };

  // How a request ended, for the circuit.
  enum class End {
    kGood,     // the server works
    kFailed,   // it does not
    kUnknown,  // nothing can be said, such as when the caller went away
  };

  // A request under way. Destroyed without Close it ended with kUnknown.
  class Ticket {
   public:
    Ticket(HttpLimits* limits, std::string server, bool trial)
        : limits_(limits), server_(std::move(server)), trial_(trial) {}
    Ticket(Ticket&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)),
          server_(std::move(other.server_)),
          trial_(other.trial_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() { Close(End::kUnknown, {}); }
    // `problem` says why it failed, without secrets.
    void Close(End end, const std::string& problem);

   private:
    HttpLimits* limits_;
    std::string server_;
    bool trial_;  // whether it is the one that an open circuit lets through
  };

  explicit HttpLimits(Options options);

  // Lets a request go, waiting for its turn at most so long. RESOURCE_EXHAUSTED says why it may not
  // and when it may.
  absl::StatusOr<Ticket> Admit(const std::string& server, absl::Duration wait_max,
                               const CancelledFn& cancelled);

 private:
  struct Server {
    explicit Server(TokenBucket full) : bucket(full) {}
    TokenBucket bucket;
    int running = 0;
    int failures = 0;  // in a row
    std::string problem;
    bool open = false;
    absl::Duration open_until;
    absl::Duration open_for;
    bool trying = false;
  };

  absl::StatusOr<Server*> Find(const std::string& server, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Leave(const std::string& server, bool trial, End end, const std::string& problem);

  const Options options_;
  absl::Mutex mu_;
  int running_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Server> servers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
