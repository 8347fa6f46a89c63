#include "core/plugins/settings.h"

#include <google/protobuf/stubs/common.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "core/plugins/read_file.h"

namespace aftersales::plugins {
namespace {

using plugin::v1::ConfigField;

constexpr size_t kFileBytesMax = 64 << 10;

// What is wrong with a value; empty when nothing is.
std::string ProblemOf(const ConfigField& field, const std::string& value) {
  switch (field.type()) {
    case ConfigField::TYPE_INTEGER: {
      int64_t number;
      // SimpleAtoi lets spaces and a plus pass.
      const bool plain = value.find_first_not_of("-0123456789") == std::string::npos;
      if (!plain || !absl::SimpleAtoi(value, &number)) {
        return "must be a whole number, such as 30";
      }
      break;
    }
    case ConfigField::TYPE_BOOLEAN:
      if (value != "true" && value != "false") return "must be true or false";
      break;
    case ConfigField::TYPE_URL: {
      const size_t slashes = value.find("://");
      if ((!absl::StartsWith(value, "http://") && !absl::StartsWith(value, "https://")) ||
          value.size() == slashes + 3 ||
          std::any_of(value.begin(), value.end(), [](unsigned char c) { return c <= ' '; })) {
        return "must be an address that begins with http:// or https://";
      }
      break;
    }
    case ConfigField::TYPE_DURATION: {
      absl::Duration duration;
      if (!absl::ParseDuration(value, &duration) || duration < absl::ZeroDuration() ||
          duration == absl::InfiniteDuration()) {
        return "must be a duration, such as 30s, 5m or 24h";
      }
      break;
    }
    default:  // any text, also of a type of a newer contract
      break;
  }
  if (field.allowed_values_size() > 0 &&
      std::find(field.allowed_values().begin(), field.allowed_values().end(), value) ==
          field.allowed_values().end()) {
    return absl::StrCat("must be one of ", absl::StrJoin(field.allowed_values(), ", "));
  }
  return {};
}

}  // namespace

absl::StatusOr<std::string> ReadSetting(std::string_view given) {
  if (!absl::StartsWith({given.data(), given.size()}, "@/")) return std::string(given);
  const std::string path(given.substr(1));
  const auto bad = [&](const std::string& problem) {
    return absl::InvalidArgumentError(absl::StrCat("file ", path, " ", problem));
  };
  absl::StatusOr<std::string> read = ReadRegularFile(path, kFileBytesMax);
  if (!read.ok()) return bad(std::string(read.status().message()));
  std::string value = *std::move(read);
  if (!google::protobuf::internal::IsStructurallyValidUTF8(value.data(),
                                                           static_cast<int>(value.size()))) {
    return bad("is not UTF-8");
  }
  if (absl::EndsWith(value, "\n")) value.pop_back();
  if (absl::EndsWith(value, "\r")) value.pop_back();
  return value;
}

Settings ResolveSettings(const plugin::v1::DescribeResponse& description, const Settings& given,
                         std::vector<std::string>* problems) {
  std::vector<std::string> known;
  for (const ConfigField& field : description.config_fields()) known.push_back(field.key());
  for (const auto& [key, value] : given) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    problems->push_back(absl::StrCat(
        "has no setting `", key, "`; ",
        known.empty() ? "it takes none" : absl::StrCat("it takes ", absl::StrJoin(known, ", "))));
  }
  Settings settings;
  for (const ConfigField& field : description.config_fields()) {
    const auto found = given.find(field.key());
    if (found == given.end()) {
      if (field.required()) {
        problems->push_back(
            absl::StrCat("needs the setting `", field.key(), "` (", field.description(), ")"));
      } else if (!field.default_value().empty()) {
        settings[field.key()] = field.default_value();
      }
      continue;
    }
    absl::StatusOr<std::string> value = ReadSetting(found->second);
    if (!value.ok()) {
      problems->push_back(absl::StrCat("`", field.key(), "`: ", value.status().message()));
      continue;
    }
    if (const std::string problem = ProblemOf(field, *value); !problem.empty()) {
      problems->push_back(absl::StrCat("`", field.key(), "` ", problem));
    }
    settings[field.key()] = *std::move(value);
  }
  return settings;
}

}  // namespace aftersales::plugins
