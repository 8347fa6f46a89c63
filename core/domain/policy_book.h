// The rules in force for a channel: its profile, and the seller's own published versions above it,
// layer on layer.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/policy.pb.h"
#include "aftersales/v1/policy_service.pb.h"

namespace aftersales {

// Not for several threads at once.
class PolicyBook {
 public:
  // Of `versions` only published ones that reach the marketplace count. The profile outlives it.
  PolicyBook(const v1::Policy& profile, std::string_view marketplace_id,
             std::span<const v1::PolicyVersion> versions);
  PolicyBook(const PolicyBook& other) : profile_(other.profile_), versions_(other.versions_) {}
  PolicyBook(PolicyBook&&) = default;
  PolicyBook& operator=(PolicyBook&&) = default;

  // What applies to whole returns, or to an order line, at that time. Valid as long as the book.
  const v1::Policy& At(absl::Time at, const v1::OrderLine* line = nullptr) const;
  // Every value with where it comes from, in the order of Policy's fields.
  std::vector<v1::PolicyValue> Explain(absl::Time at, const v1::OrderLine* line = nullptr,
                                       std::string_view path_prefix = "") const;

 private:
  std::vector<const v1::PolicyVersion*> InForce(absl::Time at, const v1::OrderLine* line) const;

  const v1::Policy* profile_;
  std::vector<v1::PolicyVersion> versions_;  // broadest first, then by effective_from and version
  mutable std::map<std::vector<const v1::PolicyVersion*>, std::unique_ptr<v1::Policy>> merged_;
};

// The rules for one decision: those of the whole return, and those of each line.
class PolicyInForce {
 public:
  // One policy for all.
  PolicyInForce(const v1::Policy& policy) : policy_(&policy) {}  // NOLINT(*-explicit-*)
  // Of a book that outlives it.
  PolicyInForce(const PolicyBook& book, absl::Time at)
      : policy_(&book.At(at)), book_(&book), at_(at) {}

  const v1::Policy& Whole() const { return *policy_; }
  const v1::Policy& Of(const v1::OrderLine& line) const {
    return book_ == nullptr ? *policy_ : book_->At(at_, &line);
  }

 private:
  const v1::Policy* policy_;
  const PolicyBook* book_ = nullptr;
  absl::Time at_;
};

// `amazon-2026.1`, with the versions that went into it: `amazon-2026.1+pol_01k...`.
std::string PolicyTag(const v1::Policy& policy);

// Checks a version as it is proposed: INVALID_ARGUMENT `BAD_POLICY_LAYER`, `BAD_POLICY_PATH`,
// `BAD_POLICY_VALUE`, `SOURCE_REQUIRED`. Fields are named as in `policy_version`.
absl::Status CheckPolicyVersion(const v1::PolicyVersion& version);
// What publishing it would change, given what is in force below and at its layer without it.
std::vector<v1::PolicyChange> PolicyChanges(const v1::Policy& before,
                                            const v1::PolicyVersion& version);

}  // namespace aftersales
