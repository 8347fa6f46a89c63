// `aftersales costs`: what a return costs, and why.
#include "aftersales/v1/cost_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/host/cli/command.h"
#include "core/host/cli/references.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::CostService::Stub;

struct OneReturn : Connection {
  std::string reference;
};

struct RecordOptions : OneReturn {
  std::string kind;
  std::string amount;
  std::string source;
  std::string note;
  std::string at;
  std::string external_id;
  bool replaces = false;
};

absl::StatusOr<int> RunExplain(const Session& session, const OneReturn& options) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  v1::ExplainCostsRequest request;
  request.set_name(found->name());
  v1::CostExplanation explanation;
  if (absl::Status s = session.client.Call(&Stub::ExplainCosts, request, &explanation); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(explanation);
    return kExitOk;
  }
  const Terminal& terminal = session.terminal;
  Table table({{"DATE"},
               {"WHAT"},
               {"AMOUNT", Table::Align::kRight},
               {"HOW", {}, Table::Fit::kWrap},
               {"FROM", {}, Table::Fit::kWrap}});
  for (const v1::CostExplanation::Line& line : explanation.lines()) {
    std::string inputs;
    for (const v1::LedgerEntry::Input& input : line.entry().inputs()) {
      inputs += Cat(inputs.empty() ? "" : ", ", input.name(), " ", input.value());
    }
    table.Add({DayText(line.entry().occurred_at()), Phrase(line.entry().kind()),
               money::Format(line.entry().amount()),
               Cat(line.entry().formula(), ": ", line.formula_text()),
               line.entry().note().empty() ? inputs : line.entry().note()});
  }
  table.Print(terminal);
  const auto total = [&](std::string_view what, const v1::Money& amount) {
    terminal.out << what << ' ' << money::Format(amount) << '\n';
  };
  total("costs beside the refund", explanation.cost_excluding_refund());
  total("refunded", explanation.refunded());
  if (explanation.has_referral_credit()) {
    total("referral fee that comes back", explanation.referral_credit());
  }
  total("all together", explanation.total());
  if (explanation.has_saved_reverse_cost()) {
    total("saved by not fetching the goods", explanation.saved_reverse_cost());
  }
  return kExitOk;
}

absl::StatusOr<int> RunRecord(const Session& session, const RecordOptions& options) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  v1::RecordCostRequest request;
  request.set_name(found->name());
  const auto kind = ParseWord<v1::LedgerEntry::Kind>(options.kind, "--kind");
  if (!kind.ok()) return kind.status();
  request.set_kind(*kind);
  auto amount = ParseMoney(options.amount, "--amount");
  if (!amount.ok()) return amount.status();
  *request.mutable_amount() = *std::move(amount);
  if (!options.source.empty()) {
    const auto source = ParseWord<v1::LedgerEntry::Source>(options.source, "--from");
    if (!source.ok()) return source.status();
    request.set_source(*source);
  }
  if (!options.at.empty()) {
    auto at = ParseTime(options.at, "--at");
    if (!at.ok()) return at.status();
    *request.mutable_occurred_at() = *at;
  }
  request.set_note(options.note);
  request.set_external_id(options.external_id);
  request.set_replaces(options.replaces);
  v1::Return changed;
  if (absl::Status s = session.client.Call(&Stub::RecordCost, request, &changed); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(changed);
  } else {
    session.terminal.out << "booked; see `aftersales costs explain " << ReferenceOf(changed)
                         << "`\n";
  }
  return kExitOk;
}

}  // namespace

void AddCosts(CLI::App& app, Commands& commands) {
  CLI::App* costs = app.add_subcommand("costs", "See what a return costs, and add what you know");
  costs->require_subcommand(1);
  {
    auto options = std::make_shared<OneReturn>();
    CLI::App* command = commands.Add(*costs, "explain", "Show every cost with its formula",
                                     "  aftersales costs explain RMA");
    AddReturnReference(command, &options->reference);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunExplain);
  }
  {
    auto options = std::make_shared<RecordOptions>();
    CLI::App* command = commands.Add(
        *costs, "record", "Book a cost or recovery of a return",
        R"(  aftersales costs record RMA --kind customs --amount "-9.00 USD" --note "DHL invoice 77"
  aftersales costs record RMA --kind return-label --amount "-6.40 USD" --replaces \
      --from bank --note "USPS statement of March")");
    AddReturnReference(command, &options->reference);
    command->add_option("--kind", options->kind, "What it is for")
        ->option_text("return-label|outbound|customs|processing|reimbursement|... REQUIRED")
        ->required();
    command->add_option("--amount", options->amount, "Below 0 for a cost")
        ->option_text("\"AMOUNT CURRENCY\" REQUIRED")
        ->required();
    command->add_option("--note", options->note, "What it is, and where to look it up")
        ->option_text("TEXT REQUIRED")
        ->required();
    command->add_option("--from", options->source, "How sure it is; an estimate by default")
        ->option_text("estimate|platform|bank");
    command->add_option("--at", options->at, "When it arose; now by default")->option_text("TIME");
    command->add_option("--id", options->external_id, "Your id of it; booked once")
        ->option_text("ID");
    command->add_flag("--replaces", options->replaces,
                      "Take back what was booked of this kind before");
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunRecord);
  }
}

}  // namespace aftersales::cli
