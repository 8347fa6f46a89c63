// The storage interface: typed operations, never SQL above it.
//
// One writer, many readers. Work that writes is handed in as a closure over a Transaction; the
// engine takes all that waits, runs each closure by itself, commits once (group commit) and only
// then tells the callers. Reads run on connections of their own and never wait for the writer.
//
// Failures of the storage itself (disk full, I/O error, corruption) are thrown as store::Error: no
// caller can do anything about them but fail, and the engine and API turn them into a Status at one
// place each. "Not there" is an empty optional, never an error.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aftersales/v1/channel.pb.h"
#include "aftersales/v1/event.pb.h"
#include "aftersales/v1/exchange.pb.h"
#include "aftersales/v1/order.pb.h"
#include "aftersales/v1/reconcile.pb.h"
#include "aftersales/v1/refund.pb.h"
#include "aftersales/v1/return.pb.h"
#include "aftersales/v1/seller.pb.h"
#include "aftersales/v1/shipment.pb.h"
#include "core/domain/metrics.h"
#include "core/store/record.pb.h"

namespace aftersales::store {

// The storage cannot do its work.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Which returns to list. Empty fields do not restrict.
struct ReturnFilter {
  std::string channel;  // id
  std::string order;    // id
  std::string external_rma_id;
  std::optional<v1::Return::Status> status;
  std::optional<int64_t> overdue_at;  // micros: only those with a person's deadline before this
};
struct OrderFilter {
  std::string channel;
  std::string external_id;
  std::optional<v1::Fulfillment> fulfillment;
  std::optional<bool> defective;
};
struct RefundFilter {
  std::string channel, order, return_id;
  std::optional<v1::Refund::Status> status;
};
struct ExchangeFilter {
  std::string channel, order, replacement_order, return_id;
  std::optional<v1::Exchange::Status> status;
};
struct ShipmentFilter {
  std::string channel, order_external_id, tracking_number;
  std::optional<v1::TrackingVerdict::Validity> validity;
};

// Which lines of statements to list. Empty fields do not restrict.
struct BankLineFilter {
  std::string reference, settlement;
  std::optional<v1::BankLine::State> state;
  std::optional<v1::BankLine::Source> source;
};

// One open deadline of a person, with the body of the resource that it is on.
struct WorkRow {
  enum class Source { kReturn, kRefund, kOrder, kExchange } source;
  std::string id;
  int64_t due_at;  // micros
  int kind;        // v1::Deadline::Kind
  std::string body;
};
struct WorkFilter {
  std::string channel;
  std::optional<int> kind;
};
// Position in the queue: rows strictly after it come next.
struct WorkPosition {
  int64_t due_at = INT64_MIN;
  int source = -1;
  std::string id;
};

// What a metric counts, for listing.
struct MetricQuery {
  enum class Cases { kNumerator, kDenominator, kBad };
  std::string channel;
  v1::Fulfillment fulfillment;
  v1::Metric::Kind kind;
  Cases cases;
  std::string category;  // VTR: empty for all
  int32_t first_day, last_day;
  // RESP: the last due day of what may be answered already, and micros for what is past due.
  int32_t last_answered_day;
  int64_t now;
};
// An event as it is stored, and its place in the audit chain (core/domain/audit_chain.h).
struct ChainedEvent {
  int64_t seq;
  std::string body;
  std::string hash;
};
struct MetricRow {
  int32_t day;
  std::string id;
  std::string body;  // Order, Shipment or ReturnRecord by kind
};

struct CounterKey {
  std::string channel;
  v1::Fulfillment fulfillment;
  metrics::Counter counter;
  int32_t day;
  std::string category;  // empty: all
  auto operator<=>(const CounterKey&) const = default;
};

// The effect that the world must do, waiting to be delivered.
struct Effect {
  enum class State { kPending = 0, kInFlight = 1, kQuery = 2 };
  int64_t seq = 0;  // 0 until stored
  std::string seller;
  std::string effect_id;
  std::string plugin;
  std::string method;   // `IssueRefund`
  std::string subject;  // resource name: effects on one subject are delivered in order
  std::string premise;  // what it was queued for, where that may change before it is delivered
  State state = State::kPending;
  int attempt = 0;
  int answers = 0;       // that settled nothing, since the plugin's process last ended under it
  bool unknown = false;  // an attempt may have done it, and nothing since has told
  int64_t due_at = 0;    // micros
  std::string last_error;
};

// A stored answer to a request that carried an id.
struct StoredAnswer {
  std::string request_hash;
  std::string response;
};

// Queries. Valid only inside the closure that it was given to.
class Reader {
 public:
  virtual ~Reader() = default;

