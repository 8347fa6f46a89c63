#include "core/store/sqlite/session.h"

#include <algorithm>
#include <tuple>

#include "core/domain/audit_chain.h"
#include "core/domain/calendar.h"
#include "core/domain/deadlines.h"
#include "core/domain/exchange_fold.h"
#include "core/domain/refund_fold.h"
#include "core/domain/resource_names.h"
#include "core/status/text.h"
#include "core/store/sqlite/row.h"

namespace aftersales::store::sqlite {
namespace {

template <typename M>
M Parse(std::string_view bytes) {
  M message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw Error(Cat("storage: a stored ", message.GetTypeName(), " cannot be read"));
  }
  return message;
}

// Of returns that count in the response rate in one way.
std::string ResponseIs(metrics::Counter counter) {
  return Cat("response = ", static_cast<int>(counter));
}

// Queries by a part of the key name their index. Without statistics SQLite takes the seller, with
// which every key begins, to be nearly as selective as the whole, and reads all rows of a seller;
// and statistics of a small database mislead it just so once the database has grown.

// A query whose WHERE grows with the filter. Every variant is a text of its own, so that each is
// planned with the index that fits it, and prepared once.
class Query {
 public:
  explicit Query(std::string_view sql) : sql_(sql) {}
  Query& And(std::string_view condition) {
    sql_ += " AND ";
    sql_ += condition;
    return *this;
  }
  Query& And(std::string_view condition, std::string_view value) {
    And(condition);
    values_.emplace_back(value);
    return *this;
  }
  Query& And(std::string_view condition, int64_t value) {
    And(condition);
    values_.emplace_back(value);
    return *this;
  }
  Query& Bind(int64_t value) {
    values_.emplace_back(value);
    return *this;
  }
  Query& Bind(std::string_view value) {
    values_.emplace_back(value);
    return *this;
  }
  Query& Text(std::string_view sql) {
    sql_ += sql;
    return *this;
  }
  // The query must outlive the statement, which borrows its texts.
  Statement& In(Connection& db, std::optional<Statement>& place) {
    place.emplace(db.Handle(sql_), &db);
    for (const Value& value : values_) {
      if (value.text) {
        place->Bind(std::string_view(*value.text));
      } else {
        place->Bind(value.number);
      }
    }
    return *place;
  }

 private:
  struct Value {
    explicit Value(std::string_view t) : text(std::string(t)) {}
    explicit Value(int64_t n) : number(n) {}
    std::optional<std::string> text;
    int64_t number = 0;
  };
  std::string sql_;
  std::vector<Value> values_;
};

template <typename M>
std::vector<M> All(Query query, Connection& db) {
  std::optional<Statement> place;
  Statement& statement = query.In(db, place);
  std::vector<M> rows;
  while (statement.Next()) rows.push_back(Parse<M>(statement.Body(0)));
  return rows;
}

std::optional<int64_t> Micros(const v1::Deadline* deadline) {
  if (deadline == nullptr) return std::nullopt;
  return calendar::ToMicros(deadline->due_at());
}

std::string_view IdOf(std::string_view name) { return names::Split(name).id; }
std::string_view SellerOf(std::string_view name) { return names::Split(name).seller; }

Effect ReadEffect(const Statement& s) {
  Effect effect;
  effect.seq = s.Int(0);
  effect.seller = s.Text(1);
  effect.effect_id = s.Text(2);
  effect.plugin = s.Text(3);
  effect.method = s.Text(4);
  effect.subject = s.Text(5);
  effect.premise = s.Text(6);
  effect.state = static_cast<Effect::State>(s.Int(7));
  effect.attempt = static_cast<int>(s.Int(8));
  effect.answers = static_cast<int>(s.Int(9));
  effect.unknown = s.Int(10) != 0;
  effect.due_at = s.Int(11);
  effect.last_error = s.Text(12);
  return effect;
}

std::vector<Effect> ReadEffects(Statement& statement) {
  std::vector<Effect> effects;
  while (statement.Next()) effects.push_back(ReadEffect(statement));
  return effects;
}

#define EFFECT_COLUMNS                                                                           \
  "seq, seller, effect_id, plugin, method, subject, premise, state, attempt, answers, unknown, " \
  "due_at, last_error"

}  // namespace

// ---- Work and batch -----------------------------------------------------------------------------

void Session::BeginWork() {
  in_work_ = true;
  savepoint_ = false;
  work_news_ = false;
  work_counters_.clear();
  log_undo_.clear();
}

void Session::Changing() {
  if (!in_work_ || savepoint_) return;
  db_.Prepare("SAVEPOINT work").Run();
  savepoint_ = true;
}

void Session::KeepWork() {
  if (savepoint_) db_.Prepare("RELEASE work").Run();
  for (auto& [key, amount] : work_counters_) batch_counters_[key] += amount;
  news_ = news_ || work_news_;
  in_work_ = false;
}

void Session::UndoWork() {
  if (savepoint_) {
    db_.Prepare("ROLLBACK TO work").Run();
    db_.Prepare("RELEASE work").Run();
  }
  for (auto it = log_undo_.rbegin(); it != log_undo_.rend(); ++it) {
    log_ends_[it->first] = it->second;
  }
  in_work_ = false;
}

void Session::FlushCounters() {
  for (const auto& [key, amount] : batch_counters_) {
    if (amount == 0) continue;
    const auto& [seller, counter] = key;
    db_.Prepare(
           "INSERT INTO counters VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
           "value = value + excluded.value")
        .Bind(std::string_view(seller))
        .Bind(std::string_view(counter.channel))
        .Bind(static_cast<int64_t>(counter.fulfillment))
        .Bind(static_cast<int64_t>(counter.counter))
        .Bind(static_cast<int64_t>(counter.day))
        .Bind(std::string_view(counter.category))
        .Bind(amount)
        .Run();
  }
  batch_counters_.clear();
}

void Session::Forget() {
  batch_counters_.clear();
  work_counters_.clear();
  log_ends_.clear();
  news_ = false;
  in_work_ = false;
}

// ---- Sellers and channels -----------------------------------------------------------------------

std::optional<v1::Seller> Session::FindSeller(std::string_view seller) {
  Statement s = db_.Prepare("SELECT body FROM sellers WHERE seller = ?");
  s.Bind(seller);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::Seller>(s.Bytes(0));
}

std::vector<std::string> Session::SellerIds() {
  Statement s = db_.Prepare("SELECT seller FROM sellers ORDER BY seller");
  std::vector<std::string> ids;
  while (s.Next()) ids.push_back(s.Text(0));
  return ids;
}

std::vector<v1::Channel> Session::ListChannels(std::string_view seller) {
  return All<v1::Channel>(
      Query("SELECT body FROM channels WHERE seller = ? ORDER BY id").Bind(seller), db_);
}

