#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/domain/roles.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

constexpr std::string_view kPrefix = "plugins/";
constexpr size_t kWaitingMax = 16;

// Does one thing after the other in a thread of its own: what is done about plugins waits for their
// processes, which no thread of the server may.
class Worker {
 public:
  Worker() : thread_([this] { Run(); }) {}
  ~Worker() {
    {
      absl::MutexLock lock(&mu_);
      stopping_ = true;
    }
    thread_.join();
  }

  // What waits to be done for a caller.
  struct Task {
    grpc::CallbackServerContext* context;
    grpc::ServerUnaryReactor* reactor;
    std::function<void()> work;
  };

  // False when too many wait for it.
  bool Add(Task task) {
    absl::MutexLock lock(&mu_);
    // Who went away takes up no place.
    std::erase_if(queue_, [](const Task& waiting) { return WasLeft(waiting); });
    if (queue_.size() >= kWaitingMax) return false;
    queue_.push_back(std::move(task));
    return true;
  }

 private:
  // Whether its caller went away; that is answered then.
  static bool WasLeft(const Task& task) {
    if (!task.context->IsCancelled()) return false;
    task.reactor->Finish(grpc::Status::CANCELLED);
    return true;
  }

  void Run() {
    while (true) {
      std::optional<Task> task;
      {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(
            +[](Worker* w) ABSL_EXCLUSIVE_LOCKS_REQUIRED(w->mu_) {
              return w->stopping_ || !w->queue_.empty();
            },
            this));
        if (queue_.empty()) return;
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      if (!WasLeft(*task)) task->work();
    }
  }

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

class PluginService final : public v1::PluginService::CallbackService {
 public:
  explicit PluginService(engine::Engine& engine) : engine_(engine) {}

  grpc::ServerUnaryReactor* ListPlugins(grpc::CallbackServerContext* context,
                                        const v1::ListPluginsRequest* request,
                                        v1::ListPluginsResponse* response) override {
    auto size = PageSize(request->page_size());
    if (!size.ok()) return FinishNow(context, size.status());
    const PageTokens tokens(engine_.store().Secret(), "plugins");
    auto position = tokens.Read(request->page_token());
    if (!position.ok()) return FinishNow(context, position.status());
    for (v1::Plugin& plugin : engine_.plugins().List()) {
      if (!position->empty() && plugin.name() <= position->front()) continue;
      if (response->plugins_size() == *size) {
        response->set_next_page_token(tokens.Make({response->plugins(*size - 1).name()}));
        break;
      }
      *response->add_plugins() = std::move(plugin);
    }
    return FinishNow(context, absl::OkStatus());
  }
  grpc::ServerUnaryReactor* GetPlugin(grpc::CallbackServerContext* context,
                                      const v1::GetPluginRequest* request,
                                      v1::Plugin* response) override {
    const auto id = IdOf(request->name());
    if (!id.ok()) return FinishNow(context, id.status());
    auto plugin = engine_.plugins().Get(*id);
    if (!plugin) return FinishNow(context, NotFound(request->name()));
    *response = *std::move(plugin);
    return FinishNow(context, absl::OkStatus());
  }
  grpc::ServerUnaryReactor* EnablePlugin(grpc::CallbackServerContext* context,
                                         const v1::EnablePluginRequest* request,
                                         v1::Plugin* response) override {
    return Change(context, "PluginService/EnablePlugin", *request, response,
                  [](plugins::PluginRegistry& registry, const std::string& id,
                     const v1::EnablePluginRequest& r) { return registry.Enable(id, r.sha256()); });
  }
  grpc::ServerUnaryReactor* DisablePlugin(grpc::CallbackServerContext* context,
                                          const v1::DisablePluginRequest* request,
                                          v1::Plugin* response) override {
    return Change(context, "PluginService/DisablePlugin", *request, response,
                  [](plugins::PluginRegistry& registry, const std::string& id,
                     const v1::DisablePluginRequest&) { return registry.Disable(id); });
  }
  grpc::ServerUnaryReactor* RestartPlugin(grpc::CallbackServerContext* context,
                                          const v1::RestartPluginRequest* request,
                                          v1::Plugin* response) override {
    return Change(context, "PluginService/RestartPlugin", *request, response,
                  [](plugins::PluginRegistry& registry, const std::string& id,
                     const v1::RestartPluginRequest&) { return registry.Restart(id); });
  }
  grpc::ServerUnaryReactor* IsolatePlugin(grpc::CallbackServerContext* context,
                                          const v1::IsolatePluginRequest* request,
                                          v1::Plugin* response) override {
    return Change(
        context, "PluginService/IsolatePlugin", *request, response,
        [](plugins::PluginRegistry& registry, const std::string& id,
           const v1::IsolatePluginRequest& r) { return registry.Isolate(id, r.in_process()); });
  }
  grpc::ServerUnaryReactor* UpgradePlugin(grpc::CallbackServerContext* context,
                                          const v1::UpgradePluginRequest* request,
                                          v1::Plugin* response) override {
    return Change(context, "PluginService/UpgradePlugin", *request, response,
                  [](plugins::PluginRegistry& registry, const std::string& id,
                     const v1::UpgradePluginRequest& r) {
                    return registry.Upgrade(id, r.path(), r.sha256());
                  });
  }

 private:
  static absl::StatusOr<std::string> IdOf(std::string_view name) {
    if (name.substr(0, kPrefix.size()) != kPrefix) {
      return InvalidField("name", "BAD_NAME", "write `plugins/{plugin}`");
    }
    return std::string(name.substr(kPrefix.size()));
  }

  // What a person does about one plugin.
  template <typename Request, typename Do>
  grpc::ServerUnaryReactor* Change(grpc::CallbackServerContext* context, std::string_view method,
                                   const Request& request, v1::Plugin* response, Do what) {
    if (absl::Status s = CheckWellFormed(request); !s.ok()) return FinishNow(context, s);
    const auto actor = ActorOf(*context);
    if (!actor.ok()) return FinishNow(context, actor.status());
    if (absl::Status s = CheckRole(method, actor->role()); !s.ok()) return FinishNow(context, s);
    auto id = IdOf(request.name());
    if (!id.ok()) return FinishNow(context, id.status());
    auto* reactor = context->DefaultReactor();
    const auto work = [this, reactor, response, request, id = *std::move(id), what] {
      absl::StatusOr<v1::Plugin> plugin = absl::InternalError("no answer");
      try {
        plugin = what(engine_.plugins(), id, request);
      } catch (const std::exception& e) {
        plugin = FromException(e.what());
      }
      if (plugin.ok()) *response = *plugin;
      reactor->Finish(ToGrpc(plugin.status()));
    };
    const bool queued = worker_.Add({context, reactor, work});
    if (!queued) {
      reactor->Finish(ToGrpc(Refuse(absl::StatusCode::kResourceExhausted, "BUSY",
                                    Cat(kWaitingMax,
                                        " changes of plugins wait already, each for the one before "
                                        "it; try again once they are done"))));
    }
    return reactor;
  }

  engine::Engine& engine_;
  Worker worker_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePluginService(engine::Engine& engine) {
  return std::make_unique<PluginService>(engine);
}

}  // namespace aftersales::api
