// A small durable store of one plugin, for tokens and cursors: kv/1.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

struct sqlite3;

namespace aftersales::plugins {

// Keys are 1 to 256 bytes of UTF-8, values at most 64 KiB, all keys and values together 64 MiB. In
// the file `kv.db` of a folder, made at the first use. Thread-safe; two of one folder may be in use
// at once. Errors besides those of each method: DATA_LOSS when the file is damaged, UNAVAILABLE
// when it cannot be used just now.
class ValueStore {
 public:
  static constexpr size_t kKeyBytesMax = 256;
  static constexpr size_t kValueBytesMax = 64 << 10;
  static constexpr int64_t kTotalBytesMax = int64_t{64} << 20;

  explicit ValueStore(std::filesystem::path directory);
  ~ValueStore();
  ValueStore(const ValueStore&) = delete;
  ValueStore& operator=(const ValueStore&) = delete;

  // INVALID_ARGUMENT says what is wrong with a key or value. The methods check by themselves.
  static absl::Status CheckKey(std::string_view key);
  static absl::Status CheckValue(std::string_view value);

  // NOT_FOUND, INVALID_ARGUMENT.
  absl::StatusOr<std::string> Get(std::string_view key);
  // Durable once it has answered OK. RESOURCE_EXHAUSTED when there is no room, INVALID_ARGUMENT.
  absl::Status Put(std::string_view key, std::string_view value);
  // OK also when there is none. INVALID_ARGUMENT.
  absl::Status Delete(std::string_view key);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Failure(int code) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Stores `value`, or forgets the key when it is null.
  absl::Status Change(std::string_view key, const std::string_view* value)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::filesystem::path file_;
  absl::Mutex mu_;
  std::unique_ptr<sqlite3, Close> database_ ABSL_GUARDED_BY(mu_);
};

}  // namespace aftersales::plugins
