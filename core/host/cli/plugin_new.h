// A project for a new plugin, from the templates that are installed with the SDK.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace aftersales::cli {

struct NewPlugin {
  std::string name;      // the id of the plugin, such as `acme-books`
  std::string kind;      // `erp`
  std::string language;  // `cpp`
  // Folder in which the folder NAME is made.
  std::filesystem::path directory = ".";
  // Folder of the templates, each a folder KIND-LANGUAGE.
  std::filesystem::path templates;
  // Where the SDK is installed, for the commands in the project's README.
  std::filesystem::path prefix;
};

// Writes the project and answers its folder. A file of the template loses its ending `.in`; in its
// name and text, words between signs are replaced: the name as an id, as part of a file name, as a
// class, and for people. INVALID_ARGUMENT `BAD_NAME` or `NO_TEMPLATE`, ALREADY_EXISTS
// `FOLDER_EXISTS`; nothing is left of a project that could not be written.
absl::StatusOr<std::filesystem::path> WriteNewPlugin(const NewPlugin& wanted);

}  // namespace aftersales::cli
