// The two files of the plugin: changes.jsonl, the log, and changes.csv, which follows from it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "aftersales/sdk/status.h"
#include "plugins/erps/files/change_record.h"

namespace aftersales::erps {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Appends changes, each effect id once for as long as the log is kept.
//
// The log is the truth: a change is taken once its line is in changes.jsonl and synced. Whatever
// comes after the last whole line at the start was never acknowledged and is cut off. The CSV file
// is not synced on every append; at the start it is cut back to the last checkpoint (or to
// nothing) and made again from the log, so that both always tell the same.
//
// Whether an id is already in the log is decided exactly, in bounded memory. The last
// `window` ids are kept, and for each seller the greatest id that fell out of them, the floor. An
// id above the floor that is not among the kept ones is new. One at or below the floor, which
// comes only after a restart or far out of order, is looked for in the file. So the order of ids
// decides about speed, never about the result.
//
// One object per directory; a second one, also of another process, is refused. Not thread-safe.
class ChangeLog {
 public:
  struct Options {
    std::size_t window = 16384;
    // A checkpoint is made whenever the log has grown by so much, in bytes.
    std::int64_t checkpoint_every = 4 << 20;
  };

  explicit ChangeLog(std::filesystem::path directory);
  ChangeLog(std::filesystem::path directory, Options options);

  // Opens the files, making them and the directory where needed, and repairs what a crash has left.
  // kFailedPrecondition says what is in the way and what to do.
  sdk::Status Open();

  // Appends the records that are not in the log yet, in order. OK once all are durable. On an error
  // none is, and the call may be repeated. Opens first where Open has not succeeded, and again
  // where somebody moved or changed the files.
  sdk::Status Append(const std::vector<Json>& records);

  // Why the CSV file is behind the log; empty when it is not.
  const std::string& csv_problem() const { return csv_problem_; }

 private:
  // A place in both files up to which they agree.
  struct Position {
    std::int64_t log = 0;
    std::int64_t csv = 0;
  };

  std::filesystem::path LogPath() const { return directory_ / "changes.jsonl"; }
  std::filesystem::path CsvPath() const { return directory_ / "changes.csv"; }
  std::filesystem::path CheckpointPath() const { return directory_ / "changes.checkpoint"; }

  sdk::Status OpenFiles();
  sdk::Status CheckCsvIsOurs() const;
  // The place and floors of the checkpoint; the beginning where there is none that fits the files.
  Position LoadCheckpoint();
  void SaveCheckpoint();
  // Reads the log from `from` on, cuts off what is torn, remembers ids.
  sdk::Status Recover(Position from);
  // Brings the CSV file up to the log.
  void FollowWithCsv();
  bool FilesAreOurs() const;
  void Remember(const std::string& seller, const std::string& effect_id);
  // Of `ids`, those that are somewhere in the log.
  sdk::Status FindInLog(std::unordered_set<std::string>& ids,
                        std::unordered_set<std::string>& found) const;

  std::filesystem::path directory_;
  Options options_;
  Fd log_;
  Fd csv_;
  bool open_ = false;
  std::int64_t log_size_ = 0;
  Position csv_position_;  // How far the CSV file has followed.
  std::int64_t checkpoint_at_ = 0;
  std::string csv_problem_;
  // Start and id of the last record, to recognise the log by; -1 while there is none.
  std::int64_t last_line_ = -1;
  std::string last_effect_id_;

  struct Kept {
    std::string seller;
    std::string effect_id;
  };
  std::deque<Kept> kept_;
  std::unordered_set<std::string> kept_ids_;
  std::map<std::string, std::string> floor_;  // By seller.
  std::map<std::string, std::string> last_;   // Greatest id by seller, for the checkpoint.
};

}  // namespace aftersales::erps
