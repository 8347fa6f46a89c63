// `aftersales policy`: which rules are in force and why, and the seller's own.
#include <fstream>
#include <sstream>

#include "absl/strings/str_split.h"
#include "aftersales/v1/policy_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/references.h"
#include "core/host/cli/table.h"
#include "core/host/cli/text.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"

namespace aftersales::cli {
namespace {

using Stub = v1::PolicyService::Stub;

struct ExplainOptions : Connection {
  std::string subject;
  std::string line;
  std::string path;
  std::string at;
};

struct CheckOptions : Connection {
  std::string reference;
};

struct ListOptions : Connection {
  std::string state;
  int limit = 50;
};

struct ProposeOptions : Connection {
  std::string layer;
  std::string key;
  std::string marketplace;
  std::vector<std::string> set;
  std::string file;
  std::string source;
  std::string from;
  bool validate_only = false;
};

struct DecideOptions : Connection {
  std::string policy;
  std::string reason;
};

std::string LayerText(const v1::PolicyValue& value) {
  if (value.layer() == v1::POLICY_LAYER_UNSPECIFIED) {
    return Cat("profile ", value.key(), ".", value.version());
  }
  return Cat(Phrase(value.layer()), value.key().empty() ? "" : " ", value.key(), " v",
             value.version());
}

std::string ReachText(const v1::PolicyVersion& version) {
  return Cat(Phrase(version.layer()), version.key().empty() ? "" : " ", version.key(),
             version.marketplace_id().empty() ? "" : " in ", version.marketplace_id());
}

void PrintValues(const Terminal& terminal,
                 const google::protobuf::RepeatedPtrField<v1::PolicyValue>& values) {
  Table table(
      {{"RULE"}, {"VALUE", {}, Table::Fit::kWrap}, {"FROM"}, {"SOURCE", {}, Table::Fit::kWrap}});
  // A source is said once for the rows that share it.
  std::string_view last;
  for (const v1::PolicyValue& value : values) {
    table.Add({value.path(), value.value(), LayerText(value),
               value.source() == last ? "" : value.source()});
    last = value.source();
  }
  table.Print(terminal);
}

void PrintVersion(const Terminal& terminal, const v1::PolicyVersion& version) {
  terminal.out << IdOf(version.name()) << ": " << Phrase(version.state()) << ", "
               << Printable(ReachText(version)) << " v" << version.version();
  if (version.has_effective_from()) {
    terminal.out << ", from " << TimeText(version.effective_from()) << " UTC";
  }
  terminal.out << '\n';
  Table table({{"RULE"}, {"BEFORE", {}, Table::Fit::kWrap}, {"AFTER", {}, Table::Fit::kWrap}});
  for (const v1::PolicyChange& change : version.changes()) {
    table.Add({change.path(), change.before(), change.after()});
  }
  if (version.changes_size() > 0) table.Print(terminal);
}

absl::StatusOr<int> RunExplain(const Session& session, const ExplainOptions& options) {
  v1::ExplainPolicyRequest request;
  // Channels are named by letters, orders by numbers of the marketplace.
  const bool order = options.subject.find("/orders/") != std::string::npos ||
                     (options.subject.find('/') == std::string::npos && !options.subject.empty() &&
                      options.subject[0] >= '0' && options.subject[0] <= '9');
  auto name = session.Name(order ? "orders" : "channels", options.subject);
  if (!name.ok()) return name.status();
  request.set_name(*std::move(name));
  request.set_line_id(options.line);
  request.set_path(options.path);
  if (!options.at.empty()) {
    auto at = ParseTime(options.at, "--at");
    if (!at.ok()) return at.status();
    *request.mutable_at() = *at;
  }
  v1::ExplainPolicyResponse response;
  if (absl::Status s = session.client.Call(&Stub::ExplainPolicy, request, &response); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(response);
    return kExitOk;
  }
  PrintValues(session.terminal, response.values());
  return kExitOk;
}

absl::StatusOr<int> RunCheck(const Session& session, const CheckOptions& options) {
  const absl::StatusOr<v1::Return> found = FindReturn(session, options.reference);
  if (!found.ok()) return found.status();
  v1::CheckPolicyRequest request;
  request.set_name(found->name());
  v1::CheckPolicyResponse response;
  if (absl::Status s = session.client.Call(&Stub::CheckPolicy, request, &response); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(response);
    return kExitOk;
  }
  PrintParagraph(session.terminal, response.explanation().sentence());
  for (const v1::Explanation::Input& input : response.explanation().inputs()) {
    session.terminal.out << "  " << input.name() << " " << Printable(input.value()) << '\n';
  }
  PrintValues(session.terminal, response.clauses());
  return kExitOk;
}

absl::StatusOr<int> RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListPolicyVersionsRequest request;
  request.set_parent(*seller);
  if (!options.state.empty()) {
    const auto state = ParseWord<v1::PolicyVersion::State>(options.state, "--state");
    if (!state.ok()) return state.status();
    request.set_filter(Cat("state=", Word(*state)));
  }
  Table table(
      {{"ID"}, {"STATE"}, {"REACHES"}, {"V"}, {"FROM (UTC)"}, {"CHANGES", {}, Table::Fit::kWrap}});
  bool more = false;
  const absl::Status status = session.client.Pages(
      &Stub::ListPolicyVersions, request, options.limit,
      [&](const v1::ListPolicyVersionsResponse& page) {
        for (const v1::PolicyVersion& version : page.policy_versions()) {
          if (options.json) {
            session.PrintJson(version);
            continue;
          }
          std::string changes;
          for (const v1::PolicyChange& change : version.changes()) {
            changes += Cat(changes.empty() ? "" : "; ", change.path(), " ", change.before(), " -> ",
                           change.after());
          }
          table.Add({std::string(IdOf(version.name())), Phrase(version.state()), ReachText(version),
                     Cat(version.version()), TimeText(version.effective_from()), changes});
        }
        return page.policy_versions_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  table.Print(session.terminal);
  session.NoteMore(more, options.limit);
  return kExitOk;
}

// What is wrong is said in the words of the command line.
class Quiet : public google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

absl::Status BadSetting(std::string_view text) {
  return InvalidField("--set", "BAD_SETTING",
                      Cat("`", text,
                          "`: write RULE=VALUE, such as return_by_days=14 or "
                          "restocking.late_bp=1000; lists and currencies go into --values FILE"));
}

// `restocking.late_bp=1000` as the text format has it.
absl::Status ReadSetting(std::string_view text, v1::PolicyVersion* version) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) return BadSetting(text);
  const std::string_view path = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  const size_t dot = path.find('.');
  const std::string body =
      dot == std::string_view::npos
          ? Cat(path, ": ", value)
          : Cat(path.substr(0, dot), " { ", path.substr(dot + 1), ": ", value, " }");
  Quiet quiet;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&quiet);
  if (!parser.MergeFromString(body, version->mutable_values())) return BadSetting(text);
  version->add_paths(std::string(path));
  return absl::OkStatus();
}

