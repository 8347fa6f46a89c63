// SQLite, thinly: a connection with a cache of prepared statements.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/status/text.h"
#include "core/store/sqlite/packing.h"

namespace aftersales::store::sqlite {

class Connection;

// A prepared statement in use. Reset, with its bindings cleared, when it goes out of scope. Bound
// text and blobs are borrowed until then.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* handle, Connection* connection)
      : handle_(handle), connection_(connection) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& Bind(int64_t value);
  Statement& Bind(std::optional<int64_t> value);
  Statement& Bind(std::string_view text);
  Statement& BindBlob(std::string_view bytes);
  // Packed; one in a statement.
  Statement& BindBody(std::string_view body);

  // Steps to the next row: true while there is one.
  bool Next();
  // Runs a statement that gives no rows.
  void Run();

  int64_t Int(int column) const { return sqlite3_column_int64(handle_, column); }
  bool IsNull(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
  // View of text or blob, valid until the next step.
  std::string_view Bytes(int column) const;
  // What BindBody stored, valid until the next one is read from the connection.
  std::string_view Body(int column) const;
  std::string Text(int column) const { return std::string(Bytes(column)); }

 private:
  sqlite3_stmt* handle_;
  Connection* connection_;
  int bound_ = 0;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  Connection(const std::string& path, Mode mode);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // A statement by its text, prepared once. One text may not be in use twice at the same time.
  Statement Prepare(std::string_view sql) { return Statement(Handle(sql), this); }
  sqlite3_stmt* Handle(std::string_view sql);
  // Runs statements without parameters.
  void Execute(const char* sql);
  sqlite3* handle() { return handle_.get(); }

  // Called before every statement that writes; crash tests kill the process here.
  std::function<void()> before_write;

  // With the samples of this database.
  Packing& packing();

  [[noreturn]] void Fail(std::string_view doing) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
  std::unique_ptr<Packing> packing_;
  std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements_;
};

}  // namespace aftersales::store::sqlite
