// What each method of a kind answers.
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "aftersales/plugin/v1/analytics.pb.h"
#include "aftersales/plugin/v1/erp.pb.h"
#include "aftersales/plugin/v1/marketplace.pb.h"
#include "core/conformance/answer_rules.h"
#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {
namespace {

namespace p1 = plugin::v1;

constexpr int kPagesMax = 20;

// In a sentence what was asked, before what came.
Outcome About(const Request& request, Outcome outcome) {
  std::string asked = request.message->ShortDebugString();
  constexpr size_t kShown = 300;
  if (asked.size() > kShown) asked = absl::StrCat(asked.substr(0, kShown), " ...");
  outcome.found = absl::StrCat(outcome.found, " (asked: ", asked, ")");
  return outcome;
}

Outcome Crashed(const std::string& path, const std::string& death) {
  return Fail(absl::StrCat("its process to live through a call of ", ShortName(path)), death,
              "run the plugin under a debugger with the same seed");
}

Outcome AnswersRight(Subject& subject, const std::string& path) {
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  Session& session = **opened;
  const auto capability = CapabilityOf(session.description(), path);
  const bool manual = capability == v1::Plugin::CAPABILITY_MANUAL;
  if (!manual && capability != v1::Plugin::CAPABILITY_SUPPORTED) {
    return Skip("the plugin describes it as UNSUPPORTED");
  }
  for (const Request& request : RequestsFor(path, subject.random())) {
    Session::Options options;
    options.idempotency_key = request.idempotency_key;
    const Answer answer = session.Call(path, request.bytes, options);
    if (const std::string death = session.Death(); !death.empty()) return Crashed(path, death);
    if (auto problem = CheckAnswer(request, answer, manual)) return About(request, *problem);
  }
  return Pass();
}

// A file read in one piece and in many gives the same rows, and the state is taken back.
Outcome ReadsInPieces(Subject& subject) {
  const std::string path = "/aftersales.plugin.v1.MarketplacePlugin/ParseReport";
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  if (CapabilityOf((*opened)->description(), path) != v1::Plugin::CAPABILITY_SUPPORTED) {
    return Skip("the plugin does not describe ParseReport as SUPPORTED");
  }
  for (const Request& request : RequestsFor(path, subject.random())) {
    const auto& whole_request = static_cast<const p1::ParseReportRequest&>(*request.message);
    const Answer answer = (*opened)->Call(path, request.bytes);
    p1::ParseReportResponse whole;
    if (!answer.status.ok() || !whole.ParseFromString(answer.bytes)) continue;
    const size_t piece = 1 + subject.random()() % 40;
    p1::ParseReportRequest part = whole_request;
    int64_t rows = 0;
    int records = 0;
    const std::string& bytes = whole_request.chunk();
    for (size_t at = 0; at < bytes.size() || at == 0; at += piece) {
      part.set_chunk(bytes.substr(at, piece));
      part.set_final(at + piece >= bytes.size());
      const Answer some = (*opened)->Call(path, part.SerializeAsString());
      p1::ParseReportResponse read;
      if (!some.status.ok() || !read.ParseFromString(some.bytes)) {
        return About(request, Fail("a piece to be read like the whole", Text(some.status),
                                   "keep what the next piece needs in `state`"));
      }
      rows += read.row_count();
      records += read.records_size();
      part.set_state(read.state());
      part.set_report_type(read.report_type());
      if (!read.charset().empty()) part.set_charset(read.charset());
    }
    if (rows != whole.row_count() || records != whole.records_size()) {
      return About(request, Fail(absl::StrCat(whole.row_count(), " rows and ", whole.records_size(),
                                              " records, as of the whole file"),
                                 absl::StrCat(rows, " rows and ", records, " records of pieces of ",
                                              piece, " bytes"),
                                 "carry a row that is cut by the end of a piece over in `state`"));
    }
  }
  return Pass();
}

bool SameIds(const p1::PullFactsResponse& a, const p1::PullFactsResponse& b) {
  // What came since may follow, but nothing may be gone.
  for (int i = 0; i < a.facts_size(); ++i) {
    if (i >= b.facts_size() || a.facts(i).external_id() != b.facts(i).external_id()) return false;
  }
  return true;
}

bool SameIds(const p1::PullAlertsResponse& a, const p1::PullAlertsResponse& b) {
  for (int i = 0; i < a.alerts_size(); ++i) {
    if (i >= b.alerts_size() || a.alerts(i).external_id() != b.alerts(i).external_id()) {
      return false;
    }
  }
  return true;
}

// Pages follow each other to their end, and the same cursor gives the same page again.
template <typename PullRequest, typename PullResponse>
Outcome TurnsPages(Subject& subject, const std::string& path,
                   void (PullRequest::*set_most)(int32_t)) {
  auto opened = subject.Open();
  if (!opened.ok()) return Skip(Text(opened.status()));
  if (CapabilityOf((*opened)->description(), path) != v1::Plugin::CAPABILITY_SUPPORTED) {
    return Skip(absl::StrCat("the plugin does not describe ", ShortName(path), " as SUPPORTED"));
  }
  Request request;
  request.path = path;
  auto message = std::make_unique<PullRequest>();
  PullRequest& pull = *message;
  request.message = std::move(message);
  (pull.*set_most)(2);
  for (int page = 0; page < kPagesMax; ++page) {
    const Answer first = (*opened)->Call(path, pull.SerializeAsString());
    if (auto problem = CheckAnswer(request, first, false)) return About(request, *problem);
    if (!first.status.ok()) return Skip(absl::StrCat("its answer is ", Text(first.status)));
    PullResponse response;
    response.ParseFromString(first.bytes);
    // With an empty cursor the beginning may move on; a page that was given is kept.
    if (page > 0) {
      const Answer again = (*opened)->Call(path, pull.SerializeAsString());
      PullResponse repeated;
      if (!again.status.ok() || !repeated.ParseFromString(again.bytes) ||
          !SameIds(response, repeated)) {
        return About(request, Fail("the same page for the same cursor", "another one",
                                   "let the cursor say where the page begins"));
      }
    }
    if (!response.has_more()) return Pass();
    pull.set_cursor(response.next_cursor());
  }
  return Pass();
}

Outcome TurnsFactPages(Subject& subject) {
  return TurnsPages<p1::PullFactsRequest, p1::PullFactsResponse>(
      subject, "/aftersales.plugin.v1.ErpPlugin/PullFacts", &p1::PullFactsRequest::set_max_facts);
}

Outcome TurnsAlertPages(Subject& subject) {
  return TurnsPages<p1::PullAlertsRequest, p1::PullAlertsResponse>(
      subject, "/aftersales.plugin.v1.AnalyticsPlugin/PullAlerts",
      &p1::PullAlertsRequest::set_max_alerts);
}

// `IssueLabel` as `issue_label`.
std::string Snake(const std::string& name) {
  std::string snake;
  for (const char c : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !snake.empty()) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(c));
  }
  return snake;
}

}  // namespace

