#include "plugins/erps/files/change_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

namespace aftersales::erps {
namespace {

using sdk::Code;
using sdk::Status;

std::string ErrorText(int error) { return std::generic_category().message(error); }

bool WriteAt(int fd, std::string_view bytes, std::int64_t at) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += n;
  }
  return true;
}

bool SyncData(int fd) {
  while (::fdatasync(fd) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

std::int64_t SizeOf(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 ? info.st_size : -1;
}

// Reads whole lines of a file forwards, in constant memory but for the line itself.
class LineReader {
 public:
  LineReader(int fd, std::int64_t from) : fd_(fd), buffer_start_(from) {}

  // The next line without its break, valid until the next call. False at the end, where a last line
  // without break does not count, and where reading fails.
  bool Next(std::string_view& line) {
    line_ = next_;
    std::size_t searched = line_;
    for (;;) {
      const std::size_t end = buffer_.find('\n', searched);
      if (end != std::string::npos) {
        line = std::string_view(buffer_).substr(line_, end - line_);
        next_ = end + 1;
        return true;
      }
      buffer_.erase(0, line_);
      buffer_start_ += static_cast<std::int64_t>(line_);
      line_ = next_ = 0;
      searched = buffer_.size();
      if (!Fill()) return false;
    }
  }
  // Where in the file the line that Next gave last starts, and where the next one does.
  std::int64_t line_start() const { return buffer_start_ + static_cast<std::int64_t>(line_); }
  std::int64_t next_start() const { return buffer_start_ + static_cast<std::int64_t>(next_); }
  // errno of a read that failed; 0 if none did.
  int error() const { return error_; }

 private:
  bool Fill() {
    constexpr std::size_t kBlock = 64 << 10;
    const std::size_t size = buffer_.size();
    buffer_.resize(size + kBlock);
    ssize_t n;
    do {
      n = ::pread(fd_, buffer_.data() + size, kBlock,
                  buffer_start_ + static_cast<std::int64_t>(size));
    } while (n < 0 && errno == EINTR);
    if (n < 0) error_ = errno;
    buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    return n > 0;
  }

  int fd_;
  std::int64_t buffer_start_;  // Of buffer_ in the file.
  std::string buffer_;
  std::size_t line_ = 0;
  std::size_t next_ = 0;
  int error_ = 0;
};

// A line of the log. Nothing where it is none.
std::optional<Json> ParseRecord(std::string_view line) {
  Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return std::nullopt;
  const auto id = record.find("effect_id");
  if (id == record.end() || !id->is_string()) return std::nullopt;
  return record;
}

std::string TextOf(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The effect id of a line, without parsing all of it where the line is as ToLine makes it.
std::string EffectIdOf(std::string_view line) {
  constexpr std::string_view kStart = "{\"effect_id\":\"";
  if (line.substr(0, kStart.size()) == kStart) {
    const std::string_view rest = line.substr(kStart.size());
    const std::size_t end = rest.find_first_of("\"\\");
    if (end != std::string_view::npos && rest[end] == '"') return std::string(rest.substr(0, end));
  }
  const std::optional<Json> record = ParseRecord(line);
  return record ? TextOf(*record, "effect_id") : std::string();
}

Status InTheWay(std::string message) {
  return {Code::kFailedPrecondition, "directory: " + std::move(message)};
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

ChangeLog::ChangeLog(std::filesystem::path directory)
    : ChangeLog(std::move(directory), Options()) {}

ChangeLog::ChangeLog(std::filesystem::path directory, Options options)
    : directory_(std::move(directory)), options_(options) {}

Status ChangeLog::Open() {
  open_ = false;
  kept_.clear();
  kept_ids_.clear();
  floor_.clear();
  last_.clear();
  last_line_ = -1;
  last_effect_id_.clear();
  csv_problem_.clear();
  if (Status status = OpenFiles(); !status.ok()) return status;
  if (Status status = CheckCsvIsOurs(); !status.ok()) return status;
  const Position from = LoadCheckpoint();
  if (Status status = Recover(from); !status.ok()) return status;
  csv_position_ = from;
  FollowWithCsv();
  open_ = true;
  SaveCheckpoint();
  return Status::Ok();
}

Status ChangeLog::OpenFiles() {
  std::error_code error;
  const std::string shown = directory_.string();
  if (std::filesystem::exists(directory_, error) &&
      !std::filesystem::is_directory(directory_, error)) {
    return InTheWay(shown + " is a file; give a directory");
  }
  std::filesystem::create_directories(directory_, error);
  if (error) {
    return InTheWay(shown + " cannot be made (" + error.message() +
                    "); give a directory that the host may write");
  }
  // Closed first, for the lock of this object's own earlier opening goes with it.
  log_ = Fd();
  csv_ = Fd();
  log_ = Fd(::open(LogPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!log_.valid()) {
    return InTheWay(LogPath().string() + " cannot be written (" + ErrorText(errno) +
                    "); give a directory that the host may write");
  }
  if (::flock(log_.get(), LOCK_EX | LOCK_NB) != 0) {
    return InTheWay(LogPath().string() +
                    " is in use by another process; give each host a directory of its own");
  }
  struct stat info;
  if (::fstat(log_.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return InTheWay(LogPath().string() + " is not a regular file; move it away");
  }
  csv_ = Fd(::open(CsvPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!csv_.valid() || ::fstat(csv_.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return InTheWay(
        CsvPath().string() + " cannot be written" +
        (csv_.valid() ? std::string(": it is not a regular file") : " (" + ErrorText(errno) + ")") +
        "; move it away or give another directory");
  }
  // The new names must survive a power failure as the contents do.
  const Fd folder(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.valid()) ::fsync(folder.get());
  return Status::Ok();
}

Status ChangeLog::CheckCsvIsOurs() const {
  // The CSV file is cut back and made again from the log; that must not happen to somebody else's
  // file, nor to rows whose log was moved away without them.
  const std::string header = CsvHeader();
  const std::string first_cell = header.substr(0, header.find(',') + 1);
  std::string start(first_cell.size(), '\0');
  const ssize_t n = ::pread(csv_.get(), start.data(), start.size(), 0);
  start.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  if (first_cell.compare(0, start.size(), start) != 0) {
    return InTheWay(CsvPath().string() +
                    " was not written by this plugin; move it away or give another directory");
  }
  if (SizeOf(log_.get()) == 0 && SizeOf(csv_.get()) > static_cast<std::int64_t>(header.size())) {
    return InTheWay(CsvPath().string() +
                    " has rows but changes.jsonl, which they follow from, is empty; move away or "
                    "restore both files together");
  }
  return Status::Ok();
}

ChangeLog::Position ChangeLog::LoadCheckpoint() {
  std::ifstream file(CheckpointPath());
  if (!file) return {};
  const Json saved = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  Position position;
  std::int64_t last_line = 0;
  std::string effect_id;
  std::map<std::string, std::string> last;
  try {
    position.log = saved.at("log_bytes").get<std::int64_t>();
    position.csv = saved.at("csv_bytes").get<std::int64_t>();
    effect_id = saved.at("effect_id").get<std::string>();
    last = saved.at("last").get<std::map<std::string, std::string>>();
    last_line = saved.at("last_line").get<std::int64_t>();
    if (position.log <= last_line || last_line < 0 || position.csv < 0) return {};
    // It fits if the record that it names ends where it says; files may have been moved away.
    LineReader reader(log_.get(), last_line);
    std::string_view line;
    if (!reader.Next(line) || reader.next_start() != position.log) return {};
    const std::optional<Json> record = ParseRecord(line);
    if (!record || TextOf(*record, "effect_id") != effect_id) return {};
    // The same for its row.
    const std::string row = ToCsvRow(*record);
    const auto size = static_cast<std::int64_t>(row.size());
    std::string tail(row.size(), '\0');
    if (position.csv < size ||
        ::pread(csv_.get(), tail.data(), tail.size(), position.csv - size) !=
            static_cast<ssize_t>(tail.size()) ||
        tail != row) {
      return {};
    }
  } catch (const Json::exception&) {
    return {};
  }
  floor_ = last;
  last_ = std::move(last);
  last_line_ = last_line;
  last_effect_id_ = std::move(effect_id);
  return position;
}

void ChangeLog::SaveCheckpoint() {
  // Only where both files agree and are on disk: a checkpoint must never be ahead of them. Without
  // a new one the next start reads a little more.
  checkpoint_at_ = log_size_;
  if (!csv_problem_.empty() || csv_position_.log != log_size_ || last_line_ < 0) return;
  if (!SyncData(csv_.get())) return;
  Json saved;
  saved["log_bytes"] = log_size_;
  saved["csv_bytes"] = csv_position_.csv;
  saved["last_line"] = last_line_;
  saved["effect_id"] = last_effect_id_;
  saved["last"] = last_;
  const std::string text = saved.dump(2) + "\n";
  const std::filesystem::path next = directory_ / "changes.checkpoint.new";
  {
    const Fd file(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
    if (!file.valid() || !WriteAt(file.get(), text, 0) || !SyncData(file.get())) return;
  }
  std::error_code error;
  std::filesystem::rename(next, CheckpointPath(), error);
}

Status ChangeLog::Recover(Position from) {
  LineReader reader(log_.get(), from.log);
  std::string_view line;
  std::int64_t good_end = from.log;
  std::int64_t bad_at = -1;
  while (reader.Next(line)) {
    if (line.empty() || line == "\r") {
      if (bad_at < 0) good_end = reader.next_start();
      continue;
    }
    const std::optional<Json> record = ParseRecord(line);
    if (!record) {
      if (bad_at < 0) bad_at = reader.line_start();
      continue;
    }
    if (bad_at >= 0) {
      return InTheWay(LogPath().string() + " is damaged: the line at byte " +
                      std::to_string(bad_at) +
                      " is no JSON object with an effect_id, though good lines follow; move the "
                      "file away or repair the line");
    }
    last_line_ = reader.line_start();
    last_effect_id_ = TextOf(*record, "effect_id");
    good_end = reader.next_start();
    Remember(TextOf(*record, "seller"), last_effect_id_);
  }
  if (reader.error() != 0) {
    return {Code::kUnavailable,
            LogPath().string() + " cannot be read (" + ErrorText(reader.error()) + ")"};
  }
  // What follows the last whole record was cut short by a crash and never acknowledged. The rest
  // was perhaps not synced yet, and a repeat of it must not be dropped before it is.
  if (SizeOf(log_.get()) != good_end && ::ftruncate(log_.get(), good_end) != 0) {
    return {Code::kUnavailable,
            LogPath().string() + " cannot be cut back (" + ErrorText(errno) + ")"};
  }
  if (!SyncData(log_.get())) {
    return {Code::kUnavailable,
            LogPath().string() + " cannot be synced (" + ErrorText(errno) + ")"};
  }
  log_size_ = good_end;
  return Status::Ok();
}

void ChangeLog::FollowWithCsv() {
  const auto fail = [&](int error) {
    csv_problem_ = CsvPath().string() + " cannot be written (" + ErrorText(error) +
                   "); it follows changes.jsonl as soon as it can be";
  };
  csv_problem_.clear();
  // What is beyond was not written by this object, or not all of it.
  if (::ftruncate(csv_.get(), csv_position_.csv) != 0) return fail(errno);
  LineReader reader(log_.get(), csv_position_.log);
  constexpr std::size_t kBlock = 256 << 10;
  std::string rows = csv_position_.csv == 0 ? CsvHeader() : std::string();
  Position next = csv_position_;
  const auto flush = [&]() {
    if (!WriteAt(csv_.get(), rows, csv_position_.csv)) {
      fail(errno);
      return false;
    }
    next.csv = csv_position_.csv + static_cast<std::int64_t>(rows.size());
    csv_position_ = next;
    rows.clear();
    return true;
  };
  std::string_view line;
  while (next.log < log_size_ && reader.Next(line)) {
    if (const std::optional<Json> record = ParseRecord(line)) rows += ToCsvRow(*record);
    next.log = reader.next_start();
    if (rows.size() >= kBlock && !flush()) return;
  }
  if (reader.error() != 0) return fail(reader.error());
  flush();
}

bool ChangeLog::FilesAreOurs() const {
  const auto same = [](const Fd& fd, const std::filesystem::path& path, std::int64_t size) {
    struct stat mine;
    struct stat there;
    return ::fstat(fd.get(), &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev && mine.st_size == size;
  };
  return same(log_, LogPath(), log_size_) &&
         (!csv_problem_.empty() || same(csv_, CsvPath(), csv_position_.csv));
}

void ChangeLog::Remember(const std::string& seller, const std::string& effect_id) {
  std::string& last = last_[seller];
  last = std::max(last, effect_id);
  if (!kept_ids_.insert(effect_id).second) return;
  kept_.push_back({seller, effect_id});
  if (kept_.size() <= options_.window) return;
  std::string& floor = floor_[kept_.front().seller];
  floor = std::max(floor, kept_.front().effect_id);
  kept_ids_.erase(kept_.front().effect_id);
  kept_.pop_front();
}

Status ChangeLog::FindInLog(std::unordered_set<std::string>& ids,
                            std::unordered_set<std::string>& found) const {
  LineReader reader(log_.get(), 0);
  std::string_view line;
  while (!ids.empty() && reader.next_start() < log_size_ && reader.Next(line)) {
    const auto id = ids.find(EffectIdOf(line));
    if (id == ids.end()) continue;
    found.insert(*id);
    ids.erase(id);
  }
  if (reader.error() != 0) {
    return {Code::kUnavailable,
            LogPath().string() + " cannot be read (" + ErrorText(reader.error()) + ")"};
  }
  return Status::Ok();
}

Status ChangeLog::Append(const std::vector<Json>& records) {
  if (!open_ || !FilesAreOurs()) {
    if (Status status = Open(); !status.ok()) return status;
  }

  std::unordered_set<std::string> doubtful;
  std::unordered_set<std::string> repeats;
  for (const Json& record : records) {
    const std::string id = TextOf(record, "effect_id");
    if (kept_ids_.count(id) != 0) {
      repeats.insert(id);
    } else if (const auto floor = floor_.find(TextOf(record, "seller"));
               floor != floor_.end() && id <= floor->second) {
      doubtful.insert(id);
    }
  }
  if (!doubtful.empty()) {
    if (Status status = FindInLog(doubtful, repeats); !status.ok()) return status;
  }

  std::string lines;
  std::string rows;
  std::vector<const Json*> added;
  std::int64_t last_line = last_line_;
  for (const Json& record : records) {
    if (!repeats.insert(TextOf(record, "effect_id")).second) continue;  // Also within the call.
    last_line = log_size_ + static_cast<std::int64_t>(lines.size());
    const std::string line = ToLine(record);
    lines += line;
    lines += '\n';
    // From the line and not from the record, as it will be if it has to be made again.
    rows += ToCsvRow(Json::parse(line));
    added.push_back(&record);
  }
  if (added.empty()) return Status::Ok();

  if (!WriteAt(log_.get(), lines, log_size_) || !SyncData(log_.get())) {
    const int error = errno;
    // Some of the batch may be there. The next call opens again and looks at what is.
    open_ = false;
    return {Code::kUnavailable, LogPath().string() + " cannot be written (" + ErrorText(error) +
                                    "); free space or repair the disk"};
  }
  const bool csv_follows = csv_problem_.empty() && csv_position_.log == log_size_;
  log_size_ += static_cast<std::int64_t>(lines.size());
  last_line_ = last_line;
  for (const Json* record : added) {
    last_effect_id_ = TextOf(*record, "effect_id");
    Remember(TextOf(*record, "seller"), last_effect_id_);
  }

  if (csv_follows && WriteAt(csv_.get(), rows, csv_position_.csv)) {
    csv_position_ = {log_size_, csv_position_.csv + static_cast<std::int64_t>(rows.size())};
  } else {
    FollowWithCsv();
  }
  if (log_size_ - checkpoint_at_ >= options_.checkpoint_every) SaveCheckpoint();
  return Status::Ok();
}

}  // namespace aftersales::erps
