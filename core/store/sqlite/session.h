// The typed operations on one connection: all queries and changes of the store, in SQL.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/status/text.h"
#include "core/store/sqlite/connection.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {

class Session final : public Transaction {
 public:
  explicit Session(Connection* connection) : db_(*connection) {}

  // One closure of a batch: what it changes can be undone without the others'. The savepoint is
  // opened by the first change, so that a refused command costs none.
  void BeginWork();
  void KeepWork();
  void UndoWork();
  // Writes what was added up over the batch. Call before the commit.
  void FlushCounters();
  // Whether the batch appended events or effects.
  bool TakeNews() { return std::exchange(news_, false); }
  // After a failed commit nothing of what was cached is true any more.
  void Forget();

  std::optional<v1::Seller> FindSeller(std::string_view seller) override;
  std::vector<std::string> SellerIds() override;
  std::vector<v1::Channel> ListChannels(std::string_view seller) override;
  std::vector<v1::PolicyVersion> ListPolicies(std::string_view seller) override;
  std::optional<v1::Order> FindOrder(std::string_view seller, std::string_view id) override;
  std::optional<v1::Order> FindOrderByExternalId(std::string_view seller, std::string_view channel,
                                                 std::string_view external_id) override;
  std::vector<v1::Order> ListOrders(std::string_view seller, const OrderFilter& filter,
                                    std::optional<std::pair<int64_t, std::string>> after,
                                    int limit) override;
  std::optional<ReturnRecord> FindReturn(std::string_view seller, std::string_view id) override;
  std::optional<ReturnRecord> FindReturnByExternalId(std::string_view seller,
                                                     std::string_view channel,
                                                     std::string_view external_id) override;
  std::vector<ReturnRecord> ReturnsOfOrder(std::string_view seller, std::string_view channel,
                                           std::string_view order_external_id) override;
  std::vector<v1::Return> ListReturns(std::string_view seller, const ReturnFilter& filter,
                                      std::string_view after_id, int limit) override;
  std::vector<std::pair<std::string, std::string>> ReturnsForClock(int64_t now, int limit) override;
  std::optional<RefundRecord> FindRefund(std::string_view seller, std::string_view id) override;
  std::optional<RefundRecord> FindRefundByExternalId(std::string_view seller,
                                                     std::string_view channel,
                                                     std::string_view external_id) override;
  std::vector<v1::Refund> RefundsOfOrder(std::string_view seller,
                                         std::string_view order_id) override;
  std::vector<v1::Refund> ListRefunds(std::string_view seller, const RefundFilter& filter,
                                      std::string_view after_id, int limit) override;
  std::vector<v1::Refund> RefundsPaidOn(std::string_view seller, int32_t first_day,
                                        int32_t last_day, int limit) override;
  std::vector<v1::Refund> RefundsByReference(std::string_view seller,
                                             std::string_view reference) override;
  std::optional<v1::BankLine> FindBankLine(std::string_view seller, std::string_view id) override;
  std::vector<v1::BankLine> BankLinesByReference(std::string_view seller,
                                                 std::string_view reference) override;
  std::vector<v1::BankLine> BankLinesOn(std::string_view seller, int32_t first_day,
                                        int32_t last_day, int limit) override;
  std::vector<v1::BankLine> ListBankLines(std::string_view seller, const BankLineFilter& filter,
                                          std::optional<std::pair<int64_t, std::string>> after,
                                          int limit) override;
  std::string LineMatchedTo(std::string_view seller, std::string_view match) override;
  std::optional<v1::Payout> FindPayout(std::string_view seller, std::string_view id) override;
  std::vector<v1::Payout> PayoutsBySettlement(std::string_view seller,
                                              std::string_view settlement) override;
  std::vector<v1::Payout> PayoutsOn(std::string_view seller, int32_t first_day, int32_t last_day,
                                    int limit) override;
  std::vector<v1::Payout> ListPayouts(std::string_view seller,
                                      std::optional<std::pair<int64_t, std::string>> after,
                                      int limit) override;
  std::optional<ExchangeRecord> FindExchange(std::string_view seller, std::string_view id) override;
  std::vector<v1::Exchange> ExchangesOfOrder(std::string_view seller,
                                             std::string_view order_id) override;
  std::vector<v1::Exchange> ListExchanges(std::string_view seller, const ExchangeFilter& filter,
                                          std::string_view after_id, int limit) override;
  std::vector<std::pair<std::string, std::string>> ExchangesForClock(int64_t now,
                                                                     int limit) override;
  std::optional<v1::StockLevel> FindStockLevel(std::string_view seller, std::string_view sku,
                                               std::string_view location) override;
  std::vector<v1::StockLevel> ListStockLevels(
      std::string_view seller, std::string_view sku,
      std::optional<std::pair<std::string, std::string>> after, int limit) override;
  std::optional<v1::Shipment> FindShipment(std::string_view seller, std::string_view id) override;
  std::vector<v1::Shipment> ShipmentsOfOrder(std::string_view seller, std::string_view channel,
                                             std::string_view order_external_id) override;
  std::vector<v1::Shipment> ShipmentsByNumber(std::string_view seller, std::string_view number,
                                              int limit) override;
  std::vector<v1::Shipment> ListShipments(std::string_view seller, const ShipmentFilter& filter,
                                          std::string_view after_id, int limit) override;
  std::vector<WorkRow> ListWork(std::string_view seller, const WorkFilter& filter,
                                const WorkPosition& after, int limit) override;
  int64_t SumCounter(std::string_view seller, std::string_view channel, v1::Fulfillment fulfillment,
                     metrics::Counter counter, int32_t first_day, int32_t last_day,
                     std::string_view category = {}) override;
  std::vector<std::string> CounterCategories(std::string_view seller, std::string_view channel,
                                             v1::Fulfillment fulfillment, metrics::Counter counter,
                                             int32_t first_day, int32_t last_day) override;
  std::vector<std::pair<int64_t, v1::Event>> MetricChanges(std::string_view seller,
                                                           std::string_view channel, int64_t before,
                                                           int limit) override;
  int64_t CountUnansweredBefore(std::string_view seller, std::string_view channel, int32_t day,
                                int64_t now) override;
  std::vector<MetricRow> ListMetric(std::string_view seller, const MetricQuery& query,
                                    std::optional<std::pair<int32_t, std::string>> after,
                                    int limit) override;
  std::vector<v1::Event> EventsAfter(std::string_view seller, int64_t after, int limit) override;
  std::vector<v1::Event> EventsBySequence(std::string_view seller,
                                          std::span<const int64_t> sequences) override;
  int64_t LastSequence(std::string_view seller) override;
  std::vector<ChainedEvent> ChainAfter(std::string_view seller, int64_t after, int limit) override;
  std::optional<StoredAnswer> FindAnswer(std::string_view seller,
                                         std::string_view request_id) override;
  std::vector<Effect> DueEffects(int64_t now, int limit) override;
  std::vector<Effect> EffectsInFlight() override;
  std::optional<Effect> FindEffect(int64_t seq) override;
  int64_t FeedCursor(std::string_view seller, std::string_view plugin) override;
  std::string PullCursor(std::string_view seller, std::string_view plugin) override;

