#include "aftersales/v1/channel_service.grpc.pb.h"

#include "core/api/call.h"
#include "core/api/import_stream.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/engine/commands.h"
#include "core/engine/report_import.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

using Raw =
    v1::ChannelService::WithRawCallbackMethod_ImportReport<v1::ChannelService::CallbackService>;

class ChannelService final : public Raw {
 public:
  ChannelService(engine::Engine& engine, const ImportLimits& imports)
      : engine_(engine), imports_(imports) {}

  grpc::ServerUnaryReactor* BindChannel(grpc::CallbackServerContext* context,
                                        const v1::BindChannelRequest* request,
                                        v1::Channel* response) override {
    return RunCommand(context, engine_, "ChannelService/BindChannel", request->parent(), "",
                      request, response, &engine::BindChannel);
  }

  grpc::ServerUnaryReactor* GetChannel(grpc::CallbackServerContext* context,
                                       const v1::GetChannelRequest* request,
                                       v1::Channel* response) override {
    return RunGet(context, engine_, request, response, "channels",
                  [request](store::Reader& reader, std::string_view seller,
                            std::string_view) -> std::optional<v1::Channel> {
                    for (v1::Channel& channel : reader.ListChannels(seller)) {
                      if (channel.name() == request->name()) return std::move(channel);
                    }
                    return std::nullopt;
                  });
  }

  grpc::ServerUnaryReactor* ListChannels(grpc::CallbackServerContext* context,
                                         const v1::ListChannelsRequest* request,
                                         v1::ListChannelsResponse* response) override {
    return RunList(
        context, engine_, request, response, "channels", {"platform_status"},
        [](const Filter& filter, std::string_view) -> absl::StatusOr<std::optional<std::string>> {
          if (!filter.Has("platform_status")) return std::nullopt;
          return filter.Text("platform_status");
        },
        [](store::Reader& reader, std::string_view seller,
           const std::optional<std::string>& platform_status,
           const std::vector<std::string>& position, int) {
          std::vector<v1::Channel> channels = reader.ListChannels(seller);
          std::erase_if(channels, [&](const v1::Channel& channel) {
            return (!position.empty() && channel.name() <= position.front()) ||
                   (platform_status && channel.platform_status() != *platform_status);
          });
          return channels;
        },
        [](const v1::Channel& row) -> std::vector<std::string> { return {row.name()}; },
        [](v1::Channel&& row, v1::ListChannelsResponse* page) {
          *page->add_channels() = std::move(row);
          return absl::OkStatus();
        });
  }

  using Raw::ImportReport;
  grpc::ServerReadReactor<grpc::ByteBuffer>* ImportReport(grpc::CallbackServerContext* context,
                                                          grpc::ByteBuffer* response) override {
    return new ImportReactor<v1::ImportReportRequest, v1::ImportReportResponse,
                             engine::ReportImport>(
        imports_, context, response, [this](v1::Actor actor, const v1::ImportReportHeader& header) {
          return engine::ReportImport::Begin(engine_, std::move(actor), header);
        });
  }

 private:
  engine::Engine& engine_;
  Imports imports_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeChannelService(engine::Engine& engine,
                                                  const ImportLimits& imports) {
  return std::make_unique<ChannelService>(engine, imports);
}

}  // namespace aftersales::api
