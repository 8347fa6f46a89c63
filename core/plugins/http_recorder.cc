#include "core/plugins/http_recorder.h"

#include <fcntl.h>
#include <google/protobuf/stubs/common.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace aftersales::plugins {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using plugin::v1::SendHttpRequestRequest;
using plugin::v1::SendHttpRequestResponse;

constexpr char kSecret[] = "[secret]";
constexpr int kTriesMax = 10000;

bool CarriesCredentials(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  for (const char* part : {"auth", "cookie", "token", "secret", "password", "api-key", "apikey"}) {
    if (absl::StrContains(lower, part)) return true;
  }
  return false;
}

template <typename Headers>
json ToJson(const Headers& headers, const Redactor& redactor) {
  json list = json::array();
  for (const auto& header : headers) {
    list.push_back({{"name", header.name()},
                    {"value", CarriesCredentials(header.name()) ? std::string(kSecret)
                                                                : redactor.Apply(header.value())}});
  }
  return list;
}

// Text as it is, for people to read and change; other bytes in base64.
void AddBody(const std::string& body, json& to) {
  if (google::protobuf::internal::IsStructurallyValidUTF8(body.data(),
                                                          static_cast<int>(body.size()))) {
    to["body"] = body;
  } else {
    to["body_base64"] = absl::Base64Escape(body);
  }
}

std::string BodyOf(const json& from) {
  if (from.contains("body_base64")) {
    std::string body;
    if (!absl::Base64Unescape(from.at("body_base64").get<std::string>(), &body)) {
      throw std::invalid_argument("`body_base64` is not base64");
    }
    return body;
  }
  return from.value("body", std::string());
}

// What has to be the same for a recorded answer to be given.
std::string KeyOf(const std::string& plugin, const std::string& method, const std::string& url,
                  const std::string& body) {
  return absl::StrCat(plugin, "\n", method, "\n", url, "\n", body);
}

absl::Status Unusable(const fs::path& path, std::string_view problem) {
  return absl::FailedPreconditionError(
      absl::StrCat("recorded HTTP of plugins, ", path.string(), ": ", std::string(problem)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<HttpSender>> RecordingHttp::Open(
    fs::path directory, std::shared_ptr<HttpSender> sender) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error && access(directory.c_str(), W_OK) != 0) {
    error = std::error_code(errno, std::generic_category());
  }
  if (error) {
    return Unusable(directory, error.message() + "; name a folder that can be written");
  }
  return std::shared_ptr<HttpSender>(new RecordingHttp(std::move(directory), std::move(sender)));
}

absl::Status RecordingHttp::Send(const HttpContext& context, const SendHttpRequestRequest& request,
                                 SendHttpRequestResponse* response) {
  const absl::Status status = sender_->Send(context, request, response);
  const Redactor& redactor = context.redactor;
  json exchange;
  exchange["plugin"] = context.plugin;
  json& asked = exchange["request"];
  asked["method"] = request.method();
  asked["url"] = redactor.Apply(request.url());
  asked["headers"] = ToJson(request.headers(), redactor);
  AddBody(redactor.Apply(request.body()), asked);
  if (status.ok()) {
    json& answered = exchange["response"];
    answered["status"] = response->status();
    answered["headers"] = ToJson(response->headers(), redactor);
    AddBody(redactor.Apply(response->body()), answered);
  } else {
    exchange["error"] = {{"code", static_cast<int>(status.code())},
                         {"message", redactor.Apply(std::string(status.message()))}};
  }
  const std::string text = exchange.dump(2, ' ', false, json::error_handler_t::replace) + "\n";

  absl::MutexLock lock(&mu_);
  int& number = last_[context.plugin];
  // Files of an earlier recording keep theirs.
  int file = -1;
  for (int tries = 0; file < 0 && tries < kTriesMax; ++tries) {
    const fs::path path = directory_ / absl::StrFormat("%s-%04d.json", context.plugin, ++number);
    file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno != EEXIST) break;
  }
  bool written = file >= 0;
  for (size_t done = 0; written && done < text.size();) {
    const ssize_t count = write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    written = count > 0;
    if (written) done += static_cast<size_t>(count);
  }
  if (file >= 0) close(file);
  if (!written) {
    return absl::UnknownError(absl::StrCat("may have been done, but cannot be recorded in ",
                                           directory_.string(), "; make room there"));
  }
  return status;
}

absl::StatusOr<std::shared_ptr<HttpSender>> ReplayingHttp::Open(fs::path directory) {
  std::error_code error;
  std::vector<fs::path> files;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (entry->path().extension() == ".json") files.push_back(entry->path());
  }
  if (error) return Unusable(directory, error.message() + "; name a folder of a recording");
  // By number, which may have more than four digits.
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string();
    const std::string y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  std::shared_ptr<ReplayingHttp> replaying(new ReplayingHttp(std::move(directory)));
  absl::MutexLock lock(&replaying->mu_);
  for (const fs::path& file : files) {
    try {
      std::ifstream in(file);
      const json exchange = json::parse(in);
      const json& asked = exchange.at("request");
      Exchange made;
      if (exchange.contains("error")) {
        const int code = exchange.at("error").at("code").get<int>();
        if (code <= 0 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
          return Unusable(file, "`error.code` is not a code");
        }
        made.status = absl::Status(static_cast<absl::StatusCode>(code),
                                   exchange.at("error").value("message", std::string()));
      } else {
        const json& answered = exchange.at("response");
        made.response.set_status(answered.at("status").get<int>());
        for (const json& header : answered.value("headers", json::array())) {
          auto* added = made.response.add_headers();
          added->set_name(header.at("name").get<std::string>());
          added->set_value(header.at("value").get<std::string>());
        }
        made.response.set_body(BodyOf(answered));
      }
      const std::string key =
          KeyOf(exchange.at("plugin").get<std::string>(), asked.at("method").get<std::string>(),
                asked.at("url").get<std::string>(), BodyOf(asked));
      replaying->recorded_[key].exchanges.push_back(std::move(made));
    } catch (const std::exception& problem) {
      return Unusable(file, absl::StrCat("is not a recorded exchange: ", problem.what(),
                                         "; correct it, or take it away"));
    }
  }
  return replaying;
}

absl::Status ReplayingHttp::Send(const HttpContext& context, const SendHttpRequestRequest& request,
                                 SendHttpRequestResponse* response) {
  response->Clear();
  const Redactor& redactor = context.redactor;
  const std::string key = KeyOf(context.plugin, request.method(), redactor.Apply(request.url()),
                                redactor.Apply(request.body()));
  absl::MutexLock lock(&mu_);
  const auto found = recorded_.find(key);
  if (found == recorded_.end()) {
    return absl::UnavailableError(absl::StrCat(
        "was not sent: no such ", request.method(), " of plugin ", context.plugin,
        " with this address and body is recorded in ", directory_.string(), "; record it again"));
  }
  Recorded& recorded = found->second;
  const Exchange& exchange =
      recorded.exchanges[std::min(recorded.given, recorded.exchanges.size() - 1)];
  ++recorded.given;
  *response = exchange.response;
  return exchange.status;
}

}  // namespace aftersales::plugins
