// `aftersales channels`: seller accounts at marketplaces.
#include "absl/strings/str_split.h"
#include "aftersales/v1/channel_service.grpc.pb.h"
#include "core/host/cli/command.h"
#include "core/host/cli/table.h"
#include "core/host/cli/words.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

struct BindOptions : Connection {
  std::string channel;
  std::string marketplace_id;
  std::string plugin = "amazon-reports";
  std::vector<std::string> erps;
  std::string label_plugin;
  std::string policy;
  std::string display_name;
  std::vector<std::string> addresses;
  bool brand_registered = false;
  std::string etag;
  bool validate_only = false;
};

// `dallas:US` or `dallas:US:pending`.
absl::StatusOr<v1::ReturnAddress> ParseAddress(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(View(text), ':');
  v1::ReturnAddress address;
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || parts[1].size() != 2) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
                  Cat("`", text, "` is not a return address"))
        .Field("--return-address", "write it like dallas:US, or dallas:US:pending");
  }
  address.set_address_id(parts[0]);
  address.set_country_code(absl::AsciiStrToUpper(parts[1]));
  const auto state = ParseWord<v1::ReturnAddress::State>(parts.size() == 3 ? parts[2] : "approved",
                                                         "--return-address");
  if (!state.ok()) return state.status();
  address.set_state(*state);
  return address;
}

void AddRow(Table& table, const v1::Channel& channel) {
  std::vector<std::string> addresses;
  for (const v1::ReturnAddress& address : channel.return_addresses()) {
    const bool approved = address.state() == v1::ReturnAddress::STATE_APPROVED;
    addresses.push_back(address.address_id() +
                        (approved ? "" : " (" + Phrase(address.state()) + ")"));
  }
  table.Add({std::string(IdOf(channel.name())), channel.marketplace_id(), channel.country_code(),
             channel.currency_code(), channel.marketplace_plugin(),
             absl::StrJoin(channel.erp_plugins(), " "), channel.policy_profile(),
             absl::StrJoin(addresses, " "), channel.platform_status()});
}

Table ChannelTable() {
  return Table({{"CHANNEL"},
                {"MARKETPLACE"},
                {"IN"},
                {"MONEY"},
                {"PLUGIN", {}, Table::Fit::kTruncate},
                {"ERP", {}, Table::Fit::kTruncate},
                {"POLICY", {}, Table::Fit::kTruncate},
                {"GOODS TO", {}, Table::Fit::kTruncate},
                {"STATUS", {}, Table::Fit::kTruncate}});
}

absl::StatusOr<int> RunBind(const Session& session, const BindOptions& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::BindChannelRequest request;
  request.set_parent(*seller);
  request.set_channel_id(options.channel);
  request.set_etag(options.etag);
  request.set_validate_only(options.validate_only);
  v1::Channel* channel = request.mutable_channel();
  channel->set_display_name(options.display_name);
  channel->set_marketplace_id(options.marketplace_id);
  channel->set_marketplace_plugin(options.plugin);
  channel->set_label_plugin(options.label_plugin);
  channel->set_policy_profile(options.policy);
  channel->set_brand_registered(options.brand_registered);
  for (const std::string& erp : options.erps) channel->add_erp_plugins(erp);
  for (const std::string& text : options.addresses) {
    const absl::StatusOr<v1::ReturnAddress> address = ParseAddress(text);
    if (!address.ok()) return address.status();
    *channel->add_return_addresses() = *address;
  }
  v1::Channel bound;
  if (absl::Status status =
          session.client.Mutate(&v1::ChannelService::Stub::BindChannel, request, &bound);
      !status.ok()) {
    return status;
  }
  if (options.json) {
    session.PrintJson(bound);
    return kExitOk;
  }
  Table table = ChannelTable();
  AddRow(table, bound);
  table.Print(session.terminal);
  return kExitOk;
}

absl::StatusOr<int> RunList(const Session& session, const Connection& options) {
  const absl::StatusOr<std::string> seller = session.Seller();
  if (!seller.ok()) return seller.status();
  v1::ListChannelsRequest request;
  request.set_parent(*seller);
  Table table = ChannelTable();
  bool more = false;
  const absl::Status status = session.client.Pages(
      &v1::ChannelService::Stub::ListChannels, request, 0,
      [&](const v1::ListChannelsResponse& page) {
        for (const v1::Channel& channel : page.channels()) {
          if (options.json) {
            session.PrintJson(channel);
          } else {
            AddRow(table, channel);
          }
        }
        return page.channels_size();
      },
      &more);
  if (!status.ok()) return status;
  if (options.json) return kExitOk;
  table.PrintOr("No channels yet; `aftersales channels bind --help` shows how.", session.terminal);
  return kExitOk;
}

}  // namespace

void AddChannels(CLI::App& app, Commands& commands) {
  CLI::App* channels = app.add_subcommand("channels", "Bind and list accounts at marketplaces");
  channels->require_subcommand(1);

  auto list_options = std::make_shared<Connection>();
  CLI::App* list =
      commands.Add(*channels, "list", "List channels", "  aftersales channels list --seller acme");
  AddConnectionOptions(list, list_options.get());
  commands.RunWith(list, list_options, &RunList);

  auto options = std::make_shared<BindOptions>();
  CLI::App* bind =
      commands.Add(*channels, "bind", "Bind an account at a marketplace, or change a bound one",
                   R"(  aftersales channels bind amazon-us --marketplace ATVPDKIKX0DER --erp files \
      --return-address dallas:US
  aftersales channels bind amazon-jp --marketplace A1VC38T7YXB528 --return-address osaka:JP
The marketplace id decides currency, time zone and whether prices contain the tax.)");
  bind->add_option("channel", options->channel, "Id of the channel: a-z, 0-9 and `-`")
      ->option_text("ID")
      ->required();
  bind->add_option("--marketplace", options->marketplace_id, "The marketplace's own id")
      ->option_text("ID")
      ->required();
  bind->add_option("--plugin", options->plugin, "Marketplace plugin")
      ->option_text("ID (default amazon-reports)");
  bind->add_option("--erp", options->erps, "ERP plugin to tell of changes; may be repeated")
      ->option_text("ID")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  bind->add_option("--label-plugin", options->label_plugin, "Carrier plugin that makes labels")
      ->option_text("ID");
  bind->add_option("--policy", options->policy, "Policy profile")->option_text("seed|amazon-2026");
  bind->add_option("--display-name", options->display_name, "What people call it")
      ->option_text("TEXT");
  bind->add_option("--return-address", options->addresses,
                   "Where goods may go: ID:COUNTRY; may be repeated")
      ->option_text("ID:CC[:STATE]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  bind->add_flag("--brand-registered", options->brand_registered,
                 "The seller's brand is registered");
  bind->add_option("--etag", options->etag, "Change it only if it still has this etag")
      ->option_text("ETAG");
  bind->add_flag("--dry-run", options->validate_only, "Check, change nothing");
  AddConnectionOptions(bind, options.get());
  commands.RunWith(bind, options, &RunBind);
}

}  // namespace aftersales::cli
