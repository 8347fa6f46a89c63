#include "core/host/cli/serve_options.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/status/refusal.h"
#include "core/status/text.h"

namespace aftersales::cli {
namespace {

// Four decimal octets, the first of them 127. A name such as `127.evil.example` is no address.
bool IsLoopbackIpv4(std::string_view host) {
  const std::vector<std::string> octets = absl::StrSplit(View(host), '.');
  if (octets.size() != 4 || octets[0] != "127") return false;
  for (const std::string& octet : octets) {
    int value = -1;
    if (octet.size() > 3 || !absl::SimpleAtoi(octet, &value) || value < 0 || value > 255) {
      return false;
    }
  }
  return true;
}

absl::Status BadConfig(const std::string& file, std::string_view message, std::string_view key,
                       std::string_view fix) {
  return Refuse(absl::StatusCode::kInvalidArgument, "BAD_CONFIG", Cat(file, ": ", message))
      .Field(key, fix);
}

}  // namespace

absl::Status CheckLoopback(std::string_view listen) {
  const size_t colon = listen.rfind(':');
  int port = -1;
  if (colon == std::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(View(listen.substr(colon + 1)), &port) || port < 0 || port > 65535) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_ADDRESS",
                  Cat("`", listen, "` is not an address to listen at"))
        .Field("--listen", "write it like 127.0.0.1:50151 or [::1]:50151");
  }
  const std::string_view host = listen.substr(0, colon);
  if (host == "localhost" || host == "[::1]" || IsLoopbackIpv4(host)) return absl::OkStatus();
  return Refuse(absl::StatusCode::kInvalidArgument, "LOOPBACK_ONLY",
                Cat("the host does not listen at ", listen,
                    ": it has no TLS and no authentication yet, so everybody who reaches "
                    "that address could read and refund orders"))
      .Field("--listen",
             "use 127.0.0.1, and a tunnel such as `ssh -L 50151:127.0.0.1:50151` from elsewhere");
}

absl::Status CheckPlaces(const std::vector<std::string>& isolate,
                         const std::vector<std::string>& in_process) {
  for (const std::string& name : in_process) {
    for (const std::string& isolated : isolate) {
      if (isolated != name && isolated != "all") continue;
      return Refuse(absl::StatusCode::kInvalidArgument, "BAD_PLACE",
                    Cat("--isolate ", isolated, " and --in-process ", name,
                        " say two things about where ", name == "all" ? "plugins run" : name,
                        name == "all" ? "" : " runs"))
          .Field("--in-process", "leave one of the two out");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PluginConfig> ParsePluginConfig(const std::vector<std::string>& settings) {
  PluginConfig config;
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    const size_t dot = setting.find('.');
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot > equals ||
        dot + 1 == equals) {
      // Only the key is repeated: the value may be a secret.
      return Refuse(absl::StatusCode::kInvalidArgument, "BAD_PLUGIN_CONFIG",
                    Cat("`", setting.substr(0, equals), "` is not a setting of a plugin"))
          .Field("--plugin-config", "write it like files.directory=/srv/erp");
    }
    config[setting.substr(0, dot)][setting.substr(dot + 1, equals - dot - 1)] =
        setting.substr(equals + 1);
  }
  return config;
}

absl::StatusOr<PluginHttpFolders> ParsePluginHttp(const std::string& option) {
  PluginHttpFolders folders;
  if (option.empty()) return folders;
  const size_t equals = option.find('=');
  const std::string mode = option.substr(0, equals);
  if (equals == std::string::npos || equals + 1 == option.size() ||
      (mode != "record" && mode != "replay")) {
    return Refuse(absl::StatusCode::kInvalidArgument, "BAD_PLUGIN_HTTP",
                  Cat("`", option, "` does not say what to do with the HTTP of plugins"))
        .Field("--plugin-http", "write it like record=/srv/exchanges or replay=/srv/exchanges");
  }
  (mode == "record" ? folders.record : folders.replay) = option.substr(equals + 1);
  return folders;
}

absl::Status ReadConfigFile(const std::string& file, CLI::App* command) {
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_file(file);
  } catch (const CLI::Error& error) {
    return BadConfig(file, error.what(), "--config", "name a TOML file that can be read");
  }
  for (const CLI::ConfigItem& item : items) {
    const std::string key = item.fullname();
    if (item.name == "++" || item.name == "--") continue;  // CLI11's marks of a section
    CLI::Option* option = item.parents.empty() && item.name != "config" && item.name != "help"
                              ? command->get_option_no_throw("--" + item.name)
                              : nullptr;
    if (option == nullptr) {
      return BadConfig(file, Cat("unknown setting `", key, "`"), key,
                       "use the flags of `aftersales serve --help` without dashes, outside of "
                       "sections");
    }
    if (option->count() > 0) continue;  // the command line wins
    try {
      option->add_result(item.inputs);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return BadConfig(file, error.what(), key, "see `aftersales serve --help`");
    }
  }
  return absl::OkStatus();
}

}  // namespace aftersales::cli
