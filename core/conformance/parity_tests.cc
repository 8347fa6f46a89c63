// The same in the host's process and in one of its own.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {
namespace {

using Answers = std::vector<Answer>;

absl::StatusOr<Answers> AnswersTo(Subject& subject, const std::vector<Request>& corpus,
                                  Subject::Where where) {
  auto session = subject.Open(where);
  if (!session.ok()) return session.status();
  Answers answers;
  for (const Request& request : corpus) {
    Session::Options options;
    options.idempotency_key = request.idempotency_key;
    answers.push_back((*session)->Call(request.path, request.bytes, options));
  }
  return answers;
}

bool Same(const Answer& a, const Answer& b) { return a.status == b.status && a.bytes == b.bytes; }

std::string Shown(const Answer& answer) {
  return answer.status.ok() ? absl::StrCat(answer.bytes.size(), " bytes") : Text(answer.status);
}

Outcome AnswersAlike(Subject& subject) {
  std::vector<Request> corpus;
  {
    const auto described = subject.OpenUnconfigured();
    if (!described.ok()) return Skip(Text(described.status()));
    corpus = CorpusFor((*described)->description(), subject.random());
  }
  const auto here = AnswersTo(subject, corpus, Subject::Where::kUsual);
  const auto there = AnswersTo(subject, corpus, Subject::Where::kIsolated);
  if (!here.ok() || !there.ok()) {
    return Fail("to start in the host's process and in one of its own",
                here.ok() ? Text(there.status()) : Text(here.status()),
                "the plugin must not depend on where it runs");
  }
  // What differs from one run to the next by itself, such as ids of the remote side, cannot be
  // compared; its code can.
  const auto here_again = AnswersTo(subject, corpus, Subject::Where::kUsual);
  for (size_t i = 0; i < corpus.size(); ++i) {
    const Answer& a = (*here)[i];
    const Answer& b = (*there)[i];
    if (Same(a, b)) continue;
    const bool varies = here_again.ok() && !Same(a, (*here_again)[i]);
    if (varies && a.status.code() == b.status.code()) continue;
    return Fail(absl::StrCat("byte for byte the same answer to request ", i + 1, " (",
                             ShortName(corpus[i].path), ") in the host's process and in its own"),
                absl::StrCat(Shown(a), " here, ", Shown(b), " there"),
                "depend on the request, the settings and the host's clock only, not on the "
                "process, its environment or its folder");
  }
  return Pass();
}

}  // namespace

std::vector<TestCase> ParityTests() {
  TestCase test;
  test.id = "parity.answers";
  test.description = "It answers alike in the host's process and in one of its own.";
  test.run = AnswersAlike;
  test.shared_object_only = true;
  return {test};
}

}  // namespace aftersales::conformance
