// What people have set about plugins: outlives the host, in `plugins.json`.
#pragma once

#include <filesystem>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/plugins/kept_settings.pb.h"

namespace aftersales::plugins {

// Whether a text is spelled as the id of a plugin: 1 to 40 of a-z, 0-9 and `-`, beginning with a
// letter.
inline constexpr size_t kIdBytesMax = 40;
bool IsPluginId(std::string_view id);

// Nothing where the file is not there. FAILED_PRECONDITION when it cannot be read, or others than
// root and the user of this process could have written it: what it says is not to be forgotten, so
// it is for a person to mend or remove it.
absl::StatusOr<KeptSettings> ReadKeptSettings(const std::filesystem::path& file);
// The old file or the new one is there whatever happens. UNAVAILABLE says what is wrong.
absl::Status WriteKeptSettings(const std::filesystem::path& file, const KeptSettings& settings);

}  // namespace aftersales::plugins
