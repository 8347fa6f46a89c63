// Where the program finds its own files and keeps its data.
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace aftersales::cli {

// The folder of the running executable.
std::filesystem::path ExecutableDirectory();
// Bundled plugins: ../lib/aftersales/plugins beside the executable, in the build tree as in an
// installed prefix.
std::filesystem::path PluginDirectory();
// Names of the bundled plugins: those that were built with this program. They are used, and run in
// the host, unless something else is said.
std::set<std::string> BundledPlugins();
// Sample report files: ../share/aftersales/demo beside the executable, else those of the source
// tree that the program was built from.
std::filesystem::path DemoFilesDirectory();
// Templates of plugins: ../share/aftersales/templates beside the executable, else those of the
// source tree.
std::filesystem::path TemplateDirectory();
// Where the SDK is installed: the prefix of the running executable, else the usual /opt/aftersales.
std::filesystem::path SdkPrefix();
// $XDG_DATA_HOME/aftersales, else ~/.local/share/aftersales (XDG Base Directory Specification);
// empty where neither variable is set.
std::filesystem::path DefaultDataDirectory();

}  // namespace aftersales::cli
