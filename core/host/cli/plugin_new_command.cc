// `aftersales plugin new`: the first minute of a new plugin.
#include "core/host/cli/command.h"
#include "core/host/cli/places.h"
#include "core/host/cli/plugin_new.h"

namespace aftersales::cli {

void AddPluginNew(CLI::App& app, Commands& commands) {
  const auto there =
      app.get_subcommands([](const CLI::App* command) { return command->get_name() == "plugin"; });
  CLI::App* plugin = there.empty() ? nullptr : there.front();
  if (plugin == nullptr) {
    plugin = app.add_subcommand("plugin", "Write and check plugins");
    plugin->require_subcommand(1);
  }
  auto wanted = std::make_shared<NewPlugin>();
  CLI::App* command = commands.Add(*plugin, "new", "Write the project of a new plugin",
                                   R"(  aftersales plugin new --kind erp --lang cpp acme-books
  aftersales plugin new --kind erp --lang python acme-books --dir ~/src
It builds, its test passes, and its README says where to start.)");
  command
      ->add_option("name", wanted->name,
                   "Id of the plugin: 1 to 40 of a-z, 0-9 and `-`, beginning with a letter; no "
                   "word of the build, such as test")
      ->option_text("NAME")
      ->required();
  command->add_option("--kind", wanted->kind, "What it connects")
      ->option_text("carrier|marketplace|erp")
      ->required()
      ->check(CLI::IsMember({"carrier", "marketplace", "erp"}));
  command->add_option("--lang", wanted->language, "Language of the project; marketplace: cpp")
      ->option_text("cpp|python")
      ->required()
      ->check(CLI::IsMember({"cpp", "python"}));
  command
      ->add_option("--dir", wanted->directory,
                   "Folder in which the folder NAME is made; default: this one")
      ->option_text("DIR");
  command->callback([&commands, wanted] {
    commands.chosen = [&commands, wanted]() -> absl::StatusOr<int> {
      wanted->templates = TemplateDirectory();
      wanted->prefix = SdkPrefix();
      const auto folder = WriteNewPlugin(*wanted);
      if (!folder.ok()) return folder.status();
      commands.terminal.out << "Wrote " << folder->string() << "; "
                            << (*folder / "README.md").string()
                            << " says how to build it, and where to start.\n";
      return kExitOk;
    };
  });
}

}  // namespace aftersales::cli
