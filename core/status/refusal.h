// Refusals: errors that name their reason, the field and the fix.
//
// Every layer below the API says "no" with an absl::Status built here; the API turns its payloads
// into google.rpc details, so that a program can act on the reason and a person on the sentence.
//
// Example:
//   return Refuse(absl::StatusCode::kFailedPrecondition, "NOT_SHIPPED",
//                 "line SKU-1 of order 113-1 has not been shipped; only shipped units can be
//                 returned")
//       .Field("return_resource.items[0].line_id", "name a shipped line")
//       .With("shipped", 0);
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"

namespace aftersales {

// Builder of one refusal. Converts to absl::Status and absl::StatusOr<T>.
class Refuse {
 public:
  // `reason` is UPPER_SNAKE from the published list (README, "Errors") and never changes its
  // meaning; `message` is a whole sentence that says what to do.
  Refuse(absl::StatusCode code, std::string_view reason, std::string_view message);

  // Names a field of the request and what would be right there. May be called more than once.
  Refuse& Field(std::string_view path, std::string_view description);
  // Adds a figure for programs.
  Refuse& With(std::string_view key, std::string_view value);
  Refuse& With(std::string_view key, int64_t value);
  // Says when trying again may help.
  Refuse& RetryAfter(absl::Duration delay);

  operator absl::Status() const;  // NOLINT(google-explicit-constructor): a builder
  template <typename T>
  operator absl::StatusOr<T>() const {  // NOLINT(google-explicit-constructor): a builder
    return static_cast<absl::Status>(*this);
  }

 private:
  absl::StatusCode code_;
  std::string message_;
  google::rpc::ErrorInfo info_;
  google::rpc::BadRequest violations_;
  google::rpc::RetryInfo retry_;
};

// INVALID_ARGUMENT on one field: the commonest refusal.
absl::Status InvalidField(std::string_view field, std::string_view reason,
                          std::string_view message);

// The same refusal with more to its sentence, and more figures for programs.
absl::Status Extended(const absl::Status& refusal, std::string_view more,
                      const std::map<std::string, std::string>& figures);

// The resource is not there, or belongs to another seller: the two are never told apart.
absl::Status NotFound(std::string_view resource_name);

// The reason of a status built by Refuse, empty for any other.
std::string ReasonOf(const absl::Status& status);

// The first field that it names, empty for none.
std::string FieldOf(const absl::Status& status);

// Type URLs of the payloads, for the API layer.
inline constexpr std::string_view kErrorInfoUrl = "type.googleapis.com/google.rpc.ErrorInfo";
inline constexpr std::string_view kBadRequestUrl = "type.googleapis.com/google.rpc.BadRequest";
inline constexpr std::string_view kRetryInfoUrl = "type.googleapis.com/google.rpc.RetryInfo";

}  // namespace aftersales
