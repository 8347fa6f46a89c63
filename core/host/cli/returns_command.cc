// `aftersales returns`: from the buyer's request to the closed case.
#include <type_traits>

#include "aftersales/v1/event_service.grpc.pb.h"
#include "aftersales/v1/return_service.grpc.pb.h"
#include "core/domain/money.h"
#include "core/domain/return_items.h"
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

using Stub = v1::ReturnService::Stub;

// Flags of every command that names one return.
struct OneReturn : Connection {
  std::string reference;
};

// Flags of every command that changes one.
struct ChangeReturn : OneReturn {
  std::string etag;
  bool validate_only = false;
};

struct ListOptions : Connection {
  std::string status;
  std::string channel;
  std::string order;
  bool overdue = false;
  int limit = 50;
};

struct ApproveOptions : ChangeReturn {
  std::string method;
  std::string address;
  std::vector<std::string> lines;
  bool returnless = false;
  std::string override_reason;
};

struct RejectOptions : ChangeReturn {
  std::string reason_code;
  std::string text;
  std::string override_reason;
};

struct LabelOptions : ChangeReturn {
  std::string carrier;
  std::string tracking_number;
  std::string cost;
  std::string paid_by;
  bool replace = false;
};

struct ReceiveOptions : ChangeReturn {
  std::vector<std::string> lines;
  std::string receipt_id;
  std::string received_at;
  std::string location;
};

struct InspectOptions : ChangeReturn {
  std::string line;
  int32_t quantity = 0;
  std::string condition;
  std::string disposition;
  std::string reason;
  std::string inspection_id;
  std::string unit_id;
  std::vector<std::string> evidence;
};

struct ReasonOptions : ChangeReturn {
  std::string reason;
  bool without_refund = false;
};

struct NoteOptions : ChangeReturn {
  std::string note;
};

std::string Amount(const v1::Money& money) {
  return money.currency_code().empty() ? "" : FormatMoney(money);
}

Style StyleOf(v1::Return::Status status) {
  switch (status) {
    case v1::Return::STATUS_REQUESTED:
      return Style::kWarn;
    case v1::Return::STATUS_RESOLVED:
    case v1::Return::STATUS_CLOSED:
      return Style::kGood;
    case v1::Return::STATUS_LOST:
      return Style::kBad;
    default:
      return Style::kPlain;
  }
}

Style StyleOf(v1::Deadline::State state) {
  switch (state) {
    case v1::Deadline::STATE_BREACHED:
    case v1::Deadline::STATE_MET_LATE:
      return Style::kBad;
    case v1::Deadline::STATE_MET:
      return Style::kGood;
    case v1::Deadline::STATE_CANCELLED:
      return Style::kFaint;
    default:
      return Style::kPlain;
  }
}

bool HasLabel(const v1::Return& value) {
  for (const v1::ReturnLabel& label : value.labels()) {
    if (IsLive(label.state())) {
      return true;
    }
  }
  return false;
}

// The command that usually comes next; empty when nothing is to be done.
std::string NextCommand(const v1::Return& value) {
  if (value.platform_managed()) return "";
  const std::string ref = ReferenceOf(value);
  switch (value.status()) {
    case v1::Return::STATUS_REQUESTED:
      return Cat("aftersales returns approve ", ref);
    case v1::Return::STATUS_APPROVED:
      if (value.return_method() == v1::RETURN_METHOD_NONE) {
        return Cat("aftersales refunds quote ", ref);
      }
      if (!HasLabel(value)) {
        return Cat("aftersales returns label ", ref, " --carrier NAME --tracking NUMBER");
      }
      return Cat("aftersales returns receive ", ref);
    case v1::Return::STATUS_IN_TRANSIT:
    case v1::Return::STATUS_DELIVERED:
    case v1::Return::STATUS_PARTIALLY_RECEIVED:
      return Cat("aftersales returns receive ", ref);
    case v1::Return::STATUS_RECEIVED:
      return Cat("aftersales returns inspect ", ref, " --condition new");
    case v1::Return::STATUS_INSPECTED:
      return Cat("aftersales refunds quote ", ref);
    case v1::Return::STATUS_RESOLVED:
      return Cat("aftersales returns close ", ref, " --reason refunded");
    default:
      return "";
  }
}

