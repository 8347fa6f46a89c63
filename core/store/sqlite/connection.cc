#include "core/store/sqlite/connection.h"

#include "core/status/text.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {

Statement::~Statement() {
  if (handle_ == nullptr) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

Statement& Statement::Bind(int64_t value) {
  sqlite3_bind_int64(handle_, ++bound_, value);
  return *this;
}

Statement& Statement::Bind(std::optional<int64_t> value) {
  if (value) return Bind(*value);
  sqlite3_bind_null(handle_, ++bound_);
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  // A view of an empty string may carry no pointer, which SQLite would take for NULL.
  sqlite3_bind_text64(handle_, ++bound_, text.data() == nullptr ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::BindBlob(std::string_view bytes) {
  sqlite3_bind_blob64(handle_, ++bound_, bytes.data() == nullptr ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Statement& Statement::BindBody(std::string_view body) {
  return BindBlob(connection_->packing().Pack(body));
}

bool Statement::Next() {
  const int rc = sqlite3_step(handle_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  connection_->Fail(sqlite3_sql(handle_));
}

void Statement::Run() {
  if (connection_->before_write) connection_->before_write();
  while (Next()) {
  }
}

std::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(handle_, column);
  return {static_cast<const char*>(data),
          static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}

std::string_view Statement::Body(int column) const {
  return connection_->packing().Unpack(Bytes(column));
}

Connection::Connection(const std::string& path, Mode mode) {
  // Nobody reads what SQLite counts of its memory, which takes a lock every time.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(uncounted);
  const int flags = (mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY
                                             : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX;
  sqlite3* opened = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &opened, flags, nullptr);
  handle_.reset(opened);  // also of a failed open, which has the reason
  if (rc != SQLITE_OK) {
    throw Error(Cat("cannot open the database ", path, ": ",
                    opened != nullptr ? sqlite3_errmsg(opened) : "out of memory"));
  }
  sqlite3_extended_result_codes(opened, 1);
  sqlite3_busy_timeout(opened, 10'000);
  Execute(
      "PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
      "PRAGMA cache_size=-32768; PRAGMA mmap_size=268435456");
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
}

sqlite3_stmt* Connection::Handle(std::string_view sql) {
  if (auto found = statements_.find(sql); found != statements_.end()) {
    return found->second;
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    Fail(sql);
  }
  statements_.emplace(std::string(sql), statement);
  return statement;
}

Packing& Connection::packing() {
  if (!packing_) {
    Statement samples = Prepare("SELECT value FROM meta WHERE key = 'samples'");
    if (!samples.Next()) throw Error("storage: the database has no samples to unpack with");
    packing_ = std::make_unique<Packing>(samples.Bytes(0));
  }
  return *packing_;
}

void Connection::Execute(const char* sql) {
  char* message = nullptr;
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, &message) != SQLITE_OK) {
    const std::string why = message != nullptr ? message : "unknown";
    sqlite3_free(message);
    throw Error(Cat("storage: ", why, " in: ", sql));
  }
}

void Connection::Fail(std::string_view doing) const {
  throw Error(Cat("storage: ", sqlite3_errmsg(handle_.get()), " (code ",
                  sqlite3_extended_errcode(handle_.get()), ") in: ", doing));
}

}  // namespace aftersales::store::sqlite