  void PutSeller(const v1::Seller& seller) override;
  void PutChannel(const v1::Channel& channel) override;
  void PutPolicy(const v1::PolicyVersion& version) override;
  void PutOrder(const v1::Order& order, bool created) override;
  void PutReturn(const ReturnRecord& record, bool created) override;
  void PutRefund(const RefundRecord& record, bool created) override;
  void PutExchange(const ExchangeRecord& record, bool created) override;
  void PutStockLevel(std::string_view seller, const v1::StockLevel& level) override;
  void PutShipment(const v1::Shipment& shipment, v1::Fulfillment fulfillment,
                   bool created) override;
  int64_t AppendEvent(std::string_view seller, v1::Event* event) override;
  void PutBankLine(const v1::BankLine& line, bool created) override;
  void PutPayout(const v1::Payout& payout, bool created) override;
  void PutMatch(std::string_view seller, std::string_view match, std::string_view line_id) override;
  void RemoveMatch(std::string_view seller, std::string_view match) override;
  void AddCounter(std::string_view seller, const CounterKey& key, int64_t amount) override;
  void PutAnswer(std::string_view seller, std::string_view request_id, const StoredAnswer& answer,
                 int64_t now) override;
  void PutEffect(Effect* effect) override;
  void RemoveEffect(int64_t seq) override;
  void PutFeedCursor(std::string_view seller, std::string_view plugin, int64_t seq) override;
  void PutPullCursor(std::string_view seller, std::string_view plugin,
                     std::string_view cursor) override;

 private:
  template <typename T>
  using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;
  using CounterDeltas = std::map<std::pair<std::string, CounterKey>, int64_t>;

  void Changing();  // opens the savepoint of the work in hand
  absl::TimeZone ZoneOf(std::string_view seller, std::string_view channel_name);

  Connection& db_;
  bool in_work_ = false;
  bool savepoint_ = false;
  bool news_ = false;
  bool work_news_ = false;
  CounterDeltas batch_counters_;
  std::vector<std::pair<std::pair<std::string, CounterKey>, int64_t>> work_counters_;
  // Next sequence by seller; the value before the work in hand is kept to undo it.
  // Where a seller's log ends.
  struct LogEnd {
    int64_t seq = 0;
    std::string hash;
  };
  LogEnd FindLogEnd(std::string_view seller);
  ByText<LogEnd> log_ends_;
  std::vector<std::pair<std::string, LogEnd>> log_undo_;
  std::string buffer_;
  ByText<absl::TimeZone> zones_;
};

}  // namespace aftersales::store::sqlite
