#include "core/engine/report_import.h"

#include <algorithm>
#include <utility>

#include "core/domain/calendar.h"
#include "core/domain/resource_names.h"
#include "core/domain/tracking.h"
#include "core/engine/commands.h"
#include "core/engine/import_progress.h"
#include "core/engine/inflater.h"
#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

constexpr size_t kPiece = 512 * 1024;  // bytes in one call of the plugin
constexpr int kBatch = 500;            // records in one transaction
constexpr int kProblemsKept = 1000;

using plugin::v1::ReportRecord;

// A plugin gives a calendar day as its midnight in UTC; it is a day of the marketplace.
void MoveToZone(google::protobuf::Timestamp* day, absl::TimeZone zone) {
  const absl::CivilDay date = calendar::LocalDay(calendar::FromProto(*day), absl::UTCTimeZone());
  *day = calendar::ToProto(calendar::StartOfDay(date, zone));
}

// What the past tells cannot lie ahead. A day of slack, as for facts from other sources: clocks
// differ, and a day without a time has to begin somewhere.
absl::Status CheckPast(std::string_view field, bool present, const google::protobuf::Timestamp& at,
                       absl::Time now) {
  if (!present || calendar::FromProto(at) <= now + absl::Hours(24)) return absl::OkStatus();
  return InvalidField(
      field, "IN_THE_FUTURE",
      Cat(field, " is ", absl::FormatTime("%Y-%m-%d", calendar::FromProto(at), absl::UTCTimeZone()),
          ", more than a day ahead of the host; correct the date"));
}

absl::Status CheckCurrency(std::string_view field, const v1::Money& amount,
                           const v1::Channel& channel) {
  if (amount.currency_code().empty() || amount.currency_code() == channel.currency_code()) {
    return absl::OkStatus();
  }
  return InvalidField(
      field, "CURRENCY_MISMATCH",
      Cat(field, " is in ", amount.currency_code(), " but the channel sells in ",
          channel.currency_code(), "; import the row into the channel that it is of"));
}

// What no row can mean, whatever plugin read it.
absl::Status CheckRecord(const ReportRecord& record, const v1::Channel& channel, absl::Time now) {
  if (record.has_order()) {
    const v1::Order& order = record.order();
    if (absl::Status s = CheckPast("placed_at", order.has_placed_at(), order.placed_at(), now);
        !s.ok()) {
      return s;
    }
    // An order that was changed in the future would take no other report until then.
    return CheckPast("last_updated_at", order.has_last_updated_at(), order.last_updated_at(), now);
  }
  if (record.has_shipment()) {
    return CheckPast("shipped_at", record.shipment().has_shipped_at(),
                     record.shipment().shipped_at(), now);
  }
  if (!record.has_return_record()) return absl::OkStatus();
  const plugin::v1::ReturnRecord& reported = record.return_record();
  const v1::Return& snapshot = reported.snapshot();
  absl::Status status =
      CheckPast("requested_at", snapshot.has_requested_at(), snapshot.requested_at(), now);
  if (status.ok()) {
    status = CheckPast("delivered_at", reported.has_delivered_at(), reported.delivered_at(), now);
  }
  if (status.ok())
    status = CheckCurrency("platform_refunded", snapshot.platform_refunded(), channel);
  for (const v1::ReturnLabel& label : snapshot.labels()) {
    if (status.ok()) status = CheckCurrency("label cost", label.cost(), channel);
  }
  return status;
}

// A return without an RMA id has no name of its own: a report calls it by its order item, and one
// that has no such column by its SKU. It is the one of that order, SKU and day, and gets the id
// under which it is stored.
absl::Status FindReturnless(Command& c, const ChannelInfo& channel, v1::Return* snapshot) {
  if (!snapshot->external_rma_id().empty() || snapshot->items_size() != 1 ||
      snapshot->fulfillment() != v1::FULFILLMENT_MFN ||
      c.store.FindReturnByExternalId(c.seller, channel.id, snapshot->external_id())) {
    return absl::OkStatus();
  }
  const v1::ReturnItem& item = snapshot->items(0);
  const auto day = [&](const v1::Return& of) {
    return calendar::LocalDay(calendar::FromProto(of.requested_at()), channel.zone);
  };
  const std::string* found = nullptr;
  const std::vector<store::ReturnRecord> known =
      c.store.ReturnsOfOrder(c.seller, channel.id, snapshot->order_external_id());
  for (const store::ReturnRecord& record : known) {
    const v1::Return& other = record.state();
    if (!other.external_rma_id().empty() || other.external_id().empty() ||
        other.items_size() != 1 || other.items(0).sku() != item.sku() ||
        day(other) != day(*snapshot)) {
      continue;
    }
    // Two item ids are two items.
    if (!other.items(0).external_item_id().empty() && !item.external_item_id().empty()) continue;
    if (found != nullptr) {
      return InvalidField(
          "external_id", "AMBIGUOUS_RETURN",
          Cat("order ", snapshot->order_external_id(), " has several returns of ", item.sku(),
              " of that day and no RMA id; import a report with the "
              "column `Order Item ID`"));
    }
    found = &other.external_id();
  }
  if (found != nullptr) snapshot->set_external_id(*found);
  return absl::OkStatus();
}

