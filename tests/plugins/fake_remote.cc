#include "tests/plugins/fake_remote.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace aftersales::testing {
namespace {

using plugin::v1::EffectResult;
using sdk::Code;
using sdk::Status;

constexpr std::string_view kEffectLog = "effects.log";
constexpr std::string_view kRetryLog = "retries.log";
constexpr std::string_view kNotIdempotent = "NOT_IDEMPOTENT";

constexpr std::pair<std::string_view, Mode> kModes[] = {
    {"OK", Mode::kOk},
    {"FAIL", Mode::kFail},
    {"RETRY", Mode::kRetry},
    {"TIMEOUT_DONE", Mode::kTimeoutDone},
    {"TIMEOUT_NOT_DONE", Mode::kTimeoutNotDone},
    {"MANUAL", Mode::kManual},
    {"CRASH_BEFORE", Mode::kCrashBefore},
    {"CRASH_AFTER", Mode::kCrashAfter},
    {"DUPLICATE", Mode::kDuplicate},
    {"HANG", Mode::kHang},
    {"ERROR", Mode::kError},
    {"LATE", Mode::kLate},
    {"GARBAGE", Mode::kGarbage},
    {"NONSENSE", Mode::kNonsense},
};

// A kill may come in the middle of a line, which then was never written.
void CutTornLine(int fd) {
  const ::off_t size = ::lseek(fd, 0, SEEK_END);
  ::off_t end = size;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd, &last, 1, end - 1) != 1 || last == '\n') break;
  }
  if (end < size && ::ftruncate(fd, end) != 0) std::abort();
}

std::string OrDash(std::string_view text) { return text.empty() ? "-" : std::string(text); }

}  // namespace

void FakeRemote::Describe(plugin::v1::DescribeResponse& description) {
  description.set_vendor("Aftersales tests");
  description.set_version("0.1.0");
  description.set_max_concurrency(8);
  plugin::v1::ConfigField& directory = *description.add_config_fields();
  directory.set_key("directory");
  directory.set_description(
      "Directory of the mode file and of the log; by default the plugin's "
      "data directory.");
}

Status FakeRemote::Configure(const plugin::v1::ConfigureRequest& request) {
  std::filesystem::path directory = request.data_directory();
  if (const auto given = request.config().find("directory"); given != request.config().end()) {
    directory /= given->second;
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!std::filesystem::is_directory(directory, error)) {
    return {Code::kInvalidArgument, "directory: " + directory.string() + " is no directory"};
  }
  const std::lock_guard lock(mutex_);
  directory_ = std::move(directory);
  read_ = 0;
  done_.clear();
  return Status::Ok();
}

Status FakeRemote::ReadMode(std::string_view method, Mode& mode) {
  bool idempotent = true;
  return ReadModes(method, mode, idempotent);
}

Status FakeRemote::ReadModes(std::string_view method, Mode& mode, bool& idempotent) {
  mode = Mode::kOk;
  idempotent = true;
  std::ifstream file(directory_ / (plugin_id_ + ".mode"));
  for (std::string word; file >> word;) {
    if (word == kNotIdempotent) {
      idempotent = false;
      continue;
    }
    const std::size_t equals = word.find('=');
    const std::string_view value = equals == std::string::npos
                                       ? std::string_view()
                                       : std::string_view(word).substr(equals + 1);
    const Mode* found = nullptr;
    for (const auto& [name, known] : kModes) {
      if (value == name) found = &known;
    }
    if (found == nullptr) {
      return {Code::kInvalidArgument, plugin_id_ + ".mode: unknown word " + word};
    }
    if (std::string_view(word).substr(0, equals) == method) mode = *found;
  }
  return Status::Ok();
}

void FakeRemote::Refresh() {
  std::ifstream file(directory_ / kEffectLog);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0));
  if (size < read_) {
    read_ = 0;
    done_.clear();
  }
  file.seekg(static_cast<std::streamoff>(read_));
  for (std::string line; std::getline(file, line) && !file.eof();) {
    read_ += line.size() + 1;
    std::istringstream words(line);
    std::string method;
    std::string effect_id;
    if (words >> method >> effect_id) done_.insert(effect_id);
  }
}

std::string FakeRemote::ExternalId(std::string_view effect_id) const {
  return plugin_id_ + ":" + std::string(effect_id);
}

