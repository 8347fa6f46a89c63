// The plugins that the tests load, and what they are told.
#pragma once

#include <filesystem>

namespace aftersales::plugins {

inline const std::filesystem::path kTestPlugins = TEST_PLUGIN_DIR;
constexpr char kTestSecret[] = "hunter2-token";
constexpr char kValidate[] = "CarrierPlugin/ValidateTrackingNumbers";

}  // namespace aftersales::plugins
