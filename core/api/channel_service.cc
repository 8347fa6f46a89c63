#include "aftersales/v1/channel_service.grpc.pb.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/api/call.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/engine/commands.h"
#include "core/engine/report_import.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::api {
namespace {

// Imports run on threads of their own, because parsing takes the plugin's time and storing waits
// for commits. Few at once: they would only wait for the one writer.
constexpr int kImportsMax = 4;

// The stream of one import. The reactor takes one chunk at a time and asks for the next when that
// is stored, which is the back-pressure that keeps memory flat.
class ImportReactor final : public grpc::ServerReadReactor<v1::ImportReportRequest> {
 public:
  ImportReactor(engine::Engine& engine, std::atomic<int>& running,
                grpc::CallbackServerContext* context, v1::ImportReportResponse* response)
      : engine_(engine), running_(running), context_(context), response_(response) {
    if (running_.fetch_add(1) >= kImportsMax) {
      running_.fetch_sub(1);
      Finish(ToGrpc(Refuse(absl::StatusCode::kResourceExhausted, "BUSY",
                           Cat(kImportsMax, " imports are running; try again when one is done"))
                        .RetryAfter(absl::Seconds(2))));
      return;
    }
    worker_ = std::thread([this] { Work(); });
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override { Tell(ok ? Step::kMessage : Step::kEnd); }
  void OnCancel() override { Tell(Step::kCancelled); }
  void OnDone() override {
    if (worker_.joinable()) worker_.detach();  // it has nothing left to do but return
    delete this;
  }

 private:
  enum class Step { kMessage, kEnd, kCancelled };

  void Tell(Step step) {
    std::lock_guard lock(mutex_);
    steps_.push_back(step);
    wake_.notify_one();
  }

  Step Await() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !steps_.empty(); });
    const Step step = steps_.front();
    steps_.pop_front();
    return step;
  }

  void Work() {
    absl::Status status;
    try {
      status = Run();
    } catch (const std::exception& e) {
      status = FromException(e.what());
    }
    import_.reset();
    // Before the caller hears of it, who may send the next file at once.
    running_.fetch_sub(1);
    // The last touch: OnDone deletes this object.
    Finish(ToGrpc(status));
  }

  absl::Status Run() {
    while (true) {
      switch (Await()) {
        case Step::kCancelled:
          return absl::CancelledError("the caller ended the import; what was stored stays");
        case Step::kEnd: {
          if (context_->IsCancelled()) return absl::CancelledError("the caller went away");
          if (import_ == nullptr) {
            return InvalidField("header", "MISSING_FIELD", "send the header first, then the bytes");
          }
          auto result = import_->Finish();
          if (!result.ok()) return result.status();
          *response_ = *std::move(result);
          return absl::OkStatus();
        }
        case Step::kMessage:
          if (absl::Status s = Take(); !s.ok()) return s;
          StartRead(&message_);
      }
    }
  }

  absl::Status Take() {
    if (absl::Status s = CheckWellFormed(message_); !s.ok()) return s;
    if (message_.has_header()) {
      if (import_ != nullptr) {
        return InvalidField("header", "BAD_STREAM", "the header comes once, before the bytes");
      }
      auto actor = ActorOf(*context_);
      if (!actor.ok()) return actor.status();
      auto import = engine::ReportImport::Begin(engine_, *std::move(actor), message_.header());
      if (!import.ok()) return import.status();
      import_ = *std::move(import);
      return absl::OkStatus();
    }
    if (import_ == nullptr) {
      return InvalidField("header", "MISSING_FIELD", "send the header first, then the bytes");
    }
    if (message_.chunk().size() > 1024 * 1024) {
      return InvalidField("chunk", "TOO_LONG", "at most 1 MiB");
    }
    return import_->Feed(message_.chunk());
  }

  engine::Engine& engine_;
  std::atomic<int>& running_;
  grpc::CallbackServerContext* context_;
  v1::ImportReportResponse* response_;
  v1::ImportReportRequest message_;
  std::unique_ptr<engine::ReportImport> import_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Step> steps_;
  std::thread worker_;
};

class ChannelService final : public v1::ChannelService::CallbackService {
 public:
  explicit ChannelService(engine::Engine& engine) : engine_(engine) {}

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

  grpc::ServerReadReactor<v1::ImportReportRequest>* ImportReport(
      grpc::CallbackServerContext* context, v1::ImportReportResponse* response) override {
    return new ImportReactor(engine_, imports_, context, response);
  }

 private:
  engine::Engine& engine_;
  std::atomic<int> imports_{0};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeChannelService(engine::Engine& engine) {
  return std::make_unique<ChannelService>(engine);
}

}  // namespace aftersales::api