Status FakeRemote::Perform(const sdk::Call& call, const FakeEffect& effect, EffectResult& result) {
  const std::lock_guard lock(mutex_);
  Mode mode;
  bool idempotent;
  if (Status status = ReadModes(effect.method, mode, idempotent); !status.ok()) return status;
  if (effect.effect_id.empty()) return {Code::kInvalidArgument, "effect_id: empty"};
  switch (mode) {
    case Mode::kFail:
      result.set_outcome(EffectResult::OUTCOME_FAILED);
      result.set_message("told to fail");
      return Status::Ok();
    case Mode::kRetry:
      result.set_outcome(EffectResult::OUTCOME_RETRY);
      result.set_message("told to ask for another try");
      result.mutable_retry_after()->set_seconds(1);
      return AppendLine(kRetryLog, OrDash(effect.method) + ' ' + OrDash(effect.subject));
    case Mode::kTimeoutNotDone:
      result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
      result.set_message("timed out");
      return Status::Ok();
    case Mode::kManual:
      result.set_outcome(EffectResult::OUTCOME_MANUAL);
      result.mutable_manual_action()->set_title("Do it by hand");
      result.mutable_manual_action()->add_steps("Open the page of the fake.");
      result.mutable_manual_action()->add_steps("Press the button.");
      return Status::Ok();
    case Mode::kHang:
      Hang(call);
      return {Code::kDeadlineExceeded, "told to hang"};
    case Mode::kError:
      return {Code::kUnavailable, "told to be unavailable"};
    case Mode::kCrashBefore:
      Crash();
    case Mode::kOk:
    case Mode::kTimeoutDone:
    case Mode::kCrashAfter:
    case Mode::kDuplicate:
    case Mode::kLate:
    case Mode::kGarbage:
    case Mode::kNonsense:
      break;
  }

  Refresh();
  const std::string id(effect.effect_id);
  if (!idempotent || done_.count(id) == 0) {
    const std::string line = OrDash(effect.method) + ' ' + id + ' ' +
                             std::to_string(effect.minor_units) + ' ' +
                             OrDash(effect.currency_code) + ' ' + OrDash(effect.subject);
    const int times = mode == Mode::kDuplicate ? 2 : 1;
    for (int i = 0; i < times; ++i) {
      if (Status status = AppendLine(kEffectLog, line); !status.ok()) return status;
    }
    done_.insert(id);
  }
  if (mode == Mode::kCrashAfter) Crash();
  if (mode == Mode::kTimeoutDone) {
    result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
    result.set_message("timed out");
    return Status::Ok();
  }
  if (mode == Mode::kLate) Hang(call);
  result.set_outcome(EffectResult::OUTCOME_DONE);
  result.set_external_id(ExternalId(effect.effect_id));
  if (mode == Mode::kGarbage) Garble(result);
  if (mode == Mode::kNonsense) MakeNonsense(result);
  return Status::Ok();
}

Status FakeRemote::Query(const sdk::Call& call, std::string_view effect_id, EffectResult& result) {
  const std::lock_guard lock(mutex_);
  Mode mode;
  if (Status status = ReadMode("QueryEffect", mode); !status.ok()) return status;
  switch (mode) {
    case Mode::kFail:
      result.set_outcome(EffectResult::OUTCOME_FAILED);
      return Status::Ok();
    case Mode::kRetry:
      result.set_outcome(EffectResult::OUTCOME_RETRY);
      result.mutable_retry_after()->set_seconds(1);
      return Status::Ok();
    case Mode::kTimeoutDone:
    case Mode::kTimeoutNotDone:
      result.set_outcome(EffectResult::OUTCOME_UNKNOWN);
      result.set_message("timed out");
      return Status::Ok();
    case Mode::kManual:
      result.set_outcome(EffectResult::OUTCOME_MANUAL);
      result.mutable_manual_action()->set_title("Look it up by hand");
      return Status::Ok();
    case Mode::kHang:
      Hang(call);
      return {Code::kDeadlineExceeded, "told to hang"};
    case Mode::kError:
      return {Code::kUnavailable, "told to be unavailable"};
    case Mode::kCrashBefore:
    case Mode::kCrashAfter:
      Crash();
    case Mode::kGarbage:
      Garble(result);
      return Status::Ok();
    case Mode::kNonsense:
      MakeNonsense(result);
      return Status::Ok();
    case Mode::kLate:
      Hang(call);
      break;
    case Mode::kOk:
    case Mode::kDuplicate:
      break;
  }
  Refresh();
  if (done_.count(std::string(effect_id)) == 0) {
    result.set_outcome(EffectResult::OUTCOME_NOT_FOUND);
    return Status::Ok();
  }
  result.set_outcome(EffectResult::OUTCOME_DONE);
  result.set_external_id(ExternalId(effect_id));
  return Status::Ok();
}

Status FakeRemote::AppendLine(std::string_view file, const std::string& line) {
  const std::string path = (directory_ / file).string();
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return {Code::kUnavailable, path + ": " + std::strerror(errno)};
  CutTornLine(fd);
  const std::string text = line + '\n';
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fdatasync(fd) == 0;
  const int error = errno;
  ::close(fd);
  return written ? Status::Ok() : Status(Code::kUnavailable, path + ": " + std::strerror(error));
}

void FakeRemote::Hang(const sdk::Call& call) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!call.cancelled() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// A text field that is not UTF-8 makes a message that the host cannot parse; the lite library of a
// plugin writes it all the same.
void FakeRemote::Garble(EffectResult& result) { result.set_external_id("\xff\xfe garbage \xc0"); }

void FakeRemote::MakeNonsense(EffectResult& result) {
  result.set_outcome(static_cast<EffectResult::Outcome>(99));
  result.mutable_retry_after()->set_seconds(-1'000'000'000'000);
  result.mutable_retry_after()->set_nanos(-7);
}

void FakeRemote::Crash() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace aftersales::testing
