#include "core/plugins/host_services.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace aftersales::plugins {
namespace {

constexpr size_t kSecretsMax = 256;
// Shorter lines of a secret say little, and would turn up in any text.
constexpr size_t kLineMin = 8;
// A text may be cut off within a secret that is longer.
constexpr size_t kPieceBytes = 64;

// What of a secret a text may hold: all of it, or, as lines and cuts are made of a text before it
// is seen here, lines and pieces.
std::vector<std::string> PartsOf(const std::string& secret) {
  std::vector<std::string> parts = {secret};
  for (const absl::string_view line : absl::StrSplit(secret, absl::ByAnyChar("\r\n"))) {
    if (line.size() < kLineMin) continue;
    if (line.size() < secret.size()) parts.emplace_back(line);
    if (line.size() <= 2 * kPieceBytes) continue;
    for (size_t at = 0; at + kLineMin <= line.size(); at += kPieceBytes) {
      parts.emplace_back(line.substr(at, kPieceBytes));
    }
  }
  return parts;
}

}  // namespace

struct Redactor::Secrets {
  absl::Mutex mu;
  std::deque<std::string> by_age ABSL_GUARDED_BY(mu);
  // Longest first, so that none hides in another.
  std::vector<std::string> by_length ABSL_GUARDED_BY(mu);
};

Redactor::Redactor(const std::vector<std::string>& secrets)
    : secrets_(std::make_shared<Secrets>()) {
  for (const std::string& secret : secrets) Add(secret);
}

std::string Redactor::Apply(std::string_view text) const {
  std::string result(text);
  if (secrets_ == nullptr) return result;
  absl::ReaderMutexLock lock(&secrets_->mu);
  for (const std::string& secret : secrets_->by_length) {
    absl::StrReplaceAll({{secret, "[secret]"}}, &result);
  }
  return result;
}

void Redactor::Add(const std::string& secret) const {
  if (secrets_ == nullptr || secret.empty()) return;
  {
    // Nearly every one is known.
    absl::ReaderMutexLock lock(&secrets_->mu);
    const auto& known = secrets_->by_length;
    if (std::find(known.begin(), known.end(), secret) != known.end()) return;
  }
  absl::MutexLock lock(&secrets_->mu);
  if (secrets_->by_age.size() >= kSecretsMax) secrets_->by_age.pop_front();
  secrets_->by_age.push_back(secret);
  secrets_->by_length.clear();
  for (const std::string& known : secrets_->by_age) {
    for (std::string& part : PartsOf(known)) secrets_->by_length.push_back(std::move(part));
  }
  std::sort(secrets_->by_length.begin(), secrets_->by_length.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

}  // namespace aftersales::plugins
