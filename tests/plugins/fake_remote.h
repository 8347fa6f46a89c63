// The remote side of the fake plugins: obeys a mode file and keeps a log of what it has done.
//
// The mode file is `<directory>/<plugin id>.mode`, read at every call. Its words, between spaces or
// line breaks, are `Method=MODE` (of several for one method the last counts) and
// `NOT_IDEMPOTENT`. Modes:
//
//   OK                does it and says so (the default)
//   FAIL              does nothing, says that it is definitely not done
//   RETRY             does nothing, asks to come again after a second; a line of `retries.log`
//   TIMEOUT_DONE      does it, but the answer is lost
//   TIMEOUT_NOT_DONE  does nothing, and the answer is lost
//   MANUAL            does nothing, says that a person has to
//   CRASH_BEFORE      kills the process (SIGKILL) before doing it
//   CRASH_AFTER       kills the process after doing it, before answering
//   DUPLICATE         does it twice, as a broken remote does
//   HANG              does nothing and answers only when the caller has stopped waiting
//   ERROR             does nothing, the method ends with UNAVAILABLE
//   LATE              does it, and answers only when the caller has stopped waiting
//   GARBAGE           does it, and answers with bytes that are no message
//   NONSENSE          does it, and answers with an outcome that there is not, a wait of less than
//                     nothing and, of a label, a cost of less than nothing
//
// Effects go to `<directory>/effects.log`, one line `method effect_id amount currency subject`
// each, synced before the answer. An effect id that is in the log is answered as done and not done
// again, unless NOT_IDEMPOTENT is set.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "aftersales/plugin/v1/lifecycle.pb.h"
#include "aftersales/sdk/call.h"
#include "aftersales/sdk/status.h"

namespace aftersales::testing {

enum class Mode {
  kOk,
  kFail,
  kRetry,
  kTimeoutDone,
  kTimeoutNotDone,
  kManual,
  kCrashBefore,
  kCrashAfter,
  kDuplicate,
  kHang,
  kError,
  kLate,
  kGarbage,
  kNonsense,
};

// What the effect is, as it goes to the log. Empty text becomes `-`.
struct FakeEffect {
  std::string_view method = {};
  std::string_view effect_id = {};
  long long minor_units = 0;
  std::string_view currency_code = {};
  std::string_view subject = {};
};

class FakeRemote {
 public:
  explicit FakeRemote(std::string plugin_id) : plugin_id_(std::move(plugin_id)) {}

  // Adds the setting `directory` to a description.
  static void Describe(plugin::v1::DescribeResponse& description);
  // Takes `directory`, by default the data directory.
  sdk::Status Configure(const plugin::v1::ConfigureRequest& request);

  // The mode that is set for a method. An unknown word in the file is an error.
  sdk::Status ReadMode(std::string_view method, Mode& mode);
  // Does an effect by its mode. `result` says how it ended.
  sdk::Status Perform(const sdk::Call& call, const FakeEffect& effect,
                      plugin::v1::EffectResult& result);
  // How an effect ended: DONE or NOT_FOUND by the log, or what the mode of QueryEffect says.
  sdk::Status Query(const sdk::Call& call, std::string_view effect_id,
                    plugin::v1::EffectResult& result);

  // Where its files are.
  const std::filesystem::path& directory() const { return directory_; }
  // Appends a line, or several in one text, to a file of the directory and syncs it.
  sdk::Status AppendLine(std::string_view file, const std::string& line);
  // Waits until the caller has stopped waiting, a minute at most.
  static void Hang(const sdk::Call& call);
  // Dies as by kill -9.
  [[noreturn]] static void Crash();
  // Makes an answer that cannot be parsed, or that means nothing.
  static void Garble(plugin::v1::EffectResult& result);
  static void MakeNonsense(plugin::v1::EffectResult& result);

 private:
  sdk::Status ReadModes(std::string_view method, Mode& mode, bool& idempotent);
  // Reads what has been added to the effect log.
  void Refresh();
  std::string ExternalId(std::string_view effect_id) const;

  std::string plugin_id_;
  std::filesystem::path directory_;
  std::mutex mutex_;
  std::size_t read_ = 0;  // Bytes of the effect log that done_ knows.
  std::unordered_set<std::string> done_;
};

}  // namespace aftersales::testing
