// One statement on its way in: bytes to rows, rows to lines in the store.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aftersales/v1/reconcile_service.pb.h"
#include "core/domain/statement_reader.h"
#include "core/engine/engine.h"

namespace aftersales::engine {

// Runs on the thread that feeds it. Memory does not grow with the file, but for a few bytes a row.
class StatementImport {
 public:
  // Checks the header. NOT_FOUND for a seller that has no channel yet.
  static absl::StatusOr<std::unique_ptr<StatementImport>> Begin(
      Engine& engine, v1::Actor actor, v1::BankLine::Source source,
      const v1::ImportStatementHeader& header);

  // The next bytes of the file. After an error nothing more may be fed.
  absl::Status Feed(std::string_view bytes);
  // The end of the file: what became of it.
  absl::StatusOr<v1::ImportStatementResponse> Finish();
  // A refusal that ends the import, with what was stored before it.
  absl::Status Ended(const absl::Status& refusal) const;

 private:
  StatementImport(Engine& engine, v1::Actor actor, std::string seller, v1::BankLine::Source source,
                  const v1::ImportStatementHeader& header);
  absl::Status Take(bool final);
  absl::Status Store(std::vector<StatementRow> rows);
  v1::BankLine LineOf(StatementRow row);
  void AddProblem(v1::ImportProblem problem);

  Engine& engine_;
  const v1::Actor actor_;
  const std::string seller_;
  const v1::BankLine::Source source_;
  const v1::ImportStatementHeader header_;
  StatementReader reader_;
  std::vector<StatementRow> waiting_;
  // How often a row was in the file already: two rows that say the same are two lines.
  std::map<std::string, int> seen_;
  std::map<std::string, int64_t> sums_;
  v1::ImportStatementResponse response_;
};

}  // namespace aftersales::engine