  virtual std::optional<v1::Seller> FindSeller(std::string_view seller) = 0;
  virtual std::vector<std::string> SellerIds() = 0;
  virtual std::vector<v1::Channel> ListChannels(std::string_view seller) = 0;
  // All versions of a seller's own rules, oldest first.
  virtual std::vector<v1::PolicyVersion> ListPolicies(std::string_view seller) = 0;

  virtual std::optional<v1::Order> FindOrder(std::string_view seller, std::string_view id) = 0;
  virtual std::optional<v1::Order> FindOrderByExternalId(std::string_view seller,
                                                         std::string_view channel,
                                                         std::string_view external_id) = 0;
  // Newest first by (placed_at, id), strictly after the position.
  virtual std::vector<v1::Order> ListOrders(std::string_view seller, const OrderFilter& filter,
                                            std::optional<std::pair<int64_t, std::string>> after,
                                            int limit) = 0;

  virtual std::optional<ReturnRecord> FindReturn(std::string_view seller, std::string_view id) = 0;
  virtual std::optional<ReturnRecord> FindReturnByExternalId(std::string_view seller,
                                                             std::string_view channel,
                                                             std::string_view external_id) = 0;
  virtual std::vector<ReturnRecord> ReturnsOfOrder(std::string_view seller,
                                                   std::string_view channel,
                                                   std::string_view order_external_id) = 0;
  // Newest first by id.
  virtual std::vector<v1::Return> ListReturns(std::string_view seller, const ReturnFilter& filter,
                                              std::string_view after_id, int limit) = 0;
  // Ids of returns whose clock deadline has come, over all sellers.
  virtual std::vector<std::pair<std::string, std::string>> ReturnsForClock(int64_t now,
                                                                           int limit) = 0;

  virtual std::optional<RefundRecord> FindRefund(std::string_view seller, std::string_view id) = 0;
  virtual std::optional<RefundRecord> FindRefundByExternalId(std::string_view seller,
                                                             std::string_view channel,
                                                             std::string_view external_id) = 0;
  virtual std::vector<v1::Refund> RefundsOfOrder(std::string_view seller,
                                                 std::string_view order_id) = 0;
  virtual std::vector<v1::Refund> ListRefunds(std::string_view seller, const RefundFilter& filter,
                                              std::string_view after_id, int limit) = 0;

  // Refunds that were paid on these UTC days, both included; oldest first.
  virtual std::vector<v1::Refund> RefundsPaidOn(std::string_view seller, int32_t first_day,
                                                int32_t last_day, int limit) = 0;
  // Refunds of all channels with that id at their marketplace.
  virtual std::vector<v1::Refund> RefundsByReference(std::string_view seller,
                                                     std::string_view reference) = 0;

  virtual std::optional<v1::BankLine> FindBankLine(std::string_view seller,
                                                   std::string_view id) = 0;
  virtual std::vector<v1::BankLine> BankLinesByReference(std::string_view seller,
                                                         std::string_view reference) = 0;
  // Booked on these days, both included; oldest first.
  virtual std::vector<v1::BankLine> BankLinesOn(std::string_view seller, int32_t first_day,
                                                int32_t last_day, int limit) = 0;
  // Newest booking first, strictly after the position (day, id).
  virtual std::vector<v1::BankLine> ListBankLines(
      std::string_view seller, const BankLineFilter& filter,
      std::optional<std::pair<int64_t, std::string>> after, int limit) = 0;
  // The line that a refund or payout is matched to, as in BankLine.matches. Empty for none.
  virtual std::string LineMatchedTo(std::string_view seller, std::string_view match) = 0;
  virtual std::optional<v1::Payout> FindPayout(std::string_view seller, std::string_view id) = 0;
  virtual std::vector<v1::Payout> PayoutsBySettlement(std::string_view seller,
                                                      std::string_view settlement) = 0;
  virtual std::vector<v1::Payout> PayoutsOn(std::string_view seller, int32_t first_day,
                                            int32_t last_day, int limit) = 0;
  // Latest day first.
  virtual std::vector<v1::Payout> ListPayouts(std::string_view seller,
                                              std::optional<std::pair<int64_t, std::string>> after,
                                              int limit) = 0;