plugin::v1::ReportProblem ProblemOf(const ReportRecord& record, std::string_view reason,
                                    std::string_view message, bool skipped) {
  plugin::v1::ReportProblem problem;
  problem.set_line(record.line());
  problem.set_reason(std::string(reason));
  problem.set_message(std::string(message));
  problem.set_skipped(skipped);
  return problem;
}

}  // namespace

// The records of one transaction and what became of them.
struct ReportImport::Batch {
  std::vector<ReportRecord> records;
  std::vector<v1::TrackingVerdict> verdicts;  // of its shipments, in order
  std::map<std::string, v1::ImportCount> counts;
  std::vector<plugin::v1::ReportProblem> problems;
  std::promise<absl::Status> done;
};

absl::StatusOr<std::unique_ptr<ReportImport>> ReportImport::Begin(
    Engine& engine, v1::Actor actor, const v1::ImportReportHeader& header) {
  auto name = names::Parse(header.channel(), "channels", "header.channel");
  if (!name.ok()) return name.status();
  if (header.file_name().size() > 255) {
    return InvalidField("header.file_name", "TOO_LONG", "at most 255 bytes");
  }
  std::optional<ChannelInfo> channel;
  try {
    engine.store().ReadHere([&](store::Reader& reader) {
      ChannelCache channels;
      if (const ChannelInfo* found = channels.Find(reader, header.channel())) channel = *found;
    });
  } catch (const store::Error& e) {
    return absl::InternalError(e.what());
  }
  if (!channel) return NotFound(header.channel());
  plugins::PluginHandle* plugin = engine.plugins().Find(channel->channel.marketplace_plugin());
  if (plugin == nullptr ||
      plugin->CapabilityOf("ParseReport") != v1::Plugin::CAPABILITY_SUPPORTED) {
    return Refuse(absl::StatusCode::kFailedPrecondition, "NO_REPORTS",
                  Cat("plugin ", channel->channel.marketplace_plugin(),
                      " of the channel is not loaded or reads no report files"));
  }
  return std::unique_ptr<ReportImport>(
      new ReportImport(engine, std::move(actor), header, *std::move(channel)));
}

ReportImport::ReportImport(Engine& engine, v1::Actor actor, const v1::ImportReportHeader& header,
                           ChannelInfo channel)
    : engine_(engine),
      actor_(std::move(actor)),
      header_(header),
      channel_(std::move(channel)),
      plugin_(engine.plugins().Find(channel_.channel.marketplace_plugin())),
      seller_(names::Split(channel_.channel.name()).seller),
      inflater_(std::make_unique<Inflater>()),
      report_type_(header.report_type()) {}

ReportImport::~ReportImport() { (void)AwaitBatch(); }

absl::Status ReportImport::Feed(std::string_view bytes) {
  return inflater_->Feed(bytes, [this](std::string_view plain) {
    pending_ += plain;
    absl::Status status;
    size_t used = 0;
    for (; status.ok() && pending_.size() - used >= kPiece; used += kPiece) {
      status = Parse(std::string_view(pending_).substr(used, kPiece), false);
    }
    pending_.erase(0, used);
    return status;
  });
}

absl::StatusOr<v1::ImportReportResponse> ReportImport::Finish() {
  absl::Status status = inflater_->Finish([this](std::string_view plain) {
    pending_ += plain;
    return absl::OkStatus();
  });
  if (status.ok()) status = Parse(pending_, true);
  if (absl::Status s = AwaitBatch(); status.ok()) status = s;
  if (!status.ok()) return status;
  response_.set_report_type(report_type_);
  for (auto& [kind, count] : counts_) *response_.add_counts() = count;
  std::stable_sort(response_.mutable_problems()->begin(), response_.mutable_problems()->end(),
                   [](const auto& a, const auto& b) { return a.line() < b.line(); });
  return std::move(response_);
}

