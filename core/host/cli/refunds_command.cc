// `aftersales refunds`: what would be paid and why, and paying it once.
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "aftersales/v1/refund_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/domain/refund_fold.h"
#include "core/host/cli/command.h"
#include "core/host/cli/findings.h"
#include "core/host/cli/references.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::RefundService::Stub;

// What to refund, as quote and issue take it.
struct SpecOptions : Connection {
  std::string reference;
  std::string order;
  std::vector<std::string> lines;
  std::string condition;
  std::string reason;
  std::string goodwill;
  std::string label_fee;
  std::string deduction;
};

struct IssueOptions : SpecOptions {
  std::string expected_total;
  std::string override_reason;
  bool validate_only = false;
};

struct ShowOptions : Connection {
  std::string refund;
};

struct ListOptions : Connection {
  std::string status;
  std::string channel;
  std::string order;
  int limit = 50;
};

struct ChangeOptions : ShowOptions {
  std::string etag;
  bool validate_only = false;
};

struct ReasonOptions : ChangeOptions {
  std::string reason;
  std::string proof;
};

struct SettleOptions : ChangeOptions {
  bool paid = false;
  bool not_paid = false;
  std::string proof;
  std::string external_refund_id;
  std::string amount;
};

absl::Status SetMoney(const std::string& text, const char* option, v1::Money* money) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<v1::Money> parsed = ParseMoney(text, option);
  if (!parsed.ok()) return parsed.status();
  *money = *parsed;
  return absl::OkStatus();
}

absl::StatusOr<v1::RefundSpec> SpecOf(const Session& session, const SpecOptions& options) {
  v1::RefundSpec spec;
  if (options.reference.empty() == options.order.empty()) {
    return Refuse(absl::StatusCode::kInvalidArgument, "WHAT_TO_REFUND",
                  "name a return, or --order with --line for units without a return");
  }
  if (!options.reference.empty()) {
    const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
    if (!found.ok()) return found.status();
    spec.set_return_name(found->name());
  } else {
    const absl::StatusOr<std::string> order = session.Name("orders", options.order);
    if (!order.ok()) return order.status();
    spec.set_order(*order);
  }
  for (const std::string& text : options.lines) {
    const absl::StatusOr<LineQuantity> line = ParseLineQuantity(text, "--line");
    if (!line.ok()) return line.status();
    v1::RefundItem* item = spec.add_items();
    item->set_line_id(line->line_id);
    item->set_quantity(line->quantity);
    if (!options.condition.empty()) {
      const auto condition = ParseWord<v1::Condition>(options.condition, "--condition");
      if (!condition.ok()) return condition.status();
      item->set_condition(*condition);
    }
    if (!options.reason.empty()) {
      const auto reason = ParseWord<v1::ReturnReason>(options.reason, "--reason");
      if (!reason.ok()) return reason.status();
      item->set_reason(*reason);
    }
  }
  absl::Status status;
  if (!options.goodwill.empty()) {
    status.Update(SetMoney(options.goodwill, "--goodwill", spec.mutable_goodwill()));
  }
  if (!options.label_fee.empty()) {
    status.Update(SetMoney(options.label_fee, "--label-fee", spec.mutable_label_fee()));
  }
  if (!options.deduction.empty()) {
    status.Update(SetMoney(options.deduction, "--deduction", spec.mutable_deduction()));
  }
  if (!status.ok()) return status;
  return spec;
}

void PrintBreakdown(const Terminal& terminal,
                    const google::protobuf::RepeatedPtrField<v1::BreakdownLine>& breakdown,
                    const v1::Money& total) {
  Table table({{"FOR"},
               {"LINE", {}, Table::Fit::kTruncate},
               {"QTY", Table::Align::kRight},
               {"AMOUNT", Table::Align::kRight}},
              2);
  for (const v1::BreakdownLine& line : breakdown) {
    table.Add({Phrase(line.kind()) + (line.informational() ? " (contained)" : ""), line.line_id(),
               line.quantity() > 0 ? Cat(line.quantity()) : "", FormatMoney(line.amount())});
  }
  table.Add({{"total", Style::kHeading}, "", "", {FormatMoney(total), Style::kHeading}});
  table.Print(terminal);
}

