#include "core/status/refusal.h"

#include "absl/strings/cord.h"
#include "core/status/text.h"

namespace aftersales {
namespace {

template <typename Message>
Message PayloadOf(const absl::Status& status, std::string_view url) {
  Message message;
  if (auto payload = status.GetPayload(View(url)); payload) {
    message.ParseFromString(std::string(*payload));
  }
  return message;
}

}  // namespace

Refuse::Refuse(absl::StatusCode code, std::string_view reason, std::string_view message)
    : code_(code), message_(message) {
  info_.set_reason(std::string(reason));
  info_.set_domain("aftersales");
}

Refuse& Refuse::Field(std::string_view path, std::string_view description) {
  auto* violation = violations_.add_field_violations();
  violation->set_field(std::string(path));
  violation->set_description(std::string(description));
  return *this;
}

Refuse& Refuse::With(std::string_view key, std::string_view value) {
  (*info_.mutable_metadata())[std::string(key)] = std::string(value);
  return *this;
}

Refuse& Refuse::With(std::string_view key, int64_t value) { return With(key, Cat(value)); }

Refuse& Refuse::RetryAfter(absl::Duration delay) {
  const int64_t seconds = absl::ToInt64Seconds(delay);
  retry_.mutable_retry_delay()->set_seconds(seconds);
  retry_.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay - absl::Seconds(seconds))));
  return *this;
}

Refuse::operator absl::Status() const {
  absl::Status status(code_, message_);
  status.SetPayload(View(kErrorInfoUrl), absl::Cord(info_.SerializeAsString()));
  if (violations_.field_violations_size() > 0) {
    status.SetPayload(View(kBadRequestUrl), absl::Cord(violations_.SerializeAsString()));
  }
  if (retry_.has_retry_delay()) {
    status.SetPayload(View(kRetryInfoUrl), absl::Cord(retry_.SerializeAsString()));
  }
  return status;
}

absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message) {
  return Refuse(absl::StatusCode::kInvalidArgument, reason, message).Field(field, message);
}

absl::Status Extended(const absl::Status& refusal, std::string_view more,
                      const std::map<std::string, std::string>& figures) {
  const std::string sentence = Cat(std::string(refusal.message()), more);
  absl::Status extended(refusal.code(), sentence);
  refusal.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { extended.SetPayload(url, payload); });
  auto info = PayloadOf<google::rpc::ErrorInfo>(refusal, kErrorInfoUrl);
  for (const auto& [key, value] : figures) (*info.mutable_metadata())[key] = value;
  extended.SetPayload(View(kErrorInfoUrl), absl::Cord(info.SerializeAsString()));
  auto violations = PayloadOf<google::rpc::BadRequest>(refusal, kBadRequestUrl);
  for (auto& violation : *violations.mutable_field_violations()) {
    if (violation.description() == refusal.message()) violation.set_description(sentence);
  }
  if (violations.field_violations_size() > 0) {
    extended.SetPayload(View(kBadRequestUrl), absl::Cord(violations.SerializeAsString()));
  }
  return extended;
}

absl::Status NotFound(std::string_view resource_name) {
  return Refuse(absl::StatusCode::kNotFound, "NOT_FOUND",
                Cat("there is no ", resource_name.empty() ? "such resource" : resource_name))
      .With("resource", resource_name);
}

std::string ReasonOf(const absl::Status& status) {
  return PayloadOf<google::rpc::ErrorInfo>(status, kErrorInfoUrl).reason();
}

std::string FieldOf(const absl::Status& status) {
  const auto violations = PayloadOf<google::rpc::BadRequest>(status, kBadRequestUrl);
  return violations.field_violations().empty() ? "" : violations.field_violations(0).field();
}

}  // namespace aftersales
