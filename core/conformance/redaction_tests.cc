// Secrets stay where they were given.
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {
namespace {

constexpr size_t kSecretBytesMin = 4;  // a shorter one is in many a text by chance

// What a plugin has said, and where.
struct Said {
  std::string where;
  std::string text;
};

// Has the plugin do all that it can, well and badly, and keeps all that it says.
std::vector<Said> Listen(Subject& subject, Outcome* why) {
  std::vector<Said> said;
  auto opened = subject.Open();
  if (!opened.ok()) {
    *why = Skip(Text(opened.status()));
    said.push_back({"the refusal of its settings", std::string(opened.status().message())});
    return said;
  }
  Session& session = **opened;
  std::vector<Request> corpus = CorpusFor(session.description(), subject.random());
  corpus.emplace_back();
  corpus.back().path = "/aftersales.plugin.v1.PluginLifecycle/CheckHealth";
  for (const Request& request : corpus) {
    Session::Options options;
    options.idempotency_key = request.idempotency_key;
    for (const std::string& bytes : {request.bytes, std::string("\xff\xff\xff")}) {
      const Answer answer = session.Call(request.path, bytes, options);
      const std::string name = ShortName(request.path);
      said.push_back({absl::StrCat("the status of ", name), std::string(answer.status.message())});
      said.push_back({absl::StrCat("the answer of ", name), answer.bytes});
    }
  }
  // Refusals of settings are where secrets are shown most.
  for (const auto& field : session.description().config_fields()) {
    auto settings = subject.Settings(session.description());
    settings[field.key()] = field.secret() ? settings[field.key()] : "no such thing";
    if (field.secret()) settings[field.key()] += "\n\t ?";
    auto other = subject.OpenUnconfigured();
    if (!other.ok()) continue;
    const absl::Status status = subject.Configure(**other, settings);
    said.push_back({"the status of Configure", std::string(status.message())});
  }
  return said;
}

Outcome KeepsSecrets(Subject& subject) {
  Outcome why = Pass();
  std::vector<Said> said = Listen(subject, &why);
  for (const std::string& line : subject.Log()) said.push_back({"its log", line});
  // What went past the log.
  std::ifstream output(subject.options().scratch / "output", std::ios::binary);
  said.push_back({"its standard output or error",
                  {std::istreambuf_iterator<char>(output), std::istreambuf_iterator<char>()}});
  bool looked = false;
  for (const auto& [key, secret] : subject.secrets()) {
    if (secret.size() < kSecretBytesMin) continue;
    looked = true;
    for (const Said& one : said) {
      if (!absl::StrContains(one.text, secret)) continue;
      return Fail(absl::StrCat("the value of the secret setting `", key,
                               "` to be in no log line, status or answer"),
                  absl::StrCat("it is in ", one.where),
                  "leave it out, or write `[secret]` in its place");
    }
  }
  if (why.state == Outcome::State::kSkipped) return why;
  return looked ? Pass() : Skip("it has no secret setting");
}

}  // namespace

std::vector<TestCase> RedactionTests() {
  TestCase test;
  test.id = "redaction.secrets";
  test.description = "Values of secret settings are in no log line, status or answer.";
  test.run = KeepsSecrets;
  return {test};
}

}  // namespace aftersales::conformance