// The file says what it sets by what it contains.
absl::Status ReadValues(const std::string& file, v1::PolicyVersion* version) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  v1::Policy values;
  Quiet quiet;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&quiet);
  if (!in || !parser.ParseFromString(text.str(), &values)) {
    return InvalidField("--values", "BAD_FILE",
                        Cat(file,
                            " cannot be read as a policy in protobuf's text format, such as "
                            "`returnless { cap_minor_units { key: \"USD\" value: 900 } }`"));
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  values.GetReflection()->ListFields(values, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->is_repeated() || field->message_type() == nullptr) {
      version->add_paths(field->name());
      continue;
    }
    const google::protobuf::Message& section = values.GetReflection()->GetMessage(values, field);
    std::vector<const google::protobuf::FieldDescriptor*> inner;
    section.GetReflection()->ListFields(section, &inner);
    for (const google::protobuf::FieldDescriptor* of_section : inner) {
      version->add_paths(Cat(field->name(), ".", of_section->name()));
    }
  }
  version->mutable_values()->MergeFrom(values);
  return absl::OkStatus();
}

absl::StatusOr<int> RunPropose(const Session& session, const ProposeOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ProposePolicyRequest request;
  request.set_parent(*seller);
  request.set_validate_only(options.validate_only);
  v1::PolicyVersion* version = request.mutable_policy_version();
  const auto layer = ParseWord<v1::PolicyLayer>(options.layer, "--layer");
  if (!layer.ok()) return layer.status();
  version->set_layer(*layer);
  version->set_key(options.key);
  version->set_marketplace_id(options.marketplace);
  version->set_source(options.source);
  for (const std::string& setting : options.set) {
    if (absl::Status s = ReadSetting(setting, version); !s.ok()) return s;
  }
  if (!options.file.empty()) {
    if (absl::Status s = ReadValues(options.file, version); !s.ok()) return s;
  }
  if (!options.from.empty()) {
    auto from = ParseTime(options.from, "--from");
    if (!from.ok()) return from.status();
    *version->mutable_effective_from() = *from;
  }
  v1::PolicyVersion proposed;
  if (absl::Status s = session.client.Call(&Stub::ProposePolicy, request, &proposed); !s.ok()) {
    return s;
  }
  if (options.json) {
    session.PrintJson(proposed);
    return kExitOk;
  }
  PrintVersion(session.terminal, proposed);
  session.terminal.out << (options.validate_only
                               ? std::string("nothing was changed\n")
                               : Cat("next, by another manager: aftersales policy publish ",
                                     IdOf(proposed.name()), " --as manager:NAME\n"));
  return kExitOk;
}

