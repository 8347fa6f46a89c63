// A command: one change that a caller asks for, run on the writer inside one transaction.
//
// The command functions (return_commands.h and its neighbours) check guards, record facts and
// answer the resource as it is afterwards. Whatever they changed is undone if they refuse or if the
// caller only asked what would happen.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "core/domain/invariants.h"
#include "core/domain/metrics.h"
#include "core/domain/policy_book.h"
#include "core/engine/ids.h"
#include "core/plugins/registry.h"
#include "core/status/text.h"
#include "core/store/store.h"

namespace aftersales::engine {

// A channel with what is derived from it.
struct ChannelInfo {
  v1::Channel channel;
  absl::TimeZone zone;
  PolicyBook policies;
  std::string id;
};

// The channels of all sellers as the writer sees them. Used on the writer's thread only.
class ChannelCache {
 public:
  // Null when there is no such channel. Valid until the next Forget.
  const ChannelInfo* Find(store::Reader& store, std::string_view channel_name);
  void Forget() { channels_.clear(); }

 private:
  std::unordered_map<std::string, std::unique_ptr<ChannelInfo>, TextHash, std::equal_to<>>
      channels_;
};

// What all commands share.
struct Services {
  plugins::PluginRegistry& plugins;
  IdSource& ids;
  ChannelCache channels;  // writer's thread only
};

// What one command has at hand.
struct Command {
  store::Transaction& store;
  Services& services;
  std::string seller;
  v1::Actor actor;
  std::string source;  // `api`, `import`, a plugin id, `clock`
  absl::Time now;
  // What this change would break; then it is undone as a whole.
  std::vector<Violation> violations = {};

  // NOT_FOUND when there is no such channel of this seller.
  absl::StatusOr<const ChannelInfo*> Channel(std::string_view name);
  std::string NewId(std::string_view prefix) { return services.ids.Make(prefix, now); }
  // An event by this caller, now.
  v1::Event NewEvent(std::string_view subject, std::string_view channel) const;
  // Takes away what an object contributed to the metrics and adds what it contributes now.
  void Recount(std::string_view channel_id, const std::vector<metrics::Contribution>& before,
               const std::vector<metrics::Contribution>& after);
};

// Etags are counters in quotes: `"1"`, `"2"`.
std::string NextEtag(std::string_view etag);
// ABORTED `VERSION_CONFLICT` if the caller saw another version.
absl::Status CheckEtag(std::string_view wanted, std::string_view actual, std::string_view state);

// The refusal for a missing or foreign resource, or for a malformed name.
absl::StatusOr<std::string> IdIn(const Command& command, std::string_view name,
                                 std::string_view collection, std::string_view field);

}  // namespace aftersales::engine
