// What people have set about plugins: outlives the host, in `plugins.json`.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/plugins/kept_settings.pb.h"

namespace aftersales::plugins {

// Nothing where the file is not there. FAILED_PRECONDITION when it cannot be read: what it says is
// not to be forgotten, so it is for a person to mend or remove it.
absl::StatusOr<KeptSettings> ReadKeptSettings(const std::filesystem::path& file);
// The old file or the new one is there whatever happens. UNAVAILABLE says what is wrong.
absl::Status WriteKeptSettings(const std::filesystem::path& file, const KeptSettings& settings);

}  // namespace aftersales::plugins