std::vector<v1::PolicyVersion> Session::ListPolicies(std::string_view seller) {
  return All<v1::PolicyVersion>(
      Query("SELECT body FROM policies WHERE seller = ? ORDER BY id").Bind(seller), db_);
}

void Session::PutPolicy(const v1::PolicyVersion& version) {
  Changing();
  version.SerializeToString(&buffer_);
  db_.Prepare(
         "INSERT INTO policies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body")
      .Bind(SellerOf(version.name()))
      .Bind(IdOf(version.name()))
      .BindBlob(buffer_)
      .Run();
}

void Session::PutSeller(const v1::Seller& seller) {
  Changing();
  seller.SerializeToString(&buffer_);
  db_.Prepare("INSERT INTO sellers VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body")
      .Bind(std::string_view(seller.name()).substr(sizeof("sellers/") - 1))
      .BindBlob(buffer_)
      .Run();
}

void Session::PutChannel(const v1::Channel& channel) {
  Changing();
  channel.SerializeToString(&buffer_);
  db_.Prepare(
         "INSERT INTO channels VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body")
      .Bind(SellerOf(channel.name()))
      .Bind(IdOf(channel.name()))
      .BindBlob(buffer_)
      .Run();
  zones_.clear();
}

absl::TimeZone Session::ZoneOf(std::string_view seller, std::string_view channel_name) {
  if (auto found = zones_.find(channel_name); found != zones_.end()) return found->second;
  Statement s = db_.Prepare("SELECT body FROM channels WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(IdOf(channel_name));
  absl::TimeZone zone = absl::UTCTimeZone();
  if (s.Next()) {
    const auto found = calendar::Zone(Parse<v1::Channel>(s.Bytes(0)).time_zone());
    if (found.ok()) zone = *found;
  }
  zones_.emplace(std::string(channel_name), zone);
  return zone;
}

// ---- Orders -------------------------------------------------------------------------------------

std::optional<v1::Order> Session::FindOrder(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM orders WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::Order>(s.Body(0));
}

std::optional<v1::Order> Session::FindOrderByExternalId(std::string_view seller,
                                                        std::string_view channel,
                                                        std::string_view external_id) {
  Statement s =
      db_.Prepare("SELECT body FROM orders WHERE seller = ? AND channel = ? AND external_id = ?");
  s.Bind(seller).Bind(channel).Bind(external_id);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::Order>(s.Body(0));
}

std::vector<v1::Order> Session::ListOrders(std::string_view seller, const OrderFilter& filter,
                                           std::optional<std::pair<int64_t, std::string>> after,
                                           int limit) {
  // By the index of the most selective part of the filter; what that finds is few and sorted.
  const std::string_view index = !filter.external_id.empty()        ? "orders_external"
                                 : filter.defective.value_or(false) ? "orders_defective"
                                                                    : "orders_placed";
  Query query(Cat("SELECT body FROM orders INDEXED BY ", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
  if (!filter.external_id.empty()) query.And("external_id = ?", filter.external_id);
  if (filter.fulfillment) query.And("fulfillment = ?", static_cast<int64_t>(*filter.fulfillment));
  if (filter.defective) query.And(*filter.defective ? "defective = 1" : "defective = 0");
  if (after) query.And("(placed_at, id) < (?, ?)", after->first).Bind(after->second);
  query.Text(" ORDER BY placed_at DESC, id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  return All<v1::Order>(std::move(query), db_);
}

void Session::PutOrder(const v1::Order& order, bool created) {
  Changing();
  const std::string_view seller = SellerOf(order.name());
  order.SerializeToString(&buffer_);
  // Listed on the day that it is counted on.
  std::optional<int64_t> day;
  for (const metrics::Contribution& counted : metrics::Of(order, ZoneOf(seller, order.channel()))) {
    day = counted.day;
  }
  // Waiting to be shipped: seller-fulfilled, ship-by known, not confirmed, not cancelled.
  std::optional<int64_t> due;
  if (order.fulfillment() == v1::FULFILLMENT_MFN && order.has_expected_ship_by() &&
      !order.has_ship_confirmed_at() && order.status() != v1::Order::STATUS_CANCELLED &&
      order.status() != v1::Order::STATUS_SHIPPED) {
    due = calendar::ToMicros(order.expected_ship_by());
  }
  Row("orders")
      .Set("channel", IdOf(order.channel()))
      .Set("external_id", order.external_id())
      .Set("fulfillment", static_cast<int64_t>(order.fulfillment()))
      .Set("placed_at", calendar::ToMicros(order.placed_at()))
      .Set("placed_day", day)
      .Set("defective", static_cast<int64_t>(metrics::IsDefective(order) ? 1 : 0))
      .Set("confirmed", static_cast<int64_t>(order.has_ship_confirmed_at() ? 1 : 0))
      .Set("late",
           static_cast<int64_t>(
               order.fulfillment() == v1::FULFILLMENT_MFN && metrics::IsLate(order) ? 1 : 0))
      .Set("due_at", due)
      .Store(db_, order.name(), created, buffer_);
}

// ---- Returns ------------------------------------------------------------------------------------

std::optional<ReturnRecord> Session::FindReturn(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM returns WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<ReturnRecord>(s.Body(0));
}

std::optional<ReturnRecord> Session::FindReturnByExternalId(std::string_view seller,
                                                            std::string_view channel,
                                                            std::string_view external_id) {
  Statement s = db_.Prepare(
      "SELECT body FROM returns WHERE seller = ? AND channel = ? AND external_id = ? AND "
      "external_id <> ''");
  s.Bind(seller).Bind(channel).Bind(external_id);
  if (!s.Next()) return std::nullopt;
  return Parse<ReturnRecord>(s.Body(0));
}

std::vector<ReturnRecord> Session::ReturnsOfOrder(std::string_view seller, std::string_view channel,
                                                  std::string_view order_external_id) {
  Statement s = db_.Prepare(
      "SELECT body FROM returns INDEXED BY returns_order WHERE seller = ? AND "
      "order_external_id = ? AND channel = ?");
  s.Bind(seller).Bind(order_external_id).Bind(channel);
  std::vector<ReturnRecord> rows;
  while (s.Next()) rows.push_back(Parse<ReturnRecord>(s.Body(0)));
  return rows;
}

std::vector<v1::Return> Session::ListReturns(std::string_view seller, const ReturnFilter& filter,
                                             std::string_view after_id, int limit) {
  const std::string_view index = !filter.external_rma_id.empty() ? " INDEXED BY returns_rma"
                                 : !filter.order.empty()         ? " INDEXED BY returns_order"
                                 : filter.overdue_at && !filter.channel.empty()
                                     ? " INDEXED BY returns_channel_due"
                                 : filter.overdue_at ? " INDEXED BY returns_due"
                                 : filter.status     ? " INDEXED BY returns_status"
                                                     : "";
  Query query(Cat("SELECT body FROM returns", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
  if (!filter.order.empty()) {
    // The index is by the channel's id of the order, which returns have before their order is
    // known.
    query.And("order_id = ?", filter.order)
        .And("order_external_id = (SELECT external_id FROM orders WHERE seller = ?", seller)
        .And("id = ?)", filter.order);
  }
  if (!filter.external_rma_id.empty()) {
    query.And("rma = ? AND rma <> ''", filter.external_rma_id);
  }
  if (filter.status) query.And("status = ?", static_cast<int64_t>(*filter.status));
  if (filter.overdue_at) query.And("due_at < ?", *filter.overdue_at);
  if (!after_id.empty()) query.And("id < ?", after_id);
  query.Text(" ORDER BY id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  std::vector<v1::Return> returns;
  for (ReturnRecord& record : All<ReturnRecord>(std::move(query), db_)) {
    returns.push_back(std::move(*record.mutable_state()));
  }
  return returns;
}

std::vector<std::pair<std::string, std::string>> Session::ReturnsForClock(int64_t now, int limit) {
  Statement s =
      db_.Prepare("SELECT seller, id FROM returns WHERE clock_at <= ? ORDER BY clock_at LIMIT ?");
  s.Bind(now).Bind(static_cast<int64_t>(limit));
  std::vector<std::pair<std::string, std::string>> ids;
  while (s.Next()) ids.emplace_back(s.Text(0), s.Text(1));
  return ids;
}

void Session::PutReturn(const ReturnRecord& record, bool created) {
  Changing();
  const v1::Return& state = record.state();
  record.SerializeToString(&buffer_);
  const v1::Deadline* due = NextForPerson(state);
  const std::optional<ClockWork> clock = NextForClock(state);
  const std::optional<metrics::Response> response = metrics::ResponseOf(state);
  std::optional<int64_t> response_counter, response_day, response_due;
  if (response) {
    response_counter = static_cast<int64_t>(response->counter);
    response_day = calendar::DayNumber(calendar::LocalDay(response->due, absl::UTCTimeZone()));
    response_due = absl::ToUnixMicros(response->due);
  }
  Row("returns")
      .Set("channel", IdOf(state.channel()))
      .Set("external_id", state.external_id())
      .Set("rma", state.external_rma_id())
      .Set("order_id", IdOf(state.order()))
      .Set("order_external_id", state.order_external_id())
      .Set("status", static_cast<int64_t>(state.status()))
      .Set("fulfillment", static_cast<int64_t>(state.fulfillment()))
      .Set("due_at", Micros(due))
      .Set("due_kind", due == nullptr ? std::nullopt : std::optional<int64_t>(due->kind()))
      .Set("clock_at", clock ? std::optional<int64_t>(absl::ToUnixMicros(clock->at)) : std::nullopt)
      .Set("response", response_counter)
      .Set("response_day", response_day)
      .Set("response_due", response_due)
      .Store(db_, state.name(), created, buffer_);
}

// ---- Refunds ------------------------------------------------------------------------------------

std::optional<RefundRecord> Session::FindRefund(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM refunds WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<RefundRecord>(s.Body(0));
}

std::optional<RefundRecord> Session::FindRefundByExternalId(std::string_view seller,
                                                            std::string_view channel,
                                                            std::string_view external_id) {
  Statement s = db_.Prepare(
      "SELECT body FROM refunds WHERE seller = ? AND channel = ? AND external_id = ? AND "
      "external_id <> ''");
  s.Bind(seller).Bind(channel).Bind(external_id);
  if (!s.Next()) return std::nullopt;
  return Parse<RefundRecord>(s.Body(0));
}

std::vector<v1::Refund> Session::RefundsOfOrder(std::string_view seller,
                                                std::string_view order_id) {
  Statement s = db_.Prepare(
      "SELECT body FROM refunds INDEXED BY refunds_order WHERE seller = ? AND "
      "order_id = ? ORDER BY id");
  s.Bind(seller).Bind(order_id);
  std::vector<v1::Refund> refunds;
  while (s.Next()) refunds.push_back(std::move(*Parse<RefundRecord>(s.Body(0)).mutable_state()));
  return refunds;
}

std::vector<v1::Refund> Session::ListRefunds(std::string_view seller, const RefundFilter& filter,
                                             std::string_view after_id, int limit) {
  const std::string_view index = !filter.return_id.empty() ? " INDEXED BY refunds_return"
                                 : !filter.order.empty()   ? " INDEXED BY refunds_order"
                                 : filter.status           ? " INDEXED BY refunds_status"
                                 : !filter.channel.empty() ? " INDEXED BY refunds_channel"
                                                           : "";
  Query query(Cat("SELECT body FROM refunds", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
  if (!filter.order.empty()) query.And("order_id = ?", filter.order);
  if (!filter.return_id.empty()) query.And("return_id = ? AND return_id <> ''", filter.return_id);
  if (filter.status) query.And("status = ?", static_cast<int64_t>(*filter.status));
  if (!after_id.empty()) query.And("id < ?", after_id);
  query.Text(" ORDER BY id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  std::vector<v1::Refund> refunds;
  for (RefundRecord& record : All<RefundRecord>(std::move(query), db_)) {
    refunds.push_back(std::move(*record.mutable_state()));
  }
  return refunds;
}

void Session::PutRefund(const RefundRecord& record, bool created) {
  Changing();
  const v1::Refund& refund = record.state();
  record.SerializeToString(&buffer_);
  // A person has to act where there is no API, where nobody knows how the payment ended, and where
  // it was not made and nothing else asks for it.
  std::optional<int64_t> due, kind;
  if (AwaitsPerson(refund) || AwaitsRetry(refund)) {
    kind = v1::Deadline::KIND_MANUAL_ACTION;
  } else if (refund.status() == v1::Refund::STATUS_UNKNOWN) {
    kind = v1::Deadline::KIND_REFUND_QUERY;
  } else if (refund.status() == v1::Refund::STATUS_PENDING_APPROVAL) {
    kind = v1::Deadline::KIND_REFUND_APPROVAL;
  }
  if (kind) due = calendar::ToMicros(refund.due_at());
  std::optional<int64_t> paid_day;
  if (refund.has_succeeded_at()) {
    paid_day = calendar::DayNumber(
        calendar::LocalDay(calendar::FromProto(refund.succeeded_at()), absl::UTCTimeZone()));
  }
  Row("refunds")
      .Set("channel", IdOf(refund.channel()))
      .Set("external_id", refund.external_refund_id())
      .Set("order_id", IdOf(refund.order()))
      .Set("return_id", IdOf(refund.return_name()))
      .Set("status", static_cast<int64_t>(refund.status()))
      .Set("due_at", due)
      .Set("due_kind", kind)
      .Set("paid_day", paid_day)
      .Store(db_, refund.name(), created, buffer_);
}

std::vector<v1::Refund> Session::RefundsPaidOn(std::string_view seller, int32_t first_day,
                                               int32_t last_day, int limit) {
  std::vector<v1::Refund> refunds;
  for (RefundRecord& record :
       All<RefundRecord>(Query("SELECT body FROM refunds INDEXED BY refunds_paid WHERE seller = ?")
                             .Bind(seller)
                             .And("paid_day BETWEEN ? AND ?", static_cast<int64_t>(first_day))
                             .Bind(static_cast<int64_t>(last_day))
                             .Text(" ORDER BY paid_day, id LIMIT ?")
                             .Bind(static_cast<int64_t>(limit)),
                         db_)) {
    refunds.push_back(std::move(*record.mutable_state()));
  }
  return refunds;
}

std::vector<v1::Refund> Session::RefundsByReference(std::string_view seller,
                                                    std::string_view reference) {
  std::vector<v1::Refund> refunds;
  for (RefundRecord& record : All<RefundRecord>(
           Query("SELECT body FROM refunds INDEXED BY refunds_external WHERE seller = ?")
               .Bind(seller)
               .And("external_id = ?", reference)
               .And("external_id <> ''")
               .Text(" ORDER BY id"),
           db_)) {
    refunds.push_back(std::move(*record.mutable_state()));
  }
  return refunds;
}

// ---- Statements ---------------------------------------------------------------------------------

namespace {

int64_t DayOf(const std::string& date) {
  const auto day = calendar::ParseDate(date);
  if (!day.ok()) throw Error(Cat("storage: `", date, "` is no day"));
  return calendar::DayNumber(*day);
}

}  // namespace

std::optional<v1::BankLine> Session::FindBankLine(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM bank_lines WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::BankLine>(s.Body(0));
}

std::vector<v1::BankLine> Session::BankLinesByReference(std::string_view seller,
                                                        std::string_view reference) {
  return All<v1::BankLine>(
      Query("SELECT body FROM bank_lines INDEXED BY bank_lines_reference WHERE seller = ?")
          .Bind(seller)
          .And("reference = ?", reference)
          .And("reference <> ''")
          .Text(" ORDER BY booked_day, id"),
      db_);
}

std::vector<v1::BankLine> Session::BankLinesOn(std::string_view seller, int32_t first_day,
                                               int32_t last_day, int limit) {
  return All<v1::BankLine>(
      Query("SELECT body FROM bank_lines INDEXED BY bank_lines_day WHERE seller = ?")
          .Bind(seller)
          .And("booked_day BETWEEN ? AND ?", static_cast<int64_t>(first_day))
          .Bind(static_cast<int64_t>(last_day))
          .Text(" ORDER BY booked_day, id LIMIT ?")
          .Bind(static_cast<int64_t>(limit)),
      db_);
}

std::vector<v1::BankLine> Session::ListBankLines(
    std::string_view seller, const BankLineFilter& filter,
    std::optional<std::pair<int64_t, std::string>> after, int limit) {
  const std::string_view index = !filter.reference.empty()    ? "bank_lines_reference"
                                 : !filter.settlement.empty() ? "bank_lines_settlement"
                                 : filter.state               ? "bank_lines_state"
                                                              : "bank_lines_day";
  Query query(Cat("SELECT body FROM bank_lines INDEXED BY ", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.reference.empty()) query.And("reference = ? AND reference <> ''", filter.reference);
  if (!filter.settlement.empty()) {
    query.And("settlement = ? AND settlement <> ''", filter.settlement);
  }
  if (filter.state) query.And("state = ?", static_cast<int64_t>(*filter.state));
  if (filter.source) query.And("source = ?", static_cast<int64_t>(*filter.source));
  if (after) query.And("(booked_day, id) < (?, ?)", after->first).Bind(after->second);
  query.Text(" ORDER BY booked_day DESC, id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  return All<v1::BankLine>(std::move(query), db_);
}

void Session::PutBankLine(const v1::BankLine& line, bool created) {
  Changing();
  line.SerializeToString(&buffer_);
  Row("bank_lines")
      .Set("source", static_cast<int64_t>(line.source()))
      .Set("state", static_cast<int64_t>(line.state()))
      .Set("booked_day", DayOf(line.booked_on()))
      .Set("reference", line.reference())
      .Set("settlement", line.settlement())
      .Store(db_, line.name(), created, buffer_);
}

std::string Session::LineMatchedTo(std::string_view seller, std::string_view match) {
  Statement s = db_.Prepare("SELECT line FROM bank_matches WHERE seller = ? AND subject = ?");
  s.Bind(seller).Bind(match);
  return s.Next() ? s.Text(0) : "";
}

void Session::PutMatch(std::string_view seller, std::string_view match, std::string_view line_id) {
  Changing();
  db_.Prepare("INSERT INTO bank_matches VALUES (?, ?, ?)")
      .Bind(seller)
      .Bind(match)
      .Bind(line_id)
      .Run();
}

void Session::RemoveMatch(std::string_view seller, std::string_view match) {
  Changing();
  db_.Prepare("DELETE FROM bank_matches WHERE seller = ? AND subject = ?")
      .Bind(seller)
      .Bind(match)
      .Run();
}

std::optional<v1::Payout> Session::FindPayout(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM payouts WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::Payout>(s.Body(0));
}

std::vector<v1::Payout> Session::PayoutsBySettlement(std::string_view seller,
                                                     std::string_view settlement) {
  return All<v1::Payout>(
      Query("SELECT body FROM payouts INDEXED BY payouts_settlement WHERE seller = ?")
          .Bind(seller)
          .And("settlement = ?", settlement)
          .Text(" ORDER BY id"),
      db_);
}

std::vector<v1::Payout> Session::PayoutsOn(std::string_view seller, int32_t first_day,
                                           int32_t last_day, int limit) {
  return All<v1::Payout>(Query("SELECT body FROM payouts INDEXED BY payouts_day WHERE seller = ?")
                             .Bind(seller)
                             .And("latest_day BETWEEN ? AND ?", static_cast<int64_t>(first_day))
                             .Bind(static_cast<int64_t>(last_day))
                             .Text(" ORDER BY latest_day, id LIMIT ?")
                             .Bind(static_cast<int64_t>(limit)),
                         db_);
}

std::vector<v1::Payout> Session::ListPayouts(std::string_view seller,
                                             std::optional<std::pair<int64_t, std::string>> after,
                                             int limit) {
  Query query("SELECT body FROM payouts INDEXED BY payouts_day WHERE seller = ?");
  query.Bind(seller);
  if (after) query.And("(latest_day, id) < (?, ?)", after->first).Bind(after->second);
  query.Text(" ORDER BY latest_day DESC, id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  return All<v1::Payout>(std::move(query), db_);
}

void Session::PutPayout(const v1::Payout& payout, bool created) {
  Changing();
  payout.SerializeToString(&buffer_);
  Row("payouts")
      .Set("settlement", payout.settlement())
      .Set("latest_day", DayOf(payout.latest_on()))
      .Store(db_, payout.name(), created, buffer_);
}

// ---- Exchanges and stock ------------------------------------------------------------------------

std::optional<ExchangeRecord> Session::FindExchange(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM exchanges WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<ExchangeRecord>(s.Body(0));
}

std::vector<v1::Exchange> Session::ExchangesOfOrder(std::string_view seller,
                                                    std::string_view order_id) {
  Statement s = db_.Prepare(
      "SELECT body FROM exchanges INDEXED BY exchanges_order WHERE seller = ? AND "
      "order_id = ? ORDER BY id");
  s.Bind(seller).Bind(order_id);
  std::vector<v1::Exchange> exchanges;
  while (s.Next()) {
    exchanges.push_back(std::move(*Parse<ExchangeRecord>(s.Body(0)).mutable_state()));
  }
  return exchanges;
}

std::vector<v1::Exchange> Session::ListExchanges(std::string_view seller,
                                                 const ExchangeFilter& filter,
                                                 std::string_view after_id, int limit) {
  const std::string_view index = !filter.return_id.empty() ? " INDEXED BY exchanges_return"
                                 : !filter.order.empty()   ? " INDEXED BY exchanges_order"
                                 : !filter.replacement_order.empty()
                                     ? " INDEXED BY exchanges_replacement"
                                 : filter.status           ? " INDEXED BY exchanges_status"
                                 : !filter.channel.empty() ? " INDEXED BY exchanges_channel"
                                                           : "";
  Query query(Cat("SELECT body FROM exchanges", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
  if (!filter.order.empty()) query.And("order_id = ?", filter.order);
  if (!filter.replacement_order.empty()) {
    query.And("replacement_order_id = ? AND replacement_order_id <> ''", filter.replacement_order);
  }
  if (!filter.return_id.empty()) query.And("return_id = ?", filter.return_id);
  if (filter.status) query.And("status = ?", static_cast<int64_t>(*filter.status));
  if (!after_id.empty()) query.And("id < ?", after_id);
  query.Text(" ORDER BY id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  std::vector<v1::Exchange> exchanges;
  for (ExchangeRecord& record : All<ExchangeRecord>(std::move(query), db_)) {
    exchanges.push_back(std::move(*record.mutable_state()));
  }
  return exchanges;
}

std::vector<std::pair<std::string, std::string>> Session::ExchangesForClock(int64_t now,
                                                                            int limit) {
  Statement s =
      db_.Prepare("SELECT seller, id FROM exchanges WHERE clock_at <= ? ORDER BY clock_at LIMIT ?");
  s.Bind(now).Bind(static_cast<int64_t>(limit));
  std::vector<std::pair<std::string, std::string>> ids;
  while (s.Next()) ids.emplace_back(s.Text(0), s.Text(1));
  return ids;
}

void Session::PutExchange(const ExchangeRecord& record, bool created) {
  Changing();
  const v1::Exchange& exchange = record.state();
  record.SerializeToString(&buffer_);
  const v1::Deadline* due = NextForPerson(exchange);
  Row("exchanges")
      .Set("channel", IdOf(exchange.channel()))
      .Set("order_id", IdOf(exchange.order()))
      .Set("replacement_order_id", IdOf(exchange.replacement_order()))
      .Set("return_id", IdOf(exchange.return_name()))
      .Set("status", static_cast<int64_t>(exchange.status()))
      .Set("due_at", Micros(due))
      .Set("due_kind", due == nullptr ? std::nullopt : std::optional<int64_t>(due->kind()))
      .Set("clock_at", Micros(NextForClock(exchange)))
      .Store(db_, exchange.name(), created, buffer_);
}

std::optional<v1::StockLevel> Session::FindStockLevel(std::string_view seller, std::string_view sku,
                                                      std::string_view location) {
  Statement s =
      db_.Prepare("SELECT body FROM stock_levels WHERE seller = ? AND sku = ? AND location = ?");
  s.Bind(seller).Bind(sku).Bind(location);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::StockLevel>(s.Bytes(0));
}

std::vector<v1::StockLevel> Session::ListStockLevels(
    std::string_view seller, std::string_view sku,
    std::optional<std::pair<std::string, std::string>> after, int limit) {
  Query query("SELECT body FROM stock_levels WHERE seller = ?");
  query.Bind(seller);
  if (!sku.empty()) query.And("sku = ?", sku);
  if (after) query.And("(sku, location) > (?, ?)", after->first).Bind(after->second);
  query.Text(" ORDER BY sku, location LIMIT ?").Bind(static_cast<int64_t>(limit));
  return All<v1::StockLevel>(std::move(query), db_);
}

void Session::PutStockLevel(std::string_view seller, const v1::StockLevel& level) {
  Changing();
  level.SerializeToString(&buffer_);
  db_.Prepare(
         "INSERT INTO stock_levels VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = "
         "excluded.body")
      .Bind(seller)
      .Bind(std::string_view(level.sku()))
      .Bind(std::string_view(level.location()))
      .BindBlob(buffer_)
      .Run();
}

// ---- Shipments ----------------------------------------------------------------------------------

std::optional<v1::Shipment> Session::FindShipment(std::string_view seller, std::string_view id) {
  Statement s = db_.Prepare("SELECT body FROM shipments WHERE seller = ? AND id = ?");
  s.Bind(seller).Bind(id);
  if (!s.Next()) return std::nullopt;
  return Parse<v1::Shipment>(s.Body(0));
}

namespace {

std::vector<v1::Shipment> InUse(std::vector<v1::Shipment> shipments) {
  std::erase_if(shipments, [](const v1::Shipment& of) { return !of.replaced_by().empty(); });
  return shipments;
}

}  // namespace

std::vector<v1::Shipment> Session::ShipmentsOfOrder(std::string_view seller,
                                                    std::string_view channel,
                                                    std::string_view order_external_id) {
  return InUse(All<v1::Shipment>(Query("SELECT body FROM shipments INDEXED BY shipments_order "
                                       "WHERE seller = ?")
                                     .Bind(seller)
                                     .And("order_external_id = ?", order_external_id)
                                     .And("channel = ?", channel)
                                     .Text(" ORDER BY id"),
                                 db_));
}

std::vector<v1::Shipment> Session::ShipmentsByNumber(std::string_view seller,
                                                     std::string_view number, int limit) {
  return InUse(All<v1::Shipment>(Query("SELECT body FROM shipments INDEXED BY shipments_number "
                                       "WHERE seller = ?")
                                     .Bind(seller)
                                     .And("tracking_number = ? AND tracking_number <> ''", number)
                                     .Text(" LIMIT ?")
                                     .Bind(static_cast<int64_t>(limit)),
                                 db_));
}

std::vector<v1::Shipment> Session::ListShipments(std::string_view seller,
                                                 const ShipmentFilter& filter,
                                                 std::string_view after_id, int limit) {
  const std::string_view index = !filter.tracking_number.empty() ? " INDEXED BY shipments_number"
                                 : !filter.order_external_id.empty() ? " INDEXED BY shipments_order"
                                 : filter.validity ? " INDEXED BY shipments_validity"
                                                   : "";
  Query query(Cat("SELECT body FROM shipments", index, " WHERE seller = ?"));
  query.Bind(seller);
  if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
  if (!filter.order_external_id.empty()) {
    query.And("order_external_id = ?", filter.order_external_id);
  }
  if (!filter.tracking_number.empty()) {
    query.And("tracking_number = ? AND tracking_number <> ''", filter.tracking_number);
  }
  if (filter.validity) query.And("validity = ?", static_cast<int64_t>(*filter.validity));
  if (!after_id.empty()) query.And("id < ?", after_id);
  query.Text(" ORDER BY id DESC LIMIT ?").Bind(static_cast<int64_t>(limit));
  return All<v1::Shipment>(std::move(query), db_);
}

void Session::PutShipment(const v1::Shipment& shipment, v1::Fulfillment fulfillment, bool created) {
  Changing();
  // Listed on the day that it is counted on.
  std::optional<int64_t> confirmed_day;
  for (const metrics::Contribution& counted :
       metrics::Of(shipment, fulfillment, ZoneOf(SellerOf(shipment.name()), shipment.channel()))) {
    confirmed_day = counted.day;
  }
  shipment.SerializeToString(&buffer_);
  Row("shipments")
      .Set("channel", IdOf(shipment.channel()))
      .Set("order_external_id", shipment.order_external_id())
      .Set("tracking_number", shipment.verdict().tracking_number())
      .Set("fulfillment", static_cast<int64_t>(fulfillment))
      .Set("validity", static_cast<int64_t>(shipment.verdict().validity()))
      .Set("category", shipment.category())
      .Set("confirmed_day", confirmed_day)
      .Store(db_, shipment.name(), created, buffer_);
}

// ---- Queue and metrics --------------------------------------------------------------------------

std::vector<WorkRow> Session::ListWork(std::string_view seller, const WorkFilter& filter,
                                       const WorkPosition& after, int limit) {
  struct Source {
    WorkRow::Source source;
    std::string_view table, kind;
  };
  static constexpr Source kSources[] = {
      {WorkRow::Source::kReturn, "returns", "due_kind"},
      {WorkRow::Source::kRefund, "refunds", "due_kind"},
      {WorkRow::Source::kOrder, "orders", "8"},  // Deadline::KIND_SHIP_BY
      {WorkRow::Source::kExchange, "exchanges", "due_kind"},
  };
  // Each source is read in order from its own index and only as far as the page may need.
  std::vector<WorkRow> rows;
  for (const Source& source : kSources) {
    const int rank = static_cast<int>(source.source);
    Query query(Cat("SELECT id, due_at, ", source.kind, ", body FROM ", source.table,
                    " INDEXED BY ", source.table, filter.channel.empty() ? "_due" : "_channel_due",
                    " WHERE seller = ?"));
    query.Bind(seller).And("due_at IS NOT NULL");
    if (rank > after.source) {
      query.And("due_at >= ?", after.due_at);
    } else if (rank < after.source) {
      query.And("due_at > ?", after.due_at);
    } else {
      query.And("(due_at, id) > (?, ?)", after.due_at).Bind(after.id);
    }
    if (!filter.channel.empty()) query.And("channel = ?", filter.channel);
    if (filter.kind) query.And(Cat(source.kind, " = ?"), static_cast<int64_t>(*filter.kind));
    query.Text(" ORDER BY due_at, id LIMIT ?").Bind(static_cast<int64_t>(limit));
    std::optional<Statement> place;
    Statement& s = query.In(db_, place);
    while (s.Next()) {
      rows.push_back(
          {source.source, s.Text(0), s.Int(1), static_cast<int>(s.Int(2)), std::string(s.Body(3))});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const WorkRow& a, const WorkRow& b) {
    return std::tie(a.due_at, a.source, a.id) < std::tie(b.due_at, b.source, b.id);
  });
  if (rows.size() > static_cast<size_t>(limit)) rows.resize(limit);
  return rows;
}

int64_t Session::SumCounter(std::string_view seller, std::string_view channel,
                            v1::Fulfillment fulfillment, metrics::Counter counter,
                            int32_t first_day, int32_t last_day, std::string_view category) {
  int64_t sum = 0;
  // What the transaction and those before it in the batch have added is not written yet.
  const auto add = [&](const auto& key, int64_t amount) {
    const auto& [of, counted] = key;
    if (of == seller && counted.channel == channel && counted.fulfillment == fulfillment &&
        counted.counter == counter && counted.category == category && counted.day >= first_day &&
        counted.day <= last_day) {
      sum += amount;
    }
  };
  for (const auto& [key, amount] : batch_counters_) add(key, amount);
  for (const auto& [key, amount] : work_counters_) add(key, amount);
  Statement s = db_.Prepare(
      "SELECT coalesce(sum(value), 0) FROM counters WHERE seller = ? AND channel = ? AND "
      "fulfillment = ? AND counter = ? AND day BETWEEN ? AND ? AND category = ?");
  s.Bind(seller)
      .Bind(channel)
      .Bind(static_cast<int64_t>(fulfillment))
      .Bind(static_cast<int64_t>(counter))
      .Bind(static_cast<int64_t>(first_day))
      .Bind(static_cast<int64_t>(last_day))
      .Bind(category);
  return sum + (s.Next() ? s.Int(0) : 0);
}

std::vector<std::string> Session::CounterCategories(std::string_view seller,
                                                    std::string_view channel,
                                                    v1::Fulfillment fulfillment,
                                                    metrics::Counter counter, int32_t first_day,
                                                    int32_t last_day) {
  Statement s = db_.Prepare(
      "SELECT category FROM counters WHERE seller = ? AND channel = ? AND fulfillment = ? AND "
      "counter = ? AND day BETWEEN ? AND ? AND category <> '' GROUP BY category "
      "HAVING sum(value) > 0 ORDER BY category");
  s.Bind(seller)
      .Bind(channel)
      .Bind(static_cast<int64_t>(fulfillment))
      .Bind(static_cast<int64_t>(counter))
      .Bind(static_cast<int64_t>(first_day))
      .Bind(static_cast<int64_t>(last_day));
  std::vector<std::string> categories;
  while (s.Next()) categories.push_back(s.Text(0));
  return categories;
}

std::vector<std::pair<int64_t, v1::Event>> Session::MetricChanges(std::string_view seller,
                                                                  std::string_view channel,
                                                                  int64_t before, int limit) {
  Statement s = db_.Prepare(
      "SELECT m.seq, e.body FROM metric_changes m JOIN events e ON e.seller = m.seller AND "
      "e.seq = m.seq WHERE m.seller = ? AND m.channel = ? AND m.seq < ? ORDER BY m.seq DESC "
      "LIMIT ?");
  s.Bind(seller).Bind(channel).Bind(before).Bind(static_cast<int64_t>(limit));
  std::vector<std::pair<int64_t, v1::Event>> changes;
  while (s.Next()) changes.emplace_back(s.Int(0), Parse<v1::Event>(s.Body(1)));
  return changes;
}

int64_t Session::CountUnansweredBefore(std::string_view seller, std::string_view channel,
                                       int32_t day, int64_t now) {
  static const std::string kSql =
      Cat("SELECT count(*) FROM returns INDEXED BY returns_response WHERE seller = ? AND "
          "channel = ? AND fulfillment = ? AND response_day = ? AND response_due < ? AND ",
          ResponseIs(metrics::Counter::kUnanswered));
  Statement s = db_.Prepare(kSql);
  s.Bind(seller)
      .Bind(channel)
      .Bind(static_cast<int64_t>(v1::FULFILLMENT_MFN))
      .Bind(static_cast<int64_t>(day))
      .Bind(now);
  return s.Next() ? s.Int(0) : 0;
}

std::vector<MetricRow> Session::ListMetric(std::string_view seller, const MetricQuery& query,
                                           std::optional<std::pair<int32_t, std::string>> after,
                                           int limit) {
  using Cases = MetricQuery::Cases;
  // Only the orders themselves are counted also where the marketplace ships.
  if (query.kind != v1::Metric::KIND_ODR && query.fulfillment != v1::FULFILLMENT_MFN) return {};
  std::string_view table, index, day = "placed_day";
  std::string condition = "1";
  int32_t last_day = query.last_day;
  switch (query.kind) {
    case v1::Metric::KIND_ODR:
    case v1::Metric::KIND_LSR: {
      const bool odr = query.kind == v1::Metric::KIND_ODR;
      table = "orders";
      if (query.cases == Cases::kDenominator) {
        index = "orders_metric";
        if (!odr) condition = "confirmed = 1";
      } else {
        index = odr ? "orders_defective" : "orders_late";
        condition = odr ? "defective = 1" : "late = 1";
      }
      break;
    }
    case v1::Metric::KIND_VTR: {
      static const std::string kValid = Cat(static_cast<int>(v1::TrackingVerdict::VALIDITY_VALID));
      table = "shipments";
      index = "shipments_metric";
      day = "confirmed_day";
      if (query.cases != Cases::kDenominator) {
        condition = Cat(query.cases == Cases::kBad ? "validity <> " : "validity = ", kValid);
      }
      break;
    }
    case v1::Metric::KIND_RESP: {
      static const std::string kAnsweredInTime = ResponseIs(metrics::Counter::kAnsweredInTime);
      static const std::string kBad = Cat(ResponseIs(metrics::Counter::kAnsweredLate), " OR (",
                                          ResponseIs(metrics::Counter::kUnanswered),
                                          " AND response_day <= ? AND response_due < ?)");
      table = "returns";
      index = "returns_response";
      day = "response_day";
      last_day = query.last_answered_day;
      condition = query.cases == Cases::kNumerator ? kAnsweredInTime
                  : query.cases == Cases::kBad
                      ? Cat("response IS NOT NULL AND (", kBad, ")")
                      : Cat("response IS NOT NULL AND (", kAnsweredInTime, " OR ", kBad, ")");
      break;
    }
    default:
      return {};
  }
  Query sql(
      Cat("SELECT ", day, ", id, body FROM ", table, " INDEXED BY ", index, " WHERE seller = ?"));
  sql.Bind(seller)
      .And("channel = ?", query.channel)
      .And("fulfillment = ?", static_cast<int64_t>(query.fulfillment))
      .And(Cat(day, " BETWEEN ? AND ?"), static_cast<int64_t>(query.first_day))
      .Bind(static_cast<int64_t>(last_day))
      .And(condition);
  if (query.kind == v1::Metric::KIND_VTR && !query.category.empty()) {
    sql.And("category = ?", query.category);
  }
  if (query.kind == v1::Metric::KIND_RESP && query.cases != Cases::kNumerator) {
    sql.Bind(static_cast<int64_t>(query.last_day)).Bind(query.now);
  }
  if (after) {
    sql.And(Cat("(", day, ", id) < (?, ?)"), static_cast<int64_t>(after->first))
        .Bind(std::string_view(after->second));
  }
  sql.Text(Cat(" ORDER BY ", day, " DESC, id DESC LIMIT ?")).Bind(static_cast<int64_t>(limit));
  std::optional<Statement> place;
  Statement& s = sql.In(db_, place);
  std::vector<MetricRow> rows;
  while (s.Next())
    rows.push_back({static_cast<int32_t>(s.Int(0)), s.Text(1), std::string(s.Body(2))});
  return rows;
}

void Session::AddCounter(std::string_view seller, const CounterKey& key, int64_t amount) {
  work_counters_.push_back({{std::string(seller), key}, amount});
}

// ---- Events, answers, effects -------------------------------------------------------------------

std::vector<v1::Event> Session::EventsAfter(std::string_view seller, int64_t after, int limit) {
  return All<v1::Event>(Query("SELECT body FROM events WHERE seller = ?")
                            .Bind(seller)
                            .And("seq > ?", after)
                            .Text(" ORDER BY seq LIMIT ?")
                            .Bind(static_cast<int64_t>(limit)),
                        db_);
}

std::vector<v1::Event> Session::EventsBySequence(std::string_view seller,
                                                 std::span<const int64_t> sequences) {
  std::vector<v1::Event> events;
  for (const int64_t seq : sequences) {
    Statement s = db_.Prepare("SELECT body FROM events WHERE seller = ? AND seq = ?");
    s.Bind(seller).Bind(seq);
    if (s.Next()) events.push_back(Parse<v1::Event>(s.Body(0)));
  }
  return events;
}

int64_t Session::LastSequence(std::string_view seller) {
  Statement s = db_.Prepare("SELECT coalesce(max(seq), 0) FROM events WHERE seller = ?");
  s.Bind(seller);
  return s.Next() ? s.Int(0) : 0;
}

std::vector<ChainedEvent> Session::ChainAfter(std::string_view seller, int64_t after, int limit) {
  Statement s = db_.Prepare(
      "SELECT seq, body, hash FROM events WHERE seller = ? AND seq > ? ORDER BY seq LIMIT ?");
  s.Bind(seller).Bind(after).Bind(static_cast<int64_t>(limit));
  std::vector<ChainedEvent> entries;
  while (s.Next()) {
    ChainedEvent& entry = entries.emplace_back();
    entry.seq = s.Int(0);
    entry.hash = std::string(s.Bytes(2));
    // One that cannot be read is not the one that was recorded, and its hash will show it.
    try {
      entry.body = std::string(s.Body(1));
    } catch (const Error&) {
      entry.body = std::string(s.Bytes(1));
    }
  }
  return entries;
}

Session::LogEnd Session::FindLogEnd(std::string_view seller) {
  Statement s =
      db_.Prepare("SELECT seq, hash FROM events WHERE seller = ? ORDER BY seq DESC LIMIT 1");
  s.Bind(seller);
  if (!s.Next()) return {0, ChainStart()};
  return {s.Int(0), std::string(s.Bytes(1))};
}

int64_t Session::AppendEvent(std::string_view seller, v1::Event* event) {
  Changing();
  auto found = log_ends_.find(seller);
  if (found == log_ends_.end()) {
    found = log_ends_.emplace(std::string(seller), FindLogEnd(seller)).first;
  }
  LogEnd& end = found->second;
  log_undo_.emplace_back(found->first, end);
  ++end.seq;
  // Zero padded, so that names sort in the order of recording.
  event->set_name(Cat("sellers/", seller, "/events/", absl::Dec(end.seq, absl::kZeroPad16)));
  event->SerializeToString(&buffer_);
  end.hash = ChainHash(end.hash, buffer_);
  db_.Prepare("INSERT INTO events VALUES (?, ?, ?, ?)")
      .Bind(seller)
      .Bind(end.seq)
      .BindBlob(end.hash)
      .BindBody(buffer_)
      .Run();
  if (event->has_metric_changed()) {
    db_.Prepare("INSERT INTO metric_changes VALUES (?, ?, ?)")
        .Bind(seller)
        .Bind(IdOf(event->channel()))
        .Bind(end.seq)
        .Run();
  }
  work_news_ = true;
  return end.seq;
}

std::optional<StoredAnswer> Session::FindAnswer(std::string_view seller,
                                                std::string_view request_id) {
  Statement s =
      db_.Prepare("SELECT request_hash, response FROM answers WHERE seller = ? AND request_id = ?");
  s.Bind(seller).Bind(request_id);
  if (!s.Next()) return std::nullopt;
  return StoredAnswer{s.Text(0), std::string(s.Body(1))};
}

void Session::PutAnswer(std::string_view seller, std::string_view request_id,
                        const StoredAnswer& answer, int64_t now) {
  Changing();
  db_.Prepare("INSERT INTO answers VALUES (?, ?, ?, ?, ?)")
      .Bind(seller)
      .Bind(request_id)
      .BindBlob(answer.request_hash)
      .BindBody(answer.response)
      .Bind(now)
      .Run();
}

std::vector<Effect> Session::DueEffects(int64_t now, int limit) {
  Statement s = db_.Prepare(
      "SELECT " EFFECT_COLUMNS
      " FROM effects e WHERE state IN (0, 2) AND due_at <= ? AND NOT EXISTS (SELECT 1 FROM effects "
      "p WHERE p.subject = e.subject AND p.seq < e.seq) ORDER BY due_at, seq "
      "LIMIT ?");
  s.Bind(now).Bind(static_cast<int64_t>(limit));
  return ReadEffects(s);
}

std::vector<Effect> Session::EffectsInFlight() {
  Statement s = db_.Prepare("SELECT " EFFECT_COLUMNS " FROM effects WHERE state = 1");
  return ReadEffects(s);
}

std::optional<Effect> Session::FindEffect(int64_t seq) {
  Statement s = db_.Prepare("SELECT " EFFECT_COLUMNS " FROM effects WHERE seq = ?");
  s.Bind(seq);
  if (!s.Next()) return std::nullopt;
  return ReadEffect(s);
}

void Session::PutEffect(Effect* effect) {
  Changing();
  Statement s = db_.Prepare(
      effect->seq == 0
          ? "INSERT INTO effects (seller, effect_id, plugin, method, subject, premise, state, "
            "attempt, answers, unknown, due_at, last_error) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
          : "UPDATE effects SET seller = ?, effect_id = ?, plugin = ?, method = ?, subject = ?, "
            "premise = ?, state = ?, attempt = ?, answers = ?, unknown = ?, due_at = ?, "
            "last_error = ? WHERE seq = ?");
  s.Bind(std::string_view(effect->seller))
      .Bind(std::string_view(effect->effect_id))
      .Bind(std::string_view(effect->plugin))
      .Bind(std::string_view(effect->method))
      .Bind(std::string_view(effect->subject))
      .Bind(std::string_view(effect->premise))
      .Bind(static_cast<int64_t>(effect->state))
      .Bind(static_cast<int64_t>(effect->attempt))
      .Bind(static_cast<int64_t>(effect->answers))
      .Bind(static_cast<int64_t>(effect->unknown ? 1 : 0))
      .Bind(effect->due_at)
      .Bind(std::string_view(effect->last_error));
  if (effect->seq != 0) s.Bind(effect->seq);
  s.Run();
  if (effect->seq == 0) effect->seq = sqlite3_last_insert_rowid(db_.handle());
  work_news_ = true;
}

void Session::RemoveEffect(int64_t seq) {
  Changing();
  db_.Prepare("DELETE FROM effects WHERE seq = ?").Bind(seq).Run();
  // The next effect on the same subject may go now.
  work_news_ = true;
}

int64_t Session::FeedCursor(std::string_view seller, std::string_view plugin) {
  Statement s = db_.Prepare("SELECT seq FROM feed_cursors WHERE seller = ? AND plugin = ?");
  s.Bind(seller).Bind(plugin);
  return s.Next() ? s.Int(0) : 0;
}

void Session::PutFeedCursor(std::string_view seller, std::string_view plugin, int64_t seq) {
  Changing();
  db_.Prepare(
         "INSERT INTO feed_cursors VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = "
         "excluded.seq")
      .Bind(seller)
      .Bind(plugin)
      .Bind(seq)
      .Run();
}

std::string Session::PullCursor(std::string_view seller, std::string_view plugin) {
  Statement s = db_.Prepare("SELECT cursor FROM pull_cursors WHERE seller = ? AND plugin = ?");
  s.Bind(seller).Bind(plugin);
  return s.Next() ? std::string(s.Text(0)) : std::string();
}

void Session::PutPullCursor(std::string_view seller, std::string_view plugin,
                            std::string_view cursor) {
  Changing();
  db_.Prepare(
         "INSERT INTO pull_cursors VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cursor = "
         "excluded.cursor")
      .Bind(seller)
      .Bind(plugin)
      .Bind(cursor)
      .Run();
}

}  // namespace aftersales::store::sqlite