absl::Status ReportImport::Ended(const absl::Status& refusal) {
  (void)AwaitBatch();  // whatever became of it, what it stored is in the counts now
  ImportProgress progress;
  progress.rows_read = response_.row_count();
  if (header_.validate_only()) return WithProgress(refusal, progress);
  for (const auto& [kind, count] : counts_) {
    progress.stored[kind] = count.created() + count.updated() + count.unchanged();
  }
  return WithProgress(refusal, progress);
}

void ReportImport::AddProblem(const plugin::v1::ReportProblem& problem) {
  response_.set_problem_count(response_.problem_count() + 1);
  if (problem.skipped() && problem.line() > 0) {
    response_.set_skipped_count(response_.skipped_count() + 1);
  }
  if (response_.problems_size() >= kProblemsKept) return;
  v1::ImportProblem* out = response_.add_problems();
  out->set_line(problem.line());
  out->set_column(problem.column());
  out->set_reason(problem.reason());
  out->set_message(problem.message());
  out->set_skipped(problem.skipped());
}

absl::Status ReportImport::Parse(std::string_view piece, bool final) {
  plugin::v1::ParseReportRequest request;
  request.set_report_type(report_type_);
  request.set_marketplace_id(channel_.channel.marketplace_id());
  request.set_currency_code(channel_.channel.currency_code());
  request.set_time_zone(channel_.channel.time_zone());
  request.set_charset(header_.charset());
  request.set_chunk(std::string(piece));
  request.set_final(final);
  request.set_state(std::move(state_));
  plugin::v1::ParseReportResponse response;
  plugins::PluginHandle::CallOptions options;
  options.deadline = engine_.Now() + absl::Seconds(60);
  options.seller = names::Seller(seller_);
  if (absl::Status s = plugin_->Call("MarketplacePlugin/ParseReport", request, &response, options);
      !s.ok()) {
    return s;
  }
  // A problem with the file as a whole, found before anything was read, refuses the file.
  for (const plugin::v1::ReportProblem& problem : response.problems()) {
    if (problem.line() == 0 && problem.skipped()) {
      return Refuse(absl::StatusCode::kInvalidArgument, problem.reason(), problem.message())
          .Field(problem.reason() == "UNKNOWN_REPORT_TYPE" ? "header.report_type" : "chunk",
                 problem.message());
    }
    AddProblem(problem);
  }
  state_ = std::move(*response.mutable_state());
  if (!response.report_type().empty()) report_type_ = response.report_type();
  if (!response.charset().empty()) response_.set_charset(response.charset());
  response_.set_row_count(response_.row_count() + response.row_count());
  std::vector<ReportRecord> records;
  records.reserve(kBatch);
  for (ReportRecord& record : *response.mutable_records()) {
    records.push_back(std::move(record));
    if (records.size() < kBatch) continue;
    if (absl::Status s = AwaitBatch(); !s.ok()) return s;
    Store(std::exchange(records, {}));
  }
  if (!records.empty()) {
    if (absl::Status s = AwaitBatch(); !s.ok()) return s;
    Store(std::move(records));
  }
  return absl::OkStatus();
}

absl::Status ReportImport::AwaitBatch() {
  if (running_ == nullptr) return absl::OkStatus();
  const std::shared_ptr<Batch> batch = std::move(running_);
  running_ = nullptr;
  if (absl::Status s = batch->done.get_future().get(); !s.ok()) return s;
  for (const auto& [kind, count] : batch->counts) {
    v1::ImportCount& total = counts_[kind];
    total.set_kind(kind);
    total.set_created(total.created() + count.created());
    total.set_updated(total.updated() + count.updated());
    total.set_unchanged(total.unchanged() + count.unchanged());
  }
  for (const plugin::v1::ReportProblem& problem : batch->problems) AddProblem(problem);
  return absl::OkStatus();
}