  virtual std::optional<ExchangeRecord> FindExchange(std::string_view seller,
                                                     std::string_view id) = 0;
  // Oldest first.
  virtual std::vector<v1::Exchange> ExchangesOfOrder(std::string_view seller,
                                                     std::string_view order_id) = 0;
  // Newest first by id.
  virtual std::vector<v1::Exchange> ListExchanges(std::string_view seller,
                                                  const ExchangeFilter& filter,
                                                  std::string_view after_id, int limit) = 0;
  // Ids of exchanges whose clock deadline has come, over all sellers.
  virtual std::vector<std::pair<std::string, std::string>> ExchangesForClock(int64_t now,
                                                                             int limit) = 0;

  virtual std::optional<v1::StockLevel> FindStockLevel(std::string_view seller,
                                                       std::string_view sku,
                                                       std::string_view location) = 0;
  // By (sku, location), strictly after the position; of one SKU where it is given.
  virtual std::vector<v1::StockLevel> ListStockLevels(
      std::string_view seller, std::string_view sku,
      std::optional<std::pair<std::string, std::string>> after, int limit) = 0;

  virtual std::optional<v1::Shipment> FindShipment(std::string_view seller,
                                                   std::string_view id) = 0;
  // These two without parcels that were replaced by one with the right number.
  virtual std::vector<v1::Shipment> ShipmentsOfOrder(std::string_view seller,
                                                     std::string_view channel,
                                                     std::string_view order_external_id) = 0;
  virtual std::vector<v1::Shipment> ShipmentsByNumber(std::string_view seller,
                                                      std::string_view number, int limit) = 0;
  virtual std::vector<v1::Shipment> ListShipments(std::string_view seller,
                                                  const ShipmentFilter& filter,
                                                  std::string_view after_id, int limit) = 0;

  virtual std::vector<WorkRow> ListWork(std::string_view seller, const WorkFilter& filter,
                                        const WorkPosition& after, int limit) = 0;

  // Sum of a counter over days, both ends included; of one category where it is given.
  virtual int64_t SumCounter(std::string_view seller, std::string_view channel,
                             v1::Fulfillment fulfillment, metrics::Counter counter,
                             int32_t first_day, int32_t last_day,
                             std::string_view category = {}) = 0;
  // The categories that it has in them, by name.
  virtual std::vector<std::string> CounterCategories(std::string_view seller,
                                                     std::string_view channel,
                                                     v1::Fulfillment fulfillment,
                                                     metrics::Counter counter, int32_t first_day,
                                                     int32_t last_day) = 0;
  // Changes of the figures of a channel, newest first, before a sequence; with their sequence.
  virtual std::vector<std::pair<int64_t, v1::Event>> MetricChanges(std::string_view seller,
                                                                   std::string_view channel,
                                                                   int64_t before, int limit) = 0;
  // Unanswered requests due on one UTC day and before `now`.
  virtual int64_t CountUnansweredBefore(std::string_view seller, std::string_view channel,
                                        int32_t day, int64_t now) = 0;
  virtual std::vector<MetricRow> ListMetric(std::string_view seller, const MetricQuery& query,
                                            std::optional<std::pair<int32_t, std::string>> after,
                                            int limit) = 0;

  // Events with a sequence above `after`, oldest first.
  virtual std::vector<v1::Event> EventsAfter(std::string_view seller, int64_t after, int limit) = 0;
  virtual std::vector<v1::Event> EventsBySequence(std::string_view seller,
                                                  std::span<const int64_t> sequences) = 0;
  virtual int64_t LastSequence(std::string_view seller) = 0;
  // The same with what chains them, in the bytes that are stored.
  virtual std::vector<ChainedEvent> ChainAfter(std::string_view seller, int64_t after,
                                               int limit) = 0;