template <typename Request>
absl::StatusOr<int> Decide(const Session& session, const DecideOptions& options, Request request,
                           grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                        v1::PolicyVersion*)) {
  auto name = session.Name("policies", options.policy);
  if (!name.ok()) return name.status();
  request.set_name(*std::move(name));
  v1::PolicyVersion decided;
  if (absl::Status s = session.client.Call(method, request, &decided); !s.ok()) return s;
  if (options.json) {
    session.PrintJson(decided);
  } else {
    PrintVersion(session.terminal, decided);
  }
  return kExitOk;
}

absl::StatusOr<int> RunPublish(const Session& session, const DecideOptions& options) {
  return Decide(session, options, v1::PublishPolicyRequest(), &Stub::PublishPolicy);
}

absl::StatusOr<int> RunReject(const Session& session, const DecideOptions& options) {
  v1::RejectPolicyRequest request;
  request.set_reason(options.reason);
  return Decide(session, options, std::move(request), &Stub::RejectPolicy);
}

}  // namespace

void AddPolicy(CLI::App& app, Commands& commands) {
  CLI::App* policy = app.add_subcommand("policy", "See which rules are in force, and change them");
  policy->require_subcommand(1);
  {
    auto options = std::make_shared<ExplainOptions>();
    CLI::App* command =
        commands.Add(*policy, "explain", "Show each rule that is in force, and where it comes from",
                     R"(  aftersales policy explain us                       for a channel
  aftersales policy explain 113-6270000-6280000 --line 1 --rule restocking)");
    command->add_option("subject", options->subject, "Channel id, order id or resource name")
        ->option_text("CHANNEL|ORDER")
        ->required();
    command->add_option("--line", options->line, "Line of the order")->option_text("LINE");
    command->add_option("--rule", options->path, "Only rules that begin so")->option_text("RULE");
    command->add_option("--at", options->at, "At which instant; now by default")
        ->option_text("TIME");
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunExplain);
  }
  {
    auto options = std::make_shared<CheckOptions>();
    CLI::App* command =
        commands.Add(*policy, "check", "Say whether policy grants a return, and by which rule",
                     "  aftersales policy check RMA");
    AddReturnReference(command, &options->reference);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunCheck);
  }
  {
    auto options = std::make_shared<ListOptions>();
    CLI::App* command = commands.Add(*policy, "list", "List the versions of your own rules",
                                     "  aftersales policy list --state proposed");
    command->add_option("--state", options->state, "Only these")
        ->option_text("proposed|published|rejected");
    AddLimitOption(command, &options->limit);
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunList);
  }
  {
    auto options = std::make_shared<ProposeOptions>();
    CLI::App* command = commands.Add(
        *policy, "propose", "Propose rules of your own; another person puts them in force",
        R"(  aftersales policy propose --layer category --key Electronics \
      --set restocking.late_bp=1000 --set return_window_days=14 --source "decision of 2026-03-02"
  aftersales policy propose --layer global --values mine.textproto --source "..." --dry-run)");
    command->add_option("--layer", options->layer, "How far they reach")
        ->option_text("global|region|marketplace|category|sku REQUIRED")
        ->required();
    command->add_option("--key", options->key, "The region, marketplace id, category or SKU")
        ->option_text("KEY");
    command->add_option("--marketplace", options->marketplace, "For a category or SKU: only there")
        ->option_text("ID");
    command->add_option("--set", options->set, "One rule; may be repeated")
        ->option_text("RULE=VALUE")
        ->allow_extra_args(false);
    command->add_option("--values", options->file, "A file with rules in protobuf's text format")
        ->option_text("FILE");
    command->add_option("--source", options->source, "Where the rules come from")
        ->option_text("TEXT REQUIRED")
        ->required();
    command->add_option("--from", options->from, "Since when; by default once published")
        ->option_text("TIME");
    command->add_flag("--dry-run", options->validate_only, "Say what would change");
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunPropose);
  }
  {
    auto options = std::make_shared<DecideOptions>();
    CLI::App* command = commands.Add(*policy, "publish", "Put proposed rules in force",
                                     "  aftersales policy publish POLICY --as manager:mia");
    command->add_option("policy", options->policy, "Id of the version")
        ->option_text("POLICY")
        ->required();
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunPublish);
  }
  {
    auto options = std::make_shared<DecideOptions>();
    CLI::App* command = commands.Add(*policy, "reject", "Turn proposed rules down",
                                     "  aftersales policy reject POLICY --reason \"too strict\"");
    command->add_option("policy", options->policy, "Id of the version")
        ->option_text("POLICY")
        ->required();
    command->add_option("--reason", options->reason, "Why")
        ->option_text("TEXT REQUIRED")
        ->required();
    AddConnectionOptions(command, options.get());
    commands.RunWith(command, options, &RunReject);
  }
}

}  // namespace aftersales::cli