void PrintManualAction(const Terminal& terminal, const v1::ManualAction& action) {
  PrintParagraph(terminal, action.title());
  int number = 0;
  for (const std::string& step : action.steps()) {
    PrintParagraph(terminal, Cat(++number, ". ", step), "  ");
  }
  if (!action.url().empty()) PrintParagraph(terminal, action.url(), "  ");
}

Style StyleOf(v1::Refund::Status status) {
  switch (status) {
    case v1::Refund::STATUS_SUCCEEDED:
    case v1::Refund::STATUS_RECONCILED:
      return Style::kGood;
    case v1::Refund::STATUS_FAILED:
    case v1::Refund::STATUS_UNKNOWN:
    case v1::Refund::STATUS_REVERSED:
      return Style::kBad;
    case v1::Refund::STATUS_PENDING_APPROVAL:
      return Style::kWarn;
    default:
      return Style::kPlain;
  }
}

void PrintRefund(const Terminal& terminal, const v1::Refund& refund) {
  PrintField(terminal, "Refund", IdOf(refund.name()), Style::kHeading);
  PrintField(terminal, "Status", Word(refund.status()), StyleOf(refund.status()));
  PrintField(terminal, "For", Phrase(refund.kind()));
  PrintField(terminal, "Order", refund.order_external_id());
  PrintField(terminal, "Return", IdOf(refund.return_name()));
  PrintField(terminal, "Channel", IdOf(refund.channel()));
  PrintField(terminal, "Paid", TimeText(refund.succeeded_at()));
  if (!PaidAsAsked(refund)) {
    PrintField(terminal, "Paid amount", FormatMoney(refund.paid_amount()), Style::kWarn);
  }
  PrintField(terminal, "Difference", refund.difference_proof());
  PrintField(terminal, "Payment id", refund.external_refund_id());
  PrintField(terminal, "Proof", refund.proof());
  PrintField(terminal, "Paid again as", refund.override_reason());
  PrintField(terminal, "Asked for by", refund.requested_by().id());
  PrintField(terminal, "Approved by", refund.approved_by().id());
  PrintField(terminal, "Came back", refund.reversal_reason(), Style::kBad);
  PrintField(terminal, "Failure", refund.failure(), Style::kBad);
  PrintField(terminal, "Etag", refund.etag());
  PrintBreakdown(terminal, refund.breakdown(), refund.total());
  PrintFindings(terminal, refund.findings());
  // What to do is worth reading only while it is to be done.
  if (refund.status() == v1::Refund::STATUS_PENDING_APPROVAL) {
    terminal.out << "next: somebody else with a higher limit: aftersales refunds approve "
                 << Printable(IdOf(refund.name())) << " --as manager:NAME\n";
  }
  if (refund.status() == v1::Refund::STATUS_UNKNOWN) {
    PrintParagraph(
        terminal,
        Cat("the host asks the marketplace whether it was paid, where that can be asked; "
            "until that is known nothing is paid again. Or look there for ",
            FormatMoney(refund.total()), " of order ", refund.order_external_id(),
            " yourself, and say what you found:"),
        "next: ");
    for (const char* found :
         {"--paid --proof REFERENCE", "--not-paid --proof \"WHERE YOU LOOKED\""}) {
      terminal.out << "  aftersales refunds settle " << Printable(IdOf(refund.name())) << ' '
                   << found << '\n';
    }
  }
  if (AwaitsRetry(refund)) {
    terminal.out << '\n';
    PrintManualAction(terminal, refund.manual_action());
  }
  if (AwaitsPerson(refund)) {
    terminal.out << '\n';
    PrintManualAction(terminal, refund.manual_action());
    terminal.out << "  then: aftersales refunds settle " << Printable(IdOf(refund.name()))
                 << " --paid --proof REFERENCE\n";
  }
}

