// What the loader needs from the host: where plugins log to and what time it is.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace aftersales::plugins {

// Level of a log line of, or about, a plugin.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Takes a log line. `plugin` is the plugin's id, or the stem of its file before the id is known.
// Called by any thread, also at once; must not call back into the registry. The text holds no value
// of a secret setting.
using LogFn = std::function<void(LogLevel level, std::string_view plugin, std::string_view text)>;

// Tells the time, for clock/1 and deadlines. Called by any thread.
using NowFn = std::function<absl::Time()>;

// Keeps the values of secret settings out of every text that comes from a plugin. Copies share what
// they know. Thread-safe.
class Redactor {
 public:
  Redactor() = default;
  explicit Redactor(const std::vector<std::string>& secrets);

  // `text` with each secret, each line of one, and each longer piece of a long one replaced by
  // `[secret]`.
  std::string Apply(std::string_view text) const;
  // Learns of another secret, for all copies. The last 256 are known; of one made by default none.
  void Add(const std::string& secret) const;

 private:
  struct Secrets;
  std::shared_ptr<Secrets> secrets_;
};

}  // namespace aftersales::plugins
