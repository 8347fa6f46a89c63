#include "aftersales/v1/plugin_service.grpc.pb.h"
#include "core/api/call.h"
#include "core/api/paging.h"
#include "core/api/services.h"
#include "core/engine/commands.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

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
    static constexpr std::string_view kPrefix = "plugins/";
    const std::string_view name = request->name();
    if (name.substr(0, kPrefix.size()) != kPrefix) {
      return FinishNow(context, InvalidField("name", "BAD_NAME", "write `plugins/{plugin}`"));
    }
    auto plugin = engine_.plugins().Get(name.substr(kPrefix.size()));
    if (!plugin) return FinishNow(context, NotFound(name));
    *response = *std::move(plugin);
    return FinishNow(context, absl::OkStatus());
  }

 private:
  engine::Engine& engine_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakePluginService(engine::Engine& engine) {
  return std::make_unique<PluginService>(engine);
}

}  // namespace aftersales::api
