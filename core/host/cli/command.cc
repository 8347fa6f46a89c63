#include "core/host/cli/command.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/strip.h"
#include "core/domain/resource_names.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/util/json_util.h"

namespace aftersales::cli {

Session::Session(const Terminal& out, Connection given)
    : terminal(out),
      connection(std::move(given)),
      client(connection.address, absl::Seconds(connection.timeout_seconds), connection.actor) {}

absl::StatusOr<std::string> Session::Seller() const {
  const std::string_view id = View(absl::StripPrefix(connection.seller, "sellers/"));
  if (id.empty()) {
    return Refuse(absl::StatusCode::kInvalidArgument, "SELLER_REQUIRED",
                  "say for which seller: --seller acme, or export AFTERSALES_SELLER=acme once");
  }
  if (!names::IsChosenId(id)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_NAME",
                  Cat("`", id, "` is not the id of a seller"))
        .Field("--seller", "1 to 40 of a-z, 0-9 and `-`, starting with a letter");
  }
  return names::Seller(id);
}

absl::StatusOr<std::string> Session::Name(std::string_view collection,
                                          std::string_view reference) const {
  if (reference.find('/') != std::string_view::npos) {
    const absl::StatusOr<names::Name> name = names::Parse(reference, collection, collection);
    if (!name.ok()) return name.status();
    return std::string(reference);
  }
  if (!names::IsResourceId(reference)) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_NAME",
                  Cat("`", reference, "` is not the id of one of ", collection))
        .Field(collection, Cat("an id, or a name such as sellers/acme/", collection, "/ID"));
  }
  const absl::StatusOr<std::string> seller = Seller();
  if (!seller.ok()) return seller.status();
  return Cat(*seller, "/", collection, "/", reference);
}

void Session::PrintJson(const google::protobuf::Message& message) const {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string line;
  (void)google::protobuf::util::MessageToJsonString(message, &line, options);
  terminal.out << line << '\n';
}

void Session::NoteMore(bool more, int limit) const {
  if (!more) return;
  terminal.err << "only the first " << limit << " are shown; --limit 0 shows all\n";
}

CLI::App* Commands::Add(CLI::App& parent, const std::string& name, const std::string& description,
                        const std::string& examples) {
  CLI::App* command = parent.add_subcommand(name, description);
  if (!examples.empty()) command->footer("Examples:\n" + examples);
  return command;
}

void AddLimitOption(CLI::App* command, int* limit) {
  command->add_option("--limit", *limit, "Show at most this many; 0 shows all")
      ->option_text(Cat("N (default ", *limit, ")"))
      ->check(CLI::NonNegativeNumber);
}

void AddConnectionOptions(CLI::App* command, Connection* connection, bool with_seller) {
  const std::string group = "Connection";
  command->add_option("--address", connection->address, "Where the host listens")
      ->envname("AFTERSALES_ADDRESS")
      ->option_text("HOST:PORT (env AFTERSALES_ADDRESS; default 127.0.0.1:50151)")
      ->group(group);
  if (with_seller) {
    command->add_option("--seller", connection->seller, "For which seller, such as acme")
        ->envname("AFTERSALES_SELLER")
        ->option_text("ID (env AFTERSALES_SELLER)")
        ->group(group);
  }
  command->add_option("--as", connection->actor, "In what capacity you act")
      ->envname("AFTERSALES_ACTOR")
      ->check([](const std::string& actor) {
        // It travels as a header, which holds visible ASCII alone.
        const bool visible =
            std::all_of(actor.begin(), actor.end(), [](char c) { return c > ' ' && c < 0x7f; });
        return visible ? "" : "--as is ROLE or ROLE:NAME, such as manager:alice";
      })
      ->option_text("ROLE[:NAME] (env AFTERSALES_ACTOR; default operator)")
      ->group(group);
  command->add_flag("--json", connection->json, "Print JSON, one object a line")->group(group);
  command->add_option("--timeout", connection->timeout_seconds, "Wait at most this long")
      ->option_text("SECONDS")
      ->check(CLI::Range(0.001, 86400.0))
      ->group(group);
}

}  // namespace aftersales::cli
