// What happens with requests that are none, that are too large, or that come all at once.
#include <google/protobuf/descriptor.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "core/conformance/answer_rules.h"
#include "core/conformance/corpus.h"
#include "core/conformance/subject.h"
#include "core/conformance/test_case.h"

namespace aftersales::conformance {
namespace {

namespace pb = google::protobuf;

constexpr char kHealth[] = "/aftersales.plugin.v1.PluginLifecycle/CheckHealth";
constexpr size_t kHugeBytes = 10 << 20;
constexpr int kCallers = 64;
constexpr int kCallsOfEach = 4;

// A session with the paths that it takes.
struct Opened {
  std::unique_ptr<Session> session;
  std::vector<std::string> paths;
  std::vector<Request> corpus;
  Outcome why;
};

Opened Open(Subject& subject) {
  Opened opened;
  auto session = subject.Open();
  if (!session.ok()) {
    opened.why = Skip(Text(session.status()));
    return opened;
  }
  opened.session = *std::move(session);
  opened.corpus = CorpusFor(opened.session->description(), subject.random());
  if (opened.corpus.empty()) {
    opened.session = nullptr;
    opened.why = Skip("it describes no method as SUPPORTED or MANUAL");
  }
  for (const Request& request : opened.corpus) {
    if (opened.paths.empty() || opened.paths.back() != request.path) {
      opened.paths.push_back(request.path);
    }
  }
  return opened;
}

// Calls, and looks only at whether something was answered.
std::optional<Outcome> Survives(Session& session, const std::string& path, std::string_view bytes,
                                const std::string& what) {
  Session::Options options;
  options.idempotency_key = "robustness";
  options.timeout = std::chrono::seconds(10);
  const Answer answer = session.Call(path, bytes, options);
  if (const std::string death = session.Death(); !death.empty()) {
    return Fail(absl::StrCat("its process to live through ", what, " in ", ShortName(path)), death,
                "check what is read before it is used; answer INVALID_ARGUMENT");
  }
  return CheckAnswered(path, answer);
}

Outcome TakesRandomBytes(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  opened.paths.emplace_back(kHealth);
  constexpr int kTimes = 40;
  constexpr int kBytesMax = 2000;
  for (const std::string& path : opened.paths) {
    for (int i = 0; i < kTimes; ++i) {
      std::string bytes(subject.random()() % kBytesMax, '\0');
      for (char& c : bytes) c = static_cast<char>(subject.random()());
      if (auto problem = Survives(*opened.session, path, bytes, "random bytes")) return *problem;
    }
  }
  return Pass();
}

Outcome TakesTruncatedBytes(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  constexpr int kCuts = 12;
  for (const Request& request : opened.corpus) {
    if (request.bytes.empty()) continue;
    for (int i = 0; i < kCuts; ++i) {
      const size_t length = subject.random()() % request.bytes.size();
      std::string bytes = request.bytes.substr(0, length);
      // Every other one with a byte turned over besides.
      if (i % 2 == 1 && length > 0) {
        bytes[subject.random()() % length] = static_cast<char>(subject.random()());
      }
      if (auto problem = Survives(*opened.session, request.path, bytes, "a cut request")) {
        return *problem;
      }
    }
  }
  return Pass();
}

// Sets every text of a message, at most `most` of them.
void SetTexts(pb::Message& message, const std::string& text, int* most) {
  const pb::Reflection* reflection = message.GetReflection();
  std::vector<const pb::FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    if (*most <= 0) return;
    if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
      const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        SetTexts(field->is_repeated() ? *reflection->MutableRepeatedMessage(&message, field, i)
                                      : *reflection->MutableMessage(&message, field),
                 text, most);
      }
    } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
      reflection->SetString(&message, field, text);
      --*most;
    }
  }
}

Outcome TakesHugeTexts(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  const std::string huge(kHugeBytes, 'x');
  for (const std::string& path : opened.paths) {
    auto requests = RequestsFor(path, subject.random());
    if (requests.empty()) continue;
    int most = 2;
    SetTexts(*requests.front().message, huge, &most);
    if (auto problem = Survives(*opened.session, path,
                                requests.front().message->SerializeAsString(), "a text of 10 MB")) {
      return *problem;
    }
  }
  return Pass();
}

Outcome TakesInvalidUtf8(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  // Put in place on the wire: protobuf itself would not write it.
  const std::string mark = "@@UTF8@@";
  const std::string invalid = "\xff\xfe\xc0\x80\xed\xa0\x80\xf8";
  for (const std::string& path : opened.paths) {
    for (const Request& request : RequestsFor(path, subject.random())) {
      int most = 1000;
      SetTexts(*request.message, mark, &most);
      const std::string bytes =
          absl::StrReplaceAll(request.message->SerializeAsString(), {{mark, invalid}});
      if (auto problem = Survives(*opened.session, path, bytes, "text that is no UTF-8")) {
        return *problem;
      }
    }
  }
  return Pass();
}

