// A large returns file through ImportReport, against raw SQLite.
//
// The reference inserts the very rows that the import has made, of the tables `returns` and
// `events`, all columns, into a database with the same schema and the same settings, as many in
// one transaction, with prepared statements on one thread. It parses nothing, looks nothing up,
// folds nothing and serializes nothing.
#include "tests/bench/import_bench.h"

#include <chrono>
#include <fstream>
#include <variant>

#include "absl/strings/str_format.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "core/status/text.h"
#include "core/store/sqlite/connection.h"
#include "core/store/sqlite/schema.h"
#include "core/store/sqlite/sqlite_store.h"
#include "tests/bench/bench.h"
#include "tests/bench/bench_host.h"
#include "tests/bench/child_host.h"
#include "tests/bench/report_file.h"

namespace aftersales::bench {
namespace {

namespace fs = std::filesystem;
namespace sqlite = store::sqlite;
using Seconds = std::chrono::duration<double>;

constexpr int kBatch = 500;  // records in one transaction, as the import has them

absl::Time Today() {
  return absl::FromCivil(absl::CivilSecond(2026, 3, 10, 8), absl::UTCTimeZone());
}

// Any column, copied out of its row.
using Value = std::variant<std::monostate, int64_t, std::string, std::vector<char>>;
using Row = std::vector<Value>;

Row ReadRow(sqlite3_stmt* statement) {
  Row row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
    const int size = sqlite3_column_bytes(statement, i);
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_INTEGER:
        row.emplace_back(sqlite3_column_int64(statement, i));
        break;
      case SQLITE_TEXT:
        row.emplace_back(bytes == nullptr ? std::string() : std::string(bytes, size));
        break;
      case SQLITE_BLOB:
        row.emplace_back(std::vector<char>(bytes, bytes + size));
        break;
      default:
        row.emplace_back();
    }
  }
  return row;
}

void Insert(sqlite::Connection& db, std::string_view sql, const Row& row) {
  sqlite::Statement statement = db.Prepare(sql);
  for (const Value& value : row) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      statement.Bind(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      statement.Bind(std::string_view(*text));
    } else if (const auto* blob = std::get_if<std::vector<char>>(&value)) {
      statement.BindBlob({blob->data(), blob->size()});
    } else {
      statement.Bind(std::optional<int64_t>());
    }
  }
  statement.Run();
}

// One table of the finished database, read in the order of its key, which is that of writing.
class Table {
 public:
  Table(sqlite::Connection& from, const std::string& name)
      : rows_(from.Handle("SELECT * FROM " + name)) {
    insert_ = Cat("INSERT INTO ", name, " VALUES (?");
    for (int i = 1; i < sqlite3_column_count(rows_); ++i) insert_ += ", ?";
    insert_ += ")";
    sqlite::Statement count = from.Prepare("SELECT count(*) FROM " + name);
    if (count.Next()) count_ = count.Int(0);
  }
  int64_t count() const { return count_; }
  const std::string& insert() const { return insert_; }
  std::vector<Row> Read(int64_t limit) {
    std::vector<Row> rows;
    while (static_cast<int64_t>(rows.size()) < limit && sqlite3_step(rows_) == SQLITE_ROW) {
      rows.push_back(ReadRow(rows_));
    }
    return rows;
  }

 private:
  sqlite3_stmt* rows_;
  std::string insert_;
  int64_t count_ = 0;
};

// Seconds that SQLite takes to insert the rows of `finished`.
double InsertAgain(const fs::path& finished, const fs::path& fresh) {
  sqlite::Connection from(finished.string(), sqlite::Connection::Mode::kReadOnly);
  sqlite::Connection to(fresh.string(), sqlite::Connection::Mode::kReadWrite);
  to.Execute(sqlite::kWriterPragmas);
  sqlite::Migrate(to);
  Table returns(from, "returns");
  Table events(from, "events");
  Seconds spent{0};
  // Reading is not measured, and not mixed with what is.
  constexpr int64_t kHeld = 40 * kBatch;
  int64_t events_read = 0;
  for (int64_t done = 0; done < returns.count(); done += kHeld) {
    const std::vector<Row> some = returns.Read(kHeld);
    const int64_t events_due =
        events.count() * std::min(returns.count(), done + kHeld) / returns.count();
    const std::vector<Row> facts = events.Read(events_due - events_read);
    events_read = events_due;
    const auto begin = std::chrono::steady_clock::now();
    size_t fact = 0;
    for (size_t i = 0; i < some.size(); i += kBatch) {
      const size_t end = std::min(some.size(), i + kBatch);
      to.Execute("BEGIN IMMEDIATE");
      for (size_t k = i; k < end; ++k) {
        // A return and its events by turns, as the import has them.
        for (; fact < facts.size() * (k + 1) / some.size(); ++fact) {
          Insert(to, events.insert(), facts[fact]);
        }
        Insert(to, returns.insert(), some[k]);
      }
      to.Execute("COMMIT");
    }
    spent += std::chrono::steady_clock::now() - begin;
  }
  return spent.count();
}

}  // namespace

