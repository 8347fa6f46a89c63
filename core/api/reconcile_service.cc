#include "aftersales/v1/reconcile_service.grpc.pb.h"

#include "absl/strings/numbers.h"
#include "core/api/call.h"
#include "core/api/import_stream.h"
#include "core/api/list.h"
#include "core/api/services.h"
#include "core/domain/calendar.h"
#include "core/engine/commands.h"
#include "core/engine/statement_import.h"

namespace aftersales::api {
namespace {

using Position = std::optional<std::pair<int64_t, std::string>>;

// A place in a list by day and id.
Position PositionOf(const std::vector<std::string>& position) {
  int64_t day = 0;
  if (position.size() != 2 || !absl::SimpleAtoi(position[0], &day)) return std::nullopt;
  return std::pair(day, position[1]);
}
std::vector<std::string> PlaceOf(const std::string& day, const std::string& name) {
  return {Cat(calendar::DayNumber(calendar::ParseDate(day).value_or(absl::CivilDay()))),
          std::string(names::Split(name).id)};
}

using Raw = v1::ReconcileService::WithRawCallbackMethod_ImportBankStatement<
    v1::ReconcileService::WithRawCallbackMethod_ImportSettlement<
        v1::ReconcileService::CallbackService>>;

class ReconcileService final : public Raw {
 public:
  ReconcileService(engine::Engine& engine, const ImportLimits& imports)
      : engine_(engine), imports_(imports) {}

  using Raw::ImportBankStatement;
  grpc::ServerReadReactor<grpc::ByteBuffer>* ImportBankStatement(
      grpc::CallbackServerContext* context, grpc::ByteBuffer* response) override {
    return Import<v1::ImportBankStatementRequest>(v1::BankLine::SOURCE_BANK, context, response);
  }
  using Raw::ImportSettlement;
  grpc::ServerReadReactor<grpc::ByteBuffer>* ImportSettlement(grpc::CallbackServerContext* context,
                                                              grpc::ByteBuffer* response) override {
    return Import<v1::ImportSettlementRequest>(v1::BankLine::SOURCE_SETTLEMENT, context, response);
  }
  grpc::ServerUnaryReactor* Reconcile(grpc::CallbackServerContext* context,
                                      const v1::ReconcileRequest* request,
                                      v1::ReconcileResponse* response) override {
    return RunCommand(context, engine_, "ReconcileService/Reconcile", request->parent(), "",
                      request, response, &engine::Reconcile);
  }
  grpc::ServerUnaryReactor* MatchLine(grpc::CallbackServerContext* context,
                                      const v1::MatchLineRequest* request,
                                      v1::BankLine* response) override {
    return RunCommand(context, engine_, "ReconcileService/MatchLine", request->name(), "bankLines",
                      request, response, &engine::MatchLine);
  }
  grpc::ServerUnaryReactor* UnmatchLine(grpc::CallbackServerContext* context,
                                        const v1::UnmatchLineRequest* request,
                                        v1::BankLine* response) override {
    return RunCommand(context, engine_, "ReconcileService/UnmatchLine", request->name(),
                      "bankLines", request, response, &engine::UnmatchLine);
  }
  grpc::ServerUnaryReactor* IgnoreLine(grpc::CallbackServerContext* context,
                                       const v1::IgnoreLineRequest* request,
                                       v1::BankLine* response) override {
    return RunCommand(context, engine_, "ReconcileService/IgnoreLine", request->name(), "bankLines",
                      request, response, &engine::IgnoreLine);
  }
  grpc::ServerUnaryReactor* GetBankLine(grpc::CallbackServerContext* context,
                                        const v1::GetBankLineRequest* request,
                                        v1::BankLine* response) override {
    return RunGet(context, engine_, request, response, "bankLines",
                  [](store::Reader& reader, std::string_view seller, std::string_view id) {
                    return reader.FindBankLine(seller, id);
                  });
  }
  grpc::ServerUnaryReactor* ListBankLines(grpc::CallbackServerContext* context,
                                          const v1::ListBankLinesRequest* request,
                                          v1::ListBankLinesResponse* response) override {
    return RunList(
        context, engine_, request, response, "bankLines",
        {"state", "source", "reference", "settlement"},
        [](const Filter& filter, std::string_view) -> absl::StatusOr<store::BankLineFilter> {
          absl::Status status;
          store::BankLineFilter wanted;
          wanted.reference = filter.Text("reference");
          wanted.settlement = filter.Text("settlement");
          Take(filter.Enum<v1::BankLine::State>("state", "STATE_"), &wanted.state, &status);
          Take(filter.Enum<v1::BankLine::Source>("source", "SOURCE_"), &wanted.source, &status);
          if (!status.ok()) return status;
          return wanted;
        },
        [](store::Reader& reader, std::string_view seller, const store::BankLineFilter& wanted,
           const std::vector<std::string>& position,
           int limit) { return reader.ListBankLines(seller, wanted, PositionOf(position), limit); },
        [](const v1::BankLine& row) { return PlaceOf(row.booked_on(), row.name()); },
        [](v1::BankLine&& row, v1::ListBankLinesResponse* page) {
          *page->add_bank_lines() = std::move(row);
          return absl::OkStatus();
        });
  }
  grpc::ServerUnaryReactor* ListPayouts(grpc::CallbackServerContext* context,
                                        const v1::ListPayoutsRequest* request,
                                        v1::ListPayoutsResponse* response) override {
    return RunList(
        context, engine_, request, response, "payouts", {},
        [](const Filter&, std::string_view) -> absl::StatusOr<bool> { return true; },
        [](store::Reader& reader, std::string_view seller, bool,
           const std::vector<std::string>& position,
           int limit) { return reader.ListPayouts(seller, PositionOf(position), limit); },
        [](const v1::Payout& row) { return PlaceOf(row.latest_on(), row.name()); },
        [](v1::Payout&& row, v1::ListPayoutsResponse* page) {
          *page->add_payouts() = std::move(row);
          return absl::OkStatus();
        });
  }

 private:
  template <typename Request>
  grpc::ServerReadReactor<grpc::ByteBuffer>* Import(v1::BankLine::Source source,
                                                    grpc::CallbackServerContext* context,
                                                    grpc::ByteBuffer* response) {
    return new ImportReactor<Request, v1::ImportStatementResponse, engine::StatementImport>(
        imports_, context, response,
        [this, source](v1::Actor actor, const v1::ImportStatementHeader& header) {
          return engine::StatementImport::Begin(engine_, std::move(actor), source, header);
        });
  }

  engine::Engine& engine_;
  Imports imports_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeReconcileService(engine::Engine& engine,
                                                    const ImportLimits& imports) {
  return std::make_unique<ReconcileService>(engine, imports);
}

}  // namespace aftersales::api
