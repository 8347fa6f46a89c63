#include "core/conformance/answer_rules.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/plugin/v1/carrier.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/plugins/kept_settings.h"

namespace aftersales::conformance {
namespace {

namespace pb = google::protobuf;
namespace p1 = plugin::v1;
using Problem = std::optional<Outcome>;

constexpr size_t kCursorBytesMax = 4 << 10;
constexpr size_t kStateBytesMax = 2 << 20;
constexpr int kBenchmarksMax = 1000;
constexpr size_t kAlertIdBytesMax = 128;

Problem Wrong(std::string expected, std::string found, std::string advice) {
  return Fail(std::move(expected), std::move(found), std::move(advice));
}

bool IsCurrency(std::string_view code) {
  return code.size() == 3 && std::all_of(code.begin(), code.end(),
                                         [](unsigned char c) { return absl::ascii_isupper(c); });
}

// What holds in every message: known fields have their own type, money its currency, times are
// times.
Problem CheckFields(const pb::Message& message, const std::string& where) {
  const pb::Reflection* reflection = message.GetReflection();
  const pb::UnknownFieldSet& unknown = reflection->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const pb::FieldDescriptor* known =
        message.GetDescriptor()->FindFieldByNumber(unknown.field(i).number());
    if (known == nullptr) continue;  // of a newer contract
    return Wrong(absl::StrCat("field ", known->number(), " of ", where, " to be ", known->name(),
                              " of type ", known->type_name()),
                 "another wire type under that number, as in a message of another type",
                 "answer with the response message of the method that was called");
  }
  if (message.GetDescriptor()->full_name() == v1::Money::descriptor()->full_name()) {
    const auto& money = static_cast<const v1::Money&>(message);
    if ((money.minor_units() != 0 || !money.currency_code().empty()) &&
        !IsCurrency(money.currency_code())) {
      return Wrong(absl::StrCat(where, ".currency_code to be an ISO 4217 code, such as `USD`"),
                   absl::StrCat("`", money.currency_code(), "`"), "give every amount its currency");
    }
  }
  if (message.GetDescriptor()->full_name() == "google.protobuf.Timestamp") {
    const auto& time = static_cast<const pb::Timestamp&>(message);
    if (time.nanos() < 0 || time.nanos() > 999'999'999 || time.seconds() < -62'135'596'800 ||
        time.seconds() > 253'402'300'799) {
      return Wrong(absl::StrCat(where, " to be a time in the years 1 to 9999"),
                   absl::StrCat(time.seconds(), " s and ", time.nanos(), " ns since 1970"),
                   "count seconds, not milliseconds, and keep nanos below a second");
    }
  }
  std::vector<const pb::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string name = absl::StrCat(where, ".", field->name());
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const pb::Message& part = field->is_repeated()
                                    ? reflection->GetRepeatedMessage(message, field, i)
                                    : reflection->GetMessage(message, field);
      const std::string part_name = field->is_repeated() ? absl::StrCat(name, "[", i, "]") : name;
      if (Problem problem = CheckFields(part, part_name)) return problem;
    }
  }
  return std::nullopt;
}

Problem CheckManualAction(const v1::ManualAction& action, const std::string& where) {
  if (action.title().empty() || action.steps().empty()) {
    return Wrong(
        absl::StrCat(where, ".manual_action with a title and steps"),
        absl::StrCat("the title `", action.title(), "` and ", action.steps_size(), " steps"),
        "tell the person what to do: a title, the steps one by one, and where (url)");
  }
  return std::nullopt;
}

Problem CheckEffect(const p1::EffectResult& result, bool query, bool manual) {
  using R = p1::EffectResult;
  if (!R::Outcome_IsValid(result.outcome()) || result.outcome() == R::OUTCOME_UNSPECIFIED) {
    return Wrong("result.outcome to be one of DONE, FAILED, RETRY, UNKNOWN, MANUAL, NOT_FOUND",
                 absl::StrCat(static_cast<int>(result.outcome())),
                 "set the outcome in every answer; UNKNOWN when unsure");
  }
  if (result.outcome() == R::OUTCOME_NOT_FOUND && !query) {
    return Wrong("NOT_FOUND to be answered by QueryEffect alone", "OUTCOME_NOT_FOUND",
                 "answer FAILED when it was definitely not done");
  }
  if (manual && result.outcome() != R::OUTCOME_MANUAL) {
    return Wrong("a MANUAL method to answer OUTCOME_MANUAL", R::Outcome_Name(result.outcome()),
                 "describe the method as SUPPORTED, or leave it to people in the answer too");
  }
  if (result.outcome() == R::OUTCOME_MANUAL) {
    return CheckManualAction(result.manual_action(), "result");
  }
  if ((result.outcome() == R::OUTCOME_FAILED || result.outcome() == R::OUTCOME_UNKNOWN) &&
      result.message().empty()) {
    return Wrong("result.message to say why it failed or is unknown", "an empty message",
                 "say what the remote side said, without secrets and buyer data");
  }
  return std::nullopt;
}

