#include "core/store/sqlite/sqlite_store.h"

#include <pthread.h>
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/status/refusal.h"
#include "core/status/text.h"
#include "core/store/sqlite/connection.h"
#include "core/store/sqlite/schema.h"
#include "core/store/sqlite/session.h"

namespace aftersales::store::sqlite {
namespace {

absl::Status Busy() {
  return Refuse(absl::StatusCode::kResourceExhausted, "BUSY",
                "too much work is waiting; try again in a moment")
      .RetryAfter(absl::Milliseconds(200));
}

absl::Status Stopping() {
  return Refuse(absl::StatusCode::kUnavailable, "STOPPING", "the host is stopping; try again")
      .RetryAfter(absl::Seconds(1));
}

absl::Status StorageFailure(std::string_view what) {
  return Refuse(absl::StatusCode::kInternal, "STORAGE_FAILURE", Cat("nothing was changed: ", what));
}

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(Options options)
      : options_(std::move(options)),
        writer_(options_.path, Connection::Mode::kReadWrite),
        session_(&writer_) {
    writer_.Execute(kWriterPragmas);
    Migrate(writer_);
    {
      Statement s = writer_.Prepare("SELECT value FROM meta WHERE key = 'secret'");
      if (s.Next()) secret_ = s.Text(0);
    }
    writer_.before_write = options_.before_write;
    here_ = std::make_unique<ReadConnection>(options_.path);
    teller_ = std::thread([this] { TellLoop(); });
    threads_.emplace_back([this] { WriteLoop(); });
    for (int i = 0; i < options_.readers; ++i) {
      threads_.emplace_back([this] { ReadLoop(); });
    }
  }

  ~SqliteStore() override { Stop(); }

  absl::Status Submit(WriteWork work, WriteDone done) override {
    {
      std::lock_guard lock(write_mutex_);
      if (stopping_) return Stopping();
      if (static_cast<int>(writes_.size()) >= options_.queue_limit) return Busy();
      writes_.push_back({std::move(work), std::move(done)});
      if (!writer_waits_) return absl::OkStatus();
      writer_waits_ = false;
    }
    write_wake_.notify_one();
    return absl::OkStatus();
  }

  absl::Status Read(std::function<void(Reader&)> work,
                    std::function<void(const absl::Status&)> failed) override {
    {
      std::lock_guard lock(read_mutex_);
      if (stop_reading_) return Stopping();
      if (static_cast<int>(reads_.size()) >= options_.queue_limit) return Busy();
      reads_.push_back({std::move(work), std::move(failed)});
    }
    read_wake_.notify_one();
    return absl::OkStatus();
  }

  void ReadHere(const std::function<void(Reader&)>& work) override {
    std::lock_guard lock(here_mutex_);
    here_->Run(work);
  }

  void OnCommit(std::function<void()> listener) override {
    std::lock_guard lock(listener_mutex_);
    listeners_.push_back(std::move(listener));
  }

  const std::string& Secret() const override { return secret_; }

  void Stop() override {
    {
      std::lock_guard lock(write_mutex_);
      stopping_ = true;
      writer_waits_ = false;
    }
    {
      std::lock_guard lock(read_mutex_);
      stop_reading_ = true;
    }
    write_wake_.notify_all();
    read_wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    {
      std::lock_guard lock(told_mutex_);
      told_all_ = true;  // the writer has ended: nothing more comes
    }
    told_wake_.notify_all();
    if (teller_.joinable()) teller_.join();
  }

 private:
  struct Write {
    WriteWork work;
    WriteDone done;
    absl::Status result = absl::OkStatus();
  };
  struct PendingRead {
    std::function<void(Reader&)> work;
    std::function<void(const absl::Status&)> failed;
  };
  // A connection that only reads, with one transaction around each piece of work, so that what it
  // sees fits together.
  struct ReadConnection {
    explicit ReadConnection(const std::filesystem::path& path)
        : connection(path, Connection::Mode::kReadOnly), session(&connection) {}
    void Run(const std::function<void(Reader&)>& work) {
      connection.Execute("BEGIN");
      try {
        work(session);
      } catch (...) {
        connection.Execute("ROLLBACK");
        throw;
      }
      try {
        connection.Execute("COMMIT");
      } catch (const Error&) {
        // The work has answered by now. Without the transaction the next read begins afresh.
        sqlite3_exec(connection.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
      }
    }
    Connection connection;
    Session session;
  };