absl::StatusOr<v1::ImportReportResponse> ImportFile(
    const std::shared_ptr<grpc::Channel>& connection, const std::string& channel_id,
    const fs::path& file) {
  const auto stub = v1::ChannelService::NewStub(connection);
  grpc::ClientContext context;
  v1::ImportReportResponse response;
  auto writer = stub->ImportReport(&context, &response);
  v1::ImportReportRequest message;
  message.mutable_header()->set_channel(Cat(kSeller, "/channels/", channel_id));
  message.mutable_header()->set_file_name(file.filename().string());
  bool open = writer->Write(message);
  std::ifstream in(file, std::ios::binary);
  while (open && in) {
    std::string* chunk = message.mutable_chunk();
    chunk->resize(256 * 1024);
    in.read(chunk->data(), static_cast<std::streamsize>(chunk->size()));
    chunk->resize(in.gcount());
    open = chunk->empty() || writer->Write(message);
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  return response;
}

absl::Status BenchImport(const Options& options, Figures* figures) {
  const Workspace workspace(options.directory);
  const fs::path file = workspace.path() / "returns.txt";
  ReportShape shape;
  shape.rows = options.quick ? 2000 : 1'000'000;
  shape.now = Today();
  const int64_t bytes = WriteReturnsReport(file, shape);
  const fs::path data = workspace.path() / "host";
  double seconds = 0;
  ChildHost::Spent cost;
  v1::ImportReportResponse response;
  {
    ChildHost process(data, Today());
    auto address = process.AwaitAddress();
    if (!address.ok()) return address.status();
    const auto connection = Connect(*address, 1).front();
    if (absl::Status s = BindChannel(connection, "us", "amazon-reports"); !s.ok()) return s;
    const auto begin = std::chrono::steady_clock::now();
    auto imported = ImportFile(connection, "us", file);
    seconds = Seconds(std::chrono::steady_clock::now() - begin).count();
    if (!imported.ok()) return imported.status();
    response = *std::move(imported);
    auto spent = process.Stop();
    if (!spent.ok()) return spent.status();
    cost = *spent;
  }
  int64_t created = 0;
  for (const v1::ImportCount& count : response.counts()) created += count.created();
  if (response.row_count() != shape.rows || created < shape.rows * 9 / 10) {
    return absl::InternalError(
        Cat("of ", shape.rows, " rows ", response.row_count(), " were read, ", created,
            " returns made, ", response.skipped_count(), " rows skipped; the first problem: ",
            response.problems().empty() ? std::string("none") : response.problems(0).message()));
  }
  const double reference = InsertAgain(data / "aftersales.db", workspace.path() / "reference.db");
  const auto rows = static_cast<double>(shape.rows);
  absl::PrintF(
      "\nImport of %d returns, %d bytes a row, into an empty host, orders not known to it\n"
      "  import     %8.1f s  %8.0f rows/s  peak memory of the host %.0f MB\n"
      "  reference  %8.1f s  %8.0f rows/s  the same rows of returns and events, raw SQLite\n"
      "  ratio      %8.3f\n"
      "  %d created, %d rows skipped, %d problems. CPU of the host %.1f s, of which its "
      "writer %.1f s (%.1f us a row).\n",
      shape.rows, bytes / shape.rows, seconds, rows / seconds, cost.peak_megabytes, reference,
      rows / reference, reference / seconds, created, response.skipped_count(),
      response.problem_count(), cost.cpu, cost.writer, 1e6 * cost.writer / rows);
  figures->Set("import_vs_sqlite", reference / seconds);
  figures->Set("import_peak_mb", cost.peak_megabytes);
  figures->Set("import_rows_per_s", rows / seconds);
  figures->Set("import_reference_rows_per_s", rows / reference);
  figures->Set("import_writer_share", cost.writer / seconds);
  return absl::OkStatus();
}

}  // namespace aftersales::bench
