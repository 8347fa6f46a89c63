#include "core/host/cli/client.h"

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_format.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace aftersales::cli {
namespace {

// Answers are pages of at most 1000 resources; 64 MiB holds the largest of them.
constexpr int kMessageBytesMax = 64 << 20;

template <typename Detail>
std::optional<Detail> DetailOf(const absl::Status& status, std::string_view type_url) {
  const auto payload = status.GetPayload(View(type_url));
  Detail detail;
  if (!payload || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnavailable;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
      return kExitRefused;
    default:
      return kExitInternal;
  }
}

void PrintError(const Terminal& terminal, const absl::Status& status, bool json) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  const auto fields = DetailOf<google::rpc::BadRequest>(status, kBadRequestUrl);
  const auto retry = DetailOf<google::rpc::RetryInfo>(status, kRetryInfoUrl);
  const std::string message(status.message());
  std::map<std::string, std::string> figures;  // sorted, so that the text is always the same
  if (info) figures.insert(info->metadata().begin(), info->metadata().end());

  if (json) {
    nlohmann::ordered_json error = {{"code", absl::StatusCodeToString(status.code())},
                                    {"reason", info ? info->reason() : ""},
                                    {"message", message}};
    for (const auto& [key, value] : figures) error["metadata"][key] = value;
    if (fields) {
      for (const auto& violation : fields->field_violations()) {
        error["fields"].push_back(
            {{"field", violation.field()}, {"description", violation.description()}});
      }
    }
    if (retry) error["retry_after_seconds"] = retry->retry_delay().seconds();
    // `replace`: a message that quotes a file may hold bytes that are not UTF-8.
    terminal.err << nlohmann::ordered_json{{"error", error}}.dump(
                        -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
                 << '\n';
    return;
  }

  const Terminal err{terminal.err, terminal.err, terminal.color, false, terminal.width};
  std::string head =
      "error: " + (message.empty() ? absl::StatusCodeToString(status.code()) : message);
  if (info && !info->reason().empty()) head += Cat(" (", info->reason(), ")");
  PrintParagraph(err, head);
  if (fields) {
    for (const auto& violation : fields->field_violations()) {
      // A refusal about one field alone repeats its sentence there.
      const bool same = violation.description() == message;
      PrintParagraph(
          err, same ? violation.field() : Cat(violation.field(), ": ", violation.description()),
          "  at ");
    }
  }
  for (const auto& [key, value] : figures) PrintParagraph(err, Cat(key, " = ", value), "  ");
  if (retry) {
    PrintParagraph(err,
                   Cat("try again in ", std::max<int64_t>(1, retry->retry_delay().seconds()), " s"),
                   "  ");
  }
}

std::string NewRequestId() {
  thread_local boost::uuids::random_generator generate;
  return boost::uuids::to_string(generate());
}

Client::Client(std::string address, absl::Duration timeout, std::string actor)
    : address_(std::move(address)), timeout_(timeout), actor_(std::move(actor)) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  // The host is on this machine: a proxy from the environment would only lose it.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  channel_ = grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<grpc::ClientContext> Client::NewContext(bool endless) const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!actor_.empty()) context->AddMetadata("aftersales-actor", actor_);
  if (!endless) context->set_deadline(absl::ToChronoTime(absl::Now() + timeout_));
  return context;
}

bool Client::Reconnect() const {
  return channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Milliseconds(500)));
}

absl::Status Client::ToStatus(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status rich;
  const bool has_details = rich.ParseFromString(status.error_details()) && rich.details_size() > 0;
  if (!has_details && absl::IsUnavailable(absl::Status(code, ""))) {
    return absl::UnavailableError(Cat("no host answers at ", address_,
                                      "; start one with `aftersales serve`, or name another with "
                                      "--address"));
  }
  if (!has_details && code == absl::StatusCode::kDeadlineExceeded) {
    return absl::DeadlineExceededError(absl::StrFormat(
        "the host at %s did not answer within %s; it may still do what was asked. A longer "
        "--timeout waits longer",
        address_, absl::FormatDuration(timeout_)));
  }
  absl::Status result(code, status.error_message());
  for (const google::protobuf::Any& detail : rich.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

}  // namespace aftersales::cli