Problem CheckVerdicts(const p1::ValidateTrackingNumbersRequest& request,
                      const p1::ValidateTrackingNumbersResponse& response) {
  if (response.verdicts_size() != request.queries_size()) {
    return Wrong(absl::StrCat("one verdict for each of ", request.queries_size(), " queries"),
                 absl::StrCat(response.verdicts_size(), " verdicts"),
                 "add a verdict for every query, in their order; UNKNOWN for a number that is not "
                 "this carrier's");
  }
  const auto form = [](std::string_view number) {
    std::string plain;
    for (const char c : number) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(c))) plain += absl::ascii_toupper(c);
    }
    return plain;
  };
  for (int i = 0; i < response.verdicts_size(); ++i) {
    const v1::TrackingVerdict& verdict = response.verdicts(i);
    const v1::TrackingQuery& query = request.queries(i);
    if (!verdict.tracking_number().empty() &&
        form(verdict.tracking_number()) != form(query.tracking_number())) {
      return Wrong(absl::StrCat("verdicts[", i, "] about `", query.tracking_number(), "`"),
                   absl::StrCat("one about `", verdict.tracking_number(), "`"),
                   "keep the order of the queries");
    }
    if (!v1::TrackingVerdict::Validity_IsValid(verdict.validity()) ||
        verdict.validity() == v1::TrackingVerdict::VALIDITY_UNSPECIFIED) {
      return Wrong(
          absl::StrCat("verdicts[", i, "].validity to be set, for `", query.tracking_number(), "`"),
          absl::StrCat(static_cast<int>(verdict.validity())),
          "answer VALID, UNSCANNED, INVALID or UNKNOWN");
    }
    if (verdict.validity() == v1::TrackingVerdict::VALIDITY_VALID && query.scan_count() == 0) {
      return Wrong(absl::StrCat("`", query.tracking_number(),
                                "`, which has no scan, to be UNSCANNED if its form is right"),
                   "VALIDITY_VALID", "look at scan_count of the query");
    }
  }
  return std::nullopt;
}

Problem CheckLabel(const p1::IssueLabelResponse& response, bool query, bool manual) {
  if (Problem problem = CheckEffect(response.result(), query, manual)) return problem;
  if (query || response.result().outcome() != p1::EffectResult::OUTCOME_DONE) return std::nullopt;
  if (response.label().tracking_number().empty() || response.label().carrier().empty()) {
    return Wrong("the label that was bought, with carrier and tracking_number",
                 absl::StrCat("carrier `", response.label().carrier(), "`, number `",
                              response.label().tracking_number(), "`"),
                 "fill in `label` when the outcome is DONE");
  }
  return std::nullopt;
}

Problem CheckReport(const p1::ParseReportResponse& response) {
  if (response.state().size() > kStateBytesMax) {
    return Wrong(absl::StrCat("state of at most ", kStateBytesMax, " bytes"),
                 absl::StrCat(response.state().size(), " bytes"),
                 "keep only what the next piece needs");
  }
  if (response.row_count() < 0) {
    return Wrong("row_count not to be negative", absl::StrCat(response.row_count()),
                 "count the rows that ended in this piece");
  }
  for (int i = 0; i < response.records_size(); ++i) {
    const p1::ReportRecord& record = response.records(i);
    const std::string where = absl::StrCat("records[", i, "]");
    if (record.record_case() == p1::ReportRecord::RECORD_NOT_SET || record.line() < 1) {
      return Wrong(
          absl::StrCat(where, " with a line from 1 and one of its records"),
          absl::StrCat("line ", record.line(), ", record ", static_cast<int>(record.record_case())),
          "leave rows out that hold nothing, and report them in `problems`");
    }
    if (record.has_return_record() && record.return_record().snapshot().external_id().empty()) {
      return Wrong(absl::StrCat(where, ".return_record.snapshot.external_id to be set"),
                   "an empty one",
                   "give every return an id that the same row has in a later report too");
    }
  }
  for (int i = 0; i < response.problems_size(); ++i) {
    const p1::ReportProblem& problem = response.problems(i);
    const bool upper =
        !problem.reason().empty() &&
        std::all_of(problem.reason().begin(), problem.reason().end(), [](unsigned char c) {
          return absl::ascii_isupper(c) || absl::ascii_isdigit(c) || c == '_';
        });
    if (!upper || problem.message().empty() || problem.line() < 0) {
      return Wrong(absl::StrCat("problems[", i,
                                "] with a reason in UPPER_SNAKE, a message and a line from 0"),
                   absl::StrCat("reason `", problem.reason(), "`, message `", problem.message(),
                                "`, line ", problem.line()),
                   "say what is wrong and what would be right");
    }
  }
  return std::nullopt;
}