  void WriteLoop() {
    pthread_setname_np(pthread_self(), "store-writer");
    std::vector<Write> batch;
    while (true) {
      {
        std::unique_lock lock(write_mutex_);
        while (writes_.empty() && !stopping_) {
          writer_waits_ = true;
          write_wake_.wait(lock);
        }
        if (writes_.empty()) break;
        while (!writes_.empty() && static_cast<int>(batch.size()) < options_.batch_limit) {
          batch.push_back(std::move(writes_.front()));
          writes_.pop_front();
        }
      }
      bool news = false;
      if (CommitBatch(batch, &news)) {
        Tell(std::exchange(batch, {}));
      } else {
        // Here, before anything else is run: what the callers hold of the lost batch is not true.
        for (Write& write : batch) write.done(write.result);
        batch.clear();
      }
      if (news) {
        std::lock_guard lock(listener_mutex_);
        for (const auto& listener : listeners_) listener();
      }
    }
    try {
      writer_.Execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (const Error&) {
      // The log is replayed at the next start; nothing is lost.
    }
  }

  // Hands a committed batch over to be told of. Answers take about as long as the commands
  // themselves, and the next batch need not wait for them.
  void Tell(std::vector<Write> batch) {
    {
      std::unique_lock lock(told_mutex_);
      told_room_.wait(lock, [this] { return told_.size() < kBatchesUntold; });
      told_.push_back(std::move(batch));
    }
    told_wake_.notify_one();
  }

  void TellLoop() {
    pthread_setname_np(pthread_self(), "store-answers");
    while (true) {
      std::vector<Write> batch;
      {
        std::unique_lock lock(told_mutex_);
        told_wake_.wait(lock, [this] { return told_all_ || !told_.empty(); });
        if (told_.empty()) return;
        batch = std::move(told_.front());
        told_.pop_front();
      }
      told_room_.notify_one();
      for (Write& write : batch) write.done(write.result);
    }
  }

  // False when nothing of the batch was stored.
  bool CommitBatch(std::vector<Write>& batch, bool* news) {
    try {
      writer_.Execute("BEGIN IMMEDIATE");
      for (Write& write : batch) {
        session_.BeginWork();
        bool keep = false;
        try {
          keep = write.work(session_);
        } catch (const Error&) {
          throw;  // the storage itself: nothing of the batch can be trusted
        } catch (const std::exception& e) {
          write.result = Refuse(absl::StatusCode::kInternal, "INTERNAL", e.what());
        }
        keep ? session_.KeepWork() : session_.UndoWork();
      }
      session_.FlushCounters();
      if (writer_.before_write) writer_.before_write();
      writer_.Execute("COMMIT");
      *news = session_.TakeNews();
      return true;
    } catch (const Error& e) {
      if (sqlite3_get_autocommit(writer_.handle()) == 0) {
        sqlite3_exec(writer_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
      }
      session_.Forget();
      for (Write& write : batch) write.result = StorageFailure(e.what());
      return false;
    }
  }

  void ReadLoop() {
    pthread_setname_np(pthread_self(), "store-reader");
    ReadConnection connection(options_.path);
    while (true) {
      PendingRead read;
      {
        std::unique_lock lock(read_mutex_);
        read_wake_.wait(lock, [this] { return stop_reading_ || !reads_.empty(); });
        if (reads_.empty()) return;
        read = std::move(reads_.front());
        reads_.pop_front();
      }
      try {
        connection.Run(read.work);
      } catch (const std::exception& e) {
        read.failed(StorageFailure(e.what()));
      }
    }
  }

  const Options options_;
  Connection writer_;
  Session session_;
  std::string secret_;

  std::mutex write_mutex_;
  std::condition_variable write_wake_;
  std::deque<Write> writes_;
  bool writer_waits_ = false;
  bool stopping_ = false;

  // Committed batches whose callers do not know it yet.
  static constexpr size_t kBatchesUntold = 4;
  std::mutex told_mutex_;
  std::condition_variable told_wake_;
  std::condition_variable told_room_;
  std::deque<std::vector<Write>> told_;
  bool told_all_ = false;

  std::mutex read_mutex_;
  std::condition_variable read_wake_;
  std::deque<PendingRead> reads_;
  bool stop_reading_ = false;

  std::mutex here_mutex_;
  std::unique_ptr<ReadConnection> here_;

  std::mutex listener_mutex_;
  std::vector<std::function<void()>> listeners_;

  std::vector<std::thread> threads_;
  std::thread teller_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Open(Options options) {
  try {
    return std::make_unique<SqliteStore>(std::move(options));
  } catch (const Error& e) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "STORE_UNUSABLE", e.what());
  }
}

}  // namespace aftersales::store::sqlite