void PrintItems(const Terminal& terminal, const v1::Return& value) {
  Table table({{"LINE", {}, Table::Fit::kTruncate},
               {"SKU", {}, Table::Fit::kTruncate},
               {"ASKED", Table::Align::kRight},
               {"APPR", Table::Align::kRight},
               {"RECV", Table::Align::kRight},
               {"GOOD", Table::Align::kRight},
               {"DAMG", Table::Align::kRight},
               {"WRONG", Table::Align::kRight},
               {"REFUNDED", Table::Align::kRight},
               {"REASON", {}, Table::Fit::kTruncate},
               {"FAULT"}});
  for (const v1::ReturnItem& item : value.items()) {
    const auto reason = item.inspected_reason() != v1::RETURN_REASON_UNSPECIFIED
                            ? item.inspected_reason()
                            : item.buyer_reason();
    table.Add({item.line_id(), item.sku(), Cat(item.quantity_requested()),
               Cat(item.quantity_approved()), Cat(item.quantity_received()),
               Cat(item.quantity_accepted()), Cat(item.quantity_damaged()),
               Cat(item.quantity_wrong()), Cat(item.quantity_refunded()), Phrase(reason),
               Phrase(item.fault())});
  }
  table.Print(terminal);
}

void PrintReturn(const Terminal& terminal, const v1::Return& value) {
  PrintField(terminal, "Return", IdOf(value.name()), Style::kHeading);
  PrintField(terminal, "Status", Word(value.status()), StyleOf(value.status()));
  PrintField(terminal, "Marketplace", value.platform_status());
  PrintField(terminal, "RMA", value.external_rma_id());
  PrintField(terminal, "Own RMA", value.merchant_rma_id());
  PrintField(terminal, "Order", value.order_external_id());
  PrintField(terminal, "Channel",
             Cat(IdOf(value.channel()), ", ", Word(value.fulfillment()),
                 value.platform_managed() ? ": the marketplace decides, the host mirrors" : ""));
  PrintField(terminal, "Asked",
             value.requested_at_day_only() ? DayText(value.requested_at())
                                           : TimeText(value.requested_at()));
  for (const std::string& reason : value.validity().reasons()) {
    PrintField(terminal, value.validity().in_policy() ? "Note" : "Outside policy", reason);
  }
  if (value.has_decision()) {
    const v1::Decision& decision = value.decision();
    std::string text = Phrase(decision.verdict());
    if (!decision.reason_code().empty()) text += Cat(" ", decision.reason_code());
    if (decision.time_known()) text += Cat(", ", TimeText(decision.decided_at()));
    if (decision.actor().role() != v1::ROLE_UNSPECIFIED) {
      text += Cat(" by ", Phrase(decision.actor().role()));
    }
    PrintField(terminal, "Decision", text);
    PrintField(terminal, "", decision.text());
  }
  PrintField(terminal, "Comes back by", Phrase(value.return_method()));
  PrintField(terminal, "To address", value.return_address_id());
  PrintField(terminal, "Send until", TimeText(value.return_by()));
  if (value.late()) PrintField(terminal, "Late", "sent after the last day", Style::kWarn);
  if (value.a_to_z_claim()) PrintField(terminal, "Claim", "A-to-z claim reported", Style::kBad);
  PrintField(terminal, "Resolution", value.platform_resolution());
  PrintField(terminal, "Reported refund", Amount(value.platform_refunded()));
  PrintField(terminal, "Closed short", value.short_reason());
  PrintField(terminal, "Etag", value.etag());
  terminal.out << '\n';
  PrintItems(terminal, value);

  if (value.labels_size() > 0) {
    terminal.out << '\n';
    Table table({{"LABEL"},
                 {"STATE"},
                 {"CARRIER", {}, Table::Fit::kTruncate},
                 {"TRACKING"},
                 {"COST", Table::Align::kRight},
                 {"PAID BY"},
                 {"ISSUED (UTC)"}});
    for (const v1::ReturnLabel& label : value.labels()) {
      table.Add({Phrase(label.kind()), Phrase(label.state()), label.carrier(),
                 label.tracking_number(), Amount(label.cost()), Phrase(label.paid_by()),
                 TimeText(label.issued_at())});
    }
    table.Print(terminal);
  }
  if (value.receipts_size() > 0) {
    terminal.out << '\n';
    Table table({{"RECEIVED (UTC)"}, {"RECEIPT"}, {"UNITS", {}, Table::Fit::kWrap}, {"WHERE"}});
    for (const v1::Receipt& receipt : value.receipts()) {
      std::vector<std::string> lines;
      for (const v1::Receipt::Line& line : receipt.lines()) {
        lines.push_back(Cat(line.quantity(), " x ", line.line_id()));
      }
      table.Add({TimeText(receipt.received_at()), receipt.receipt_id(), absl::StrJoin(lines, ", "),
                 receipt.location()});
    }
    table.Print(terminal);
  }
  if (value.inspections_size() > 0) {
    terminal.out << '\n';
    Table table({{"INSPECTED (UTC)"},
                 {"LINE", {}, Table::Fit::kTruncate},
                 {"QTY", Table::Align::kRight},
                 {"CONDITION"},
                 {"GOES TO"},
                 {"TRUE REASON", {}, Table::Fit::kTruncate}});
    for (const v1::Inspection& inspection : value.inspections()) {
      table.Add({TimeText(inspection.inspected_at()), inspection.line_id(),
                 Cat(inspection.quantity()), Phrase(inspection.condition()),
                 Phrase(inspection.disposition()), Phrase(inspection.reason())});
    }
    table.Print(terminal);
  }
  if (value.deadlines_size() > 0) {
    terminal.out << '\n';
    Table table({{"CLOCK"}, {"STATE"}, {"DUE (UTC)"}, {"MET (UTC)"}});
    for (const v1::Deadline& deadline : value.deadlines()) {
      table.Add({Phrase(deadline.kind()),
                 {Phrase(deadline.state()), StyleOf(deadline.state())},
                 TimeText(deadline.due_at()),
                 TimeText(deadline.met_at())});
    }
    table.Print(terminal);
  }
  if (value.ledger_size() > 0) {
    terminal.out << '\n';
    Table table({{"COST"}, {"AMOUNT", Table::Align::kRight}, {"FORMULA"}});
    for (const v1::LedgerEntry& entry : value.ledger()) {
      table.Add({Phrase(entry.kind()), Amount(entry.amount()), entry.formula()});
    }
    table.Print(terminal);
  }
  PrintFindings(terminal, value.findings());
}

