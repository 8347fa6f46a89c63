#include "core/plugins/value_store.h"

#include <sqlite3.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace aftersales::plugins {
namespace {

constexpr int kBusyMs = 5000;
constexpr int64_t kVersion = 1;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

void BindText(sqlite3_stmt* statement, int place, std::string_view text) {
  sqlite3_bind_text64(statement, place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void BindBlob(sqlite3_stmt* statement, int place, std::string_view bytes) {
  // A view of an empty string may carry no pointer, which SQLite would take for NULL.
  sqlite3_bind_blob64(statement, place, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
}

Statement Prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
  return Statement(statement);
}

// SQLITE_ROW, SQLITE_DONE or an error, also for a statement that could not be prepared.
int Step(sqlite3* database, const Statement& statement) {
  return statement == nullptr ? sqlite3_errcode(database) : sqlite3_step(statement.get());
}

}  // namespace

void ValueStore::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

ValueStore::ValueStore(std::filesystem::path directory) : file_(std::move(directory) / "kv.db") {}

ValueStore::~ValueStore() = default;

absl::Status ValueStore::Failure(int code) {
  const std::string problem =
      absl::StrCat("its store ", file_.string(), ": ",
                   database_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database_.get()));
  // What a plugin did to the file may be over at the next try, with the file put aside.
  database_.reset();
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:  // tables that are not ours
      return absl::DataLossError(
          absl::StrCat(problem, "; put the file aside, and the plugin begins with an empty one"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(problem, "; make room on the disk"));
    default:
      return absl::UnavailableError(problem);
  }
}

absl::Status ValueStore::Open() {
  if (database_ != nullptr) return absl::OkStatus();
  // The folder is the plugin's: a link in it must not lead to another database of the host.
  sqlite3* opened = nullptr;
  int code = sqlite3_open_v2(
      file_.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
      nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK) return Failure(code);
  sqlite3_busy_timeout(opened, kBusyMs);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  code = sqlite3_exec(opened,
                      "PRAGMA journal_mode = WAL;"
                      "PRAGMA synchronous = FULL;"
                      "BEGIN IMMEDIATE;"
                      "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value BLOB NOT NULL);"
                      "CREATE TABLE IF NOT EXISTS used (bytes INTEGER NOT NULL);"
                      "INSERT INTO used SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM used);",
                      nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  int64_t version = 0;
  {
    const Statement statement = Prepare(opened, "PRAGMA user_version");
    if (Step(opened, statement) == SQLITE_ROW) version = sqlite3_column_int64(statement.get(), 0);
  }
  if (version > kVersion) {
    database_.reset();
    return absl::FailedPreconditionError(absl::StrCat(
        "its store ", file_.string(), " is of a newer host (version ", version, "); use that one"));
  }
  code = sqlite3_exec(opened, absl::StrCat("PRAGMA user_version = ", kVersion, "; COMMIT").c_str(),
                      nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ValueStore::Get(std::string_view key) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  absl::MutexLock lock(&mu_);
  if (absl::Status status = Open(); !status.ok()) return status;
  int code;
  {
    const Statement statement = Prepare(database_.get(), "SELECT value FROM kv WHERE key = ?");
    if (statement != nullptr) BindText(statement.get(), 1, key);
    code = Step(database_.get(), statement);
    if (code == SQLITE_ROW) {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(statement.get(), 0));
      return std::string(data == nullptr ? "" : data,
                         static_cast<size_t>(sqlite3_column_bytes(statement.get(), 0)));
    }
  }
  if (code == SQLITE_DONE) {
    return absl::NotFoundError(
        absl::StrCat("there is no value for the key `", std::string(key), "`"));
  }
  return Failure(code);
}

absl::Status ValueStore::Put(std::string_view key, std::string_view value) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  if (absl::Status status = CheckValue(value); !status.ok()) return status;
  absl::MutexLock lock(&mu_);
  return Change(key, &value);
}

absl::Status ValueStore::Delete(std::string_view key) {
  if (absl::Status status = CheckKey(key); !status.ok()) return status;
  absl::MutexLock lock(&mu_);
  return Change(key, nullptr);
}

absl::Status ValueStore::Change(std::string_view key, const std::string_view* value) {
  if (absl::Status status = Open(); !status.ok()) return status;
  sqlite3* database = database_.get();
  int code = sqlite3_exec(database, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failure(code);
  absl::Cleanup rollback = [database] {
    sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
  };
  int64_t used = 0;
  {
    const Statement statement =
        Prepare(database,
                "SELECT bytes - coalesce((SELECT length(CAST(key AS BLOB)) + length(value) FROM kv "
                "WHERE key = ?), 0) FROM used");
    if (statement != nullptr) BindText(statement.get(), 1, key);
    code = Step(database, statement);
    if (code == SQLITE_ROW) used = sqlite3_column_int64(statement.get(), 0);
  }
  if (code == SQLITE_ROW && value != nullptr) {
    used += static_cast<int64_t>(key.size() + value->size());
    if (used > kTotalBytesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("its store would have ", used, " bytes; at most ", kTotalBytesMax,
                       " are kept: delete what is no longer needed"));
    }
  }
  if (code == SQLITE_ROW) {
    const Statement statement =
        Prepare(database, value == nullptr ? "DELETE FROM kv WHERE key = ?"
                                           : "INSERT INTO kv VALUES (?, ?) ON CONFLICT (key) "
                                             "DO UPDATE SET value = excluded.value");
    if (statement != nullptr) {
      BindText(statement.get(), 1, key);
      if (value != nullptr) BindBlob(statement.get(), 2, *value);
    }
    code = Step(database, statement);
  }
  if (code == SQLITE_DONE) {
    const Statement statement = Prepare(database, "UPDATE used SET bytes = ?");
    if (statement != nullptr) sqlite3_bind_int64(statement.get(), 1, used);
    code = Step(database, statement);
  }
  if (code == SQLITE_DONE) {
    code = sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
    if (code == SQLITE_OK) {
      std::move(rollback).Cancel();
      return absl::OkStatus();
    }
  }
  std::move(rollback).Invoke();
  return Failure(code);
}

}  // namespace aftersales::plugins