absl::StatusOr<int> RunQuote(const Session& session, const SpecOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const absl::StatusOr<v1::RefundSpec> spec = SpecOf(session, options);
  if (!spec.ok()) return spec.status();
  v1::QuoteRefundRequest request;
  request.set_parent(*seller);
  *request.mutable_spec() = *spec;
  v1::RefundQuote quote;
  if (absl::Status status = session.client.Call(&Stub::QuoteRefund, request, &quote);
      !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(quote);
    return kExitOk;
  }
  const Terminal& terminal = session.terminal;
  PrintBreakdown(terminal, quote.breakdown(), quote.total());
  if (quote.fees_waived().minor_units() > 0) {
    terminal.out << "  fees beyond the refund, waived: " << FormatMoney(quote.fees_waived())
                 << '\n';
  }
  terminal.out << "  the order could still give back " << FormatMoney(quote.refundable())
               << "; policy " << Printable(quote.policy_profile()) << "; nothing is reserved\n";
  return kExitOk;
}

bool IsUnderWay(const v1::Refund& refund) {
  return !refund.has_manual_action() && (refund.status() == v1::Refund::STATUS_APPROVED ||
                                         refund.status() == v1::Refund::STATUS_SUBMITTED);
}

// Gives the marketplace plugin a moment, because its answer (paid, or what a person has to do) is
// what one wants to see. The refund itself is durable before.
absl::Status AwaitMarketplace(const Session& session, v1::Refund* refund) {
  const absl::Time until = absl::Now() + absl::Seconds(2);
  v1::GetRefundRequest request;
  request.set_name(refund->name());
  while (IsUnderWay(*refund) && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(30));
    if (absl::Status status = session.client.Call(&Stub::GetRefund, request, refund);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunIssue(const Session& session, const IssueOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  const absl::StatusOr<v1::RefundSpec> spec = SpecOf(session, options);
  if (!spec.ok()) return spec.status();
  v1::IssueRefundRequest request;
  request.set_parent(*seller);
  request.set_validate_only(options.validate_only);
  *request.mutable_spec() = *spec;
  request.mutable_spec()->set_override_reason(options.override_reason);
  if (!options.expected_total.empty()) {
    if (absl::Status status =
            SetMoney(options.expected_total, "--expect", request.mutable_expected_total());
        !status.ok()) {
      return status;
    }
  }
  v1::Refund refund;
  if (absl::Status status = session.client.Mutate(&Stub::IssueRefund, request, &refund);
      !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(refund);
    return kExitOk;
  }
  if (options.validate_only) {
    PrintRefund(session.terminal, refund);
    session.terminal.out << "nothing was changed\n";
    return kExitOk;
  }
  if (absl::Status status = AwaitMarketplace(session, &refund); !status.ok()) return status;
  PrintRefund(session.terminal, refund);
  if (IsUnderWay(refund)) {
    session.terminal.out
        << "\nIt is on its way to the marketplace. How it ends:\n  aftersales refunds show "
        << Printable(IdOf(refund.name())) << '\n';
  }
  return kExitOk;
}

absl::StatusOr<int> RunShow(const Session& session, const ShowOptions& options) {
  const absl::StatusOr<std::string> name = session.Name("refunds", options.refund);
  if (!name.ok()) return name.status();
  v1::GetRefundRequest request;
  request.set_name(*name);
  v1::Refund refund;
  if (absl::Status status = session.client.Call(&Stub::GetRefund, request, &refund); !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(refund);
  } else {
    PrintRefund(session.terminal, refund);
  }
  return kExitOk;
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  std::vector<std::string> filter;
  if (!options.status.empty()) {
    const auto status = ParseWord<v1::Refund::Status>(options.status, "--status");
    if (!status.ok()) return status.status();
    filter.push_back(Cat("status = ", Word(*status)));
  }
  if (!options.channel.empty()) {
    const absl::StatusOr<std::string> channel = session.Name("channels", options.channel);
    if (!channel.ok()) return channel.status();
    filter.push_back(Cat("channel = \"", *channel, "\""));
  }
  if (!options.order.empty()) {
    const absl::StatusOr<std::string> order = session.Name("orders", options.order);
    if (!order.ok()) return order.status();
    filter.push_back(Cat("order = \"", *order, "\""));
  }
  v1::ListRefundsRequest request;
  request.set_parent(*seller);
  request.set_filter(absl::StrJoin(filter, " AND "));
  Table table({{"REFUND"},
               {"ORDER"},
               {"CHANNEL"},
               {"STATUS"},
               {"TOTAL", Table::Align::kRight},
               {"DECIDED"}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListRefunds, request, options.limit,
      [&](const v1::ListRefundsResponse& page) {
        for (const v1::Refund& refund : page.refunds()) {
          if (options.json) {
            session.PrintJson(refund);
            continue;
          }
          table.Add({std::string(IdOf(refund.name())),
                     refund.order_external_id(),
                     std::string(IdOf(refund.channel())),
                     {Word(refund.status()), StyleOf(refund.status())},
                     FormatMoney(refund.total()),
                     DayText(refund.create_time())});
        }
        return page.refunds_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No refunds.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// The frame of every command on one refund: name it, fill in the rest, call, say how it stands.
template <typename Request>
absl::StatusOr<int> Change(const Session& session, const ChangeOptions& options,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Refund*),
                           Request request) {
  const absl::StatusOr<std::string> name = session.Name("refunds", options.refund);
  if (!name.ok()) return name.status();
  request.set_name(*name);
  request.set_etag(options.etag);
  request.set_validate_only(options.validate_only);
  v1::Refund refund;
  if (absl::Status status = session.client.Mutate(method, request, &refund); !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(refund);
    return kExitOk;
  }
  session.terminal.out << "Refund " << Printable(IdOf(refund.name())) << " of order "
                       << Printable(refund.order_external_id())
                       << (options.validate_only ? " would be " : " is ")
                       << session.terminal.Paint(Word(refund.status()), StyleOf(refund.status()))
                       << ", " << FormatMoney(refund.total())
                       << (options.validate_only ? "; nothing was changed\n" : "\n");
  return kExitOk;
}

absl::StatusOr<int> RunSettle(const Session& session, const SettleOptions& options) {
  if (options.paid == options.not_paid) {
    return Refuse(absl::StatusCode::kInvalidArgument, "HOW_IT_ENDED",
                  "say how it ended: --paid or --not-paid");
  }
  v1::SettleRefundRequest request;
  request.set_paid(options.paid);
  request.set_proof(options.proof);
  request.set_external_refund_id(options.external_refund_id);
  if (!options.amount.empty()) {
    if (absl::Status status = SetMoney(options.amount, "--amount", request.mutable_amount());
        !status.ok()) {
      return status;
    }
  }
  return Change(session, options, &Stub::SettleRefund, std::move(request));
}

absl::StatusOr<int> RunApprove(const Session& session, const ChangeOptions& options) {
  return Change(session, options, &Stub::ApproveRefund, v1::ApproveRefundRequest());
}

absl::StatusOr<int> RunRetry(const Session& session, const ChangeOptions& options) {
  return Change(session, options, &Stub::RetryRefund, v1::RetryRefundRequest());
}

absl::StatusOr<int> RunCancel(const Session& session, const ReasonOptions& options) {
  v1::CancelRefundRequest request;
  request.set_reason(options.reason);
  return Change(session, options, &Stub::CancelRefund, std::move(request));
}

absl::StatusOr<int> RunReverse(const Session& session, const ReasonOptions& options) {
  v1::ReverseRefundRequest request;
  request.set_reason(options.reason);
  request.set_proof(options.proof);
  return Change(session, options, &Stub::ReverseRefund, std::move(request));
}

void AddSpecOptions(CLI::App* command, SpecOptions* options) {
  command->add_option("return", options->reference, "Return id, RMA id, order id or resource name")
      ->option_text("RETURN");
  command->add_option("--order", options->order, "Instead of a return: units of this order")
      ->option_text("ID");
  command->add_option("--line", options->lines, "Units; all that are due by default")
      ->option_text("LINE:N")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--condition", options->condition, "State of the --line units")
      ->option_text("new|opened|used|...");
  command->add_option("--reason", options->reason, "Why the --line units come back")
      ->option_text("REASON");
  command->add_option("--goodwill", options->goodwill, "Extra for the buyer")
      ->option_text("AMOUNT");
  command->add_option("--label-fee", options->label_fee, "Label cost that the buyer bears")
      ->option_text("AMOUNT");
  command->add_option("--deduction", options->deduction, "Other deduction")->option_text("AMOUNT");
  AddConnectionOptions(command, options);
}

void AddRefund(CLI::App* command, ShowOptions* options) {
  command->add_option("refund", options->refund, "Refund id or resource name")
      ->option_text("REFUND")
      ->required();
}

void AddChangeOptions(CLI::App* command, ChangeOptions* options) {
  AddRefund(command, options);
  command->add_option("--etag", options->etag, "Change it only if it still has this etag")
      ->option_text("ETAG");
  command->add_flag("--dry-run", options->validate_only, "Check, change nothing");
  AddConnectionOptions(command, options);
}

}  // namespace

void AddRefunds(CLI::App& app, Commands& commands) {
  CLI::App* refunds = app.add_subcommand("refunds", "Quote, issue and settle refunds");
  refunds->require_subcommand(1);

  auto quote = std::make_shared<SpecOptions>();
  CLI::App* quote_command =
      commands.Add(*refunds, "quote", "Compute a refund with its breakdown; changes nothing",
                   R"(  aftersales refunds quote RMA
  aftersales refunds quote RMA --goodwill 5.00USD
  aftersales refunds quote --order 113-1 --line SKU-1:1 --reason arrived-damaged)");
  AddSpecOptions(quote_command, quote.get());
  commands.RunWith(quote_command, quote, &RunQuote);

  auto issue = std::make_shared<IssueOptions>();
  CLI::App* issue_command = commands.Add(
      *refunds, "issue", "Decide a refund and hand it to the marketplace, once",
      R"(  aftersales refunds issue RMA --expect 38.94USD     refuses if the quote is another by now
  aftersales refunds issue --order 113-1 --line SKU-1:1 --reason not-received
Where the marketplace has no API for refunds, `aftersales refunds show` lists the steps, and
`aftersales refunds settle` records that they were done.)");
  issue_command->add_option("--expect", issue->expected_total, "Total that you saw in the quote")
      ->option_text("AMOUNT");
  issue_command
      ->add_option("--override-reason", issue->override_reason,
                   "Why it is owed although the marketplace reports a refund; with --as manager")
      ->option_text("TEXT");
  issue_command->add_flag("--dry-run", issue->validate_only,
                          "Say what would happen, change nothing");
  AddSpecOptions(issue_command, issue.get());
  commands.RunWith(issue_command, issue, &RunIssue);

  auto show = std::make_shared<ShowOptions>();
  CLI::App* show_command =
      commands.Add(*refunds, "show", "Show one refund, with what is left to do",
                   "  aftersales refunds show REFUND");
  AddRefund(show_command, show.get());
  AddConnectionOptions(show_command, show.get());
  commands.RunWith(show_command, show, &RunShow);

  auto list = std::make_shared<ListOptions>();
  CLI::App* list_command = commands.Add(*refunds, "list", "List refunds, newest first",
                                        R"(  aftersales refunds list --status approved
  aftersales refunds list --order 113-6270000-6280000)");
  list_command->add_option("--status", list->status, "Only in this state")
      ->option_text(
          "pending-approval|approved|submitted|succeeded|failed|unknown|cancelled|reversed");
  list_command->add_option("--channel", list->channel, "Only this channel")->option_text("ID");
  list_command->add_option("--order", list->order, "Only of this order")->option_text("ID");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunList);

  auto settle = std::make_shared<SettleOptions>();
  CLI::App* settle_command = commands.Add(
      *refunds, "settle",
      "Say, with proof, how a refund ended that a person paid or that is unknown, or what was done "
      "about one that was paid otherwise than asked",
      R"(  aftersales refunds settle REFUND --paid --proof "statement 2026-03-10 line 12"
  aftersales refunds settle REFUND --not-paid --proof "not in the transaction list"
  aftersales refunds settle REFUND --paid --proof "the rest was paid as goodwill, rfd_01J"
What was paid otherwise than asked stays as it was paid.)");
  settle_command->add_flag("--paid", settle->paid, "It was paid");
  settle_command->add_flag("--not-paid", settle->not_paid, "It definitely was not");
  settle_command->add_option("--proof", settle->proof, "Reference, or why not; never card data")
      ->option_text("TEXT REQUIRED")
      ->required();
  settle_command->add_option("--payment-id", settle->external_refund_id, "Marketplace's payment id")
      ->option_text("ID");
  settle_command->add_option("--amount", settle->amount, "What was paid, if not the total")
      ->option_text("AMOUNT");
  AddChangeOptions(settle_command, settle.get());
  commands.RunWith(settle_command, settle, &RunSettle);

  auto approve = std::make_shared<ChangeOptions>();
  CLI::App* approve_command = commands.Add(
      *refunds, "approve", "Approve a refund that somebody else asked for, and hand it over",
      R"(  aftersales refunds approve REFUND --as manager:mia
It takes another person than who asked for it, so say who you are with --as ROLE:NAME.)");
  AddChangeOptions(approve_command, approve.get());
  commands.RunWith(approve_command, approve, &RunApprove);

  auto cancel = std::make_shared<ReasonOptions>();
  CLI::App* cancel_command =
      commands.Add(*refunds, "cancel", "Take back a refund that was not handed over yet",
                   "  aftersales refunds cancel REFUND --reason \"asked for twice\"");
  cancel_command->add_option("--reason", cancel->reason, "Why")
      ->option_text("TEXT REQUIRED")
      ->required();
  AddChangeOptions(cancel_command, cancel.get());
  commands.RunWith(cancel_command, cancel, &RunCancel);

  auto retry = std::make_shared<ChangeOptions>();
  CLI::App* retry_command =
      commands.Add(*refunds, "retry", "Try a failed refund again; it is paid once at most",
                   "  aftersales refunds retry REFUND");
  AddChangeOptions(retry_command, retry.get());
  commands.RunWith(retry_command, retry, &RunRetry);

  auto reverse = std::make_shared<ReasonOptions>();
  CLI::App* reverse_command = commands.Add(
      *refunds, "reverse", "Record that the money of a paid refund came back",
      R"(  aftersales refunds reverse REFUND --reason "account closed" --proof "statement 2026-03-20 line 4" --as manager)");
  reverse_command->add_option("--reason", reverse->reason, "Why it came back")
      ->option_text("TEXT REQUIRED")
      ->required();
  reverse_command->add_option("--proof", reverse->proof, "Statement line or reversal id")
      ->option_text("TEXT REQUIRED")
      ->required();
  AddChangeOptions(reverse_command, reverse.get());
  commands.RunWith(reverse_command, reverse, &RunReverse);
}

}  // namespace aftersales::cli