// What every change answers: the new state in a line, and what to do next.
void PrintChanged(const Session& session, const ChangeReturn& options, const v1::Return& value) {
  if (options.json) {
    session.PrintJson(value);
    return;
  }
  const Terminal& terminal = session.terminal;
  terminal.out << "Return " << Printable(ReferenceOf(value)) << " of order "
               << Printable(value.order_external_id())
               << (options.validate_only ? " would be " : " is ")
               << terminal.Paint(Word(value.status()), StyleOf(value.status()))
               << (options.validate_only ? "; nothing was changed\n" : "\n");
  if (options.validate_only) return;
  for (const v1::Finding& finding : value.findings()) {
    PrintParagraph(terminal, Cat(Phrase(finding.kind()), ": ", finding.message()), "  note: ");
  }
  const std::string next = NextCommand(value);
  if (!next.empty()) terminal.out << "  next: " << Printable(next) << '\n';
}

// Finds the return, lets `fill` complete the request, calls, prints.
template <typename Request, typename Options, typename Fill>
absl::StatusOr<int> Change(const Session& session, const Options& options,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::Return*),
                           Fill fill) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  Request request;
  request.set_name(found->name());
  request.set_etag(options.etag);
  request.set_validate_only(options.validate_only);
  if (absl::Status status = fill(*found, &request); !status.ok()) return status;
  v1::Return changed;
  if (absl::Status status = session.client.Mutate(method, request, &changed); !status.ok()) {
    return status;
  }
  PrintChanged(session, options, changed);
  constexpr bool kDecides = std::is_same_v<Request, v1::ApproveReturnRequest> ||
                            std::is_same_v<Request, v1::ApproveReturnlessRequest> ||
                            std::is_same_v<Request, v1::RejectReturnRequest>;
  if (kDecides && !options.json && !options.validate_only) {
    session.terminal.out << "  at the marketplace: `aftersales queue --steps` tells what a person "
                            "has to do there\n";
  }
  return kExitOk;
}