  virtual std::optional<StoredAnswer> FindAnswer(std::string_view seller,
                                                 std::string_view request_id) = 0;

  // Effects that may be delivered now: pending or to be queried, due, first of their subject.
  virtual std::vector<Effect> DueEffects(int64_t now, int limit) = 0;
  virtual std::vector<Effect> EffectsInFlight() = 0;
  virtual std::optional<Effect> FindEffect(int64_t seq) = 0;
  virtual int64_t FeedCursor(std::string_view seller, std::string_view plugin) = 0;
  // How far what a plugin has to tell has been taken: the plugin's own words, empty at first.
  virtual std::string PullCursor(std::string_view seller, std::string_view plugin) = 0;
};

// Changes. What a Transaction reads it sees with its own changes. The typed columns that a resource
// is filtered and sorted by are lifted here, from the resource itself.
class Transaction : public Reader {
 public:
  virtual void PutSeller(const v1::Seller& seller) = 0;
  virtual void PutChannel(const v1::Channel& channel) = 0;
  virtual void PutPolicy(const v1::PolicyVersion& version) = 0;
  virtual void PutOrder(const v1::Order& order, bool created) = 0;
  virtual void PutReturn(const ReturnRecord& record, bool created) = 0;
  virtual void PutRefund(const RefundRecord& record, bool created) = 0;
  virtual void PutExchange(const ExchangeRecord& record, bool created) = 0;
  virtual void PutStockLevel(std::string_view seller, const v1::StockLevel& level) = 0;
  virtual void PutShipment(const v1::Shipment& shipment, v1::Fulfillment fulfillment,
                           bool created) = 0;
  // Names and stores an event; answers its sequence.
  virtual int64_t AppendEvent(std::string_view seller, v1::Event* event) = 0;
  virtual void PutBankLine(const v1::BankLine& line, bool created) = 0;
  virtual void PutPayout(const v1::Payout& payout, bool created) = 0;
  virtual void PutMatch(std::string_view seller, std::string_view match,
                        std::string_view line_id) = 0;
  virtual void RemoveMatch(std::string_view seller, std::string_view match) = 0;
  // Added up over the batch and written once.
  virtual void AddCounter(std::string_view seller, const CounterKey& key, int64_t amount) = 0;
  virtual void PutAnswer(std::string_view seller, std::string_view request_id,
                         const StoredAnswer& answer, int64_t now) = 0;
  virtual void PutEffect(Effect* effect) = 0;  // inserts when seq is 0
  virtual void RemoveEffect(int64_t seq) = 0;
  virtual void PutFeedCursor(std::string_view seller, std::string_view plugin, int64_t seq) = 0;
  virtual void PutPullCursor(std::string_view seller, std::string_view plugin,
                             std::string_view cursor) = 0;
};

// Answers false to undo what the closure has changed.
using WriteWork = std::function<bool(Transaction&)>;
// Runs after the commit: OK means that it is durable. Must be quick and must not block. In the
// order of the work, on a thread of the store: not the one that writes, unless the whole batch was
// lost; then before any other work.
using WriteDone = std::function<void(const absl::Status&)>;

class Store {
 public:
  virtual ~Store() = default;

  // Queues a write. RESOURCE_EXHAUSTED `BUSY` at once when the queue is full; then nothing runs.
  virtual absl::Status Submit(WriteWork work, WriteDone done) = 0;
  // Queues a read on the pool. RESOURCE_EXHAUSTED when its queue is full. `failed` is called in
  // place of work that could not be begun or brought to its end, never after one that was.
  virtual absl::Status Read(std::function<void(Reader&)> work,
                            std::function<void(const absl::Status&)> failed) = 0;
  // Reads on the calling thread, for the engine's own threads.
  virtual void ReadHere(const std::function<void(Reader&)>& work) = 0;
  // Called after every commit that appended events or effects, from the writer's thread.
  virtual void OnCommit(std::function<void()> listener) = 0;
  // A secret of this database, for signing page tokens.
  virtual const std::string& Secret() const = 0;
  // Runs what is queued, then stops. Later submits are refused.
  virtual void Stop() = 0;
};

}  // namespace aftersales::store
