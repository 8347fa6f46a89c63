#include "core/host/cli/places.h"

#include <cstdlib>
#include <system_error>

#include "absl/strings/str_split.h"

#ifndef AFTERSALES_DEMO_DIR
#error "AFTERSALES_DEMO_DIR is the demo data of the source tree, set by the build"
#endif

#ifndef AFTERSALES_TEMPLATE_DIR
#error "AFTERSALES_TEMPLATE_DIR is the plugin templates of the source tree, set by the build"
#endif

namespace aftersales::cli {

namespace fs = std::filesystem;

fs::path ExecutableDirectory() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

fs::path PluginDirectory() {
  return (ExecutableDirectory() / "../lib/aftersales/plugins").lexically_normal();
}

std::set<std::string> BundledPlugins() { return absl::StrSplit(AFTERSALES_BUNDLED_PLUGINS, ','); }

fs::path DemoFilesDirectory() {
  const fs::path installed =
      (ExecutableDirectory() / "../share/aftersales/demo").lexically_normal();
  std::error_code error;
  return fs::is_directory(installed, error) ? installed : fs::path(AFTERSALES_DEMO_DIR);
}

fs::path TemplateDirectory() {
  const fs::path installed =
      (ExecutableDirectory() / "../share/aftersales/templates").lexically_normal();
  std::error_code error;
  return fs::is_directory(installed, error) ? installed : fs::path(AFTERSALES_TEMPLATE_DIR);
}

fs::path SdkPrefix() {
  const fs::path prefix = (ExecutableDirectory() / "..").lexically_normal().parent_path();
  std::error_code error;
  return fs::is_directory(prefix / "lib/cmake/AftersalesSDK", error) ? prefix
                                                                     : fs::path("/opt/aftersales");
}

fs::path DefaultDataDirectory() {
  // The specification ignores a relative XDG_DATA_HOME.
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data != nullptr && *data == '/') return fs::path(data) / "aftersales";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return fs::path(home) / ".local/share/aftersales";
  return {};
}

}  // namespace aftersales::cli
