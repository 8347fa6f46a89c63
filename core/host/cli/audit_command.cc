// `aftersales audit`: who did and decided what, and that nothing of it was changed since.
#include "aftersales/v1/audit_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

using Stub = v1::AuditService::Stub;

struct ListOptions : Connection {
  int limit = 50;
};

struct VerifyOptions : Connection {
  std::string known_hash;
};

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListAuditEntriesRequest request;
  request.set_parent(*seller);
  Table table({{"NO", Table::Align::kRight},
               {"RECORDED (UTC)"},
               {"WHO"},
               {"WHAT"},
               {"ABOUT"},
               {"WHY", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListAuditEntries, request, options.limit,
      [&](const v1::ListAuditEntriesResponse& page) {
        for (const v1::AuditEntry& entry : page.entries()) {
          if (options.json) {
            session.PrintJson(entry);
            continue;
          }
          const v1::Event& event = entry.event();
          table.Add({Cat(entry.sequence()), TimeText(event.recorded_at()),
                     Cat(Phrase(event.actor().role()), event.actor().id().empty() ? "" : ":",
                         event.actor().id()),
                     Phrase(event), std::string(IdOf(event.subject())),
                     event.explanation().sentence()});
        }
        return page.entries_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  table.Print(session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

absl::StatusOr<int> RunVerify(const Session& session, const VerifyOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::VerifyAuditRequest request;
  request.set_parent(*seller);
  request.set_known_hash(options.known_hash);
  v1::VerifyAuditResponse response;
  if (absl::Status status = session.client.Call(&Stub::VerifyAudit, request, &response);
      !status.ok()) {
    return status;
  }
  const int code = response.intact() ? kExitOk : kExitRefused;
  if (options.json) {
    session.PrintJson(response);
    return code;
  }
  const Terminal& terminal = session.terminal;
  if (response.intact()) {
    terminal.out << terminal.Paint("intact", Style::kGood) << ": all " << response.checked()
                 << " entries are as they were recorded\n";
  } else {
    PrintParagraph(terminal, Cat("NOT INTACT: ", response.message()));
    terminal.out << response.checked() << " entries before that fit\n";
  }
  if (!response.last_hash().empty()) {
    terminal.out
        << "last hash " << response.last_hash()
        << "\nKeep it elsewhere: `aftersales audit verify --known HASH` shows later whether "
           "the log was cut.\n";
  }
  return code;
}

}  // namespace

void AddAudit(CLI::App& app, Commands& commands) {
  CLI::App* audit = app.add_subcommand("audit", "Look at the audit and check that it is whole");
  audit->require_subcommand(1);

  auto list = std::make_shared<ListOptions>();
  CLI::App* list_command =
      commands.Add(*audit, "list", "List who did and decided what, oldest first",
                   "  aftersales audit list --limit 0 --json");
  AddLimitOption(list_command, &list->limit);
  AddConnectionOptions(list_command, list.get());
  commands.RunWith(list_command, list, &RunList);

  auto verify = std::make_shared<VerifyOptions>();
  CLI::App* verify_command =
      commands.Add(*audit, "verify", "Check that no entry was changed, taken out or put in",
                   R"(  aftersales audit verify
Exit code 1 when it is not whole.)");
  verify_command->add_option("--known", verify->known_hash, "A last hash that you kept")
      ->option_text("HASH");
  AddConnectionOptions(verify_command, verify.get());
  commands.RunWith(verify_command, verify, &RunVerify);
}

}  // namespace aftersales::cli