absl::Status AddLines(const std::vector<std::string>& given,
                      google::protobuf::RepeatedPtrField<v1::Receipt::Line>* lines) {
  for (const std::string& text : given) {
    const absl::StatusOr<LineQuantity> line = ParseLineQuantity(text, "--line");
    if (!line.ok()) return line.status();
    v1::Receipt::Line* added = lines->Add();
    added->set_line_id(line->line_id);
    added->set_quantity(line->quantity);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  std::vector<std::string> filter;
  if (!options.status.empty()) {
    const auto status = ParseWord<v1::Return::Status>(options.status, "--status");
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
  if (options.overdue) filter.push_back("overdue = true");
  v1::ListReturnsRequest request;
  request.set_parent(*seller);
  request.set_filter(absl::StrJoin(filter, " AND "));

  Table table({{"RETURN"},
               {"ORDER"},
               {"CHANNEL"},
               {"STATUS"},
               {"ASKED"},
               {"REASON", {}, Table::Fit::kTruncate}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListReturns, request, options.limit,
      [&](const v1::ListReturnsResponse& page) {
        for (const v1::Return& value : page.returns()) {
          if (options.json) {
            session.PrintJson(value);
            continue;
          }
          table.Add({ReferenceOf(value),
                     value.order_external_id(),
                     std::string(IdOf(value.channel())),
                     {Word(value.status()), StyleOf(value.status())},
                     DayText(value.requested_at()),
                     value.items_size() > 0 ? Phrase(value.items(0).buyer_reason()) : ""});
        }
        return page.returns_size();
      },
      &more);
  if (!status.ok()) return status;
  if (!options.json) table.PrintOr("No returns.", session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// What happened, by the clocks of those who told it.
absl::Status PrintHistory(const Session& session, const std::string& name) {
  v1::ListEventsRequest request;
  request.set_parent(name.substr(0, name.find("/returns/")));
  request.set_filter(Cat("subject = \"", name, "\""));
  request.set_order_by("occurred_at");
  Table table({{"HAPPENED (UTC)"}, {"WHAT"}, {"BY"}, {"TOLD BY", {}, Table::Fit::kTruncate}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::EventService::Stub::ListEvents, request, 0,
      [&](const v1::ListEventsResponse& page) {
        for (const v1::Event& event : page.events()) {
          table.Add({TimeText(event.occurred_at()), Phrase(event), Phrase(event.actor().role()),
                     event.source()});
        }
        return page.events_size();
      },
      &more);
  if (!status.ok()) return status;
  session.terminal.out << '\n';
  table.Print(session.terminal);
  return absl::OkStatus();
}

absl::StatusOr<int> RunOptions(const Session& session, const OneReturn& options) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  v1::GetReturnOptionsRequest request;
  request.set_name(found->name());
  v1::ReturnOptions ways;
  if (absl::Status s = session.client.Call(&Stub::GetReturnOptions, request, &ways); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(ways);
    return kExitOk;
  }
  const auto mark = [](const auto& way) {
    return way.suggested() ? "suggested" : way.available() ? "yes" : "no";
  };
  Table labels({{"LABEL"}, {"CAN BE HAD"}, {"WHY", {}, Table::Fit::kWrap}});
  for (const v1::ReturnOptions::Label& label : ways.labels()) {
    labels.Add({Phrase(label.kind()), mark(label), label.reason()});
  }
  labels.Print(session.terminal);
  session.terminal.out << '\n';
  Table routes({{"ROUTE"},
                {"CAN BE HAD"},
                {"EXPECTED COST", Table::Align::kRight},
                {"WHY", {}, Table::Fit::kWrap}});
  for (const v1::ReturnOptions::Route& route : ways.routes()) {
    routes.Add({Phrase(route.route()), mark(route),
                route.has_expected_cost() ? money::Format(route.expected_cost()) : "",
                route.reason()});
  }
  routes.Print(session.terminal);
  return kExitOk;
}

absl::StatusOr<int> RunShow(const Session& session, const OneReturn& options) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  if (options.json) {
    session.PrintJson(*found);
    return kExitOk;
  }
  PrintReturn(session.terminal, *found);
  if (const absl::Status status = PrintHistory(session, found->name()); !status.ok()) return status;
  const std::string next = NextCommand(*found);
  if (!next.empty()) session.terminal.out << "\nnext: " << Printable(next) << '\n';
  return kExitOk;
}

absl::StatusOr<int> RunApprove(const Session& session, const ApproveOptions& options) {
  if (options.returnless) {
    return Change(session, options, &Stub::ApproveReturnless,
                  [&](const v1::Return&, v1::ApproveReturnlessRequest* request) -> absl::Status {
                    request->set_override_reason(options.override_reason);
                    return absl::OkStatus();
                  });
  }
  return Change(session, options, &Stub::ApproveReturn,
                [&](const v1::Return&, v1::ApproveReturnRequest* request) -> absl::Status {
                  if (!options.method.empty()) {
                    const auto method = ParseWord<v1::ReturnMethod>(options.method, "--method");
                    if (!method.ok()) return method.status();
                    request->set_return_method(*method);
                  }
                  request->set_return_address_id(options.address);
                  return AddLines(options.lines, request->mutable_lines());
                });
}

absl::StatusOr<int> RunReject(const Session& session, const RejectOptions& options) {
  return Change(session, options, &Stub::RejectReturn,
                [&](const v1::Return&, v1::RejectReturnRequest* request) -> absl::Status {
                  request->set_reason_code(absl::AsciiStrToUpper(
                      absl::StrReplaceAll(options.reason_code, {{"-", "_"}, {" ", "_"}})));
                  request->set_text(options.text);
                  request->set_override_reason(options.override_reason);
                  return absl::OkStatus();
                });
}

absl::StatusOr<int> RunLabel(const Session& session, const LabelOptions& options) {
  return Change(session, options, &Stub::IssueReturnLabel,
                [&](const v1::Return&, v1::IssueReturnLabelRequest* request) -> absl::Status {
                  request->set_carrier(options.carrier);
                  request->set_tracking_number(options.tracking_number);
                  request->set_replace(options.replace);
                  if (!options.cost.empty()) {
                    const absl::StatusOr<v1::Money> cost = ParseMoney(options.cost, "--cost");
                    if (!cost.ok()) return cost.status();
                    *request->mutable_cost() = *cost;
                  }
                  if (!options.paid_by.empty()) {
                    const auto payer =
                        ParseWord<v1::ReturnLabel::Payer>(options.paid_by, "--paid-by");
                    if (!payer.ok()) return payer.status();
                    request->set_paid_by(*payer);
                  }
                  return absl::OkStatus();
                });
}

absl::StatusOr<int> RunReceive(const Session& session, const ReceiveOptions& options) {
  return Change(session, options, &Stub::RecordReceipt,
                [&](const v1::Return&, v1::RecordReceiptRequest* request) -> absl::Status {
                  v1::Receipt* receipt = request->mutable_receipt();
                  receipt->set_receipt_id(options.receipt_id);
                  receipt->set_location(options.location);
                  if (!options.received_at.empty()) {
                    const auto time = ParseTime(options.received_at, "--at");
                    if (!time.ok()) return time.status();
                    *receipt->mutable_received_at() = *time;
                  }
                  return AddLines(options.lines, receipt->mutable_lines());
                });
}

// Units of an item that were received and that no inspection has counted yet.
int32_t Uninspected(const v1::ReturnItem& item) {
  return item.quantity_received() - item.quantity_accepted() - item.quantity_damaged() -
         item.quantity_wrong();
}

absl::Status FillInspection(const InspectOptions& options, const v1::Return& found,
                            v1::InspectReturnRequest* request) {
  v1::Inspection* inspection = request->add_inspections();
  inspection->set_inspection_id(options.inspection_id);
  inspection->set_line_id(options.line);
  inspection->set_unit_id(options.unit_id);
  const auto condition = ParseWord<v1::Condition>(options.condition, "--condition");
  if (!condition.ok()) return condition.status();
  inspection->set_condition(*condition);
  if (!options.disposition.empty()) {
    const auto disposition = ParseWord<v1::Disposition>(options.disposition, "--disposition");
    if (!disposition.ok()) return disposition.status();
    inspection->set_disposition(*disposition);
  }
  if (!options.reason.empty()) {
    const auto reason = ParseWord<v1::ReturnReason>(options.reason, "--reason");
    if (!reason.ok()) return reason.status();
    inspection->set_reason(*reason);
  }
  for (const std::string& evidence : options.evidence) inspection->add_evidence(evidence);
  int32_t quantity = options.quantity;
  if (quantity == 0) {
    // All that is left to inspect of the line; the host judges the rest (nothing left is its
    // NOT_RECEIVED, an unnamed line among several its own error).
    for (const v1::ReturnItem& item : found.items()) {
      if (options.line.empty() || item.line_id() == options.line) quantity += Uninspected(item);
    }
    quantity = std::max(quantity, 1);
  }
  inspection->set_quantity(quantity);
  return absl::OkStatus();
}

absl::StatusOr<int> RunInspect(const Session& session, const InspectOptions& options) {
  return Change(session, options, &Stub::InspectReturn,
                [&](const v1::Return& found, v1::InspectReturnRequest* request) {
                  return FillInspection(options, found, request);
                });
}

// The commands that take nothing but a reason.
template <typename Request>
absl::StatusOr<int> ChangeWithReason(const Session& session, const ReasonOptions& options,
                                     grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, v1::Return*)) {
  return Change(session, options, method, [&](const v1::Return&, Request* request) {
    request->set_reason(options.reason);
    return absl::OkStatus();
  });
}

absl::StatusOr<int> RunCancel(const Session& session, const ReasonOptions& options) {
  return ChangeWithReason(session, options, &Stub::CancelReturn);
}

absl::StatusOr<int> RunReopen(const Session& session, const ReasonOptions& options) {
  return ChangeWithReason(session, options, &Stub::ReopenReturn);
}

absl::StatusOr<int> RunAsk(const Session& session, const NoteOptions& options) {
  return Change(session, options, &Stub::RequestInfo,
                [&](const v1::Return&, v1::RequestInfoRequest* request) {
                  request->set_text(options.note);
                  return absl::OkStatus();
                });
}

absl::StatusOr<int> RunRemind(const Session& session, const NoteOptions& options) {
  return Change(session, options, &Stub::RecordBuyerReminder,
                [&](const v1::Return&, v1::RecordBuyerReminderRequest* request) {
                  request->set_note(options.note);
                  return absl::OkStatus();
                });
}

absl::StatusOr<int> RunVoidLabel(const Session& session, const ReasonOptions& options) {
  return ChangeWithReason(session, options, &Stub::VoidReturnLabel);
}

absl::StatusOr<int> RunCloseShort(const Session& session, const ReasonOptions& options) {
  return ChangeWithReason(session, options, &Stub::CloseShort);
}

absl::StatusOr<int> RunClose(const Session& session, const ReasonOptions& options) {
  return Change(session, options, &Stub::CloseReturn,
                [&](const v1::Return&, v1::CloseReturnRequest* request) -> absl::Status {
                  request->set_reason(options.reason);
                  request->set_without_refund(options.without_refund);
                  return absl::OkStatus();
                });
}

void AddChangeOptions(CLI::App* command, ChangeReturn* options) {
  AddReturnReference(command, &options->reference);
  command->add_option("--etag", options->etag, "Change it only if it still has this etag")
      ->option_text("ETAG");
  command->add_flag("--dry-run", options->validate_only, "Say what would happen, change nothing");
  AddConnectionOptions(command, options);
}

CLI::Option* Many(CLI::Option* option) {
  return option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void AddReturns(CLI::App& app, Commands& commands) {
  CLI::App* returns = app.add_subcommand("returns", "List, decide, receive and close returns");
  returns->require_subcommand(1);

  {
    auto options = std::make_shared<ListOptions>();
    CLI::App* command = commands.Add(*returns, "list", "List returns, newest first",
                                     R"(  aftersales returns list --status requested
  aftersales returns list --overdue --channel amazon-us
  aftersales returns list --order 113-6270000-6280000 --json)");
    command->add_option("--status", options->status, "Only in this state")
        ->option_text("requested|approved|received|...");
    command->add_option("--channel", options->channel, "Only this channel")->option_text("ID");
    command->add_option("--order", options->order, "Only of this order")->option_text("ID");
    command->add_flag("--overdue", options->overdue, "Only with a missed deadline");
    AddLimitOption(command, &options->limit);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunList);
  }
  {
    auto options = std::make_shared<OneReturn>();
    CLI::App* command =
        commands.Add(*returns, "show", "Show one return with all that happened to it",
                     R"(  aftersales returns show RMA
  aftersales returns show 113-6270000-6280000        by its order, if it has one return)");
    AddReturnReference(command, &options->reference);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunShow);
  }
  {
    auto options = std::make_shared<OneReturn>();
    CLI::App* command = commands.Add(
        *returns, "options", "Show in which ways the goods may come back, and what each costs",
        "  aftersales returns options RMA");
    AddReturnReference(command, &options->reference);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunOptions);
  }
  {
    auto options = std::make_shared<ApproveOptions>();
    CLI::App* command = commands.Add(*returns, "approve", "Approve a return request",
                                     R"(  aftersales returns approve RMA
  aftersales returns approve RMA --to dallas --method buyer-pays
  aftersales returns approve RMA --returnless        the buyer keeps the goods; beyond the policy
                                                     with --as manager --override-reason
  aftersales returns approve RMA --dry-run           would it be allowed?
Where the marketplace has no API for it, `aftersales queue --steps` shows what to do there.)");
    command->add_option("--method", options->method, "How the goods come back")
        ->option_text("merchant-label|prepaid|buyer-pays|drop-off");
    command
        ->add_option("--to,--return-address", options->address,
                     "Return address of the channel; its first approved one by default")
        ->option_text("ID");
    Many(command->add_option("--line", options->lines, "Approve only these units; may be repeated"))
        ->option_text("LINE:N");
    CLI::Option* returnless =
        command->add_flag("--returnless", options->returnless, "Refund without the goods");
    command
        ->add_option("--override-reason", options->override_reason,
                     "Why the returnless rule of the policy is overridden")
        ->option_text("TEXT")
        ->needs(returnless);
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunApprove);
  }
  {
    auto options = std::make_shared<RejectOptions>();
    CLI::App* command = commands.Add(
        *returns, "reject", "Reject a return request",
        R"(  aftersales returns reject RMA --reason out-of-window --text "The 30 days ended on 1 March."
  aftersales returns reject RMA --reason other --override-reason "agreed by phone" --as manager
A request that is inside the policy takes a manager and an --override-reason.)");
    command->add_option("--reason", options->reason_code, "Code of the reason")
        ->option_text("CODE")
        ->required();
    command->add_option("--text", options->text, "What the buyer is told")->option_text("TEXT");
    command->add_option("--override-reason", options->override_reason, "Why policy is overridden")
        ->option_text("TEXT");
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunReject);
  }
  {
    auto options = std::make_shared<NoteOptions>();
    CLI::App* command =
        commands.Add(*returns, "ask", "Note that the buyer was asked for more about a request",
                     R"(  aftersales returns ask RMA --text "Which of the two lamps is broken?"
Its 48 hours go on: only a decision answers the request.)");
    command->add_option("--text", options->note, "What was asked")
        ->option_text("TEXT REQUIRED")
        ->required();
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunAsk);
  }
  {
    auto options = std::make_shared<NoteOptions>();
    CLI::App* command =
        commands.Add(*returns, "remind", "Note that the buyer was reminded to send the goods",
                     "  aftersales returns remind RMA --note \"message of 2 March\"");
    command->add_option("--note", options->note, "How")->option_text("TEXT");
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunRemind);
  }
  {
    auto options = std::make_shared<LabelOptions>();
    CLI::App* command = commands.Add(
        *returns, "label", "Add a return label: your own number, or one bought from the carrier",
        R"(  aftersales returns label RMA --carrier dhl --tracking 1234567891 --cost 7.90USD
  aftersales returns label RMA                       bought through the channel's label plugin)");
    CLI::Option* carrier = command->add_option("--carrier", options->carrier, "Carrier");
    carrier->option_text("NAME");
    command->add_option("--tracking", options->tracking_number, "Number of a label you have")
        ->option_text("NUMBER")
        ->needs(carrier);
    command->add_option("--cost", options->cost, "What it costs")->option_text("AMOUNT");
    command->add_option("--paid-by", options->paid_by, "Who pays; by fault if not given")
        ->option_text("seller|buyer|platform");
    command->add_flag("--replace", options->replace, "Void the label that is there, if not used");
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunLabel);
  }
  {
    auto options = std::make_shared<ReasonOptions>();
    CLI::App* command = commands.Add(
        *returns, "void-label", "Take back the label of a return that was not used",
        "  aftersales returns void-label RMA --reason \"buyer has a printer at work\"");
    command->add_option("--reason", options->reason, "Why")
        ->option_text("TEXT REQUIRED")
        ->required();
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunVoidLabel);
  }
  {
    auto options = std::make_shared<ReceiveOptions>();
    CLI::App* command = commands.Add(
        *returns, "receive", "Record units that arrived",
        R"(  aftersales returns receive RMA                     everything that was approved
  aftersales returns receive RMA --line SKU-1:1 --location dallas --id DOCK-42
The same --id again records nothing twice. More than was approved is kept as a finding.)");
    Many(command->add_option("--line", options->lines, "Only these units; may be repeated"))
        ->option_text("LINE:N");
    command->add_option("--id", options->receipt_id, "Your id of the receipt")->option_text("ID");
    command->add_option("--at", options->received_at, "When they arrived; now by default")
        ->option_text("TIME");
    command->add_option("--location", options->location, "Warehouse")->option_text("NAME");
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunReceive);
  }
  {
    auto options = std::make_shared<InspectOptions>();
    CLI::App* command = commands.Add(*returns, "inspect", "Record what an inspection found",
                                     R"(  aftersales returns inspect RMA --condition new
  aftersales returns inspect RMA --condition carrier-damaged --quantity 1 --evidence photo-17
  aftersales returns inspect RMA --condition wrong-item --reason wrong-item-sent)");
    command->add_option("--condition", options->condition, "In what state the units are")
        ->option_text("new|opened|used|buyer-damaged|carrier-damaged|defective|wrong-item|...")
        ->required();
    command->add_option("--line", options->line, "Line, where the return has several")
        ->option_text("LINE");
    command->add_option("--quantity", options->quantity, "Units; all uninspected by default")
        ->option_text("N")
        ->check(CLI::PositiveNumber);
    command->add_option("--disposition", options->disposition, "Where they go; by condition")
        ->option_text("restock|refurbish|liquidate|dispose|quarantine|...");
    command->add_option("--reason", options->reason, "True reason, where it is not the buyer's")
        ->option_text("REASON");
    Many(command->add_option("--evidence", options->evidence,
                             "Photo id or address; may be repeated"))
        ->option_text("ID");
    command->add_option("--id", options->inspection_id, "Your id of the inspection")
        ->option_text("ID");
    command->add_option("--unit", options->unit_id, "Warehouse's id of the unit")
        ->option_text("ID");
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, &RunInspect);
  }

  struct ReasonCommand {
    const char* name;
    const char* description;
    const char* examples;
    bool required;
    absl::StatusOr<int> (*run)(const Session&, const ReasonOptions&);
  };
  for (const ReasonCommand& spec : {
           ReasonCommand{
               "close-short", "Stop waiting for units that did not come",
               "  aftersales returns close-short RMA --reason \"one unit was not in the box\"",
               true, &RunCloseShort},
           ReasonCommand{"cancel", "Withdraw a return of which nothing was received or refunded",
                         "  aftersales returns cancel RMA --reason \"the buyer keeps it\"", false,
                         &RunCancel},
           ReasonCommand{"reopen", "Open a rejected or expired return again",
                         "  aftersales returns reopen RMA --reason \"rejected by mistake\"", true,
                         &RunReopen},
           ReasonCommand{"close", "Close a return on which nothing is owed",
                         "  aftersales returns close RMA --reason refunded\n"
                         "  aftersales returns close RMA --reason \"replaced\" --without-refund",
                         true, &RunClose},
       }) {
    auto options = std::make_shared<ReasonOptions>();
    CLI::App* command = commands.Add(*returns, spec.name, spec.description, spec.examples);
    CLI::Option* reason = command->add_option("--reason", options->reason, "Why");
    reason->option_text(spec.required ? "TEXT REQUIRED" : "TEXT");
    if (spec.required) reason->required();
    if (spec.run == &RunClose) {
      command->add_flag("--without-refund", options->without_refund,
                        "It is settled although accepted units were not refunded");
    }
    AddChangeOptions(command, options.get());
    commands.RunWith(command, options, spec.run);
  }
}

}  // namespace aftersales::cli