Problem CheckPushed(const p1::PushChangesRequest& request,
                    const p1::PushChangesResponse& response) {
  if (response.accepted_count() < 0 || response.accepted_count() > request.changes_size()) {
    return Wrong(absl::StrCat("accepted_count from 0 to ", request.changes_size()),
                 absl::StrCat(response.accepted_count()),
                 "count the changes of this request that are durably taken, from the first on");
  }
  if (response.accepted_count() < request.changes_size() && response.message().empty()) {
    return Wrong("a message that says why not all changes were taken",
                 absl::StrCat(response.accepted_count(), " of ", request.changes_size(),
                              " taken, without a message"),
                 "say in `message` what stood in the way");
  }
  return std::nullopt;
}

// Of both methods that pull.
Problem CheckCursor(const std::string& asked, const std::string& next, bool has_more) {
  if (next.size() > kCursorBytesMax) {
    return Wrong(absl::StrCat("next_cursor of at most ", kCursorBytesMax, " bytes"),
                 absl::StrCat(next.size(), " bytes"), "keep a position, not data, in the cursor");
  }
  if (has_more && (next.empty() || next == asked)) {
    return Wrong("next_cursor to move while has_more is set",
                 next.empty() ? "an empty one" : "the same cursor as was asked with",
                 "answer the position after the last one given, or has_more false");
  }
  return std::nullopt;
}

Problem CheckFacts(const p1::PullFactsRequest& request, const p1::PullFactsResponse& response) {
  if (response.facts_size() > request.max_facts()) {
    return Wrong(absl::StrCat("at most max_facts, ", request.max_facts()),
                 absl::StrCat(response.facts_size(), " facts"), "cut the page at max_facts");
  }
  if (Problem p = CheckCursor(request.cursor(), response.next_cursor(), response.has_more())) {
    return p;
  }
  std::set<std::string> ids;
  for (int i = 0; i < response.facts_size(); ++i) {
    const v1::Event& fact = response.facts(i);
    if (fact.subject().empty() || fact.external_id().empty() || !fact.has_occurred_at() ||
        fact.body_case() == v1::Event::BODY_NOT_SET) {
      return Wrong(absl::StrCat("facts[", i, "] with subject, external_id, occurred_at and a body"),
                   fact.ShortDebugString(), "leave out facts that the ERP does not tell whole");
    }
    if (!ids.insert(fact.external_id()).second) {
      return Wrong("every fact to have an external_id of its own",
                   absl::StrCat("`", fact.external_id(), "` twice in one page"),
                   "build the id of what makes the fact one of its kind");
    }
  }
  return std::nullopt;
}

Problem CheckSource(const p1::Source& source, const std::string& where) {
  if (!source.name().empty() &&
      (source.url().empty() || absl::StartsWith(source.url(), "https://"))) {
    return std::nullopt;
  }
  return Wrong(absl::StrCat(where, ".source with a name, and an https address or none"),
               absl::StrCat("name `", source.name(), "`, url `", source.url(), "`"),
               "name the tool, so that people know whose figure it is");
}

Problem CheckAlerts(const p1::PullAlertsRequest& request, const p1::PullAlertsResponse& response) {
  if (response.alerts_size() > request.max_alerts()) {
    return Wrong(absl::StrCat("at most max_alerts, ", request.max_alerts()),
                 absl::StrCat(response.alerts_size(), " alerts"), "cut the page at max_alerts");
  }
  if (Problem p = CheckCursor(request.cursor(), response.next_cursor(), response.has_more())) {
    return p;
  }
  for (int i = 0; i < response.alerts_size(); ++i) {
    const p1::Alert& alert = response.alerts(i);
    const std::string where = absl::StrCat("alerts[", i, "]");
    if (alert.external_id().empty() || alert.external_id().size() > kAlertIdBytesMax ||
        alert.type().empty() || alert.message().empty() || !alert.has_observed_at()) {
      return Wrong(absl::StrCat(where, " with external_id, type, message and observed_at"),
                   alert.ShortDebugString(), "fill in what the contract requires");
    }
    if (Problem problem = CheckSource(alert.source(), where)) return problem;
  }
  return std::nullopt;
}

