#include "core/plugins/local_services.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace aftersales::plugins {
namespace {

// What says that a server, or a proxy before it, does not work; anything else is an answer.
bool IsOutage(int status) { return status == 502 || status == 503 || status == 504; }

}  // namespace

LocalServices::LocalServices(Options options)
    : options_(std::move(options)), limits_(options_.limits), values_(options_.data_directory) {}

absl::Status LocalServices::SendHttpRequest(const plugin::v1::SendHttpRequestRequest& request,
                                            const CancelledFn& cancelled,
                                            plugin::v1::SendHttpRequestResponse* response) {
  response->Clear();
  const absl::StatusOr<CheckedHttpRequest> checked = CheckHttpRequest(request);
  if (!checked.ok()) return checked.status();
  const absl::Time start = absl::Now();
  absl::StatusOr<HttpLimits::Ticket> ticket =
      limits_.Admit(checked->server, checked->timeout, cancelled);
  if (!ticket.ok()) return ticket.status();
  const absl::Duration left = checked->timeout - (absl::Now() - start);
  const HttpContext context{options_.description.plugin_id(), options_.redactor,
                            std::max(left, absl::Milliseconds(1)), cancelled};
  const absl::Status status = options_.http->Send(context, request, response);
  if (status.ok()) {
    const bool outage = IsOutage(response->status());
    ticket->Close(outage ? HttpLimits::End::kFailed : HttpLimits::End::kGood,
                  outage ? absl::StrCat("it answered ", response->status()) : "");
    return status;
  }
  // The server is named, not the address, whose path and query may hold what is not to be seen.
  const std::string message = options_.redactor.Apply(
      absl::StrCat(request.method(), " to ", checked->server, " ", std::string(status.message())));
  const bool gone = cancelled && cancelled();
  ticket->Close(gone ? HttpLimits::End::kUnknown : HttpLimits::End::kFailed,
                options_.redactor.Apply(std::string(status.message())));
  return {status.code(), message};
}

absl::StatusOr<std::string> LocalServices::GetSecret(std::string_view key) {
  for (const auto& field : options_.description.config_fields()) {
    if (field.key() != key) continue;
    if (!field.secret()) {
      return absl::NotFoundError(absl::StrCat("the setting `", field.key(),
                                              "` is not marked secret; Configure got its value"));
    }
    const auto given = options_.settings.find(field.key());
    if (given == options_.settings.end()) {
      if (!field.default_value().empty()) return field.default_value();
      return absl::NotFoundError(absl::StrCat("the setting `", field.key(), "` is not given"));
    }
    absl::StatusOr<std::string> value = ReadSetting(given->second);
    if (!value.ok()) {
      // It was there at the start, so it is being replaced, most likely.
      return absl::UnavailableError(
          absl::StrCat("the setting `", field.key(), "`: ", value.status().message()));
    }
    options_.redactor.Add(*value);
    return value;
  }
  return absl::NotFoundError("there is no such setting");
}

absl::StatusOr<std::string> LocalServices::GetValue(std::string_view key) {
  return values_.Get(key);
}

absl::Status LocalServices::PutValue(std::string_view key, std::string_view value) {
  return values_.Put(key, value);
}

absl::Status LocalServices::DeleteValue(std::string_view key) { return values_.Delete(key); }

}  // namespace aftersales::plugins
