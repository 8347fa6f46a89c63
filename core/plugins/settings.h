// The settings of a plugin: as a person gave them, and as the plugin gets them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aftersales/plugin/v1/lifecycle.pb.h"

namespace aftersales::plugins {

// Settings by key.
using Settings = std::map<std::string, std::string>;

// The value of a setting: what was given, or for `@/path` what the file of that name holds now,
// without a line break at its end. INVALID_ARGUMENT says what is wrong with the file, which may
// have 64 KiB of UTF-8.
absl::StatusOr<std::string> ReadSetting(std::string_view given);

// What a plugin gets: `given` with files read and defaults filled in. `problems` gets a sentence
// part, such as "`pages` must be a whole number, such as 30", for each key that is unknown,
// missing, or not of its type or its allowed values. Names keys, never values.
Settings ResolveSettings(const plugin::v1::DescribeResponse& description, const Settings& given,
                         std::vector<std::string>* problems);

}  // namespace aftersales::plugins
