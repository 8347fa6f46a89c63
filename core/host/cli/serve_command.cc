// `aftersales serve`: runs a host until it is told to stop.
#include <spdlog/spdlog.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/host/cli/command.h"
#include "core/host/cli/logging.h"
#include "core/host/cli/places.h"
#include "core/host/cli/serve_options.h"
#include "core/host/cli/signals.h"
#include "core/host/host.h"
#include "core/status/refusal.h"

namespace aftersales::cli {
namespace {

constexpr absl::Duration kDrain = absl::Seconds(10);  // running calls get this long to finish

absl::StatusOr<int> RunServe(const Terminal& terminal, const ServeOptions& options) {
  if (absl::Status status = CheckLoopback(options.listen); !status.ok()) return status;
  if (absl::Status s = CheckPlaces(options.isolate, options.in_process); !s.ok()) return s;
  host::HostOptions host_options;
  host_options.listen = options.listen;
  host_options.data_directory =
      options.data_directory.empty() ? DefaultDataDirectory() : options.data_directory;
  if (host_options.data_directory.empty()) {
    return Refuse(absl::StatusCode::kInvalidArgument, "DATA_DIRECTORY_REQUIRED",
                  "HOME is not set; say where to keep the data with --data-dir");
  }
  for (const std::string& directory : options.plugin_directories) {
    host_options.plugin_directories.emplace_back(directory);
  }
  host_options.enable_plugins = {options.enable.begin(), options.enable.end()};
  host_options.isolate = {options.isolate.begin(), options.isolate.end()};
  host_options.in_process = {options.in_process.begin(), options.in_process.end()};
  if (host_options.plugin_directories.empty()) {
    host_options.plugin_directories.push_back(PluginDirectory());
    host_options.enable_plugins.merge(BundledPlugins());
    host_options.in_process.merge(BundledPlugins());
  }
  for (const std::string& file : options.plugin_files) host_options.plugin_files.emplace_back(file);
  absl::StatusOr<PluginConfig> plugin_config = ParsePluginConfig(options.plugin_config);
  if (!plugin_config.ok()) return plugin_config.status();
  host_options.plugin_config = *std::move(plugin_config);
  absl::StatusOr<PluginHttpFolders> plugin_http = ParsePluginHttp(options.plugin_http);
  if (!plugin_http.ok()) return plugin_http.status();
  host_options.record_plugin_http = plugin_http->record;
  host_options.replay_plugin_http = plugin_http->replay;

  SignalWait stop;  // before the host, whose threads must leave the signals alone
  ConfigureLogging(options.log_level, options.log_format);
  const std::string data = host_options.data_directory.string();
  absl::StatusOr<std::unique_ptr<host::Host>> host = host::Host::Start(std::move(host_options));
  if (!host.ok()) return host.status();
  terminal.out << "aftersales " AFTERSALES_VERSION " listens at " << (*host)->address()
               << ", data in " << data << "; Ctrl-C stops it" << std::endl;
  stop.Wait();
  spdlog::info("stopping: running calls get {} s to finish", absl::ToInt64Seconds(kDrain));
  (*host)->Shutdown(kDrain);
  spdlog::info("stopped");
  return kExitOk;
}

}  // namespace

void AddServe(CLI::App& app, Commands& commands) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = commands.Add(app, "serve", "Run a host until Ctrl-C",
                                   R"(  aftersales serve
  aftersales serve --data-dir ./data --listen 127.0.0.1:0 --log-format json
  aftersales serve --config aftersales.toml
A configuration file holds the same flags without dashes; the command line wins:
  data-dir = "/srv/aftersales"
  listen = "127.0.0.1:50151"
  plugin-config = ["files.directory=/srv/erp-inbox"])");
  command->add_option("--data-dir", options->data_directory, "Where to keep the data")
      ->option_text("DIR (default $XDG_DATA_HOME/aftersales or ~/.local/share/aftersales)");
  command
      ->add_option("--listen", options->listen, "Address; loopback only, port 0 takes a free one")
      ->option_text("HOST:PORT (default 127.0.0.1:50151)");
  command
      ->add_option("--plugin-dir", options->plugin_directories,
                   "Where plugins are; may be repeated; default: the bundled ones")
      ->option_text("DIR")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--enable", options->enable,
                   "A plugin of --plugin-dir to use, by the name of its file; may be repeated")
      ->option_text("NAME|all (default the bundled ones)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--plugin", options->plugin_files,
                   "A plugin beside those: a shared object (*.so) or a program in any language, "
                   "which runs in a process of its own; may be repeated")
      ->option_text("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--isolate", options->isolate,
                   "A plugin that runs in a process of its own, by the name of its file; may be "
                   "repeated")
      ->option_text("NAME|all (default all but the bundled ones)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--in-process", options->in_process,
                   "A plugin that runs in the host, whose crash is the host's; may be repeated")
      ->option_text("NAME|all (default the bundled ones)")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option(
          "--plugin-config", options->plugin_config,
          "A setting of a plugin, or the file that holds it, which is read again when it is "
          "a secret; may be repeated")
      ->option_text("PLUGIN.KEY=VALUE|@/FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--plugin-http", options->plugin_http,
                   "For tests of plugins: write each of their HTTP exchanges to a file, without "
                   "secrets, or answer from such files without any network")
      ->option_text("record=DIR|replay=DIR");
  command->add_option("--log-level", options->log_level, "How much to log, on stderr")
      ->option_text("LEVEL (default info)")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  command->add_option("--log-format", options->log_format, "How to log")
      ->option_text("text|json (default text)")
      ->check(CLI::IsMember({"text", "json"}));
  CLI::Option* config = command->add_option("--config", options->config_file, "Configuration, TOML")
                            ->option_text("FILE");
  command->callback([&commands, command, config, options] {
    commands.chosen = [&commands, command, config, options]() -> absl::StatusOr<int> {
      if (config->count() > 0) {
        if (absl::Status status = ReadConfigFile(options->config_file, command); !status.ok()) {
          return status;
        }
      }
      return RunServe(commands.terminal, *options);
    };
  });
}

}  // namespace aftersales::cli
