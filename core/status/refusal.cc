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
