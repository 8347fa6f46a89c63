#include "core/plugins/host_services.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"

namespace aftersales::plugins {

Redactor::Redactor(std::vector<std::string> secrets) : secrets_(std::move(secrets)) {
  std::erase(secrets_, std::string());
  std::sort(secrets_.begin(), secrets_.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

std::string Redactor::Apply(std::string_view text) const {
  std::string result(text);
  for (const std::string& secret : secrets_) {
    absl::StrReplaceAll({{secret, "[secret]"}}, &result);
  }
  return result;
}

}  // namespace aftersales::plugins
