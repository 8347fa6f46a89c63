// How a plugin method ended: OK, or a canonical code with a sentence.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace aftersales::sdk {

// Canonical gRPC codes, with their numbers. The host acts on them: UNAVAILABLE, RESOURCE_EXHAUSTED
// and ABORTED are tried again; the others are not. A mutating method that is unsure answers OK with
// OUTCOME_UNKNOWN instead of a code.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// Result of a method. Example:
//   return Status(Code::kInvalidArgument, "`directory` must be an absolute path");
class [[nodiscard]] Status {
 public:
  // OK.
  Status() = default;
  // An error. `message` is a sentence for people: what is wrong and what to do; no secrets, no
  // buyer data. A message with kOk is dropped.
  Status(Code code, std::string message)
      : code_(code), message_(code == Code::kOk ? std::string() : std::move(message)) {}

  static Status Ok() { return Status(); }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  friend bool operator==(const Status& a, const Status& b) = default;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value, or why there is none. Example:
//   const StatusOr<std::string> token = host().Secret("token");
//   if (!token.ok()) return token.status();
//   Use(*token);
template <typename T>
class [[nodiscard]] StatusOr {
 public:
  // `status` must not be OK; one that is becomes INTERNAL.
  StatusOr(Status status)  // NOLINT(google-explicit-constructor): so that both can be returned
      : status_(status.ok() ? Status(Code::kInternal, "OK without a value") : std::move(status)) {}
  StatusOr(T value)  // NOLINT(google-explicit-constructor)
      : value_(std::move(value)) {}

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  // Only when ok().
  const T& operator*() const& { return *value_; }
  T& operator*() & { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  const T* operator->() const { return &*value_; }
  T* operator->() { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

}  // namespace aftersales::sdk
