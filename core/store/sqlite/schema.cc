#include "core/store/sqlite/schema.h"

#include <iterator>

#include "core/status/text.h"
#include "core/store/sqlite/packing.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {
namespace {

// The seller is the first column of every key. Bodies are serialized messages; the columns beside
// them are what is filtered, sorted or joined. Tables are WITHOUT ROWID because their keys are the
// order in which they are read, and a row then costs one B-tree less. Partial indices keep the
// queue and the metric lists as small as what is in them.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sellers (
  seller TEXT PRIMARY KEY,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE channels (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  external_id TEXT NOT NULL,
  fulfillment INTEGER NOT NULL,
  placed_at INTEGER NOT NULL,
  placed_day INTEGER,
  defective INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  late INTEGER NOT NULL,
  due_at INTEGER,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX orders_external ON orders (seller, external_id, channel);
CREATE INDEX orders_placed ON orders (seller, placed_at, id);
CREATE INDEX orders_metric ON orders (seller, channel, fulfillment, placed_day, id);
CREATE INDEX orders_defective ON orders (seller, channel, fulfillment, placed_day, id)
  WHERE defective = 1;
CREATE INDEX orders_late ON orders (seller, channel, fulfillment, placed_day, id) WHERE late = 1;
CREATE INDEX orders_due ON orders (seller, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX orders_channel_due ON orders (seller, channel, due_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE returns (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  external_id TEXT NOT NULL,
  rma TEXT NOT NULL,
  order_id TEXT NOT NULL,
  order_external_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  fulfillment INTEGER NOT NULL,
  due_at INTEGER,
  due_kind INTEGER,
  clock_at INTEGER,
  response INTEGER,
  response_day INTEGER,
  response_due INTEGER,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX returns_external ON returns (seller, channel, external_id)
  WHERE external_id <> '';
CREATE INDEX returns_rma ON returns (seller, rma) WHERE rma <> '';
CREATE INDEX returns_order ON returns (seller, order_external_id);
CREATE INDEX returns_status ON returns (seller, status, id);
CREATE INDEX returns_due ON returns (seller, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX returns_channel_due ON returns (seller, channel, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX returns_clock ON returns (clock_at) WHERE clock_at IS NOT NULL;
CREATE INDEX returns_response
  ON returns (seller, channel, fulfillment, response_day, id, response, response_due)
  WHERE response IS NOT NULL;

CREATE TABLE refunds (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  external_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  return_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  due_at INTEGER,
  due_kind INTEGER,
  paid_day INTEGER,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_paid ON refunds (seller, paid_day, id) WHERE paid_day IS NOT NULL;
CREATE UNIQUE INDEX refunds_external ON refunds (seller, external_id, channel)
  WHERE external_id <> '';
CREATE INDEX refunds_order ON refunds (seller, order_id, id);
CREATE INDEX refunds_return ON refunds (seller, return_id, id) WHERE return_id <> '';
CREATE INDEX refunds_status ON refunds (seller, status, id);
CREATE INDEX refunds_channel ON refunds (seller, channel, id);
CREATE INDEX refunds_due ON refunds (seller, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX refunds_channel_due ON refunds (seller, channel, due_at, id) WHERE due_at IS NOT NULL;

CREATE TABLE exchanges (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  order_id TEXT NOT NULL,
  replacement_order_id TEXT NOT NULL,
  return_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  due_at INTEGER,
  due_kind INTEGER,
  clock_at INTEGER,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanges_order ON exchanges (seller, order_id, id);
CREATE INDEX exchanges_replacement ON exchanges (seller, replacement_order_id, id)
  WHERE replacement_order_id <> '';
CREATE INDEX exchanges_return ON exchanges (seller, return_id, id);
CREATE INDEX exchanges_status ON exchanges (seller, status, id);
CREATE INDEX exchanges_channel ON exchanges (seller, channel, id);
CREATE INDEX exchanges_due ON exchanges (seller, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX exchanges_channel_due ON exchanges (seller, channel, due_at, id)
  WHERE due_at IS NOT NULL;
CREATE INDEX exchanges_clock ON exchanges (clock_at) WHERE clock_at IS NOT NULL;

CREATE TABLE stock_levels (
  seller TEXT NOT NULL,
  sku TEXT NOT NULL,
  location TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, sku, location)
) STRICT, WITHOUT ROWID;

CREATE TABLE shipments (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  channel TEXT NOT NULL,
  order_external_id TEXT NOT NULL,
  tracking_number TEXT NOT NULL,
  fulfillment INTEGER NOT NULL,
  validity INTEGER NOT NULL,
  category TEXT NOT NULL,
  confirmed_day INTEGER,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX shipments_order ON shipments (seller, order_external_id);
CREATE INDEX shipments_number ON shipments (seller, tracking_number) WHERE tracking_number <> '';
CREATE INDEX shipments_validity ON shipments (seller, validity, id);
CREATE INDEX shipments_metric ON shipments (seller, channel, fulfillment, confirmed_day, id);

CREATE TABLE events (
  seller TEXT NOT NULL,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_changes (
  seller TEXT NOT NULL,
  channel TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (seller, channel, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
  seller TEXT NOT NULL,
  request_id TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  response BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (seller, request_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  seller TEXT NOT NULL,
  channel TEXT NOT NULL,
  fulfillment INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  day INTEGER NOT NULL,
  category TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (seller, channel, fulfillment, counter, day, category)
) STRICT, WITHOUT ROWID;

CREATE TABLE effects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  seller TEXT NOT NULL,
  effect_id TEXT NOT NULL,
  plugin TEXT NOT NULL,
  method TEXT NOT NULL,
  subject TEXT NOT NULL,
  premise TEXT NOT NULL,
  state INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  last_error TEXT NOT NULL
) STRICT;
CREATE INDEX effects_due ON effects (due_at, seq) WHERE state IN (0, 2);
CREATE INDEX effects_subject ON effects (subject, seq);

CREATE TABLE feed_cursors (
  seller TEXT NOT NULL,
  plugin TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (seller, plugin)
) STRICT, WITHOUT ROWID;

CREATE TABLE pull_cursors (
  seller TEXT NOT NULL,
  plugin TEXT NOT NULL,
  cursor TEXT NOT NULL,
  PRIMARY KEY (seller, plugin)
) STRICT, WITHOUT ROWID;

CREATE TABLE bank_lines (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  source INTEGER NOT NULL,
  state INTEGER NOT NULL,
  booked_day INTEGER NOT NULL,
  reference TEXT NOT NULL,
  settlement TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX bank_lines_day ON bank_lines (seller, booked_day, id);
CREATE INDEX bank_lines_state ON bank_lines (seller, state, booked_day, id);
CREATE INDEX bank_lines_reference ON bank_lines (seller, reference, booked_day, id)
  WHERE reference <> '';
CREATE INDEX bank_lines_settlement ON bank_lines (seller, settlement, booked_day, id)
  WHERE settlement <> '';

CREATE TABLE bank_matches (
  seller TEXT NOT NULL,
  subject TEXT NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (seller, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE payouts (
  seller TEXT NOT NULL,
  id TEXT NOT NULL,
  settlement TEXT NOT NULL,
  latest_day INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX payouts_day ON payouts (seller, latest_day, id);
CREATE INDEX payouts_settlement ON payouts (seller, settlement);

INSERT INTO meta VALUES ('secret', randomblob(32));
)sql",
};

// By which a schema is known again.
std::string SumOf(const char* migration) { return Cat(absl::Hex(Fingerprint(migration))); }

}  // namespace

void Migrate(Connection& connection) {
  int64_t version = 0;
  {
    Statement statement = connection.Prepare("PRAGMA user_version");
    if (statement.Next()) version = statement.Int(0);
  }
  const auto newest = static_cast<int64_t>(std::size(kMigrations));
  if (version > newest) {
    throw Error(Cat("the database has schema ", version, ", this program knows up to ", newest,
                    ": run a newer program, or another data directory"));
  }
  for (int64_t done = 0; done < version; ++done) {
    Statement statement = connection.Prepare("SELECT value FROM meta WHERE key = ?");
    const std::string key = Cat("migration ", done + 1);
    statement.Bind(std::string_view(key));
    if (statement.Next() && statement.Text(0) == SumOf(kMigrations[done])) continue;
    throw Error(Cat("the database was made by a program whose schema ", done + 1,
                    " is another one, from before it was released: take a new data directory and "
                    "import the reports again"));
  }
  for (; version < newest; ++version) {
    connection.Execute("BEGIN IMMEDIATE");
    connection.Execute(kMigrations[version]);
    connection.Prepare("INSERT INTO meta VALUES (?, ?)")
        .Bind(std::string_view(Cat("migration ", version + 1)))
        .BindBlob(SumOf(kMigrations[version]))
        .Run();
    if (version == 0) {
      connection.Prepare("INSERT INTO meta VALUES ('samples', ?)").BindBlob(TypicalRecords()).Run();
    }
    connection.Execute(Cat("PRAGMA user_version=", version + 1).c_str());
    connection.Execute("COMMIT");
  }
}

}  // namespace aftersales::store::sqlite