void ReportImport::Store(std::vector<ReportRecord> records) {
  auto batch = std::make_shared<Batch>();
  // Judged before the transaction, which must not wait for plugins.
  std::vector<v1::TrackingQuery> queries;
  for (ReportRecord& record : records) {
    if (record.has_shipment()) {
      v1::Shipment* shipment = record.mutable_shipment();
      if (shipment->shipped_at_day_only())
        MoveToZone(shipment->mutable_shipped_at(), channel_.zone);
      v1::TrackingQuery query;
      query.set_tracking_number(shipment->tracking_number());
      query.set_carrier(shipment->carrier());
      query.set_scan_count(ScanCount(*shipment));
      queries.push_back(std::move(query));
    } else if (record.has_return_record()) {
      plugin::v1::ReturnRecord* reported = record.mutable_return_record();
      if (reported->snapshot().requested_at_day_only()) {
        MoveToZone(reported->mutable_snapshot()->mutable_requested_at(), channel_.zone);
      }
      if (reported->has_delivered_at()) MoveToZone(reported->mutable_delivered_at(), channel_.zone);
    }
  }
  if (!queries.empty()) batch->verdicts = JudgeTracking(engine_.plugins(), engine_.Now(), queries);
  batch->records = std::move(records);
  running_ = batch;

  const bool keep = !header_.validate_only();
  engine_.RunInternal(
      seller_, actor_, "import",
      [batch, channel_name = channel_.channel.name(), keep](Command& c) -> absl::Status {
        // A batch that is tried again starts over.
        batch->counts.clear();
        batch->problems.clear();
        auto channel = c.Channel(channel_name);
        if (!channel.ok()) return channel.status();
        size_t shipments = 0;
        for (const ReportRecord& record : batch->records) {
          std::string kind;
          absl::StatusOr<Change> change = Change::kUnchanged;
          const size_t shipment_index = shipments;
          if (record.has_shipment()) ++shipments;
          if (absl::Status s = CheckRecord(record, (*channel)->channel, c.now); !s.ok()) {
            batch->problems.push_back(ProblemOf(record, ReasonOf(s), View(s.message()), true));
            continue;
          }
          switch (record.record_case()) {
            case ReportRecord::kOrder:
              kind = "orders";
              change = StoreReportedOrder(c, **channel, record.order(), record.same_line_count());
              break;
            case ReportRecord::kReturnRecord: {
              kind = "returns";
              const plugin::v1::ReturnRecord& reported = record.return_record();
              v1::Return snapshot = reported.snapshot();
              if (absl::Status s = FindReturnless(c, **channel, &snapshot); !s.ok()) {
                change = s;
                break;
              }
              change = StoreReportedReturn(
                  c, **channel, snapshot, reported.status(),
                  reported.has_delivered_at() ? &reported.delivered_at() : nullptr);
              break;
            }
            case ReportRecord::kShipment: {
              kind = "shipments";
              v1::Shipment shipment = record.shipment();
              shipment.set_channel(channel_name);
              *shipment.mutable_verdict() = batch->verdicts[shipment_index];
              Change stored = Change::kUnchanged;
              auto result = StoreShipment(c, shipment, "", &stored);
              if (!result.ok()) {
                change = result.status();
                break;
              }
              change = stored;
              if (const std::string wrong = ContradictionOf(c, **channel, *result);
                  !wrong.empty()) {
                batch->problems.push_back(ProblemOf(record, "EXCESS_QUANTITY", wrong, false));
              }
              break;
            }
            case ReportRecord::kAccountHealth:
              kind = "metrics";
              change = StoreAccountHealth(c, **channel, record.account_health());
              // The channel was changed: look it up again.
              channel = c.Channel(channel_name);
              if (!channel.ok()) return channel.status();
              break;
            case ReportRecord::RECORD_NOT_SET:
              continue;
          }
          if (!change.ok()) {
            batch->problems.push_back(ProblemOf(record, ReasonOf(change.status()),
                                                View(change.status().message()), true));
            continue;
          }
          v1::ImportCount& count = batch->counts[kind];
          if (*change == Change::kCreated) count.set_created(count.created() + 1);
          if (*change == Change::kUpdated) count.set_updated(count.updated() + 1);
          if (*change == Change::kUnchanged) count.set_unchanged(count.unchanged() + 1);
        }
        return keep ? absl::OkStatus() : absl::CancelledError("only validated");
      },
      [batch, keep](const absl::Status& status) {
        batch->done.set_value(!keep && absl::IsCancelled(status) ? absl::OkStatus() : status);
      });
}

}  // namespace aftersales::engine
