#include "core/conformance/report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace aftersales::conformance {
namespace {

using State = Outcome::State;

const char* Name(State state) {
  return state == State::kPassed ? "passed" : state == State::kFailed ? "failed" : "skipped";
}

// Text in XML 1.0: UTF-8 without what it cannot hold.
std::string Xml(std::string_view text) {
  const std::string valid = nlohmann::json(std::string(text))
                                .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string plain = nlohmann::json::parse(valid).get<std::string>();
  std::string xml;
  for (size_t i = 0; i < plain.size(); ++i) {
    const char c = plain[i];
    if (c == '&') {
      xml += "&amp;";
    } else if (c == '<') {
      xml += "&lt;";
    } else if (c == '>') {
      xml += "&gt;";
    } else if (c == '"') {
      xml += "&quot;";
    } else if (c == '\n' || c == '\t') {
      xml += absl::StrCat("&#", static_cast<int>(c), ";");
    } else if (static_cast<unsigned char>(c) < 0x20) {
      xml += "\xef\xbf\xbd";
    } else if (plain.compare(i, 2, "\xef\xbf") == 0 && i + 2 < plain.size() &&
               (plain[i + 2] == '\xbe' || plain[i + 2] == '\xbf')) {
      xml += "\xef\xbf\xbd";
      i += 2;
    } else {
      xml += c;
    }
  }
  return xml;
}

std::string Seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", seconds);
  return text;
}

}  // namespace

std::string Again(const Report& report, std::string_view id) {
  return absl::StrCat("aftersales plugin check ", report.path.string(), " --seed ", report.seed,
                      " --group ", std::string(id.substr(0, id.find('.'))));
}

void WriteJUnit(const Report& report, std::ostream& out) {
  double seconds = 0;
  for (const TestResult& result : report.results) seconds += result.seconds;
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      << "<testsuites><testsuite name=\"" << Xml(report.path.string()) << "\" tests=\""
      << report.results.size() << "\" failures=\"" << report.CountOf(State::kFailed)
      << "\" errors=\"0\" skipped=\"" << report.CountOf(State::kSkipped) << "\" time=\""
      << Seconds(seconds) << "\">\n"
      << "<properties><property name=\"seed\" value=\"" << report.seed
      << "\"/><property name=\"plugin\" value=\"" << Xml(report.who) << "\"/></properties>\n";
  for (const TestResult& result : report.results) {
    const size_t point = result.id.find('.');
    out << "<testcase classname=\"" << Xml(result.id.substr(0, point)) << "\" name=\""
        << Xml(result.id) << "\" time=\"" << Seconds(result.seconds) << "\">";
    const Outcome& outcome = result.outcome;
    if (outcome.state == State::kSkipped) {
      out << "<skipped message=\"" << Xml(outcome.found) << "\"/>";
    } else if (outcome.state == State::kFailed) {
      out << "<failure message=\"" << Xml(result.description) << "\">"
          << Xml(absl::StrCat("expected: ", outcome.expected, "\nfound:    ", outcome.found,
                              "\nto do:    ", outcome.advice,
                              "\nagain:    ", Again(report, result.id)))
          << "</failure>";
    }
    out << "</testcase>\n";
  }
  out << "</testsuite></testsuites>\n";
}

void WriteJson(const Report& report, std::ostream& out) {
  using Json = nlohmann::ordered_json;
  Json tests = Json::array();
  for (const TestResult& result : report.results) {
    Json test = {{"id", result.id},
                 {"description", result.description},
                 {"state", Name(result.outcome.state)},
                 {"seconds", result.seconds}};
    if (result.outcome.state == State::kFailed) {
      test["expected"] = result.outcome.expected;
      test["found"] = result.outcome.found;
      test["to_do"] = result.outcome.advice;
      test["again"] = Again(report, result.id);
    } else if (result.outcome.state == State::kSkipped) {
      test["why"] = result.outcome.found;
    }
    tests.push_back(std::move(test));
  }
  const Json all = {{"path", report.path.string()},
                    {"plugin", report.who},
                    {"seed", report.seed},
                    {"passed", report.CountOf(State::kPassed)},
                    {"failed", report.CountOf(State::kFailed)},
                    {"skipped", report.CountOf(State::kSkipped)},
                    {"tests", std::move(tests)}};
  out << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace aftersales::conformance
