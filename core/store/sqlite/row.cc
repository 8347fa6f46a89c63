#include "core/store/sqlite/row.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/domain/resource_names.h"
#include "core/status/text.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {

bool Row::Same(const Statement& row, int at, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return row.IsNull(at);
  if (row.IsNull(at)) return false;
  if (const auto* number = std::get_if<int64_t>(&value)) return row.Int(at) == *number;
  return row.Bytes(at) == std::get<std::string_view>(value);
}

void Row::Bind(Statement& statement, const Value& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    statement.Bind(*number);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    statement.Bind(*text);
  } else {
    statement.Bind(std::optional<int64_t>());
  }
}

void Row::Store(Connection& db, std::string_view name, bool created, std::string_view body) {
  const names::Name at = names::Split(name);
  created ? Insert(db, at.seller, at.id, body) : Update(db, at.seller, at.id, body);
}

void Row::Insert(Connection& db, std::string_view seller, std::string_view id,
                 std::string_view body) {
  std::string sql = Cat("INSERT INTO ", table_, " (body, seller, id");
  std::string values = "(?, ?, ?";
  for (size_t i = 0; i < size_; ++i) {
    absl::StrAppend(&sql, ", ", View(columns_[i].name));
    values += ", ?";
  }
  Statement insert = db.Prepare(Cat(sql, ") VALUES ", values, ")"));
  insert.BindBody(body).Bind(seller).Bind(id);
  for (size_t i = 0; i < size_; ++i) Bind(insert, columns_[i].value);
  insert.Run();
}

// Writes the body, and those columns alone that are another than before: SQLite renews the entry in
// every index of a column that is written, whether it changes or not, and most changes of a
// resource change none.
void Row::Update(Connection& db, std::string_view seller, std::string_view id,
                 std::string_view body) {
  std::string names;
  for (size_t i = 0; i < size_; ++i) {
    absl::StrAppend(&names, i == 0 ? "" : ", ", View(columns_[i].name));
  }
  std::array<bool, std::tuple_size_v<decltype(columns_)>> same{};
  {
    Statement before =
        db.Prepare(Cat("SELECT ", names, " FROM ", table_, " WHERE seller = ? AND id = ?"));
    before.Bind(seller).Bind(id);
    if (!before.Next()) throw Error(Cat("storage: no ", id, " in ", table_, " to be changed"));
    for (size_t i = 0; i < size_; ++i) {
      same[i] = Same(before, static_cast<int>(i), columns_[i].value);
    }
  }
  std::string sql = Cat("UPDATE ", table_, " SET body = ?");
  for (size_t i = 0; i < size_; ++i) {
    if (!same[i]) absl::StrAppend(&sql, ", ", View(columns_[i].name), " = ?");
  }
  sql += " WHERE seller = ? AND id = ?";
  Statement update = db.Prepare(sql);
  update.BindBody(body);
  for (size_t i = 0; i < size_; ++i) {
    if (!same[i]) Bind(update, columns_[i].value);
  }
  update.Bind(seller).Bind(id).Run();
}

}  // namespace aftersales::store::sqlite
