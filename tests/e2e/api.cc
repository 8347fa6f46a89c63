#include "tests/e2e/api.h"

#include <algorithm>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace aftersales::e2e {

Refusal RefusalOf(const grpc::Status& status) {
  Refusal refusal;
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return refusal;
  for (const google::protobuf::Any& detail : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (detail.UnpackTo(&info)) {
      refusal.reason = info.reason();
      refusal.metadata.insert(info.metadata().begin(), info.metadata().end());
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        refusal.fields.push_back(violation.field());
      }
    }
  }
  return refusal;
}

Api::Api(const std::string& address, std::string actor) : actor_(std::move(actor)) {
  grpc::ChannelArguments arguments;
  // Connections of an earlier host on the same port are not taken over.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 40);
  // An attempt that a dying host took and never answered is given up after this, not after 20 s.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 10);
  channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  std::apply(
      [this](auto&... stubs) {
        ((stubs = std::make_unique<typename std::decay_t<decltype(stubs)>::element_type>(channel_)),
         ...);
      },
      stubs_);
}

void Api::Prepare(grpc::ClientContext& context, absl::Duration timeout,
                  std::string_view actor) const {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  context.set_wait_for_ready(wait_for_connection_);
  const std::string name = actor.empty() ? actor_ : std::string(actor);
  if (!name.empty()) context.AddMetadata("aftersales-actor", name);
}

Reply<v1::ImportReportResponse> Api::Import(const v1::ImportReportHeader& header,
                                            std::string_view file, size_t piece) const {
  Reply<v1::ImportReportResponse> reply;
  grpc::ClientContext context;
  Prepare(context);
  auto stream = stub<Channels>().ImportReport(&context, &reply.value);
  v1::ImportReportRequest message;
  *message.mutable_header() = header;
  bool open = stream->Write(message);
  for (size_t at = 0; open && at < file.size(); at += piece) {
    message.set_chunk(std::string(file.substr(at, piece)));
    open = stream->Write(message);
  }
  stream->WritesDone();
  reply.status = stream->Finish();
  return reply;
}

}  // namespace aftersales::e2e
