// From the messages of the contract to the rules and back; what the carrier plugins share above
// their rules.
#pragma once

#include <string>
#include <string_view>

#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/sdk/carrier.h"
#include "plugins/carriers/rules/verdict.h"

namespace aftersales::carriers {

inline v1::TrackingVerdict::Validity ToProto(Validity validity) {
  switch (validity) {
    case Validity::kValid:
      return v1::TrackingVerdict::VALIDITY_VALID;
    case Validity::kUnscanned:
      return v1::TrackingVerdict::VALIDITY_UNSCANNED;
    case Validity::kInvalid:
      return v1::TrackingVerdict::VALIDITY_INVALID;
    case Validity::kUnknown:
      break;
  }
  return v1::TrackingVerdict::VALIDITY_UNKNOWN;
}

// A string field costs an allocation as soon as it is touched, so empty ones are left alone; the
// others are copied straight into the message.
inline void WriteVerdict(const Verdict& verdict, v1::TrackingVerdict& out) {
  const std::string_view number = verdict.number.text();
  out.set_tracking_number(number.data(), number.size());
  out.set_validity(ToProto(verdict.validity));
  const auto set = [](std::string_view text, auto mutable_field) {
    if (!text.empty()) mutable_field()->assign(text.data(), text.size());
  };
  set(verdict.carrier, [&] { return out.mutable_carrier(); });
  set(verdict.failed_rule, [&] { return out.mutable_failed_rule(); });
  set(verdict.expected, [&] { return out.mutable_expected(); });
  set(verdict.found, [&] { return out.mutable_found(); });
  set(verdict.text(), [&] { return out.mutable_message(); });
  out.mutable_candidates()->Reserve(static_cast<int>(verdict.candidates.size()));
  for (const std::string_view name : verdict.candidates) {
    out.add_candidates(name.data(), name.size());
  }
}

// Answers ValidateTrackingNumbers with `judge`, a function from Query to Verdict.
template <Verdict (*judge)(const Query&)>
sdk::Status ValidateWith(const plugin::v1::ValidateTrackingNumbersRequest& request,
                         plugin::v1::ValidateTrackingNumbersResponse* response) {
  constexpr int kMaxQueries = 1000;
  if (request.queries_size() > kMaxQueries) {
    return {sdk::Code::kInvalidArgument, "queries: " + std::to_string(request.queries_size()) +
                                             " given, at most " + std::to_string(kMaxQueries) +
                                             " in one call; split them"};
  }
  response->mutable_verdicts()->Reserve(request.queries_size());
  StatedCarrierCache stated;
  for (const v1::TrackingQuery& query : request.queries()) {
    WriteVerdict(judge({query.tracking_number(), query.carrier(), stated.Resolve(query.carrier()),
                        query.scan_count()}),
                 *response->add_verdicts());
  }
  return sdk::Status::Ok();
}

// The methods of a carrier that judges numbers and leaves labels to people, who do `label`.
inline void DescribeValidatorMethods(const v1::ManualAction& label,
                                     plugin::v1::DescribeResponse& description) {
  const auto add = [&](const char* name, v1::Plugin::Capability capability) {
    plugin::v1::MethodDescription& method = *description.add_methods();
    method.set_method(name);
    method.set_capability(capability);
    method.set_idempotent(true);
    return &method;
  };
  add("ValidateTrackingNumbers", v1::Plugin::CAPABILITY_SUPPORTED);
  *add("IssueLabel", v1::Plugin::CAPABILITY_MANUAL)->mutable_manual_action() = label;
  add("QueryEffect", v1::Plugin::CAPABILITY_UNSUPPORTED);
}

}  // namespace aftersales::carriers