Problem CheckBenchmarks(const p1::GetBenchmarksResponse& response) {
  if (response.benchmarks_size() > kBenchmarksMax) {
    return Wrong(absl::StrCat("at most ", kBenchmarksMax, " figures"),
                 absl::StrCat(response.benchmarks_size()), "answer the most useful ones");
  }
  for (int i = 0; i < response.benchmarks_size(); ++i) {
    const p1::Benchmark& figure = response.benchmarks(i);
    const std::string where = absl::StrCat("benchmarks[", i, "]");
    if (figure.metric().empty() || figure.numerator() < 0 || figure.denominator() < 1 ||
        !figure.has_as_of() || figure.sample_size() < 0) {
      return Wrong(absl::StrCat(where, " with metric, numerator from 0, denominator from 1, as_of"),
                   figure.ShortDebugString(), "leave out what the tool does not know");
    }
    if (Problem problem = CheckSource(figure.source(), where)) return problem;
  }
  return std::nullopt;
}

// What holds for the answer of this method alone.
Problem CheckOfMethod(const Request& request, const pb::Message& response, bool manual) {
  const std::string name = ShortName(request.path);
  const bool query = name == "QueryEffect";
  const pb::Message& asked = *request.message;
  if (const auto* r = dynamic_cast<const p1::ValidateTrackingNumbersResponse*>(&response)) {
    return CheckVerdicts(static_cast<const p1::ValidateTrackingNumbersRequest&>(asked), *r);
  }
  if (const auto* r = dynamic_cast<const p1::IssueLabelResponse*>(&response)) {
    return CheckLabel(*r, query, manual);
  }
  if (const auto* r = dynamic_cast<const p1::EffectResponse*>(&response)) {
    return CheckEffect(r->result(), query, manual);
  }
  if (const auto* r = dynamic_cast<const p1::ParseReportResponse*>(&response)) {
    return CheckReport(*r);
  }
  if (const auto* r = dynamic_cast<const p1::PushChangesResponse*>(&response)) {
    return CheckPushed(static_cast<const p1::PushChangesRequest&>(asked), *r);
  }
  if (const auto* r = dynamic_cast<const p1::PullFactsResponse*>(&response)) {
    return CheckFacts(static_cast<const p1::PullFactsRequest&>(asked), *r);
  }
  if (const auto* r = dynamic_cast<const p1::PullAlertsResponse*>(&response)) {
    return CheckAlerts(static_cast<const p1::PullAlertsRequest&>(asked), *r);
  }
  if (const auto* r = dynamic_cast<const p1::GetBenchmarksResponse*>(&response)) {
    return CheckBenchmarks(*r);
  }
  return std::nullopt;
}

bool IsSemanticVersion(const std::string& version) {
  const std::string core = version.substr(0, version.find_first_of("-+"));
  const std::vector<std::string> parts = absl::StrSplit(core, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
             return absl::ascii_isdigit(c);
           });
         });
}

}  // namespace

std::optional<Outcome> CheckAnswered(const std::string& path, const Answer& answer) {
  if (!answer.status.ok()) {
    // A code that is none comes as UNKNOWN with these words.
    if (answer.status.code() == absl::StatusCode::kUnknown &&
        absl::StartsWith(answer.status.message(), "answered code ")) {
      return Wrong("a canonical gRPC code, 0 to 16", std::string(answer.status.message()),
                   "return one of the codes of aftersales/sdk/status.h");
    }
    return std::nullopt;
  }
  const auto response = NewResponse(path);
  if (response != nullptr && !response->ParseFromString(answer.bytes)) {
    return Wrong(absl::StrCat("bytes of a ", response->GetTypeName()),
                 absl::StrCat(answer.bytes.size(), " bytes that are none"),
                 "serialize the response message of the method; text must be UTF-8");
  }
  return std::nullopt;
}

