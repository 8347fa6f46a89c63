// Rows of resources: the columns that they are found by, and their body.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "core/store/sqlite/connection.h"

namespace aftersales::store::sqlite {

// One row to be stored, whose key is (seller, id) of the resource's name. Text is borrowed until it
// is.
class Row {
 public:
  explicit Row(std::string_view table) : table_(table) {}

  Row& Set(std::string_view column, std::string_view text) { return Add(column, text); }
  Row& Set(std::string_view column, int64_t value) { return Add(column, value); }
  Row& Set(std::string_view column, std::optional<int64_t> value) {
    return value ? Add(column, *value) : Add(column, std::monostate());
  }

  void Store(Connection& db, std::string_view name, bool created, std::string_view body);

 private:
  using Value = std::variant<std::monostate, int64_t, std::string_view>;
  struct Column {
    std::string_view name;
    Value value;
  };
  Row& Add(std::string_view column, Value value) {
    columns_.at(size_++) = {column, value};
    return *this;
  }
  void Insert(Connection& db, std::string_view seller, std::string_view id, std::string_view body);
  void Update(Connection& db, std::string_view seller, std::string_view id, std::string_view body);
  static bool Same(const Statement& row, int at, const Value& value);
  static void Bind(Statement& statement, const Value& value);

  const std::string_view table_;
  std::array<Column, 16> columns_;
  size_t size_ = 0;
};

}  // namespace aftersales::store::sqlite