std::vector<TestCase> ContractTests() {
  std::vector<TestCase> tests;
  for (const auto kind : {v1::Plugin::KIND_CARRIER, v1::Plugin::KIND_MARKETPLACE,
                          v1::Plugin::KIND_ERP, v1::Plugin::KIND_ANALYTICS}) {
    const std::string kind_name =
        absl::AsciiStrToLower(v1::Plugin::Kind_Name(kind).substr(std::string_view("KIND_").size()));
    for (const std::string& path : MethodsOf(kind)) {
      TestCase test;
      test.id = absl::StrCat("contract.", kind_name, ".", Snake(ShortName(path)));
      test.description =
          absl::StrCat("Answers of ", ShortName(path), " are within what the contract allows.");
      test.kind = kind;
      test.run = [path](Subject& subject) { return AnswersRight(subject, path); };
      tests.push_back(std::move(test));
    }
    const auto add = [&](const char* name, const char* description, Outcome (*run)(Subject&)) {
      TestCase test;
      test.id = absl::StrCat("contract.", kind_name, ".", name);
      test.description = description;
      test.kind = kind;
      test.run = run;
      tests.push_back(std::move(test));
    };
    if (kind == v1::Plugin::KIND_MARKETPLACE) {
      add("reads_in_pieces", "A report in pieces gives what it gives as a whole.", ReadsInPieces);
    } else if (kind == v1::Plugin::KIND_ERP) {
      add("turns_pages", "Pages of facts follow each other, and can be asked for again.",
          TurnsFactPages);
    } else if (kind == v1::Plugin::KIND_ANALYTICS) {
      add("turns_pages", "Pages of alerts follow each other, and can be asked for again.",
          TurnsAlertPages);
    }
  }
  return tests;
}

}  // namespace aftersales::conformance