std::optional<Outcome> CheckAnswer(const Request& request, const Answer& answer, bool manual) {
  if (Problem problem = CheckAnswered(request.path, answer)) return problem;
  switch (answer.status.code()) {
    case absl::StatusCode::kOk:
      break;
    case absl::StatusCode::kUnimplemented:
      if (manual) return std::nullopt;
      return Wrong("an answer, since the plugin describes the method as SUPPORTED",
                   Text(answer.status), "implement the method, or describe it as it is");
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kCancelled:
      return Wrong("an answer to a valid request, or a code that says what is wrong",
                   Text(answer.status),
                   "find the fault; what the remote side refuses is FAILED or UNAVAILABLE");
    default:
      // Without its remote side it may not be able to do more.
      if (answer.status.message().empty()) {
        return Wrong("an error to say what is wrong and what to do", Text(answer.status),
                     "give every status that is not OK a message");
      }
      return std::nullopt;
  }
  const auto response = NewResponse(request.path);
  response->ParseFromString(answer.bytes);
  if (Problem problem = CheckFields(*response, "the answer")) return problem;
  return CheckOfMethod(request, *response, manual);
}

std::optional<Outcome> CheckDescription(const p1::DescribeResponse& d) {
  if (!plugins::IsPluginId(d.plugin_id())) {
    return Wrong("plugin_id of 1 to 40 of a-z, 0-9 and `-`, beginning with a letter",
                 absl::StrCat("`", d.plugin_id(), "`"), "choose an id such as `acme-books`");
  }
  if (d.display_name().empty() || d.vendor().empty() || !IsSemanticVersion(d.version())) {
    return Wrong("display_name, vendor and a semantic version, such as `1.0.0`",
                 absl::StrCat("`", d.display_name(), "`, `", d.vendor(), "`, `", d.version(), "`"),
                 "fill them in: people see them in `aftersales plugins`");
  }
  const std::vector<std::string> paths = MethodsOf(d.kind());
  if (paths.empty()) {
    return Wrong("kind to be carrier, marketplace, ERP or analytics",
                 absl::StrCat(static_cast<int>(d.kind())), "set `kind`");
  }
  if (d.max_concurrency() < 0 || d.max_concurrency() > 1024) {
    return Wrong("max_concurrency from 0 to 1024", absl::StrCat(d.max_concurrency()),
                 "say how many calls it takes at once");
  }
  if (!d.documentation_url().empty() && !absl::StartsWith(d.documentation_url(), "https://")) {
    return Wrong("documentation_url to be an https address or empty", d.documentation_url(),
                 "correct the address");
  }
  std::set<std::string> methods;
  bool does_something = false;
  for (const auto& method : d.methods()) {
    if (std::none_of(paths.begin(), paths.end(),
                     [&](const std::string& path) { return ShortName(path) == method.method(); })) {
      return Wrong("methods of the contract of its kind",
                   absl::StrCat("the method `", method.method(), "`"), "correct the name");
    }
    if (!methods.insert(method.method()).second) {
      return Wrong("each method once", absl::StrCat("`", method.method(), "` twice"),
                   "describe it once");
    }
    if (!v1::Plugin::Capability_IsValid(method.capability()) ||
        method.capability() == v1::Plugin::CAPABILITY_UNSPECIFIED) {
      return Wrong(absl::StrCat("the capability of ", method.method(), " to be set"),
                   absl::StrCat(static_cast<int>(method.capability())),
                   "say SUPPORTED, MANUAL or UNSUPPORTED");
    }
    does_something = does_something || method.capability() != v1::Plugin::CAPABILITY_UNSUPPORTED;
    if (method.capability() == v1::Plugin::CAPABILITY_MANUAL) {
      if (Problem problem = CheckManualAction(
              method.manual_action(), absl::StrCat("the description of ", method.method()))) {
        return problem;
      }
    }
  }
  if (!does_something) {
    return Wrong("at least one method that is SUPPORTED or MANUAL", "none",
                 "list the methods that the plugin has in `methods`");
  }
  std::set<std::string> keys;
  for (const auto& field : d.config_fields()) {
    if (field.key().empty() || !keys.insert(field.key()).second || field.description().empty()) {
      return Wrong("settings with a key of their own and a description",
                   absl::StrCat("key `", field.key(), "`, description `", field.description(), "`"),
                   "say of every setting what it is, with its default");
    }
    if (field.secret() && !field.default_value().empty()) {
      return Wrong(absl::StrCat("no default for the secret `", field.key(), "`"), "one",
                   "a secret that is in the program is none; require it");
    }
  }
  return std::nullopt;
}

}  // namespace aftersales::conformance