// As many at once as it says that it takes, with others that wait for their place.
Outcome TakesManyAtOnce(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  const int places = std::clamp(opened.session->description().max_concurrency(), 1, kCallers);
  std::counting_semaphore<kCallers> free_places(places);
  std::mutex mu;
  std::optional<Outcome> problem;
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&, c] {
      for (int i = 0; i < kCallsOfEach && !stop.load(); ++i) {
        const size_t number = static_cast<size_t>(c * kCallsOfEach + i) % opened.corpus.size();
        const Request& request = opened.corpus[number];
        Session::Options options;
        // An effect of its own, so that nothing is refused as being under way.
        options.idempotency_key =
            request.idempotency_key.empty() ? "" : absl::StrCat(request.idempotency_key, "-", c);
        options.timeout = std::chrono::seconds(20);
        free_places.acquire();
        const Answer answer = opened.session->Call(request.path, request.bytes, options);
        free_places.release();
        const bool manual = CapabilityOf(opened.session->description(), request.path) ==
                            v1::Plugin::CAPABILITY_MANUAL;
        if (auto wrong = CheckAnswer(request, answer, manual)) {
          const std::lock_guard lock(mu);
          problem = std::move(wrong);
          stop.store(true);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  if (const std::string death = opened.session->Death(); !death.empty()) {
    return Fail(absl::StrCat("its process to live through ", places, " calls at once"), death,
                "guard what calls share, or describe a lower max_concurrency");
  }
  if (problem.has_value()) {
    problem->advice = absl::StrCat(problem->advice, "; it came with ", places,
                                   " calls at once, so look at what they share");
    return *problem;
  }
  return Pass();
}

// A call whose time is over, or nearly, comes back: nobody waits for it any more.
Outcome KeepsToDeadlines(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  constexpr absl::Duration kOverrun = absl::Seconds(2);
  for (const Request& request : opened.corpus) {
    for (const int milliseconds : {0, 50}) {
      Session::Options options;
      options.idempotency_key = request.idempotency_key;
      options.timeout = std::chrono::milliseconds(milliseconds);
      const Answer answer = opened.session->Call(request.path, request.bytes, options);
      if (answer.took > absl::Milliseconds(milliseconds) + kOverrun) {
        return Fail(absl::StrCat(ShortName(request.path), " to end at its deadline of ",
                                 milliseconds, " ms, or soon after"),
                    absl::FormatDuration(answer.took),
                    "pass the time that is left on to the remote side, and ask cancelled() in "
                    "loops");
      }
      if (const std::string death = opened.session->Death(); !death.empty()) {
        return Fail("its process to live through a call whose time is over", death,
                    "answer DEADLINE_EXCEEDED");
      }
    }
  }
  return Pass();
}

// Bytes that a process has in memory.
int64_t ResidentBytes(int pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/statm"));
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

Outcome KeepsItsMemory(Subject& subject) {
  Opened opened = Open(subject);
  if (opened.session == nullptr) return opened.why;
  constexpr int kCalls = 300;
  constexpr int64_t kGrowthMax = int64_t{96} << 20;
  constexpr absl::Duration kTime = absl::Seconds(8);
  const auto process = opened.session->transport().Process();
  const int pid = process.has_value() ? process->pid : getpid();
  const int64_t before = ResidentBytes(pid);
  const absl::Time until = absl::Now() + kTime;
  for (int i = 0; i < kCalls && absl::Now() < until; ++i) {
    const Request& request = opened.corpus[static_cast<size_t>(i) % opened.corpus.size()];
    Session::Options options;
    options.idempotency_key = request.idempotency_key;
    const Answer answer = opened.session->Call(request.path, request.bytes, options);
    const std::string death = opened.session->Death();
    const int64_t growth = ResidentBytes(pid) - before;
    if (!death.empty() || growth > kGrowthMax) {
      return Fail(
          absl::StrCat("memory to stay as it is, within ", kGrowthMax >> 20, " MB"),
          !death.empty() ? death : absl::StrCat((growth >> 20), " MB more after ", i + 1, " calls"),
          "free what a call allocates, and bound what is kept between calls");
    }
  }
  return Pass();
}

}  // namespace

std::vector<TestCase> RobustnessTests() {
  std::vector<TestCase> tests;
  const auto add = [&](const char* id, const char* description, Outcome (*run)(Subject&)) {
    TestCase test;
    test.id = id;
    test.description = description;
    test.run = run;
    tests.push_back(std::move(test));
  };
  add("robustness.random_bytes", "Random bytes are answered, and hurt nothing.", TakesRandomBytes);
  add("robustness.truncated_bytes", "Requests that are cut off are answered, and hurt nothing.",
      TakesTruncatedBytes);
  add("robustness.huge_texts", "Texts of 10 MB are answered, and hurt nothing.", TakesHugeTexts);
  add("robustness.invalid_utf8", "Text that is no UTF-8 is answered, and hurts nothing.",
      TakesInvalidUtf8);
  add("robustness.many_at_once", "64 callers, as many at once as it takes, get right answers.",
      TakesManyAtOnce);
  add("robustness.deadlines", "A call comes back when its time is over.", KeepsToDeadlines);
  add("robustness.memory", "Hundreds of calls leave its memory as it was.", KeepsItsMemory);
  return tests;
}

}  // namespace aftersales::conformance
